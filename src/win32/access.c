/* What is there already: whose is it, and who else may use it? */
#include "../dialect.h"

#include "place.h"

#include <aclapi.h>

/* To be told about a file is not to be told what is in it. */
#define HARMLESS ((DWORD)(FILE_READ_ATTRIBUTES | FILE_READ_EA | READ_CONTROL | SYNCHRONIZE))

/* ---- descriptors ------------------------------------------------------------------------- */

static int is_of_the_system(PSID sid)
{
    return IsWellKnownSid(sid, WinLocalSystemSid) ||
           IsWellKnownSid(sid, WinBuiltinAdministratorsSid);
}

static int is_us(PSID sid, const cordon__self *self)
{
    return EqualSid(sid, (PSID)(uintptr_t)self->sid);
}

/* CREATOR OWNER and OWNER RIGHTS mean the owner, who was judged already. */
static int is_trusted(PSID sid, const cordon__self *self)
{
    return is_us(sid, self) || is_of_the_system(sid) || IsWellKnownSid(sid, WinCreatorOwnerSid) ||
           IsWellKnownSid(sid, WinCreatorOwnerRightsSid);
}

/* Entries that begin like an allowed one; of another kind that allows, we cannot tell whom. */
static int allows_others(const ACE_HEADER *header, const cordon__self *self, DWORD rights)
{
    static const GENERIC_MAPPING files = {FILE_GENERIC_READ, FILE_GENERIC_WRITE,
                                          FILE_GENERIC_EXECUTE, FILE_ALL_ACCESS};
    const ACCESS_ALLOWED_ACE    *entry = (const ACCESS_ALLOWED_ACE *)(const void *)header;
    DWORD                        mask = entry->Mask;

    if (header->AceFlags & INHERIT_ONLY_ACE)
        return 0;
    switch (header->AceType) {
    case ACCESS_ALLOWED_ACE_TYPE:
    case ACCESS_ALLOWED_CALLBACK_ACE_TYPE:
        MapGenericMask(&mask, (PGENERIC_MAPPING)(uintptr_t)&files);
        return (mask & rights) != 0 && !is_trusted((PSID)(uintptr_t)&entry->SidStart, self);
    case ACCESS_DENIED_ACE_TYPE:
    case ACCESS_DENIED_OBJECT_ACE_TYPE:
    case ACCESS_DENIED_CALLBACK_ACE_TYPE:
    case ACCESS_DENIED_CALLBACK_OBJECT_ACE_TYPE:
        return 0;
    default:
        return 1;
    }
}

enum cordon__access cordon__access_judge(PSID owner, PACL list, const cordon__self *self,
                                         DWORD rights, int is_strict)
{
    void *entry;

    if (!owner || !(is_us(owner, self) || (!is_strict && is_of_the_system(owner))))
        return CORDON__ACCESS_FOREIGN;
    if (!list)
        return CORDON__ACCESS_OPEN; /* no list: everybody */
    for (DWORD i = 0; i < list->AceCount; i++)
        if (!GetAce(list, i, &entry) || allows_others(entry, self, rights))
            return CORDON__ACCESS_OPEN;
    return CORDON__ACCESS_OURS;
}

DWORD cordon__access_of(enum cordon__access *found, HANDLE open, const cordon__self *self,
                        DWORD rights, int is_strict)
{
    PSECURITY_DESCRIPTOR descriptor = NULL;
    PSID                 owner = NULL;
    PACL                 list = NULL;
    const DWORD          error = GetSecurityInfo(open, SE_FILE_OBJECT,
                                                 OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION,
                                                 &owner, NULL, &list, NULL, &descriptor);

    if (error != ERROR_SUCCESS)
        return error;
    *found = cordon__access_judge(owner, list, self, rights, is_strict);
    LocalFree(descriptor);
    return 0;
}

/* ---- files -------------------------------------------------------------------------------- */

static const char *kind_of(DWORD attributes)
{
    if (attributes & FILE_ATTRIBUTE_REPARSE_POINT)
        return "a link instead of a plain file";
    return attributes & FILE_ATTRIBUTE_DIRECTORY ? "a directory instead of a plain file" : NULL;
}

int cordon__file_check(const cordon__place *place, HANDLE file, BY_HANDLE_FILE_INFORMATION *info,
                       const char *during, const char *path, cordon_fault *fault)
{
    enum cordon__access found;
    DWORD               error = 0;

    if (!GetFileInformationByHandle(file, info))
        return cordon__place_fault(place, fault, during, GetLastError(), path);
    if (kind_of(info->dwFileAttributes))
        return cordon__place_unsafe(place, fault, during, path, kind_of(info->dwFileAttributes));
    error = cordon__access_of(&found, file, &place->self, ~HARMLESS, 1);
    if (error != 0)
        return cordon__place_fault(place, fault, during, error, path);
    if (found == CORDON__ACCESS_FOREIGN)
        return cordon__place_unsafe(place, fault, during, path,
                                    "this file belongs to another user");
    if (found == CORDON__ACCESS_OPEN)
        return cordon__place_unsafe(place, fault, during, path,
                                    "this file is open to others; remove it");
    return CORDON_OK;
}

int cordon__file_explain(const cordon__place *place, enum cordon_place which, DWORD error,
                         const char *during, cordon_fault *fault)
{
    const DWORD attributes = GetFileAttributesW(place->wide[which]);

    if (attributes != INVALID_FILE_ATTRIBUTES && kind_of(attributes))
        return cordon__place_unsafe(place, fault, during, place->paths[which], kind_of(attributes));
    return cordon__place_fault(place, fault, during, error, place->paths[which]);
}
