/* Who we are, as our token says. */
#include "../dialect.h"

#include "place.h"

#include <sddl.h>
#include <string.h>

static const char step[] = "ask who we are";

/* Big enough for any user or label; GetTokenInformation wants it aligned. */
typedef union answer {
    TOKEN_USER            user;
    TOKEN_MANDATORY_LABEL label;
    BYTE                  bytes[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
} answer;

static DWORD ask(answer *told, HANDLE token, TOKEN_INFORMATION_CLASS what)
{
    DWORD size;

    return GetTokenInformation(token, what, told, sizeof *told, &size) ? 0 : GetLastError();
}

DWORD cordon__sid_text(char text[CORDON__SID_MAX], PSID sid)
{
    char *words = NULL;

    text[0] = '\0';
    if (!IsValidSid(sid) || !ConvertSidToStringSidA(sid, &words))
        return ERROR_INVALID_SID;
    if (strlen(words) < CORDON__SID_MAX)
        memcpy(text, words, strlen(words) + 1);
    LocalFree(words);
    return text[0] != '\0' ? 0 : ERROR_INVALID_SID;
}

uint32_t cordon__sid_last(PSID sid)
{
    const UCHAR count = *GetSidSubAuthorityCount(sid);

    return count > 0 ? (uint32_t)*GetSidSubAuthority(sid, (DWORD)count - 1) : 0;
}

DWORD cordon__subject_of_token(cordon__subject *subject, BYTE sid[SECURITY_MAX_SID_SIZE],
                               HANDLE token)
{
    answer told;
    DWORD  is_contained = 0, size;
    DWORD  error = ask(&told, token, TokenUser);

    memset(subject, 0, sizeof *subject);
    if (error == 0)
        error = cordon__sid_text(subject->sid, told.user.User.Sid);
    if (error == 0 && sid && !CopySid(SECURITY_MAX_SID_SIZE, sid, told.user.User.Sid))
        error = GetLastError();
    if (error == 0)
        error = ask(&told, token, TokenIntegrityLevel);
    if (error != 0)
        goto fail;
    subject->level = cordon__sid_last(told.label.Label.Sid);
    subject->has_level = 1;
    if (!GetTokenInformation(token, TokenIsAppContainer, &is_contained, sizeof is_contained,
                             &size)) {
        error = GetLastError();
        goto fail;
    }
    subject->is_app_container = is_contained != 0;
    return 0;
fail:
    memset(subject, 0, sizeof *subject); /* half an answer is none */
    return error;
}

/* A deleted account, or a container's, has no name: its SID in words will do. */
static DWORD ask_account(cordon__self *self)
{
    wchar_t      domain[257];
    DWORD        size = sizeof self->account / sizeof self->account[0];
    DWORD        domain_size = sizeof domain / sizeof domain[0];
    DWORD        error;
    SID_NAME_USE use;

    if (LookupAccountSidW(NULL, self->sid, self->account, &size, domain, &domain_size, &use))
        return 0;
    error = GetLastError();
    if (error != ERROR_NONE_MAPPED)
        return error;
    for (size = 0; self->subject.sid[size] != '\0'; size++)
        self->account[size] = (wchar_t)self->subject.sid[size];
    self->account[size] = L'\0';
    return 0;
}

int cordon__self_ask(cordon__self *self, cordon_fault *fault)
{
    HANDLE token;
    DWORD  error;

    memset(self, 0, sizeof *self);
    /* The process's token: a thread of the host may be impersonating somebody. */
    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token))
        return cordon__win32_fault(fault, step, GetLastError(), NULL);
    error = cordon__subject_of_token(&self->subject, self->sid, token);
    CloseHandle(token);
    if (error == 0)
        error = ask_account(self);
    return error == 0 ? CORDON_OK : cordon__win32_fault(fault, step, error, NULL);
}
