/*
 * What the one-shot call repeats, and what never.
 */
#include "client_kit.h"

static unsigned refusal;

static void play_refuse_three(fake *server, support_raw raw, unsigned number)
{
    if (number > 3) {
        fake_echo(server, raw, number);
        return;
    }
    FAKE_CHECK(server, fake_hello(server, raw));
    fake_refuse(raw, refusal, "not now");
    fake_drain(server, raw);
}

static void refused_busy_or_stopping_is_tried_again(void **state)
{
    static const unsigned refusals[] = {BUSY, STOPPING};
    cordon_buffer         reply = CORDON_BUFFER_INIT;

    (void)state;
    for (int i = 0; i < 2; i++) {
        cordon_fault fault = CORDON_FAULT_INIT;
        fake         server;

        refusal = refusals[i];
        fake_open(&server, play_refuse_three);
        SUPPORT_CODE(fake_call(&server, &reply, "x", &fault), CORDON_OK, &fault);
        assert_reply(&reply, "x");
        assert_int_equal(atomic_load(&server.connections), 4);
        fake_close(&server);
    }
    cordon_buffer_free(&reply);
}

static void play_refuse(fake *server, support_raw raw, unsigned number)
{
    (void)number;
    FAKE_CHECK(server, fake_hello(server, raw));
    fake_refuse(raw, refusal, "never");
    fake_drain(server, raw);
}

static void refused_busy_for_ever_ends_at_the_deadline_with_its_reason(void **state)
{
    cordon_call_options options = fake_in(300, 0);
    cordon_buffer       reply = CORDON_BUFFER_INIT;
    cordon_fault        fault = CORDON_FAULT_INIT;
    uint64_t            start;
    int                 code;
    fake                server;

    (void)state;
    refusal = BUSY;
    fake_open(&server, play_refuse);
    start = support_now();
    code = cordon_call(&reply, server.endpoint, cordon_text("x"), &options, &fault);
    assert_true(support_now() - start >= 299);
    assert_true(support_now() - start < SUPPORT_SOON);
    if (code != CORDON_ETIMEDOUT) { /* on a slow day the last attempt is still under way */
        SUPPORT_CODE(code, CORDON_EBUSY, &fault);
        assert_string_equal(fault.text, "never");
        assert_int_equal(fault.is_sent, 0);
    }
    assert_true(atomic_load(&server.connections) > 1);
    fake_close(&server);
}

static void play_stop_then_serve(fake *server, support_raw raw, unsigned number)
{
    if (number > 1) {
        fake_echo(server, raw, number);
        return;
    }
    fake_admit(server, raw);
    FAKE_CHECK(server, fake_read(server, raw) == REQUEST);
    fake_fail(raw, server->frame.id, STOPPING, "");
    fake_drain(server, raw);
}

static void request_that_came_while_stopping_is_asked_again(void **state)
{
    cordon_buffer reply = CORDON_BUFFER_INIT;
    cordon_fault  fault = CORDON_FAULT_INIT;
    fake          server;

    (void)state;
    fake_open(&server, play_stop_then_serve);
    SUPPORT_CODE(fake_call(&server, &reply, "x", &fault), CORDON_OK, &fault);
    assert_reply(&reply, "x");
    cordon_buffer_free(&reply);
    fake_close(&server);
}

static void play_last_stop(fake *server, support_raw raw, unsigned number)
{
    (void)number;
    FAKE_CHECK(server, fake_hello(server, raw));
    support_listener_hide(server->listener);
    fake_refuse(raw, STOPPING, "");
    fake_drain(server, raw);
}

static void nobody_after_a_server_that_stopped_is_told_at_once(void **state)
{
    cordon_buffer reply = CORDON_BUFFER_INIT;
    cordon_fault  fault = CORDON_FAULT_INIT;
    uint64_t      start;
    fake          server;

    (void)state;
    fake_open(&server, play_last_stop);
    start = support_now();
    SUPPORT_CODE(fake_call(&server, &reply, "x", &fault), CORDON_ENOTRUNNING, &fault);
    assert_true(support_now() - start < SUPPORT_SOON / 2);
    assert_int_equal(fault.is_sent, 0);
    fake_close(&server);
}

