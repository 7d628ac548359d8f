/*
 * Which file is meant by a program's name. CreateProcessW is never left to guess: it would look in
 * the current folder and in the one of our own program first, and read a path with blanks in more
 * than one way. And it hands a batch file to cmd.exe, which takes the arguments apart by rules of
 * its own: whoever writes one of them writes a command. So only programs are found.
 */
#include "../dialect.h"

#include "words.h"

#include <string.h>
#include <wchar.h>

static int ends_in(const wchar_t *text, const wchar_t *end)
{
    const size_t size = wcslen(text), tail = wcslen(end);

    return size > tail &&
           CompareStringOrdinal(text + size - tail, (int)tail, end, (int)tail, TRUE) == CSTR_EQUAL;
}

static int is_program(const wchar_t *path)
{
    return ends_in(path, L".exe") || ends_in(path, L".com");
}

static int is_file(const wchar_t *path)
{
    const DWORD attributes = GetFileAttributesW(path);

    return attributes != INVALID_FILE_ATTRIBUTES && !(attributes & FILE_ATTRIBUTE_DIRECTORY);
}

#define EXE L".exe"

/* In full, as the system itself will read it (blanks and dots at its end do not count), with room
 * for ".exe" behind it. */
static DWORD make_full(wchar_t **full, const cordon__memory *memory, const wchar_t *path)
{
    const DWORD size = GetFullPathNameW(path, 0, NULL, NULL); /* with its end */
    DWORD       got;

    if (size == 0)
        return GetLastError();
    *full = cordon__allocate(memory, sizeof(wchar_t) * size + sizeof EXE);
    if (!*full)
        return ERROR_NOT_ENOUGH_MEMORY;
    got = GetFullPathNameW(path, size, *full, NULL);
    if (got > 0 && got < size)
        return 0;
    cordon__release(memory, *full); /* the current folder has changed meanwhile */
    return ERROR_FILE_NOT_FOUND;
}

/* The file itself, or with ".exe" behind it. ERROR_BAD_EXE_FORMAT: there is one, but no program. */
static DWORD find_at(wchar_t **file, const cordon__memory *memory, const wchar_t *path)
{
    wchar_t *full = NULL;
    DWORD    error = make_full(&full, memory, path);

    if (error != 0)
        return error;
    error = ERROR_FILE_NOT_FOUND;
    if (is_file(full))
        error = is_program(full) ? 0 : ERROR_BAD_EXE_FORMAT;
    if (error != 0 && !is_program(full)) {
        memcpy(full + wcslen(full), EXE, sizeof EXE);
        if (is_file(full))
            error = 0;
    }
    if (error == 0)
        *file = full;
    else
        cordon__release(memory, full);
    return error;
}

/* ---- along PATH ----------------------------------------------------------------------------- */

/* "C:\..." or "\\server\...": neither the current folder nor the current drive matters. */
static int is_in_full(const wchar_t *folder)
{
    const wchar_t first = folder[0], second = first != L'\0' ? folder[1] : L'\0';

    if (first == L'\\' || first == L'/')
        return second == L'\\' || second == L'/';
    return second == L':' && (folder[2] == L'\\' || folder[2] == L'/');
}

/* The next folder of PATH, without quotes -> `to`, which has room for all of PATH. A quote keeps
 * the semicolons within it. */
static const wchar_t *next_folder(wchar_t *to, const wchar_t *path)
{
    int is_quoted = 0;

    for (; *path != L'\0' && (is_quoted || *path != L';'); path++) {
        if (*path == L'"')
            is_quoted = !is_quoted;
        else
            *to++ = *path;
    }
    *to = L'\0';
    return *path == L';' ? path + 1 : path;
}

/* `room` is for any folder of PATH with the name behind it. */
static DWORD search(wchar_t **file, const cordon__memory *memory, const wchar_t *path,
                    const wchar_t *name, wchar_t *room)
{
    DWORD found = ERROR_FILE_NOT_FOUND, error;

    while (*path != L'\0') {
        path = next_folder(room, path);
        if (!is_in_full(room))
            continue;
        wcscat(room, L"\\");
        wcscat(room, name);
        error = find_at(file, memory, room);
        if (error == 0 || error == ERROR_NOT_ENOUGH_MEMORY)
            return error;
        if (error == ERROR_BAD_EXE_FORMAT)
            found = error;
    }
    return found;
}

/* Two texts in one: PATH, and as much room again with a name. */
static DWORD search_path(wchar_t **file, const cordon__memory *memory, const wchar_t *name)
{
    const DWORD size = GetEnvironmentVariableW(L"PATH", NULL, 0);
    wchar_t    *path;
    DWORD       got, error = ERROR_FILE_NOT_FOUND;

    if (size == 0)
        return ERROR_FILE_NOT_FOUND;
    path = cordon__allocate(memory, sizeof *path * (2 * (size_t)size + wcslen(name) + 2));
    if (!path)
        return ERROR_NOT_ENOUGH_MEMORY;
    got = GetEnvironmentVariableW(L"PATH", path, size);
    if (got > 0 && got < size) /* else the host has just changed it */
        error = search(file, memory, path, name, path + size);
    cordon__release(memory, path);
    return error;
}

DWORD cordon__find_program(wchar_t **file, const cordon__memory *memory, const char *name)
{
    wchar_t *wide = cordon__to_wide(memory, name);
    DWORD    error;

    if (!wide)
        return GetLastError();
    if (*wide == L'\0')
        error = ERROR_FILE_NOT_FOUND;
    else if (wcspbrk(wide, L"\\/:"))
        error = find_at(file, memory, wide);
    else
        error = search_path(file, memory, wide);
    cordon__release(memory, wide);
    return error;
}
