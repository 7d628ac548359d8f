/*
 * Floor 4. What was started for want of a server: how it gets on, and why it
 * failed. Never waits.
 */
#ifndef CORDON__LAUNCHED_H
#define CORDON__LAUNCHED_H

#include "dialect.h"

#include "endpoint.h"
#include "ready.h"

enum cordon__fate {
    CORDON__FATE_OPEN = 0, /* nothing is known: it may come to serve */
    CORDON__FATE_SERVES,   /* it says so */
    CORDON__FATE_SECOND,   /* another one serves, it says */
    CORDON__FATE_FAILED    /* it will not serve */
};

typedef struct cordon__launched {
    const cordon_start_options *options; /* the caller's */
    const cordon__memory       *memory;
    enum cordon__fate           fate;
    cordon__child              *child;   /* NULL: none, or it has ended */
    uint64_t                    pid;     /* of the child; 0 */
    intptr_t                    ready;   /* CORDON__NO_HANDLE: it has said all it had to say */
    uint64_t                    log_end; /* what stands behind it in the log is the child's */
    int                         told;    /* it said why it cannot serve: this code */
    uint64_t                    patience_ends; /* then its exit status is waited for */
    int                         status;        /* as in cordon_fault, once it has ended */
    cordon_bytes                words;         /* of what it told: a view of `said` */
    size_t                      said_size;
    char                        said[CORDON__READY_MOST];
} cordon__launched;

/* Nothing is started yet. */
void cordon__launched_open(cordon__launched *it, const cordon_start_options *options,
                           const cordon__memory *memory);
/* Start it. left_ms is for the application's own launcher. ELAUNCH, EBUSY, ENOMEM. */
int cordon__launched_start(cordon__launched *it, cordon_endpoint *endpoint, int left_ms,
                           cordon_fault *fault);
/* How it gets on, as far as can be told now. */
void cordon__launched_look(cordon__launched *it);
/* It has served, and has left in peace: nobody needed it just then. */
int cordon__launched_has_left(const cordon__launched *it);
/* FATE_FAILED: why; returns ELAUNCH. */
CORDON__COLD int cordon__launched_fault(cordon__launched *it, cordon_fault *fault);
/* The name of what was started: argv[0]; NULL: the application's own launcher. */
const char *cordon__launched_name(const cordon__launched *it);
/* It goes on; nothing of it is left with us. */
void cordon__launched_close(cordon__launched *it);

#endif
