/* Holding an endpoint: who gets it, what is there while it is held, what stays. */
#include "kit.h"

#include "../../src/claim.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define WAIT 2000 /* ms, the usual wait for a lock */

typedef struct world {
    kit             *kit;
    cordon_endpoint *endpoint;
    cordon__claim    claim;
    cordon_fault     fault;
} world;

static void note(const cordon_fault *step, void *user)
{
    kit         *it = user;
    const size_t used = strlen(it->steps);

    snprintf(it->steps + used, sizeof it->steps - used, "%s:%d ", step->during, step->code);
}

static cordon_endpoint *open_endpoint(kit *it, const char *directory)
{
    cordon_endpoint_options options = CORDON_ENDPOINT_OPTIONS_INIT;
    cordon_endpoint        *endpoint = NULL;

    options.directory = directory;
    options.trace = note;
    options.user = it;
    SUPPORT_CODE(cordon_endpoint_open(&endpoint, "test", &options, &it->fault), CORDON_OK,
                 &it->fault);
    return endpoint;
}

static int open_world(void **state)
{
    static const cordon_fault none = CORDON_FAULT_INIT;
    world                    *it = test_calloc(1, sizeof *it);
    void                     *inner;

    it->fault = none;
    kit_setup(&inner);
    it->kit = inner;
    it->endpoint = open_endpoint(it->kit, it->kit->near);
    *state = it;
    return 0;
}

static int close_world(void **state)
{
    world *it = *state;
    void  *inner = it->kit;

    cordon__claim_release(&it->claim);
    cordon_endpoint_close(it->endpoint);
    kit_teardown(&inner);
    test_free(it);
    return 0;
}

static const char *path_of(const world *it, enum cordon_place which)
{
    return cordon_endpoint_path(it->endpoint, which);
}

static int claim_with(world *it, cordon__claim *claim, uint64_t ms)
{
    return cordon__claim_open(claim, it->endpoint, 8, 0, cordon__now() + ms, &it->fault);
}

static void take(world *it)
{
    SUPPORT_CODE(claim_with(it, &it->claim, WAIT), CORDON_OK, &it->fault);
}

static void token_in(const world *it, char token[65])
{
    SUPPORT_CHECK(support_read(path_of(it, CORDON_TOKEN), token, 65) == 64);
    token[64] = '\0';
}

static int is_served(world *it)
{
    cordon__identity peer;
    intptr_t         handle;
    const int        code =
        cordon__endpoint_connect(&handle, &peer, it->endpoint, cordon__now(), &it->fault);

    if (code == CORDON_OK)
        cordon__handle_close(handle);
    return code == CORDON_OK;
}

static void names_are(const world *it, const char *expected)
{
    char names[128];

    support_names(names, sizeof names, path_of(it, CORDON_DIRECTORY));
    assert_string_equal(names, expected);
}

/* ---- the steps ---- */

static void steps_come_in_their_order(void **state)
{
    world *it = *state;

    it->kit->steps[0] = '\0';
    take(it);
    assert_string_equal(it->kit->steps, "make directory:0 check directory:0 take lock:0 "
                                        "clear address:0 write token:0 bind:0 listen:0 ");
}

static void all_is_0600_whatever_the_umask(void **state)
{
    static const mode_t umasks[] = {0, 022, 077, 0777};
    world              *it = *state;

    for (size_t i = 0; i < sizeof umasks / sizeof umasks[0]; i++) {
        const mode_t before = umask(umasks[i]);

        take(it);
        assert_int_equal(umask(before), umasks[i]);
        assert_int_equal(support_mode(path_of(it, CORDON_DIRECTORY)), 0700);
        assert_int_equal(support_mode(path_of(it, CORDON_ADDRESS)), 0600);
        assert_int_equal(support_mode(path_of(it, CORDON_TOKEN)), 0600);
        assert_int_equal(support_mode(path_of(it, CORDON_LOCK)), 0600);
        assert_true(is_served(it));
        cordon__claim_release(&it->claim);
        names_are(it, "ipc.lock");
        assert_int_equal(unlink(path_of(it, CORDON_LOCK)), 0);
        assert_int_equal(rmdir(path_of(it, CORDON_DIRECTORY)), 0);
    }
}

