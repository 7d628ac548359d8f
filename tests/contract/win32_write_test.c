/* A connection on a loop, on Windows: what goes out, and closing. */
#include "win32_ear.h"

/* ---- writing ---- */

static void pieces_leave_as_one_write(void **state)
{
    ear   *it = *state;
    char   data[16];
    size_t taken;
    DWORD  error;

    CHECK_CODE(ear_write(it, "0123456789", 10, &taken), CORDON_OK, &it->fault);
    assert_int_equal(taken, 10);
    assert_int_equal(pair_read(it->peer, data, sizeof data, &error), 10);
    assert_memory_equal(data, "0123456789", 10);
    ear_run_now(it);
    assert_int_equal(it->writables, 0);
}

static void what_does_not_go_at_once_goes_when_there_is_room(void **state)
{
    ear   *it = *state;
    char  *data = test_malloc(BIG);
    size_t out = 0, in = 0, taken;
    DWORD  error;

    pair_fill(data, BIG);
    while (in < BIG) {
        const unsigned before = it->writables;

        if (out < BIG) {
            CHECK_CODE(ear_write(it, data + out, BIG - out, &taken), CORDON_OK, &it->fault);
            out += taken;
            ear_run_now(it);
        }
        if (out < BIG && before == it->writables) { /* not before somebody reads */
            while (pair_waiting(it->peer) > 0)
                in += pair_check_next(it->peer, in, 65536, &error);
            ear_run_until(it, &it->writables, before + 1);
            assert_int_equal(it->writables, before + 1); /* once */
        } else {
            in += pair_check_next(it->peer, in, 65536, &error);
        }
    }
    assert_true(it->writables > 0);
    test_free(data);
}

static void full_one_still_reads(void **state)
{
    ear   *it = *state;
    char  *data = test_calloc(1, BIG);
    size_t taken;

    cordon__stream_reading(it->stream, 1);
    CHECK_CODE(ear_write(it, data, BIG, &taken), CORDON_OK, &it->fault);
    assert_true(taken < BIG);
    pair_write(it->peer, "abc", 3);
    ear_run_until(it, &it->reads, 1);
    ear_check_got(it, "abc");
    assert_true(ear_turns(it) < QUIET_TURNS);
    test_free(data);
}

static void widened_one_takes_more_at_once(void **state)
{
    ear   *it = *state;
    char  *data = test_calloc(1, BIG);
    size_t before, after;
    char   back[4096];
    DWORD  error;

    CHECK_CODE(ear_write(it, data, BIG, &before), CORDON_OK, &it->fault);
    for (size_t in = 0; in < before;)
        in += pair_read(it->peer, back, sizeof back, &error);
    ear_run_until(it, &it->writables, 1);
    cordon__stream_widen(it->stream);
    CHECK_CODE(ear_write(it, data, BIG, &after), CORDON_OK, &it->fault);
    assert_true(after > before);
    pair_close(&it->peer);
    test_free(data);
}

/* ---- closing ---- */

/* All that was taken, a part at a time, while the loop runs; then the end. */
static void read_to_the_end(ear *it, size_t wanted, size_t step)
{
    size_t in = 0, got;
    DWORD  error;

    while (in < wanted) {
        ear_run_now(it);
        got = pair_check_next(it->peer, in, step, &error);
        assert_true(got > 0);
        in += got;
    }
    ear_run_until(it, &it->closes, 1);
    assert_int_equal(pair_check_next(it->peer, in, step, &error), 0);
    assert_true(pair_is_end(error));
}

static void what_was_taken_before_a_close_is_read_however_slowly(void **state)
{
    ear   *it = *state;
    char  *data = test_malloc(BIG);
    size_t taken;

    pair_fill(data, BIG);
    cordon__stream_widen(it->stream);
    cordon__stream_reading(it->stream, 1);
    CHECK_CODE(ear_write(it, data, BIG, &taken), CORDON_OK, &it->fault);
    assert_true(taken > QUOTA); /* more than the system has taken */
    ear_close_stream(it);
    ear_run_now(it);
    assert_int_equal(it->closes, 0); /* its writes are on their way */
    read_to_the_end(it, taken, 16001);
    test_free(data);
}

static void what_the_system_took_is_read_long_after_the_close(void **state)
{
    ear   *it = *state;
    char   data[20000];
    size_t taken;

    pair_fill(data, sizeof data);
    CHECK_CODE(ear_write(it, data, sizeof data, &taken), CORDON_OK, &it->fault);
    assert_int_equal(taken, sizeof data);
    ear_close_stream(it);
    ear_run_until(it, &it->closes, 1);
    read_to_the_end(it, taken, 7);
}

static void peer_that_never_reads_holds_a_close_a_moment_only(void **state)
{
    ear   *it = *state;
    char  *data = test_calloc(1, BIG);
    size_t taken;

    CHECK_CODE(ear_write(it, data, BIG, &taken), CORDON_OK, &it->fault);
    ear_close_stream(it);
    ear_run_until(it, &it->closes, 1);
    test_free(data);
}

static void peer_that_dies_meanwhile_ends_a_close(void **state)
{
    ear   *it = *state;
    char  *data = test_calloc(1, BIG);
    size_t taken;

    CHECK_CODE(ear_write(it, data, BIG, &taken), CORDON_OK, &it->fault);
    ear_close_stream(it);
    ear_run_now(it);
    pair_close(&it->peer);
    ear_run_until(it, &it->closes, 1);
    test_free(data);
}

static void check_closed_in(void **state, enum when now)
{
    ear   *it = *state;
    char  *data = test_calloc(1, BIG);
    size_t taken, in = 0;
    char   back[4096];
    DWORD  error;

    it->close_in = now;
    cordon__stream_reading(it->stream, 1);
    if (now == IN_WRITABLE) {
        CHECK_CODE(ear_write(it, data, BIG, &taken), CORDON_OK, &it->fault);
        while (in < taken)
            in += pair_read(it->peer, back, sizeof back, &error);
    } else if (now == IN_END) {
        pair_close(&it->peer);
    } else {
        pair_write(it->peer, "abc", 3);
    }
    ear_run_until(it, &it->closes, 1);
    assert_null(it->stream);
    test_free(data);
}

static void close_in_room(void **state)
{
    check_closed_in(state, IN_ROOM);
    assert_int_equal(((ear *)*state)->reads, 0);
}

static void close_in_read(void **state)
{
    check_closed_in(state, IN_READ);
}

static void close_in_end(void **state)
{
    check_closed_in(state, IN_END);
}

static void close_in_writable(void **state)
{
    check_closed_in(state, IN_WRITABLE);
}

static void close_in_read_now(void **state)
{
    ear *it = *state;

    it->close_in = IN_READ;
    pair_write(it->peer, "abc", 3);
    cordon__stream_read_now(it->stream);
    assert_null(it->stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ear_test(pieces_leave_as_one_write),
        ear_test(what_does_not_go_at_once_goes_when_there_is_room),
        ear_test(full_one_still_reads),
        ear_test(widened_one_takes_more_at_once),
        ear_test(what_was_taken_before_a_close_is_read_however_slowly),
        ear_test(what_the_system_took_is_read_long_after_the_close),
        ear_test(peer_that_never_reads_holds_a_close_a_moment_only),
        ear_test(peer_that_dies_meanwhile_ends_a_close),
        ear_test(close_in_room),
        ear_test(close_in_read),
        ear_test(close_in_end),
        ear_test(close_in_writable),
        ear_test(close_in_read_now),
    };

    return cmocka_run_group_tests_name("contract_win32_write", tests, NULL, NULL);
}
