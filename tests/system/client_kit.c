#include "client_kit.h"

void fake_trouble(fake *server, const char *text, int line)
{
    if (server->trouble == NULL) {
        server->trouble = text;
        server->trouble_line = line;
    }
}

/* ---- life --------------------------------------------------------------------------- */

void fake_write_token(fake *server, uint8_t first)
{
    char hex[65], fresh[SUPPORT_PATH];

    for (int i = 0; i < 32; i++)
        server->token[i] = (uint8_t)(first + i);
    support_to_hex(hex, server->token, 32);
    support_write(support_join(fresh, server->directory, "fresh"), hex, 64, 0600);
    support_rename(fresh, server->token_path);
}

void fake_prepare(fake *server)
{
    cordon_endpoint_options options = CORDON_ENDPOINT_OPTIONS_INIT;
    cordon_fault            fault = CORDON_FAULT_INIT;

    memset(server, 0, sizeof *server);
    support_directory(server->directory);
    options.directory = server->directory;
    options.allocate = support_allocate;
    options.user = &server->memory;
    SUPPORT_CODE(cordon_endpoint_open(&server->endpoint, "test", &options, &fault), CORDON_OK,
                 &fault);
    snprintf(server->address, sizeof server->address, "%s",
             cordon_endpoint_path(server->endpoint, CORDON_ADDRESS));
    snprintf(server->token_path, sizeof server->token_path, "%s",
             cordon_endpoint_path(server->endpoint, CORDON_TOKEN));
    fake_write_token(server, 1);
}

void fake_listen(fake *server, int backlog)
{
    support_listen(&server->listener, server->address, backlog);
}

static void run(void *context)
{
    fake       *server = context;
    support_raw raw;

    while ((raw = support_accept(server->listener)) != SUPPORT_NO_RAW) {
        server->play(server, raw, atomic_fetch_add(&server->connections, 1) + 1);
        support_raw_close(raw);
    }
}

void fake_start(fake *server, fake_play play)
{
    server->play = play;
    SUPPORT_CHECK(uv_thread_create(&server->thread, run, server) == 0);
}

void fake_open(fake *server, fake_play play)
{
    fake_prepare(server);
    fake_listen(server, 64);
    fake_start(server, play);
}

void fake_unlisten(fake *server)
{
    if (server->listener == NULL)
        return;
    support_listener_hide(server->listener);
    support_listener_end(server->listener);
    if (server->play != NULL)
        SUPPORT_CHECK(uv_thread_join(&server->thread) == 0);
    support_listener_close(server->listener);
    server->listener = NULL;
    server->play = NULL;
}

void fake_close(fake *server)
{
    fake_unlisten(server);
    support_frame_free(&server->frame);
    cordon_endpoint_close(server->endpoint);
    support_directory_remove(server->directory);
    assert_int_equal(atomic_load(&server->memory.blocks), 0);
    if (server->trouble != NULL)
        fail_msg("the play, line %d: %s", server->trouble_line, server->trouble);
}

/* ---- steps ---------------------------------------------------------------------------- */

static int has_come(void *context)
{
    const int *wanted = ((void **)context)[1];
    fake      *server = ((void **)context)[0];

    return atomic_load(&server->step) >= *wanted;
}

int fake_reach(fake *server, int step)
{
    void *both[2] = {server, &step};

    return support_until(has_come, both, SUPPORT_SOON);
}

void fake_set(fake *server, int step)
{
    atomic_store(&server->step, step);
}

/* ---- bytes -------------------------------------------------------------------------------- */

int fake_hello(fake *server, support_raw raw)
{
    static const uint8_t magic[4] = {0xC0, 0x43, 0x52, 0x44};
    uint8_t              first[4];
    const uint8_t       *body;

    if (support_raw_read(raw, first, 4, SUPPORT_SOON) != 4 || memcmp(first, magic, 4) != 0)
        return 0;
    if (fake_read(server, raw) != HELLO || server->frame.size < 14)
        return 0;
    body = server->frame.body;
    server->hello.version_min = support_get16(body);
    server->hello.version_max = support_get16(body + 2);
    server->hello.features = support_get32(body + 4);
    server->hello.max_payload = support_get32(body + 8);
    server->hello.token_size = body[12];
    memcpy(server->hello.token, body + 13, body[12]);
    return 1;
}

unsigned fake_read(fake *server, support_raw raw)
{
    if (support_raw_frame(raw, &server->frame, SUPPORT_SOON) != 1)
        return 0;
    if (server->frame.type == REQUEST)
        atomic_fetch_add(&server->requests, 1);
    return server->frame.type;
}

void fake_say(support_raw raw, unsigned type, unsigned flags, uint32_t id, const void *body,
              size_t size)
{
    uint8_t *frame = malloc(size + 12);

    support_raw_try_send(raw, frame, support_put_frame(frame, type, flags, id, body, size));
    free(frame);
}

