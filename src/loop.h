/*
 * Floor 4. Where callbacks run: the caller's libuv loop, or a thread of ours.
 */
#ifndef CORDON__LOOP_H
#define CORDON__LOOP_H

#include "dialect.h"

#include <uv.h>

#include "mail.h"
#include "session.h"

/* What lives on a loop and is closed with it. */
typedef struct cordon__member {
    struct cordon__member *next, *previous;
    void (*close)(struct cordon__member *member);   /* on the loop; it leaves when it has ended */
    void (*abandon)(struct cordon__member *member); /* in a child that did not exec */
} cordon__member;

struct cordon_loop {
    struct uv_loop_s *uv;
    uv_loop_t        *own; /* thread mode: ours, and its thread */
    uv_thread_t       thread;
    uv_sem_t          started;
    uint64_t          pid;
    cordon__mail     *mail;
    cordon__wake     *wake;
    cordon__desk      desk;
    cordon__member   *members;
    cordon__job       close_job;
    int               is_closing;
    int               is_running; /* by cordon_loop_run, which frees it then */
    int               has_ended;
};

/*
 * Run fn(context) where callbacks run and wait for it: at once when this is
 * that thread. EINVAL: a libuv loop that another thread runs.
 */
int cordon__loop_call(cordon_loop *loop, void (*fn)(void *context), void *context,
                      cordon_fault *fault);

/* On the loop. */
void cordon__loop_join(cordon_loop *loop, cordon__member *member);
void cordon__loop_leave(cordon_loop *loop, cordon__member *member); /* the loop may go with it */

#endif
