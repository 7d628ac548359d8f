#include "dialect.h"

#include "server.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "json.h"

/* ---- About itself ---------------------------------------------------------- */

int cordon__server_describe(cordon_server *server, cordon__buffer *json)
{
    const cordon__memory *memory = &server->host.memory;
    char                  text[320];
    int                   size;

    cordon__door_wake(server); /* who has gone is not counted */
    size = snprintf(text, sizeof text, "{\"version\":%d,\"program\":", CORDON__WIRE_VERSION);
    if (cordon__buffer_append(json, memory, text, (size_t)size, CORDON__NO_CEILING) != 0 ||
        cordon__json_quote(json, memory, cordon_text(server->program), CORDON__NO_CEILING) != 0)
        return CORDON_ENOMEM;
    size = snprintf(
        text, sizeof text,
        ",\"pid\":%" PRIu32 ",\"instance\":\"%016" PRIx64 "\",\"uptime_ms\":%" PRIu64
        ",\"sessions\":%zu,\"max_sessions\":%u,\"requests\":%" PRIu64 ",\"in_flight\":%zu}",
        server->host.welcome.pid, server->host.welcome.instance, cordon__now() - server->started_at,
        server->guest_count, server->options.max_sessions, server->request_count,
        server->requests.in_flight);
    return cordon__buffer_append(json, memory, text, (size_t)size, CORDON__NO_CEILING);
}

typedef struct asked {
    cordon_buffer *json;
    cordon_server *server;
    int            code;
} asked;

static void describe(void *context)
{
    asked         *wanted = context;
    cordon__buffer text = {0};
    cordon_bytes   view;

    wanted->code = cordon__server_describe(wanted->server, &text);
    view = cordon__buffer_view(&text);
    if (wanted->code == 0)
        wanted->code = cordon__buffer_fill(wanted->json, view.data, view.size);
    cordon__buffer_free(&text, &wanted->server->host.memory);
}

int cordon_server_status(cordon_buffer *json, cordon_server *server)
{
    cordon_fault fault = CORDON_FAULT_INIT;
    asked        wanted = {json, server, CORDON_ECLOSED};
    int          has_ended;
    int          code;

    if (json == NULL || server == NULL)
        return CORDON_EINVAL;
    cordon__mail_lock(server->mail);
    has_ended = server->has_ended;
    cordon__mail_unlock(server->mail);
    if (has_ended)
        return CORDON_ECLOSED;
    code = cordon__loop_call(server->loop, describe, &wanted, &fault);
    return code != 0 ? code : wanted.code;
}

/* ---- Events ---------------------------------------------------------------- */

typedef struct cordon__push {
    struct cordon__push *next;
    cordon_session_id    session;
    size_t               size;
    char                 body[1]; /* size bytes */
} cordon__push;

/* Who cannot take this one (not JSON, or larger than it accepts) does not get it. */
static void deliver(cordon_server *server, cordon_session_id id, cordon_bytes event)
{
    cordon__server_enter(server);
    cordon__desk_enter(&server->loop->desk);
    for (cordon__session *session = server->members.first; session != NULL;
         session = session->next) {
        if ((id == CORDON_EVERYONE || session->id == id) && cordon__session_wants_events(session))
            (void)cordon__session_event(session, event);
    }
    cordon__desk_leave(&server->loop->desk);
    cordon__server_leave(server);
}

/* Of its memory: events of nothing are bounded too. */
static size_t weight(size_t size)
{
    return offsetof(cordon__push, body) + size;
}

static int post(cordon_server *server, cordon_session_id id, cordon_bytes event)
{
    cordon__push *push =
        cordon__allocate(&server->host.memory, offsetof(cordon__push, body) + event.size + 1);
    int code = 0;

    if (push == NULL)
        return CORDON_ENOMEM;
    push->session = id;
    push->size = event.size;
    if (event.size > 0)
        memcpy(push->body, event.data, event.size);
    cordon__mail_lock(server->mail);
    if (server->has_ended)
        code = 1;
    else if (server->pushed > 0 && server->pushed + weight(event.size) > server->options.max_queued)
        code = CORDON_EBUSY;
    if (code == 0) {
        if (server->pushes == NULL)
            server->pushes_end = &server->pushes;
        *server->pushes_end = push;
        server->pushes_end = &push->next;
        server->pushed += weight(event.size);
        server->push_count++;
        (void)cordon__mail_put(server->mail, &server->push_job);
    }
    cordon__mail_unlock(server->mail);
    if (code != 0)
        cordon__release(&server->host.memory, push);
    return code < 0 ? code : 0;
}

static cordon__push *take_push(cordon_server *server)
{
    cordon__push *push;

    cordon__mail_lock(server->mail);
    push = server->pushes;
    if (push != NULL) {
        server->pushes = push->next;
        server->pushed -= weight(push->size);
        server->push_count--;
    }
    cordon__mail_unlock(server->mail);
    return push;
}

/* Those that were there when it began. Who pushes on and on has posted the job anew. */
void cordon__server_run_pushes(cordon__job *job)
{
    cordon_server *server =
        (cordon_server *)(void *)((char *)job - offsetof(cordon_server, push_job));
    cordon__push *push;
    size_t        left;

    cordon__mail_lock(server->mail);
    left = server->push_count;
    cordon__mail_unlock(server->mail);
    for (; left > 0 && (push = take_push(server)) != NULL; left--) {
        cordon_bytes event = {push->body, push->size};

        deliver(server, push->session, event);
        cordon__release(&server->host.memory, push);
    }
}

void cordon__pushes_free(struct cordon__push *first, const cordon__memory *memory)
{
    while (first != NULL) {
        cordon__push *next = first->next;

        cordon__release(memory, first);
        first = next;
    }
}

int cordon_server_push(cordon_server *server, cordon_session_id session, cordon_bytes event)
{
    if (server == NULL || (event.data == NULL && event.size > 0))
        return CORDON_EINVAL;
    if (event.size > server->options.max_reply)
        return CORDON_EMSGSIZE;
    if (!cordon__mail_is_home(server->mail))
        return post(server, session, event);
    if (server->state != CORDON__SERVER_ENDED)
        deliver(server, session, event);
    return CORDON_OK;
}
