#include "dialect.h"

#include "server.h"

void cordon__server_due(cordon_server *server, uint64_t due)
{
    if (due >= server->timer_due || server->timer == NULL)
        return;
    server->timer_due = due;
    cordon__timer_set(server->timer, due);
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void tick_sessions(cordon__sessions *list, uint64_t now, int is_over)
{
    for (cordon__session *session = list->first; session != NULL; session = session->next) {
        if (is_over)
            cordon__session_close(session, CORDON_OK, "the server has stopped");
        else
            cordon__session_tick(session, now);
    }
}

static uint64_t sessions_due(const cordon__sessions *list)
{
    uint64_t due = CORDON__NEVER;

    for (const cordon__session *session = list->first; session != NULL; session = session->next) {
        if (session->life != CORDON__LIFE_CLOSED)
            due = least(due, cordon__session_due(session));
    }
    return due;
}

static void tick_requests(cordon_server *server, uint64_t now)
{
    for (cordon_request *request = server->requests.first; request != NULL;
         request = request->next) {
        if (now < request->due)
            continue;
        request->due = CORDON__NEVER;
        if (request->is_answered)
            continue;
        cordon__request_fail(request, CORDON__TIMED_OUT, "the handler took too long");
        cordon__request_turn(request, CORDON_LATE);
    }
}

static uint64_t requests_due(const cordon_server *server)
{
    uint64_t due = CORDON__NEVER;

    if (server->options.request_ms <= 0)
        return due;
    for (const cordon_request *request = server->requests.first; request != NULL;
         request = request->next)
        due = least(due, request->due);
    return due;
}

/* If not now, then at the next look. */
void cordon__server_listen_again(cordon_server *server, cordon__listener *old)
{
    cordon_fault fault;

    if (old != NULL) {
        cordon__door_empty(server, old);
        cordon__listener_close(old, NULL);
    }
    cordon__fault_clear(&fault);
    server->is_deaf = cordon__listener_attach(server->claim.listener, server->loop->uv,
                                              cordon__door_waiting, server, &fault) != 0;
    if (server->is_deaf)
        cordon__server_trouble(server, &fault);
}

static void look(cordon_server *server, uint64_t now)
{
    cordon_fault      fault = CORDON_FAULT_INIT;
    cordon__listener *old = NULL;
    int               code;

    server->look_due =
        server->options.look_ms < 0 ? CORDON__NEVER : now + (uint64_t)server->options.look_ms;
    code = cordon__claim_look(&server->claim, &old, &fault);
    if (code == CORDON__GONE) {
        (void)cordon__fault_set(&fault, CORDON_ECLOSED, "look at address");
        cordon__fault_path(&fault,
                           cordon__place_path(server->claim.endpoint->place, CORDON_ADDRESS));
        cordon__fault_text(&fault, "it was gone and has been published again");
        server->is_deaf = 1;
        cordon__server_trouble(server, &fault);
        code = 0;
    } else if (code != 0 && code != server->trouble) {
        cordon__server_trouble(server, &fault); /* once, not every half minute */
    }
    server->trouble = code;
    if (server->is_deaf)
        cordon__server_listen_again(server, old);
}

static void tick_server(cordon_server *server, uint64_t now)
{
    if (now >= server->accept_due) {
        server->accept_due = CORDON__NEVER;
        if (server->is_listening && !server->is_deaf) {
            cordon__listener_pause(server->claim.listener, 0);
            cordon__door_waiting(server);
        }
    }
    if (now >= server->resting_due) {
        server->resting_due = CORDON__NEVER;
        cordon__door_wake(server);
    }
    if (now >= server->look_due && server->state == CORDON__SERVER_OPEN)
        look(server, now);
    if (now >= server->idle_due)
        cordon__idle_tick(server, now);
    if (now >= server->host.trim_due) {
        server->host.trim_due = CORDON__NEVER;
        cordon__spares_trim(&server->host.spares, &server->host.memory);
    }
}

static uint64_t next_due(const cordon_server *server)
{
    uint64_t due = least(server->accept_due, server->look_due);

    due = least(due, server->drain_due);
    due = least(due, server->idle_due);
    due = least(due, server->resting_due);
    due = least(due, server->host.trim_due);
    due = least(due, sessions_due(&server->strangers));
    due = least(due, sessions_due(&server->members));
    return least(due, requests_due(server));
}

void cordon__server_tick(void *owner)
{
    cordon_server *server = owner;
    uint64_t       now = cordon__now();
    int            is_over = now >= server->drain_due;

    cordon__server_enter(server);
    cordon__desk_enter(&server->loop->desk);
    if (is_over)
        server->drain_due = CORDON__NEVER;
    tick_server(server, now);
    tick_requests(server, now);
    tick_sessions(&server->strangers, now, is_over);
    tick_sessions(&server->members, now, is_over);
    cordon__desk_leave(&server->loop->desk);
    server->timer_due = CORDON__NEVER;
    cordon__server_due(server, next_due(server));
    cordon__server_leave(server);
}
