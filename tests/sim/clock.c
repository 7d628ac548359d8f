/* The clock of the contract: timers and wake-ups of the world. */
#include "../../src/dialect.h"

#include <stdlib.h>

#include "inside.h"

int cordon__random(void *data, size_t size, cordon_fault *fault)
{
    unsigned char *at = data;

    if (sim_verb("random"))
        return cordon__fault_os(fault, CORDON_ESYSTEM, "random", 5, NULL);
    for (size_t i = 0; i < size; i++)
        at[i] = (unsigned char)sim_random();
    return CORDON_OK;
}

/* ---- timer ------------------------------------------------------------------------ */

struct cordon__timer {
    sim_handle handle;
    uint64_t   due;
    int        is_closed;
    void (*on_due)(void *owner);
    void (*on_closed)(void *owner);
    void *owner;
};

static int timer_is_ready(const sim_handle *handle)
{
    const cordon__timer *timer = (const cordon__timer *)handle;

    return timer->is_closed || sim_now() >= timer->due;
}

static uint64_t timer_due(const sim_handle *handle)
{
    return ((const cordon__timer *)handle)->due;
}

static void timer_vanish(sim_handle *handle)
{
    sim_handle_leave(handle);
    free(handle);
}

static void timer_run(sim_handle *handle)
{
    cordon__timer *timer = (cordon__timer *)handle;
    void (*on_closed)(void *) = timer->on_closed;
    void *owner = timer->owner;

    if (!timer->is_closed) {
        timer->due = CORDON__NEVER;
        timer->on_due(owner);
        return;
    }
    timer_vanish(handle);
    if (on_closed)
        on_closed(owner);
}

static const sim_kind timer_kind = {"timer", timer_is_ready, timer_due, timer_run, timer_vanish};

int cordon__timer_open(cordon__timer **timer, struct uv_loop_s *uv, void (*on_due)(void *owner),
                       void *owner, cordon_fault *fault)
{
    cordon__timer *made;

    if (sim_verb("timer_open"))
        return cordon__fault_set(fault, CORDON_ENOMEM, "timer");
    made = sim_make(sizeof *made);
    made->due = CORDON__NEVER;
    made->on_due = on_due;
    made->owner = owner;
    sim_handle_open(&made->handle, &timer_kind, uv);
    *timer = made;
    return CORDON_OK;
}

void cordon__timer_set(cordon__timer *timer, uint64_t due)
{
    sim_point();
    timer->due = due;
}

void cordon__timer_close(cordon__timer *timer, void (*on_closed)(void *owner))
{
    if (!timer)
        return;
    sim_point();
    if (timer->is_closed)
        sim_complain("a timer is closed twice");
    timer->is_closed = 1;
    timer->due = CORDON__NEVER;
    timer->on_closed = on_closed;
}

/* ---- wake-up ------------------------------------------------------------------------ */

struct cordon__wake {
    sim_handle handle;
    int        is_sent, is_closed;
    void (*on_wake)(void *owner);
    void (*on_closed)(void *owner);
    void *owner;
};

static int wake_is_ready(const sim_handle *handle)
{
    const cordon__wake *wake = (const cordon__wake *)handle;

    return wake->is_sent || wake->is_closed;
}

static void wake_run(sim_handle *handle)
{
    cordon__wake *wake = (cordon__wake *)handle;
    void (*on_closed)(void *) = wake->on_closed;
    void *owner = wake->owner;

    if (!wake->is_closed) {
        wake->is_sent = 0;
        wake->on_wake(owner);
        return;
    }
    sim_handle_leave(handle);
    free(handle);
    if (on_closed)
        on_closed(owner);
}

static void wake_vanish(sim_handle *handle)
{
    sim_handle_leave(handle);
    free(handle);
}

static const sim_kind wake_kind = {"wake-up", wake_is_ready, NULL, wake_run, wake_vanish};

int cordon__wake_open(cordon__wake **wake, struct uv_loop_s *uv, void (*on_wake)(void *owner),
                      void *owner, cordon_fault *fault)
{
    cordon__wake *made;

    if (sim_verb("wake_open"))
        return cordon__fault_set(fault, CORDON_ENOMEM, "wake-up");
    made = sim_make(sizeof *made);
    made->on_wake = on_wake;
    made->owner = owner;
    sim_handle_open(&made->handle, &wake_kind, uv);
    *wake = made;
    return CORDON_OK;
}

void cordon__wake_send(cordon__wake *wake)
{
    if (wake->is_closed)
        sim_complain("a wake-up is sent after its close");
    wake->is_sent = 1;
}

void cordon__wake_hold(cordon__wake *wake, int is_held)
{
    (void)wake;
    (void)is_held;
}

void cordon__wake_close(cordon__wake *wake, void (*on_closed)(void *owner))
{
    if (!wake)
        return;
    if (wake->is_closed)
        sim_complain("a wake-up is closed twice");
    wake->is_closed = 1;
    wake->on_closed = on_closed;
}
