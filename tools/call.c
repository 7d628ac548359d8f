#include "client.h"
#include "io.h"
#include "report.h"
#include "verb.h"

#include <stdlib.h>
#include <string.h>

#include <uv.h>

/* What to send. *owned is to be freed. */
static int take_body(cordon_bytes *body, char **owned, const struct options *options)
{
    int code;

    *owned = NULL;
    *body = cordon_text(options->body);
    if (options->body == NULL || strcmp(options->body, "-") != 0)
        return EXIT_DONE;
    code = io_read_all(owned, &body->size, LARGEST_BODY);
    body->data = *owned;
    if (code == UV_EMSGSIZE)
        return report_error(options, CORDON_EMSGSIZE, "read body", "standard input", 0);
    if (code != 0)
        return report_error(options, CORDON_ESYSTEM, "read body", "standard input", code);
    return EXIT_DONE;
}

static int ask(const struct options *options, cordon_endpoint *endpoint, cordon_bytes body)
{
    cordon_call_options how = CORDON_CALL_OPTIONS_INIT;
    cordon_buffer       reply = CORDON_BUFFER_INIT;
    cordon_fault        fault = CORDON_FAULT_INIT;
    cordon_bytes        got;
    char                program[64];
    int                 code, status;

    how.timeout_ms = options->timeout_ms;
    how.flags = options->framing == FRAMING_JSON ? CORDON_NO_BINARY : 0;
    how.max_reply = options->max;
    how.program = client_program(program);
    code = cordon_call(&reply, endpoint, body, &how, &fault);
    got.data = reply.data;
    got.size = reply.size;
    if (code == CORDON_EAPP) {
        status = report_failure(options, &fault, got);
    } else if (code != CORDON_OK) {
        status = report_fault(options, &fault);
    } else {
        code = io_write_line(got, 1);
        status = code ? report_error(options, CORDON_ESYSTEM, "print", "standard output", code) : 0;
    }
    cordon_buffer_free(&reply);
    return status;
}

int verb_call(const struct options *options)
{
    cordon_bytes     body;
    char            *owned;
    cordon_endpoint *endpoint;
    int              status;

    client_catch_interrupt();
    status = take_body(&body, &owned, options);
    if (status != EXIT_DONE)
        return status;
    endpoint = client_endpoint(options, &status);
    if (endpoint != NULL) {
        status = ask(options, endpoint, body);
        cordon_endpoint_close(endpoint);
    }
    free(owned);
    return status;
}
