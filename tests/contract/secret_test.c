/* The secret file. */
#include "kit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

static int load(kit *it)
{
    char data[KIT_TOKEN + 1] = "";
    int  code = cordon__secret_load(it->place, data, KIT_TOKEN, &it->fault);

    if (code == CORDON_OK)
        assert_string_equal(data, KIT_OWN_TOKEN);
    return code;
}

static int store(kit *it)
{
    return cordon__secret_store(it->place, KIT_OWN_TOKEN, KIT_TOKEN, &it->fault);
}

static const char *token_path(kit *it)
{
    return cordon__place_path(it->place, CORDON_TOKEN);
}

static void check_unsafe(kit *it)
{
    SUPPORT_CODE(load(it), CORDON_EUNSAFE, &it->fault);
    assert_string_equal(it->fault.path, token_path(it));
    assert_string_equal(it->fault.during, "read token");
    assert_true(it->fault.text[0] != '\0');
}

/* ---- store ---- */

static void stored_is_loaded_and_0600_whatever_the_umask(void **state)
{
    static const mode_t umasks[] = {0, 022, 077, 0777};
    kit                *it = *state;
    char                names[64];

    kit_serve(it, it->near);
    for (size_t i = 0; i < sizeof umasks / sizeof umasks[0]; i++) {
        const mode_t before = umask(umasks[i]);

        SUPPORT_CODE(store(it), CORDON_OK, &it->fault);
        assert_int_equal(umask(before), umasks[i]);
        assert_int_equal(support_mode(token_path(it)), 0600);
        SUPPORT_CODE(load(it), CORDON_OK, &it->fault);
    }
    support_names(names, sizeof names, it->near);
    assert_string_equal(names, "ipc-token");
}

static void half_written_one_of_a_crash_is_replaced(void **state)
{
    static const mode_t modes[] = {0, 0200, 0600, 0666};
    kit                *it = *state;
    char                half[SUPPORT_PATH], names[64];

    kit_serve(it, it->near);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        support_write(support_join(half, it->near, "ipc-token.new"), "half", 4, modes[i]);
        SUPPORT_CODE(store(it), CORDON_OK, &it->fault);
        SUPPORT_CODE(load(it), CORDON_OK, &it->fault);
    }
    support_names(names, sizeof names, it->near);
    assert_string_equal(names, "ipc-token");
}

static void anything_else_in_the_way_is_unsafe_and_left_alone(void **state)
{
    kit *it = *state;
    char half[SUPPORT_PATH], victim[SUPPORT_PATH], data[8];

    kit_serve(it, it->near);
    support_join(half, it->near, "ipc-token.new");
    support_write(support_join(victim, it->root, "victim"), "victim", 6, 0600);
    assert_int_equal(symlink(victim, half), 0);
    SUPPORT_CODE(store(it), CORDON_EUNSAFE, &it->fault);
    assert_int_equal(support_read(victim, data, sizeof data), 6);
    assert_true(support_exists(half));
    assert_int_equal(unlink(half), 0);
    assert_int_equal(mkfifo(half, 0600), 0);
    SUPPORT_CODE(store(it), CORDON_EUNSAFE, &it->fault);
    assert_int_equal(unlink(half), 0);
    assert_int_equal(mkdir(half, 0700), 0);
    SUPPORT_CODE(store(it), CORDON_EUNSAFE, &it->fault);
    assert_int_equal(rmdir(half), 0);
    assert_int_equal(mkdir(token_path(it), 0700), 0);
    SUPPORT_CODE(store(it), CORDON_EUNSAFE, &it->fault);
    assert_false(support_exists(half));
}

static void link_in_place_of_the_token_is_replaced_not_followed(void **state)
{
    kit *it = *state;
    char victim[SUPPORT_PATH], data[8];

    kit_serve(it, it->near);
    support_write(support_join(victim, it->root, "victim"), "victim", 6, 0600);
    assert_int_equal(symlink(victim, token_path(it)), 0);
    SUPPORT_CODE(store(it), CORDON_OK, &it->fault);
    SUPPORT_CODE(load(it), CORDON_OK, &it->fault);
    assert_int_equal(support_read(victim, data, sizeof data), 6);
}

static int stores_without_room(void *context)
{
    kit                *it = context;
    const struct rlimit none = {0, 0};
    char                names[64];

    signal(SIGXFSZ, SIG_IGN);
    SUPPORT_CHECK(setrlimit(RLIMIT_FSIZE, &none) == 0);
    SUPPORT_CODE(store(it), CORDON_ESYSTEM, &it->fault);
    SUPPORT_CHECK(it->fault.os_code == EFBIG);
    support_names(names, sizeof names, it->near);
    SUPPORT_CHECK(strcmp(names, "ipc-token") == 0);
    SUPPORT_CODE(load(it), CORDON_OK, &it->fault);
    return 0;
}

static void failed_write_leaves_the_old_one_and_nothing_else(void **state)
{
    kit *it = *state;

    kit_serve(it, it->near);
    SUPPORT_CODE(store(it), CORDON_OK, &it->fault);
    assert_int_equal(support_wait(support_fork(stores_without_room, it), SUPPORT_SOON), 0);
}

static void vanished_directory_is_a_clear_error(void **state)
{
    kit *it = *state;

    kit_serve(it, it->near);
    assert_int_equal(rmdir(it->near), 0);
    SUPPORT_CODE(store(it), CORDON_ESYSTEM, &it->fault);
    assert_int_equal(it->fault.os_code, ENOENT);
    assert_string_equal(it->fault.during, "write token");
}

/* ---- load ---- */

