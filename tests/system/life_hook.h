/*
 * The system calls where a start or a loop can be watched from inside: this program's own listen
 * and accept4 stand before libc's. Linux.
 */
#ifndef LIFE_HOOK_H
#define LIFE_HOOK_H

#include "support.h"

/* Runs right before each listen: bound, and nobody can connect yet. NULL: nothing. */
extern void (*life_before_listen)(void *context);
extern void *life_before_listen_context;
/* How often accept was tried. */
extern atomic_uint life_accepts;

#endif
