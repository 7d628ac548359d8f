/*
 * The owner-only directory. It is opened as it was written, never through a link
 * at its end, and must be where it was when the endpoint was opened. All that is
 * put into it has a descriptor of its own: it inherits nothing.
 */
#include "../dialect.h"

#include "place.h"
#include "resolve.h"

#include <string.h>
#include <wchar.h>

#define TRIES_MAX 100 /* of a directory that others make and remove */
#define SHARED    (FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)
#define HOW       (FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT)
#define ASKED     ((DWORD)(FILE_READ_ATTRIBUTES | READ_CONTROL | SYNCHRONIZE))
/* Whoever has one of these could put something in the place of what is ours. */
#define WRITES                                                                           \
    ((DWORD)(FILE_ADD_FILE | FILE_ADD_SUBDIRECTORY | FILE_DELETE_CHILD | FILE_WRITE_EA | \
             FILE_WRITE_ATTRIBUTES | DELETE | WRITE_DAC | WRITE_OWNER))

#ifndef PROTECTED_DACL_SECURITY_INFORMATION /* not in every compiler's headers */
#    define PROTECTED_DACL_SECURITY_INFORMATION 0x80000000
#endif

static const char check_step[] = "check directory";
static const char make_step[] = "make directory";

static int open_failed(const cordon__place *place, const char *during, DWORD error,
                       cordon_fault *fault)
{
    return cordon__place_fault(place, fault, during, error, place->paths[CORDON_DIRECTORY]);
}

static int refused(const cordon__place *place, const char *text, cordon_fault *fault)
{
    return cordon__place_unsafe(place, fault, check_step, place->paths[CORDON_DIRECTORY], text);
}

/* ---- making -----------------------------------------------------------------------------------
 */

static DWORD make_one(const wchar_t *path, cordon__guard *guard)
{
    if (CreateDirectoryW(path, &guard->attributes) || GetLastError() == ERROR_ALREADY_EXISTS)
        return 0;
    return GetLastError();
}

/* Back to what can be made, and forward again. Each separator on the way is a NUL for a while. */
static DWORD make_along(wchar_t *path, cordon__guard *guard, int *is_blocked)
{
    const size_t whole = wcslen(path);
    DWORD        error = make_one(path, guard);

    while (error == ERROR_PATH_NOT_FOUND) {
        wchar_t *last = wcsrchr(path, L'\\');

        if (!last || last - path < 4) /* what begins \\?\ ends here */
            return error;
        *last = L'\0';
        error = make_one(path, guard);
    }
    while (error == 0 && wcslen(path) < whole) {
        path[wcslen(path)] = L'\\';
        error = make_one(path, guard);
        *is_blocked = error == ERROR_PATH_NOT_FOUND;
    }
    return error;
}

static int make(const cordon__place *place, cordon_fault *fault)
{
    const cordon__memory *memory = &place->memory;
    wchar_t              *path = cordon__verbatim(memory, place->spelled);
    int                   is_blocked = 0;
    cordon__guard         guard;
    DWORD                 error;
    int                   code;

    if (!path)
        return cordon__fault_set(fault, CORDON_ENOMEM, make_step);
    code = cordon__guard_open(&guard, &place->self, CORDON__GUARD_DIRECTORY, fault);
    if (code == CORDON_OK) {
        error = make_along(path, &guard, &is_blocked);
        cordon__guard_close(&guard);
        if (is_blocked)
            code = refused(place, "something on the way to it is not a directory", fault);
        else if (error != 0)
            code = open_failed(place, make_step, error, fault);
        else
            cordon__place_done(place, make_step, place->paths[CORDON_DIRECTORY], NULL);
    }
    cordon__release(memory, path);
    return code;
}

/* ---- checking -----------------------------------------------------------------------------------
 */

/* 0, or GetLastError. */
static DWORD open_as(HANDLE *opened, const cordon__place *place, DWORD access)
{
    *opened = CreateFileW(place->spelled, access, SHARED, NULL, OPEN_EXISTING, HOW, NULL);
    return *opened == INVALID_HANDLE_VALUE ? GetLastError() : 0;
}

/* A server may have to repair a default one; whether it can is seen then. */
static DWORD open_there(HANDLE *opened, const cordon__place *place, int is_server)
{
    DWORD error = ERROR_ACCESS_DENIED;

    if (is_server && place->is_default)
        error = open_as(opened, place, ASKED | WRITE_DAC);
    if (error == ERROR_ACCESS_DENIED)
        error = open_as(opened, place, ASKED);
    return error;
}

