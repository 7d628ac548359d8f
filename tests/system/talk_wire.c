#include "talk_kit.h"

#include <errno.h>

/* Good in children too. */
static void broken(const char *format, ...) CMOCKA_PRINTF_ATTRIBUTE(1, 2);
static void broken(const char *format, ...)
{
    char    text[1024];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    support_failed(text, __FILE__, __LINE__);
}

/* ---- Bytes to send ---------------------------------------------------------------------- */

void script_bytes(script *script, const void *data, size_t size)
{
    if (script->room - script->size < size) {
        script->room = (script->size + size) * 2;
        script->data = realloc(script->data, script->room);
    }
    if (size > 0)
        memcpy(script->data + script->size, data, size);
    script->size += size;
}

static void put(script *script, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        uint8_t byte = (uint8_t)(value >> (8 * i));

        script_bytes(script, &byte, 1);
    }
}

void script_magic(script *script)
{
    script_bytes(script, MAGIC, 4);
}

void script_head(script *script, size_t length, unsigned type, unsigned flags, unsigned handles,
                 uint32_t id)
{
    put(script, length, 4);
    put(script, type, 1);
    put(script, flags, 1);
    put(script, handles, 2);
    put(script, id, 4);
}

void script_frame(script *script, unsigned type, uint32_t id, const void *body, size_t size)
{
    script_head(script, size, type, 0, 0, id);
    script_bytes(script, body, size);
}

void script_text(script *script, unsigned type, uint32_t id, const char *body)
{
    script_frame(script, type, id, body, strlen(body));
}

void talk_token(talk *talk, char hex[65])
{
    cordon_fault fault = CORDON_FAULT_INIT;

    assert_int_equal(cordon_endpoint_token(hex, talk->endpoint, &fault), CORDON_OK);
}

hello hello_good(talk *talk, uint8_t token[32])
{
    hello hello = {1, 1, 0, 64u << 20, token, 32, "raw 1.0"};
    char  hex[65];

    talk_token(talk, hex);
    support_from_hex(token, 32, hex);
    return hello;
}

void script_hello(script *out, const hello *hello)
{
    script payload = {0};

    put(&payload, hello->version_min, 2);
    put(&payload, hello->version_max, 2);
    put(&payload, hello->features, 4);
    put(&payload, hello->max_payload, 4);
    put(&payload, hello->token_size, 1);
    script_bytes(&payload, hello->token, hello->token_size);
    put(&payload, strlen(hello->program), 1);
    script_bytes(&payload, hello->program, strlen(hello->program));
    script_frame(out, HELLO, 0, payload.data, payload.size);
    script_free(&payload);
}

void script_opening(script *script, talk *talk)
{
    uint8_t token[32];
    hello   hello = hello_good(talk, token);

    script_magic(script);
    script_hello(script, &hello);
}

void script_free(script *script)
{
    free(script->data);
    memset(script, 0, sizeof *script);
}

/* ---- The raw client ----------------------------------------------------------------------- */

void wire_connect(wire *wire, talk *talk)
{
    memset(wire, 0, sizeof *wire);
    wire->raw = support_raw_open(talk->endpoint);
}

void wire_open_limit(wire *wire, talk *talk, uint32_t features, uint32_t max_payload)
{
    script     opening = {0};
    uint8_t    token[32];
    hello      hello = hello_good(talk, token);
    wire_frame frame;

    hello.features = features;
    hello.max_payload = max_payload;
    script_magic(&opening);
    script_hello(&opening, &hello);
    wire_connect(wire, talk);
    wire_script(wire, &opening);
    script_free(&opening);
    wire_next(wire, &frame);
    assert_int_equal(frame.type, WELCOME);
}

void wire_open(wire *wire, talk *talk)
{
    wire_open_limit(wire, talk, 0, 64u << 20);
}

int wire_try_send(wire *wire, const void *data, size_t size)
{
    const char *at = data;

    while (size > 0) {
        long sent = support_raw_offer(wire->raw, at, size);

        if (sent < 0)
            return -1;
        if (sent == 0 && support_raw_wait(wire->raw, SUPPORT_RAW_OUT, TALK_PATIENCE_MS) == 0)
            broken("the server takes nothing");
        at += sent;
        size -= (size_t)sent;
    }
    return 0;
}

