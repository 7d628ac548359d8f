/*
 * Requests that are gathered leave together: with the first call that does not gather, when
 * 64 KiB of them wait, or at the end. Nothing of them is lost, and their order stays.
 */
#include "support.h"

typedef struct line {
    char             directory[SUPPORT_PATH];
    support_server  *server;
    cordon_endpoint *endpoint;
    cordon_session  *session;
} line;

static int open_line(void **state)
{
    static line  one;
    cordon_fault fault = CORDON_FAULT_INIT;

    memset(&one, 0, sizeof one);
    support_directory(one.directory);
    support_server_open(&one.server, one.directory, NULL, NULL);
    one.endpoint = support_endpoint(one.directory);
    SUPPORT_CODE(cordon_session_open(&one.session, one.endpoint, NULL, &fault), CORDON_OK, &fault);
    *state = &one;
    return 0;
}

static int close_line(void **state)
{
    line *one = *state;

    cordon_session_close(one->session);
    cordon_endpoint_close(one->endpoint);
    support_server_close(one->server);
    support_directory_remove(one->directory);
    return 0;
}

static uint32_t gather(line *one, cordon_bytes body)
{
    cordon_call_options options = CORDON_CALL_OPTIONS_INIT;
    cordon_fault        fault = CORDON_FAULT_INIT;
    uint32_t            id = 0;

    options.flags = CORDON_GATHER;
    SUPPORT_CODE(cordon_session_send(&id, one->session, body, &options, &fault), CORDON_OK, &fault);
    return id;
}

static void expect(line *one, uint32_t id, const char *body)
{
    const cordon_message *message;
    cordon_fault          fault = CORDON_FAULT_INIT;

    SUPPORT_CODE(cordon_session_receive(&message, one->session, SUPPORT_SOON, &fault), CORDON_OK,
                 &fault);
    assert_int_equal(message->kind, CORDON_REPLY);
    assert_int_equal(message->id, id);
    assert_int_equal(message->body.size, strlen(body));
    assert_memory_equal(message->body.data, body, strlen(body));
}

/* Another client's question is answered: so the server has seen what was sent before it. */
static unsigned seen(line *one)
{
    support_ask_echo(one->endpoint);
    return support_calls(one->server);
}

static void gathered_requests_leave_with_the_next_receive(void **state)
{
    line          *one = *state;
    const uint32_t first = gather(one, cordon_text("a"));
    const uint32_t second = gather(one, cordon_text("b"));
    const uint32_t third = gather(one, cordon_text("c"));

    assert_int_equal(seen(one), 1); /* the other client's only */
    expect(one, first, "a");
    expect(one, second, "b");
    expect(one, third, "c");
    assert_int_equal(support_calls(one->server), 4);
}

static void the_first_that_is_not_gathered_takes_them_along_in_order(void **state)
{
    line          *one = *state;
    cordon_fault   fault = CORDON_FAULT_INIT;
    const uint32_t first = gather(one, cordon_text("a"));
    uint32_t       second;

    SUPPORT_CODE(cordon_session_send(&second, one->session, cordon_text("b"), NULL, &fault),
                 CORDON_OK, &fault);
    assert_true(support_reaches(&one->server->calls, 2, SUPPORT_SOON));
    expect(one, first, "a");
    expect(one, second, "b");
}

static void a_call_takes_them_along_and_their_replies_are_kept(void **state)
{
    line          *one = *state;
    cordon_fault   fault = CORDON_FAULT_INIT;
    const uint32_t first = gather(one, cordon_text("a"));
    cordon_bytes   reply;

    SUPPORT_CODE(cordon_session_call(&reply, one->session, cordon_text("now"), NULL, &fault),
                 CORDON_OK, &fault);
    assert_int_equal(reply.size, 3);
    expect(one, first, "a");
}

static void more_than_waits_at_most_leaves_by_itself(void **state)
{
    line                 *one = *state;
    static char           large[60000];
    const cordon_bytes    body = {large, sizeof large};
    const cordon_message *message;
    cordon_fault          fault = CORDON_FAULT_INIT;

    gather(one, body);
    assert_int_equal(seen(one), 1);
    gather(one, body); /* both do not fit */
    assert_true(support_reaches(&one->server->calls, 3, SUPPORT_SOON));
    for (int i = 0; i < 2; i++) {
        SUPPORT_CODE(cordon_session_receive(&message, one->session, SUPPORT_SOON, &fault),
                     CORDON_OK, &fault);
        assert_int_equal(message->body.size, sizeof large);
    }
}

static void closing_lets_them_leave(void **state)
{
    line *one = *state;

    gather(one, cordon_text("a"));
    cordon_session_close(one->session);
    one->session = NULL;
    assert_true(support_reaches(&one->server->calls, 1, SUPPORT_SOON));
}

static void a_call_cannot_be_gathered(void **state)
{
    line               *one = *state;
    cordon_call_options options = CORDON_CALL_OPTIONS_INIT;
    cordon_bytes        reply;

    options.flags = CORDON_GATHER;
    assert_int_equal(cordon_session_call(&reply, one->session, cordon_text("a"), &options, NULL),
                     CORDON_EINVAL);
}

/* Both sides have more to say than fits between them: neither waits for the other for ever. */
static void many_large_requests_and_replies_cross(void **state)
{
    enum { COUNT = 64 };
    line                 *one = *state;
    static char           large[65536];
    const cordon_bytes    body = {large, sizeof large};
    const cordon_message *message;
    cordon_fault          fault = CORDON_FAULT_INIT;

    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < COUNT; i++)
            SUPPORT_CODE(cordon_session_send(NULL, one->session, body, NULL, &fault), CORDON_OK,
                         &fault);
        for (int i = 0; i < COUNT; i++) {
            SUPPORT_CODE(cordon_session_receive(&message, one->session, SUPPORT_SOON, &fault),
                         CORDON_OK, &fault);
            assert_int_equal(message->kind, CORDON_REPLY);
            assert_int_equal(message->body.size, sizeof large);
        }
    }
}

#define ON_A_LINE(test) cmocka_unit_test_setup_teardown(test, open_line, close_line)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_LINE(gathered_requests_leave_with_the_next_receive),
        ON_A_LINE(the_first_that_is_not_gathered_takes_them_along_in_order),
        ON_A_LINE(a_call_takes_them_along_and_their_replies_are_kept),
        ON_A_LINE(more_than_waits_at_most_leaves_by_itself),
        ON_A_LINE(closing_lets_them_leave),
        ON_A_LINE(a_call_cannot_be_gathered),
        ON_A_LINE(many_large_requests_and_replies_cross),
    };

    return cmocka_run_group_tests_name("client_gather", tests, NULL, NULL);
}
