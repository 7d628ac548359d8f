/*
 * What people and scripts get to read when something fails, and the exit statuses.
 */
#ifndef REPORT_H
#define REPORT_H

#include "cordon.h"
#include "options.h"

enum exit_status {
    EXIT_DONE = 0,
    EXIT_HANDLER = 1,     /* the handler answered with a failure */
    EXIT_USAGE = 2,       /* also: what was given is out of range or over a limit */
    EXIT_NOT_RUNNING = 3, /* nobody there, or it left before anything was sent */
    EXIT_REFUSED = 4,     /* another user, unsafe path, bad token, permission */
    EXIT_LATE = 5,        /* the deadline passed, or the server is busy */
    EXIT_PROTOCOL = 6,    /* the peer broke the protocol, no common version, left half-way */
    EXIT_RUNNING = 7,     /* serve: a live server has the endpoint */
    EXIT_SYSTEM = 8,      /* anything else the system said */
    EXIT_LAUNCH = 9,      /* what should have been started failed */
    EXIT_INTERRUPTED = 130
};

/* The exit status of a fault. */
int report_status(const cordon_fault *fault);

#define REPORT_ADVICE 1024

/* What to do, with the endpoint as it was typed. NULL: nothing to say. */
const char *report_advice(char text[REPORT_ADVICE], const struct options *options,
                          const cordon_fault *fault);

/*
 * Tell a fault on stderr: one line with step, cause and path, and where there is
 * something to do, a second one with it. --json: one object. Returns report_status.
 */
int report_fault(const struct options *options, cordon_fault *fault);

/* A failure that a handler answered with, its text on the lines that follow. */
int report_failure(const struct options *options, cordon_fault *fault, cordon_bytes text);

/* A failure of the command itself; system is libuv's code or 0. Returns report_status. */
int report_error(const struct options *options, int code, const char *during, const char *path,
                 int system);

/* What somebody typed makes no sense: "cordon: usage: <subject> <says>". Returns EXIT_USAGE. */
int report_usage(const char *verb_name, const char *subject, const char *says);

/* For cordon_endpoint_options.trace; user is the options. */
void report_step(const cordon_fault *step, void *user);

#endif
