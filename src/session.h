/*
 * Floor 3. One connection of a server: read, decode, gate, queue, states.
 * It calls down; what it finds it reports up through the host's events.
 */
#ifndef CORDON__SESSION_H
#define CORDON__SESSION_H

#include "dialect.h"

#include "answer.h"
#include "gate.h"
#include "platform.h"
#include "spares.h"

typedef struct cordon__session cordon__session;

/* May a session that asks again be waited for in the loop's place? */
enum cordon__stay {
    CORDON__STAY_NEVER, /* the host runs it itself, or lives by its turns */
    CORDON__STAY_ASK,   /* as far as the host goes; the first stream that would is asked */
    CORDON__STAY_MAY
};

/*
 * What the sessions of one loop share: the buffer they read into, and who has
 * something to say. While depth is not 0, answers are gathered; they leave in
 * one write when it is 0 again, at the latest a millisecond after the first.
 */
typedef struct cordon__desk {
    unsigned         depth;
    int              is_last; /* nothing more was read: the answers leave anyway, no clock needed */
    uint64_t         since;   /* the first answer that waits; 0: nobody asked yet */
    cordon__session *dirty;
    char            *room;
    int              is_room_taken;
    enum cordon__stay      may_stay;
    const cordon__session *last; /* that was read from: an address, it may have gone */
} cordon__desk;

#define CORDON__ROOM \
    ((size_t)64 * 1024) /* bytes: what is read at once, more or less; over it a message is big */
/* The room itself: a request of that size with its head, and what came before it. */
#define CORDON__DESK_ROOM (CORDON__ROOM + 4096)

/* These are here, as other little ones, for the compiler to see: several times a request. */

void cordon__desk_let_go(cordon__desk *desk);
void cordon__desk_look(cordon__desk *desk);
void cordon__desk_time(cordon__desk *desk);

static inline void cordon__desk_enter(cordon__desk *desk)
{
    desk->depth++;
}

static inline void cordon__desk_leave(cordon__desk *desk)
{
    if (desk->depth == 1 && desk->dirty != NULL)
        cordon__desk_let_go(desk);
    desk->depth--;
}

/* Time is about to pass, and something may wait meanwhile. */
static inline void cordon__desk_begin(cordon__desk *desk)
{
    if (desk->dirty != NULL && !desk->is_last)
        cordon__desk_time(desk);
}

/* Time has passed inside: let go what waits too long. */
static inline void cordon__desk_hurry(cordon__desk *desk)
{
    if (desk->dirty != NULL && !desk->is_last)
        cordon__desk_look(desk);
}

typedef struct cordon__host_events {
    /* May it come in? 0, or the wire code of the refusal. Then it is admitted. */
    unsigned (*on_admit)(void *owner, cordon__session *session, cordon_bytes program);
    void (*on_request)(void *owner, cordon__session *session, const cordon__act *act);
    void (*on_cancel)(void *owner, cordon__session *session, uint32_t id);
    void (*on_status)(void *owner, cordon__session *session, uint32_t id);
    void (*on_stop)(void *owner, cordon__session *session, uint32_t id);
    void (*on_room)(void *owner, cordon__session *session); /* what it leaves unread got less */
    /* It has ended for all that asked by it; code CORDON_OK: in good order. text may be NULL. */
    void (*on_ended)(void *owner, cordon__session *session, int code, const char *text);
    void (*on_closed)(void *owner, cordon__session *session); /* its memory goes now */
    void (*on_due)(void *owner, uint64_t due); /* one of its deadlines may be the next */
    /* One that was let in before it was known turned out not to be ours: closed next. */
    void (*on_stranger)(void *owner, const cordon_fault *why);
} cordon__host_events;

/* What the sessions of one server share. */
typedef struct cordon__host {
    const cordon__host_events *events;
    void                      *owner;
    cordon__desk              *desk;
    cordon__memory             memory;
    cordon__rules              rules;
    cordon__welcome            welcome;
    cordon__spares             spares;
    unsigned                   peer_flags; /* CORDON_TRUST_ROOT */
    cordon__own                own;
    int                        is_stopping;
    size_t                     max_queued, max_queued_all, max_partial;
    size_t                     queued;    /* bytes of output that nobody took, all sessions */
    size_t                     in_copies; /* what the streams hold besides, on their way */
    size_t                     partial;   /* bytes held for incomplete frames, all sessions */
    uint64_t                   trim_due;  /* when the large spares are freed */
    int                        hello_ms, write_ms, stall_ms, drain_ms; /* -1: never */
} cordon__host;

/* A buffer that is empty comes to rest; a large one not for ever. */
void cordon__host_rest(cordon__host *host, cordon__buffer *buffer);

