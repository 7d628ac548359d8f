#include "../dialect.h"

#include "resolve.h"

#include <knownfolders.h>
#include <shlobj.h>
#include <string.h>
#include <wchar.h>

#define ROOM   32768 /* characters; no path of the system is longer */
#define PREFIX L"\\\\?\\"
#define UNC    L"\\\\?\\UNC\\"

static const char step[] = "resolve";

static int starts_with(const wchar_t *text, const wchar_t *start)
{
    return wcsncmp(text, start, wcslen(start)) == 0;
}

static wchar_t *join(const cordon__memory *memory, const wchar_t *first, const wchar_t *second)
{
    const size_t head = wcslen(first), tail = wcslen(second);
    wchar_t     *made = cordon__allocate(memory, (head + tail + 1) * sizeof *made);

    if (!made)
        return NULL;
    memcpy(made, first, head * sizeof *made);
    memcpy(made + head, second, (tail + 1) * sizeof *made);
    return made;
}

static int resolve_failed(const cordon__place *place, DWORD error, const char *path,
                          cordon_fault *fault)
{
    return cordon__win32_fault(fault, step, error != 0 ? error : ERROR_NOT_ENOUGH_MEMORY,
                               path ? path : place->paths[CORDON_DIRECTORY]);
}

/* ---- verbatim and plain ---------------------------------------------------------------- */

wchar_t *cordon__verbatim(const cordon__memory *memory, const wchar_t *path)
{
    if (starts_with(path, PREFIX))
        return join(memory, L"", path);
    return starts_with(path, L"\\\\") ? join(memory, UNC, path + 2) : join(memory, PREFIX, path);
}

static wchar_t *without_prefix(const cordon__memory *memory, const wchar_t *path)
{
    const size_t skip = wcslen(PREFIX);

    if (starts_with(path, UNC))
        return join(memory, L"\\\\", path + wcslen(UNC));
    /* Others, as \\?\Volume{...}\, have no plain form. */
    return join(memory, L"", path[skip] != L'\0' && path[skip + 1] == L':' ? path + skip : path);
}

char *cordon__plain(const cordon__memory *memory, const wchar_t *verbatim)
{
    wchar_t *wide = without_prefix(memory, verbatim);
    char    *text = wide ? cordon__to_utf8(memory, wide) : NULL;

    cordon__release(memory, wide);
    return text;
}

char *cordon__plain_upper(const cordon__memory *memory, const wchar_t *verbatim)
{
    const int size =
        LCMapStringEx(LOCALE_NAME_INVARIANT, LCMAP_UPPERCASE, verbatim, -1, NULL, 0, NULL, NULL, 0);
    wchar_t *upper = cordon__allocate(memory, (size_t)(size + 1) * sizeof *upper);
    char    *text = NULL;

    if (upper && size > 0 &&
        LCMapStringEx(LOCALE_NAME_INVARIANT, LCMAP_UPPERCASE, verbatim, -1, upper, size, NULL, NULL,
                      0) == size)
        text = cordon__plain(memory, upper);
    cordon__release(memory, upper);
    return text;
}

/* ---- absolute ---------------------------------------------------------------------------- */

/* What can be cut from no path: \\?\C:\ or \\?\UNC\server\share. */
static size_t root_size(const wchar_t *path)
{
    const wchar_t *at = path + wcslen(starts_with(path, UNC) ? UNC : PREFIX);
    const wchar_t *end = wcschr(at, L'\\');

    if (end && starts_with(path, UNC)) {
        end = wcschr(end + 1, L'\\');
        return end ? (size_t)(end - path) : wcslen(path);
    }
    return end ? (size_t)(end - path) + 1 : wcslen(path);
}

static void trim(wchar_t *path)
{
    const size_t root = root_size(path);
    size_t       size = wcslen(path);

    while (size > root && path[size - 1] == L'\\')
        path[--size] = L'\0';
}

