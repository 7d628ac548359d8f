/* A connection for calls that wait. */
#include "line_kit.h"

#include <uv.h>

/* ---- reading ---- */

static void bytes_arrive_as_they_come(void **state)
{
    pair  *it = *state;
    char   data[16];
    size_t got;

    for (int i = 0; i < 3; i++) {
        pair_say(it, "abcde");
        SUPPORT_CODE(pair_read(it, data, 2, &got, SUPPORT_SOON), CORDON_OK, &it->fault);
        assert_int_equal(got, 2);
        SUPPORT_CODE(pair_read(it, data + 2, sizeof data - 2, &got, SUPPORT_SOON), CORDON_OK,
                     &it->fault);
        assert_int_equal(got, 3);
        assert_memory_equal(data, "abcde", 5);
    }
}

static void end_is_eclosed_after_the_last_bytes(void **state)
{
    pair *it = *state;

    pair_say(it, "ab");
    pair_hang_up(it);
    SUPPORT_CODE(pair_read_byte(it, SUPPORT_SOON), CORDON_OK, &it->fault);
    SUPPORT_CODE(pair_read_byte(it, SUPPORT_SOON), CORDON_OK, &it->fault);
    SUPPORT_CODE(pair_read_byte(it, SUPPORT_SOON), CORDON_ECLOSED, &it->fault);
    SUPPORT_CODE(pair_read_byte(it, SUPPORT_SOON), CORDON_ECLOSED, &it->fault);
}

static void reset_is_eclosed_after_the_last_bytes(void **state)
{
    pair *it = *state;

    SUPPORT_CODE(pair_write(it, "never read", SUPPORT_SOON), CORDON_OK, &it->fault);
    pair_say(it, "a");
    pair_hang_up(it); /* with bytes of ours unread: a reset */
    SUPPORT_CODE(pair_read_byte(it, SUPPORT_SOON), CORDON_OK, &it->fault);
    SUPPORT_CODE(pair_read_byte(it, SUPPORT_SOON), CORDON_ECLOSED, &it->fault);
}

static void deadline_that_has_passed_means_once(void **state)
{
    pair  *it = *state;
    char   byte;
    size_t got;

    for (int i = 0; i < 3; i++) {
        assert_int_equal(cordon__line_read(&it->line, &byte, 1, &got, 0, &it->fault),
                         CORDON_ETIMEDOUT);
        pair_say(it, "x");
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

            SUPPORT_CODE(pair_read_byte(it, times[i]), CORDON_ETIMEDOUT, &it->fault);
            assert_true(cordon__now() - start >= (uint64_t)times[i]);
            assert_true(cordon__now() - start < (uint64_t)times[i] + 2000);
        }
        pair_use_once(it); /* and again where the kernel waits */
    }
}

static void due_is_late_by_a_tick_at_most(void **state)
{
    (void)state;
    for (int n = 0; n < 200; n++) {
        const uint64_t before = cordon__now();
        const uint64_t due = cordon__line_due(1000);

        assert_in_range(due, before + 1000, cordon__now() + 1000 + CORDON__TICK_MS);
        if (n % 3 == 0)
            cordon__pause(1);
    }
}

static void sends_later(void *context)
{
    pair *it = context;

    support_pause(60);
    pair_say(it, "x");
}

static void wait_for_ever_ends_with_a_byte(void **state)
{
    pair       *it = *state;
    uv_thread_t thread;
    char        byte;
    size_t      got;

    for (int i = 0; i < 3; i++) {
        assert_int_equal(uv_thread_create(&thread, sends_later, it), 0);
        SUPPORT_CODE(cordon__line_read(&it->line, &byte, 1, &got, CORDON__NEVER, &it->fault),
                     CORDON_OK, &it->fault);
        uv_thread_join(&thread);
    }
}

/* ---- interrupting ---- */

static void interrupts_later(void *context)
{
    pair *it = context;

    support_pause(40);
    cordon__line_interrupt(&it->line);
}

static void check_interrupted_read(pair *it)
{
    const uint64_t start = cordon__now();
    uv_thread_t    thread;

    assert_int_equal(uv_thread_create(&thread, interrupts_later, it), 0);
    SUPPORT_CODE(pair_read_byte(it, SUPPORT_SOON), CORDON_ECANCELED, &it->fault);
    assert_true(cordon__now() - start < SUPPORT_SOON / 2); /* it did not wait */
    uv_thread_join(&thread);
    SUPPORT_CODE(pair_read_byte(it, SUPPORT_SOON), CORDON_ECANCELED, &it->fault);
    SUPPORT_CODE(pair_write(it, "x", SUPPORT_SOON), CORDON_ECANCELED, &it->fault);
}

static void interrupt_wakes_a_first_read(void **state)
{
    check_interrupted_read(*state);
}

static void interrupt_wakes_a_later_read(void **state)
{
    pair_use_once(*state);
    check_interrupted_read(*state);
}

static void interrupted_one_does_not_even_read_what_is_there(void **state)
{
    pair *it = *state;

    pair_say(it, "x");
    cordon__line_interrupt(&it->line);
    SUPPORT_CODE(pair_read_byte(it, SUPPORT_SOON), CORDON_ECANCELED, &it->fault);
}

