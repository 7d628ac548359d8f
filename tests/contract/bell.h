/* A loop, and what rings there: for the tests of timers and wake-ups. */
#ifndef CONTRACT_BELL_H
#define CONTRACT_BELL_H

#include "kit.h"

#include <uv.h>

typedef struct bell {
    uv_loop_t loop;
    unsigned  rings, closes;
    uint64_t  rung_at;
} bell;

int            bell_open(void **state);
int            bell_close(void **state); /* runs the loop to its end: one hears that it is closed */
void           bell_hear_closed(void *owner);
cordon__timer *bell_timer(bell *it);
cordon__wake  *bell_wake(bell *it);

#define bell_test(name) cmocka_unit_test_setup_teardown(name, bell_open, bell_close)

#endif
