/* Nobody, a crowd, and one who does not read: what a client finds at the address. Case 16. */
#include "life_kit.h"

#include <uv.h>

static char root[SUPPORT_PATH];
static char address[SUPPORT_PATH]; /* of the endpoint there */

static int set_up(void **state)
{
    cordon_endpoint *endpoint;

    (void)state;
    support_directory(root);
    endpoint = support_endpoint(root);
    snprintf(address, sizeof address, "%s", cordon_endpoint_path(endpoint, CORDON_ADDRESS));
    cordon_endpoint_close(endpoint);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    support_directory_remove(root);
    return 0;
}

static int ask(cordon_endpoint *endpoint, int timeout_ms, cordon_fault *fault)
{
    cordon_call_options options = CORDON_CALL_OPTIONS_INIT;
    cordon_buffer       reply = CORDON_BUFFER_INIT;
    int                 code;

    options.timeout_ms = timeout_ms;
    code = cordon_call(&reply, endpoint, cordon_text("ask"), &options, fault);
    cordon_buffer_free(&reply);
    return code;
}

/* ---- nobody ---- */

/* The deadline would be for ever: only "at once" comes back. */
static void check_nobody(const char *directory)
{
    cordon_endpoint       *endpoint = support_endpoint(directory);
    cordon_session_options options = CORDON_SESSION_OPTIONS_INIT;
    cordon_session        *session = NULL;
    cordon_fault           fault = CORDON_FAULT_INIT;

    SUPPORT_CODE(ask(endpoint, CORDON_FOREVER, &fault), CORDON_ENOTRUNNING, &fault);
    SUPPORT_CHECK(fault.is_sent == 0);
    SUPPORT_CODE(ask(endpoint, CORDON_AT_ONCE, &fault), CORDON_ENOTRUNNING, &fault);
    options.timeout_ms = CORDON_FOREVER;
    SUPPORT_CODE(cordon_session_open(&session, endpoint, &options, &fault), CORDON_ENOTRUNNING,
                 &fault);
    cordon_endpoint_close(endpoint);
}

static void nobody_there_is_told_at_once(void **state)
{
    char              directory[SUPPORT_PATH];
    life_child        child;
    support_listener *dead;

    (void)state;
    check_nobody(support_join(directory, root, "none/at/all"));
    assert_false(support_exists(support_join(directory, root, "none")));
    check_nobody(root); /* an empty directory */
    life_check_left(root, 0);
    life_serve(&child, root, NULL);
    life_kill(&child);
    check_nobody(root); /* a socket that nobody listens on */
    life_serve(&child, root, NULL);
    life_stop(&child);
    check_nobody(root); /* a lock file */
    support_listen(&dead, address, 1);
    support_listener_die(dead);
    check_nobody(root); /* what somebody else left */
}

/* ---- a full backlog ---- */

typedef struct later {
    support_pid pid;
    int         ms;
} later;

static void go_on_later(void *context)
{
    later *what = context;

    support_pause(what->ms);
    support_thaw(what->pid);
}

/* It takes a stopped server with a backlog of one. */
static void serve_full(life_child *child, life_crowd *crowd)
{
    const life_plan plan = {1, 4, 0};

    life_serve(child, root, &plan);
    support_freeze(child->pid);
    life_crowd_in(crowd, address);
}

static void backlog_full_for_a_while_is_waited_for(void **state)
{
    cordon_endpoint *endpoint = support_endpoint(root);
    cordon_fault     fault = CORDON_FAULT_INIT;
    life_child       child;
    life_crowd       crowd;
    later            what;
    uv_thread_t      thread;

    (void)state;
    serve_full(&child, &crowd);
    what.pid = child.pid;
    what.ms = 150;
    assert_int_equal(uv_thread_create(&thread, go_on_later, &what), 0);
    SUPPORT_CODE(ask(endpoint, SUPPORT_SOON, &fault), CORDON_OK, &fault);
    assert_int_equal(uv_thread_join(&thread), 0);
    life_drop_all(&crowd);
    life_stop(&child);
    cordon_endpoint_close(endpoint);
}

static void backlog_full_for_ever_ends_at_the_deadline(void **state)
{
    cordon_endpoint *endpoint = support_endpoint(root);
    cordon_fault     fault = CORDON_FAULT_INIT;
    life_child       child;
    life_crowd       crowd;
    uint64_t         begun;

    (void)state;
    serve_full(&child, &crowd);
    begun = support_now();
    SUPPORT_CODE(ask(endpoint, 200, &fault), CORDON_ETIMEDOUT, &fault);
    assert_in_range(support_now() - begun, 199, SUPPORT_SOON); /* not earlier; and not a hang */
    assert_int_equal(fault.is_sent, 0);
    SUPPORT_CODE(ask(endpoint, CORDON_AT_ONCE, &fault), CORDON_ETIMEDOUT, &fault);
    assert_int_equal(fault.is_sent, 0);
    life_drop_all(&crowd);
    life_kill(&child);
    cordon_endpoint_close(endpoint);
}

/* It is in the backlog, and nobody ever reads. */
static void server_that_never_reads_ends_at_the_deadline(void **state)
{
    cordon_endpoint *endpoint = support_endpoint(root);
    cordon_fault     fault = CORDON_FAULT_INIT;
    life_child       child;
    uint64_t         begun;

    (void)state;
    life_serve(&child, root, NULL);
    support_freeze(child.pid);
    begun = support_now();
    SUPPORT_CODE(ask(endpoint, 200, &fault), CORDON_ETIMEDOUT, &fault);
    assert_in_range(support_now() - begun, 199, SUPPORT_SOON);
    assert_int_equal(fault.is_sent, 1); /* it may yet be read */
    support_thaw(child.pid);
    life_stop(&child);
    cordon_endpoint_close(endpoint);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        TEST(nobody_there_is_told_at_once),
        TEST(backlog_full_for_a_while_is_waited_for),
        TEST(backlog_full_for_ever_ends_at_the_deadline),
        TEST(server_that_never_reads_ends_at_the_deadline),
    };

    SUPPORT_PLAY(count, arguments, life_parts);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
