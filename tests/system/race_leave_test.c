/*
 * Clients that may start a server, around the moment when the last one leaves because nobody was
 * there: each is served, by that one or by the next. The real command.
 *
 *     race_leave_test [REQUESTS]
 */
#include "start_kit.h"

enum { AFTER_MS = 18 }; /* it leaves 5 ms after a session has gone, which is seen within 10 */

static int requests = 80;

static char root[SUPPORT_PATH];

static int set_up(void **state)
{
    (void)state;
    support_directory(root);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    start_end_all(root);
    support_directory_remove(root);
    return 0;
}

/* How often a server was started for it: 0 or 1. */
static int ask(cordon_endpoint *endpoint, int number)
{
    const char *const      argv[] = {support_bin(), "serve",        "start",       "--dir", root,
                                     "--echo",      "--allow-stop", "--idle-exit", "5",     NULL};
    cordon_start_options   start = CORDON_START_OPTIONS_INIT;
    cordon_session_options options = CORDON_SESSION_OPTIONS_INIT;
    cordon_session        *session = NULL;
    cordon_fault           fault = CORDON_FAULT_INIT;
    cordon_bytes           reply;
    char                   text[16];
    int                    is_started;

    start.argv = argv;
    options.start = &start;
    options.timeout_ms = 3 * SUPPORT_SOON;
    snprintf(text, sizeof text, "%d", number);
    SUPPORT_CODE(cordon_session_open(&session, endpoint, &options, &fault), CORDON_OK, &fault);
    is_started = cordon_session_server(session)->is_started;
    SUPPORT_CODE(cordon_session_call(&reply, session, cordon_text(text), NULL, &fault), CORDON_OK,
                 &fault);
    assert_int_equal(reply.size, strlen(text));
    assert_memory_equal(reply.data, text, reply.size);
    cordon_session_close(session);
    return is_started;
}

static void who_may_start_one_is_served_whenever_the_last_one_leaves(void **state)
{
    cordon_endpoint *endpoint;
    uint32_t         dice = (uint32_t)support_now();
    int              started = 0;

    (void)state;
    if (support_bin() == NULL)
        SUPPORT_SKIP("no command to start: set CORDON_BIN");
    endpoint = start_endpoint(root);
    for (int number = 0; number < requests; number++) {
        dice = dice * 1664525u + 1013904223u;
        support_pause_us((dice >> 8) % 10 == 0 ? 3 * AFTER_MS * 1000
                                               : (dice >> 12) % (AFTER_MS * 1000));
        started += ask(endpoint, number);
    }
    print_message("%d served, %d of them by a server that was started for them\n", requests,
                  started);
    assert_true(started > 1);
    cordon_endpoint_close(endpoint);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_may_start_one_is_served_whenever_the_last_one_leaves,
                                        set_up, tear_down),
    };

    if (count > 1)
        requests = atoi(arguments[1]);
    if (requests < 20)
        return 2;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
