/* Programs that the tests start on Windows: this one again, told what to do. It speaks through its
 * ready pipe, so that what is said came by the handle that it was given. */
#ifndef CONTRACT_WIN32_START_H
#define CONTRACT_WIN32_START_H

#include "win32_kit.h"

#include "../../src/win32/child.h"
#include "../../src/win32/words.h"

#define START_MAX  24   /* arguments */
#define START_ROOM 4000 /* bytes that it can say */

/* What a started program does: its arguments, in UTF-16 as the system takes them apart, from the
 * second after its part's name on. Its exit status. */
typedef struct start_part {
    const char *name;
    int (*play)(int count, wchar_t **arguments);
} start_part;

/* In main, first of all: the part's status, or -1: we are the test. */
int start_play(const start_part *parts);
/* In a part: the inherited handle (once), and what is said with it. */
intptr_t start_handle(void);
void     start_say(const char *text);

/* In a test. words: the part's name and its arguments, to NULL. */
typedef struct start_order {
    const char     *argv[START_MAX];
    char            program[SUPPORT_PATH];
    cordon__program order; /* what else is wanted: before start_run */
    cordon__child  *child;
    intptr_t        ready; /* our end */
} start_order;

void start_open(start_order *start, const char *const *words, unsigned flags);
void start_run(start_order *start, kit *it);             /* must succeed */
int  start_try(start_order *start, cordon_fault *fault); /* the code */
/* All that it says, to its end; -1: not within SUPPORT_SOON. */
int start_hear(start_order *start, char text[START_ROOM]);
/* 1: nobody has the other end of its ready pipe any more, within ms. */
int start_is_silent(start_order *start, int ms);
/* Waits for its end, closes all: its exit status. */
int start_end(start_order *start, kit *it);

#endif
