/* A client that speaks bytes. It shares nothing with the library: what both agree on is the wire.
 */
#include "support.h"

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

/* ---- talking ---- */

support_raw support_raw_open(cordon_endpoint *endpoint)
{
    const char *address = cordon_endpoint_path(endpoint, CORDON_ADDRESS);
    uint64_t    deadline = support_now() + SUPPORT_SOON;
    support_raw raw;
    int         is_busy = 0;

    for (;;) {
        raw = support_raw_try_open(address, &is_busy);
        if (raw != SUPPORT_NO_RAW || !is_busy || support_now() >= deadline)
            break;
        support_pause(1);
    }
    SUPPORT_CHECK(raw != SUPPORT_NO_RAW);
    return raw;
}

support_raw support_raw_admitted(cordon_endpoint *endpoint)
{
    support_hello hello;
    support_frame frame = {0};
    uint8_t       bytes[700];
    support_raw   raw = support_raw_open(endpoint);

    support_good_hello(&hello, endpoint);
    support_raw_send(raw, bytes, support_put_hello(bytes, &hello));
    SUPPORT_CHECK(support_raw_frame(raw, &frame, SUPPORT_SOON) == 1);
    SUPPORT_CHECK(frame.type == 2);
    support_frame_free(&frame);
    return raw;
}

size_t support_raw_try_send(support_raw raw, const void *data, size_t size)
{
    size_t done = 0;

    while (done < size) {
        long sent = support_raw_offer(raw, (const char *)data + done, size - done);

        if (sent < 0)
            break;
        done += (size_t)sent;
        if (sent == 0)
            support_raw_wait(raw, SUPPORT_RAW_OUT, -1);
    }
    return done;
}

void support_raw_send(support_raw raw, const void *data, size_t size)
{
    SUPPORT_CHECK(support_raw_try_send(raw, data, size) == size);
}

static int left_of(uint64_t deadline)
{
    uint64_t now = support_now();

    return now < deadline ? (int)(deadline - now) : 0;
}

/* The bytes read until size, the end (*is_end) or the deadline. */
static size_t read_until(support_raw raw, void *data, size_t size, uint64_t deadline, int *is_end)
{
    size_t done = 0;

    *is_end = 0;
    while (done < size) {
        long got = support_raw_some(raw, (char *)data + done, size - done, left_of(deadline));

        if (got == SUPPORT_RAW_NOTHING)
            break;
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

size_t support_raw_read(support_raw raw, void *data, size_t size, int ms)
{
    int is_end;

    return read_until(raw, data, size, in(ms), &is_end);
}

int support_raw_ends(support_raw raw, int ms)
{
    char byte;
    int  is_end;

    return read_until(raw, &byte, 1, in(ms), &is_end) == 0 && is_end;
}

int support_raw_ends_well(support_raw raw, int ms)
{
    char byte;

    return support_raw_some(raw, &byte, 1, ms) == 0;
}

int support_raw_is_silent(support_raw raw, int ms)
{
    return support_raw_wait(raw, SUPPORT_RAW_IN, ms) == 0;
}

int support_raw_frame(support_raw raw, support_frame *frame, int ms)
{
    uint64_t deadline = in(ms);
    uint8_t  head[12];
    int      is_end;

    if (read_until(raw, head, sizeof head, deadline, &is_end) < sizeof head)
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
    if (read_until(raw, frame->body, frame->size, deadline, &is_end) < frame->size)
        return is_end ? 0 : -1;
    return 1;
}

void support_frame_free(support_frame *frame)
{
    free(frame->body);
    memset(frame, 0, sizeof *frame);
}

int support_raw_line(support_raw raw, char *out, size_t room, int ms)
{
    uint64_t deadline = in(ms);
    size_t   size = 0;
    int      is_end;

    for (;;) {
        SUPPORT_CHECK(size < room);
        if (read_until(raw, out + size, 1, deadline, &is_end) == 0)
            return is_end ? 0 : -1;
        if (out[size] == '\n')
            break;
        size++;
    }
    out[size] = 0;
    return 1;
}
