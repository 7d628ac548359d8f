/* A connection on a loop: what is written, and closing. */
#include "ear.h"

/* ---- writing ---- */

#define BIG ((size_t)2 << 20)

/* What the other end reads while the loop runs, until something is counted. */
static size_t take_until(ear *it, char *data, size_t room, const unsigned *what, unsigned wanted)
{
    const uint64_t late = support_now() + SUPPORT_SOON;
    size_t         in = 0;

    while (*what < wanted && support_now() < late) {
        in += ear_take(it, data + in, room - in);
        uv_run(&it->loop, UV_RUN_NOWAIT);
    }
    assert_true(*what >= wanted);
    return in;
}

static void what_does_not_go_at_once_goes_when_somebody_reads(void **state)
{
    ear   *it = *state;
    char  *data = test_malloc(BIG);
    char  *back = test_malloc(BIG);
    size_t out = 0, in = 0, taken;

    for (size_t i = 0; i < BIG; i++)
        data[i] = (char)(i * 2654435761u >> 11);
    for (;;) {
        const cordon_bytes pieces[3] = {
            {data + out, (BIG - out) / 2},
            {"", 0},
            {data + out + (BIG - out) / 2, BIG - out - (BIG - out) / 2}};
        const unsigned before = it->writables;

        SUPPORT_CODE(cordon__stream_write(it->stream, pieces, 3, &taken, &it->fault), CORDON_OK,
                     &it->fault);
        out += taken;
        if (out == BIG)
            break;
        in += take_until(it, back + in, BIG - in, &it->writables, before + 1);
        assert_int_equal(it->writables, before + 1); /* once */
    }
    assert_true(it->writables > 0);
    assert_int_equal(support_raw_read(it->peer, back + in, BIG - in, SUPPORT_SOON), BIG - in);
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
    assert_int_equal(support_raw_read(it->peer, back, 300, SUPPORT_SOON), 300);
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
    ear_run_until(it, &it->reads, 1);
    ear_check(it, "abc");
    assert_true(ear_turns(it) < EAR_QUIET);
    cordon__stream_reading(it->stream, 0);
    ear_hang_up(it);
    ear_run_until(it, &it->losses, 1);
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
    ear_run_until(it, &it->losses, 1);
    ear_check(it, "reason");
    assert_int_equal(it->losses, 1);
    SUPPORT_CODE(ear_write(it, "x", &taken), CORDON_ECLOSED, &it->fault);
}

static void widened_stream_takes_more_at_once(void **state)
{
    ear               *it = *state;
    char              *data = test_calloc(1, BIG);
    const cordon_bytes piece = {data, BIG};
    size_t             before, after;

    SUPPORT_CODE(cordon__stream_write(it->stream, &piece, 1, &before, &it->fault), CORDON_OK,
                 &it->fault);
    assert_true(before < BIG);
    take_until(it, data, BIG, &it->writables, 1);
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
        take_until(it, data, BIG, &it->closes, 1);
        test_free(data);
    } else {
        ear_send(it, "abcdef");
        if (now == IN_END)
            ear_hang_up(it);
    }
    ear_run_until(it, &it->closes, 1); /* every callback checks that nothing is told afterwards */
    assert_null(it->stream);
    assert_int_equal(it->closes, 1);
    assert_int_equal(uv_loop_alive(&it->loop), 0);
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
    ear_run_until(it, &it->closes, 1);
    assert_int_equal(support_raw_read(it->peer, data, sizeof data, SUPPORT_SOON), 10);
    assert_memory_equal(data, "last words", 10);
    assert_true(support_raw_ends_well(it->peer, SUPPORT_SOON));
}

static void no_memory_leaves_the_handle_with_the_caller(void **state)
{
    ear                 *it = *state;
    const cordon__memory memory = {support_allocate, &it->memory};
    cordon__stream      *other = NULL;
    intptr_t             ends[2];

    SUPPORT_CODE(cordon__pair(&ends[0], &ends[1], &it->fault), CORDON_OK, &it->fault);
    atomic_store(&it->memory.fail_from, atomic_load(&it->memory.calls) + 1);
    SUPPORT_CODE(
        cordon__stream_open(&other, &it->loop, ends[0], &ear_events, it, &memory, &it->fault),
        CORDON_ENOMEM, &it->fault);
    assert_null(other);
    cordon__handle_close(ends[0]);
    cordon__handle_close(ends[1]);
}

static void closed_only(void *owner)
{
    (*(unsigned *)owner)++;
}

enum { COMING = SUPPORT_HALF_CLOSE ? 500 : 100 }; /* Wine takes its time */

static void many_come_and_go_and_nothing_stays_open(void **state)
{
    static const cordon__stream_events only_closed = {NULL, NULL, NULL, NULL, closed_only};
    ear                               *it = *state;
    const cordon__memory               memory = {support_allocate, &it->memory};
    int                                before = 0;
    unsigned                           closed = 0;

    for (int i = 0; i < COMING; i++) {
        cordon__stream *stream;
        intptr_t        ends[2];

        if (i == 10) {
            ear_run_until(it, &closed, 10);
            before = support_count_descriptors();
        }
        SUPPORT_CODE(cordon__pair(&ends[0], &ends[1], &it->fault), CORDON_OK, &it->fault);
        SUPPORT_CODE(cordon__stream_open(&stream, &it->loop, ends[0], &only_closed, &closed,
                                         &memory, &it->fault),
                     CORDON_OK, &it->fault);
        if (i % 2)
            uv_run(&it->loop, UV_RUN_NOWAIT);
        cordon__stream_close(stream); /* its number is free at once */
        cordon__handle_close(ends[1]);
    }
    ear_run_until(it, &closed, COMING);
    assert_int_equal(closed, COMING);
    assert_int_equal(support_count_descriptors(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ear_test(what_does_not_go_at_once_goes_when_somebody_reads),
        ear_test(more_pieces_than_one_send_takes),
        ear_test(full_one_still_reads_and_hears_of_death),
        ear_test(write_to_the_dead_is_eclosed_and_what_came_is_still_read),
        ear_test(widened_stream_takes_more_at_once),
        closed_test(closing_while_giving_room),
        closed_test(closing_while_reading),
        closed_test(closing_at_the_end),
        closed_test(closing_when_writable),
        closed_test(what_was_written_before_the_close_arrives),
        ear_test(no_memory_leaves_the_handle_with_the_caller),
        ear_test(many_come_and_go_and_nothing_stays_open),
    };

    return SUPPORT_RUN("contract_stream_write", tests);
}
