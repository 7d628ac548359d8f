/* The copies that writes into a pipe are made from: which are kept, and which go. */
#include "support.h"

#include "../../src/win32/parcel.h"

#define MOST  CORDON__PARCEL_MOST
#define SMALL CORDON__PARCEL_SMALL
#define EVER  ((size_t)1 << 30) /* bytes that are kept: all */

typedef struct shelf {
    support_memory  counted;
    cordon__memory  memory;
    cordon__parcels parcels;
} shelf;

static int set_up(void **state)
{
    shelf *it = test_calloc(1, sizeof *it);

    it->memory.allocate = support_allocate;
    it->memory.user = &it->counted;
    *state = it;
    return 0;
}

static int tear_down(void **state)
{
    shelf *it = *state;
    int    is_clean;

    cordon__parcels_free(&it->parcels, &it->memory);
    is_clean =
        it->parcels.first == NULL && it->parcels.bytes == 0 && atomic_load(&it->counted.bytes) == 0;
    test_free(it);
    return is_clean ? 0 : -1;
}

static size_t held(shelf *it)
{
    return (size_t)atomic_load(&it->counted.bytes);
}

static cordon__parcel *take(shelf *it, size_t size)
{
    cordon__parcel *taken = cordon__parcels_take(&it->parcels, &it->memory, size);

    assert_non_null(taken);
    assert_true(taken->capacity >= size);
    memset(taken + 1, 'x', size);
    return taken;
}

static void give(shelf *it, cordon__parcel *parcel, size_t most)
{
    cordon__parcels_give(&it->parcels, &it->memory, parcel, most);
}

static void one_of_any_size_has_room_for_it_and_costs_what_it_takes(void **state)
{
    static const size_t sizes[] = {0, 1, SMALL - 1, SMALL, SMALL + 1, 4000, MOST - 1, MOST};
    shelf              *it = *state;

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        cordon__parcel *taken = take(it, sizes[i]);

        assert_true(taken->capacity >= SMALL && taken->capacity <= MOST);
        assert_true(taken->capacity == SMALL || taken->capacity < 2 * sizes[i]);
        assert_int_equal(held(it), cordon__parcel_cost(taken));
        give(it, taken, 0);
        assert_int_equal(held(it), 0);
    }
}

static void what_is_kept_is_used_again(void **state)
{
    shelf          *it = *state;
    cordon__parcel *first = take(it, 3000);
    const size_t    before = held(it);

    give(it, first, EVER);
    assert_int_equal(held(it), before);
    assert_int_equal(it->parcels.bytes, cordon__parcel_cost(first));
    assert_ptr_equal(take(it, 2500), first);
    assert_int_equal(it->parcels.bytes, 0);
    give(it, first, EVER);
    assert_ptr_equal(take(it, 10), first); /* larger than needed is better than none */
    give(it, first, EVER);
    assert_int_equal(held(it), before);
}

static void the_smallest_that_is_large_enough_is_taken(void **state)
{
    shelf          *it = *state;
    cordon__parcel *large = take(it, MOST), *small = take(it, SMALL), *middle = take(it, 5000);

    give(it, large, EVER);
    give(it, small, EVER);
    give(it, middle, EVER);
    assert_ptr_equal(take(it, SMALL + 1), middle);
    assert_ptr_equal(take(it, 1), small);
    assert_ptr_equal(take(it, 1), large);
    give(it, large, 0);
    give(it, small, 0);
    give(it, middle, 0);
}

static void no_more_is_kept_than_was_said(void **state)
{
    shelf          *it = *state;
    cordon__parcel *one = take(it, 5000), *two = take(it, 5000);
    const size_t    cost = cordon__parcel_cost(one);

    give(it, one, cost);
    assert_int_equal(it->parcels.bytes, cost);
    give(it, two, 2 * cost - 1); /* a byte too many */
    assert_int_equal(it->parcels.bytes, cost);
    assert_int_equal(held(it), cost);
}

static void trimming_leaves_one_of_the_smallest(void **state)
{
    shelf          *it = *state;
    cordon__parcel *kept[] = {take(it, MOST), take(it, 1), take(it, 1), take(it, 9000)};

    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        give(it, kept[i], EVER);
    assert_true(cordon__parcels_are_many(&it->parcels));
    cordon__parcels_trim(&it->parcels, &it->memory);
    assert_false(cordon__parcels_are_many(&it->parcels));
    assert_int_equal(held(it), sizeof(cordon__parcel) + SMALL);
    cordon__parcels_trim(&it->parcels, &it->memory); /* that one stays */
    assert_int_equal(held(it), sizeof(cordon__parcel) + SMALL);
}

static void trimming_leaves_nothing_that_is_large(void **state)
{
    shelf *it = *state;

    cordon__parcels_trim(&it->parcels, &it->memory); /* none is there */
    assert_int_equal(held(it), 0);
    give(it, take(it, MOST), EVER);
    assert_true(cordon__parcels_are_many(&it->parcels));
    cordon__parcels_trim(&it->parcels, &it->memory);
    assert_int_equal(held(it), 0);
    assert_false(cordon__parcels_are_many(&it->parcels));
}

static void *allocate_nothing(void *old, size_t size, void *user)
{
    (void)old;
    (void)size;
    (void)user;
    return NULL;
}

static void without_memory_only_what_is_kept_can_be_taken(void **state)
{
    shelf               *it = *state;
    const cordon__memory none = {allocate_nothing, NULL};
    cordon__parcel      *only = take(it, 1);

    give(it, only, EVER);
    assert_null(cordon__parcels_take(&it->parcels, &none, SMALL + 1));
    assert_ptr_equal(cordon__parcels_take(&it->parcels, &none, SMALL), only);
    assert_null(cordon__parcels_take(&it->parcels, &none, 1));
    give(it, only, 0);
}

#define parcel_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        parcel_test(one_of_any_size_has_room_for_it_and_costs_what_it_takes),
        parcel_test(what_is_kept_is_used_again),
        parcel_test(the_smallest_that_is_large_enough_is_taken),
        parcel_test(no_more_is_kept_than_was_said),
        parcel_test(trimming_leaves_one_of_the_smallest),
        parcel_test(trimming_leaves_nothing_that_is_large),
        parcel_test(without_memory_only_what_is_kept_can_be_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
