/*
 * What a peer may not do on a channel, and that nothing is left of it: the channel has ended. The
 * other end is played by hand, so the bytes may be what they like.
 */
#include "channel_kit.h"

enum { REQUEST = 4, PONG = 10 };

typedef struct far_end {
    cordon_channel *channel; /* the parent's, which is tested */
    support_raw     raw;     /* the child's end; SUPPORT_NO_RAW: closed */
    int             descriptors;
    char            word[33]; /* that it must say first */
} far_end;

static void far_send(far_end *peer, const uint8_t *data, size_t size)
{
    support_raw_send(peer->raw, data, size);
}

/* What a system opens with the first of all, and keeps, is not counted. */
static void open_the_first(void)
{
    static int    is_done;
    far_end       first;
    cordon_handle theirs;

    if (is_done)
        return;
    is_done = 1;
    assert_int_equal(cordon_channel_pair(&first.channel, &theirs, first.word, NULL), CORDON_OK);
    first.raw = support_raw_of(theirs);
    support_raw_close(first.raw);
    kit_expect_code(first.channel, CORDON_ECLOSED);
    cordon_channel_close(first.channel);
}

/* It has said nothing yet. */
static void far_open_mute(far_end *peer)
{
    cordon_handle theirs;

    open_the_first();
    peer->descriptors = support_count_descriptors();
    assert_int_equal(cordon_channel_pair(&peer->channel, &theirs, peer->word, NULL), CORDON_OK);
    peer->raw = support_raw_of(theirs);
}

static void far_open(far_end *peer)
{
    uint8_t frame[28];

    far_open_mute(peer);
    support_put_head(frame, PONG, 0, 0, 16);
    assert_int_equal(support_from_hex(frame + 12, 16, peer->word), 16);
    far_send(peer, frame, sizeof frame);
}

static void far_leave(far_end *peer)
{
    if (peer->raw != SUPPORT_NO_RAW)
        support_raw_close(peer->raw);
    peer->raw = SUPPORT_NO_RAW;
}

static void far_close(far_end *peer)
{
    far_leave(peer);
    cordon_channel_close(peer->channel);
    assert_int_equal(support_count_descriptors(), peer->descriptors);
}

static size_t put_message(uint8_t *out, uint32_t tag, unsigned told, const char *body)
{
    const size_t size = strlen(body);

    support_put_head(out, REQUEST, 0, 0, 4 + size);
    support_put16(out + 6, (uint16_t)told);
    support_put32(out + 12, tag);
    memcpy(out + 16, body, size);
    return 16 + size;
}

static void expect_over(far_end *peer, int code)
{
    kit_expect_code(peer->channel, code);
    kit_expect_code(peer->channel, CORDON_ECLOSED);
    assert_int_equal(
        cordon_channel_send(peer->channel, 1, KIT_BODY("x"), NULL, 0, KIT_WAIT_MS, NULL),
        CORDON_ECLOSED);
}

/* ---- however the bytes are cut --------------------------------------------------------- */

static void message_cut_anywhere_is_the_same_and_waits_keep_it(void **state)
{
    uint8_t frame[64];
    size_t  size = put_message(frame, 3, 0, "cut");
    far_end peer;

    (void)state;
    far_open(&peer);
    for (size_t cut = 1; cut < size; cut++) {
        const cordon_message *message;

        far_send(&peer, frame, cut);
        assert_int_equal(cordon_channel_receive(&message, peer.channel, CORDON_AT_ONCE, NULL),
                         CORDON_ETIMEDOUT);
        far_send(&peer, frame + cut, size - cut);
        message = kit_expect(peer.channel, 3, "cut");
        assert_int_equal(message->handle_count, 0);
    }
    far_close(&peer);
}

static void two_messages_in_one_send_and_one_byte_at_a_time(void **state)
{
    far_end peer;
    uint8_t frames[128];
    size_t  size = put_message(frames, 1, 0, "one");

    (void)state;
    far_open(&peer);
    size += put_message(frames + size, 2, 0, "two");
    far_send(&peer, frames, size);
    for (size_t i = 0; i < size; i++)
        far_send(&peer, frames + i, 1);
    for (int i = 0; i < 2; i++) {
        kit_expect(peer.channel, 1, "one");
        kit_expect(peer.channel, 2, "two");
    }
    far_close(&peer);
}

static void message_that_has_begun_may_not_be_passed_on(void **state)
{
    far_end               peer;
    const cordon_message *message;
    cordon_session       *session;
    uint8_t               frame[64];
    size_t                size = put_message(frame, 1, 0, "first");

    (void)state;
    far_open(&peer);
    far_send(&peer, frame, 7);
    assert_int_equal(cordon_channel_receive(&message, peer.channel, CORDON_AT_ONCE, NULL),
                     CORDON_ETIMEDOUT);
    assert_int_equal(cordon_channel_ask(&session, peer.channel, NULL, NULL), CORDON_EINVAL);
    far_send(&peer, frame + 7, size - 7);
    kit_expect(peer.channel, 1, "first");
    far_close(&peer);
}

