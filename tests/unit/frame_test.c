#include "unit.h"

#include "../../src/buffer.h"
#include "../../src/frame.h"

#define LIMIT    65536
#define NO_FRAME 15 /* the first number that names none */

enum { FROM_SERVER, FROM_CLIENT };

static cordon__decoder decoder_of(int is_from_client)
{
    cordon__decoder decoder = {is_from_client, LIMIT, 0, NULL};

    return decoder;
}

/* A head made by hand: tests must not trust the encoder that they test. */
static void put_head(uint8_t head[12], unsigned type, unsigned flags, unsigned handles, uint32_t id,
                     uint32_t size)
{
    for (int i = 0; i < 4; i++) {
        head[i] = (uint8_t)(size >> 8 * i);
        head[8 + i] = (uint8_t)(id >> 8 * i);
    }
    head[4] = (uint8_t)type;
    head[5] = (uint8_t)flags;
    head[6] = (uint8_t)handles;
    head[7] = (uint8_t)(handles >> 8);
}

/* The verdict on a head alone: 0 when the decoder takes it and waits or is done. */
static int judge(int is_from_client, const uint8_t head[12], size_t *need)
{
    cordon__decoder decoder = decoder_of(is_from_client);
    cordon_bytes    in = unit_exact(head, 12);
    cordon__frame   frame;
    size_t          used;
    int             code = cordon__frame_next(&decoder, &frame, in, &used, need);

    unit_drop(in);
    if (code < 0) {
        assert_int_equal(decoder.failed, code);
        assert_non_null(decoder.why);
        assert_int_equal(used, 0);
        return code;
    }
    assert_int_equal(decoder.failed, 0);
    assert_int_equal(used, code == CORDON__FRAME_READY ? 12 : 0);
    return 0;
}

/* ---- the rules, once more and in another form than in frame.c ------------------- */

typedef struct expectation {
    unsigned    type;
    int         client, server; /* may it send this? */
    const char *id;             /* "0", "some", "any" */
    int         more;           /* may MORE be set? */
    uint32_t    min, max;
    int         over; /* what a longer one is */
} expectation;

static const expectation expected[] = {
    {1, 1, 0, "0", 0, 14, 4096, CORDON_EMSGSIZE},     /* HELLO */
    {2, 0, 1, "0", 0, 23, 4096, CORDON_EMSGSIZE},     /* WELCOME */
    {3, 0, 1, "0", 0, 6, 4102, CORDON_EMSGSIZE},      /* REFUSED */
    {4, 1, 0, "some", 0, 0, LIMIT, CORDON_EMSGSIZE},  /* REQUEST */
    {5, 0, 1, "some", 1, 0, LIMIT, CORDON_EMSGSIZE},  /* REPLY */
    {6, 0, 1, "any", 0, 2, 4098, CORDON_EMSGSIZE},    /* FAILURE */
    {7, 0, 1, "0", 0, 0, LIMIT, CORDON_EMSGSIZE},     /* EVENT */
    {8, 1, 0, "some", 0, 0, 0, CORDON_EPROTOCOL},     /* CANCEL */
    {9, 1, 1, "0", 0, 0, 64, CORDON_EPROTOCOL},       /* PING */
    {10, 1, 1, "0", 0, 0, 64, CORDON_EPROTOCOL},      /* PONG */
    {11, 1, 1, "0", 0, 0, 0, CORDON_EPROTOCOL},       /* FINISH */
    {12, 1, 0, "some", 0, 0, 0, CORDON_EPROTOCOL},    /* STOP */
    {13, 1, 0, "some", 0, 0, 0, CORDON_EPROTOCOL},    /* STATUS */
    {14, 1, 0, "some", 0, 0, LIMIT, CORDON_EMSGSIZE}, /* UPGRADE */
};

static uint32_t good_id(const expectation *of)
{
    return strcmp(of->id, "some") == 0 ? 7 : 0;
}

static int may_send(const expectation *of, int is_from_client)
{
    return is_from_client ? of->client : of->server;
}

static void the_table_is_whole(void **state)
{
    (void)state;
    assert_int_equal(COUNT(expected), NO_FRAME - 1);
    for (unsigned i = 0; i < COUNT(expected); i++)
        assert_int_equal(expected[i].type, i + 1);
    assert_int_equal(CORDON__HELLO, 1);
    assert_int_equal(CORDON__UPGRADE, 14);
}

static void each_side_sends_its_own_frames_only(void **state)
{
    uint8_t head[12];
    size_t  need;

    (void)state;
    for (size_t i = 0; i < COUNT(expected); i++)
        for (int side = FROM_SERVER; side <= FROM_CLIENT; side++) {
            put_head(head, expected[i].type, 0, 0, good_id(&expected[i]), expected[i].min);
            assert_int_equal(judge(side, head, &need),
                             may_send(&expected[i], side) ? 0 : CORDON_EPROTOCOL);
        }
}

