/* Programs that the tests start: this one again, which then tells all that it finds around it
 * through its ready pipe. */
#ifndef CONTRACT_START_KIT_H
#define CONTRACT_START_KIT_H

#include "kit_posix.h"

#define START_MAX  16    /* arguments */
#define START_ROOM 16384 /* bytes that it can tell */

/* What a started program does, with the arguments after its part's name: its exit status. */
typedef struct start_part {
    const char *name;
    int (*play)(int count, char **arguments);
} start_part;

/*
 * In main, first of all: the status of the part that is played, or -1: we are the test. Beside
 * those of `parts` (may be NULL) there are:
 *
 *     tell          what it has and where it is, a line each (start_kit.c); then exit 0
 *     print         a line each to its standard output and error
 *     exit N        exit N, saying nothing
 *     wait          says "waiting", and waits for ever
 *     deaf          the same, and SIGTERM does nothing
 *     list          prints what descriptors it has
 *     hand-on NAME  takes its handle, then starts another one that plays NAME with fd 1 for it
 */
int start_play(int count, char **arguments, const start_part *parts);
/* In a part: through descriptor 3. */
void start_say(const char *format, ...);

typedef struct start_order {
    char            program[SUPPORT_PATH];
    const char     *argv[START_MAX];
    cordon__program order; /* what else is wanted: before it starts */
    cordon__child  *child;
    intptr_t        ready; /* our end */
    char            said[START_ROOM];
} start_order;

/* words: the part's name and its arguments, to NULL. */
void start_open(start_order *start, const char *const *words, unsigned flags);
int  start_try(start_order *start, cordon_fault *fault); /* the code */
void start_run(start_order *start, kit *it);             /* must succeed */
/* All that it says, to its end; at most one line of it. */
void start_hear(start_order *start);
void start_hear_line(start_order *start);
/* Must have said this line. */
void start_has_said(const start_order *start, const char *format, ...);
int  start_count(const start_order *start, const char *text); /* how often it has said this */
/* The value behind "name: ", or fails. */
long start_number(const start_order *start, const char *name);
/* Waits for its end, closes all: its exit status. */
int start_end(start_order *start, kit *it);
/* One that tells, run to its end: what it has said is in `said`. */
void start_tell(start_order *start, kit *it, unsigned flags);

/* The same, and it plays with these words. */
void start_part_run(start_order *start, kit *it, unsigned flags, const char *const *words);
/* In a process (the test's, or a child of it). */
pid_t start_keeper_of(const start_order *start); /* its parent, which is not us */
void  start_must_go(pid_t pid);                  /* nobody has this number any more, soon */
int   start_runs(pid_t pid);                     /* alive, and not only a number */
int   start_has_no_child(void);                  /* dead or alive, of whatever kind */

/* Each kind of program, by its flags: our own child first. */
#define START_KINDS 4
extern const unsigned start_kinds[START_KINDS];

#define START_WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

#endif
