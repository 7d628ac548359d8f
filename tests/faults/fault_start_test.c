/*
 * Every step's failure leaves nothing behind. Each system call of a server's start fails once, with
 * one error after the other: the start fails with a fault that says where, or does without; either
 * way no descriptor, no memory and no file but the lock stays, and the next start succeeds.
 */
#include "support.h"

#include <errno.h>
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

static cordon_endpoint *open_counted(support_memory *memory)
{
    cordon_endpoint_options options = CORDON_ENDPOINT_OPTIONS_INIT;
    cordon_endpoint        *endpoint = NULL;
    cordon_fault            fault = CORDON_FAULT_INIT;

    options.directory = directory;
    options.allocate = support_allocate;
    options.user = memory;
    SUPPORT_CODE(cordon_endpoint_open(&endpoint, "test", &options, &fault), CORDON_OK, &fault);
    return endpoint;
}

static void check_fault(cordon_fault *fault, int code)
{
    SUPPORT_CHECK(fault->code == code);
    SUPPORT_CHECK(fault->during != NULL && fault->during[0] != 0);
    SUPPORT_CHECK(strlen(cordon_fault_line(fault)) > 0);
}

/* 0: it served; 1: it said why not. */
static int start(void *context)
{
    support_memory   memory = {0};
    int              descriptors = support_count_descriptors();
    cordon_endpoint *endpoint = open_counted(&memory);
    cordon_fault     fault = CORDON_FAULT_INIT;
    cordon_server   *server = NULL;
    cordon_loop     *loop;
    uv_loop_t        uv;
    int              code;

    (void)context;
    SUPPORT_CHECK(uv_loop_init(&uv) == 0);
    SUPPORT_CODE(cordon_loop_open_uv(&loop, &uv, &fault), CORDON_OK, &fault);
    support_step_mark();
    code = cordon_server_open(&server, loop, endpoint, echo, NULL, &fault);
    support_step_end();
    if (code != CORDON_OK)
        check_fault(&fault, code);
    else
        cordon_server_close(server);
    cordon_loop_close(loop);
    uv_run(&uv, UV_RUN_DEFAULT);
    SUPPORT_CHECK(uv_loop_close(&uv) == 0);
    cordon_endpoint_close(endpoint);
    SUPPORT_CHECK(atomic_load(&memory.blocks) == 0);
    SUPPORT_CHECK(support_count_descriptors() <= descriptors + 2); /* libuv's pipe for signals */
    return code == CORDON_OK ? 0 : 1;
}

static void check_nothing_left(const char *where, const char *most)
{
    char names[512];

    if (!support_exists(where))
        return;
    support_names(names, sizeof names, where);
    if (names[0] != 0 && strcmp(names, most) != 0)
        fail_msg("left in %s: %s", where, names);
}

static void check_next_start(void)
{
    support_server *server;

    support_server_open(&server, directory, NULL, NULL);
    support_ask_echo(server->endpoint);
    support_server_close(server);
}

static void remove_directories(void)
{
    support_directory_remove(directory);
    support_directory_remove(fallback);
}

static int die(void *context)
{
    support_server *server;

    (void)context;
    support_server_open(&server, directory, NULL, NULL);
    return 0; /* and nothing is closed */
}

static void leave_a_dead_server(void)
{
    remove_directories();
    assert_int_equal(support_wait(support_fork(die, NULL), SUPPORT_SOON), 0);
}

/* What stands there of the dead one may stay when the start fails before it is cleared. */
static void fail_each_call(int error, void (*prepare)(void), unsigned totals[2])
{
    const int is_fresh = prepare == remove_directories;
    int       is_hit = 1, status;
    unsigned  call;

    for (unsigned nth = 1; is_hit; nth++) {
        prepare();
        is_hit = support_step_fail(start, NULL, nth, error, &status, &call);
        if (status != 0 && status != 1)
            fail_msg("call %u (number %u) failing with %s: status %d", nth, call, strerror(error),
                     status);
        if (is_fresh || status == 0) {
            check_nothing_left(directory, "ipc.lock");
            check_nothing_left(fallback, "");
        }
        check_next_start();
        check_nothing_left(directory, "ipc.lock");
        check_nothing_left(fallback, "");
        totals[status] += (unsigned)is_hit;
    }
    assert_int_equal(status, 0); /* where nothing fails it serves */
}

/* The first `count` of them. */
static void fail_each_call_with_errors(size_t count, void (*prepare)(void))
{
    const int errors[] = {EIO, EINTR, ENOSPC, EACCES, EMFILE, ENOMEM, EROFS};
    unsigned  totals[2] = {0, 0};

    for (size_t n = 0; n < count && n < sizeof errors / sizeof errors[0]; n++)
        fail_each_call(errors[n], prepare, totals);
    print_message("%u failed starts, %u that did without\n", totals[1], totals[0]);
    assert_true(totals[1] > 20);
}

static void short_path(void)
{
    if (support_fail_missing() != NULL)
        SUPPORT_SKIP(support_fail_missing());
    support_join(directory, root, "d");
    support_join(fallback, root, "no-fallback");
}

static void long_path(void)
{
    char parent[SUPPORT_PATH], name[91];

    short_path();
    memset(name, 'd', 90);
    name[90] = 0;
    support_join(directory, root, name);
    assert_int_equal(mkdir(support_join(parent, root, "t"), 0700), 0);
    assert_int_equal(setenv("TMPDIR", parent, 1), 0);
    snprintf(name, sizeof name, "cordon-%u", (unsigned)geteuid());
    support_join(fallback, parent, name);
}

static void failing_start_leaves_nothing_behind(void **state)
{
    (void)state;
    short_path();
    fail_each_call_with_errors(7, remove_directories);
}

static void failing_start_at_a_fallback_leaves_nothing_behind(void **state)
{
    (void)state;
    long_path();
    fail_each_call_with_errors(3, remove_directories);
}

static void failing_take_over_leaves_nothing_that_the_next_start_trips_over(void **state)
{
    (void)state;
    short_path();
    fail_each_call_with_errors(1, leave_a_dead_server);
}

static void
failing_take_over_at_a_fallback_leaves_nothing_that_the_next_start_trips_over(void **state)
{
    (void)state;
    long_path();
    fail_each_call_with_errors(1, leave_a_dead_server);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(failing_start_leaves_nothing_behind),
        TEST(failing_start_at_a_fallback_leaves_nothing_behind),
        TEST(failing_take_over_leaves_nothing_that_the_next_start_trips_over),
        TEST(failing_take_over_at_a_fallback_leaves_nothing_that_the_next_start_trips_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
