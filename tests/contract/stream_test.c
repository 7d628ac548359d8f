/* A connection on a loop. */
#include "kit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <uv.h>

enum when { NEVER, IN_ROOM, IN_READ, IN_END, IN_WRITABLE };

/* A stream, the other end of it, and what was told. */
typedef struct ear {
    uv_loop_t       loop;
    cordon__stream *stream;
    int             peer;
    support_memory  memory;
    cordon_fault    fault;
    char            room[65536];
    size_t          room_size;
    char           *got;
    size_t          got_size;
    unsigned        rooms, reads, inputs, losses, writables, closes;
    uint32_t        lost_code;
    enum when       close_in;
    unsigned        turns; /* of the loop */
} ear;

static void close_if(ear *it, enum when now)
{
    if (it->close_in == now) {
        cordon__stream_close(it->stream);
        it->stream = NULL;
    }
}

static void give_room(void *owner, char **data, size_t *size)
{
    ear *it = owner;

    assert_non_null(it->stream);
    it->rooms++;
    *data = it->room;
    *size = it->room_size;
    close_if(it, IN_ROOM);
}

static void take_bytes(void *owner, size_t size)
{
    ear *it = owner;

    assert_non_null(it->stream);
    assert_true(size > 0 && size <= it->room_size);
    it->reads++;
    it->got = realloc(it->got, it->got_size + size);
    memcpy(it->got + it->got_size, it->room, size);
    it->got_size += size;
    close_if(it, IN_READ);
}

static void hear_end(void *owner, enum cordon__end end, uint32_t os_code)
{
    ear *it = owner;

    assert_non_null(it->stream);
    assert_int_equal(it->losses, 0); /* it is the last one */
    if (end == CORDON__END_INPUT) {
        it->inputs++;
    } else {
        it->losses++;
        it->lost_code = os_code;
    }
    close_if(it, IN_END);
}

static void hear_writable(void *owner)
{
    ear *it = owner;

    assert_non_null(it->stream);
    it->writables++;
    close_if(it, IN_WRITABLE);
}

static void hear_closed(void *owner)
{
    ear *it = owner;

    assert_null(it->stream);
    it->closes++;
}

static const cordon__stream_events events = {give_room, take_bytes, hear_end, hear_writable,
                                             hear_closed};

static int open_ear(void **state)
{
    static const cordon_fault none = CORDON_FAULT_INIT;
    ear                      *it = test_calloc(1, sizeof *it);
    const cordon__memory      memory = {support_allocate, &it->memory};
    int                       fds[2];

    signal(SIGPIPE, SIG_DFL); /* nothing of ours may raise it */
    it->fault = none;
    it->room_size = sizeof it->room;
    if (uv_loop_init(&it->loop) != 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0)
        return -1;
    it->peer = fds[1];
    SUPPORT_CODE(
        cordon__stream_open(&it->stream, &it->loop, fds[0], &events, it, &memory, &it->fault),
        CORDON_OK, &it->fault);
    *state = it;
    return 0;
}

static void hang_up(ear *it)
{
    close(it->peer);
    it->peer = -1;
}

static int close_ear(void **state)
{
    ear *it = *state;

    if (it->stream) {
        cordon__stream *stream = it->stream;

        it->stream = NULL;
        cordon__stream_close(stream);
    }
    assert_int_equal(it->closes, 0); /* never from inside */
    uv_run(&it->loop, UV_RUN_DEFAULT);
    assert_int_equal(it->closes, 1);
    assert_int_equal(uv_loop_close(&it->loop), 0);
    assert_int_equal(atomic_load(&it->memory.blocks), 0);
    if (it->peer >= 0)
        close(it->peer);
    free(it->got);
    test_free(it);
    return 0;
}

/* Whatever the loop has to say now. */
static void run_now(ear *it)
{
    for (int i = 0; i < 10; i++)
        uv_run(&it->loop, UV_RUN_NOWAIT);
}

static void count_turn(uv_prepare_t *handle)
{
    ((ear *)handle->data)->turns++;
}

static void stop_loop(uv_timer_t *timer)
{
    uv_stop(timer->loop);
}

