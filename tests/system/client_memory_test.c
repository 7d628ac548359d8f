/*
 * What a session writes, reads and keeps: sizes, memory, both directions at once.
 */
#include "client_kit.h"

static void request_over_the_servers_limit_leaves_the_session(void **state)
{
    cordon_session *session;
    cordon_fault    fault = CORDON_FAULT_INIT;
    cordon_bytes    reply;
    char           *body = calloc(1, 65537);
    fake            server;

    (void)state;
    fake_open(&server, fake_echo);
    session = fake_session(&server, 0);
    SUPPORT_CODE(cordon_session_call(&reply, session, (cordon_bytes){body, 65537}, NULL, &fault),
                 CORDON_EMSGSIZE, &fault);
    assert_int_equal(fault.is_sent, 0);
    assert_int_equal(fault.expected, 65536);
    SUPPORT_CODE(cordon_session_call(&reply, session, (cordon_bytes){body, 65536}, NULL, &fault),
                 CORDON_OK, &fault);
    assert_int_equal(reply.size, 65536);
    free(body);
    cordon_session_close(session);
    fake_close(&server);
}

static void play_slow(fake *server, support_raw raw, unsigned number)
{
    fake_admit(server, raw);
    (void)number;
    (void)fake_reach(server, 1);
    for (;;) {
        const unsigned type = fake_read(server, raw);

        if (type == REQUEST)
            fake_say(raw, REPLY, 0, server->frame.id, server->frame.body, server->frame.size);
        else if (type != CANCEL)
            break;
    }
}

/* Where a write cannot be taken back it may be on its way whole: it is told as sent, the server
 * sees it once, and its answer goes to nobody. */
static void request_that_found_no_room_leaves_the_session(void **state)
{
    cordon_call_options   options = fake_in(CORDON_AT_ONCE, 0);
    const cordon_message *message;
    cordon_session       *session;
    cordon_fault          fault = CORDON_FAULT_INIT;
    cordon_bytes          reply;
    char                  body[1000] = {0};
    int                   count = 0, is_sent, code;
    fake                  server;

    (void)state;
    fake_open(&server, play_slow);
    session = fake_session(&server, 0);
    do {
        code =
            cordon_session_send(NULL, session, (cordon_bytes){body, sizeof body}, &options, &fault);
        count += code == CORDON_OK;
    } while (code == CORDON_OK && count < 100000);
    SUPPORT_CODE(code, CORDON_ETIMEDOUT, &fault);
    is_sent = fault.is_sent;
    assert_in_range(is_sent, 0, SUPPORT_TAKES_BACK ? 0 : 1);
    fake_set(&server, 1);
    for (int i = 0; i < count; i++)
        assert_int_equal(receive_one(session)->body.size, sizeof body);
    assert_int_equal(cordon_session_receive(&message, session, 100, &fault), CORDON_EINVAL);
    SUPPORT_CODE(call_session(&reply, session, "x", &fault), CORDON_OK, &fault);
    assert_int_equal(reply.size, 1);
    assert_int_equal(atomic_load(&server.requests), count + is_sent + 1);
    cordon_session_close(session);
    fake_close(&server);
}

#define BIG (2u << 20)

static void play_both_ways(fake *server, support_raw raw, unsigned number)
{
    uint8_t  head[12];
    uint32_t id;
    char    *big = calloc(1, BIG);

    (void)number;
    FAKE_CHECK(server, fake_hello(server, raw));
    fake_welcome(raw, 1, 64u << 20, 77);
    FAKE_CHECK(server, fake_read(server, raw) == REQUEST);
    id = server->frame.id;
    fake_set(server, 1);
    /* It writes all of a big reply before it reads on: a client that only writes would hang. */
    support_raw_send(raw, head, support_put_head(head, REPLY, 0, id, BIG));
    support_raw_send(raw, big, BIG);
    FAKE_CHECK(server, fake_read(server, raw) == REQUEST && server->frame.size == BIG);
    fake_say_text(raw, REPLY, 0, server->frame.id, "got it");
    fake_drain(server, raw);
    free(big);
}

