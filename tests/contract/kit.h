/* What the tests of the contract share: a place in a directory of the test's own. */
#ifndef CONTRACT_KIT_H
#define CONTRACT_KIT_H

#include "support.h"

#include "../../src/platform.h"
#include "../../src/posix/place.h"

/* Made anew for each test; $TMPDIR leads to `tmp` meanwhile, so that fallbacks are ours too. */
typedef struct kit {
    char           root[SUPPORT_PATH]; /* all of it */
    char           tmp[SUPPORT_PATH];  /* root/t */
    char           near[SUPPORT_PATH]; /* root/d: not there yet */
    char           far[SUPPORT_PATH];  /* root/ddd...: not there yet; too long for an address */
    cordon_fault   fault;
    cordon__place *place;       /* closed at the end when a test has put one here */
    char           steps[8192]; /* what the trace of `place` told: "bind:0 listen:0 " */
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
/* A socket file as a dead server leaves it. */
void kit_leave_socket(const char *path);
/* Who it belongs to, of the thing itself. */
void kit_give_to(const char *path, uid_t uid);

#define KIT_OWN_TOKEN "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define KIT_TOKEN     64 /* bytes */

#define kit_test(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)

#endif
