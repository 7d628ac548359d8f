/* The token of a place, with words that the tests know. */
#ifndef CONTRACT_SECRET_KIT_H
#define CONTRACT_SECRET_KIT_H

#include "kit.h"

#define SECRET "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define SIZE   64 /* bytes */

int         secret_load(kit *it); /* the code; what is loaded must be SECRET */
int         secret_store(kit *it);
const char *secret_path(const kit *it);
const char *secret_half(const kit *it); /* where it is written first; until the next call */
/* In place of whatever is there. mode: as support_write. */
void secret_put(kit *it, const char *data, size_t size, unsigned mode);
void secret_check_unsafe(kit *it);

#endif
