/* A connection on a loop, on Windows: what comes in, and the end. */
#include "win32_ear.h"

/* ---- reading ---- */

static void bytes_come_in_parts_of_the_room(void **state)
{
    ear *it = *state;

    it->room_size = 3;
    cordon__stream_reading(it->stream, 1);
    pair_write(it->peer, "abcde", 5);
    assert_int_equal(it->reads, 0);
    ear_run_until(it, &it->reads, 2);
    ear_check_got(it, "abcde");
    assert_int_equal(it->rooms, 2);
}

/* libuv 1.49 to 1.51 read on when a buffer was filled exactly, and wait there for ever. */
static void room_that_is_filled_exactly_stops_nothing(void **state)
{
    ear *it = *state;

    it->room_size = 4;
    cordon__stream_reading(it->stream, 1);
    for (unsigned i = 1; i <= 20; i++) {
        pair_write(it->peer, "abcd", 4);
        ear_run_until(it, &it->reads, i);
        assert_int_equal(it->got_size, 4 * i);
        ear_run_now(it); /* must come back */
    }
}

static void take_back(ear *it)
{
    it->in_room = NULL;
    CancelIoEx(it->peer, NULL);
}

/* Between the look and the read: libuv before 1.49 would wait there for ever. */
static void bytes_that_are_taken_back_stop_nothing(void **state)
{
    ear       *it = *state;
    char      *data = test_calloc(1, BIG);
    OVERLAPPED work = {0};
    DWORD      count;

    work.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL);
    assert_false(WriteFile(it->peer, data, (DWORD)BIG, NULL, &work));
    it->in_room = take_back;
    cordon__stream_reading(it->stream, 1);
    ear_run_until(it, &it->rooms, 1);
    assert_false(GetOverlappedResult(it->peer, &work, &count, TRUE));
    ear_run_now(it);
    it->got_size = 0;
    pair_write(it->peer, "on it goes", 10);
    ear_run_until(it, &it->reads, it->reads + 1);
    ear_check_got(it, "on it goes");
    CloseHandle(work.hEvent);
    test_free(data);
}

static void stopped_one_reads_nothing_and_goes_on_later(void **state)
{
    ear *it = *state;

    cordon__stream_reading(it->stream, 1);
    ear_run_now(it);
    cordon__stream_reading(it->stream, 0);
    pair_write(it->peer, "abc", 3);
    assert_true(ear_turns(it) < QUIET_TURNS); /* unread bytes do not keep it busy */
    assert_int_equal(it->rooms, 0);
    cordon__stream_reading(it->stream, 1);
    ear_run_until(it, &it->reads, 1);
    ear_check_got(it, "abc");
    cordon__stream_reading(it->stream, 0);
    cordon__stream_reading(it->stream, 1);
    pair_write(it->peer, "def", 3);
    ear_run_until(it, &it->reads, 2);
    ear_check_got(it, "abcdef");
    assert_true(ear_turns(it) < QUIET_TURNS);
}

static void read_now_does_not_wait_for_the_loop(void **state)
{
    ear *it = *state;

    cordon__stream_read_now(it->stream);
    assert_int_equal(it->reads + it->losses, 0);
    pair_write(it->peer, "abc", 3);
    cordon__stream_read_now(it->stream);
    ear_check_got(it, "abc");
    cordon__stream_reading(it->stream, 1); /* libuv watches now, too */
    ear_run_now(it);
    pair_write(it->peer, "def", 3);
    cordon__stream_read_now(it->stream);
    ear_check_got(it, "abcdef");
    ear_run_now(it);
    pair_write(it->peer, "ghi", 3);
    ear_run_until(it, &it->reads, 3);
    ear_check_got(it, "abcdefghi");
    pair_close(&it->peer);
    cordon__stream_read_now(it->stream);
    assert_int_equal(it->losses, 1);
    cordon__stream_read_now(it->stream);
    ear_run_now(it);
    assert_int_equal(it->losses, 1);
}

static void no_room_is_no_read(void **state)
{
    ear *it = *state;

    it->room_size = 0;
    pair_write(it->peer, "abc", 3);
    cordon__stream_read_now(it->stream);
    assert_int_equal(it->rooms, 1);
    assert_int_equal(it->reads, 0);
    it->room_size = 16;
    cordon__stream_read_now(it->stream);
    ear_check_got(it, "abc");
}

/* ---- the end ---- */

static void check_lost(ear *it)
{
    ear_run_until(it, &it->losses, 1);
    assert_true(pair_is_end(it->lost_code));
    assert_true(ear_turns(it) < QUIET_TURNS);
    assert_int_equal(it->losses, 1);
}

static void death_is_told_after_the_last_bytes(void **state)
{
    ear *it = *state;

    it->room_size = 2;
    cordon__stream_reading(it->stream, 1);
    pair_write(it->peer, "abcde", 5);
    pair_close(&it->peer);
    check_lost(it);
    ear_check_got(it, "abcde");
}

static void death_is_told_while_reading_is_stopped(void **state)
{
    ear *it = *state;

    cordon__stream_reading(it->stream, 1);
    ear_run_now(it);
    cordon__stream_reading(it->stream, 0);
    assert_true(ear_turns(it) < QUIET_TURNS);
    pair_close(&it->peer);
    check_lost(it);
}

