/* Exclusive locks that die with their holder. */
#include "lock_kit.h"

#include <uv.h>

/* ---- one holder ---- */

static void second_taker_is_told_at_once_also_in_this_process(void **state)
{
    kit          *it = *state;
    cordon__lock *lock;

    kit_serve(it, it->home);
    SUPPORT_CODE(lock_try(it, &lock), CORDON_OK, &it->fault);
    lock_check_held(it);
    lock_check_held(it);
    cordon__lock_release(lock);
    lock_check_free(it);
}

static void startup_lock_is_another_one(void **state)
{
    kit          *it = *state;
    cordon__lock *lock, *start;

    kit_serve(it, it->home);
    SUPPORT_CODE(lock_try(it, &lock), CORDON_OK, &it->fault);
    SUPPORT_CODE(cordon__lock_take(&start, it->place, CORDON_START_LOCK, &it->fault), CORDON_OK,
                 &it->fault);
    cordon__lock_release(start);
    cordon__lock_release(lock);
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

/* Some systems free what a dead process held when they have time: soon, not at once. */
static int is_free(void *context)
{
    cordon__lock *lock;
    const int     code = lock_try(context, &lock);

    if (code == CORDON_OK)
        cordon__lock_release(lock);
    return code == CORDON_OK;
}

static void frozen_holder_has_it_and_a_dead_one_is_named(void **state)
{
    kit          *it = *state;
    support_child child;
    uint64_t      pid;

    kit_serve(it, it->home);
    support_start(&child, parts, "hold", it->home);
    assert_int_equal(support_signal_wait(&child.told, SUPPORT_SOON), 'h');
    lock_check_held(it);
    pid = lock_pid(it);
    assert_true(pid != 0 && pid != cordon__pid());
    support_freeze(child.pid);
    lock_check_held(it);
    support_kill_child(&child);
    assert_int_equal(lock_pid(it), pid);
    assert_true(support_until(is_free, it, SUPPORT_SOON));
    assert_int_equal(lock_pid(it), 0); /* its next holder left */
}

/* ---- the file ---- */

static void held_it_names_us_and_released_nobody(void **state)
{
    kit          *it = *state;
    cordon__lock *lock;

    kit_serve(it, it->home);
    SUPPORT_CODE(lock_try(it, &lock), CORDON_OK, &it->fault);
    assert_int_equal(lock_pid(it), cordon__pid());
    assert_true(cordon__lock_is_named(lock, it->place, CORDON_LOCK));
    cordon__lock_unname(lock);
    assert_int_equal(lock_pid(it), 0);
    lock_check_held(it); /* it is still */
    cordon__lock_release(lock);
    assert_int_equal(lock_pid(it), 0);
    lock_check_free(it);
}

static void file_that_others_may_read_is_unsafe(void **state)
{
    static const unsigned modes[] = {0640, 0604};
    kit                  *it = *state;

    kit_serve(it, it->home);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        lock_put(it, modes[i]);
        lock_check_unsafe(it);
        support_remove(lock_path(it));
        lock_check_free(it);
    }
}

static void directory_in_its_place_is_unsafe(void **state)
{
    kit *it = *state;

    kit_serve(it, it->home);
    support_directory_make(lock_path(it));
    lock_check_unsafe(it);
}

static void nothing_stays_open(void **state)
{
    kit *it = *state;

    kit_serve(it, it->home);

    const int before = support_count_descriptors();

    lock_check_free(it);
    lock_put(it, 0604);
    lock_check_unsafe(it);
    assert_int_equal(support_count_descriptors(), before);
}

/* ---- many ---- */

enum { ROUNDS = SUPPORT_TELLS_FULL ? 2000 : 200 }; /* Wine takes its time */

typedef struct race {
    kit        *it;
    atomic_uint inside, most, rounds;
} race;

static void takes_and_releases(void *context)
{
    race          *all = context;
    cordon_fault   fault = CORDON_FAULT_INIT;
    cordon__lock  *lock;
    cordon__place *place = all->it->place;

    while (atomic_load(&all->rounds) < ROUNDS) {
        if (cordon__lock_take(&lock, place, CORDON_LOCK, &fault) != CORDON_OK)
            continue;
        const unsigned inside = atomic_fetch_add(&all->inside, 1) + 1;

        if (inside > atomic_load(&all->most))
            atomic_store(&all->most, inside);
        atomic_fetch_add(&all->rounds, 1);
        atomic_fetch_sub(&all->inside, 1);
        cordon__lock_release(lock);
    }
}

static void threads_never_have_it_at_once(void **state)
{
    kit        *it = *state;
    race        all = {.it = it};
    uv_thread_t threads[4];

    kit_serve(it, it->home);
    it->is_silent = 1; /* the steps are for one thread */
    for (int i = 0; i < 4; i++)
        assert_int_equal(uv_thread_create(&threads[i], takes_and_releases, &all), 0);
    for (int i = 0; i < 4; i++)
        uv_thread_join(&threads[i]);
    assert_int_equal(atomic_load(&all.most), 1);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        kit_test(second_taker_is_told_at_once_also_in_this_process),
        kit_test(startup_lock_is_another_one),
        kit_test(frozen_holder_has_it_and_a_dead_one_is_named),
        kit_test(held_it_names_us_and_released_nobody),
        kit_test(file_that_others_may_read_is_unsafe),
        kit_test(directory_in_its_place_is_unsafe),
        kit_test(nothing_stays_open),
        kit_test(threads_never_have_it_at_once),
    };

    SUPPORT_PLAY(count, arguments, parts);
    return SUPPORT_RUN("contract_lock", tests);
}
