#include "dialect.h"

#include "server.h"

#include <string.h>

#include "speak.h"
#include "utf8.h"

#define ACCEPT_AT_MOST 64   /* in one go: the sessions have their turn too */
#define EMPTY_AT_MOST  1024 /* out of a backlog, at the end */
#define CONTROL_MAX    16   /* control sessions at once */

/* ---- Lists ----------------------------------------------------------------- */

static void push(cordon__sessions *list, cordon__session *session)
{
    session->next = NULL;
    session->previous = list->last;
    if (list->last != NULL)
        list->last->next = session;
    else
        list->first = session;
    list->last = session;
    list->count++;
}

static void pull(cordon__sessions *list, cordon__session *session)
{
    if (session->previous != NULL)
        session->previous->next = session->next;
    else
        list->first = session->next;
    if (session->next != NULL)
        session->next->previous = session->previous;
    else
        list->last = session->previous;
    list->count--;
}

/* ---- Who has only to go ----------------------------------------------------- */

static void rest(cordon_server *server, cordon__session *session)
{
    if (server->resting_count == CORDON__RESTING_MAX)
        cordon__door_wake(server);
    server->resting[server->resting_count++] = session;
    if (server->resting_due != CORDON__NEVER)
        return;
    server->resting_due = cordon__now() + CORDON__RESTING_MS;
    cordon__server_due(server, server->resting_due);
}

static void start(cordon_server *server, cordon__session *session)
{
    cordon__session_start(session);
    if (session->is_resting)
        rest(server, session);
}

static void forget(cordon_server *server, const cordon__session *session)
{
    size_t at = 0;

    while (server->resting[at] != session)
        at++;
    server->resting[at] = server->resting[--server->resting_count];
}

void cordon__door_wake(cordon_server *server)
{
    cordon__server_enter(server);
    /* One by one: what is told of the end of one may bring us here again. */
    while (server->resting_count > 0)
        cordon__session_wake(server->resting[--server->resting_count]);
    cordon__server_leave(server);
}

/* ---- Who comes in ---------------------------------------------------------- */

void cordon__server_trouble(cordon_server *server, const cordon_fault *fault)
{
    if (server->options.on_trouble != NULL)
        server->options.on_trouble(fault, server->options.user);
}

void cordon__server_peer(cordon_peer *peer, const cordon__session *session)
{
    memset(peer, 0, sizeof *peer);
    peer->known = session->peer_known;
    peer->uid = session->peer_uid;
    peer->gid = session->peer_gid;
    peer->pid = session->peer_pid;
    peer->sid = session->sid;
    peer->program = session->program;
}

static unsigned ask_app(cordon_server *server, cordon__session *session)
{
    cordon_peer peer;
    int         code;

    if (server->options.on_admit == NULL)
        return 0;
    cordon__server_peer(&peer, session);
    code = server->options.on_admit(&peer, server->options.user);
    if (code == CORDON_OK)
        return 0;
    if (code == CORDON_EBUSY)
        return CORDON__BUSY;
    return code == CORDON_ENOTREADY ? CORDON__NOT_READY : CORDON__UNAUTHORIZED;
}

/* A program's name is shown to people: what is not text in it is made so. */
static char *copy_program(cordon_server *server, cordon_bytes program)
{
    char *copy;

    if (program.size == 0)
        return NULL;
    copy = cordon__allocate(&server->host.memory, program.size + 1);
    if (copy != NULL) {
        memcpy(copy, program.data, program.size);
        for (size_t i = 0; i < program.size;) {
            size_t plain = cordon__utf8_plain(copy + i, program.size - i);

            if (plain == 0)
                copy[i] = '?';
            i += plain > 0 ? plain : 1;
        }
    }
    return copy;
}

/* A full server can still be asked for its status, and stopped. */
static int has_no_place(const cordon_server *server, const cordon__session *session)
{
    if (session->gate.is_control)
        return server->control_count >= CONTROL_MAX;
    return server->guest_count >= server->options.max_sessions;
}

