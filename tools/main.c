/*
 * cordon: the command. Built on the public API and libuv alone.
 */
#include "host.h"
#include "report.h"
#include "verb.h"

#include <stdio.h>
#include <string.h>

struct verb {
    const char   *name;
    enum verb_bit bit;
    int (*run)(const struct options *options);
    const char *words; /* what follows the name */
    const char *summary;
    const char *example;
};

static const struct verb verbs[] = {
    {"path", VERB_PATH, verb_path, "APP", "where it lives: directory, address, token, locks",
     "cordon path tray"},
    {"serve", VERB_SERVE, verb_serve, "APP (--echo | -- CMD...)",
     "answer requests: with their own body, or by running CMD for each",
     "cordon serve tray -- tr a-z A-Z"},
    {"call", VERB_CALL, verb_call, "APP [BODY | -]",
     "send one request, print the reply's bytes; - reads the body from standard input",
     "cordon call tray 'hello'"},
    {"cat", VERB_CAT, verb_cat, "APP",
     "one session: a request a line from standard input, a reply a line, in order",
     "printf 'one\\ntwo\\n' | cordon cat tray"},
    {"ensure", VERB_ENSURE, verb_ensure, "APP -- CMD...",
     "connect, or start CMD once and connect; prints \"started\" or \"joined\"",
     "cordon ensure tray -- trayd"},
    {"status", VERB_STATUS, verb_status, "APP", "who serves it: pid, version, sessions, requests",
     "cordon status tray --json"},
    {"stop", VERB_STOP, verb_stop, "APP", "ask the server to end, return when it has gone",
     "cordon stop tray"},
    {"doctor", VERB_DOCTOR, verb_doctor, "APP",
     "what is wrong, the cause first, then every fact that was looked at", "cordon doctor tray"},
    {"run", VERB_RUN, verb_run, "-- CMD...",
     "start CMD as a child with a channel; its status is ours", "cordon run --pty -- ./pty sh"},
    {"token", VERB_TOKEN, verb_token, "APP", "print the token, for scripts in other languages",
     "TOKEN=$(cordon token tray)"},
};

#define VERB_COUNT (sizeof verbs / sizeof verbs[0])

static const char exits[] = "exit status\n"
                            "    0  done\n"
                            "    1  the handler answered with a failure\n"
                            "    2  wrong usage, or over a size limit\n"
                            "    3  not running\n"
                            "    4  refused: another user, unsafe path, bad token, permission\n"
                            "    5  the deadline passed, or the server is busy\n"
                            "    6  the peer broke the protocol, or no common version\n"
                            "    7  already running\n"
                            "    8  anything else the system said\n"
                            "    9  what should have been started failed\n"
                            "  130  interrupted\n";

static int print_help(void)
{
    printf("cordon: the processes of one user talk to each other, and nobody else\n\n");
    for (size_t i = 0; i < VERB_COUNT; i++)
        printf("  cordon %-6s %-25s %s\n", verbs[i].name, verbs[i].words, verbs[i].summary);
    printf("\ncordon VERB --help tells its options and an example.\n\n%s", exits);
    return EXIT_DONE;
}

static int print_verb_help(const struct verb *verb)
{
    printf("cordon %s %s\n  %s\n\n", verb->name, verb->words, verb->summary);
    options_help(verb->bit);
    printf("\nfor example\n  %s\n", verb->example);
    return EXIT_DONE;
}

static int print_version(void)
{
    printf("cordon %s\n", cordon_version());
    return EXIT_DONE;
}

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; i < VERB_COUNT; i++)
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    return NULL;
}

static int run(int argc, char **argv)
{
    const struct verb *verb;
    struct options     options;

    if (argc < 2)
        return report_usage("", "a verb", "is missing");
    if (strcmp(argv[1], "--help") == 0)
        return print_help();
    if (strcmp(argv[1], "--version") == 0)
        return print_version();
    verb = find_verb(argv[1]);
    if (verb == NULL)
        return report_usage("", argv[1], "is an unknown verb");
    if (options_parse(&options, verb->bit, verb->name, argc - 2, argv + 2) != 0)
        return EXIT_USAGE;
    if (options.is_help)
        return print_verb_help(verb);
    if (options.is_version)
        return print_version();
    return verb->run(&options);
}

int main(int argc, char **argv)
{
    char **words = host_begin(&argc, argv);
    int    status = words != NULL ? run(argc, words) : EXIT_SYSTEM;

    if ((fflush(stdout) != 0 || ferror(stdout)) && status == EXIT_DONE) {
        fprintf(stderr, "cordon: print: the system refused (standard output)\n");
        return EXIT_SYSTEM;
    }
    return status;
}
