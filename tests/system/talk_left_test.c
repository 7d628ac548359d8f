/* Cancel and death: one outcome for the client, and the handler is told. */
#include "talk_kit.h"

static void answer(talk *talk, const char *text)
{
    cordon_request *request = talk_take(talk, 0);

    assert_int_equal(cordon_reply(&request, cordon_text(text)), CORDON_OK);
}

/* ---- cancel --------------------------------------------------------------------- */

static void a_cancel_before_its_request_means_nothing(void **state)
{
    talk *talk = *state;
    wire  wire;

    talk_serve(talk);
    wire_open(&wire, talk);
    wire_say(&wire, CANCEL, 1, "");
    wire_say(&wire, REQUEST, 1, "run");
    wire_expect(&wire, REPLY, 1, "run");
    wire_close(&wire);
}

static void a_cancel_during_ends_it_at_once_and_tells_the_handler(void **state)
{
    talk *talk = *state;
    wire  wire;

    talk->on_request = talk_hold;
    talk_serve(talk);
    wire_open(&wire, talk);
    wire_say(&wire, REQUEST, 1, "run");
    wire_say(&wire, CANCEL, 1, "");
    wire_say(&wire, CANCEL, 1, ""); /* twice is once */
    wire_expect_failure(&wire, 1, CANCELED);
    talk_wait(talk, canceled, 1);
    answer(talk, "nobody wants it");
    wire_expect_silence(&wire, 30);
    assert_int_equal(talk_now(talk, canceled), 1);
    assert_int_equal(talk_now(talk, left), 0);
    wire_say(&wire, REQUEST, 1, "the id is free");
    talk_wait_held(talk, 1);
    answer(talk, "again");
    wire_expect(&wire, REPLY, 1, "again");
    wire_close(&wire);
}

static void a_cancel_after_the_reply_means_nothing(void **state)
{
    talk *talk = *state;
    wire  wire;

    talk_serve(talk);
    wire_open(&wire, talk);
    wire_say(&wire, REQUEST, 1, "run");
    wire_expect(&wire, REPLY, 1, "run");
    wire_say(&wire, CANCEL, 1, "");
    wire_say(&wire, PING, 0, "and on");
    wire_expect(&wire, PONG, 0, "and on");
    wire_close(&wire);
}

static void a_cancel_between_parts_ends_the_reply(void **state)
{
    talk           *talk = *state;
    cordon_request *request;
    wire            wire;
    wire_frame      frame;

    talk->on_request = talk_hold;
    talk_serve(talk);
    wire_open(&wire, talk);
    wire_say(&wire, REQUEST, 1, "run");
    talk_wait_held(talk, 1);
    request = talk_take(talk, 0);
    assert_int_equal(cordon_reply_part(request, cordon_text("part")), CORDON_OK);
    wire_next(&wire, &frame);
    assert_int_equal(frame.flags, MORE);
    wire_say(&wire, CANCEL, 1, "");
    wire_expect_failure(&wire, 1, CANCELED);
    talk_wait(talk, canceled, 1);
    assert_int_equal(cordon_request_has_room(request), 1);
    assert_int_equal(cordon_reply_part(request, cordon_text("dropped")), CORDON_OK);
    assert_int_equal(cordon_reply(&request, cordon_text("dropped")), CORDON_OK);
    wire_expect_silence(&wire, 30);
    wire_close(&wire);
}

static void hold_unwatched(cordon_request *request, cordon_bytes body, void *user)
{
    talk *talk = user;

    (void)body;
    uv_mutex_lock(&talk->lock);
    talk->held[talk->held_count++] = request;
    uv_cond_broadcast(&talk->changed);
    uv_mutex_unlock(&talk->lock);
}

static void hold_and_watch_when_told(cordon_request *request, cordon_bytes body, void *user)
{
    talk *talk = user;

    if (body.size == 5) { /* "first" is only watched when "second" comes */
        hold_unwatched(request, body, user);
        return;
    }
    talk_watch(talk, talk->held[0]);
    assert_int_equal(talk_now(talk, canceled), 0); /* never from inside the call */
    cordon_reply(&request, body);
}

static void a_turn_that_came_before_the_watch_is_told(void **state)
{
    talk *talk = *state;
    wire  wire;

    talk->on_request = hold_and_watch_when_told;
    talk_serve(talk);
    wire_open(&wire, talk);
    wire_say(&wire, REQUEST, 1, "first");
    wire_say(&wire, CANCEL, 1, "");
    wire_expect_failure(&wire, 1, CANCELED);
    wire_say(&wire, REQUEST, 2, "second");
    wire_expect(&wire, REPLY, 2, "second");
    talk_wait(talk, canceled, 1);
    wire_close(&wire);
    talk_wait(talk, gone, 1);
}

