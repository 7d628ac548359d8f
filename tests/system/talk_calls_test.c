/* What an application may call, from where: inside of callbacks, with odd arguments, with two
 * servers on one loop. */
#include "talk_kit.h"

/* ---- inside of callbacks ---------------------------------------------------------- */

static void push_in_handler(cordon_request *request, cordon_bytes body, void *user)
{
    talk *talk = user;

    assert_int_equal(cordon_server_push(talk->server, CORDON_EVERYONE, cordon_text("to all")),
                     CORDON_OK);
    assert_int_equal(
        cordon_server_push(talk->server, cordon_request_session(request), cordon_text("to you")),
        CORDON_OK);
    cordon_reply(&request, body);
}

static void events_pushed_in_a_handler_come_before_its_reply(void **state)
{
    talk *talk = *state;
    wire  wire, other;

    talk->on_request = push_in_handler;
    talk_serve(talk);
    wire_open_limit(&other, talk, 1, 1u << 20);
    wire_open_limit(&wire, talk, 1, 1u << 20);
    wire_say(&wire, REQUEST, 1, "reply");
    wire_expect(&wire, EVENT, 0, "to all");
    wire_expect(&wire, EVENT, 0, "to you");
    wire_expect(&wire, REPLY, 1, "reply");
    wire_expect(&other, EVENT, 0, "to all");
    wire_close(&wire);
    wire_close(&other);
}

static void push_when_sessions_come_and_go(cordon_session_id session, const cordon_peer *peer,
                                           int is_here, const cordon_fault *why, void *user)
{
    talk *talk = user;

    (void)peer, (void)why;
    assert_int_equal(cordon_server_push(talk->server, session, cordon_text("you")), CORDON_OK);
    assert_int_equal(cordon_server_push(talk->server, CORDON_EVERYONE,
                                        cordon_text(is_here ? "one came" : "one left")),
                     CORDON_OK);
    uv_mutex_lock(&talk->lock); /* last: the test may end then */
    talk->seen.here += is_here;
    talk->seen.gone += !is_here;
    uv_cond_broadcast(&talk->changed);
    uv_mutex_unlock(&talk->lock);
}

static void events_may_be_pushed_when_sessions_come_and_go(void **state)
{
    talk *talk = *state;
    wire  stays, leaves;

    talk->options.on_session = push_when_sessions_come_and_go;
    talk_serve(talk);
    wire_open_limit(&stays, talk, 1, 1u << 20);
    wire_open_limit(&leaves, talk, 1, 1u << 20);
    wire_expect(&stays, EVENT, 0, "one came");
    wire_say(&leaves, REQUEST, 1, "echo");
    wire_expect(&leaves, REPLY, 1, "echo"); /* nobody is told of its own coming before it is in */
    wire_close(&leaves);
    wire_expect(&stays, EVENT, 0, "one left");
    wire_close(&stays);
    talk_wait(talk, gone, 2);
}

/* "hold" is kept; any other ends the one that was kept, then itself. */
static void answer_the_other_one(cordon_request *request, cordon_bytes body, void *user)
{
    talk           *talk = user;
    cordon_request *other;

    if (body.size == 4) {
        talk_hold(request, body, user);
        return;
    }
    other = talk_take(talk, 0);
    assert_int_equal(cordon_reply(&other, cordon_text("by another")), CORDON_OK);
    cordon_reply(&request, body);
}

static void a_handler_may_answer_another_sessions_request(void **state)
{
    talk *talk = *state;
    wire  first, second;

    talk->on_request = answer_the_other_one;
    talk_serve(talk);
    wire_open(&first, talk);
    wire_open(&second, talk);
    wire_say(&first, REQUEST, 7, "hold");
    talk_wait_held(talk, 1);
    wire_say(&second, REQUEST, 8, "myself");
    wire_expect(&first, REPLY, 7, "by another");
    wire_expect(&second, REPLY, 8, "myself");
    wire_close(&first);
    wire_close(&second);
}

