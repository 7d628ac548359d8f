/*
 * Counts the system calls that a few processes make between two marks, all of
 * them and all their threads, with ptrace alone (Linux 5.3 and later).
 */
#ifndef SUPPORT_COUNT_SYSCALLS_H
#define SUPPORT_COUNT_SYSCALLS_H

#include <stddef.h>

#define SUPPORT_SYSCALLS_KINDS 512

typedef struct support_syscalls {
    unsigned long total;
    unsigned long kinds[SUPPORT_SYSCALLS_KINDS]; /* by number */
} support_syscalls;

/* What one process does; it ends when this returns. */
typedef struct support_actor {
    void (*act)(void *context);
    void *context;
} support_actor;

/*
 * Start one process per actor, count until the last one has ended. There must
 * be no other children. Calls count
 * from support_count_on to support_count_off, whoever makes these two.
 * 0; 1: the system does not let us trace (skip); -1: an actor failed or hung.
 */
int  support_count_syscalls(support_syscalls *out, support_actor *actors, size_t count,
                            unsigned timeout_s);
void support_count_on(void);
void support_count_off(void);

/* "sendmsg 1000, recvfrom 1000": the most frequent ones, for people. Static text. */
const char *support_syscalls_text(const support_syscalls *calls);

#endif
