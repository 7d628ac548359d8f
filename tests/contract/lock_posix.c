/* Locks on POSIX: modes, links, owners, forks, files that lose their name. */
#include "kit_posix.h"
#include "lock_kit.h"

#include <errno.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>

/* ---- one holder ---- */

typedef struct holder {
    kit           *it;
    support_signal told;
} holder;

static int holds_for_ever(void *context)
{
    holder       *self = context;
    cordon__lock *lock;

    SUPPORT_CODE(lock_try(self->it, &lock), CORDON_OK, &self->it->fault);
    support_signal_send(&self->told, 'h');
    while (pause() != 0)
        continue;
    return 0;
}

static void it_dies_with_its_holder_and_names_the_dead(void **state)
{
    kit   *it = *state;
    holder self = {it, {{-1, -1}}};
    pid_t  pid;
    char   text[1024] = "", expected[32];

    kit_serve(it, it->home);
    support_signal_open(&self.told);
    pid = support_fork(holds_for_ever, &self);
    assert_int_equal(support_signal_wait(&self.told, SUPPORT_SOON), 'h');
    lock_check_held(it);
    support_kill(pid, SIGSTOP);
    lock_check_held(it); /* a stopped holder still has it */
    support_kill(pid, SIGKILL);
    text[support_read(lock_path(it), text, sizeof text - 1)] = '\0';
    snprintf(expected, sizeof expected, "%d 20", (int)pid); /* pid, and a year */
    assert_memory_equal(text, expected, strlen(expected));
    assert_non_null(strstr(text, "contract_lock"));
    assert_int_equal(text[strlen(text) - 1], '\n');
    lock_check_free(it);
    support_signal_close(&self.told);
}

static void released_one_stays_empty_and_0600(void **state)
{
    static const mode_t umasks[] = {0, 022, 077, 0777};
    kit                *it = *state;
    char                data[8];

    kit_serve(it, it->home);
    for (size_t i = 0; i < sizeof umasks / sizeof umasks[0]; i++) {
        const mode_t before = umask(umasks[i]);

        lock_check_free(it);
        assert_int_equal(umask(before), umasks[i]);
        assert_int_equal(support_mode(lock_path(it)), 0600);
        assert_int_equal(support_read(lock_path(it), data, sizeof data), 0);
        assert_int_equal(unlink(lock_path(it)), 0);
    }
}

/* ---- forked children ---- */

static int releases(void *context)
{
    cordon__lock_release(context);
    return 0;
}

static void child_that_closes_all_does_not_free_it(void **state)
{
    kit          *it = *state;
    cordon__lock *lock;
    char          data[8];

    kit_serve(it, it->home);
    SUPPORT_CODE(lock_try(it, &lock), CORDON_OK, &it->fault);
    assert_int_equal(support_wait(support_fork(releases, lock), SUPPORT_SOON), 0);
    lock_check_held(it);
    assert_true(support_read(lock_path(it), data, sizeof data) > 0); /* nor empties it */
    cordon__lock_release(lock);
    lock_check_free(it);
}

/* ---- the file ---- */

static void file_that_lost_its_name_is_not_enough(void **state)
{
    kit          *it = *state;
    cordon__lock *first, *second;

    kit_serve(it, it->home);
    SUPPORT_CODE(lock_try(it, &first), CORDON_OK, &it->fault);
    assert_true(cordon__lock_is_named(first, it->place, CORDON_LOCK));
    assert_int_equal(unlink(lock_path(it)), 0);
    assert_false(cordon__lock_is_named(first, it->place, CORDON_LOCK));
    SUPPORT_CODE(lock_try(it, &second), CORDON_OK, &it->fault);
    assert_false(cordon__lock_is_named(first, it->place, CORDON_LOCK));
    assert_true(cordon__lock_is_named(second, it->place, CORDON_LOCK));
    cordon__lock_release(first); /* must not touch the second's */
    lock_check_held(it);
    cordon__lock_release(second);
}

static void file_open_to_others_or_with_other_bits_is_unsafe(void **state)
{
    static const mode_t modes[] = {0644, 0640, 0620, 0604, 0700, 0666, 04600};
    kit                *it = *state;

    kit_serve(it, it->home);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        support_write(lock_path(it), "", 0, modes[i]);
        lock_check_unsafe(it);
        assert_int_equal(it->fault.actual, modes[i]);
        assert_int_equal(support_mode(lock_path(it)), modes[i]);
    }
}

