/* A client that speaks bytes. It shares nothing with the library: what both agree on is the wire.
 */
#include "support.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

/* ---- bytes ---- */

static int digit(char hex)
{
    const char *digits = "0123456789abcdef";
    const char *at = hex == 0 ? NULL : strchr(digits, hex);

    return at == NULL ? -1 : (int)(at - digits);
}

size_t support_from_hex(uint8_t *out, size_t room, const char *hex)
{
    size_t size = 0;

    for (; *hex != 0; hex++) {
        if (*hex == ' ' || *hex == '\n')
            continue;
        SUPPORT_CHECK(digit(hex[0]) >= 0 && digit(hex[1]) >= 0 && size < room);
        out[size++] = (uint8_t)(digit(hex[0]) * 16 + digit(hex[1]));
        hex++;
    }
    return size;
}

void support_to_hex(char *out, const void *data, size_t size)
{
    const uint8_t *bytes = data;

    for (size_t n = 0; n < size; n++) {
        out[2 * n] = "0123456789abcdef"[bytes[n] >> 4];
        out[2 * n + 1] = "0123456789abcdef"[bytes[n] & 15];
    }
    out[2 * size] = 0;
}

void support_put16(uint8_t *out, uint16_t value)
{
    out[0] = (uint8_t)(value & 0xff);
    out[1] = (uint8_t)(value >> 8);
}

void support_put32(uint8_t *out, uint32_t value)
{
    support_put16(out, (uint16_t)(value & 0xffff));
    support_put16(out + 2, (uint16_t)(value >> 16));
}

uint16_t support_get16(const uint8_t *from)
{
    return (uint16_t)(from[0] | (from[1] << 8));
}

uint32_t support_get32(const uint8_t *from)
{
    return (uint32_t)support_get16(from) | ((uint32_t)support_get16(from + 2) << 16);
}

/* ---- frames ---- */

size_t support_put_head(uint8_t *out, unsigned type, unsigned flags, uint32_t id, size_t size)
{
    support_put32(out, (uint32_t)size);
    out[4] = (uint8_t)type;
    out[5] = (uint8_t)flags;
    support_put16(out + 6, 0);
    support_put32(out + 8, id);
    return 12;
}

size_t support_put_frame(uint8_t *out, unsigned type, unsigned flags, uint32_t id, const void *body,
                         size_t size)
{
    support_put_head(out, type, flags, id, size);
    if (size > 0)
        memcpy(out + 12, body, size);
    return 12 + size;
}

size_t support_put_hello(uint8_t *out, const support_hello *hello)
{
    const char *program = hello->program != NULL ? hello->program : "";
    size_t      named = strlen(program);
    uint8_t     body[600];
    size_t      size = 13;

    SUPPORT_CHECK(named <= 255);
    support_put16(body, hello->version_min);
    support_put16(body + 2, hello->version_max);
    support_put32(body + 4, hello->features);
    support_put32(body + 8, hello->max_payload);
    body[12] = hello->token_size;
    memcpy(body + size, hello->token, hello->token_size);
    size += hello->token_size;
    body[size++] = (uint8_t)named;
    memcpy(body + size, program, named);
    size += named;
    memcpy(out,
           "\xC0"
           "CRD",
           4);
    return 4 + support_put_frame(out + 4, 1, 0, 0, body, size);
}

void support_good_hello(support_hello *hello, cordon_endpoint *endpoint)
{
    cordon_fault fault = CORDON_FAULT_INIT;
    char         token[65];

    memset(hello, 0, sizeof *hello);
    SUPPORT_CODE(cordon_endpoint_token(token, endpoint, &fault), CORDON_OK, &fault);
    hello->version_min = hello->version_max = 1;
    hello->max_payload = 1u << 20;
    hello->token_size = (uint8_t)support_from_hex(hello->token, sizeof hello->token, token);
    hello->program = "raw";
}

size_t support_put_line(char *out, size_t room, cordon_endpoint *endpoint, const char *id,
                        const char *request)
{
    cordon_fault fault = CORDON_FAULT_INIT;
    char         token[65];
    int          size;

    SUPPORT_CODE(cordon_endpoint_token(token, endpoint, &fault), CORDON_OK, &fault);
    size =
        snprintf(out, room, "{\"token\":\"%s\",%s%s%s\"request\":%s}\n", token,
                 id != NULL ? "\"id\":" : "", id != NULL ? id : "", id != NULL ? "," : "", request);
    SUPPORT_CHECK(size > 0 && (size_t)size < room);
    return (size_t)size;
}

