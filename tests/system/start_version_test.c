/*
 * A server of another version runs: both versions and its pid are told, or it is asked to stop and
 * followed by one of ours.
 */
#include "client_kit.h"
#include "start_kit.h"

static atomic_int may_stop;

/* Of versions 2 to 7: it knows control sessions. A second instance would be of version 1. */
static void play_other_version(fake *server, support_raw raw, unsigned number)
{
    (void)number;
    if (!fake_hello(server, raw))
        return;
    if (server->hello.version_min != 0) {
        fake_refuse(raw, VERSION, "");
        fake_drain(server, raw);
        return;
    }
    fake_welcome(raw, 0, 65536, 99);
    while (fake_read(server, raw) != 0) {
        if (server->frame.type != STOP)
            continue;
        if (!atomic_load(&may_stop)) {
            fake_fail(raw, server->frame.id, UNSUPPORTED, "not from here");
            continue;
        }
        support_remove(server->token_path);
        support_listener_hide(server->listener);
        fake_say(raw, REPLY, 0, server->frame.id, NULL, 0);
        return; /* as long as it is connected, its name is taken where it is a pipe's */
    }
}

static support_server *ours;
static atomic_int      launches;

static int launch(cordon_endpoint *endpoint, int left_ms, void *user)
{
    cordon_endpoint        *own = NULL;
    cordon_endpoint_options options = CORDON_ENDPOINT_OPTIONS_INIT;
    int                     code;

    (void)endpoint, (void)left_ms;
    atomic_fetch_add(&launches, 1);
    options.directory = user;
    code = cordon_endpoint_open(&own, "test", &options, NULL);
    if (code == CORDON_OK)
        code = support_server_try(&ours, own, NULL, NULL, NULL);
    cordon_endpoint_close(own);
    return code;
}

static int ask(fake *server, unsigned flags, int *is_started, cordon_fault *fault)
{
    cordon_start_options   start = CORDON_START_OPTIONS_INIT;
    cordon_session_options options = CORDON_SESSION_OPTIONS_INIT;
    cordon_session        *session = NULL;
    int                    code;

    atomic_store(&launches, 0);
    start.launch = launch;
    start.user = server->directory;
    start.flags = flags;
    options.start = &start;
    code = cordon_session_open(&session, server->endpoint, &options, fault);
    if (code == CORDON_OK)
        *is_started = cordon_session_server(session)->is_started;
    cordon_session_close(session);
    return code;
}

static void other_version_is_told_with_both_and_the_pid(void **state)
{
    cordon_fault fault = CORDON_FAULT_INIT;
    char         pid[32];
    fake         server;
    int          is_started;

    (void)state;
    fake_open(&server, play_other_version);
    SUPPORT_CODE(ask(&server, 0, &is_started, &fault), CORDON_EVERSION, &fault);
    assert_non_null(strstr(fault.text, "we speak versions 1 to 1, the server 2 to 7"));
    snprintf(pid, sizeof pid, "pid %llu", (unsigned long long)uv_os_getpid());
    assert_non_null(strstr(fault.text, pid));
    assert_false(cordon_error_retryable(fault.code));
    assert_int_equal(atomic_load(&launches), 0);
    fake_close(&server);
}

static void other_version_that_may_be_stopped_is_replaced(void **state)
{
    cordon_fault fault = CORDON_FAULT_INIT;
    fake         server;
    int          is_started = 0;

    (void)state;
    atomic_store(&may_stop, 1);
    fake_open(&server, play_other_version);
    SUPPORT_CODE(ask(&server, CORDON_REPLACE_OTHER_VERSION, &is_started, &fault), CORDON_OK,
                 &fault);
    assert_int_equal(is_started, 1);
    assert_int_equal(atomic_load(&launches), 1);
    support_server_close(ours);
    fake_close(&server);
}

static void other_version_that_refuses_to_stop_stays(void **state)
{
    cordon_fault fault = CORDON_FAULT_INIT;
    fake         server;
    int          is_started;

    (void)state;
    atomic_store(&may_stop, 0);
    fake_open(&server, play_other_version);
    SUPPORT_CODE(ask(&server, CORDON_REPLACE_OTHER_VERSION, &is_started, &fault), CORDON_EVERSION,
                 &fault);
    assert_non_null(strstr(fault.text, "the server 2 to 7"));
    assert_non_null(strstr(fault.text, "not from here"));
    assert_int_equal(atomic_load(&launches), 0);
    fake_close(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_version_is_told_with_both_and_the_pid),
        cmocka_unit_test(other_version_that_may_be_stopped_is_replaced),
        cmocka_unit_test(other_version_that_refuses_to_stop_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
