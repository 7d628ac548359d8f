#include "client.h"
#include "report.h"
#include "text.h"
#include "verb.h"

#include <stdio.h>

static void print_outcome(const struct options *options, const cordon_server_info *server)
{
    const char *outcome = server->is_started ? "started" : "joined";

    if (!options->is_json) {
        printf("%s\n", outcome);
        return;
    }
    printf("{\"outcome\":\"%s\"", outcome);
    if ((server->peer->known & CORDON_PEER_PID) != 0)
        printf(",\"pid\":%llu", (unsigned long long)server->peer->pid);
    if (server->peer->program != NULL) {
        printf(",\"program\":");
        text_print_json(stdout, cordon_text(server->peer->program));
    }
    printf("}\n");
}

int verb_ensure(const struct options *options)
{
    cordon_start_options   start = CORDON_START_OPTIONS_INIT;
    cordon_session_options how = CORDON_SESSION_OPTIONS_INIT;
    cordon_session        *session = NULL;
    cordon_fault           fault = CORDON_FAULT_INIT;
    char                   program[64];
    int                    status;
    cordon_endpoint       *endpoint = client_endpoint(options, &status);

    if (endpoint == NULL)
        return status;
    client_catch_interrupt();
    start.argv = (const char *const *)options->command;
    how.start = &start;
    how.program = client_program(program);
    how.timeout_ms = options->timeout_ms; /* 0: 20 s */
    how.max_reply = options->max;
    if (options->framing == FRAMING_JSON)
        how.flags = CORDON_NO_BINARY;
    if (cordon_session_open(&session, endpoint, &how, &fault) == CORDON_OK)
        print_outcome(options, cordon_session_server(session));
    else
        status = report_fault(options, &fault);
    cordon_session_close(session);
    cordon_endpoint_close(endpoint);
    return status;
}
