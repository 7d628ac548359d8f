/* Who may serve, and when the next one may. Case 7. */
#include "life_kit.h"

#include <uv.h>

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
    support_directory_remove(root);
    return 0;
}

static void plain_file_for_a_directory_is_refused(void **state)
{
    char         path[SUPPORT_PATH], kept[8];
    cordon_fault fault = CORDON_FAULT_INIT;

    (void)state;
    support_join(path, root, "file");
    support_write(path, "keep", 4, 0600);
    SUPPORT_CODE(life_refused(path, 0, &fault), CORDON_EUNSAFE, &fault);
    assert_string_equal(fault.path, path);
    assert_int_equal(support_read(path, kept, sizeof kept), 4);
    assert_memory_equal(kept, "keep", 4);
}

/* ---- one server ---- */

static void read_token(char token[65], const char *directory)
{
    cordon_endpoint *endpoint = support_endpoint(directory);
    cordon_fault     fault = CORDON_FAULT_INIT;

    SUPPORT_CODE(cordon_endpoint_token(token, endpoint, &fault), CORDON_OK, &fault);
    cordon_endpoint_close(endpoint);
}

/* The lock wait would be for ever: only "at once" ends this test. */
static void check_second_is_refused(const char *directory)
{
    cordon_endpoint *endpoint = support_endpoint(directory);
    cordon_fault     fault = CORDON_FAULT_INIT;
    char             before[65], after[65];

    read_token(before, directory);
    SUPPORT_CODE(life_refused(directory, CORDON_FOREVER, &fault), CORDON_EADDRINUSE, &fault);
    read_token(after, directory);
    assert_string_equal(before, after);
    support_ask_echo(endpoint);
    cordon_endpoint_close(endpoint);
}

static void second_server_is_refused_at_once_and_the_first_goes_on(void **state)
{
    life_child first;

    (void)state;
    life_serve(&first, root, NULL);
    check_second_is_refused(root);
    life_stop(&first);
    life_check_left(root, LIFE_LOCK);
}

static void second_server_of_one_process_is_refused_at_once(void **state)
{
    support_server *first;

    (void)state;
    support_server_open(&first, root, NULL, NULL);
    check_second_is_refused(root);
    support_server_close(first);
}

static void two_names_in_one_directory_are_two_endpoints(void **state)
{
    cordon_endpoint_options options = CORDON_ENDPOINT_OPTIONS_INIT;
    cordon_endpoint        *other = NULL;
    support_server         *first, *second;
    char                    lock[SUPPORT_PATH];

    (void)state;
    options.directory = root;
    options.name = "other";
    support_server_open(&first, root, NULL, NULL);
    SUPPORT_CODE(cordon_endpoint_open(&other, "test", &options, NULL), CORDON_OK, NULL);
    SUPPORT_CODE(support_server_try(&second, other, NULL, NULL, NULL), CORDON_OK, NULL);
    support_ask_echo(other);
    support_ask_echo(first->endpoint);
    support_server_close(second);
    support_server_close(first);
    snprintf(lock, sizeof lock, "%s", cordon_endpoint_path(other, CORDON_LOCK));
    cordon_endpoint_close(other);
    assert_true(support_exists(lock));
    support_remove(lock); /* of the other: kept as well */
    life_check_left(root, LIFE_LOCK);
}

/* ---- one after the other ---- */

static void ask_to_stop(const char *directory)
{
    cordon_session_options options = CORDON_SESSION_OPTIONS_INIT;
    cordon_endpoint       *endpoint = support_endpoint(directory);
    cordon_session        *session = NULL;
    cordon_fault           fault = CORDON_FAULT_INIT;

    options.flags = CORDON_CONTROL;
    SUPPORT_CODE(cordon_session_open(&session, endpoint, &options, &fault), CORDON_OK, &fault);
    SUPPORT_CODE(cordon_session_stop(session, SUPPORT_SOON, &fault), CORDON_OK, &fault);
    cordon_session_close(session);
    cordon_endpoint_close(endpoint);
}

/* The process of the old one may well be there still when the new one starts. */
static void stop_then_serve_in_a_loop_never_fails(void **state)
{
    const life_plan plan = {0, 0, 1};
    life_child      old, young;

    (void)state;
    life_serve(&old, root, &plan);
    for (int round = 0; round < 30; round++) {
        ask_to_stop(root);
        life_serve(&young, root, &plan);
        life_stop(&old);
        old = young;
    }
    life_stop(&old);
    life_check_left(root, LIFE_LOCK);
}

static int is_gone(void *context)
{
    return !support_is_published(context);
}

typedef struct draining {
    support_server *server;
    support_raw     client;
} draining;

static void end_the_drain(void *context)
{
    draining *what = context;

    support_pause(150);
    support_server_release(what->server, 0, "late");
    support_raw_close(what->client);
}

/* A request that nobody answers keeps the old server draining. */
static void start_waits_for_a_server_that_drains(void **state)
{
    cordon_server_options options = CORDON_SERVER_OPTIONS_INIT;
    cordon_fault          fault = CORDON_FAULT_INIT;
    uint8_t               frame[32];
    draining              old;
    uv_thread_t           thread;

    (void)state;
    options.drain_ms = 60000;
    support_server_open(&old.server, root, NULL, &options);
    old.client = support_raw_admitted(old.server->endpoint);
    support_raw_send(old.client, frame, support_put_frame(frame, 4, 0, 1, "hold", 4));
    assert_true(support_reaches(&old.server->held, 1, SUPPORT_SOON));
    support_server_stop(old.server);
    assert_true(support_until(is_gone, old.server->endpoint, SUPPORT_SOON));

    SUPPORT_CODE(life_refused(root, CORDON_AT_ONCE, &fault), CORDON_EADDRINUSE, &fault);
    SUPPORT_CODE(life_refused(root, 20, &fault), CORDON_EADDRINUSE, &fault);
    assert_int_equal(atomic_load(&old.server->closed), 0); /* it was draining all the while */
    assert_int_equal(uv_thread_create(&thread, end_the_drain, &old), 0);
    SUPPORT_CODE(life_refused(root, 50000, &fault), CORDON_OK, &fault);
    assert_int_equal(uv_thread_join(&thread), 0);
    support_server_close(old.server);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        TEST(plain_file_for_a_directory_is_refused),
        TEST(second_server_is_refused_at_once_and_the_first_goes_on),
        TEST(second_server_of_one_process_is_refused_at_once),
        TEST(two_names_in_one_directory_are_two_endpoints),
        TEST(stop_then_serve_in_a_loop_never_fails),
        TEST(start_waits_for_a_server_that_drains),
    };

    SUPPORT_PLAY(count, arguments, life_parts);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
