/* Good-byes: a server that stops, a client that finishes, and what each still hears. */
#include "talk_kit.h"

static void answer(talk *talk, const char *text)
{
    cordon_request *request = talk_take(talk, 0);

    assert_int_equal(cordon_reply(&request, cordon_text(text)), CORDON_OK);
}

/* ---- a server that stops ---------------------------------------------------------- */

static void answers_go_out_while_it_drains_and_new_requests_are_told_stopping(void **state)
{
    talk *talk = *state;
    wire  wire;

    talk->options.drain_ms = TALK_PATIENCE_MS;
    talk->on_request = talk_hold;
    talk_serve(talk);
    wire_open(&wire, talk);
    wire_say(&wire, REQUEST, 1, "before");
    talk_wait_held(talk, 1);
    talk_begin_stop(talk);
    wire_expect(&wire, FINISH, 0, "");
    wire_say(&wire, REQUEST, 2, "after");
    wire_expect_failure(&wire, 2, STOPPING);
    wire_say(&wire, PING, 0, "still here?");
    wire_expect(&wire, PONG, 0, "still here?");
    assert_int_equal(talk_now(talk, closed), 0);
    answer(talk, "in time");
    wire_expect(&wire, REPLY, 1, "in time");
    wire_close(&wire); /* the client closes first */
    talk_wait(talk, closed, 1);
    assert_int_equal(talk_now(talk, asked), 1);
    assert_int_equal(talk_now(talk, left), 0);
}

static void after_the_drain_time_who_is_left_is_cut_and_the_handlers_hear_it(void **state)
{
    talk *talk = *state;
    wire  wire, json, stranger;

    talk->options.drain_ms = 40;
    talk->on_request = talk_hold;
    talk_serve(talk);
    wire_connect(&stranger, talk);
    wire_open(&wire, talk);
    wire_say(&wire, REQUEST, 1, "held");
    wire_connect(&json, talk);
    wire_json(&json, talk, "\"request\":\"held\"");
    talk_wait_held(talk, 2);
    talk_stop(talk);
    assert_int_equal(talk_now(talk, left), 2);
    assert_int_equal(talk_now(talk, gone), 2);
    assert_int_equal(talk_all(talk).why.code, CORDON_OK); /* we stopped it */
    wire_expect(&wire, FINISH, 0, "");
    wire_expect_end(&wire);
    wire_expect_end(&json);
    wire_expect_end(&stranger);
    wire_close(&wire);
    wire_close(&json);
    wire_close(&stranger);
}

static void a_server_with_nobody_closes_at_once(void **state)
{
    talk    *talk = *state;
    uint64_t before;

    talk->options.drain_ms = TALK_PATIENCE_MS;
    talk_serve(talk);
    before = support_now();
    talk_stop(talk);
    assert_true(support_now() - before < TALK_PATIENCE_MS / 2);
}

static void who_speaks_only_now_is_refused_stopping_in_its_framing(void **state)
{
    talk  *talk = *state;
    script opening = {0};
    char  *line;
    wire   binary, json, wrong;

    talk->options.drain_ms = TALK_PATIENCE_MS;
    talk_serve(talk);
    script_opening(&opening, talk);
    line = json_line(talk, "\"request\":1");
    wire_connect(&binary, talk);
    wire_connect(&json, talk);
    wire_connect(&wrong, talk);
    talk_begin_stop(talk);
    wire_script(&binary, &opening);
    wire_expect_refused(&binary, STOPPING);
    wire_text(&json, line);
    assert_non_null(strstr(wire_line(&json), "\"code\":\"STOPPING\"}"));
    wire_text(&wrong, "{\"request\":1}\n");
    assert_non_null(strstr(wire_line(&wrong), "\"code\":\"UNAUTHORIZED\"}"));
    wire_close(&binary);
    wire_close(&json);
    wire_close(&wrong);
    talk_wait(talk, closed, 1);
    assert_int_equal(talk_now(talk, asked), 0);
    assert_int_equal(talk_now(talk, here), 0);
    script_free(&opening);
    free(line);
}

static void close_in_handler(cordon_request *request, cordon_bytes body, void *user)
{
    talk *talk = user;

    talk_began(talk);
    cordon_server_close(talk->server);
    talk->server = NULL;
    cordon_reply(&request, body);
}