/* Turns that the loop makes in 60 ms with nothing to do: a busy one makes thousands. */
static unsigned count_turns(ear *it)
{
    uv_prepare_t prepare;
    uv_timer_t   timer;

    it->turns = 0;
    uv_prepare_init(&it->loop, &prepare);
    prepare.data = it;
    uv_prepare_start(&prepare, count_turn);
    uv_timer_init(&it->loop, &timer);
    uv_timer_start(&timer, stop_loop, 60, 0);
    uv_run(&it->loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&prepare, NULL);
    uv_close((uv_handle_t *)&timer, NULL);
    run_now(it);
    return it->turns;
}

#define QUIET_TURNS 10

static void send_text(ear *it, const char *text)
{
    const size_t size = strlen(text);

    assert_int_equal(send(it->peer, text, size, MSG_NOSIGNAL), (ssize_t)size);
}

static void check_got(const ear *it, const char *text)
{
    assert_int_equal(it->got_size, strlen(text));
    assert_memory_equal(it->got, text, strlen(text));
}

static int write_text(ear *it, const char *text, size_t *taken)
{
    const cordon_bytes piece = {text, strlen(text)};

    return cordon__stream_write(it->stream, &piece, 1, taken, &it->fault);
}

/* ---- reading ---- */

static void one_read_a_wake_up_into_the_room_given(void **state)
{
    ear *it = *state;

    it->room_size = 4;
    cordon__stream_reading(it->stream, 1);
    send_text(it, "abcdefgh");
    assert_int_equal(it->reads, 0);
    uv_run(&it->loop, UV_RUN_NOWAIT);
    assert_int_equal(it->reads, 1);
    assert_int_equal(it->rooms, 1);
    run_now(it);
    assert_int_equal(it->reads, 2);
    check_got(it, "abcdefgh");
}

static void stopped_one_reads_nothing_and_goes_on_later(void **state)
{
    ear *it = *state;

    send_text(it, "abc");
    run_now(it);
    assert_int_equal(it->rooms, 0);
    assert_true(count_turns(it) < QUIET_TURNS); /* unread bytes do not keep it busy */
    cordon__stream_reading(it->stream, 1);
    run_now(it);
    check_got(it, "abc");
    cordon__stream_reading(it->stream, 0);
    send_text(it, "def");
    run_now(it);
    check_got(it, "abc");
    cordon__stream_reading(it->stream, 1);
    run_now(it);
    check_got(it, "abcdef");
}

static void read_now_does_not_wait_for_the_loop(void **state)
{
    ear *it = *state;

    cordon__stream_reading(it->stream, 0);
    cordon__stream_read_now(it->stream);
    assert_int_equal(it->reads + it->inputs + it->losses, 0);
    send_text(it, "abc");
    cordon__stream_read_now(it->stream);
    check_got(it, "abc");
    shutdown(it->peer, SHUT_WR);
    cordon__stream_read_now(it->stream);
    assert_int_equal(it->inputs, 1);
    cordon__stream_read_now(it->stream);
    assert_int_equal(it->inputs, 1);
    hang_up(it);
    run_now(it);
    assert_int_equal(it->losses, 1);
    cordon__stream_read_now(it->stream);
    assert_int_equal(it->losses, 1);
}

static void no_room_is_no_read(void **state)
{
    ear *it = *state;

    it->room_size = 0;
    send_text(it, "abc");
    cordon__stream_read_now(it->stream);
    assert_int_equal(it->rooms, 1);
    assert_int_equal(it->reads, 0);
    it->room_size = 16;
    cordon__stream_read_now(it->stream);
    check_got(it, "abc");
}

/* ---- the end: half of it, and all ---- */

static void half_close_is_told_once_and_answers_still_go(void **state)
{
    ear   *it = *state;
    size_t taken;
    char   data[16];

    cordon__stream_reading(it->stream, 1);
    send_text(it, "abc");
    shutdown(it->peer, SHUT_WR);
    run_now(it);
    check_got(it, "abc");
    assert_int_equal(it->inputs, 1);
    assert_int_equal(it->losses, 0);
    assert_true(count_turns(it) < QUIET_TURNS);
    SUPPORT_CODE(write_text(it, "answer", &taken), CORDON_OK, &it->fault);
    assert_int_equal(recv(it->peer, data, sizeof data, 0), 6);
    assert_int_equal(it->inputs, 1);
    hang_up(it);
    run_now(it);
    assert_int_equal(it->losses, 1);
    assert_true(count_turns(it) < QUIET_TURNS);
}

