/*
 * What the tests share: private directories, a server with a table of handlers, a client that
 * speaks bytes, other processes and users, and what can be counted.
 *
 * What asks the system is in posix/ and win32/, the same functions in the same order; what only
 * one of them has is in its support_system.h. The rest is here.
 *
 * A helper that cannot do its work fails the test with its file and line; in a child of the test
 * program it ends the child with SUPPORT_BROKEN.
 */
#ifndef CORDON_SUPPORT_H
#define CORDON_SUPPORT_H

#ifndef _GNU_SOURCE
#    define _GNU_SOURCE 1
#endif

#ifndef SUPPORT_PATIENCE
#    define SUPPORT_PATIENCE 1 /* more where all is slower: CORDON_TEST_PATIENCE */
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cordon.h"
#include "support_system.h" /* support_pid; SUPPORT_SOON; what only this system has */

#define SUPPORT_BROKEN 99  /* exit status of a child whose check failed */
#define SUPPORT_KILLED 137 /* of one that support_end ended */

/* As assert_true, but good in children too. */
#define SUPPORT_CHECK(truth) ((truth) ? (void)0 : support_failed(#truth, __FILE__, __LINE__))
/* The same for a cordon code: shows name and fault line. */
#define SUPPORT_CODE(code, expected, fault) \
    support_code((code), (expected), (fault), #code, __FILE__, __LINE__)
/* Give up this test: the reason is shown. Not in children. */
#define SUPPORT_SKIP(reason)                          \
    do {                                              \
        print_message("[  SKIPPED ] %s\n", (reason)); \
        skip();                                       \
    } while (0)

void support_failed(const char *text, const char *file, int line);
void support_become_child(void); /* from here on a failed check ends the process */
void support_code(int code, int expected, cordon_fault *fault, const char *text, const char *file,
                  int line);

/* ---- cases (cases.c, no_cases.c) --------------------------------------------- */

/*
 * A test program of both systems is made of the cases that each of them keeps (<subject>_test.c),
 * and of those that only one of them has: <subject>_posix.c or <subject>_win32.c, where there is
 * such a file, holds a table with them. It ends with SUPPORT_NO_CASE.
 */
extern const struct CMUnitTest support_own_cases[];
#define SUPPORT_NO_CASE              \
    {                                \
        NULL, NULL, NULL, NULL, NULL \
    }
int support_run(const char *name, const struct CMUnitTest *cases, size_t count);
#define SUPPORT_RUN(name, cases) support_run((name), (cases), sizeof(cases) / sizeof(cases)[0])

/* ---- waiting ---------------------------------------------------------------- */

uint64_t support_now(void); /* ms, monotonic */
void     support_pause(int ms);
void     support_pause_us(unsigned us); /* at least; as near as the system goes */
void     support_yield(void);
/* 1 as soon as is_so(context) is true; 0 when it never was within ms. */
int support_until(int (*is_so)(void *context), void *context, int ms);
/* The same for a counter: has it reached `count`? */
int support_reaches(atomic_uint *counter, unsigned count, int ms);
/* Are no more descriptors open than `most`, sooner or later? A server's look at its files has some
 * for a moment: a count taken beside it can be too high by these, never too low. */
int support_descriptors_fall_to(int most);

/* ---- directories (directory.c) ------------------------------------------------ */

#define SUPPORT_PATH 512

/* A new directory of the user's alone below the one for temporary files. Its own and its parents'
 * spelling is real. `path` is what support_directory_remove takes away again, with all in it. */
void support_directory(char path[SUPPORT_PATH]);
/* The same, so long that a socket in it does not fit an address: the fallback is used.
 * `path` is deep inside `root`, which is the one to remove. */
void        support_long_directory(char path[SUPPORT_PATH], char root[SUPPORT_PATH]);
void        support_directory_make(const char *path); /* one, of the user's alone */
void        support_directory_remove(const char *path);
const char *support_join(char out[SUPPORT_PATH], const char *directory, const char *name);
const char *support_name_of(const char *path);  /* its last part */
uint64_t    support_identity(const char *path); /* of a file: what stays when it is renamed */
int         support_exists(const char *path);   /* a link that leads nowhere exists too */
/* A plain file. mode: 0600 is the user's alone, 0640 and 0604 let others read. */
void   support_write(const char *path, const void *data, size_t size, unsigned mode);
size_t support_read(const char *path, void *data, size_t room);
void   support_rename(const char *from, const char *to); /* replaces what is there */
void   support_remove(const char *path);                 /* one file; absent is fine */
/* A piece of memory that processes share, kept in a file; it begins as zeros. */
void *support_share(const char *path, size_t size);
void  support_unshare(void *shared, size_t size);
/* Names in a directory but "." and "..", sorted, one space between: "ipc.lock ipc.sock". */
void support_names(char *out, size_t room, const char *directory);

/* ---- endpoints and servers (server.c) ------------------------------------------ */

/* Application "test", name "ipc". */
cordon_endpoint *support_endpoint(const char *directory);
/* Can clients find its address now? A look that no server notices. */
int support_is_published(cordon_endpoint *endpoint);

/*
 * A server on a thread loop of its own. Its handler looks at the first word of a body (of a JSON
 * string too):
 *
 *     hold     keeps the request until support_server_release
 *     fail     failure 300 "failed as asked"
 *     busy     failure CORDON_EBUSY
 *     size N   a reply of N bytes (a JSON string of N bytes to a JSON client)
 *     others   echo
 */
typedef struct support_server {
    cordon_endpoint *endpoint;
    cordon_loop     *loop;
    cordon_server   *server;
    atomic_uint      begun;    /* requests that reached the handler */
    atomic_uint      calls;    /* that it has answered, or held */
    atomic_uint      held;     /* that it keeps now */
    atomic_uint      canceled; /* turns that were told of held ones */
    atomic_uint      left;
    atomic_uint      late;
    atomic_uint      arrived; /* sessions */
    atomic_uint      ended;
    atomic_uint      troubles;
    atomic_int       trouble; /* code of the last one */
    atomic_uint      closed;
    int              is_stopping;
    void            *lock;           /* uv_mutex_t; uv.h would bring the system with it */
    cordon_request  *requests[1024]; /* the held ones, oldest first */
} support_server;

/* handler NULL: the one above, with the support_server as `user` and the counters filled by
 * callbacks where options leave them NULL. Else options are taken as they are. */
void support_server_open(support_server **server, const char *directory, cordon_request_fn handler,
                         const cordon_server_options *options);
/* The same on an endpoint of yours (it stays yours); the code, and nothing on failure. */
int support_server_try(support_server **server, cordon_endpoint *endpoint,
                       cordon_request_fn handler, const cordon_server_options *options,
                       cordon_fault *fault);
/* Answer the oldest held request with `text`; is_last: the newest. */
void support_server_release(support_server *server, int is_last, const char *text);
void support_server_stop(support_server *server);  /* begins to close it; once or more */
void support_server_close(support_server *server); /* drains, and waits for the end */

/* One cordon_call with a text, 10 s: the code; reply may be NULL, is freed by the caller. */
int support_ask(cordon_buffer *reply, cordon_endpoint *endpoint, const char *body,
                cordon_fault *fault);
/* It must be answered by an echo. */
void support_ask_echo(cordon_endpoint *endpoint);
/* How many requests have reached the handler: all of which something was heard are counted. */
unsigned support_calls(support_server *server);

/* 1: the kernel has named this peer as this very process and its user. */
int support_is_us(const cordon_peer *peer);

/* ---- bytes on the line (raw.c): made here by hand, not by the library -------------- */

typedef struct support_hello {
    uint16_t    version_min, version_max;
    uint32_t    features;
    uint32_t    max_payload;
    uint8_t     token_size; /* of what is in token; 0 or 32 to be right */
    uint8_t     token[255];
    const char *program; /* NULL: empty */
} support_hello;

typedef struct support_frame {
    uint8_t  type, flags;
    uint16_t handles;
    uint32_t id;
    uint8_t *body; /* with a NUL behind it; support_frame_free */
    size_t   size;
} support_frame;

size_t   support_from_hex(uint8_t *out, size_t room, const char *hex); /* blanks are fine */
void     support_to_hex(char *out, const void *data, size_t size);     /* 2 * size + 1 */
void     support_put16(uint8_t *out, uint16_t value);
void     support_put32(uint8_t *out, uint32_t value);
uint16_t support_get16(const uint8_t *from);
uint32_t support_get32(const uint8_t *from);

/* All return the bytes put at out. */
size_t support_put_head(uint8_t *out, unsigned type, unsigned flags, uint32_t id, size_t size);
size_t support_put_frame(uint8_t *out, unsigned type, unsigned flags, uint32_t id, const void *body,
                         size_t size);
/* Magic and HELLO, as the struct says. */
size_t support_put_hello(uint8_t *out, const support_hello *hello);
/* Version 1, the right token, 1 MiB; change what you like. */
void support_good_hello(support_hello *hello, cordon_endpoint *endpoint);
/* {"token":"...","request":<request>} and a line end. id NULL: none; else as it stands. */
size_t support_put_line(char *out, size_t room, cordon_endpoint *endpoint, const char *id,
                        const char *request);

/* A connection: of a socket, or of a pipe. What is not waited for waits for ever. */
typedef intptr_t support_raw;
#define SUPPORT_NO_RAW ((support_raw)-1)

support_raw support_raw_open(cordon_endpoint *endpoint); /* connected; nothing said */
/* An end of the library's, of which it is the owner from here on. */
support_raw support_raw_of(intptr_t handle);
/* At an address; SUPPORT_NO_RAW: nobody there, or (*is_busy) too many. Does not wait. */
support_raw support_raw_try_open(const char *address, int *is_busy);
void        support_raw_close(support_raw raw); /* what was sent still arrives */

enum { SUPPORT_RAW_IN = 1, SUPPORT_RAW_OUT = 2 };
enum { SUPPORT_RAW_NOTHING = -1, SUPPORT_RAW_RESET = -2 };

/* Which of these is possible within ms; the end and a reset can be read. */
int support_raw_wait(support_raw raw, int wanted, int ms);
/* One read: bytes, 0 at the end, or one of the two above. */
long support_raw_some(support_raw raw, void *data, size_t room, int ms);
/* Bytes that the system takes at once, 0 too; SUPPORT_RAW_RESET: the other side has gone. */
long support_raw_offer(support_raw raw, const void *data, size_t size);
/* Bytes sent that the other side has not read; -1: the system does not tell. */
long support_raw_unread(support_raw raw);
/* 1: it has read all that was sent; 0: not yet; -1: the system does not tell. */
int support_raw_is_taken(support_raw raw);
/* 1: nothing more will be sent, it may still read; 0: a system without half a close. */
int support_raw_finish(support_raw raw);
/* Both directions end at once, as when a process dies. It must be closed all the same. */
void support_raw_cut(support_raw raw);

/* On top of these. Connected, HELLO sent, WELCOME read. */
support_raw support_raw_admitted(cordon_endpoint *endpoint);
void        support_raw_send(support_raw raw, const void *data, size_t size);
/* Bytes that went, also when the peer closed meanwhile. */
size_t support_raw_try_send(support_raw raw, const void *data, size_t size);
/* Reads until size, the end or ms are over; the bytes read. */
size_t support_raw_read(support_raw raw, void *data, size_t size, int ms);
/* 1: the other side closed, and said nothing more before; 0: a byte came, or nothing in ms. */
int support_raw_ends(support_raw raw, int ms);
/* The same, and a reset will not do. */
int support_raw_ends_well(support_raw raw, int ms);
/* 1: nothing comes, and no end, for ms. */
int support_raw_is_silent(support_raw raw, int ms);
/* 1: a frame; 0: the end came instead; -1: neither within ms. */
int  support_raw_frame(support_raw raw, support_frame *frame, int ms);
void support_frame_free(support_frame *frame);
/* A line without its end, NUL behind: 1; 0: the end; -1: neither. Longer than room: fails. */
int support_raw_line(support_raw raw, char *out, size_t room, int ms);

/* The other side by hand. */
typedef struct support_listener support_listener;
void        support_listen(support_listener **listener, const char *address, int backlog);
support_raw support_accept(support_listener *listener);        /* SUPPORT_NO_RAW: ended */
void        support_listener_hide(support_listener *listener); /* newcomers find nobody */
void        support_listener_end(support_listener *listener);  /* accept comes back */
void        support_listener_close(support_listener *listener);
/* Closed as a process that dies leaves it. 1: something is left at the address. */
int support_listener_die(support_listener *listener);

/* ---- processes (process.c) ------------------------------------------------------------- */

/* Exit status, or 128 + signal; a child that is not done in ms is ended: -1. */
int support_wait(support_pid pid, int ms);
/* 1: it has ended, *status as above. Does not wait. */
int  support_has_ended(support_pid pid, int *status);
void support_end(support_pid pid); /* as kill -9, and waits; forgets it */
void support_end_self(void);       /* likewise, at once */
/* As kill -9, of a process that is no child of ours; by the number that the kernel told of it. */
void support_end_other(uint64_t pid);
/* It does not run any more, until it goes on. */
void support_freeze(support_pid pid);
void support_thaw(support_pid pid);
/* Ask it to end, as a service manager would. 0: this system has no such thing. */
int support_ask_to_end(support_pid pid);

/* A pipe by which children tell of steps, a byte each. */
typedef struct support_signal {
    support_line ends[2]; /* read, write */
} support_signal;
void support_signal_open(support_signal *pipe);
void support_signal_send(support_signal *pipe, char byte);
/* The byte; -1: none; -2: all writers gone. ms -1: for ever. */
int  support_signal_wait(support_signal *pipe, int ms);
void support_signal_close(support_signal *pipe);

/*
 * A second process that plays a part of this test program: by fork where there is fork, else by
 * starting the program anew. So a part gets nothing but text, and the program's main begins with
 * support_play. It is killed when the test program ends.
 */
typedef struct support_child {
    support_pid    pid;
    support_signal told;   /* by the child */
    support_signal orders; /* to it */
} support_child;

typedef struct support_part { /* a table of these ends with a NULL name */
    const char *name;
    int (*play)(const char *argument, support_child *self);
} support_part;

void support_start(support_child *child, const support_part *parts, const char *name,
                   const char *argument);
/* What the part returned, as support_wait; closes the lines too. */
int  support_reap(support_child *child, int ms);
void support_kill_child(support_child *child); /* support_end, and closes the lines */
const support_part *support_part_named(const support_part *parts, const char *name);
/* Its part's status in a child, -1 in the test program. */
int support_play(int count, char **arguments, const support_part *parts);
#define SUPPORT_PLAY(count, arguments, parts)                     \
    do {                                                          \
        int played = support_play((count), (arguments), (parts)); \
        if (played >= 0)                                          \
            return played;                                        \
    } while (0)

/* The command under test ($CORDON_BIN), or NULL. */
const char *support_bin(void);
/* Programs that are made ready and then let go all at once; they say nothing. */
typedef struct support_gate support_gate;
void                        support_gate_open(support_gate **gate);
support_pid                 support_gate_start(support_gate *gate, const char *const *arguments);
void                        support_gate_go(support_gate *gate); /* frees it */

/* Valgrind is no kernel: what a test asks of tracing and of limits, it answers for itself. */
int support_is_in_valgrind(void);
/* Wine is no Windows: a test of what it does not do says so and is left out. */
int support_is_wine(void);
#define SUPPORT_NEEDS_WINDOWS(reason)                          \
    do {                                                       \
        if (support_is_wine())                                 \
            SUPPORT_SKIP("Wine cannot vouch for it: " reason); \
    } while (0)

/* ---- what can be counted (count.c) --------------------------------------------------- */

/* SUPPORT_HELPERS: as many more may be the system's own, which come when it likes. */
int support_count_descriptors(void);
int support_count_threads(void); /* none that the system has begun for itself */

/* An allocator for cordon_endpoint_options: allocate = support_allocate, user = this. */
typedef struct support_memory {
    atomic_size_t calls;       /* that asked for memory */
    atomic_size_t blocks;      /* not yet freed */
    atomic_size_t bytes;       /* in them */
    atomic_size_t most;        /* bytes at any time */
    atomic_size_t fail_from;   /* the call that fails, from 1; 0: none */
    atomic_int    is_for_ever; /* and all after it */
} support_memory;
void *support_allocate(void *old, size_t size, void *user);

/* The process as a guest should leave it. */
typedef struct support_host {
    char text[16384];
} support_host;
void support_host_look(support_host *host);
/* Fails the test where they differ, showing what. */
void support_host_same(const support_host *before, const support_host *after);

#endif
