/*
 * Floor 1. Bytes <-> frames of the binary framing (docs/wire.md). No I/O, no memory.
 */
#ifndef CORDON__FRAME_H
#define CORDON__FRAME_H

#include "dialect.h"

#include "cordon.h"

enum cordon__frame_type {
    CORDON__HELLO = 1,
    CORDON__WELCOME,
    CORDON__REFUSED,
    CORDON__REQUEST,
    CORDON__REPLY_FRAME,
    CORDON__FAILURE_FRAME,
    CORDON__EVENT_FRAME,
    CORDON__CANCEL,
    CORDON__PING,
    CORDON__PONG,
    CORDON__FINISH,
    CORDON__STOP,
    CORDON__STATUS,
    CORDON__UPGRADE
};

#define CORDON__MAGIC_SIZE    4
#define CORDON__FRAME_HEAD    12
#define CORDON__FRAME_TYPE_AT 4 /* in the head */
#define CORDON__HELLO_MAX     4096
#define CORDON__PING_MAX      64
#define CORDON__TEXT_MAX      4096 /* of a failure or refusal */
#define CORDON__MORE_PARTS    0x01 /* flags, bit 0 */
#define CORDON__WIRE_VERSION  1

extern const uint8_t cordon__magic[CORDON__MAGIC_SIZE]; /* C0 43 52 44 */

typedef struct cordon__frame {
    uint8_t      type;
    uint8_t      flags;
    uint16_t     handles;
    uint32_t     id;
    cordon_bytes body; /* a view of the input */
} cordon__frame;

/*
 * Reads the frames that one side sends. A broken head is refused when its 12
 * bytes are there, before the body: type unknown or not that side's to send,
 * reserved flags, MORE where no REPLY is, handles, an id that must or must not
 * be 0, a payload too short or too long for its type, over the limit. Sticky.
 */
typedef struct cordon__decoder {
    int         is_from_client; /* whose frames these are */
    size_t      limit;          /* bytes of a REQUEST, UPGRADE, REPLY or EVENT */
    int         failed;         /* 0, CORDON_EPROTOCOL or CORDON_EMSGSIZE */
    const char *why;            /* static text, when failed */
} cordon__decoder;

enum { CORDON__FRAME_READY = 0, CORDON__FRAME_MORE = 1 };

/*
 * CORDON__FRAME_READY: *frame is filled, *used bytes of `in` are done with.
 * CORDON__FRAME_MORE:  not all there; *used is 0 and *need the bytes that the
 *                      whole frame takes, as far as known (at least 12).
 * Negative: broken, now and for ever.
 */
int cordon__frame_next(cordon__decoder *decoder, cordon__frame *frame, cordon_bytes in,
                       size_t *used, size_t *need);

/* The 12 bytes before a payload of `size`. */
void cordon__frame_head(uint8_t head[CORDON__FRAME_HEAD], enum cordon__frame_type type,
                        unsigned flags, uint32_t id, size_t size);

/* The frozen payloads. Decoding returns 0 or CORDON_EPROTOCOL (too short; token
 * size not 0 or 32; version_min over version_max); trailing bytes are ignored.
 * Encoding returns the size; `out` has room for CORDON__HELLO_MAX bytes. */

typedef struct cordon__hello {
    uint16_t     version_min, version_max;
    uint32_t     features;
    uint32_t     max_payload;
    cordon_bytes token;   /* 0 or 32 bytes */
    cordon_bytes program; /* at most 255 bytes */
} cordon__hello;

typedef struct cordon__welcome {
    uint16_t     version;
    uint32_t     features;
    uint32_t     max_payload;
    uint64_t     instance;
    uint32_t     pid;
    cordon_bytes program;
} cordon__welcome;

typedef struct cordon__refused {
    uint16_t     code; /* enum cordon__wire_code */
    uint16_t     version_min, version_max;
    cordon_bytes text; /* encoding cuts it to CORDON__TEXT_MAX - 6 */
} cordon__refused;

int    cordon__hello_decode(cordon__hello *hello, cordon_bytes payload);
int    cordon__welcome_decode(cordon__welcome *welcome, cordon_bytes payload);
int    cordon__refused_decode(cordon__refused *refused, cordon_bytes payload);
size_t cordon__hello_encode(uint8_t *out, const cordon__hello *hello);
size_t cordon__welcome_encode(uint8_t *out, const cordon__welcome *welcome);
size_t cordon__refused_encode(uint8_t *out, const cordon__refused *refused);

#endif
