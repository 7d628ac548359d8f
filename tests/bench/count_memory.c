/*
 * Preloaded: counts what a process asks of malloc, into the file that BENCH_MEMORY names. With
 * the GNU libc alone, whose own functions it stands before.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "count_memory.h"

#include <malloc.h>
#include <stdlib.h>

#if defined(__GLIBC__)

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void  __libc_free(void *old);

static count_memory *counted;

static void count(void *block, size_t before)
{
    if (counted == NULL)
        return;
    atomic_fetch_add_explicit(&counted->calls, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&counted->bytes, (int64_t)malloc_usable_size(block) - (int64_t)before,
                              memory_order_relaxed);
}

void *malloc(size_t size)
{
    void *block = __libc_malloc(size);

    count(block, 0);
    return block;
}

void *calloc(size_t number, size_t size)
{
    void *block = __libc_calloc(number, size);

    count(block, 0);
    return block;
}

void *realloc(void *old, size_t size)
{
    const size_t before = old != NULL ? malloc_usable_size(old) : 0;
    void        *block = __libc_realloc(old, size);

    count(block, before);
    return block;
}

void free(void *old)
{
    if (counted != NULL && old != NULL)
        atomic_fetch_sub_explicit(&counted->bytes, (int64_t)malloc_usable_size(old),
                                  memory_order_relaxed);
    __libc_free(old);
}

static __attribute__((constructor)) void begin(void)
{
    const char *path = getenv(COUNT_MEMORY_FILE);

    if (path != NULL)
        counted = count_memory_map(path);
}

#endif
