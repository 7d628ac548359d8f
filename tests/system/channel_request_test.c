/*
 * Requests over a channel: a helper process answers, or asks, without an endpoint. What requests
 * are is proven elsewhere; here, that all of it is so on a private pair.
 */
#include "channel_helper.h"

#include <signal.h>

/* ---- parts of children -------------------------------------------------------------------- */

/* A helper: the first message, then requests until the parent leaves. */
static int play_helper(cordon_channel *channel, const char *argument)
{
    cordon_server_options options = CORDON_SERVER_OPTIONS_INIT;
    helper                helper;

    if (strcmp(argument, "large") == 0)
        options.max_request = options.max_reply = (size_t)64 * 1024 * 1024;
    kit_expect(channel, 1, argument);
    helper_open(&helper, &options);
    serve(channel, &helper);
    SUPPORT_CHECK(support_reaches(&helper.gone, 1, KIT_WAIT_MS));
    helper_close(&helper);
    return helper.why == CORDON_OK ? 7 : 8;
}

/* The other way round: the child asks. */
static int play_asker(cordon_channel *channel, const char *argument)
{
    cordon_fault    fault = CORDON_FAULT_INIT;
    cordon_session *session;
    cordon_bytes    reply;

    SUPPORT_CODE(cordon_channel_ask(&session, channel, NULL, &fault), CORDON_OK, &fault);
    SUPPORT_CODE(cordon_session_call(&reply, session, KIT_BODY(argument), NULL, &fault), CORDON_OK,
                 &fault);
    SUPPORT_CHECK(reply.size == strlen(argument));
    cordon_session_close(session);
    return 9;
}

static const kit_part parts[] = {{"helper", play_helper}, {"asker", play_asker}, {NULL, NULL}};

/* ---- both ends in one process ---------------------------------------------------------------- */

typedef struct pair {
    cordon_channel *up, *down; /* the asker's, the server's */
    cordon_session *session;
    helper          helper;
    int             descriptors;
} pair;

static void open_pair(pair *pair, const cordon_server_options *server,
                      const cordon_session_options *asker)
{
    cordon_fault fault = CORDON_FAULT_INIT;

    pair->descriptors = support_count_descriptors();
    kit_pair(&pair->up, &pair->down);
    helper_open(&pair->helper, server);
    serve(pair->down, &pair->helper);
    SUPPORT_CODE(cordon_channel_ask(&pair->session, pair->up, asker, &fault), CORDON_OK, &fault);
}

static void close_pair(pair *pair)
{
    cordon_session_close(pair->session);
    SUPPORT_CHECK(support_reaches(&pair->helper.gone, 1, KIT_WAIT_MS));
    cordon_channel_close(pair->up);
    cordon_channel_close(pair->down);
    helper_close(&pair->helper);
    SUPPORT_CHECK(support_count_descriptors() - pair->descriptors <= SUPPORT_HELPERS);
}

static int setup(void **state)
{
    pair *made = calloc(1, sizeof *made);

    open_pair(made, NULL, NULL);
    *state = made;
    return 0;
}

static int teardown(void **state)
{
    close_pair(*state);
    free(*state);
    return 0;
}

static void expect_reply(cordon_session *session, const char *body, const char *expected)
{
    cordon_fault fault = CORDON_FAULT_INIT;
    cordon_bytes reply;

    SUPPORT_CODE(cordon_session_call(&reply, session, KIT_BODY(body), NULL, &fault), CORDON_OK,
                 &fault);
    assert_int_equal(reply.size, strlen(expected));
    assert_memory_equal(reply.data, expected, strlen(expected));
}

/* ---- 27: many at once ---------------------------------------------------------------------------
 */

static void sixty_four_answered_in_reverse_order_reach_their_callers(void **state)
{
    pair                 *pair = *state;
    uint32_t              ids[HELD_MAX];
    const cordon_message *message;
    cordon_fault          fault = CORDON_FAULT_INIT;

    for (size_t i = 0; i < HELD_MAX; i++)
        assert_int_equal(
            cordon_session_send(&ids[i], pair->session, cordon_text("hold"), NULL, NULL),
            CORDON_OK);
    assert_true(support_reaches(&pair->helper.asked, HELD_MAX, KIT_WAIT_MS));
    assert_int_equal(cordon_session_send(NULL, pair->session, cordon_text("one more"), NULL, NULL),
                     CORDON_OK);
    SUPPORT_CODE(cordon_session_receive(&message, pair->session, KIT_WAIT_MS, &fault), CORDON_OK,
                 &fault);
    assert_int_equal(message->kind, CORDON_FAILURE);
    assert_int_equal(message->code, CORDON_EBUSY);
    for (size_t i = HELD_MAX; i-- > 0;) {
        assert_int_equal(answers_one(&pair->helper), CORDON_OK);
        SUPPORT_CODE(cordon_session_receive(&message, pair->session, KIT_WAIT_MS, &fault),
                     CORDON_OK, &fault);
        assert_int_equal(message->kind, CORDON_REPLY);
        assert_int_equal(message->id, ids[i]);
    }
    expect_reply(pair->session, "on it goes", "on it goes");
}

