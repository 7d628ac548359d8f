#include "../dialect.h"

#include "fault.h"

int cordon__peer_ask(cordon__identity *peer, intptr_t handle, int is_server, cordon_fault *fault)
{
    (void)peer;
    (void)handle;
    (void)is_server;
    return cordon__not_built(fault);
}

uint32_t cordon__peer_nobody(void)
{
    return UINT32_MAX; /* users are not numbers here */
}

int cordon__peer_judge(const cordon__identity *peer, uint32_t nobody, unsigned flags,
                       cordon_fault *fault)
{
    (void)peer;
    (void)nobody;
    (void)flags;
    return cordon__not_built(fault);
}
