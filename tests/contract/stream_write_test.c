/* A connection on a loop: what is written, and closing. */
#include "ear.h"

#include <sys/socket.h>

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
        ear_run(it);
        assert_int_equal(it->writables, before); /* not before somebody reads */
        while ((got = recv(it->peer, back + in, BIG - in, 0)) > 0)
            in += (size_t)got;
        if (out < BIG) {
            ear_run(it);
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
    ear_send(it, "abc");
    ear_run(it);
    ear_check(it, "abc");
    assert_true(ear_turns(it) < EAR_QUIET);
    cordon__stream_reading(it->stream, 0);
    ear_hang_up(it);
    ear_run(it);
    assert_int_equal(it->losses, 1);
    assert_true(ear_turns(it) < EAR_QUIET);
    test_free(data);
}

static void write_to_the_dead_is_eclosed_and_what_came_is_still_read(void **state)
{
    ear   *it = *state;
    size_t taken;

    cordon__stream_reading(it->stream, 1);
    ear_send(it, "reason");
    ear_hang_up(it);
    SUPPORT_CODE(ear_write(it, "x", &taken), CORDON_ECLOSED, &it->fault);
    assert_int_equal(taken, 0);
    ear_run(it);
    ear_check(it, "reason");
    assert_int_equal(it->losses, 1);
    SUPPORT_CODE(ear_write(it, "x", &taken), CORDON_ECLOSED, &it->fault);
}

static void peer_that_does_not_read_any_more_may_still_write(void **state)
{
    ear   *it = *state;
    size_t taken;

    cordon__stream_reading(it->stream, 1);
    shutdown(it->peer, SHUT_RD);
    SUPPORT_CODE(ear_write(it, "x", &taken), CORDON_ECLOSED, &it->fault);
    ear_send(it, "abc");
    ear_run(it);
    ear_check(it, "abc");
    assert_int_equal(it->losses, 0);
    assert_true(ear_turns(it) < EAR_QUIET);
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
        ear_send(it, "abcdef");
        if (now == IN_END)
            shutdown(it->peer, SHUT_WR);
    }
    ear_run(it); /* every callback checks that nothing is told afterwards */
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

    SUPPORT_CODE(ear_write(it, "last words", &taken), CORDON_OK, &it->fault);
    it->stream = NULL;
    cordon__stream_close(stream);
    assert_int_equal(recv(it->peer, data, sizeof data, 0), 10);
    assert_int_equal(recv(it->peer, data, sizeof data, 0), 0);
    ear_run(it);
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
    ear_run(it); /* so that epoll has it */
    assert_int_equal(support_wait(support_fork(closes_it, it), SUPPORT_SOON), 0);
    ear_send(it, "abc");
    ear_run(it);
    ear_check(it, "abc");
    ear_hang_up(it);
    ear_run(it);
    assert_int_equal(it->losses, 1);
}

static void child_that_closes_one_that_nobody_watched_leaves_it_alone(void **state)
{
    ear *it = *state;

    assert_int_equal(support_wait(support_fork(closes_it, it), SUPPORT_SOON), 0);
    ear_send(it, "abc");
    cordon__stream_reading(it->stream, 1);
    ear_run(it);
    ear_check(it, "abc");
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
    SUPPORT_CODE(
        cordon__stream_open(&other, &it->loop, fds[0], &ear_events, it, &memory, &it->fault),
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
    ear_run(it);
    assert_int_equal(closed, 500);
    assert_int_equal(support_count_descriptors(), before);
}

int main(void)
{
#define ear_test(name)    cmocka_unit_test_setup_teardown(name, ear_open, ear_close)
#define closed_test(name) cmocka_unit_test_setup_teardown(name, ear_open, already_closed)
    const struct CMUnitTest tests[] = {
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

    return cmocka_run_group_tests_name("contract_stream_write", tests, NULL, NULL);
}
