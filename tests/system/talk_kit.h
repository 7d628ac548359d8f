/*
 * The conversation tests' own ground: a real server with any handler and any
 * options, on a thread of cordon's or on a libuv loop, and a client that is
 * nothing but a socket.
 *
 * What a test calls here fails the test by itself when it does not come true
 * in time; nothing returns an error to look at.
 */
#ifndef TALK_KIT_H
#define TALK_KIT_H

#include "support.h"

#include <uv.h>

enum { TALK_PATIENCE_MS = 20000, TALK_HELD_MAX = 256 };

/* ---- The server -------------------------------------------------------------- */

/* What the callbacks have seen; read through talk_wait or talk_now. */
typedef struct talk_seen {
    int asked, running, most_running; /* handlers: begun, not yet ended, the most at once */
    int room, canceled, left, late;   /* turns */
    int here, gone, troubles, closed; /* of the server */
    int stops;
    cordon_fault      why;     /* of the session that ended last */
    cordon_fault      trouble; /* the last one */
    cordon_session_id session; /* admitted last */
} talk_seen;

typedef struct talk {
    int  is_uv; /* on a libuv loop that we run; else on a thread of cordon's */
    int  is_serving;
    char directory[SUPPORT_PATH];

    cordon_endpoint_options endpoint_options;
    cordon_server_options   options;    /* change them before talk_serve */
    cordon_request_fn       on_request; /* talk_echo */
    int                     admit_code; /* on_admit answers this */
    int                     stop_code;  /* on_stop likewise, when options.on_stop is set */
    void                   *extra;      /* the test's own */

    cordon_endpoint *endpoint;
    cordon_loop     *loop;
    cordon_server   *server;

    uv_mutex_t      lock; /* all below */
    uv_cond_t       changed;
    talk_seen       seen;
    cordon_request *held[TALK_HELD_MAX];
    int             held_count;

    uv_loop_t   uv;
    uv_async_t  knock;
    uv_thread_t thread;
    int         is_ready, is_uv_clean, is_uv_over, open_code;
    void (*job)(struct talk *talk, void *context);
    void *job_context;

    support_memory memory; /* of the endpoint */
    int            descriptors_before;
} talk;

/* The two groups that each file runs: TALK_BOTH(name) gives name on a thread and on a loop. */
int        talk_setup(void **state);
int        talk_teardown(void **state); /* also checks: nothing leaked, the loop was clean */
extern int talk_on_thread, talk_on_loop;
#define TALK_CASE(name, test, where)                    \
    {                                                   \
        name, test, talk_setup, talk_teardown, &(where) \
    }
