/*
 * Floor 2. The server's side of a conversation: who may speak, and when.
 * Bytes in, acts out; both framings. No I/O, no clock, no memory.
 *
 * The caller does what an act says before it asks for the next one. What it
 * answers goes out through answer.h.
 */
#ifndef CORDON__GATE_H
#define CORDON__GATE_H

#include "dialect.h"

#include "frame.h"
#include "token.h"

#define CORDON__LINE_MAX_STRANGER 65536 /* a JSON line before the first accepted token */
#define CORDON__KEY_MAX           130   /* a JSON id: 128 bytes and its quotes */

/* The same for all conversations of a server. */
typedef struct cordon__rules {
    unsigned      flags; /* CORDON_NO_JSON, CORDON_NO_BINARY */
    size_t        max_request;
    cordon__token token;
} cordon__rules;

enum cordon__gate_state {
    CORDON__GATE_OPENING,  /* no byte yet that tells the framing */
    CORDON__GATE_STRANGER, /* framing known, not admitted */
    CORDON__GATE_VERDICT,  /* hello or first token were right: cordon__gate_admit, or break */
    CORDON__GATE_ADMITTED,
    CORDON__GATE_CONTROL,  /* admitted to ask for status and stop only */
    CORDON__GATE_FINISHED, /* the client makes no more requests */
    CORDON__GATE_OVER      /* broken, refused or asked its one question: no more input */
};

typedef struct cordon__gate {
    uint8_t         state; /* enum cordon__gate_state */
    uint8_t         is_json;
    uint8_t         is_control;   /* the HELLO asked for that */
    uint8_t         has_asked_id; /* JSON: a request with an id came: it may hear events */
    uint8_t         is_one_shot;  /* JSON: the last request ended the input */
    uint32_t        features;     /* that the HELLO offered */
    uint32_t        peer_limit;   /* largest payload the client accepts */
    uint32_t        scanned;      /* JSON: bytes known to hold no line end */
    cordon__decoder decoder;
} cordon__gate;

enum cordon__act_kind {
    CORDON__ACT_MORE,    /* need more bytes; `need`: in all, as far as known */
    CORDON__ACT_ADMIT,   /* judge `program`; then cordon__gate_admit, or cordon__gate_break */
    CORDON__ACT_REQUEST, /* id, or key and is_one_shot; body */
    CORDON__ACT_CANCEL,  /* id */
    CORDON__ACT_PING,    /* body */
    CORDON__ACT_FINISH,  /* the client makes no more requests */
    CORDON__ACT_STOP,    /* id */
    CORDON__ACT_STATUS,  /* id */
    CORDON__ACT_FAIL,    /* answer the id with code and text; the conversation goes on */
    CORDON__ACT_BREAK,   /* tell code and text, then close; the gate is over */
    CORDON__ACT_VANISH   /* close without a word */
};

typedef struct cordon__act {
    enum cordon__act_kind kind;
    unsigned              code; /* enum cordon__wire_code */
    uint32_t              id;
    size_t                need;
    int                   is_one_shot;
    cordon_bytes          key;     /* JSON: the id as sent; size 0: none */
    cordon_bytes          body;    /* a view of the input */
    cordon_bytes          program; /* a view of the input */
    char                  text[96];
} cordon__act;

void cordon__gate_open(cordon__gate *gate);

/*
 * The next act. *used bytes of `in` are done with when the act is. Never
 * looks at a request before the token in the same line or an earlier HELLO
 * was found right.
 */
void cordon__gate_next(cordon__gate *gate, const cordon__rules *rules, cordon_bytes in,
                       size_t *used, cordon__act *act);

/* The verdict of ACT_ADMIT was yes. */
void cordon__gate_admit(cordon__gate *gate, const cordon__rules *rules);
/* A pair that is private from the start: admitted without a word. */
void cordon__gate_open_private(cordon__gate *gate, const cordon__rules *rules);
/* No more input is looked at. */
void cordon__gate_close(cordon__gate *gate);
/* The input has ended: ACT_BREAK when it ends in the middle of a JSON line, else ACT_MORE. */
void cordon__gate_end(cordon__gate *gate, cordon_bytes rest, cordon__act *act);
/* Was it admitted, ever? */
int cordon__gate_is_admitted(const cordon__gate *gate);

#endif
