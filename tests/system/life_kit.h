/*
 * For the tests of an endpoint's life: servers in processes of their own, and the places where a
 * start can be held up.
 */
#ifndef LIFE_KIT_H
#define LIFE_KIT_H

#include "support.h"

/* A real server in a child; its program's main begins with SUPPORT_PLAY(..., life_parts). It tells
 * 'r' when it serves, and stops when it is ordered to. */
typedef support_child     life_child;
extern const support_part life_parts[];

typedef struct life_plan {
    unsigned backlog, max_strangers;
    int      may_stop; /* by a control session */
} life_plan;

/* Start one and wait until clients can connect. plan may be NULL. */
void life_serve(life_child *child, const char *directory, const life_plan *plan);
/* Ask it to close, wait for a clean end. */
void life_stop(life_child *child);
void life_order_stop(life_child *child); /* the first half of life_stop */
void life_await_end(life_child *child);  /* the second */
void life_kill(life_child *child);       /* as kill -9 */

/* Fill the backlog of a server that accepts nothing; the connections, ended by life_drop_all. */
typedef struct life_crowd {
    support_raw raws[1024];
    unsigned    count;
} life_crowd;
void life_crowd_in(life_crowd *crowd, const char *address);
void life_drop_all(life_crowd *crowd);

/* Open a server that must fail; the code. */
int life_refused(const char *directory, int lock_ms, cordon_fault *fault);
/* The files of the endpoint "test" there must be these and no others; the address only where it
 * is a file. */
enum { LIFE_TOKEN = 1, LIFE_LOCK = 2, LIFE_ADDRESS = 4 };
void life_check_left(const char *directory, int files);

#endif
