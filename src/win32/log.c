/* What a started program has printed to its log. */
#include "../dialect.h"

#include "place.h"

#define SHARED (FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)

/* A plain file: a pipe in its place must not hold us. */
static HANDLE open_log(const char *path, uint64_t *size)
{
    wchar_t      *wide = cordon__to_wide(&cordon__libc, path);
    HANDLE        log = INVALID_HANDLE_VALUE;
    LARGE_INTEGER end;

    if (wide == NULL)
        return log;
    log = CreateFileW(wide, GENERIC_READ, SHARED, NULL, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, NULL);
    cordon__release(&cordon__libc, wide);
    if (log == INVALID_HANDLE_VALUE)
        return log;
    if (GetFileType(log) == FILE_TYPE_DISK && GetFileSizeEx(log, &end)) {
        *size = (uint64_t)end.QuadPart;
        return log;
    }
    CloseHandle(log);
    return INVALID_HANDLE_VALUE;
}

uint64_t cordon__log_end(const char *path)
{
    uint64_t size = 0;
    HANDLE   log = open_log(path, &size);

    if (log != INVALID_HANDLE_VALUE)
        CloseHandle(log);
    return size;
}

size_t cordon__log_tail(void *data, size_t size, const char *path, uint64_t from)
{
    LARGE_INTEGER at;
    uint64_t      end = 0;
    DWORD         got = 0;
    HANDLE        log = open_log(path, &end);

    if (log == INVALID_HANDLE_VALUE)
        return 0;
    if (end > size && end - size > from)
        from = end - size;
    at.QuadPart = (LONGLONG)from;
    if (end <= from || !SetFilePointerEx(log, at, NULL, FILE_BEGIN) ||
        !ReadFile(log, data, (DWORD)(end - from), &got, NULL))
        got = 0;
    CloseHandle(log);
    return got;
}