#define TALK_BOTH(test)                                 \
    TALK_CASE(#test " (thread)", test, talk_on_thread), \
        TALK_CASE(#test " (loop)", test, talk_on_loop)
#define TALK_ONE(test) TALK_CASE(#test, test, talk_on_thread)

void talk_serve(talk *talk); /* with the options as they stand */
/* cordon_server_close, and wait until newcomers find no address any more. */
void talk_begin_stop(talk *talk);
void talk_stop(talk *talk);       /* cordon_server_close, then wait for on_closed */
void talk_close_loop(talk *talk); /* the loop too */
/* Run something where the callbacks run, and wait for it. */
void talk_run(talk *talk, void (*job)(struct talk *talk, void *context), void *context);

/* Wait until a number of `seen` is at least this; talk_now is a look without waiting. */
#define talk_wait(t, member, at_least) \
    talk_wait_for((t), offsetof(talk_seen, member), (at_least), #member, __LINE__)
#define talk_now(t, member) talk_look((t), offsetof(talk_seen, member))
void      talk_wait_for(talk *talk, size_t member, int at_least, const char *name, int line);
int       talk_look(talk *talk, size_t member);
talk_seen talk_all(talk *talk);
void      talk_wait_held(talk *talk, int at_least);
int       talk_held_now(talk *talk);

/* Handlers. */
void talk_echo(cordon_request *request, cordon_bytes body, void *user);
void talk_hold(cordon_request *request, cordon_bytes body, void *user); /* watched, and kept */
void talk_watch(talk *talk, cordon_request *request);
void talk_began(talk *talk); /* for handlers of a test's own: counts asked and running */
void talk_ended(talk *talk);
int  talk_on_stop(const cordon_peer *peer, void *user);
cordon_request *talk_take(talk *talk, int index); /* out of the held ones; order stays */

/* ---- The raw client ------------------------------------------------------------ */

typedef struct wire {
    support_raw raw;
    uint8_t    *in; /* what was received and not yet looked at */
    size_t      in_size, in_room;
    size_t      used; /* bytes at its start that belong to the last frame or line */
} wire;

typedef struct wire_frame {
    unsigned       type, flags, handles;
    uint32_t       id;
    const uint8_t *body; /* until the next call on this wire */
    size_t         size;
} wire_frame;

enum {
    HELLO = 1,
    WELCOME,
    REFUSED,
    REQUEST,
    REPLY,
    FAILURE,
    EVENT,
    CANCEL,
    PING,
    PONG,
    FINISH,
    STOP,
    STATUS,
    UPGRADE
};
enum {
    UNAUTHORIZED = 1,
    VERSION,
    BUSY,
    TOO_LARGE,
    MALFORMED,
    UNSUPPORTED,
    TIMED_OUT,
    CANCELED,
    STOPPING,
    NOT_READY,
    INTERNAL
};
enum { MORE = 1 };
#define MAGIC "\xC0\x43\x52\x44"

/* Bytes being written down. */
typedef struct script {
    uint8_t *data;
    size_t   size, room;
} script;

void script_bytes(script *script, const void *data, size_t size);
void script_magic(script *script);
void script_head(script *script, size_t length, unsigned type, unsigned flags, unsigned handles,
                 uint32_t id);
void script_frame(script *script, unsigned type, uint32_t id, const void *body, size_t size);
void script_text(script *script, unsigned type, uint32_t id, const char *body);
/* HELLO as a good client says it; token NULL: the endpoint's. */
typedef struct hello {
    unsigned       version_min, version_max;
    uint32_t       features, max_payload;
    const uint8_t *token;
    unsigned       token_size;
    const char    *program;
} hello;
hello hello_good(talk *talk, uint8_t token[32]);
void  script_hello(script *script, const hello *hello);
void  script_opening(script *script, talk *talk); /* magic and a good HELLO */
void  script_free(script *script);

void wire_connect(wire *wire, talk *talk);
void wire_open(wire *wire, talk *talk); /* connect, magic, HELLO, and WELCOME read */
void wire_open_limit(wire *wire, talk *talk, uint32_t features, uint32_t max_payload);
void wire_send(wire *wire, const void *data, size_t size);
int  wire_try_send(wire *wire, const void *data, size_t size); /* 0, or -1: the server is gone */
/* Sends and takes in what comes meanwhile. */
void wire_exchange(wire *wire, const void *data, size_t size);
void wire_script(wire *wire, const script *script);
void wire_wait_taken(wire *wire); /* until the server has read all that was sent */
void wire_say(wire *wire, unsigned type, uint32_t id, const char *body);
void wire_text(wire *wire, const char *text);

void   wire_next(wire *wire, wire_frame *frame); /* must come */
void   wire_expect(wire *wire, unsigned type, uint32_t id, const char *body);
void   wire_expect_failure(wire *wire, uint32_t id, unsigned code);
void   wire_expect_refused(wire *wire, unsigned code);
void   wire_expect_end(wire *wire);             /* nothing more, then the end */
void   wire_expect_cut(wire *wire);             /* the same; a reset will do */
void   wire_expect_silence(wire *wire, int ms); /* nothing for that long, no end either */
void   wire_drain(wire *wire);                  /* take in what comes until the end or a reset */
size_t wire_has(wire *wire);                    /* bytes that are there now, without waiting */
/* A JSON line without its end, as text until the next call. */
const char *wire_line(wire *wire);
void        wire_expect_line(wire *wire, const char *line);
void        talk_need_half_close(void); /* SKIP where connections have none */
void        wire_half_close(wire *wire);
void        wire_close(wire *wire);
/* Half-closes it, and sees its end and closes it later: with others, when they are many, or all at
 * once. (On a pipe nobody can say that nothing more will come: the server waits a moment for each.)
 */
void wire_end_later(wire *wire);
void wire_expect_ends(void);

void talk_token(talk *talk, char hex[65]);
/* {"token":"...",<rest>}\n with the endpoint's token */
char *json_line(talk *talk, const char *rest); /* free it */
void  wire_json(wire *wire, talk *talk, const char *rest);

#endif
