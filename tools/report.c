#include "report.h"

#include <stdio.h>
#include <string.h>

#include <uv.h>

#include "host.h"
#include "text.h"

int report_status(const cordon_fault *fault)
{
    switch (fault->code) {
    case CORDON_OK:
        return EXIT_DONE;
    case CORDON_EAPP:
        return EXIT_HANDLER;
    case CORDON_EINVAL:
    case CORDON_EMSGSIZE:
    case CORDON_ENAMETOOLONG:
        return EXIT_USAGE;
    case CORDON_ENOTRUNNING:
        return EXIT_NOT_RUNNING;
    case CORDON_ECLOSED:
        return fault->is_sent ? EXIT_PROTOCOL : EXIT_NOT_RUNNING;
    case CORDON_EDENIED:
    case CORDON_EUNSAFE:
    case CORDON_EIMPOSTOR:
    case CORDON_EUNAUTHORIZED:
        return EXIT_REFUSED;
    case CORDON_EBUSY:
    case CORDON_ENOTREADY:
    case CORDON_ETIMEDOUT:
        return EXIT_LATE;
    case CORDON_EPROTOCOL:
    case CORDON_EVERSION:
    case CORDON_EUNSUPPORTED:
        return EXIT_PROTOCOL;
    case CORDON_EADDRINUSE:
        return EXIT_RUNNING;
    case CORDON_ELAUNCH:
        return EXIT_LAUNCH;
    default:
        return EXIT_SYSTEM;
    }
}

/* What a person can do; NULL when there is nothing to say. %s is APP and where it is. */
static const char *find_advice(const cordon_fault *fault)
{
    switch (fault->code) {
    case CORDON_EINVAL:
        return "see cordon --help";
    case CORDON_ENAMETOOLONG:
        return host_advice_too_long;
    case CORDON_EADDRINUSE:
        return "stop it first (cordon stop %s), or serve another --name";
    case CORDON_ENOTRUNNING:
        return "start it; for a try: cordon serve %s --echo";
    case CORDON_EBUSY:
        return "try again later";
    case CORDON_ENOTREADY:
        return "it is starting: try again soon";
    case CORDON_EDENIED:
        return host_advice_denied;
    case CORDON_EUNSAFE:
        return host_advice_unsafe;
    case CORDON_EIMPOSTOR:
        return "another user serves that address; nothing was sent to it: see cordon path %s";
    case CORDON_EUNAUTHORIZED:
        return "use the --dir and --name of the server; if they are right, restart it";
    case CORDON_EVERSION:
        return "use the cordon that the server was built with; status and stop work with any";
    case CORDON_EMSGSIZE:
        return "send less, or raise --max: of serve for requests, of both sides for replies";
    case CORDON_ELAUNCH:
        return "run it by hand to see what it says";
    case CORDON_ETIMEDOUT:
        return "give it more time with --timeout MS";
    case CORDON_ECLOSED:
        return fault->is_sent ? "the request may have run: look before you repeat it"
                              : "nothing was sent: try again";
    case CORDON_EUNSUPPORTED:
        return "the server does not allow it; cordon status %s tells its pid";
    default:
        return NULL;
    }
}

const char *report_advice(char text[REPORT_ADVICE], const struct options *options,
                          const cordon_fault *fault)
{
    const char *advice = find_advice(fault);
    const char *gap = advice != NULL ? strstr(advice, "%s") : NULL;

    if (gap == NULL)
        return advice;
    if (options->app == NULL)
        return NULL;
    snprintf(text, REPORT_ADVICE, "%.*s%s%s%s%s%s%s", (int)(gap - advice), advice, options->app,
             options->directory ? " --dir " : "", options->directory ? options->directory : "",
             options->name ? " --name " : "", options->name ? options->name : "", gap + 2);
    return text;
}

/* The system's own words for the code in the fault; NULL when there is none. */
static const char *system_text(const cordon_fault *fault, char text[128])
{
    int code = uv_translate_sys_error((int)fault->os_code);

    if (fault->os_code == 0)
        return NULL;
    if (code != UV_UNKNOWN)
        return uv_strerror_r(code, text, 128);
    snprintf(text, 128, "system error %lu", (unsigned long)fault->os_code);
    return text;
}

