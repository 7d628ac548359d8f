/* What only Windows has. Included by support.h; its own headers are in inner.h. */
#ifndef CORDON_SUPPORT_SYSTEM_H
#define CORDON_SUPPORT_SYSTEM_H

#include <process.h>
#include <stdint.h>

/* ms: long enough for anything that happens at all; pipes under Wine are 30 times slower. */
#define SUPPORT_SOON (60000 * SUPPORT_PATIENCE)
#define SUPPORT_EXE  ".exe"

#define SUPPORT_HELPERS 8 /* handles of the thread pool */

#define SUPPORT_BACKLOG    4 /* of a server that is not told */
#define SUPPORT_HALF_CLOSE 0 /* who has nothing more to say may say so, and listen on */
#define SUPPORT_TELLS_FULL 0 /* a full backlog looks like a server that drains: both are busy */
#define SUPPORT_TAKES_BACK 0 /* a write that waits for room is made from a copy, and on its way */
#define SUPPORT_JOBS       1 /* what the test starts is in a job that lets nobody out */

typedef intptr_t support_pid;  /* HANDLE */
typedef intptr_t support_line; /* HANDLE of a support_signal */

#endif
