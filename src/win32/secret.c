/*
 * The secret file: read with suspicion, replaced at once and durably. What is
 * removed is removed by the handle through which it was checked.
 */
#include "../dialect.h"

#include "place.h"

#include <assert.h>
#include <string.h>
#include <wchar.h>

#define SECRET_MAX 256     /* bytes that cordon__secret_remove compares */
#define HALF       L".new" /* not yet whole */
/* Scanners and backups open what is new for a moment, and a name is taken until the last reader of
 * what it named has gone: so much patience with both, in ms. */
#define PATIENCE_TO_READ  50
#define PATIENCE_TO_WRITE 2000
#define SHARED            (FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)
#define HOW               (FILE_FLAG_OPEN_REPARSE_POINT | FILE_FLAG_BACKUP_SEMANTICS)
#define DELETE_PENDING    303

static const char read_step[] = "read token";
static const char write_step[] = "write token";
static const char remove_step[] = "remove token";

/* Is it worth another attempt? Then a pause has passed. */
static int may_pass(DWORD error, uint64_t deadline, uint64_t *pause)
{
    if (error != ERROR_SHARING_VIOLATION && error != ERROR_ACCESS_DENIED &&
        error != ERROR_LOCK_VIOLATION && error != DELETE_PENDING)
        return 0;
    if (cordon__now() >= deadline)
        return 0;
    cordon__pause(*pause);
    *pause = *pause * 2 < 25 ? *pause * 2 : 25;
    return 1;
}

/* 0, or GetLastError. */
static DWORD open_patiently(HANDLE *opened, const wchar_t *path, DWORD access, int patience_ms)
{
    const uint64_t deadline = cordon__now() + (uint64_t)patience_ms;
    uint64_t       pause = 1;
    DWORD          error;

    do {
        *opened = CreateFileW(path, access, SHARED, NULL, OPEN_EXISTING, HOW, NULL);
        error = *opened == INVALID_HANDLE_VALUE ? GetLastError() : 0;
    } while (may_pass(error, deadline, &pause));
    return error;
}

static int is_absent(DWORD error)
{
    return error == ERROR_FILE_NOT_FOUND || error == ERROR_PATH_NOT_FOUND;
}

/* ---- load -------------------------------------------------------------------------------- */

static int load_open(HANDLE file, const cordon__place *place, void *data, size_t size,
                     cordon_fault *fault)
{
    const char                *path = place->paths[CORDON_TOKEN];
    BY_HANDLE_FILE_INFORMATION info;
    DWORD                      got;
    int code = cordon__file_check(place, file, &info, read_step, path, fault);

    if (code != CORDON_OK)
        return code;
    if (info.nFileSizeHigh != 0 || info.nFileSizeLow != size)
        return CORDON__MALFORMED_FILE;
    if (!ReadFile(file, data, (DWORD)size, &got, NULL))
        return cordon__place_fault(place, fault, read_step, GetLastError(), path);
    return got == size ? CORDON_OK : CORDON__MALFORMED_FILE;
}

/* More access than to read it: DELETE, or none. The handle is only there after 0. */
static int load(HANDLE *file, const cordon__place *place, void *data, size_t size, DWORD more,
                cordon_fault *fault)
{
    const DWORD access = FILE_READ_DATA | FILE_READ_ATTRIBUTES | READ_CONTROL | SYNCHRONIZE | more;
    const DWORD error = open_patiently(file, place->wide[CORDON_TOKEN], access, PATIENCE_TO_READ);
    int         code;

    if (is_absent(error))
        return CORDON__ABSENT;
    if (error != 0)
        return cordon__file_explain(place, CORDON_TOKEN, error, read_step, fault);
    code = load_open(*file, place, data, size, fault);
    if (code != CORDON_OK)
        CloseHandle(*file);
    return code;
}

int cordon__secret_load(cordon__place *place, void *data, size_t size, cordon_fault *fault)
{
    HANDLE file;
    int    code = load(&file, place, data, size, 0, fault);

    if (code != CORDON_OK)
        return code;
    CloseHandle(file);
    cordon__place_done(place, read_step, place->paths[CORDON_TOKEN], NULL);
    return CORDON_OK;
}

/* ---- store ---------------------------------------------------------------------------------- */

static int dispose(HANDLE file)
{
    FILE_DISPOSITION_INFO info = {TRUE}; /* its member's name is a macro of the system's */

    return SetFileInformationByHandle(file, FileDispositionInfo, &info, sizeof info);
}

static wchar_t *name_half(const cordon__place *place)
{
    const wchar_t *whole = place->wide[CORDON_TOKEN];
    const size_t   size = wcslen(whole);
    wchar_t       *half = cordon__allocate(&place->memory, sizeof(wchar_t) * size + sizeof HALF);

    if (half) {
        memcpy(half, whole, sizeof(wchar_t) * size);
        memcpy(half + size, HALF, sizeof HALF);
    }
    return half;
}

