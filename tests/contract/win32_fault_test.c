/* A system that makes no pipe for a while ends no listener, and loses nobody who came. */
#include "win32_fault.h"

#include "win32_door.h"

static int set_up(void **state)
{
    memset(&fault_create, 0, sizeof fault_create);
    memset(&fault_connect, 0, sizeof fault_connect);
    memset(&fault_open, 0, sizeof fault_open);
    return door_open(state);
}

static void check_four_are_pending(cordon__listener *listener)
{
    intptr_t clients[4], nobody;

    for (int i = 0; i < 4; i++)
        clients[i] = door_knock();
    assert_int_equal(door_knock_code(), CORDON__OCCUPIED);
    for (int i = 0; i < 4; i++) {
        intptr_t server = door_let_in(listener);

        door_say(clients[i], "word");
        door_hear(server, "word");
        cordon__handle_close(server);
        cordon__handle_close(clients[i]);
    }
    assert_int_equal(cordon__accept(&nobody, listener, &fault), CORDON__NOBODY);
}

/* ---- the next one cannot be made --------------------------------------------------------- */

static void who_came_stays_until_the_next_end_can_be_made(void **state)
{
    cordon__listener *listener = door_listen(0);
    intptr_t          client = door_knock(), server = CORDON__NO_HANDLE;

    (void)state;
    door_say(client, "word");
    fault_create = (fault_plan){0, 2, ERROR_NO_SYSTEM_RESOURCES};
    for (int round = 0; round < 2; round++) {
        cordon__fault_clear(&fault);
        assert_true(cordon__accept(&server, listener, &fault) < 0);
        assert_int_equal(server, CORDON__NO_HANDLE);
        assert_int_equal(fault.os_code, ERROR_NO_SYSTEM_RESOURCES);
        assert_true(PeekNamedPipe((HANDLE)client, NULL, 0, NULL, NULL, NULL)); /* nobody left */
    }
    server = door_let_in(listener);
    door_hear(server, "word");
    check_four_are_pending(listener);
    cordon__handle_close(client);
    cordon__handle_close(server);
    door_end(listener);
}

/* The new end can be reached all the same: only the word that somebody came is missing. */
static void wait_that_cannot_be_begun_is_begun_at_the_next_look(void **state)
{
    cordon__listener *listener = door_listen(0);
    intptr_t          client = door_knock(), server, nobody;

    (void)state;
    fault_connect = (fault_plan){0, 2, ERROR_NO_SYSTEM_RESOURCES};
    server = door_let_in(listener);
    assert_true(cordon__accept(&nobody, listener, &fault) < 0);
    check_four_are_pending(listener);
    cordon__handle_close(client);
    cordon__handle_close(server);
    door_end(listener);
}

static void listen_that_cannot_make_all_its_ends_leaves_none(void **state)
{
    (void)state;
    for (int good = 0; good < 4; good++) {
        cordon__listener *listener = NULL;

        fault_create = (fault_plan){good, 1, ERROR_NO_SYSTEM_RESOURCES};
        assert_true(cordon__listen(&listener, place, 0, 0, &fault) < 0);
        assert_null(listener);
        assert_int_equal(fault_create.bad, 0);
        assert_int_equal(door_knock_code(), CORDON_ENOTRUNNING);
    }
    door_end(door_listen(0));
}

/* The whole way up: it pauses, tries again, and whoever came meanwhile is served. */
static void server_serves_on_when_ends_can_be_made_again(void **state)
{
    char            root[SUPPORT_PATH];
    support_server *server;

    (void)state;
    support_directory(root);
    support_server_open(&server, root, NULL, NULL);
    for (int round = 0; round < 3; round++) {
        fault_create = (fault_plan){0, 3, ERROR_NO_SYSTEM_RESOURCES};
        support_ask_echo(server->endpoint);
        assert_int_equal(fault_create.bad, 0);
    }
    support_server_close(server);
    support_directory_remove(root);
}

/* ---- what a client asks for --------------------------------------------------------------- */

static void client_gives_its_name_and_asks_once(void **state)
{
    const DWORD       trust = SECURITY_SQOS_PRESENT | SECURITY_VALID_SQOS_FLAGS;
    cordon__listener *listener = door_listen(0);

    (void)state;
    fault_opened_count = 0;
    cordon__handle_close(door_knock());
    assert_int_equal(fault_opened_count, 1);
    assert_int_equal(fault_opened_as[0].flags & trust,
                     SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION);
    assert_int_equal(fault_opened_as[0].rights, CORDON__PIPE_RIGHTS);
    door_end(listener);
}

/* Neither for less, to be let in somehow, nor for more; only whose it is, as nobody. */
static void client_that_is_refused_tries_no_other_way(void **state)
{
    const DWORD trust = SECURITY_SQOS_PRESENT | SECURITY_VALID_SQOS_FLAGS;

    (void)state;
    fault_opened_count = 0;
    fault_open = (fault_plan){0, FAULT_OPENED_MOST, ERROR_ACCESS_DENIED};
    assert_int_equal(door_knock_code(), CORDON_EDENIED);
    assert_int_equal(fault_opened_count, 2);
    assert_int_equal(fault_opened_as[1].rights, CORDON__PIPE_LOOK);
    assert_int_equal(fault_opened_as[1].flags & trust, SECURITY_SQOS_PRESENT | SECURITY_ANONYMOUS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, door_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_came_stays_until_the_next_end_can_be_made),
        TEST(wait_that_cannot_be_begun_is_begun_at_the_next_look),
        TEST(listen_that_cannot_make_all_its_ends_leaves_none),
        TEST(server_serves_on_when_ends_can_be_made_again),
        TEST(client_gives_its_name_and_asks_once),
        TEST(client_that_is_refused_tries_no_other_way),
    };

    return cmocka_run_group_tests_name("contract_win32_fault", tests, NULL, NULL);
}