static int open_or_make(HANDLE *opened, const cordon__place *place, int is_server,
                        cordon_fault *fault)
{
    DWORD error = open_there(opened, place, is_server);
    int   code;

    for (int tries = 0; error == ERROR_FILE_NOT_FOUND || error == ERROR_PATH_NOT_FOUND; tries++) {
        if (!is_server)
            return cordon__place_missing(place, fault, check_step, place->paths[CORDON_DIRECTORY]);
        if (tries == TRIES_MAX)
            break;
        code = make(place, fault);
        if (code != CORDON_OK)
            return code;
        error = open_there(opened, place, is_server);
    }
    return error == 0 ? CORDON_OK : open_failed(place, check_step, error, fault);
}

static int check_kind(const cordon__place *place, HANDLE opened, cordon_fault *fault)
{
    BY_HANDLE_FILE_INFORMATION info;
    wchar_t                   *final;
    int                        is_there;

    if (!GetFileInformationByHandle(opened, &info))
        return open_failed(place, check_step, GetLastError(), fault);
    if (info.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT)
        return refused(place, "a link where the directory should be", fault);
    if (!(info.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY))
        return refused(place, "not a directory", fault);
    final = cordon__final_path(&place->memory, opened, place->spelled);
    if (!final)
        return cordon__fault_set(fault, CORDON_ENOMEM, check_step);
    is_there =
        CompareStringOrdinal(final, -1, place->wide[CORDON_DIRECTORY], -1, TRUE) == CSTR_EQUAL;
    cordon__release(&place->memory, final);
    return is_there ? CORDON_OK
                    : refused(place, "leads elsewhere than when the endpoint was opened", fault);
}

/* Our own list takes the place of one that lets others in. */
static int repair(const cordon__place *place, HANDLE opened, enum cordon__access *found,
                  cordon_fault *fault)
{
    const SECURITY_INFORMATION what =
        DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION;
    cordon__guard guard;
    DWORD         error = 0;
    int           code = cordon__guard_open(&guard, &place->self, CORDON__GUARD_DIRECTORY, fault);

    if (code != CORDON_OK)
        return code;
    if (!SetKernelObjectSecurity(opened, what, guard.descriptor))
        error = GetLastError();
    cordon__guard_close(&guard);
    if (error == 0)
        error = cordon__access_of(found, opened, &place->self, WRITES, 0);
    if (error != 0)
        return open_failed(place, check_step, error, fault);
    if (*found == CORDON__ACCESS_OURS)
        cordon__place_done(place, check_step, place->paths[CORDON_DIRECTORY],
                           "others may not write to it any more");
    return CORDON_OK;
}

static int check_access(cordon__place *place, HANDLE opened, int is_server, cordon_fault *fault)
{
    enum cordon__access found;
    const DWORD         error = cordon__access_of(&found, opened, &place->self, WRITES, 0);
    int                 code = CORDON_OK;

    if (error != 0)
        return open_failed(place, check_step, error, fault);
    if (found == CORDON__ACCESS_OPEN && place->is_default && is_server)
        code = repair(place, opened, &found, fault);
    if (code != CORDON_OK)
        return code;
    if (found == CORDON__ACCESS_FOREIGN)
        return refused(place, "this directory belongs to another user", fault);
    place->home_is_loose = found == CORDON__ACCESS_OPEN;
    /* A client takes a default one as a server would, and leaves it as it is. */
    if (found == CORDON__ACCESS_OPEN && !(place->is_default && !is_server))
        return refused(place, "others may write to this directory", fault);
    return CORDON_OK;
}

/* ---- all together
 * ---------------------------------------------------------------------------------- */

static int is_there(const wchar_t *path)
{
    const DWORD attributes = GetFileAttributesW(path);

    return attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY) &&
           !(attributes & FILE_ATTRIBUTE_REPARSE_POINT);
}

/* One look: is it still there, and does it do for this caller? A directory that was removed
 * stays until we let go of it; one that was renamed is open all the same. */
static int is_as_before(const cordon__place *place, int is_server)
{
    FILE_STANDARD_INFO info;

    return place->home != INVALID_HANDLE_VALUE && !(is_server && place->home_is_loose) &&
           GetFileInformationByHandleEx(place->home, FileStandardInfo, &info, sizeof info) &&
           !info.DeletePending && is_there(place->spelled);
}

int cordon__private_open(cordon__place *place, int is_server, cordon_fault *fault)
{
    HANDLE opened;
    int    code;

    if (is_as_before(place, is_server))
        return CORDON_OK;
    if (place->home != INVALID_HANDLE_VALUE)
        CloseHandle(place->home);
    place->home = INVALID_HANDLE_VALUE;
    code = open_or_make(&opened, place, is_server, fault);
    if (code != CORDON_OK)
        return code;
    code = check_kind(place, opened, fault);
    if (code == CORDON_OK)
        code = check_access(place, opened, is_server, fault);
    if (code != CORDON_OK) {
        CloseHandle(opened);
        return code;
    }
    place->home = opened;
    cordon__place_done(place, check_step, place->paths[CORDON_DIRECTORY], NULL);
    return CORDON_OK;
}
