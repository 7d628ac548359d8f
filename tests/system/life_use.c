#include "life_use.h"

static int call(cordon_endpoint *endpoint, const char *body, unsigned flags)
{
    cordon_call_options options = CORDON_CALL_OPTIONS_INIT;
    cordon_buffer       reply = CORDON_BUFFER_INIT;
    int                 code;

    options.timeout_ms = SUPPORT_SOON;
    options.flags = flags;
    code = cordon_call(&reply, endpoint, cordon_text(body), &options, NULL);
    cordon_buffer_free(&reply);
    return code;
}

static int allow_stop(const cordon_peer *peer, void *user)
{
    (void)peer;
    (void)user;
    return CORDON_OK;
}

void life_use_session(cordon_endpoint *endpoint, unsigned flags)
{
    const int              is_json = (flags & CORDON_NO_BINARY) != 0;
    const char            *held = is_json ? "\"hold\"" : "hold";
    cordon_session_options options = CORDON_SESSION_OPTIONS_INIT;
    cordon_session        *session = NULL;
    const cordon_message  *message;
    cordon_bytes           reply;
    cordon_fault           fault = CORDON_FAULT_INIT;
    uint32_t               id;

    options.flags = flags;
    SUPPORT_CODE(cordon_session_open(&session, endpoint, &options, &fault), CORDON_OK, &fault);
    SUPPORT_CODE(cordon_session_call(&reply, session, cordon_text("1"), NULL, &fault), CORDON_OK,
                 &fault);
    SUPPORT_CODE(cordon_session_send(&id, session, cordon_text("2"), NULL, &fault), CORDON_OK,
                 &fault);
    SUPPORT_CODE(cordon_session_receive(&message, session, 0, &fault), CORDON_OK, &fault);
    SUPPORT_CODE(cordon_session_send(&id, session, cordon_text(held), NULL, &fault), CORDON_OK,
                 &fault);
    SUPPORT_CHECK(cordon_session_receive(&message, session, 20, &fault) == CORDON_ETIMEDOUT);
    SUPPORT_CHECK(cordon_session_cancel(session, id) == CORDON_OK);
    cordon_session_close(session);
}

static void stop_by_session(cordon_endpoint *endpoint)
{
    cordon_session_options options = CORDON_SESSION_OPTIONS_INIT;
    cordon_session        *session = NULL;
    cordon_fault           fault = CORDON_FAULT_INIT;
    cordon_bytes           status;

    options.flags = CORDON_CONTROL;
    SUPPORT_CODE(cordon_session_open(&session, endpoint, &options, &fault), CORDON_OK, &fault);
    SUPPORT_CODE(cordon_session_status(&status, session, 0, &fault), CORDON_OK, &fault);
    SUPPORT_CODE(cordon_session_stop(session, SUPPORT_SOON, &fault), CORDON_OK, &fault);
    cordon_session_close(session);
}

void life_use_everything(const char *root)
{
    cordon_server_options options = CORDON_SERVER_OPTIONS_INIT;
    cordon_endpoint      *endpoint;
    support_server       *server;
    cordon_fault          fault = CORDON_FAULT_INIT;

    options.on_stop = allow_stop;
    support_server_open(&server, root, NULL, &options);
    endpoint = support_endpoint(root);
    SUPPORT_CHECK(call(endpoint, "echo", 0) == CORDON_OK);
    SUPPORT_CHECK(call(endpoint, "\"echo\"", CORDON_NO_BINARY) == CORDON_OK);
    SUPPORT_CHECK(call(endpoint, "fail", 0) == CORDON_EAPP);
    SUPPORT_CHECK(call(endpoint, "size 900000", 0) == CORDON_OK);
    life_use_session(endpoint, 0);
    life_use_session(endpoint, CORDON_NO_BINARY);
    SUPPORT_CODE(life_refused(root, 0, &fault), CORDON_EADDRINUSE, &fault);
    stop_by_session(endpoint);
    support_server_close(server);
    SUPPORT_CHECK(call(endpoint, "echo", 0) == CORDON_ENOTRUNNING);
    cordon_endpoint_close(endpoint);
}
