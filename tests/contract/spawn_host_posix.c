/* What the host of a started program notices on POSIX: signals, keepers, locks, copies of it. */
#include "start_kit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>

#if defined(__SANITIZE_THREAD__)
#    define START_IS_WATCHED 1 /* it must hear of forks, so keepers cannot be hidden then */
#endif

/* It has no keeper. */
static int is_own(size_t kind)
{
    return (start_kinds[kind] & (CORDON__OUTLIVES_US | CORDON__DETACHED)) == 0;
}

/* ---- a host with habits ---- */

static int run_ignored(void *context)
{
    kit        *it = context;
    start_order start;

    signal(SIGCHLD, SIG_IGN);
    for (size_t k = 0; k < START_KINDS; k++) {
        start_part_run(&start, it, start_kinds[k], START_WORDS("exit", "9"));
        /* Our own child: nobody can tell. One with a keeper: it is known all the same. */
        SUPPORT_CHECK(start_end(&start, it) == (is_own(k) ? -1 : 9));
        start_part_run(&start, it, start_kinds[k], START_WORDS("wait"));
        start_hear_line(&start);
        cordon__child_end(start.child, 0);
        SUPPORT_CHECK(start_end(&start, it) == (is_own(k) ? -1 : 128 + SIGKILL));
        start_open(&start, START_WORDS("x"), start_kinds[k]);
        start.argv[0] = "/nowhere/at/all";
        SUPPORT_CHECK(start_try(&start, &it->fault) == CORDON_ELAUNCH);
        SUPPORT_CHECK(it->fault.os_code == ENOENT);
    }
    return 0;
}

static void host_that_ignores_sigchld_is_served(void **state)
{
    assert_int_equal(support_wait(support_fork(run_ignored, *state), SUPPORT_SOON), 0);
}

static volatile sig_atomic_t children_ended;
static volatile sig_atomic_t strangers_buried;

static void bury_all(int number)
{
    const int error = errno;

    (void)number;
    children_ended++;
    while (waitpid(-1, NULL, WNOHANG) > 0)
        strangers_buried++;
    errno = error;
}

static int run_robbed(void *context)
{
    kit             *it = context;
    struct sigaction action;
    start_order      start;
    int              status;

    memset(&action, 0, sizeof action);
    action.sa_handler = bury_all;
    SUPPORT_CHECK(sigaction(SIGCHLD, &action, NULL) == 0);
    for (size_t k = 0; k < START_KINDS; k++) {
        start_part_run(&start, it, start_kinds[k], START_WORDS("exit", "9"));
        status = start_end(&start, it);
        SUPPORT_CHECK(status == 9 || (is_own(k) && status == -1));
    }
#if !defined(START_IS_WATCHED)
    SUPPORT_CHECK(children_ended <= 2 && strangers_buried <= 2); /* the two that are our own */
#endif
    return 0;
}

static void host_that_buries_every_child_does_not_see_keepers(void **state)
{
    assert_int_equal(support_wait(support_fork(run_robbed, *state), SUPPORT_SOON), 0);
}

static void host_of_programs_that_fail_is_as_before(void **state)
{
    kit          *it = *state;
    support_host *before = test_calloc(1, sizeof *before), *after = test_calloc(1, sizeof *after);
    start_order   start;

    signal(SIGUSR2, bury_all);
    support_host_look(before);
    for (size_t k = 0; k < START_KINDS; k++) {
        start_part_run(&start, it, start_kinds[k], START_WORDS("exit", "3"));
        start_hear(&start);
        assert_int_equal(start_end(&start, it), 3);
        start_open(&start, START_WORDS("x"), start_kinds[k]);
        start.argv[0] = "no-such-program-anywhere";
        assert_int_equal(start_try(&start, &it->fault), CORDON_ELAUNCH);
    }
    support_host_look(after);
    support_host_same(before, after);
    signal(SIGUSR2, SIG_DFL);
    test_free(before);
    test_free(after);
}

/* ---- what the keeper holds ---- */

/* Everything of ours that it could keep: a lock, a pipe, a working directory. */
static void keeper_holds_nothing_of_ours(void **state)
{
    kit        *it = *state;
    char        path[SUPPORT_PATH], link[64], target[512];
    int         fds[2];
    start_order start;

    support_write(support_join(path, it->root, "lock"), "", 0, 0600);
    const int lock = open(path, O_RDWR); /* inherited by whatever is not careful */
    assert_int_equal(flock(lock, LOCK_EX), 0);
    assert_int_equal(pipe(fds), 0);
    start_part_run(&start, it, CORDON__DETACHED, START_WORDS("wait"));
    start_hear_line(&start);
    close(lock);
    const int again = open(path, O_RDWR);
    assert_int_equal(flock(again, LOCK_EX | LOCK_NB), 0); /* the only copy was ours */
    close(fds[1]);
    assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(read(fds[0], target, 1), 0); /* the end, at once: `... | cat` ends */
    const pid_t keeper = start_keeper_of(&start);
    snprintf(link, sizeof link, "/proc/%ld/cwd", (long)keeper);
    const ssize_t size = readlink(link, target, sizeof target);
    assert_true(size == 1 && target[0] == '/');
    assert_int_not_equal(getsid(keeper), getsid(0));
    /* Signals of a terminal, and a careless kill of what has our name, do not end it. */
    assert_int_equal(kill(keeper, SIGINT), 0);
    assert_int_equal(kill(keeper, SIGTERM), 0);
    assert_int_equal(kill(keeper, SIGHUP), 0);
    cordon__child_end(start.child, 1);
    assert_int_equal(start_end(&start, it), 128 + SIGTERM);
    start_must_go(keeper);
    close(again);
    close(fds[0]);
}

