/*
 * What common_test.c and its parts ask of a backend besides the contract itself: the system
 * that is there (common_posix.c), or the simulated one (tests/sim/common_sim.c).
 */
#ifndef CONTRACT_COMMON_H
#define CONTRACT_COMMON_H

#include "../../src/platform.h"

/* A fresh place for each test. */
void common_open(void);
void common_close(void);
void common_run(void (*test)(void)); /* as a process of it */

/* A directory that is not there yet; is_long: an address in it does not fit. */
const char *common_directory(int is_long);
void        common_put(const char *path, const char *text, unsigned mode);
void        common_put_directory(const char *path);
void        common_remove(const char *path); /* one file */
int         common_exists(const char *path);
int         common_address_is_file(void);  /* something may lie at it, or stay behind */
int         common_held_file_can_go(void); /* a lock file can be removed while it is held */

struct uv_loop_s *common_loop(void);
/* Run the loop until it is so; 0: it never was. */
int common_until(int (*is_so)(void *context), void *context);
/* Run it in a process of its own that dies at the end without cleaning up. */
void common_in_dying_process(void (*run)(void *context), void *context);

#endif
