/* A connection for calls that wait. */
#include "kit.h"

#include "../support/count_syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>

/* A line, and the other end. */
typedef struct pair {
    cordon__line line;
    int          peer;
    cordon_fault fault;
} pair;

static int open_pair(void **state)
{
    static const cordon_fault none = CORDON_FAULT_INIT;
    pair                     *it = test_calloc(1, sizeof *it);
    int                       fds[2];

    it->fault = none;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
        return -1;
    it->line.handle = fds[0];
    it->peer = fds[1];
    fcntl(fds[0], F_SETFL, O_NONBLOCK);
    *state = it;
    return 0;
}

static int close_pair(void **state)
{
    pair *it = *state;

    cordon__line_close(&it->line);
    if (it->peer >= 0)
        close(it->peer);
    test_free(it);
    return 0;
}

static void hang_up(pair *it)
{
    close(it->peer);
    it->peer = -1;
}

static int read_some(pair *it, char *data, size_t size, size_t *got, int ms)
{
    return cordon__line_read(&it->line, data, size, got, cordon__now() + (uint64_t)ms, &it->fault);
}

static int read_byte(pair *it, int ms)
{
    char   byte;
    size_t got;

    return read_some(it, &byte, 1, &got, ms);
}

/* From the second read on the line may wait in the kernel. */
static void use_once(pair *it)
{
    assert_int_equal(write(it->peer, "x", 1), 1);
    SUPPORT_CODE(read_byte(it, SUPPORT_SOON), CORDON_OK, &it->fault);
}

static int write_text(pair *it, const char *text, int ms)
{
    const cordon_bytes piece = {text, strlen(text)};
    size_t             sent;

    return cordon__line_write(&it->line, &piece, 1, &sent, cordon__now() + (uint64_t)ms,
                              &it->fault);
}

/* ---- reading ---- */

static void bytes_arrive_as_they_come(void **state)
{
    pair  *it = *state;
    char   data[16];
    size_t got;

    for (int i = 0; i < 3; i++) {
        assert_int_equal(write(it->peer, "abcde", 5), 5);
        SUPPORT_CODE(read_some(it, data, 2, &got, SUPPORT_SOON), CORDON_OK, &it->fault);
        assert_int_equal(got, 2);
        SUPPORT_CODE(read_some(it, data + 2, sizeof data - 2, &got, SUPPORT_SOON), CORDON_OK,
                     &it->fault);
        assert_int_equal(got, 3);
        assert_memory_equal(data, "abcde", 5);
    }
}

static void end_is_eclosed_after_the_last_bytes(void **state)
{
    pair *it = *state;

    assert_int_equal(write(it->peer, "ab", 2), 2);
    hang_up(it);
    SUPPORT_CODE(read_byte(it, SUPPORT_SOON), CORDON_OK, &it->fault);
    SUPPORT_CODE(read_byte(it, SUPPORT_SOON), CORDON_OK, &it->fault);
    SUPPORT_CODE(read_byte(it, SUPPORT_SOON), CORDON_ECLOSED, &it->fault);
    SUPPORT_CODE(read_byte(it, SUPPORT_SOON), CORDON_ECLOSED, &it->fault);
}

static void reset_is_eclosed_after_the_last_bytes(void **state)
{
    pair *it = *state;

    SUPPORT_CODE(write_text(it, "never read", SUPPORT_SOON), CORDON_OK, &it->fault);
    assert_int_equal(write(it->peer, "a", 1), 1);
    hang_up(it); /* with bytes of ours unread: a reset */
    SUPPORT_CODE(read_byte(it, SUPPORT_SOON), CORDON_OK, &it->fault);
    SUPPORT_CODE(read_byte(it, SUPPORT_SOON), CORDON_ECLOSED, &it->fault);
}

static void deadline_that_has_passed_means_once(void **state)
{
    pair  *it = *state;
    char   byte;
    size_t got;

    for (int i = 0; i < 3; i++) {
        assert_int_equal(cordon__line_read(&it->line, &byte, 1, &got, 0, &it->fault),
                         CORDON_ETIMEDOUT);
        assert_int_equal(write(it->peer, "x", 1), 1);
        assert_int_equal(cordon__line_read(&it->line, &byte, 1, &got, 0, &it->fault), CORDON_OK);
    }
}