static void absent_is_told(void **state)
{
    kit *it = *state;

    kit_serve(it, it->near);
    assert_int_equal(load(it), CORDON__ABSENT);
}

static void another_size_is_malformed(void **state)
{
    static const off_t sizes[] = {0, 1, 63, 65, 4096, (off_t)1 << 30};
    kit               *it = *state;

    kit_serve(it, it->near);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        support_write(token_path(it), "", 0, 0600);
        assert_int_equal(truncate(token_path(it), sizes[i]), 0); /* 1 GiB costs nothing: holes */
        assert_int_equal(load(it), CORDON__MALFORMED_FILE);
    }
}

static void open_to_others_is_unsafe(void **state)
{
    static const mode_t modes[] = {0640, 0604, 0660, 0644, 0610, 0601};
    kit                *it = *state;

    kit_serve(it, it->near);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        support_write(token_path(it), KIT_OWN_TOKEN, KIT_TOKEN, modes[i]);
        check_unsafe(it);
        assert_int_equal(it->fault.expected, 0600);
        assert_int_equal(it->fault.actual, modes[i]);
    }
}

static void what_is_no_plain_file_is_unsafe_and_does_not_hang(void **state)
{
    kit *it = *state;
    char good[SUPPORT_PATH];

    kit_serve(it, it->near);
    support_write(support_join(good, it->near, "good"), KIT_OWN_TOKEN, KIT_TOKEN, 0600);
    assert_int_equal(symlink(good, token_path(it)), 0);
    check_unsafe(it);
    assert_int_equal(unlink(token_path(it)), 0);
    assert_int_equal(symlink("nowhere", token_path(it)), 0);
    check_unsafe(it);
    assert_int_equal(unlink(token_path(it)), 0);
    assert_int_equal(mkfifo(token_path(it), 0600), 0);
    check_unsafe(it);
    assert_int_equal(unlink(token_path(it)), 0);
    kit_leave_socket(token_path(it));
    check_unsafe(it);
    assert_int_equal(unlink(token_path(it)), 0);
    assert_int_equal(mkdir(token_path(it), 0700), 0);
    check_unsafe(it);
}

static int loads_a_foreign_one(void *context)
{
    kit *it = context;

    it->place = NULL;
    it->place = kit_visit(it, it->near);
    check_unsafe(it);
    SUPPORT_CHECK(it->fault.actual == 0);
    return 0;
}

static void foreign_owner_is_unsafe_also_when_it_cannot_be_opened(void **state)
{
    kit *it = *state;

    support_need_root();
    kit_serve(it, it->near);
    support_write(token_path(it), KIT_OWN_TOKEN, KIT_TOKEN, 0600);
    kit_give_to(token_path(it), SUPPORT_OTHER_UID);
    check_unsafe(it);
    assert_int_equal(it->fault.actual, SUPPORT_OTHER_UID);
    /* The other way round: root's file in another user's directory. */
    kit_give_to(token_path(it), 0);
    kit_give_to(it->near, SUPPORT_OTHER_UID);
    assert_int_equal(chmod(it->root, 0755), 0);
    assert_int_equal(
        support_wait(support_fork_as(SUPPORT_OTHER_UID, loads_a_foreign_one, it), SUPPORT_SOON), 0);
}

/* ---- remove ---- */

static int remove_own(kit *it)
{
    return cordon__secret_remove(it->place, KIT_OWN_TOKEN, KIT_TOKEN, &it->fault);
}

static void ours_is_removed(void **state)
{
    kit *it = *state;

    kit_serve(it, it->near);
    SUPPORT_CODE(store(it), CORDON_OK, &it->fault);
    assert_int_equal(remove_own(it), CORDON_OK);
    assert_false(support_exists(token_path(it)));
    assert_int_equal(remove_own(it), CORDON_OK);
}

static void what_is_not_ours_any_more_stays(void **state)
{
    kit *it = *state;
    char other[KIT_TOKEN];

    kit_serve(it, it->near);
    memset(other, 'a', sizeof other);
    support_write(token_path(it), other, sizeof other, 0600);
    assert_int_equal(remove_own(it), CORDON_OK);
    assert_true(support_exists(token_path(it)));
    support_write(token_path(it), KIT_OWN_TOKEN, KIT_TOKEN, 0644);
    assert_int_equal(remove_own(it), CORDON_OK);
    assert_true(support_exists(token_path(it)));
}

static void nothing_stays_open(void **state)
{
    kit *it = *state;

    kit_serve(it, it->near);

    const int before = support_count_descriptors();

    store(it);
    load(it);
    support_write(token_path(it), "x", 1, 0644);
    load(it);
    remove_own(it);
    assert_int_equal(support_count_descriptors(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(stored_is_loaded_and_0600_whatever_the_umask),
        kit_test(half_written_one_of_a_crash_is_replaced),
        kit_test(anything_else_in_the_way_is_unsafe_and_left_alone),
        kit_test(link_in_place_of_the_token_is_replaced_not_followed),
        kit_test(failed_write_leaves_the_old_one_and_nothing_else),
        kit_test(vanished_directory_is_a_clear_error),
        kit_test(absent_is_told),
        kit_test(another_size_is_malformed),
        kit_test(open_to_others_is_unsafe),
        kit_test(what_is_no_plain_file_is_unsafe_and_does_not_hang),
        kit_test(foreign_owner_is_unsafe_also_when_it_cannot_be_opened),
        kit_test(ours_is_removed),
        kit_test(what_is_not_ours_any_more_stays),
        kit_test(nothing_stays_open),
    };

    return cmocka_run_group_tests_name("contract_secret", tests, NULL, NULL);
}
