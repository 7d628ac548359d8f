#include "dialect.h"

#include "session.h"

#include <string.h>

#include "hear.h"
#include "speak.h"

#define LINGER_MS 100

/* ---- Its end --------------------------------------------------------------- */

static void say_ended(cordon__session *session, int code, const char *text)
{
    cordon__host *host = session->host;

    if (session->has_ended)
        return;
    session->has_ended = 1;
    host->events->on_ended(host->owner, session, code, text);
}

void cordon__session_close(cordon__session *session, int code, const char *text)
{
    if (session->life == CORDON__LIFE_CLOSED)
        return;
    session->life = CORDON__LIFE_CLOSED;
    cordon__gate_close(&session->gate);
    say_ended(session, code, text);
    cordon__stream_close(session->stream);
}

static void drop_from_desk(cordon__session *session)
{
    cordon__session **at = &session->host->desk->dirty;

    if (!session->is_dirty)
        return;
    while (*at != session)
        at = &(*at)->dirty;
    *at = session->dirty;
}

void cordon__session_closed(void *owner)
{
    cordon__session *session = owner;
    cordon__host    *host = session->host;

    drop_from_desk(session);
    cordon__buffer_take(&session->in, cordon__buffer_size(&session->in));
    cordon__hear_count(session);
    cordon__buffer_take(&session->out, cordon__buffer_size(&session->out));
    cordon__speak_count(session);
    cordon__release(&host->memory, session->program);
    cordon__release(&host->memory, session->sid);
    session->program = NULL;
    session->sid = NULL;
    host->events->on_closed(host->owner, session);
}

void cordon__session_await(cordon__session *session, uint64_t now, int wait_ms)
{
    cordon__host *host = session->host;

    session->due_in = wait_ms < 0 ? CORDON__NEVER : now + (uint64_t)wait_ms;
    if (session->due_in != CORDON__NEVER)
        host->events->on_due(host->owner, session->due_in);
}

static int our_code(unsigned wire)
{
    return wire == CORDON__STOPPING ? CORDON_OK : cordon__code_from_wire(wire);
}

/*
 * The reason is the last thing that a non-blocking send takes. What the peer
 * goes on sending is thrown away for a moment, so that a close does not take
 * the reason from it.
 */
void cordon__session_break(cordon__session *session, unsigned wire, const char *text)
{
    static const cordon__reference all_json = {1, 0, {NULL, 0}};
    static const cordon__reference all_binary = {0, 0, {NULL, 0}};
    cordon__host                  *host = session->host;

    if (session->life == CORDON__LIFE_CLOSED || session->life == CORDON__LIFE_LINGER)
        return;
    session->life = CORDON__LIFE_LINGER;
    cordon__gate_close(&session->gate);
    cordon__spares_take(&host->spares, &session->out, 0);
    if (session->gate.is_json || session->is_welcome)
        (void)cordon__say_failure(&session->out, &host->memory,
                                  session->gate.is_json ? &all_json : &all_binary, wire,
                                  cordon_text(text));
    else
        (void)cordon__say_refused(&session->out, &host->memory, 0, wire, cordon_text(text));
    cordon__speak_count(session);
    say_ended(session, our_code(wire), text);
    cordon__session_await(session, cordon__now(), LINGER_MS);
    (void)cordon__speak_flush(session);
    if (session->life == CORDON__LIFE_LINGER)
        cordon__stream_reading(session->stream, 1);
}
/* ---- Its beginning --------------------------------------------------------- */

void cordon__session_know(cordon__session *session, const cordon__identity *peer)
{
    session->is_known = 1;
    session->peer_known = peer->known;
    session->peer_uid = peer->uid;
    session->peer_gid = peer->gid;
    session->peer_pid = peer->pid;
    if ((peer->known & CORDON_PEER_SID) == 0)
        return;
    session->sid = cordon__copy_text(&session->host->memory, peer->sid);
    if (session->sid == NULL) /* no memory: it goes untold */
        session->peer_known &= ~(unsigned)CORDON_PEER_SID;
}

int cordon__session_open(cordon__session **session, cordon__host *host, struct uv_loop_s *uv,
                         intptr_t handle, uint64_t id, const cordon__identity *peer,
                         cordon_fault *fault)
{
    cordon__session *made = cordon__allocate(&host->memory, sizeof *made);
    int              code;

    if (made == NULL)
        return cordon__fault_set(fault, CORDON_ENOMEM, "session");
    made->host = host;
    made->id = id;
    made->due_out = CORDON__NEVER;
    made->due_in = CORDON__NEVER;
    cordon__gate_open(&made->gate);
    if (peer != NULL)
        cordon__session_know(made, peer);
    code = cordon__stream_open(&made->stream, uv, handle, &cordon__hear_events, made, &host->memory,
                               fault);
    if (code != 0) {
        cordon__release(&host->memory, made->sid);
        cordon__release(&host->memory, made);
        return code;
    }
    cordon__stream_tally(made->stream, &host->in_copies);
    *session = made;
    return 0;
}

