/*
 * What the verbs that ask have in common: the endpoint, one deadline, Ctrl-C.
 */
#ifndef CLIENT_H
#define CLIENT_H

#include <stdint.h>

#include "cordon.h"
#include "options.h"

/* What we call ourselves: "cordon 0.1.0". */
const char *client_program(char text[64]);

/* The endpoint that the options name, traced if they say so; NULL after telling why
 * not: *status is the exit status. */
cordon_endpoint *client_endpoint(const struct options *options, int *status);

/* Likewise, without a word: CORDON_OK, or why not. */
int client_endpoint_try(const struct options *options, cordon_endpoint **endpoint,
                        cordon_fault *fault);

/* Ctrl-C ends the process with status 130, as an exit. */
void client_catch_interrupt(void);

/* One deadline for several calls. */
struct deadline {
    int      timeout_ms; /* as in cordon.h */
    uint64_t start;
};

struct deadline deadline_start(int timeout_ms, int fallback_ms);
int             deadline_left(const struct deadline *deadline); /* for the next call */

/* A control session, ready for status or stop. NULL after telling why not. */
cordon_session *client_control(const struct options *options, const struct deadline *deadline,
                               int *status);

#endif
