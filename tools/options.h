/*
 * What was typed, as a record. No verb looks at argv.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stddef.h>

#include "cordon.h"

/* The verbs, as bits: an option says to which of them it belongs. */
enum verb_bit {
    VERB_PATH = 1,
    VERB_SERVE = 2,
    VERB_CALL = 4,
    VERB_CAT = 8,
    VERB_STATUS = 16,
    VERB_STOP = 32,
    VERB_TOKEN = 64,
    VERB_DOCTOR = 128,
    VERB_ENSURE = 256,
    VERB_RUN = 512,
    VERB_ALL = 1023,
    VERB_ENDPOINT = VERB_ALL & ~VERB_RUN, /* those with an APP */
    VERB_WITH_COMMAND = VERB_SERVE | VERB_ENSURE | VERB_RUN
};

enum framing { FRAMING_ANY, FRAMING_BINARY, FRAMING_JSON };

#define NO_DESCRIPTOR (-1)
#define OPTIONS_FILES 64
#define LARGEST_BODY  ((size_t)64 << 20)
#define SMALLEST_BODY ((size_t)4096)

struct options {
    const char  *app;
    const char  *body;    /* call, run: NULL is empty, "-" is stdin */
    char       **command; /* serve, ensure, run: what stood behind --; ends in NULL. NULL: none */
    const char  *directory;
    const char  *name;
    int          timeout_ms; /* as in cordon.h; 0: not given */
    enum framing framing;
    size_t       max; /* 0: not given */
    int          is_json;
    int          is_traced;
    int          is_help;
    int          is_version;
    int          is_echo;
    int          allows_stop;
    unsigned     max_sessions;
    unsigned     max_in_flight;
    int          drain_ms;
    int          idle_ms;
    int          ready_fd;
    int          listen_fd;
    int          is_activated;
    int          is_pty;
    const char  *files[OPTIONS_FILES];
    size_t       file_count;
};

/*
 * Read what follows the verb. 0, or -1 after telling on stderr what is wrong.
 * With --help or --version nothing else is required. argv is kept, not copied.
 */
int options_parse(struct options *out, enum verb_bit verb, const char *verb_name, int argc,
                  char **argv);

/* A line for each option of the verb, on stdout. */
void options_help(enum verb_bit verb);

#endif