static void token_is_64_digits_and_new_each_time(void **state)
{
    world *it = *state;
    char   one[65], other[65];

    take(it);
    token_in(it, one);
    assert_int_equal(strspn(one, "0123456789abcdef"), 64);
    cordon__claim_release(&it->claim);
    take(it);
    token_in(it, other);
    assert_string_not_equal(one, other);
}

/* ---- a second one ---- */

static int is_refused(void *context)
{
    world         *it = context;
    cordon__claim  claim;
    const uint64_t start = cordon__now();

    SUPPORT_CODE(claim_with(it, &claim, 60000), CORDON_EADDRINUSE, &it->fault);
    SUPPORT_CHECK(cordon__now() - start < 5000);
    SUPPORT_CHECK(strcmp(it->fault.path, path_of(it, CORDON_ADDRESS)) == 0);
    cordon__claim_release(&claim); /* a claim that is not open is fine */
    return 0;
}

static void second_server_is_refused_at_once(void **state)
{
    world *it = *state;
    char   before[65], after[65];

    take(it);
    token_in(it, before);
    assert_int_equal(is_refused(it), 0);
    assert_int_equal(support_wait(support_fork(is_refused, it), SUPPORT_SOON), 0);
    token_in(it, after);
    assert_string_equal(before, after);
    assert_true(is_served(it));
}

static void full_backlog_is_a_live_server(void **state)
{
    world   *it = *state;
    intptr_t handles[64];
    int      count = 0;

    take(it);
    while (cordon__connect(&handles[count], it->endpoint->place, &it->fault) == CORDON_OK)
        assert_true(++count < 64);
    assert_int_equal(is_refused(it), 0);
    while (count > 0)
        cordon__handle_close(handles[--count]);
}

typedef struct server {
    world         *it;
    support_signal told, go;
    int            ms;
} server;

static int serves(void *context)
{
    server *self = context;

    take(self->it);
    support_signal_send(&self->told, 's');
    support_signal_wait(&self->go, SUPPORT_SOON);
    /* As one that drains: the address has gone, the lock has not. */
    cordon__claim_withdraw(&self->it->claim);
    support_signal_send(&self->told, 'd');
    support_pause(self->ms);
    cordon__claim_release(&self->it->claim);
    return 0;
}

static pid_t start_server(server *self, world *it, int ms)
{
    pid_t pid;

    self->it = it;
    self->ms = ms;
    support_signal_open(&self->told);
    support_signal_open(&self->go);
    pid = support_fork(serves, self);
    assert_int_equal(support_signal_wait(&self->told, SUPPORT_SOON), 's');
    return pid;
}

static void end_server(server *self)
{
    support_signal_close(&self->told);
    support_signal_close(&self->go);
}

static void stopped_process_is_a_live_server(void **state)
{
    world *it = *state;
    server self;
    pid_t  pid = start_server(&self, it, 0);

    support_kill(pid, SIGSTOP);
    assert_int_equal(is_refused(it), 0);
    support_kill(pid, SIGKILL);
    end_server(&self);
}

static void server_that_drains_is_waited_for(void **state)
{
    world *it = *state;
    server self;
    pid_t  pid = start_server(&self, it, 150);

    support_signal_send(&self.go, 'g');
    assert_int_equal(support_signal_wait(&self.told, SUPPORT_SOON), 'd');
    SUPPORT_CODE(claim_with(it, &it->claim, SUPPORT_SOON), CORDON_OK, &it->fault);
    assert_true(is_served(it));
    assert_int_equal(support_wait(pid, SUPPORT_SOON), 0);
    assert_true(is_served(it)); /* its end took nothing of ours */
    end_server(&self);
}

