#include "dialect.h"

#include <assert.h>

#include "request.h"

#include "fault.h"
#include "server.h"

#define POSTING_ROOM 65536 /* bytes: room for a part, from another thread */

/* ---- Answers --------------------------------------------------------------- */

static cordon__reference reference(const cordon_request *request)
{
    cordon__reference to = {request->is_json, request->id, {NULL, 0}};

    to.key.data = request->key;
    to.key.size = request->key_size;
    return to;
}

static int say_failure(cordon_request *request, unsigned wire, cordon_bytes text)
{
    cordon__reference to = reference(request);

    if (request->is_answered)
        return 0;
    return cordon__session_fail(request->session, &to, wire, text);
}

void cordon__request_fail(cordon_request *request, unsigned wire, const char *text)
{
    if (request->is_answered)
        return;
    (void)say_failure(request, wire, cordon_text(text));
    if (request->server != NULL)
        cordon__request_answered(request);
}

static int is_silent(const cordon_request *request)
{
    return request->server == NULL || request->session == NULL || request->is_answered;
}

static int say_part(cordon_request *request, cordon_bytes part)
{
    cordon__reference to = reference(request);
    int               code;

    code = cordon__session_reply(request->session, &to, CORDON__SHARE_PART, part);
    if (code == CORDON__SAID_FAILURE) {
        if (!is_silent(request))
            cordon__request_answered(request);
        return 0;
    }
    if (code == 0 && !is_silent(request) && request->on_turn != NULL) {
        request->wants_room = 1;
        request->session->is_wanted = 1;
        if (cordon__session_has_room(request->session))
            cordon__request_turn(request, CORDON_ROOM);
    }
    return code;
}

/* Nothing else was read behind the question that is just being handled: no other answer comes. */
static enum cordon__share share_of(const cordon_request *request)
{
    return request->server->requests.handled == request && request->session->host->desk->is_last
               ? CORDON__SHARE_ALONE
               : CORDON__SHARE_LAST;
}

/* 0: said and ended. ENOMEM: it is still the handler's. */
static int finish(cordon_request *request, int how, unsigned wire, cordon_bytes body)
{
    cordon__reference to = reference(request);
    int               code = 0;

    if (!is_silent(request)) {
        if (how == CORDON__END_FAIL)
            code = say_failure(request, wire, body);
        else if (request->broken != 0)
            code = say_failure(request, request->broken,
                               cordon_text("a part of the reply could not be sent"));
        else
            code = cordon__session_reply(request->session, &to, share_of(request), body);
    }
    if (code < 0 && how == CORDON__END_REPLY)
        return code;
    if (code < 0 && request->session != NULL) /* not even a failure: it must not wait for ever */
        cordon__session_close(request->session, CORDON_ENOMEM, "no memory for a failure");
    cordon__request_end(request);
    return 0;
}

/* ---- From other threads ---------------------------------------------------- */

#define PART_HEAD 4 /* bytes: the size of a part */

static int is_orphan(const cordon_request *request)
{
    return request->mail->is_closed || request->server == NULL;
}

static int has_posting_room(const cordon_request *request, size_t size)
{
    const cordon__session *session = request->session;

    if (session == NULL || session->posted == 0)
        return 1;
    return size <= session->host->max_queued && session->posted <= session->host->max_queued - size;
}

static int put_posted(cordon_request *request, cordon_bytes body, int is_part)
{
    uint8_t head[PART_HEAD];
    size_t  size = body.size + (is_part ? sizeof head : 0);

    if (cordon__buffer_reserve(&request->posted, &request->memory, size, CORDON__NO_CEILING) != 0)
        return CORDON_ENOMEM;
    cordon__store32(head, (uint32_t)body.size);
    if (is_part)
        (void)cordon__buffer_append(&request->posted, &request->memory, head, sizeof head,
                                    CORDON__NO_CEILING);
    (void)cordon__buffer_append(&request->posted, &request->memory, body.data, body.size,
                                CORDON__NO_CEILING);
    request->parts += is_part ? 1 : 0;
    request->session->posted += size;
    return 0;
}

