/*
 * Callers come all at once, round after round, where nothing is, where a server was killed and
 * where one lives: a program is started by one of them where none runs, and all of them have a
 * session with it. On Windows too, where start_rounds_test cannot be. Case 41.
 *
 *     start_race_test [ROUNDS [CALLERS]]
 */
#include "start_crowd.h"

static int rounds = 9, callers = 100;

static char root[SUPPORT_PATH], home[SUPPORT_PATH];

static int set_up(void **state)
{
    (void)state;
    support_directory(root);
    support_join(home, root, "home");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    start_end_all(home);
    support_directory_remove(root);
    return 0;
}

/* It has nobody to wait for when it is stopped, so it does not. */
static void daemon_options(cordon_start_options *options, start_argv *argv)
{
    size_t count = 0;

    start_daemon(argv, home);
    while (argv->words[count] != NULL)
        count++;
    argv->words[count++] = "--drain";
    argv->words[count++] = "10";
    argv->words[count] = NULL;
    options->argv = argv->words;
}

static int is_free(void *context)
{
    (void)context;
    return start_server_pid(home) == 0;
}

static void kill_server(uint64_t pid)
{
    support_end_other(pid);
    assert_true(support_until(is_free, NULL, SUPPORT_SOON));
}

/* What the next ones will find. */
enum found { NOTHING, A_DEAD_SERVER, A_SERVER, ALL_STATES };

static void one_round(enum found found, enum found next)
{
    cordon_start_options options = CORDON_START_OPTIONS_INIT;
    start_argv           argv;
    uint64_t             pid;

    daemon_options(&options, &argv);
    assert_int_equal(start_crowd(&pid, home, callers, &options), found != A_SERVER);
    assert_in_range(start_count_daemons(home) + 1, 0, 2); /* -1: the system does not tell */
    if (next == NOTHING)
        start_stop_server(home);
    if (next == A_DEAD_SERVER)
        kill_server(pid);
}

static void all_callers_have_the_one_server_that_one_of_them_started(void **state)
{
    const uint64_t began = support_now();
    enum found     found = NOTHING;

    (void)state;
    if (support_bin() == NULL)
        SUPPORT_SKIP("no command to start: set CORDON_BIN");
    for (int round = 0; round < rounds; round++) {
        const enum found next = (enum found)((round + 1) % ALL_STATES);

        one_round(found, next);
        found = next;
    }
    print_message("%d rounds of %d callers in %u ms\n", rounds, callers,
                  (unsigned)(support_now() - began));
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_callers_have_the_one_server_that_one_of_them_started,
                                        set_up, tear_down),
    };

    if (count > 1)
        rounds = atoi(arguments[1]);
    if (count > 2)
        callers = atoi(arguments[2]);
    if (rounds < 1 || callers < 1 || callers > START_MOST) {
        fprintf(stderr, "usage: start_race_test [ROUNDS [CALLERS]]\n");
        return 2;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