static void close_loop_in_handler(cordon_request *request, cordon_bytes body, void *user)
{
    talk *talk = user;

    cordon_server_close(talk->server);
    talk->server = NULL;
    cordon_loop_close(talk->loop);
    talk->loop = NULL;
    cordon_reply(&request, body);
}

static void a_libuv_loop_may_be_closed_in_a_handler(void **state)
{
    talk *talk = *state;
    wire  wire;

    talk->on_request = close_loop_in_handler;
    talk_serve(talk);
    wire_open(&wire, talk);
    wire_say(&wire, REQUEST, 1, "close all");
    wire_expect(&wire, REPLY, 1, "close all");
    wire_expect(&wire, FINISH, 0, "");
    wire_close(&wire);
    talk_wait(talk, closed, 1);
}

/* ---- who asks ----------------------------------------------------------------------- */

static void hold_and_look(cordon_request *request, cordon_bytes body, void *user)
{
    const cordon_peer *peer = cordon_request_peer(request);

    assert_non_null(peer);
    assert_true(support_is_us(peer));
    assert_string_equal(peer->program, "raw 1.0");
    assert_int_equal(cordon_request_is_json(request), 0);
    talk_hold(request, body, user);
}

static void look_at_the_left_one(talk *talk, void *context)
{
    (void)context;
    assert_null(cordon_request_peer(talk->held[0]));
    assert_null(cordon_request_keep(talk->held[0]).data); /* the handler has returned */
    assert_int_equal(cordon_request_session(talk->held[0]), talk->seen.session);
}

typedef struct reopening {
    talk *talk;
    int   code;
} reopening;

static void open_again(void *user)
{
    reopening     *again = user;
    cordon_server *server = NULL;

    again->code = cordon_server_open(&server, again->talk->loop, again->talk->endpoint, talk_echo,
                                     NULL, NULL);
}

/* It waits for its servers to end: a new one would keep it for ever. */
static void a_loop_that_closes_takes_no_new_server(void **state)
{
    talk                 *talk = *state;
    cordon_server_options options = CORDON_SERVER_OPTIONS_INIT;
    cordon_endpoint      *endpoint = NULL;
    cordon_server        *server = NULL;
    cordon_loop          *loop = NULL;
    reopening             again = {talk, CORDON_OK};

    options.on_closed = open_again;
    options.user = &again;
    endpoint = support_endpoint(talk->directory);
    assert_int_equal(cordon_loop_open_thread(&loop, NULL), CORDON_OK);
    talk->loop = loop;
    talk->endpoint = endpoint;
    assert_int_equal(cordon_server_open(&server, loop, endpoint, talk_echo, &options, NULL),
                     CORDON_OK);
    cordon_loop_close(loop);
    assert_int_equal(again.code, CORDON_ECLOSED);
    cordon_server_close(server);
    cordon_endpoint_close(endpoint);
    talk->loop = NULL;
    talk->endpoint = NULL;
}

static void a_request_tells_who_asks_until_he_has_left(void **state)
{
    talk *talk = *state;
    wire  wire;

    talk->on_request = hold_and_look;
    talk_serve(talk);
    wire_open(&wire, talk);
    wire_say(&wire, REQUEST, 1, "");
    talk_wait_held(talk, 1);
    wire_close(&wire);
    talk_wait(talk, left, 1);
    if (talk->is_uv) /* [loop] */
        talk_run(talk, look_at_the_left_one, NULL);
}