static void play_die_with_request(fake *server, support_raw raw, unsigned number)
{
    if (number > 2) {
        fake_echo(server, raw, number);
        return;
    }
    fake_admit(server, raw);
    FAKE_CHECK(server, fake_read(server, raw) == REQUEST);
    fake_say(raw, REPLY, MORE, server->frame.id, "half", 4);
}

static void server_that_dies_with_the_request_is_ECLOSED_and_sent(void **state)
{
    cordon_buffer reply = CORDON_BUFFER_INIT;
    cordon_fault  fault = CORDON_FAULT_INIT;
    fake          server;

    (void)state;
    fake_open(&server, play_die_with_request);
    SUPPORT_CODE(fake_call(&server, &reply, "x", &fault), CORDON_ECLOSED, &fault);
    assert_int_equal(fault.is_sent, 1);
    assert_int_equal(reply.size, 0);
    assert_int_equal(atomic_load(&server.requests), 1);
    fake_close(&server);
}

static void repeatable_request_is_asked_again(void **state)
{
    cordon_call_options options = fake_in(SUPPORT_SOON, CORDON_REPEATABLE);
    cordon_buffer       reply = CORDON_BUFFER_INIT;
    cordon_fault        fault = CORDON_FAULT_INIT;
    fake                server;

    (void)state;
    fake_open(&server, play_die_with_request);
    SUPPORT_CODE(cordon_call(&reply, server.endpoint, cordon_text("x"), &options, &fault),
                 CORDON_OK, &fault);
    assert_reply(&reply, "x");
    assert_int_equal(atomic_load(&server.requests), 3);
    cordon_buffer_free(&reply);
    fake_close(&server);
}

static void play_die_and_leave(fake *server, support_raw raw, unsigned number)
{
    (void)number;
    fake_admit(server, raw);
    FAKE_CHECK(server, fake_read(server, raw) == REQUEST);
    support_listener_hide(server->listener);
}

static void nobody_after_a_server_that_may_have_run_it_still_says_sent(void **state)
{
    cordon_call_options options = fake_in(SUPPORT_SOON, CORDON_REPEATABLE);
    cordon_buffer       reply = CORDON_BUFFER_INIT;
    cordon_fault        fault = CORDON_FAULT_INIT;
    fake                server;

    (void)state;
    fake_open(&server, play_die_and_leave);
    SUPPORT_CODE(cordon_call(&reply, server.endpoint, cordon_text("x"), &options, &fault),
                 CORDON_ENOTRUNNING, &fault);
    assert_int_equal(fault.is_sent, 1);
    fake_close(&server);
}

static void play_die_before_request(fake *server, support_raw raw, unsigned number)
{
    if (number > 2) {
        fake_echo_big(server, raw, number);
        return;
    }
    FAKE_CHECK(server, fake_hello(server, raw)); /* and no welcome: a big request waits for it */
}

static void request_of_which_no_byte_left_is_asked_again(void **state)
{
    cordon_call_options options = fake_in(SUPPORT_SOON, 0);
    cordon_buffer       reply = CORDON_BUFFER_INIT;
    cordon_fault        fault = CORDON_FAULT_INIT;
    char               *body = calloc(1, 100000);
    fake                server;

    (void)state;
    fake_open(&server, play_die_before_request);
    SUPPORT_CODE(
        cordon_call(&reply, server.endpoint, (cordon_bytes){body, 100000}, &options, &fault),
        CORDON_OK, &fault);
    assert_int_equal(reply.size, 100000);
    assert_int_equal(atomic_load(&server.connections), 3);
    assert_int_equal(atomic_load(&server.requests), 1);
    free(body);
    cordon_buffer_free(&reply);
    fake_close(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused_busy_or_stopping_is_tried_again),
        cmocka_unit_test(refused_busy_for_ever_ends_at_the_deadline_with_its_reason),
        cmocka_unit_test(request_that_came_while_stopping_is_asked_again),
        cmocka_unit_test(nobody_after_a_server_that_stopped_is_told_at_once),
        cmocka_unit_test(server_that_dies_with_the_request_is_ECLOSED_and_sent),
        cmocka_unit_test(repeatable_request_is_asked_again),
        cmocka_unit_test(nobody_after_a_server_that_may_have_run_it_still_says_sent),
        cmocka_unit_test(request_of_which_no_byte_left_is_asked_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
