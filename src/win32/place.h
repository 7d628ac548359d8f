/*
 * What the files of this folder share: the place of an endpoint, who we are, the
 * security descriptor of all that we make, and how what fails is told.
 */
#ifndef CORDON__WIN32_PLACE_H
#define CORDON__WIN32_PLACE_H

#include "../dialect.h"

#include <windows.h>

#include "../platform.h"

#include "verdict.h"

/* ---- who we are (self.c) -------------------------------------------------------- */

/* Of this process's token, never of the environment. Fixed for a process. */
typedef struct cordon__self {
    BYTE            sid[SECURITY_MAX_SID_SIZE];
    cordon__subject subject;      /* the same in words, with level and AppContainer */
    wchar_t         account[257]; /* of the account, without its domain */
} cordon__self;

int cordon__self_ask(cordon__self *self, cordon_fault *fault);
/* A token's user, level, AppContainer. 0, or GetLastError. `sid` may be NULL. */
DWORD cordon__subject_of_token(cordon__subject *subject, BYTE sid[SECURITY_MAX_SID_SIZE],
                               HANDLE token);
/* A SID in words; its last number (an integrity level, from a label's). */
DWORD    cordon__sid_text(char text[CORDON__SID_MAX], PSID sid);
uint32_t cordon__sid_last(PSID sid);

/* ---- the security descriptor (guard.c) -------------------------------------------- */

/* Design 2: O:<user>G:<user>D:P(A;;<all>;;;<user>), for pipes with our own level as a label. */
typedef struct cordon__guard {
    SECURITY_ATTRIBUTES  attributes; /* for CreateNamedPipeW, CreateFileW, CreateDirectoryW */
    PSECURITY_DESCRIPTOR descriptor; /* LocalFree; NULL: the system's own default */
} cordon__guard;

enum cordon__guarded { CORDON__GUARD_PIPE, CORDON__GUARD_FILE, CORDON__GUARD_DIRECTORY };

#define CORDON__GUARD_TEXT 704

/* The descriptor in words, as guard_open takes it. */
void cordon__guard_text(char text[CORDON__GUARD_TEXT], const cordon__self *self,
                        enum cordon__guarded what);
int  cordon__guard_open(cordon__guard *guard, const cordon__self *self, enum cordon__guarded what,
                        cordon_fault *fault);
void cordon__guard_close(cordon__guard *guard);

/* ---- the place (address.c) --------------------------------------------------------- */

struct cordon__place {
    cordon__memory memory;
    cordon__trace  trace;
    cordon__self   self;
    int            is_default;                   /* the directory was not named by the caller */
    wchar_t       *spelled;                      /* the directory, absolute, as it was written */
    char          *paths[CORDON_START_LOCK + 1]; /* UTF-8, as told */
    wchar_t       *wide[CORDON_START_LOCK + 1];  /* the same for the system; [CORDON_ADDRESS]: the
                                                    pipe's name */
    HANDLE home;                                 /* the checked directory, held open; or
                                                    INVALID_HANDLE_VALUE */
    int home_is_loose; /* a client took it as it is: others may write to it */
};

/* ---- what is there already (access.c) ------------------------------------------------- */

enum cordon__access {
    CORDON__ACCESS_OURS = 0,
    CORDON__ACCESS_FOREIGN, /* its owner is somebody else */
    CORDON__ACCESS_OPEN     /* somebody else has one of the rights */
};

/*
 * Whose is it, and who else has any of these rights? The system's own (SYSTEM, Administrators)
 * may have them: nothing keeps them out. is_strict: but they may not own it. What the list
 * denies is not counted, so that its order does not matter.
 */
enum cordon__access cordon__access_judge(PSID owner, PACL list, const cordon__self *self,
                                         DWORD rights, int is_strict);
/* The same of what is open, with READ_CONTROL. 0, or GetLastError. */
DWORD cordon__access_of(enum cordon__access *found, HANDLE open, const cordon__self *self,
                        DWORD rights, int is_strict);
/* A plain file of ours, closed to others: 0; EUNSAFE. */
int cordon__file_check(const cordon__place *place, HANDLE file, BY_HANDLE_FILE_INFORMATION *info,
                       const char *during, const char *path, cordon_fault *fault);
/* It could not be opened: is that because of what it is (EUNSAFE), or as the error says? */
int cordon__file_explain(const cordon__place *place, enum cordon_place which, DWORD error,
                         const char *during, cordon_fault *fault);

/* A lock file as it must be (lock.c): 0; EUNSAFE. */
int cordon__lock_judge(const cordon__place *place, enum cordon_place which, HANDLE file,
                       const char *during, cordon_fault *fault);

/* ---- text (text.c) ------------------------------------------------------------------ */

/* UTF-8 <-> UTF-16 in a place's memory. NULL: not valid, or no memory. */
wchar_t *cordon__to_wide(const cordon__memory *memory, const char *text);
char    *cordon__to_utf8(const cordon__memory *memory, const wchar_t *text);

/* ---- faults (fault.c) --------------------------------------------------------------- */

/* GetLastError's code -> ours, with what a person can do about it. Returns the code. 109, 232,
 * 233 are CORDON_ECLOSED. */
int cordon__win32_fault(cordon_fault *fault, const char *during, DWORD error, const char *path);

/* The same for a step on a place: the trace hears of it. All return the code. */
int  cordon__place_fault(const cordon__place *place, cordon_fault *fault, const char *during,
                         DWORD error, const char *path);
int  cordon__place_unsafe(const cordon__place *place, cordon_fault *fault, const char *during,
                          const char *path, const char *text);
int  cordon__place_missing(const cordon__place *place, cordon_fault *fault, const char *during,
                           const char *path);
void cordon__place_done(const cordon__place *place, const char *during, const char *path,
                        const char *text);

#endif
