#include "bell.h"

static void bell_ring(void *owner)
{
    bell *it = owner;

    it->rings++;
    it->rung_at = cordon__now();
}

void bell_hear_closed(void *owner)
{
    ((bell *)owner)->closes++;
}

int bell_open(void **state)
{
    *state = test_calloc(1, sizeof(bell));
    return uv_loop_init(&((bell *)*state)->loop);
}

int bell_close(void **state)
{
    bell *it = *state;

    uv_run(&it->loop, UV_RUN_DEFAULT);
    assert_int_equal(it->closes, 1);
    assert_int_equal(uv_loop_close(&it->loop), 0);
    test_free(it);
    return 0;
}

cordon__timer *bell_timer(bell *it)
{
    cordon_fault   fault = CORDON_FAULT_INIT;
    cordon__timer *timer = NULL;

    SUPPORT_CODE(cordon__timer_open(&timer, &it->loop, bell_ring, it, &fault), CORDON_OK, &fault);
    return timer;
}

cordon__wake *bell_wake(bell *it)
{
    cordon_fault  fault = CORDON_FAULT_INIT;
    cordon__wake *wake = NULL;

    SUPPORT_CODE(cordon__wake_open(&wake, &it->loop, bell_ring, it, &fault), CORDON_OK, &fault);
    return wake;
}
