/*
 * A hundred starters of the real command at once, fifty rounds: exactly one server each, all
 * others say that it runs already (exit 7). Case 12.
 *
 *     race_test [ROUNDS [STARTERS]]
 */
#include "support.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

enum { MOST = 1000, ALREADY = 7 };

static int rounds = 50, starters = 100;

static char  root[SUPPORT_PATH];
static pid_t pids[MOST];

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

/* They wait at a gate, so that all start together. */
static int serve(void *context)
{
    support_signal *gate = context;
    const char     *bin = support_bin();
    char            byte;
    char *const     arguments[] = {
            (char *)(intptr_t)bin, "serve", "race", "--dir", root, "--echo", NULL};

    close(gate->ends[1]);
    while (read(gate->ends[0], &byte, 1) < 0 && errno == EINTR)
        continue;
    if (freopen("/dev/null", "w", stderr) == NULL)
        return SUPPORT_BROKEN;
    execv(bin, arguments);
    return SUPPORT_BROKEN;
}

static int index_of(pid_t pid)
{
    int n = 0;

    while (n < starters && pids[n] != pid)
        n++;
    return n;
}

/* Waits until all but one have ended; each as it should. */
static void wait_for_losers(void)
{
    uint64_t deadline = support_now() + 60000;
    int      ended = 0;

    while (ended < starters - 1) {
        int   status;
        pid_t pid = waitpid(-1, &status, WNOHANG);

        assert_true(pid >= 0);
        if (pid == 0) {
            if (support_now() >= deadline)
                fail_msg("only %d of %d have ended: more than one server?", ended, starters);
            support_pause(1);
            continue;
        }
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), ALREADY);
        pids[index_of(pid)] = 0;
        ended++;
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

static void check_the_winner(int is_killed)
{
    cordon_endpoint *endpoint = open_endpoint();
    int              n = 0;

    while (n < starters && pids[n] == 0)
        n++;
    assert_true(n < starters);
    assert_int_equal(waitpid(pids[n], NULL, WNOHANG), 0); /* it lives */
    support_ask_echo(endpoint);                           /* and is the one that answers */
    support_kill(pids[n], is_killed ? SIGKILL : SIGTERM);
    if (!is_killed)
        assert_int_equal(support_wait(pids[n], SUPPORT_SOON), 0);
    pids[n] = 0;
    cordon_endpoint_close(endpoint);
}

static void open_the_race(void)
{
    support_signal gate;

    support_signal_open(&gate);
    for (int n = 0; n < starters; n++)
        pids[n] = support_fork(serve, &gate);
    support_signal_close(&gate); /* go */
    wait_for_losers();
}

static void one_round(int round)
{
    const int is_killed = round % 3 == 2; /* the next round starts on what that leaves */
    char      names[256];

    open_the_race();
    check_the_winner(is_killed);
    support_names(names, sizeof names, root);
    assert_string_equal(names, is_killed ? "ipc-token ipc.lock ipc.sock" : "ipc.lock");
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
