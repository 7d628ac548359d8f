/*
 * Floor 4. Requests: from the handler's call to their one end, wherever and
 * whenever that comes.
 *
 * The loop's thread owns all fields but those marked: the lock of the mail
 * guards these, since other threads read them.
 */
#ifndef CORDON__REQUEST_H
#define CORDON__REQUEST_H

#include "dialect.h"

#include "mail.h"
#include "session.h"

enum { CORDON__END_NONE, CORDON__END_REPLY, CORDON__END_FAIL };

struct cordon_request {
    cordon__job       job;             /* first: its way to the loop */
    cordon_request   *next, *previous; /* all that handlers have */
    cordon_request   *sibling, *elder; /* those of one session */
    cordon_request   *chain;           /* in the table, until its last answer */
    cordon_request   *turn;            /* in the list of turns to tell */
    cordon_request   *outer;           /* while its handler runs: the one around that */
    cordon_server    *server;          /* lock; NULL: it has closed */
    cordon__session  *session;         /* lock; NULL: it has left */
    cordon_session_id session_id;
    cordon_bytes      body; /* while its handler runs */
    size_t            max_reply;
    uint64_t          due; /* for TIMED_OUT; CORDON__NEVER */
    uint32_t          id;
    uint32_t          hash;
    uint8_t           is_json;
    uint8_t           key_size;
    void (*on_turn)(cordon_request *request, enum cordon_turn turn, void *context);
    void          *context;  /* from on_turn to the mail: 0 at the start */
    unsigned       parts;    /* lock: how many of them */
    int            end;      /* lock: CORDON__END_... that was posted */
    unsigned       end_code; /* lock: on the wire */
    uint8_t        is_answered, is_turning, is_waiting, is_kept, wants_room;
    uint8_t        broken;    /* a part could not go: what the end says, on the wire; 0: none */
    uint8_t        turns;     /* bits, 1 << enum cordon_turn */
    uint8_t        is_listed; /* in the table and the lists */
    cordon__mail  *mail;      /* one use; from here on it keeps what it has while at rest */
    cordon__memory memory;
    cordon__buffer kept;   /* a copy of the body */
    cordon__buffer posted; /* lock: parts, each with its size, then the end */
    cordon_peer    peer;
    char           key[CORDON__KEY_MAX];
};

/*
 * Requests of one server: by id, at work, at rest. Mostly a handler answers before it returns: one
 * whose handler runs is listed when something may have to find it.
 */
typedef struct cordon__requests {
    cordon_request **buckets;
    size_t           bucket_count; /* a power of two, or 0 */
    size_t           answerable;   /* in the table */
    size_t           in_flight;    /* handlers have them */
    cordon_request  *first;        /* in flight and listed, newest first */
    cordon_request  *resting;      /* for the next ones */
    size_t           resting_count;
    cordon_request  *turns, **turns_end;
    size_t           turn_count;
    cordon_request  *turning; /* in its callback now; NULL: it ended there */
    cordon_request  *handled; /* its handler runs, the innermost */
} cordon__requests;

/* A new one in flight, whose handler runs until it is listed. NULL: no memory. */
cordon_request *cordon__request_open(cordon_server *server, cordon__session *session,
                                     const cordon__act *act);
/* Its handler has returned, if it is still there. */
void cordon__request_handled(cordon__requests *requests, cordon_request *request);
/* From here on it is found by its id, by its session and by the clock. */
void cordon__request_list(cordon_request *request);
/* That its session asked and nobody answered yet. */
cordon_request *cordon__request_find(const cordon__requests *requests,
                                     const cordon__session *session, uint32_t id, cordon_bytes key);
/* Its last answer is on its way: the id may be used again. Its handler still has it. */
void cordon__request_answered(cordon_request *request);
/* The handler has let go and all is said: to rest, or gone with its server. */
void cordon__request_end(cordon_request *request);
void cordon__request_free(cordon_request *request);
/* Answer in the handler's stead: canceled, too late. */
void cordon__request_fail(cordon_request *request, unsigned wire, const char *text);
/* Its session has ended: they all hear it. */
void cordon__requests_leave(cordon__requests *requests, cordon__session *session);
/* The server has closed: what handlers still have is theirs alone. */
void cordon__requests_close(cordon__requests *requests, const cordon__memory *memory);

/* Something to tell the handler of; told by cordon__requests_turn. */
void cordon__request_turn(cordon_request *request, enum cordon_turn turn);
/* Tell what was to tell when this began. */
void cordon__requests_turn(cordon__requests *requests);
/* Somebody began to listen for turns. */
void cordon__request_watch(cordon_request *request);
/* What other threads posted for it. */
void cordon__reply_posted(cordon__job *job);
/* A session has room again. */
void cordon__requests_room(cordon__session *session);

#endif
