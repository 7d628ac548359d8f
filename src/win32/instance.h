/*
 * One end of ours that waits for a client, and how the first of a name is come by. A new instance
 * can be reached from its first moment on, waited for or not.
 */
#ifndef CORDON__WIN32_INSTANCE_H
#define CORDON__WIN32_INSTANCE_H

#include "../dialect.h"

#include "place.h"

/* What all of a name have in common. */
typedef struct cordon__making {
    const cordon__place *place;
    cordon__guard        guard;        /* descriptor NULL: the system's own */
    int                  is_withdrawn; /* no new ones, and none is waited for */
} cordon__making;

enum cordon__instance_state {
    CORDON__EMPTY,    /* there is none */
    CORDON__IDLE,     /* it can be reached, but we are not told */
    CORDON__WAITING,  /* we are */
    CORDON__CONNECTED /* somebody came */
};

typedef struct cordon__instance {
    enum cordon__instance_state state;
    HANDLE                      pipe;
    HANDLE     event;   /* reset by the wait that it wakes: a result never waits for it */
    HANDLE     wait;    /* NULL: not on a loop */
    HANDLE     plug;    /* our own client, at the end */
    OVERLAPPED connect; /* the system's while WAITING */
} cordon__instance;

/* The first of the name, IDLE. EIMPOSTOR, EUNSAFE, EBUSY: another has it, for two seconds now. */
int cordon__instance_first(cordon__instance *at, const cordon__making *making, cordon_fault *fault);
/* As far as it goes at once: to WAITING or CONNECTED, or a failure. */
int cordon__instance_tend(cordon__instance *at, const cordon__making *making, cordon_fault *fault);
/* Hand a CONNECTED one up; the next is made before. On failure it is as it was. */
int cordon__instance_take(intptr_t *handle, cordon__instance *at, const cordon__making *making,
                          cordon_fault *fault);
/* Its memory is ours again. Nothing else waits for the event any more. */
void cordon__instance_stop(cordon__instance *at);
void cordon__instance_empty(cordon__instance *at);
/* Is the descriptor still as we gave it? Under the system's own, is_first says that the name is
 * ours. */
int cordon__instance_is_ours(const cordon__making *making, HANDLE pipe, int is_first);

#endif