static void nothing_is_null(void **state)
{
    talk           *talk = *state;
    cordon_request *none = NULL;

    (void)talk;
    assert_int_equal(cordon_reply(NULL, cordon_text("x")), CORDON_EINVAL);
    assert_int_equal(cordon_reply(&none, cordon_text("x")), CORDON_EINVAL);
    assert_int_equal(cordon_fail(NULL, 300, "x"), CORDON_EINVAL);
    assert_int_equal(cordon_fail(&none, 300, "x"), CORDON_EINVAL);
    assert_int_equal(cordon_reply_part(NULL, cordon_text("x")), CORDON_EINVAL);
    assert_int_equal(cordon_server_push(NULL, 0, cordon_text("x")), CORDON_EINVAL);
    cordon_request_watch(NULL, NULL, NULL);
    cordon_server_close(NULL);
    cordon_loop_close(NULL);
    cordon_endpoint_close(NULL);
}

/* ---- options -------------------------------------------------------------------------- */

typedef struct odd {
    const char *what;
    size_t      offset;
    size_t      size; /* of the field */
    uint64_t    value;
} odd;

#define ODD(field, value)                                                           \
    {                                                                               \
#        field " = " #        value, offsetof(cordon_server_options, field),        \
            sizeof(((cordon_server_options *)0)->field), (uint64_t)(int64_t)(value) \
    }

static const odd refused[] = {
    ODD(size, 0),
    ODD(max_request, 1),
    ODD(max_request, 4095),
    ODD(max_request, (64 << 20) + 1),
    ODD(max_reply, 4095),
    ODD(max_reply, (64 << 20) + 1),
    ODD(hello_ms, CORDON_FOREVER),
    ODD(drain_ms, CORDON_FOREVER),
    ODD(hello_ms, -3),
    ODD(write_ms, -3),
    ODD(request_ms, -3),
    ODD(stall_ms, -3),
    ODD(look_ms, -3),
    ODD(pause_ms, -3),
    ODD(flags, CORDON_NO_JSON | CORDON_NO_BINARY),
};

static int open_code(talk *talk, cordon_request_fn on_request, const char **during)
{
    cordon_fault   fault = CORDON_FAULT_INIT;
    cordon_server *server = NULL;
    int            code;

    code =
        cordon_server_open(&server, talk->loop, talk->endpoint, on_request, &talk->options, &fault);
    *during = fault.during;
    if (code == CORDON_OK)
        cordon_server_close(server);
    return code;
}

/* Either end of a number may come first in memory. */
static void put(cordon_server_options *options, const odd *one)
{
    const uint32_t half = (uint32_t)one->value;
    char          *field = (char *)options + one->offset;

    if (one->size == sizeof half)
        memcpy(field, &half, sizeof half);
    else
        memcpy(field, &one->value, sizeof one->value);
}

static void odd_options_are_refused_and_nothing_is_made(void **state)
{
    talk                 *talk = *state;
    cordon_server_options good = talk->options;
    char                  program[257];
    const char           *during;

    memset(program, 'p', sizeof program);
    program[256] = '\0';
    assert_int_equal(cordon_endpoint_open(&talk->endpoint, "talk", &talk->endpoint_options, NULL),
                     CORDON_OK);
    assert_int_equal(cordon_loop_open_thread(&talk->loop, NULL), CORDON_OK);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        talk->options = good;
        put(&talk->options, &refused[i]);
        if (open_code(talk, talk_echo, &during) != CORDON_EINVAL)
            fail_msg("%s was taken", refused[i].what);
        assert_non_null(during);
    }
    talk->options = good;
    talk->options.program = program;
    assert_int_equal(open_code(talk, talk_echo, &during), CORDON_EINVAL);
    talk->options = good;
    assert_int_equal(open_code(talk, NULL, &during), CORDON_EINVAL);
    assert_false(support_exists(cordon_endpoint_path(talk->endpoint, CORDON_LOCK)));
    program[255] = '\0';
    talk->options.program = program;
    assert_int_equal(open_code(talk, talk_echo, &during), CORDON_OK);
    cordon_loop_close(talk->loop);
}

