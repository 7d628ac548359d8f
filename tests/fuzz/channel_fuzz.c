/*
 * A peer's bytes and descriptors on a channel, through a real pair of sockets. The input is a
 * peer's acts: the first byte says how it begins (1: it says its word first; 2: credentials come
 * with everything; 4: the tested end is the child's, which waits for no word), then each act has
 * a size, a number of descriptors, and its bytes; after each the tested end takes what is there.
 * Held: an end is an end; what is delivered is whole, open, not inherited, within limits; and
 * whatever came, no descriptor is left.
 */
#include "fuzz.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../src/channel.h"

#define LIMIT     4096
#define SENT_MAX  20 /* descriptors with one act: more than a message may have */
#define COUNT_MAX 128

enum { SAYS_WORD = 1, HAS_CREDENTIALS = 2, IS_CHILD = 4 };

static int count_open(void)
{
    int count = 0;

    for (int fd = 0; fd < COUNT_MAX; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

/* ---- the peer ------------------------------------------------------------------------ */

static void send_act(int raw, const uint8_t *data, size_t size, size_t count)
{
    union {
        struct cmsghdr head;
        char           room[CMSG_SPACE(SENT_MAX * sizeof(int))];
    } control;
    struct iovec  part = {(void *)(uintptr_t)data, size};
    struct msghdr message = {0};
    int           fds[SENT_MAX];

    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (count > 0) {
        for (size_t i = 0; i < count; i++)
            fds[i] = raw; /* its own end, too */
        memset(&control, 0, sizeof control);
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        control.head.cmsg_level = SOL_SOCKET;
        control.head.cmsg_type = SCM_RIGHTS;
        control.head.cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(&control.head), fds, count * sizeof(int));
    }
    (void)sendmsg(raw, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void say_word(int raw, const cordon_channel *channel)
{
    uint8_t frame[CORDON__FRAME_HEAD + CORDON__WORD_SIZE];

    cordon__frame_head(frame, CORDON__PONG, 0, 0, CORDON__WORD_SIZE);
    memcpy(frame + CORDON__FRAME_HEAD, channel->word, CORDON__WORD_SIZE);
    send_act(raw, frame, sizeof frame, 0);
}

/* ---- the tested end --------------------------------------------------------------------- */

static void check_message(const cordon_message *message)
{
    FUZZ_CHECK(message->kind == CORDON_MESSAGE && message->code == CORDON_OK);
    FUZZ_CHECK(message->body.size <= LIMIT && message->handle_count <= CORDON__HANDLES_MAX);
    for (size_t i = 0; i < message->handle_count; i++) {
        const int fd = (int)((const cordon__inbox *)(const void *)message)->handles[i];

        FUZZ_CHECK(fd > 2 && (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
        if (i % 2 == 1)
            FUZZ_CHECK(close((int)cordon_message_take(message, i)) == 0);
    }
}

/* All that is there. *has_ended stays. */
static void take_all(cordon_channel *channel, int *has_ended)
{
    const cordon_message *message;
    int                   code;

    while ((code = cordon_channel_receive(&message, channel, CORDON_AT_ONCE, NULL)) == CORDON_OK) {
        FUZZ_CHECK(!*has_ended);
        check_message(message);
    }
    FUZZ_CHECK(message == NULL);
    FUZZ_CHECK(code == CORDON_ETIMEDOUT || code == CORDON_EPROTOCOL || code == CORDON_EMSGSIZE ||
               code == CORDON_ECLOSED);
    FUZZ_CHECK(!*has_ended || code == CORDON_ECLOSED);
    *has_ended |= code != CORDON_ETIMEDOUT;
    FUZZ_CHECK(channel->body.capacity <= 128 * 1024);
}

static void play(cordon_channel *channel, int raw, const uint8_t *data, size_t size)
{
    int has_ended = 0;

    while (size >= 2) {
        const size_t bytes = data[0] < size - 2 ? data[0] : size - 2;

        send_act(raw, data + 2, bytes, data[1] % (SENT_MAX + 1));
        data += 2 + bytes;
        size -= 2 + bytes;
        take_all(channel, &has_ended);
    }
    close(raw);
    take_all(channel, &has_ended);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const int       before = count_open();
    const unsigned  how = size > 0 ? data[0] : 0;
    const int       on = 1;
    cordon_channel *parent, *child = NULL;
    cordon_handle   theirs;
    char            word[33];

    FUZZ_CHECK(cordon_channel_pair(&parent, &theirs, word, NULL) == CORDON_OK);
    if ((how & IS_CHILD) != 0)
        FUZZ_CHECK(cordon_channel_adopt(&child, theirs, word, 0, NULL) == CORDON_OK);
    if (child != NULL) { /* the tested one; the parent's end is the raw one then */
        const int raw = (int)parent->line.handle;

        parent->line.handle = CORDON__NO_HANDLE;
        cordon_channel_close(parent);
        parent = child;
        theirs = raw;
    }
    FUZZ_CHECK(cordon_channel_limit(parent, LIMIT) == CORDON_OK);
    if ((how & HAS_CREDENTIALS) != 0)
        FUZZ_CHECK(setsockopt((int)parent->line.handle, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) ==
                   0);
    if ((how & (SAYS_WORD | IS_CHILD)) == SAYS_WORD)
        say_word((int)theirs, parent);
    play(parent, (int)theirs, data + (size > 0), size - (size > 0));
    cordon_channel_close(parent);
    FUZZ_CHECK(count_open() == before);
    return 0;
}