static void waits_end_at_the_deadline_not_before(void **state)
{
    static const int times[] = {1, 10, 40, 99, 101, 130, 220};
    pair            *it = *state;

    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
            const uint64_t start = cordon__now();

            SUPPORT_CODE(read_byte(it, times[i]), CORDON_ETIMEDOUT, &it->fault);
            assert_true(cordon__now() - start >= (uint64_t)times[i]);
            assert_true(cordon__now() - start < (uint64_t)times[i] + 2000);
        }
        use_once(it); /* and again where the kernel waits */
    }
}

static void kernel_wait_is_set_to_end_before_the_deadline(void **state)
{
    pair          *it = *state;
    struct timeval time;
    socklen_t      size = sizeof time;

    use_once(it);
    assert_int_equal(it->line.wait_ms, 0); /* a single read is not worth it */
    assert_int_equal(write(it->peer, "x", 1), 1);
    SUPPORT_CODE(read_byte(it, 5000), CORDON_OK, &it->fault);
    assert_true(it->line.wait_ms > 0 && it->line.wait_ms < 5000);
    assert_int_equal(getsockopt((int)it->line.handle, SOL_SOCKET, SO_RCVTIMEO, &time, &size), 0);
    assert_true(time.tv_sec * 1000 + time.tv_usec / 1000 < 5000);
    /* A nearer deadline cannot use it. */
    const uint64_t start = cordon__now();
    SUPPORT_CODE(read_byte(it, 150), CORDON_ETIMEDOUT, &it->fault);
    assert_true(cordon__now() - start < 2000);
    SUPPORT_CODE(read_byte(it, 30), CORDON_ETIMEDOUT, &it->fault);
}

static void *sends_later(void *context)
{
    pair *it = context;

    support_pause(60);
    SUPPORT_CHECK(write(it->peer, "x", 1) == 1);
    return NULL;
}

static void wait_for_ever_ends_with_a_byte(void **state)
{
    pair     *it = *state;
    pthread_t thread;
    char      byte;
    size_t    got;

    for (int i = 0; i < 3; i++) {
        assert_int_equal(pthread_create(&thread, NULL, sends_later, it), 0);
        SUPPORT_CODE(cordon__line_read(&it->line, &byte, 1, &got, CORDON__NEVER, &it->fault),
                     CORDON_OK, &it->fault);
        pthread_join(thread, NULL);
    }
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

        SUPPORT_CODE(read_byte(it, 200), CORDON_ETIMEDOUT, &it->fault);
        const uint64_t took = cordon__now() - start;

        assert_true(alarms > 0); /* a busy machine joins many into few */
        ring_each(0);
        assert_true(took >= 200 && took < 1000);
        use_once(it);
    }
    signal(SIGALRM, SIG_DFL);
}

/* ---- interrupting ---- */

static void *interrupts_later(void *context)
{
    pair *it = context;

    support_pause(40);
    cordon__line_interrupt(&it->line);
    return NULL;
}

static void check_interrupted_read(pair *it)
{
    const uint64_t start = cordon__now();
    pthread_t      thread;

    assert_int_equal(pthread_create(&thread, NULL, interrupts_later, it), 0);
    SUPPORT_CODE(read_byte(it, SUPPORT_SOON), CORDON_ECANCELED, &it->fault);
    assert_true(cordon__now() - start < SUPPORT_SOON / 2); /* it did not wait */
    pthread_join(thread, NULL);
    SUPPORT_CODE(read_byte(it, SUPPORT_SOON), CORDON_ECANCELED, &it->fault);
    SUPPORT_CODE(write_text(it, "x", SUPPORT_SOON), CORDON_ECANCELED, &it->fault);
}

static void interrupt_wakes_a_first_read(void **state)
{
    check_interrupted_read(*state);
}

