/* The secret file on POSIX: modes, links, owners, full disks. */
#include "kit_posix.h"
#include "secret_kit.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* ---- store ---- */

static void stored_is_loaded_and_0600_whatever_the_umask(void **state)
{
    static const mode_t umasks[] = {0, 022, 077, 0777};
    kit                *it = *state;
    char                names[64];

    kit_serve(it, it->home);
    for (size_t i = 0; i < sizeof umasks / sizeof umasks[0]; i++) {
        const mode_t before = umask(umasks[i]);

        SUPPORT_CODE(secret_store(it), CORDON_OK, &it->fault);
        assert_int_equal(umask(before), umasks[i]);
        assert_int_equal(support_mode(secret_path(it)), 0600);
        SUPPORT_CODE(secret_load(it), CORDON_OK, &it->fault);
    }
    support_names(names, sizeof names, it->home);
    assert_string_equal(names, "ipc-token");
}

static void half_written_one_of_any_mode_is_replaced(void **state)
{
    static const mode_t modes[] = {0, 0200, 0600, 0666};
    kit                *it = *state;
    char                half[SUPPORT_PATH], names[64];

    kit_serve(it, it->home);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        support_write(support_join(half, it->home, "ipc-token.new"), "half", 4, modes[i]);
        SUPPORT_CODE(secret_store(it), CORDON_OK, &it->fault);
        SUPPORT_CODE(secret_load(it), CORDON_OK, &it->fault);
    }
    support_names(names, sizeof names, it->home);
    assert_string_equal(names, "ipc-token");
}

static void anything_else_in_the_way_is_unsafe_and_left_alone(void **state)
{
    kit *it = *state;
    char half[SUPPORT_PATH], victim[SUPPORT_PATH], data[8];

    kit_serve(it, it->home);
    support_join(half, it->home, "ipc-token.new");
    support_write(support_join(victim, it->root, "victim"), "victim", 6, 0600);
    assert_int_equal(symlink(victim, half), 0);
    SUPPORT_CODE(secret_store(it), CORDON_EUNSAFE, &it->fault);
    assert_int_equal(support_read(victim, data, sizeof data), 6);
    assert_true(support_exists(half));
    assert_int_equal(unlink(half), 0);
    assert_int_equal(mkfifo(half, 0600), 0);
    SUPPORT_CODE(secret_store(it), CORDON_EUNSAFE, &it->fault);
    assert_int_equal(unlink(half), 0);
    assert_int_equal(mkdir(half, 0700), 0);
    SUPPORT_CODE(secret_store(it), CORDON_EUNSAFE, &it->fault);
    assert_int_equal(rmdir(half), 0);
    assert_int_equal(mkdir(secret_path(it), 0700), 0);
    SUPPORT_CODE(secret_store(it), CORDON_EUNSAFE, &it->fault);
    assert_false(support_exists(half));
}

static void link_in_place_of_the_token_is_replaced_not_followed(void **state)
{
    kit *it = *state;
    char victim[SUPPORT_PATH], data[8];

    kit_serve(it, it->home);
    support_write(support_join(victim, it->root, "victim"), "victim", 6, 0600);
    assert_int_equal(symlink(victim, secret_path(it)), 0);
    SUPPORT_CODE(secret_store(it), CORDON_OK, &it->fault);
    SUPPORT_CODE(secret_load(it), CORDON_OK, &it->fault);
    assert_int_equal(support_read(victim, data, sizeof data), 6);
}

static int stores_without_room(void *context)
{
    kit                *it = context;
    const struct rlimit none = {0, 0};
    char                names[64];

    signal(SIGXFSZ, SIG_IGN);
    SUPPORT_CHECK(setrlimit(RLIMIT_FSIZE, &none) == 0);
    SUPPORT_CODE(secret_store(it), CORDON_ESYSTEM, &it->fault);
    SUPPORT_CHECK(it->fault.os_code == EFBIG);
    support_names(names, sizeof names, it->home);
    SUPPORT_CHECK(strcmp(names, "ipc-token") == 0);
    SUPPORT_CODE(secret_load(it), CORDON_OK, &it->fault);
    return 0;
}

static void failed_write_leaves_the_old_one_and_nothing_else(void **state)
{
    kit *it = *state;

    kit_serve(it, it->home);
    SUPPORT_CODE(secret_store(it), CORDON_OK, &it->fault);
    assert_int_equal(support_wait(support_fork(stores_without_room, it), SUPPORT_SOON), 0);
}