void cordon__session_admit(cordon__session *session)
{
    cordon__gate_open_private(&session->gate, &session->host->rules);
    session->is_welcome = 1;
}

/* Its goodbye came along with what it asked, and all is answered: it closes when it has read that,
 * most likely before we could begin to watch for it. */
static int is_done(const cordon__session *session)
{
    return session->gate.state == CORDON__GATE_FINISHED && session->pending == 0 &&
           cordon__buffer_size(&session->out) == 0;
}

void cordon__session_start(cordon__session *session)
{
    session->is_resting = 1; /* who has said all in one breath */
    cordon__stream_read_now(session->stream);
    session->is_resting = session->life == CORDON__LIFE_OPEN && is_done(session);
    if (session->life == CORDON__LIFE_LAST)
        cordon__stream_reading(session->stream, 0); /* it may be lost while its answer is made */
    if (session->life != CORDON__LIFE_OPEN || session->is_resting)
        return;
    if (!cordon__gate_is_admitted(&session->gate))
        cordon__session_await(session, cordon__now(), session->host->hello_ms);
    cordon__stream_reading(session->stream, !session->is_paused);
}

void cordon__session_wake(cordon__session *session)
{
    session->is_resting = 0;
    if (session->life == CORDON__LIFE_OPEN)
        cordon__stream_read_now(session->stream);
    if (session->life == CORDON__LIFE_OPEN)
        cordon__stream_reading(session->stream, 1);
    cordon__session_settle(session);
}

/* ---- Its steps ------------------------------------------------------------- */

/* It may be at its end: does it part? */
void cordon__session_part(cordon__session *session)
{
    cordon__host *host = session->host;

    if (cordon__session_is_over(session) || session->pending > 0 ||
        cordon__buffer_size(&session->out) > 0)
        return;
    if (session->life == CORDON__LIFE_LAST ||
        (host->is_stopping && session->gate.is_json && cordon__gate_is_admitted(&session->gate)))
        cordon__session_close(session, CORDON_OK, NULL);
    else if (session->gate.state == CORDON__GATE_FINISHED && session->due_in == CORDON__NEVER &&
             !session->is_resting)
        cordon__session_await(session, cordon__now(), host->drain_ms);
}

void cordon__session_finish(cordon__session *session)
{
    cordon__host *host = session->host;
    cordon_bytes  none = {NULL, 0};

    /* What lies in the socket was sent to a server that was there: it gets an answer. */
    if (session->life == CORDON__LIFE_OPEN)
        cordon__stream_read_now(session->stream);
    if (cordon__session_is_over(session) || !session->is_welcome)
        return;
    if (!session->gate.is_json) {
        cordon__spares_take(&host->spares, &session->out, 0);
        if (cordon__say_frame(&session->out, &host->memory, CORDON__FINISH, 0, none) == 0)
            cordon__speak_sent(session);
    }
    cordon__session_settle(session);
}

uint64_t cordon__session_due(const cordon__session *session)
{
    return session->due_in < session->due_out ? session->due_in : session->due_out;
}

/*
 * We may be late ourselves: asleep, stopped, or busy with another handler. What
 * came meanwhile lies in the socket and counts. 1: it does.
 */
static int was_heard(cordon__session *session)
{
    const uint64_t due = session->due_in;

    if (session->life != CORDON__LIFE_OPEN)
        return 0;
    cordon__stream_read_now(session->stream);
    return session->due_in != due || session->life != CORDON__LIFE_OPEN;
}

/* Likewise for room that nobody told us of yet. */
static int takes_again(cordon__session *session)
{
    const size_t before = cordon__buffer_size(&session->out);

    session->is_blocked = 0;
    session->due_out = CORDON__NEVER;
    (void)cordon__speak_flush(session);
    return session->life == CORDON__LIFE_CLOSED || cordon__buffer_size(&session->out) < before;
}

static void end_late(cordon__session *session)
{
    session->due_in = CORDON__NEVER;
    if (session->life == CORDON__LIFE_LINGER || session->gate.state == CORDON__GATE_FINISHED)
        cordon__session_close(session, CORDON_OK, NULL);
    else if (session->gate.state == CORDON__GATE_OPENING)
        cordon__session_close(session, CORDON_ETIMEDOUT, "it said nothing");
    else
        cordon__session_break(session, CORDON__TIMED_OUT, "a frame was begun and not ended");
}

void cordon__session_tick(cordon__session *session, uint64_t now)
{
    if (now >= session->due_out && session->life != CORDON__LIFE_CLOSED && !takes_again(session)) {
        cordon__session_close(session, CORDON_ETIMEDOUT, "the client takes no byte");
        return;
    }
    if (now >= session->due_in && !was_heard(session))
        end_late(session);
}

int cordon__session_wants_events(const cordon__session *session)
{
    if (cordon__session_is_over(session) || !session->is_welcome || session->gate.is_control)
        return 0;
    return session->gate.is_json ? session->gate.has_asked_id : (session->gate.features & 1u) != 0;
}

void cordon__session_abandon(cordon__session *session)
{
    cordon__stream_close(session->stream);
}
