/* The worst moments of a start on POSIX: calls that fail, signals without end, no room for
 * anything. */
#include "start_kit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>

/* ---- each call fails once ---- */

typedef struct attempt {
    kit     *it;
    unsigned flags;
    char     log[SUPPORT_PATH];
} attempt;

static int is_typed(const cordon_fault *fault, int code)
{
    return fault->code == code && fault->during != NULL &&
           (code == CORDON_ELAUNCH || code == CORDON_EBUSY || code == CORDON_ENOMEM ||
            code == CORDON_ESYSTEM || code == CORDON_EDENIED);
}

/* 0: it was started, and what is known of its end is true; 1: it was not, and the fault says so. */
static int start_once(void *context)
{
    attempt     *self = context;
    const int    descriptors = support_count_descriptors();
    cordon_fault fault = CORDON_FAULT_INIT;
    start_order  start;
    int          status = -2, code;

    start_open(&start, START_WORDS("exit", "9"), self->flags);
    start.order.log = self->log;
    start.order.directory = self->it->tmp;
    SUPPORT_CODE(cordon__ready_pipe(&start.ready, &start.order.handle, &fault), 0, &fault);
    support_step_mark();
    {
        const cordon__trace none = {NULL, NULL};

        code = cordon__spawn(&start.child, &start.order, &cordon__libc, &none, &fault);
    }
    if (code == 0) {
        const int waited =
            cordon__child_wait(start.child, &status, cordon__now() + SUPPORT_SOON, &fault);

        cordon__child_close(start.child);
        support_step_end();
        SUPPORT_CHECK(waited == 0 && (status == 9 || status == -1));
    } else {
        support_step_end();
        SUPPORT_CHECK(is_typed(&fault, code));
    }
    close((int)start.ready);
    close((int)start.order.handle);
    SUPPORT_CHECK(support_count_descriptors() == descriptors);
    return code != 0;
}

static void every_call_that_fails_is_told_and_leaves_nothing(void **state)
{
    static const int errors[] = {EIO, EINTR, EMFILE, ENOMEM, EAGAIN};
    unsigned         totals[2] = {0, 0};
    attempt          self = {*state, 0, ""};

    if (support_fail_missing() != NULL)
        SUPPORT_SKIP(support_fail_missing());
    support_join(self.log, self.it->root, "log");
    for (size_t k = 0; k < START_KINDS; k++)
        for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
            int      is_hit = 1, status = 0;
            unsigned call = 0;

            self.flags = start_kinds[k];
            for (unsigned nth = 1; is_hit; nth++) {
                is_hit = support_step_fail(start_once, &self, nth, errors[i], &status, &call);
                if (status != 0 && status != 1)
                    fail_msg("kind %zu, call %u (number %u), %s: status %d", k, nth, call,
                             strerror(errors[i]), status);
                totals[status] += (unsigned)is_hit;
            }
            assert_int_equal(status, 0);
        }
    print_message("%u failed starts, %u that did without\n", totals[1], totals[0]);
    assert_true(totals[1] > 20);
}

/* ---- no room ---- */

/* With `room` descriptors left it starts, or says EBUSY; with enough of them it starts. */
static int start_in_a_narrow_room(void *context)
{
    attempt      *self = context;
    struct rlimit limit;
    start_order   start;
    int           is_started = 0, top;

    for (int room = 0; !is_started; room++) {
        cordon_fault fault = CORDON_FAULT_INIT;
        intptr_t     ours, theirs;
        int          code;

        getrlimit(RLIMIT_NOFILE, &limit);
        SUPPORT_CODE(cordon__ready_pipe(&ours, &theirs, &fault), 0, &fault);
        top = dup(0);
        close(top);
        limit.rlim_cur = (rlim_t)(top + room); /* that many can be opened, counted roughly */
        SUPPORT_CHECK(room < 64 && setrlimit(RLIMIT_NOFILE, &limit) == 0);
        start_open(&start, START_WORDS("exit", "0"), self->flags);
        start.order.handle = theirs;
        code = start_try(&start, &fault);
        SUPPORT_CHECK(code == 0 || (code == CORDON_EBUSY && fault.os_code == EMFILE));
        close((int)theirs);
        start.ready = ours;
        is_started = code == 0;
        if (is_started)
            SUPPORT_CHECK(start_end(&start, self->it) == 0);
        else
            close((int)ours);
        limit.rlim_cur = limit.rlim_max;
        SUPPORT_CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
        SUPPORT_CHECK(start_has_no_child());
    }
    return 0;
}

