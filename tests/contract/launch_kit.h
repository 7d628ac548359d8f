/*
 * Programs that the tests start, on any system: this one again, which says through its ready pipe
 * what it has been asked to say.
 */
#ifndef CONTRACT_LAUNCH_KIT_H
#define CONTRACT_LAUNCH_KIT_H

#include "kit.h"

#define LAUNCH_MAX  16   /* arguments */
#define LAUNCH_ROOM 4096 /* bytes that it can say */

/*
 * In main, first of all: the status of what is played, or -1: we are the test.
 *
 *     arguments ...    says each of the rest on a line
 *     environment ...  says "name=value" or "name gone" for each of the rest
 *     directory        says where it is
 *     exit N           exit N, saying nothing
 *     stay             says "here"; ends only when it is ended
 *     later PATH       says "here"; when nobody reads that any more, makes the file and ends
 *     print TEXT       prints it, and to standard error "bad" TEXT
 *     again            takes its handle twice: says what came of the second time
 */
int launch_play(int count, char **arguments);
/* What this system's own tests start (launch_posix.c); -1: not that. */
int launch_own_play(int count, char **arguments);

typedef struct launch_order {
    char            program[SUPPORT_PATH];
    const char     *argv[LAUNCH_MAX];
    cordon__program order; /* what else is wanted: before it starts */
    cordon__child  *child;
    intptr_t        ready; /* our end */
    char            said[LAUNCH_ROOM];
} launch_order;

/* words: what it plays and its arguments, to NULL. */
void launch_open(launch_order *it, const char *const *words, unsigned flags);
int  launch_try(launch_order *it, cordon_fault *fault);                      /* the code */
void launch_run(launch_order *it, const char *const *words, unsigned flags); /* must succeed */
void launch_hear(launch_order *it); /* all that it says, to its end */
void launch_hear_line(launch_order *it);
int  launch_end(launch_order *it); /* waits for its end, closes all: its exit status */
/* Says `wanted`, and ends with 0. */
void launch_says(const char *wanted, const char *const *words, unsigned flags);

/* Each kind of program, by its flags: our own child first. */
#define LAUNCH_KINDS 4
extern const unsigned launch_kinds[LAUNCH_KINDS];
int                   launch_goes_on(size_t kind); /* without us */
/* For support_until: has the process *pid (int) gone? */
int launch_has_gone(void *pid);

#define LAUNCH_WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

#endif
