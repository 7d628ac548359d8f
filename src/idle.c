/*
 * Leaving when nobody is here, without losing who comes at that moment: the
 * queue is looked at, the address goes, the queue is looked at once more. Who
 * is found there is served, and the address is published again; under our
 * lock, so nobody else has taken it meanwhile. Who finds no address was never
 * here, and no byte of it was sent.
 */
#include "dialect.h"

#include "server.h"

/* Who has started it and waits is told that it serves, and comes then: so long is waited for him.
 */
#define AWAITED_MS 2000

void cordon__idle_begin(cordon_server *server)
{
    int wait_ms = server->options.idle_ms;

    if (wait_ms < 0 || server->state != CORDON__SERVER_OPEN)
        return;
    if (server->is_awaited && wait_ms < AWAITED_MS)
        wait_ms = AWAITED_MS;
    server->idle_due = cordon__now() + (uint64_t)wait_ms;
    cordon__server_due(server, server->idle_due);
}

void cordon__idle_end(cordon_server *server)
{
    server->idle_due = CORDON__NEVER;
    server->is_awaited = 0;
}

/* Neither a session, nor a connection that may become one, nor a request under way. */
static int is_deserted(const cordon_server *server)
{
    for (const cordon__session *session = server->strangers.first; session != NULL;
         session = session->next) {
        if (!cordon__session_is_over(session))
            return 0;
    }
    return server->guest_count == 0 && server->requests.in_flight == 0;
}

/* Is nobody here, and nobody at the door? Who is there has come in then; one who has been served
 * and has left again has begun the time anew. */
static int is_empty(cordon_server *server)
{
    return cordon__door_open(server) == CORDON__NOBODY && is_deserted(server) &&
           server->idle_due == CORDON__NEVER;
}

/* If the address cannot be published again now, it is at the next look. */
static void stay(cordon_server *server, uint64_t now)
{
    cordon_fault      fault;
    cordon__listener *old = NULL;
    int               code;

    cordon__fault_clear(&fault);
    code = cordon__claim_look(&server->claim, &old, &fault);
    if (code == CORDON__GONE) {
        cordon__server_listen_again(server, old);
    } else if (code != 0) {
        cordon__listener_pause(server->claim.listener, 1);
        server->look_due = now + (uint64_t)server->options.pause_ms;
        cordon__server_trouble(server, &fault);
    }
}

/* It has gone; or somebody came just then, and it stays. */
static void leave(cordon_server *server, uint64_t now)
{
    cordon__claim_withdraw(&server->claim);
    if (is_empty(server))
        cordon__server_stop(server);
    else
        stay(server, now);
}

void cordon__idle_tick(cordon_server *server, uint64_t now)
{
    server->idle_due = CORDON__NEVER;
    if (server->state != CORDON__SERVER_OPEN)
        return;
    cordon__door_wake(server);            /* those have only to go */
    if (server->claim.endpoint == NULL) { /* it has no address where somebody could come */
        if (is_deserted(server))
            cordon__server_stop(server);
    } else if (!server->is_deaf && is_empty(server)) {
        leave(server, now);
    }
    if (server->guest_count == 0)
        cordon__idle_begin(server);
}
