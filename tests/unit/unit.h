/*
 * What the tests of floors 0 to 2 share: cmocka and views.
 */
#ifndef CORDON_UNIT_H
#define CORDON_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cordon.h"

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

/* A view of a literal, NUL bytes inside it too. */
#define VIEW(literal) unit_view(literal, sizeof(literal) - 1)

static inline cordon_bytes unit_view(const void *data, size_t size)
{
    cordon_bytes bytes = {data, size};

    return bytes;
}

/*
 * A copy without a byte to spare behind it: under a sanitizer (and valgrind) a read
 * past the end of the view fails the test.
 */
static inline cordon_bytes unit_exact(const void *data, size_t size)
{
    void *copy = malloc(size ? size : 1);

    assert_non_null(copy);
    if (size > 0)
        memcpy(copy, data, size);
    return unit_view(copy, size);
}

static inline void unit_drop(cordon_bytes exact)
{
    free((void *)(uintptr_t)exact.data);
}

#endif
