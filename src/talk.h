/*
 * Floor 4. One connection of a client that waits: plain calls, no loop. Shared
 * by the one-shot call and the session. Its memory stays where it was opened.
 */
#ifndef CORDON__TALK_H
#define CORDON__TALK_H

#include "dialect.h"

#include "asker.h"
#include "endpoint.h"

#define CORDON__BIG_MESSAGE ((size_t)64 * 1024)

typedef struct cordon__talk {
    cordon_endpoint *endpoint; /* counted */
    cordon__line     line;
    intptr_t         spent; /* a connection that was replaced; see cordon__talk_renew */
    cordon__asker    asker;
    cordon__buffer   in;         /* in `small`, or allocated */
    size_t           held;       /* bytes of `in` that the last thing heard is a view of */
    size_t           received;   /* bytes, ever */
    unsigned         modest;     /* things heard since one that needed the big buffer */
    cordon__buffer   out;        /* little frames, or their rest, that the system did not take */
    cordon__buffer   whole;      /* parts of a reply put together */
    size_t           asked_size; /* body of the last question */
    unsigned         refusal;    /* wire code of what ended it and promises that nothing ran */
    uint8_t          is_wide, is_renewed_token;
    uint8_t          is_used;     /* there is or was a connection: not as just opened */
    uint8_t          has_begun;   /* a byte of a question has left on this connection */
    uint8_t          is_sent;     /* the last question has left whole */
    uint8_t          is_mute;     /* nothing more can be written; there may be something to read */
    uint8_t          is_over;     /* nothing more can be read either */
    uint8_t          is_finished; /* the server is stopping */
    cordon__identity peer;        /* of a connection: from here on nothing is cleared before */
    cordon__token    token;
    char             small[4096];
} cordon__talk;

/* Not connected yet. setup->program must live until the hello is said. */
void cordon__talk_open(cordon__talk *talk, cordon_endpoint *endpoint,
                       const cordon__asker_setup *setup);
/* A connection whose other end is known, and the token. An earlier one is closed. */
int cordon__talk_connect(cordon__talk *talk, uint64_t deadline, cordon_fault *fault);
/* The same with a connection that is there: it is the talk's now, in any case. */
int cordon__talk_adopt(cordon__talk *talk, intptr_t handle, const cordon__identity *peer,
                       uint64_t deadline, cordon_fault *fault);
/* The same where another thread may interrupt: the old descriptor stays open until the end. */
int  cordon__talk_renew(cordon__talk *talk, uint64_t deadline, cordon_fault *fault);
void cordon__talk_close(cordon__talk *talk);

/* Say hello and wait for the welcome. */
int cordon__talk_enter(cordon__talk *talk, uint64_t deadline, cordon_fault *fault);

/* Say goodbye, and end the connection as the server sees it: talk is over. */
void cordon__talk_leave(cordon__talk *talk);

/*
 * Ask; a hello not yet said travels along. On failure no id is in use; when
 * it was sent in part, or the other side is gone, the talk is mute. is_gathered:
 * it may wait in `out` for the next one, or for a flush.
 */
int cordon__talk_ask(cordon__talk *talk, uint32_t *id, enum cordon__frame_type type,
                     cordon_bytes body, int is_gathered, uint64_t deadline, cordon_fault *fault);
/* What waits in `out` leaves. */
int cordon__talk_flush(cordon__talk *talk, uint64_t deadline, cordon_fault *fault);

/* Views that were handed out are not looked at any more. */
void cordon__talk_settle(cordon__talk *talk);
/* May more be taken in before what is there is heard? */
int cordon__talk_has_room(const cordon__talk *talk);
/* What has come already, taken in without waiting. */
void cordon__talk_take_in(cordon__talk *talk);
/* The next thing said, but pings (answered) and what is to be passed over. At least one read
 * is tried, also when the deadline has passed. */
int cordon__talk_hear(cordon__talk *talk, cordon__heard *heard, uint64_t deadline,
                      cordon_fault *fault);
/* What a REFUSED, FAILURE or END is to the caller; returns its code. */
CORDON__COLD int cordon__talk_fault(cordon__talk *talk, const cordon__heard *heard,
                                    const char *during, cordon_fault *fault);

/* What is heard while something else is waited for; 0, or a failure that ends the waiting. */
typedef int (*cordon__keep_fn)(void *owner, const cordon__heard *heard, cordon_fault *fault);

/* Wait for the end of question `id`: the reply, its parts put together. EAPP: *reply is the
 * text. A wait that ends without one cancels. keep may be NULL. */
int cordon__talk_await(cordon__talk *talk, cordon_bytes *reply, uint32_t id, cordon__keep_fn keep,
                       void *owner, uint64_t deadline, cordon_fault *fault);
/* A write failed with ECLOSED: read on, a little, for the reason. Returns code, or the reason's. */
CORDON__COLD int cordon__talk_learn(cordon__talk *talk, int code, cordon__keep_fn keep, void *owner,
                                    uint64_t deadline, cordon_fault *fault);
/* Nobody waits for it any more; the server is told as far as that goes without waiting. */
void cordon__talk_abandon(cordon__talk *talk, uint32_t id);
/* A little frame, without waiting. */
void cordon__talk_tell(cordon__talk *talk, enum cordon__frame_type type, uint32_t id,
                       cordon_bytes body);

/* A step of it failed: adds which, where, and whether the question had left. Returns code. */
CORDON__COLD int cordon__talk_failed(const cordon__talk *talk, int code, const char *during,
                                     cordon_fault *fault);
/* 0, or ETIMEDOUT. */
CORDON__COLD int cordon__talk_is_late(const cordon__talk *talk, uint64_t deadline,
                                      cordon_fault *fault);

/*
 * After an attempt that failed with *code: 1: it may be made again, and the
 * pause before is over; 0: final (*code may be another now). *pause_ms starts at 0.
 */
int cordon__talk_may_repeat(cordon__talk *talk, int *code, int is_repeatable, uint64_t *pause_ms,
                            uint64_t deadline, cordon_fault *fault);

#endif
