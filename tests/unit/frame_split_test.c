/*
 * However the bytes are cut on their way, the same frames come out.
 */
#include "unit.h"

#include "../../src/buffer.h"
#include "../../src/frame.h"

#define LIMIT 4096
#define ROOM  32768

/* One frame of each type that a side may send, bodies that tell each other apart. */
typedef struct transcript {
    uint8_t  bytes[ROOM];
    size_t   size;
    size_t   ends[32]; /* of each frame */
    unsigned types[32];
    size_t   count;
    int      is_from_client;
} transcript;

static void add(transcript *to, unsigned type, unsigned flags, uint32_t id, size_t size)
{
    uint8_t *at = to->bytes + to->size;

    assert_true(to->size + 12 + size <= ROOM);
    cordon__frame_head(at, (enum cordon__frame_type)type, flags, id, size);
    for (size_t i = 0; i < size; i++)
        at[12 + i] = (uint8_t)(type * 31 + i);
    to->size += 12 + size;
    to->types[to->count] = type;
    to->ends[to->count++] = to->size;
}

static void of_client(transcript *to)
{
    memset(to, 0, sizeof *to);
    to->is_from_client = 1;
    add(to, CORDON__HELLO, 0, 0, 60);
    add(to, CORDON__REQUEST, 0, 1, 0);
    add(to, CORDON__REQUEST, 0, 2, 1);
    add(to, CORDON__CANCEL, 0, 1, 0);
    add(to, CORDON__PING, 0, 0, 64);
    add(to, CORDON__PONG, 0, 0, 0);
    add(to, CORDON__STATUS, 0, 3, 0);
    add(to, CORDON__STOP, 0, 4, 0);
    add(to, CORDON__UPGRADE, 0, 5, 33);
    add(to, CORDON__REQUEST, 0, UINT32_MAX, 300);
    add(to, CORDON__FINISH, 0, 0, 0);
}

static void of_server(transcript *to)
{
    memset(to, 0, sizeof *to);
    add(to, CORDON__WELCOME, 0, 0, 40);
    add(to, CORDON__REPLY_FRAME, CORDON__MORE_PARTS, 1, 200);
    add(to, CORDON__REPLY_FRAME, 0, 1, 0);
    add(to, CORDON__EVENT_FRAME, 0, 0, 5);
    add(to, CORDON__FAILURE_FRAME, 0, 2, 2);
    add(to, CORDON__FAILURE_FRAME, 0, 0, 30);
    add(to, CORDON__PING, 0, 0, 0);
    add(to, CORDON__PONG, 0, 0, 64);
    add(to, CORDON__FINISH, 0, 0, 0);
    add(to, CORDON__REFUSED, 0, 0, 6);
}

/* A reader as a session is one: keeps what is incomplete, takes what is whole. */
typedef struct listener {
    cordon__decoder decoder;
    uint8_t         kept[ROOM];
    size_t          size;
    size_t          seen;
} listener;

static void check_frame(const transcript *said, size_t number, const cordon__frame *frame)
{
    const size_t   start = number ? said->ends[number - 1] : 0;
    const uint8_t *body = frame->body.data;

    assert_true(number < said->count);
    assert_int_equal(frame->type, said->types[number]);
    assert_int_equal(frame->id, cordon__load32(said->bytes + start + 8));
    assert_int_equal(frame->flags, said->bytes[start + 5]);
    assert_int_equal(frame->body.size, said->ends[number] - start - 12);
    if (frame->body.size > 0)
        assert_memory_equal(body, said->bytes + start + 12, frame->body.size);
}

static void hear(listener *at, const transcript *said, const uint8_t *bytes, size_t size)
{
    memcpy(at->kept + at->size, bytes, size);
    at->size += size;
    for (;;) {
        /* A block of its own for each call: a read past its end is found by a sanitizer. */
        cordon_bytes  in = unit_exact(at->kept, at->size);
        cordon__frame frame;
        size_t        used, need;
        int           turn = cordon__frame_next(&at->decoder, &frame, in, &used, &need);

        if (turn == CORDON__FRAME_READY)
            check_frame(said, at->seen++, &frame);
        unit_drop(in);
        if (turn == CORDON__FRAME_MORE) {
            assert_int_equal(used, 0);
            assert_true(need > at->size);
            assert_true(need >= 12);
            return;
        }
        assert_int_equal(turn, CORDON__FRAME_READY);
        at->size -= used;
        memmove(at->kept, at->kept + used, at->size);
    }
}

static void start(listener *at, const transcript *said)
{
    memset(at, 0, sizeof *at);
    at->decoder.is_from_client = said->is_from_client;
    at->decoder.limit = LIMIT;
}

static void finish(const listener *at, const transcript *said)
{
    assert_int_equal(at->seen, said->count);
    assert_int_equal(at->size, 0);
}

static transcript said;
static listener   reader;

static void each(void (*test)(void))
{
    of_client(&said);
    test();
    of_server(&said);
    test();
}

static void split_at_every_byte(void)
{
    for (size_t cut = 0; cut <= said.size; cut++) {
        start(&reader, &said);
        hear(&reader, &said, said.bytes, cut);
        hear(&reader, &said, said.bytes + cut, said.size - cut);
        finish(&reader, &said);
    }
}