/* Killed, it takes nothing with it but the knowledge. */
static void keeper_that_is_killed_leaves_the_program_alone(void **state)
{
    kit        *it = *state;
    start_order start;

    start_part_run(&start, it, CORDON__DETACHED, START_WORDS("wait"));
    start_hear_line(&start);
    const pid_t pid = (pid_t)cordon__child_pid(start.child);
    const pid_t keeper = start_keeper_of(&start);
    assert_int_equal(kill(keeper, SIGKILL), 0);
    assert_int_equal(start_end(&start, it), -1); /* nobody can tell */
    assert_true(start_runs(pid));
    assert_true(start_has_no_child());
    assert_int_equal(kill(pid, SIGKILL), 0);
    start_must_go(pid);
}

/* One that is stopped must not hold us. */
static void keeper_that_is_stopped_does_not_hold_us(void **state)
{
    kit        *it = *state;
    start_order start;

    start_part_run(&start, it, CORDON__DETACHED, START_WORDS("wait"));
    start_hear_line(&start);
    const pid_t pid = (pid_t)cordon__child_pid(start.child);
    const pid_t keeper = start_keeper_of(&start);
    assert_int_equal(kill(keeper, SIGSTOP), 0);
    cordon__child_close(start.child);
    assert_true(start_has_no_child());
    start_must_go(keeper);
    assert_true(start_runs(pid));
    close((int)start.ready);
    assert_int_equal(kill(pid, SIGKILL), 0);
    start_must_go(pid);
}

/* ---- forks and threads of the host ---- */

static int close_in_fork(void *context)
{
    start_order *start = context;

    cordon__child_close(start->child);
    return 0;
}

static void fork_of_the_host_that_closes_it_harms_nobody(void **state)
{
    kit        *it = *state;
    start_order start;
    int         status;

    for (size_t k = 0; k < START_KINDS; k++) {
        start_part_run(&start, it, start_kinds[k], START_WORDS("wait"));
        start_hear_line(&start);
        assert_int_equal(support_wait(support_fork(close_in_fork, &start), SUPPORT_SOON), 0);
        assert_int_equal(cordon__child_look(start.child, &status), CORDON__RUNNING);
        cordon__child_end(start.child, 1);
        assert_int_equal(start_end(&start, it), 128 + SIGTERM);
    }
}

#define THREADS 6
#define ROUNDS  6

typedef struct worker {
    pthread_t thread;
    kit      *it;
    size_t    number;
    int       done;
} worker;

static void *start_many(void *context)
{
    worker     *self = context;
    start_order start;
    char        word[16];

    for (size_t round = 0; round < ROUNDS; round++) {
        const unsigned flags = start_kinds[(self->number + round) % START_KINDS];
        cordon_fault   fault = CORDON_FAULT_INIT;
        int            status = -2;

        snprintf(word, sizeof word, "%zu", 1 + self->number * ROUNDS + round);
        start_open(&start, START_WORDS("hand-on", "list"), flags);
        if (start_try(&start, &fault) != CORDON_OK)
            return NULL;
        start_hear(&start);
        if (strcmp(start.said, "has 0\nhas 1\nhas 2\nvariable: gone\n") != 0)
            return NULL;
        if (cordon__child_wait(start.child, &status, cordon__now() + SUPPORT_SOON, &fault) != 0 ||
            status != 0)
            return NULL;
        cordon__child_close(start.child);
        close((int)start.ready);
        start_open(&start, START_WORDS("exit", word), flags);
        if (start_try(&start, &fault) != CORDON_OK ||
            cordon__child_wait(start.child, &status, cordon__now() + SUPPORT_SOON, &fault) != 0 ||
            status != atoi(word))
            return NULL;
        cordon__child_close(start.child);
        close((int)start.ready);
    }
    self->done = 1;
    return NULL;
}

