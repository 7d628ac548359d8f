#include "dialect.h"

#include "speak.h"

#include <string.h>

#include "json.h"

#define PIECES    4
#define KEPT_MS   5000   /* a large buffer nobody needs */
#define BURST     262144 /* bytes that are gathered at most */
#define CORK_SIZE 16384  /* a body over this is not copied to travel with others */

/* ---- The desk -------------------------------------------------------------- */

void cordon__desk_let_go(cordon__desk *desk)
{
    while (desk->dirty != NULL) {
        cordon__session *session = desk->dirty;

        desk->dirty = session->dirty;
        session->dirty = NULL;
        session->is_dirty = 0;
        (void)cordon__speak_flush(session);
        cordon__session_settle(session);
    }
}

void cordon__desk_look(cordon__desk *desk)
{
    if (cordon__now() != desk->since)
        cordon__desk_let_go(desk);
}

void cordon__desk_time(cordon__desk *desk)
{
    if (desk->since == 0)
        desk->since = cordon__now();
}

static void mark_dirty(cordon__session *session)
{
    cordon__desk *desk = session->host->desk;

    if (session->is_dirty)
        return;
    if (desk->dirty == NULL)
        desk->since = desk->is_last ? 0 : cordon__now();
    session->is_dirty = 1;
    session->dirty = desk->dirty;
    desk->dirty = session;
}

/* ---- The queue ------------------------------------------------------------- */

void cordon__host_rest(cordon__host *host, cordon__buffer *buffer)
{
    int is_large = buffer->capacity > CORDON__SPARE_SMALL;

    cordon__spares_give(&host->spares, &host->memory, buffer);
    if (!is_large || host->trim_due != CORDON__NEVER)
        return;
    host->trim_due = cordon__now() + KEPT_MS;
    host->events->on_due(host->owner, host->trim_due);
}

void cordon__speak_count(cordon__session *session)
{
    cordon__host *host = session->host;
    size_t        size = cordon__buffer_size(&session->out);

    if (size == 0 && session->out.data == NULL && session->counted_out == 0)
        return; /* mostly nothing is left */
    host->queued = host->queued - session->counted_out + size;
    session->counted_out = size;
    if (size == 0)
        cordon__host_rest(host, &session->out);
}

static int is_over(const cordon__session *session, size_t size)
{
    const cordon__host *host = session->host;
    size_t              queued = cordon__buffer_size(&session->out);
    size_t              all = host->queued + host->in_copies;

    /* One answer always has its place, else a large limit could not be used. */
    if (queued == 0)
        return 0;
    return size > host->max_queued || queued > host->max_queued - size ||
           all > host->max_queued_all || size > host->max_queued_all - all;
}

static void cut_slow_reader(cordon__session *session)
{
    cordon__session_break(session, CORDON__BUSY, "too much is left unread");
}

static void wait_for_reader(cordon__session *session)
{
    cordon__host *host = session->host;

    session->is_blocked = 1;
    if (host->write_ms < 0)
        return;
    session->due_out = cordon__now() + (uint64_t)host->write_ms;
    host->events->on_due(host->owner, session->due_out);
}

static int is_dead(const cordon__session *session)
{
    return session->life == CORDON__LIFE_CLOSED;
}

/* The bytes that the system took, from the queue first; *taken keeps the rest. */
static int write_pieces(cordon__session *session, const cordon_bytes *pieces, size_t count,
                        size_t total, size_t *taken)
{
    cordon_fault fault;
    int          code;

    fault.size = sizeof fault; /* the rest is written when there is one, and nobody reads it */
    code = cordon__stream_write(session->stream, pieces, count, taken, &fault);
    if (code < 0) {
        cordon__session_close(session, code, "the peer does not read any more");
        return code;
    }
    if (*taken < total)
        wait_for_reader(session);
    else
        session->due_out = CORDON__NEVER;
    return 0;
}

static void tell_room(cordon__session *session)
{
    cordon__host *host = session->host;

    if (session->is_wanted && !is_dead(session) && cordon__session_has_room(session))
        host->events->on_room(host->owner, session);
}

int cordon__speak_flush(cordon__session *session)
{
    cordon_bytes view = cordon__buffer_view(&session->out);
    size_t       taken;

    if (is_dead(session))
        return 0;
    if (view.size == 0)
        return 1;
    if (session->is_blocked || write_pieces(session, &view, 1, view.size, &taken) != 0)
        return 0;
    cordon__buffer_take(&session->out, taken);
    cordon__speak_count(session);
    tell_room(session);
    return taken == view.size;
}

