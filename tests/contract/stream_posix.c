/* A connection on a loop, on POSIX: half a close, urgent bytes, and what the kernel is asked. */
#include "ear.h"

#include <errno.h>
#include <sys/socket.h>

/* ---- reading ---- */

static void one_read_a_wake_up_into_the_room_given(void **state)
{
    ear *it = *state;

    it->room_size = 4;
    cordon__stream_reading(it->stream, 1);
    ear_send(it, "abcdefgh");
    assert_int_equal(it->reads, 0);
    uv_run(&it->loop, UV_RUN_NOWAIT);
    assert_int_equal(it->reads, 1);
    assert_int_equal(it->rooms, 1);
    ear_run(it);
    assert_int_equal(it->reads, 2);
    ear_check(it, "abcdefgh");
}

static void read_now_tells_half_a_close_once(void **state)
{
    ear *it = *state;

    cordon__stream_reading(it->stream, 0);
    cordon__stream_read_now(it->stream);
    assert_int_equal(it->reads + it->inputs + it->losses, 0);
    ear_send(it, "abc");
    cordon__stream_read_now(it->stream);
    ear_check(it, "abc");
    shutdown((int)it->peer, SHUT_WR);
    cordon__stream_read_now(it->stream);
    assert_int_equal(it->inputs, 1);
    cordon__stream_read_now(it->stream);
    assert_int_equal(it->inputs, 1);
    ear_hang_up(it);
    ear_run(it);
    assert_int_equal(it->losses, 1);
    cordon__stream_read_now(it->stream);
    assert_int_equal(it->losses, 1);
}

/* ---- the end: half of it, and all ---- */

static void half_close_is_told_once_and_answers_still_go(void **state)
{
    ear   *it = *state;
    size_t taken;
    char   data[16];

    cordon__stream_reading(it->stream, 1);
    ear_send(it, "abc");
    shutdown((int)it->peer, SHUT_WR);
    ear_run(it);
    ear_check(it, "abc");
    assert_int_equal(it->inputs, 1);
    assert_int_equal(it->losses, 0);
    assert_true(ear_turns(it) < EAR_QUIET);
    SUPPORT_CODE(ear_write(it, "answer", &taken), CORDON_OK, &it->fault);
    assert_int_equal(recv((int)it->peer, data, sizeof data, 0), 6);
    assert_int_equal(it->inputs, 1);
    ear_hang_up(it);
    ear_run(it);
    assert_int_equal(it->losses, 1);
    assert_true(ear_turns(it) < EAR_QUIET);
}

static void one_that_nobody_waits_for_is_not_watched_until_somebody_does(void **state)
{
    ear *it = *state;

    ear_send(it, "abc");
    cordon__stream_read_now(it->stream);
    ear_check(it, "abc");
    ear_hang_up(it);
    ear_run(it);
    assert_int_equal(it->losses + it->inputs, 0);
    assert_int_equal(uv_loop_alive(&it->loop), 0); /* the loop does not know of it */
    cordon__stream_reading(it->stream, 0);
    ear_run(it);
    assert_int_equal(it->losses, 1);
}

static void half_close_while_reading_is_stopped_is_no_death_and_keeps_nobody_busy(void **state)
{
    ear *it = *state;

    cordon__stream_reading(it->stream, 0);
    ear_send(it, "abc");
    shutdown((int)it->peer, SHUT_WR);
    ear_run(it);
    assert_int_equal(it->losses + it->inputs, 0);
    assert_true(ear_turns(it) < EAR_QUIET);
    cordon__stream_reading(it->stream, 1);
    ear_run(it);
    ear_check(it, "abc");
    assert_int_equal(it->inputs, 1);
}

static void urgent_byte_ends_a_quiet_stream_and_keeps_nobody_busy(void **state)
{
    ear *it = *state;

    if (send((int)it->peer, "!", 1, MSG_OOB) != 1)
        SUPPORT_SKIP("no urgent bytes on AF_UNIX here");
    cordon__stream_reading(it->stream, 0);
    ear_run(it);
    assert_int_equal(it->losses, 1);
    assert_int_equal(it->lost_code, EPROTO);
    assert_true(ear_turns(it) < EAR_QUIET);
}

static void urgent_byte_keeps_a_reading_stream_not_busy(void **state)
{
    ear *it = *state;

    cordon__stream_reading(it->stream, 1);
    ear_send(it, "abc");
    if (send((int)it->peer, "!", 1, MSG_OOB) != 1)
        SUPPORT_SKIP("no urgent bytes on AF_UNIX here");
    ear_run(it);
    assert_true(it->got_size >= 3);
    assert_memory_equal(it->got, "abc", 3);
    assert_true(ear_turns(it) < EAR_QUIET);
    shutdown((int)it->peer, SHUT_WR);
    ear_run(it);
    assert_true(ear_turns(it) < EAR_QUIET);
    ear_hang_up(it);
    ear_run(it);
    assert_int_equal(it->losses, 1);
}

const struct CMUnitTest support_own_cases[] = {
    ear_test(one_read_a_wake_up_into_the_room_given),
    ear_test(read_now_tells_half_a_close_once),
    ear_test(half_close_is_told_once_and_answers_still_go),
    ear_test(one_that_nobody_waits_for_is_not_watched_until_somebody_does),
    ear_test(half_close_while_reading_is_stopped_is_no_death_and_keeps_nobody_busy),
    ear_test(urgent_byte_ends_a_quiet_stream_and_keeps_nobody_busy),
    ear_test(urgent_byte_keeps_a_reading_stream_not_busy),
    SUPPORT_NO_CASE,
};