static void a_server_may_be_closed_in_its_handler(void **state)
{
    talk *talk = *state;
    wire  wire;

    talk->on_request = close_in_handler;
    talk_serve(talk);
    wire_open(&wire, talk);
    wire_say(&wire, REQUEST, 1, "close yourself");
    wire_expect(&wire, REPLY, 1, "close yourself");
    wire_expect(&wire, FINISH, 0, "");
    wire_close(&wire);
    talk_wait(talk, closed, 1);
}

static void close_in_on_session(cordon_session_id session, const cordon_peer *peer, int is_here,
                                const cordon_fault *why, void *user)
{
    talk *talk = user;

    (void)session, (void)peer, (void)is_here, (void)why;
    if (talk->server == NULL)
        return;
    cordon_server_close(talk->server);
    talk->server = NULL;
}

static void a_server_may_be_closed_when_a_session_comes(void **state)
{
    talk  *talk = *state;
    script opening = {0};
    wire   wire;

    talk->options.on_session = close_in_on_session;
    talk->options.drain_ms = 20;
    talk_serve(talk);
    script_opening(&opening, talk);
    wire_connect(&wire, talk);
    wire_script(&wire, &opening);
    wire_drain(&wire);
    wire_close(&wire);
    talk_wait(talk, closed, 1);
    script_free(&opening);
}

static void answer_held_late(cordon_request *request, enum cordon_turn turn, void *context)
{
    talk *talk = context;

    uv_mutex_lock(&talk->lock);
    if (turn == CORDON_LEFT)
        talk->seen.left++;
    uv_cond_broadcast(&talk->changed);
    uv_mutex_unlock(&talk->lock);
    if (turn != CORDON_ROOM)
        cordon_fail(&request, CORDON_ECANCELED, NULL); /* in the turn itself */
}

static void watch_and_wait(cordon_request *request, cordon_bytes body, void *user)
{
    (void)body;
    talk_began(user);
    cordon_request_watch(request, answer_held_late, user);
}

static void handlers_may_let_go_inside_the_turn_that_tells_them(void **state)
{
    talk *talk = *state;
    wire  wire;

    talk->options.drain_ms = 20;
    talk->on_request = watch_and_wait;
    talk_serve(talk);
    wire_open(&wire, talk);
    for (uint32_t id = 1; id <= 20; id++)
        wire_say(&wire, REQUEST, id, "");
    talk_wait(talk, asked, 20);
    for (uint32_t id = 1; id <= 10; id++)
        wire_say(&wire, CANCEL, id, "");
    for (uint32_t id = 1; id <= 10; id++)
        wire_expect_failure(&wire, id, CANCELED);
    talk_stop(talk);
    assert_int_equal(talk_now(talk, left), 10);
    wire_close(&wire);
}

/* ---- a client that finishes -------------------------------------------------------------- */

static void a_client_that_finishes_gets_its_answers_and_says_goodbye(void **state)
{
    talk *talk = *state;
    wire  wire;

    talk->on_request = talk_hold;
    talk_serve(talk);
    wire_open(&wire, talk);
    wire_say(&wire, REQUEST, 1, "run");
    wire_say(&wire, REQUEST, 2, "run");
    wire_say(&wire, FINISH, 0, "");
    wire_say(&wire, CANCEL, 2, ""); /* may still come */
    wire_expect_failure(&wire, 2, CANCELED);
    talk_wait_held(talk, 2);
    answer(talk, "one");
    wire_expect(&wire, REPLY, 1, "one");
    wire_close(&wire);
    talk_wait(talk, gone, 1);
    assert_int_equal(talk_all(talk).why.code, CORDON_OK);
}

static void a_client_that_finishes_and_stays_is_closed_at_the_drain_time(void **state)
{
    talk *talk = *state;
    wire  wire;

    talk->options.drain_ms = 40;
    talk_serve(talk);
    wire_open(&wire, talk);
    wire_say(&wire, REQUEST, 1, "run");
    wire_say(&wire, FINISH, 0, "");
    wire_expect(&wire, REPLY, 1, "run");
    wire_expect_end(&wire);
    wire_close(&wire);
    talk_wait(talk, gone, 1);
    assert_int_equal(talk_all(talk).why.code, CORDON_OK);
}