static void holder_that_never_answers_is_eaddrinuse_at_the_deadline(void **state)
{
    world        *it = *state;
    cordon__claim claim;
    cordon__lock *lock;
    uint64_t      start;

    take(it);
    cordon__claim_release(&it->claim);
    SUPPORT_CODE(cordon__lock_take(&lock, it->endpoint->place, CORDON_LOCK, &it->fault), CORDON_OK,
                 &it->fault);
    /* A socket between bind and listen, and a plain file: neither is touched. */
    for (int kind = 0; kind < 2; kind++) {
        if (kind == 0)
            kit_leave_socket(path_of(it, CORDON_ADDRESS));
        else
            support_write(path_of(it, CORDON_ADDRESS), "", 0, 0600);
        start = cordon__now();
        SUPPORT_CODE(claim_with(it, &claim, 80), CORDON_EADDRINUSE, &it->fault);
        assert_true(cordon__now() - start >= 80);
        assert_true(support_exists(path_of(it, CORDON_ADDRESS)));
        assert_int_equal(unlink(path_of(it, CORDON_ADDRESS)), 0);
    }
    cordon__lock_release(lock);
}

static void killed_server_is_taken_over(void **state)
{
    world *it = *state;
    server self;
    pid_t  pid = start_server(&self, it, 0);
    char   before[65], after[65];

    token_in(it, before);
    support_kill(pid, SIGKILL);
    names_are(it, "ipc-token ipc.lock ipc.sock");
    take(it);
    assert_true(is_served(it));
    token_in(it, after);
    assert_string_not_equal(before, after);
    names_are(it, "ipc-token ipc.lock ipc.sock");
    end_server(&self);
}

/* ---- failing ---- */

static void start_that_fails_leaves_nothing_but_the_lock_file(void **state)
{
    world        *it = *state;
    cordon__claim claim;
    char          half[SUPPORT_PATH];

    assert_int_equal(mkdir(it->kit->near, 0700), 0);
    support_write(path_of(it, CORDON_ADDRESS), "precious", 8, 0600);
    SUPPORT_CODE(claim_with(it, &claim, WAIT), CORDON_EUNSAFE, &it->fault);
    names_are(it, "ipc.lock ipc.sock");
    assert_int_equal(unlink(path_of(it, CORDON_ADDRESS)), 0);

    assert_int_equal(mkdir(support_join(half, it->kit->near, "ipc-token.new"), 0700), 0);
    SUPPORT_CODE(claim_with(it, &claim, WAIT), CORDON_EUNSAFE, &it->fault);
    assert_int_equal(rmdir(half), 0);
    names_are(it, "ipc.lock");
    take(it);
}

static int starts_without_room(void *context)
{
    world              *it = context;
    const struct rlimit none = {0, 0};
    cordon__claim       claim;

    signal(SIGXFSZ, SIG_IGN);
    SUPPORT_CHECK(setrlimit(RLIMIT_FSIZE, &none) == 0);
    SUPPORT_CODE(claim_with(it, &claim, WAIT), CORDON_ESYSTEM, &it->fault);
    SUPPORT_CHECK(strcmp(it->fault.during, "write token") == 0);
    return 0;
}

static void server_that_cannot_write_its_token_does_not_start(void **state)
{
    world *it = *state;

    assert_int_equal(support_wait(support_fork(starts_without_room, it), SUPPORT_SOON), 0);
    names_are(it, "ipc.lock");
    take(it);
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
        code = claim_with(it, &it->claim, WAIT);
        SUPPORT_CHECK(setrlimit(RLIMIT_NOFILE, &usual) == 0);
        if (code == CORDON_OK)
            break;
        SUPPORT_CODE(code, CORDON_EBUSY, &it->fault);
        SUPPORT_CHECK(support_count_descriptors() - before <= 1); /* the directory's at most */
        SUPPORT_CHECK(!support_exists(path_of(it, CORDON_ADDRESS)));
        SUPPORT_CHECK(!support_exists(path_of(it, CORDON_TOKEN)));
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

    it->endpoint = open_endpoint(it->kit, it->kit->far);
    SUPPORT_CODE(claim_with(it, &claim, WAIT), CORDON_EDENIED, &it->fault);
    SUPPORT_CHECK(strcmp(it->fault.during, "bind") == 0);
    SUPPORT_CHECK(!support_exists(path_of(it, CORDON_TOKEN)));
    SUPPORT_CHECK(support_exists(path_of(it, CORDON_LOCK)));
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

    take(it);
    for (int i = 0; i < 3; i++)
        assert_int_equal(look(it), CORDON_OK);
    assert_true(is_served(it));
}

