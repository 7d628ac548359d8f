#include "win32_pair.h"

#define NAME_MAX_SIZE 96

/* Not the pid: those repeat. */
static void make_name(wchar_t *name)
{
    uint64_t word = 0;

    assert_int_equal(uv_random(NULL, NULL, &word, sizeof word, 0, NULL), 0);
    swprintf(name, NAME_MAX_SIZE, L"\\\\.\\pipe\\cordon-test-%08x%08x", (unsigned)(word >> 32),
             (unsigned)word);
}

void pair_open(HANDLE *ours, HANDLE *peer, int is_server, DWORD quota)
{
    wchar_t name[NAME_MAX_SIZE];
    HANDLE  server, client;

    make_name(name);
    server = CreateNamedPipeW(
        name, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | FILE_FLAG_FIRST_PIPE_INSTANCE,
        PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT, 1, quota, quota, 0, NULL);
    assert_true(server != INVALID_HANDLE_VALUE);
    client = CreateFileW(name, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING,
                         FILE_FLAG_OVERLAPPED, NULL);
    assert_true(client != INVALID_HANDLE_VALUE);
    *ours = is_server ? server : client;
    *peer = is_server ? client : server;
}

void pair_close(HANDLE *end)
{
    if (*end != INVALID_HANDLE_VALUE)
        CloseHandle(*end);
    *end = INVALID_HANDLE_VALUE;
}

/* The bytes of an operation that was begun; *error 0. */
static size_t finish(HANDLE peer, OVERLAPPED *work, DWORD *error)
{
    DWORD count = 0;
    int   is_late = WaitForSingleObject(work->hEvent, SOON_MS) == WAIT_TIMEOUT;

    if (is_late)
        CancelIoEx(peer, work);
    *error = GetOverlappedResult(peer, work, &count, TRUE) ? 0 : GetLastError();
    if (is_late && *error == ERROR_OPERATION_ABORTED)
        *error = WAIT_TIMEOUT;
    return *error == 0 ? count : 0;
}

void pair_write(HANDLE peer, const void *data, size_t size)
{
    OVERLAPPED work = {0};
    DWORD      error;

    work.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL);
    assert_true(WriteFile(peer, data, (DWORD)size, NULL, &work) ||
                GetLastError() == ERROR_IO_PENDING);
    assert_int_equal(finish(peer, &work, &error), size);
    assert_int_equal(error, 0);
    CloseHandle(work.hEvent);
}

size_t pair_read(HANDLE peer, void *data, size_t size, DWORD *error)
{
    OVERLAPPED work = {0};
    size_t     count = 0;

    work.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL);
    *error = 0;
    if (!ReadFile(peer, data, (DWORD)size, NULL, &work) && GetLastError() != ERROR_IO_PENDING)
        *error = GetLastError();
    else
        count = finish(peer, &work, error);
    CloseHandle(work.hEvent);
    return count;
}

size_t pair_waiting(HANDLE peer)
{
    DWORD count = 0;

    return PeekNamedPipe(peer, NULL, 0, NULL, &count, NULL) ? count : 0;
}

int pair_is_end(DWORD error)
{
    return error == ERROR_BROKEN_PIPE || error == ERROR_NO_DATA ||
           error == ERROR_PIPE_NOT_CONNECTED;
}

DWORD pair_handles(void)
{
    DWORD count = 0;

    if (GetProcessHandleCount(GetCurrentProcess(), &count) && count > 0)
        return count;
    for (uintptr_t value = 4; value < 4 * 4096; value += 4) { /* Wine says 0 */
        DWORD flags;

        count += GetHandleInformation((HANDLE)value, &flags) != 0;
    }
    assert_true(count > 0);
    return count;
}

char pair_byte(size_t n)
{
    return (char)((uint32_t)n * 2654435761u >> 11);
}

void pair_fill(char *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        data[i] = pair_byte(i);
}

size_t pair_check_next(HANDLE peer, size_t from, size_t most, DWORD *error)
{
    static char  data[65536];
    const size_t got = pair_read(peer, data, most < sizeof data ? most : sizeof data, error);

    for (size_t i = 0; i < got; i++)
        if (data[i] != pair_byte(from + i))
            fail_msg("byte %u is wrong", (unsigned)(from + i));
    return got;
}
