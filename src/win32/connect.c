/* One attempt to reach the server. */
#include "../dialect.h"

#include "pipe.h"

static const char step[] = "connect";

/* The system says no. Ours never does to us: so somebody else has the name, or has changed it. */
static int denied(const cordon__place *place, cordon_fault *fault)
{
    const char          *path = place->paths[CORDON_ADDRESS];
    cordon__subject      owner;
    enum cordon__verdict verdict = CORDON__WELCOME;
    HANDLE               pipe =
        cordon__pipe_open(place->wide[CORDON_ADDRESS], CORDON__PIPE_LOOK, SECURITY_ANONYMOUS);

    if (pipe != INVALID_HANDLE_VALUE) {
        if (cordon__pipe_owner(&owner, pipe) == 0)
            verdict = cordon__judge(&owner, &place->self.subject, 0);
        CloseHandle(pipe);
    }
    if (verdict == CORDON__WELCOME)
        return cordon__place_fault(place, fault, step, ERROR_ACCESS_DENIED, path);
    cordon__pipe_stranger(fault, step, path, &owner, verdict);
    cordon__trace_fault(&place->trace, fault);
    return CORDON_EIMPOSTOR;
}

static int not_connected(const cordon__place *place, DWORD error, cordon_fault *fault)
{
    const char *path = place->paths[CORDON_ADDRESS];

    switch (error) {
    case ERROR_FILE_NOT_FOUND:
        return cordon__place_missing(place, fault, step, path);
    case ERROR_PIPE_BUSY:
        return CORDON__OCCUPIED;
    case ERROR_BROKEN_PIPE: /* it was closed under our hands */
    case ERROR_NO_DATA:
    case ERROR_PIPE_NOT_CONNECTED:
        return CORDON__AGAIN;
    case ERROR_ACCESS_DENIED:
        return denied(place, fault);
    default:
        return cordon__place_fault(place, fault, step, error, path);
    }
}

/* A pipe of messages is not a server of ours, whosever it is. */
static int check_kind(const cordon__place *place, HANDLE pipe, cordon_fault *fault)
{
    const char          *path = place->paths[CORDON_ADDRESS];
    cordon__subject      owner;
    enum cordon__verdict verdict = CORDON__UNKNOWN;
    DWORD                flags;

    if (!GetNamedPipeInfo(pipe, &flags, NULL, NULL, NULL))
        return not_connected(place, GetLastError(), fault);
    if (!(flags & PIPE_TYPE_MESSAGE))
        return CORDON_OK;
    if (cordon__pipe_owner(&owner, pipe) == 0)
        verdict = cordon__judge(&owner, &place->self.subject, 0);
    if (verdict == CORDON__WELCOME)
        return cordon__place_unsafe(place, fault, step, path, "a pipe of another type");
    cordon__pipe_stranger(fault, step, path, &owner, verdict);
    cordon__trace_fault(&place->trace, fault);
    return CORDON_EIMPOSTOR;
}

int cordon__connect(intptr_t *handle, cordon__place *place, cordon_fault *fault)
{
    HANDLE pipe = cordon__pipe_open(place->wide[CORDON_ADDRESS], CORDON__PIPE_RIGHTS,
                                    SECURITY_IDENTIFICATION);
    int    code;

    if (pipe == INVALID_HANDLE_VALUE)
        return not_connected(place, GetLastError(), fault);
    code = check_kind(place, pipe, fault);
    if (code != CORDON_OK) {
        CloseHandle(pipe);
        return code;
    }
    *handle = (intptr_t)pipe;
    cordon__place_done(place, step, place->paths[CORDON_ADDRESS], NULL);
    return CORDON_OK;
}

/* Never DisconnectNamedPipe: what was written is still read by the other side. */
void cordon__handle_close(intptr_t handle)
{
    CloseHandle((HANDLE)handle);
}
