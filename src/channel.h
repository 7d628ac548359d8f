/*
 * Floor 4. A channel: a private pair between a parent and its child. Messages both ways, with
 * handles; or handed on, to carry the requests of an ordinary session.
 */
#ifndef CORDON__CHANNEL_H
#define CORDON__CHANNEL_H

#include "dialect.h"

#include "frame.h"
#include "platform.h"

#define CORDON__WORD_SIZE  ((size_t)16) /* bytes; twice as many digits */
#define CORDON__CHANNEL_MS 5000
#define CORDON__TAG_SIZE   4

/* What the message under way is read up to. Each part is read alone and none beyond its end:
 * so no byte of what follows is ever with us. */
enum cordon__channel_part {
    CORDON__PART_HEAD,
    CORDON__PART_WORD,   /* of a PONG: the child's first frame */
    CORDON__PART_VALUES, /* of handles, where they have values in the payload */
    CORDON__PART_TAG,
    CORDON__PART_BODY,
    CORDON__PART_WHOLE,    /* all is there, nobody has received it yet */
    CORDON__PART_DELIVERED /* its views end with the next call */
};

enum cordon__channel_state {
    CORDON__CHANNEL_TALKS,  /* messages */
    CORDON__CHANNEL_MUTE,   /* one of ours left half: nothing more can be said */
    CORDON__CHANNEL_PASSED, /* the pair is a session's; what is left of us is the child */
    CORDON__CHANNEL_OVER    /* it has ended */
};

/* A message and its handles; cordon_message_take finds the second by the first. */
typedef struct cordon__inbox {
    cordon_message message; /* must be first */
    intptr_t       handles[CORDON__HANDLES_MAX];
} cordon__inbox;

struct cordon_channel {
    cordon__inbox              inbox;
    cordon__memory             memory;
    cordon__line               line;
    cordon__ferry              ferry;
    cordon__child             *child; /* NULL: it is not ours to wait for */
    uint64_t                   pid;   /* of the process that opened it */
    int                        grace_ms;
    enum cordon__channel_state state;
    int                        is_parent;
    int                        is_confirmed; /* the other side has said the word, or need not */
    int                        is_left;      /* at close the child goes on */
    int                        has_exited, exit_status;
    uint8_t                    word[CORDON__WORD_SIZE];
    size_t                     limit; /* bytes of a body, either way */
    enum cordon__channel_part  part;
    size_t                     have; /* bytes of the part */
    size_t                     size; /* of the body */
    size_t                     handle_count;
    uint8_t                    head[CORDON__FRAME_HEAD];
    uint8_t                    lead[CORDON__HANDLES_MAX * CORDON__VALUE_SIZE]; /* any other part */
    cordon__buffer             body;
};

/* ---- channel_frame.c: what comes in ---- */

/* What was delivered goes: the view, and the handles that nobody took. */
void cordon__channel_settle(cordon_channel *channel);
/* At most one read towards the next message, but at least to the end of a part that is there.
 * 0: see `part`. ETIMEDOUT: what was read is kept. All else ends the channel. */
int cordon__channel_step(cordon_channel *channel, uint64_t deadline, cordon_fault *fault);
/* The parent: until the child has said the word. */
int cordon__channel_confirm(cordon_channel *channel, uint64_t deadline, cordon_fault *fault);
/* Nothing is said or heard any more; the child stays. */
void cordon__channel_end(cordon_channel *channel);

/* ---- channel_message.c ---- */

/* The child: says the word. */
int cordon__channel_say_word(cordon_channel *channel, uint64_t deadline, cordon_fault *fault);

#endif
