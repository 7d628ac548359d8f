#include "../dialect.h"

#include "fault.h"

int cordon__address_clear(cordon__place *place, cordon_fault *fault)
{
    (void)place;
    return cordon__not_built(fault);
}

int cordon__listen(cordon__listener **listener, cordon__place *place, unsigned backlog,
                   unsigned flags, cordon_fault *fault)
{
    (void)listener;
    (void)place;
    (void)backlog;
    (void)flags;
    return cordon__not_built(fault);
}

int cordon__accept(intptr_t *handle, cordon__listener *listener, cordon_fault *fault)
{
    (void)handle;
    (void)listener;
    return cordon__not_built(fault);
}

int cordon__listener_attach(cordon__listener *listener, struct uv_loop_s *uv,
                            void (*on_waiting)(void *owner), void *owner, cordon_fault *fault)
{
    (void)listener;
    (void)uv;
    (void)on_waiting;
    (void)owner;
    return cordon__not_built(fault);
}

void cordon__listener_pause(cordon__listener *listener, int is_paused)
{
    (void)listener;
    (void)is_paused;
}

int cordon__listener_look(cordon__listener *listener, cordon_fault *fault)
{
    (void)listener;
    return cordon__not_built(fault);
}

void cordon__unlisten(cordon__listener *listener)
{
    (void)listener;
}

void cordon__listener_close(cordon__listener *listener, void (*on_closed)(void *owner))
{
    (void)listener;
    (void)on_closed;
}
