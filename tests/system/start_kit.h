/*
 * Daemons that are started for want of a server: the real command serves, detached from all of us.
 * Whoever starts one here ends it here (start_end_all); one whose test was killed leaves by itself.
 */
#ifndef START_KIT_H
#define START_KIT_H

#include "support.h"

/* So long it waits for clients: more than any test lets it wait. */
#define START_IDLE_MS "60000"
/* argv of a daemon for this directory: it echoes, and lets itself be stopped. */
typedef struct start_argv {
    const char *words[12];
} start_argv;
const char *const *start_daemon(start_argv *argv, const char *directory);

cordon_endpoint *start_endpoint(const char *directory); /* of the daemon */

/* How one call of cordon_session_open with these options ended. */
typedef struct start_answer {
    int          code, is_started;
    uint64_t     pid; /* of the server */
    uint64_t     took;
    cordon_fault fault;
} start_answer;
void start_ask(start_answer *answer, const char *directory, const cordon_start_options *start,
               int timeout_ms);

/* The pid of whoever serves it, by the kernel; 0: nobody. */
uint64_t start_server_pid(const char *directory);
/* Asked to, and waited for; nobody there is fine. */
void start_stop_server(const char *directory);

/* The end of a test, however it went: whoever serves there or is still on its way to it is waited
 * for, and stopped. Whoever does not end so is killed, and the test has failed. */
void start_end_all(const char *directory);
/* Processes that serve there, wanted or not; -1: the system does not tell. */
int start_count_daemons(const char *directory);

#endif
