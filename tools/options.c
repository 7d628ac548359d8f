#include "options.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "report.h"

/* How one option is read: `value` names what follows it, NULL when nothing does.
 * set answers 0 when the value makes sense. */
struct rule {
    const char *name;
    const char *value;
    unsigned    verbs;
    int (*set)(struct options *out, const char *value);
    const char *help;
};

/* Digits only, from `least` to `most`. */
static int parse_number(unsigned long long *number, const char *text, unsigned long long least,
                        unsigned long long most)
{
    unsigned long long sum = 0;

    if (*text == '\0')
        return -1;
    for (; *text != '\0'; text++) {
        if (!isdigit((unsigned char)*text))
            return -1;
        sum = sum * 10 + (unsigned)(*text - '0');
        if (sum > most)
            return -1;
    }
    *number = sum;
    return sum < least ? -1 : 0;
}

static int parse_time(int *ms, const char *text)
{
    unsigned long long number;

    if (strcmp(text, "none") == 0) {
        *ms = CORDON_FOREVER;
        return 0;
    }
    if (parse_number(&number, text, 0, INT_MAX) != 0)
        return -1;
    *ms = number == 0 ? CORDON_AT_ONCE : (int)number;
    return 0;
}

static int parse_count(unsigned *count, const char *text)
{
    unsigned long long number;

    if (parse_number(&number, text, 1, 65535) != 0)
        return -1;
    *count = (unsigned)number;
    return 0;
}

static int set_directory(struct options *out, const char *value)
{
    out->directory = value;
    return *value == '\0' ? -1 : 0;
}

static int set_name(struct options *out, const char *value)
{
    out->name = value;
    return 0;
}

static int set_timeout(struct options *out, const char *value)
{
    return parse_time(&out->timeout_ms, value);
}

static int set_framing(struct options *out, const char *value)
{
    if (strcmp(value, "binary") == 0)
        out->framing = FRAMING_BINARY;
    else if (strcmp(value, "json") == 0)
        out->framing = FRAMING_JSON;
    else
        return -1;
    return 0;
}

static int set_max(struct options *out, const char *value)
{
    unsigned long long number;

    if (parse_number(&number, value, SMALLEST_BODY, LARGEST_BODY) != 0)
        return -1;
    out->max = (size_t)number;
    return 0;
}

static int set_echo(struct options *out, const char *value)
{
    (void)value;
    out->is_echo = 1;
    return 0;
}

static int set_max_sessions(struct options *out, const char *value)
{
    return parse_count(&out->max_sessions, value);
}

static int set_max_in_flight(struct options *out, const char *value)
{
    return parse_count(&out->max_in_flight, value);
}

static int set_allow_stop(struct options *out, const char *value)
{
    (void)value;
    out->allows_stop = 1;
    return 0;
}

static int set_drain(struct options *out, const char *value)
{
    int code = parse_time(&out->drain_ms, value);

    return out->drain_ms == CORDON_FOREVER ? -1 : code; /* an end must come */
}

static int set_idle_exit(struct options *out, const char *value)
{
    int code = parse_time(&out->idle_ms, value);

    return out->idle_ms == CORDON_AT_ONCE ? -1 : code; /* nobody could come */
}

static int set_ready_fd(struct options *out, const char *value)
{
    unsigned long long number;

    if (parse_number(&number, value, 0, INT_MAX) != 0)
        return -1;
    out->ready_fd = (int)number;
    return 0;
}

static int set_listen_fd(struct options *out, const char *value)
{
    unsigned long long number;

    if (parse_number(&number, value, 3, INT_MAX) != 0)
        return -1;
    out->listen_fd = (int)number;
    return 0;
}

static int set_activated(struct options *out, const char *value)
{
    (void)value;
    out->is_activated = 1;
    return 0;
}

static int set_pty(struct options *out, const char *value)
{
    (void)value;
    out->is_pty = 1;
    return 0;
}

static int set_fd(struct options *out, const char *value)
{
    if (out->file_count == OPTIONS_FILES)
        return -1;
    out->files[out->file_count++] = value;
    return 0;
}

static int set_message(struct options *out, const char *value)
{
    out->body = value;
    return 0;
}

static int set_json(struct options *out, const char *value)
{
    (void)value;
    out->is_json = 1;
    return 0;
}

static int set_trace(struct options *out, const char *value)
{
    (void)value;
    out->is_traced = 1;
    return 0;
}

static int set_help(struct options *out, const char *value)
{
    (void)value;
    out->is_help = 1;
    return 0;
}

static int set_version(struct options *out, const char *value)
{
    (void)value;
    out->is_version = 1;
    return 0;
}

