#include "dialect.h"

#include "hear.h"

#include <string.h>

#include "speak.h"

#define LINGER_DISCARD 65536 /* bytes */

/* ---- What was asked -------------------------------------------------------- */

static void admit(cordon__session *session, const cordon__act *act)
{
    cordon__host            *host = session->host;
    cordon__welcome          welcome;
    unsigned                 refusal = host->events->on_admit(host->owner, session, act->program);
    static const char *const why[] = {[CORDON__UNAUTHORIZED] = "the server does not let you in",
                                      [CORDON__BUSY] = "the server is full",
                                      [CORDON__STOPPING] = "the server is stopping",
                                      [CORDON__NOT_READY] = "the server is not ready yet"};

    if (cordon__session_is_over(session))
        return;
    if (refusal != 0) {
        const char *text = refusal <= CORDON__NOT_READY ? why[refusal] : NULL;

        cordon__session_break(session, refusal, text != NULL ? text : "refused");
        return;
    }
    cordon__gate_admit(&session->gate, &host->rules);
    session->due_in = CORDON__NEVER;
    session->is_welcome = 1;
    if (session->gate.is_json)
        return;
    welcome = host->welcome;
    welcome.version = session->gate.is_control ? 0 : CORDON__WIRE_VERSION;
    welcome.features = session->gate.features & welcome.features;
    cordon__spares_take(&host->spares, &session->out, 0);
    if (cordon__say_welcome(&session->out, &host->memory, &welcome) != 0)
        cordon__session_close(session, CORDON_ENOMEM, "no memory to welcome it");
    else
        cordon__speak_sent(session);
}

static void pong(cordon__session *session, const cordon__act *act)
{
    cordon__host *host = session->host;

    if (cordon__buffer_size(&session->out) > host->max_queued) {
        cordon__session_break(session, CORDON__BUSY, "too much is left unread");
        return;
    }
    cordon__spares_take(&host->spares, &session->out, 0);
    if (cordon__say_frame(&session->out, &host->memory, CORDON__PONG, 0, act->body) == 0)
        cordon__speak_sent(session);
}

static void fail(cordon__session *session, const cordon__act *act)
{
    cordon__reference to = {session->gate.is_json, act->id, act->key};

    (void)cordon__session_fail(session, &to, act->code, cordon_text(act->text));
}

static void carry_out(cordon__session *session, const cordon__act *act)
{
    cordon__host *host = session->host;

    switch (act->kind) {
    case CORDON__ACT_ADMIT:
        admit(session, act);
        break;
    case CORDON__ACT_REQUEST:
        if (act->is_one_shot) {
            session->life = CORDON__LIFE_LAST;
            cordon__stream_reading(session->stream, 0);
        }
        host->events->on_request(host->owner, session, act);
        break;
    case CORDON__ACT_CANCEL:
        host->events->on_cancel(host->owner, session, act->id);
        break;
    case CORDON__ACT_PING:
        pong(session, act);
        break;
    case CORDON__ACT_STOP:
        host->events->on_stop(host->owner, session, act->id);
        break;
    case CORDON__ACT_STATUS:
        host->events->on_status(host->owner, session, act->id);
        break;
    case CORDON__ACT_FAIL:
        fail(session, act);
        break;
    case CORDON__ACT_BREAK:
        cordon__session_break(session, act->code, act->text);
        break;
    case CORDON__ACT_VANISH:
        cordon__session_close(session, CORDON_EPROTOCOL, "it speaks neither framing");
        break;
    case CORDON__ACT_FINISH: /* settled when all that was read is done */
    case CORDON__ACT_MORE:
        break;
    }
}

static int is_flooded(const cordon__session *session)
{
    return cordon__buffer_size(&session->out) > session->host->max_queued / 2;
}

/* Whoever asks faster than it reads the answers is not asked on: it waits for itself. */
static int must_pause(cordon__session *session)
{
    if (!is_flooded(session))
        return 0;
    (void)cordon__speak_flush(session);
    if (cordon__session_is_over(session) || !is_flooded(session))
        return 0;
    session->is_paused = 1;
    session->due_in = CORDON__NEVER;
    cordon__stream_reading(session->stream, 0);
    return 1;
}

/* Will nobody be asked anything more of what was read? A goodbye asks nobody. */
static int is_all(const cordon__session *session, cordon_bytes rest, size_t used)
{
    const uint8_t *next = (const uint8_t *)rest.data + used;

    if (rest.size == used)
        return 1;
    return rest.size - used == CORDON__FRAME_HEAD && !session->gate.is_json &&
           next[CORDON__FRAME_TYPE_AT] == CORDON__FINISH;
}

