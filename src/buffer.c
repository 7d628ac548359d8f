#include "dialect.h"

#include "buffer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SMALLEST 256 /* bytes of a buffer's first memory */

/* ---- memory ------------------------------------------------------------------ */

static void *from_libc(void *old, size_t size, void *user)
{
    (void)user;
    if (size == 0) {
        free(old);
        return NULL;
    }
    return old ? realloc(old, size) : malloc(size);
}

const cordon__memory cordon__libc = {from_libc, NULL};

/* Size 0 would free: a block of none is a block of one. */
void *cordon__resize(const cordon__memory *memory, void *old, size_t size)
{
    return memory->allocate(old, size ? size : 1, memory->user);
}

void *cordon__allocate(const cordon__memory *memory, size_t size)
{
    void *block = cordon__resize(memory, NULL, size);

    if (block)
        memset(block, 0, size);
    return block;
}

void cordon__release(const cordon__memory *memory, void *old)
{
    if (old)
        memory->allocate(old, 0, memory->user);
}

char *cordon__copy_text(const cordon__memory *memory, const char *text)
{
    size_t size = strlen(text) + 1;
    char  *copy = (char *)cordon__resize(memory, NULL, size);

    if (copy)
        memcpy(copy, text, size);
    return copy;
}

/* ---- the queue of bytes ------------------------------------------------------ */

char *cordon__buffer_tail(cordon__buffer *buffer)
{
    return buffer->data ? buffer->data + buffer->end : NULL;
}

/* Moving costs what is there; after a quarter of the capacity was taken, each byte
 * has paid for its move and a long queue read in small bites stays linear. */
static int is_worth_moving(const cordon__buffer *buffer, size_t size)
{
    return buffer->capacity - cordon__buffer_size(buffer) >= size &&
           buffer->start >= buffer->capacity / 4;
}

static void move_to_front(cordon__buffer *buffer)
{
    memmove(buffer->data, buffer->data + buffer->start, cordon__buffer_size(buffer));
    buffer->end -= buffer->start;
    buffer->start = 0;
}

/* Twice as much, at least `needed`. A third over the ceiling is as far as it goes:
 * with that, a buffer at its ceiling always finds a move worth it. */
static size_t next_capacity(const cordon__buffer *buffer, size_t needed, size_t ceiling)
{
    size_t most = ceiling <= SIZE_MAX / 2 ? ceiling + ceiling / 3 + 4 : SIZE_MAX;
    size_t next = buffer->capacity <= SIZE_MAX / 2 ? buffer->capacity * 2 : SIZE_MAX;

    if (next < SMALLEST)
        next = SMALLEST;
    if (next > most)
        next = most;
    return next < needed ? needed : next;
}

static int grow(cordon__buffer *buffer, const cordon__memory *memory, size_t capacity)
{
    size_t size = cordon__buffer_size(buffer);
    char  *data;

    if (buffer->start == 0) {
        data = (char *)cordon__resize(memory, buffer->data, capacity);
        if (!data)
            return CORDON_ENOMEM;
    } else {
        data = (char *)cordon__resize(memory, NULL, capacity);
        if (!data)
            return CORDON_ENOMEM;
        memcpy(data, buffer->data + buffer->start, size);
        cordon__release(memory, buffer->data);
    }
    buffer->data = data;
    buffer->start = 0;
    buffer->end = size;
    buffer->capacity = capacity;
    return 0;
}

int cordon__buffer_reserve(cordon__buffer *buffer, const cordon__memory *memory, size_t size,
                           size_t ceiling)
{
    size_t held = cordon__buffer_size(buffer);

    if (held > ceiling || size > ceiling - held)
        return CORDON_EMSGSIZE;
    if (cordon__buffer_room(buffer) >= size)
        return 0;
    if (is_worth_moving(buffer, size)) {
        move_to_front(buffer);
        return 0;
    }
    return grow(buffer, memory, next_capacity(buffer, held + size, ceiling));
}

void cordon__buffer_add(cordon__buffer *buffer, size_t size)
{
    assert(size <= cordon__buffer_room(buffer));
    buffer->end += size;
}

void cordon__buffer_put(cordon__buffer *buffer, cordon_bytes bytes)
{
    assert(bytes.size <= cordon__buffer_room(buffer));
    if (bytes.size > 0)
        memcpy(buffer->data + buffer->end, bytes.data, bytes.size);
    buffer->end += bytes.size;
}

int cordon__buffer_append(cordon__buffer *buffer, const cordon__memory *memory, const void *data,
                          size_t size, size_t ceiling)
{
    int code = cordon__buffer_reserve(buffer, memory, size, ceiling);

    if (code != 0 || size == 0)
        return code;
    memcpy(buffer->data + buffer->end, data, size);
    cordon__buffer_add(buffer, size);
    return 0;
}

void cordon__buffer_take(cordon__buffer *buffer, size_t size)
{
    assert(size <= cordon__buffer_size(buffer));
    buffer->start += size;
    if (buffer->start == buffer->end)
        buffer->start = buffer->end = 0;
}

void cordon__buffer_free(cordon__buffer *buffer, const cordon__memory *memory)
{
    cordon__release(memory, buffer->data);
    memset(buffer, 0, sizeof *buffer);
}

/* ---- the public buffer and view ---------------------------------------------- */

int cordon__buffer_fill(cordon_buffer *out, const void *data, size_t size)
{
    if (!out->data || out->capacity <= size) {
        char *fresh = size < SIZE_MAX ? (char *)malloc(size + 1) : NULL;

        if (!fresh)
            return CORDON_ENOMEM;
        if (size > 0)
            memcpy(fresh, data, size); /* before the old one goes: data may lie in it */
        free(out->data);
        out->data = fresh;
        out->capacity = size + 1;
    } else if (size > 0) {
        memmove(out->data, data, size);
    }
    out->data[size] = '\0';
    out->size = size;
    return 0;
}

void cordon_buffer_free(cordon_buffer *buffer)
{
    if (!buffer)
        return;
    free(buffer->data);
    buffer->data = NULL;
    buffer->size = 0;
    buffer->capacity = 0;
}

cordon_bytes cordon_text(const char *text)
{
    cordon_bytes view = {text, text ? strlen(text) : 0};

    return view;
}

/* ---- secrets and numbers ----------------------------------------------------- */

/* Called through a pointer that is read anew: no compiler may know what it does, and drop it. The
 * pointer is on the stack, for the library has no data that can be written. */
void cordon__wipe(void *data, size_t size)
{
    void *(*volatile fill)(void *where, int byte, size_t count) = memset;

    (void)fill(data, 0, size);
}

uint64_t cordon__load64(const void *from)
{
    const uint8_t *bytes = (const uint8_t *)from;

    return (uint64_t)cordon__load32(bytes) | (uint64_t)cordon__load32(bytes + 4) << 32;
}

void cordon__store64(void *to, uint64_t value)
{
    const uint8_t bytes[] = {(uint8_t)value,         (uint8_t)(value >> 8),  (uint8_t)(value >> 16),
                             (uint8_t)(value >> 24), (uint8_t)(value >> 32), (uint8_t)(value >> 40),
                             (uint8_t)(value >> 48), (uint8_t)(value >> 56)};

    memcpy(to, bytes, sizeof bytes);
}
