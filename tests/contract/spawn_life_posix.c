/* How started programs end on POSIX: by signals, buried by whom, and when we are killed. */
#include "start_kit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

/* It has no keeper. */
static int is_own(size_t kind)
{
    return (start_kinds[kind] & (CORDON__OUTLIVES_US | CORDON__DETACHED)) == 0;
}

/* ---- its end ---- */

static void status_is_told_again_and_again(void **state)
{
    static const char *const statuses[] = {"0", "1", "7", "127", "255"};
    kit                     *it = *state;
    start_order              start;
    int                      status;

    for (size_t k = 0; k < START_KINDS; k++)
        for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
            start_part_run(&start, it, start_kinds[k], START_WORDS("exit", statuses[i]));
            start_hear(&start);
            SUPPORT_CODE(
                cordon__child_wait(start.child, &status, cordon__now() + SUPPORT_SOON, &it->fault),
                CORDON_OK, &it->fault);
            assert_int_equal(status, atoi(statuses[i]));
            status = -2; /* again and again the same */
            assert_int_equal(cordon__child_look(start.child, &status), 0);
            assert_int_equal(status, atoi(statuses[i]));
            cordon__child_end(start.child, 0); /* nobody is hit */
            assert_int_equal(start_end(&start, it), atoi(statuses[i]));
        }
}

static void who_hears_sigterm_ends_when_asked(void **state)
{
    kit        *it = *state;
    start_order start;
    int         status = -2;

    for (size_t k = 0; k < START_KINDS; k++)
        for (int is_asked = 0; is_asked < 2; is_asked++) {
            start_part_run(&start, it, start_kinds[k], START_WORDS(is_asked ? "wait" : "deaf"));
            start_hear_line(&start);
            assert_int_equal(cordon__child_look(start.child, &status), CORDON__RUNNING);
            assert_int_equal(
                cordon__child_wait(start.child, &status, cordon__now() + 20, &it->fault),
                CORDON_ETIMEDOUT);
            assert_int_equal(cordon__child_wait(start.child, &status, 0, &it->fault),
                             CORDON_ETIMEDOUT);
            assert_int_equal(status, -2);
            if (!is_asked) { /* it does not hear */
                cordon__child_end(start.child, 1);
                assert_int_equal(
                    cordon__child_wait(start.child, &status, cordon__now() + 20, &it->fault),
                    CORDON_ETIMEDOUT);
            }
            cordon__child_end(start.child, is_asked);
            assert_int_equal(start_end(&start, it), 128 + (is_asked ? SIGTERM : SIGKILL));
        }
}

static void signal_of_others_is_told_too(void **state)
{
    kit        *it = *state;
    start_order start;

    for (size_t k = 0; k < START_KINDS; k++) {
        start_part_run(&start, it, start_kinds[k], START_WORDS("wait"));
        start_hear_line(&start);
        assert_int_equal(kill((pid_t)cordon__child_pid(start.child), SIGUSR1), 0);
        assert_int_equal(start_end(&start, it), 128 + SIGUSR1);
    }
}

/* ---- closing ---- */

static void who_goes_on_is_none_of_our_children(void **state)
{
    kit        *it = *state;
    start_order start;
    const int   descriptors = support_count_descriptors();

    for (size_t k = 0; k < START_KINDS; k++) {
        if (is_own(k))
            continue;
        start_part_run(&start, it, start_kinds[k], START_WORDS("wait"));
        start_hear_line(&start);
        const pid_t pid = (pid_t)cordon__child_pid(start.child);
        cordon__child_close(start.child);
        assert_true(start_runs(pid));      /* it still runs */
        assert_true(start_has_no_child()); /* and is none of ours: nor is its keeper */
        close((int)start.ready);
        assert_int_equal(kill(pid, SIGKILL), 0);
        start_must_go(pid); /* buried by another */
    }
    assert_int_equal(support_count_descriptors(), descriptors);
}

static void order_given_right_before_closing_leaves_no_child(void **state)
{
    kit        *it = *state;
    start_order start;

    for (size_t k = 0; k < START_KINDS; k++)
        for (int is_asked = 0; is_asked < 2; is_asked++) {
            start_part_run(&start, it, start_kinds[k], START_WORDS("wait"));
            start_hear_line(&start);
            const pid_t pid = (pid_t)cordon__child_pid(start.child);
            cordon__child_end(start.child, is_asked);
            cordon__child_close(start.child);
            close((int)start.ready);
            start_must_go(pid);
            assert_true(start_has_no_child());
        }
}

static void who_ends_with_us_is_buried_when_closed(void **state)
{
    kit        *it = *state;
    start_order start;

    start_part_run(&start, it, 0, START_WORDS("deaf"));
    start_hear_line(&start);
    const pid_t pid = (pid_t)cordon__child_pid(start.child);
    cordon__child_close(start.child);
    assert_int_equal(kill(pid, 0), -1);
    assert_true(start_has_no_child());
    close((int)start.ready);
    cordon__child_close(NULL);
}

/* ---- our end ---- */

typedef struct family {
    kit           *it;
    unsigned       flags;
    support_signal told;
    uint64_t      *shared; /* the program's pid */
} family;

static int start_and_wait(void *context)
{
    family     *of = context;
    start_order start;

    start_part_run(&start, of->it, of->flags, START_WORDS("deaf"));
    start_hear_line(&start);
    *of->shared = cordon__child_pid(start.child);
    support_signal_send(&of->told, 's');
    while (pause() != 0)
        continue;
    return 0;
}

static void without_us_one_ends_and_the_others_go_on(void **state)
{
    for (size_t k = 0; k < START_KINDS; k++) {
        kit   *it = *state;
        char   path[SUPPORT_PATH];
        family of = {it, start_kinds[k], {{-1, -1}}, NULL};

        support_signal_open(&of.told);
        of.shared = support_share(support_join(path, it->root, "pid"), sizeof *of.shared);
        const pid_t host = support_fork(start_and_wait, &of);
        assert_int_equal(support_signal_wait(&of.told, SUPPORT_SOON), 's');
        assert_true(start_runs((pid_t)*of.shared));
        support_kill(host, SIGKILL);
        if (!is_own(k)) {
            support_pause(20);
            assert_true(start_runs((pid_t)*of.shared));
            assert_int_equal(kill((pid_t)*of.shared, SIGKILL), 0);
        }
        start_must_go((pid_t)*of.shared);
        support_unshare(of.shared, sizeof *of.shared);
        support_signal_close(&of.told);
    }
}

const struct CMUnitTest support_own_cases[] = {
    kit_test(status_is_told_again_and_again),
    kit_test(who_hears_sigterm_ends_when_asked),
    kit_test(signal_of_others_is_told_too),
    kit_test(who_goes_on_is_none_of_our_children),
    kit_test(order_given_right_before_closing_leaves_no_child),
    kit_test(who_ends_with_us_is_buried_when_closed),
    kit_test(without_us_one_ends_and_the_others_go_on),
    SUPPORT_NO_CASE,
};