/* ---- death ---------------------------------------------------------------------------- */

static void a_client_that_closes_is_told_to_all_its_handlers(void **state)
{
    talk *talk = *state;
    wire  wire, other;

    talk->on_request = talk_hold;
    talk_serve(talk);
    wire_open(&other, talk);
    wire_say(&other, REQUEST, 1, "not mine");
    wire_open(&wire, talk);
    for (uint32_t id = 1; id <= 10; id++)
        wire_say(&wire, REQUEST, id, "run");
    talk_wait_held(talk, 11);
    wire_close(&wire);
    talk_wait(talk, left, 10);
    talk_wait(talk, gone, 1);
    assert_int_equal(talk_all(talk).why.code, CORDON_ECLOSED);
    answer(talk, "to the other");
    wire_expect(&other, REPLY, 1, "to the other");
    assert_int_equal(talk_now(talk, left), 10);
    wire_close(&other);
}

/* argument: the server's directory. */
static int be_a_client_until_killed(const char *argument, support_child *self)
{
    talk talk = {0};
    wire wire;

    (void)self;
    talk.endpoint_options = (cordon_endpoint_options)CORDON_ENDPOINT_OPTIONS_INIT;
    talk.endpoint_options.directory = argument;
    SUPPORT_CODE(cordon_endpoint_open(&talk.endpoint, "talk", &talk.endpoint_options, NULL),
                 CORDON_OK, NULL);
    wire_open(&wire, &talk);
    wire_say(&wire, REQUEST, 1, "run");
    wire_say(&wire, REQUEST, 2, "run");
    support_pause(100 * SUPPORT_SOON);
    return 0;
}

static const support_part parts[] = {{"client", be_a_client_until_killed}, {NULL, NULL}};

static void a_client_killed_is_told_to_its_handlers(void **state)
{
    talk         *talk = *state;
    support_child client;

    talk->on_request = talk_hold;
    talk_serve(talk);
    support_start(&client, parts, "client", talk->directory);
    talk_wait_held(talk, 2);
    support_kill_child(&client);
    talk_wait(talk, left, 2);
}

/* Its last bytes are half a frame. */
static void a_client_that_dies_in_the_middle_of_a_frame_is_told(void **state)
{
    talk  *talk = *state;
    script head = {0};
    wire   wire;

    talk->on_request = talk_hold;
    talk_serve(talk);
    wire_open(&wire, talk);
    wire_say(&wire, REQUEST, 1, "run");
    script_head(&head, 1000, REQUEST, 0, 0, 2);
    wire_script(&wire, &head);
    talk_wait_held(talk, 1);
    wire_close(&wire);
    talk_wait(talk, left, 1);
    assert_int_equal(talk_now(talk, asked), 1);
    script_free(&head);
}

static void hold_first_then_echo(cordon_request *request, cordon_bytes body, void *user)
{
    if (body.size == 4)
        talk_hold(request, body, user);
    else
        talk_echo(request, body, user);
}

/* It asks and never reads, until the server does not read from it any more either: what it sent
 * last lies unread when it dies. */
static void a_client_that_dies_while_its_bytes_lie_unread_is_told(void **state)
{
    talk  *talk = *state;
    script big = {0};
    char  *body = calloc(1, 60000);
    wire   wire;
    int    left = 0;

    talk->on_request = hold_first_then_echo;
    talk->options.max_queued = 1u << 20;
    talk->options.write_ms = CORDON_FOREVER;
    talk_serve(talk);
    wire_open(&wire, talk);
    wire_say(&wire, REQUEST, 1, "hold");
    for (uint32_t id = 2; id < 200; id++)
        script_frame(&big, REQUEST, id, body, 60000);
    left = (int)big.size;
    for (int is_still = 0; left > 0 && is_still < 20;) {
        long sent = support_raw_offer(wire.raw, big.data + (big.size - (size_t)left), (size_t)left);

        left -= sent > 0 ? (int)sent : 0;
        is_still = sent > 0 ? 0 : is_still + 1;
        support_pause(sent > 0 ? 0 : 5);
    }
    assert_true(left > 0); /* the server has stopped reading */
    assert_int_equal(talk_now(talk, gone), 0);
    wire_close(&wire);
    talk_wait(talk, left, 1);
    script_free(&big);
    free(body);
}

/* ---- half-close -------------------------------------------------------------------------- */