/* *out: verbatim. 0, or an error of the system. A device is no directory. */
static DWORD make_absolute(wchar_t **out, const cordon__memory *memory, const wchar_t *path)
{
    wchar_t *whole;
    DWORD    size;

    if (starts_with(path, PREFIX)) {
        *out = join(memory, L"", path);
        return *out ? 0 : ERROR_NOT_ENOUGH_MEMORY;
    }
    whole = cordon__allocate(memory, ROOM * sizeof *whole);
    if (!whole)
        return ERROR_NOT_ENOUGH_MEMORY;
    size = GetFullPathNameW(path, ROOM, whole, NULL);
    if (size > 0 && size < ROOM && !starts_with(whole, L"\\\\.\\")) {
        *out = cordon__verbatim(memory, whole);
        size = *out ? 0 : ERROR_NOT_ENOUGH_MEMORY;
    } else {
        size = ERROR_INVALID_NAME;
    }
    cordon__release(memory, whole);
    return size;
}

static int spell_named(wchar_t **spelled, const cordon__place *place, const char *directory,
                       cordon_fault *fault)
{
    const cordon__memory *memory = &place->memory;
    wchar_t              *wide = cordon__to_wide(memory, directory);
    DWORD                 error = wide ? 0 : GetLastError();

    if (error == 0)
        error = make_absolute(spelled, memory, wide);
    cordon__release(memory, wide);
    if (error != 0)
        return resolve_failed(place, error, directory, fault);
    trim(*spelled);
    return CORDON_OK;
}

/* The local profile, as the system knows it: never the roaming one, never a variable. */
static int spell_default(wchar_t **spelled, const cordon__place *place, const char *app,
                         cordon_fault *fault)
{
    const cordon__memory *memory = &place->memory;
    PWSTR                 folder = NULL;
    const HRESULT         result = SHGetKnownFolderPath(&FOLDERID_LocalAppData, 0, NULL, &folder);
    wchar_t              *name = cordon__to_wide(memory, app);
    wchar_t              *base = NULL;

    if (result != S_OK) {
        cordon__fault_os(fault, CORDON_EINVAL, step, (uint32_t)result, NULL);
        cordon__fault_text(fault, "the system knows no local folder for this user's data");
        CoTaskMemFree(folder);
        cordon__release(memory, name);
        return CORDON_EINVAL;
    }
    base = cordon__verbatim(memory, folder);
    if (base && name) {
        wchar_t *slashed;

        trim(base);
        slashed = join(memory, base, L"\\");
        *spelled = slashed ? join(memory, slashed, name) : NULL;
        cordon__release(memory, slashed);
    }
    CoTaskMemFree(folder);
    cordon__release(memory, base);
    cordon__release(memory, name);
    return *spelled ? CORDON_OK : cordon__fault_set(fault, CORDON_ENOMEM, step);
}

/* ---- where it leads ------------------------------------------------------------------------ */

wchar_t *cordon__final_path(const cordon__memory *memory, HANDLE directory, const wchar_t *spelled)
{
    /* A volume without a letter has no path of the first kind, some servers none but the last. */
    static const DWORD kinds[] = {FILE_NAME_NORMALIZED | VOLUME_NAME_DOS,
                                  FILE_NAME_NORMALIZED | VOLUME_NAME_GUID,
                                  FILE_NAME_OPENED | VOLUME_NAME_DOS};
    wchar_t           *whole = cordon__allocate(memory, ROOM * sizeof *whole);
    wchar_t           *made = NULL;
    int                is_told = 0;

    if (!whole)
        return NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0] && !is_told; i++) {
        const DWORD size = GetFinalPathNameByHandleW(directory, whole, ROOM, kinds[i]);

        is_told = size > 0 && size < ROOM;
    }
    made = cordon__verbatim(memory, is_told ? whole : spelled);
    cordon__release(memory, whole);
    if (made)
        trim(made);
    return made;
}

/* Another machine's, or one that it could have as well? */
static int is_remote(HANDLE directory, const wchar_t *path)
{
    FILE_REMOTE_PROTOCOL_INFO info;

    return starts_with(path, UNC) ||
           GetFileInformationByHandleEx(directory, FileRemoteProtocolInfo, &info, sizeof info);
}