/* Killed before it had its name: a plain file of ours. Anything else there is not. */
static int clear_half(const cordon__place *place, const wchar_t *half, cordon_fault *fault)
{
    const DWORD                access = FILE_READ_ATTRIBUTES | READ_CONTROL | SYNCHRONIZE | DELETE;
    const char                *path = place->paths[CORDON_TOKEN];
    BY_HANDLE_FILE_INFORMATION info;
    enum cordon__access        found = CORDON__ACCESS_FOREIGN;
    HANDLE                     file;
    DWORD                      error = open_patiently(&file, half, access, PATIENCE_TO_WRITE);

    if (error != 0)
        return is_absent(error) ? CORDON_OK
                                : cordon__place_fault(place, fault, write_step, error, path);
    if (!GetFileInformationByHandle(file, &info))
        error = GetLastError();
    else
        error = cordon__access_of(&found, file, &place->self, 0, 1);
    if (error == 0 && found == CORDON__ACCESS_OURS &&
        !(info.dwFileAttributes & (FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_REPARSE_POINT)))
        error = dispose(file) ? 0 : GetLastError();
    else if (error == 0)
        found = CORDON__ACCESS_FOREIGN;
    CloseHandle(file);
    if (error != 0)
        return cordon__place_fault(place, fault, write_step, error, path);
    return found == CORDON__ACCESS_OURS
               ? CORDON_OK
               : cordon__place_unsafe(place, fault, write_step, path,
                                      "beside it, \".new\" is not a plain file of ours");
}

/* Nobody else may open it before it is whole. 0, or GetLastError. */
static DWORD make_half(HANDLE *file, const wchar_t *half, cordon__guard *guard)
{
    const uint64_t deadline = cordon__now() + PATIENCE_TO_WRITE;
    uint64_t       pause = 1;
    DWORD          error;

    do {
        *file = CreateFileW(half, FILE_WRITE_DATA | SYNCHRONIZE, 0, &guard->attributes, CREATE_NEW,
                            FILE_ATTRIBUTE_NORMAL | FILE_FLAG_OPEN_REPARSE_POINT, NULL);
        error = *file == INVALID_HANDLE_VALUE ? GetLastError() : 0;
    } while (may_pass(error, deadline, &pause));
    return error;
}

static DWORD write_half(const wchar_t *half, cordon__guard *guard, const void *data, size_t size)
{
    HANDLE file;
    DWORD  put = 0;
    DWORD  error = make_half(&file, half, guard);

    if (error != 0)
        return error;
    if (!WriteFile(file, data, (DWORD)size, &put, NULL) || !FlushFileBuffers(file))
        error = GetLastError();
    else if (put != size)
        error = ERROR_DISK_FULL;
    CloseHandle(file);
    return error;
}

static DWORD give_name(const wchar_t *half, const wchar_t *whole)
{
    const uint64_t deadline = cordon__now() + PATIENCE_TO_WRITE;
    uint64_t       pause = 1;
    DWORD          error, attributes;

    do {
        error = MoveFileExW(half, whole, MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH)
                    ? 0
                    : GetLastError();
        attributes = error == 0 ? 0 : GetFileAttributesW(whole);
        if (attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY))
            return error; /* that does not pass */
    } while (may_pass(error, deadline, &pause));
    return error;
}

static int store(const cordon__place *place, const wchar_t *half, const void *data, size_t size,
                 cordon_fault *fault)
{
    cordon__guard guard;
    DWORD         error;
    int           code = clear_half(place, half, fault);

    if (code == CORDON_OK)
        code = cordon__guard_open(&guard, &place->self, CORDON__GUARD_FILE, fault);
    if (code != CORDON_OK)
        return code;
    error = write_half(half, &guard, data, size);
    cordon__guard_close(&guard);
    if (error == 0)
        error = give_name(half, place->wide[CORDON_TOKEN]);
    if (error == 0)
        return CORDON_OK;
    code = cordon__file_explain(place, CORDON_TOKEN, error, write_step, fault);
    if (error != ERROR_FILE_EXISTS) /* then it is somebody else's */
        DeleteFileW(half);
    return code;
}

int cordon__secret_store(cordon__place *place, const void *data, size_t size, cordon_fault *fault)
{
    wchar_t *half = name_half(place);
    int      code;

    if (!half)
        return cordon__fault_set(fault, CORDON_ENOMEM, write_step);
    code = store(place, half, data, size, fault);
    cordon__release(&place->memory, half);
    if (code == CORDON_OK)
        cordon__place_done(place, write_step, place->paths[CORDON_TOKEN], NULL);
    return code;
}

/* ---- remove -------------------------------------------------------------------------------- */

int cordon__secret_remove(cordon__place *place, const void *data, size_t size, cordon_fault *fault)
{
    char   there[SECRET_MAX];
    HANDLE file;
    int    is_gone;

    assert(size <= sizeof there);
    if (load(&file, place, there, size, DELETE, fault) != CORDON_OK)
        return CORDON_OK;
    is_gone = memcmp(there, data, size) == 0 && dispose(file);
    cordon__wipe(there, sizeof there);
    CloseHandle(file);
    if (is_gone)
        cordon__place_done(place, remove_step, place->paths[CORDON_TOKEN], NULL);
    return CORDON_OK;
}
