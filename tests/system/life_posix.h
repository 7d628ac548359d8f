/* What only POSIX has, for the tests of an endpoint's life: umasks, sockets by hand, user
 * namespaces, and servers with something done before they open. */
#ifndef LIFE_POSIX_H
#define LIFE_POSIX_H

#include "life_kit.h"

/* As life_serve, without the waiting; before runs in the child, before anything is opened. */
typedef struct life_options {
    unsigned endpoint_flags;
    void (*before)(void *context);
    void *context;
} life_options;
void life_launch(life_child *child, const char *directory, const life_options *options);

/* Names left in the directory must be these. */
void life_check_names(const char *directory, const char *names);

/* A user namespace of this process's own with this uid map ("inside outside count"). 0: not
 * allowed. Root and in a child only. */
int life_own_users(const char *map);

/* A socket of this process at a path: bound, and listening when backlog >= 0. */
int life_bind(const char *path, int backlog);

#endif
