/* Locks that die with their holder, on Windows. */
#include "win32_kit.h"

#include <uv.h>

static int take(kit *it, cordon__lock **lock)
{
    *lock = NULL;
    return cordon__lock_take(lock, it->place, CORDON_LOCK, &it->fault);
}

static void lock_is_ours_alone_and_tells_people_its_holder(void **state)
{
    kit          *it = *state;
    const char   *path;
    cordon__lock *lock;
    char          text[2048];
    size_t        size;

    kit_serve(it);
    path = cordon__place_path(it->place, CORDON_LOCK);
    SUPPORT_CODE(take(it, &lock), CORDON_OK, &it->fault);
    kit_check_ours(it, it->place->wide[CORDON_LOCK]);
    size = support_read(path, text, sizeof text - 1);
    text[size] = '\0';
    assert_int_equal(strtoul(text, NULL, 10), GetCurrentProcessId());
    assert_non_null(strstr(text, "Z "));
    assert_non_null(strstr(text, "contract_win32_lock"));
    assert_int_equal(text[size - 1], '\n');
    cordon__lock_release(lock);
    assert_int_equal(support_read(path, text, sizeof text), 0);
}

static void lock_has_our_descriptor_to_the_letter(void **state)
{
    kit          *it = *state;
    cordon__lock *lock;

    KIT_NEEDS_LETTERS;
    kit_serve(it);
    SUPPORT_CODE(take(it, &lock), CORDON_OK, &it->fault);
    kit_check_letters(it, it->place->wide[CORDON_LOCK], CORDON__GUARD_FILE);
    cordon__lock_release(lock);
}

static void held_lock_cannot_be_removed_or_renamed(void **state)
{
    kit          *it = *state;
    cordon__lock *lock;
    wchar_t       other[SUPPORT_PATH];

    kit_serve(it);
    SUPPORT_CODE(take(it, &lock), CORDON_OK, &it->fault);
    swprintf(other, SUPPORT_PATH, L"%ls.other", it->place->wide[CORDON_LOCK]);
    assert_false(DeleteFileW(it->place->wide[CORDON_LOCK]));
    assert_false(MoveFileExW(it->place->wide[CORDON_LOCK], other, 0));
    assert_int_equal(cordon__lock_is_named(lock, it->place, CORDON_LOCK), 1);
    assert_int_equal(cordon__lock_is_named(lock, it->place, CORDON_START_LOCK), 0);
    cordon__lock_release(lock);
    assert_true(DeleteFileW(it->place->wide[CORDON_LOCK]));
    SUPPORT_CODE(take(it, &lock), CORDON_OK, &it->fault);
    cordon__lock_release(lock);
}

static void lock_with_two_names_is_unsafe(void **state)
{
    kit          *it = *state;
    cordon__lock *lock;
    wchar_t       other[SUPPORT_PATH];

    kit_serve(it);
    SUPPORT_CODE(take(it, &lock), CORDON_OK, &it->fault);
    cordon__lock_release(lock);
    swprintf(other, SUPPORT_PATH, L"%ls.other", it->place->wide[CORDON_LOCK]);
    assert_true(CreateHardLinkW(other, it->place->wide[CORDON_LOCK], NULL));
    assert_int_equal(take(it, &lock), CORDON_EUNSAFE);
    assert_true(DeleteFileW(other));
    SUPPORT_CODE(take(it, &lock), CORDON_OK, &it->fault);
    cordon__lock_release(lock);
}

static void directory_in_the_place_of_a_lock_is_unsafe(void **state)
{
    kit          *it = *state;
    cordon__lock *lock;

    kit_serve(it);
    support_directory_make(cordon__place_path(it->place, CORDON_LOCK));
    assert_int_equal(take(it, &lock), CORDON_EUNSAFE);
    assert_null(lock);
}

static void link_in_the_place_of_a_lock_is_unsafe(void **state)
{
    static const enum cordon_place locks[] = {CORDON_LOCK, CORDON_START_LOCK};
    kit                           *it = *state;
    char                           target[SUPPORT_PATH], names[64];

    KIT_NEEDS_LINKS;
    kit_serve(it);
    support_join(target, it->root, "target");
    support_directory_make(target);
    for (int i = 0; i < 4; i++) {
        const char   *path = cordon__place_path(it->place, locks[i / 2]);
        cordon__lock *lock = NULL;

        if (i % 2)
            kit_tagged_file(path, "", 0);
        else
            kit_junction(path, target);
        assert_int_equal(cordon__lock_take(&lock, it->place, locks[i / 2], &it->fault),
                         CORDON_EUNSAFE);
        assert_null(lock);
        assert_non_null(strstr(it->fault.text, "a link instead of a plain file"));
        assert_true(kit_is_link(path));
        assert_true(i % 2 || RemoveDirectoryW(support_wide(path)));
    }
    support_names(names, sizeof names, target);
    assert_string_equal(names, "");
}

static int hold_for_ever(const char *argument, support_child *self)
{
    static const cordon__trace silent = {NULL, NULL};
    cordon_fault               fault = CORDON_FAULT_INIT;
    cordon__place             *place = NULL;
    cordon__lock              *lock = NULL;

    SUPPORT_CODE(
        cordon__place_open(&place, "test", "ipc", argument, &cordon__libc, &silent, &fault),
        CORDON_OK, &fault);
    SUPPORT_CODE(cordon__lock_take(&lock, place, CORDON_LOCK, &fault), CORDON_OK, &fault);
    support_signal_send(&self->told, 'h');
    (void)support_signal_wait(&self->orders, -1); /* none comes */
    return 0;
}

