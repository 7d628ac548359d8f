/* A foreign client, tests/interop/raw_pipe.c, speaks to the real server in both framings. */
#include "life_kit.h"

static char            root[SUPPORT_PATH];
static support_server *server;

static int set_up(void **state)
{
    (void)state;
    support_directory(root);
    support_server_open(&server, root, NULL, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    support_server_close(server);
    support_directory_remove(root);
    return 0;
}

/* Its exit status. */
static int ask(const char *framing, const char *token_path, const char *body)
{
    const char *const arguments[] = {
        RAW_PIPE,   framing, cordon_endpoint_path(server->endpoint, CORDON_ADDRESS),
        token_path, body,    NULL,
    };
    support_gate *gate;
    support_pid   pid;

    support_gate_open(&gate);
    pid = support_gate_start(gate, arguments);
    support_gate_go(gate);
    return support_wait(pid, SUPPORT_SOON);
}

static void check(const char *framing)
{
    const char *token = cordon_endpoint_path(server->endpoint, CORDON_TOKEN);
    char        wrong[SUPPORT_PATH], digits[64];
    unsigned    calls;

    for (int n = 0; n < 5; n++)
        assert_int_equal(ask(framing, token, "12345678901234567890"), 0);
    calls = support_calls(server);
    assert_int_equal(calls, 5);
    memset(digits, 'a', sizeof digits);
    support_write(support_join(wrong, root, "wrong"), digits, sizeof digits, 0600);
    assert_int_equal(ask(framing, wrong, "1"), 1);
    assert_int_equal(support_calls(server), calls); /* the handler never ran */
    support_ask_echo(server->endpoint);
}

static void foreign_client_is_served_in_json_lines(void **state)
{
    (void)state;
    check("json");
}

static void foreign_client_is_served_in_frames(void **state)
{
    (void)state;
    check("binary");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(foreign_client_is_served_in_json_lines),
        TEST(foreign_client_is_served_in_frames),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