static int is_gathering(const cordon__session *session)
{
    return session->host->desk->depth > 0;
}

void cordon__speak_sent(cordon__session *session)
{
    cordon__speak_count(session);
    if (session->is_blocked)
        return;
    if (is_gathering(session) && session->counted_out < BURST)
        mark_dirty(session);
    else
        (void)cordon__speak_flush(session);
}

static int gather(cordon__session *session, const cordon__wrap *wrap, cordon_bytes body,
                  size_t total)
{
    const cordon_bytes head = {wrap->head, wrap->head_size};
    const cordon_bytes tail = {wrap->tail, wrap->tail_size};
    cordon__host      *host = session->host;

    cordon__spares_take(&host->spares, &session->out, total > CORDON__SPARE_SMALL);
    if (cordon__buffer_reserve(&session->out, &host->memory, total, CORDON__NO_CEILING) != 0)
        return CORDON_ENOMEM;
    cordon__buffer_put(&session->out, head);
    cordon__buffer_put(&session->out, body);
    cordon__buffer_put(&session->out, tail);
    cordon__speak_sent(session);
    return 0;
}

/* What stands behind the first `skip` bytes of all pieces, kept for later. */
static int keep_rest(cordon__session *session, const cordon_bytes *pieces, size_t count,
                     size_t skip)
{
    cordon__host *host = session->host;
    size_t        left = 0;

    for (size_t i = 0; i < count; i++)
        left += pieces[i].size;
    left -= skip;
    cordon__spares_take(&host->spares, &session->out, left > CORDON__SPARE_SMALL);
    if (cordon__buffer_reserve(&session->out, &host->memory, left, CORDON__NO_CEILING) != 0)
        return CORDON_ENOMEM;
    for (size_t i = 0; i < count; i++) {
        size_t step = skip < pieces[i].size ? skip : pieces[i].size;

        skip -= step;
        (void)cordon__buffer_append(&session->out, &host->memory,
                                    (const char *)pieces[i].data + step, pieces[i].size - step,
                                    CORDON__NO_CEILING);
    }
    return 0;
}

/* How many pieces. A small body is cheaper copied than told to the system by itself. */
static size_t lay_out(cordon_bytes *pieces, cordon__wrap *wrap, cordon_bytes body, size_t total)
{
    pieces[0].data = wrap->head;
    if (total <= sizeof wrap->head) {
        pieces[0].size = total;
        if (body.size > 0)
            memcpy(wrap->head + wrap->head_size, body.data, body.size);
        if (wrap->tail_size > 0)
            memcpy(wrap->head + wrap->head_size + body.size, wrap->tail, wrap->tail_size);
        return 1;
    }
    pieces[0].size = wrap->head_size;
    pieces[1] = body;
    pieces[2].data = wrap->tail;
    pieces[2].size = wrap->tail_size;
    return 3;
}

/* The queue went first; what was not taken is kept behind what is left of it. */
CORDON__COLD static void queue_rest(cordon__session *session, const cordon_bytes *pieces,
                                    size_t count, size_t total, size_t taken)
{
    const size_t waiting = cordon__buffer_size(&session->out);
    const size_t from_queue = taken < waiting ? taken : waiting;

    cordon__buffer_take(&session->out, from_queue);
    if (taken < waiting + total && keep_rest(session, pieces, count, taken - from_queue) != 0) {
        /* Half of it may be out: nothing that follows could be understood. */
        cordon__session_close(session, CORDON_ENOMEM, "no memory to queue an answer");
        return;
    }
    cordon__speak_count(session);
}

/* Large, or nothing to wait for: from the caller's memory straight to the system. */
static void send_now(cordon__session *session, cordon__wrap *wrap, cordon_bytes body, size_t total)
{
    cordon_bytes all[PIECES];
    size_t       waiting = cordon__buffer_size(&session->out);
    size_t       first = waiting > 0 ? 1 : 0;
    size_t       count = lay_out(all + first, wrap, body, total);
    size_t       taken;

    if (waiting > 0)
        all[0] = cordon__buffer_view(&session->out);
    if (write_pieces(session, all, first + count, waiting + total, &taken) != 0)
        return;
    if (waiting > 0 || taken < total)
        queue_rest(session, all + first, count, total, taken);
}

