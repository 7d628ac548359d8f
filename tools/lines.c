#include "lines.h"

#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include "host.h"

#define CHUNK ((size_t)64 << 10)

int lines_next(struct lines *lines, cordon_bytes *line)
{
    const char *found = NULL;

    if (lines->seen < lines->end)
        found = memchr(lines->data + lines->seen, '\n', lines->end - lines->seen);
    if (found == NULL && !(lines->is_ended && lines->start < lines->end)) {
        lines->seen = lines->end;
        return LINES_NONE;
    }
    line->data = lines->data + lines->start;
    line->size = (found ? (size_t)(found - lines->data) : lines->end) - lines->start;
    lines->start = found ? lines->start + line->size + 1 : lines->end;
    lines->seen = lines->start;
    return LINES_ONE;
}

/* Room for a chunk behind the end: what is left moves to the front, then memory doubles. */
static int make_room(struct lines *lines)
{
    size_t wanted = lines->capacity ? lines->capacity * 2 : CHUNK;
    char  *grown;

    if (lines->start > 0) {
        memmove(lines->data, lines->data + lines->start, lines->end - lines->start);
        lines->end -= lines->start;
        lines->seen -= lines->start;
        lines->start = 0;
    }
    if (lines->capacity - lines->end >= CHUNK / 2)
        return 0;
    grown = realloc(lines->data, wanted);
    if (grown == NULL)
        return UV_ENOMEM;
    lines->data = grown;
    lines->capacity = wanted;
    return 0;
}

int lines_fill(struct lines *lines, size_t limit)
{
    ptrdiff_t got = make_room(lines);

    if (got != 0)
        return (int)got;
    got = host_read(lines->data + lines->end, lines->capacity - lines->end);
    if (got < 0)
        return (int)got;
    lines->end += (size_t)got;
    lines->is_ended = got == 0;
    /* Only the rest behind the last line end counts; a caller has taken what is before it. */
    if (lines->end - lines->start > limit &&
        memchr(lines->data + lines->start, '\n', limit + 1) == NULL)
        return UV_EMSGSIZE;
    return 0;
}

void lines_free(struct lines *lines)
{
    free(lines->data);
    memset(lines, 0, sizeof *lines);
}