static int is_full(cordon_server *server, const cordon__session *session)
{
    if (!has_no_place(server, session))
        return 0;
    cordon__door_wake(server);
    return has_no_place(server, session);
}

static unsigned judge(cordon_server *server, cordon__session *session, cordon_bytes program)
{
    if (server->state != CORDON__SERVER_OPEN)
        return CORDON__STOPPING;
    if (is_full(server, session))
        return CORDON__BUSY;
    session->program = copy_program(server, program);
    return ask_app(server, session);
}

/* Where it counts while it has not ended. */
static size_t *count_of(cordon_server *server, const cordon__session *session)
{
    return session->gate.is_control ? &server->control_count : &server->guest_count;
}

/* From here on it is a member, and the application knows of it. */
static void add_member(cordon_server *server, cordon__session *session)
{
    cordon_peer peer;

    push(&server->members, session);
    session->is_member = 1;
    *count_of(server, session) += 1;
    if (!session->gate.is_control)
        cordon__idle_end(server);
    cordon__server_peer(&peer, session);
    if (server->options.on_session != NULL && !session->gate.is_control)
        server->options.on_session(session->id, &peer, 1, NULL, server->options.user);
}

static unsigned on_admit(void *owner, cordon__session *session, cordon_bytes program)
{
    cordon_server *server = owner;
    unsigned       refusal;

    cordon__server_enter(server);
    refusal = judge(server, session, program);
    if (refusal == 0 && !cordon__session_is_over(session)) {
        pull(&server->strangers, session);
        add_member(server, session);
    }
    cordon__server_leave(server);
    return refusal;
}

int cordon__door_private(cordon_server *server, intptr_t handle, const cordon__identity *peer,
                         cordon_fault *fault)
{
    cordon__session *session;
    int              code;

    if (server->state != CORDON__SERVER_OPEN)
        return cordon__fault_set(fault, CORDON_ECLOSED, "session");
    if (server->guest_count >= server->options.max_sessions)
        return cordon__fault_set(fault, CORDON_EBUSY, "session");
    code = cordon__session_open(&session, &server->host, server->loop->uv, handle,
                                ++server->next_id, peer, fault);
    if (code != 0)
        return code;
    cordon__server_enter(server);
    cordon__session_admit(session);
    add_member(server, session);
    start(server, session);
    cordon__server_leave(server);
    return 0;
}

/* ---- What it asks ---------------------------------------------------------- */

static void refuse(cordon__session *session, const cordon__act *act, unsigned code,
                   const char *text)
{
    cordon__reference to = {session->gate.is_json, act->id, act->key};

    (void)cordon__session_fail(session, &to, code, cordon_text(text));
}

static void hand_over(cordon_server *server, cordon__session *session, const cordon__act *act)
{
    cordon_request *request = cordon__request_open(server, session, act);

    if (request == NULL) {
        refuse(session, act, CORDON__BUSY, "the server has no memory for it");
        return;
    }
    if (server->options.request_ms > 0) {
        request->due = cordon__now() + (uint64_t)server->options.request_ms;
        cordon__server_due(server, request->due);
    }
    server->request_count++;
    server->on_request(request, act->body, server->options.user);
    cordon__request_handled(&server->requests, request);
}

static void on_request(void *owner, cordon__session *session, const cordon__act *act)
{
    cordon_server *server = owner;

    cordon__server_enter(server);
    if (cordon__request_find(&server->requests, session, act->id, act->key) != NULL)
        cordon__session_break(session, CORDON__MALFORMED, "the id is in use");
    else if (server->state != CORDON__SERVER_OPEN)
        refuse(session, act, CORDON__STOPPING, "the server is stopping");
    else if (session->in_flight >= server->options.max_requests)
        refuse(session, act, CORDON__BUSY, "too many requests are in flight");
    else
        hand_over(server, session, act);
    cordon__server_leave(server);
}

