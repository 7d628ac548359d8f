/* A dead server is taken over, a live one never. Case 8. */
#include "life_kit.h"

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

static void check_serves(const char *directory)
{
    support_server *server;

    support_server_open(&server, directory, NULL, NULL);
    support_ask_echo(server->endpoint);
    support_server_close(server);
}

static const char *address_of(void)
{
    static char      address[SUPPORT_PATH];
    cordon_endpoint *endpoint = support_endpoint(root);

    snprintf(address, sizeof address, "%s", cordon_endpoint_path(endpoint, CORDON_ADDRESS));
    cordon_endpoint_close(endpoint);
    return address;
}

static void killed_server_is_taken_over(void **state)
{
    life_child child;

    (void)state;
    for (int round = 0; round < 10; round++) {
        life_serve(&child, root, NULL);
        life_kill(&child);
        life_check_left(root, LIFE_TOKEN | LIFE_LOCK | LIFE_ADDRESS);
    }
    check_serves(root);
    life_check_left(root, LIFE_LOCK);
}

/* Where the address is a file, it stays the same one. */
static uint64_t look(void)
{
    const char *address = address_of();

    return strncmp(address, root, strlen(root)) == 0 ? support_identity(address) : 0;
}

static void check_not_taken(const char *directory, int lock_ms)
{
    uint64_t     before = look();
    cordon_fault fault = CORDON_FAULT_INIT;

    SUPPORT_CODE(life_refused(directory, lock_ms, &fault), CORDON_EADDRINUSE, &fault);
    assert_true(look() == before);
}

static void check_answers(const char *directory)
{
    cordon_endpoint *endpoint = support_endpoint(directory);

    support_ask_echo(endpoint);
    cordon_endpoint_close(endpoint);
}

static void stopped_server_is_never_taken_over(void **state)
{
    life_child child;

    (void)state;
    life_serve(&child, root, NULL);
    support_freeze(child.pid);
    check_not_taken(root, CORDON_FOREVER); /* for ever: only "at once" comes back */
    support_thaw(child.pid);
    check_answers(root);
    life_stop(&child);
}

static void server_with_a_full_backlog_is_never_taken_over(void **state)
{
    const life_plan plan = {2, 0, 0};
    life_child      child;
    life_crowd      crowd;

    (void)state;
    life_serve(&child, root, &plan);
    support_freeze(child.pid);
    life_crowd_in(&crowd, address_of());
    check_not_taken(root, SUPPORT_TELLS_FULL ? CORDON_FOREVER : 300);
    support_thaw(child.pid);
    life_drop_all(&crowd);
    check_answers(root);
    life_stop(&child);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        TEST(killed_server_is_taken_over),
        TEST(stopped_server_is_never_taken_over),
        TEST(server_with_a_full_backlog_is_never_taken_over),
    };

    SUPPORT_PLAY(count, arguments, life_parts);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
