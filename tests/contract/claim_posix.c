/* Holding an endpoint on POSIX: its files and their modes, and what cannot be made. */
#include "kit_posix.h"
#include "world.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

static void world_names_are(const world *it, const char *expected)
{
    char names[128];

    support_names(names, sizeof names, world_path(it, CORDON_DIRECTORY));
    assert_string_equal(names, expected);
}

/* ---- the steps ---- */

static void steps_come_in_their_order(void **state)
{
    world *it = *state;

    it->kit->steps[0] = '\0';
    world_take(it);
    assert_string_equal(it->kit->steps, "make directory:0 check directory:0 take lock:0 "
                                        "clear address:0 write token:0 bind:0 listen:0 ");
}

static void all_is_0600_whatever_the_umask(void **state)
{
    static const mode_t umasks[] = {0, 022, 077, 0777};
    world              *it = *state;

    for (size_t i = 0; i < sizeof umasks / sizeof umasks[0]; i++) {
        const mode_t before = umask(umasks[i]);

        world_take(it);
        assert_int_equal(umask(before), umasks[i]);
        assert_int_equal(support_mode(world_path(it, CORDON_DIRECTORY)), 0700);
        assert_int_equal(support_mode(world_path(it, CORDON_ADDRESS)), 0600);
        assert_int_equal(support_mode(world_path(it, CORDON_TOKEN)), 0600);
        assert_int_equal(support_mode(world_path(it, CORDON_LOCK)), 0600);
        assert_true(world_is_served(it));
        cordon__claim_release(&it->claim);
        world_names_are(it, "ipc.lock");
        assert_int_equal(unlink(world_path(it, CORDON_LOCK)), 0);
        assert_int_equal(rmdir(world_path(it, CORDON_DIRECTORY)), 0);
    }
}

/* ---- a second one ---- */

static void what_lies_at_the_address_of_a_held_one_is_not_touched(void **state)
{
    world        *it = *state;
    cordon__claim claim;
    cordon__lock *lock;
    uint64_t      start;

    world_take(it);
    cordon__claim_release(&it->claim);
    SUPPORT_CODE(cordon__lock_take(&lock, it->endpoint->place, CORDON_LOCK, &it->fault), CORDON_OK,
                 &it->fault);
    /* A socket between bind and listen, and a plain file: neither is touched. */
    for (int kind = 0; kind < 2; kind++) {
        if (kind == 0)
            kit_leave_socket(world_path(it, CORDON_ADDRESS));
        else
            support_write(world_path(it, CORDON_ADDRESS), "", 0, 0600);
        start = cordon__now();
        SUPPORT_CODE(world_claim(it, &claim, 80), CORDON_EADDRINUSE, &it->fault);
        assert_true(cordon__now() - start >= 80);
        assert_true(support_exists(world_path(it, CORDON_ADDRESS)));
        assert_int_equal(unlink(world_path(it, CORDON_ADDRESS)), 0);
    }
    cordon__lock_release(lock);
}

/* ---- failing ---- */

static void start_that_fails_leaves_nothing_but_the_lock_file(void **state)
{
    world        *it = *state;
    cordon__claim claim;
    char          half[SUPPORT_PATH];

    assert_int_equal(mkdir(it->kit->home, 0700), 0);
    support_write(world_path(it, CORDON_ADDRESS), "precious", 8, 0600);
    SUPPORT_CODE(world_claim(it, &claim, WORLD_WAIT), CORDON_EUNSAFE, &it->fault);
    world_names_are(it, "ipc.lock ipc.sock");
    assert_int_equal(unlink(world_path(it, CORDON_ADDRESS)), 0);

    assert_int_equal(mkdir(support_join(half, it->kit->home, "ipc-token.new"), 0700), 0);
    SUPPORT_CODE(world_claim(it, &claim, WORLD_WAIT), CORDON_EUNSAFE, &it->fault);
    assert_int_equal(rmdir(half), 0);
    world_names_are(it, "ipc.lock");
    world_take(it);
}

