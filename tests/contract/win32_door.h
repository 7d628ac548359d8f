/* What the tests of the door share: a name that nobody has, knocking and letting in. */
#ifndef CONTRACT_WIN32_DOOR_H
#define CONTRACT_WIN32_DOOR_H

#include "inner.h" /* of tests/support/win32 */

#include <uv.h>

#include "../../src/win32/pipe.h"

extern cordon_fault   fault;
extern cordon__place *place; /* of this test alone */

int door_open(void **state);
int door_close(void **state);
#define DOOR(name) cmocka_unit_test_setup_teardown(name, door_open, door_close)

cordon__listener *door_listen(unsigned backlog);
void              door_end(cordon__listener *listener);
intptr_t          door_knock(void); /* somebody is there */
int               door_knock_code(void);
intptr_t          door_let_in(cordon__listener *listener); /* somebody waits */
void              door_say(intptr_t handle, const char *word);
void              door_hear(intptr_t handle, const char *word);

#endif