static void both_sides_may_write_much_at_once(void **state)
{
    cordon_session_options options = CORDON_SESSION_OPTIONS_INIT;
    const cordon_message  *message;
    cordon_session        *session;
    cordon_fault           fault = CORDON_FAULT_INIT;
    char                  *big = calloc(1, BIG);
    fake                   server;

    (void)state;
    options.max_reply = BIG;
    fake_open(&server, play_both_ways);
    SUPPORT_CODE(cordon_session_open(&session, server.endpoint, &options, &fault), CORDON_OK,
                 &fault);
    (void)send_one(session, "first");
    assert_true(fake_reach(&server, 1));
    SUPPORT_CODE(cordon_session_send(NULL, session, (cordon_bytes){big, BIG}, NULL, &fault),
                 CORDON_OK, &fault);
    message = receive_one(session);
    assert_int_equal(message->body.size, BIG);
    message = receive_one(session);
    assert_bytes(message->body, "got it");
    free(big);
    cordon_session_close(session);
    fake_close(&server);
}

static void steady_calls_allocate_nothing(void **state)
{
    cordon_session *session;
    cordon_fault    fault = CORDON_FAULT_INIT;
    cordon_bytes    reply;
    cordon_buffer   buffer = CORDON_BUFFER_INIT;
    size_t          before;
    char            body[1025];
    fake            server;

    (void)state;
    memset(body, 'b', 1024);
    body[1024] = '\0';
    fake_open(&server, fake_echo);
    session = fake_session(&server, 0);
    before = atomic_load(&server.memory.calls);
    for (int i = 0; i < 1000; i++)
        SUPPORT_CODE(call_session(&reply, session, body, &fault), CORDON_OK, &fault);
    for (int i = 0; i < 100; i++) {
        (void)send_one(session, body);
        (void)send_one(session, body);
        assert_int_equal(receive_one(session)->body.size, 1024);
        assert_int_equal(receive_one(session)->body.size, 1024);
    }
    assert_int_equal(atomic_load(&server.memory.calls) - before, 0);
    cordon_session_close(session);
    /* One-shot, small replies: neither. (The directory and the token were read before.) */
    SUPPORT_CODE(fake_call(&server, &buffer, body, &fault), CORDON_OK, &fault);
    before = atomic_load(&server.memory.calls);
    for (int i = 0; i < 100; i++)
        SUPPORT_CODE(fake_call(&server, &buffer, body, &fault), CORDON_OK, &fault);
    assert_int_equal(atomic_load(&server.memory.calls) - before, 0);
    cordon_buffer_free(&buffer);
    fake_close(&server);
}

static void big_buffer_is_kept_a_while_then_freed(void **state)
{
    cordon_session *session;
    cordon_fault    fault = CORDON_FAULT_INIT;
    cordon_bytes    reply;
    size_t          before, idle;
    char           *body = malloc(65536);
    fake            server;

    (void)state;
    memset(body, 'b', 65535);
    body[65535] = '\0';
    fake_open(&server, fake_echo);
    session = fake_session(&server, 0);
    idle = atomic_load(&server.memory.bytes);
    SUPPORT_CODE(call_session(&reply, session, body, &fault), CORDON_OK, &fault);
    assert_true(atomic_load(&server.memory.bytes) >= idle + 65536);
    before = atomic_load(&server.memory.calls);
    for (int i = 0; i < 200; i++) /* big ones now and then: it stays */
        SUPPORT_CODE(call_session(&reply, session, i % 20 ? "x" : body, &fault), CORDON_OK, &fault);
    assert_int_equal(atomic_load(&server.memory.calls) - before, 0);
    for (int i = 0; i < 200; i++) /* no more of them: it goes */
        SUPPORT_CODE(call_session(&reply, session, "x", &fault), CORDON_OK, &fault);
    assert_int_equal(atomic_load(&server.memory.bytes), idle);
    free(body);
    cordon_session_close(session);
    fake_close(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_over_the_servers_limit_leaves_the_session),
        cmocka_unit_test(request_that_found_no_room_leaves_the_session),
        cmocka_unit_test(both_sides_may_write_much_at_once),
        cmocka_unit_test(steady_calls_allocate_nothing),
        cmocka_unit_test(big_buffer_is_kept_a_while_then_freed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
