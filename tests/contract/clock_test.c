/* Time, chance, and what wakes a loop. */
#include "kit.h"

#include <sys/resource.h>
#include <uv.h>

typedef struct bell {
    uv_loop_t loop;
    unsigned  rings, closes;
    uint64_t  rung_at;
} bell;

static void ring(void *owner)
{
    bell *it = owner;

    it->rings++;
    it->rung_at = cordon__now();
}

static void hear_closed(void *owner)
{
    ((bell *)owner)->closes++;
}

static int open_bell(void **state)
{
    *state = test_calloc(1, sizeof(bell));
    return uv_loop_init(&((bell *)*state)->loop);
}

static int close_bell(void **state)
{
    bell *it = *state;

    uv_run(&it->loop, UV_RUN_DEFAULT);
    assert_int_equal(it->closes, 1);
    assert_int_equal(uv_loop_close(&it->loop), 0);
    test_free(it);
    return 0;
}

static cordon__timer *open_timer(bell *it)
{
    cordon_fault   fault = CORDON_FAULT_INIT;
    cordon__timer *timer = NULL;

    SUPPORT_CODE(cordon__timer_open(&timer, &it->loop, ring, it, &fault), CORDON_OK, &fault);
    return timer;
}

static cordon__wake *open_wake(bell *it)
{
    cordon_fault  fault = CORDON_FAULT_INIT;
    cordon__wake *wake = NULL;

    SUPPORT_CODE(cordon__wake_open(&wake, &it->loop, ring, it, &fault), CORDON_OK, &fault);
    return wake;
}

static void now_and_pause_agree(void **state)
{
    const uint64_t start = cordon__now();

    (void)state;
    cordon__pause(30);
    assert_true(cordon__now() - start >= 29); /* both ends are cut to whole ms */
    cordon__pause(0);
}

static void cheap_time_is_late_by_a_tick_at_most(void **state)
{
    (void)state;
    for (int n = 0; n < 200; n++) {
        uint64_t before = cordon__now(), nearly = cordon__now_nearly(), after = cordon__now();
        uint64_t due;

        assert_in_range(nearly + CORDON__TICK_MS, before, after + CORDON__TICK_MS);
        before = cordon__now();
        due = cordon__due_nearly(1000);
        after = cordon__now();
        assert_in_range(due, before + 1000, after + 1000 + CORDON__TICK_MS);
        cordon__pause(n % 3 == 0);
    }
}

static void random_bytes_differ(void **state)
{
    cordon_fault  fault = CORDON_FAULT_INIT;
    unsigned char one[32] = {0}, other[32] = {0};

    (void)state;
    SUPPORT_CODE(cordon__random(one, sizeof one, &fault), CORDON_OK, &fault);
    SUPPORT_CODE(cordon__random(other, sizeof other, &fault), CORDON_OK, &fault);
    assert_memory_not_equal(one, other, sizeof one);
}

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

static void timer_rings_when_due_once_and_not_early(void **state)
{
    bell          *it = *state;
    cordon__timer *timer = open_timer(it);

    for (uint64_t ms = 0; ms < 40; ms += 7) {
        const uint64_t due = cordon__now() + ms;

        cordon__pause(3); /* the loop's own time is old now */
        cordon__timer_set(timer, due);
        uv_run(&it->loop, UV_RUN_DEFAULT);
        assert_true(it->rung_at >= due);
        assert_true(it->rung_at < due + 2000);
    }
    assert_int_equal(it->rings, 6);
    cordon__timer_close(timer, hear_closed);
}

static void timer_in_the_past_rings_at_once_but_not_from_inside(void **state)
{
    bell          *it = *state;
    cordon__timer *timer = open_timer(it);

    cordon__timer_set(timer, 1);
    assert_int_equal(it->rings, 0);
    uv_run(&it->loop, UV_RUN_ONCE);
    assert_int_equal(it->rings, 1);
    cordon__timer_close(timer, hear_closed);
}

static void timer_moves_and_stops(void **state)
{
    bell          *it = *state;
    cordon__timer *timer = open_timer(it);
    const uint64_t due = cordon__now() + 40;

    cordon__timer_set(timer, cordon__now() + 3600000);
    cordon__timer_set(timer, due);
    uv_run(&it->loop, UV_RUN_DEFAULT);
    assert_int_equal(it->rings, 1);
    cordon__timer_set(timer, cordon__now() + 5);
    cordon__timer_set(timer, CORDON__NEVER);
    uv_run(&it->loop, UV_RUN_DEFAULT); /* it keeps no loop alive any more */
    assert_int_equal(it->rings, 1);
    cordon__timer_set(timer, cordon__now() + 5);
    cordon__timer_close(timer, hear_closed);
    uv_run(&it->loop, UV_RUN_DEFAULT);
    assert_int_equal(it->rings, 1);
}

