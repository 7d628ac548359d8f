/*
 * A channel that goes on with requests: its pair becomes a session of a server, or of one who
 * asks. The child, if there is one, stays the channel's.
 */
#include "dialect.h"

#include "call.h"
#include "channel.h"
#include "server.h"

#include <string.h>

/* Who is at the other end, as far as we know: it holds the other half, so it is meant to. */
static void tell_peer(cordon__identity *peer, const cordon_channel *channel)
{
    memset(peer, 0, sizeof *peer);
    if (channel->child == NULL)
        return;
    peer->pid = cordon__child_pid(channel->child);
    peer->known = CORDON_PEER_PID;
}

/* May it, and is nothing said that was not received? */
static int prepare(cordon_channel *channel, const char *during, cordon_fault *fault)
{
    int code;

    cordon__channel_settle(channel);
    if (channel->state == CORDON__CHANNEL_OVER || channel->state == CORDON__CHANNEL_MUTE)
        return cordon__fault_set(fault, CORDON_ECLOSED, during);
    if (channel->state == CORDON__CHANNEL_PASSED)
        return cordon__fault_found(fault, CORDON_EINVAL, during, NULL, 0, 0,
                                   "it carries requests already");
    code = cordon__channel_confirm(channel, cordon__now() + CORDON__CHANNEL_MS, fault);
    if (code == CORDON_OK && (channel->part != CORDON__PART_HEAD || channel->have > 0))
        code = cordon__fault_found(fault, CORDON_EINVAL, during, NULL, 0, 0,
                                   "a message has come that nobody received");
    return code;
}

static void pass(cordon_channel *channel)
{
    channel->state = CORDON__CHANNEL_PASSED;
    cordon__channel_end(channel);
}

/* ---- Serving ------------------------------------------------------------------- */

typedef struct serving {
    cordon_channel *channel;
    cordon_server  *server;
    cordon_fault   *fault;
    int             code;
} serving;

static void serve_on_loop(void *context)
{
    serving         *wanted = context;
    cordon__line    *line = &wanted->channel->line;
    const intptr_t   handle = line->handle;
    cordon__identity peer;

    tell_peer(&peer, wanted->channel);
    line->handle = CORDON__NO_HANDLE;
    cordon__line_close(line); /* what it has beside the handle */
    wanted->code = cordon__door_private(wanted->server, handle, &peer, wanted->fault);
    if (wanted->code != CORDON_OK)
        line->handle = handle;
}

static int serve(cordon_channel *channel, cordon_server *server, cordon_fault *fault)
{
    serving wanted = {channel, server, fault, CORDON_OK};
    int     code = prepare(channel, "serve channel", fault);

    if (code == CORDON_OK)
        code = cordon__loop_call(server->loop, serve_on_loop, &wanted, fault);
    if (code == CORDON_OK)
        code = wanted.code;
    if (code == CORDON_OK)
        pass(channel);
    return code;
}

int cordon_channel_serve(cordon_channel *channel, cordon_server *server, cordon_fault *fault)
{
    cordon_fault why;
    int          code;

    cordon__fault_clear(&why);
    if (channel == NULL || server == NULL)
        return cordon__misuse(fault, "serve channel", NULL);
    code = serve(channel, server, &why);
    return code == CORDON_OK ? CORDON_OK : cordon__fault_give(fault, &why);
}

/* ---- Asking ---------------------------------------------------------------------- */

int cordon_channel_ask(cordon_session **session, cordon_channel *channel,
                       const cordon_session_options *options, cordon_fault *fault)
{
    cordon_fault     why;
    cordon__identity peer;
    int              code;

    cordon__fault_clear(&why);
    if (session != NULL)
        *session = NULL;
    if (session == NULL || channel == NULL)
        return cordon__misuse(fault, "ask channel", NULL);
    code = prepare(channel, "ask channel", &why);
    tell_peer(&peer, channel);
    if (code == CORDON_OK)
        code = cordon__session_over(session, &channel->line, &peer, options, &why);
    if (code != CORDON_OK)
        return cordon__fault_give(fault, &why);
    memset(&channel->line, 0, sizeof channel->line); /* it is the session's */
    channel->line.handle = CORDON__NO_HANDLE;
    pass(channel);
    return CORDON_OK;
}
