/*
 * For the tests of an endpoint's life: servers in processes of their own, and the places where a
 * start can be held up.
 */
#ifndef LIFE_KIT_H
#define LIFE_KIT_H

#include "support.h"

/* A real server in a child. */
typedef struct life_child {
    pid_t          pid;
    support_signal told;   /* by the child: 'r' it serves */
    support_signal orders; /* to it: 's' stop */
} life_child;

typedef struct life_options {
    cordon_server_options server;
    unsigned              endpoint_flags;
    void (*before)(void *context); /* in the child, before anything is opened; may be NULL */
    void *context;
} life_options;

#define LIFE_OPTIONS_INIT                         \
    {                                             \
        CORDON_SERVER_OPTIONS_INIT, 0, NULL, NULL \
    }

/* Start one and wait until clients can connect. options may be NULL. */
void life_serve(life_child *child, const char *directory, const life_options *options);
/* The same without the waiting. */
void life_launch(life_child *child, const char *directory, const life_options *options);
/* Ask it to close, wait for a clean end. */
void life_stop(life_child *child);
void life_order_stop(life_child *child); /* the first half of life_stop */
void life_await_end(life_child *child);  /* the second */
/* SIGKILL. */
void life_kill(life_child *child);

/* Fill the backlog of a server that accepts nothing; the connections, ended by life_drop_all. */
typedef struct life_crowd {
    int      fds[1024];
    unsigned count;
} life_crowd;
void life_crowd_in(life_crowd *crowd, const char *address);
void life_drop_all(life_crowd *crowd);

/* Open a server that must fail; the code. */
int life_refused(const char *directory, int lock_ms, cordon_fault *fault);
/* Names left in the directory must be these. */
void life_check_names(const char *directory, const char *names);

/* A user namespace of this process's own with this uid map ("inside outside count"). 0: not
 * allowed. Root and in a child only. */
int life_own_users(const char *map);

/* A socket of this process at a path: bound, and listening when backlog >= 0. */
int life_bind(const char *path, int backlog);

#endif