static void interrupt_wakes_a_write(void **state)
{
    pair              *it = *state;
    const size_t       size = 4 << 20;
    char              *data = test_calloc(1, size);
    const cordon_bytes piece = {data, size};
    uv_thread_t        thread;
    size_t             sent;

    assert_int_equal(uv_thread_create(&thread, interrupts_later, it), 0);
    SUPPORT_CODE(
        cordon__line_write(&it->line, &piece, 1, &sent, cordon__now() + SUPPORT_SOON, &it->fault),
        CORDON_ECANCELED, &it->fault);
    assert_true(sent < size);
    uv_thread_join(&thread);
    test_free(data);
}

/* ---- writing ---- */

#define BIG ((size_t)3 << 20)

typedef struct reader {
    support_raw peer;
    char       *data;
    size_t      have;
} reader;

static void reads_all(void *context)
{
    reader *it = context;

    support_pause(20);
    it->have = support_raw_read(it->peer, it->data, BIG, SUPPORT_SOON);
}

static void many_pieces_arrive_in_order(void **state)
{
    pair        *it = *state;
    cordon_bytes pieces[201];
    uint8_t     *data = test_malloc(BIG);
    reader       other = {it->peer, test_malloc(BIG), 0};
    size_t       used = 0, sent;
    uv_thread_t  thread;

    for (size_t i = 0; i < BIG; i++)
        data[i] = (uint8_t)(i * 2654435761u >> 13);
    for (size_t i = 0; i < 200; i++) { /* sizes from 0 up, and a large rest */
        pieces[i].data = data + used;
        pieces[i].size = i % 7 == 0 ? 0 : i * 13;
        used += pieces[i].size;
    }
    pieces[200].data = data + used;
    pieces[200].size = BIG - used;
    assert_int_equal(uv_thread_create(&thread, reads_all, &other), 0);
    SUPPORT_CODE(
        cordon__line_write(&it->line, pieces, 201, &sent, cordon__now() + SUPPORT_SOON, &it->fault),
        CORDON_OK, &it->fault);
    assert_int_equal(sent, BIG);
    uv_thread_join(&thread);
    assert_int_equal(other.have, BIG);
    assert_memory_equal(other.data, data, BIG);
    test_free(other.data);
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
    size_t             sent = 0, had = 0, arrived;

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
    cordon__line_close(&it->line);
    arrived = support_raw_read(it->peer, data, BIG, SUPPORT_SOON); /* to the end */
    if (SUPPORT_TAKES_BACK)
        assert_int_equal(arrived, had);
    else
        assert_true(arrived <= had); /* what was on its way is called back by the close */
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
    pair_say(it, "x");
    assert_int_equal(
        cordon__line_write(&it->line, &piece, 1, &sent, cordon__now() + SUPPORT_SOON, &it->fault),
        CORDON__READABLE);
    assert_true(sent < BIG);
    SUPPORT_CODE(pair_read_byte(it, SUPPORT_SOON), CORDON_OK, &it->fault);
    SUPPORT_CODE(cordon__line_write(&it->line, &piece, 1, &sent, 0, &it->fault), CORDON_ETIMEDOUT,
                 &it->fault);
    test_free(data);
}

static void write_to_the_dead_is_eclosed_and_its_reason_is_read(void **state)
{
    pair *it = *state;

    pair_say(it, "reason");
    pair_hang_up(it);
    SUPPORT_CODE(pair_write(it, "x", SUPPORT_SOON), CORDON_ECLOSED, &it->fault);
    SUPPORT_CODE(pair_read_byte(it, SUPPORT_SOON), CORDON_OK, &it->fault); /* the reason is there */
}

static void what_was_written_before_the_close_arrives(void **state)
{
    pair *it = *state;
    char  data[16];

    SUPPORT_CODE(pair_write(it, "last words", SUPPORT_SOON), CORDON_OK, &it->fault);
    cordon__line_close(&it->line);
    cordon__line_close(&it->line); /* once more is harmless */
    assert_int_equal(support_raw_read(it->peer, data, sizeof data, SUPPORT_SOON), 10);
    assert_memory_equal(data, "last words", 10);
    assert_true(support_raw_ends_well(it->peer, SUPPORT_SOON));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        pair_test(bytes_arrive_as_they_come),
        pair_test(end_is_eclosed_after_the_last_bytes),
        pair_test(reset_is_eclosed_after_the_last_bytes),
        pair_test(deadline_that_has_passed_means_once),
        pair_test(waits_end_at_the_deadline_not_before),
        cmocka_unit_test(due_is_late_by_a_tick_at_most),
        pair_test(wait_for_ever_ends_with_a_byte),
        pair_test(interrupt_wakes_a_first_read),
        pair_test(interrupt_wakes_a_later_read),
        pair_test(interrupted_one_does_not_even_read_what_is_there),
        pair_test(interrupt_wakes_a_write),
        pair_test(many_pieces_arrive_in_order),
        pair_test(nothing_to_write_is_done),
        pair_test(nobody_reads_is_a_timeout_that_says_how_much_went),
        pair_test(listening_write_ends_when_there_is_something_to_read),
        pair_test(write_to_the_dead_is_eclosed_and_its_reason_is_read),
        pair_test(what_was_written_before_the_close_arrives),
    };

    return SUPPORT_RUN("contract_line", tests);
}
