/* Bodies of every size, both ways at once, and what does not fit. */
#include "talk_kit.h"

#define MIB (1024u * 1024u)

/* Not a pattern that a shifted copy would match. */
static void fill(uint8_t *body, size_t size, uint64_t seed)
{
    for (size_t i = 0; i < size; i += sizeof seed) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        memcpy(body + i, &seed, size - i < sizeof seed ? size - i : sizeof seed);
    }
}

static void raise_limits(talk *talk)
{
    talk->options.max_request = 64 * MIB;
    talk->options.max_reply = 64 * MIB;
    talk->options.max_queued = 512 * MIB;
    talk->options.max_queued_all = 512 * MIB;
    talk->options.write_ms = TALK_PATIENCE_MS;
}

/* The echoes of one run come back while the next are on their way out. */
static void bodies_of_all_sizes_arrive_both_ways_at_once(void **state)
{
    static const size_t sizes[] = {0,       1,        4095, 4096,     65535, 65536,   65537, MIB,
                                   MIB + 1, 64 * MIB, 0,    64 * MIB, 65536, 3 * MIB, 1};
    enum { COUNT = sizeof sizes / sizeof *sizes };
    talk    *talk = *state;
    uint8_t *body = malloc(64 * MIB);
    wire     wire;

    raise_limits(talk);
    talk_serve(talk);
    wire_open(&wire, talk);
    for (uint32_t i = 0; i < COUNT; i++) {
        script frame = {0};

        fill(body, sizes[i], i);
        script_frame(&frame, REQUEST, i + 1, body, sizes[i]);
        wire_exchange(&wire, frame.data, frame.size);
        script_free(&frame);
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        wire_frame frame;

        wire_next(&wire, &frame);
        assert_int_equal(frame.type, REPLY);
        assert_int_equal(frame.id, i + 1);
        assert_int_equal(frame.size, sizes[i]);
        fill(body, sizes[i], i);
        assert_true(sizes[i] == 0 || memcmp(frame.body, body, sizes[i]) == 0);
    }
    wire_close(&wire);
    free(body);
}

/* The reply alone is sixteen times what a session may leave unread: it is one answer. */
static void one_reply_may_be_larger_than_the_queue(void **state)
{
    talk      *talk = *state;
    uint8_t   *body = malloc(64 * MIB);
    script     frame = {0};
    wire       wire;
    wire_frame reply;

    raise_limits(talk);
    talk->options.max_queued = 0; /* the default: 4 MiB */
    talk_serve(talk);
    fill(body, 64 * MIB, 7);
    script_frame(&frame, REQUEST, 1, body, 64 * MIB);
    wire_open(&wire, talk);
    wire_script(&wire, &frame);
    wire_next(&wire, &reply);
    assert_int_equal(reply.type, REPLY);
    assert_int_equal(reply.size, 64 * MIB);
    assert_memory_equal(reply.body, body, 64 * MIB);
    wire_close(&wire);
    script_free(&frame);
    free(body);
}

static void the_real_client_gets_bodies_of_all_sizes(void **state)
{
    static const size_t    sizes[] = {0, 1, 4095, 4096, 65535, 65536, MIB, 64 * MIB};
    talk                  *talk = *state;
    uint8_t               *body = malloc(64 * MIB);
    cordon_session_options options = CORDON_SESSION_OPTIONS_INIT;
    cordon_call_options    call = CORDON_CALL_OPTIONS_INIT;
    cordon_fault           fault = CORDON_FAULT_INIT;
    cordon_session        *session;

    raise_limits(talk);
    talk_serve(talk);
    options.max_reply = 64 * MIB;
    call.timeout_ms = TALK_PATIENCE_MS;
    SUPPORT_CODE(cordon_session_open(&session, talk->endpoint, &options, &fault), CORDON_OK,
                 &fault);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        cordon_bytes sent = {body, sizes[i]};
        cordon_bytes reply;

        fill(body, sizes[i], (uint32_t)i);
        SUPPORT_CODE(cordon_session_call(&reply, session, sent, &call, &fault), CORDON_OK, &fault);
        assert_int_equal(reply.size, sizes[i]);
        assert_true(sizes[i] == 0 || memcmp(reply.data, body, sizes[i]) == 0);
    }
    cordon_session_close(session);
    free(body);
}

/* ---- what does not fit -------------------------------------------------------------- */

static int codes_seen[4];

/* Tries what the client said it cannot take; then tells it so. */
static void reply_too_much(cordon_request *request, cordon_bytes body, void *user)
{
    static char  much[2 * MIB];
    cordon_bytes too_much = {much, 4097};
    cordon_bytes over_max = {much, MIB + 1};
    cordon_bytes part = {much, 4096};

    (void)user;
    if (body.size == 5) { /* "small" */
        cordon_reply(&request, cordon_text("fits"));
        return;
    }
    codes_seen[0] = cordon_reply(&request, too_much);
    codes_seen[1] = cordon_reply_part(request, too_much);
    codes_seen[2] = cordon_reply(&request, over_max);
    codes_seen[3] = request == NULL ? -1 : 0;
    if (body.size == 4) /* "part": a part that could not go makes the end a failure */
        cordon_reply(&request, part);
    else
        cordon_fail(&request, CORDON_EMSGSIZE, "too much for you");
}

