/* Whatever a peer can make grow has a ceiling, whatever it begins must progress. */
#include "talk_kit.h"

/* The smallest queue that a server of 4 KiB replies takes: max_reply + 256 KiB. */
#define QUEUE (260u << 10)

static void small_queues(talk *talk)
{
    talk->options.max_reply = 4096;
    talk->options.max_queued = QUEUE;
}

static void expect_alive(wire *wire)
{
    wire_say(wire, PING, 0, "alive?");
    wire_expect(wire, PONG, 0, "alive?");
}

/* ---- places --------------------------------------------------------------------- */

static void say_opening(wire *wire, talk *talk)
{
    script opening = {0};

    script_opening(&opening, talk);
    wire_connect(wire, talk);
    wire_script(wire, &opening);
    script_free(&opening);
}

static void a_session_too_many_is_refused_busy_in_its_framing(void **state)
{
    talk *talk = *state;
    wire  first, second, over, json;

    talk->options.max_sessions = 2;
    talk_serve(talk);
    wire_open(&first, talk);
    wire_open(&second, talk);
    say_opening(&over, talk);
    wire_expect_refused(&over, BUSY);
    wire_half_close(&over);
    wire_expect_end(&over);
    wire_close(&over);
    wire_connect(&json, talk);
    wire_json(&json, talk, "\"request\":1");
    assert_non_null(strstr(wire_line(&json), "\"code\":\"BUSY\"}"));
    wire_half_close(&json);
    wire_expect_end(&json);
    wire_close(&json);
    expect_alive(&first);
    expect_alive(&second);
    wire_close(&first);
    talk_wait(talk, gone, 1);
    wire_open(&over, talk); /* there is room again */
    expect_alive(&over);
    assert_int_equal(talk_now(talk, here), 3);
    wire_close(&over);
    wire_close(&second);
}

static void a_full_server_still_judges_the_token_and_can_be_asked_and_stopped(void **state)
{
    talk      *talk = *state;
    wire       only, wrong, control;
    uint8_t    token[32];
    hello      hello;
    script     bytes = {0};
    wire_frame frame;

    talk->options.max_sessions = 1;
    talk->options.on_stop = talk_on_stop;
    talk_serve(talk);
    wire_open(&only, talk);
    hello = hello_good(talk, token);
    token[0] ^= 1;
    script_magic(&bytes);
    script_hello(&bytes, &hello);
    wire_connect(&wrong, talk);
    wire_script(&wrong, &bytes);
    wire_expect_refused(&wrong, UNAUTHORIZED);
    wire_close(&wrong);
    token[0] ^= 1;
    hello.version_min = hello.version_max = 0;
    bytes.size = 0;
    script_magic(&bytes);
    script_hello(&bytes, &hello);
    wire_connect(&control, talk);
    wire_script(&control, &bytes);
    wire_next(&control, &frame);
    assert_int_equal(frame.type, WELCOME);
    wire_say(&control, STOP, 1, "");
    wire_expect(&control, REPLY, 1, "");
    wire_close(&control);
    wire_expect(&only, FINISH, 0, "");
    wire_close(&only);
    talk_wait(talk, closed, 1);
    script_free(&bytes);
}

static void the_oldest_stranger_goes_when_the_places_are_taken(void **state)
{
    talk *talk = *state;
    wire  silent, half_binary, half_json, good, last[3];

    talk->options.max_strangers = 3;
    talk_serve(talk);
    wire_connect(&silent, talk);
    wire_connect(&half_binary, talk);
    wire_text(&half_binary, MAGIC);
    wire_wait_taken(&half_binary);
    wire_connect(&half_json, talk);
    wire_text(&half_json, "{\"token\":");
    wire_wait_taken(&half_json);
    wire_connect(&last[0], talk);
    wire_expect_end(&silent); /* it has not spoken: not a word */
    wire_connect(&last[1], talk);
    wire_expect_refused(&half_binary, BUSY);
    wire_expect_end(&half_binary);
    wire_connect(&last[2], talk);
    assert_non_null(strstr(wire_line(&half_json), "\"code\":\"BUSY\"}"));
    wire_expect_end(&half_json);
    wire_open(&good, talk); /* takes no stranger's place for long: last[0] went for it, or not */
    expect_alive(&good);
    wire_close(&silent);
    wire_close(&half_binary);
    wire_close(&half_json);
    for (int i = 0; i < 3; i++)
        wire_close(&last[i]);
    wire_close(&good);
}

