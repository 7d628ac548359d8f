/* What can come beside the bytes of a stream: descriptors and urgent bytes nobody asked for. */
#include "../system/talk_kit.h"

#include <sys/socket.h>

static void expect_good_service(talk *talk)
{
    wire wire;

    wire_open(&wire, talk);
    wire_say(&wire, REQUEST, 1, "still good?");
    wire_expect(&wire, REPLY, 1, "still good?");
    wire_close(&wire);
}

/* Of this process, in its own code and in the system's. */
static long cpu_ms(void)
{
    uv_rusage_t use;

    SUPPORT_CHECK(uv_getrusage(&use) == 0);
    return (use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1000 +
           (use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1000;
}

/* ---- descriptors and urgent bytes ------------------------------------------------------ */

static void send_with_descriptors(wire *wire, const script *bytes)
{
    union {
        struct cmsghdr head;
        char           room[CMSG_SPACE(4 * sizeof(int))];
    } control;
    struct iovec  piece = {bytes->data, bytes->size};
    struct msghdr message = {0};
    int           fds[4] = {0, 1, 2, (int)wire->raw};

    memset(&control, 0, sizeof control);
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = &control;
    message.msg_controllen = sizeof control.room;
    control.head.cmsg_level = SOL_SOCKET;
    control.head.cmsg_type = SCM_RIGHTS;
    control.head.cmsg_len = CMSG_LEN(sizeof fds);
    memcpy(CMSG_DATA(&control.head), fds, sizeof fds);
    assert_int_equal(sendmsg(wire->raw, &message, MSG_NOSIGNAL), (ssize_t)bytes->size);
}

/* Sessions carry no handles: what is sent is not taken, and the bytes beside it are read. */
static void descriptors_that_nobody_asked_for_are_not_taken(void **state)
{
    talk  *talk = *state;
    script bytes = {0};
    wire   wire;
    int    before;

    talk_serve(talk);
    wire_open(&wire, talk);
    wire_say(&wire, REQUEST, 1, "warm");
    wire_expect(&wire, REPLY, 1, "warm");
    before = support_count_descriptors();
    script_text(&bytes, REQUEST, 2, "with four descriptors");
    for (int i = 0; i < 100; i++) {
        send_with_descriptors(&wire, &bytes);
        wire_expect(&wire, REPLY, 2, "with four descriptors");
    }
    assert_true(support_descriptors_fall_to(before));
    wire_close(&wire);
    script_free(&bytes);
}

/* An urgent byte lies beside the stream: it must not keep the loop spinning. */
static void an_urgent_byte_does_not_make_the_server_spin(void **state)
{
    talk *talk = *state;
    wire  wire;
    long  before;

    talk_serve(talk);
    wire_open(&wire, talk);
    if (send(wire.raw, "!", 1, MSG_OOB | MSG_NOSIGNAL) != 1) {
        wire_close(&wire);
        SUPPORT_SKIP("this kernel has no urgent bytes on local sockets");
    }
    before = cpu_ms();
    support_pause(300);
    assert_true(cpu_ms() - before < 150);
    expect_good_service(talk);
    wire_close(&wire);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TALK_BOTH(descriptors_that_nobody_asked_for_are_not_taken),
        TALK_BOTH(an_urgent_byte_does_not_make_the_server_spin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