static void address_that_has_gone_is_published_again(void **state)
{
    world *it = *state;

    take(it);
    assert_int_equal(unlink(path_of(it, CORDON_ADDRESS)), 0);
    assert_false(is_served(it));
    assert_int_equal(look(it), CORDON__GONE);
    assert_true(is_served(it));
    assert_int_equal(support_mode(path_of(it, CORDON_ADDRESS)), 0600);
    assert_int_equal(look(it), CORDON_OK);
    cordon__claim_release(&it->claim);
    names_are(it, "ipc.lock");
}

static void who_waits_at_the_old_address_is_not_lost(void **state)
{
    world            *it = *state;
    cordon__listener *old = NULL;
    intptr_t          mine, theirs;

    take(it);
    SUPPORT_CODE(cordon__connect(&mine, it->endpoint->place, &it->fault), CORDON_OK, &it->fault);
    assert_int_equal(unlink(path_of(it, CORDON_ADDRESS)), 0);
    assert_int_equal(cordon__claim_look(&it->claim, &old, &it->fault), CORDON__GONE);
    SUPPORT_CODE(cordon__accept(&theirs, old, &it->fault), CORDON_OK, &it->fault);
    cordon__handle_close(theirs);
    cordon__handle_close(mine);
    cordon__listener_close(old, NULL);
    assert_true(is_served(it));
}

static void what_else_is_at_the_address_is_left_alone(void **state)
{
    world *it = *state;

    take(it);
    assert_int_equal(unlink(path_of(it, CORDON_ADDRESS)), 0);
    support_write(path_of(it, CORDON_ADDRESS), "precious", 8, 0600);
    assert_int_equal(look(it), CORDON__REPLACED);
    assert_string_equal(it->fault.path, path_of(it, CORDON_ADDRESS));
    cordon__claim_release(&it->claim);
    names_are(it, "ipc.lock ipc.sock");
}

static void token_that_has_gone_is_written_again_and_another_is_left_alone(void **state)
{
    world *it = *state;
    char   before[65], after[65];

    take(it);
    token_in(it, before);
    assert_int_equal(unlink(path_of(it, CORDON_TOKEN)), 0);
    assert_int_equal(look(it), CORDON_OK);
    token_in(it, after);
    assert_string_equal(before, after);
    memset(after, 'a', 64);
    support_write(path_of(it, CORDON_TOKEN), after, 64, 0600);
    assert_int_equal(look(it), CORDON__REPLACED);
    assert_string_equal(it->fault.path, path_of(it, CORDON_TOKEN));
    assert_true(is_served(it));
    /* And is no reason to leave nothing at the address. */
    assert_int_equal(unlink(path_of(it, CORDON_ADDRESS)), 0);
    assert_int_equal(look(it), CORDON__GONE);
    assert_true(is_served(it));
    cordon__claim_release(&it->claim);
    names_are(it, "ipc-token ipc.lock");
}

static void removed_directory_comes_back_with_all_in_it(void **state)
{
    world *it = *state;

    take(it);
    support_directory_remove(it->kit->near);
    assert_int_equal(look(it), CORDON__GONE);
    assert_true(is_served(it));
    names_are(it, "ipc-token ipc.lock ipc.sock");
    assert_int_equal(support_wait(support_fork(is_refused, it), SUPPORT_SOON), 0);
    cordon__claim_release(&it->claim);
    names_are(it, "ipc.lock");
}

static void lock_file_that_has_gone_is_taken_again(void **state)
{
    world        *it = *state;
    cordon__lock *lock;

    take(it);
    assert_int_equal(unlink(path_of(it, CORDON_LOCK)), 0);
    assert_int_equal(look(it), CORDON_OK);
    assert_int_equal(cordon__lock_take(&lock, it->endpoint->place, CORDON_LOCK, &it->fault),
                     CORDON__HELD);
    assert_int_equal(is_refused(it), 0);
}

