/*
 * A server that plays whatever a test wants a client to meet: on the real address, with a real
 * token file, but every byte of it by hand. It plays on a thread of its own, where a check that
 * fails is written down and fails the test when the fake is closed.
 */
#ifndef CLIENT_KIT_H
#define CLIENT_KIT_H

#include "support.h"

#include <uv.h>

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
    STATUS
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

#define MORE 1u

typedef struct fake fake;

/* One connection, by number from 1; it is closed when this returns. */
typedef void (*fake_play)(fake *server, support_raw raw, unsigned number);

struct fake {
    char              directory[SUPPORT_PATH];
    char              address[SUPPORT_PATH], token_path[SUPPORT_PATH];
    cordon_endpoint  *endpoint;
    support_memory    memory; /* of the endpoint */
    uint8_t           token[32];
    fake_play         play;
    support_listener *listener;
    uv_thread_t       thread;
    atomic_uint       connections, requests, ran;
    atomic_uint       failed;  /* calls, for a test's own threads to count */
    atomic_int        step;    /* for a play and its test to wait for each other */
    const char       *trouble; /* the first check of a play that failed */
    int               trouble_line;
    support_frame     frame; /* the last one that fake_read read */
    support_hello     hello; /* the last one that fake_hello read */
};

#define FAKE_CHECK(server, truth)                     \
    do {                                              \
        if (!(truth))                                 \
            fake_trouble((server), #truth, __LINE__); \
    } while (0)
void fake_trouble(fake *server, const char *text, int line);

void fake_open(fake *server, fake_play play); /* listens, and plays */
void fake_prepare(fake *server);              /* directory and endpoint only */
void fake_listen(fake *server, int backlog);  /* and now somebody is there; nobody accepts */
void fake_start(fake *server, fake_play play);
void fake_unlisten(fake *server); /* stops accepting; the address goes */
void fake_close(fake *server);    /* all of it, and fails the test if a play had trouble */
void fake_write_token(fake *server, uint8_t first);

/* Waits until the other side has come to this step; in a play and in a test. */
int  fake_reach(fake *server, int step);
void fake_set(fake *server, int step);

/* Magic and HELLO read; its token is in server->hello. 0: it was something else, or the end. */
int fake_hello(fake *server, support_raw raw);
/* The next frame is in server->frame: its type; 0: the end. Requests are counted. */
unsigned fake_read(fake *server, support_raw raw);
void     fake_say(support_raw raw, unsigned type, unsigned flags, uint32_t id, const void *body,
                  size_t size);
void fake_say_text(support_raw raw, unsigned type, unsigned flags, uint32_t id, const char *body);
void fake_welcome(support_raw raw, uint16_t version, uint32_t limit, uint64_t instance);
void fake_refuse(support_raw raw, unsigned wire, const char *text);
void fake_fail(support_raw raw, uint32_t id, unsigned wire, const char *text);
/* HELLO is read and welcomed. */
void fake_admit(fake *server, support_raw raw);
/* Reads on until the end. */
void fake_drain(fake *server, support_raw raw);
/* The same body back, for each request until the end. */
void fake_echo(fake *server, support_raw raw, unsigned number);

void fake_echo_big(fake *server, support_raw raw, unsigned number); /* takes 64 MiB */

/* A call that may take 10 s; its text must be freed by the caller. */
int fake_call(fake *server, cordon_buffer *reply, const char *body, cordon_fault *fault);
cordon_session *fake_session(fake *server, unsigned flags);
/* Options with these two. */
cordon_call_options fake_in(int timeout_ms, unsigned flags);
/* On a session: ask and wait, ask, receive; the latter two must succeed. */
int                   call_session(cordon_bytes *reply, cordon_session *session, const char *body,
                                   cordon_fault *fault);
uint32_t              send_one(cordon_session *session, const char *body);
const cordon_message *receive_one(cordon_session *session);

void assert_bytes(cordon_bytes bytes, const char *text);
void assert_reply(const cordon_buffer *reply, const char *text);

#endif
