/* The lifetime lock of a place, taken and looked at. */
#ifndef CONTRACT_LOCK_KIT_H
#define CONTRACT_LOCK_KIT_H

#include "kit.h"

int         lock_try(kit *it, cordon__lock **lock); /* the code */
const char *lock_path(kit *it);
uint64_t    lock_pid(kit *it); /* that its file names; 0: none */
/* In place of whatever is there. mode: as support_write. */
void lock_put(kit *it, unsigned mode);
void lock_check_free(kit *it); /* it can be had now */
void lock_check_held(kit *it);
void lock_check_unsafe(kit *it);

#endif