void wire_send(wire *wire, const void *data, size_t size)
{
    if (wire_try_send(wire, data, size) != 0)
        broken("send: %s", strerror(errno));
}

void wire_script(wire *wire, const script *script)
{
    wire_send(wire, script->data, script->size);
}

void wire_say(wire *wire, unsigned type, uint32_t id, const char *body)
{
    script frame = {0};

    script_text(&frame, type, id, body);
    wire_script(wire, &frame);
    script_free(&frame);
}

void wire_text(wire *wire, const char *text)
{
    wire_send(wire, text, strlen(text));
}

/* What was looked at goes; room for a read is there. */
static void tidy(wire *wire)
{
    if (wire->used > 0)
        memmove(wire->in, wire->in + wire->used, wire->in_size - wire->used);
    wire->in_size -= wire->used;
    wire->used = 0;
    if (wire->in_room - wire->in_size >= 65536)
        return;
    wire->in_room = wire->in_size * 2 + 262144;
    wire->in = realloc(wire->in, wire->in_room);
    assert_non_null(wire->in);
}

/* One read: bytes, 0 at the end, -1 when nothing came for that long, -2: a reset (which is no
 * end: it may cost the client what was said before). */
static long receive_some(wire *wire, int timeout_ms)
{
    long got;

    tidy(wire);
    got = support_raw_some(wire->raw, wire->in + wire->in_size, wire->in_room - wire->in_size,
                           timeout_ms);
    if (got > 0)
        wire->in_size += (size_t)got;
    return got;
}

/* Until that many bytes not yet looked at are there. */
static void need(wire *wire, size_t size)
{
    while (wire->in_size - wire->used < size) {
        long got = receive_some(wire, TALK_PATIENCE_MS);

        if (got <= 0)
            broken("%s, %zu of %zu bytes are there",
                   got == 0    ? "the end"
                   : got == -1 ? "nothing came"
                               : "a reset",
                   wire->in_size, size);
    }
}

void wire_exchange(wire *wire, const void *data, size_t size)
{
    const char *at = data;

    while (size > 0) {
        int ready = support_raw_wait(wire->raw, SUPPORT_RAW_IN | SUPPORT_RAW_OUT, TALK_PATIENCE_MS);
        long sent;

        if (ready == 0)
            broken("the server neither reads nor writes");
        if ((ready & SUPPORT_RAW_IN) != 0)
            assert_true(receive_some(wire, 0) > 0);
        if ((ready & SUPPORT_RAW_OUT) == 0)
            continue;
        sent = support_raw_offer(wire->raw, at, size);
        if (sent < 0)
            broken("send: %s", strerror(errno));
        at += sent;
        size -= (size_t)sent;
    }
}

void wire_wait_taken(wire *wire)
{
    uint64_t due = support_now() + TALK_PATIENCE_MS;

    /* Where a system does not tell, a split may not be one. */
    while (support_raw_is_taken(wire->raw) == 0) {
        if (support_now() > due)
            broken("the server does not read");
        support_yield();
    }
}

void wire_next(wire *wire, wire_frame *frame)
{
    const uint8_t *head;

    need(wire, 12);
    frame->size = support_get32(wire->in + wire->used);
    need(wire, 12 + frame->size);
    head = wire->in + wire->used;
    frame->type = head[4];
    frame->flags = head[5];
    frame->handles = support_get16(head + 6);
    frame->id = support_get32(head + 8);
    frame->body = head + 12;
    wire->used += 12 + frame->size;
}

void wire_expect(wire *wire, unsigned type, uint32_t id, const char *body)
{
    wire_frame frame;

    wire_next(wire, &frame);
    if (frame.type != type || frame.id != id || frame.flags != 0 || frame.size != strlen(body) ||
        memcmp(frame.body, body, frame.size) != 0)
        broken("expected type %u id %u \"%s\", got type %u flags %u id %u \"%.*s\"", type, id, body,
               frame.type, frame.flags, frame.id, (int)frame.size, (const char *)frame.body);
}