static void death_is_told_after_the_last_bytes(void **state)
{
    ear *it = *state;

    it->room_size = 2;
    cordon__stream_reading(it->stream, 1);
    send_text(it, "abcde");
    hang_up(it);
    run_now(it);
    check_got(it, "abcde");
    assert_int_equal(it->inputs, 0);
    assert_int_equal(it->losses, 1);
    assert_true(count_turns(it) < QUIET_TURNS);
}

static void death_is_told_while_reading_is_stopped(void **state)
{
    ear *it = *state;

    cordon__stream_reading(it->stream, 0);
    assert_true(count_turns(it) < QUIET_TURNS);
    hang_up(it);
    run_now(it);
    assert_int_equal(it->losses, 1);
    assert_int_equal(it->inputs, 0);
}

static void one_that_nobody_waits_for_is_not_watched_until_somebody_does(void **state)
{
    ear *it = *state;

    send_text(it, "abc");
    cordon__stream_read_now(it->stream);
    check_got(it, "abc");
    hang_up(it);
    run_now(it);
    assert_int_equal(it->losses + it->inputs, 0);
    assert_int_equal(uv_loop_alive(&it->loop), 0); /* the loop does not know of it */
    cordon__stream_reading(it->stream, 0);
    run_now(it);
    assert_int_equal(it->losses, 1);
}

static void death_is_told_while_bytes_lie_unread(void **state)
{
    ear *it = *state;

    cordon__stream_reading(it->stream, 0);
    send_text(it, "abc");
    run_now(it);
    assert_int_equal(it->losses, 0);
    hang_up(it);
    run_now(it);
    assert_int_equal(it->losses, 1);
    assert_int_equal(it->reads, 0);
    assert_true(count_turns(it) < QUIET_TURNS);
}

static void half_close_while_reading_is_stopped_is_no_death_and_keeps_nobody_busy(void **state)
{
    ear *it = *state;

    cordon__stream_reading(it->stream, 0);
    send_text(it, "abc");
    shutdown(it->peer, SHUT_WR);
    run_now(it);
    assert_int_equal(it->losses + it->inputs, 0);
    assert_true(count_turns(it) < QUIET_TURNS);
    cordon__stream_reading(it->stream, 1);
    run_now(it);
    check_got(it, "abc");
    assert_int_equal(it->inputs, 1);
}

/* The system calls that a reset. */
static void die_with_bytes_of_ours_unread(ear *it)
{
    size_t taken;

    SUPPORT_CODE(write_text(it, "never read", &taken), CORDON_OK, &it->fault);
    send_text(it, "abc");
    hang_up(it);
    run_now(it);
    assert_int_equal(it->losses, 1);
    assert_true(count_turns(it) < QUIET_TURNS);
}

static void death_with_bytes_of_ours_unread_is_a_loss_too(void **state)
{
    ear *it = *state;

    cordon__stream_reading(it->stream, 0);
    die_with_bytes_of_ours_unread(it);
}

static void death_with_bytes_of_ours_unread_comes_after_what_it_said(void **state)
{
    ear *it = *state;

    cordon__stream_reading(it->stream, 1);
    die_with_bytes_of_ours_unread(it);
    check_got(it, "abc");
}

static void urgent_byte_ends_a_quiet_stream_and_keeps_nobody_busy(void **state)
{
    ear *it = *state;

    if (send(it->peer, "!", 1, MSG_OOB) != 1)
        SUPPORT_SKIP("no urgent bytes on AF_UNIX here");
    cordon__stream_reading(it->stream, 0);
    run_now(it);
    assert_int_equal(it->losses, 1);
    assert_int_equal(it->lost_code, EPROTO);
    assert_true(count_turns(it) < QUIET_TURNS);
}