static void strangers_never_keep_a_good_client_out(void **state)
{
    talk *talk = *state;
    wire  strangers[64];

    talk->options.max_strangers = 4;
    talk_serve(talk);
    for (int i = 0; i < 64; i++) {
        wire good;

        wire_connect(&strangers[i], talk);
        wire_text(&strangers[i], i % 2 ? "{" : MAGIC);
        wire_open(&good, talk);
        expect_alive(&good);
        wire_close(&good);
    }
    for (int i = 0; i < 64; i++)
        wire_close(&strangers[i]);
}

/* ---- what is left unread ------------------------------------------------------------ */

static void push_until_gone(talk *talk, int count)
{
    static char  event[4096];
    cordon_bytes body = {event, sizeof event};
    uint64_t     due = support_now() + TALK_PATIENCE_MS;

    memset(event, 'e', sizeof event);
    while (talk_now(talk, gone) < count) {
        int code = cordon_server_push(talk->server, CORDON_EVERYONE, body);

        assert_true(code == CORDON_OK || code == CORDON_EBUSY);
        if (code == CORDON_EBUSY)
            support_pause(1);
        if (support_now() > due)
            fail_msg("nobody was cut");
    }
}

static void who_leaves_events_unread_is_cut_and_the_server_hears_why(void **state)
{
    talk *talk = *state;
    wire  deaf, good;

    small_queues(talk);
    talk_serve(talk);
    wire_open(&good, talk); /* wants no events */
    wire_open_limit(&deaf, talk, 1, 4096);
    push_until_gone(talk, 1);
    assert_int_equal(talk_all(talk).why.code, CORDON_EBUSY);
    assert_true(strlen(talk_all(talk).why.text) > 0);
    expect_alive(&good);
    assert_int_equal(talk_now(talk, gone), 1);
    wire_close(&deaf);
    wire_close(&good);
}

/* Its memory may be kept a while for the next one; the next one then takes no more. */
static void the_queue_of_a_cut_session_is_used_again(void **state)
{
    talk  *talk = *state;
    size_t after_first = 0;

    small_queues(talk);
    talk_serve(talk);
    for (int i = 1; i <= 40; i++) {
        wire deaf;

        wire_open_limit(&deaf, talk, 1, 4096);
        push_until_gone(talk, i);
        wire_close(&deaf);
        if (i == 1)
            after_first = atomic_load(&talk->memory.most);
    }
    assert_true(atomic_load(&talk->memory.most) < after_first + (9u << 20));
}

static void max_queued_all_is_shared_by_all(void **state)
{
    talk *talk = *state;
    wire  deaf[10];

    small_queues(talk);
    talk->options.max_queued_all = 2 * QUEUE;
    talk_serve(talk);
    for (int i = 0; i < 10; i++)
        wire_open_limit(&deaf[i], talk, 1, 4096);
    push_until_gone(talk, 7); /* ten of them never have room for a full queue each */
    /* 20 of them without the limit; 6 to 9 with it, for a buffer may be twice what is in it */
    assert_true(atomic_load(&talk->memory.most) < 14 * QUEUE);
    for (int i = 0; i < 10; i++)
        wire_close(&deaf[i]);
}

/* It asks on and on and reads nothing: it waits for itself, and loses nothing when it reads. */
static void who_asks_and_does_not_read_waits_for_itself(void **state)
{
    talk  *talk = *state;
    script bytes = {0};
    char   body[4000];
    wire   wire;
    size_t sent = 0;
    int    is_still = 0;
    size_t before;

    memset(body, 'b', sizeof body);
    small_queues(talk);
    talk->options.write_ms = CORDON_FOREVER;
    talk->options.stall_ms = 800; /* a paused one is not late; a slow machine is not either */
    talk_serve(talk);
    wire_open(&wire, talk);
    before = atomic_load(&talk->memory.bytes);
    for (uint32_t id = 1; id <= 2000; id++)
        script_frame(&bytes, REQUEST, id, body, sizeof body);
    while (is_still < 1000 && sent < bytes.size) {
        long size = support_raw_offer(wire.raw, bytes.data + sent, bytes.size - sent);

        sent += size > 0 ? (size_t)size : 0;
        is_still = size > 0 ? 0 : is_still + 1;
        if (size <= 0)
            support_pause(1);
    }
    assert_true(sent < bytes.size);
    assert_true(atomic_load(&talk->memory.most) < before + 3 * QUEUE);
    wire_exchange(&wire, bytes.data + sent, bytes.size - sent);
    for (uint32_t id = 1; id <= 2000; id++) {
        wire_frame frame;

        wire_next(&wire, &frame);
        assert_int_equal(frame.type, REPLY);
        assert_int_equal(frame.id, id);
        assert_int_equal(frame.size, sizeof body);
    }
    wire_close(&wire);
    script_free(&bytes);
}

