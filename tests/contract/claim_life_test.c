/* Holding an endpoint: looking after it, letting it go, and what a kill leaves. */
#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

/* ---- looking ---- */

static int look(world *it)
{
    cordon__listener *old = NULL;
    const int         code = cordon__claim_look(&it->claim, &old, &it->fault);

    assert_true((old != NULL) == (code == CORDON__GONE));
    cordon__listener_close(old, NULL);
    return code;
}

static void untouched_is_told_so(void **state)
{
    world *it = *state;

    world_take(it);
    for (int i = 0; i < 3; i++)
        assert_int_equal(look(it), CORDON_OK);
    assert_true(world_is_served(it));
}

static void address_that_has_gone_is_published_again(void **state)
{
    world *it = *state;

    world_take(it);
    assert_int_equal(unlink(world_path(it, CORDON_ADDRESS)), 0);
    assert_false(world_is_served(it));
    assert_int_equal(look(it), CORDON__GONE);
    assert_true(world_is_served(it));
    assert_int_equal(support_mode(world_path(it, CORDON_ADDRESS)), 0600);
    assert_int_equal(look(it), CORDON_OK);
    cordon__claim_release(&it->claim);
    world_names_are(it, "ipc.lock");
}

static void who_waits_at_the_old_address_is_not_lost(void **state)
{
    world            *it = *state;
    cordon__listener *old = NULL;
    intptr_t          mine, theirs;

    world_take(it);
    SUPPORT_CODE(cordon__connect(&mine, it->endpoint->place, &it->fault), CORDON_OK, &it->fault);
    assert_int_equal(unlink(world_path(it, CORDON_ADDRESS)), 0);
    assert_int_equal(cordon__claim_look(&it->claim, &old, &it->fault), CORDON__GONE);
    SUPPORT_CODE(cordon__accept(&theirs, old, &it->fault), CORDON_OK, &it->fault);
    cordon__handle_close(theirs);
    cordon__handle_close(mine);
    cordon__listener_close(old, NULL);
    assert_true(world_is_served(it));
}

static void what_else_is_at_the_address_is_left_alone(void **state)
{
    world *it = *state;

    world_take(it);
    assert_int_equal(unlink(world_path(it, CORDON_ADDRESS)), 0);
    support_write(world_path(it, CORDON_ADDRESS), "precious", 8, 0600);
    assert_int_equal(look(it), CORDON__REPLACED);
    assert_string_equal(it->fault.path, world_path(it, CORDON_ADDRESS));
    cordon__claim_release(&it->claim);
    world_names_are(it, "ipc.lock ipc.sock");
}

static void token_that_has_gone_is_written_again_and_another_is_left_alone(void **state)
{
    world *it = *state;
    char   before[65], after[65];

    world_take(it);
    world_token(it, before);
    assert_int_equal(unlink(world_path(it, CORDON_TOKEN)), 0);
    assert_int_equal(look(it), CORDON_OK);
    world_token(it, after);
    assert_string_equal(before, after);
    memset(after, 'a', 64);
    support_write(world_path(it, CORDON_TOKEN), after, 64, 0600);
    assert_int_equal(look(it), CORDON__REPLACED);
    assert_string_equal(it->fault.path, world_path(it, CORDON_TOKEN));
    assert_true(world_is_served(it));
    cordon__claim_release(&it->claim);
    world_names_are(it, "ipc-token ipc.lock");
}

/* The lock file went, another server took a new one, and died after it had written its token:
 * published again with that token there, nobody would ever be let in. */
static void what_is_published_again_has_its_own_token(void **state)
{
    static const char *const others[] = {
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "", "short"};
    world *it = *state;
    char   before[65], after[65];

    world_take(it);
    world_token(it, before);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        support_write(world_path(it, CORDON_TOKEN), others[i], strlen(others[i]), 0600);
        assert_int_equal(unlink(world_path(it, CORDON_LOCK)), 0);
        assert_int_equal(unlink(world_path(it, CORDON_ADDRESS)), 0);
        assert_int_equal(look(it), CORDON__GONE);
        assert_true(world_is_served(it));
        world_token(it, after);
        assert_string_equal(before, after);
    }
    cordon__claim_release(&it->claim);
    world_names_are(it, "ipc.lock");
}

