#include "unit.h"

#include "../../src/buffer.h"

#define NONE CORDON__NO_CEILING

/* ---- an allocator that counts and can say no ----------------------------------- */

typedef struct pool {
    size_t calls, blocks, moved; /* moved: bytes asked for in all */
    int    is_empty;             /* nothing more to give */
} pool;

static void *from_pool(void *old, size_t size, void *user)
{
    pool *from = user;

    if (size == 0) {
        assert_non_null(old);
        from->blocks--;
        free(old);
        return NULL;
    }
    from->calls++;
    from->moved += size;
    if (from->is_empty)
        return NULL;
    if (!old)
        from->blocks++;
    return realloc(old, size);
}

static cordon__memory memory_of(pool *from)
{
    cordon__memory memory = {from_pool, from};

    return memory;
}

static void fill(cordon__buffer *buffer, const cordon__memory *memory, size_t from, size_t count)
{
    for (size_t i = from; i < from + count; i++) {
        const uint8_t byte = (uint8_t)i;

        assert_int_equal(cordon__buffer_append(buffer, memory, &byte, 1, NONE), 0);
    }
}

static void check(const cordon__buffer *buffer, size_t from, size_t count)
{
    const cordon_bytes view = cordon__buffer_view(buffer);

    assert_int_equal(view.size, count);
    assert_int_equal(cordon__buffer_size(buffer), count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(((const uint8_t *)view.data)[i], (uint8_t)(from + i));
}

/* ---- memory --------------------------------------------------------------------- */

static void memory_comes_zeroed_from_where_the_owner_says(void **state)
{
    pool           from = {0};
    cordon__memory memory = memory_of(&from);
    uint8_t       *block = cordon__allocate(&memory, 100);

    (void)state;
    assert_non_null(block);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(block[i], 0);
    assert_int_equal(from.blocks, 1);
    cordon__release(&memory, block);
    cordon__release(&memory, NULL);
    assert_int_equal(from.blocks, 0);
}

static void a_block_of_nothing_is_a_block(void **state)
{
    pool           from = {0};
    cordon__memory memory = memory_of(&from);
    void          *block = cordon__allocate(&memory, 0);

    (void)state;
    assert_non_null(block);
    block = cordon__resize(&memory, block, 0);
    assert_non_null(block);
    cordon__release(&memory, block);
    assert_int_equal(from.blocks, 0);
}

static void no_memory_is_null(void **state)
{
    pool           from = {0};
    cordon__memory memory = memory_of(&from);

    (void)state;
    from.is_empty = 1;
    assert_null(cordon__allocate(&memory, 10));
    assert_null(cordon__resize(&memory, NULL, 10));
    assert_null(cordon__copy_text(&memory, "text"));
}

static void a_copied_text_is_the_same_text(void **state)
{
    char *copy = cordon__copy_text(&cordon__libc, "tray 2.1");
    char *none = cordon__copy_text(&cordon__libc, "");

    (void)state;
    assert_string_equal(copy, "tray 2.1");
    assert_string_equal(none, "");
    cordon__release(&cordon__libc, copy);
    cordon__release(&cordon__libc, none);
}

/* ---- the queue of bytes ----------------------------------------------------------- */

static void an_empty_buffer_holds_no_memory(void **state)
{
    pool           from = {0};
    cordon__memory memory = memory_of(&from);
    cordon__buffer buffer = {0};

    (void)state;
    assert_int_equal(cordon__buffer_append(&buffer, &memory, NULL, 0, NONE), 0);
    assert_int_equal(from.calls, 0);
    assert_int_equal(cordon__buffer_view(&buffer).size, 0);
    assert_null(cordon__buffer_tail(&buffer));
    assert_int_equal(cordon__buffer_room(&buffer), 0);
    cordon__buffer_take(&buffer, 0);
    cordon__buffer_free(&buffer, &memory);
    assert_int_equal(from.calls, 0);
}

static void bytes_leave_in_the_order_they_came(void **state)
{
    cordon__buffer buffer = {0};

    (void)state;
    fill(&buffer, &cordon__libc, 0, 1000);
    check(&buffer, 0, 1000);
    cordon__buffer_take(&buffer, 300);
    check(&buffer, 300, 700);
    fill(&buffer, &cordon__libc, 1000, 5000);
    check(&buffer, 300, 5700);
    cordon__buffer_free(&buffer, &cordon__libc);
    check(&buffer, 0, 0);
}

/* Too little was taken to make a move worth it: what is left goes along to the new memory. */
static void growing_takes_along_what_was_not_taken(void **state)
{
    (void)state;
    for (size_t taken = 0; taken < 60; taken++) {
        pool           from = {0};
        cordon__memory memory = memory_of(&from);
        cordon__buffer buffer = {0};

        fill(&buffer, &memory, 0, 200);
        cordon__buffer_take(&buffer, taken);
        assert_int_equal(cordon__buffer_reserve(&buffer, &memory, 1000, NONE), 0);
        assert_true(cordon__buffer_room(&buffer) >= 1000);
        check(&buffer, taken, 200 - taken);
        fill(&buffer, &memory, 200, 1000);
        check(&buffer, taken, 1200 - taken);
        assert_int_equal(from.blocks, 1);
        cordon__buffer_free(&buffer, &memory);
        assert_int_equal(from.blocks, 0);
    }
}

static void a_buffer_that_is_empty_starts_at_the_front_again(void **state)
{
    cordon__buffer buffer = {0};

    (void)state;
    fill(&buffer, &cordon__libc, 0, 100);
    cordon__buffer_take(&buffer, 60);
    cordon__buffer_take(&buffer, 40);
    assert_int_equal(buffer.start, 0);
    assert_int_equal(buffer.end, 0);
    assert_int_equal(cordon__buffer_room(&buffer), buffer.capacity);
    cordon__buffer_free(&buffer, &cordon__libc);
}

static void reserved_room_is_there_without_moving(void **state)
{
    cordon__buffer buffer = {0};
    char          *tail;

    (void)state;
    fill(&buffer, &cordon__libc, 0, 10);
    assert_int_equal(cordon__buffer_reserve(&buffer, &cordon__libc, 5000, NONE), 0);
    assert_true(cordon__buffer_room(&buffer) >= 5000);
    tail = cordon__buffer_tail(&buffer);
    for (size_t i = 0; i < 5000; i++)
        tail[i] = (char)(uint8_t)(10 + i);
    cordon__buffer_add(&buffer, 5000);
    check(&buffer, 0, 5010);
    cordon__buffer_free(&buffer, &cordon__libc);
}

static void over_the_ceiling_nothing_changes(void **state)
{
    static const struct {
        size_t held, more, ceiling;
        int    code;
    } cases[] = {
        {0, 0, 0, 0},
        {0, 1, 0, CORDON_EMSGSIZE},
        {0, 100, 100, 0},
        {0, 101, 100, CORDON_EMSGSIZE},
        {60, 40, 100, 0},
        {60, 41, 100, CORDON_EMSGSIZE},
        {60, 0, 60, 0},
        {60, 0, 59, CORDON_EMSGSIZE}, /* a ceiling that was lowered */
        {60, SIZE_MAX, SIZE_MAX, CORDON_EMSGSIZE},
        {60, SIZE_MAX - 59, SIZE_MAX, CORDON_EMSGSIZE},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        cordon__buffer buffer = {0};

        fill(&buffer, &cordon__libc, 0, cases[i].held);
        assert_int_equal(
            cordon__buffer_reserve(&buffer, &cordon__libc, cases[i].more, cases[i].ceiling),
            cases[i].code);
        check(&buffer, 0, cases[i].held);
        cordon__buffer_free(&buffer, &cordon__libc);
    }
}

static void the_ceiling_counts_what_was_not_taken(void **state)
{
    cordon__buffer buffer = {0};
    char           bytes[100];

    (void)state;
    memset(bytes, 'x', sizeof bytes);
    for (int round = 0; round < 1000; round++) {
        assert_int_equal(cordon__buffer_append(&buffer, &cordon__libc, bytes, 100, 150), 0);
        assert_int_equal(cordon__buffer_append(&buffer, &cordon__libc, bytes, 51, 150),
                         CORDON_EMSGSIZE);
        cordon__buffer_take(&buffer, 90);
        cordon__buffer_take(&buffer, cordon__buffer_size(&buffer) - 10);
        cordon__buffer_take(&buffer, 10);
    }
    cordon__buffer_free(&buffer, &cordon__libc);
}

static void without_memory_nothing_changes(void **state)
{
    pool           from = {0};
    cordon__memory memory = memory_of(&from);
    cordon__buffer buffer = {0};

    (void)state;
    from.is_empty = 1;
    assert_int_equal(cordon__buffer_append(&buffer, &memory, "x", 1, NONE), CORDON_ENOMEM);
    check(&buffer, 0, 0);
    from.is_empty = 0;
    fill(&buffer, &memory, 0, 400);
    cordon__buffer_take(&buffer, 7);
    from.is_empty = 1;
    assert_int_equal(cordon__buffer_reserve(&buffer, &memory, 100000, NONE), CORDON_ENOMEM);
    check(&buffer, 7, 393);
    cordon__buffer_take(&buffer, 393);
    fill(&buffer, &memory, 0, 300);
    assert_int_equal(cordon__buffer_reserve(&buffer, &memory, 100000, NONE), CORDON_ENOMEM);
    check(&buffer, 0, 300);
    cordon__buffer_free(&buffer, &memory);
    assert_int_equal(from.blocks, 0);
}

static void memory_follows_what_is_there(void **state)
{
    cordon__buffer buffer = {0};

    (void)state;
    for (size_t held = 1; held <= 100000; held++) {
        fill(&buffer, &cordon__libc, held - 1, 1);
        assert_true(buffer.capacity <= 256 + 2 * held);
    }
    cordon__buffer_free(&buffer, &cordon__libc);
}

static void growing_to_the_ceiling_stays_near_it(void **state)
{
    cordon__buffer buffer = {0};
    char           piece[1000];

    (void)state;
    memset(piece, 'x', sizeof piece);
    while (cordon__buffer_append(&buffer, &cordon__libc, piece, sizeof piece, 1 << 20) == 0)
        assert_true(buffer.capacity <= (1 << 20) / 3 * 4 + 8);
    assert_true(cordon__buffer_size(&buffer) > (1 << 20) - 1000);
    cordon__buffer_free(&buffer, &cordon__libc);
}

/* Counted, not timed: a full queue that leaves in small bites must not be moved for each. */
static void small_bites_of_a_full_queue_stay_cheap(void **state)
{
    enum { CEILING = 1 << 20, ROUNDS = 1 << 18 };
    cordon__buffer buffer = {0};
    static char    full[CEILING];
    size_t         moves = 0, start = 0;

    (void)state;
    assert_int_equal(cordon__buffer_append(&buffer, &cordon__libc, full, CEILING, CEILING), 0);
    for (int round = 0; round < ROUNDS; round++) {
        cordon__buffer_take(&buffer, 16);
        start = buffer.start;
        assert_int_equal(cordon__buffer_append(&buffer, &cordon__libc, full, 16, CEILING), 0);
        moves += buffer.start < start;
    }
    assert_int_equal(cordon__buffer_size(&buffer), CEILING);
    assert_in_range(moves, 1, 16); /* 4 MiB went through it */
    cordon__buffer_free(&buffer, &cordon__libc);
}

static void a_steady_queue_needs_no_more_memory(void **state)
{
    pool           from = {0};
    cordon__memory memory = memory_of(&from);
    cordon__buffer buffer = {0};
    size_t         calls, next = 0;

    (void)state;
    fill(&buffer, &memory, 0, 200);
    next = 200;
    for (int round = 0; round < 100; round++) {
        cordon__buffer_take(&buffer, 50);
        fill(&buffer, &memory, next, 50);
        next += 50;
    }
    calls = from.calls;
    for (int round = 0; round < 10000; round++) {
        cordon__buffer_take(&buffer, 50);
        fill(&buffer, &memory, next, 50);
        next += 50;
    }
    assert_int_equal(from.calls, calls);
    check(&buffer, next - 200, 200);
    cordon__buffer_free(&buffer, &memory);
    assert_int_equal(from.blocks, 0);
}

/* ---- the public buffer --------------------------------------------------------------- */

static void a_public_buffer_is_filled_anew(void **state)
{
    cordon_buffer buffer = CORDON_BUFFER_INIT;
    char         *data;

    (void)state;
    assert_int_equal(cordon__buffer_fill(&buffer, "hello", 5), 0);
    assert_int_equal(buffer.size, 5);
    assert_string_equal(buffer.data, "hello");
    data = buffer.data;
    assert_int_equal(cordon__buffer_fill(&buffer, "hey", 3), 0);
    assert_string_equal(buffer.data, "hey");
    assert_ptr_equal(buffer.data, data);
    assert_int_equal(cordon__buffer_fill(&buffer, "a\0b", 3), 0);
    assert_memory_equal(buffer.data, "a\0b\0", 4);
    assert_int_equal(cordon__buffer_fill(&buffer, "much longer", 11), 0);
    assert_string_equal(buffer.data, "much longer");
    assert_int_equal(cordon__buffer_fill(&buffer, NULL, 0), 0);
    assert_int_equal(buffer.size, 0);
    assert_string_equal(buffer.data, "");
    cordon_buffer_free(&buffer);
}

static void an_empty_reply_is_an_empty_text(void **state)
{
    cordon_buffer buffer = CORDON_BUFFER_INIT;

    (void)state;
    assert_int_equal(cordon__buffer_fill(&buffer, NULL, 0), 0);
    assert_string_equal(buffer.data, "");
    cordon_buffer_free(&buffer);
}

static void a_buffer_may_be_filled_from_itself(void **state)
{
    cordon_buffer buffer = CORDON_BUFFER_INIT;

    (void)state;
    assert_int_equal(cordon__buffer_fill(&buffer, "0123456789", 10), 0);
    assert_int_equal(cordon__buffer_fill(&buffer, buffer.data + 3, 7), 0);
    assert_string_equal(buffer.data, "3456789");
    cordon_buffer_free(&buffer);
}

static void too_much_for_any_memory_is_told(void **state)
{
    cordon_buffer buffer = CORDON_BUFFER_INIT;

    (void)state;
    assert_int_equal(cordon__buffer_fill(&buffer, "kept", 4), 0);
    assert_int_equal(cordon__buffer_fill(&buffer, "x", SIZE_MAX), CORDON_ENOMEM);
    assert_string_equal(buffer.data, "kept");
    cordon_buffer_free(&buffer);
}

static void freeing_twice_is_harmless(void **state)
{
    cordon_buffer buffer = CORDON_BUFFER_INIT;

    (void)state;
    assert_int_equal(cordon__buffer_fill(&buffer, "x", 1), 0);
    cordon_buffer_free(&buffer);
    assert_null(buffer.data);
    assert_int_equal(buffer.size, 0);
    assert_int_equal(buffer.capacity, 0);
    cordon_buffer_free(&buffer);
    cordon_buffer_free(NULL);
    assert_int_equal(cordon__buffer_fill(&buffer, "again", 5), 0);
    assert_string_equal(buffer.data, "again");
    cordon_buffer_free(&buffer);
}

static void a_text_is_viewed_without_its_nul(void **state)
{
    (void)state;
    assert_int_equal(cordon_text("hello").size, 5);
    assert_int_equal(cordon_text("").size, 0);
    assert_int_equal(cordon_text(NULL).size, 0);
}

/* ---- numbers ---------------------------------------------------------------------------- */

static void numbers_are_little_endian_at_any_address(void **state)
{
    static const uint8_t expected[] = {0xEF, 0xCD, 0xAB, 0x89, 0x67, 0x45, 0x23, 0x01};

    (void)state;
    for (size_t shift = 0; shift < 8; shift++) {
        uint8_t bytes[16];

        memset(bytes, 0xAA, sizeof bytes);
        cordon__store64(bytes + shift, UINT64_C(0x0123456789ABCDEF));
        assert_memory_equal(bytes + shift, expected, 8);
        assert_int_equal(bytes[shift + 8], 0xAA);
        assert_true(cordon__load64(bytes + shift) == UINT64_C(0x0123456789ABCDEF));
        assert_int_equal(cordon__load32(bytes + shift), 0x89ABCDEF);
        assert_int_equal(cordon__load16(bytes + shift), 0xCDEF);
        cordon__store32(bytes + shift, 0x01020304);
        assert_memory_equal(bytes + shift, "\x04\x03\x02\x01\x67", 5);
        cordon__store16(bytes + shift, 0x0506);
        assert_memory_equal(bytes + shift, "\x06\x05\x02\x01", 4);
    }
    assert_true(cordon__load64("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF") == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_comes_zeroed_from_where_the_owner_says),
        cmocka_unit_test(a_block_of_nothing_is_a_block),
        cmocka_unit_test(no_memory_is_null),
        cmocka_unit_test(a_copied_text_is_the_same_text),
        cmocka_unit_test(an_empty_buffer_holds_no_memory),
        cmocka_unit_test(bytes_leave_in_the_order_they_came),
        cmocka_unit_test(growing_takes_along_what_was_not_taken),
        cmocka_unit_test(a_buffer_that_is_empty_starts_at_the_front_again),
        cmocka_unit_test(reserved_room_is_there_without_moving),
        cmocka_unit_test(over_the_ceiling_nothing_changes),
        cmocka_unit_test(the_ceiling_counts_what_was_not_taken),
        cmocka_unit_test(without_memory_nothing_changes),
        cmocka_unit_test(memory_follows_what_is_there),
        cmocka_unit_test(growing_to_the_ceiling_stays_near_it),
        cmocka_unit_test(small_bites_of_a_full_queue_stay_cheap),
        cmocka_unit_test(a_steady_queue_needs_no_more_memory),
        cmocka_unit_test(a_public_buffer_is_filled_anew),
        cmocka_unit_test(an_empty_reply_is_an_empty_text),
        cmocka_unit_test(a_buffer_may_be_filled_from_itself),
        cmocka_unit_test(too_much_for_any_memory_is_told),
        cmocka_unit_test(freeing_twice_is_harmless),
        cmocka_unit_test(a_text_is_viewed_without_its_nul),
        cmocka_unit_test(numbers_are_little_endian_at_any_address),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
