#include "../dialect.h"

#include "flow.h"

#include <string.h>

#define LOCAL_INFO    24 /* FilePipeLocalInformation */
#define STATE_CLOSING 4  /* FILE_PIPE_CLOSING_STATE */

DWORD cordon__flow_look(HANDLE pipe, DWORD *count)
{
    *count = 0;
    return PeekNamedPipe(pipe, NULL, 0, NULL, count, NULL) ? 0 : GetLastError();
}

DWORD cordon__flow_take(HANDLE pipe, HANDLE event, void *data, size_t size, DWORD *got)
{
    const DWORD most = (DWORD)(size < CORDON__FLOW_MOST ? size : CORDON__FLOW_MOST);
    OVERLAPPED  reading = {0};
    DWORD       error;

    *got = 0;
    reading.hEvent = (HANDLE)((uintptr_t)event | 1); /* its lowest bit keeps it from the port */
    if (!ReadFile(pipe, data, most, NULL, &reading)) {
        error = GetLastError();
        if (error != ERROR_IO_PENDING)
            return error;
        (void)CancelIoEx(pipe, &reading);
    }
    if (GetOverlappedResult(pipe, &reading, got, TRUE))
        return 0;
    *got = 0;
    error = GetLastError();
    return error == ERROR_OPERATION_ABORTED ? 0 : error;
}

/* FILE_PIPE_LOCAL_INFORMATION and what it is asked with: not in every compiler's headers. */

typedef struct pipe_info {
    ULONG kind, configuration, instances_max, instances;
    ULONG in_quota, can_be_read, out_quota, can_be_written;
    ULONG state, end;
} pipe_info;

typedef struct io_status {
    void     *status;
    ULONG_PTR size;
} io_status;

typedef LONG(WINAPI *query_fn)(HANDLE file, io_status *status, void *info, ULONG size, int what);

static query_fn find_query(void)
{
    const HMODULE module = GetModuleHandleW(L"ntdll.dll");
    const FARPROC found = module ? GetProcAddress(module, "NtQueryInformationFile") : NULL;

    return (query_fn)(void (*)(void))found;
}

int cordon__flow_has_gone(HANDLE pipe)
{
    const query_fn query = find_query();
    pipe_info      info = {0};
    io_status      status = {0};
    DWORD          count;

    if (query && query(pipe, &status, &info, sizeof info, LOCAL_INFO) == 0)
        return info.state == STATE_CLOSING;
    return cordon__flow_look(pipe, &count) != 0;
}

size_t cordon__flow_pack(void *to, size_t size, const cordon_bytes *pieces, size_t count,
                         size_t skip)
{
    size_t done = 0;

    for (size_t i = 0; i < count && done < size; i++) {
        const size_t from = skip < pieces[i].size ? skip : pieces[i].size;
        const size_t there = pieces[i].size - from;
        const size_t part = there < size - done ? there : size - done;

        skip -= from;
        if (part > 0)
            memcpy((char *)to + done, (const char *)pieces[i].data + from, part);
        done += part;
    }
    return done;
}