static void no_token_at_all_is_no_reason_to_leave_nothing_at_the_address(void **state)
{
    world *it = *state;

    world_take(it);
    assert_int_equal(unlink(world_path(it, CORDON_TOKEN)), 0);
    assert_int_equal(mkdir(world_path(it, CORDON_TOKEN), 0700), 0);
    assert_int_equal(unlink(world_path(it, CORDON_ADDRESS)), 0);
    assert_int_equal(look(it), CORDON__GONE);
    assert_true(world_is_served(it));
    assert_int_equal(rmdir(world_path(it, CORDON_TOKEN)), 0);
}

static void removed_directory_comes_back_with_all_in_it(void **state)
{
    world *it = *state;

    world_take(it);
    support_directory_remove(it->kit->near);
    assert_int_equal(look(it), CORDON__GONE);
    assert_true(world_is_served(it));
    world_names_are(it, "ipc-token ipc.lock ipc.sock");
    assert_int_equal(support_wait(support_fork(world_is_refused, it), SUPPORT_SOON), 0);
    cordon__claim_release(&it->claim);
    world_names_are(it, "ipc.lock");
}

static void lock_file_that_has_gone_is_taken_again(void **state)
{
    world        *it = *state;
    cordon__lock *lock;

    world_take(it);
    assert_int_equal(unlink(world_path(it, CORDON_LOCK)), 0);
    assert_int_equal(look(it), CORDON_OK);
    assert_int_equal(cordon__lock_take(&lock, it->endpoint->place, CORDON_LOCK, &it->fault),
                     CORDON__HELD);
    assert_int_equal(world_is_refused(it), 0);
}

static void lock_that_another_has_taken_is_told_and_left_alone(void **state)
{
    world        *it = *state;
    cordon__lock *lock;

    world_take(it);
    assert_int_equal(unlink(world_path(it, CORDON_LOCK)), 0);
    SUPPORT_CODE(cordon__lock_take(&lock, it->endpoint->place, CORDON_LOCK, &it->fault), CORDON_OK,
                 &it->fault);
    assert_int_equal(look(it), CORDON__REPLACED);
    assert_int_equal(unlink(world_path(it, CORDON_ADDRESS)), 0);
    assert_int_equal(look(it), CORDON__REPLACED); /* not ours to publish any more */
    assert_false(support_exists(world_path(it, CORDON_ADDRESS)));
    cordon__lock_release(lock);
}

static void long_directory_has_it_all_too(void **state)
{
    world *it = *state;

    cordon_endpoint_close(it->endpoint);
    it->endpoint = world_endpoint(it->kit, it->kit->far);
    world_take(it);
    world_names_are(it, "ipc-token ipc.lock ipc.sock");
    assert_true(world_is_served(it));
    assert_int_equal(world_is_refused(it), 0);
    for (int what = 0; what < 2; what++) { /* the link, the socket */
        char link[SUPPORT_PATH];

        assert_int_equal(unlink(what ? world_path(it, CORDON_ADDRESS)
                                     : support_join(link, it->kit->far, "ipc.sock")),
                         0);
        assert_int_equal(look(it), CORDON__GONE);
        assert_true(world_is_served(it));
        world_names_are(it, "ipc-token ipc.lock ipc.sock");
    }
    cordon__claim_release(&it->claim);
    world_names_are(it, "ipc.lock");
    assert_false(support_exists(world_path(it, CORDON_ADDRESS)));
}

/* ---- the end ---- */

static int releases(void *context)
{
    world *it = context;

    cordon__claim_withdraw(&it->claim);
    cordon__claim_release(&it->claim);
    cordon_endpoint_close(it->endpoint);
    return 0;
}

static void child_that_closes_all_frees_neither_lock_nor_address(void **state)
{
    world *it = *state;

    world_take(it);
    assert_int_equal(support_wait(support_fork(releases, it), SUPPORT_SOON), 0);
    world_names_are(it, "ipc-token ipc.lock ipc.sock");
    assert_true(world_is_served(it));
    assert_int_equal(world_is_refused(it), 0);
    assert_int_equal(look(it), CORDON_OK);
}

static void stop_and_start_in_a_loop_never_fails(void **state)
{
    world    *it = *state;
    const int before = support_count_descriptors();

    for (int i = 0; i < 100; i++) {
        world_take(it);
        cordon__claim_release(&it->claim);
    }
    assert_int_equal(support_count_descriptors(), before + 1); /* the directory's */
    world_names_are(it, "ipc.lock");
}

/* ---- many, and killed anywhere ---- */

typedef struct starters {
    world         *it;
    support_signal go, told;
} starters;

