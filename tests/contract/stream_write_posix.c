/* A connection on a loop, on POSIX: what is written to the byte, its size, and forks. */
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
        while ((got = recv((int)it->peer, back + in, BIG - in, MSG_DONTWAIT)) > 0)
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

static void peer_that_does_not_read_any_more_may_still_write(void **state)
{
    ear   *it = *state;
    size_t taken;

    cordon__stream_reading(it->stream, 1);
    shutdown((int)it->peer, SHUT_RD);
    SUPPORT_CODE(ear_write(it, "x", &taken), CORDON_ECLOSED, &it->fault);
    ear_send(it, "abc");
    ear_run(it);
    ear_check(it, "abc");
    assert_int_equal(it->losses, 0);
    assert_true(ear_turns(it) < EAR_QUIET);
}

/* ---- closing ---- */

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

const struct CMUnitTest support_own_cases[] = {
    ear_test(what_does_not_go_at_once_goes_when_there_is_room),
    ear_test(peer_that_does_not_read_any_more_may_still_write),
    ear_test(idle_stream_costs_at_most_240_bytes),
    ear_test(child_that_closes_all_leaves_the_loop_alone),
    ear_test(child_that_closes_one_that_nobody_watched_leaves_it_alone),
    SUPPORT_NO_CASE,
};
