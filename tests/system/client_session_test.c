/*
 * The session of a client that waits, with every server that it may meet.
 */
#include "client_kit.h"

/* ---- opening, asking, closing ---- */

static void play_until_goodbye(fake *server, support_raw raw, unsigned number)
{
    unsigned type, last = 0;

    (void)number;
    fake_admit(server, raw);
    FAKE_CHECK(server, server->hello.features == (1u | 1u << 31));
    while ((type = fake_read(server, raw)) != 0) {
        last = type;
        if (type == REQUEST)
            fake_say(raw, REPLY, 0, server->frame.id, server->frame.body, server->frame.size);
    }
    FAKE_CHECK(server, last == FINISH);
    fake_set(server, 1);
}

static void session_is_admitted_asks_many_times_and_says_goodbye(void **state)
{
    cordon_session_options    options = CORDON_SESSION_OPTIONS_INIT;
    cordon_fault              fault = CORDON_FAULT_INIT;
    const cordon_server_info *info;
    cordon_session           *session;
    cordon_bytes              reply;
    fake                      server;

    (void)state;
    fake_open(&server, play_until_goodbye);
    options.flags = CORDON_EVENTS;
    options.features = 1u << 31;
    SUPPORT_CODE(cordon_session_open(&session, server.endpoint, &options, &fault), CORDON_OK,
                 &fault);
    info = cordon_session_server(session);
    assert_true(info->instance == 77);
    assert_string_equal(info->peer->program, "fake 1");
    assert_true(support_is_us(info->peer));
    for (int i = 0; i < 100; i++) {
        char body[32];

        snprintf(body, sizeof body, "body %d", i);
        SUPPORT_CODE(call_session(&reply, session, body, &fault), CORDON_OK, &fault);
        assert_bytes(reply, body);
    }
    cordon_session_close(session);
    assert_true(fake_reach(&server, 1));
    fake_close(&server);
}

static void endpoint_may_be_closed_before_its_session(void **state)
{
    cordon_session *session;
    cordon_fault    fault = CORDON_FAULT_INIT;
    cordon_bytes    reply;
    fake            server;

    (void)state;
    fake_open(&server, fake_echo);
    session = fake_session(&server, 0);
    cordon_endpoint_close(server.endpoint);
    server.endpoint = NULL;
    SUPPORT_CODE(call_session(&reply, session, "x", &fault), CORDON_OK, &fault);
    cordon_session_close(session);
    fake_close(&server);
}

static void play_refuse_twice(fake *server, support_raw raw, unsigned number)
{
    if (number > 2) {
        fake_echo(server, raw, number);
        return;
    }
    FAKE_CHECK(server, fake_hello(server, raw));
    if (number == 1)
        fake_refuse(raw, BUSY, "full"); /* the second goes without a word */
}

static void full_or_dying_server_is_knocked_at_again(void **state)
{
    cordon_session *session;
    cordon_fault    fault = CORDON_FAULT_INIT;
    cordon_bytes    reply;
    fake            server;

    (void)state;
    fake_open(&server, play_refuse_twice);
    session = fake_session(&server, 0);
    SUPPORT_CODE(call_session(&reply, session, "x", &fault), CORDON_OK, &fault);
    assert_int_equal(atomic_load(&server.connections), 3);
    cordon_session_close(session);
    fake_close(&server);
}

static void play_no_welcome(fake *server, support_raw raw, unsigned number)
{
    (void)number;
    FAKE_CHECK(server, fake_hello(server, raw));
    fake_drain(server, raw);
}

static void server_without_a_welcome_is_left_at_the_deadline(void **state)
{
    cordon_session_options options = CORDON_SESSION_OPTIONS_INIT;
    cordon_fault           fault = CORDON_FAULT_INIT;
    cordon_session        *session = (cordon_session *)1;
    fake                   server;

    (void)state;
    fake_open(&server, play_no_welcome);
    options.timeout_ms = 50;
    SUPPORT_CODE(cordon_session_open(&session, server.endpoint, &options, &fault), CORDON_ETIMEDOUT,
                 &fault);
    assert_null(session);
    fake_close(&server);
}

/* ---- many in flight ---- */

#define FLIGHT 64

static void play_reverse(fake *server, support_raw raw, unsigned number)
{
    uint32_t ids[FLIGHT + 1];

    (void)number;
    fake_admit(server, raw);
    for (int i = 0; i < FLIGHT + 1; i++) {
        FAKE_CHECK(server, fake_read(server, raw) == REQUEST);
        ids[i] = server->frame.id;
        FAKE_CHECK(server, ids[i] != 0);
    }
    fake_fail(raw, ids[FLIGHT], BUSY, "64 are enough");
    for (int i = FLIGHT - 1; i >= 0; i--) {
        char body[32];

        snprintf(body, sizeof body, "reply %d", i);
        fake_say_text(raw, REPLY, 0, ids[i], body);
    }
    while (fake_read(server, raw) == REQUEST)
        fake_say_text(raw, REPLY, 0, server->frame.id, "on it goes");
}