/* ---- 28, 29: late, in parts, canceled, gone
 * ------------------------------------------------------- */

static void parts_failures_events_status_and_refusals_come_as_on_any_session(void **state)
{
    cordon_session_options wants = CORDON_SESSION_OPTIONS_INIT;
    const cordon_message  *message;
    cordon_fault           fault = CORDON_FAULT_INIT;
    cordon_bytes           reply;
    pair                   pair;

    (void)state;
    wants.flags = CORDON_EVENTS;
    open_pair(&pair, NULL, &wants);
    expect_reply(pair.session, "parts", "one two three");
    assert_int_equal(cordon_session_call(&reply, pair.session, cordon_text("fail"), NULL, &fault),
                     CORDON_EAPP);
    assert_int_equal(fault.app_code, 300);
    assert_int_equal(
        cordon_session_call(&reply, pair.session, cordon_text("unauthorized"), NULL, &fault),
        CORDON_EUNAUTHORIZED);
    assert_string_equal(fault.path, "");
    expect_reply(pair.session, "event", "event");
    assert_int_equal(cordon_session_receive(&message, pair.session, KIT_WAIT_MS, &fault),
                     CORDON_OK);
    assert_int_equal(message->kind, CORDON_EVENT);
    assert_memory_equal(message->body.data, "news", 4);
    SUPPORT_CODE(cordon_session_status(&reply, pair.session, KIT_WAIT_MS, &fault), CORDON_OK,
                 &fault);
    assert_non_null(strstr(reply.data, "\"sessions\":1"));
    close_pair(&pair);
    assert_int_equal(pair.helper.why, CORDON_OK); /* it said goodbye */
}

static void events_that_nobody_wanted_are_passed_over(void **state)
{
    pair *pair = *state;

    expect_reply(pair->session, "event", "event");
    expect_reply(pair->session, "after", "after");
}

static void a_call_that_ends_at_its_deadline_is_canceled(void **state)
{
    pair               *pair = *state;
    cordon_call_options options = CORDON_CALL_OPTIONS_INIT;
    cordon_bytes        reply;

    options.timeout_ms = 30;
    assert_int_equal(
        cordon_session_call(&reply, pair->session, cordon_text("hold"), &options, NULL),
        CORDON_ETIMEDOUT);
    assert_true(support_reaches(&pair->helper.canceled, 1, KIT_WAIT_MS));
    assert_int_equal(answers_one(&pair->helper), CORDON_OK); /* too late, and harmless */
    expect_reply(pair->session, "on", "on");
}

static void who_leaves_over_a_request_is_told_of_to_its_handler(void **state)
{
    pair pair;

    (void)state;
    open_pair(&pair, NULL, NULL);
    assert_int_equal(cordon_session_send(NULL, pair.session, cordon_text("hold"), NULL, NULL),
                     CORDON_OK);
    assert_true(support_reaches(&pair.helper.asked, 1, KIT_WAIT_MS));
    cordon_session_close(pair.session);
    pair.session = NULL;
    assert_true(support_reaches(&pair.helper.left, 1, KIT_WAIT_MS));
    assert_int_equal(answers_one(&pair.helper), CORDON_OK);
    close_pair(&pair);
}

/* Nothing is left to do for it but to see its end, and nobody waits for that by itself. */
static void who_said_goodbye_before_it_was_served_leaves(void **state)
{
    cordon_fault fault = CORDON_FAULT_INIT;
    pair         pair;

    (void)state;
    pair.descriptors = support_count_descriptors();
    kit_pair(&pair.up, &pair.down);
    helper_open(&pair.helper, NULL);
    SUPPORT_CODE(cordon_channel_ask(&pair.session, pair.up, NULL, &fault), CORDON_OK, &fault);
    cordon_session_close(pair.session);
    pair.session = NULL;
    serve(pair.down, &pair.helper);
    close_pair(&pair);
}

