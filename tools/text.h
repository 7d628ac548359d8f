/*
 * Bytes that somebody else wrote, made fit for a terminal or for JSON.
 */
#ifndef TEXT_H
#define TEXT_H

#include <stdio.h>

#include "cordon.h"

/* As it is, but control bytes (not tab and line end) and broken UTF-8 become '?'. */
void text_print(FILE *to, cordon_bytes text);

/* As a JSON string with its quotes; broken UTF-8 becomes U+FFFD. */
void text_print_json(FILE *to, cordon_bytes text);

/* More bytes behind those that *text owns (NULL: none yet), a NUL behind all. 0, or -1: no memory.
 */
int text_append(char **text, size_t *size, cordon_bytes more);

#endif
