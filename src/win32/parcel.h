/*
 * Bytes on their way into a pipe: each write is from a copy of its own, until the system has taken
 * it. A stream keeps what came back for the next ones, so a busy one asks for no memory.
 */
#ifndef CORDON__WIN32_PARCEL_H
#define CORDON__WIN32_PARCEL_H

#include "../dialect.h"

#include <uv.h>

#include "../buffer.h"

#define CORDON__PARCEL_SMALL ((size_t)256)       /* bytes of the smallest */
#define CORDON__PARCEL_MOST  ((size_t)64 * 1024) /* and of the largest */

typedef struct cordon__parcel {
    uv_write_t             request; /* first */
    struct cordon__parcel *next;
    void                  *owner;
    size_t                 size;
    size_t                 capacity; /* the bytes follow */
} cordon__parcel;

typedef struct cordon__parcels { /* those that are kept; begins as zeros */
    cordon__parcel *first;
    size_t          bytes; /* of memory in them */
} cordon__parcels;

/* What one takes of memory. */
size_t cordon__parcel_cost(const cordon__parcel *parcel);
/* One for `size` bytes, PARCEL_MOST at most. NULL: no memory. */
cordon__parcel *cordon__parcels_take(cordon__parcels *parcels, const cordon__memory *memory,
                                     size_t size);
/* It is kept, or freed if they would take more than `most` bytes. */
void cordon__parcels_give(cordon__parcels *parcels, const cordon__memory *memory,
                          cordon__parcel *parcel, size_t most);
/* 1: there is more than what trim leaves. */
int cordon__parcels_are_many(const cordon__parcels *parcels);
/* All go but one of the smallest: a quiet stream needs no other. */
void cordon__parcels_trim(cordon__parcels *parcels, const cordon__memory *memory);
void cordon__parcels_free(cordon__parcels *parcels, const cordon__memory *memory);

#endif