static void every_frame_split_at_every_byte(void **state)
{
    (void)state;
    each(split_at_every_byte);
}

static void in_pieces(void)
{
    for (size_t piece = 1; piece <= 64; piece++) {
        start(&reader, &said);
        for (size_t at = 0; at < said.size; at += piece)
            hear(&reader, &said, said.bytes + at, said.size - at < piece ? said.size - at : piece);
        finish(&reader, &said);
    }
}

static void one_byte_at_a_time_and_pieces_of_every_size(void **state)
{
    (void)state;
    each(in_pieces);
}

static void all_at_once(void)
{
    start(&reader, &said);
    hear(&reader, &said, said.bytes, said.size);
    finish(&reader, &said);
}

static void all_frames_in_one_read(void **state)
{
    (void)state;
    each(all_at_once);
}

static void two_neighbours(void)
{
    for (size_t first = 0; first + 1 < said.count; first++) {
        const size_t    from = first ? said.ends[first - 1] : 0;
        const size_t    to = said.ends[first + 1];
        cordon__decoder decoder = {said.is_from_client, LIMIT, 0, NULL};
        cordon__frame   frame;
        size_t          used, need;

        assert_int_equal(cordon__frame_next(&decoder, &frame,
                                            unit_view(said.bytes + from, to - from), &used, &need),
                         0);
        check_frame(&said, first, &frame);
        assert_int_equal(used, said.ends[first] - from);
        assert_int_equal(cordon__frame_next(&decoder, &frame,
                                            unit_view(said.bytes + from + used, to - from - used),
                                            &used, &need),
                         0);
        check_frame(&said, first + 1, &frame);
    }
}

static void two_frames_in_one_read(void **state)
{
    (void)state;
    each(two_neighbours);
}

/* Until its last byte a frame waits, says how long it will be as soon as that is known, and
 * changes nothing. */
static void waits(void)
{
    for (size_t number = 0; number < said.count; number++) {
        const size_t from = number ? said.ends[number - 1] : 0;
        const size_t size = said.ends[number] - from;

        for (size_t part = 0; part < size; part++) {
            cordon__decoder decoder = {said.is_from_client, LIMIT, 0, NULL};
            cordon_bytes    in = unit_exact(said.bytes + from, part);
            cordon__frame   frame;
            size_t          used, need;

            assert_int_equal(cordon__frame_next(&decoder, &frame, in, &used, &need),
                             CORDON__FRAME_MORE);
            assert_int_equal(used, 0);
            assert_int_equal(need, part < 12 ? 12 : size);
            assert_int_equal(decoder.failed, 0);
            unit_drop(in);
        }
    }
}

static void a_frame_waits_for_its_last_byte(void **state)
{
    (void)state;
    each(waits);
}

/* A broken head, however it comes: refused when its 12th byte is there, not later and not
 * before, with the same words. */
static void a_broken_head_is_refused_at_its_twelfth_byte(void **state)
{
    static const uint8_t heads[][12] = {
        {0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0},         /* type 0 */
        {0, 0, 0, 0, 99, 0, 0, 0, 1, 0, 0, 0},        /* unknown type */
        {0, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0},         /* the server's */
        {0, 0, 0, 0, 4, 2, 0, 0, 1, 0, 0, 0},         /* reserved flag */
        {0, 0, 0, 0, 4, 1, 0, 0, 1, 0, 0, 0},         /* MORE on a REQUEST */
        {0, 0, 0, 0, 4, 0, 1, 0, 1, 0, 0, 0},         /* handles */
        {0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0},         /* id 0 */
        {0, 0, 0, 0, 11, 0, 0, 0, 0, 0, 0, 1},        /* id not 0 */
        {1, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0},         /* CANCEL with a body */
        {13, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0},        /* HELLO too short */
        {1, 16, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0},        /* HELLO too long */
        {1, 16, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0},        /* over the limit of 4,096 */
        {255, 255, 255, 255, 4, 0, 0, 0, 1, 0, 0, 0}, /* 4 GiB */
        {255, 255, 255, 255, 9, 0, 0, 0, 0, 0, 0, 0}, /* 4 GiB PING */
    };

    (void)state;
    for (size_t i = 0; i < COUNT(heads); i++) {
        cordon__decoder whole = {1, LIMIT, 0, NULL}, slow = {1, LIMIT, 0, NULL};
        cordon__frame   frame;
        size_t          used, need;

        assert_true(cordon__frame_next(&whole, &frame, unit_view(heads[i], 12), &used, &need) < 0);
        for (size_t size = 0; size < 12; size++)
            assert_int_equal(
                cordon__frame_next(&slow, &frame, unit_view(heads[i], size), &used, &need),
                CORDON__FRAME_MORE);
        assert_int_equal(cordon__frame_next(&slow, &frame, unit_view(heads[i], 12), &used, &need),
                         whole.failed);
        assert_string_equal(slow.why, whole.why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_frame_split_at_every_byte),
        cmocka_unit_test(one_byte_at_a_time_and_pieces_of_every_size),
        cmocka_unit_test(all_frames_in_one_read),
        cmocka_unit_test(two_frames_in_one_read),
        cmocka_unit_test(a_frame_waits_for_its_last_byte),
        cmocka_unit_test(a_broken_head_is_refused_at_its_twelfth_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
