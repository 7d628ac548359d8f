/* Directories that are a test's own. */
#include "inner.h"

#include <sddl.h>

const wchar_t *support_wide(const char *text)
{
    static SUPPORT_OF_THREAD wchar_t made[4][SUPPORT_PATH * 2];
    static SUPPORT_OF_THREAD int     next;
    wchar_t                         *wide = made[next++ % 4];

    SUPPORT_CHECK(
        MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, wide, SUPPORT_PATH * 2) > 0);
    return wide;
}

/* ---- whose it is ---- */

void support_own_sid(char *out, size_t room)
{
    union {
        TOKEN_USER user;
        BYTE       room[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
    } who;
    HANDLE token;
    DWORD  size;
    char  *text;

    SUPPORT_CHECK(OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token));
    SUPPORT_CHECK(GetTokenInformation(token, TokenUser, &who, sizeof who, &size));
    CloseHandle(token);
    SUPPORT_CHECK(ConvertSidToStringSidA(who.user.User.Sid, &text));
    SUPPORT_CHECK(strlen(text) < room);
    memcpy(out, text, strlen(text) + 1);
    LocalFree(text);
}

void support_descriptor(SECURITY_ATTRIBUTES *attributes, const char *rights, const char *more)
{
    char user[192], text[800];

    support_own_sid(user, sizeof user);
    snprintf(text, sizeof text, "O:%sG:%sD:P(A;%s;;;%s)%s", user, user, rights, user, more);
    attributes->nLength = sizeof *attributes;
    attributes->bInheritHandle = FALSE;
    SUPPORT_CHECK(ConvertStringSecurityDescriptorToSecurityDescriptorA(
        text, SDDL_REVISION_1, &attributes->lpSecurityDescriptor, NULL));
}

void support_own_level(char *out, size_t room)
{
    union {
        TOKEN_MANDATORY_LABEL label;
        BYTE                  room[sizeof(TOKEN_MANDATORY_LABEL) + SECURITY_MAX_SID_SIZE];
    } level;
    HANDLE token;
    DWORD  size;
    char  *text;

    SUPPORT_CHECK(OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token));
    SUPPORT_CHECK(GetTokenInformation(token, TokenIntegrityLevel, &level, sizeof level, &size));
    CloseHandle(token);
    SUPPORT_CHECK(ConvertSidToStringSidA(level.label.Label.Sid, &text));
    SUPPORT_CHECK(strlen(text) < room);
    memcpy(out, text, strlen(text) + 1);
    LocalFree(text);
}

/* ---- directories ---- */

void support_directory(char path[SUPPORT_PATH])
{
    static LONG   count;
    wchar_t       wide[MAX_PATH], name[MAX_PATH];
    LARGE_INTEGER now;
    DWORD         size = GetTempPathW(MAX_PATH, wide);

    SUPPORT_CHECK(size > 0 && size < MAX_PATH && wide[size - 1] == L'\\');
    SUPPORT_CHECK(GetLongPathNameW(wide, name, MAX_PATH) > 0); /* real: no RUNNER~1 */
    SUPPORT_CHECK(WideCharToMultiByte(CP_UTF8, 0, name, -1, path, SUPPORT_PATH - 64, NULL, NULL));
    QueryPerformanceCounter(&now);
    for (size = (DWORD)strlen(path);; now.QuadPart += 7919) {
        SECURITY_ATTRIBUTES ours;
        BOOL                is_made;

        snprintf(path + size, 64, "cordon-test-%08lx%04lx", (unsigned long)now.QuadPart,
                 (unsigned long)InterlockedIncrement(&count) & 0xffff);
        support_descriptor(&ours, "OICI;FA", "");
        is_made = CreateDirectoryW(support_wide(path), &ours);
        LocalFree(ours.lpSecurityDescriptor);
        if (is_made)
            return;
        SUPPORT_CHECK(GetLastError() == ERROR_ALREADY_EXISTS);
    }
}

void support_long_directory(char path[SUPPORT_PATH], char root[SUPPORT_PATH])
{
    char name[81];

    support_directory(root);
    memset(name, 'd', sizeof name - 1);
    name[sizeof name - 1] = 0;
    support_join(path, root, name);
    support_directory_make(path);
}

void support_directory_make(const char *path)
{
    SECURITY_ATTRIBUTES ours;

    support_descriptor(&ours, ";FA", "");
    SUPPORT_CHECK(CreateDirectoryW(support_wide(path), &ours));
    LocalFree(ours.lpSecurityDescriptor);
}

/* What somebody else's process has open for a moment yet goes when it is closed. */
static void remove_one(const char *path, BOOL (*WINAPI gone)(const wchar_t *path))
{
    for (int n = 0; n < 200 && !gone(support_wide(path)); n++) {
        const DWORD error = GetLastError();

        if (error == ERROR_FILE_NOT_FOUND || error == ERROR_PATH_NOT_FOUND)
            return;
        Sleep(5);
    }
}

void support_directory_remove(const char *path)
{
    char             all[SUPPORT_PATH], child[SUPPORT_PATH], name[SUPPORT_PATH];
    WIN32_FIND_DATAW found;
    HANDLE           search = FindFirstFileW(support_wide(support_join(all, path, "*")), &found);

    if (search == INVALID_HANDLE_VALUE)
        return;
    do {
        WideCharToMultiByte(CP_UTF8, 0, found.cFileName, -1, name, SUPPORT_PATH, NULL, NULL);
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
            continue;
        support_join(child, path, name);
        if ((found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) != 0)
            support_directory_remove(child);
        else
            remove_one(child, DeleteFileW);
    } while (FindNextFileW(search, &found));
    FindClose(search);
    remove_one(path, RemoveDirectoryW);
}