static void interrupt_wakes_a_later_read(void **state)
{
    use_once(*state);
    check_interrupted_read(*state);
}

static void interrupted_one_does_not_even_read_what_is_there(void **state)
{
    pair *it = *state;

    assert_int_equal(write(it->peer, "x", 1), 1);
    cordon__line_interrupt(&it->line);
    SUPPORT_CODE(read_byte(it, SUPPORT_SOON), CORDON_ECANCELED, &it->fault);
}

static void interrupt_wakes_a_write(void **state)
{
    pair              *it = *state;
    const size_t       size = 4 << 20;
    char              *data = test_calloc(1, size);
    const cordon_bytes piece = {data, size};
    pthread_t          thread;
    size_t             sent;

    assert_int_equal(pthread_create(&thread, NULL, interrupts_later, it), 0);
    SUPPORT_CODE(
        cordon__line_write(&it->line, &piece, 1, &sent, cordon__now() + SUPPORT_SOON, &it->fault),
        CORDON_ECANCELED, &it->fault);
    assert_true(sent < size);
    pthread_join(thread, NULL);
    test_free(data);
}

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
    SUPPORT_CODE(read_byte(interrupted, SUPPORT_SOON), CORDON_ECANCELED, &interrupted->fault);
    signal(SIGALRM, SIG_DFL);
}

/* ---- writing ---- */

#define BIG ((size_t)3 << 20)

static void *reads_all(void *context)
{
    pair   *it = context;
    char   *data = malloc(BIG);
    size_t  have = 0;
    ssize_t got;

    support_pause(20);
    while (have < BIG && (got = read(it->peer, data + have, BIG - have)) > 0)
        have += (size_t)got;
    SUPPORT_CHECK(have == BIG);
    return data;
}

static void many_pieces_arrive_in_order(void **state)
{
    pair        *it = *state;
    cordon_bytes pieces[201];
    uint8_t     *data = test_malloc(BIG);
    size_t       used = 0, sent;
    pthread_t    thread;
    void        *read_data;

    for (size_t i = 0; i < BIG; i++)
        data[i] = (uint8_t)(i * 2654435761u >> 13);
    for (size_t i = 0; i < 200; i++) { /* sizes from 0 up, and a large rest */
        pieces[i].data = data + used;
        pieces[i].size = i % 7 == 0 ? 0 : i * 13;
        used += pieces[i].size;
    }
    pieces[200].data = data + used;
    pieces[200].size = BIG - used;
    assert_int_equal(pthread_create(&thread, NULL, reads_all, it), 0);
    SUPPORT_CODE(
        cordon__line_write(&it->line, pieces, 201, &sent, cordon__now() + SUPPORT_SOON, &it->fault),
        CORDON_OK, &it->fault);
    assert_int_equal(sent, BIG);
    pthread_join(thread, &read_data);
    assert_memory_equal(read_data, data, BIG);
    free(read_data);
    test_free(data);
}

static void nothing_to_write_is_done(void **state)
{
    pair              *it = *state;
    const cordon_bytes nothing = {NULL, 0};
    size_t             sent = 1;

    SUPPORT_CODE(cordon__line_write(&it->line, &nothing, 1, &sent, 0, &it->fault), CORDON_OK,
                 &it->fault);
    assert_int_equal(sent, 0);
    SUPPORT_CODE(cordon__line_write(&it->line, NULL, 0, &sent, 0, &it->fault), CORDON_OK,
                 &it->fault);
}

static void nobody_reads_is_a_timeout_that_says_how_much_went(void **state)
{
    pair              *it = *state;
    char              *data = test_calloc(1, BIG);
    const cordon_bytes piece = {data, BIG};
    size_t             sent = 0, had = 0;
    ssize_t            got;

    for (int ms = 0; ms <= 60; ms += 60) {
        const uint64_t start = cordon__now();

        SUPPORT_CODE(
            cordon__line_write(&it->line, &piece, 1, &sent, start + (uint64_t)ms, &it->fault),
            CORDON_ETIMEDOUT, &it->fault);
        assert_true(cordon__now() - start >= (uint64_t)ms);
        assert_true(sent < BIG);
        had += sent;
    }
    assert_true(had > 0);
    fcntl(it->peer, F_SETFL, O_NONBLOCK);
    while ((got = read(it->peer, data, BIG)) > 0)
        had -= (size_t)got;
    assert_int_equal(had, 0);
    test_free(data);
}