static void end_in_the_middle_of_a_message_is_closed(void **state)
{
    uint8_t      frame[64];
    const size_t size = put_message(frame, 3, 0, "x");

    (void)state;
    for (size_t cut = 0; cut < size; cut++) {
        far_end peer;

        far_open(&peer);
        if (cut > 0)
            far_send(&peer, frame, cut);
        far_leave(&peer);
        expect_over(&peer, CORDON_ECLOSED);
        far_close(&peer);
    }
}

/* ---- what a peer may not do ----------------------------------------------------------- */

static void frames_that_are_no_message_are_refused(void **state)
{
    static const struct {
        uint32_t length;
        uint8_t  type, flags;
        uint16_t handles;
        uint32_t id;
        int      code;
    } rows[] = {{3, REQUEST, 0, 0, 0, CORDON_EPROTOCOL},
                {0, REQUEST, 0, 0, 0, CORDON_EPROTOCOL},
                {4, REQUEST, 1, 0, 0, CORDON_EPROTOCOL},
                {4, REQUEST, 0x80, 0, 0, CORDON_EPROTOCOL},
                {4, REQUEST, 0, 0, 1, CORDON_EPROTOCOL},
                {4, 0, 0, 0, 0, CORDON_EPROTOCOL},
                {4, 5, 0, 0, 0, CORDON_EPROTOCOL},
                {4, 9, 0, 0, 0, CORDON_EPROTOCOL},
                {16, PONG, 0, 0, 0, CORDON_EPROTOCOL},
                {0, 11, 0, 0, 0, CORDON_EPROTOCOL},
                {4, 255, 0, 0, 0, CORDON_EPROTOCOL},
                {1048576 + 5, REQUEST, 0, 0, 0, CORDON_EMSGSIZE},
                {UINT32_MAX, REQUEST, 0, 0, 0, CORDON_EMSGSIZE}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t head[12];
        far_end peer;

        far_open(&peer);
        support_put32(head, rows[i].length);
        head[4] = rows[i].type;
        head[5] = rows[i].flags;
        support_put16(head + 6, rows[i].handles);
        support_put32(head + 8, rows[i].id);
        far_send(&peer, head, sizeof head);
        expect_over(&peer, rows[i].code);
        far_close(&peer);
    }
}

static void handles_that_did_not_come_are_eprotocol(void **state)
{
    static const unsigned told[] = {1, 2, 16, 17, 65535};

    (void)state;
    for (size_t i = 0; i < sizeof told / sizeof told[0]; i++) {
        uint8_t frame[64];
        far_end peer;

        far_open(&peer);
        far_send(&peer, frame, put_message(frame, 9, told[i], "x"));
        expect_over(&peer, CORDON_EPROTOCOL);
        far_close(&peer);
    }
}

static void the_word_comes_first_and_once_and_is_the_right_one(void **state)
{
    static const uint8_t lengths[] = {16, 0, 15, 17, 64};

    (void)state;
    for (size_t i = 0; i < sizeof lengths; i++) {
        uint8_t frame[12 + 64] = {0};
        far_end peer;

        far_open_mute(&peer);
        support_put_head(frame, PONG, 0, 0, lengths[i]);
        far_send(&peer, frame, 12u + lengths[i]);
        expect_over(&peer, CORDON_EPROTOCOL);
        far_close(&peer);
    }
}

static void message_before_the_word_is_eprotocol(void **state)
{
    uint8_t frame[64];
    far_end peer;

    (void)state;
    far_open_mute(&peer);
    far_send(&peer, frame, put_message(frame, 1, 0, "first"));
    expect_over(&peer, CORDON_EPROTOCOL);
    far_close(&peer);
}

/* ---- adopting --------------------------------------------------------------------------- */

static void what_is_no_end_at_all_is_not_adopted(void **state)
{
    static const char word[] = "00112233445566778899aabbccddeeff";
    cordon_channel   *none = NULL;
    cordon_fault      fault = CORDON_FAULT_INIT;

    (void)state;
    SUPPORT_CODE(cordon_channel_adopt(&none, -1, word, 0, &fault), CORDON_EUNSAFE, &fault);
    assert_null(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(message_cut_anywhere_is_the_same_and_waits_keep_it),
        cmocka_unit_test(two_messages_in_one_send_and_one_byte_at_a_time),
        cmocka_unit_test(message_that_has_begun_may_not_be_passed_on),
        cmocka_unit_test(end_in_the_middle_of_a_message_is_closed),
        cmocka_unit_test(frames_that_are_no_message_are_refused),
        cmocka_unit_test(handles_that_did_not_come_are_eprotocol),
        cmocka_unit_test(the_word_comes_first_and_once_and_is_the_right_one),
        cmocka_unit_test(message_before_the_word_is_eprotocol),
        cmocka_unit_test(what_is_no_end_at_all_is_not_adopted),
    };

    return SUPPORT_RUN("channel_broken_test", tests);
}
