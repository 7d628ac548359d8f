/*
 * Who asked what, what was done about it, what the asker was told: an entry a
 * request, and the rules that each must keep at the end.
 */
#ifndef SIM_LEDGER_H
#define SIM_LEDGER_H

#include "sim.h"

/* What a schedule has in it besides clients and a server. */
typedef struct ledger_weather {
    int has_kills;    /* processes vanish */
    int has_restarts; /* servers stop and start */
    int has_faults;   /* verbs fail */
    int has_hunger;   /* allocations fail */
    int has_enemies;  /* raw clients that say anything */
    int has_losses;   /* files go, or become something else */
    int is_late;      /* time passes while somebody is ready */
    int is_mixed;     /* others run between two calls of one process */
} ledger_weather;

extern ledger_weather weather;

int is_fair(void); /* none of it: everything must succeed */

typedef struct entry {
    int      is_repeatable, is_large;
    unsigned executed;   /* handlers that did it */
    unsigned promised;   /* handlers that said busy, and did nothing */
    int      is_done;    /* the asker has its outcome */
    int      is_dropped; /* canceled, or the asker was killed: nothing more is told */
    int      code, app_code, is_sent;
} entry;

void   ledger_open(void);
entry *ledger_add(unsigned *number); /* NULL: the book is full */
entry *ledger_find(unsigned number);
/* The one outcome. */
void ledger_settle(entry *it, int code, int app_code, int is_sent);
/* All rules, when nothing can happen any more. */
void     ledger_check(void);
unsigned ledger_size(void);
unsigned ledger_number(const entry *it);

/* Bodies that prove themselves: a JSON string "<letter><number>,<other size>:<pattern>". */
cordon_bytes body_make(char *text, char letter, unsigned number, size_t other, size_t size);
/* In memory that the next one uses again: for calls that do not wait. */
cordon_bytes body_reply(unsigned number, size_t size);
/* The number; 0: not as it was made. Parts that were joined are several of the same. */
unsigned body_check(char letter, cordon_bytes body, size_t *other);

#endif