static void listening_write_ends_when_there_is_something_to_read(void **state)
{
    pair              *it = *state;
    char              *data = test_calloc(1, BIG);
    const cordon_bytes piece = {data, BIG};
    size_t             sent;

    it->line.is_listening = 1;
    SUPPORT_CODE(cordon__line_write(&it->line, &piece, 1, &sent, 0, &it->fault), CORDON_ETIMEDOUT,
                 &it->fault);
    assert_true(sent > 0); /* what goes goes, and only a wait ends early */
    assert_int_equal(write(it->peer, "x", 1), 1);
    assert_int_equal(
        cordon__line_write(&it->line, &piece, 1, &sent, cordon__now() + SUPPORT_SOON, &it->fault),
        CORDON__READABLE);
    assert_true(sent < BIG);
    SUPPORT_CODE(read_byte(it, SUPPORT_SOON), CORDON_OK, &it->fault);
    SUPPORT_CODE(cordon__line_write(&it->line, &piece, 1, &sent, 0, &it->fault), CORDON_ETIMEDOUT,
                 &it->fault);
    test_free(data);
}

static void write_to_the_dead_is_eclosed_without_a_signal(void **state)
{
    pair *it = *state;

    signal(SIGPIPE, SIG_DFL);
    assert_int_equal(write(it->peer, "reason", 6), 6);
    hang_up(it);
    SUPPORT_CODE(write_text(it, "x", SUPPORT_SOON), CORDON_ECLOSED, &it->fault);
    SUPPORT_CODE(read_byte(it, SUPPORT_SOON), CORDON_OK, &it->fault); /* the reason is there */
}

static void what_was_written_before_the_close_arrives(void **state)
{
    pair *it = *state;
    char  data[16];

    SUPPORT_CODE(write_text(it, "last words", SUPPORT_SOON), CORDON_OK, &it->fault);
    cordon__line_close(&it->line);
    cordon__line_close(&it->line); /* once more is harmless */
    assert_int_equal(read(it->peer, data, sizeof data), 10);
    assert_int_equal(read(it->peer, data, sizeof data), 0);
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

int main(void)
{
#define pair_test(name) cmocka_unit_test_setup_teardown(name, open_pair, close_pair)
    const struct CMUnitTest tests[] = {
        pair_test(bytes_arrive_as_they_come),
        pair_test(end_is_eclosed_after_the_last_bytes),
        pair_test(reset_is_eclosed_after_the_last_bytes),
        pair_test(deadline_that_has_passed_means_once),
        pair_test(waits_end_at_the_deadline_not_before),
        pair_test(kernel_wait_is_set_to_end_before_the_deadline),
        pair_test(wait_for_ever_ends_with_a_byte),
        pair_test(signals_neither_end_nor_stretch_a_wait),
        pair_test(interrupt_wakes_a_first_read),
        pair_test(interrupt_wakes_a_later_read),
        pair_test(interrupted_one_does_not_even_read_what_is_there),
        pair_test(interrupt_wakes_a_write),
        pair_test(signal_handler_may_interrupt),
        pair_test(many_pieces_arrive_in_order),
        pair_test(nothing_to_write_is_done),
        pair_test(nobody_reads_is_a_timeout_that_says_how_much_went),
        pair_test(listening_write_ends_when_there_is_something_to_read),
        pair_test(write_to_the_dead_is_eclosed_without_a_signal),
        pair_test(what_was_written_before_the_close_arrives),
        pair_test(widened_line_takes_more_at_once),
        cmocka_unit_test(steady_round_trip_is_one_send_and_one_receive),
    };

    return cmocka_run_group_tests_name("contract_line", tests, NULL, NULL);
}