/* Everything that can be understood of `in`; the bytes done with. */
static size_t understand(cordon__session *session, cordon_bytes in)
{
    cordon__host *host = session->host;
    size_t        done = 0;

    while (!cordon__session_is_over(session) && session->gate.state != CORDON__GATE_OVER) {
        cordon_bytes rest = {(const char *)in.data + done, in.size - done};
        cordon__act  act;
        size_t       used;

        if (must_pause(session))
            return done;
        if (cordon__session_is_over(session))
            break;
        if (rest.size == 0) { /* mostly all that came has been said */
            session->need = 1;
            return done;
        }
        cordon__gate_next(&session->gate, &host->rules, rest, &used, &act);
        done += used;
        if (act.kind == CORDON__ACT_MORE) {
            session->need = act.need;
            return done;
        }
        /* What it says when it lets in leaves with the rest: the time of that begins here. */
        host->desk->is_last = act.kind == CORDON__ACT_ADMIT || is_all(session, rest, used);
        cordon__desk_begin(host->desk);
        carry_out(session, &act);
        cordon__desk_hurry(host->desk);
    }
    return in.size; /* nothing that follows matters any more */
}

static void count_capacity(cordon__session *session)
{
    cordon__host *host = session->host;

    host->partial = host->partial - session->counted_in + session->in.capacity;
    session->counted_in = session->in.capacity;
}

void cordon__hear_count(cordon__session *session)
{
    if (session->in.data == NULL && session->counted_in == 0)
        return; /* mostly nothing is left */
    if (cordon__buffer_size(&session->in) == 0)
        cordon__host_rest(session->host, &session->in);
    count_capacity(session);
}

/* ---- Reading --------------------------------------------------------------- */

static int reserve_in(cordon__session *session)
{
    cordon__host *host = session->host;
    size_t        have = cordon__buffer_size(&session->in);
    size_t        want = session->need > have ? session->need - have : 1;
    size_t        step = have > CORDON__ROOM ? have : CORDON__ROOM;

    /* Memory follows the bytes that came, not the length that was promised. */
    if (want > step)
        want = step;
    if (session->gate.is_json && want < 4096)
        want = 4096;
    return cordon__buffer_reserve(&session->in, &host->memory, want, CORDON__NO_CEILING);
}

/* Of a big frame no byte more: the next one would have to be moved to the front. */
static size_t until_its_end(const cordon__session *session, size_t room)
{
    size_t have = cordon__buffer_size(&session->in);

    return session->need > have && session->need - have < room ? session->need - have : room;
}

/* Behind what it has already. */
CORDON__COLD static void make_room(cordon__session *session, char **data, size_t *size)
{
    if (reserve_in(session) != 0) {
        *data = NULL;
        *size = 0;
        cordon__session_close(session, CORDON_ENOMEM, "no memory to read");
        return;
    }
    count_capacity(session);
    *data = cordon__buffer_tail(&session->in);
    *size = cordon__buffer_room(&session->in);
    if (session->need > CORDON__ROOM && !session->gate.is_json) /* a line does not say its length */
        *size = until_its_end(session, *size);
}

static void on_room(void *owner, char **data, size_t *size)
{
    cordon__session *session = owner;
    cordon__desk    *desk = session->host->desk;

    if (cordon__buffer_size(&session->in) > 0 || desk->is_room_taken) {
        make_room(session, data, size);
        return;
    }
    *data = desk->room;
    *size = CORDON__DESK_ROOM;
}

/* What is left of a read is a frame or line that has begun. */
static void keep(cordon__session *session, const char *rest, size_t size)
{
    cordon__host *host = session->host;

    cordon__spares_take(&host->spares, &session->in, session->need > CORDON__SPARE_SMALL);
    if (cordon__buffer_append(&session->in, &host->memory, rest, size, CORDON__NO_CEILING) != 0)
        cordon__session_close(session, CORDON_ENOMEM, "no memory for a frame");
}

CORDON__COLD static void count_partial(cordon__session *session)
{
    cordon__host *host = session->host;

    cordon__hear_count(session);
    if (cordon__session_is_over(session))
        return;
    if (host->partial > host->max_partial) {
        cordon__session_break(session, CORDON__BUSY, "too many frames are incomplete");
        return;
    }
    if (!session->is_wide && session->need > CORDON__ROOM) {
        session->is_wide = 1;
        cordon__stream_widen(session->stream);
    }
    if (!cordon__gate_is_admitted(&session->gate) || session->is_paused)
        return; /* the time for its hello runs on; a paused one is not late */
    if (cordon__buffer_size(&session->in) > 0)
        cordon__session_await(session, cordon__now(), host->stall_ms);
    else
        session->due_in = CORDON__NEVER;
}

/* Mostly whole frames came, and nothing of them is kept, as before. */
static void look_at_partial(cordon__session *session)
{
    if (session->in.data != NULL || session->counted_in > 0)
        count_partial(session);
}

static void read_shared(cordon__session *session, size_t size)
{
    cordon__desk *desk = session->host->desk;
    cordon_bytes  view = {desk->room, size};
    size_t        done;

    desk->is_room_taken = 1;
    done = understand(session, view);
    if (done < size && !cordon__session_is_over(session))
        keep(session, desk->room + done, size - done);
    desk->is_room_taken = 0;
}

static void understand_own(cordon__session *session)
{
    const cordon_bytes there = cordon__buffer_view(&session->in);

    if (there.size > 0)
        cordon__buffer_take(&session->in, understand(session, there));
    else
        session->need = 1;
}

