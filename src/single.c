/*
 * Be the server, or be answered by it. Who is told that somebody serves asks
 * it; who finds it gone meanwhile tries to be the server again. The lifetime
 * lock decides the race; a message is handed over again only while it is
 * certain that no handler has seen it.
 */
#include "dialect.h"

#include <limits.h>

#include "call.h"
#include "server.h"

static const char step[] = "single";

#define STRANGERS 128 /* a desktop that comes up again starts many at once */
#define LOCK_MS   2000

typedef struct meeting {
    cordon_endpoint      *endpoint;
    cordon_loop          *loop;
    cordon_request_fn     on_request;
    cordon_bytes          message;
    cordon_server_options options;
    uint64_t              deadline;
} meeting;

/* What is left, as a time of cordon.h. */
static int time_left(uint64_t deadline)
{
    const uint64_t now = cordon__now();

    if (deadline == CORDON__NEVER)
        return CORDON_FOREVER;
    if (now >= deadline)
        return CORDON_AT_ONCE;
    return deadline - now < INT_MAX ? (int)(deadline - now) : INT_MAX;
}

static int shorter(int one, int other)
{
    if (one == CORDON_FOREVER || other == CORDON_AT_ONCE)
        return other;
    if (other == CORDON_FOREVER || one == CORDON_AT_ONCE)
        return one;
    return one < other ? one : other;
}

static int serve(cordon_server **server, const meeting *it, cordon_fault *fault)
{
    cordon_server_options options = it->options;

    if (options.max_strangers == 0)
        options.max_strangers = STRANGERS;
    options.lock_ms =
        shorter(options.lock_ms != 0 ? options.lock_ms : LOCK_MS, time_left(it->deadline));
    return cordon_server_open(server, it->loop, it->endpoint, it->on_request, &options, fault);
}

/* With the limits that its own server would have: it is the same program. */
static int ask(cordon_buffer *answer, const meeting *it, cordon_fault *fault)
{
    cordon_call_options options = CORDON_CALL_OPTIONS_INIT;

    options.timeout_ms = time_left(it->deadline);
    options.flags = it->options.flags & CORDON_NO_BINARY;
    options.max_reply = it->options.max_reply;
    options.program = it->options.program;
    return cordon_call(answer, it->endpoint, it->message, &options, fault);
}

static int meet(cordon_server **server, cordon_buffer *answer, const meeting *it,
                cordon_fault *fault)
{
    uint64_t pause_ms = 0;
    int      code;

    for (;;) {
        code = serve(server, it, fault);
        if (code != CORDON_EADDRINUSE)
            return code;
        cordon__fault_clear(fault);
        code = ask(answer, it, fault);
        if (code != CORDON_ENOTRUNNING || fault->is_sent)
            return code;
        /* It is leaving; or it has the lock and does not serve yet. */
        if (!cordon__pause_grow(&pause_ms, it->deadline) || cordon__now() >= it->deadline)
            break;
    }
    return cordon__fault_found(fault, CORDON_ETIMEDOUT, step,
                               cordon_endpoint_path(it->endpoint, CORDON_LOCK), 0, 0,
                               "somebody has the lock, but does not serve");
}

int cordon_single(cordon_server **server, cordon_buffer *answer, cordon_loop *loop,
                  cordon_endpoint *endpoint, cordon_request_fn on_request, cordon_bytes message,
                  const cordon_server_options *options, int timeout_ms, cordon_fault *fault)
{
    meeting      it = {endpoint, loop, on_request, message, CORDON_SERVER_OPTIONS_INIT, 0};
    cordon_fault why;
    int          code;

    cordon__fault_clear(&why);
    if (server == NULL || answer == NULL || loop == NULL || endpoint == NULL ||
        on_request == NULL || !cordon__body_is_valid(message))
        return cordon__misuse(fault, step, NULL);
    *server = NULL;
    answer->size = 0;
    if (answer->data != NULL)
        answer->data[0] = '\0';
    if ((options != NULL && cordon__options_read(&it.options, sizeof it.options, options) != 0) ||
        cordon__deadline(&it.deadline, timeout_ms, CORDON__CALL_MS) != CORDON_OK)
        return cordon__misuse(fault, step, NULL);
    code = meet(server, answer, &it, &why);
    return code == CORDON_OK ? code : cordon__fault_give(fault, &why);
}
