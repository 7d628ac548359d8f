#include "dialect.h"

#include "request.h"

#include <string.h>

#include "server.h"

#define RESTING_MAX   256
#define KEEP_MAX      65536 /* bytes that a resting request may hold */
#define BUCKETS_LEAST 64
#define STATE_AT      offsetof(cordon_request, on_turn)

/* ---- By id ----------------------------------------------------------------- */

static uint32_t hash_of(const cordon__session *session, uint32_t id, cordon_bytes key)
{
    const uint8_t *at = key.data;
    uint32_t       hash = (uint32_t)session->id * 2654435761u ^ id;

    for (size_t i = 0; i < key.size; i++)
        hash = (hash ^ at[i]) * 16777619u;
    return hash ^ hash >> 15;
}

static int grow(cordon__requests *requests, const cordon__memory *memory)
{
    size_t count = requests->bucket_count > 0 ? 2 * requests->bucket_count : BUCKETS_LEAST;
    cordon_request **made = cordon__allocate(memory, count * sizeof(cordon_request *));

    if (made == NULL)
        return CORDON_ENOMEM;
    for (size_t i = 0; i < requests->bucket_count; i++) {
        cordon_request *request = requests->buckets[i];

        while (request != NULL) {
            cordon_request  *chain = request->chain;
            cordon_request **bucket = &made[request->hash & (count - 1)];

            request->chain = *bucket;
            *bucket = request;
            request = chain;
        }
    }
    cordon__release(memory, requests->buckets);
    requests->buckets = made;
    requests->bucket_count = count;
    return 0;
}

/* A full table only gets slower, but the first one must be had. */
static int has_table(cordon__requests *requests, const cordon__memory *memory)
{
    return requests->answerable < requests->bucket_count || grow(requests, memory) == 0 ||
           requests->bucket_count > 0;
}

static void enter_table(cordon__requests *requests, cordon_request *request)
{
    const cordon_bytes key = {request->key, request->key_size};
    cordon_request   **bucket;

    request->hash = hash_of(request->session, request->id, key);
    bucket = &requests->buckets[request->hash & (requests->bucket_count - 1)];
    request->chain = *bucket;
    *bucket = request;
    requests->answerable++;
}

static void leave_table(cordon__requests *requests, cordon_request *request)
{
    cordon_request **at = &requests->buckets[request->hash & (requests->bucket_count - 1)];

    while (*at != request)
        at = &(*at)->chain;
    *at = request->chain;
    request->chain = NULL;
    requests->answerable--;
}

static cordon_request *find(const cordon__requests *requests, const cordon__session *session,
                            uint32_t id, cordon_bytes key)
{
    const uint32_t  hash = hash_of(session, id, key);
    cordon_request *request = requests->buckets[hash & (requests->bucket_count - 1)];

    while (request != NULL && (request->hash != hash || request->session != session ||
                               request->id != id || request->key_size != key.size ||
                               (key.size > 0 && memcmp(request->key, key.data, key.size) != 0)))
        request = request->chain;
    return request;
}

cordon_request *cordon__request_find(const cordon__requests *requests,
                                     const cordon__session *session, uint32_t id, cordon_bytes key)
{
    return requests->answerable > 0 ? find(requests, session, id, key) : NULL;
}

/* ---- Its life -------------------------------------------------------------- */

static cordon_request *make(cordon_server *server)
{
    cordon__requests *requests = &server->requests;
    cordon_request   *made = requests->resting;

    if (made != NULL) {
        requests->resting = made->next;
        requests->resting_count--;
        return made;
    }
    made = cordon__allocate(&server->host.memory, sizeof *made);
    if (made == NULL)
        return NULL;
    made->job.run = cordon__reply_posted;
    made->memory = server->host.memory;
    made->mail = server->mail;
    cordon__mail_use(made->mail);
    return made;
}

void cordon__request_free(cordon_request *request)
{
    cordon__memory memory = request->memory;

    cordon__buffer_free(&request->kept, &memory);
    cordon__buffer_free(&request->posted, &memory);
    cordon__mail_drop(request->mail);
    cordon__release(&memory, request);
}

static void empty(cordon__buffer *buffer, const cordon__memory *memory)
{
    if (buffer->capacity > KEEP_MAX)
        cordon__buffer_free(buffer, memory);
    else
        buffer->start = buffer->end = 0;
}