static void urgent_byte_keeps_a_reading_stream_not_busy(void **state)
{
    ear *it = *state;

    cordon__stream_reading(it->stream, 1);
    send_text(it, "abc");
    if (send(it->peer, "!", 1, MSG_OOB) != 1)
        SUPPORT_SKIP("no urgent bytes on AF_UNIX here");
    run_now(it);
    assert_true(it->got_size >= 3);
    assert_memory_equal(it->got, "abc", 3);
    assert_true(count_turns(it) < QUIET_TURNS);
    shutdown(it->peer, SHUT_WR);
    run_now(it);
    assert_true(count_turns(it) < QUIET_TURNS);
    hang_up(it);
    run_now(it);
    assert_int_equal(it->losses, 1);
}

/* ---- writing ---- */

#define BIG ((size_t)2 << 20)

static void what_does_not_go_at_once_goes_when_there_is_room(void **state)
{
    ear    *it = *state;
    char   *data = test_malloc(BIG);
    char   *back = test_malloc(BIG);
    size_t  out = 0, in = 0, taken;
    ssize_t got;

    for (size_t i = 0; i < BIG; i++)
        data[i] = (char)(i * 2654435761u >> 11);
    while (in < BIG) {
        const unsigned before = it->writables;

        if (out < BIG) {
            cordon_bytes pieces[3] = {{data + out, (BIG - out) / 2}, {"", 0}, {NULL, 0}};

            pieces[2].data = data + out + pieces[0].size;
            pieces[2].size = BIG - out - pieces[0].size;
            SUPPORT_CODE(cordon__stream_write(it->stream, pieces, 3, &taken, &it->fault), CORDON_OK,
                         &it->fault);
            out += taken;
        }
        run_now(it);
        assert_int_equal(it->writables, before); /* not before somebody reads */
        while ((got = recv(it->peer, back + in, BIG - in, 0)) > 0)
            in += (size_t)got;
        if (out < BIG) {
            run_now(it);
            assert_int_equal(it->writables, before + 1); /* once */
        }
    }
    assert_true(it->writables > 0);
    assert_memory_equal(data, back, BIG);
    test_free(back);
    test_free(data);
}

static void more_pieces_than_one_send_takes(void **state)
{
    ear         *it = *state;
    cordon_bytes pieces[300];
    char         back[400];
    size_t       taken;

    for (int i = 0; i < 300; i++) {
        pieces[i].data = &"0123456789"[i % 10];
        pieces[i].size = 1;
    }
    SUPPORT_CODE(cordon__stream_write(it->stream, pieces, 300, &taken, &it->fault), CORDON_OK,
                 &it->fault);
    assert_int_equal(taken, 300);
    assert_int_equal(recv(it->peer, back, sizeof back, 0), 300);
    for (int i = 0; i < 300; i++)
        assert_int_equal(back[i], '0' + i % 10);
    assert_int_equal(it->writables, 0);
}

static void full_one_still_reads_and_hears_of_death(void **state)
{
    ear               *it = *state;
    char              *data = test_calloc(1, BIG);
    const cordon_bytes piece = {data, BIG};
    size_t             taken;

    cordon__stream_reading(it->stream, 1);
    SUPPORT_CODE(cordon__stream_write(it->stream, &piece, 1, &taken, &it->fault), CORDON_OK,
                 &it->fault);
    assert_true(taken < BIG);
    send_text(it, "abc");
    run_now(it);
    check_got(it, "abc");
    assert_true(count_turns(it) < QUIET_TURNS);
    cordon__stream_reading(it->stream, 0);
    hang_up(it);
    run_now(it);
    assert_int_equal(it->losses, 1);
    assert_true(count_turns(it) < QUIET_TURNS);
    test_free(data);
}

static void write_to_the_dead_is_eclosed_and_what_came_is_still_read(void **state)
{
    ear   *it = *state;
    size_t taken;

    cordon__stream_reading(it->stream, 1);
    send_text(it, "reason");
    hang_up(it);
    SUPPORT_CODE(write_text(it, "x", &taken), CORDON_ECLOSED, &it->fault);
    assert_int_equal(taken, 0);
    run_now(it);
    check_got(it, "reason");
    assert_int_equal(it->losses, 1);
    SUPPORT_CODE(write_text(it, "x", &taken), CORDON_ECLOSED, &it->fault);
}