static const struct rule rules[] = {
    {"--echo", NULL, VERB_SERVE, set_echo, "answer each request with its own body"},
    {"--allow-stop", NULL, VERB_SERVE, set_allow_stop, "let `cordon stop` end it"},
    {"--max-sessions", "N", VERB_SERVE, set_max_sessions, "clients at a time (128)"},
    {"--max-in-flight", "N", VERB_SERVE, set_max_in_flight, "requests at a time (64)"},
    {"--drain", "MS", VERB_SERVE, set_drain, "time for answers under way when it ends (250)"},
    {"--idle-exit", "MS", VERB_SERVE, set_idle_exit, "end when nobody was there for that long"},
    {"--ready-fd", "N", VERB_SERVE, set_ready_fd,
     "write \"ready\" to this descriptor when it accepts"},
    {"--listen-fd", "N", VERB_SERVE, set_listen_fd,
     "listen on this descriptor, a socket that is bound to the address"},
    {"--activated", NULL, VERB_SERVE, set_activated,
     "listen on the socket that a service manager has made (LISTEN_FDS)"},
    {"--pty", NULL, VERB_RUN, set_pty, "relay the terminal that the child sends"},
    {"--fd", "FILE", VERB_RUN, set_fd, "open it and send it to the child; may be repeated"},
    {"--message", "TEXT|-", VERB_RUN, set_message,
     "what the child is told first; - reads it from standard input"},
    {"--dir", "DIR", VERB_ENDPOINT, set_directory, "where it lives, instead of the data directory"},
    {"--name", "NAME", VERB_ENDPOINT, set_name, "which of the endpoints of APP (ipc)"},
    {"--timeout", "MS", VERB_ALL, set_timeout,
     "5000 if not given, ensure 20000, for cat and run none; 0 at once, none for ever; serve: for "
     "each CMD"},
    {"--framing", "binary|json", VERB_ENDPOINT, set_framing,
     "how to speak; serve: the only one taken"},
    {"--max", "BYTES", VERB_ENDPOINT, set_max,
     "largest reply, serve: and request; 4096 to 67108864 (reply 1048576, request 65536)"},
    {"--json", NULL, VERB_ALL, set_json, "machine-readable output and errors"},
    {"--trace", NULL, VERB_ALL, set_trace, "tell every step and its outcome on standard error"},
    {"--help", NULL, VERB_ALL, set_help, "this text"},
    {"--version", NULL, VERB_ALL, set_version, "of cordon"},
};

/* The rule for "--name" or "--name=value"; *value is what follows the sign, or NULL. */
static const struct rule *find_rule(const char *argument, const char **value)
{
    size_t size = strcspn(argument, "=");

    *value = argument[size] == '=' ? argument + size + 1 : NULL;
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (strlen(rules[i].name) == size && strncmp(rules[i].name, argument, size) == 0)
            return &rules[i];
    return NULL;
}

/* One option, argv[*at], and its value, which may be the argument behind it. */
static int parse_option(struct options *out, enum verb_bit verb, const char *verb_name, int argc,
                        char **argv, int *at)
{
    const char        *argument = argv[*at];
    const char        *value;
    const struct rule *rule = find_rule(argument, &value);

    if (rule == NULL)
        return report_usage(verb_name, argument, "is no option");
    if ((rule->verbs & (unsigned)verb) == 0)
        return report_usage(verb_name, rule->name, "is not for this verb");
    if (rule->value == NULL && value != NULL)
        return report_usage(verb_name, rule->name, "takes no value");
    if (rule->value != NULL && value == NULL) {
        if (*at + 1 >= argc)
            return report_usage(verb_name, rule->name, "needs a value");
        *at += 1;
        value = argv[*at];
    }
    if (rule->set(out, value) != 0)
        return report_usage(verb_name, rule->name, "does not take that value");
    return 0;
}

/* One word that is no option: APP, then BODY for `call`. */
static int parse_word(struct options *out, enum verb_bit verb, const char *verb_name,
                      const char *word)
{
    if (out->app == NULL && verb != VERB_RUN)
        out->app = word;
    else if (verb == VERB_CALL && out->body == NULL)
        out->body = word;
    else if ((verb & VERB_WITH_COMMAND) != 0)
        return report_usage(verb_name, word, "is in the way: a CMD stands behind --");
    else
        return report_usage(verb_name, word, "is one word too many");
    return 0;
}

static int check(const struct options *out, enum verb_bit verb, const char *verb_name)
{
    if (out->is_help || out->is_version)
        return 0;
    if (out->app == NULL && verb != VERB_RUN)
        return report_usage(verb_name, "APP", "is missing");
    if (verb == VERB_SERVE && out->is_echo == (out->command != NULL))
        return report_usage(verb_name, "serve", "needs either --echo or -- CMD");
    if ((verb & (VERB_ENSURE | VERB_RUN)) != 0 && out->command == NULL)
        return report_usage(verb_name, verb_name, "needs -- CMD");
    if (out->is_activated && out->listen_fd != NO_DESCRIPTOR)
        return report_usage(verb_name, "--activated", "and --listen-fd are two sockets");
    if ((verb & (VERB_STATUS | VERB_STOP)) != 0 && out->framing == FRAMING_JSON)
        return report_usage(verb_name, "--framing json", "knows no status and no stop");
    return 0;
}

int options_parse(struct options *out, enum verb_bit verb, const char *verb_name, int argc,
                  char **argv)
{
    int is_ended = 0; /* a -- was seen */

    memset(out, 0, sizeof *out);
    out->ready_fd = NO_DESCRIPTOR;
    out->listen_fd = NO_DESCRIPTOR;
    for (int at = 0; at < argc; at++) {
        if (is_ended && (verb & VERB_WITH_COMMAND) != 0 && (out->app != NULL || verb == VERB_RUN)) {
            out->command = argv + at;
            break;
        }
        if (!is_ended && strcmp(argv[at], "--") == 0)
            is_ended = 1;
        else if (!is_ended && strncmp(argv[at], "--", 2) == 0) {
            if (parse_option(out, verb, verb_name, argc, argv, &at) != 0)
                return -1;
        } else if (parse_word(out, verb, verb_name, argv[at]) != 0)
            return -1;
    }
    return check(out, verb, verb_name) == 0 ? 0 : -1;
}

void options_help(enum verb_bit verb)
{
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        char left[40];

        if ((rules[i].verbs & (unsigned)verb) == 0)
            continue;
        snprintf(left, sizeof left, "%s %s", rules[i].name, rules[i].value ? rules[i].value : "");
        printf("  %-22s %s\n", left, rules[i].help);
    }
}