enum cordon__life {
    CORDON__LIFE_OPEN,
    CORDON__LIFE_LAST,   /* no more input; answers go out, then it closes */
    CORDON__LIFE_LINGER, /* the reason is told; input is thrown away for a moment */
    CORDON__LIFE_CLOSED
};

struct cordon__session {
    cordon__session *next, *previous; /* the host's list */
    cordon__session *dirty;           /* the desk's list */
    cordon__host    *host;
    cordon__stream  *stream;
    uint64_t         id;
    uint64_t         due_in;  /* for the other side to say something; or the end of lingering */
    uint64_t         due_out; /* for the other side to take something */
    cordon__gate     gate;
    cordon__buffer   in, out;
    size_t           counted_in, counted_out; /* in the host's sums */
    size_t           need;                    /* bytes that the frame under way takes */
    void            *requests;                /* the server's */
    unsigned         in_flight;               /* handlers that have a request of it */
    unsigned         pending;                 /* requests that wait for their last answer */
    unsigned         discarded;
    size_t           posted; /* bytes on their way from other threads; under the loop's lock */
    uint8_t          life;   /* enum cordon__life */
    uint8_t  is_dirty, is_blocked, is_wide, is_paused, is_wanted, is_known, has_ended, is_welcome;
    uint8_t  is_member;  /* admitted: on the other list of the server */
    uint8_t  is_resting; /* all is said and it has only to close: nobody waits for that yet */
    unsigned peer_known;
    uint32_t peer_uid, peer_gid;
    uint64_t peer_pid;
    char    *sid;     /* NULL when not known */
    char    *program; /* what it calls itself; may be NULL */
};

/* Takes the handle on success. peer: NULL where the system tells it later. */
int cordon__session_open(cordon__session **session, cordon__host *host, struct uv_loop_s *uv,
                         intptr_t handle, uint64_t id, const cordon__identity *peer,
                         cordon_fault *fault);
/* It needs no hello: it is let in. */
void cordon__session_admit(cordon__session *session);
/* What the system says of the other end, once it does. */
void cordon__session_know(cordon__session *session, const cordon__identity *peer);
/* Read what is there already, and go on reading; or it is_resting. It may have closed when this
 * returns. */
void cordon__session_start(cordon__session *session);
/* It has rested: has it closed by now? Else it is waited for. */
void cordon__session_wake(cordon__session *session);

/*
 * Say something. 0: it is said, or the session has ended meanwhile.
 * CORDON__SAID_FAILURE: the body was not JSON where it must be: the client was told.
 * ENOMEM: nothing of it was said. A session whose peer leaves more than
 * max_queued unread is cut.
 */
enum { CORDON__SAID_FAILURE = 1 };

enum cordon__share {
    CORDON__SHARE_LAST, /* a whole reply, or the last part */
    CORDON__SHARE_PART,
    CORDON__SHARE_ALONE /* as LAST; and nothing is to come that it could travel with */
};

int cordon__session_reply(cordon__session *session, const cordon__reference *to,
                          enum cordon__share share, cordon_bytes body);
int cordon__session_fail(cordon__session *session, const cordon__reference *to, unsigned code,
                         cordon_bytes text);
int cordon__session_event(cordon__session *session, cordon_bytes body);
/* Is there room for a part of a reply? */
int cordon__session_has_room(const cordon__session *session);

void cordon__session_part(cordon__session *session);

/* One of its requests has had its last answer, or its handler has let go. */
static inline void cordon__session_settle(cordon__session *session)
{
    if (session->life != CORDON__LIFE_OPEN || session->gate.state == CORDON__GATE_FINISHED ||
        session->host->is_stopping)
        cordon__session_part(session);
}

/* The server stops: say so. */
void cordon__session_finish(cordon__session *session);
/* Tell the reason, then close: the whole connection. code: our number, for the host. */
CORDON__COLD void cordon__session_break(cordon__session *session, unsigned wire, const char *text);
/* At once. */
void cordon__session_close(cordon__session *session, int code, const char *text);

/* Its reason is told or it is closed: nothing is said or heard any more. */
static inline int cordon__session_is_over(const cordon__session *session)
{
    return session->life >= CORDON__LIFE_LINGER;
}

/* For its two halves: the other side has wait_ms (-1: for ever) from now to say something; and
 * the last callback of its stream. */
void cordon__session_await(cordon__session *session, uint64_t now, int wait_ms);
void cordon__session_closed(void *owner);

uint64_t cordon__session_due(const cordon__session *session);
/* Its deadlines, looked at: what has passed is acted on. */
void cordon__session_tick(cordon__session *session, uint64_t now);
/* It wants EVENT frames, or event lines. */
int cordon__session_wants_events(const cordon__session *session);
/* In a child that did not exec: its descriptor. */
void cordon__session_abandon(cordon__session *session);

#endif
