/*
 * Floor 2. The client's side of a conversation, over bytes: no I/O, no clock.
 * What to write to ask; what is meant by what was read. Both framings.
 */
#ifndef CORDON__ASKER_H
#define CORDON__ASKER_H

#include "dialect.h"

#include "buffer.h"
#include "cordon.h"
#include "frame.h"
#include "token.h"

#define CORDON__SMALLEST_LIMIT ((size_t)4 * 1024)
#define CORDON__LARGEST_LIMIT  ((size_t)64 * 1024 * 1024)
#define CORDON__ASKED_MAX      65536u /* questions without an end; over it: EBUSY */

typedef struct cordon__asker_setup {
    cordon__memory memory;
    int            is_json;
    int            is_control;  /* HELLO 0/0: STATUS and STOP only */
    int            is_one_shot; /* one request, and nothing after it */
    int            wants_events;
    uint32_t       features; /* the application's, upper 16 bits */
    size_t         max_reply;
    const char    *program; /* borrowed; NULL or at most 255 bytes */
} cordon__asker_setup;

/* A question without an end yet. */
typedef struct cordon__asked {
    uint32_t id;
    uint8_t  type;         /* enum cordon__frame_type */
    uint8_t  is_abandoned; /* nobody waits: reserved until its end, what comes is dropped */
} cordon__asked;

/* What WELCOME told. */
typedef struct cordon__told {
    uint16_t version;
    uint32_t features;
    uint32_t pid;
    uint64_t instance;
    size_t   max_request; /* LARGEST_LIMIT as long as nothing was told */
    char     program[256];
} cordon__told;

enum cordon__asker_state {
    CORDON__ASKER_NEW = 0, /* hello not said */
    CORDON__ASKER_KNOCKS,  /* said, no answer yet */
    CORDON__ASKER_TALKS,
    CORDON__ASKER_FAILED /* for good */
};

typedef struct cordon__asker {
    cordon__asker_setup      setup;
    enum cordon__asker_state state;
    int                      failed; /* why, in ASKER_FAILED */
    const char              *why;    /* static text */
    cordon__told             told;
    cordon__decoder          decoder;
    uint32_t                 last_id;
    size_t                   scanned; /* JSON: bytes of the next line known to hold no end */
    size_t                   first, count, capacity;
    size_t                   waiting;     /* of count: not abandoned */
    int                      has_wrapped; /* the ids: only then may the next one be in use */
    cordon__asked           *asked;       /* from first on; few, or allocated */
    cordon__asked            few[8];
    cordon__buffer           text; /* JSON: a failure's text, or a request on one line */
} cordon__asker;

/* Ready to ask. Must not be moved in memory after. */
void cordon__asker_open(cordon__asker *asker, const cordon__asker_setup *setup);
/* As just opened, for another connection. */
void cordon__asker_reset(cordon__asker *asker);
/* Let in without a hello: a pair that is private from the start. */
void cordon__asker_admit(cordon__asker *asker);
void cordon__asker_close(cordon__asker *asker);

#define CORDON__HELLO_ROOM 512 /* magic, head, payload with the longest program */

/* Magic and HELLO; how many bytes. Holds the token: wipe it after. Not for JSON. */
size_t cordon__asker_hello(cordon__asker *asker, uint8_t out[CORDON__HELLO_ROOM],
                           const cordon__token *token);

/* One question, to be written as head, body, tail. JSON: head has the token. */
typedef struct cordon__question {
    uint32_t     id;
    cordon_bytes body; /* the caller's; or the asker's copy, until its next function */
    size_t       head_size, tail_size;
    char         head[160];
    char         tail[16];
} cordon__question;

/*
 * type: REQUEST, STATUS, STOP. After it the id is in use. token: for JSON.
 * EMSGSIZE: over what the server told, or over 64 MiB; EUNSUPPORTED: not in this framing
 * or kind of session; EINVAL: not JSON; EBUSY: too many without an end; ENOMEM; or the
 * failure that ended it all. Then no id is in use.
 */
int cordon__asker_ask(cordon__asker *asker, cordon__question *question,
                      enum cordon__frame_type type, cordon_bytes body, const cordon__token *token);
/* The same of a binary one whose frame the caller makes. */
int cordon__asker_note(cordon__asker *asker, uint32_t *id, enum cordon__frame_type type,
                       cordon_bytes body);
/* It was never sent: its id is free. */
void cordon__asker_forget(cordon__asker *asker, uint32_t id);
/* Nobody waits for it any more. 1: tell the server by a CANCEL; 0: nothing to tell. */
int cordon__asker_abandon(cordon__asker *asker, uint32_t id);
/* Questions that somebody waits for. */
size_t cordon__asker_waiting(const cordon__asker *asker);

/* First what changes the talk itself, then what is only handed on, last the answers. */
enum cordon__heard_kind {
    CORDON__HEARD_NOTHING, /* to be passed over */
    CORDON__HEARD_PING,    /* answer with a PONG of the same body */
    CORDON__HEARD_FINISH,  /* the server is stopping: answers still come */
    CORDON__HEARD_REFUSED, /* not let in; nothing ran */
    CORDON__HEARD_END,     /* a failure of the whole session */
    CORDON__HEARD_WELCOME, /* asker->told is filled */
    CORDON__HEARD_EVENT,
    CORDON__HEARD_PART,
    CORDON__HEARD_REPLY,  /* the end of its question */
    CORDON__HEARD_FAILURE /* likewise */
};

typedef struct cordon__heard {
    enum cordon__heard_kind kind;
    uint32_t                id;
    uint8_t                 type; /* of the question */
    unsigned                wire; /* REFUSED, FAILURE, END: enum cordon__wire_code and up */
    uint16_t                version_min, version_max; /* REFUSED: the server's */
    cordon_bytes body; /* or text; a view of the input, or until the asker's next function */
} cordon__heard;

enum { CORDON__HEARD = 0, CORDON__HEAR_MORE = 1 };

/*
 * The next thing said. CORDON__HEARD: *used bytes of `in` are done with (once
 * *heard is). CORDON__HEAR_MORE: *need bytes must be there, as far as known.
 * Negative: broken, now and for ever; asker->why says how. After REFUSED and
 * END it is broken too, with their code.
 */
int cordon__asker_hear(cordon__asker *asker, cordon__heard *heard, cordon_bytes in, size_t *used,
                       size_t *need);

/* Between asker.c and asker_json.c. */
CORDON__COLD int cordon__asker_fail(cordon__asker *asker, int code, const char *why);
/* As cordon__asker_hear, but for the question that an answer belongs to. */
int cordon__asker_hear_line(cordon__asker *asker, cordon__heard *heard, cordon_bytes in,
                            size_t *used, size_t *need);
int cordon__asker_ask_line(cordon__asker *asker, cordon__question *question, cordon_bytes body,
                           const cordon__token *token);

#endif
