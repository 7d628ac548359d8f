/* Many callers of connect or start at once, a thread each. */
#ifndef START_CROWD_H
#define START_CROWD_H

#include "start_kit.h"

enum { START_MOST = 100 };

/* All of them come at once, and each has a session with the same server: *pid, unless NULL. How
 * many were told that they have started it. */
int start_crowd(uint64_t *pid, const char *directory, int count,
                const cordon_start_options *options);

#endif
