/*
 * Floor 0. Buffers at rest: sessions borrow one while they have something to
 * keep, so that an idle session has none and a busy one allocates nothing.
 */
#ifndef CORDON__SPARES_H
#define CORDON__SPARES_H

#include "dialect.h"

#include "buffer.h"

#define CORDON__SPARES      16
#define CORDON__SPARE_SMALL 65536       /* bytes; larger ones are kept a while only */
#define CORDON__SPARE_BYTES (64u << 20) /* all together: a few of the largest messages */

typedef struct cordon__spares {
    cordon__buffer held[CORDON__SPARES];
    size_t         count;
    size_t         bytes;
} cordon__spares;

/* Into an empty buffer: the largest that rests, or the smallest; nothing if none does. */
void cordon__spares_take(cordon__spares *spares, cordon__buffer *buffer, int is_large);
/* An emptied buffer's memory comes to rest or is freed; the buffer holds none then. */
void cordon__spares_give(cordon__spares *spares, const cordon__memory *memory,
                         cordon__buffer *buffer);
/* Free the large ones: nobody needed them for a while. */
void cordon__spares_trim(cordon__spares *spares, const cordon__memory *memory);
void cordon__spares_free(cordon__spares *spares, const cordon__memory *memory);

#endif
