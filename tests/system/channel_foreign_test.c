/*
 * The documented bytes: a child in Python that has nothing of cordon, and the golden files, read
 * and written.
 */
#include "channel_peer.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "../unit/golden.h"

#define WORD "00112233445566778899aabbccddeeff"

/* ---- a child in Python --------------------------------------------------------------- */

static cordon_channel *start_python(void)
{
    const char     *source = getenv("CORDON_SOURCE");
    char            script[SUPPORT_PATH];
    const char     *argv[] = {"python3", script, NULL};
    cordon_fault    fault = CORDON_FAULT_INIT;
    cordon_channel *channel = NULL;
    int             code;

    snprintf(script, sizeof script, "%s/tests/system/channel_child.py", source ? source : ".");
    code = cordon_channel_start(&channel, argv, NULL, &fault);
    if (code == CORDON_ELAUNCH)
        SUPPORT_SKIP("there is no python3");
    SUPPORT_CODE(code, CORDON_OK, &fault);
    return channel;
}

static void child_without_cordon_answers_and_gives_back_what_it_got(void **state)
{
    cordon_channel       *channel = start_python();
    const cordon_message *message;
    cordon_handle memory[2] = {memfd_create("one", MFD_CLOEXEC), memfd_create("two", MFD_CLOEXEC)};
    char          text[8] = "";
    uint8_t      *large = calloc(1, 1000000);

    (void)state;
    kit_send(channel, 1, "arguments");
    kit_expect(channel, 1, "arguments");
    kit_send_handles(channel, UINT32_MAX, "", memory, 2);
    message = kit_expect(channel, UINT32_MAX, "");
    assert_int_equal(message->handle_count, 2);
    for (size_t i = 0; i < 2; i++) {
        const int back = (int)cordon_message_take(message, i);

        assert_int_equal(write(back, i == 0 ? "one" : "two", 3), 3);
        assert_int_equal(pread((int)memory[i], text, 3, 0), 3);
        assert_string_equal(text, i == 0 ? "one" : "two");
        close(back);
        close((int)memory[i]);
    }
    assert_int_equal(
        cordon_channel_send(channel, 3, (cordon_bytes){large, 1000000}, NULL, 0, KIT_WAIT_MS, NULL),
        CORDON_OK);
    assert_int_equal(kit_receive(channel)->body.size, 1000000);
    cordon_channel_close(channel);
    free(large);
}

/* ---- golden bytes ------------------------------------------------------------------------ */

/* What comes at the raw end must be these bytes; how many descriptors came with them. */
static size_t expect_golden(int raw, const char *name)
{
    uint8_t        room[GOLDEN_ROOM], got[GOLDEN_ROOM];
    cordon_bytes   wanted = golden(room, name);
    char           control[CMSG_SPACE(16 * sizeof(int))];
    struct iovec   part = {got, wanted.size};
    struct msghdr  message = {0};
    struct cmsghdr head;
    int            fd;

    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    assert_int_equal(recvmsg(raw, &message, MSG_CMSG_CLOEXEC), (ssize_t)wanted.size);
    assert_memory_equal(got, wanted.data, wanted.size);
    if (message.msg_controllen == 0)
        return 0;
    memcpy(&head, control, sizeof head);
    memcpy(&fd, control + CMSG_LEN(0), sizeof fd);
    close(fd);
    return (head.cmsg_len - CMSG_LEN(0)) / sizeof(int);
}

static void what_a_child_writes_is_the_golden_bytes(void **state)
{
    const cordon_handle handle = 0;
    cordon_channel     *child;
    int                 ends[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(cordon_channel_adopt(&child, ends[1], WORD, 0, NULL), CORDON_OK);
    assert_int_equal(expect_golden(ends[0], "channel_word"), 0);
    kit_send(child, 7, "hello");
    assert_int_equal(expect_golden(ends[0], "channel_message"), 0);
    kit_send_handles(child, 8, "", &handle, 1);
    assert_int_equal(expect_golden(ends[0], "channel_handle"), 1);
    cordon_channel_close(child);
    close(ends[0]);
}

static void what_a_parent_reads_are_the_golden_bytes(void **state)
{
    uint8_t               room[GOLDEN_ROOM];
    cordon_bytes          bytes;
    const cordon_message *message;
    const int             fd = null_device();
    peer                  peer;
    int                   ends[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(cordon_channel_adopt(&peer.channel, ends[1], WORD, 1, NULL), CORDON_OK);
    peer.raw = ends[0];
    bytes = golden(room, "channel_word");
    peer_send(&peer, bytes.data, bytes.size, NULL, 0);
    bytes = golden(room, "channel_message");
    peer_send(&peer, bytes.data, bytes.size, NULL, 0);
    bytes = golden(room, "channel_handle");
    peer_send(&peer, bytes.data, bytes.size, &fd, 1);
    kit_expect(peer.channel, 7, "hello");
    message = kit_expect(peer.channel, 8, "");
    assert_int_equal(message->handle_count, 1);
    cordon_channel_close(peer.channel);
    close(ends[0]);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(child_without_cordon_answers_and_gives_back_what_it_got),
        cmocka_unit_test(what_a_child_writes_is_the_golden_bytes),
        cmocka_unit_test(what_a_parent_reads_are_the_golden_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
