/* Who has a lock, on POSIX: what the kernel tells of it, and of its file. */
#include "kit_posix.h"

#include <signal.h>
#include <sys/stat.h>

/* Does the system tell? Where it does not, only the file is left. */
static int system_tells(void)
{
    return access("/proc/locks", R_OK) == 0;
}

static void check_look(kit *it, cordon__holder *holder, int is_held, uint64_t pid)
{
    SUPPORT_CODE(cordon__lock_look(holder, it->place, CORDON_LOCK, &it->fault), CORDON_OK,
                 &it->fault);
    assert_int_equal(holder->is_held, is_held);
    assert_int_equal(holder->pid, pid);
}

static void held_one_is_told_where_the_kernel_tells(void **state)
{
    kit           *it = *state;
    cordon__holder holder;
    cordon__lock  *lock;

    kit_serve(it, it->home);
    SUPPORT_CODE(cordon__lock_take(&lock, it->place, CORDON_LOCK, &it->fault), CORDON_OK,
                 &it->fault);
    check_look(it, &holder, system_tells() ? 1 : -1, cordon__pid());
    cordon__lock_release(lock);
}

typedef struct holding {
    kit           *it;
    support_signal told;
} holding;

static int holds_for_ever(void *context)
{
    holding      *self = context;
    cordon__lock *lock;

    SUPPORT_CHECK(cordon__lock_take(&lock, self->it->place, CORDON_LOCK, &self->it->fault) == 0);
    support_signal_send(&self->told, 'h');
    while (pause() != 0)
        continue;
    return 0;
}

static int is_stopped(void *context)
{
    kit           *it = context;
    cordon__holder holder;

    return cordon__lock_look(&holder, it->place, CORDON_LOCK, &it->fault) == CORDON_OK &&
           holder.life == CORDON__PROCESS_STOPPED;
}

static void another_process_is_told_stopped_and_dead(void **state)
{
    kit           *it = *state;
    holding        self = {it, {{-1, -1}}};
    cordon__holder holder;
    pid_t          pid;

    kit_serve(it, it->home);
    support_signal_open(&self.told);
    pid = support_fork(holds_for_ever, &self);
    assert_int_equal(support_signal_wait(&self.told, SUPPORT_SOON), 'h');
    check_look(it, &holder, system_tells() ? 1 : -1, (uint64_t)pid);
    support_freeze(pid);
    if (access("/proc/self/stat", R_OK) == 0)
        assert_true(support_until(is_stopped, it, SUPPORT_SOON));
    support_end(pid);
    check_look(it, &holder, 0, (uint64_t)pid);
    assert_int_equal(holder.life, CORDON__PROCESS_GONE);
    support_signal_close(&self.told);
}

static void what_is_no_lock_file_of_ours_is_unsafe_and_does_not_hang(void **state)
{
    kit           *it = *state;
    cordon__holder holder;
    const char    *path;

    kit_serve(it, it->home);
    path = cordon__place_path(it->place, CORDON_LOCK);
    assert_int_equal(mkfifo(path, 0600), 0);
    SUPPORT_CODE(cordon__lock_look(&holder, it->place, CORDON_LOCK, &it->fault), CORDON_EUNSAFE,
                 &it->fault);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("/dev/null", path), 0);
    SUPPORT_CODE(cordon__lock_look(&holder, it->place, CORDON_LOCK, &it->fault), CORDON_EUNSAFE,
                 &it->fault);
    assert_int_equal(unlink(path), 0);
    support_write(path, "", 0, 0644);
    SUPPORT_CODE(cordon__lock_look(&holder, it->place, CORDON_LOCK, &it->fault), CORDON_EUNSAFE,
                 &it->fault);
    assert_int_equal(it->fault.actual, 0644);
    assert_int_equal(support_mode(path), 0644); /* looking repairs nothing */
}

/* The mode was spoiled after it was taken: who has it is told all the same. */
static void holder_of_an_unsafe_one_is_told(void **state)
{
    kit           *it = *state;
    cordon__holder holder;
    cordon__lock  *lock;

    kit_serve(it, it->home);
    SUPPORT_CODE(cordon__lock_take(&lock, it->place, CORDON_LOCK, &it->fault), CORDON_OK,
                 &it->fault);
    assert_int_equal(chmod(cordon__place_path(it->place, CORDON_LOCK), 0640), 0);
    SUPPORT_CODE(cordon__lock_look(&holder, it->place, CORDON_LOCK, &it->fault), CORDON_EUNSAFE,
                 &it->fault);
    assert_int_equal(holder.pid, getpid());
    cordon__lock_release(lock);
}

const struct CMUnitTest support_own_cases[] = {
    kit_test(held_one_is_told_where_the_kernel_tells),
    kit_test(another_process_is_told_stopped_and_dead),
    kit_test(what_is_no_lock_file_of_ours_is_unsafe_and_does_not_hang),
    kit_test(holder_of_an_unsafe_one_is_told),
    SUPPORT_NO_CASE,
};
