/*
 * What the system calls a link is none of our files, whatever is in it. The links themselves, which
 * Wine has not, are made in win32_secret_test.c and win32_lock_test.c.
 */
#include "win32_kit.h"

#include "win32_marked.h"

#define SECRET "0123456789abcdef"
#define SIZE   16

static int set_up(void **state)
{
    marked_files = 0;
    return kit_setup(state);
}

static int store(kit *it)
{
    return cordon__secret_store(it->place, SECRET, SIZE, &it->fault);
}

static void token_that_is_a_link_is_neither_read_nor_removed(void **state)
{
    kit *it = *state;
    char data[SIZE];

    kit_serve(it);
    SUPPORT_CODE(store(it), CORDON_OK, &it->fault);
    marked_files = 1;
    assert_int_equal(cordon__secret_load(it->place, data, SIZE, &it->fault), CORDON_EUNSAFE);
    assert_non_null(strstr(it->fault.text, "a link instead of a plain file"));
    SUPPORT_CODE(cordon__secret_remove(it->place, SECRET, SIZE, &it->fault), CORDON_OK, &it->fault);
    marked_files = 0;
    SUPPORT_CODE(cordon__secret_load(it->place, data, SIZE, &it->fault), CORDON_OK, &it->fault);
    assert_memory_equal(data, SECRET, SIZE);
}

static void link_that_is_to_become_the_token_stays(void **state)
{
    kit *it = *state;
    char half[SUPPORT_PATH], text[8];

    kit_serve(it);
    snprintf(half, sizeof half, "%s.new", cordon__place_path(it->place, CORDON_TOKEN));
    support_write(half, "half", 4, 0600);
    marked_files = 1;
    assert_int_equal(store(it), CORDON_EUNSAFE);
    assert_int_equal(support_read(half, text, sizeof text), 4);
    assert_false(support_exists(cordon__place_path(it->place, CORDON_TOKEN)));
    marked_files = 0;
    SUPPORT_CODE(store(it), CORDON_OK, &it->fault); /* a plain file of ours goes */
}

static void lock_that_is_a_link_is_not_taken(void **state)
{
    static const enum cordon_place locks[] = {CORDON_LOCK, CORDON_START_LOCK};
    kit                           *it = *state;
    char                           text[8];

    kit_serve(it);
    for (int i = 0; i < 2; i++) {
        const char   *path = cordon__place_path(it->place, locks[i]);
        cordon__lock *lock = NULL;

        support_write(path, "text", 4, 0600);
        marked_files = 1;
        assert_int_equal(cordon__lock_take(&lock, it->place, locks[i], &it->fault), CORDON_EUNSAFE);
        assert_null(lock);
        marked_files = 0;
        assert_int_equal(support_read(path, text, sizeof text), 4); /* not a word of ours in it */
        SUPPORT_CODE(cordon__lock_take(&lock, it->place, locks[i], &it->fault), CORDON_OK,
                     &it->fault);
        cordon__lock_release(lock);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, kit_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(token_that_is_a_link_is_neither_read_nor_removed),
        TEST(link_that_is_to_become_the_token_stays),
        TEST(lock_that_is_a_link_is_not_taken),
    };

    return cmocka_run_group_tests_name("contract_win32_marked", tests, NULL, NULL);
}