static const support_part parts[] = {{"hold", hold_for_ever}, {NULL, NULL}};

/* The system frees what a dead process held when it has time: soon, not at once. */
static int is_free(void *context)
{
    cordon__lock *lock;
    const int     code = take(context, &lock);

    if (code == CORDON_OK)
        cordon__lock_release(lock);
    return code == CORDON_OK;
}

static void lock_dies_with_its_holder_and_names_the_dead(void **state)
{
    kit          *it = *state;
    support_child child;
    cordon__lock *lock;
    char          text[2048] = "";

    kit_serve(it);
    support_start(&child, parts, "hold", it->home);
    assert_int_equal(support_signal_wait(&child.told, SUPPORT_SOON), 'h');
    assert_int_equal(take(it, &lock), CORDON__HELD);
    support_kill_child(&child);
    assert_true(support_read(cordon__place_path(it->place, CORDON_LOCK), text, sizeof text) > 0);
    assert_true(strtoul(text, NULL, 10) > 0);
    assert_true(support_until(is_free, it, SUPPORT_SOON));
}

static void its_holder_is_told_without_taking_it(void **state)
{
    kit           *it = *state;
    support_child  child;
    cordon__holder holder;

    kit_serve(it);
    assert_int_equal(cordon__lock_look(&holder, it->place, CORDON_LOCK, &it->fault),
                     CORDON__ABSENT);
    support_start(&child, parts, "hold", it->home);
    assert_int_equal(support_signal_wait(&child.told, SUPPORT_SOON), 'h');
    SUPPORT_CODE(cordon__lock_look(&holder, it->place, CORDON_LOCK, &it->fault), CORDON_OK,
                 &it->fault);
    assert_int_not_equal(holder.is_held, 0);
    assert_int_equal(holder.life, CORDON__PROCESS_RUNS);
    assert_non_null(strstr(holder.program, "contract_win32_lock"));
    support_kill_child(&child);
    assert_true(support_until(is_free, it, SUPPORT_SOON));
    SUPPORT_CODE(cordon__lock_look(&holder, it->place, CORDON_LOCK, &it->fault), CORDON_OK,
                 &it->fault);
    assert_int_equal(holder.is_held, 0);
}

static void lock_that_is_held_says_so(void **state)
{
    kit           *it = *state;
    support_child  child;
    cordon__holder holder;

    SUPPORT_NEEDS_WINDOWS("it locks for those who ask only: a locked byte can be read");
    kit_serve(it);
    support_start(&child, parts, "hold", it->home);
    assert_int_equal(support_signal_wait(&child.told, SUPPORT_SOON), 'h');
    SUPPORT_CODE(cordon__lock_look(&holder, it->place, CORDON_LOCK, &it->fault), CORDON_OK,
                 &it->fault);
    assert_int_equal(holder.is_held, 1);
    support_kill_child(&child);
}

typedef struct racer {
    kit        *it;
    atomic_int *inside;
    atomic_int  taken, met;
} racer;

static void race(void *context)
{
    racer         *self = context;
    cordon__place *place = kit_resolve(self->it, "test", self->it->home);
    cordon_fault   fault = CORDON_FAULT_INIT;

    for (int i = 0; i < 100; i++) {
        cordon__lock *lock;
        const int     code = cordon__lock_take(&lock, place, CORDON_LOCK, &fault);

        if (code == CORDON__HELD)
            continue;
        if (code != CORDON_OK)
            break;
        if (atomic_fetch_add(self->inside, 1) != 0)
            atomic_fetch_add(&self->met, 1);
        atomic_fetch_add(&self->taken, 1);
        atomic_fetch_sub(self->inside, 1);
        cordon__lock_release(lock);
    }
    cordon__place_close(place);
}

static void two_never_hold_it(void **state)
{
    enum { RACERS = 4 };
    static atomic_int inside;
    kit              *it = *state;
    racer             racers[RACERS];
    uv_thread_t       threads[RACERS];
    int               taken = 0;

    kit_serve(it);
    for (int i = 0; i < RACERS; i++) {
        memset(&racers[i], 0, sizeof racers[i]);
        racers[i].it = it;
        racers[i].inside = &inside;
        assert_int_equal(uv_thread_create(&threads[i], race, &racers[i]), 0);
    }
    for (int i = 0; i < RACERS; i++) {
        uv_thread_join(&threads[i]);
        assert_int_equal(atomic_load(&racers[i].met), 0);
        taken += atomic_load(&racers[i].taken);
    }
    assert_true(taken > 0);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        kit_test(lock_is_ours_alone_and_tells_people_its_holder),
        kit_test(lock_has_our_descriptor_to_the_letter),
        kit_test(held_lock_cannot_be_removed_or_renamed),
        kit_test(lock_with_two_names_is_unsafe),
        kit_test(directory_in_the_place_of_a_lock_is_unsafe),
        kit_test(link_in_the_place_of_a_lock_is_unsafe),
        kit_test(lock_dies_with_its_holder_and_names_the_dead),
        kit_test(its_holder_is_told_without_taking_it),
        kit_test(lock_that_is_held_says_so),
        kit_test(two_never_hold_it),
    };

    SUPPORT_PLAY(count, arguments, parts);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
