/* What the tests of the Windows backend's ground share: a place in a directory of the test's own.
 */
#ifndef CONTRACT_WIN32_KIT_H
#define CONTRACT_WIN32_KIT_H

#include "inner.h" /* of tests/support/win32 */

#include "../../src/win32/place.h"

/* A SID that is nobody's here. */
#define STRANGER "S-1-5-21-11-22-33-4444"

typedef struct kit {
    char           root[SUPPORT_PATH];
    char           home[SUPPORT_PATH]; /* root\d: not there yet */
    cordon_fault   fault;
    cordon__place *place;     /* closed at the end when a test has put one here */
    char           told[512]; /* the last step that the trace of `place` told: "text" of it */
} kit;

int kit_setup(void **state);
int kit_teardown(void **state);

/* Resolved, application "test", name "ipc"; NULL: the default directory. */
cordon__place *kit_resolve(kit *it, const char *app, const char *directory);
/* it->place: its directory open as a server has it. */
cordon__place *kit_serve(kit *it);
/* A descriptor in words -> SECURITY_ATTRIBUTES; %s of `list` is our own SID, as often as it
 * stands there. LocalFree(lpSecurityDescriptor). */
void kit_descriptor(SECURITY_ATTRIBUTES *attributes, const char *list);
/* Owner, group, list of a file or directory in words. */
void kit_guard_of(char *text, size_t room, const wchar_t *path);
/* What it has must be for us alone, as access.c judges it. */
void kit_check_ours(kit *it, const wchar_t *path);
/* It must be what guard.c says, to the letter. KIT_NEEDS_LETTERS first. */
void kit_check_letters(kit *it, const wchar_t *path, enum cordon__guarded what);
#define KIT_NEEDS_LETTERS SUPPORT_NEEDS_WINDOWS("it makes Unix modes of lists")

/* What leads elsewhere: a directory that is a link to another one, and a plain file that its owner
 * has marked as something else (a tag that no program of the system knows). KIT_NEEDS_LINKS first.
 * RemoveDirectoryW takes the first away. */
void kit_junction(const char *path, const char *target);
void kit_tagged_file(const char *path, const void *data, size_t size);
int  kit_is_link(const char *path);
#define KIT_NEEDS_LINKS SUPPORT_NEEDS_WINDOWS("it knows no reparse points")

#define kit_test(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)

#endif
