/* The verdict alone, for its own test. */
#ifndef CORDON__POSIX_PEER_H
#define CORDON__POSIX_PEER_H

#include "../dialect.h"

#include "../platform.h"

/* own: our effective user; overflow: the system's name for whom it cannot name. */
int cordon__peer_is_ours(const cordon__identity *peer, uint32_t own, uint32_t overflow,
                         unsigned flags);

#endif
