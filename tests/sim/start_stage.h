/*
 * The stage on which starters are shown: a client, programs that it can start, and what came of it.
 */
#ifndef SIM_START_STAGE_H
#define SIM_START_STAGE_H

#include "../../src/dialect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sim.h"

#define DIRECTORY "/home/1000/.local/share/begin"

typedef struct host {
    sim_process     *process;
    cordon_loop     *loop;
    cordon_endpoint *endpoint;
    cordon_server   *server;
    int              code, is_closed;
} host;

typedef struct stage {
    host                   hosts[8];
    unsigned               count;    /* of them, so far */
    uint64_t               ready_at; /* lets nobody in before */
    sim_process           *guest;
    cordon_start_options   options;
    cordon_session_options session;
    cordon_fault           fault;
    int                    code, is_started, launches, status, left_ms;
    uint64_t               took;
    int                    wait_ms; /* of a program, until it does what it does */
    const char            *log;     /* all that is in options.log when it leaves; NULL: as it was */
} stage;

extern stage scene;

/* What can be started: serves; serves after wait_ms; leaves with `status` after wait_ms; does
 * nothing. */
extern const char *const daemon_argv[], *const late_argv[], *const leave_argv[],
                                                                *const sleep_argv[];

int   open_endpoint(cordon_endpoint **endpoint);
void  serve(void *ignored); /* the current process does */
void  start_by_hand(void);
host *last_host(void);
void  close_host(void *host);

void open_scene(const char *const *argv);
void close_scene(void);
void ask(void *ignored); /* the current process does, with scene.options and .session */
void check(int timeout_ms, int code);

#endif
