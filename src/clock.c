/*
 * The clock of the contract: libuv's, the same on all systems.
 *
 * In a child that did not exec nothing here is closed: the loop's memory still
 * links the handles, and its kernel objects are shared with the parent.
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

struct cordon__timer {
    uv_timer_t handle;
    uint64_t   pid;
    void (*on_due)(void *owner);
    void (*on_closed)(void *owner);
    void *owner;
};

int cordon__timer_open(cordon__timer **timer, struct uv_loop_s *uv, void (*on_due)(void *owner),
                       void *owner, cordon_fault *fault)
{
    cordon__timer *made = cordon__allocate(&cordon__libc, sizeof *made);
    int            code;

    if (!made)
        return cordon__fault_set(fault, CORDON_ENOMEM, "timer");
    code = uv_timer_init(uv, &made->handle);
    if (code != 0) {
        cordon__release(&cordon__libc, made);
        return open_failed(fault, "timer", code);
    }
    made->handle.data = made;
    made->pid = cordon__pid();
    made->on_due = on_due;
    made->owner = owner;
    *timer = made;
    return CORDON_OK;
}

static void timer_due(uv_timer_t *handle)
{
    cordon__timer *timer = handle->data;

    timer->on_due(timer->owner);
}

void cordon__timer_set(cordon__timer *timer, uint64_t due)
{
    /* The loop's own time may lie a little behind: counted from there it is never early. */
    const uint64_t now = uv_now(timer->handle.loop);

    if (due == CORDON__NEVER)
        uv_timer_stop(&timer->handle);
    else
        uv_timer_start(&timer->handle, timer_due, due > now ? due - now : 0, 0);
}

static void timer_closed(uv_handle_t *handle)
{
    cordon__timer *timer = handle->data;
    void (*on_closed)(void *) = timer->on_closed;
    void *owner = timer->owner;

    cordon__release(&cordon__libc, timer);
    if (on_closed)
        on_closed(owner);
}

void cordon__timer_close(cordon__timer *timer, void (*on_closed)(void *owner))
{
    if (!timer || timer->pid != cordon__pid())
        return;
    timer->on_closed = on_closed;
    uv_close((uv_handle_t *)&timer->handle, timer_closed);
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
