/*
 * What the fuzz targets share. A target is one function over bytes; libFuzzer calls it (ci/run
 * fuzz), and so does replay.c with what is in the corpus, in every build of the tests.
 */
#ifndef CORDON_FUZZ_H
#define CORDON_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cordon.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold whatever the bytes are. Not an assert: it holds in release builds too. */
#define FUZZ_CHECK(truth) ((truth) ? (void)0 : fuzz_failed(#truth, __FILE__, __LINE__))

static inline void fuzz_failed(const char *text, const char *file, int line)
{
    fprintf(stderr, "%s:%d: not so: %s\n", file, line, text);
    abort();
}

/* A copy without a byte to spare: a sanitizer sees a read behind it. */
static inline cordon_bytes fuzz_exact(const void *data, size_t size)
{
    void        *copy = malloc(size > 0 ? size : 1);
    cordon_bytes exact = {copy, size};

    FUZZ_CHECK(copy != NULL);
    if (size > 0)
        memcpy(copy, data, size);
    return exact;
}

static inline void fuzz_drop(cordon_bytes exact)
{
    free((void *)(uintptr_t)exact.data);
}

/* Does the view lie inside? Nothing does, too. */
static inline int fuzz_is_inside(cordon_bytes view, cordon_bytes whole)
{
    const uintptr_t at = (uintptr_t)view.data, from = (uintptr_t)whole.data;

    return view.size == 0 ||
           (at >= from && view.size <= whole.size && at - from <= whole.size - view.size);
}

/* The same bytes of the whole at hand, and the same order of events, in one number. */
static inline uint64_t fuzz_mix(uint64_t sum, const void *data, size_t size)
{
    const uint8_t *at = data;

    sum = (sum ^ size) * 0x100000001b3u;
    for (size_t i = 0; i < size; i++)
        sum = (sum ^ at[i]) * 0x100000001b3u;
    return sum;
}

#endif
