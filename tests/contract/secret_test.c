/* The secret file. */
#include "secret_kit.h"

/* ---- store ---- */

static void secret_is_alone(kit *it)
{
    char names[256];

    support_names(names, sizeof names, it->home);
    assert_string_equal(names, support_name_of(secret_path(it)));
}

static void stored_again_it_is_the_new_one_and_nothing_else_is_left(void **state)
{
    static const char other[SIZE] = "another one";
    kit              *it = *state;

    kit_serve(it, it->home);
    SUPPORT_CODE(cordon__secret_store(it->place, other, SIZE, &it->fault), CORDON_OK, &it->fault);
    SUPPORT_CODE(secret_store(it), CORDON_OK, &it->fault);
    SUPPORT_CODE(secret_load(it), CORDON_OK, &it->fault);
    secret_is_alone(it);
}

static void half_written_one_of_a_crash_is_replaced(void **state)
{
    kit *it = *state;

    kit_serve(it, it->home);
    support_write(secret_half(it), "half", 4, 0600);
    SUPPORT_CODE(secret_store(it), CORDON_OK, &it->fault);
    SUPPORT_CODE(secret_load(it), CORDON_OK, &it->fault);
    secret_is_alone(it);
}

static void directory_in_the_way_is_unsafe_and_left_alone(void **state)
{
    kit *it = *state;

    kit_serve(it, it->home);
    support_directory_make(secret_half(it));
    SUPPORT_CODE(secret_store(it), CORDON_EUNSAFE, &it->fault);
    assert_true(support_exists(secret_half(it)));
    assert_false(support_exists(secret_path(it)));
    support_directory_remove(secret_half(it));
    support_directory_make(secret_path(it));
    SUPPORT_CODE(secret_store(it), CORDON_EUNSAFE, &it->fault);
    secret_check_unsafe(it);
    assert_false(support_exists(secret_half(it)));
    support_directory_remove(secret_path(it));
    SUPPORT_CODE(secret_store(it), CORDON_OK, &it->fault);
}

/* ---- load ---- */

static void absent_is_told(void **state)
{
    kit *it = *state;

    kit_serve(it, it->home);
    assert_int_equal(secret_load(it), CORDON__ABSENT);
}

static void another_size_is_malformed(void **state)
{
    static const size_t sizes[] = {0, 1, 63, 65, 4096};
    static char         data[4096];
    kit                *it = *state;

    kit_serve(it, it->home);
    memset(data, 'a', sizeof data);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        secret_put(it, data, sizes[i], 0600);
        assert_int_equal(secret_load(it), CORDON__MALFORMED_FILE);
    }
}

static void one_that_others_may_read_is_unsafe(void **state)
{
    static const unsigned modes[] = {0640, 0604};
    kit                  *it = *state;

    kit_serve(it, it->home);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        secret_put(it, SECRET, SIZE, modes[i]);
        secret_check_unsafe(it);
        SUPPORT_CODE(secret_store(it), CORDON_OK, &it->fault); /* ours again */
        SUPPORT_CODE(secret_load(it), CORDON_OK, &it->fault);
    }
}

/* ---- remove ---- */

static int remove_own(kit *it)
{
    return cordon__secret_remove(it->place, SECRET, SIZE, &it->fault);
}

static void ours_is_removed(void **state)
{
    kit *it = *state;

    kit_serve(it, it->home);
    SUPPORT_CODE(secret_store(it), CORDON_OK, &it->fault);
    assert_int_equal(remove_own(it), CORDON_OK);
    assert_false(support_exists(secret_path(it)));
    assert_int_equal(remove_own(it), CORDON_OK);
}

static void what_is_not_ours_any_more_stays(void **state)
{
    kit *it = *state;
    char other[SIZE];

    kit_serve(it, it->home);
    memset(other, 'a', sizeof other);
    secret_put(it, other, sizeof other, 0600);
    assert_int_equal(remove_own(it), CORDON_OK);
    assert_true(support_exists(secret_path(it)));
    secret_put(it, SECRET, SIZE, 0604);
    assert_int_equal(remove_own(it), CORDON_OK);
    assert_true(support_exists(secret_path(it)));
}

static void nothing_stays_open(void **state)
{
    kit *it = *state;

    kit_serve(it, it->home);

    const int before = support_count_descriptors();

    SUPPORT_CODE(secret_store(it), CORDON_OK, &it->fault);
    SUPPORT_CODE(secret_load(it), CORDON_OK, &it->fault);
    secret_put(it, "x", 1, 0604);
    SUPPORT_CODE(secret_load(it), CORDON_EUNSAFE, &it->fault);
    SUPPORT_CODE(remove_own(it), CORDON_OK, &it->fault);
    assert_int_equal(support_count_descriptors(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(stored_again_it_is_the_new_one_and_nothing_else_is_left),
        kit_test(half_written_one_of_a_crash_is_replaced),
        kit_test(directory_in_the_way_is_unsafe_and_left_alone),
        kit_test(absent_is_told),
        kit_test(another_size_is_malformed),
        kit_test(one_that_others_may_read_is_unsafe),
        kit_test(ours_is_removed),
        kit_test(what_is_not_ours_any_more_stays),
        kit_test(nothing_stays_open),
    };

    return SUPPORT_RUN("contract_secret", tests);
}