static int starts(void *context)
{
    starters *all = context;
    world    *it = all->it;
    int       code;

    support_signal_wait(&all->go, SUPPORT_SOON);
    code = world_claim(it, &it->claim, SUPPORT_SOON);
    support_signal_send(&all->told, code == CORDON_OK ? 'w' : 'l');
    SUPPORT_CHECK(code == CORDON_OK || code == CORDON_EADDRINUSE);
    while (code == CORDON_OK) /* the winner stays until it is killed */
        pause();
    return 0;
}

#define STARTERS 20

static void one_of_many_starters_wins(void **state)
{
    starters all = {*state, {{-1, -1}}, {{-1, -1}}};

    for (int round = 0; round < 10; round++) {
        pid_t    pids[STARTERS];
        unsigned winners = 0;

        support_signal_open(&all.go);
        support_signal_open(&all.told);
        for (int i = 0; i < STARTERS; i++)
            pids[i] = support_fork(starts, &all);
        for (int i = 0; i < STARTERS; i++)
            support_signal_send(&all.go, 'g');
        for (int i = 0; i < STARTERS; i++)
            winners += support_signal_wait(&all.told, SUPPORT_SOON) == 'w';
        assert_int_equal(winners, 1);
        for (int i = 0; i < STARTERS; i++)
            kill(pids[i], SIGKILL); /* a loser may have ended already: it is not reaped yet */
        for (int i = 0; i < STARTERS; i++)
            assert_true(support_wait(pids[i], SUPPORT_SOON) >= 0);
        support_signal_close(&all.go);
        support_signal_close(&all.told);
    }
}

static int starts_and_stops(void *context)
{
    world *it = context;

    umask(0777); /* the worst: what is made cannot be opened before its chmod */
    support_step_mark();
    SUPPORT_CODE(world_claim(it, &it->claim, WORLD_WAIT), CORDON_OK, &it->fault);
    cordon__claim_release(&it->claim);
    return 0;
}

static void check_killed_anywhere(world *it)
{
    unsigned nth = 0;
    int      status = -1;
    int      code = 1;

    while (code == 1) {
        code = support_step(starts_and_stops, it, ++nth, &status);
        SUPPORT_CODE(world_claim(it, &it->claim, WORLD_WAIT), CORDON_OK, &it->fault);
        assert_true(world_is_served(it));
        world_names_are(it, "ipc-token ipc.lock ipc.sock");
        cordon__claim_release(&it->claim);
        world_names_are(it, "ipc.lock");
        /* The next one finds nothing at all, or what this one left. */
        if (nth % 2)
            support_directory_remove(world_path(it, CORDON_DIRECTORY));
    }
    assert_int_equal(code, 0);
    assert_int_equal(status, 0);
    assert_true(nth > 30);
}

static void killed_before_any_system_call_it_is_repaired_by_the_next(void **state)
{
    world *it = *state;

    if (support_step_missing())
        SUPPORT_SKIP(support_step_missing());
    check_killed_anywhere(it);
}

static void killed_before_any_system_call_with_a_link_it_is_repaired_too(void **state)
{
    world *it = *state;

    if (support_step_missing())
        SUPPORT_SKIP(support_step_missing());
    cordon_endpoint_close(it->endpoint);
    it->endpoint = world_endpoint(it->kit, it->kit->far);
    check_killed_anywhere(it);
}

int main(void)
{
#define world_test(name) cmocka_unit_test_setup_teardown(name, world_open, world_close)
    const struct CMUnitTest tests[] = {
        world_test(untouched_is_told_so),
        world_test(address_that_has_gone_is_published_again),
        world_test(who_waits_at_the_old_address_is_not_lost),
        world_test(what_else_is_at_the_address_is_left_alone),
        world_test(token_that_has_gone_is_written_again_and_another_is_left_alone),
        world_test(what_is_published_again_has_its_own_token),
        world_test(no_token_at_all_is_no_reason_to_leave_nothing_at_the_address),
        world_test(removed_directory_comes_back_with_all_in_it),
        world_test(lock_file_that_has_gone_is_taken_again),
        world_test(lock_that_another_has_taken_is_told_and_left_alone),
        world_test(long_directory_has_it_all_too),
        world_test(child_that_closes_all_frees_neither_lock_nor_address),
        world_test(stop_and_start_in_a_loop_never_fails),
        world_test(one_of_many_starters_wins),
        world_test(killed_before_any_system_call_it_is_repaired_by_the_next),
        world_test(killed_before_any_system_call_with_a_link_it_is_repaired_too),
    };

    return cmocka_run_group_tests_name("contract_claim_life", tests, NULL, NULL);
}