/* Windows tells who the peer is once its first bytes are read; none of them is looked at before. */
static int is_friend(cordon__session *session)
{
    cordon__host    *host = session->host;
    cordon_fault     fault;
    cordon__identity peer;
    int              code;

    if (session->is_known)
        return 1;
    cordon__fault_clear(&fault);
    code = cordon__stream_peer(&peer, session->stream, &fault);
    if (code == CORDON__LATER) /* it has been read from: there is no later */
        code = cordon__fault_set(&fault, CORDON_EIMPOSTOR, "check peer");
    if (code == 0)
        code = cordon__peer_judge(&peer, host->own, host->peer_flags, &fault);
    if (code == 0) {
        cordon__session_know(session, &peer);
        return 1;
    }
    host->events->on_stranger(host->owner, &fault); /* first: the peer sees the end at once */
    cordon__session_close(session, code, "not a peer of ours");
    return 0;
}

static void throw_away(cordon__session *session, size_t size)
{
    if (session->life != CORDON__LIFE_LINGER)
        return;
    session->discarded += (unsigned)size;
    if (session->discarded > LINGER_DISCARD)
        cordon__session_close(session, CORDON_EPROTOCOL, NULL);
}

/* Where several ask, each waiting in the place of the loop would find another one; where it is
 * answered later, the answer is what comes next. */
static int may_stay(cordon__desk *desk, const cordon__session *session)
{
    const int is_again = desk->last == session;

    desk->last = session;
    if (!is_again || desk->may_stay == CORDON__STAY_NEVER || session->pending > 0)
        return 0;
    if (desk->may_stay == CORDON__STAY_ASK)
        desk->may_stay =
            cordon__stream_may_stay(session->stream) ? CORDON__STAY_MAY : CORDON__STAY_NEVER;
    return desk->may_stay == CORDON__STAY_MAY;
}

static int on_read(void *owner, size_t size)
{
    cordon__session *session = owner;
    cordon__desk    *desk = session->host->desk;

    if (session->life != CORDON__LIFE_OPEN) {
        throw_away(session, size);
        return 0;
    }
    if (!session->is_known && !is_friend(session))
        return 0;
    cordon__desk_enter(desk);
    if (cordon__buffer_size(&session->in) == 0 && !desk->is_room_taken)
        read_shared(session, size);
    else {
        cordon__buffer_add(&session->in, size);
        understand_own(session);
    }
    look_at_partial(session);
    cordon__session_settle(session);
    cordon__desk_leave(desk);
    return may_stay(desk, session);
}

static void on_input_end(cordon__session *session)
{
    cordon__act act;

    cordon__gate_end(&session->gate, cordon__buffer_view(&session->in), &act);
    if (act.kind == CORDON__ACT_BREAK) {
        cordon__session_break(session, act.code, act.text);
        if (cordon__buffer_size(&session->out) == 0) /* it sends nothing more to wait for */
            cordon__session_close(session, CORDON_OK, NULL);
    } else if (!cordon__gate_is_admitted(&session->gate)) {
        cordon__session_close(session, CORDON_ECLOSED, NULL);
    } else if (session->gate.is_json || session->gate.state == CORDON__GATE_FINISHED) {
        session->life = CORDON__LIFE_LAST;
        cordon__session_settle(session);
    } else {
        cordon__session_close(session, CORDON_ECLOSED, "it ended without FINISH");
    }
}

static int is_goodbye(const cordon__session *session)
{
    if (session->pending > 0)
        return 0;
    return session->gate.is_json || session->gate.state == CORDON__GATE_FINISHED ||
           session->life != CORDON__LIFE_OPEN;
}

static void on_end(void *owner, enum cordon__end end, uint32_t os_code)
{
    cordon__session *session = owner;

    (void)os_code;
    if (session->life == CORDON__LIFE_LINGER)
        cordon__session_close(session, CORDON_OK, NULL);
    else if (end == CORDON__END_INPUT && session->life == CORDON__LIFE_OPEN)
        on_input_end(session);
    else if (end == CORDON__END_LOST)
        cordon__session_close(session, is_goodbye(session) ? CORDON_OK : CORDON_ECLOSED,
                              "the client has gone");
}

/* It has read enough of its answers: go on with what it asked meanwhile. */
static void resume(cordon__session *session)
{
    session->is_paused = 0;
    cordon__stream_reading(session->stream, 1);
    understand_own(session);
    look_at_partial(session);
}

static void on_writable(void *owner)
{
    cordon__session *session = owner;
    cordon__desk    *desk = session->host->desk;

    session->is_blocked = 0;
    session->due_out = CORDON__NEVER;
    cordon__desk_enter(desk);
    (void)cordon__speak_flush(session);
    if (session->is_paused && !is_flooded(session) && !cordon__session_is_over(session))
        resume(session);
    cordon__session_settle(session);
    cordon__desk_leave(desk);
}

const cordon__stream_events cordon__hear_events = {on_room, on_read, on_end, on_writable,
                                                   cordon__session_closed};
