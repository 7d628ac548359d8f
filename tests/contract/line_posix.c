/* A connection for calls that wait, on POSIX: signals, and what the kernel is asked. */
#include "line_kit.h"

#include "../support/count_syscalls.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>

/* ---- reading ---- */

static void kernel_wait_is_set_to_end_before_the_deadline(void **state)
{
    pair          *it = *state;
    struct timeval time;
    socklen_t      size = sizeof time;

    pair_use_once(it);
    assert_int_equal(it->line.wait_ms, 0); /* a single read is not worth it */
    pair_say(it, "x");
    SUPPORT_CODE(pair_read_byte(it, 5000), CORDON_OK, &it->fault);
    assert_true(it->line.wait_ms > 0 && it->line.wait_ms < 5000);
    assert_int_equal(getsockopt((int)it->line.handle, SOL_SOCKET, SO_RCVTIMEO, &time, &size), 0);
    assert_true(time.tv_sec * 1000 + time.tv_usec / 1000 < 5000);
    /* A nearer deadline cannot use it. */
    const uint64_t start = cordon__now();
    SUPPORT_CODE(pair_read_byte(it, 150), CORDON_ETIMEDOUT, &it->fault);
    assert_true(cordon__now() - start < 2000);
    SUPPORT_CODE(pair_read_byte(it, 30), CORDON_ETIMEDOUT, &it->fault);
}

/* ---- signals ---- */

static volatile sig_atomic_t alarms;

static void count_alarm(int number)
{
    (void)number;
    alarms++;
}

static void ring_each(int ms)
{
    const struct itimerval often = {{0, ms * 1000}, {0, ms * 1000}};
    struct sigaction       action;

    memset(&action, 0, sizeof action);
    action.sa_handler = count_alarm; /* without SA_RESTART: every wait is interrupted */
    alarms = 0;
    assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
}

static void signals_neither_end_nor_stretch_a_wait(void **state)
{
    pair *it = *state;

    for (int round = 0; round < 2; round++) {
        ring_each(15);
        const uint64_t start = cordon__now();

        SUPPORT_CODE(pair_read_byte(it, 200), CORDON_ETIMEDOUT, &it->fault);
        const uint64_t took = cordon__now() - start;

        assert_true(alarms > 0); /* a busy machine joins many into few */
        ring_each(0);
        assert_true(took >= 200 && took < 1000);
        pair_use_once(it);
    }
    signal(SIGALRM, SIG_DFL);
}

/* ---- interrupting ---- */

static pair *interrupted;

static void interrupt_now(int number)
{
    (void)number;
    cordon__line_interrupt(&interrupted->line);
}

static void signal_handler_may_interrupt(void **state)
{
    const struct itimerval once = {{0, 0}, {0, 40000}};

    interrupted = *state;
    signal(SIGALRM, interrupt_now);
    assert_int_equal(setitimer(ITIMER_REAL, &once, NULL), 0);
    SUPPORT_CODE(pair_read_byte(interrupted, SUPPORT_SOON), CORDON_ECANCELED, &interrupted->fault);
    signal(SIGALRM, SIG_DFL);
}

/* ---- writing ---- */

static void write_to_the_dead_raises_no_signal(void **state)
{
    pair *it = *state;

    signal(SIGPIPE, SIG_DFL);
    pair_hang_up(it);
    SUPPORT_CODE(pair_write(it, "x", SUPPORT_SOON), CORDON_ECLOSED, &it->fault);
}

static void widened_line_takes_more_at_once(void **state)
{
    pair     *it = *state;
    int       before, after;
    socklen_t size = sizeof before;

    getsockopt((int)it->line.handle, SOL_SOCKET, SO_SNDBUF, &before, &size);
    cordon__line_widen(&it->line);
    getsockopt((int)it->line.handle, SOL_SOCKET, SO_SNDBUF, &after, &size);
    assert_true(after > before);
}

/* ---- cost ---- */

#define ROUNDS 200

typedef struct trip {
    int fds[2];
} trip;

static void ask_often(void *context)
{
    cordon__line       line = {.handle = ((trip *)context)->fds[0]};
    cordon_fault       fault = CORDON_FAULT_INIT;
    const cordon_bytes piece = {"ping", 4};
    char               data[16];
    size_t             size;

    close(((trip *)context)->fds[1]);
    for (int i = 0; i < ROUNDS + 10; i++) {
        const uint64_t deadline = cordon__now() + 5000;

        if (i == 10)
            support_count_on();
        SUPPORT_CHECK(cordon__line_write(&line, &piece, 1, &size, deadline, &fault) == 0);
        SUPPORT_CHECK(cordon__line_read(&line, data, sizeof data, &size, deadline, &fault) == 0);
    }
    support_count_off();
    shutdown(((trip *)context)->fds[0], SHUT_RDWR); /* whoever else has a copy */
    cordon__line_close(&line);
}

static void answer_all(void *context)
{
    const int fd = ((trip *)context)->fds[1];
    char      data[16];

    close(((trip *)context)->fds[0]);
    while (read(fd, data, sizeof data) > 0)
        SUPPORT_CHECK(write(fd, "pong", 4) == 4);
}

static void steady_round_trip_is_one_send_and_one_receive(void **state)
{
    trip             between;
    support_actor    actors[] = {{ask_often, &between}, {answer_all, &between}};
    support_syscalls calls;
    int              code;

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, between.fds), 0);
    fcntl(between.fds[0], F_SETFL, O_NONBLOCK);
    code = support_count_syscalls(&calls, actors, 2, 20);
    close(between.fds[0]);
    close(between.fds[1]);
    if (code == 1)
        SUPPORT_SKIP("tracing is not allowed here");
    assert_int_equal(code, 0);
    print_message("%lu system calls in %d round trips: %s\n", calls.total, ROUNDS,
                  support_syscalls_text(&calls));
    assert_true(calls.total <= 4 * ROUNDS + 8); /* two of ours, two of the other side's */
}

const struct CMUnitTest support_own_cases[] = {
    pair_test(kernel_wait_is_set_to_end_before_the_deadline),
    pair_test(signals_neither_end_nor_stretch_a_wait),
    pair_test(signal_handler_may_interrupt),
    pair_test(write_to_the_dead_raises_no_signal),
    pair_test(widened_line_takes_more_at_once),
    cmocka_unit_test(steady_round_trip_is_one_send_and_one_receive),
    SUPPORT_NO_CASE,
};
