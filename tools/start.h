/*
 * Programs that `serve` starts: as a group that can be ended whole. One file a system.
 */
#ifndef START_H
#define START_H

#include <stdint.h>

#include <uv.h>

/* One program, and all that it has started and that has not left its group. */
struct program;

typedef void (*program_exited)(void *owner, int64_t status, int signal_number);

/*
 * Start `command` (ends in NULL; looked for in the PATH, no shell) with these three descriptors as
 * its standard streams and no other. on_exit comes later, once, from the loop. Or libuv's code:
 * nothing runs.
 */
int program_start(struct program **program, uv_loop_t *uv, char **command, const uv_file streams[3],
                  program_exited on_exit, void *owner);

/* End all of it, at once. It may have ended by itself, if not with all that it has started. */
void program_end(struct program *program);

/* After on_exit: forget it. What it has left running goes on. NULL is fine. */
void program_forget(struct program *program);

#endif