static void replies_in_reverse_order_and_the_65th_is_busy(void **state)
{
    const cordon_message *message;
    cordon_session       *session;
    cordon_fault          fault = CORDON_FAULT_INIT;
    cordon_bytes          reply;
    uint32_t              ids[FLIGHT + 1];
    fake                  server;

    (void)state;
    fake_open(&server, play_reverse);
    session = fake_session(&server, 0);
    for (int i = 0; i < FLIGHT + 1; i++)
        ids[i] = send_one(session, "x");
    message = receive_one(session);
    assert_int_equal(message->kind, CORDON_FAILURE);
    assert_int_equal(message->code, CORDON_EBUSY);
    assert_int_equal(message->id, ids[FLIGHT]);
    assert_bytes(message->body, "64 are enough");
    for (int i = FLIGHT - 1; i >= 0; i--) {
        char body[32];

        message = receive_one(session);
        snprintf(body, sizeof body, "reply %d", i);
        assert_int_equal(message->kind, CORDON_REPLY);
        assert_int_equal(message->id, ids[i]);
        assert_bytes(message->body, body);
    }
    assert_int_equal(cordon_session_receive(&message, session, 100, &fault), CORDON_EINVAL);
    SUPPORT_CODE(call_session(&reply, session, "x", &fault), CORDON_OK, &fault);
    assert_bytes(reply, "on it goes");
    cordon_session_close(session);
    fake_close(&server);
}

static void play_mixed(fake *server, support_raw raw, unsigned number)
{
    uint32_t early, late;

    (void)number;
    fake_admit(server, raw);
    FAKE_CHECK(server, fake_read(server, raw) == REQUEST);
    early = server->frame.id;
    FAKE_CHECK(server, fake_read(server, raw) == REQUEST);
    late = server->frame.id;
    fake_say_text(raw, EVENT, 0, 0, "event 1");
    fake_say_text(raw, REPLY, MORE, early, "part");
    fake_say_text(raw, REPLY, MORE, late, "the ");
    fake_fail(raw, early, 4711, "no");
    fake_say_text(raw, EVENT, 0, 0, "");
    fake_say_text(raw, REPLY, 0, late, "answer");
    fake_say_text(raw, EVENT, 0, 0, "event 3");
    fake_drain(server, raw);
}

static void call_keeps_for_receive_what_is_not_its_own(void **state)
{
    const cordon_message *message;
    cordon_session       *session;
    cordon_fault          fault = CORDON_FAULT_INIT;
    cordon_bytes          reply;
    uint32_t              early;
    fake                  server;

    (void)state;
    fake_open(&server, play_mixed);
    session = fake_session(&server, CORDON_EVENTS);
    early = send_one(session, "early");
    SUPPORT_CODE(call_session(&reply, session, "late", &fault), CORDON_OK, &fault);
    assert_bytes(reply, "the answer");
    message = receive_one(session);
    assert_int_equal(message->kind, CORDON_EVENT);
    assert_int_equal(message->id, 0);
    assert_bytes(message->body, "event 1");
    message = receive_one(session);
    assert_int_equal(message->kind, CORDON_PART);
    assert_int_equal(message->id, early);
    assert_bytes(message->body, "part");
    message = receive_one(session);
    assert_int_equal(message->kind, CORDON_FAILURE);
    assert_int_equal(message->code, CORDON_EAPP);
    assert_int_equal(message->app_code, 4711);
    assert_int_equal(message->id, early);
    assert_bytes(message->body, "no");
    message = receive_one(session);
    assert_int_equal(message->kind, CORDON_EVENT);
    assert_bytes(message->body, "");
    message = receive_one(session);
    assert_bytes(message->body, "event 3");
    cordon_session_close(session);
    fake_close(&server);
}

static unsigned events_before_reply;

static void play_events(fake *server, support_raw raw, unsigned number)
{
    static char event[65536];

    (void)number;
    fake_admit(server, raw);
    FAKE_CHECK(server, fake_read(server, raw) == REQUEST);
    for (unsigned i = 0; i < events_before_reply; i++)
        fake_say(raw, EVENT, 0, 0, event, sizeof event);
    fake_say_text(raw, REPLY, 0, server->frame.id, "done");
    fake_drain(server, raw);
}

static void kept_messages_have_a_ceiling(void **state)
{
    cordon_session *session;
    cordon_bytes    reply;
    fake            server;

    (void)state;
    for (int is_over = 0; is_over < 2; is_over++) {
        cordon_fault fault = CORDON_FAULT_INIT;

        events_before_reply = is_over ? 66 : 63; /* of 64 KiB: around 4 MiB */
        fake_open(&server, play_events);
        session = fake_session(&server, CORDON_EVENTS);
        SUPPORT_CODE(call_session(&reply, session, "x", &fault), is_over ? CORDON_EBUSY : CORDON_OK,
                     &fault);
        if (is_over) {
            assert_int_equal(fault.is_sent, 1);
            for (int i = 0; i < 63; i++) /* what was kept is not lost */
                assert_int_equal(receive_one(session)->kind, CORDON_EVENT);
            SUPPORT_CODE(call_session(&reply, session, "x", &fault), CORDON_ECLOSED, &fault);
            assert_int_equal(fault.is_sent, 0);
        }
        assert_true(atomic_load(&server.memory.most) < 16u << 20);
        cordon_session_close(session);
        fake_close(&server);
    }
}

