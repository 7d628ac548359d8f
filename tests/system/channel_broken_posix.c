/*
 * What a peer may not do on a channel with descriptors, on POSIX, and that nothing is left of it:
 * every one that came is closed, and the channel has ended.
 */
#include "channel_peer.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

#define ROUNDS 10000

/* ---- however the bytes are cut ------------------------------------------------------------- */

static void message_with_a_descriptor_may_be_cut_anywhere(void **state)
{
    const int fd = null_device();
    uint8_t   frame[64];
    size_t    size = put_message(frame, 3, 1, "cut");

    (void)state;
    for (size_t cut = 1; cut < size; cut++) {
        const cordon_message *message;
        peer                  peer;

        peer_open(&peer);
        peer_send(&peer, frame, cut, &fd, 1);
        assert_int_equal(cordon_channel_receive(&message, peer.channel, CORDON_AT_ONCE, NULL),
                         CORDON_ETIMEDOUT);
        peer_send(&peer, frame + cut, size - cut, NULL, 0);
        message = kit_expect(peer.channel, 3, "cut");
        assert_int_equal(message->handle_count, 1);
        peer_close(&peer);
    }
    close(fd);
}

/* ---- what a peer may not do -------------------------------------------------------------------
 */

static void expect_over(peer *peer, int code)
{
    kit_expect_code(peer->channel, code);
    kit_expect_code(peer->channel, CORDON_ECLOSED);
    assert_int_equal(
        cordon_channel_send(peer->channel, 1, KIT_BODY("x"), NULL, 0, KIT_WAIT_MS, NULL),
        CORDON_ECLOSED);
}

static void another_number_than_told_is_eprotocol_and_all_are_closed(void **state)
{
    static const struct {
        unsigned told;
        size_t   count;
    } rows[] = {{0, 1},   {1, 0},   {1, 2},   {2, 1},   {2, 0},   {0, 16},    {16, 15},
                {15, 16}, {16, 17}, {17, 17}, {17, 16}, {16, 32}, {65535, 1}, {65535, 0}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        peer peer;

        peer_open(&peer);
        peer_says(&peer, rows[i].told, rows[i].count);
        expect_over(&peer, CORDON_EPROTOCOL);
        peer_close(&peer);
    }
}

static void descriptors_in_the_middle_or_with_the_word_are_eprotocol(void **state)
{
    const int fd = null_device();

    (void)state;
    for (size_t cut = 12; cut < 21; cut++) {
        uint8_t      frame[64];
        const size_t size = put_message(frame, 3, 1, "extra");
        peer         peer;

        peer_open(&peer);
        peer_send(&peer, frame, cut, &fd, 1);
        peer_send(&peer, frame + cut, size - cut, &fd, 1);
        expect_over(&peer, CORDON_EPROTOCOL);
        peer_close(&peer);
    }
    close(fd);
}

