/* The token: new at every start, there before anybody can connect. Case 13. */
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

static const char *path_of(enum cordon_place place)
{
    static char      path[SUPPORT_PATH];
    cordon_endpoint *endpoint = support_endpoint(root);

    snprintf(path, sizeof path, "%s", cordon_endpoint_path(endpoint, place));
    cordon_endpoint_close(endpoint);
    return path;
}

static void read_token(char token[65])
{
    char   text[80] = "";
    size_t size = support_read(path_of(CORDON_TOKEN), text, sizeof text);

    SUPPORT_CHECK(size == 64);
    SUPPORT_CHECK(strspn(text, "0123456789abcdef") >= 64);
    memcpy(token, text, 64);
    token[64] = 0;
}

static void token_is_64_hex_digits_and_new_at_every_start(void **state)
{
    char            tokens[20][65], told[65];
    support_server *server;

    (void)state;
    for (int n = 0; n < 20; n++) {
        support_server_open(&server, root, NULL, NULL);
        read_token(tokens[n]);
        SUPPORT_CODE(cordon_endpoint_token(told, server->endpoint, NULL), CORDON_OK, NULL);
        assert_string_equal(told, tokens[n]);
        for (int before = 0; before < n; before++)
            assert_string_not_equal(tokens[before], tokens[n]);
        support_server_close(server);
    }
}

static void failing_starts_never_change_the_token_of_a_running_server(void **state)
{
    char            before[65], after[65];
    support_server *server;
    uint64_t        first;
    cordon_fault    fault = CORDON_FAULT_INIT;

    (void)state;
    support_server_open(&server, root, NULL, NULL);
    read_token(before);
    first = support_identity(path_of(CORDON_TOKEN));
    for (int n = 0; n < 10; n++)
        SUPPORT_CODE(life_refused(root, CORDON_AT_ONCE, &fault), CORDON_EADDRINUSE, &fault);
    read_token(after);
    assert_string_equal(before, after);
    assert_true(support_identity(path_of(CORDON_TOKEN)) == first);
    support_server_close(server);
}

/* ---- a token file that is not as it should be (the client's and the server's side of 19) ---- */

static void what_lies_in_the_tokens_way_stops_the_start(void **state)
{
    char         path[SUPPORT_PATH + 4];
    cordon_fault fault = CORDON_FAULT_INIT;

    (void)state;
    snprintf(path, sizeof path, "%s.new", path_of(CORDON_TOKEN));
    support_directory_make(path);
    SUPPORT_CODE(life_refused(root, 0, &fault), CORDON_EUNSAFE, &fault);
    assert_non_null(strstr(fault.path, "-token"));
    assert_true(support_exists(path));
    assert_false(support_exists(path_of(CORDON_TOKEN)));
}

static void half_written_token_of_a_dead_server_is_replaced(void **state)
{
    support_server *server;
    char            path[SUPPORT_PATH + 4];

    (void)state;
    snprintf(path, sizeof path, "%s.new", path_of(CORDON_TOKEN));
    support_write(path, "abc", 3, 0600);
    support_write(path_of(CORDON_TOKEN), "", 0, 0600);
    support_server_open(&server, root, NULL, NULL);
    support_ask_echo(server->endpoint);
    support_server_close(server);
    life_check_left(root, LIFE_LOCK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(token_is_64_hex_digits_and_new_at_every_start),
        TEST(failing_starts_never_change_the_token_of_a_running_server),
        TEST(what_lies_in_the_tokens_way_stops_the_start),
        TEST(half_written_token_of_a_dead_server_is_replaced),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
