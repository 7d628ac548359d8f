/*
 * Who has a lock, without trying to take it: whoever tried, in the moment when a
 * server starts, would keep it from starting.
 */
#include "../dialect.h"

#include <string.h>

#include "place.h"

#define LOCKED_HIGH 0x40000000 /* where lock.c locks its byte */

static const char step[] = "look at lock";

/* ---- the process ----------------------------------------------------------------- */

enum cordon__process cordon__process_look(uint64_t pid)
{
    HANDLE process;
    DWORD  waited;

    if (pid == 0 || pid > UINT32_MAX)
        return CORDON__PROCESS_UNKNOWN;
    process = OpenProcess(SYNCHRONIZE, FALSE, (DWORD)pid);
    if (!process)
        return GetLastError() == ERROR_INVALID_PARAMETER ? CORDON__PROCESS_GONE
               : GetLastError() == ERROR_ACCESS_DENIED   ? CORDON__PROCESS_RUNS
                                                         : CORDON__PROCESS_UNKNOWN;
    waited = WaitForSingleObject(process, 0);
    CloseHandle(process);
    return waited == WAIT_OBJECT_0  ? CORDON__PROCESS_GONE
           : waited == WAIT_TIMEOUT ? CORDON__PROCESS_RUNS
                                    : CORDON__PROCESS_UNKNOWN;
}

/* ---- the lock ----------------------------------------------------------------------- */

/* A locked byte cannot be read by others. That it can be read proves nothing: where it lies, there
 * is no byte to read. */
static int is_locked(HANDLE file)
{
    OVERLAPPED where;
    char       byte;
    DWORD      got;

    memset(&where, 0, sizeof where);
    where.OffsetHigh = LOCKED_HIGH;
    return !ReadFile(file, &byte, 1, &got, &where) && GetLastError() == ERROR_LOCK_VIOLATION;
}

static void read_holder(cordon__holder *holder, HANDLE file)
{
    char  text[1200];
    DWORD got = 0;

    if (!ReadFile(file, text, sizeof text, &got, NULL))
        got = 0;
    cordon__holder_read(holder, text, got);
    holder->life = holder->pid != 0 ? cordon__process_look(holder->pid) : CORDON__PROCESS_UNKNOWN;
    if (is_locked(file))
        holder->is_held = 1;
    else
        holder->is_held = holder->pid == 0 || holder->life == CORDON__PROCESS_GONE ? 0 : -1;
}

int cordon__lock_look(cordon__holder *holder, const cordon__place *place, enum cordon_place which,
                      cordon_fault *fault)
{
    DWORD        error;
    int          code;
    const HANDLE file =
        CreateFileW(place->wide[which], FILE_READ_DATA | FILE_READ_ATTRIBUTES | READ_CONTROL,
                    FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL, OPEN_EXISTING,
                    FILE_FLAG_OPEN_REPARSE_POINT, NULL);

    memset(holder, 0, sizeof *holder);
    if (file == INVALID_HANDLE_VALUE) {
        error = GetLastError();
        if (error == ERROR_FILE_NOT_FOUND || error == ERROR_PATH_NOT_FOUND)
            return CORDON__ABSENT;
        return cordon__file_explain(place, which, error, step, fault);
    }
    read_holder(holder, file);
    code = cordon__lock_judge(place, which, file, step, fault);
    CloseHandle(file);
    return code;
}