void wire_expect_failure(wire *wire, uint32_t id, unsigned code)
{
    wire_frame frame;

    wire_next(wire, &frame);
    if (frame.type != FAILURE || frame.id != id || frame.size < 2 || frame.flags != 0 ||
        (frame.body[0] | (unsigned)frame.body[1] << 8) != code)
        broken("expected FAILURE %u of id %u, got type %u id %u size %zu code %d", code, id,
               frame.type, frame.id, frame.size,
               frame.size < 2 ? -1 : (int)(frame.body[0] | frame.body[1] << 8));
}

void wire_expect_refused(wire *wire, unsigned code)
{
    wire_frame frame;

    wire_next(wire, &frame);
    if (frame.type != REFUSED || frame.id != 0 || frame.size < 6 ||
        (frame.body[0] | (unsigned)frame.body[1] << 8) != code)
        broken("expected REFUSED %u, got type %u id %u size %zu code %d", code, frame.type,
               frame.id, frame.size,
               frame.size < 2 ? -1 : (int)(frame.body[0] | frame.body[1] << 8));
    assert_int_equal(frame.body[2] | frame.body[3] << 8, 1); /* the versions it speaks */
    assert_int_equal(frame.body[4] | frame.body[5] << 8, 1);
}

static void expect_end(wire *wire, int is_reset_fine)
{
    long got = 1;

    while (got > 0 && wire->in_size == wire->used)
        got = receive_some(wire, TALK_PATIENCE_MS);
    if (wire->in_size != wire->used)
        broken("expected the end, got %zu bytes: \"%.*s\"", wire->in_size - wire->used,
               (int)(wire->in_size - wire->used), (const char *)wire->in + wire->used);
    if (got == -1)
        broken("the server did not close");
    if (got == -2 && !is_reset_fine)
        broken("the server reset the connection");
}

void wire_expect_end(wire *wire)
{
    expect_end(wire, 0);
}

void wire_expect_cut(wire *wire)
{
    expect_end(wire, 1);
}

void wire_drain(wire *wire)
{
    long got = 1;

    while (got > 0)
        got = receive_some(wire, TALK_PATIENCE_MS);
    if (got == -1)
        broken("the server did not close");
}

void wire_expect_silence(wire *wire, int ms)
{
    if (wire->in_size == wire->used && receive_some(wire, ms) == -1)
        return;
    broken("expected silence, got %zu bytes (0: the end)", wire->in_size);
}

size_t wire_has(wire *wire)
{
    while (receive_some(wire, 0) > 0) {
    }
    return wire->in_size;
}

const char *wire_line(wire *wire)
{
    uint8_t *end = NULL;
    uint8_t *line;

    tidy(wire);
    while (end == NULL) {
        end = memchr(wire->in + wire->used, '\n', wire->in_size - wire->used);
        if (end == NULL)
            need(wire, wire->in_size - wire->used + 1);
    }
    *end = '\0';
    line = wire->in + wire->used;
    wire->used = (size_t)(end - wire->in) + 1;
    return (const char *)line;
}

void wire_expect_line(wire *wire, const char *line)
{
    assert_string_equal(wire_line(wire), line);
}

void talk_need_half_close(void)
{
    if (!SUPPORT_HALF_CLOSE)
        SUPPORT_SKIP("a pipe has no half-close");
}

/* Where there is none the server is not told, and takes its time until it closes. */
void wire_half_close(wire *wire)
{
    (void)support_raw_finish(wire->raw);
}

void wire_close(wire *wire)
{
    support_raw_close(wire->raw);
    free(wire->in);
    memset(wire, 0, sizeof *wire);
    wire->raw = SUPPORT_NO_RAW;
}

static wire leaving[16];
static int  leavers;

void wire_expect_ends(void)
{
    while (leavers > 0) {
        wire_expect_end(&leaving[--leavers]);
        wire_close(&leaving[leavers]);
    }
}

void wire_end_later(wire *wire)
{
    wire_half_close(wire);
    leaving[leavers++] = *wire;
    if (leavers == sizeof leaving / sizeof *leaving)
        wire_expect_ends();
}

char *json_line(talk *talk, const char *rest)
{
    char   hex[65];
    size_t room = strlen(rest) + 128;
    char  *line = malloc(room);

    talk_token(talk, hex);
    snprintf(line, room, "{\"token\":\"%s\",%s}\n", hex, rest);
    return line;
}

void wire_json(wire *wire, talk *talk, const char *rest)
{
    char *line = json_line(talk, rest);

    wire_text(wire, line);
    free(line);
}
