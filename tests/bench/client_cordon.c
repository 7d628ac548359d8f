/* cordon's own client: the calls that wait. */
#include "bench.h"

#include "cordon.h"

enum { LARGEST = 64 << 20 };

static cordon_fault     fault = CORDON_FAULT_INIT;
static cordon_endpoint *met;

static void expect_ok(int code, const char *what)
{
    if (code != CORDON_OK)
        bench_die("%s: %s: %s", what, cordon_error_name(code), cordon_fault_line(&fault));
}

static void *meet(const char *place)
{
    cordon_endpoint_options options = CORDON_ENDPOINT_OPTIONS_INIT;

    options.directory = place;
    expect_ok(cordon_endpoint_open(&met, "bench", &options, &fault), "endpoint");
    return met;
}

static void *open_session(void *endpoint)
{
    cordon_session_options options = CORDON_SESSION_OPTIONS_INIT;
    cordon_session        *session;

    options.max_reply = LARGEST;
    expect_ok(cordon_session_open(&session, endpoint, &options, &fault), "session");
    return session;
}

static void send_body(void *session, bench_bytes body, int is_gathered)
{
    cordon_call_options options = CORDON_CALL_OPTIONS_INIT;

    options.flags = is_gathered ? CORDON_GATHER : 0;
    expect_ok(
        cordon_session_send(NULL, session, (cordon_bytes){body.data, body.size}, &options, &fault),
        "send");
}

static bench_bytes receive(void *session)
{
    const cordon_message *message;

    expect_ok(cordon_session_receive(&message, session, 0, &fault), "receive");
    if (message->kind != CORDON_REPLY)
        bench_die("receive: no reply but %d", (int)message->kind);
    return (bench_bytes){message->body.data, message->body.size};
}

static bench_bytes call(void *session, bench_bytes body)
{
    cordon_bytes reply;

    expect_ok(
        cordon_session_call(&reply, session, (cordon_bytes){body.data, body.size}, NULL, &fault),
        "call");
    return (bench_bytes){reply.data, reply.size};
}

static bench_bytes once(void *endpoint, bench_bytes body)
{
    static cordon_buffer reply;

    expect_ok(cordon_call(&reply, endpoint, (cordon_bytes){body.data, body.size}, NULL, &fault),
              "call");
    return (bench_bytes){reply.data, reply.size};
}

static void close_session(void *session)
{
    cordon_session_close(session);
}

int main(int argc, char **argv)
{
    static const bench_peer peer = {meet, open_session, send_body,    receive,
                                    call, once,         close_session};

    int status = bench_client(&peer, argc, argv);

    cordon_endpoint_close(met);
    return status;
}