/* A member of an object on stderr. */
static void print_member(const char *name, const char *value)
{
    fprintf(stderr, ",\"%s\":", name);
    text_print_json(stderr, cordon_text(value));
}

static void print_json(const struct options *options, const cordon_fault *fault, cordon_bytes reply)
{
    char words[128], advice[REPORT_ADVICE];

    fprintf(stderr, "{\"exit\":%d,\"code\":\"%s\"", report_status(fault),
            cordon_error_name(fault->code));
    print_member("step", fault->during);
    print_member("cause", cordon_error_text(fault->code));
    print_member("path", fault->path);
    print_member("text", fault->text);
    print_member("system", system_text(fault, words));
    fprintf(stderr, ",\"os_code\":%lu,\"app_code\":%d,\"is_sent\":%s",
            (unsigned long)fault->os_code, fault->app_code, fault->is_sent ? "true" : "false");
    if (fault->code == CORDON_EAPP || reply.size > 0) {
        fputs(",\"failure\":", stderr);
        text_print_json(stderr, reply);
    }
    if (fault->code == CORDON_ELAUNCH)
        fprintf(stderr, ",\"exit_status\":%d", fault->exit_status);
    print_member("advice", report_advice(advice, options, fault));
    fputs("}\n", stderr);
}

static void print_lines(const struct options *options, cordon_fault *fault)
{
    char        room[REPORT_ADVICE], buffer[128];
    const char *advice = report_advice(room, options, fault);
    const char *words = system_text(fault, buffer);

    fprintf(stderr, "cordon: %s", cordon_fault_line(fault));
    if (words != NULL)
        fprintf(stderr, ": %s", words);
    fputs("\n", stderr);
    if (advice != NULL) {
        fputs("  ", stderr);
        text_print(stderr, cordon_text(advice));
        fputs("\n", stderr);
    }
}

int report_fault(const struct options *options, cordon_fault *fault)
{
    static const cordon_bytes nothing = {NULL, 0};

    fflush(stdout);
    if (options->is_json)
        print_json(options, fault, nothing);
    else
        print_lines(options, fault);
    return report_status(fault);
}

int report_failure(const struct options *options, cordon_fault *fault, cordon_bytes text)
{
    const char *last = (const char *)text.data;

    fflush(stdout);
    if (options->is_json) {
        print_json(options, fault, text);
        return report_status(fault);
    }
    fault->text[0] = '\0'; /* the whole of it follows */
    print_lines(options, fault);
    text_print(stderr, text);
    if (text.size > 0 && last[text.size - 1] != '\n')
        fputs("\n", stderr);
    return report_status(fault);
}

int report_error(const struct options *options, int code, const char *during, const char *path,
                 int system)
{
    cordon_fault fault = CORDON_FAULT_INIT;

    fault.code = code;
    fault.during = during;
    snprintf(fault.path, sizeof fault.path, "%s", path ? path : "");
    if (system != 0)
        snprintf(fault.text, sizeof fault.text, "%s", uv_strerror(system));
    return report_fault(options, &fault);
}

int report_usage(const char *verb_name, const char *subject, const char *says)
{
    fputs("cordon: usage: ", stderr);
    text_print(stderr, cordon_text(subject));
    fprintf(stderr, " %s\n  see cordon %s%s--help\n", says, verb_name, *verb_name ? " " : "");
    return EXIT_USAGE;
}

void report_step(const cordon_fault *step, void *user)
{
    const struct options *options = (const struct options *)user;
    cordon_fault          copy = *step;

    if (options->is_json) {
        fprintf(stderr, "{\"trace\":\"%s\",\"code\":\"%s\"", step->during ? step->during : "",
                cordon_error_name(step->code));
        print_member("path", step->path);
        print_member("text", step->text);
        fprintf(stderr, ",\"os_code\":%lu}\n", (unsigned long)step->os_code);
        return;
    }
    fprintf(stderr, "trace: %s\n", cordon_fault_line(&copy));
}
