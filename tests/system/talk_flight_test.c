/* Requests in flight: in what order they are answered, how many there may be, and that each ends
 * exactly once whatever happens to its client, its server or its loop. */
#include "talk_kit.h"

/* ---- order and number ----------------------------------------------------------- */

static void ask_many(wire *wire, uint32_t first, uint32_t count)
{
    script bytes = {0};

    for (uint32_t id = first; id < first + count; id++) {
        char body[24];

        snprintf(body, sizeof body, "ask %u", id);
        script_text(&bytes, REQUEST, id, body);
    }
    wire_script(wire, &bytes);
    script_free(&bytes);
}

/* The held one at this place, answered with a text that names its id. */
static void answer_held(talk *talk, int index, uint32_t id)
{
    cordon_request *request = talk_take(talk, index);
    char            body[24];

    snprintf(body, sizeof body, "answer %u", id);
    assert_int_equal(cordon_reply(&request, cordon_text(body)), CORDON_OK);
    assert_null(request);
}

static void expect_answer(wire *wire, uint32_t id)
{
    char body[24];

    snprintf(body, sizeof body, "answer %u", id);
    wire_expect(wire, REPLY, id, body);
}

static void sixty_four_answered_in_reverse_reach_their_askers(void **state)
{
    talk *talk = *state;
    wire  wire;

    talk->on_request = talk_hold;
    talk_serve(talk);
    wire_open(&wire, talk);
    ask_many(&wire, 1, 64);
    talk_wait_held(talk, 64);
    for (uint32_t id = 64; id >= 1; id--)
        answer_held(talk, (int)id - 1, id);
    for (uint32_t id = 64; id >= 1; id--)
        expect_answer(&wire, id);
    assert_int_equal(wire_has(&wire), 0);
    wire_close(&wire);
}

static void the_sixty_fifth_is_busy_and_the_session_goes_on(void **state)
{
    talk *talk = *state;
    wire  wire;

    talk->on_request = talk_hold;
    talk_serve(talk);
    wire_open(&wire, talk);
    ask_many(&wire, 1, 66);
    wire_expect_failure(&wire, 65, BUSY);
    wire_expect_failure(&wire, 66, BUSY);
    talk_wait_held(talk, 64);
    assert_int_equal(talk_now(talk, asked), 64);
    answer_held(talk, 0, 1);
    expect_answer(&wire, 1);
    ask_many(&wire, 65, 1); /* there is room for one again, and its id is free */
    talk_wait_held(talk, 64);
    for (uint32_t id = 2; id <= 65; id++)
        answer_held(talk, 0, id);
    for (uint32_t id = 2; id <= 65; id++)
        expect_answer(&wire, id);
    wire_close(&wire);
}

static void max_requests_is_an_option_and_counts_each_session_alone(void **state)
{
    talk *talk = *state;
    wire  first, second;

    talk->options.max_requests = 2;
    talk->on_request = talk_hold;
    talk_serve(talk);
    wire_open(&first, talk);
    wire_open(&second, talk);
    ask_many(&first, 1, 3);
    wire_expect_failure(&first, 3, BUSY);
    talk_wait_held(talk, 2);
    ask_many(&second, 1, 3);
    wire_expect_failure(&second, 3, BUSY);
    talk_wait_held(talk, 4);
    for (int i = 0; i < 4; i++)
        answer_held(talk, 0, (uint32_t)(i % 2 + 1));
    expect_answer(&first, 1);
    expect_answer(&first, 2);
    expect_answer(&second, 1);
    expect_answer(&second, 2);
    wire_close(&first);
    wire_close(&second);
}

static void an_id_in_use_breaks_the_session(void **state)
{
    talk           *talk = *state;
    cordon_request *request;
    wire            wire;

    talk->on_request = talk_hold;
    talk_serve(talk);
    wire_open(&wire, talk);
    wire_say(&wire, REQUEST, 7, "first");
    wire_say(&wire, REQUEST, 7, "again");
    wire_expect_failure(&wire, 0, MALFORMED);
    wire_half_close(&wire);
    wire_expect_end(&wire);
    talk_wait(talk, left, 1);
    assert_int_equal(talk_now(talk, asked), 1);
    request = talk_take(talk, 0);
    assert_int_equal(cordon_reply(&request, cordon_text("to nobody")), CORDON_OK);
    wire_close(&wire);
}

