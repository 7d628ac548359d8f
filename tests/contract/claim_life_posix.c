/* Holding an endpoint on POSIX: files that somebody removes or replaces, forks, kills anywhere. */
#include "kit_posix.h"
#include "world.h"

#include <errno.h>
#include <signal.h>
#include <sys/stat.h>

static void world_names_are(const world *it, const char *expected)
{
    char names[128];

    support_names(names, sizeof names, world_path(it, CORDON_DIRECTORY));
    assert_string_equal(names, expected);
}

static int look(world *it)
{
    cordon__listener *old = NULL;
    const int         code = cordon__claim_look(&it->claim, &old, &it->fault);

    assert_true((old != NULL) == (code == CORDON__GONE));
    cordon__listener_close(old, NULL);
    return code;
}

/* ---- looking ---- */

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
    support_directory_remove(it->kit->home);
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

static void link_and_socket_of_a_long_directory_come_back(void **state)
{
    world *it = *state;

    cordon_endpoint_close(it->endpoint);
    it->endpoint = world_endpoint(it->kit, it->kit->deep);
    world_take(it);
    world_names_are(it, "ipc-token ipc.lock ipc.sock");
    assert_true(world_is_served(it));
    assert_int_equal(world_is_refused(it), 0);
    for (int what = 0; what < 2; what++) { /* the link, the socket */
        char link[SUPPORT_PATH];

        assert_int_equal(unlink(what ? world_path(it, CORDON_ADDRESS)
                                     : support_join(link, it->kit->deep, "ipc.sock")),
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

/* ---- many, and killed anywhere ---- */

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
    it->endpoint = world_endpoint(it->kit, it->kit->deep);
    check_killed_anywhere(it);
}

const struct CMUnitTest support_own_cases[] = {
    world_test(address_that_has_gone_is_published_again),
    world_test(who_waits_at_the_old_address_is_not_lost),
    world_test(what_else_is_at_the_address_is_left_alone),
    world_test(what_is_published_again_has_its_own_token),
    world_test(no_token_at_all_is_no_reason_to_leave_nothing_at_the_address),
    world_test(removed_directory_comes_back_with_all_in_it),
    world_test(lock_file_that_has_gone_is_taken_again),
    world_test(lock_that_another_has_taken_is_told_and_left_alone),
    world_test(link_and_socket_of_a_long_directory_come_back),
    world_test(child_that_closes_all_frees_neither_lock_nor_address),
    world_test(killed_before_any_system_call_it_is_repaired_by_the_next),
    world_test(killed_before_any_system_call_with_a_link_it_is_repaired_too),
    SUPPORT_NO_CASE,
};
