/* The secret on Windows: whose it is, how it is replaced, what may lie in its place. */
#include "win32_kit.h"

#include <uv.h>

#define SECRET "0123456789abcdef"
#define SIZE   16

static int load(kit *it, char data[SIZE + 1])
{
    memset(data, 0, SIZE + 1);
    return cordon__secret_load(it->place, data, SIZE, &it->fault);
}

static const wchar_t *token_path(kit *it)
{
    return it->place->wide[CORDON_TOKEN];
}

static void half_path(kit *it, char path[SUPPORT_PATH])
{
    snprintf(path, SUPPORT_PATH, "%s.new", cordon__place_path(it->place, CORDON_TOKEN));
}

static void secret_is_ours_alone_also_when_it_is_written_again(void **state)
{
    kit *it = *state;
    char data[SIZE + 1];

    kit_serve(it);
    for (int round = 0; round < 3; round++) {
        SUPPORT_CODE(cordon__secret_store(it->place, SECRET, SIZE, &it->fault), CORDON_OK,
                     &it->fault);
        kit_check_ours(it, token_path(it));
        SUPPORT_CODE(load(it, data), CORDON_OK, &it->fault);
        assert_string_equal(data, SECRET);
    }
}

static void secret_has_our_descriptor_to_the_letter(void **state)
{
    kit *it = *state;

    KIT_NEEDS_LETTERS;
    kit_serve(it);
    for (int round = 0; round < 2; round++) {
        SUPPORT_CODE(cordon__secret_store(it->place, SECRET, SIZE, &it->fault), CORDON_OK,
                     &it->fault);
        kit_check_letters(it, token_path(it), CORDON__GUARD_FILE);
    }
}

static void half_written_secret_of_a_dead_server_is_replaced(void **state)
{
    kit *it = *state;
    char half[SUPPORT_PATH], data[SIZE + 1];

    kit_serve(it);
    half_path(it, half);
    support_write(half, "half", 4, 0600);
    SUPPORT_CODE(cordon__secret_store(it->place, SECRET, SIZE, &it->fault), CORDON_OK, &it->fault);
    assert_false(support_exists(half));
    SUPPORT_CODE(load(it, data), CORDON_OK, &it->fault);
    assert_string_equal(data, SECRET);
    kit_check_ours(it, token_path(it));
}

static void what_is_no_file_of_ours_in_its_way_is_left_alone(void **state)
{
    kit *it = *state;
    char half[SUPPORT_PATH], data[SIZE + 1];

    kit_serve(it);
    half_path(it, half);
    SUPPORT_CODE(cordon__secret_store(it->place, SECRET, SIZE, &it->fault), CORDON_OK, &it->fault);
    support_directory_make(half);
    assert_int_equal(cordon__secret_store(it->place, "fedcba9876543210", SIZE, &it->fault),
                     CORDON_EUNSAFE);
    assert_true(support_exists(half));
    SUPPORT_CODE(load(it, data), CORDON_OK, &it->fault);
    assert_string_equal(data, SECRET);
}

/* The way of a token to be led astray: neither followed nor taken away. */
static void check_token_is_left(kit *it, const char *path)
{
    char data[SIZE + 1];

    assert_int_equal(load(it, data), CORDON_EUNSAFE);
    assert_non_null(strstr(it->fault.text, "a link instead of a plain file"));
    SUPPORT_CODE(cordon__secret_remove(it->place, SECRET, SIZE, &it->fault), CORDON_OK, &it->fault);
    assert_true(kit_is_link(path));
}

static void link_in_the_place_of_the_token_is_unsafe(void **state)
{
    kit        *it = *state;
    const char *path;
    char        target[SUPPORT_PATH], names[64];

    KIT_NEEDS_LINKS;
    kit_serve(it);
    path = cordon__place_path(it->place, CORDON_TOKEN);
    support_join(target, it->root, "target");
    support_directory_make(target);
    kit_junction(path, target);
    check_token_is_left(it, path);
    assert_int_equal(cordon__secret_store(it->place, SECRET, SIZE, &it->fault), CORDON_EUNSAFE);
    assert_true(kit_is_link(path));
    support_names(names, sizeof names, target);
    assert_string_equal(names, "");
    assert_true(RemoveDirectoryW(support_wide(path)));
    kit_tagged_file(path, SECRET, SIZE); /* a plain file but for that */
    check_token_is_left(it, path);
}

static void link_beside_the_token_is_left_alone(void **state)
{
    kit *it = *state;
    char half[SUPPORT_PATH], target[SUPPORT_PATH], names[64];

    KIT_NEEDS_LINKS;
    kit_serve(it);
    half_path(it, half);
    support_join(target, it->root, "target");
    support_directory_make(target);
    for (int is_file = 0; is_file < 2; is_file++) {
        if (is_file)
            kit_tagged_file(half, "half", 4);
        else
            kit_junction(half, target);
        assert_int_equal(cordon__secret_store(it->place, SECRET, SIZE, &it->fault), CORDON_EUNSAFE);
        assert_true(kit_is_link(half));
        assert_false(support_exists(cordon__place_path(it->place, CORDON_TOKEN)));
        assert_true(is_file || RemoveDirectoryW(support_wide(half)));
    }
    support_names(names, sizeof names, target);
    assert_string_equal(names, "");
}