/* Whose client has left gets no memory for its parts. */
static int post(cordon_request *request, int how, unsigned wire, cordon_bytes body)
{
    int code = 0;

    cordon__mail_lock(request->mail);
    if (is_orphan(request)) {
        int is_on_its_way = request->job.is_posted;

        request->end = how;
        cordon__mail_unlock(request->mail);
        if (how != CORDON__END_NONE && !is_on_its_way)
            cordon__request_free(request);
        return 0;
    }
    if (how != CORDON__END_FAIL && !has_posting_room(request, body.size))
        code = CORDON_EBUSY;
    else if (request->session != NULL)
        code = put_posted(request, body, how == CORDON__END_NONE);
    if (code == CORDON_ENOMEM && how == CORDON__END_FAIL)
        code = 0; /* then without its text */
    if (code == 0 && (request->session != NULL || how != CORDON__END_NONE)) {
        request->end = how;
        request->end_code = wire;
        (void)cordon__mail_put(request->mail, &request->job);
    }
    cordon__mail_unlock(request->mail);
    return code;
}

/* What was posted first, in our own memory. 0 nothing, 1 a part, 2 the end. */
static int take_posted(cordon_request *request, cordon__buffer *into, int *how, unsigned *wire)
{
    cordon_bytes waiting = cordon__buffer_view(&request->posted);
    int          is_end = request->end != CORDON__END_NONE;
    size_t       size, weight = 0;
    int          found;

    if (request->parts > 0) {
        assert(waiting.data != NULL); /* each has its head there */
        size = cordon__load32(waiting.data);
        cordon__buffer_take(&request->posted, PART_HEAD);
        request->parts--;
        weight = PART_HEAD;
        found = 1;
    } else if (is_end) {
        size = waiting.size;
        *how = request->end;
        *wire = request->end_code;
        cordon__mail_withdraw(request->mail, &request->job); /* it goes: the job is in its memory */
        found = 2;
    } else {
        return 0;
    }
    waiting = cordon__buffer_view(&request->posted);
    waiting.size = size;
    if (cordon__buffer_append(into, &request->memory, waiting.data, size, CORDON__NO_CEILING) != 0)
        request->broken = CORDON__INTERNAL;
    cordon__buffer_take(&request->posted, size);
    if (request->session != NULL)
        request->session->posted -= weight + size;
    return found;
}

/* 1: go on with the next one. */
static int say_posted(cordon_request *request, int found, int how, unsigned wire, cordon_bytes body)
{
    if (found == 1) {
        if (!is_silent(request) && say_part(request, body) != 0)
            request->broken = CORDON__INTERNAL;
        return 1;
    }
    if (finish(request, how, wire, body) != 0)
        (void)finish(request, CORDON__END_FAIL, CORDON__INTERNAL,
                     cordon_text("no memory for the reply"));
    return 0;
}

/* A reader that is slow slows the one who makes the parts, through what waits here. */
static int must_wait(cordon_request *request)
{
    if (is_silent(request) || cordon__session_has_room(request->session))
        return 0;
    request->session->is_wanted = 1;
    request->is_waiting = 1;
    return 1;
}

/* What was there when it began. Who makes parts on and on has posted the job anew. */
static void say_all_posted(cordon_request *request, cordon__buffer *body)
{
    size_t   left;
    unsigned wire = 0;
    int      how = 0;
    int      goes_on = 1;

    cordon__mail_lock(request->mail);
    left = (size_t)request->parts + 1; /* perhaps the end */
    cordon__mail_unlock(request->mail);
    for (; goes_on && left > 0 && !must_wait(request); left--) {
        int found;

        cordon__mail_lock(request->mail);
        found = take_posted(request, body, &how, &wire);
        cordon__mail_unlock(request->mail);
        if (found == 0)
            return;
        goes_on = say_posted(request, found, how, wire, cordon__buffer_view(body));
        cordon__buffer_take(body, cordon__buffer_size(body));
    }
}

void cordon__reply_posted(cordon__job *job)
{
    cordon_request *request = (cordon_request *)job;
    cordon_server  *server = request->server;
    cordon__memory  memory = request->memory;
    cordon__buffer  body = {0};

    if (server == NULL) {
        say_all_posted(request, &body);
        cordon__buffer_free(&body, &memory);
        return;
    }
    cordon__server_enter(server);
    cordon__spares_take(&server->host.spares, &body, 0);
    say_all_posted(request, &body);
    cordon__spares_give(&server->host.spares, &memory, &body);
    cordon__server_leave(server);
}

