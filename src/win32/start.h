/* A program on its way to be started. */
#ifndef CORDON__WIN32_START_H
#define CORDON__WIN32_START_H

#include "../dialect.h"

#include "place.h"

#define CORDON__STREAMS 3
#define CORDON__GIVEN   4 /* and the handle */

typedef struct cordon__start {
    const cordon__program *program;
    const cordon__memory  *memory;
    wchar_t               *file, *line, *environment, *directory;
    HANDLE                 given[CORDON__GIVEN]; /* copies that may be inherited: the caller's */
    HANDLE                 job;
    STARTUPINFOEXW         how;
    PROCESS_INFORMATION    made;
} cordon__start;

extern const char cordon__spawn_step[];

/* Short of something: as that. Else ELAUNCH: it cannot be started. Returns the code (given.c). */
int cordon__launch_fault(cordon_fault *fault, const char *during, DWORD error, const char *path,
                         const char *text);
/* The three streams and the handle, as they are named there: the values are the same. What was
 * made before a failure is in `given`. */
int cordon__give(cordon__start *it, cordon_fault *fault);

#endif
