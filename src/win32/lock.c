/*
 * Exclusive locks that die with their holder: LockFileEx on a byte far behind
 * the end, so that people can read the file meanwhile. Nobody can remove or
 * rename it while it is open: it is opened without letting others do that.
 */
#include "../dialect.h"

#include "place.h"

#include <stdio.h>
#include <string.h>

#include <uv.h>

#define LOCKED_HIGH   0x40000000 /* the byte: behind 4 EiB */
#define PATIENCE      500        /* ms, with a scanner that has it open in a way of its own */
#define LINKS_ALLOWED 1

static const char step[] = "take lock";

struct cordon__lock {
    cordon__memory memory;
    HANDLE         file;
};

static OVERLAPPED locked_byte(void)
{
    OVERLAPPED where;

    memset(&where, 0, sizeof where);
    where.OffsetHigh = LOCKED_HIGH;
    return where;
}

/* 0, or GetLastError. */
static DWORD open_file(HANDLE *file, const wchar_t *path, cordon__guard *guard)
{
    const DWORD access =
        FILE_READ_DATA | FILE_WRITE_DATA | FILE_READ_ATTRIBUTES | READ_CONTROL | SYNCHRONIZE;
    const uint64_t deadline = cordon__now() + PATIENCE;
    DWORD          error;

    for (uint64_t pause = 1;; pause = pause * 2 < 25 ? pause * 2 : 25) {
        *file =
            CreateFileW(path, access, FILE_SHARE_READ | FILE_SHARE_WRITE, &guard->attributes,
                        OPEN_ALWAYS, FILE_ATTRIBUTE_NORMAL | FILE_FLAG_OPEN_REPARSE_POINT, NULL);
        error = *file == INVALID_HANDLE_VALUE ? GetLastError() : 0;
        if (error != ERROR_SHARING_VIOLATION || cordon__now() >= deadline)
            return error;
        cordon__pause(pause);
    }
}

int cordon__lock_judge(const cordon__place *place, enum cordon_place which, HANDLE file,
                       const char *during, cordon_fault *fault)
{
    BY_HANDLE_FILE_INFORMATION info;
    const char                *path = place->paths[which];
    int                        code = cordon__file_check(place, file, &info, during, path, fault);

    if (code == CORDON_OK && info.nNumberOfLinks > LINKS_ALLOWED)
        code = cordon__place_unsafe(place, fault, during, path, "this file has more than one name");
    return code;
}

/* 0: it is locked. CORDON__HELD. */
static int take(HANDLE file, const cordon__place *place, enum cordon_place which,
                cordon_fault *fault)
{
    OVERLAPPED where = locked_byte();
    DWORD      error;
    int        code = cordon__lock_judge(place, which, file, step, fault);

    if (code != CORDON_OK)
        return code;
    if (LockFileEx(file, LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &where))
        return CORDON_OK;
    error = GetLastError();
    if (error == ERROR_LOCK_VIOLATION || error == ERROR_IO_PENDING)
        return CORDON__HELD;
    return cordon__place_fault(place, fault, step, error, place->paths[which]);
}

static int open_and_take(HANDLE *file, const cordon__place *place, enum cordon_place which,
                         cordon_fault *fault)
{
    cordon__guard guard;
    DWORD         error;
    int           code = cordon__guard_open(&guard, &place->self, CORDON__GUARD_FILE, fault);

    if (code != CORDON_OK)
        return code;
    error = open_file(file, place->wide[which], &guard);
    cordon__guard_close(&guard);
    if (error != 0)
        return cordon__file_explain(place, which, error, step, fault);
    code = take(*file, place, which, fault);
    if (code != CORDON_OK)
        CloseHandle(*file);
    return code;
}

/* ---- the holder ------------------------------------------------------------------------------ */

static int make_empty(HANDLE file)
{
    return SetFilePointer(file, 0, NULL, FILE_BEGIN) == 0 && SetEndOfFile(file);
}

/* For people, who may find it after a crash. Nothing rests on it, so no error either. */
static void write_holder(HANDLE file)
{
    char                program[1024] = "?";
    char                text[1200];
    size_t              size = sizeof program;
    SYSTEMTIME          now;
    DWORD               put;
    int                 used;
    const unsigned long pid = GetCurrentProcessId();

    GetSystemTime(&now);
    uv_exepath(program, &size);
    used = snprintf(text, sizeof text, "%lu %04u-%02u-%02uT%02u:%02u:%02uZ %s\n", pid, now.wYear,
                    now.wMonth, now.wDay, now.wHour, now.wMinute, now.wSecond, program);
    if (used > 0 && make_empty(file))
        WriteFile(file, text, (DWORD)used, &put, NULL);
}

/* ---- the contract's verbs ----------------------------------------------------------------------
 */

int cordon__lock_take(cordon__lock **lock, cordon__place *place, enum cordon_place which,
                      cordon_fault *fault)
{
    cordon__lock *made = cordon__allocate(&place->memory, sizeof *made);
    int           code;

    if (!made)
        return cordon__fault_set(fault, CORDON_ENOMEM, step);
    code = open_and_take(&made->file, place, which, fault);
    if (code != CORDON_OK) {
        cordon__release(&place->memory, made);
        return code;
    }
    made->memory = place->memory;
    write_holder(made->file);
    cordon__place_done(place, step, place->paths[which], NULL);
    *lock = made;
    return CORDON_OK;
}

static int is_same_file(HANDLE one, HANDLE other)
{
    BY_HANDLE_FILE_INFORMATION first, second;

    return GetFileInformationByHandle(one, &first) && GetFileInformationByHandle(other, &second) &&
           first.dwVolumeSerialNumber == second.dwVolumeSerialNumber &&
           first.nFileIndexHigh == second.nFileIndexHigh &&
           first.nFileIndexLow == second.nFileIndexLow;
}

/* It cannot be removed while we have it open; but a disk can be taken out and put in again. */
int cordon__lock_is_named(const cordon__lock *lock, const cordon__place *place,
                          enum cordon_place which)
{
    const HANDLE there =
        CreateFileW(place->wide[which], FILE_READ_ATTRIBUTES,
                    FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL, OPEN_EXISTING,
                    FILE_FLAG_OPEN_REPARSE_POINT | FILE_FLAG_BACKUP_SEMANTICS, NULL);
    int is_named;

    if (there == INVALID_HANDLE_VALUE)
        return 0;
    is_named = is_same_file(lock->file, there);
    CloseHandle(there);
    return is_named;
}

void cordon__lock_unname(cordon__lock *lock)
{
    make_empty(lock->file);
}

/* Only where a socket may listen for a server that has not been started matters who it is. */
uint64_t cordon__lock_named(const cordon__place *place, enum cordon_place which)
{
    (void)place;
    (void)which;
    return CORDON__NEVER;
}

void cordon__lock_release(cordon__lock *lock)
{
    OVERLAPPED where = locked_byte();

    if (!lock)
        return;
    make_empty(lock->file);
    UnlockFileEx(lock->file, 0, 1, 0, &where); /* closing frees it too, but when the system likes */
    CloseHandle(lock->file);
    cordon__release(&lock->memory, lock);
}