static void without_descriptors_it_is_busy(void **state)
{
    attempt self = {*state, 0, ""};

    if (support_is_in_valgrind())
        SUPPORT_SKIP("valgrind has limits of its own");
    for (size_t k = 0; k < START_KINDS; k++) {
        self.flags = start_kinds[k];
        assert_int_equal(support_wait(support_fork(start_in_a_narrow_room, &self), SUPPORT_SOON),
                         0);
    }
}

/* How many processes its user has is not ours to say: others run tests, too. One is too many. */
static int start_among_too_many(void *context)
{
    attempt      *self = context;
    struct rlimit limit = {1, 1};
    cordon_fault  fault = CORDON_FAULT_INIT;
    start_order   start;

    SUPPORT_CHECK(setrlimit(RLIMIT_NPROC, &limit) == 0);
    for (size_t k = 0; k < START_KINDS; k++) {
        const int descriptors = support_count_descriptors();

        start_open(&start, START_WORDS("exit", "0"), start_kinds[k]);
        SUPPORT_CHECK(start_try(&start, &fault) == CORDON_EBUSY);
        SUPPORT_CHECK(fault.os_code == EAGAIN && strcmp(fault.text, "too many processes") == 0);
        SUPPORT_CHECK(support_count_descriptors() == descriptors);
        SUPPORT_CHECK(start_has_no_child());
    }
    (void)self;
    return 0;
}

static void among_too_many_processes_it_is_busy(void **state)
{
    attempt self = {*state, 0, ""};

    support_need_root();
    assert_int_equal(
        support_wait(support_fork_as(SUPPORT_OTHER_UID, start_among_too_many, &self), SUPPORT_SOON),
        0);
}

static void without_memory_no_child_is_begun(void **state)
{
    kit *it = *state;

    for (size_t k = 0; k < START_KINDS; k++) {
        int code = CORDON_ENOMEM;

        for (size_t nth = 1; code == CORDON_ENOMEM; nth++) {
            support_memory       memory = {0};
            const cordon__memory counted = {support_allocate, &memory};
            const cordon__trace  none = {NULL, NULL};
            start_order          start;

            atomic_store(&memory.fail_from, nth);
            start_open(&start, START_WORDS("exit", "0"), start_kinds[k]);
            start.order.variable = "CORDON_CHANNEL";
            code = cordon__spawn(&start.child, &start.order, &counted, &none, &it->fault);
            assert_true(code == 0 || code == CORDON_ENOMEM);
            if (code == 0) {
                start.ready = CORDON__NO_HANDLE;
                assert_int_equal(start_end(&start, it), 0);
                assert_true(nth > 4);
            }
            assert_int_equal(atomic_load(&memory.blocks), 0);
            assert_true(start_has_no_child());
        }
    }
}

/* ---- signals without end ---- */

static volatile sig_atomic_t alarms;

static void on_alarm(int number)
{
    (void)number;
    alarms++;
}

static int start_in_a_storm(void *context)
{
    const struct itimerval storm = {{0, 500}, {0, 500}};
    kit                   *it = context;
    struct sigaction       action;

    memset(&action, 0, sizeof action);
    action.sa_handler = on_alarm; /* without SA_RESTART */
    SUPPORT_CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    SUPPORT_CHECK(setitimer(ITIMER_REAL, &storm, NULL) == 0);
    for (int round = 0; round < 8; round++)
        for (size_t k = 0; k < START_KINDS; k++) {
            start_order start;

            start_part_run(&start, it, start_kinds[k], START_WORDS("hand-on", "list"));
            start_hear(&start);
            SUPPORT_CHECK(start_end(&start, it) == 0);
            SUPPORT_CHECK(strcmp(start.said, "has 0\nhas 1\nhas 2\nvariable: gone\n") == 0);
        }
    SUPPORT_CHECK(alarms > 4);
    return 0;
}

static void storm_of_signals_changes_nothing(void **state)
{
    if (support_is_in_valgrind())
        SUPPORT_SKIP("too slow for a storm of signals");
    assert_int_equal(support_wait(support_fork(start_in_a_storm, *state), SUPPORT_SOON), 0);
}

const struct CMUnitTest support_own_cases[] = {
    kit_test(every_call_that_fails_is_told_and_leaves_nothing),
    kit_test(without_descriptors_it_is_busy),
    kit_test(among_too_many_processes_it_is_busy),
    kit_test(without_memory_no_child_is_begun),
    kit_test(storm_of_signals_changes_nothing),
    SUPPORT_NO_CASE,
};
