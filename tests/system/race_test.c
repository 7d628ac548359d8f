/*
 * A hundred starters of the real command at once, fifty rounds: exactly one server each, all
 * others say that it runs already (exit 7). Case 12.
 *
 *     race_test [ROUNDS [STARTERS]]
 */
#include "support.h"

enum { MOST = 1000, ALREADY = 7 };

static int rounds = 50, starters = 100;

static char        root[SUPPORT_PATH];
static support_pid pids[MOST]; /* 0: it has ended */

static int set_up(void **state)
{
    (void)state;
    support_directory(root);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    support_directory_remove(root);
    return 0;
}

/* Looks at all that still run: how many have ended, each as it should. */
static int bury_losers(void)
{
    int status, ended = 0;

    for (int n = 0; n < starters; n++) {
        if (pids[n] == 0 || !support_has_ended(pids[n], &status))
            continue;
        assert_int_equal(status, ALREADY);
        pids[n] = 0;
        ended++;
    }
    return ended;
}

/* Waits until all but one have ended. */
static void wait_for_losers(void)
{
    uint64_t deadline = support_now() + 6 * SUPPORT_SOON;
    int      ended = 0;

    for (;;) {
        ended += bury_losers();
        if (ended >= starters - 1)
            return;
        if (support_now() >= deadline)
            fail_msg("only %d of %d have ended: more than one server?", ended, starters);
        support_pause(1);
    }
}

static cordon_endpoint *open_endpoint(void)
{
    cordon_endpoint_options options = CORDON_ENDPOINT_OPTIONS_INIT;
    cordon_endpoint        *endpoint = NULL;
    cordon_fault            fault = CORDON_FAULT_INIT;

    options.directory = root;
    SUPPORT_CODE(cordon_endpoint_open(&endpoint, "race", &options, &fault), CORDON_OK, &fault);
    return endpoint;
}

/* Where nobody can be asked from outside, it is asked over the line. */
static void ask_to_stop(cordon_endpoint *endpoint)
{
    cordon_session_options options = CORDON_SESSION_OPTIONS_INIT;
    cordon_session        *session = NULL;
    cordon_fault           fault = CORDON_FAULT_INIT;

    options.flags = CORDON_CONTROL;
    SUPPORT_CODE(cordon_session_open(&session, endpoint, &options, &fault), CORDON_OK, &fault);
    SUPPORT_CODE(cordon_session_stop(session, SUPPORT_SOON, &fault), CORDON_OK, &fault);
    cordon_session_close(session);
}

static void end_the_winner(int winner, int is_killed, cordon_endpoint *endpoint)
{
    if (is_killed) {
        support_end(pids[winner]);
        return;
    }
    if (!support_ask_to_end(pids[winner]))
        ask_to_stop(endpoint);
    assert_int_equal(support_wait(pids[winner], SUPPORT_SOON), 0);
}

static void check_the_winner(int is_killed)
{
    cordon_endpoint *endpoint = open_endpoint();
    int              n = 0, status;

    while (n < starters && pids[n] == 0)
        n++;
    assert_true(n < starters);
    assert_false(support_has_ended(pids[n], &status)); /* it lives */
    support_ask_echo(endpoint);                        /* and is the one that answers */
    end_the_winner(n, is_killed, endpoint);
    pids[n] = 0;
    cordon_endpoint_close(endpoint);
}

static void open_the_race(void)
{
    const char *const arguments[] = {support_bin(), "serve",        "race",    "--dir", root,
                                     "--echo",      "--allow-stop", "--drain", "10",    NULL};
    support_gate     *gate;

    support_gate_open(&gate);
    for (int n = 0; n < starters; n++)
        pids[n] = support_gate_start(gate, arguments);
    support_gate_go(gate);
    wait_for_losers();
}

static void one_round(int round)
{
    const int        is_killed = round % 3 == 2; /* the next round starts on what that leaves */
    cordon_endpoint *endpoint = open_endpoint();

    open_the_race();
    check_the_winner(is_killed);
    assert_true(support_exists(cordon_endpoint_path(endpoint, CORDON_LOCK)));
    assert_int_equal(support_exists(cordon_endpoint_path(endpoint, CORDON_TOKEN)), is_killed);
    if (!is_killed)
        assert_false(support_is_published(endpoint));
    cordon_endpoint_close(endpoint);
}

static void hundred_starters_make_exactly_one_server(void **state)
{
    uint64_t begun = support_now();

    (void)state;
    if (support_bin() == NULL)
        SUPPORT_SKIP("no command to start: set CORDON_BIN");
    for (int round = 0; round < rounds; round++)
        one_round(round);
    print_message("%d rounds of %d starters in %u ms\n", rounds, starters,
                  (unsigned)(support_now() - begun));
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(hundred_starters_make_exactly_one_server, set_up,
                                        tear_down),
    };

    if (count > 1)
        rounds = atoi(arguments[1]);
    if (count > 2)
        starters = atoi(arguments[2]);
    if (rounds < 1 || starters < 1 || starters > MOST)
        return 2;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
