/* What the parts of the common contract share: a place, a listener at it, both ends of a
 * connection, and lists of what is kept. Nothing in them knows which system it is. */
#ifndef CONTRACT_COMMON_KIT_H
#define CONTRACT_COMMON_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common.h"

typedef struct contract {
    const char *name;
    void (*run)(void);
} contract;

#define CONTRACT(name) \
    {                  \
#        name, name    \
    }

/* Not for the system that is there. */
#define LEAVE_OUT(reason)                             \
    do {                                              \
        print_message("[  SKIPPED ] %s\n", (reason)); \
        skip();                                       \
    } while (0)

extern const contract common_places[], common_lines[]; /* NULL at the end */

extern cordon_fault   fault;
extern cordon__place *place; /* the one that is served */

cordon__place    *resolve(int is_long);
void              serve(int is_long);
const char       *path_of(enum cordon_place which);
cordon__listener *listen_now(unsigned backlog);
void              unserve(cordon__listener *listener);
int               knock(intptr_t *handle);

typedef struct pair {
    cordon__listener *listener;
    intptr_t          client, server;
} pair;

pair connect_both(void);

#endif
