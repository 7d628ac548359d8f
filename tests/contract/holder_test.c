/* Who has a lock, told without ever taking it. */
#include "kit.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>

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

static void nothing_there_is_absent_and_stays_so(void **state)
{
    kit           *it = *state;
    cordon__holder holder;

    it->place = kit_resolve(it, it->near);
    assert_int_equal(cordon__lock_look(&holder, it->place, CORDON_LOCK, &it->fault),
                     CORDON__ABSENT);
    assert_false(support_exists(it->near));
    cordon__place_close(it->place);
    kit_serve(it, it->near);
    assert_int_equal(cordon__lock_look(&holder, it->place, CORDON_LOCK, &it->fault),
                     CORDON__ABSENT);
    assert_false(support_exists(cordon__place_path(it->place, CORDON_LOCK)));
}

static void its_holder_is_told_and_its_end(void **state)
{
    kit           *it = *state;
    cordon__holder holder;
    cordon__lock  *lock;

    kit_serve(it, it->near);
    SUPPORT_CODE(cordon__lock_take(&lock, it->place, CORDON_LOCK, &it->fault), CORDON_OK,
                 &it->fault);
    check_look(it, &holder, system_tells() ? 1 : -1, (uint64_t)getpid());
    assert_int_equal(holder.life, CORDON__PROCESS_RUNS);
    assert_non_null(strstr(holder.program, "contract_holder"));
    cordon__lock_release(lock);
    check_look(it, &holder, 0, 0);
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

    kit_serve(it, it->near);
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

    kit_serve(it, it->near);
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

    kit_serve(it, it->near);
    SUPPORT_CODE(cordon__lock_take(&lock, it->place, CORDON_LOCK, &it->fault), CORDON_OK,
                 &it->fault);
    assert_int_equal(chmod(cordon__place_path(it->place, CORDON_LOCK), 0640), 0);
    SUPPORT_CODE(cordon__lock_look(&holder, it->place, CORDON_LOCK, &it->fault), CORDON_EUNSAFE,
                 &it->fault);
    assert_int_equal(holder.pid, getpid());
    cordon__lock_release(lock);
}

typedef struct watch {
    kit        *it;
    atomic_int  is_over;
    atomic_uint looks;
} watch;

static void *looks_on(void *context)
{
    watch         *all = context;
    cordon_fault   fault = CORDON_FAULT_INIT;
    cordon__holder holder;

    while (!atomic_load(&all->is_over)) {
        cordon__lock_look(&holder, all->it->place, CORDON_LOCK, &fault);
        atomic_fetch_add(&all->looks, 1);
    }
    return NULL;
}

static void who_looks_is_in_nobodys_way(void **state)
{
    kit      *it = *state;
    watch     all = {.it = it};
    pthread_t thread;
    unsigned  taken = 0;

    kit_serve(it, it->near);
    it->place->trace.fn = NULL; /* ours is for one thread */
    assert_int_equal(pthread_create(&thread, NULL, looks_on, &all), 0);
    for (; taken < 500 || atomic_load(&all.looks) < 100; taken++) {
        cordon__lock *lock;

        SUPPORT_CODE(cordon__lock_take(&lock, it->place, CORDON_LOCK, &it->fault), CORDON_OK,
                     &it->fault);
        cordon__lock_release(lock);
    }
    atomic_store(&all.is_over, 1);
    pthread_join(thread, NULL);
}

static void nothing_stays_open(void **state)
{
    kit           *it = *state;
    cordon__holder holder;

    kit_serve(it, it->near);

    const int before = support_count_descriptors();

    support_write(cordon__place_path(it->place, CORDON_LOCK), "1 2026 x\n", 9, 0600);
    for (int i = 0; i < 100; i++)
        cordon__lock_look(&holder, it->place, CORDON_LOCK, &it->fault);
    assert_int_equal(support_count_descriptors(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(nothing_there_is_absent_and_stays_so),
        kit_test(its_holder_is_told_and_its_end),
        kit_test(another_process_is_told_stopped_and_dead),
        kit_test(what_is_no_lock_file_of_ours_is_unsafe_and_does_not_hang),
        kit_test(holder_of_an_unsafe_one_is_told),
        kit_test(who_looks_is_in_nobodys_way),
        kit_test(nothing_stays_open),
    };

    return cmocka_run_group_tests_name("contract_holder", tests, NULL, NULL);
}