static void lock_that_another_has_taken_is_told_and_left_alone(void **state)
{
    world        *it = *state;
    cordon__lock *lock;

    take(it);
    assert_int_equal(unlink(path_of(it, CORDON_LOCK)), 0);
    SUPPORT_CODE(cordon__lock_take(&lock, it->endpoint->place, CORDON_LOCK, &it->fault), CORDON_OK,
                 &it->fault);
    assert_int_equal(look(it), CORDON__REPLACED);
    assert_int_equal(unlink(path_of(it, CORDON_ADDRESS)), 0);
    assert_int_equal(look(it), CORDON__REPLACED); /* not ours to publish any more */
    assert_false(support_exists(path_of(it, CORDON_ADDRESS)));
    cordon__lock_release(lock);
}

static void long_directory_has_it_all_too(void **state)
{
    world *it = *state;

    cordon_endpoint_close(it->endpoint);
    it->endpoint = open_endpoint(it->kit, it->kit->far);
    take(it);
    names_are(it, "ipc-token ipc.lock ipc.sock");
    assert_true(is_served(it));
    assert_int_equal(is_refused(it), 0);
    for (int what = 0; what < 2; what++) { /* the link, the socket */
        char link[SUPPORT_PATH];

        assert_int_equal(unlink(what ? path_of(it, CORDON_ADDRESS)
                                     : support_join(link, it->kit->far, "ipc.sock")),
                         0);
        assert_int_equal(look(it), CORDON__GONE);
        assert_true(is_served(it));
        names_are(it, "ipc-token ipc.lock ipc.sock");
    }
    cordon__claim_release(&it->claim);
    names_are(it, "ipc.lock");
    assert_false(support_exists(path_of(it, CORDON_ADDRESS)));
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

    take(it);
    assert_int_equal(support_wait(support_fork(releases, it), SUPPORT_SOON), 0);
    names_are(it, "ipc-token ipc.lock ipc.sock");
    assert_true(is_served(it));
    assert_int_equal(is_refused(it), 0);
    assert_int_equal(look(it), CORDON_OK);
}

static void stop_and_start_in_a_loop_never_fails(void **state)
{
    world    *it = *state;
    const int before = support_count_descriptors();

    for (int i = 0; i < 100; i++) {
        take(it);
        cordon__claim_release(&it->claim);
    }
    assert_int_equal(support_count_descriptors(), before + 1); /* the directory's */
    names_are(it, "ipc.lock");
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
    code = claim_with(it, &it->claim, SUPPORT_SOON);
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
    SUPPORT_CODE(claim_with(it, &it->claim, WAIT), CORDON_OK, &it->fault);
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
        SUPPORT_CODE(claim_with(it, &it->claim, WAIT), CORDON_OK, &it->fault);
        assert_true(is_served(it));
        names_are(it, "ipc-token ipc.lock ipc.sock");
        cordon__claim_release(&it->claim);
        names_are(it, "ipc.lock");
        /* The next one finds nothing at all, or what this one left. */
        if (nth % 2)
            support_directory_remove(path_of(it, CORDON_DIRECTORY));
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
    it->endpoint = open_endpoint(it->kit, it->kit->far);
    check_killed_anywhere(it);
}

int main(void)
{
#define world_test(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
    const struct CMUnitTest tests[] = {
        world_test(steps_come_in_their_order),
        world_test(all_is_0600_whatever_the_umask),
        world_test(token_is_64_digits_and_new_each_time),
        world_test(second_server_is_refused_at_once),
        world_test(full_backlog_is_a_live_server),
        world_test(stopped_process_is_a_live_server),
        world_test(server_that_drains_is_waited_for),
        world_test(holder_that_never_answers_is_eaddrinuse_at_the_deadline),
        world_test(killed_server_is_taken_over),
        world_test(start_that_fails_leaves_nothing_but_the_lock_file),
        world_test(server_that_cannot_write_its_token_does_not_start),
        world_test(out_of_descriptors_at_any_step_is_ebusy_and_leaves_nothing),
        world_test(address_that_cannot_be_bound_leaves_no_token),
        world_test(untouched_is_told_so),
        world_test(address_that_has_gone_is_published_again),
        world_test(who_waits_at_the_old_address_is_not_lost),
        world_test(what_else_is_at_the_address_is_left_alone),
        world_test(token_that_has_gone_is_written_again_and_another_is_left_alone),
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

    return cmocka_run_group_tests_name("contract_claim", tests, NULL, NULL);
}