/* ---- the socket ---- */

int support_raw_open(cordon_endpoint *endpoint)
{
    const char        *path = cordon_endpoint_path(endpoint, CORDON_ADDRESS);
    struct sockaddr_un address = {0};
    int                fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    SUPPORT_CHECK(fd >= 0 && strlen(path) < sizeof address.sun_path);
    address.sun_family = AF_UNIX;
    memcpy(address.sun_path, path, strlen(path) + 1);
    SUPPORT_CHECK(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    return fd;
}

int support_raw_admitted(cordon_endpoint *endpoint)
{
    support_hello hello;
    support_frame frame = {0};
    uint8_t       bytes[700];
    int           fd = support_raw_open(endpoint);

    support_good_hello(&hello, endpoint);
    support_raw_send(fd, bytes, support_put_hello(bytes, &hello));
    SUPPORT_CHECK(support_raw_frame(fd, &frame, SUPPORT_SOON) == 1);
    SUPPORT_CHECK(frame.type == 2);
    support_frame_free(&frame);
    return fd;
}

size_t support_raw_try_send(int fd, const void *data, size_t size)
{
    size_t done = 0;

    while (done < size) {
        ssize_t sent = send(fd, (const char *)data + done, size - done, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return done;
        done += (size_t)sent;
    }
    return done;
}

void support_raw_send(int fd, const void *data, size_t size)
{
    SUPPORT_CHECK(support_raw_try_send(fd, data, size) == size);
}

/* 1: something to read, or the end; 0: not until then. */
static int wait_readable(int fd, uint64_t deadline)
{
    for (;;) {
        struct pollfd wanted = {fd, POLLIN, 0};
        uint64_t      now = support_now();
        int           left = now < deadline ? (int)(deadline - now) : 0;
        int           ready = poll(&wanted, 1, left);

        if (ready > 0)
            return 1;
        if (ready == 0)
            return 0;
        SUPPORT_CHECK(errno == EINTR);
    }
}

/* The bytes read until size, the end (*is_end) or the deadline. */
static size_t read_until(int fd, void *data, size_t size, uint64_t deadline, int *is_end)
{
    size_t done = 0;

    *is_end = 0;
    while (done < size && wait_readable(fd, deadline)) {
        ssize_t got = recv(fd, (char *)data + done, size - done, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) { /* a reset is an end too */
            *is_end = 1;
            break;
        }
        done += (size_t)got;
    }
    return done;
}

static uint64_t in(int ms)
{
    return support_now() + (uint64_t)ms;
}

size_t support_raw_read(int fd, void *data, size_t size, int ms)
{
    int is_end;

    return read_until(fd, data, size, in(ms), &is_end);
}

int support_raw_ends(int fd, int ms)
{
    char byte;
    int  is_end;

    return read_until(fd, &byte, 1, in(ms), &is_end) == 0 && is_end;
}

int support_raw_is_silent(int fd, int ms)
{
    return !wait_readable(fd, in(ms));
}

int support_raw_frame(int fd, support_frame *frame, int ms)
{
    uint64_t deadline = in(ms);
    uint8_t  head[12];
    int      is_end;

    if (read_until(fd, head, sizeof head, deadline, &is_end) < sizeof head)
        return is_end ? 0 : -1;
    free(frame->body);
    frame->type = head[4];
    frame->flags = head[5];
    frame->handles = support_get16(head + 6);
    frame->id = support_get32(head + 8);
    frame->size = support_get32(head);
    frame->body = malloc(frame->size + 1);
    SUPPORT_CHECK(frame->body != NULL);
    frame->body[frame->size] = 0;
    if (read_until(fd, frame->body, frame->size, deadline, &is_end) < frame->size)
        return is_end ? 0 : -1;
    return 1;
}

void support_frame_free(support_frame *frame)
{
    free(frame->body);
    memset(frame, 0, sizeof *frame);
}

int support_raw_line(int fd, char *out, size_t room, int ms)
{
    uint64_t deadline = in(ms);
    size_t   size = 0;
    int      is_end;

    for (;;) {
        SUPPORT_CHECK(size < room);
        if (read_until(fd, out + size, 1, deadline, &is_end) == 0)
            return is_end ? 0 : -1;
        if (out[size] == '\n')
            break;
        size++;
    }
    out[size] = 0;
    return 1;
}
