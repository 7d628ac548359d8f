/* Time, chance, and what wakes a loop. */
#include "bell.h"

static void now_and_pause_agree(void **state)
{
    const uint64_t start = cordon__now();

    (void)state;
    cordon__pause(30);
    assert_true(cordon__now() - start >= 29); /* both ends are cut to whole ms */
    cordon__pause(0);
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

/* ---- timer ---- */

static void timer_rings_when_due_once_and_not_early(void **state)
{
    bell          *it = *state;
    cordon__timer *timer = bell_timer(it);

    for (uint64_t ms = 0; ms < 40; ms += 7) {
        const uint64_t due = cordon__now() + ms;

        cordon__pause(3); /* the loop's own time is old now */
        cordon__timer_set(timer, due);
        uv_run(&it->loop, UV_RUN_DEFAULT);
        assert_true(it->rung_at >= due);
        assert_true(it->rung_at < due + 2000);
    }
    assert_int_equal(it->rings, 6);
    cordon__timer_close(timer, bell_hear_closed);
}

static void timer_in_the_past_rings_at_once_but_not_from_inside(void **state)
{
    bell          *it = *state;
    cordon__timer *timer = bell_timer(it);

    cordon__timer_set(timer, 1);
    assert_int_equal(it->rings, 0);
    uv_run(&it->loop, UV_RUN_ONCE);
    assert_int_equal(it->rings, 1);
    cordon__timer_close(timer, bell_hear_closed);
}

static void timer_moves_and_stops(void **state)
{
    bell          *it = *state;
    cordon__timer *timer = bell_timer(it);
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
    cordon__timer_close(timer, bell_hear_closed);
    uv_run(&it->loop, UV_RUN_DEFAULT);
    assert_int_equal(it->rings, 1);
}

static void timer_keeps_the_loop_alive_only_while_it_is_set(void **state)
{
    bell          *it = *state;
    cordon__timer *timer = bell_timer(it);

    assert_false(uv_loop_alive(&it->loop));
    cordon__timer_set(timer, cordon__now() + 3600000);
    assert_true(uv_loop_alive(&it->loop));
    cordon__timer_set(timer, CORDON__NEVER);
    assert_false(uv_loop_alive(&it->loop));
    cordon__timer_close(timer, bell_hear_closed);
}

/* ---- wake-up ---- */

static void send_often(void *context)
{
    for (int i = 0; i < 1000; i++)
        cordon__wake_send(context);
}

static void wake_up_comes_from_other_threads(void **state)
{
    bell         *it = *state;
    cordon__wake *wake = bell_wake(it);
    uv_thread_t   threads[3];

    cordon__wake_hold(wake, 1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(uv_thread_create(&threads[i], send_often, wake), 0);
    uv_run(&it->loop, UV_RUN_ONCE); /* waits until one has come */
    assert_true(it->rings > 0);
    for (int i = 0; i < 3; i++)
        uv_thread_join(&threads[i]);
    uv_run(&it->loop, UV_RUN_NOWAIT);
    assert_true(it->rings <= 3000);
    cordon__wake_close(wake, bell_hear_closed);
}

static void wake_up_keeps_the_loop_alive_only_while_held(void **state)
{
    bell         *it = *state;
    cordon__wake *wake = bell_wake(it);

    assert_false(uv_loop_alive(&it->loop));
    cordon__wake_hold(wake, 1);
    assert_true(uv_loop_alive(&it->loop));
    cordon__wake_hold(wake, 0);
    uv_run(&it->loop, UV_RUN_DEFAULT);
    cordon__wake_close(wake, bell_hear_closed);
}

static void closed_one_may_have_nobody_to_tell(void **state)
{
    bell *it = *state;

    cordon__wake_close(bell_wake(it), NULL);
    cordon__timer_close(bell_timer(it), NULL);
    cordon__wake_close(NULL, NULL);
    cordon__timer_close(NULL, NULL);
    cordon__wake_close(bell_wake(it), bell_hear_closed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(now_and_pause_agree),
        cmocka_unit_test(random_bytes_differ),
        bell_test(timer_rings_when_due_once_and_not_early),
        bell_test(timer_in_the_past_rings_at_once_but_not_from_inside),
        bell_test(timer_moves_and_stops),
        bell_test(timer_keeps_the_loop_alive_only_while_it_is_set),
        bell_test(wake_up_comes_from_other_threads),
        bell_test(wake_up_keeps_the_loop_alive_only_while_held),
        bell_test(closed_one_may_have_nobody_to_tell),
    };

    return SUPPORT_RUN("contract_clock", tests);
}
