/*
 * Floor 0. Who has a lock, as far as that can be told without taking it: what the
 * system says, and what the holder wrote into the file, which proves nothing.
 */
#ifndef CORDON__HOLDER_H
#define CORDON__HOLDER_H

#include "dialect.h"

#include <stddef.h>
#include <stdint.h>

enum cordon__process {
    CORDON__PROCESS_UNKNOWN = 0,
    CORDON__PROCESS_RUNS,
    CORDON__PROCESS_STOPPED, /* by a signal or a debugger: it does nothing until it goes on */
    CORDON__PROCESS_GONE
};

typedef struct cordon__holder {
    int                  is_held; /* 1: the system says so; 0: nobody; -1: only the file says so */
    uint64_t             pid;     /* 0: nobody is named */
    enum cordon__process life;    /* of that process, now */
    char                 since[32];    /* by the file: "2026-11-21T18:30:00Z"; "" not told */
    char                 program[160]; /* likewise; the end of its path, when that is longer */
} cordon__holder;

/* What stands in the file: pid, since, program. 0: nothing that a holder of ours writes. */
int cordon__holder_read(cordon__holder *holder, const char *text, size_t size);

#define CORDON__HOLDER_TEXT 256

/* For people: "held by pid 123, /usr/bin/trayd, since 2026-11-21T18:30:00Z"; "free". Returns
 * text. */
const char *cordon__holder_text(char text[CORDON__HOLDER_TEXT], const cordon__holder *holder);

#endif