static void threads_start_at_once_and_hand_on_three_descriptors(void **state)
{
    worker    workers[THREADS];
    const int descriptors = support_count_descriptors();

    for (size_t i = 0; i < THREADS; i++) {
        workers[i].it = *state;
        workers[i].number = i;
        workers[i].done = 0;
        assert_int_equal(pthread_create(&workers[i].thread, NULL, start_many, &workers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(workers[i].done, 1);
    assert_int_equal(support_count_descriptors(), descriptors);
    assert_true(start_has_no_child());
}

/* ---- a host whose other threads hold what the C library locks ---- */

typedef struct asker {
    pthread_t thread;
    int       is_enough; /* atomic */
} asker;

/* musl and newer glibc guard what is done about SIGABRT by a lock: here it is mostly held. */
static void *ask_about_abort(void *context)
{
    asker           *self = context;
    struct sigaction action;

    while (!__atomic_load_n(&self->is_enough, __ATOMIC_RELAXED))
        (void)sigaction(SIGABRT, NULL, &action);
    return NULL;
}

static int start_beside_askers(void *context)
{
    kit        *it = context;
    asker       self = {.is_enough = 0};
    start_order start;

    SUPPORT_CHECK(pthread_create(&self.thread, NULL, ask_about_abort, &self) == 0);
    for (size_t round = 0; round < 60; round++) {
        start_open(&start, START_WORDS("x"), start_kinds[round % START_KINDS]);
        start.argv[0] = "/bin/true";
        SUPPORT_CHECK(start_try(&start, &it->fault) == CORDON_OK);
        SUPPORT_CHECK(start_end(&start, it) == 0);
    }
    __atomic_store_n(&self.is_enough, 1, __ATOMIC_RELAXED);
    pthread_join(self.thread, NULL);
    return 0;
}

static void locks_of_the_host_hold_no_start_up(void **state)
{
    assert_int_equal(support_wait(support_fork(start_beside_askers, *state), 3 * SUPPORT_SOON), 0);
}

/* ---- a host whose other threads fork, and never become a program ---- */

#define COPIES 300

typedef struct copier {
    pthread_t thread;
    int       gate[2]; /* copies live until it is closed */
    pid_t     copies[COPIES];
    size_t    count;
    int       is_enough; /* atomic */
} copier;

static void *copy_the_host(void *context)
{
    copier *self = context;

    while (self->count < COPIES && !__atomic_load_n(&self->is_enough, __ATOMIC_RELAXED)) {
        const pid_t pid = fork();
        char        byte;

        if (pid == 0) {
            alarm(60); /* whatever becomes of the test */
            close(self->gate[1]);
            while (read(self->gate[0], &byte, 1) < 0 && errno == EINTR)
                continue;
            _exit(0);
        }
        if (pid > 0)
            self->copies[self->count++] = pid;
        (void)poll(NULL, 0, self->count % 8 == 0); /* they come all the while, not all at once */
    }
    return NULL;
}

static int start_among_copies(void *context)
{
    kit        *it = context;
    copier      self = {.count = 0, .is_enough = 0};
    start_order start;

    SUPPORT_CHECK(pipe(self.gate) == 0);
    SUPPORT_CHECK(pthread_create(&self.thread, NULL, copy_the_host, &self) == 0);
    for (size_t round = 0; round < 40; round++) {
        const unsigned flags = start_kinds[round % START_KINDS];

        start_open(&start, START_WORDS("x"), flags);
        start.argv[0] = round % 3 == 0 ? "/nowhere/at/all" : "/bin/true";
        if (start_try(&start, &it->fault) == CORDON_OK) {
            SUPPORT_CHECK(round % 3 != 0);
            SUPPORT_CHECK(start_end(&start, it) == 0);
        } else {
            SUPPORT_CHECK(round % 3 == 0 && it->fault.code == CORDON_ELAUNCH);
        }
    }
    __atomic_store_n(&self.is_enough, 1, __ATOMIC_RELAXED);
    pthread_join(self.thread, NULL);
    close(self.gate[1]); /* only now do they end: nothing above has waited for them */
    for (size_t i = 0; i < self.count; i++)
        SUPPORT_CHECK(waitpid(self.copies[i], NULL, 0) == self.copies[i]);
    return 0;
}

static void copies_of_the_host_hold_no_start_up(void **state)
{
    if (support_is_in_valgrind())
        SUPPORT_SKIP("a fork takes too long there");
    assert_int_equal(support_wait(support_fork(start_among_copies, *state), 3 * SUPPORT_SOON), 0);
}

const struct CMUnitTest support_own_cases[] = {
    kit_test(host_that_ignores_sigchld_is_served),
    kit_test(host_that_buries_every_child_does_not_see_keepers),
    kit_test(host_of_programs_that_fail_is_as_before),
    kit_test(keeper_holds_nothing_of_ours),
    kit_test(keeper_that_is_killed_leaves_the_program_alone),
    kit_test(keeper_that_is_stopped_does_not_hold_us),
    kit_test(fork_of_the_host_that_closes_it_harms_nobody),
    kit_test(threads_start_at_once_and_hand_on_three_descriptors),
    kit_test(locks_of_the_host_hold_no_start_up),
    kit_test(copies_of_the_host_hold_no_start_up),
    SUPPORT_NO_CASE,
};