static void on_cancel(void *owner, cordon__session *session, uint32_t id)
{
    static const cordon_bytes none = {NULL, 0};
    cordon_server            *server = owner;
    cordon_request           *request = cordon__request_find(&server->requests, session, id, none);

    if (request == NULL)
        return;
    cordon__server_enter(server);
    cordon__request_fail(request, CORDON__CANCELED, "canceled");
    cordon__request_turn(request, CORDON_CANCELED);
    cordon__server_leave(server);
}

static void on_status(void *owner, cordon__session *session, uint32_t id)
{
    cordon_server    *server = owner;
    cordon__reference to = {0, id, {NULL, 0}};
    cordon__buffer    text = {0};

    if (cordon__request_find(&server->requests, session, id, to.key) != NULL) {
        cordon__session_break(session, CORDON__MALFORMED, "the id is in use");
        return;
    }
    if (cordon__server_describe(server, &text) == 0)
        (void)cordon__session_reply(session, &to, CORDON__SHARE_LAST, cordon__buffer_view(&text));
    else
        (void)cordon__session_fail(session, &to, CORDON__INTERNAL, cordon_text("out of memory"));
    cordon__buffer_free(&text, &server->host.memory);
}

static void on_stop(void *owner, cordon__session *session, uint32_t id)
{
    cordon_server    *server = owner;
    cordon__reference to = {0, id, {NULL, 0}};
    cordon_bytes      empty = {NULL, 0};
    cordon_peer       peer;

    if (cordon__request_find(&server->requests, session, id, to.key) != NULL) {
        cordon__session_break(session, CORDON__MALFORMED, "the id is in use");
        return;
    }
    cordon__server_peer(&peer, session);
    if (server->options.on_stop == NULL ||
        server->options.on_stop(&peer, server->options.user) != CORDON_OK) {
        (void)cordon__session_fail(session, &to, CORDON__UNSUPPORTED,
                                   cordon_text("the server does not let clients stop it"));
        return;
    }
    (void)cordon__session_reply(session, &to, CORDON__SHARE_LAST, empty);
    cordon__server_ask_to_stop(server);
}

static void on_room(void *owner, cordon__session *session)
{
    (void)owner;
    cordon__requests_room(session);
}

/* The application hears of those that it was told of. */
static void tell_ended(cordon_server *server, cordon__session *session, int code, const char *text)
{
    cordon_fault why;
    cordon_peer  peer;

    cordon__fault_clear(&why);
    (void)cordon__fault_found(&why, code, "session", NULL, 0, 0, text);
    cordon__server_enter(server);
    cordon__server_peer(&peer, session);
    server->options.on_session(session->id, &peer, 0, &why, server->options.user);
    cordon__server_leave(server);
}

static void on_ended(void *owner, cordon__session *session, int code, const char *text)
{
    cordon_server *server = owner;

    cordon__requests_leave(&server->requests, session);
    if (!session->is_member)
        return;
    *count_of(server, session) -= 1;
    if (server->guest_count == 0 && !session->gate.is_control)
        cordon__idle_begin(server);
    if (server->options.on_session != NULL && !session->gate.is_control)
        tell_ended(server, session, code, text);
}

static void on_closed(void *owner, cordon__session *session)
{
    cordon_server *server = owner;

    pull(session->is_member ? &server->members : &server->strangers, session);
    if (session->is_resting)
        forget(server, session);
    cordon__release(&server->host.memory, session);
    cordon__server_settle(server);
}

static void on_due(void *owner, uint64_t due)
{
    cordon__server_due(owner, due);
}

static void on_stranger(void *owner, const cordon_fault *why)
{
    cordon__server_trouble(owner, why);
}