static void who_takes_no_byte_is_cut_after_write_ms(void **state)
{
    talk  *talk = *state;
    script bytes = {0};
    char   body[4000] = {0};
    wire   deaf, good;

    small_queues(talk);
    talk->options.write_ms = 50;
    talk_serve(talk);
    wire_open(&good, talk);
    wire_open(&deaf, talk);
    for (uint32_t id = 1; id <= 200; id++)
        script_frame(&bytes, REQUEST, id, body, sizeof body);
    (void)wire_try_send(&deaf, bytes.data, bytes.size);
    talk_wait(talk, gone, 1);
    assert_int_equal(talk_all(talk).why.code, CORDON_ETIMEDOUT);
    expect_alive(&good);
    wire_close(&deaf);
    wire_close(&good);
    script_free(&bytes);
}

/* ---- what is begun --------------------------------------------------------------------- */

static void a_begun_frame_without_a_byte_is_cut_after_stall_ms(void **state)
{
    talk  *talk = *state;
    script head = {0};
    wire   half, idle;

    talk->options.stall_ms = 60;
    talk_serve(talk);
    wire_open(&idle, talk); /* nothing begun: it may be silent for ever */
    wire_open(&half, talk);
    script_head(&head, 100, REQUEST, 0, 0, 1);
    wire_script(&half, &head);
    wire_expect_failure(&half, 0, TIMED_OUT);
    wire_expect_end(&half);
    talk_wait(talk, gone, 1);
    assert_int_equal(talk_all(talk).why.code, CORDON_ETIMEDOUT);
    expect_alive(&idle);
    wire_close(&half);
    wire_close(&idle);
    script_free(&head);
}

/* The loop was busy until long after the deadline; the bytes had come before it. */
static void send_the_rest_and_be_busy(talk *talk, void *context)
{
    static const char body[] = "0123456789";

    (void)talk;
    assert_int_equal(support_raw_offer(((wire *)context)->raw, body, 10), 10);
    support_pause(900);
}

static void what_came_in_time_counts_though_we_look_late(void **state)
{
    talk  *talk = *state;
    script head = {0};
    wire   half;

    talk->options.stall_ms = 500;
    talk->options.hello_ms = 500;
    talk_serve(talk);
    wire_open(&half, talk);
    script_head(&head, 10, REQUEST, 0, 0, 1);
    wire_script(&half, &head);
    talk_run(talk, send_the_rest_and_be_busy, &half);
    wire_expect(&half, REPLY, 1, "0123456789");
    wire_close(&half);
    script_free(&head);
}

static void a_begun_line_without_a_byte_is_cut_after_stall_ms(void **state)
{
    talk *talk = *state;
    wire  wire;

    talk->options.stall_ms = 60;
    talk_serve(talk);
    wire_connect(&wire, talk);
    wire_json(&wire, talk, "\"id\":1,\"request\":1");
    wire_expect_line(&wire, "{\"ok\":true,\"id\":1,\"data\":1}");
    wire_text(&wire, "{\"token\"");
    assert_non_null(strstr(wire_line(&wire), "\"code\":\"TIMED_OUT\"}"));
    wire_expect_end(&wire);
    wire_close(&wire);
}

static void a_byte_now_and_then_is_progress(void **state)
{
    talk  *talk = *state;
    script bytes = {0};
    wire   wire;

    talk->options.stall_ms = 1000; /* a loaded machine may make a pause many times longer */
    talk_serve(talk);
    wire_open(&wire, talk);
    script_text(&bytes, REQUEST, 1, "0123456789");
    for (size_t i = 0; i < bytes.size; i++) { /* 22 bytes, over 1300 ms in all */
        wire_send(&wire, bytes.data + i, 1);
        support_pause(60);
    }
    wire_expect(&wire, REPLY, 1, "0123456789");
    wire_close(&wire);
    script_free(&bytes);
}