void fake_say_text(support_raw raw, unsigned type, unsigned flags, uint32_t id, const char *body)
{
    fake_say(raw, type, flags, id, body, strlen(body));
}

void fake_welcome(support_raw raw, uint16_t version, uint32_t limit, uint64_t instance)
{
    uint8_t body[64] = {0};

    support_put16(body, version);
    support_put32(body + 6, limit);
    support_put32(body + 10, (uint32_t)instance);
    support_put32(body + 14, (uint32_t)(instance >> 32));
    support_put32(body + 18, 4242);
    body[22] = 6;
    memcpy(body + 23, "fake 1", 6);
    fake_say(raw, WELCOME, 0, 0, body, 29);
}

void fake_refuse(support_raw raw, unsigned wire, const char *text)
{
    uint8_t body[256];

    support_put16(body, (uint16_t)wire);
    support_put16(body + 2, 2);
    support_put16(body + 4, 7);
    memcpy(body + 6, text, strlen(text));
    fake_say(raw, REFUSED, 0, 0, body, 6 + strlen(text));
}

void fake_fail(support_raw raw, uint32_t id, unsigned wire, const char *text)
{
    uint8_t body[256];

    support_put16(body, (uint16_t)wire);
    memcpy(body + 2, text, strlen(text));
    fake_say(raw, FAILURE, 0, id, body, 2 + strlen(text));
}

void fake_admit(fake *server, support_raw raw)
{
    FAKE_CHECK(server, fake_hello(server, raw));
    fake_welcome(raw, 1, 65536, 77);
}

void fake_drain(fake *server, support_raw raw)
{
    while (fake_read(server, raw) != 0)
        continue;
}

void fake_echo(fake *server, support_raw raw, unsigned number)
{
    (void)number;
    fake_admit(server, raw);
    while (fake_read(server, raw) != 0)
        if (server->frame.type == REQUEST)
            fake_say(raw, REPLY, 0, server->frame.id, server->frame.body, server->frame.size);
}

void fake_echo_big(fake *server, support_raw raw, unsigned number)
{
    (void)number;
    FAKE_CHECK(server, fake_hello(server, raw));
    fake_welcome(raw, 1, 64u << 20, 77);
    while (fake_read(server, raw) != 0)
        if (server->frame.type == REQUEST)
            fake_say(raw, REPLY, 0, server->frame.id, server->frame.body, server->frame.size);
}

/* ---- the client's side ----------------------------------------------------------------------- */

int fake_call(fake *server, cordon_buffer *reply, const char *body, cordon_fault *fault)
{
    cordon_call_options options = CORDON_CALL_OPTIONS_INIT;

    options.timeout_ms = SUPPORT_SOON;
    return cordon_call(reply, server->endpoint, cordon_text(body), &options, fault);
}

cordon_session *fake_session(fake *server, unsigned flags)
{
    cordon_session_options options = CORDON_SESSION_OPTIONS_INIT;
    cordon_fault           fault = CORDON_FAULT_INIT;
    cordon_session        *session = NULL;

    options.flags = flags;
    options.timeout_ms = SUPPORT_SOON;
    SUPPORT_CODE(cordon_session_open(&session, server->endpoint, &options, &fault), CORDON_OK,
                 &fault);
    return session;
}

cordon_call_options fake_in(int timeout_ms, unsigned flags)
{
    cordon_call_options options = CORDON_CALL_OPTIONS_INIT;

    options.timeout_ms = timeout_ms;
    options.flags = flags;
    return options;
}

int call_session(cordon_bytes *reply, cordon_session *session, const char *body,
                 cordon_fault *fault)
{
    cordon_call_options options = fake_in(SUPPORT_SOON, 0);

    return cordon_session_call(reply, session, cordon_text(body), &options, fault);
}

uint32_t send_one(cordon_session *session, const char *body)
{
    cordon_fault fault = CORDON_FAULT_INIT;
    uint32_t     id = 0;

    SUPPORT_CODE(cordon_session_send(&id, session, cordon_text(body), NULL, &fault), CORDON_OK,
                 &fault);
    assert_int_not_equal(id, 0);
    return id;
}

const cordon_message *receive_one(cordon_session *session)
{
    const cordon_message *message = NULL;
    cordon_fault          fault = CORDON_FAULT_INIT;

    SUPPORT_CODE(cordon_session_receive(&message, session, SUPPORT_SOON, &fault), CORDON_OK,
                 &fault);
    return message;
}

void assert_bytes(cordon_bytes bytes, const char *text)
{
    assert_int_equal(bytes.size, strlen(text));
    if (bytes.size > 0)
        assert_memory_equal(bytes.data, text, bytes.size);
}

void assert_reply(const cordon_buffer *reply, const char *text)
{
    assert_int_equal(reply->size, strlen(text));
    assert_string_equal(reply->data, text);
}