static void peer_that_does_not_read_any_more_may_still_write(void **state)
{
    ear   *it = *state;
    size_t taken;

    cordon__stream_reading(it->stream, 1);
    shutdown(it->peer, SHUT_RD);
    SUPPORT_CODE(write_text(it, "x", &taken), CORDON_ECLOSED, &it->fault);
    send_text(it, "abc");
    run_now(it);
    check_got(it, "abc");
    assert_int_equal(it->losses, 0);
    assert_true(count_turns(it) < QUIET_TURNS);
}

static void widened_stream_takes_more_at_once(void **state)
{
    ear               *it = *state;
    char              *data = test_calloc(1, BIG);
    const cordon_bytes piece = {data, BIG};
    size_t             before, after;

    SUPPORT_CODE(cordon__stream_write(it->stream, &piece, 1, &before, &it->fault), CORDON_OK,
                 &it->fault);
    while (recv(it->peer, data, BIG, 0) > 0)
        continue;
    cordon__stream_widen(it->stream);
    SUPPORT_CODE(cordon__stream_write(it->stream, &piece, 1, &after, &it->fault), CORDON_OK,
                 &it->fault);
    assert_true(after > before);
    test_free(data);
}

/* ---- closing ---- */

static void check_closed_in(void **state, enum when now)
{
    ear *it = *state;

    it->close_in = now;
    it->room_size = 2;
    cordon__stream_reading(it->stream, 1);
    if (now == IN_WRITABLE) {
        char              *data = test_calloc(1, BIG);
        const cordon_bytes piece = {data, BIG};
        size_t             taken;

        SUPPORT_CODE(cordon__stream_write(it->stream, &piece, 1, &taken, &it->fault), CORDON_OK,
                     &it->fault);
        while (recv(it->peer, data, BIG, 0) > 0)
            continue;
        test_free(data);
    } else {
        send_text(it, "abcdef");
        if (now == IN_END)
            shutdown(it->peer, SHUT_WR);
    }
    run_now(it); /* every callback checks that nothing is told afterwards */
    assert_null(it->stream);
    assert_int_equal(it->closes, 1);
    assert_int_equal(uv_loop_alive(&it->loop), 0);
}

static int already_closed(void **state)
{
    ear *it = *state;

    assert_int_equal(uv_loop_close(&it->loop), 0);
    assert_int_equal(atomic_load(&it->memory.blocks), 0);
    if (it->peer >= 0)
        close(it->peer);
    free(it->got);
    test_free(it);
    return 0;
}

static void closing_while_giving_room(void **state)
{
    check_closed_in(state, IN_ROOM);
}

static void closing_while_reading(void **state)
{
    check_closed_in(state, IN_READ);
}

static void closing_at_the_end(void **state)
{
    check_closed_in(state, IN_END);
}

static void closing_when_writable(void **state)
{
    check_closed_in(state, IN_WRITABLE);
}

static void what_was_written_before_the_close_arrives(void **state)
{
    ear            *it = *state;
    cordon__stream *stream = it->stream;
    size_t          taken;
    char            data[16];

    SUPPORT_CODE(write_text(it, "last words", &taken), CORDON_OK, &it->fault);
    it->stream = NULL;
    cordon__stream_close(stream);
    assert_int_equal(recv(it->peer, data, sizeof data, 0), 10);
    assert_int_equal(recv(it->peer, data, sizeof data, 0), 0);
    run_now(it);
    assert_int_equal(it->closes, 1);
}

static void idle_stream_costs_at_most_240_bytes(void **state)
{
    ear *it = *state;

    assert_int_equal(atomic_load(&it->memory.blocks), 1);
    assert_true(atomic_load(&it->memory.bytes) <= 240);
}

static int closes_it(void *context)
{
    ear *it = context;

    cordon__stream_close(it->stream);
    return (int)it->closes;
}

static void child_that_closes_all_leaves_the_loop_alone(void **state)
{
    ear *it = *state;

    cordon__stream_reading(it->stream, 1);
    run_now(it); /* so that epoll has it */
    assert_int_equal(support_wait(support_fork(closes_it, it), SUPPORT_SOON), 0);
    send_text(it, "abc");
    run_now(it);
    check_got(it, "abc");
    hang_up(it);
    run_now(it);
    assert_int_equal(it->losses, 1);
}

