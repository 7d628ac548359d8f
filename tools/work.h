/*
 * `serve -- CMD`: one program for each request, the body on its standard input, the
 * reply from its standard output.
 */
#ifndef WORK_H
#define WORK_H

#include <stddef.h>

#include <uv.h>

#include "cordon.h"

struct work;

/* The requests under way. Set up the first five, zero the rest. */
struct pool {
    uv_loop_t   *uv;
    char       **command;    /* ends in NULL */
    int          timeout_ms; /* for each; CORDON_FOREVER, CORDON_AT_ONCE */
    size_t       max_reply;  /* bytes */
    unsigned     limit;      /* programs at a time */
    unsigned     running;
    struct work *first;
};

/* Answer the request with a run of the command: now or later, with a reply or a failure. */
void work_start(struct pool *pool, cordon_request *request, cordon_bytes body);

/* End all of them; what they would have answered is a failure. */
void work_stop_all(struct pool *pool);

#endif