/* A thread of cordon's is called from here; a libuv loop that another thread runs cannot be. */
static void a_libuv_loop_is_not_used_from_another_thread(void **state)
{
    talk                   *talk = *state;
    cordon_endpoint_options options;
    cordon_endpoint        *endpoint;
    cordon_server          *server = NULL;
    cordon_buffer           json = CORDON_BUFFER_INIT;
    int                     expected = talk->is_uv ? CORDON_EINVAL : CORDON_OK;

    talk_serve(talk);
    options = talk->endpoint_options;
    options.name = "second";
    assert_int_equal(cordon_endpoint_open(&endpoint, "talk", &options, NULL), CORDON_OK);
    assert_int_equal(cordon_server_open(&server, talk->loop, endpoint, talk_echo, NULL, NULL),
                     expected);
    if (talk->is_uv)
        assert_false(support_exists(cordon_endpoint_path(endpoint, CORDON_ADDRESS)));
    cordon_server_close(server);
    assert_int_equal(cordon_server_status(&json, talk->server), expected);
    cordon_buffer_free(&json);
    cordon_endpoint_close(endpoint);
}

/* ---- two on one loop --------------------------------------------------------------------- */

typedef struct second {
    cordon_endpoint *endpoint;
    cordon_server   *server;
    int              code;
} second;

static void shout(cordon_request *request, cordon_bytes body, void *user)
{
    (void)body, (void)user;
    cordon_reply(&request, cordon_text("the second"));
}

static void open_second(talk *talk, void *context)
{
    second *second = context;

    second->code =
        cordon_server_open(&second->server, talk->loop, second->endpoint, shout, NULL, NULL);
}

static int ask(cordon_endpoint *endpoint, const char *expected)
{
    cordon_buffer reply = CORDON_BUFFER_INIT;
    int           code = cordon_call(&reply, endpoint, cordon_text("first"), NULL, NULL);

    if (code == CORDON_OK)
        assert_string_equal(reply.data, expected);
    cordon_buffer_free(&reply);
    return code;
}

static void two_servers_share_a_loop_and_nothing_else(void **state)
{
    talk                   *talk = *state;
    second                  second = {NULL, NULL, 0};
    cordon_endpoint_options options;

    talk_serve(talk);
    options = talk->endpoint_options;
    options.name = "second";
    assert_int_equal(cordon_endpoint_open(&second.endpoint, "talk", &options, NULL), CORDON_OK);
    talk_run(talk, open_second, &second);
    assert_int_equal(second.code, CORDON_OK);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(ask(talk->endpoint, "first"), CORDON_OK);
        assert_int_equal(ask(second.endpoint, "the second"), CORDON_OK);
    }
    talk_stop(talk);
    assert_int_equal(ask(talk->endpoint, ""), CORDON_ENOTRUNNING);
    assert_int_equal(ask(second.endpoint, "the second"), CORDON_OK);
    cordon_server_close(second.server);
    talk_close_loop(talk); /* both are gone when it is */
    assert_int_equal(ask(second.endpoint, ""), CORDON_ENOTRUNNING);
    cordon_endpoint_close(second.endpoint);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TALK_BOTH(events_pushed_in_a_handler_come_before_its_reply),
        TALK_BOTH(events_may_be_pushed_when_sessions_come_and_go),
        TALK_BOTH(a_handler_may_answer_another_sessions_request),
        TALK_CASE("a_libuv_loop_may_be_closed_in_a_handler",
                  a_libuv_loop_may_be_closed_in_a_handler, talk_on_loop),
        TALK_ONE(a_loop_that_closes_takes_no_new_server),
        TALK_BOTH(a_request_tells_who_asks_until_he_has_left),
        TALK_ONE(nothing_is_null),
        TALK_ONE(odd_options_are_refused_and_nothing_is_made),
        TALK_BOTH(a_libuv_loop_is_not_used_from_another_thread),
        TALK_BOTH(two_servers_share_a_loop_and_nothing_else),
    };

    return cmocka_run_group_tests_name("talk_calls", tests, NULL, NULL);
}