const char *support_join(char out[SUPPORT_PATH], const char *directory, const char *name)
{
    SUPPORT_CHECK(snprintf(out, SUPPORT_PATH, "%s\\%s", directory, name) < SUPPORT_PATH);
    return out;
}

const char *support_name_of(const char *path)
{
    return strrchr(path, '\\') + 1;
}

uint64_t support_identity(const char *path)
{
    BY_HANDLE_FILE_INFORMATION info;
    HANDLE                     file = CreateFileW(support_wide(path), FILE_READ_ATTRIBUTES,
                                                  FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                                                  OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);

    SUPPORT_CHECK(file != INVALID_HANDLE_VALUE);
    SUPPORT_CHECK(GetFileInformationByHandle(file, &info));
    CloseHandle(file);
    return (uint64_t)info.nFileIndexHigh << 32 | info.nFileIndexLow;
}

/* A pipe is asked without being opened: who opens one takes an instance. */
int support_exists(const char *path)
{
    if (strncmp(path, "\\\\.\\pipe\\", 9) == 0)
        return WaitNamedPipeW(support_wide(path), 1) || GetLastError() == ERROR_SEM_TIMEOUT;
    return GetFileAttributesW(support_wide(path)) != INVALID_FILE_ATTRIBUTES;
}

void support_write(const char *path, const void *data, size_t size, unsigned mode)
{
    SECURITY_ATTRIBUTES ours;
    HANDLE              file;
    DWORD               done;

    support_descriptor(&ours, ";FA", (mode & 0044) != 0 ? "(A;;FR;;;WD)" : "");
    file = CreateFileW(support_wide(path), GENERIC_WRITE, 0, &ours, CREATE_ALWAYS,
                       FILE_ATTRIBUTE_NORMAL, NULL);
    SUPPORT_CHECK(file != INVALID_HANDLE_VALUE);
    SUPPORT_CHECK(WriteFile(file, data, (DWORD)size, &done, NULL) && done == size);
    CloseHandle(file);
    LocalFree(ours.lpSecurityDescriptor);
}

size_t support_read(const char *path, void *data, size_t room)
{
    HANDLE file = CreateFileW(support_wide(path), GENERIC_READ,
                              FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                              OPEN_EXISTING, 0, NULL);
    DWORD  got;

    SUPPORT_CHECK(file != INVALID_HANDLE_VALUE);
    SUPPORT_CHECK(ReadFile(file, data, (DWORD)room, &got, NULL));
    CloseHandle(file);
    return got;
}

void support_rename(const char *from, const char *to)
{
    for (int n = 0; n < 200; n++) { /* a reader may have the old one open for a moment */
        if (MoveFileExW(support_wide(from), support_wide(to), MOVEFILE_REPLACE_EXISTING))
            return;
        Sleep(5);
    }
    support_failed("it is renamed", __FILE__, __LINE__);
}

void support_remove(const char *path)
{
    SUPPORT_CHECK(DeleteFileW(support_wide(path)) || GetLastError() == ERROR_FILE_NOT_FOUND);
}

void *support_share(const char *path, size_t size)
{
    HANDLE file = CreateFileW(support_wide(path), GENERIC_READ | GENERIC_WRITE,
                              FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_ALWAYS, 0, NULL);
    HANDLE mapping;
    void  *shared;

    SUPPORT_CHECK(file != INVALID_HANDLE_VALUE);
    mapping = CreateFileMappingW(file, NULL, PAGE_READWRITE, 0, (DWORD)size, NULL);
    SUPPORT_CHECK(mapping != NULL);
    shared = MapViewOfFile(mapping, FILE_MAP_WRITE, 0, 0, size);
    SUPPORT_CHECK(shared != NULL);
    CloseHandle(mapping);
    CloseHandle(file);
    return shared;
}

void support_unshare(void *shared, size_t size)
{
    (void)size;
    UnmapViewOfFile(shared);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

void support_names(char *out, size_t room, const char *directory)
{
    static char      names[64][SUPPORT_PATH];
    char             all[SUPPORT_PATH];
    WIN32_FIND_DATAW found;
    size_t           count = 0;
    HANDLE search = FindFirstFileW(support_wide(support_join(all, directory, "*")), &found);

    SUPPORT_CHECK(search != INVALID_HANDLE_VALUE && room > 0);
    do {
        SUPPORT_CHECK(count < 64);
        WideCharToMultiByte(CP_UTF8, 0, found.cFileName, -1, names[count], SUPPORT_PATH, NULL,
                            NULL);
        if (strcmp(names[count], ".") != 0 && strcmp(names[count], "..") != 0)
            count++;
    } while (FindNextFileW(search, &found));
    FindClose(search);
    qsort(names, count, sizeof names[0], by_name);
    out[0] = 0;
    for (size_t n = 0; n < count; n++) {
        SUPPORT_CHECK(strlen(out) + strlen(names[n]) + 2 < room);
        if (n > 0)
            strcat(out, " ");
        strcat(out, names[n]);
    }
}