static void events_that_were_not_asked_for_are_not_kept(void **state)
{
    cordon_session *session;
    cordon_fault    fault = CORDON_FAULT_INIT;
    cordon_bytes    reply;
    fake            server;

    (void)state;
    events_before_reply = 200;
    fake_open(&server, play_events);
    session = fake_session(&server, 0);
    SUPPORT_CODE(call_session(&reply, session, "x", &fault), CORDON_OK, &fault);
    assert_bytes(reply, "done");
    cordon_session_close(session);
    fake_close(&server);
}

static void each_allocation_may_fail_once(void **state)
{
    cordon_session_options options = CORDON_SESSION_OPTIONS_INIT;
    fake                   server;
    int                    is_through = 0;

    (void)state;
    options.flags = CORDON_EVENTS;
    for (size_t nth = 1; !is_through && nth < 100; nth++) {
        cordon_session *session = NULL;
        cordon_fault    fault = CORDON_FAULT_INIT;
        cordon_bytes    reply;
        int             code;

        events_before_reply = 2; /* kept ones: buffers of all kinds */
        fake_open(&server, play_events);
        atomic_store(&server.memory.fail_from, atomic_load(&server.memory.calls) + nth);
        code = cordon_session_open(&session, server.endpoint, &options, &fault);
        if (code == CORDON_OK)
            code = call_session(&reply, session, "x", &fault);
        if (code != CORDON_OK)
            SUPPORT_CODE(code, CORDON_ENOMEM, &fault);
        is_through = code == CORDON_OK;
        cordon_session_close(session);
        fake_unlisten(&server);
        server.trouble = NULL; /* a session that was never opened */
        fake_close(&server);
    }
    assert_true(is_through);
}

/* ---- misuse ---- */

static void arguments_out_of_range_are_EINVAL(void **state)
{
    cordon_session_options options = CORDON_SESSION_OPTIONS_INIT;
    const cordon_message  *message;
    cordon_session        *session = NULL;
    cordon_bytes           reply;
    fake                   server;

    (void)state;
    fake_open(&server, fake_echo);
    assert_int_equal(cordon_session_open(NULL, server.endpoint, NULL, NULL), CORDON_EINVAL);
    assert_int_equal(cordon_session_open(&session, NULL, NULL, NULL), CORDON_EINVAL);
    options.flags = CORDON_CONTROL | CORDON_NO_BINARY;
    assert_int_equal(cordon_session_open(&session, server.endpoint, &options, NULL), CORDON_EINVAL);
    options.flags = 0x40000000u;
    assert_int_equal(cordon_session_open(&session, server.endpoint, &options, NULL), CORDON_EINVAL);
    options.flags = 0;
    options.size = 1;
    assert_int_equal(cordon_session_open(&session, server.endpoint, &options, NULL), CORDON_EINVAL);
    assert_null(session);
    session = fake_session(&server, 0);
    assert_int_equal(cordon_session_call(&reply, NULL, cordon_text("x"), NULL, NULL),
                     CORDON_EINVAL);
    assert_int_equal(cordon_session_call(NULL, session, cordon_text("x"), NULL, NULL),
                     CORDON_EINVAL);
    assert_int_equal(cordon_session_receive(&message, session, -3, NULL), CORDON_EINVAL);
    assert_int_equal(cordon_session_receive(&message, session, 0, NULL), CORDON_EINVAL);
    assert_int_equal(cordon_session_status(&reply, NULL, 0, NULL), CORDON_EINVAL);
    assert_int_equal(cordon_session_stop(NULL, 0, NULL), CORDON_EINVAL);
    assert_int_equal(cordon_session_cancel(NULL, 1), CORDON_EINVAL);
    assert_null(cordon_session_server(NULL));
    cordon_session_interrupt(NULL);
    cordon_session_close(NULL);
    cordon_session_close(session);
    fake_close(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(session_is_admitted_asks_many_times_and_says_goodbye),
        cmocka_unit_test(endpoint_may_be_closed_before_its_session),
        cmocka_unit_test(full_or_dying_server_is_knocked_at_again),
        cmocka_unit_test(server_without_a_welcome_is_left_at_the_deadline),
        cmocka_unit_test(replies_in_reverse_order_and_the_65th_is_busy),
        cmocka_unit_test(call_keeps_for_receive_what_is_not_its_own),
        cmocka_unit_test(kept_messages_have_a_ceiling),
        cmocka_unit_test(events_that_were_not_asked_for_are_not_kept),
        cmocka_unit_test(each_allocation_may_fail_once),
        cmocka_unit_test(arguments_out_of_range_are_EINVAL),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
