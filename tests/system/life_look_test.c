/* A server looks after its address and its token while it serves (design, Serving, 8). */
#include "life_kit.h"

static char            root[SUPPORT_PATH];
static char            address[SUPPORT_PATH], token[SUPPORT_PATH];
static support_server *server;

static int set_up(void **state)
{
    cordon_server_options options = CORDON_SERVER_OPTIONS_INIT;

    (void)state;
    support_directory(root);
    options.look_ms = 10;
    support_server_open(&server, root, NULL, &options);
    snprintf(address, sizeof address, "%s", cordon_endpoint_path(server->endpoint, CORDON_ADDRESS));
    snprintf(token, sizeof token, "%s", cordon_endpoint_path(server->endpoint, CORDON_TOKEN));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    support_server_close(server);
    support_directory_remove(root);
    return 0;
}

/* A pipe's name cannot be taken away or taken over, and a file in use neither. */
static void need_removable(void)
{
    if (strncmp(address, root, strlen(root)) != 0)
        SUPPORT_SKIP("what a server has open cannot be removed here");
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
    support_raw  client;

    (void)state;
    need_removable();
    client = support_raw_admitted(server->endpoint);
    for (int round = 0; round < 3; round++) {
        support_remove(address);
        assert_true(support_until(is_there, address, SUPPORT_SOON));
        assert_true(support_until(is_served, server->endpoint, SUPPORT_SOON));
    }
    assert_true(support_raw_is_silent(client, 0)); /* who was there before stays */
    SUPPORT_CODE(life_refused(root, CORDON_FOREVER, &fault), CORDON_EADDRINUSE, &fault);
    support_raw_close(client);
}

static void deleted_token_is_written_again(void **state)
{
    cordon_endpoint *endpoint;
    char             before[65] = {0}, after[65] = {0};

    (void)state;
    support_read(token, before, 64);
    support_remove(token);
    assert_true(support_until(is_there, token, SUPPORT_SOON));
    assert_int_equal(support_read(token, after, 64), 64);
    assert_string_equal(before, after);
    endpoint = support_endpoint(root);
    support_ask_echo(endpoint);
    cordon_endpoint_close(endpoint);
}

static void address_taken_by_something_else_is_reported_once_and_left_alone(void **state)
{
    char     other[SUPPORT_PATH];
    uint64_t before;

    (void)state;
    need_removable();
    support_write(support_join(other, root, "other"), "keep", 4, 0600);
    before = support_identity(other);
    support_rename(other, address);
    assert_true(support_reaches(&server->troubles, 1, SUPPORT_SOON));
    support_pause(100); /* several looks */
    assert_int_equal(atomic_load(&server->troubles), 1);
    assert_true(support_identity(address) == before);
}

static void directory_that_vanished_is_made_again(void **state)
{
    cordon_endpoint *endpoint = support_endpoint(root);
    cordon_fault     fault = CORDON_FAULT_INIT;

    (void)state;
    need_removable();
    support_directory_remove(root);
    assert_true(support_until(is_served, endpoint, SUPPORT_SOON));
    life_check_left(root, LIFE_TOKEN | LIFE_LOCK | LIFE_ADDRESS);
    SUPPORT_CODE(life_refused(root, CORDON_FOREVER, &fault), CORDON_EADDRINUSE, &fault);
    cordon_endpoint_close(endpoint);
}

static void deleted_lock_file_is_taken_again(void **state)
{
    char         lock[SUPPORT_PATH];
    cordon_fault fault = CORDON_FAULT_INIT;

    (void)state;
    need_removable();
    support_remove(support_join(lock, root, "ipc.lock"));
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