static int repairs(void *context)
{
    static const mode_t modes[] = {0, 0200, 0400};
    kit                *it = context;

    it->place = kit_visit(it, it->home);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        support_write(lock_path(it), "", 0, 0600);
        SUPPORT_CHECK(chmod(lock_path(it), modes[i]) == 0);
        lock_check_free(it);
        SUPPORT_CHECK(support_mode(lock_path(it)) == 0600);
    }
    return 0;
}

static void file_left_half_made_by_a_crash_is_repaired(void **state)
{
    kit *it = *state;

    assert_int_equal(mkdir(it->home, 0700), 0);
    assert_int_equal(repairs(it), 0);
}

static void ordinary_user_repairs_it_too(void **state)
{
    kit *it = *state;

    support_need_root(); /* as whom no mode stops us */
    assert_int_equal(chmod(it->root, 0755), 0);
    assert_int_equal(mkdir(it->home, 0700), 0);
    kit_give_to(it->home, SUPPORT_OTHER_UID);
    assert_int_equal(support_wait(support_fork_as(SUPPORT_OTHER_UID, repairs, it), SUPPORT_SOON),
                     0);
}

static void what_is_no_plain_file_is_unsafe_and_does_not_hang(void **state)
{
    kit *it = *state;
    char victim[SUPPORT_PATH];

    kit_serve(it, it->home);
    support_write(support_join(victim, it->root, "victim"), "victim", 6, 0600);
    assert_int_equal(symlink(victim, lock_path(it)), 0);
    lock_check_unsafe(it);
    assert_int_equal(unlink(lock_path(it)), 0);
    assert_int_equal(symlink("nowhere", lock_path(it)), 0);
    lock_check_unsafe(it);
    assert_int_equal(unlink(lock_path(it)), 0);
    assert_int_equal(mkfifo(lock_path(it), 0600), 0);
    lock_check_unsafe(it);
    assert_int_equal(unlink(lock_path(it)), 0);
    assert_int_equal(mkdir(lock_path(it), 0700), 0);
    lock_check_unsafe(it);
    assert_int_equal(rmdir(lock_path(it)), 0);
    kit_leave_socket(lock_path(it));
    lock_check_unsafe(it);
}

static void file_with_two_names_is_unsafe(void **state)
{
    kit *it = *state;
    char other[SUPPORT_PATH];

    kit_serve(it, it->home);
    support_write(lock_path(it), "", 0, 0600);
    assert_int_equal(link(lock_path(it), support_join(other, it->root, "other")), 0);
    lock_check_unsafe(it);
}

static int cannot_take_a_foreign_one(void *context)
{
    kit *it = context;

    it->place = kit_visit(it, it->home);
    lock_check_unsafe(it);
    SUPPORT_CHECK(it->fault.expected == SUPPORT_OTHER_UID && it->fault.actual == 0);
    return 0;
}

static void foreign_owner_is_unsafe(void **state)
{
    kit *it = *state;

    support_need_root();
    kit_serve(it, it->home);
    support_write(lock_path(it), "", 0, 0600);
    kit_give_to(lock_path(it), SUPPORT_OTHER_UID);
    lock_check_unsafe(it);
    kit_give_to(lock_path(it), 0);
    cordon__place_close(it->place);
    it->place = NULL;
    kit_give_to(it->home, SUPPORT_OTHER_UID);
    assert_int_equal(chmod(it->root, 0755), 0);
    assert_int_equal(support_wait(support_fork_as(SUPPORT_OTHER_UID, cannot_take_a_foreign_one, it),
                                  SUPPORT_SOON),
                     0);
    it->place = NULL;
}

const struct CMUnitTest support_own_cases[] = {
    kit_test(it_dies_with_its_holder_and_names_the_dead),
    kit_test(released_one_stays_empty_and_0600),
    kit_test(child_that_closes_all_does_not_free_it),
    kit_test(file_that_lost_its_name_is_not_enough),
    kit_test(file_open_to_others_or_with_other_bits_is_unsafe),
    kit_test(file_left_half_made_by_a_crash_is_repaired),
    kit_test(ordinary_user_repairs_it_too),
    kit_test(what_is_no_plain_file_is_unsafe_and_does_not_hang),
    kit_test(file_with_two_names_is_unsafe),
    kit_test(foreign_owner_is_unsafe),
    SUPPORT_NO_CASE,
};
