/*
 * What the command asks of the system beyond C and libuv. One file a system.
 */
#ifndef HOST_H
#define HOST_H

#include <stddef.h>

/* The first thing of all: descriptors 0, 1 and 2 are open, so that nothing else is ever taken for
 * one of them, and pass bytes as they are. The arguments, in UTF-8, to the end of the process;
 * NULL: no memory. */
char **host_begin(int *argc, char **argv);

/* Let no program that we start inherit more than what it is given: whatever came to us from
 * our own parent is closed in it. */
void host_keep_descriptors(void);

/* A vanished reader is an error of the write, never our death; and the signals that end us
 * reach us, whatever our parent had blocked. */
void host_take_signals(void);

/* Those that end `serve` cleanly. */
const int *host_end_signals(size_t *count);

/* Ctrl-C ends the process with this status, as an exit. */
void host_catch_interrupt(int status);

/* End at once, with nothing written out, in a signal handler too. */
void host_leave(int status);

/* Does the descriptor name anything? */
int host_is_open(int descriptor);

/* From standard input: up to `size` bytes (16 at least) as soon as there are some, a console's as
 * UTF-8; 0 at the end; negative: libuv's code. */
ptrdiff_t host_read(void *data, size_t size);

/* What to do, in the words of the system. */
extern const char host_advice_denied[];   /* the system refused a path */
extern const char host_advice_unsafe[];   /* a path is open to others */
extern const char host_advice_too_long[]; /* an address does not fit */

#endif