/* Does it wait for others to travel with? */
static int has_company(const cordon__session *session, size_t size, enum cordon__share share)
{
    if (!is_gathering(session) || size > CORK_SIZE)
        return 0;
    return share != CORDON__SHARE_ALONE || cordon__buffer_size(&session->out) > 0;
}

/* head, body, tail as one. */
static int say(cordon__session *session, cordon__wrap *wrap, cordon_bytes body,
               enum cordon__share share)
{
    size_t total = wrap->head_size + body.size + wrap->tail_size;

    if (cordon__session_is_over(session))
        return 0;
    if (is_over(session, total)) {
        cut_slow_reader(session);
        return 0;
    }
    if (!session->is_wide && body.size > CORDON__ROOM) {
        session->is_wide = 1;
        cordon__stream_widen(session->stream);
    }
    if (session->is_blocked || has_company(session, body.size, share))
        return gather(session, wrap, body, total);
    send_now(session, wrap, body, total);
    return 0;
}

/* A body of JSON may have line breaks between its tokens: those become spaces, in our copy. */
static int say_json(cordon__session *session, cordon__wrap *wrap, cordon_bytes body,
                    enum cordon__share share)
{
    cordon__host  *host = session->host;
    cordon__buffer copy = {0};
    cordon_bytes   view;
    int            code;

    if (memchr(body.data, '\n', body.size) == NULL && memchr(body.data, '\r', body.size) == NULL)
        return say(session, wrap, body, share);
    cordon__spares_take(&host->spares, &copy, body.size > CORDON__SPARE_SMALL);
    if (cordon__buffer_append(&copy, &host->memory, body.data, body.size, CORDON__NO_CEILING) !=
        0) {
        cordon__buffer_free(&copy, &host->memory);
        return CORDON_ENOMEM;
    }
    cordon__json_one_line(copy.data + copy.start, body.size);
    view = cordon__buffer_view(&copy);
    code = say(session, wrap, view, share);
    cordon__host_rest(host, &copy);
    return code;
}

/* ---- What can be said ------------------------------------------------------ */

static int is_json_text(cordon_bytes body)
{
    cordon__json_error error;

    return cordon__json_check(body, CORDON__JSON_DEPTH - 1, &error) == 0;
}

int cordon__session_reply(cordon__session *session, const cordon__reference *to,
                          enum cordon__share share, cordon_bytes body)
{
    cordon__wrap wrap;

    if (to->is_json && !is_json_text(body)) {
        int code = cordon__session_fail(session, to, CORDON__INTERNAL,
                                        cordon_text("the reply is not JSON"));

        return code == 0 ? CORDON__SAID_FAILURE : code;
    }
    cordon__wrap_reply(&wrap, to, share == CORDON__SHARE_PART, body.size);
    return to->is_json ? say_json(session, &wrap, body, share) : say(session, &wrap, body, share);
}

int cordon__session_fail(cordon__session *session, const cordon__reference *to, unsigned code,
                         cordon_bytes text)
{
    cordon__host *host = session->host;

    if (cordon__session_is_over(session))
        return 0;
    if (is_over(session, text.size + CORDON__FRAME_HEAD)) {
        cut_slow_reader(session);
        return 0;
    }
    cordon__spares_take(&host->spares, &session->out, 0);
    if (cordon__say_failure(&session->out, &host->memory, to, code, text) != 0)
        return CORDON_ENOMEM;
    cordon__speak_sent(session);
    return 0;
}

int cordon__session_event(cordon__session *session, cordon_bytes body)
{
    cordon__wrap wrap;

    if (session->gate.is_json ? !is_json_text(body) : body.size > session->gate.peer_limit)
        return CORDON_EMSGSIZE;
    cordon__wrap_event(&wrap, session->gate.is_json, body.size);
    return session->gate.is_json ? say_json(session, &wrap, body, CORDON__SHARE_PART)
                                 : say(session, &wrap, body, CORDON__SHARE_PART);
}

int cordon__session_has_room(const cordon__session *session)
{
    size_t most = session->host->max_queued / 2;

    if (most > 4 * CORDON__ROOM)
        most = 4 * CORDON__ROOM;
    return cordon__buffer_size(&session->out) < most;
}
