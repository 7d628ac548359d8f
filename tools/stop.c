#include "client.h"
#include "report.h"
#include "verb.h"

int verb_stop(const struct options *options)
{
    cordon_fault    fault = CORDON_FAULT_INIT;
    struct deadline until = deadline_start(options->timeout_ms, 5000);
    int             status;
    cordon_session *session;

    client_catch_interrupt();
    session = client_control(options, &until, &status);
    if (session == NULL)
        return status;
    if (cordon_session_stop(session, deadline_left(&until), &fault) != CORDON_OK)
        status = report_fault(options, &fault);
    cordon_session_close(session);
    return status;
}