static void vanished_directory_is_a_clear_error(void **state)
{
    kit *it = *state;

    kit_serve(it, it->home);
    assert_int_equal(rmdir(it->home), 0);
    SUPPORT_CODE(secret_store(it), CORDON_ESYSTEM, &it->fault);
    assert_int_equal(it->fault.os_code, ENOENT);
    assert_string_equal(it->fault.during, "write token");
}

/* ---- load ---- */

static void file_of_any_size_is_malformed_and_not_read(void **state)
{
    static const off_t sizes[] = {0, 65, (off_t)1 << 30};
    kit               *it = *state;

    kit_serve(it, it->home);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        support_write(secret_path(it), "", 0, 0600);
        assert_int_equal(truncate(secret_path(it), sizes[i]), 0); /* 1 GiB costs nothing: holes */
        assert_int_equal(secret_load(it), CORDON__MALFORMED_FILE);
    }
}

static void mode_of_any_other_bit_is_unsafe_and_told(void **state)
{
    static const mode_t modes[] = {0640, 0604, 0660, 0644, 0610, 0601};
    kit                *it = *state;

    kit_serve(it, it->home);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        support_write(secret_path(it), SECRET, SIZE, modes[i]);
        secret_check_unsafe(it);
        assert_int_equal(it->fault.expected, 0600);
        assert_int_equal(it->fault.actual, modes[i]);
    }
}

static void what_is_no_plain_file_is_unsafe_and_does_not_hang(void **state)
{
    kit *it = *state;
    char good[SUPPORT_PATH];

    kit_serve(it, it->home);
    support_write(support_join(good, it->home, "good"), SECRET, SIZE, 0600);
    assert_int_equal(symlink(good, secret_path(it)), 0);
    secret_check_unsafe(it);
    assert_int_equal(unlink(secret_path(it)), 0);
    assert_int_equal(symlink("nowhere", secret_path(it)), 0);
    secret_check_unsafe(it);
    assert_int_equal(unlink(secret_path(it)), 0);
    assert_int_equal(mkfifo(secret_path(it), 0600), 0);
    secret_check_unsafe(it);
    assert_int_equal(unlink(secret_path(it)), 0);
    kit_leave_socket(secret_path(it));
    secret_check_unsafe(it);
    assert_int_equal(unlink(secret_path(it)), 0);
    assert_int_equal(mkdir(secret_path(it), 0700), 0);
    secret_check_unsafe(it);
}

static int loads_a_foreign_one(void *context)
{
    kit *it = context;

    it->place = NULL;
    it->place = kit_visit(it, it->home);
    secret_check_unsafe(it);
    SUPPORT_CHECK(it->fault.actual == 0);
    return 0;
}

static void foreign_owner_is_unsafe_also_when_it_cannot_be_opened(void **state)
{
    kit *it = *state;

    support_need_root();
    kit_serve(it, it->home);
    support_write(secret_path(it), SECRET, SIZE, 0600);
    kit_give_to(secret_path(it), SUPPORT_OTHER_UID);
    secret_check_unsafe(it);
    assert_int_equal(it->fault.actual, SUPPORT_OTHER_UID);
    /* The other way round: root's file in another user's directory. */
    kit_give_to(secret_path(it), 0);
    kit_give_to(it->home, SUPPORT_OTHER_UID);
    assert_int_equal(chmod(it->root, 0755), 0);
    assert_int_equal(
        support_wait(support_fork_as(SUPPORT_OTHER_UID, loads_a_foreign_one, it), SUPPORT_SOON), 0);
}

const struct CMUnitTest support_own_cases[] = {
    kit_test(stored_is_loaded_and_0600_whatever_the_umask),
    kit_test(half_written_one_of_any_mode_is_replaced),
    kit_test(anything_else_in_the_way_is_unsafe_and_left_alone),
    kit_test(link_in_place_of_the_token_is_replaced_not_followed),
    kit_test(failed_write_leaves_the_old_one_and_nothing_else),
    kit_test(vanished_directory_is_a_clear_error),
    kit_test(file_of_any_size_is_malformed_and_not_read),
    kit_test(mode_of_any_other_bit_is_unsafe_and_told),
    kit_test(what_is_no_plain_file_is_unsafe_and_does_not_hang),
    kit_test(foreign_owner_is_unsafe_also_when_it_cannot_be_opened),
    SUPPORT_NO_CASE,
};