static void death_is_told_while_bytes_lie_unread(void **state)
{
    ear *it = *state;

    cordon__stream_reading(it->stream, 0);
    pair_write(it->peer, "abc", 3);
    assert_true(ear_turns(it) < QUIET_TURNS);
    assert_int_equal(it->losses, 0);
    pair_close(&it->peer);
    check_lost(it);
    assert_int_equal(it->reads, 0);
}

static void death_is_told_to_a_full_one_that_does_not_read(void **state)
{
    ear   *it = *state;
    char  *data = test_calloc(1, BIG);
    size_t taken;

    cordon__stream_reading(it->stream, 0);
    CHECK_CODE(ear_write(it, data, BIG, &taken), CORDON_OK, &it->fault);
    assert_true(taken < BIG);
    pair_write(it->peer, "abc", 3);
    ear_run_now(it);
    pair_close(&it->peer);
    check_lost(it);
    test_free(data);
}

static void write_to_the_dead_is_eclosed_and_what_came_is_still_read(void **state)
{
    ear   *it = *state;
    size_t taken;

    cordon__stream_reading(it->stream, 1);
    pair_write(it->peer, "reason", 6);
    pair_close(&it->peer);
    CHECK_CODE(ear_write(it, "x", 1, &taken), CORDON_ECLOSED, &it->fault);
    assert_int_equal(taken, 0);
    assert_true(pair_is_end(it->fault.os_code));
    check_lost(it);
    ear_check_got(it, "reason");
    CHECK_CODE(ear_write(it, "x", 1, &taken), CORDON_ECLOSED, &it->fault);
}

static void disconnected_is_lost(void **state)
{
    ear *it = *state;

    if (it->is_server)
        return; /* only a server can */
    cordon__stream_reading(it->stream, 1);
    assert_true(DisconnectNamedPipe(it->peer));
    check_lost(it);
}

/* ---- the rest ---- */

static void two_streams_on_a_loop_talk_to_each_other(void **state)
{
    const cordon__memory memory = {ear_memory, *state};
    ear                 *it = *state;
    ear                 *other = test_calloc(1, sizeof *other);
    size_t               taken;

    other->room_size = sizeof other->room;
    CHECK_CODE(cordon__stream_open(&other->stream, &it->loop, (intptr_t)it->peer, &ear_events,
                                   other, &memory, &it->fault),
               CORDON_OK, &it->fault);
    it->peer = INVALID_HANDLE_VALUE;
    cordon__stream_reading(it->stream, 1);
    cordon__stream_reading(other->stream, 1);
    for (unsigned i = 1; i <= 50; i++) {
        other->got_size = 0;
        CHECK_CODE(ear_write(it, "ping", 4, &taken), CORDON_OK, &it->fault);
        ear_run_until(it, &other->reads, i);
        ear_check_got(other, "ping");
        CHECK_CODE(ear_write(other, "pong", 4, &taken), CORDON_OK, &it->fault);
        ear_run_until(it, &it->reads, i);
    }
    ear_close_stream(other);
    ear_run_until(it, &it->losses, 1);
    assert_int_equal(other->closes, 1);
    test_free(other);
}

static void handles_stay_flat(void **state)
{
    ear   *it = *state;
    DWORD  before = 0, error;
    char   data[8];
    size_t taken;

    for (unsigned i = 0; i < 1010; i++) {
        if (i == 10)
            before = pair_handles();
        cordon__stream_reading(it->stream, 1);
        CHECK_CODE(ear_write(it, "ping", 4, &taken), CORDON_OK, &it->fault);
        assert_int_equal(pair_read(it->peer, data, sizeof data, &error), 4);
        pair_write(it->peer, "pong", 4);
        it->reads = it->closes = 0;
        ear_run_until(it, &it->reads, 1);
        ear_close_stream(it);
        ear_run_until(it, &it->closes, 1);
        pair_close(&it->peer);
        it->closes = 0;
        ear_connect(it);
    }
    assert_int_equal(pair_handles(), before);
}

static void handle_that_is_no_pipe_is_refused_and_stays_the_callers(void **state)
{
    const cordon__memory memory = {ear_memory, *state};
    ear                 *it = *state;
    cordon__stream      *stream = NULL;
    HANDLE               event = CreateEventW(NULL, TRUE, FALSE, NULL);

    assert_true(cordon__stream_open(&stream, &it->loop, (intptr_t)event, &ear_events, it, &memory,
                                    &it->fault) < 0);
    assert_null(stream);
    assert_true(SetEvent(event));
    CloseHandle(event);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ear_test(bytes_come_in_parts_of_the_room),
        ear_test(room_that_is_filled_exactly_stops_nothing),
        ear_test(bytes_that_are_taken_back_stop_nothing),
        ear_test(stopped_one_reads_nothing_and_goes_on_later),
        ear_test(read_now_does_not_wait_for_the_loop),
        ear_test(no_room_is_no_read),
        ear_test(death_is_told_after_the_last_bytes),
        ear_test(death_is_told_while_reading_is_stopped),
        ear_test(death_is_told_while_bytes_lie_unread),
        ear_test(death_is_told_to_a_full_one_that_does_not_read),
        ear_test(write_to_the_dead_is_eclosed_and_what_came_is_still_read),
        ear_test(disconnected_is_lost),
        ear_test(two_streams_on_a_loop_talk_to_each_other),
        ear_test(handles_stay_flat),
        ear_test(handle_that_is_no_pipe_is_refused_and_stays_the_callers),
    };

    return cmocka_run_group_tests_name("contract_win32_stream", tests, NULL, NULL);
}