static void a_reply_over_the_clients_limit_is_emsgsize_and_the_session_goes_on(void **state)
{
    talk *talk = *state;
    wire  wire;

    talk->on_request = reply_too_much;
    talk_serve(talk);
    wire_open_limit(&wire, talk, 0, 4096);
    wire_say(&wire, REQUEST, 1, "give me much");
    wire_expect_failure(&wire, 1, TOO_LARGE);
    assert_int_equal(codes_seen[0], CORDON_EMSGSIZE);
    assert_int_equal(codes_seen[1], CORDON_EMSGSIZE);
    assert_int_equal(codes_seen[2], CORDON_EMSGSIZE);
    assert_int_equal(codes_seen[3], 0); /* the request was the handler's all the time */
    wire_say(&wire, REQUEST, 2, "small");
    wire_expect(&wire, REPLY, 2, "fits");
    wire_close(&wire);
}

static void a_part_that_could_not_go_makes_the_end_a_failure(void **state)
{
    talk *talk = *state;
    wire  wire;

    talk->on_request = reply_too_much;
    talk_serve(talk);
    wire_open_limit(&wire, talk, 0, 4096);
    wire_say(&wire, REQUEST, 1, "part");
    wire_expect_failure(&wire, 1, TOO_LARGE);
    wire_expect_silence(&wire, 20);
    wire_close(&wire);
}

static void the_real_client_hears_emsgsize_both_ways(void **state)
{
    talk               *talk = *state;
    cordon_call_options call = CORDON_CALL_OPTIONS_INIT;
    cordon_buffer       reply = CORDON_BUFFER_INIT;
    cordon_fault        fault = CORDON_FAULT_INIT;
    char               *much = calloc(1, 10 * MIB);
    cordon_bytes        too_much = {much, 10 * MIB};

    talk->on_request = reply_too_much;
    talk_serve(talk);
    call.max_reply = 4096;
    assert_int_equal(
        cordon_call(&reply, talk->endpoint, cordon_text("give me much"), &call, &fault),
        CORDON_EMSGSIZE);
    assert_int_equal(cordon_call(&reply, talk->endpoint, too_much, &call, &fault), CORDON_EMSGSIZE);
    assert_int_equal(cordon_call(&reply, talk->endpoint, cordon_text("small"), &call, &fault),
                     CORDON_OK);
    cordon_buffer_free(&reply);
    free(much);
}

/* ---- the body as the handler has it --------------------------------------------------- */

static cordon_bytes kept[3];

static void keep_and_hold(cordon_request *request, cordon_bytes body, void *user)
{
    talk *talk = user;

    kept[talk_held_now(talk)] = cordon_request_keep(request);
    talk_hold(request, body, user);
}

static void a_kept_body_lives_as_long_as_its_request(void **state)
{
    static const size_t sizes[] = {0, 5, 60000};
    talk               *talk = *state;
    uint8_t            *body = malloc(60000);
    script              bytes = {0};
    wire                wire;

    talk->on_request = keep_and_hold;
    talk_serve(talk);
    wire_open(&wire, talk);
    for (uint32_t i = 0; i < 3; i++) {
        fill(body, sizes[i], i);
        script_frame(&bytes, REQUEST, i + 1, body, sizes[i]);
    }
    script_text(&bytes, PING, 0, "the buffer is used again");
    wire_script(&wire, &bytes);
    wire_expect(&wire, PONG, 0, "the buffer is used again");
    talk_wait_held(talk, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(kept[i].size, sizes[i]);
        assert_non_null(kept[i].data);
        fill(body, sizes[i], i);
        assert_true(sizes[i] == 0 || memcmp(kept[i].data, body, sizes[i]) == 0);
    }
    for (uint32_t i = 0; i < 3; i++) {
        cordon_request *request = talk_take(talk, 0);
        wire_frame      frame;

        assert_int_equal(cordon_reply(&request, kept[i]), CORDON_OK);
        wire_next(&wire, &frame);
        assert_int_equal(frame.id, i + 1);
        assert_int_equal(frame.size, sizes[i]);
    }
    wire_close(&wire);
    script_free(&bytes);
    free(body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TALK_BOTH(bodies_of_all_sizes_arrive_both_ways_at_once),
        TALK_BOTH(one_reply_may_be_larger_than_the_queue),
        TALK_BOTH(the_real_client_gets_bodies_of_all_sizes),
        TALK_BOTH(a_reply_over_the_clients_limit_is_emsgsize_and_the_session_goes_on),
        TALK_BOTH(a_part_that_could_not_go_makes_the_end_a_failure),
        TALK_BOTH(the_real_client_hears_emsgsize_both_ways),
        TALK_BOTH(a_kept_body_lives_as_long_as_its_request),
    };

    return cmocka_run_group_tests_name("talk_bodies", tests, NULL, NULL);
}
