#include "relay.h"

#include <uv.h>

const int relay_is_possible = 0;

int relay_start(struct relay **out, cordon_handle terminal)
{
    (void)terminal;
    *out = NULL;
    return UV_ENOSYS;
}

void relay_stop(struct relay *relay)
{
    (void)relay;
}