static void credentials_are_eprotocol(void **state)
{
    peer     *peer = *state;
    const int on = 1;
    uint8_t   frame[64];
    size_t    size = put_message(frame, 3, 1, "who am I");
    int       fd = null_device(), copy;

    /* The receiving side must want them: as if it had been handed over so. */
    copy = 0;
    while (copy < 1024 &&
           !(copy != peer->raw && setsockopt(copy, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0))
        copy++;
    assert_true(copy < 1024); /* the channel's own: the only other socket there is */
    peer_send(peer, frame, size, &fd, 1);
    close(fd);
    expect_over(peer, CORDON_EPROTOCOL);
}

static void descriptor_with_the_word_is_eprotocol(void **state)
{
    const int     fd = null_device();
    cordon_handle theirs;
    char          word[33];
    uint8_t       frame[12 + 16];
    peer          peer;

    (void)state;
    peer.descriptors = support_count_descriptors();
    assert_int_equal(cordon_channel_pair(&peer.channel, &theirs, word, NULL), CORDON_OK);
    peer.raw = (int)theirs;
    support_put_head(frame, PONG, 0, 0, 16);
    assert_int_equal(support_from_hex(frame + 12, 16, word), 16); /* the right one */
    peer_send(&peer, frame, sizeof frame, &fd, 1);
    expect_over(&peer, CORDON_EPROTOCOL);
    peer_close(&peer);
    close(fd);
}

static void end_instead_of_a_descriptor_is_closed(void **state)
{
    (void)state;
    for (size_t cut = 0; cut < 17; cut++) {
        uint8_t frame[64];
        peer    peer;
        int     fd;

        put_message(frame, 3, 1, "x");
        peer_open(&peer);
        fd = null_device();
        if (cut > 0)
            peer_send(&peer, frame, cut, &fd, 1);
        close(fd);
        peer_leave(&peer);
        expect_over(&peer, CORDON_ECLOSED);
        peer_close(&peer);
    }
}

static void what_is_no_end_of_a_pair_is_not_adopted(void **state)
{
    static const char word[] = "00112233445566778899aabbccddeeff";
    cordon_channel   *none;
    int               ends[2], datagrams[2];
    const int         file = null_device();
    const int         inet = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, datagrams), 0);
    assert_int_equal(cordon_channel_adopt(&none, file, word, 0, NULL), CORDON_EUNSAFE);
    assert_int_equal(cordon_channel_adopt(&none, ends[0], word, 0, NULL), CORDON_EUNSAFE);
    assert_int_equal(cordon_channel_adopt(&none, datagrams[0], word, 0, NULL), CORDON_EUNSAFE);
    assert_int_equal(cordon_channel_adopt(&none, -1, word, 0, NULL), CORDON_EUNSAFE);
    if (inet >= 0)
        assert_int_equal(cordon_channel_adopt(&none, inet, word, 0, NULL), CORDON_EUNSAFE);
    assert_null(none);
    close(inet);
    close(file);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(close(ends[i]), 0); /* it stayed ours */
        assert_int_equal(close(datagrams[i]), 0);
    }
}

/* ---- many rounds
 * --------------------------------------------------------------------------------- */

static void bad_round(int number)
{
    peer peer;

    peer_open(&peer);
    switch (number % 5) {
    case 0: /* extra */
        peer_says(&peer, 1, 3);
        break;
    case 1: /* none */
        peer_says(&peer, 2, 0);
        break;
    case 2: /* closed meanwhile */
        peer_says(&peer, 2, 2);
        peer_leave(&peer);
        kit_expect(peer.channel, 9, "x");
        break;
    case 3: { /* its own end, and nothing else holds that then */
        uint8_t frame[64];

        peer_send(&peer, frame, put_message(frame, 9, 1, "x"), &peer.raw, 1);
        peer_leave(&peer);
        kit_expect(peer.channel, 9, "x");
        break;
    }
    default: /* more than may be */
        peer_says(&peer, 16, 20);
        break;
    }
    kit_expect_code(peer.channel,
                    number % 5 == 2 || number % 5 == 3 ? CORDON_ECLOSED : CORDON_EPROTOCOL);
    peer_close(&peer);
}

static void no_descriptor_is_left_of_many_rounds(void **state)
{
    cordon_channel     *parent, *child;
    const cordon_handle handles[] = {0, 1};
    const int           before = support_count_descriptors();
    const int           rounds = support_is_in_valgrind() ? ROUNDS / 200 : ROUNDS;

    (void)state;
    kit_pair(&parent, &child);
    for (int i = 0; i < rounds; i++) {
        const cordon_message *message;

        kit_send_handles(parent, 1, "down", handles, 2);
        message = kit_expect(child, 1, "down");
        if (i % 3 == 0)
            close((int)cordon_message_take(message, 1));
        kit_send_handles(child, 2, "up", handles, 1);
        kit_expect(parent, 2, "up");
        bad_round(i);
    }
    cordon_channel_close(parent);
    cordon_channel_close(child);
    assert_int_equal(support_count_descriptors(), before);
}

const struct CMUnitTest support_own_cases[] = {
    cmocka_unit_test(message_with_a_descriptor_may_be_cut_anywhere),
    cmocka_unit_test(another_number_than_told_is_eprotocol_and_all_are_closed),
    cmocka_unit_test(descriptors_in_the_middle_or_with_the_word_are_eprotocol),
    PEER(credentials_are_eprotocol),
    cmocka_unit_test(descriptor_with_the_word_is_eprotocol),
    cmocka_unit_test(end_instead_of_a_descriptor_is_closed),
    cmocka_unit_test(what_is_no_end_of_a_pair_is_not_adopted),
    cmocka_unit_test(no_descriptor_is_left_of_many_rounds),
    SUPPORT_NO_CASE,
};