static void timer_keeps_the_loop_alive_only_while_it_is_set(void **state)
{
    bell          *it = *state;
    cordon__timer *timer = open_timer(it);

    assert_false(uv_loop_alive(&it->loop));
    cordon__timer_set(timer, cordon__now() + 3600000);
    assert_true(uv_loop_alive(&it->loop));
    cordon__timer_set(timer, CORDON__NEVER);
    assert_false(uv_loop_alive(&it->loop));
    cordon__timer_close(timer, hear_closed);
}

/* Or each wait of a busy loop sets a time-out and takes it back. */
static void timer_gives_the_loop_no_time_out(void **state)
{
#if defined(__linux__)
    bell          *it = *state;
    cordon__timer *timer = open_timer(it);
    int            ms;

    cordon__timer_set(timer, cordon__now() + 3600000);
    uv_run(&it->loop, UV_RUN_NOWAIT); /* the descriptor is watched from here on */
    ms = uv_backend_timeout(&it->loop);
    cordon__timer_close(timer, hear_closed);
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
    timer = open_timer(it);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
    due = cordon__now() + 20;
    cordon__timer_set(timer, due);
    uv_run(&it->loop, UV_RUN_DEFAULT);
    assert_int_equal(it->rings, 1);
    assert_true(it->rung_at >= due);
    cordon__timer_set(timer, cordon__now() + 3600000);
    cordon__timer_set(timer, CORDON__NEVER);
    uv_run(&it->loop, UV_RUN_DEFAULT);
    cordon__timer_close(timer, hear_closed);
}

/* ---- wake-up ---- */

static void *send_often(void *context)
{
    for (int i = 0; i < 1000; i++)
        cordon__wake_send(context);
    return NULL;
}

static void wake_up_comes_from_other_threads(void **state)
{
    bell         *it = *state;
    cordon__wake *wake = open_wake(it);
    pthread_t     threads[3];

    cordon__wake_hold(wake, 1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, send_often, wake), 0);
    uv_run(&it->loop, UV_RUN_ONCE); /* waits until one has come */
    assert_true(it->rings > 0);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    uv_run(&it->loop, UV_RUN_NOWAIT);
    assert_true(it->rings <= 3000);
    cordon__wake_close(wake, hear_closed);
}

static void wake_up_keeps_the_loop_alive_only_while_held(void **state)
{
    bell         *it = *state;
    cordon__wake *wake = open_wake(it);

    assert_false(uv_loop_alive(&it->loop));
    cordon__wake_hold(wake, 1);
    assert_true(uv_loop_alive(&it->loop));
    cordon__wake_hold(wake, 0);
    uv_run(&it->loop, UV_RUN_DEFAULT);
    cordon__wake_close(wake, hear_closed);
}

static void closed_one_may_have_nobody_to_tell(void **state)
{
    bell *it = *state;

    cordon__wake_close(open_wake(it), NULL);
    cordon__timer_close(open_timer(it), NULL);
    cordon__wake_close(NULL, NULL);
    cordon__timer_close(NULL, NULL);
    cordon__wake_close(open_wake(it), hear_closed);
}

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
    both  all = {open_wake(it), open_timer(it)};

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
    cordon__wake_close(all.wake, hear_closed);
}

int main(void)
{
#define bell_test(name) cmocka_unit_test_setup_teardown(name, open_bell, close_bell)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(now_and_pause_agree),
        cmocka_unit_test(cheap_time_is_late_by_a_tick_at_most),
        cmocka_unit_test(random_bytes_differ),
        cmocka_unit_test(pid_tells_of_a_fork),
        bell_test(timer_rings_when_due_once_and_not_early),
        bell_test(timer_in_the_past_rings_at_once_but_not_from_inside),
        bell_test(timer_moves_and_stops),
        bell_test(timer_keeps_the_loop_alive_only_while_it_is_set),
        bell_test(timer_gives_the_loop_no_time_out),
        bell_test(timer_for_which_no_descriptor_is_left_rings_all_the_same),
        bell_test(wake_up_comes_from_other_threads),
        bell_test(wake_up_keeps_the_loop_alive_only_while_held),
        bell_test(closed_one_may_have_nobody_to_tell),
        bell_test(child_that_closes_all_leaves_the_loop_alone),
    };

    return cmocka_run_group_tests_name("contract_clock", tests, NULL, NULL);
}
