/* A listener on a loop of its own, which accepts whoever comes. */
#ifndef CONTRACT_LISTEN_KIT_H
#define CONTRACT_LISTEN_KIT_H

#include "kit.h"

#include <uv.h>

typedef struct host {
    cordon__listener *listener;
    unsigned          accepted, woken, closed;
    uv_loop_t         loop;
} host;

void host_accept_one(void *owner);
void host_hear_closed(void *owner);
void host_run(host *self); /* whatever its loop has to say now */
/* Until what is counted there is at least `wanted`. */
void host_run_until(host *self, const unsigned *what, unsigned wanted);

#endif
