#include "listen_kit.h"

void host_accept_one(void *owner)
{
    host        *self = owner;
    cordon_fault fault = CORDON_FAULT_INIT;
    intptr_t     handle;

    self->woken++;
    if (cordon__accept(&handle, self->listener, &fault) == CORDON_OK) {
        self->accepted++;
        cordon__handle_close(handle);
    }
}

void host_hear_closed(void *owner)
{
    ((host *)owner)->closed++;
}

void host_run(host *self)
{
    for (int i = 0; i < 20; i++)
        uv_run(&self->loop, UV_RUN_NOWAIT);
}

void host_run_until(host *self, const unsigned *what, unsigned wanted)
{
    const uint64_t late = support_now() + SUPPORT_SOON;

    while (*what < wanted && support_now() < late)
        if (uv_run(&self->loop, UV_RUN_NOWAIT))
            support_yield();
    assert_true(*what >= wanted);
    host_run(self);
}
