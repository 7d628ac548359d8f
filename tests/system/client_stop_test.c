/*
 * Status and stop, over sessions of all versions.
 */
#include "client_kit.h"

static void play_version_99(fake *server, support_raw raw, unsigned number)
{
    unsigned type;

    (void)number;
    FAKE_CHECK(server, fake_hello(server, raw));
    FAKE_CHECK(server, server->hello.version_min == 0 && server->hello.version_max == 0);
    FAKE_CHECK(server, memcmp(server->hello.token, server->token, 32) == 0);
    fake_welcome(raw, 0, 65536, 99);
    while ((type = fake_read(server, raw)) != 0) {
        FAKE_CHECK(server, type == STATUS || type == STOP || type == FINISH);
        if (type == STATUS)
            fake_say_text(raw, REPLY, 0, server->frame.id, "{\"version\":99}");
        if (type != STOP)
            continue;
        fake_say(raw, REPLY, 0, server->frame.id, NULL, 0);
        support_listener_hide(server->listener);
        support_pause(20);
        fake_set(server, 1);
        support_remove(server->token_path);
        if (!SUPPORT_HALF_CLOSE)
            return; /* a pipe's name is there as long as a connection by it */
    }
}

static void control_session_has_status_and_stop_with_a_server_of_version_99(void **state)
{
    cordon_session *session;
    cordon_fault    fault = CORDON_FAULT_INIT;
    cordon_bytes    reply;
    fake            server;

    (void)state;
    fake_open(&server, play_version_99);
    session = fake_session(&server, CORDON_CONTROL);
    assert_true(cordon_session_server(session)->instance == 99);
    SUPPORT_CODE(cordon_session_status(&reply, session, 0, &fault), CORDON_OK, &fault);
    assert_bytes(reply, "{\"version\":99}");
    SUPPORT_CODE(call_session(&reply, session, "x", &fault), CORDON_EUNSUPPORTED, &fault);
    SUPPORT_CODE(cordon_session_stop(session, SUPPORT_SOON, &fault), CORDON_OK, &fault);
    assert_int_equal(atomic_load(&server.step), 1); /* not before the token was gone */
    assert_false(support_exists(server.token_path));
    cordon_session_close(session);
    fake_close(&server);
}

static void play_replaced(fake *server, support_raw raw, unsigned number)
{
    (void)number;
    fake_admit(server, raw);
    FAKE_CHECK(server, fake_read(server, raw) == STOP);
    fake_say(raw, REPLY, 0, server->frame.id, NULL, 0);
    FAKE_CHECK(server, fake_read(server, raw) == FINISH); /* it need not wait for us */
    FAKE_CHECK(server, !SUPPORT_HALF_CLOSE || support_raw_ends(raw, SUPPORT_SOON));
    support_pause(20);
    fake_write_token(server, 100); /* the address stays: another instance has it */
}

static void stop_ends_when_another_instance_has_the_endpoint(void **state)
{
    cordon_session *session;
    cordon_fault    fault = CORDON_FAULT_INIT;
    fake            server;

    (void)state;
    fake_open(&server, play_replaced);
    session = fake_session(&server, 0);
    SUPPORT_CODE(cordon_session_stop(session, SUPPORT_SOON, &fault), CORDON_OK, &fault);
    SUPPORT_CODE(cordon_session_stop(session, SUPPORT_SOON, &fault), CORDON_ECLOSED, &fault);
    cordon_session_close(session);
    fake_close(&server);
}

static void play_agree_only(fake *server, support_raw raw, unsigned number)
{
    (void)number;
    fake_admit(server, raw);
    FAKE_CHECK(server, fake_read(server, raw) == STOP);
    fake_say(raw, REPLY, 0, server->frame.id, NULL, 0);
    fake_drain(server, raw);
}

static void server_that_agrees_but_stays_is_ETIMEDOUT(void **state)
{
    cordon_session *session;
    cordon_fault    fault = CORDON_FAULT_INIT;
    fake            server;

    (void)state;
    fake_open(&server, play_agree_only);
    session = fake_session(&server, 0);
    SUPPORT_CODE(cordon_session_stop(session, 1500, &fault), CORDON_ETIMEDOUT, &fault);
    assert_string_equal(fault.during, "stop");
    cordon_session_close(session);
    fake_close(&server);
}

static void play_no_stop(fake *server, support_raw raw, unsigned number)
{
    (void)number;
    fake_admit(server, raw);
    FAKE_CHECK(server, fake_read(server, raw) == STOP);
    fake_fail(raw, server->frame.id, UNSUPPORTED, "not allowed");
    while (fake_read(server, raw) == REQUEST)
        fake_say_text(raw, REPLY, 0, server->frame.id, "on");
}

static void stop_that_is_not_allowed_leaves_the_session(void **state)
{
    cordon_session *session;
    cordon_fault    fault = CORDON_FAULT_INIT;
    cordon_bytes    reply;
    fake            server;

    (void)state;
    fake_open(&server, play_no_stop);
    session = fake_session(&server, 0);
    SUPPORT_CODE(cordon_session_stop(session, 0, &fault), CORDON_EUNSUPPORTED, &fault);
    SUPPORT_CODE(call_session(&reply, session, "x", &fault), CORDON_OK, &fault);
    assert_bytes(reply, "on");
    cordon_session_close(session);
    fake_close(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(control_session_has_status_and_stop_with_a_server_of_version_99),
        cmocka_unit_test(stop_ends_when_another_instance_has_the_endpoint),
        cmocka_unit_test(server_that_agrees_but_stays_is_ETIMEDOUT),
        cmocka_unit_test(stop_that_is_not_allowed_leaves_the_session),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