/* Nothing of it is there, as far as the system can tell. */
static int is_absent(DWORD error)
{
    return error == ERROR_FILE_NOT_FOUND || error == ERROR_PATH_NOT_FOUND ||
           error == ERROR_BAD_NETPATH || error == ERROR_BAD_NET_NAME || error == ERROR_NOT_READY;
}

/* Open the longest part that exists: *size characters of it. It may be nothing of it. */
static DWORD open_longest(HANDLE *opened, wchar_t *path, size_t *size)
{
    const size_t root = root_size(path);

    for (*size = wcslen(path);; path[*size] = L'\0') {
        DWORD error;

        *opened = CreateFileW(path, FILE_READ_ATTRIBUTES,
                              FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                              OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
        error = *opened == INVALID_HANDLE_VALUE ? GetLastError() : 0;
        if (!is_absent(error))
            return error;
        if (*size <= root) {
            *size = 0;
            return 0;
        }
        while (*size > root && path[*size - 1] != L'\\')
            --*size;
        if (*size > root)
            --*size; /* the separator goes with what was behind it; a root keeps its own */
    }
}

static wchar_t *put_together(const cordon__memory *memory, wchar_t *front, const wchar_t *rest)
{
    const size_t size = front ? wcslen(front) : 0;
    wchar_t     *slashed, *made;

    while (*rest == L'\\')
        rest++;
    if (!front || *rest == L'\0')
        return front;
    slashed = join(memory, front, front[size - 1] == L'\\' ? L"" : L"\\");
    made = slashed ? join(memory, slashed, rest) : NULL;
    cordon__release(memory, slashed);
    cordon__release(memory, front);
    return made;
}

static DWORD find_final(wchar_t **final, int *is_elsewhere, const cordon__memory *memory,
                        const wchar_t *spelled)
{
    wchar_t *path = join(memory, L"", spelled);
    HANDLE   opened = INVALID_HANDLE_VALUE;
    size_t   size = 0;
    DWORD    error = path ? open_longest(&opened, path, &size) : ERROR_NOT_ENOUGH_MEMORY;

    if (error == 0 && opened != INVALID_HANDLE_VALUE)
        *final = put_together(memory, cordon__final_path(memory, opened, path), spelled + size);
    else if (error == 0)
        *final = join(memory, L"", spelled);
    if (error == 0 && *final)
        *is_elsewhere = is_remote(opened, *final);
    else if (error == 0)
        error = ERROR_NOT_ENOUGH_MEMORY;
    if (opened != INVALID_HANDLE_VALUE)
        CloseHandle(opened);
    cordon__release(memory, path);
    return error;
}

/* ---- all together ------------------------------------------------------------------------------
 */

static int find_ways(cordon__ways *ways, cordon__place *place, const char *app,
                     const char *directory, cordon_fault *fault)
{
    const cordon__memory *memory = &place->memory;
    int                   is_elsewhere = 0;
    int                   code = directory ? spell_named(&ways->spelled, place, directory, fault)
                                           : spell_default(&ways->spelled, place, app, fault);
    DWORD                 error;

    if (code != CORDON_OK)
        return code;
    error = find_final(&ways->named, &is_elsewhere, memory, ways->spelled);
    if (error == 0 && directory && is_elsewhere) {
        place->is_default = 1;
        cordon__release(memory, ways->spelled);
        ways->spelled = NULL;
        code = spell_default(&ways->spelled, place, app, fault);
    }
    if (error == 0 && code == CORDON_OK)
        error = find_final(&ways->home, &is_elsewhere, memory, ways->spelled);
    return error == 0 ? code : resolve_failed(place, error, directory, fault);
}

int cordon__ways_open(cordon__ways *ways, cordon__place *place, const char *app,
                      const char *directory, cordon_fault *fault)
{
    int code;

    memset(ways, 0, sizeof *ways);
    code = find_ways(ways, place, app, directory, fault);
    if (code != CORDON_OK)
        cordon__ways_close(ways, &place->memory);
    return code;
}

void cordon__ways_close(cordon__ways *ways, const cordon__memory *memory)
{
    cordon__release(memory, ways->spelled);
    cordon__release(memory, ways->home);
    cordon__release(memory, ways->named);
    memset(ways, 0, sizeof *ways);
}
