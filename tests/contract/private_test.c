/* Owner-only directories: what is made, what is taken, what is refused. */
#include "kit.h"

#include <uv.h>

#define SERVER 1
#define CLIENT 0

#define SERVER 1
#define CLIENT 0

static int open_as(kit *it, const char *directory, int is_server)
{
    cordon__place *place = kit_resolve(it, directory);
    const int      code = cordon__private_open(place, is_server, &it->fault);

    cordon__place_close(place);
    return code;
}

/* ---- making ---- */

static void client_makes_nothing_and_is_told_that_nobody_is_there(void **state)
{
    kit *it = *state;

    SUPPORT_CODE(open_as(it, it->home, CLIENT), CORDON_ENOTRUNNING, &it->fault);
    assert_string_equal(it->fault.path, it->home);
    assert_false(support_exists(it->home));
}

static void server_makes_directory_and_parents_for_its_clients(void **state)
{
    kit *it = *state;
    char outer[SUPPORT_PATH], inner[SUPPORT_PATH];

    support_join(inner, support_join(outer, it->root, "new"), "app");
    SUPPORT_CODE(open_as(it, inner, CLIENT), CORDON_ENOTRUNNING, &it->fault);
    assert_false(support_exists(outer));
    SUPPORT_CODE(open_as(it, inner, SERVER), CORDON_OK, &it->fault);
    assert_true(support_exists(inner));
    SUPPORT_CODE(open_as(it, inner, CLIENT), CORDON_OK, &it->fault);
    SUPPORT_CODE(open_as(it, inner, SERVER), CORDON_OK, &it->fault);
}

static void what_was_made_stays_when_it_is_closed(void **state)
{
    kit *it = *state;

    SUPPORT_CODE(open_as(it, it->home, SERVER), CORDON_OK, &it->fault);
    assert_true(support_exists(it->home));
    SUPPORT_CODE(open_as(it, it->deep, SERVER), CORDON_OK, &it->fault);
    assert_true(support_exists(it->deep));
}

/* ---- what it is ---- */

static void plain_file_in_its_place_is_unsafe_and_stays(void **state)
{
    kit *it = *state;
    char data[4];

    support_write(it->home, "x", 1, 0600);
    for (int is_server = 0; is_server <= 1; is_server++) {
        SUPPORT_CODE(open_as(it, it->home, is_server), CORDON_EUNSAFE, &it->fault);
        assert_string_equal(it->fault.path, it->home);
        assert_true(it->fault.text[0] != '\0');
    }
    assert_int_equal(support_read(it->home, data, sizeof data), 1);
}

/* ---- the next look ---- */

static void open_one_is_open_for_both_and_again(void **state)
{
    kit *it = *state;

    kit_serve(it, it->home);
    for (int is_server = 0; is_server <= 1; is_server++)
        for (int times = 0; times < 3; times++)
            SUPPORT_CODE(cordon__private_open(it->place, is_server, &it->fault), CORDON_OK,
                         &it->fault);
}

static void directory_that_vanished_is_made_again_by_a_server_only(void **state)
{
    kit *it = *state;

    SUPPORT_NEEDS_WINDOWS("a directory that is open stays until it is closed");
    kit_serve(it, it->home);
    support_directory_remove(it->home);
    SUPPORT_CODE(cordon__private_open(it->place, CLIENT, &it->fault), CORDON_ENOTRUNNING,
                 &it->fault);
    assert_false(support_exists(it->home));
    SUPPORT_CODE(cordon__private_open(it->place, SERVER, &it->fault), CORDON_OK, &it->fault);
    assert_true(support_exists(it->home));
}

static void nothing_stays_open(void **state)
{
    kit *it = *state;
    char file[SUPPORT_PATH];
    int  before = 0;

    support_write(support_join(file, it->root, "file"), "", 0, 0600);
    for (int round = 0; round < 3; round++) {
        if (round == 1)
            before = support_count_descriptors();
        SUPPORT_CODE(open_as(it, file, SERVER), CORDON_EUNSAFE, &it->fault);
        SUPPORT_CODE(open_as(it, it->home, SERVER), CORDON_OK, &it->fault);
        SUPPORT_CODE(open_as(it, it->home, CLIENT), CORDON_OK, &it->fault);
        SUPPORT_CODE(open_as(it, it->deep, SERVER), CORDON_OK, &it->fault);
    }
    assert_int_equal(support_count_descriptors(), before);
}

/* ---- many ---- */

typedef struct maker {
    const char *directory;
    atomic_uint made, failed;
} maker;

static void opens_again_and_again(void *context)
{
    static const cordon__trace silent = {NULL, NULL};
    maker                     *all = context;
    cordon_fault               fault = CORDON_FAULT_INIT;

    for (int i = 0; i < 50; i++) {
        cordon__place *place = NULL;

        if (cordon__place_open(&place, "test", "ipc", all->directory, &cordon__libc, &silent,
                               &fault) == CORDON_OK &&
            cordon__private_open(place, SERVER, &fault) == CORDON_OK)
            atomic_fetch_add(&all->made, 1);
        else
            atomic_fetch_add(&all->failed, 1);
        cordon__place_close(place);
    }
}

static void many_threads_may_make_it_at_once(void **state)
{
    kit        *it = *state;
    char        inner[SUPPORT_PATH];
    maker       all = {NULL, 0, 0};
    uv_thread_t threads[4];

    all.directory = support_join(inner, it->home, "app");
    for (int i = 0; i < 4; i++)
        assert_int_equal(uv_thread_create(&threads[i], opens_again_and_again, &all), 0);
    for (int i = 0; i < 4; i++)
        uv_thread_join(&threads[i]);
    assert_int_equal(atomic_load(&all.failed), 0);
    assert_int_equal(atomic_load(&all.made), 4 * 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(client_makes_nothing_and_is_told_that_nobody_is_there),
        kit_test(server_makes_directory_and_parents_for_its_clients),
        kit_test(what_was_made_stays_when_it_is_closed),
        kit_test(plain_file_in_its_place_is_unsafe_and_stays),
        kit_test(open_one_is_open_for_both_and_again),
        kit_test(directory_that_vanished_is_made_again_by_a_server_only),
        kit_test(nothing_stays_open),
        kit_test(many_threads_may_make_it_at_once),
    };

    return SUPPORT_RUN("contract_private", tests);
}
