/*
 * Floor 0. Names of endpoints: what may be one, and what is made of it.
 */
#ifndef CORDON__NAME_H
#define CORDON__NAME_H

#include "dialect.h"

#include "cordon.h"

#define CORDON__NAME_MAX 64
#define CORDON__DIGITS   16 /* of a fallback address */

/* [A-Za-z0-9._-]{1,64}, no leading dot. */
int cordon__name_is_valid(const char *name);

/* FNV-1a 64 over app, NUL, directory, '/', name, ".sock": 16 lower-case hex digits and a NUL. */
void cordon__name_digits(char digits[CORDON__DIGITS + 1], const char *app, const char *directory,
                         const char *name);

#endif
