#include "../dialect.h"

#include "instance.h"

#include <string.h>

#include "pipe.h"

#define QUOTA      (128 * 1024) /* bytes a direction: a message of 64 KiB, and what came before it */
#define TAKEN_MS   2000         /* the name may be another's for so long */
#define PAUSE_MOST 25           /* ms between two looks at it */

static const char create_step[] = "create pipe";
static const char accept_step[] = "accept";

/* ---- an instance ------------------------------------------------------------------ */

static DWORD create(HANDLE *pipe, const cordon__making *making, DWORD first)
{
    SECURITY_ATTRIBUTES attributes = making->guard.attributes;

    *pipe = CreateNamedPipeW(
        making->place->wide[CORDON_ADDRESS], PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | first,
        PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS,
        PIPE_UNLIMITED_INSTANCES, QUOTA, QUOTA, 0, making->guard.descriptor ? &attributes : NULL);
    return *pipe != INVALID_HANDLE_VALUE ? 0 : GetLastError();
}

static int pipe_fault(const cordon__making *making, cordon_fault *fault, const char *during,
                      DWORD error)
{
    return cordon__place_fault(making->place, fault, during, error,
                               making->place->paths[CORDON_ADDRESS]);
}

static int fill(cordon__instance *at, const cordon__making *making, cordon_fault *fault)
{
    const DWORD error = create(&at->pipe, making, 0);

    if (error != 0)
        return pipe_fault(making, fault, create_step, error);
    at->state = CORDON__IDLE;
    return CORDON_OK;
}

static int await_client(cordon__instance *at, const cordon__making *making, cordon_fault *fault)
{
    DWORD error = 0;

    memset(&at->connect, 0, sizeof at->connect);
    at->connect.hEvent = at->event;
    if (!ConnectNamedPipe(at->pipe, &at->connect))
        error = GetLastError();
    switch (error) {
    case ERROR_IO_PENDING:
        at->state = CORDON__WAITING;
        return CORDON_OK;
    case 0:
    case ERROR_PIPE_CONNECTED: /* before we asked */
    case ERROR_NO_DATA:        /* and has gone again: what it said may still be there */
        at->state = CORDON__CONNECTED;
        return CORDON_OK;
    default:
        return pipe_fault(making, fault, accept_step, error);
    }
}

/* The system gives a wait up, too: when the thread that began it ends. */
static void hear(cordon__instance *at)
{
    DWORD ignored, error = 0;

    if (!GetOverlappedResult(at->pipe, &at->connect, &ignored, FALSE))
        error = GetLastError();
    if (error == ERROR_IO_INCOMPLETE)
        return;
    at->state = error == 0 || error == ERROR_PIPE_CONNECTED || error == ERROR_NO_DATA
                    ? CORDON__CONNECTED
                    : CORDON__IDLE;
}

/* Who came and went without a word has nothing to be told. */
static void drop_who_left(cordon__instance *at)
{
    DWORD waiting;

    if (PeekNamedPipe(at->pipe, NULL, 0, NULL, &waiting, NULL))
        return;
    (void)DisconnectNamedPipe(at->pipe);
    at->state = CORDON__IDLE;
}

int cordon__instance_tend(cordon__instance *at, const cordon__making *making, cordon_fault *fault)
{
    int code = CORDON_OK;

    if (at->state == CORDON__WAITING)
        hear(at);
    if (at->state == CORDON__CONNECTED)
        drop_who_left(at);
    if (making->is_withdrawn)
        return CORDON_OK;
    if (at->state == CORDON__EMPTY)
        code = fill(at, making, fault);
    if (at->state == CORDON__IDLE)
        code = await_client(at, making, fault);
    return code;
}

void cordon__instance_stop(cordon__instance *at)
{
    DWORD ignored;

    if (at->state != CORDON__WAITING)
        return;
    (void)CancelIoEx(at->pipe, &at->connect);
    (void)GetOverlappedResult(at->pipe, &at->connect, &ignored, TRUE);
    at->state = CORDON__IDLE;
}

void cordon__instance_empty(cordon__instance *at)
{
    cordon__instance_stop(at);
    if (at->state != CORDON__EMPTY)
        CloseHandle(at->pipe);
    at->state = CORDON__EMPTY;
}

/* Who came keeps his place, and waits, when there is nothing to make the next one of. */
int cordon__instance_take(intptr_t *handle, cordon__instance *at, const cordon__making *making,
                          cordon_fault *fault)
{
    const HANDLE connected = at->pipe;
    cordon_fault ignored;
    int          code;

    if (making->is_withdrawn) {
        at->state = CORDON__EMPTY;
    } else {
        code = fill(at, making, fault);
        if (code != CORDON_OK) {
            at->pipe = connected;
            return code;
        }
        cordon__fault_clear(&ignored);
        (void)await_client(at, making, &ignored); /* the next look at it tries again, and tells */
    }
    *handle = (intptr_t)connected;
    return CORDON_OK;
}

