/*
 * The clock of the contract: libuv's, the same on all systems.
 *
 * In a child that did not exec no handle here is closed: the loop's memory still
 * links them, and its kernel objects are shared with the parent.
 */
#include "dialect.h"

#include <uv.h>

#include "platform.h"

uint64_t cordon__now(void)
{
    return uv_hrtime() / 1000000;
}

void cordon__pause(uint64_t ms)
{
    uv_sleep(ms < UINT32_MAX ? (unsigned)ms : UINT32_MAX);
}

int cordon__random(void *data, size_t size, cordon_fault *fault)
{
    const int code = uv_random(NULL, NULL, data, size, 0, NULL);

    if (code != 0)
        return cordon__fault_os(fault, CORDON_ESYSTEM, "random", (uint32_t)-code, NULL);
    return CORDON_OK;
}

uint64_t cordon__pid(void)
{
    return (uint64_t)uv_os_getpid();
}

static int open_failed(cordon_fault *fault, const char *during, int code)
{
    return cordon__fault_os(fault, code == UV_ENOMEM ? CORDON_ENOMEM : CORDON_ESYSTEM, during,
                            (uint32_t)-code, NULL);
}

/* ---- timer ------------------------------------------------------------------ */

/* An alarm of the system's where it has one; if it cannot be had or set, libuv's timer. */
struct cordon__timer {
    uv_timer_t plain;
    uv_poll_t  watch; /* of the alarm; as long as it is set the loop lives for it */
    int        alarm; /* -1: none */
    int        open_handles;
    uint64_t   pid;
    void (*on_due)(void *owner);
    void (*on_closed)(void *owner);
    void *owner;
};

static void timer_due(uv_timer_t *handle)
{
    cordon__timer *timer = handle->data;

    timer->on_due(timer->owner);
}

static void timer_rings(uv_poll_t *handle, int status, int events)
{
    cordon__timer *timer = handle->data;

    (void)status, (void)events;
    if (!cordon__alarm_rang(timer->alarm)) /* it has been set anew meanwhile */
        return;
    uv_unref((uv_handle_t *)handle);
    timer->on_due(timer->owner);
}

static void watch_alarm(cordon__timer *timer, struct uv_loop_s *uv)
{
    timer->alarm = cordon__alarm_open();
    if (timer->alarm < 0)
        return;
    if (uv_poll_init(uv, &timer->watch, timer->alarm) != 0) {
        cordon__alarm_close(timer->alarm);
        timer->alarm = -1;
        return;
    }
    timer->watch.data = timer;
    timer->open_handles++;
    (void)uv_poll_start(&timer->watch, UV_READABLE, timer_rings);
    uv_unref((uv_handle_t *)&timer->watch);
}

int cordon__timer_open(cordon__timer **timer, struct uv_loop_s *uv, void (*on_due)(void *owner),
                       void *owner, cordon_fault *fault)
{
    cordon__timer *made = cordon__allocate(&cordon__libc, sizeof *made);
    int            code;

    if (!made)
        return cordon__fault_set(fault, CORDON_ENOMEM, "timer");
    code = uv_timer_init(uv, &made->plain);
    if (code != 0) {
        cordon__release(&cordon__libc, made);
        return open_failed(fault, "timer", code);
    }
    made->plain.data = made;
    made->open_handles = 1;
    made->pid = cordon__pid();
    made->on_due = on_due;
    made->owner = owner;
    watch_alarm(made, uv);
    *timer = made;
    return CORDON_OK;
}

static int set_alarm(cordon__timer *timer, uint64_t due)
{
    uv_handle_t *watch = (uv_handle_t *)&timer->watch;

    if (timer->alarm < 0)
        return 0;
    if (due == CORDON__NEVER)
        uv_unref(watch);
    else
        uv_ref(watch);
    if (cordon__alarm_set(timer->alarm, due))
        return 1;
    uv_unref(watch);
    return 0;
}

void cordon__timer_set(cordon__timer *timer, uint64_t due)
{
    /* The loop's own time may lie a little behind: counted from there it is never early. */
    const uint64_t now = uv_now(timer->plain.loop);

    if (set_alarm(timer, due) || due == CORDON__NEVER)
        uv_timer_stop(&timer->plain);
    else
        uv_timer_start(&timer->plain, timer_due, due > now ? due - now : 0, 0);
}

static void timer_closed(uv_handle_t *handle)
{
    cordon__timer *timer = handle->data;
    void (*on_closed)(void *) = timer->on_closed;
    void *owner = timer->owner;

    if (--timer->open_handles > 0)
        return;
    cordon__release(&cordon__libc, timer);
    if (on_closed)
        on_closed(owner);
}

void cordon__timer_close(cordon__timer *timer, void (*on_closed)(void *owner))
{
    if (!timer)
        return;
    if (timer->pid == cordon__pid()) {
        timer->on_closed = on_closed;
        uv_close((uv_handle_t *)&timer->plain, timer_closed);
        if (timer->alarm >= 0)
            uv_close((uv_handle_t *)&timer->watch, timer_closed);
    }
    if (timer->alarm >= 0)
        cordon__alarm_close(timer->alarm);
    timer->alarm = -1;
}

/* ---- wake-up ---------------------------------------------------------------- */

struct cordon__wake {
    uv_async_t handle;
    uint64_t   pid;
    void (*on_wake)(void *owner);
    void (*on_closed)(void *owner);
    void *owner;
};

static void wake_woken(uv_async_t *handle)
{
    cordon__wake *wake = handle->data;

    wake->on_wake(wake->owner);
}

int cordon__wake_open(cordon__wake **wake, struct uv_loop_s *uv, void (*on_wake)(void *owner),
                      void *owner, cordon_fault *fault)
{
    cordon__wake *made = cordon__allocate(&cordon__libc, sizeof *made);
    int           code;

    if (!made)
        return cordon__fault_set(fault, CORDON_ENOMEM, "wake-up");
    made->on_wake = on_wake;
    made->owner = owner;
    made->pid = cordon__pid();
    code = uv_async_init(uv, &made->handle, wake_woken);
    if (code != 0) {
        cordon__release(&cordon__libc, made);
        return open_failed(fault, "wake-up", code);
    }
    made->handle.data = made;
    uv_unref((uv_handle_t *)&made->handle);
    *wake = made;
    return CORDON_OK;
}

void cordon__wake_send(cordon__wake *wake)
{
    uv_async_send(&wake->handle);
}

void cordon__wake_hold(cordon__wake *wake, int is_held)
{
    if (is_held)
        uv_ref((uv_handle_t *)&wake->handle);
    else
        uv_unref((uv_handle_t *)&wake->handle);
}

static void wake_closed(uv_handle_t *handle)
{
    cordon__wake *wake = handle->data;
    void (*on_closed)(void *) = wake->on_closed;
    void *owner = wake->owner;

    cordon__release(&cordon__libc, wake);
    if (on_closed)
        on_closed(owner);
}

void cordon__wake_close(cordon__wake *wake, void (*on_closed)(void *owner))
{
    if (!wake || wake->pid != cordon__pid())
        return;
    wake->on_closed = on_closed;
    uv_close((uv_handle_t *)&wake->handle, wake_closed);
}