static void child_that_closes_one_that_nobody_watched_leaves_it_alone(void **state)
{
    ear *it = *state;

    assert_int_equal(support_wait(support_fork(closes_it, it), SUPPORT_SOON), 0);
    send_text(it, "abc");
    cordon__stream_reading(it->stream, 1);
    run_now(it);
    check_got(it, "abc");
    assert_int_equal(it->losses, 0);
}

static void no_memory_leaves_the_handle_with_the_caller(void **state)
{
    ear                 *it = *state;
    const cordon__memory memory = {support_allocate, &it->memory};
    cordon__stream      *other = NULL;
    int                  fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    atomic_store(&it->memory.fail_from, atomic_load(&it->memory.calls) + 1);
    SUPPORT_CODE(cordon__stream_open(&other, &it->loop, fds[0], &events, it, &memory, &it->fault),
                 CORDON_ENOMEM, &it->fault);
    assert_null(other);
    cordon__handle_close(fds[0]);
    close(fds[1]);
}

static void closed_only(void *owner)
{
    (*(unsigned *)owner)++;
}

static void many_come_and_go_and_nothing_stays_open(void **state)
{
    static const cordon__stream_events only_closed = {NULL, NULL, NULL, NULL, closed_only};
    ear                               *it = *state;
    const cordon__memory               memory = {support_allocate, &it->memory};
    const int                          before = support_count_descriptors();
    unsigned                           closed = 0;

    for (int i = 0; i < 500; i++) {
        cordon__stream *stream;
        int             fds[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        SUPPORT_CODE(cordon__stream_open(&stream, &it->loop, fds[0], &only_closed, &closed, &memory,
                                         &it->fault),
                     CORDON_OK, &it->fault);
        if (i % 2)
            uv_run(&it->loop, UV_RUN_NOWAIT);
        cordon__stream_close(stream); /* its number is free at once */
        close(fds[1]);
    }
    run_now(it);
    assert_int_equal(closed, 500);
    assert_int_equal(support_count_descriptors(), before);
}

int main(void)
{
#define ear_test(name)    cmocka_unit_test_setup_teardown(name, open_ear, close_ear)
#define closed_test(name) cmocka_unit_test_setup_teardown(name, open_ear, already_closed)
    const struct CMUnitTest tests[] = {
        ear_test(one_read_a_wake_up_into_the_room_given),
        ear_test(stopped_one_reads_nothing_and_goes_on_later),
        ear_test(read_now_does_not_wait_for_the_loop),
        ear_test(no_room_is_no_read),
        ear_test(half_close_is_told_once_and_answers_still_go),
        ear_test(death_is_told_after_the_last_bytes),
        ear_test(death_is_told_while_reading_is_stopped),
        ear_test(one_that_nobody_waits_for_is_not_watched_until_somebody_does),
        ear_test(death_is_told_while_bytes_lie_unread),
        ear_test(half_close_while_reading_is_stopped_is_no_death_and_keeps_nobody_busy),
        ear_test(death_with_bytes_of_ours_unread_is_a_loss_too),
        ear_test(death_with_bytes_of_ours_unread_comes_after_what_it_said),
        ear_test(urgent_byte_ends_a_quiet_stream_and_keeps_nobody_busy),
        ear_test(urgent_byte_keeps_a_reading_stream_not_busy),
        ear_test(what_does_not_go_at_once_goes_when_there_is_room),
        ear_test(more_pieces_than_one_send_takes),
        ear_test(full_one_still_reads_and_hears_of_death),
        ear_test(write_to_the_dead_is_eclosed_and_what_came_is_still_read),
        ear_test(peer_that_does_not_read_any_more_may_still_write),
        ear_test(widened_stream_takes_more_at_once),
        closed_test(closing_while_giving_room),
        closed_test(closing_while_reading),
        closed_test(closing_at_the_end),
        closed_test(closing_when_writable),
        closed_test(what_was_written_before_the_close_arrives),
        ear_test(idle_stream_costs_at_most_240_bytes),
        ear_test(child_that_closes_all_leaves_the_loop_alone),
        ear_test(child_that_closes_one_that_nobody_watched_leaves_it_alone),
        ear_test(no_memory_leaves_the_handle_with_the_caller),
        ear_test(many_come_and_go_and_nothing_stays_open),
    };

    return cmocka_run_group_tests_name("contract_stream", tests, NULL, NULL);
}