/* ---- the first instance ------------------------------------------------------------- */

/* Who has the name already: somebody, a program of our user. */
enum { TAKEN = 1, OURS = 2 };

static int judge(const cordon__making *making, HANDLE pipe, cordon_fault *fault)
{
    const cordon__place *place = making->place;
    cordon__subject      owner;
    enum cordon__verdict verdict;

    if (cordon__pipe_owner(&owner, pipe) != 0)
        return TAKEN;
    verdict = cordon__judge(&owner, &place->self.subject, 0);
    if (verdict == CORDON__WELCOME || verdict == CORDON__UNKNOWN)
        return verdict == CORDON__WELCOME ? OURS : TAKEN;
    cordon__pipe_stranger(fault, create_step, place->paths[CORDON_ADDRESS], &owner, verdict);
    cordon__trace_fault(&place->trace, fault);
    return CORDON_EIMPOSTOR;
}

/*
 * A pipe that takes clients although we hold the lock: a squatter's, of a process that is just
 * being ended, or of a server whose lock file was removed. `seen`: what the last look said; with
 * all its ends taken nobody can tell. Only the first look takes one from it.
 */
static int look_for_another(const cordon__making *making, int seen, cordon_fault *fault)
{
    const wchar_t *name = making->place->wide[CORDON_ADDRESS];
    HANDLE         pipe;
    int            code;

    if (seen == OURS)
        return WaitNamedPipeW(name, 1) || GetLastError() != ERROR_FILE_NOT_FOUND ? OURS : 0;
    pipe = cordon__pipe_open(name, CORDON__PIPE_LOOK, SECURITY_ANONYMOUS);
    if (pipe == INVALID_HANDLE_VALUE)
        return 0;
    code = judge(making, pipe, fault);
    CloseHandle(pipe);
    return code;
}

static int is_refused(DWORD error)
{
    return error == ERROR_ACCESS_DENIED || error == ERROR_PIPE_BUSY;
}

int cordon__instance_is_ours(const cordon__making *making, HANDLE pipe, int is_first)
{
    const cordon__subject *own = &making->place->self.subject;
    cordon__subject        owner;

    if (making->guard.descriptor)
        return cordon__pipe_is_ours(pipe, own);
    return is_first || (cordon__pipe_owner(&owner, pipe) == 0 &&
                        cordon__judge(&owner, own, 0) == CORDON__WELCOME);
}

/* 0; TAKEN; or a failure. The flag is the system's promise, and what is read back our own look:
 * where it is not kept, and where an end of our predecessor lingers (a client that has not closed
 * yet keeps the name) and it refuses us. */
static int try_first(cordon__instance *at, const cordon__making *making, cordon_fault *fault)
{
    DWORD error = create(&at->pipe, making, FILE_FLAG_FIRST_PIPE_INSTANCE);
    int   is_first = error == 0;
    int   code;

    if (is_refused(error))
        error = create(&at->pipe, making, 0);
    if (is_refused(error))
        return TAKEN;
    if (error != 0)
        return pipe_fault(making, fault, create_step, error);
    if (cordon__instance_is_ours(making, at->pipe, is_first)) {
        at->state = CORDON__IDLE;
        cordon__place_done(making->place, create_step, making->place->paths[CORDON_ADDRESS],
                           is_first ? NULL : "an end of the last server is still open");
        return CORDON_OK;
    }
    code = judge(making, at->pipe, fault);
    CloseHandle(at->pipe);
    return code == OURS ? TAKEN : code; /* it does not serve as we would */
}

static int stays_taken(const cordon__making *making, int seen, cordon_fault *fault)
{
    const cordon__place *place = making->place;

    if (seen == OURS)
        return cordon__place_unsafe(place, fault, create_step, place->paths[CORDON_ADDRESS],
                                    "a program of yours serves this pipe without our lock");
    cordon__fault_os(fault, CORDON_EBUSY, create_step, ERROR_ACCESS_DENIED,
                     place->paths[CORDON_ADDRESS]);
    cordon__fault_text(fault, "a program that cannot be named has this pipe");
    cordon__trace_fault(&place->trace, fault);
    return CORDON_EBUSY;
}

int cordon__instance_first(cordon__instance *at, const cordon__making *making, cordon_fault *fault)
{
    const uint64_t end = cordon__now() + TAKEN_MS;
    uint64_t       pause = 1;
    int            seen = 0;

    for (;;) {
        int code;

        seen = look_for_another(making, seen, fault);
        code = seen == 0 ? try_first(at, making, fault) : seen;
        if (code <= 0)
            return code;
        if (cordon__now() >= end)
            return stays_taken(making, seen, fault);
        cordon__pause(pause);
        pause = pause * 2 < PAUSE_MOST ? pause * 2 : PAUSE_MOST;
    }
}
