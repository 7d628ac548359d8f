/*
 * May a peer in? A plain function over what the system said of it: no system is
 * asked here, so every branch is tested on any machine with made-up identities.
 */
#ifndef CORDON__WIN32_VERDICT_H
#define CORDON__WIN32_VERDICT_H

#include "../dialect.h"

#include <stdint.h>

#define CORDON__SID_MAX 192 /* characters and a NUL of a SID in words */

/* Somebody, as a token or a descriptor tells. */
typedef struct cordon__subject {
    char     sid[CORDON__SID_MAX]; /* "S-1-5-21-..."; "" when it cannot be told */
    uint32_t level;                /* integrity: 0x1000 low, 0x2000 medium, 0x3000 high */
    int      has_level;
    int      is_app_container;
} cordon__subject;

enum cordon__verdict {
    CORDON__WELCOME = 0,
    CORDON__UNKNOWN,       /* it could not be told who: a stranger */
    CORDON__OTHER_USER,    /* another SID (anonymous, system, another account) */
    CORDON__LOWER,         /* its integrity is below ours, or unknown */
    CORDON__APP_CONTAINER, /* sandboxed */
};

/* A client at our server, and a server at our client by its pipe object's owner and label: same
 * SID, level not below ours, no AppContainer. trusts_system: the system's own account too, so
 * contained as little. */
enum cordon__verdict cordon__judge(const cordon__subject *other, const cordon__subject *own,
                                   int trusts_system);
/* For faults: "its integrity level is below ours". Static text. */
const char *cordon__verdict_text(enum cordon__verdict verdict);

#endif