static void rest(cordon__requests *requests, cordon_request *request)
{
    if (requests->resting_count == RESTING_MAX) {
        cordon__request_free(request);
        return;
    }
    empty(&request->kept, &request->memory);
    empty(&request->posted, &request->memory);
    memset((char *)request + STATE_AT, 0, offsetof(cordon_request, mail) - STATE_AT);
    request->next = requests->resting;
    requests->resting = request;
    requests->resting_count++;
}

static void join(cordon__requests *requests, cordon__session *session, cordon_request *request)
{
    request->next = requests->first;
    request->previous = NULL;
    if (request->next != NULL)
        request->next->previous = request;
    requests->first = request;
    request->sibling = session->requests;
    request->elder = NULL;
    if (request->sibling != NULL)
        request->sibling->elder = request;
    session->requests = request;
}

void cordon__request_list(cordon_request *request)
{
    cordon__requests *requests = &request->server->requests;

    if (request->is_listed)
        return;
    request->is_listed = 1;
    enter_table(requests, request);
    join(requests, request->session, request);
}

cordon_request *cordon__request_open(cordon_server *server, cordon__session *session,
                                     const cordon__act *act)
{
    cordon__requests *requests = &server->requests;
    cordon_request   *request;

    if (!has_table(requests, &server->host.memory))
        return NULL;
    request = make(server);
    if (request == NULL)
        return NULL;
    request->id = act->id;
    request->is_json = session->gate.is_json;
    request->key_size = (uint8_t)act->key.size;
    if (act->key.size > 0)
        memcpy(request->key, act->key.data, act->key.size);
    request->server = server;
    request->session = session;
    request->session_id = session->id;
    request->due = CORDON__NEVER;
    request->max_reply = server->options.max_reply;
    if (!request->is_json && session->gate.peer_limit < request->max_reply)
        request->max_reply = session->gate.peer_limit;
    request->body = act->body;
    request->outer = requests->handled;
    requests->handled = request;
    requests->in_flight++;
    session->in_flight++;
    session->pending++;
    return request;
}

static void forget_handled(cordon__requests *requests, const cordon_request *request)
{
    cordon_request **at = &requests->handled;

    while (*at != NULL && *at != request)
        at = &(*at)->outer;
    if (*at != NULL)
        *at = request->outer;
}

/* Those whose handlers have begun meanwhile have returned: it is the innermost, or has ended. */
void cordon__request_handled(cordon__requests *requests, cordon_request *request)
{
    if (requests->handled != request)
        return;
    requests->handled = request->outer;
    cordon__request_list(request);
}

static void forget_turn(cordon__requests *requests, cordon_request *request)
{
    cordon_request **at = &requests->turns;

    if (!request->is_turning)
        return;
    while (*at != request)
        at = &(*at)->turn;
    *at = request->turn;
    if (requests->turns_end == &request->turn)
        requests->turns_end = at;
    requests->turn_count--;
}

static void leave_session(cordon_request *request)
{
    cordon__session *session = request->session;

    if (session == NULL)
        return;
    if (request->elder != NULL)
        request->elder->sibling = request->sibling;
    else
        session->requests = request->sibling;
    if (request->sibling != NULL)
        request->sibling->elder = request->elder;
    request->sibling = request->elder = NULL;
}

static void leave_server(cordon__requests *requests, cordon_request *request)
{
    if (request->previous != NULL)
        request->previous->next = request->next;
    else
        requests->first = request->next;
    if (request->next != NULL)
        request->next->previous = request->previous;
}

static void unlist(cordon__requests *requests, cordon_request *request)
{
    forget_turn(requests, request);
    if (requests->turning == request)
        requests->turning = NULL;
    leave_session(request);
    leave_server(requests, request);
}

void cordon__request_end(cordon_request *request)
{
    cordon_server    *server = request->server;
    cordon__session  *session = request->session;
    cordon__requests *requests;

    if (server == NULL) {
        cordon__request_free(request);
        return;
    }
    requests = &server->requests;
    cordon__request_answered(request);
    forget_handled(requests, request);
    if (request->is_listed)
        unlist(requests, request);
    rest(requests, request);
    requests->in_flight--;
    if (session != NULL) {
        session->in_flight--;
        cordon__session_settle(session);
    }
}

