/*
 * What the tests of the contract share: a place in a directory of the test's own. Nothing here
 * knows which system it is: kit_posix.h and win32_kit.h have the rest.
 */
#ifndef CONTRACT_KIT_H
#define CONTRACT_KIT_H

#include "support.h"

#include "../../src/platform.h"

/* Made anew for each test. */
typedef struct kit {
    char           root[SUPPORT_PATH]; /* all of it */
    char           tmp[SUPPORT_PATH];  /* root/t: where POSIX has its fallback meanwhile */
    char           home[SUPPORT_PATH]; /* root/d: not there yet */
    char           deep[SUPPORT_PATH]; /* root/ddd...: not there yet; too long for an address */
    cordon_fault   fault;
    cordon__place *place;       /* closed at the end when a test has put one here */
    char           steps[8192]; /* what the trace of `place` told: "bind:0 listen:0 " */
    int            is_silent;   /* from here on it tells nothing: it is for one thread */
} kit;

int kit_setup(void **state);
int kit_teardown(void **state);

/* Resolved, application "test", name "ipc"; fails the test when it cannot be. */
cordon__place *kit_resolve(kit *it, const char *directory);
/* The same, its directories open as a server has them; it->place. */
cordon__place *kit_serve(kit *it, const char *directory);
/* A second one for the same directory, open as a client has it. */
cordon__place *kit_visit(kit *it, const char *directory);

/* A listener at its address, backlog 8. */
cordon__listener *kit_listen(kit *it, cordon__place *place);
/* One connect: the code. The handle is closed again. */
int kit_knock(kit *it, cordon__place *place);
/* Its address, or that of a file of it. */
const char *kit_path(const kit *it, enum cordon_place which);

/* The system's part of setup and teardown (kit_posix.c, kit_win32.c). */
void kit_own_open(kit *it);
void kit_own_close(kit *it);

#define kit_test(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)

#endif
