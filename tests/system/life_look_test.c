/* A server looks after its address and its token while it serves (design, Serving, 8). */
#include "life_kit.h"

#include <sys/stat.h>

static char            root[SUPPORT_PATH];
static char            address[SUPPORT_PATH], token[SUPPORT_PATH];
static support_server *server;

static int set_up(void **state)
{
    cordon_server_options options = CORDON_SERVER_OPTIONS_INIT;

    (void)state;
    support_directory(root);
    support_join(address, root, "ipc.sock");
    support_join(token, root, "ipc-token");
    options.look_ms = 10;
    support_server_open(&server, root, NULL, &options);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    support_server_close(server);
    support_directory_remove(root);
    return 0;
}

static int is_there(void *path)
{
    return support_exists(path);
}

static int is_served(void *context)
{
    cordon_endpoint *endpoint = context;

    return support_ask(NULL, endpoint, "x", NULL) == CORDON_OK;
}

static void deleted_address_is_published_again(void **state)
{
    cordon_fault fault = CORDON_FAULT_INIT;
    int          client;

    (void)state;
    client = support_raw_admitted(server->endpoint);
    for (int round = 0; round < 3; round++) {
        assert_int_equal(unlink(address), 0);
        assert_true(support_until(is_there, address, SUPPORT_SOON));
        assert_true(support_until(is_served, server->endpoint, SUPPORT_SOON));
        assert_int_equal(support_mode(address), 0600);
    }
    assert_true(support_raw_is_silent(client, 0)); /* who was there before stays */
    SUPPORT_CODE(life_refused(root, CORDON_FOREVER, &fault), CORDON_EADDRINUSE, &fault);
    close(client);
}

static void deleted_token_is_written_again(void **state)
{
    cordon_endpoint *endpoint;
    char             before[65] = {0}, after[65] = {0};

    (void)state;
    support_read(token, before, 64);
    assert_int_equal(unlink(token), 0);
    assert_true(support_until(is_there, token, SUPPORT_SOON));
    assert_int_equal(support_read(token, after, 64), 64);
    assert_string_equal(before, after);
    endpoint = support_endpoint(root);
    support_ask_echo(endpoint);
    cordon_endpoint_close(endpoint);
}

static void address_taken_by_something_else_is_reported_once_and_left_alone(void **state)
{
    struct stat before, after;

    (void)state;
    support_write(support_join(token, root, "other"), "keep", 4, 0600);
    assert_int_equal(stat(token, &before), 0);
    assert_int_equal(rename(token, address), 0);
    assert_true(support_reaches(&server->troubles, 1, SUPPORT_SOON));
    support_pause(100); /* several looks */
    assert_int_equal(atomic_load(&server->troubles), 1);
    assert_int_equal(lstat(address, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
}

static void directory_that_vanished_is_made_again(void **state)
{
    cordon_endpoint *endpoint = support_endpoint(root);
    cordon_fault     fault = CORDON_FAULT_INIT;

    (void)state;
    support_directory_remove(root);
    assert_true(support_until(is_served, endpoint, SUPPORT_SOON));
    assert_int_equal(support_mode(root), 0700);
    life_check_names(root, "ipc-token ipc.lock ipc.sock");
    SUPPORT_CODE(life_refused(root, CORDON_FOREVER, &fault), CORDON_EADDRINUSE, &fault);
    cordon_endpoint_close(endpoint);
}

static void deleted_lock_file_is_taken_again(void **state)
{
    char         lock[SUPPORT_PATH];
    cordon_fault fault = CORDON_FAULT_INIT;

    (void)state;
    assert_int_equal(unlink(support_join(lock, root, "ipc.lock")), 0);
    assert_true(support_until(is_there, lock, SUPPORT_SOON));
    support_pause(100); /* there, and then held */
    SUPPORT_CODE(life_refused(root, CORDON_FOREVER, &fault), CORDON_EADDRINUSE, &fault);
    support_ask_echo(server->endpoint);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(deleted_address_is_published_again),
        TEST(deleted_token_is_written_again),
        TEST(directory_that_vanished_is_made_again),
        TEST(deleted_lock_file_is_taken_again),
        TEST(address_taken_by_something_else_is_reported_once_and_left_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
