#include "../dialect.h"

#include "fault.h"

int cordon__place_open(cordon__place **place, const char *app, const char *name,
                       const char *directory, const cordon__memory *memory,
                       const cordon__trace *trace, cordon_fault *fault)
{
    (void)place;
    (void)app;
    (void)name;
    (void)directory;
    (void)memory;
    (void)trace;
    return cordon__not_built(fault);
}

const char *cordon__place_path(const cordon__place *place, enum cordon_place which)
{
    (void)place;
    (void)which;
    return NULL;
}

int cordon__place_live(cordon_buffer *address, cordon__place *place, cordon_fault *fault)
{
    (void)address;
    (void)place;
    return cordon__not_built(fault);
}

void cordon__place_close(cordon__place *place)
{
    (void)place;
}
