/*
 * The benchmark: the same client for every peer, over the few verbs that a peer has. A peer is
 * two programs, a server that echoes and a client, and a line in the table `peers`.
 */
#ifndef BENCH_H
#define BENCH_H

#ifndef _GNU_SOURCE
#    define _GNU_SOURCE 1
#endif

#include <stddef.h>
#include <stdint.h>

/* Give up with a line for the driver: no figure comes of it. */
void bench_die(const char *format, ...);

typedef struct bench_bytes {
    const char *data;
    size_t      size;
} bench_bytes;

/* ---- a client -------------------------------------------------------------- */

typedef struct bench_peer {
    void *(*meet)(const char *place); /* what its connections share */
    void *(*open)(void *shared);      /* a connection that is let in */
    /* Ask; is_gathered: the next request follows at once. */
    void (*send)(void *line, bench_bytes body, int is_gathered);
    bench_bytes (*receive)(void *line); /* the next reply, whichever; a view until the next verb */
    /* Ask and wait, where that is a verb of its own; else NULL. */
    bench_bytes (*call)(void *line, bench_bytes body);
    bench_bytes (*once)(void *shared, bench_bytes body); /* connect, ask, close; likewise */
    void (*close)(void *line);
} bench_peer;

int bench_client(const bench_peer *peer, int argc, char **argv);

/* ---- a server -------------------------------------------------------------- */

/* The directory named by the only argument; leaves on SIGTERM are the server's affair. */
const char *bench_place(int argc, char **argv);
void        bench_ready(void); /* clients can connect now */

/* What a body asks for, its first byte: itself, or its first BENCH_SHORT bytes. */
enum { BENCH_ECHO = 'E', BENCH_ACCEPT = 'A', BENCH_SHORT = 16 };

/* ---- the line of peers without a library: head, body -------------------------- */

enum { BENCH_HEAD = 12, BENCH_ROOM = 65536 };

void     bench_head(char head[BENCH_HEAD], size_t size, uint32_t id);
size_t   bench_head_size(const char *head);
uint32_t bench_head_id(const char *head);
/* place/bench.sock; a listener, or a connected socket. Blocking. */
int bench_listen(const char *place);
int bench_connect(const char *place);

/*
 * One connection of a server: bytes in, the answers out. An echo goes out from where it was read:
 * a whole frame is its own answer.
 */
typedef struct bench_echo {
    char  *in; /* NULL until a frame was longer than one read */
    size_t have, room;
    char   accepted[64 * (BENCH_HEAD + BENCH_SHORT)];
    size_t end; /* of the whole frames in what was read */
} bench_echo;

char       *bench_echo_room(bench_echo *echo, size_t *size);
bench_bytes bench_echo_answers(bench_echo *echo, size_t got);
void        bench_echo_done(bench_echo *echo); /* the answers are written, or copied */

#endif
