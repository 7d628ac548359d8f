#define _GNU_SOURCE 1
#include "count_malloc.h"

#include <stdatomic.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#    define HAS_SANITIZER 1
#elif defined(__has_feature)
#    if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
        __has_feature(memory_sanitizer)
#        define HAS_SANITIZER 1
#    endif
#endif

#if defined(__GLIBC__) && !defined(HAS_SANITIZER) && !defined(__SANITIZE_THREAD__)

static atomic_ulong calls;

/* glibc's own names of what we stand before. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

void *malloc(size_t size)
{
    atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed);
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed);
    return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed);
    return __libc_realloc(old, size);
}

int count_malloc_works(void)
{
    return 1;
}

unsigned long count_malloc_calls(void)
{
    return atomic_load_explicit(&calls, memory_order_relaxed);
}

#else

int count_malloc_works(void)
{
    return 0;
}

unsigned long count_malloc_calls(void)
{
    return 0;
}

#endif