static void unknown_types_are_refused(void **state)
{
    uint8_t head[12];
    size_t  need;

    (void)state;
    for (unsigned type = 0; type < 256; type++)
        for (int side = FROM_SERVER; side <= FROM_CLIENT; side++)
            for (uint32_t id = 0; id < 2; id++) {
                if (type != 0 && type < NO_FRAME)
                    continue;
                put_head(head, type, 0, 0, id, 0);
                assert_int_equal(judge(side, head, &need), CORDON_EPROTOCOL);
            }
}

static void flags_are_zero_but_for_more_on_a_reply(void **state)
{
    uint8_t head[12];
    size_t  need;

    (void)state;
    for (size_t i = 0; i < COUNT(expected); i++)
        for (unsigned flags = 0; flags < 256; flags++) {
            const int is_fine = flags == 0 || (flags == 1 && expected[i].more);

            put_head(head, expected[i].type, flags, 0, good_id(&expected[i]), expected[i].min);
            assert_int_equal(judge(expected[i].client, head, &need),
                             is_fine ? 0 : CORDON_EPROTOCOL);
        }
}

static void handles_are_refused(void **state)
{
    static const unsigned handles[] = {1, 2, 16, 255, 256, 0x8000, 0xFFFF};
    uint8_t               head[12];
    size_t                need;

    (void)state;
    for (size_t i = 0; i < COUNT(expected); i++)
        for (size_t k = 0; k < COUNT(handles); k++) {
            put_head(head, expected[i].type, 0, handles[k], good_id(&expected[i]), expected[i].min);
            assert_int_equal(judge(expected[i].client, head, &need), CORDON_EPROTOCOL);
        }
}

static void an_id_is_there_or_not_as_the_type_says(void **state)
{
    static const uint32_t ids[] = {0, 1, 255, 256, 0x10000, 0x1000000, 0x80000000, UINT32_MAX};
    uint8_t               head[12];
    size_t                need;

    (void)state;
    for (size_t i = 0; i < COUNT(expected); i++)
        for (size_t k = 0; k < COUNT(ids); k++) {
            const int is_fine = strcmp(expected[i].id, "any") == 0 ||
                                (strcmp(expected[i].id, "some") == 0) == (ids[k] != 0);

            put_head(head, expected[i].type, 0, 0, ids[k], expected[i].min);
            assert_int_equal(judge(expected[i].client, head, &need),
                             is_fine ? 0 : CORDON_EPROTOCOL);
        }
}

static int size_verdict(const expectation *of, uint32_t size)
{
    if (size < of->min)
        return CORDON_EPROTOCOL;
    return size > of->max ? of->over : 0;
}

/* The body is not there: the verdict falls on the head, and a good one says what it needs. */
static void sizes_are_judged_before_the_body(void **state)
{
    uint8_t head[12];
    size_t  need;

    (void)state;
    for (size_t i = 0; i < COUNT(expected); i++) {
        const uint32_t sizes[] = {0,
                                  1,
                                  expected[i].min - (expected[i].min > 0),
                                  expected[i].min,
                                  expected[i].min + 1,
                                  expected[i].max - (expected[i].max > 0),
                                  expected[i].max,
                                  expected[i].max + 1,
                                  65,
                                  0x10000,
                                  0x10001,
                                  0x7FFFFFFF,
                                  0x80000000,
                                  UINT32_MAX - 12,
                                  UINT32_MAX};

        for (size_t k = 0; k < COUNT(sizes); k++) {
            put_head(head, expected[i].type, 0, 0, good_id(&expected[i]), sizes[k]);
            assert_int_equal(judge(expected[i].client, head, &need),
                             size_verdict(&expected[i], sizes[k]));
            if (size_verdict(&expected[i], sizes[k]) == 0)
                assert_int_equal(need, 12 + sizes[k]);
        }
    }
}

/* ---- the limit ---------------------------------------------------------------------- */

static void exactly_the_limit_is_taken_and_one_more_is_not(void **state)
{
    static const unsigned with_body[] = {4, 5, 7, 14};
    static const size_t   limits[] = {0, 1, 4096, 65536, 64u << 20};

    (void)state;
    for (size_t i = 0; i < COUNT(with_body); i++)
        for (size_t k = 0; k < COUNT(limits); k++)
            for (uint32_t over = 0; over < 2; over++) {
                cordon__decoder decoder = {with_body[i] == 4 || with_body[i] == 14, limits[k], 0,
                                           NULL};
                cordon__frame   frame;
                uint8_t         head[12];
                size_t          used, need;

                put_head(head, with_body[i], 0, 0, with_body[i] == 7 ? 0 : 1,
                         (uint32_t)limits[k] + over);
                assert_int_equal(
                    cordon__frame_next(&decoder, &frame, unit_view(head, 12), &used, &need),
                    over             ? CORDON_EMSGSIZE
                    : limits[k] == 0 ? CORDON__FRAME_READY
                                     : CORDON__FRAME_MORE);
                if (!over)
                    assert_int_equal(need, 12 + limits[k]);
            }
}

