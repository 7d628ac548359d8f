/*
 * What ends a wait, a request or a session.
 */
#include "client_kit.h"

/* ---- cancel and deadlines ---- */

static void play_late(fake *server, support_raw raw, unsigned number)
{
    uint32_t late;

    (void)number;
    fake_admit(server, raw);
    FAKE_CHECK(server, fake_read(server, raw) == REQUEST);
    late = server->frame.id;
    FAKE_CHECK(server, fake_read(server, raw) == CANCEL && server->frame.id == late);
    FAKE_CHECK(server, fake_read(server, raw) == REQUEST && server->frame.id != late);
    fake_say_text(raw, REPLY, MORE, late, "too late");
    fake_say_text(raw, REPLY, 0, late, "much");
    fake_say_text(raw, REPLY, 0, server->frame.id, "in time");
    fake_drain(server, raw);
}

static void call_that_timed_out_is_canceled_and_its_late_reply_dropped(void **state)
{
    cordon_call_options options = fake_in(40, 0);
    cordon_session     *session;
    cordon_fault        fault = CORDON_FAULT_INIT;
    cordon_bytes        reply;
    fake                server;

    (void)state;
    fake_open(&server, play_late);
    session = fake_session(&server, 0);
    SUPPORT_CODE(cordon_session_call(&reply, session, cordon_text("x"), &options, &fault),
                 CORDON_ETIMEDOUT, &fault);
    assert_int_equal(fault.is_sent, 1);
    SUPPORT_CODE(call_session(&reply, session, "y", &fault), CORDON_OK, &fault);
    assert_bytes(reply, "in time");
    cordon_session_close(session);
    fake_close(&server);
}

static void play_canceled(fake *server, support_raw raw, unsigned number)
{
    uint32_t first, second;

    (void)number;
    fake_admit(server, raw);
    FAKE_CHECK(server, fake_read(server, raw) == REQUEST);
    first = server->frame.id;
    FAKE_CHECK(server, fake_read(server, raw) == REQUEST);
    second = server->frame.id;
    FAKE_CHECK(server, fake_read(server, raw) == REQUEST);
    fake_say_text(raw, REPLY, MORE, first, "kept, then canceled");
    fake_say_text(raw, REPLY, 0, server->frame.id, "third");
    FAKE_CHECK(server, fake_read(server, raw) == CANCEL && server->frame.id == first);
    fake_fail(raw, first, CANCELED, "");
    fake_say_text(raw, REPLY, 0, second, "second");
    fake_drain(server, raw);
}

static void canceled_request_is_heard_of_no_more(void **state)
{
    const cordon_message *message;
    cordon_session       *session;
    cordon_fault          fault = CORDON_FAULT_INIT;
    cordon_bytes          reply;
    uint32_t              first, second;
    fake                  server;

    (void)state;
    fake_open(&server, play_canceled);
    session = fake_session(&server, 0);
    first = send_one(session, "1");
    second = send_one(session, "2");
    SUPPORT_CODE(call_session(&reply, session, "3", &fault), CORDON_OK, &fault);
    assert_int_equal(cordon_session_cancel(session, first), CORDON_OK);
    assert_int_equal(cordon_session_cancel(session, first), CORDON_OK);
    message = receive_one(session); /* not the part that was kept */
    assert_int_equal(message->id, second);
    assert_bytes(message->body, "second");
    assert_int_equal(cordon_session_cancel(session, 0), CORDON_EINVAL);
    assert_int_equal(cordon_session_cancel(session, 4711), CORDON_OK);
    cordon_session_close(session);
    fake_close(&server);
}

static unsigned noise_type;

/* Noise until the system takes no more; then how much of it the client left unread. */
static void play_noise(fake *server, support_raw raw, unsigned number)
{
    uint8_t noise[4096];
    size_t  size = 0;
    long    before, after;

    (void)number;
    while (size + 12 <= sizeof noise)
        size += support_put_head(noise + size, noise_type, 0, 0, 0);
    fake_admit(server, raw);
    while (support_raw_offer(raw, noise, size) == (long)size)
        continue;
    before = support_raw_unread(raw);
    fake_set(server, 1);
    FAKE_CHECK(server, fake_reach(server, 2));
    after = support_raw_unread(raw);
    FAKE_CHECK(server, before != 0 && (before < 0 || after > before / 2));
}