static void hello_request_and_finish_may_be_one_write(void **state)
{
    talk      *talk = *state;
    script     bytes = {0};
    wire       wire;
    wire_frame frame;

    talk_serve(talk);
    script_opening(&bytes, talk);
    script_text(&bytes, REQUEST, 1, "all at once");
    script_text(&bytes, FINISH, 0, "");
    wire_connect(&wire, talk);
    wire_script(&wire, &bytes);
    wire_half_close(&wire);
    wire_next(&wire, &frame);
    assert_int_equal(frame.type, WELCOME);
    wire_expect(&wire, REPLY, 1, "all at once");
    wire_expect_end(&wire);
    wire_close(&wire);
    talk_wait(talk, gone, 1);
    assert_int_equal(talk_all(talk).why.code, CORDON_OK);
    script_free(&bytes);
}

/* HELLO and a first request may travel in one write of up to 64 KiB. */
static void the_first_write_may_be_64_kib(void **state)
{
    talk      *talk = *state;
    script     bytes = {0};
    char      *body = calloc(1, 65536);
    size_t     size;
    wire       wire;
    wire_frame frame;

    talk_serve(talk);
    script_opening(&bytes, talk);
    size = 65536 - bytes.size - 12;
    script_frame(&bytes, REQUEST, 1, body, size);
    assert_int_equal(bytes.size, 65536);
    wire_connect(&wire, talk);
    wire_script(&wire, &bytes);
    wire_next(&wire, &frame);
    assert_int_equal(frame.type, WELCOME);
    wire_next(&wire, &frame);
    assert_int_equal(frame.type, REPLY);
    assert_int_equal(frame.size, size);
    wire_close(&wire);
    script_free(&bytes);
    free(body);
}

/* ---- small talk ---------------------------------------------------------------------------- */

static void a_ping_of_any_size_comes_back_the_same(void **state)
{
    talk *talk = *state;
    char  body[65] = {0};
    wire  wire;

    talk_serve(talk);
    wire_open(&wire, talk);
    for (size_t size = 0; size <= 64; size++) {
        wire_say(&wire, PING, 0, body);
        wire_expect(&wire, PONG, 0, body);
        body[size < 64 ? size : 63] = (char)('0' + size % 10);
    }
    wire_say(&wire, PONG, 0, "unasked"); /* ignored */
    wire_say(&wire, PING, 0, "");
    wire_expect(&wire, PONG, 0, "");
    wire_close(&wire);
}

static void status_tells_the_server_as_it_is(void **state)
{
    static const char *const members[] = {
        "\"version\":1",  "\"program\":\"talk 1.0\"", "\"uptime_ms\":", "\"sessions\":2",
        "\"requests\":3", "\"in_flight\":2",          "\"instance\":\""};
    talk      *talk = *state;
    wire       wire, other;
    wire_frame frame;
    char       text[1024] = {0};
    char       pid[32];

    talk->on_request = talk_hold;
    talk_serve(talk);
    wire_open(&other, talk);
    wire_say(&other, REQUEST, 1, "");
    talk_wait_held(talk, 1);
    wire_open(&wire, talk);
    wire_say(&wire, REQUEST, 1, "");
    wire_say(&wire, REQUEST, 2, "");
    talk_wait_held(talk, 3);
    answer(talk, "the oldest is done");
    wire_expect(&other, REPLY, 1, "the oldest is done");
    wire_say(&wire, STATUS, 3, "");
    wire_next(&wire, &frame);
    assert_int_equal(frame.type, REPLY);
    assert_int_equal(frame.id, 3);
    assert_true(frame.size < sizeof text);
    memcpy(text, frame.body, frame.size);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        if (strstr(text, members[i]) == NULL)
            fail_msg("%s has no %s", text, members[i]);
    }
    snprintf(pid, sizeof pid, "\"pid\":%ld,", (long)getpid());
    assert_non_null(strstr(text, pid));
    wire_close(&wire);
    wire_close(&other);
}

static void look_at_status(talk *talk, void *context)
{
    assert_int_equal(cordon_server_status(context, talk->server), CORDON_OK);
}

static void the_app_gets_the_same_status(void **state)
{
    talk         *talk = *state;
    cordon_buffer json = CORDON_BUFFER_INIT;

    talk_serve(talk);
    talk_run(talk, look_at_status, &json);
    assert_non_null(strstr(json.data, "\"sessions\":0"));
    assert_non_null(strstr(json.data, "\"program\":\"talk 1.0\""));
    cordon_buffer_free(&json);
}

