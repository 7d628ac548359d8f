/* Replies in many parts: a slow reader slows them down, and whoever goes ends them. */
#include "talk_kit.h"

enum { STREAM_PART = 64 << 10, STREAM_PARTS = 512 }; /* 32 MiB */

typedef struct stream {
    cordon_request *request;
    int             sent;
    int             is_over;
    atomic_uint     waits; /* for room */
} stream;

static stream the_stream;

static void send_parts(stream *stream)
{
    static char part[STREAM_PART];

    while (stream->sent < STREAM_PARTS) {
        cordon_bytes body = {part, sizeof part};

        memset(part, stream->sent & 0xFF, sizeof part);
        if (cordon_reply_part(stream->request, body) == CORDON_EBUSY) {
            atomic_fetch_add(&stream->waits, 1);
            return;
        }
        stream->sent++;
    }
    cordon_reply(&stream->request, cordon_text("end"));
}

static void on_stream_turn(cordon_request *request, enum cordon_turn turn, void *context)
{
    stream *stream = context;

    assert_ptr_equal(request, stream->request);
    if (turn == CORDON_ROOM) {
        send_parts(stream);
        return;
    }
    stream->is_over = (int)turn;
    cordon_fail(&stream->request, CORDON_ECANCELED, NULL);
}

static void stream_it(cordon_request *request, cordon_bytes body, void *user)
{
    (void)body, (void)user;
    memset(&the_stream, 0, sizeof the_stream);
    the_stream.request = request;
    cordon_request_watch(request, on_stream_turn, &the_stream); /* ROOM comes first, at once */
}

static void a_stream_to_a_slow_reader_arrives_whole_in_bounded_memory(void **state)
{
    talk  *talk = *state;
    wire   wire;
    size_t before;

    talk->on_request = stream_it;
    talk->options.write_ms = TALK_PATIENCE_MS;
    talk_serve(talk);
    wire_open(&wire, talk);
    before = atomic_load(&talk->memory.bytes);
    wire_say(&wire, REQUEST, 1, "stream");
    for (int i = 0; i < STREAM_PARTS; i++) {
        wire_frame frame;

        if (i % 64 == 0)
            support_pause(10);
        wire_next(&wire, &frame);
        assert_int_equal(frame.flags, MORE);
        assert_int_equal(frame.size, STREAM_PART);
        assert_int_equal(frame.body[0], i & 0xFF);
        assert_int_equal(frame.body[STREAM_PART - 1], i & 0xFF);
    }
    wire_expect(&wire, REPLY, 1, "end");
    assert_true(atomic_load(&talk->memory.most) < before + (2u << 20));
    wire_close(&wire);
}

static void a_cancel_in_the_middle_of_a_stream_ends_it_once(void **state)
{
    talk      *talk = *state;
    wire       wire;
    wire_frame frame;
    int        parts = 0;

    talk->on_request = stream_it;
    talk->options.write_ms = TALK_PATIENCE_MS;
    talk_serve(talk);
    wire_open(&wire, talk);
    wire_say(&wire, REQUEST, 1, "stream");
    wire_next(&wire, &frame);
    wire_say(&wire, CANCEL, 1, "");
    do {
        wire_next(&wire, &frame);
        assert_int_equal(frame.id, 1);
        parts++;
    } while (frame.type == REPLY && frame.flags == MORE);
    assert_int_equal(frame.type, FAILURE);
    assert_int_equal(support_get16(frame.body), CANCELED);
    assert_true(parts < STREAM_PARTS);
    wire_expect_silence(&wire, 20);
    wire_say(&wire, PING, 0, "alive?");
    wire_expect(&wire, PONG, 0, "alive?");
    assert_int_equal(the_stream.is_over, CORDON_CANCELED);
    wire_close(&wire);
}

static void a_stream_to_a_client_that_dies_ends_once(void **state)
{
    talk      *talk = *state;
    wire       wire;
    wire_frame frame;

    talk->on_request = stream_it;
    talk_serve(talk);
    wire_open(&wire, talk);
    wire_say(&wire, REQUEST, 1, "stream");
    wire_next(&wire, &frame);
    assert_true(support_reaches(&the_stream.waits, 1, SUPPORT_SOON));
    wire_close(&wire);
    talk_wait(talk, gone, 1);
    talk_close_loop(talk);
    assert_int_equal(the_stream.is_over, CORDON_LEFT);
    assert_null(the_stream.request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TALK_BOTH(a_stream_to_a_slow_reader_arrives_whole_in_bounded_memory),
        TALK_BOTH(a_cancel_in_the_middle_of_a_stream_ends_it_once),
        TALK_BOTH(a_stream_to_a_client_that_dies_ends_once),
    };

    return cmocka_run_group_tests_name("talk_stream", tests, NULL, NULL);
}
