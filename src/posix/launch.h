/*
 * From fork to exec. What is prepared before (program.c), and the little that may be done after:
 * in the child of a host with threads nothing is safe that takes a lock or memory.
 */
#ifndef CORDON__LAUNCH_H
#define CORDON__LAUNCH_H

#include "../dialect.h"

#include <stdint.h>
#include <sys/types.h>

#include "../platform.h"

#define CORDON__TOLD_AT   4 /* in the child, after 0, 1, 2 and the handle */
#define CORDON__FIRST_OWN 5 /* ours are never below: what a child keeps is put there */

typedef struct cordon__launch {
    const cordon__program *program;
    char                 **environment;
    char                  *variable; /* the one that is added to it */
    cordon__buffer         paths;    /* where it may be: each ends in NUL, an empty one is last */
    char                 **shell;    /* argv of a script that names no interpreter */
    int                    null;     /* the null device, or -1 */
    int                    log;
    int                    streams[3]; /* what is its 0, 1, 2; -1: the one that is there */
    int                    told[2];    /* read, write: how far it came */
    int                    line[2];    /* ours, its keeper's; -1: no keeper */
    pid_t                  parent;     /* it ends with this one; 0: it does not */
} cordon__launch;

/* All that needs memory, names or a look at our own process. Release it in any case. */
int  cordon__launch_prepare(cordon__launch *launch, const cordon__program *program,
                            const cordon__memory *memory, cordon_fault *fault);
void cordon__launch_release(cordon__launch *launch, const cordon__memory *memory);
/* Out of the way of 0, 1, 2, which are not ours to fill. -1: as the system said. */
int cordon__own_fd(int fd);

enum cordon__launch_step {
    CORDON__LAUNCH_FORK,
    CORDON__LAUNCH_STREAM,
    CORDON__LAUNCH_DIRECTORY,
    CORDON__LAUNCH_PROGRAM,
    CORDON__LAUNCH_PID,    /* value: the pid. Went well */
    CORDON__LAUNCH_PLACED, /* it has `told` at CORDON__TOLD_AT from here on, until it is a program
                            */
    CORDON__LAUNCH_KEPT,   /* from a keeper: it holds nothing of the host any more */
    CORDON__LAUNCH_END     /* value: exit status, as cordon__child_look. From a keeper */
};

typedef struct cordon__launch_note {
    int32_t  step;
    int32_t  value;   /* errno, where nothing else is said */
    uint32_t path_at; /* PROGRAM: which of the paths */
} cordon__launch_note;

/*
 * As fork, but the host's fork handlers are not run. The calling thread has all signals blocked.
 * is_hidden: where the system can, its end is no signal, and no wait for just any child finds it.
 * *pidfd: -1 where there is no such thing.
 */
pid_t cordon__fork(int is_hidden, int *pidfd);
/* In the child: becomes the program, or says why not and ends. */
_Noreturn void cordon__launch_run(cordon__launch *launch);
/*
 * In the child: starts the program as a child of its own, tells of its end, signals it when asked
 * to (a byte: the number), and goes when nobody listens any more. So the host has no dead child
 * to bury, whenever that may be, and its status is known even where the host ignores SIGCHLD.
 */
_Noreturn void cordon__launch_keep(cordon__launch *launch);

/* How it went (hearing.c): 0, and the program's pid; else ELAUNCH, EBUSY, ENOMEM. */
int cordon__launch_hear(cordon__launch *launch, pid_t *pid, int is_kept, cordon_fault *fault);
int cordon__launch_fault(const cordon__launch *launch, const cordon__launch_note *note,
                         cordon_fault *fault);

int cordon__status_of(int status); /* of waitpid, as cordon__child_look says it */

#endif
