/*
 * Bytes from standard input and to standard output, as they are: no text mode,
 * no conversion.
 */
#ifndef IO_H
#define IO_H

#include <stddef.h>

#include "cordon.h"

#define STDOUT_FD 1

/* All there is, at most `limit` bytes. *data is malloc's. Negative: libuv's code; UV_EMSGSIZE
 * when there is more, UV_ENOMEM. */
int io_read_all(char **data, size_t *size, size_t limit);

/* All of it, or libuv's code. */
int io_write(cordon_bytes bytes);

/* The same, and a line end if it has none; at_terminal_only: where a person reads. */
int io_write_line(cordon_bytes bytes, int at_terminal_only);

#endif
