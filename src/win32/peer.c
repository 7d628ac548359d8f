/* Who is at the other end: the system's word, and the verdict. */
#include "../dialect.h"

#include <string.h>

#include "pipe.h"

static const char step[] = "check peer";

static void learn(cordon__identity *peer, const cordon__subject *who, int is_server)
{
    memset(peer, 0, sizeof *peer);
    memcpy(peer->sid, who->sid, sizeof peer->sid);
    peer->level = who->level;
    peer->has_level = who->has_level != 0;
    peer->is_contained = who->is_app_container != 0;
    peer->is_server = is_server != 0;
    if (who->sid[0] != '\0')
        peer->known |= CORDON_PEER_SID;
}

static void learn_pid(cordon__identity *peer, HANDLE pipe)
{
    ULONG pid = 0;
    BOOL  is_told = peer->is_server ? GetNamedPipeServerProcessId(pipe, &pid)
                                    : GetNamedPipeClientProcessId(pipe, &pid);

    if (is_told && pid != 0) {
        peer->known |= CORDON_PEER_PID;
        peer->pid = pid;
    }
}

/* Who cannot be told is a stranger, unless he has gone. */
static int not_told(cordon_fault *fault, DWORD error)
{
    if (error == ERROR_BROKEN_PIPE || error == ERROR_NO_DATA || error == ERROR_PIPE_NOT_CONNECTED)
        return cordon__win32_fault(fault, step, error, NULL);
    cordon__fault_os(fault, CORDON_EIMPOSTOR, step, error, NULL);
    cordon__fault_text(fault, "%s", cordon__verdict_text(CORDON__UNKNOWN));
    return CORDON_EIMPOSTOR;
}

/*
 * We are ourselves again, and who the host had this thread be before. Going on as somebody
 * else, or with more rights than the host meant its thread to have, is worse than the end.
 */
static void be_ourselves(HANDLE before)
{
    if (RevertToSelf() && (!before || SetThreadToken(NULL, before)))
        return;
    TerminateProcess(GetCurrentProcess(), (UINT)STATUS_FATAL_APP_EXIT);
}

/* A client that lets itself be identified is; as an anonymous one it has no token to read. */
static DWORD take_token(HANDLE *token, HANDLE pipe)
{
    HANDLE before = NULL;
    DWORD  error = 0;

    if (!OpenThreadToken(GetCurrentThread(), TOKEN_IMPERSONATE | TOKEN_QUERY, TRUE, &before)) {
        if (GetLastError() != ERROR_NO_TOKEN)
            return GetLastError(); /* it could not be put back */
        before = NULL;
    }
    if (!ImpersonateNamedPipeClient(pipe)) {
        error = GetLastError();
    } else {
        if (!OpenThreadToken(GetCurrentThread(), TOKEN_QUERY, TRUE, token))
            error = GetLastError();
        be_ourselves(before);
    }
    if (before)
        CloseHandle(before);
    return error;
}

int cordon__peer_of_client(cordon__identity *peer, HANDLE pipe, cordon_fault *fault)
{
    cordon__subject client;
    HANDLE          token;
    DWORD           error = take_token(&token, pipe);

    if (error == 0) {
        error = cordon__subject_of_token(&client, NULL, token);
        CloseHandle(token);
    }
    if (error != 0)
        return not_told(fault, error);
    learn(peer, &client, 0);
    learn_pid(peer, pipe);
    return CORDON_OK;
}

int cordon__peer_ask(cordon__identity *peer, intptr_t handle, int is_server, cordon_fault *fault)
{
    cordon__subject owner;
    DWORD           error;

    if (!is_server)
        return CORDON__LATER;
    error = cordon__pipe_owner(&owner, (HANDLE)handle);
    if (error != 0)
        return not_told(fault, error);
    learn(peer, &owner, 1);
    learn_pid(peer, (HANDLE)handle);
    return CORDON_OK;
}

cordon__own cordon__peer_own(void)
{
    return (cordon__own){UINT32_MAX, UINT32_MAX}; /* users are not numbers here */
}

/* Of the process: a thread of the host may be impersonating somebody. */
static DWORD ask_own(cordon__subject *own)
{
    HANDLE token;
    DWORD  error;

    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token))
        return GetLastError();
    error = cordon__subject_of_token(own, NULL, token);
    CloseHandle(token);
    return error;
}

int cordon__peer_judge(const cordon__identity *peer, cordon__own numbers, unsigned flags,
                       cordon_fault *fault)
{
    cordon__subject      own, who;
    enum cordon__verdict verdict;
    DWORD                error = ask_own(&own);

    (void)numbers;
    if (error != 0)
        return not_told(fault, error);
    memset(&who, 0, sizeof who);
    if (peer->known & CORDON_PEER_SID)
        memcpy(who.sid, peer->sid, sizeof who.sid);
    who.level = peer->level;
    who.has_level = peer->has_level;
    who.is_app_container = peer->is_contained;
    verdict = cordon__judge(&who, &own, (flags & CORDON_TRUST_ROOT) != 0);
    return verdict == CORDON__WELCOME ? CORDON_OK
                                      : cordon__pipe_stranger(fault, step, NULL, &who, verdict);
}
