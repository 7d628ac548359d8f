/*
 * Floor 0. Memory as the endpoint's owner wants it, and bytes with a ceiling.
 */
#ifndef CORDON__BUFFER_H
#define CORDON__BUFFER_H

#include "dialect.h"

#include <string.h>

#include "cordon.h"

/* Where memory comes from: as realloc; size 0 frees. Any thread. */
typedef struct cordon__memory {
    void *(*allocate)(void *old, size_t size, void *user);
    void *user;
} cordon__memory;

extern const cordon__memory cordon__libc; /* malloc's */

/* NULL when there is none; zeroed. */
void *cordon__allocate(const cordon__memory *memory, size_t size);
/* As realloc: on failure NULL, and old is still there. Nothing is zeroed. */
void *cordon__resize(const cordon__memory *memory, void *old, size_t size);
void  cordon__release(const cordon__memory *memory, void *old);
/* A NUL-terminated copy. */
char *cordon__copy_text(const cordon__memory *memory, const char *text);

/*
 * A queue of bytes: appended at the end, taken from the front. Holds no memory
 * until the first byte; memory follows the bytes that are there.
 */
typedef struct cordon__buffer {
    char  *data;
    size_t start;    /* first byte not yet taken */
    size_t end;      /* one past the last */
    size_t capacity; /* bytes at data */
} cordon__buffer;

/* Here for the compiler to see, as the numbers below: asked several times a request. */

/* What was not taken. */
static inline cordon_bytes cordon__buffer_view(const cordon__buffer *buffer)
{
    cordon_bytes view = {NULL, 0};

    if (buffer->data) {
        view.data = buffer->data + buffer->start;
        view.size = buffer->end - buffer->start;
    }
    return view;
}

static inline size_t cordon__buffer_size(const cordon__buffer *buffer)
{
    return buffer->end - buffer->start;
}

/*
 * Room for `size` more bytes behind the end; moves what is there to the front
 * or grows (doubling) as needed. CORDON_EMSGSIZE: more than `ceiling` would be
 * in it; CORDON_ENOMEM. Then nothing has changed.
 */
int cordon__buffer_reserve(cordon__buffer *buffer, const cordon__memory *memory, size_t size,
                           size_t ceiling);
/* Where reserved room begins; then add what was put there. */
char *cordon__buffer_tail(cordon__buffer *buffer);
/* Behind the end, without moving. */
static inline size_t cordon__buffer_room(const cordon__buffer *buffer)
{
    return buffer->capacity - buffer->end;
}
void cordon__buffer_add(cordon__buffer *buffer, size_t size);
void cordon__buffer_put(cordon__buffer *buffer, cordon_bytes bytes); /* into reserved room */
int  cordon__buffer_append(cordon__buffer *buffer, const cordon__memory *memory, const void *data,
                           size_t size, size_t ceiling);
void cordon__buffer_take(cordon__buffer *buffer, size_t size); /* empty: starts at 0 again */
void cordon__buffer_free(cordon__buffer *buffer, const cordon__memory *memory);

/* The public buffer: filled anew, NUL behind. */
int cordon__buffer_fill(cordon_buffer *out, const void *data, size_t size);

#define CORDON__NO_CEILING ((size_t)-1)

/* Zeroes that the compiler may not leave out: for secrets. */
void cordon__wipe(void *data, size_t size);

/* Little-endian, any alignment. */
static inline uint16_t cordon__load16(const void *from)
{
    const uint8_t *bytes = (const uint8_t *)from;

    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static inline uint32_t cordon__load32(const void *from)
{
    const uint8_t *bytes = (const uint8_t *)from;

    return (uint32_t)cordon__load16(bytes) | (uint32_t)cordon__load16(bytes + 2) << 16;
}

/* Each as one array: compilers make one store of that, and not of its bytes one by one. */
static inline void cordon__store16(void *to, uint16_t value)
{
    const uint8_t bytes[] = {(uint8_t)value, (uint8_t)(value >> 8)};

    memcpy(to, bytes, sizeof bytes);
}

static inline void cordon__store32(void *to, uint32_t value)
{
    const uint8_t bytes[] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
                             (uint8_t)(value >> 24)};

    memcpy(to, bytes, sizeof bytes);
}

uint64_t cordon__load64(const void *from);
void     cordon__store64(void *to, uint64_t value);

#endif