static void a_status_in_the_place_of_a_request_in_flight_breaks_it_too(void **state)
{
    talk           *talk = *state;
    cordon_request *request;
    wire            wire;

    talk->on_request = talk_hold;
    talk_serve(talk);
    wire_open(&wire, talk);
    wire_say(&wire, REQUEST, 7, "first");
    wire_say(&wire, STATUS, 7, "");
    wire_expect_failure(&wire, 0, MALFORMED);
    wire_half_close(&wire);
    wire_expect_end(&wire);
    request = talk_take(talk, 0);
    assert_int_equal(cordon_reply(&request, cordon_text("to nobody")), CORDON_OK);
    wire_close(&wire);
}

static void a_canceled_request_counts_until_its_handler_lets_go(void **state)
{
    talk *talk = *state;
    wire  wire;

    talk->options.max_requests = 4;
    talk->on_request = talk_hold;
    talk_serve(talk);
    wire_open(&wire, talk);
    ask_many(&wire, 1, 4);
    talk_wait_held(talk, 4);
    for (uint32_t id = 1; id <= 4; id++) {
        wire_say(&wire, CANCEL, id, "");
        wire_expect_failure(&wire, id, CANCELED);
    }
    talk_wait(talk, canceled, 4);
    ask_many(&wire, 5, 1);
    wire_expect_failure(&wire, 5, BUSY);
    for (uint32_t id = 1; id <= 4; id++)
        answer_held(talk, 0, id);                           /* nobody hears these */
    for (uint32_t id = 6; talk_held_now(talk) == 0; id++) { /* as soon as the loop knows */
        ask_many(&wire, id, 1);
        wire_wait_taken(&wire);
        support_pause(1);
    }
    talk_wait_held(talk, 1);
    wire_close(&wire);
}

enum { STORM = 100000, STORM_BATCH = 500 };

static void a_hundred_thousand_requests_and_cancels_never_run_more_than_64(void **state)
{
    talk *talk = *state;
    wire  wire;
    long  ends = 0;

    talk->on_request = talk_hold;
    talk_serve(talk);
    wire_open(&wire, talk);
    for (uint32_t id = 1; id <= STORM; id += STORM_BATCH) {
        script bytes = {0};

        for (uint32_t i = 0; i < STORM_BATCH; i++) {
            script_text(&bytes, REQUEST, id + i, "x");
            script_text(&bytes, CANCEL, id + i, "");
        }
        wire_exchange(&wire, bytes.data, bytes.size);
        script_free(&bytes);
        for (int i = 0; i < STORM_BATCH; i++) {
            wire_frame frame;

            wire_next(&wire, &frame);
            assert_int_equal(frame.type, FAILURE);
            assert_int_equal(frame.id, id + (uint32_t)i);
            ends++;
        }
        while (talk_held_now(talk) > 0) {
            cordon_request *request = talk_take(talk, 0);

            cordon_fail(&request, CORDON_ECANCELED, NULL);
        }
    }
    assert_int_equal(ends, STORM);
    assert_true(talk_now(talk, most_running) <= 64);
    assert_true(talk_now(talk, asked) >= 64); /* and they did run */
    wire_close(&wire);
}

/* ---- when and from where ----------------------------------------------------------- */

static void reply_in_parts(cordon_request *request, cordon_bytes body, void *user)
{
    talk_began(user);
    assert_int_equal(cordon_reply_part(request, cordon_text("one ")), CORDON_OK);
    assert_int_equal(cordon_reply_part(request, cordon_text("")), CORDON_OK);
    assert_int_equal(cordon_reply_part(request, body), CORDON_OK);
    assert_int_equal(cordon_reply(&request, cordon_text(" end")), CORDON_OK);
    assert_null(request);
    talk_ended(user);
}

static void expect_part(wire *wire, uint32_t id, const char *body)
{
    wire_frame frame;

    wire_next(wire, &frame);
    assert_int_equal(frame.type, REPLY);
    assert_int_equal(frame.flags, MORE);
    assert_int_equal(frame.id, id);
    assert_int_equal(frame.size, strlen(body));
    assert_memory_equal(frame.body, body, frame.size);
}

