/* Time on POSIX: forks, and the descriptor that a timer has. */
#include "bell.h"

#include <sys/resource.h>

static int is_another_pid(void *context)
{
    return cordon__pid() == *(uint64_t *)context;
}

static void pid_tells_of_a_fork(void **state)
{
    uint64_t pid = cordon__pid();

    (void)state;
    assert_int_equal(pid, getpid());
    assert_int_equal(support_wait(support_fork(is_another_pid, &pid), SUPPORT_SOON), 0);
}

/* ---- timer ---- */

/* Or each wait of a busy loop sets a time-out and takes it back. */
static void timer_gives_the_loop_no_time_out(void **state)
{
#if defined(__linux__)
    bell          *it = *state;
    cordon__timer *timer = bell_timer(it);
    int            ms;

    cordon__timer_set(timer, cordon__now() + 3600000);
    uv_run(&it->loop, UV_RUN_NOWAIT); /* the descriptor is watched from here on */
    ms = uv_backend_timeout(&it->loop);
    cordon__timer_close(timer, bell_hear_closed);
    assert_int_equal(ms, -1);
#else
    ((bell *)*state)->closes++;
    SUPPORT_SKIP("timers are libuv's here");
#endif
}

static void timer_for_which_no_descriptor_is_left_rings_all_the_same(void **state)
{
    bell          *it = *state;
    struct rlimit  usual, none;
    cordon__timer *timer;
    uint64_t       due;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
    none = usual;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    timer = bell_timer(it);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
    due = cordon__now() + 20;
    cordon__timer_set(timer, due);
    uv_run(&it->loop, UV_RUN_DEFAULT);
    assert_int_equal(it->rings, 1);
    assert_true(it->rung_at >= due);
    cordon__timer_set(timer, cordon__now() + 3600000);
    cordon__timer_set(timer, CORDON__NEVER);
    uv_run(&it->loop, UV_RUN_DEFAULT);
    cordon__timer_close(timer, bell_hear_closed);
}

/* ---- wake-up ---- */

typedef struct both {
    cordon__wake  *wake;
    cordon__timer *timer;
} both;

static int closes_both(void *context)
{
    both     *all = context;
    const int before = support_count_descriptors();

    cordon__wake_close(all->wake, NULL);
    cordon__timer_close(all->timer, NULL);
    SUPPORT_CHECK(support_count_descriptors() <= before);
#if defined(__linux__)
    SUPPORT_CHECK(support_count_descriptors() == before - 1); /* the alarm */
#endif
    return 0;
}

static void child_that_closes_all_leaves_the_loop_alone(void **state)
{
    bell *it = *state;
    both  all = {bell_wake(it), bell_timer(it)};

    cordon__wake_hold(all.wake, 1); /* else the loop has no reason to look */
    uv_run(&it->loop, UV_RUN_NOWAIT);
    assert_int_equal(support_wait(support_fork(closes_both, &all), SUPPORT_SOON), 0);
    cordon__wake_send(all.wake);
    uv_run(&it->loop, UV_RUN_NOWAIT);
    assert_int_equal(it->rings, 1);
    cordon__timer_set(all.timer, cordon__now()); /* it still rings here */
    uv_run(&it->loop, UV_RUN_ONCE);
    assert_int_equal(it->rings, 2);
    cordon__timer_close(all.timer, NULL);
    cordon__wake_close(all.wake, bell_hear_closed);
}

const struct CMUnitTest support_own_cases[] = {
    cmocka_unit_test(pid_tells_of_a_fork),
    bell_test(timer_gives_the_loop_no_time_out),
    bell_test(timer_for_which_no_descriptor_is_left_rings_all_the_same),
    bell_test(child_that_closes_all_leaves_the_loop_alone),
    SUPPORT_NO_CASE,
};
