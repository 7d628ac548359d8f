/*
 * The two files are compiled here once more, and the linker takes these: whatever else of the
 * library is in the program calls them, up to a whole server.
 */
#include "win32_fault.h"

#include "../../src/win32/instance.h"

fault_plan   fault_create, fault_connect, fault_open;
fault_opened fault_opened_as[FAULT_OPENED_MOST];
int          fault_opened_count;

/* A server's thread and the test's go through here. */
static int is_to_fail(fault_plan *plan)
{
    static SRWLOCK lock = SRWLOCK_INIT;
    int            fails = 0;

    AcquireSRWLockExclusive(&lock);
    if (plan->good > 0)
        plan->good--;
    else if (plan->bad > 0) {
        plan->bad--;
        fails = 1;
    }
    ReleaseSRWLockExclusive(&lock);
    return fails;
}

static HANDLE create_pipe(const wchar_t *name, DWORD access, DWORD mode, DWORD instances, DWORD out,
                          DWORD in, DWORD patience, SECURITY_ATTRIBUTES *attributes)
{
    if (!is_to_fail(&fault_create))
        return CreateNamedPipeW(name, access, mode, instances, out, in, patience, attributes);
    SetLastError(fault_create.error);
    return INVALID_HANDLE_VALUE;
}

static BOOL connect_pipe(HANDLE pipe, OVERLAPPED *wait)
{
    if (!is_to_fail(&fault_connect))
        return ConnectNamedPipe(pipe, wait);
    SetLastError(fault_connect.error);
    return FALSE;
}

static HANDLE open_pipe(const wchar_t *name, DWORD rights, DWORD sharing,
                        SECURITY_ATTRIBUTES *attributes, DWORD how, DWORD flags, HANDLE model)
{
    if (fault_opened_count < FAULT_OPENED_MOST)
        fault_opened_as[fault_opened_count++] = (fault_opened){rights, flags};
    if (!is_to_fail(&fault_open))
        return CreateFileW(name, rights, sharing, attributes, how, flags, model);
    SetLastError(fault_open.error);
    return INVALID_HANDLE_VALUE;
}

#define CreateNamedPipeW create_pipe
#define ConnectNamedPipe connect_pipe
#define CreateFileW      open_pipe
#include "../../src/win32/instance.c"
#include "../../src/win32/pipe.c"
