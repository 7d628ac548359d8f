/* Who has a lock, told without ever taking it. */
#include "kit.h"

#include <uv.h>

static void look(kit *it, cordon__holder *holder)
{
    SUPPORT_CODE(cordon__lock_look(holder, it->place, CORDON_LOCK, &it->fault), CORDON_OK,
                 &it->fault);
}

/* Where the system does not tell that it is held (-1), its file is left: it names who took it. */
static void check_held_by(kit *it, cordon__holder *holder, uint64_t pid)
{
    look(it, holder);
    assert_int_not_equal(holder->is_held, 0);
    assert_int_equal(holder->pid, pid);
    assert_int_equal(holder->life, CORDON__PROCESS_RUNS);
}

static void nothing_there_is_absent_and_stays_so(void **state)
{
    kit           *it = *state;
    cordon__holder holder;

    it->place = kit_resolve(it, it->home);
    assert_int_equal(cordon__lock_look(&holder, it->place, CORDON_LOCK, &it->fault),
                     CORDON__ABSENT);
    assert_false(support_exists(it->home));
    cordon__place_close(it->place);
    kit_serve(it, it->home);
    assert_int_equal(cordon__lock_look(&holder, it->place, CORDON_LOCK, &it->fault),
                     CORDON__ABSENT);
    assert_false(support_exists(cordon__place_path(it->place, CORDON_LOCK)));
}

static void its_holder_is_told_and_its_end(void **state)
{
    kit           *it = *state;
    cordon__holder holder;
    cordon__lock  *lock;

    kit_serve(it, it->home);
    SUPPORT_CODE(cordon__lock_take(&lock, it->place, CORDON_LOCK, &it->fault), CORDON_OK,
                 &it->fault);
    check_held_by(it, &holder, cordon__pid());
    assert_non_null(strstr(holder.program, "contract_holder"));
    cordon__lock_release(lock);
    look(it, &holder);
    assert_int_equal(holder.is_held, 0);
    assert_int_equal(holder.pid, 0);
}

static int hold_for_ever(const char *directory, support_child *self)
{
    static const cordon__trace silent = {NULL, NULL};
    cordon_fault               fault = CORDON_FAULT_INIT;
    cordon__place             *place = NULL;
    cordon__lock              *lock = NULL;

    SUPPORT_CODE(
        cordon__place_open(&place, "test", "ipc", directory, &cordon__libc, &silent, &fault),
        CORDON_OK, &fault);
    SUPPORT_CODE(cordon__private_open(place, 0, &fault), CORDON_OK, &fault);
    SUPPORT_CODE(cordon__lock_take(&lock, place, CORDON_LOCK, &fault), CORDON_OK, &fault);
    support_signal_send(&self->told, 'h');
    (void)support_signal_wait(&self->orders, -1); /* none comes */
    return 0;
}

static const support_part parts[] = {{"hold", hold_for_ever}, {NULL, NULL}};

static int is_told_free(void *context)
{
    kit           *it = context;
    cordon__holder holder;

    look(it, &holder);
    return holder.is_held == 0;
}

static void dead_holder_is_named_and_told_gone(void **state)
{
    kit           *it = *state;
    support_child  child;
    cordon__holder holder;
    uint64_t       pid;

    kit_serve(it, it->home);
    support_start(&child, parts, "hold", it->home);
    assert_int_equal(support_signal_wait(&child.told, SUPPORT_SOON), 'h');
    look(it, &holder);
    pid = holder.pid;
    assert_true(pid != 0 && pid != cordon__pid());
    check_held_by(it, &holder, pid);
    assert_non_null(strstr(holder.program, "contract_holder"));
    support_kill_child(&child);
    assert_true(support_until(is_told_free, it, SUPPORT_SOON));
    look(it, &holder);
    assert_int_equal(holder.pid, pid);
    assert_int_equal(holder.life, CORDON__PROCESS_GONE);
}

enum { TAKEN = SUPPORT_TELLS_FULL ? 500 : 100 }; /* Wine takes its time */

typedef struct watch {
    kit        *it;
    atomic_int  is_over;
    atomic_uint looks;
} watch;

static void looks_on(void *context)
{
    watch         *all = context;
    cordon_fault   fault = CORDON_FAULT_INIT;
    cordon__holder holder;

    while (!atomic_load(&all->is_over)) {
        cordon__lock_look(&holder, all->it->place, CORDON_LOCK, &fault);
        atomic_fetch_add(&all->looks, 1);
    }
}

static void who_looks_is_in_nobodys_way(void **state)
{
    kit        *it = *state;
    watch       all = {.it = it};
    uv_thread_t thread;
    unsigned    taken = 0;

    kit_serve(it, it->home);
    it->is_silent = 1; /* the steps are for one thread */
    assert_int_equal(uv_thread_create(&thread, looks_on, &all), 0);
    for (; taken < TAKEN || atomic_load(&all.looks) < 100; taken++) {
        cordon__lock *lock;

        SUPPORT_CODE(cordon__lock_take(&lock, it->place, CORDON_LOCK, &it->fault), CORDON_OK,
                     &it->fault);
        cordon__lock_release(lock);
    }
    atomic_store(&all.is_over, 1);
    uv_thread_join(&thread);
}

static void nothing_stays_open(void **state)
{
    kit           *it = *state;
    cordon__holder holder;

    kit_serve(it, it->home);

    const int before = support_count_descriptors();

    support_write(cordon__place_path(it->place, CORDON_LOCK), "1 2026 x\n", 9, 0600);
    for (int i = 0; i < 100; i++)
        cordon__lock_look(&holder, it->place, CORDON_LOCK, &it->fault);
    assert_int_equal(support_count_descriptors(), before);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        kit_test(nothing_there_is_absent_and_stays_so),
        kit_test(its_holder_is_told_and_its_end),
        kit_test(dead_holder_is_named_and_told_gone),
        kit_test(who_looks_is_in_nobodys_way),
        kit_test(nothing_stays_open),
    };

    SUPPORT_PLAY(count, arguments, parts);
    return SUPPORT_RUN("contract_holder", tests);
}
