/* What the tests of the contract share on POSIX alone. */
#ifndef CONTRACT_KIT_POSIX_H
#define CONTRACT_KIT_POSIX_H

#include "kit.h"

#include "../../src/posix/place.h"

/* A socket file as a dead server leaves it. */
void kit_leave_socket(const char *path);
/* Who it belongs to, of the thing itself. */
void kit_give_to(const char *path, uid_t uid);

#endif