/* What the other one has asked already is handled inside of that handler, and held. */
static void a_handler_may_serve_another_pair(void **state)
{
    pair                 *pair = *state;
    cordon_fault          fault = CORDON_FAULT_INIT;
    cordon_channel       *up, *down;
    cordon_session       *session;
    const cordon_message *message;

    kit_pair(&up, &down);
    SUPPORT_CODE(cordon_channel_ask(&session, up, NULL, &fault), CORDON_OK, &fault);
    SUPPORT_CODE(cordon_session_send(NULL, session, cordon_text("hold"), NULL, &fault), CORDON_OK,
                 &fault);
    pair->helper.other = down;
    expect_reply(pair->session, "serve it", "serve it");
    assert_int_equal(pair->helper.asked_within, 2);
    assert_int_equal(answers_one(&pair->helper), CORDON_OK);
    SUPPORT_CODE(cordon_session_receive(&message, session, KIT_WAIT_MS, &fault), CORDON_OK, &fault);
    assert_int_equal(message->kind, CORDON_REPLY);
    cordon_session_close(session);
    assert_true(support_reaches(&pair->helper.gone, 1, KIT_WAIT_MS));
    cordon_channel_close(up);
    cordon_channel_close(down);
}

static void a_server_that_stops_ends_the_session(void **state)
{
    cordon_fault fault = CORDON_FAULT_INIT;
    cordon_bytes reply;
    pair         pair;

    (void)state;
    open_pair(&pair, NULL, NULL);
    SUPPORT_CODE(cordon_session_stop(pair.session, KIT_WAIT_MS, &fault), CORDON_OK, &fault);
    assert_int_equal(pair.helper.stops, 1);
    assert_int_equal(cordon_session_call(&reply, pair.session, cordon_text("late"), NULL, &fault),
                     CORDON_ECLOSED);
    close_pair(&pair);
}

static void a_server_without_an_endpoint_leaves_when_nobody_is_here(void **state)
{
    cordon_server_options options = CORDON_SERVER_OPTIONS_INIT;
    pair                  pair;

    (void)state;
    options.idle_ms = 1;
    kit_pair(&pair.up, &pair.down);
    helper_open(&pair.helper, &options);
    assert_true(support_reaches(&pair.helper.closed, 1, KIT_WAIT_MS));
    assert_int_equal(cordon_channel_serve(pair.down, pair.helper.server, NULL), CORDON_ECLOSED);
    kit_send(pair.down, 1, "still a channel");
    kit_expect(pair.up, 1, "still a channel");
    cordon_channel_close(pair.up);
    cordon_channel_close(pair.down);
    helper_close(&pair.helper);
}

/* ---- 30, 31: limits and sizes
 * --------------------------------------------------------------------- */

static void check_echo(cordon_session *session, size_t size)
{
    cordon_call_options options = CORDON_CALL_OPTIONS_INIT;
    cordon_fault        fault = CORDON_FAULT_INIT;
    uint8_t            *data = malloc(size + 1);
    cordon_bytes        reply;

    options.timeout_ms = 3 * KIT_WAIT_MS;
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)(i * 11 + i / 253);
    SUPPORT_CODE(cordon_session_call(&reply, session, (cordon_bytes){data, size}, &options, &fault),
                 CORDON_OK, &fault);
    assert_int_equal(reply.size, size);
    assert_memory_equal(reply.data, data, size);
    free(data);
}

static void bodies_of_all_sizes_come_back(void **state)
{
    static const size_t    sizes[] = {0, 1, 4095, 4096, 65535, 65536, 1048576, 67108864};
    cordon_server_options  large = CORDON_SERVER_OPTIONS_INIT;
    cordon_session_options wide = CORDON_SESSION_OPTIONS_INIT;
    pair                   pair;

    (void)state;
    large.max_request = large.max_reply = wide.max_reply = (size_t)64 * 1024 * 1024;
    open_pair(&pair, &large, &wide);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        check_echo(pair.session, sizes[i]);
    close_pair(&pair);
}

static void a_request_over_the_servers_limit_is_emsgsize_not_closed(void **state)
{
    pair        *pair = *state;
    cordon_fault fault = CORDON_FAULT_INIT;
    uint8_t     *data = calloc(1, 10485760);
    cordon_bytes body = {data, 10485760}, reply;

    assert_int_equal(cordon_session_call(&reply, pair->session, body, NULL, &fault),
                     CORDON_EMSGSIZE);
    assert_int_equal(pair->helper.asked, 0);
    free(data);
}

/* ---- roles
 * --------------------------------------------------------------------------------------- */

static void no_message_follows_requests(void **state)
{
    pair                 *pair = *state;
    const cordon_message *message;
    cordon_session       *again;

    assert_int_equal(cordon_channel_send(pair->up, 1, KIT_BODY("x"), NULL, 0, 0, NULL),
                     CORDON_EINVAL);
    assert_int_equal(cordon_channel_receive(&message, pair->down, 0, NULL), CORDON_EINVAL);
    assert_int_equal(cordon_channel_ask(&again, pair->up, NULL, NULL), CORDON_EINVAL);
    assert_int_equal(cordon_channel_serve(pair->down, pair->helper.server, NULL), CORDON_EINVAL);
    assert_int_equal(cordon_channel_serve(NULL, pair->helper.server, NULL), CORDON_EINVAL);
    expect_reply(pair->session, "untouched", "untouched");
}