static int starts_without_room(void *context)
{
    world              *it = context;
    const struct rlimit none = {0, 0};
    cordon__claim       claim;

    signal(SIGXFSZ, SIG_IGN);
    SUPPORT_CHECK(setrlimit(RLIMIT_FSIZE, &none) == 0);
    SUPPORT_CODE(world_claim(it, &claim, WORLD_WAIT), CORDON_ESYSTEM, &it->fault);
    SUPPORT_CHECK(strcmp(it->fault.during, "write token") == 0);
    return 0;
}

static void server_that_cannot_write_its_token_does_not_start(void **state)
{
    world *it = *state;

    assert_int_equal(support_wait(support_fork(starts_without_room, it), SUPPORT_SOON), 0);
    world_names_are(it, "ipc.lock");
    world_take(it);
}

static int starts_with_few_descriptors(void *context)
{
    world        *it = context;
    struct rlimit usual, few;
    int           code = CORDON_EBUSY;

    SUPPORT_CHECK(getrlimit(RLIMIT_NOFILE, &usual) == 0);
    few = usual;
    for (unsigned more = 0; code != CORDON_OK; more++) {
        const int before = support_count_descriptors();
        const int next = dup(0);

        close(next);
        few.rlim_cur = (rlim_t)next + more;
        SUPPORT_CHECK(more < 20 && setrlimit(RLIMIT_NOFILE, &few) == 0);
        code = world_claim(it, &it->claim, WORLD_WAIT);
        SUPPORT_CHECK(setrlimit(RLIMIT_NOFILE, &usual) == 0);
        if (code == CORDON_OK)
            break;
        SUPPORT_CODE(code, CORDON_EBUSY, &it->fault);
        SUPPORT_CHECK(support_count_descriptors() - before <= 1); /* the directory's at most */
        SUPPORT_CHECK(!support_exists(world_path(it, CORDON_ADDRESS)));
        SUPPORT_CHECK(!support_exists(world_path(it, CORDON_TOKEN)));
    }
    cordon__claim_release(&it->claim);
    return 0;
}

static void out_of_descriptors_at_any_step_is_ebusy_and_leaves_nothing(void **state)
{
    assert_int_equal(support_wait(support_fork(starts_with_few_descriptors, *state), SUPPORT_SOON),
                     0);
}

static int cannot_bind(void *context)
{
    world        *it = context;
    cordon__claim claim;

    it->endpoint = world_endpoint(it->kit, it->kit->deep);
    SUPPORT_CODE(world_claim(it, &claim, WORLD_WAIT), CORDON_EDENIED, &it->fault);
    SUPPORT_CHECK(strcmp(it->fault.during, "bind") == 0);
    SUPPORT_CHECK(!support_exists(world_path(it, CORDON_TOKEN)));
    SUPPORT_CHECK(support_exists(world_path(it, CORDON_LOCK)));
    return 0;
}

static void address_that_cannot_be_bound_leaves_no_token(void **state)
{
    world      *it = *state;
    const int   is_root = geteuid() == 0; /* whom no mode stops */
    const uid_t uid = is_root ? SUPPORT_OTHER_UID : geteuid();
    char        annex[2 * SUPPORT_PATH];

    snprintf(annex, sizeof annex, "%s/cordon-%u", it->kit->tmp, (unsigned)uid);
    assert_int_equal(mkdir(annex, 0700), 0);
    assert_int_equal(chmod(annex, 0500), 0);
    if (is_root) {
        kit_give_to(annex, uid);
        kit_give_to(it->kit->tmp, uid);
        kit_give_to(it->kit->root, uid);
    }
    assert_int_equal(support_wait(is_root ? support_fork_as(uid, cannot_bind, it)
                                          : support_fork(cannot_bind, it),
                                  SUPPORT_SOON),
                     0);
}

const struct CMUnitTest support_own_cases[] = {
    world_test(steps_come_in_their_order),
    world_test(all_is_0600_whatever_the_umask),
    world_test(what_lies_at_the_address_of_a_held_one_is_not_touched),
    world_test(start_that_fails_leaves_nothing_but_the_lock_file),
    world_test(server_that_cannot_write_its_token_does_not_start),
    world_test(out_of_descriptors_at_any_step_is_ebusy_and_leaves_nothing),
    world_test(address_that_cannot_be_bound_leaves_no_token),
    SUPPORT_NO_CASE,
};