static void bytes_now_and_then_do_not_stretch_the_hello(void **state)
{
    talk    *talk = *state;
    script   opening = {0};
    wire     wire;
    uint64_t due;
    size_t   i = 0;

    talk->options.hello_ms = 100;
    talk_serve(talk);
    script_opening(&opening, talk);
    wire_connect(&wire, talk);
    due = support_now() + TALK_PATIENCE_MS;
    while (i < opening.size && wire_try_send(&wire, opening.data + i++, 1) == 0 &&
           support_raw_is_silent(wire.raw, 20))
        assert_true(support_now() < due);
    assert_true(i < opening.size);
    wire_drain(&wire);
    assert_int_equal(talk_now(talk, here), 0);
    wire_close(&wire);
    script_free(&opening);
}

static void incomplete_frames_share_max_partial(void **state)
{
    talk  *talk = *state;
    script half = {0};
    char  *body = calloc(1, 60000);
    wire   wires[16], good;

    talk->options.max_partial = 256u << 10; /* four of the largest requests */
    talk_serve(talk);
    wire_open(&good, talk);
    script_head(&half, 65536, REQUEST, 0, 0, 1);
    script_bytes(&half, body, 60000);
    for (int i = 0; i < 16; i++) {
        wire_open(&wires[i], talk);
        (void)wire_try_send(&wires[i], half.data, half.size);
    }
    talk_wait(talk, gone, 8); /* fewer than eight have their place */
    assert_int_equal(talk_all(talk).why.code, CORDON_EBUSY);
    assert_true(atomic_load(&talk->memory.most) < (1u << 20));
    expect_alive(&good);
    for (int i = 0; i < 16; i++)
        wire_close(&wires[i]);
    wire_close(&good);
    script_free(&half);
    free(body);
}

/* A caller's goodbye comes with its question, and nobody connects any more or waits for a drain:
 * the server looks after such sessions by itself. */
static void who_asks_once_and_goes_is_gone_soon(void **state)
{
    enum { CALLERS = 20 };
    talk *talk = *state;

    talk->options.drain_ms = 3600000;
    talk->options.max_sessions = 1;
    talk_serve(talk);
    for (int i = 0; i < CALLERS; i++) {
        cordon_buffer reply = {0};
        cordon_fault  fault = CORDON_FAULT_INIT;

        SUPPORT_CODE(cordon_call(&reply, talk->endpoint, cordon_text("once"), NULL, &fault),
                     CORDON_OK, &fault);
        assert_string_equal(reply.data, "once");
        cordon_buffer_free(&reply);
    }
    talk_wait(talk, gone, CALLERS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TALK_BOTH(a_session_too_many_is_refused_busy_in_its_framing),
        TALK_BOTH(a_full_server_still_judges_the_token_and_can_be_asked_and_stopped),
        TALK_BOTH(the_oldest_stranger_goes_when_the_places_are_taken),
        TALK_BOTH(strangers_never_keep_a_good_client_out),
        TALK_BOTH(who_leaves_events_unread_is_cut_and_the_server_hears_why),
        TALK_BOTH(the_queue_of_a_cut_session_is_used_again),
        TALK_BOTH(max_queued_all_is_shared_by_all),
        TALK_BOTH(who_asks_and_does_not_read_waits_for_itself),
        TALK_BOTH(who_takes_no_byte_is_cut_after_write_ms),
        TALK_BOTH(a_begun_frame_without_a_byte_is_cut_after_stall_ms),
        TALK_BOTH(what_came_in_time_counts_though_we_look_late),
        TALK_BOTH(a_begun_line_without_a_byte_is_cut_after_stall_ms),
        TALK_BOTH(a_byte_now_and_then_is_progress),
        TALK_BOTH(bytes_now_and_then_do_not_stretch_the_hello),
        TALK_BOTH(incomplete_frames_share_max_partial),
        TALK_BOTH(who_asks_once_and_goes_is_gone_soon),
    };

    return cmocka_run_group_tests_name("talk_limits", tests, NULL, NULL);
}
