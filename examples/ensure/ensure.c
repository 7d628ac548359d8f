/* Asks the tray for its status, and starts it first where it is not there:
 *     ensure [TRAY]          the program to start; "tray", along PATH */
#include <cordon.h>
#include <stdio.h>
#include <stdlib.h>

static int ask(cordon_session *session, cordon_fault *fault)
{
    const int    is_started = cordon_session_server(session)->is_started;
    cordon_bytes reply;
    int          code;

    code = cordon_session_call(&reply, session, cordon_text("{\"do\":\"status\"}"), NULL, fault);
    if (code == CORDON_OK)
        printf("%s: %.*s\n", is_started ? "started" : "joined", (int)reply.size,
               (const char *)reply.data);
    return code;
}

int main(int argc, char **argv)
{
    const char             *directory = getenv("TRAY_DIR"); /* NULL: the default one */
    const char             *tray[] = {argc > 1 ? argv[1] : "tray", directory, NULL};
    cordon_endpoint_options where = CORDON_ENDPOINT_OPTIONS_INIT;
    cordon_start_options    start = CORDON_START_OPTIONS_INIT;
    cordon_session_options  how = CORDON_SESSION_OPTIONS_INIT;
    cordon_endpoint        *endpoint = NULL;
    cordon_session         *session = NULL;
    cordon_fault            fault = CORDON_FAULT_INIT;
    int                     code;

    where.directory = directory;
    start.argv = tray;
    how.start = &start; /* connect, or start it exactly once, however many do so now */
    code = cordon_endpoint_open(&endpoint, "tray", &where, &fault);
    if (code == CORDON_OK)
        code = cordon_session_open(&session, endpoint, &how, &fault);
    if (code == CORDON_OK)
        code = ask(session, &fault);
    if (code != CORDON_OK)
        fprintf(stderr, "%s\n", cordon_fault_line(&fault));
    cordon_session_close(session);
    cordon_endpoint_close(endpoint);
    return code == CORDON_OK ? 0 : 1;
}