static void a_reply_in_parts_arrives_in_order_and_ends_once(void **state)
{
    talk *talk = *state;
    wire  wire;

    talk->on_request = reply_in_parts;
    talk_serve(talk);
    wire_open(&wire, talk);
    wire_say(&wire, REQUEST, 3, "two");
    expect_part(&wire, 3, "one ");
    expect_part(&wire, 3, "");
    expect_part(&wire, 3, "two");
    wire_expect(&wire, REPLY, 3, " end");
    wire_say(&wire, REQUEST, 3, "the id is free again");
    expect_part(&wire, 3, "one ");
    wire_close(&wire);
}

static void parts_from_another_thread_end_with_a_failure(void **state)
{
    talk           *talk = *state;
    cordon_request *request;
    wire            wire;

    talk->on_request = talk_hold;
    talk_serve(talk);
    wire_open(&wire, talk);
    wire_say(&wire, REQUEST, 3, "");
    talk_wait_held(talk, 1);
    request = talk_take(talk, 0);
    assert_int_equal(cordon_reply_part(request, cordon_text("half")), CORDON_OK);
    expect_part(&wire, 3, "half");
    assert_int_equal(cordon_fail(&request, 300, "no more"), CORDON_OK);
    assert_null(request);
    wire_expect_failure(&wire, 3, 300);
    wire_close(&wire);
}

static void a_second_reply_is_einval(void **state)
{
    talk           *talk = *state;
    cordon_request *request;
    wire            wire;

    talk->on_request = talk_hold;
    talk_serve(talk);
    wire_open(&wire, talk);
    wire_say(&wire, REQUEST, 1, "");
    talk_wait_held(talk, 1);
    request = talk_take(talk, 0);
    assert_int_equal(cordon_reply(&request, cordon_text("once")), CORDON_OK);
    assert_null(request);
    assert_int_equal(cordon_reply(&request, cordon_text("twice")), CORDON_EINVAL);
    assert_int_equal(cordon_fail(&request, 300, "twice"), CORDON_EINVAL);
    wire_expect(&wire, REPLY, 1, "once");
    wire_expect_silence(&wire, 20);
    wire_close(&wire);
}

static void a_failure_carries_its_code_and_its_text(void **state)
{
    static const struct {
        int      code;
        unsigned wire;
    } codes[] = {
        {CORDON_EUNAUTHORIZED, UNAUTHORIZED},
        {CORDON_EBUSY, BUSY},
        {CORDON_EMSGSIZE, TOO_LARGE},
        {CORDON_EPROTOCOL, MALFORMED},
        {CORDON_EUNSUPPORTED, UNSUPPORTED},
        {CORDON_ETIMEDOUT, TIMED_OUT},
        {CORDON_ECANCELED, CANCELED},
        {CORDON_ENOTREADY, NOT_READY},
        {CORDON_ESYSTEM, INTERNAL},
        {CORDON_ENOMEM, INTERNAL},
        {256, 256},
        {4711, 4711},
        {65535, 65535},
        {65536, INTERNAL},
        {255, INTERNAL},
        {1, INTERNAL},
        {-9999, INTERNAL},
    };
    talk *talk = *state;
    wire  wire;

    talk->on_request = talk_hold;
    talk_serve(talk);
    wire_open(&wire, talk);
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        cordon_request *request;
        wire_frame      frame;

        wire_say(&wire, REQUEST, 1, "");
        talk_wait_held(talk, 1);
        request = talk_take(talk, 0);
        assert_int_equal(cordon_fail(&request, codes[i].code, "why"), CORDON_OK);
        wire_next(&wire, &frame);
        assert_int_equal(frame.type, FAILURE);
        assert_int_equal(frame.id, 1);
        assert_int_equal(support_get16(frame.body), codes[i].wire);
        assert_int_equal(frame.size, 2 + 3);
        assert_memory_equal(frame.body + 2, "why", 3);
    }
    wire_close(&wire);
}

static void the_text_of_a_failure_is_cut_to_4_kib(void **state)
{
    talk           *talk = *state;
    cordon_request *request;
    char           *text = calloc(1, 100001);
    wire            wire;
    wire_frame      frame;

    memset(text, 'x', 100000);
    talk->on_request = talk_hold;
    talk_serve(talk);
    wire_open(&wire, talk);
    wire_say(&wire, REQUEST, 1, "");
    talk_wait_held(talk, 1);
    request = talk_take(talk, 0);
    assert_int_equal(cordon_fail(&request, 300, text), CORDON_OK);
    wire_next(&wire, &frame);
    assert_int_equal(frame.type, FAILURE);
    assert_int_equal(frame.size, 2 + 4096);
    wire_close(&wire);
    free(text);
}

