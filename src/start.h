/*
 * Floor 4. Connect, or start it exactly once, as steps that never wait: each
 * takes what can be had now and says when to come again at the latest, so that
 * a call that waits and a loop drive the same ones. Leaving off between two of
 * them is a cancel: cordon__start_close.
 *
 * The startup lock is held from the first launch (or the decision not to) until
 * the end: whoever waits for it looks for a server all the same.
 */
#ifndef CORDON__START_H
#define CORDON__START_H

#include "dialect.h"

#include "endpoint.h"
#include "launched.h"

enum cordon__start_state {
    CORDON__START_SEEK = 0, /* is somebody there? Nobody: try the startup lock */
    CORDON__START_QUEUE,    /* somebody is, to be replaced: the startup lock first */
    CORDON__START_HOLD,     /* the lock is ours: is somebody there now? Nobody: launch */
    CORDON__START_AWAIT,    /* launched by us: until it answers; has it left: HOLD again */
    CORDON__START_STATES
};

enum cordon__start_reason { /* what the last step has to wait for */
                            CORDON__START_FOR_ROOM =
                                0, /* somebody is there, but takes no connection */
                            CORDON__START_FOR_LOCK,
                            CORDON__START_FOR_LAUNCH,
                            CORDON__START_FOR_HELLO /* it answers, but lets nobody in: `why` */
};

typedef struct cordon__start {
    cordon_endpoint          *endpoint; /* the caller's, who keeps it open */
    cordon_start_options      options;
    uint64_t                  deadline;
    enum cordon__start_state  state;
    enum cordon__start_reason reason;
    cordon_fault              why;        /* FOR_HELLO */
    uint64_t                  pace_began; /* 0: no pause yet */
    uint64_t                  pause_ms;
    uint64_t                  doubt_ends; /* of a refusal that may pass; 0: no doubt */
    unsigned                  launches;
    int                       was_absent; /* at some time nobody was there */
    uint64_t                  answered;   /* by this pid; 0: not known */
    cordon__lock             *lock;
    cordon__launched          launched;
} cordon__start;

#define CORDON__START_MS 20000 /* the default of all of it */

/* 0, or EINVAL. */
int cordon__start_open(cordon__start *start, cordon_endpoint *endpoint,
                       const cordon_start_options *options, uint64_t deadline);

enum { CORDON__START_LATER = 1 };

/*
 * 0: *handle is a connection to a server of our user, to say hello on; if that
 * comes to nothing, cordon__start_again or _replace. START_LATER: come again,
 * at *due at the latest. Negative: it is over.
 */
int cordon__start_step(cordon__start *start, intptr_t *handle, cordon__identity *peer,
                       uint64_t *due, cordon_fault *fault);

/* It answered, but did not let us in: may that pass? */
int cordon__start_may_pass(const cordon__start *start, int code);
/* Then so: START_LATER, or what is told at the deadline (*fault: why, and out). */
int cordon__start_again(cordon__start *start, uint64_t *due, cordon_fault *fault);

/* It speaks another version and is to be replaced. START_LATER: not yet, step on. 0: the startup
 * lock is ours: ask it to stop, then cordon__start_again. EVERSION: it stays. */
int cordon__start_replace(cordon__start *start, uint64_t *due, cordon_fault *fault);

/* 1: whoever let us in was started by us. */
int  cordon__start_is_ours(cordon__start *start);
void cordon__start_close(cordon__start *start);

#endif