void cordon__request_answered(cordon_request *request)
{
    if (request->is_answered)
        return;
    request->is_answered = 1;
    if (request->is_listed)
        leave_table(&request->server->requests, request);
    if (request->session != NULL)
        request->session->pending--;
}

static void list_handled(cordon__requests *requests, const cordon__session *session)
{
    for (cordon_request *request = requests->handled; request != NULL; request = request->outer) {
        if (request->session == session)
            cordon__request_list(request);
    }
}

void cordon__requests_leave(cordon__requests *requests, cordon__session *session)
{
    cordon_request *request;

    list_handled(requests, session);
    request = session->requests;
    while (request != NULL) {
        cordon_request *sibling = request->sibling;

        cordon__request_answered(request);
        leave_session(request);
        session->in_flight--;
        cordon__mail_lock(request->mail);
        request->session = NULL;
        cordon__mail_unlock(request->mail);
        cordon__request_turn(request, CORDON_LEFT);
        request = sibling;
    }
}

void cordon__requests_close(cordon__requests *requests, const cordon__memory *memory)
{
    cordon_request *request;

    while (requests->first != NULL) {
        request = requests->first;
        requests->first = request->next;
        request->next = request->previous = NULL;
        cordon__mail_lock(request->mail);
        request->server = NULL;
        cordon__mail_unlock(request->mail);
    }
    while (requests->resting != NULL) {
        request = requests->resting;
        requests->resting = request->next;
        cordon__request_free(request);
    }
    cordon__release(memory, requests->buckets);
    memset(requests, 0, sizeof *requests);
}

/* ---- Turns ----------------------------------------------------------------- */

static void queue_turn(cordon_request *request)
{
    cordon__requests *requests = &request->server->requests;

    if (request->is_turning || request->on_turn == NULL || request->turns == 0)
        return;
    if (requests->turns == NULL)
        requests->turns_end = &requests->turns;
    request->is_turning = 1;
    request->turn = NULL;
    *requests->turns_end = request;
    requests->turns_end = &request->turn;
    requests->turn_count++;
    cordon__server_has_turns(request->server);
}

void cordon__request_turn(cordon_request *request, enum cordon_turn turn)
{
    request->turns |= (uint8_t)(1u << turn);
    queue_turn(request);
}

/* Its end is on its way, from another thread or behind its parts: for the handler it is gone. */
static int has_let_go(cordon_request *request)
{
    int has_ended;

    cordon__mail_lock(request->mail);
    has_ended = request->end != CORDON__END_NONE;
    cordon__mail_unlock(request->mail);
    return has_ended;
}

static void tell_watcher(cordon__requests *requests, cordon_request *request)
{
    static const enum cordon_turn order[] = {CORDON_CANCELED, CORDON_LATE, CORDON_LEFT,
                                             CORDON_ROOM};
    unsigned                      turns = request->turns;

    request->turns = 0;
    requests->turning = request;
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        if ((turns & 1u << order[i]) == 0 || (order[i] == CORDON_ROOM && request->is_answered) ||
            has_let_go(request))
            continue;
        request->on_turn(request, order[i], request->context);
        if (requests->turning != request)
            return; /* it was ended there */
    }
    requests->turning = NULL;
}

void cordon__requests_turn(cordon__requests *requests)
{
    for (size_t count = requests->turn_count; count > 0 && requests->turns != NULL; count--) {
        cordon_request *request = requests->turns;

        forget_turn(requests, request);
        request->is_turning = 0;
        tell_watcher(requests, request);
    }
}

void cordon__requests_room(cordon__session *session)
{
    session->is_wanted = 0;
    for (cordon_request *request = session->requests; request != NULL; request = request->sibling) {
        if (request->wants_room) {
            request->wants_room = 0;
            cordon__request_turn(request, CORDON_ROOM);
        }
        if (request->is_waiting) {
            request->is_waiting = 0;
            (void)cordon__mail_post(request->mail, &request->job);
        }
    }
}

void cordon__request_watch(cordon_request *request)
{
    if (request->server == NULL)
        return;
    if (request->session != NULL)
        cordon__request_list(request);
    if (request->session != NULL && cordon__session_has_room(request->session)) {
        request->turns |= 1u << CORDON_ROOM;
    } else if (request->session != NULL) {
        request->wants_room = 1;
        request->session->is_wanted = 1;
    }
    queue_turn(request);
}
