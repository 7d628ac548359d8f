/*
 * Somebody is there, but takes no connection or says nothing: no reason to start another one.
 */
#include "client_kit.h"

static atomic_int launches;

static int launch(cordon_endpoint *endpoint, int left_ms, void *user)
{
    (void)endpoint, (void)left_ms, (void)user;
    atomic_fetch_add(&launches, 1);
    return 0;
}

static int ask(fake *server, int timeout_ms, cordon_fault *fault)
{
    cordon_start_options   start = CORDON_START_OPTIONS_INIT;
    cordon_session_options options = CORDON_SESSION_OPTIONS_INIT;
    cordon_session        *session = NULL;
    int                    code;

    atomic_store(&launches, 0);
    start.launch = launch;
    options.start = &start;
    options.timeout_ms = timeout_ms;
    code = cordon_session_open(&session, server->endpoint, &options, fault);
    if (code == CORDON_OK)
        assert_int_equal(cordon_session_server(session)->is_started, 0);
    cordon_session_close(session);
    return code;
}

static int fill_backlog(fake *server, support_raw *raws, int most)
{
    int count = 0, is_busy = 0;

    while (count < most) {
        raws[count] = support_raw_try_open(server->address, &is_busy);
        if (raws[count] == SUPPORT_NO_RAW)
            break;
        count++;
    }
    SUPPORT_CHECK(count > 0 && count < most && is_busy);
    return count;
}

static void full_backlog_is_waited_for_and_nothing_is_started(void **state)
{
    cordon_fault fault = CORDON_FAULT_INIT;
    support_raw  raws[16];
    fake         server;
    int          count;

    (void)state;
    fake_prepare(&server);
    fake_listen(&server, 1);
    count = fill_backlog(&server, raws, 16);
    SUPPORT_CODE(ask(&server, 80, &fault), CORDON_ETIMEDOUT, &fault);
    assert_string_equal(fault.during, "connect");
    assert_int_equal(atomic_load(&launches), 0);
    SUPPORT_CODE(ask(&server, CORDON_AT_ONCE, &fault), CORDON_ETIMEDOUT, &fault);
    assert_int_equal(atomic_load(&launches), 0);
    while (count > 0)
        support_raw_close(raws[--count]);
    fake_close(&server);
}

static void play_mute(fake *server, support_raw raw, unsigned number)
{
    (void)number;
    (void)fake_hello(server, raw);
    fake_drain(server, raw);
}

static void server_that_says_nothing_is_waited_for_and_nothing_is_started(void **state)
{
    cordon_fault fault = CORDON_FAULT_INIT;
    fake         server;

    (void)state;
    fake_open(&server, play_mute);
    SUPPORT_CODE(ask(&server, 80, &fault), CORDON_ETIMEDOUT, &fault);
    assert_string_equal(fault.during, "hello");
    assert_int_equal(atomic_load(&launches), 0);
    fake_close(&server);
}

/* It tells the first ones that it is busy or not ready, then lets in. */
static void play_reluctant(fake *server, support_raw raw, unsigned number)
{
    if (!fake_hello(server, raw))
        return;
    if (number <= 4)
        fake_refuse(raw, number % 2 == 0 ? BUSY : NOT_READY, "not now");
    else
        fake_welcome(raw, 1, 65536, 77);
    fake_drain(server, raw);
}

static void busy_and_not_ready_are_waited_for_and_nothing_is_started(void **state)
{
    cordon_fault fault = CORDON_FAULT_INIT;
    fake         server;

    (void)state;
    fake_open(&server, play_reluctant);
    SUPPORT_CODE(ask(&server, 0, &fault), CORDON_OK, &fault);
    assert_int_equal(atomic_load(&launches), 0);
    assert_int_equal(atomic_load(&server.connections), 5);
    fake_close(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(full_backlog_is_waited_for_and_nothing_is_started),
        cmocka_unit_test(server_that_says_nothing_is_waited_for_and_nothing_is_started),
        cmocka_unit_test(busy_and_not_ready_are_waited_for_and_nothing_is_started),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
