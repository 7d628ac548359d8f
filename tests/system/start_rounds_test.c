/*
 * Many callers of the real command at once, round after round, from every state in which they can
 * find an endpoint: exactly one server, started by exactly one of them where none ran.
 *
 *     start_rounds_test [ROUNDS [CALLERS]]
 */
#include "start_kit.h"

#include <signal.h>
#include <unistd.h>

enum { MOST = 1000, CALLER_DONE = 0, CALLER_REFUSED = 4 };

static int rounds = 30, callers = 100;

static char        root[SUPPORT_PATH], home[SUPPORT_PATH], said[SUPPORT_PATH];
static support_pid pids[MOST];
static int         statuses[MOST];
static unsigned    seed = 1;

static int set_up(void **state)
{
    (void)state;
    support_directory(root);
    support_join(home, root, "home");
    support_join(said, root, "said");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    start_end_all(home);
    support_directory_remove(root);
    return 0;
}

/* ---- the callers --------------------------------------------------------------------- */

/* Each says its one word on a line of the same file. */
static void open_the_gate(void)
{
    enum { WORDS = 9 };
    const char *arguments[WORDS + sizeof(start_argv) / sizeof(char *)] = {
        "/bin/sh",     "-c",     "exec \"$0\" \"$@\" >>\"$SAID\" 2>>\"$SAID.trouble\"",
        support_bin(), "ensure", "start",
        "--dir",       home,     "--"};
    start_argv    daemon;
    support_gate *gate;

    start_daemon(&daemon, home);
    memcpy(arguments + WORDS, daemon.words, sizeof daemon.words);
    setenv("SAID", said, 1);
    support_remove(said);
    support_gate_open(&gate);
    for (int n = 0; n < callers; n++)
        pids[n] = support_gate_start(gate, arguments);
    support_gate_go(gate);
}

static void wait_for_all(void)
{
    for (int n = 0; n < callers; n++)
        statuses[n] = support_wait(pids[n], 60000);
}

static int count_words(const char *word)
{
    static char text[MOST * 16];
    size_t      size = support_exists(said) ? support_read(said, text, sizeof text - 1) : 0;
    int         count = 0;

    text[size] = '\0';
    for (const char *at = text; (at = strstr(at, word)) != NULL; at += strlen(word))
        count++;
    return count;
}

static void check_callers(int status, int started)
{
    for (int n = 0; n < callers; n++)
        if (statuses[n] != status)
            fail_msg("caller %d ended with %d instead of %d", n, statuses[n], status);
    assert_int_equal(count_words("started\n"), started);
    assert_int_equal(count_words("joined\n"), status == CALLER_DONE ? callers - started : 0);
}

/* ---- what they find -------------------------------------------------------------------- */

static void start_one(void)
{
    cordon_start_options options = CORDON_START_OPTIONS_INIT;
    start_argv           argv;
    start_answer         answer;

    options.argv = start_daemon(&argv, home);
    start_ask(&answer, home, &options, 0);
    SUPPORT_CODE(answer.code, CORDON_OK, &answer.fault);
}

static uint64_t server;

static void start_and_note_it(void)
{
    start_one();
    server = start_server_pid(home);
    assert_true(server > 1);
}

static void kill_it(void)
{
    assert_int_equal(kill((pid_t)server, SIGKILL), 0);
}

static int is_free(void *context)
{
    (void)context;
    return start_server_pid(home) == 0;
}

static void leave_a_dead_one(void)
{
    start_and_note_it();
    kill_it();
    assert_true(support_until(is_free, NULL, SUPPORT_SOON));
}

static void lose(enum cordon_place place)
{
    cordon_endpoint *endpoint = start_endpoint(home);

    support_remove(cordon_endpoint_path(endpoint, place));
    cordon_endpoint_close(endpoint);
}

static void all_come(void)
{
    open_the_gate();
    wait_for_all();
}

static void nothing(void)
{
    if (support_exists(home))
        support_directory_remove(home);
    all_come();
    check_callers(CALLER_DONE, 1);
}

static void stale_socket_and_lock_file(void)
{
    leave_a_dead_one();
    all_come();
    check_callers(CALLER_DONE, 1);
}

static void stale_socket_alone(void)
{
    leave_a_dead_one();
    lose(CORDON_LOCK);
    lose(CORDON_START_LOCK);
    all_come();
    check_callers(CALLER_DONE, 1);
}

static void live_server(void)
{
    start_one();
    all_come();
    check_callers(CALLER_DONE, 0);
}

/* Whoever meets it dying is served by the next one. */
static void server_that_is_killed_meanwhile(void)
{
    int started;

    start_and_note_it();
    open_the_gate();
    seed = seed * 1103515245u + 12345u;
    support_pause_us(seed % 60000);
    kill_it();
    wait_for_all();
    started = count_words("started\n");
    assert_in_range(started, 0, 1); /* 0: they all came before */
    check_callers(CALLER_DONE, started);
}

static void token_missing(void)
{
    start_and_note_it();
    lose(CORDON_TOKEN);
    all_come();
    check_callers(CALLER_REFUSED, 0);
    kill_it();
}

/* ---- rounds ----------------------------------------------------------------------------- */

static const struct {
    const char *name;
    void (*play)(void);
} states[] = {
    {"nothing", nothing},
    {"stale socket and lock file", stale_socket_and_lock_file},
    {"stale socket alone", stale_socket_alone},
    {"live server", live_server},
    {"server that is killed meanwhile", server_that_is_killed_meanwhile},
    {"token missing", token_missing},
};

/* 1: exactly so many daemons of ours run. Linux tells; elsewhere it is believed. */
static int has_one_daemon(void *context)
{
    (void)context;
    return start_count_daemons(home) <= 1;
}

static void one_round(int round)
{
    const int which = round % (int)(sizeof states / sizeof states[0]);

    print_message("round %d: %s\n", round, states[which].name);
    states[which].play();
    assert_true(support_until(has_one_daemon, NULL, SUPPORT_SOON));
    start_stop_server(home);
}

static void one_server_started_by_one_of_all_callers(void **state)
{
    const uint64_t began = support_now();

    (void)state;
    if (support_bin() == NULL)
        SUPPORT_SKIP("no command to start: set CORDON_BIN");
    for (int round = 0; round < rounds; round++)
        one_round(round);
    print_message("%d rounds of %d callers in %u ms\n", rounds, callers,
                  (unsigned)(support_now() - began));
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_server_started_by_one_of_all_callers, set_up,
                                        tear_down),
    };

    if (count > 1)
        rounds = atoi(arguments[1]);
    if (count > 2)
        callers = atoi(arguments[2]);
    if (rounds < 1 || callers < 1 || callers > MOST) {
        fprintf(stderr, "usage: start_rounds_test [ROUNDS [CALLERS]]\n");
        return 2;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
