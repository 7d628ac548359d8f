/*
 * Floor 2. What a server says, in either framing, as bytes. No I/O.
 */
#ifndef CORDON__ANSWER_H
#define CORDON__ANSWER_H

#include "dialect.h"

#include "buffer.h"
#include "frame.h"
#include "gate.h"

/* Which request is answered; id 0 and no key: none, the whole connection. */
typedef struct cordon__reference {
    int          is_json;
    uint32_t     id;  /* binary */
    cordon_bytes key; /* JSON: as sent, size 0: a one-shot */
} cordon__reference;

/* What stands around a body, so that the body itself need not be copied; behind the head is room
 * for a small one and its tail. */
typedef struct cordon__wrap {
    size_t head_size, tail_size;
    char   tail[2];
    char   head[512];
} cordon__wrap;

void cordon__wrap_reply(cordon__wrap *wrap, const cordon__reference *to, int is_part, size_t size);
void cordon__wrap_event(cordon__wrap *wrap, int is_json, size_t size);

/* Append to out. 0 or CORDON_ENOMEM. Texts are cut to CORDON__TEXT_MAX. */
int cordon__say_failure(cordon__buffer *out, const cordon__memory *memory,
                        const cordon__reference *to, unsigned code, cordon_bytes text);
int cordon__say_refused(cordon__buffer *out, const cordon__memory *memory, int is_json,
                        unsigned code, cordon_bytes text);
int cordon__say_welcome(cordon__buffer *out, const cordon__memory *memory,
                        const cordon__welcome *welcome);
int cordon__say_frame(cordon__buffer *out, const cordon__memory *memory,
                      enum cordon__frame_type type, uint32_t id, cordon_bytes payload);

#endif
