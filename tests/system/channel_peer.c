#include "channel_peer.h"

#include <fcntl.h>
#include <sys/socket.h>

static void say_word(peer *peer, const char *word)
{
    uint8_t frame[28];

    support_put_head(frame, PONG, 0, 0, 16);
    assert_int_equal(support_from_hex(frame + 12, 16, word), 16);
    assert_int_equal(send(peer->raw, frame, sizeof frame, MSG_NOSIGNAL), sizeof frame);
}

void peer_open(peer *peer)
{
    cordon_handle theirs;
    char          word[33];

    peer->descriptors = support_count_descriptors();
    assert_int_equal(cordon_channel_pair(&peer->channel, &theirs, word, NULL), CORDON_OK);
    peer->raw = (int)theirs;
    say_word(peer, word);
}

void peer_leave(peer *peer)
{
    if (peer->raw >= 0)
        close(peer->raw);
    peer->raw = -1;
}

void peer_close(peer *peer)
{
    peer_leave(peer);
    cordon_channel_close(peer->channel);
    assert_int_equal(support_count_descriptors(), peer->descriptors);
}

void peer_send(peer *peer, const uint8_t *data, size_t size, const int *fds, size_t count)
{
    union {
        struct cmsghdr head;
        char           room[CMSG_SPACE(32 * sizeof(int))];
    } control;
    struct iovec  part = {(void *)(uintptr_t)data, size};
    struct msghdr message = {0};

    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (count > 0) {
        memset(&control, 0, sizeof control);
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        control.head.cmsg_level = SOL_SOCKET;
        control.head.cmsg_type = SCM_RIGHTS;
        control.head.cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(&control.head), fds, count * sizeof(int));
    }
    assert_int_equal(sendmsg(peer->raw, &message, MSG_NOSIGNAL), (ssize_t)size);
}

size_t put_message(uint8_t *out, uint32_t tag, unsigned told, const char *body)
{
    const size_t size = strlen(body);

    support_put_head(out, REQUEST, 0, 0, 4 + size);
    support_put16(out + 6, (uint16_t)told);
    support_put32(out + 12, tag);
    memcpy(out + 16, body, size);
    return 16 + size;
}

int null_device(void)
{
    const int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    assert_true(fd >= 0);
    return fd;
}

void peer_says(peer *peer, unsigned told, size_t count)
{
    uint8_t frame[64];
    int     fds[32];

    for (size_t i = 0; i < count; i++)
        fds[i] = null_device();
    peer_send(peer, frame, put_message(frame, 9, told, "x"), fds, count);
    for (size_t i = 0; i < count; i++)
        close(fds[i]);
}

int peer_setup(void **state)
{
    peer *made = calloc(1, sizeof *made);

    peer_open(made);
    *state = made;
    return 0;
}

int peer_teardown(void **state)
{
    peer_close(*state);
    free(*state);
    return 0;
}
