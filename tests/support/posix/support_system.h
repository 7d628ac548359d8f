/* What only POSIX has; the tests that use it are not built elsewhere. Included by support.h. */
#ifndef CORDON_SUPPORT_SYSTEM_H
#define CORDON_SUPPORT_SYSTEM_H

#include <pthread.h>
#include <sys/types.h>
#include <unistd.h>

/* ms: long enough for anything that happens at all. */
#define SUPPORT_SOON (10000 * SUPPORT_PATIENCE)
#define SUPPORT_EXE  "" /* what the name of a program ends in */

#define SUPPORT_HELPERS 0

#define SUPPORT_BACKLOG    16 /* of a server that is not told: so many, or more */
#define SUPPORT_HALF_CLOSE 1  /* who has nothing more to say may say so, and listen on */
#define SUPPORT_TELLS_FULL 1  /* a full backlog looks otherwise than a server that drains */
#define SUPPORT_TAKES_BACK 1  /* what does not go at once has not gone */
#define SUPPORT_JOBS       0  /* what the test starts is in a job that lets nobody out */

typedef pid_t support_pid;
typedef int   support_line; /* of a support_signal */

unsigned support_mode(const char *path); /* of the thing itself; permission bits */

/* ---- processes and users (process.c) ---------------------------------------------------- */

/* The child runs body and exits with what it returns; never comes back into the test. It is
 * killed when the test program ends. */
pid_t support_fork(int (*body)(void *context), void *context);
/* In a child that has changed its user: the kernel forgets that it ends with its parent. */
void support_end_with_parent(void);
/* As another user (no groups). Root only: support_need_root first. */
pid_t support_fork_as(uid_t uid, int (*body)(void *context), void *context);
#define SUPPORT_OTHER_UID   65533
#define SUPPORT_ANOTHER_UID 65532
/* Send a signal; SIGKILL and SIGSTOP: wait until it has ended, or stopped. */
void support_kill(pid_t pid, int number);
/* SKIP unless root. */
void support_need_root(void);

/* ---- one system call at a time (step.c; Linux) ------------------------------------------- */

/* 0 when this process may be traced here, else why not. */
const char *support_step_missing(void);
/* The same for support_step_fail, which needs to know the processor. */
const char *support_fail_missing(void);
/* In the child: from here on its system calls count; and no longer. */
void support_step_mark(void);
void support_step_end(void);
/*
 * Run body in a child and kill it with SIGKILL right before its nth system call after the mark
 * (from 1), all threads counted. 1: killed there; 0: it ended before, *status as support_wait.
 * No other children may run meanwhile: their ends would be taken.
 */
int support_step(int (*body)(void *context), void *context, unsigned nth, int *status);
/*
 * The same, but that call fails with `error` instead, without being made; calls that never fail
 * (getpid, close, ...) are not counted. 1: it failed; *call its number.
 */
int support_step_fail(int (*body)(void *context), void *context, unsigned nth, int error,
                      int *status, unsigned *call);

#endif
