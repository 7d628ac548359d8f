/*
 * Counts what the whole process takes from the C library's heap: the parts that
 * an endpoint's allocator does not see (libuv, libc).
 */
#ifndef COUNT_MALLOC_H
#define COUNT_MALLOC_H

/* 1: the calls of this program can be counted (glibc, no sanitizer in between). */
int           count_malloc_works(void);
unsigned long count_malloc_calls(void); /* malloc, calloc, realloc; every thread */

#endif
