#include "client.h"
#include "report.h"
#include "text.h"
#include "verb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* All that was told, in order. */
struct facts {
    cordon_fault *all;
    size_t        count;
    int           is_cut; /* no memory for more */
};

static void keep(const cordon_fault *fact, void *user)
{
    struct facts *facts = user;
    cordon_fault *grown = realloc(facts->all, (facts->count + 1) * sizeof *grown);

    if (grown == NULL) {
        facts->is_cut = 1;
        return;
    }
    facts->all = grown;
    grown[facts->count++] = *fact;
}

/* The first trouble; without one the last fact, which tells who serves it. */
static cordon_fault *find_cause(const struct facts *facts)
{
    for (size_t i = 0; i < facts->count; i++)
        if (facts->all[i].code != CORDON_OK)
            return &facts->all[i];
    return facts->count > 0 ? &facts->all[facts->count - 1] : NULL;
}

/* ---- for people ------------------------------------------------------------------------ */

static void print_words(const cordon_fault *fact)
{
    const char *words = fact->text[0] != '\0' ? fact->text : cordon_error_text(fact->code);

    text_print(stdout, cordon_text(words));
    if (fact->path[0] != '\0') {
        printf(" (");
        text_print(stdout, cordon_text(fact->path));
        printf(")");
    }
    printf("\n");
}

static void print_fact(cordon_fault *fact)
{
    if (fact->code != CORDON_OK) {
        printf("  trouble  %s\n", cordon_fault_line(fact));
        return;
    }
    printf("  ok       %s: ", fact->during != NULL ? fact->during : "");
    print_words(fact);
}

static void print_plain(const struct options *options, const struct facts *facts,
                        const cordon_fault *cause)
{
    char        room[REPORT_ADVICE];
    const char *advice =
        cause->code == CORDON_ENOTRUNNING ? report_advice(room, options, cause) : NULL;

    printf("%s: ", options->app);
    print_words(cause);
    if (advice != NULL) {
        printf("  ");
        text_print(stdout, cordon_text(advice));
        printf("\n");
    }
    for (size_t i = 0; i < facts->count; i++)
        print_fact(&facts->all[i]);
    if (facts->is_cut)
        printf("  trouble  no memory for the other facts\n");
}

/* ---- for scripts ------------------------------------------------------------------------ */

static void print_member(const char *name, const char *value)
{
    printf(",\"%s\":", name);
    text_print_json(stdout, cordon_text(value));
}

static void print_record(const cordon_fault *fact)
{
    printf("\"code\":\"%s\"", cordon_error_name(fact->code));
    print_member("step", fact->during);
    print_member("text", fact->text);
    print_member("path", fact->path);
    printf(",\"expected\":%llu,\"actual\":%llu,\"os_code\":%lu", (unsigned long long)fact->expected,
           (unsigned long long)fact->actual, (unsigned long)fact->os_code);
}

static void print_json(const struct facts *facts, const cordon_fault *cause)
{
    printf("{\"exit\":%d,", report_status(cause));
    print_record(cause);
    printf(",\"facts\":[");
    for (size_t i = 0; i < facts->count; i++) {
        printf("%s{", i > 0 ? "," : "");
        print_record(&facts->all[i]);
        printf("}");
    }
    printf("]}\n");
}

/* ---- the verb ------------------------------------------------------------------------------ */

int verb_doctor(const struct options *options)
{
    cordon_endpoint *endpoint = NULL;
    cordon_fault     fault = CORDON_FAULT_INIT;
    struct facts     facts = {NULL, 0, 0};
    cordon_fault    *cause;

    client_catch_interrupt();
    if (client_endpoint_try(options, &endpoint, &fault) == CORDON_OK) {
        cordon_endpoint_check(endpoint, keep, &facts);
        cordon_endpoint_close(endpoint);
    } else {
        keep(&fault, &facts);
    }
    cause = find_cause(&facts);
    if (cause == NULL)
        return report_error(options, CORDON_ENOMEM, "doctor", NULL, 0);
    if (options->is_json)
        print_json(&facts, cause);
    else
        print_plain(options, &facts, cause);
    fault = *cause;
    free(facts.all);
    return report_status(&fault);
}
