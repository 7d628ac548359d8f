#include "../dialect.h"

#include "fault.h"

int cordon__secret_load(cordon__place *place, void *data, size_t size, cordon_fault *fault)
{
    (void)place;
    (void)data;
    (void)size;
    return cordon__not_built(fault);
}

int cordon__secret_store(cordon__place *place, const void *data, size_t size, cordon_fault *fault)
{
    (void)place;
    (void)data;
    (void)size;
    return cordon__not_built(fault);
}

int cordon__secret_remove(cordon__place *place, const void *data, size_t size, cordon_fault *fault)
{
    (void)place;
    (void)data;
    (void)size;
    return cordon__not_built(fault);
}
