/*
 * Nobody hands a pipe's name on: its ends are made by who serves it.
 */
#include "../dialect.h"

#include "../platform.h"

int cordon__listen_on(cordon__listener **listener, cordon__place *place, intptr_t handle,
                      unsigned backlog, cordon_fault *fault)
{
    (void)listener;
    (void)place;
    (void)handle;
    (void)backlog;
    return cordon__fault_found(fault, CORDON_EUNSUPPORTED, "check listener", NULL, 0, 0,
                               "Windows has no inherited listeners");
}

int cordon__listener_given(intptr_t *handle, const char *name, cordon_fault *fault)
{
    (void)handle;
    (void)name;
    return cordon__fault_found(fault, CORDON_EUNSUPPORTED, "find listener", NULL, 0, 0,
                               "Windows has no inherited listeners");
}
