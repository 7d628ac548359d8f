/*
 * Floor 4. What a started program says to the one that has started it: one line, "ready" or why
 * not (docs/wire.md, "Ready"). The reader gets it from a stranger's hand until it knows better.
 */
#ifndef CORDON__READY_H
#define CORDON__READY_H

#include "dialect.h"

#include "platform.h"

#define CORDON__READY_MOST 512 /* bytes of the line, its end too */

/* trouble NULL, or with CORDON_OK: "ready". Cut to fit, of plain text alone. Returns its size. */
size_t cordon__ready_line(char line[CORDON__READY_MOST], const cordon_fault *trouble);

/* As cordon_ready, and CORDON__ABSENT: nobody waits. */
int cordon__ready_say(const cordon_fault *trouble);

/*
 * What was said so far, all of it. 0: a whole line: *code is CORDON_OK, it serves, or why not, and
 * *text its words, as they came (not plain, borrowed of `said`). A code that we have no name for
 * is CORDON_ELAUNCH. CORDON__AGAIN: the line is not whole yet. CORDON_EPROTOCOL: nothing that
 * cordon says, and it never will be; it means nothing then.
 */
int cordon__ready_parse(int *code, cordon_bytes *text, cordon_bytes said);

#endif
