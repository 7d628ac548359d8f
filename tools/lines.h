/*
 * Standard input, line by line, without waiting for more than there is.
 */
#ifndef LINES_H
#define LINES_H

#include <stddef.h>

#include "cordon.h"

struct lines {
    char  *data;
    size_t start, end, capacity;
    size_t seen; /* up to here there is no line end */
    int    is_ended;
};

enum { LINES_NONE = 0, LINES_ONE = 1 };

/* The next whole line that is here already, without its end; also the last one when it has
 * none. Borrowed until the next fill. */
int lines_next(struct lines *lines, cordon_bytes *line);

/* Read once, waiting if need be. 0, or libuv's code; UV_EMSGSIZE: a line over `limit`. */
int lines_fill(struct lines *lines, size_t limit);

void lines_free(struct lines *lines);

#endif
