#include "../dialect.h"

#include "fault.h"

int cordon__connect(intptr_t *handle, cordon__place *place, cordon_fault *fault)
{
    (void)handle;
    (void)place;
    return cordon__not_built(fault);
}

void cordon__handle_close(intptr_t handle)
{
    (void)handle;
}
