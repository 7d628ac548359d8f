/*
 * Floor 4. What other threads hand in to a loop: one locked queue, and a
 * wake-up under the same lock that closing takes. It outlives its loop for as
 * long as somebody holds a request.
 */
#ifndef CORDON__MAIL_H
#define CORDON__MAIL_H

#include "dialect.h"

#include <uv.h>

#include "platform.h"

typedef struct cordon__job {
    struct cordon__job *next;
    void (*run)(struct cordon__job *job); /* on the loop */
    int is_posted;                        /* under the lock */
} cordon__job;

typedef struct cordon__mail {
    uv_mutex_t    lock;
    unsigned      uses;
    int           is_closed; /* the loop runs no more jobs */
    uint64_t      home;      /* the loop's thread */
    cordon__wake *wake;
    cordon__job  *first, **end;
    unsigned      count;
} cordon__mail;

int  cordon__mail_open(cordon__mail **mail, cordon_fault *fault); /* one use */
void cordon__mail_use(cordon__mail *mail);
void cordon__mail_drop(cordon__mail *mail);
/* Is this the loop's thread? */
int cordon__mail_is_home(cordon__mail *mail);

void cordon__mail_lock(cordon__mail *mail);
void cordon__mail_unlock(cordon__mail *mail);
/* Under the lock: 0 posted (once, however often), 1: closed, nothing was done. */
int cordon__mail_put(cordon__mail *mail, cordon__job *job);
/* Under the lock, on the loop: it is not to be run any more. */
void cordon__mail_withdraw(cordon__mail *mail, cordon__job *job);
/* Without it. */
int cordon__mail_post(cordon__mail *mail, cordon__job *job);
/* On the loop: run what was posted when this began; the sockets have their turn before the rest. */
void cordon__mail_run(cordon__mail *mail);
/* Run the rest, then take no more. */
void cordon__mail_close(cordon__mail *mail);

#endif
