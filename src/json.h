/*
 * Floor 1. A strict scanner of JSON (RFC 8259) that allocates nothing and keeps
 * values as they were sent. No I/O.
 */
#ifndef CORDON__JSON_H
#define CORDON__JSON_H

#include "dialect.h"

#include "buffer.h"
#include "cordon.h"

#define CORDON__JSON_DEPTH 64 /* the line's own object is level 1 */

typedef struct cordon__json_error {
    const char *what; /* static: "a lone surrogate" */
    size_t      at;   /* byte, from 0 */
} cordon__json_error;

/* One value, white space around it allowed, nesting at most `depth`. 0 or CORDON_EPROTOCOL. */
int cordon__json_check(cordon_bytes text, unsigned depth, cordon__json_error *error);

/* A member that somebody looks for. */
typedef struct cordon__json_member {
    const char  *name;
    cordon_bytes value; /* out: the value's bytes as sent; data NULL when absent */
} cordon__json_member;

/*
 * `text` is one object: find the named members, check all the rest. Names are
 * compared unescaped. A second member of a listed name is an error; other
 * members, twice too, are ignored. 0 or CORDON_EPROTOCOL.
 */
int cordon__json_object(cordon__json_member *members, size_t count, cordon_bytes text,
                        unsigned depth, cordon__json_error *error);

/* A string value (with its quotes), unescaped, into out: the bytes written, or -1 when
 * it is no string or does not fit `room`. */
ptrdiff_t cordon__json_string(char *out, size_t room, cordon_bytes value);

/* 1: an integer without fraction or exponent within +-2^53, bounds included. */
int cordon__json_is_integer(cordon_bytes value, int64_t *number);

/* Append text as a JSON string, quotes and all; broken UTF-8 becomes U+FFFD. */
int cordon__json_quote(cordon__buffer *out, const cordon__memory *memory, cordon_bytes text,
                       size_t ceiling);

/* Line breaks between the tokens of valid JSON become spaces, in place. (None can be inside one.)
 */
void cordon__json_one_line(char *text, size_t size);

#endif
