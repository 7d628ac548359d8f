#include "../dialect.h"

#include "pipe.h"

#include <string.h>

HANDLE cordon__pipe_open(const wchar_t *name, DWORD rights, DWORD trust)
{
    return CreateFileW(name, rights, 0, NULL, OPEN_EXISTING,
                       FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | trust, NULL);
}

/* Ours is far smaller. One that does not fit is not ours, and one whose owner does not fit is
 * nobody's. */
typedef union stored {
    SECURITY_DESCRIPTOR head; /* for its alignment */
    BYTE                bytes[1024];
} stored;

static DWORD read_stored(stored *to, HANDLE pipe, SECURITY_INFORMATION what)
{
    DWORD size;

    return GetKernelObjectSecurity(pipe, what, to, sizeof *to, &size) ? 0 : GetLastError();
}

/* The first entry that counts; NULL: it has no label. */
static SYSTEM_MANDATORY_LABEL_ACE *find_label(stored *descriptor)
{
    BOOL  is_present = FALSE, is_defaulted;
    PACL  list = NULL;
    void *entry;

    if (!GetSecurityDescriptorSacl(descriptor, &is_present, &list, &is_defaulted) || !is_present ||
        !list)
        return NULL;
    for (DWORD i = 0; i < list->AceCount && GetAce(list, i, &entry); i++) {
        const ACE_HEADER *head = entry;

        if (head->AceType == SYSTEM_MANDATORY_LABEL_ACE_TYPE &&
            !(head->AceFlags & INHERIT_ONLY_ACE))
            return entry;
    }
    return NULL;
}

static DWORD look(cordon__subject *owner, DWORD *mask, HANDLE pipe)
{
    SYSTEM_MANDATORY_LABEL_ACE *label;
    stored                      found;
    BOOL                        is_defaulted;
    PSID                        sid = NULL;
    DWORD                       error =
        read_stored(&found, pipe, OWNER_SECURITY_INFORMATION | LABEL_SECURITY_INFORMATION);

    memset(owner, 0, sizeof *owner);
    *mask = 0;
    if (error != 0)
        return error;
    if (!GetSecurityDescriptorOwner(&found, &sid, &is_defaulted) || !sid)
        return ERROR_INVALID_OWNER;
    error = cordon__sid_text(owner->sid, sid);
    if (error != 0)
        return error;
    label = find_label(&found);
    /* To the system, too, an object without a label is of medium integrity. */
    owner->level = label ? cordon__sid_last(&label->SidStart) : SECURITY_MANDATORY_MEDIUM_RID;
    owner->has_level = 1;
    *mask = label ? label->Mask : 0;
    return 0;
}

DWORD cordon__pipe_owner(cordon__subject *owner, HANDLE pipe)
{
    DWORD mask;

    return look(owner, &mask, pipe);
}

/* One entry: all for us. The system may have spelled GENERIC_ALL out. */
static int is_for_us_alone(HANDLE pipe, const cordon__subject *own)
{
    stored              found;
    char                text[CORDON__SID_MAX];
    BOOL                is_present = FALSE, is_defaulted;
    PACL                list = NULL;
    void               *entry;
    ACCESS_ALLOWED_ACE *allowed;

    if (read_stored(&found, pipe, DACL_SECURITY_INFORMATION) != 0 ||
        !GetSecurityDescriptorDacl(&found, &is_present, &list, &is_defaulted) || !is_present ||
        !list || list->AceCount != 1 || !GetAce(list, 0, &entry))
        return 0;
    allowed = entry;
    return allowed->Header.AceType == ACCESS_ALLOWED_ACE_TYPE && allowed->Header.AceFlags == 0 &&
           (allowed->Mask == GENERIC_ALL || allowed->Mask == FILE_ALL_ACCESS) &&
           cordon__sid_text(text, &allowed->SidStart) == 0 && strcmp(text, own->sid) == 0;
}

int cordon__pipe_is_ours(HANDLE pipe, const cordon__subject *own)
{
    const DWORD     closed = SYSTEM_MANDATORY_LABEL_NO_WRITE_UP | SYSTEM_MANDATORY_LABEL_NO_READ_UP;
    cordon__subject owner;
    DWORD           mask;

    return look(&owner, &mask, pipe) == 0 && strcmp(owner.sid, own->sid) == 0 &&
           owner.level == own->level && (mask & closed) == closed && is_for_us_alone(pipe, own);
}

int cordon__pipe_stranger(cordon_fault *fault, const char *during, const char *path,
                          const cordon__subject *who, enum cordon__verdict verdict)
{
    cordon__fault_found(fault, CORDON_EIMPOSTOR, during, path, 0, 0, NULL);
    if (who->sid[0] != '\0')
        cordon__fault_text(fault, "%s (%s)", cordon__verdict_text(verdict), who->sid);
    else
        cordon__fault_text(fault, "%s", cordon__verdict_text(verdict));
    return CORDON_EIMPOSTOR;
}