const cordon__host_events cordon__server_events = {on_admit, on_request, on_cancel, on_status,
                                                   on_stop,  on_room,    on_ended,  on_closed,
                                                   on_due,   on_stranger};

/* ---- Accepting ------------------------------------------------------------- */

/* More than may be: the oldest of them; else NULL. */
static cordon__session *find_surplus(cordon_server *server)
{
    cordon__session *oldest = NULL;
    size_t           count = 0;

    for (cordon__session *session = server->strangers.last; session != NULL;
         session = session->previous) {
        if (session->life == CORDON__LIFE_CLOSED)
            continue;
        oldest = session;
        count++;
    }
    return count > server->options.max_strangers ? oldest : NULL;
}

/* The oldest stranger goes: it had its time, and newer ones may be better. But what it has said
 * meanwhile counts: it may be no stranger any more. */
static void make_place(cordon_server *server)
{
    cordon__session *oldest = find_surplus(server);

    if (oldest == NULL)
        return;
    cordon__session_wake(oldest);
    if (find_surplus(server) != oldest)
        return;
    if (oldest->gate.state != CORDON__GATE_OPENING)
        cordon__session_break(oldest, CORDON__BUSY, "too many connections wait to come in");
    cordon__session_close(oldest, CORDON_EBUSY, NULL);
}

static void let_in(cordon_server *server, intptr_t handle, cordon_fault *fault)
{
    cordon__identity peer;
    cordon__session *session;
    int              code, is_known;

    code = cordon__peer_ask(&peer, handle, 0, fault);
    is_known = code == 0;
    if (code == 0)
        code = cordon__peer_judge(&peer, server->host.own, server->host.peer_flags, fault);
    if (code >= 0)
        code = cordon__session_open(&session, &server->host, server->loop->uv, handle,
                                    ++server->next_id, is_known ? &peer : NULL, fault);
    if (code != 0) {
        cordon__server_trouble(server, fault); /* first: the peer sees the end at once */
        cordon__handle_close(handle);
        return;
    }
    push(&server->strangers, session);
    start(server, session);
    if (!session->is_resting)
        make_place(server);
}

/* Out of descriptors: the sessions go on, and accepting rests for a moment. */
static void pause_accepting(cordon_server *server, const cordon_fault *fault)
{
    cordon__door_wake(server); /* they may hold some for nothing */
    if (!server->is_short)
        cordon__server_trouble(server, fault);
    server->is_short = 1;
    cordon__listener_pause(server->claim.listener, 1);
    server->accept_due = cordon__now() + (uint64_t)server->options.pause_ms;
    cordon__server_due(server, server->accept_due);
}

/* What is closed may hear of who waits before it hears that it is. */
static int is_about_to_stop(const cordon_server *server)
{
    return CORDON__FLAG_IS_SET(server->is_asked_to_stop);
}

void cordon__door_waiting(void *owner)
{
    (void)cordon__door_open(owner);
}

int cordon__door_open(cordon_server *server)
{
    cordon_fault fault;
    int          code = 0;

    if (is_about_to_stop(server))
        return 0; /* who waits now is taken in then, and told so */
    cordon__fault_clear(&fault);
    cordon__server_enter(server);
    for (int i = 0; i < ACCEPT_AT_MOST && code == 0 && server->is_listening; i++) {
        intptr_t handle;

        code = cordon__accept(&handle, server->claim.listener, &fault);
        if (code < 0)
            pause_accepting(server, &fault);
        if (code != 0)
            break;
        server->is_short = 0;
        let_in(server, handle, &fault);
    }
    cordon__server_leave(server);
    return code;
}

void cordon__door_empty(cordon_server *server, cordon__listener *listener)
{
    cordon_fault fault;

    cordon__fault_clear(&fault);
    for (int i = 0; i < EMPTY_AT_MOST; i++) {
        intptr_t handle;

        if (cordon__accept(&handle, listener, &fault) != 0)
            return;
        let_in(server, handle, &fault);
    }
}
