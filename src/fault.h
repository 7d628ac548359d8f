/*
 * Floor 0. What failed, where, and what was found there.
 *
 * Inside the library a fault is never NULL and always of full size: the public
 * functions put their own on the stack and hand it out at the end.
 */
#ifndef CORDON__FAULT_H
#define CORDON__FAULT_H

#include "dialect.h"

#include "cordon.h"

/* An empty one, as by CORDON_FAULT_INIT, on our own stack: most calls go well, and the kilobyte of
 * its texts is only written when one does not. */
void cordon__fault_clear(cordon_fault *fault);

/* All return `code`, so that a failure can be one return statement. */
CORDON__COLD int cordon__fault_set(cordon_fault *fault, int code, const char *during);
CORDON__COLD int cordon__fault_os(cordon_fault *fault, int code, const char *during,
                                  uint32_t os_code, const char *path);
/* expected and actual: uid, mode or size, as text says. */
CORDON__COLD int cordon__fault_found(cordon_fault *fault, int code, const char *during,
                                     const char *path, uint64_t expected, uint64_t actual,
                                     const char *text);

/* Add to what is set already. */
CORDON__COLD void cordon__fault_path(cordon_fault *fault, const char *path); /* cut in the middle */
CORDON__COLD void cordon__fault_text(cordon_fault *fault, const char *format, ...)
    CORDON__PRINTF(2, 3);
/* Not NUL-terminated, from a peer: control bytes and broken UTF-8 become '?'. */
CORDON__COLD void cordon__fault_reason(cordon_fault *fault, cordon_bytes text);

/* Copy to the caller's, as much as it has room for (its `size`); NULL is fine. Returns code. */
int cordon__fault_give(cordon_fault *to, const cordon_fault *from);

/* The app's ear. One step with its outcome; fn may be NULL. */
typedef struct cordon__trace {
    cordon_step_fn fn;
    void          *user;
} cordon__trace;

/* A step that went well. `text`, if any, says what was found or done. */
void cordon__trace_done(const cordon__trace *trace, const char *during, const char *path,
                        const char *text);
/* A step that did not. */
void cordon__trace_fault(const cordon__trace *trace, const cordon_fault *fault);

/* The wire's numbers (docs/wire.md) and ours. */
enum cordon__wire_code {
    CORDON__UNAUTHORIZED = 1,
    CORDON__VERSION,
    CORDON__BUSY,
    CORDON__TOO_LARGE,
    CORDON__MALFORMED,
    CORDON__UNSUPPORTED,
    CORDON__TIMED_OUT,
    CORDON__CANCELED,
    CORDON__STOPPING,
    CORDON__NOT_READY,
    CORDON__INTERNAL,
    CORDON__APP = 256 /* and up: the application's */
};

int         cordon__code_from_wire(unsigned wire); /* 3 -> CORDON_EBUSY; 12..255, 256.. -> EAPP */
unsigned    cordon__code_to_wire(int code);   /* CORDON_EBUSY -> 3; 256.. as is; else INTERNAL */
const char *cordon__wire_name(unsigned wire); /* 3 -> "BUSY"; NULL from 12 on */
unsigned    cordon__wire_number(cordon_bytes name); /* "BUSY" -> 3; unknown: INTERNAL */

#endif