static void a_request_that_nobody_answers_times_out_once(void **state)
{
    talk           *talk = *state;
    cordon_request *request;
    wire            wire;

    talk->options.request_ms = 30;
    talk->on_request = talk_hold;
    talk_serve(talk);
    wire_open(&wire, talk);
    wire_say(&wire, REQUEST, 5, "");
    wire_expect_failure(&wire, 5, TIMED_OUT);
    talk_wait(talk, late, 1);
    request = talk_take(talk, 0);
    assert_int_equal(cordon_reply(&request, cordon_text("too late")), CORDON_OK);
    assert_null(request);
    wire_expect_silence(&wire, 50); /* neither the late reply nor a second time-out */
    assert_int_equal(talk_now(talk, late), 1);
    wire_say(&wire, PING, 0, "still here");
    wire_expect(&wire, PONG, 0, "still here");
    wire_close(&wire);
}

/* ---- after everything is gone ------------------------------------------------------------ */

static void a_reply_after_its_client_left_is_harmless(void **state)
{
    talk           *talk = *state;
    cordon_request *request;
    wire            wire;

    talk->on_request = talk_hold;
    talk_serve(talk);
    wire_open(&wire, talk);
    ask_many(&wire, 1, 3);
    talk_wait_held(talk, 3);
    wire_close(&wire);
    talk_wait(talk, left, 3);
    talk_wait(talk, gone, 1);
    request = talk_take(talk, 0);
    assert_int_equal(cordon_request_has_room(request), 1);
    assert_int_equal(cordon_reply_part(request, cordon_text("to nobody")), CORDON_OK);
    assert_int_equal(cordon_reply(&request, cordon_text("to nobody")), CORDON_OK);
    assert_null(request);
    request = talk_take(talk, 0);
    assert_int_equal(cordon_fail(&request, 300, "to nobody"), CORDON_OK);
    assert_null(request);
    request = talk_take(talk, 0);
    assert_int_equal(cordon_request_session(request), talk_all(talk).session);
    assert_int_equal(cordon_reply(&request, cordon_text("to nobody")), CORDON_OK);
}

static void a_reply_after_the_server_stopped_is_harmless(void **state)
{
    talk           *talk = *state;
    cordon_request *request;
    wire            wire;

    talk->options.drain_ms = 20;
    talk->on_request = talk_hold;
    talk_serve(talk);
    wire_open(&wire, talk);
    ask_many(&wire, 1, 2);
    talk_wait_held(talk, 2);
    talk_stop(talk);
    wire_expect(&wire, FINISH, 0, "");
    request = talk_take(talk, 1);
    assert_int_equal(cordon_reply_part(request, cordon_text("to nobody")), CORDON_OK);
    assert_int_equal(cordon_reply(&request, cordon_text("to nobody")), CORDON_OK);
    request = talk_take(talk, 0);
    assert_int_equal(cordon_fail(&request, CORDON_ESYSTEM, "to nobody"), CORDON_OK);
    wire_close(&wire);
}

static void a_reply_after_the_loop_closed_is_harmless(void **state)
{
    talk           *talk = *state;
    cordon_request *request;
    wire            wire;

    talk->options.drain_ms = 20;
    talk->on_request = talk_hold;
    talk_serve(talk);
    wire_open(&wire, talk);
    ask_many(&wire, 1, 3);
    talk_wait_held(talk, 3);
    talk_close_loop(talk);
    request = talk_take(talk, 1);
    assert_int_equal(cordon_request_is_json(request), 0);
    assert_int_equal(cordon_request_has_room(request), 1);
    assert_int_equal(cordon_reply_part(request, cordon_text("to nobody")), CORDON_OK);
    assert_int_equal(cordon_reply(&request, cordon_text("to nobody")), CORDON_OK);
    assert_null(request);
    request = talk_take(talk, 1);
    assert_int_equal(cordon_reply(&request, cordon_text("to nobody")), CORDON_OK);
    request = talk_take(talk, 0);
    assert_int_equal(cordon_fail(&request, CORDON_ESYSTEM, NULL), CORDON_OK);
    wire_close(&wire);
}

/* ---- many threads at once -------------------------------------------------------------------- */

enum { THREADS = 8, ROUNDS = 2000 };

