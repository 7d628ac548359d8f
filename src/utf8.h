/*
 * Floor 0. Where a character of UTF-8 begins and ends.
 */
#ifndef CORDON__UTF8_H
#define CORDON__UTF8_H

#include "dialect.h"

#include <stddef.h>
#include <stdint.h>

/* Bytes of the well-formed character at the front: 1 to 4; 0: broken, or not all there.
 * No overlong forms, no surrogates, nothing over U+10FFFF. */
size_t cordon__utf8_size(const void *text, size_t size);

/* The same for what may be shown to a person: 0 for control characters too. */
size_t cordon__utf8_plain(const void *text, size_t size);

/* How much of the text fits `limit` bytes without cutting a character in two. */
size_t cordon__utf8_cut(const void *text, size_t size, size_t limit);

/* Write a code point, 1 to 4 bytes; returns how many. Not for surrogates. */
size_t cordon__utf8_put(char out[4], uint32_t point);

#endif