static void a_session_may_stop_the_server_where_that_is_allowed(void **state)
{
    talk *talk = *state;
    wire  wire;

    talk->options.on_stop = talk_on_stop;
    talk->options.drain_ms = TALK_PATIENCE_MS;
    talk->on_request = talk_hold;
    talk_serve(talk);
    wire_open(&wire, talk);
    wire_say(&wire, REQUEST, 1, "");
    wire_say(&wire, STOP, 2, "");
    wire_expect(&wire, REPLY, 2, "");
    wire_expect(&wire, FINISH, 0, "");
    talk_wait_held(talk, 1);
    answer(talk, "drained");
    wire_expect(&wire, REPLY, 1, "drained");
    wire_close(&wire);
    talk_wait(talk, closed, 1);
}

/* ---- ending in the middle of other threads' calls ------------------------------------------ */

static atomic_int is_pushing;

static void push_on_and_on(void *context)
{
    talk *talk = context;

    while (atomic_load(&is_pushing))
        (void)cordon_server_push(talk->server, CORDON_EVERYONE, cordon_text("event"));
}

static void open_anew(talk *talk)
{
    cordon_fault fault = CORDON_FAULT_INIT;

    SUPPORT_CODE(cordon_loop_open_thread(&talk->loop, &fault), CORDON_OK, &fault);
    SUPPORT_CODE(cordon_server_open(&talk->server, talk->loop, talk->endpoint, talk->on_request,
                                    &talk->options, &fault),
                 CORDON_OK, &fault);
}

/* A client stops it while a thread pushes; its owner closes it at any moment of its end. */
static void a_server_may_end_while_others_push_to_it_and_close_it(void **state)
{
    talk *talk = *state;

    talk->options.on_stop = talk_on_stop;
    talk->options.drain_ms = CORDON_AT_ONCE;
    assert_int_equal(cordon_endpoint_open(&talk->endpoint, "talk", &talk->endpoint_options, NULL),
                     CORDON_OK);
    for (int round = 0; round < 100; round++) {
        uv_thread_t pusher;
        wire        wire;

        open_anew(talk);
        atomic_store(&is_pushing, 1);
        assert_int_equal(uv_thread_create(&pusher, push_on_and_on, talk), 0);
        wire_open(&wire, talk);
        wire_say(&wire, STOP, 1, "");
        wire_expect(&wire, REPLY, 1, "");
        for (volatile int i = 0; i < round * 500; i++)
            continue;
        atomic_store(&is_pushing, 0);
        uv_thread_join(&pusher);
        cordon_server_close(talk->server);
        cordon_loop_close(talk->loop);
        wire_close(&wire);
    }
    assert_int_equal(talk_now(talk, closed), 100);
    talk->server = NULL;
    talk->loop = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TALK_BOTH(answers_go_out_while_it_drains_and_new_requests_are_told_stopping),
        TALK_BOTH(after_the_drain_time_who_is_left_is_cut_and_the_handlers_hear_it),
        TALK_BOTH(a_server_with_nobody_closes_at_once),
        TALK_BOTH(who_speaks_only_now_is_refused_stopping_in_its_framing),
        TALK_BOTH(a_server_may_be_closed_in_its_handler),
        TALK_BOTH(a_server_may_be_closed_when_a_session_comes),
        TALK_BOTH(handlers_may_let_go_inside_the_turn_that_tells_them),
        TALK_BOTH(a_client_that_finishes_gets_its_answers_and_says_goodbye),
        TALK_BOTH(a_client_that_finishes_and_stays_is_closed_at_the_drain_time),
        TALK_BOTH(hello_request_and_finish_may_be_one_write),
        TALK_BOTH(the_first_write_may_be_64_kib),
        TALK_BOTH(a_ping_of_any_size_comes_back_the_same),
        TALK_BOTH(status_tells_the_server_as_it_is),
        TALK_BOTH(the_app_gets_the_same_status),
        TALK_BOTH(a_session_may_stop_the_server_where_that_is_allowed),
        TALK_ONE(a_server_may_end_while_others_push_to_it_and_close_it),
    };

    return cmocka_run_group_tests_name("talk_stop", tests, NULL, NULL);
}