static void who_floods_with_noise_does_not_move_the_deadline(void **state)
{
    const cordon_message *message;
    cordon_call_options   options = fake_in(CORDON_AT_ONCE, 0);
    cordon_fault          fault = CORDON_FAULT_INIT;
    cordon_bytes          reply;

    (void)state;
    for (int is_call = 0; is_call < 2; is_call++) {
        cordon_session *session;
        fake            server;

        noise_type = is_call ? FINISH : PONG;
        fake_open(&server, play_noise);
        session = fake_session(&server, CORDON_EVENTS);
        assert_true(fake_reach(&server, 1));
        if (is_call)
            SUPPORT_CODE(cordon_session_call(&reply, session, cordon_text(""), &options, &fault),
                         CORDON_ETIMEDOUT, &fault);
        else
            SUPPORT_CODE(cordon_session_receive(&message, session, CORDON_AT_ONCE, &fault),
                         CORDON_ETIMEDOUT, &fault);
        fake_set(&server, 2);
        fake_unlisten(&server); /* the play has looked */
        cordon_session_close(session);
        fake_close(&server);
    }
}

static void receive_ends_at_its_deadline_and_the_request_lives_on(void **state)
{
    const cordon_message *message;
    cordon_session       *session;
    cordon_fault          fault = CORDON_FAULT_INIT;
    fake                  server;

    (void)state;
    fake_open(&server, play_late);
    session = fake_session(&server, 0);
    (void)send_one(session, "x");
    SUPPORT_CODE(cordon_session_receive(&message, session, CORDON_AT_ONCE, &fault),
                 CORDON_ETIMEDOUT, &fault);
    assert_null(message);
    SUPPORT_CODE(cordon_session_receive(&message, session, 20, &fault), CORDON_ETIMEDOUT, &fault);
    SUPPORT_CODE(cordon_session_receive(&message, session, 20, &fault), CORDON_ETIMEDOUT, &fault);
    cordon_session_close(session);
    fake_unlisten(&server);
    server.trouble = NULL; /* the play waited for a cancel, in vain */
    fake_close(&server);
}

/* ---- the server speaks by itself ---- */

static void play_ping(fake *server, support_raw raw, unsigned number)
{
    (void)number;
    fake_admit(server, raw);
    FAKE_CHECK(server, fake_read(server, raw) == REQUEST);
    fake_say_text(raw, PING, 0, 0, "are you there?");
    {
        uint32_t id = server->frame.id;

        FAKE_CHECK(server, fake_read(server, raw) == PONG && server->frame.size == 14);
        FAKE_CHECK(server, memcmp(server->frame.body, "are you there?", 14) == 0);
        fake_say_text(raw, REPLY, 0, id, "you are");
    }
    fake_drain(server, raw);
}

static void ping_is_answered_while_waiting(void **state)
{
    cordon_session *session;
    cordon_fault    fault = CORDON_FAULT_INIT;
    cordon_bytes    reply;
    fake            server;

    (void)state;
    fake_open(&server, play_ping);
    session = fake_session(&server, 0);
    SUPPORT_CODE(call_session(&reply, session, "x", &fault), CORDON_OK, &fault);
    assert_bytes(reply, "you are");
    cordon_session_close(session);
    fake_close(&server);
}

static void play_stopping(fake *server, support_raw raw, unsigned number)
{
    (void)number;
    fake_admit(server, raw);
    FAKE_CHECK(server, fake_read(server, raw) == REQUEST);
    fake_say(raw, FINISH, 0, 0, NULL, 0);
    fake_say_text(raw, REPLY, 0, server->frame.id, "the last one");
    FAKE_CHECK(server, fake_read(server, raw) == FINISH); /* nothing is asked any more */
}

static void stopping_server_still_answers_and_is_asked_no_more(void **state)
{
    const cordon_message *message;
    cordon_session       *session;
    cordon_fault          fault = CORDON_FAULT_INIT;
    cordon_bytes          reply;
    fake                  server;

    (void)state;
    fake_open(&server, play_stopping);
    session = fake_session(&server, CORDON_EVENTS);
    SUPPORT_CODE(call_session(&reply, session, "x", &fault), CORDON_OK, &fault);
    assert_bytes(reply, "the last one");
    SUPPORT_CODE(call_session(&reply, session, "y", &fault), CORDON_ECLOSED, &fault);
    assert_int_equal(fault.is_sent, 0);
    assert_string_equal(fault.text, "the server is stopping");
    SUPPORT_CODE(cordon_session_receive(&message, session, SUPPORT_SOON, &fault), CORDON_ECLOSED,
                 &fault);
    cordon_session_close(session);
    fake_unlisten(&server);
    server.trouble = NULL; /* it may end without a goodbye: receive found the end first */
    fake_close(&server);
}

static void play_end(fake *server, support_raw raw, unsigned number)
{
    (void)number;
    fake_admit(server, raw);
    FAKE_CHECK(server, fake_read(server, raw) == REQUEST);
    fake_fail(raw, 0, BUSY, "you leave too much unread");
    fake_drain(server, raw);
}

