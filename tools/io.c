#include "io.h"

#include <stdint.h>
#include <stdlib.h>

#include <uv.h>

#include "host.h"

#define CHUNK ((size_t)64 << 10)
/* Who shares our terminal or pipe may have made it non-blocking. */
#define PAUSE_MS 5

/* Room for at least one more byte than there is, never for more than limit + 1. */
static int grow(char **data, size_t *capacity, size_t used, size_t limit)
{
    size_t wanted = *capacity < CHUNK ? CHUNK : *capacity * 2;
    char  *grown;

    if (used < *capacity)
        return 0;
    grown = realloc(*data, wanted < limit + 1 ? wanted : limit + 1);
    if (grown == NULL)
        return UV_ENOMEM;
    *data = grown;
    *capacity = wanted < limit + 1 ? wanted : limit + 1;
    return 0;
}

int io_read_all(char **data, size_t *size, size_t limit)
{
    size_t    capacity = 0;
    ptrdiff_t got = 1;

    *data = NULL;
    *size = 0;
    while (got > 0 && *size <= limit) {
        got = grow(data, &capacity, *size, limit);
        if (got == 0)
            got = host_read(*data + *size, capacity - *size);
        if (got > 0)
            *size += (size_t)got;
    }
    if (got == 0)
        return 0;
    free(*data);
    *data = NULL;
    return got < 0 ? (int)got : UV_EMSGSIZE;
}

int io_write(cordon_bytes bytes)
{
    const char *at = bytes.data;
    size_t      left = bytes.size;

    while (left > 0) {
        uv_buf_t buffer =
            uv_buf_init((char *)(uintptr_t)at, left < INT32_MAX ? (unsigned)left : INT32_MAX);
        uv_fs_t   request;
        ptrdiff_t sent = uv_fs_write(NULL, &request, STDOUT_FD, &buffer, 1, -1, NULL);

        uv_fs_req_cleanup(&request);
        if (sent == UV_EAGAIN)
            uv_sleep(PAUSE_MS);
        else if (sent < 0 && sent != UV_EINTR)
            return (int)sent;
        if (sent > 0) {
            at += sent;
            left -= (size_t)sent;
        }
    }
    return 0;
}

int io_write_line(cordon_bytes bytes, int at_terminal_only)
{
    const char *last = (const char *)bytes.data;
    int         code = io_write(bytes);

    if (code != 0 || (bytes.size > 0 && last[bytes.size - 1] == '\n'))
        return code;
    if (at_terminal_only && (bytes.size == 0 || uv_guess_handle(STDOUT_FD) != UV_TTY))
        return 0;
    return io_write(cordon_text("\n"));
}
