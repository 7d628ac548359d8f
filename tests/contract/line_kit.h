/* A line and the other end of it, which is played by hand: for the tests of calls that wait. */
#ifndef CONTRACT_LINE_KIT_H
#define CONTRACT_LINE_KIT_H

#include "kit.h"

typedef struct pair {
    cordon__line line;
    support_raw  peer;
    cordon_fault fault;
} pair;

int  pair_open(void **state);
int  pair_open_other(void **state); /* ours is the end that a child would get */
int  pair_close(void **state);
void pair_say(pair *it, const char *text); /* the other end does */
void pair_hang_up(pair *it);               /* likewise */

int pair_read(pair *it, char *data, size_t size, size_t *got, int ms);
int pair_read_byte(pair *it, int ms);
int pair_write(pair *it, const char *text, int ms);
/* From the second read on the line may wait in the kernel. */
void pair_use_once(pair *it);

/* Where the two ends of a connection are not alike, each has a turn. */
#define pair_test(name)                                               \
    {#name " (one end)", name, pair_open, pair_close, NULL},          \
    {                                                                 \
#        name " (the other)", name, pair_open_other, pair_close, NULL \
    }

#endif
