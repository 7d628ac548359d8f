/*
 * Floor 4. A server: an endpoint held, its sessions, its requests, its end.
 */
#ifndef CORDON__SERVER_H
#define CORDON__SERVER_H

#include "dialect.h"

#include "claim.h"
#include "loop.h"
#include "request.h"

enum cordon__server_state {
    CORDON__SERVER_OPEN,
    CORDON__SERVER_STOPPING, /* no new requests; answers go out */
    CORDON__SERVER_ENDED     /* on_closed has been told, or is being told */
};

/* Sessions that have only to close, looked after together: so many, and for so long. */
#define CORDON__RESTING_MAX 7 /* glibc keeps so many blocks of a size at hand */
#define CORDON__RESTING_MS  10

/* A list of sessions, oldest first. */
typedef struct cordon__sessions {
    cordon__session *first, *last;
    size_t           count;
} cordon__sessions;

struct cordon_server {
    cordon__member        member;
    cordon__host          host;
    cordon__claim         claim;
    cordon_loop          *loop;
    cordon__mail         *mail; /* one use */
    cordon_server_options options;
    cordon_request_fn     on_request;
    char                 *program;
    cordon__timer        *timer;
    uint64_t              timer_due;
    uint64_t              accept_due, look_due, drain_due, idle_due; /* CORDON__NEVER */
    cordon__sessions      strangers, members;
    cordon__session      *resting[CORDON__RESTING_MAX];
    size_t                resting_count;
    uint64_t              resting_due;                /* CORDON__NEVER */
    size_t                guest_count, control_count; /* of the members that have not ended */
    cordon__requests      requests;
    cordon__job           close_job, turn_job, push_job;
    uint64_t              next_id;
    uint64_t              started_at;
    uint64_t              request_count;
    unsigned              service; /* inside of our own work: turns are told at its end */
    uint64_t              pid;     /* of the process that opened it */
    int                   state;   /* enum cordon__server_state */
    int                   is_listening, is_released, has_ended, is_short;
    int                   is_awaited; /* who has started it waits, and nobody has come yet */
    int                   is_deaf;    /* its listener is not on the loop: tried again at the look */
    int                   trouble;    /* the last code that a look reported */
    volatile int          is_asked_to_stop;     /* by any thread: the loop hears of it as a job */
    struct cordon__push  *pushes, **pushes_end; /* lock: events from other threads */
    size_t                pushed, push_count;   /* lock: their bytes, with their heads; how many */
};

void cordon__server_tell_turns(cordon_server *server);

/* Our own work begins and ends: turns are told at the end. */
static inline void cordon__server_enter(cordon_server *server)
{
    server->service++;
}

static inline void cordon__server_leave(cordon_server *server)
{
    if (server->requests.turns != NULL && server->service == 1)
        cordon__server_tell_turns(server);
    server->service--;
}

/* There are turns to tell. */
void cordon__server_has_turns(cordon_server *server);
/* One of its deadlines may be the next. */
void cordon__server_due(cordon_server *server, uint64_t due);
/* The time of the next thing to do, and doing what is due. */
void cordon__server_tick(void *owner);

/* What was published again gets its place on the loop; `old` (or NULL) is emptied and closed. */
void cordon__server_listen_again(cordon_server *server, cordon__listener *old);

/* ---- idle.c: leaving when nobody is here ---- */

/* Nobody is here from now on. */
void cordon__idle_begin(cordon_server *server);
/* Somebody is. */
void cordon__idle_end(cordon_server *server);
/* Is it time to leave? */
void cordon__idle_tick(cordon_server *server, uint64_t now);

/* ---- options.c ---- */

/* The given ones, or all defaults; checked. EINVAL. */
int cordon__server_options(cordon_server_options *options, const cordon_server_options *given,
                           cordon_fault *fault);

/* ---- status.c: about itself, and events ---- */

int  cordon__server_describe(cordon_server *server, cordon__buffer *json);
void cordon__server_run_pushes(cordon__job *job);
void cordon__pushes_free(struct cordon__push *first, const cordon__memory *memory);

/* ---- door.c: who comes in ---- */

extern const cordon__host_events cordon__server_events;

void cordon__door_waiting(void *owner); /* accept */
/* The same, until CORDON__NOBODY waits any more; 0: more may; negative: they cannot be let in. */
int cordon__door_open(cordon_server *server);
/* A pair of a parent and its child becomes a session; where callbacks run. EBUSY: too many are
 * here; ECLOSED: it is stopping. Takes the handle on success. */
int cordon__door_private(cordon_server *server, intptr_t handle, const cordon__identity *peer,
                         cordon_fault *fault);
/* Who has rested and closed meanwhile goes, the others are waited for. */
void cordon__door_wake(cordon_server *server);
/* What waits at a listener that is closed next; then it is closed. */
void cordon__door_empty(cordon_server *server, cordon__listener *listener);
void cordon__server_trouble(cordon_server *server, const cordon_fault *fault);
void cordon__server_peer(cordon_peer *peer, const cordon__session *session);
/* Nothing holds it any more: end it. */
void cordon__server_settle(cordon_server *server);
/* Stop, from any thread: soon. */
void cordon__server_ask_to_stop(cordon_server *server);
/* Stop, from the loop, not inside a handler. */
void cordon__server_stop(cordon_server *server);

#endif