static void the_limit_does_not_touch_what_the_library_says(void **state)
{
    static const unsigned types[] = {2, 3, 6};

    (void)state;
    for (size_t i = 0; i < COUNT(types); i++) {
        cordon__decoder decoder = {FROM_SERVER, 0, 0, NULL};
        cordon__frame   frame;
        uint8_t         head[12];
        size_t          used, need;

        put_head(head, types[i], 0, 0, 0, 4096);
        assert_int_equal(cordon__frame_next(&decoder, &frame, unit_view(head, 12), &used, &need),
                         CORDON__FRAME_MORE);
    }
}

/* ---- sticky --------------------------------------------------------------------------- */

static void a_failed_decoder_stays_failed(void **state)
{
    cordon__decoder decoder = decoder_of(FROM_CLIENT);
    cordon__frame   frame;
    uint8_t         bad[12], good[12];
    const char     *why;
    size_t          used, need;

    (void)state;
    put_head(bad, 99, 0, 0, 1, 0);
    put_head(good, 4, 0, 0, 1, 0);
    assert_int_equal(cordon__frame_next(&decoder, &frame, unit_view(bad, 12), &used, &need),
                     CORDON_EPROTOCOL);
    why = decoder.why;
    for (int i = 0; i < 3; i++) {
        used = 99;
        assert_int_equal(cordon__frame_next(&decoder, &frame, unit_view(good, 12), &used, &need),
                         CORDON_EPROTOCOL);
        assert_int_equal(used, 0);
        assert_int_equal(cordon__frame_next(&decoder, &frame, unit_view(NULL, 0), &used, &need),
                         CORDON_EPROTOCOL);
        assert_ptr_equal(decoder.why, why);
    }
}

static void good_frames_before_a_broken_one_are_delivered(void **state)
{
    cordon__decoder decoder = decoder_of(FROM_CLIENT);
    cordon__frame   frame;
    uint8_t         bytes[36];
    size_t          used, need;

    (void)state;
    put_head(bytes, 9, 0, 0, 0, 0);
    put_head(bytes + 12, 8, 0, 0, 5, 0);
    put_head(bytes + 24, 8, 0, 0, 0, 0);
    assert_int_equal(cordon__frame_next(&decoder, &frame, unit_view(bytes, 36), &used, &need), 0);
    assert_int_equal(frame.type, CORDON__PING);
    assert_int_equal(cordon__frame_next(&decoder, &frame, unit_view(bytes + 12, 24), &used, &need),
                     0);
    assert_int_equal(frame.type, CORDON__CANCEL);
    assert_int_equal(frame.id, 5);
    assert_int_equal(cordon__frame_next(&decoder, &frame, unit_view(bytes + 24, 12), &used, &need),
                     CORDON_EPROTOCOL);
}

/* ---- the head that we write --------------------------------------------------------------- */

static void a_written_head_is_read_back(void **state)
{
    static const uint32_t ids[] = {1, 0x01020304, UINT32_MAX};
    static const size_t   sizes[] = {0, 1, 255, 256, LIMIT};

    (void)state;
    for (size_t i = 0; i < COUNT(ids); i++)
        for (size_t k = 0; k < COUNT(sizes); k++)
            for (unsigned flags = 0; flags < 2; flags++) {
                cordon__decoder decoder = decoder_of(FROM_SERVER);
                static uint8_t  bytes[12 + LIMIT];
                uint8_t         by_hand[12];
                cordon__frame   frame;
                size_t          used, need;

                cordon__frame_head(bytes, CORDON__REPLY_FRAME, flags, ids[i], sizes[k]);
                put_head(by_hand, 5, flags, 0, ids[i], (uint32_t)sizes[k]);
                assert_memory_equal(bytes, by_hand, 12);
                assert_int_equal(cordon__frame_next(&decoder, &frame,
                                                    unit_view(bytes, 12 + sizes[k]), &used, &need),
                                 CORDON__FRAME_READY);
                assert_int_equal(used, 12 + sizes[k]);
                assert_int_equal(frame.type, CORDON__REPLY_FRAME);
                assert_int_equal(frame.flags, flags);
                assert_int_equal(frame.handles, 0);
                assert_int_equal(frame.id, ids[i]);
                assert_ptr_equal(frame.body.data, bytes + 12);
                assert_int_equal(frame.body.size, sizes[k]);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_whole),
        cmocka_unit_test(each_side_sends_its_own_frames_only),
        cmocka_unit_test(unknown_types_are_refused),
        cmocka_unit_test(flags_are_zero_but_for_more_on_a_reply),
        cmocka_unit_test(handles_are_refused),
        cmocka_unit_test(an_id_is_there_or_not_as_the_type_says),
        cmocka_unit_test(sizes_are_judged_before_the_body),
        cmocka_unit_test(exactly_the_limit_is_taken_and_one_more_is_not),
        cmocka_unit_test(the_limit_does_not_touch_what_the_library_says),
        cmocka_unit_test(a_failed_decoder_stays_failed),
        cmocka_unit_test(good_frames_before_a_broken_one_are_delivered),
        cmocka_unit_test(a_written_head_is_read_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