/* ---- The public functions -------------------------------------------------- */

/* Straight to the session: on its thread, and nothing of it is still on its way. */
static int is_direct(const cordon_request *request)
{
    return cordon__mail_is_home(request->mail) && !request->job.is_posted && !request->is_waiting;
}

static int end_request(cordon_request **handle, int how, unsigned wire, cordon_bytes body)
{
    cordon_request *request = *handle;
    int             code;

    if (is_direct(request))
        code = finish(request, how, wire, body);
    else
        code = post(request, how, wire, body);
    if (code == 0)
        *handle = NULL;
    return code;
}

int cordon_reply(cordon_request **request, cordon_bytes body)
{
    if (request == NULL || *request == NULL)
        return CORDON_EINVAL;
    if (body.size > (*request)->max_reply)
        return CORDON_EMSGSIZE;
    return end_request(request, CORDON__END_REPLY, 0, body);
}

int cordon_fail(cordon_request **request, int code, const char *text)
{
    cordon_bytes view = cordon_text(text);

    if (request == NULL || *request == NULL)
        return CORDON_EINVAL;
    if (view.size > CORDON__TEXT_MAX + 4)
        view.size = CORDON__TEXT_MAX + 4; /* it is cut at a character when it goes out */
    return end_request(request, CORDON__END_FAIL, cordon__code_to_wire(code), view);
}

int cordon_reply_part(cordon_request *request, cordon_bytes part)
{
    int code;

    if (request == NULL)
        return CORDON_EINVAL;
    if (part.size > request->max_reply) {
        request->broken = CORDON__TOO_LARGE;
        return CORDON_EMSGSIZE;
    }
    if (!is_direct(request))
        return post(request, CORDON__END_NONE, 0, part);
    if (is_silent(request))
        return 0;
    cordon__request_list(request);
    if (!cordon__session_has_room(request->session)) {
        request->wants_room = 1;
        request->session->is_wanted = 1;
        return CORDON_EBUSY;
    }
    code = say_part(request, part);
    if (code != 0)
        request->broken = CORDON__INTERNAL;
    return code;
}

int cordon_request_has_room(const cordon_request *request)
{
    int has_room;

    if (request == NULL)
        return 0;
    if (is_direct(request))
        return is_silent(request) || cordon__session_has_room(request->session);
    cordon__mail_lock(request->mail);
    has_room = is_orphan(request) || has_posting_room(request, POSTING_ROOM);
    cordon__mail_unlock(request->mail);
    return has_room;
}

void cordon_request_watch(cordon_request *request,
                          void (*on_turn)(cordon_request *request, enum cordon_turn turn,
                                          void *context),
                          void *context)
{
    if (request == NULL)
        return;
    request->on_turn = on_turn;
    request->context = context;
    if (on_turn != NULL)
        cordon__request_watch(request);
}

cordon_bytes cordon_request_keep(cordon_request *request)
{
    cordon_bytes none = {NULL, 0};

    if (request == NULL)
        return none;
    if (request->kept.data != NULL && request->is_kept)
        return cordon__buffer_view(&request->kept);
    if (request->server == NULL || request->server->requests.handled != request)
        return none; /* the handler has returned: the bytes are gone */
    if (cordon__buffer_reserve(&request->kept, &request->memory, request->body.size + 1,
                               CORDON__NO_CEILING) != 0)
        return none;
    (void)cordon__buffer_append(&request->kept, &request->memory, request->body.data,
                                request->body.size, CORDON__NO_CEILING);
    request->is_kept = 1;
    return cordon__buffer_view(&request->kept);
}

cordon_session_id cordon_request_session(const cordon_request *request)
{
    return request == NULL ? 0 : request->session_id;
}

const cordon_peer *cordon_request_peer(const cordon_request *request)
{
    cordon_request *mine = (cordon_request *)request;

    if (request == NULL || request->session == NULL)
        return NULL;
    cordon__server_peer(&mine->peer, request->session);
    return &request->peer;
}

int cordon_request_is_json(const cordon_request *request)
{
    return request != NULL && request->is_json;
}
