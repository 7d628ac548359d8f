/* A system that refuses pipes: src/win32/instance.c and pipe.c with calls that fail as told. */
#ifndef CONTRACT_WIN32_FAULT_H
#define CONTRACT_WIN32_FAULT_H

#include "../../src/dialect.h"

#include "../../src/win32/pipe.h"

/* Of the next calls so many go well, then so many fail with the error, and the rest go well. */
typedef struct fault_plan {
    int   good, bad;
    DWORD error;
} fault_plan;

extern fault_plan fault_create;  /* CreateNamedPipeW */
extern fault_plan fault_connect; /* ConnectNamedPipe */
extern fault_plan fault_open;    /* CreateFileW */

/* What CreateFileW was asked for since somebody set the count to 0. */
enum { FAULT_OPENED_MOST = 16 };
typedef struct fault_opened {
    DWORD rights, flags;
} fault_opened;
extern fault_opened fault_opened_as[FAULT_OPENED_MOST];
extern int          fault_opened_count;

#endif