static void failure_without_an_id_ends_the_session_with_its_code(void **state)
{
    const cordon_message *message;
    cordon_session       *session;
    cordon_fault          fault = CORDON_FAULT_INIT;
    cordon_bytes          reply;
    fake                  server;

    (void)state;
    fake_open(&server, play_end);
    session = fake_session(&server, 0);
    SUPPORT_CODE(call_session(&reply, session, "x", &fault), CORDON_EBUSY, &fault);
    assert_string_equal(fault.text, "you leave too much unread");
    assert_int_equal(fault.is_sent, 1); /* of the session, not of the request: it may have run */
    SUPPORT_CODE(call_session(&reply, session, "x", &fault), CORDON_ECLOSED, &fault);
    SUPPORT_CODE(cordon_session_receive(&message, session, SUPPORT_SOON, &fault), CORDON_ECLOSED,
                 &fault);
    SUPPORT_CODE(cordon_session_status(&reply, session, SUPPORT_SOON, &fault), CORDON_ECLOSED,
                 &fault);
    SUPPORT_CODE(cordon_session_stop(session, SUPPORT_SOON, &fault), CORDON_ECLOSED, &fault);
    assert_int_equal(cordon_session_send(NULL, session, cordon_text("x"), NULL, &fault),
                     CORDON_ECLOSED);
    cordon_session_close(session);
    fake_close(&server);
}

static void play_answer_and_die(fake *server, support_raw raw, unsigned number)
{
    (void)number;
    fake_admit(server, raw);
    FAKE_CHECK(server, fake_read(server, raw) == REQUEST);
    fake_say_text(raw, REPLY, 0, server->frame.id, "my last words");
    support_raw_cut(raw);
    fake_set(server, 1);
}

static void answer_is_received_although_the_server_has_gone(void **state)
{
    const cordon_message *message;
    cordon_session       *session;
    cordon_fault          fault = CORDON_FAULT_INIT;
    cordon_bytes          reply;
    fake                  server;

    (void)state;
    fake_open(&server, play_answer_and_die);
    session = fake_session(&server, 0);
    (void)send_one(session, "1");
    assert_true(fake_reach(&server, 1));
    SUPPORT_CODE(call_session(&reply, session, "2", &fault), CORDON_ECLOSED, &fault);
    assert_int_equal(fault.is_sent, 0); /* it could not be written */
    message = receive_one(session);
    assert_bytes(message->body, "my last words");
    SUPPORT_CODE(cordon_session_receive(&message, session, SUPPORT_SOON, &fault), CORDON_ECLOSED,
                 &fault);
    cordon_session_close(session);
    fake_close(&server);
}

/* ---- interrupt ---- */

static cordon_session *to_interrupt;

static void interrupt_soon(void *context)
{
    fake *server = context;

    (void)fake_reach(server, 1);
    support_pause(10);
    cordon_session_interrupt(to_interrupt);
}

static void play_mute(fake *server, support_raw raw, unsigned number)
{
    (void)number;
    fake_admit(server, raw);
    FAKE_CHECK(server, fake_read(server, raw) == REQUEST);
    fake_set(server, 1);
    fake_drain(server, raw);
}

static void interrupt_from_a_thread_ends_the_wait_with_ECANCELED(void **state)
{
    cordon_call_options options = fake_in(CORDON_FOREVER, 0);
    cordon_session     *session;
    cordon_fault        fault = CORDON_FAULT_INIT;
    cordon_bytes        reply;
    uv_thread_t         thread;
    fake                server;

    (void)state;
    fake_open(&server, play_mute);
    to_interrupt = session = fake_session(&server, 0);
    assert_int_equal(uv_thread_create(&thread, interrupt_soon, &server), 0);
    SUPPORT_CODE(cordon_session_call(&reply, session, cordon_text("x"), &options, &fault),
                 CORDON_ECANCELED, &fault);
    assert_int_equal(fault.is_sent, 1);
    uv_thread_join(&thread);
    SUPPORT_CODE(call_session(&reply, session, "y", &fault), CORDON_ECANCELED, &fault);
    assert_int_equal(fault.is_sent, 0);
    cordon_session_close(session);
    fake_close(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(call_that_timed_out_is_canceled_and_its_late_reply_dropped),
        cmocka_unit_test(canceled_request_is_heard_of_no_more),
        cmocka_unit_test(who_floods_with_noise_does_not_move_the_deadline),
        cmocka_unit_test(receive_ends_at_its_deadline_and_the_request_lives_on),
        cmocka_unit_test(ping_is_answered_while_waiting),
        cmocka_unit_test(stopping_server_still_answers_and_is_asked_no_more),
        cmocka_unit_test(failure_without_an_id_ends_the_session_with_its_code),
        cmocka_unit_test(answer_is_received_although_the_server_has_gone),
        cmocka_unit_test(interrupt_from_a_thread_ends_the_wait_with_ECANCELED),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