static HANDLE open_sharing(const wchar_t *path, DWORD sharing)
{
    const HANDLE file = CreateFileW(path, GENERIC_READ, sharing, NULL, OPEN_EXISTING, 0, NULL);

    SUPPORT_CHECK(file != INVALID_HANDLE_VALUE);
    return file;
}

/* A scanner that lets nobody else write or rename: waited for, then given up; nothing is lost. */
static void secret_that_somebody_holds_on_to_stays_as_it_was(void **state)
{
    kit   *it = *state;
    char   half[SUPPORT_PATH], data[SIZE + 1];
    HANDLE file;
    int    code;

    kit_serve(it);
    half_path(it, half);
    SUPPORT_CODE(cordon__secret_store(it->place, SECRET, SIZE, &it->fault), CORDON_OK, &it->fault);
    file = open_sharing(token_path(it), FILE_SHARE_READ);
    code = cordon__secret_store(it->place, "fedcba9876543210", SIZE, &it->fault);
    assert_true(code == CORDON_EBUSY || code == CORDON_EDENIED);
    assert_false(support_exists(half));
    SUPPORT_CODE(load(it, data), CORDON_OK, &it->fault);
    assert_string_equal(data, SECRET);
    CloseHandle(file);
    SUPPORT_CODE(cordon__secret_store(it->place, "fedcba9876543210", SIZE, &it->fault), CORDON_OK,
                 &it->fault);
}

typedef struct reader {
    kit         *it;
    cordon_fault fault;
    atomic_int   is_over;
    int          reads, wrong;
} reader;

static void read_on(void *context)
{
    reader        *self = context;
    cordon__place *place = kit_resolve(self->it, "test", self->it->home);
    char           data[SIZE];

    while (!atomic_load(&self->is_over)) {
        const uint64_t begin = cordon__now();
        const int      code = cordon__secret_load(place, data, SIZE, &self->fault);
        const uint64_t took = cordon__now() - begin;

        self->reads++;
        for (int i = 1; i < SIZE; i++)
            self->wrong += data[i] != data[0];
        self->wrong += code != CORDON_OK;
        /* A name that is always in use cannot be given away everywhere: it is free most of the
         * time, however slow the machine. */
        support_pause((int)(2 + 2 * took));
    }
    cordon__place_close(place);
}

static void readers_see_one_whole_secret_or_another(void **state)
{
    kit        *it = *state;
    reader      self = {.it = it, .fault = CORDON_FAULT_INIT};
    uv_thread_t thread;
    char        data[SIZE];
    int         code = CORDON_OK;

    kit_serve(it);
    memset(data, 'a', SIZE);
    SUPPORT_CODE(cordon__secret_store(it->place, data, SIZE, &it->fault), CORDON_OK, &it->fault);
    assert_int_equal(uv_thread_create(&thread, read_on, &self), 0);
    for (int i = 0; i < 100 && code == CORDON_OK; i++) {
        memset(data, 'a' + i % 26, SIZE);
        code = cordon__secret_store(it->place, data, SIZE, &it->fault);
    }
    atomic_store(&self.is_over, 1);
    uv_thread_join(&thread);
    SUPPORT_CODE(code, CORDON_OK, &it->fault);
    assert_true(self.reads > 0);
    if (self.wrong > 0)
        fail_msg("%d of %d: %s", self.wrong, self.reads, cordon_fault_line(&self.fault));
}

/* ---- nothing stays ------------------------------------------------------------------------ */

static void one_round(kit *it)
{
    cordon__lock *lock = NULL, *other = NULL;
    char          data[SIZE + 1];

    kit_serve(it);
    SUPPORT_CODE(cordon__lock_take(&lock, it->place, CORDON_LOCK, &it->fault), CORDON_OK,
                 &it->fault);
    assert_int_equal(cordon__lock_take(&other, it->place, CORDON_LOCK, &it->fault), CORDON__HELD);
    SUPPORT_CODE(cordon__secret_store(it->place, SECRET, SIZE, &it->fault), CORDON_OK, &it->fault);
    SUPPORT_CODE(load(it, data), CORDON_OK, &it->fault);
    SUPPORT_CODE(cordon__secret_remove(it->place, SECRET, SIZE, &it->fault), CORDON_OK, &it->fault);
    assert_int_equal(load(it, data), CORDON__ABSENT);
    cordon__lock_release(lock);
    cordon__place_close(it->place);
    it->place = NULL;
}

static void handles_are_given_back(void **state)
{
    kit *it = *state;
    int  before;

    one_round(it);
    before = support_count_descriptors();
    for (int i = 0; i < 50; i++)
        one_round(it);
    assert_int_equal(support_count_descriptors(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(secret_is_ours_alone_also_when_it_is_written_again),
        kit_test(secret_has_our_descriptor_to_the_letter),
        kit_test(half_written_secret_of_a_dead_server_is_replaced),
        kit_test(what_is_no_file_of_ours_in_its_way_is_left_alone),
        kit_test(link_in_the_place_of_the_token_is_unsafe),
        kit_test(link_beside_the_token_is_left_alone),
        kit_test(secret_that_somebody_holds_on_to_stays_as_it_was),
        kit_test(readers_see_one_whole_secret_or_another),
        kit_test(handles_are_given_back),
    };

    return cmocka_run_group_tests_name("contract_win32_secret", tests, NULL, NULL);
}
