/*
 * kill -9 anywhere leaves a state that the next start repairs. A real server is started, or
 * stopped, again and again, and killed before its first system call, its second, and so on until
 * it comes through. After each the next server must start, be reached, and leave nothing behind
 * but lock files. Case 11.
 */
#include "life_posix.h"

#include <signal.h>
#include <sys/stat.h>
#include <uv.h>

static char root[SUPPORT_PATH];
static char directory[SUPPORT_PATH]; /* of the endpoint, in root */
static char fallback[SUPPORT_PATH];  /* where the socket of a long one goes */

static int set_up(void **state)
{
    (void)state;
    support_directory(root);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unsetenv("TMPDIR");
    support_directory_remove(root);
    return 0;
}

static void echo(cordon_request *request, cordon_bytes body, void *user)
{
    (void)user;
    cordon_reply(&request, body);
}

enum phase { STARTING, STOPPING };

/* A server's whole life on a loop of its own; what is killed begins at the mark. */
static int live(void *context)
{
    const enum phase *marked = context;
    cordon_endpoint  *endpoint = support_endpoint(directory);
    cordon_fault      fault = CORDON_FAULT_INIT;
    cordon_loop      *loop;
    cordon_server    *server;
    uv_loop_t         uv;

    SUPPORT_CHECK(uv_loop_init(&uv) == 0);
    SUPPORT_CODE(cordon_loop_open_uv(&loop, &uv, &fault), CORDON_OK, &fault);
    if (*marked == STARTING)
        support_step_mark();
    SUPPORT_CODE(cordon_server_open(&server, loop, endpoint, echo, NULL, &fault), CORDON_OK,
                 &fault);
    if (*marked == STARTING)
        return 0;
    support_step_mark();
    cordon_server_close(server);
    cordon_loop_close(loop);
    uv_run(&uv, UV_RUN_DEFAULT);
    cordon_endpoint_close(endpoint);
    return 0;
}

static void check_next_start(void)
{
    support_server *server;

    support_server_open(&server, directory, NULL, NULL);
    support_ask_echo(server->endpoint);
    support_server_close(server);
    life_check_names(directory, "ipc.lock");
    if (support_exists(fallback))
        life_check_names(fallback, "");
    SUPPORT_CHECK(support_mode(directory) == 0700);
}

static void leave_a_dead_server(void)
{
    life_child child;

    life_serve(&child, directory, NULL);
    life_kill(&child);
}

/* prepare runs before each life. */
static void kill_at_every_system_call(enum phase marked, void (*prepare)(void))
{
    int is_killed = 1, status = 0;

    if (support_step_missing() != NULL)
        SUPPORT_SKIP(support_step_missing());
    for (unsigned nth = 1; is_killed; nth++) {
        prepare();
        is_killed = support_step(live, &marked, nth, &status);
        assert_int_equal(status, is_killed ? 128 + SIGKILL : 0);
        check_next_start();
        assert_true(is_killed || nth > 5); /* there was something to kill */
        if (!is_killed)
            print_message("killed before each of %u system calls\n", nth - 1);
    }
}

static void remove_directory(void)
{
    support_directory_remove(directory);
    support_directory_remove(fallback);
}

static void do_nothing(void)
{
}

static void short_path(void)
{
    support_join(directory, root, "d");
    support_join(fallback, root, "no-fallback");
}

static void long_path(void)
{
    char parent[SUPPORT_PATH], name[91];

    memset(name, 'd', 90);
    name[90] = 0;
    support_join(directory, root, name);
    assert_int_equal(mkdir(support_join(parent, root, "t"), 0700), 0);
    assert_int_equal(setenv("TMPDIR", parent, 1), 0);
    snprintf(name, sizeof name, "cordon-%u", (unsigned)geteuid());
    support_join(fallback, parent, name);
}

static void start_killed_at_every_system_call_is_repaired(void **state)
{
    (void)state;
    short_path();
    kill_at_every_system_call(STARTING, remove_directory);
}

static void start_at_a_fallback_killed_at_every_system_call_is_repaired(void **state)
{
    (void)state;
    long_path();
    kill_at_every_system_call(STARTING, remove_directory);
}

/* What is made has mode 0 until it gets its own. */
static void start_under_umask_777_killed_at_every_system_call_is_repaired(void **state)
{
    mode_t before = umask(0777);

    (void)state;
    short_path();
    kill_at_every_system_call(STARTING, remove_directory);
    umask(before);
}

static void take_over_killed_at_every_system_call_is_repaired(void **state)
{
    (void)state;
    short_path();
    kill_at_every_system_call(STARTING, leave_a_dead_server);
}

static void take_over_at_a_fallback_killed_at_every_system_call_is_repaired(void **state)
{
    (void)state;
    long_path();
    kill_at_every_system_call(STARTING, leave_a_dead_server);
}

static void stop_killed_at_every_system_call_is_repaired(void **state)
{
    (void)state;
    short_path();
    kill_at_every_system_call(STOPPING, do_nothing);
}

static void stop_at_a_fallback_killed_at_every_system_call_is_repaired(void **state)
{
    (void)state;
    long_path();
    kill_at_every_system_call(STOPPING, do_nothing);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(start_killed_at_every_system_call_is_repaired),
        TEST(start_at_a_fallback_killed_at_every_system_call_is_repaired),
        TEST(start_under_umask_777_killed_at_every_system_call_is_repaired),
        TEST(take_over_killed_at_every_system_call_is_repaired),
        TEST(take_over_at_a_fallback_killed_at_every_system_call_is_repaired),
        TEST(stop_killed_at_every_system_call_is_repaired),
        TEST(stop_at_a_fallback_killed_at_every_system_call_is_repaired),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