static void a_half_close_after_finish_is_not_a_death(void **state)
{
    talk *talk = *state;
    wire  wire;

    talk->on_request = talk_hold;
    talk_need_half_close();
    talk_serve(talk);
    wire_open(&wire, talk);
    wire_say(&wire, REQUEST, 1, "run");
    wire_say(&wire, FINISH, 0, "");
    wire_half_close(&wire);
    talk_wait_held(talk, 1);
    wire_expect_silence(&wire, 50);
    assert_int_equal(talk_now(talk, left), 0);
    answer(talk, "still for you");
    wire_expect(&wire, REPLY, 1, "still for you");
    wire_expect_end(&wire);
    talk_wait(talk, gone, 1);
    assert_int_equal(talk_all(talk).why.code, CORDON_OK);
    wire_close(&wire);
}

static void a_half_close_of_a_json_client_is_not_a_death(void **state)
{
    talk *talk = *state;
    wire  wire;

    talk->on_request = talk_hold;
    talk_need_half_close();
    talk_serve(talk);
    wire_connect(&wire, talk);
    wire_json(&wire, talk, "\"id\":1,\"request\":\"run\"");
    wire_half_close(&wire);
    talk_wait_held(talk, 1);
    wire_expect_silence(&wire, 50);
    assert_int_equal(talk_now(talk, left), 0);
    answer(talk, "\"still for you\"");
    wire_expect_line(&wire, "{\"ok\":true,\"id\":1,\"data\":\"still for you\"}");
    wire_expect_end(&wire);
    wire_close(&wire);
}

static void a_half_close_without_finish_is_a_lost_client(void **state)
{
    talk *talk = *state;
    wire  wire;

    talk->on_request = talk_hold;
    talk_need_half_close();
    talk_serve(talk);
    wire_open(&wire, talk);
    wire_say(&wire, REQUEST, 1, "run");
    talk_wait_held(talk, 1);
    wire_half_close(&wire);
    talk_wait(talk, left, 1);
    talk_wait(talk, gone, 1);
    assert_int_equal(talk_all(talk).why.code, CORDON_ECLOSED);
    wire_expect_end(&wire);
    wire_close(&wire);
}

static void a_death_after_the_half_close_is_told(void **state)
{
    talk *talk = *state;
    wire  binary, json;

    talk->on_request = talk_hold;
    talk_need_half_close();
    talk_serve(talk);
    wire_open(&binary, talk);
    wire_say(&binary, REQUEST, 1, "run");
    wire_say(&binary, FINISH, 0, "");
    wire_half_close(&binary);
    wire_connect(&json, talk);
    wire_json(&json, talk, "\"id\":1,\"request\":\"run\"");
    wire_half_close(&json);
    talk_wait_held(talk, 2);
    wire_close(&binary);
    talk_wait(talk, left, 1);
    wire_close(&json);
    talk_wait(talk, left, 2);
}

/* A one-shot line ends the input: the server reads no more, and still hears of the death. */
static void a_one_shot_client_that_dies_is_told(void **state)
{
    talk *talk = *state;
    wire  quiet, noisy;

    talk->on_request = talk_hold;
    talk_serve(talk);
    wire_connect(&quiet, talk);
    wire_json(&quiet, talk, "\"request\":\"run\"");
    talk_wait_held(talk, 1);
    wire_close(&quiet);
    talk_wait(talk, left, 1);
    wire_connect(&noisy, talk);
    wire_json(&noisy, talk, "\"request\":\"run\"");
    talk_wait_held(talk, 2);
    wire_text(&noisy, "and this is never read");
    wire_close(&noisy);
    talk_wait(talk, left, 2);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        TALK_BOTH(a_cancel_before_its_request_means_nothing),
        TALK_BOTH(a_cancel_during_ends_it_at_once_and_tells_the_handler),
        TALK_BOTH(a_cancel_after_the_reply_means_nothing),
        TALK_BOTH(a_cancel_between_parts_ends_the_reply),
        TALK_BOTH(a_turn_that_came_before_the_watch_is_told),
        TALK_BOTH(a_client_that_closes_is_told_to_all_its_handlers),
        TALK_BOTH(a_client_killed_is_told_to_its_handlers),
        TALK_BOTH(a_client_that_dies_in_the_middle_of_a_frame_is_told),
        TALK_BOTH(a_client_that_dies_while_its_bytes_lie_unread_is_told),
        TALK_BOTH(a_half_close_after_finish_is_not_a_death),
        TALK_BOTH(a_half_close_of_a_json_client_is_not_a_death),
        TALK_BOTH(a_half_close_without_finish_is_a_lost_client),
        TALK_BOTH(a_death_after_the_half_close_is_told),
        TALK_BOTH(a_one_shot_client_that_dies_is_told),
    };

    SUPPORT_PLAY(count, arguments, parts);
    return cmocka_run_group_tests_name("talk_left", tests, NULL, NULL);
}