/* ---- two processes
 * -------------------------------------------------------------------------------- */

static void helper_process_answers_overlapping_requests(void **state)
{
    cordon_channel       *channel = kit_start("helper", "arguments", NULL);
    cordon_fault          fault = CORDON_FAULT_INIT;
    const cordon_message *message;
    cordon_session       *session;
    uint32_t              ids[32];

    (void)state;
    kit_send(channel, 1, "arguments");
    SUPPORT_CODE(cordon_channel_ask(&session, channel, NULL, &fault), CORDON_OK, &fault);
    assert_int_equal(cordon_session_server(session)->peer->pid, cordon_channel_pid(channel));
    for (size_t i = 0; i < 32; i++)
        assert_int_equal(cordon_session_send(&ids[i], session, KIT_BODY("overlap"), NULL, NULL),
                         CORDON_OK);
    for (size_t i = 0; i < 32; i++) {
        SUPPORT_CODE(cordon_session_receive(&message, session, KIT_WAIT_MS, &fault), CORDON_OK,
                     &fault);
        assert_int_equal(message->kind, CORDON_REPLY);
        assert_int_equal(message->id, ids[i]);
    }
    expect_reply(session, "alone", "alone");
    cordon_session_close(session);
    kit_expect_exit(channel, 7);
    cordon_channel_close(channel);
}

static void helper_that_dies_is_closed_and_may_have_run(void **state)
{
    cordon_channel *channel = kit_start("helper", "", NULL);
    cordon_fault    fault = CORDON_FAULT_INIT;
    cordon_session *session;
    cordon_bytes    reply;

    (void)state;
    kit_send(channel, 1, "");
    SUPPORT_CODE(cordon_channel_ask(&session, channel, NULL, &fault), CORDON_OK, &fault);
    expect_reply(session, "there", "there");
    assert_int_equal(cordon_session_send(NULL, session, KIT_BODY("hold"), NULL, NULL), CORDON_OK);
    assert_int_equal(uv_kill((int)cordon_channel_pid(channel), SIGKILL), 0);
    assert_int_equal(cordon_session_call(&reply, session, KIT_BODY("x"), NULL, &fault),
                     CORDON_ECLOSED);
    kit_expect_exit(channel, KIT_KILLED);
    cordon_channel_close(channel);
    cordon_session_close(session);
}

static void child_may_be_the_one_who_asks(void **state)
{
    cordon_channel *channel = kit_start("asker", "from below", NULL);
    helper          helper;

    (void)state;
    helper_open(&helper, NULL);
    serve(channel, &helper);
    kit_expect_exit(channel, 9);
    assert_true(support_reaches(&helper.gone, 1, KIT_WAIT_MS));
    assert_int_equal(helper.asked, 1);
    assert_int_equal(helper.peer_known, CORDON_PEER_PID);
    assert_int_equal(helper.peer_pid, cordon_channel_pid(channel));
    cordon_channel_close(channel);
    helper_close(&helper);
}

/* What libuv opens once for the whole process. */
static int warm_up(void **state)
{
    helper helper;

    (void)state;
    helper_open(&helper, NULL);
    helper_close(&helper);
    return 0;
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
#define PAIR(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
        PAIR(sixty_four_answered_in_reverse_order_reach_their_callers),
        cmocka_unit_test(parts_failures_events_status_and_refusals_come_as_on_any_session),
        PAIR(events_that_nobody_wanted_are_passed_over),
        PAIR(a_call_that_ends_at_its_deadline_is_canceled),
        cmocka_unit_test(who_leaves_over_a_request_is_told_of_to_its_handler),
        cmocka_unit_test(who_said_goodbye_before_it_was_served_leaves),
        PAIR(a_handler_may_serve_another_pair),
        cmocka_unit_test(a_server_that_stops_ends_the_session),
        cmocka_unit_test(a_server_without_an_endpoint_leaves_when_nobody_is_here),
        cmocka_unit_test(bodies_of_all_sizes_come_back),
        PAIR(a_request_over_the_servers_limit_is_emsgsize_not_closed),
        PAIR(no_message_follows_requests),
        cmocka_unit_test(helper_process_answers_overlapping_requests),
        cmocka_unit_test(helper_that_dies_is_closed_and_may_have_run),
        cmocka_unit_test(child_may_be_the_one_who_asks),
    };
    const int status = kit_play(count, arguments, parts);

    return status >= 0 ? status : cmocka_run_group_tests(tests, warm_up, NULL);
}
