/*
 * The names of an endpoint, from what was asked of the system. Arithmetic over
 * UTF-8 alone, so that any machine can test it with made-up accounts.
 */
#ifndef CORDON__WIN32_NAMING_H
#define CORDON__WIN32_NAMING_H

#include "../dialect.h"

#include <stdint.h>

#define CORDON__TAG      8   /* digits */
#define CORDON__PIPE_MAX 255 /* characters of a pipe's whole name; the system takes 256 */

/* What tells one endpoint from another. */
typedef struct cordon__naming {
    const char *app, *name;
    const char *account;   /* as the system has it, any characters */
    const char *sid;       /* in words */
    uint32_t    level;     /* integrity */
    const char *directory; /* its final path in upper case */
} cordon__naming;

/* Eight hex digits over SID, level, directory and name. */
void cordon__naming_tag(char tag[CORDON__TAG + 1], const cordon__naming *naming);
/* \\.\pipe\<app>-<user>-<tag>. A user that is too long is cut, digits over all of it behind. */
void cordon__naming_pipe(char pipe[CORDON__PIPE_MAX + 1], const cordon__naming *naming);

#endif
