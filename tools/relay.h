/*
 * A terminal that a child has opened and sent to us, tied to our own: what is typed goes there,
 * what it prints comes here, our size is its size. On a thread of its own.
 */
#ifndef RELAY_H
#define RELAY_H

#include "cordon.h"

extern const int relay_is_possible; /* on this system */

struct relay;

/* From here on, until it is stopped. Where 0 and 1 are no terminal only bytes are relayed; else
 * ours is raw meanwhile, and as it was at any end. One at a time. 0: the terminal is its own now;
 * or libuv's code. */
int relay_start(struct relay **out, cordon_handle terminal);
/* What it has still to say comes out first. NULL is fine. */
void relay_stop(struct relay *relay);

#endif