static void answer_what_comes(void *context)
{
    talk *talk = context;

    for (;;) {
        cordon_request *request = NULL;

        uv_mutex_lock(&talk->lock);
        while (talk->held_count == 0 && talk->extra == NULL)
            uv_cond_wait(&talk->changed, &talk->lock);
        if (talk->held_count > 0)
            request = talk->held[--talk->held_count];
        uv_mutex_unlock(&talk->lock);
        if (request == NULL)
            return;
        if (cordon_reply(&request, cordon_text("from a thread")) != CORDON_OK)
            cordon_fail(&request, CORDON_ESYSTEM, "the reply was not taken");
    }
}

static void eight_threads_answer_each_request_once(void **state)
{
    talk       *talk = *state;
    uv_thread_t threads[THREADS];
    wire        wire;
    uint8_t    *is_answered = calloc(1, ROUNDS + 1);

    talk->on_request = talk_hold;
    talk->options.max_requests = 64;
    talk_serve(talk);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(uv_thread_create(&threads[i], answer_what_comes, talk), 0);
    wire_open(&wire, talk);
    for (uint32_t id = 1; id <= ROUNDS; id += 50) {
        ask_many(&wire, id, 50);
        for (int i = 0; i < 50; i++) {
            wire_frame frame;

            wire_next(&wire, &frame);
            assert_int_equal(frame.type, REPLY);
            assert_in_range(frame.id, 1, ROUNDS);
            assert_int_equal(is_answered[frame.id], 0);
            is_answered[frame.id] = 1;
        }
    }
    uv_mutex_lock(&talk->lock);
    talk->extra = talk; /* done */
    uv_cond_broadcast(&talk->changed);
    uv_mutex_unlock(&talk->lock);
    for (int i = 0; i < THREADS; i++)
        uv_thread_join(&threads[i]);
    wire_close(&wire);
    free(is_answered);
}

/* The loop closes while eight threads are answering: every request is freed, none twice. */
static void threads_that_answer_into_a_closing_loop_do_no_harm(void **state)
{
    talk       *talk = *state;
    uv_thread_t threads[THREADS];
    wire        wire;

    talk->on_request = talk_hold;
    talk->options.max_requests = 200;
    talk->options.drain_ms = 5;
    talk_serve(talk);
    wire_open(&wire, talk);
    ask_many(&wire, 1, 200);
    talk_wait_held(talk, 200);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(uv_thread_create(&threads[i], answer_what_comes, talk), 0);
    talk_close_loop(talk);
    uv_mutex_lock(&talk->lock);
    talk->extra = talk;
    uv_cond_broadcast(&talk->changed);
    uv_mutex_unlock(&talk->lock);
    for (int i = 0; i < THREADS; i++)
        uv_thread_join(&threads[i]);
    wire_close(&wire); /* what it heard is not certain; that nothing leaked, teardown looks at */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TALK_BOTH(sixty_four_answered_in_reverse_reach_their_askers),
        TALK_BOTH(the_sixty_fifth_is_busy_and_the_session_goes_on),
        TALK_BOTH(max_requests_is_an_option_and_counts_each_session_alone),
        TALK_BOTH(an_id_in_use_breaks_the_session),
        TALK_BOTH(a_status_in_the_place_of_a_request_in_flight_breaks_it_too),
        TALK_BOTH(a_canceled_request_counts_until_its_handler_lets_go),
        TALK_BOTH(a_hundred_thousand_requests_and_cancels_never_run_more_than_64),
        TALK_BOTH(a_reply_in_parts_arrives_in_order_and_ends_once),
        TALK_BOTH(parts_from_another_thread_end_with_a_failure),
        TALK_BOTH(a_second_reply_is_einval),
        TALK_BOTH(a_failure_carries_its_code_and_its_text),
        TALK_BOTH(the_text_of_a_failure_is_cut_to_4_kib),
        TALK_BOTH(a_request_that_nobody_answers_times_out_once),
        TALK_BOTH(a_reply_after_its_client_left_is_harmless),
        TALK_BOTH(a_reply_after_the_server_stopped_is_harmless),
        TALK_BOTH(a_reply_after_the_loop_closed_is_harmless),
        TALK_BOTH(eight_threads_answer_each_request_once),
        TALK_BOTH(threads_that_answer_into_a_closing_loop_do_no_harm),
    };

    return cmocka_run_group_tests_name("talk_flight", tests, NULL, NULL);
}
