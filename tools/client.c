#include "client.h"

#include <stdio.h>

#include <uv.h>

#include "host.h"
#include "report.h"

const char *client_program(char text[64])
{
    snprintf(text, 64, "cordon %s", cordon_version());
    return text;
}

int client_endpoint_try(const struct options *options, cordon_endpoint **endpoint,
                        cordon_fault *fault)
{
    cordon_endpoint_options how = CORDON_ENDPOINT_OPTIONS_INIT;

    how.name = options->name;
    how.directory = options->directory;
    if (options->is_traced)
        how.trace = report_step;
    how.user = (void *)(uintptr_t)options;
    return cordon_endpoint_open(endpoint, options->app, &how, fault);
}

cordon_endpoint *client_endpoint(const struct options *options, int *status)
{
    cordon_endpoint *endpoint = NULL;
    cordon_fault     fault = CORDON_FAULT_INIT;

    if (client_endpoint_try(options, &endpoint, &fault) != CORDON_OK) {
        *status = report_fault(options, &fault);
        return NULL;
    }
    *status = EXIT_DONE;
    return endpoint;
}

void client_catch_interrupt(void)
{
    host_catch_interrupt(EXIT_INTERRUPTED);
}

struct deadline deadline_start(int timeout_ms, int fallback_ms)
{
    struct deadline made;

    made.timeout_ms = timeout_ms != 0 ? timeout_ms : fallback_ms;
    made.start = uv_hrtime();
    return made;
}

int deadline_left(const struct deadline *deadline)
{
    uint64_t gone_ms = (uv_hrtime() - deadline->start) / 1000000;

    if (deadline->timeout_ms < 0)
        return deadline->timeout_ms;
    if (gone_ms >= (uint64_t)deadline->timeout_ms)
        return CORDON_AT_ONCE;
    return deadline->timeout_ms - (int)gone_ms;
}

cordon_session *client_control(const struct options *options, const struct deadline *deadline,
                               int *status)
{
    cordon_session_options how = CORDON_SESSION_OPTIONS_INIT;
    cordon_session        *session = NULL;
    cordon_fault           fault = CORDON_FAULT_INIT;
    cordon_endpoint       *endpoint = client_endpoint(options, status);
    char                   program[64];

    if (endpoint == NULL)
        return NULL;
    how.program = client_program(program);
    how.flags = CORDON_CONTROL;
    how.timeout_ms = deadline_left(deadline);
    how.max_reply = options->max;
    if (cordon_session_open(&session, endpoint, &how, &fault) != CORDON_OK)
        *status = report_fault(options, &fault);
    cordon_endpoint_close(endpoint);
    return session;
}
