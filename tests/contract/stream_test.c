/* A connection on a loop: what is read, and its end. */
#include "ear.h"

/* ---- reading ---- */

static void bytes_come_in_parts_of_the_room_given(void **state)
{
    ear *it = *state;

    it->room_size = 4;
    cordon__stream_reading(it->stream, 1);
    ear_send(it, "abcdefgh");
    assert_int_equal(it->reads, 0);
    ear_run_until(it, &it->reads, 2);
    assert_int_equal(it->rooms, 2);
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
    ear_run_until(it, &it->reads, 1);
    ear_check(it, "abc");
    cordon__stream_reading(it->stream, 0);
    ear_send(it, "def");
    assert_true(ear_turns(it) < EAR_QUIET);
    ear_check(it, "abc");
    cordon__stream_reading(it->stream, 1);
    ear_run_until(it, &it->reads, 2);
    ear_check(it, "abcdef");
    assert_true(ear_turns(it) < EAR_QUIET);
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
    cordon__stream_reading(it->stream, 1); /* the loop watches now, too */
    ear_run(it);
    ear_send(it, "def");
    cordon__stream_read_now(it->stream);
    ear_check(it, "abcdef");
    ear_hang_up(it);
    ear_run_until(it, &it->losses, 1);
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

static void death_is_told_after_the_last_bytes(void **state)
{
    ear *it = *state;

    it->room_size = 2;
    cordon__stream_reading(it->stream, 1);
    ear_send(it, "abcde");
    ear_hang_up(it);
    ear_run_until(it, &it->losses, 1);
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
    ear_run_until(it, &it->losses, 1);
    assert_int_equal(it->losses, 1);
    assert_int_equal(it->inputs, 0);
}

static void death_is_told_while_bytes_lie_unread(void **state)
{
    ear *it = *state;

    cordon__stream_reading(it->stream, 0);
    ear_send(it, "abc");
    ear_run(it);
    assert_int_equal(it->losses, 0);
    ear_hang_up(it);
    ear_run_until(it, &it->losses, 1);
    assert_int_equal(it->losses, 1);
    assert_int_equal(it->reads, 0);
    assert_true(ear_turns(it) < EAR_QUIET);
}

/* The system calls that a reset. */
static void die_with_bytes_of_ours_unread(ear *it)
{
    size_t taken;

    SUPPORT_CODE(ear_write(it, "never read", &taken), CORDON_OK, &it->fault);
    ear_send(it, "abc");
    ear_hang_up(it);
    ear_run_until(it, &it->losses, 1);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        ear_test(bytes_come_in_parts_of_the_room_given),
        ear_test(stopped_one_reads_nothing_and_goes_on_later),
        ear_test(read_now_does_not_wait_for_the_loop),
        ear_test(no_room_is_no_read),
        ear_test(death_is_told_after_the_last_bytes),
        ear_test(death_is_told_while_reading_is_stopped),
        ear_test(death_is_told_while_bytes_lie_unread),
        ear_test(death_with_bytes_of_ours_unread_is_a_loss_too),
        ear_test(death_with_bytes_of_ours_unread_comes_after_what_it_said),
    };

    return SUPPORT_RUN("contract_stream", tests);
}
