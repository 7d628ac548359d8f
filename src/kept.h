/*
 * Floor 3. What a waiting client heard and has not received yet, in order.
 */
#ifndef CORDON__KEPT_H
#define CORDON__KEPT_H

#include "dialect.h"

#include "asker.h"

typedef struct cordon__kept {
    cordon__memory memory;
    cordon__buffer records; /* each a head and its body */
    size_t         ceiling; /* bytes of records */
    size_t         held;    /* of the record that the last view is of */
} cordon__kept;

void cordon__kept_open(cordon__kept *kept, const cordon__memory *memory, size_t ceiling);
void cordon__kept_close(cordon__kept *kept);

/* EBUSY: over the ceiling; ENOMEM. */
int cordon__kept_add(cordon__kept *kept, const cordon__heard *heard);
/* 1: the oldest, its body a view until settled; 0: there is none. */
int  cordon__kept_next(cordon__kept *kept, cordon_message *message);
void cordon__kept_settle(cordon__kept *kept);
/* All that belongs to this request. */
void cordon__kept_drop(cordon__kept *kept, uint32_t id);

/* What was heard, as a caller knows it. */
void cordon__kept_message(cordon_message *message, const cordon__heard *heard, cordon_bytes body);

#endif
