/* A connection on a loop: what is read, and its end. */
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

static void stopped_one_reads_nothing_and_goes_on_later(void **state)
{
    ear *it = *state;

    ear_send(it, "abc");
    ear_run(it);
    assert_int_equal(it->rooms, 0);
    assert_true(ear_turns(it) < EAR_QUIET); /* unread bytes do not keep it busy */
    cordon__stream_reading(it->stream, 1);
    ear_run(it);
    ear_check(it, "abc");
    cordon__stream_reading(it->stream, 0);
    ear_send(it, "def");
    ear_run(it);
    ear_check(it, "abc");
    cordon__stream_reading(it->stream, 1);
    ear_run(it);
    ear_check(it, "abcdef");
}

static void read_now_does_not_wait_for_the_loop(void **state)
{
    ear *it = *state;

    cordon__stream_reading(it->stream, 0);
    cordon__stream_read_now(it->stream);
    assert_int_equal(it->reads + it->inputs + it->losses, 0);
    ear_send(it, "abc");
    cordon__stream_read_now(it->stream);
    ear_check(it, "abc");
    shutdown(it->peer, SHUT_WR);
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

static void no_room_is_no_read(void **state)
{
    ear *it = *state;

    it->room_size = 0;
    ear_send(it, "abc");
    cordon__stream_read_now(it->stream);
    assert_int_equal(it->rooms, 1);
    assert_int_equal(it->reads, 0);
    it->room_size = 16;
    cordon__stream_read_now(it->stream);
    ear_check(it, "abc");
}

/* ---- the end: half of it, and all ---- */

static void half_close_is_told_once_and_answers_still_go(void **state)
{
    ear   *it = *state;
    size_t taken;
    char   data[16];

    cordon__stream_reading(it->stream, 1);
    ear_send(it, "abc");
    shutdown(it->peer, SHUT_WR);
    ear_run(it);
    ear_check(it, "abc");
    assert_int_equal(it->inputs, 1);
    assert_int_equal(it->losses, 0);
    assert_true(ear_turns(it) < EAR_QUIET);
    SUPPORT_CODE(ear_write(it, "answer", &taken), CORDON_OK, &it->fault);
    assert_int_equal(recv(it->peer, data, sizeof data, 0), 6);
    assert_int_equal(it->inputs, 1);
    ear_hang_up(it);
    ear_run(it);
    assert_int_equal(it->losses, 1);
    assert_true(ear_turns(it) < EAR_QUIET);
}

static void death_is_told_after_the_last_bytes(void **state)
{
    ear *it = *state;

    it->room_size = 2;
    cordon__stream_reading(it->stream, 1);
    ear_send(it, "abcde");
    ear_hang_up(it);
    ear_run(it);
    ear_check(it, "abcde");
    assert_int_equal(it->inputs, 0);
    assert_int_equal(it->losses, 1);
    assert_true(ear_turns(it) < EAR_QUIET);
}

static void death_is_told_while_reading_is_stopped(void **state)
{
    ear *it = *state;

    cordon__stream_reading(it->stream, 0);
    assert_true(ear_turns(it) < EAR_QUIET);
    ear_hang_up(it);
    ear_run(it);
    assert_int_equal(it->losses, 1);
    assert_int_equal(it->inputs, 0);
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

static void death_is_told_while_bytes_lie_unread(void **state)
{
    ear *it = *state;

    cordon__stream_reading(it->stream, 0);
    ear_send(it, "abc");
    ear_run(it);
    assert_int_equal(it->losses, 0);
    ear_hang_up(it);
    ear_run(it);
    assert_int_equal(it->losses, 1);
    assert_int_equal(it->reads, 0);
    assert_true(ear_turns(it) < EAR_QUIET);
}

static void half_close_while_reading_is_stopped_is_no_death_and_keeps_nobody_busy(void **state)
{
    ear *it = *state;

    cordon__stream_reading(it->stream, 0);
    ear_send(it, "abc");
    shutdown(it->peer, SHUT_WR);
    ear_run(it);
    assert_int_equal(it->losses + it->inputs, 0);
    assert_true(ear_turns(it) < EAR_QUIET);
    cordon__stream_reading(it->stream, 1);
    ear_run(it);
    ear_check(it, "abc");
    assert_int_equal(it->inputs, 1);
}

/* The system calls that a reset. */
static void die_with_bytes_of_ours_unread(ear *it)
{
    size_t taken;

    SUPPORT_CODE(ear_write(it, "never read", &taken), CORDON_OK, &it->fault);
    ear_send(it, "abc");
    ear_hang_up(it);
    ear_run(it);
    assert_int_equal(it->losses, 1);
    assert_true(ear_turns(it) < EAR_QUIET);
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
    ear_check(it, "abc");
}

static void urgent_byte_ends_a_quiet_stream_and_keeps_nobody_busy(void **state)
{
    ear *it = *state;

    if (send(it->peer, "!", 1, MSG_OOB) != 1)
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
    if (send(it->peer, "!", 1, MSG_OOB) != 1)
        SUPPORT_SKIP("no urgent bytes on AF_UNIX here");
    ear_run(it);
    assert_true(it->got_size >= 3);
    assert_memory_equal(it->got, "abc", 3);
    assert_true(ear_turns(it) < EAR_QUIET);
    shutdown(it->peer, SHUT_WR);
    ear_run(it);
    assert_true(ear_turns(it) < EAR_QUIET);
    ear_hang_up(it);
    ear_run(it);
    assert_int_equal(it->losses, 1);
}

int main(void)
{
#define ear_test(name) cmocka_unit_test_setup_teardown(name, ear_open, ear_close)
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
    };

    return cmocka_run_group_tests_name("contract_stream", tests, NULL, NULL);
}
