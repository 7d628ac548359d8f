/*
 * What the tests share: private directories, a server with a table of handlers, a client that
 * speaks bytes, other processes and users, and what can be counted.
 *
 * A helper that cannot do its work fails the test with its file and line; in a child that
 * support_fork made it ends the child with SUPPORT_BROKEN.
 */
#ifndef CORDON_SUPPORT_H
#define CORDON_SUPPORT_H

#ifndef _GNU_SOURCE
#    define _GNU_SOURCE 1
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
#include <pthread.h>
#include <sys/types.h>
#include <unistd.h>

#include "cordon.h"

#define SUPPORT_SOON   10000 /* ms: long enough for anything that happens at all */
#define SUPPORT_BROKEN 99    /* exit status of a child whose check failed */

/* As assert_true, but good in forked children too. */
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
void support_code(int code, int expected, cordon_fault *fault, const char *text, const char *file,
                  int line);

/* ---- waiting ---------------------------------------------------------------- */

uint64_t support_now(void); /* ms, monotonic */
void     support_pause(int ms);
/* 1 as soon as is_so(context) is true; 0 when it never was within ms. */
int support_until(int (*is_so)(void *context), void *context, int ms);
/* The same for a counter: has it reached `count`? */
int support_reaches(atomic_uint *counter, unsigned count, int ms);

/* ---- directories (directory.c) ------------------------------------------------ */

#define SUPPORT_PATH 512

/* A new directory of mode 0700 under $TMPDIR or /tmp. Its own and its parents' spelling is real.
 * `path` is what support_directory_remove takes away again, with all that is in it. */
void support_directory(char path[SUPPORT_PATH]);
/* The same, so long that a socket in it does not fit an address: the fallback is used.
 * `path` is deep inside `root`, which is the one to remove. */
void        support_long_directory(char path[SUPPORT_PATH], char root[SUPPORT_PATH]);
void        support_directory_remove(const char *path);
const char *support_join(char out[SUPPORT_PATH], const char *directory, const char *name);
int         support_exists(const char *path); /* lstat: a dangling link exists */
unsigned    support_mode(const char *path);   /* of the thing itself; permission bits */
void        support_write(const char *path, const void *data, size_t size, unsigned mode);
size_t      support_read(const char *path, void *data, size_t room);
/* Names in a directory but "." and "..", sorted, one space between: "ipc.lock ipc.sock". */
void support_names(char *out, size_t room, const char *directory);

/* ---- endpoints and servers (server.c) ------------------------------------------ */

/* Application "test", name "ipc". */
cordon_endpoint *support_endpoint(const char *directory);

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
    atomic_uint      calls;    /* requests that reached the handler */
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
    pthread_mutex_t  lock;
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

int support_raw_open(cordon_endpoint *endpoint); /* a blocking socket, connected; nothing said */
/* Connected, HELLO sent, WELCOME read. */
int  support_raw_admitted(cordon_endpoint *endpoint);
void support_raw_send(int fd, const void *data, size_t size);
/* Bytes that went, also when the peer closed meanwhile. */
size_t support_raw_try_send(int fd, const void *data, size_t size);
/* Reads until size, the end or ms are over; the bytes read. */
size_t support_raw_read(int fd, void *data, size_t size, int ms);
/* 1: the other side closed, and said nothing more before; 0: a byte came, or nothing in ms. */
int support_raw_ends(int fd, int ms);
/* 1: nothing comes, and no end, for ms. */
int support_raw_is_silent(int fd, int ms);
/* 1: a frame; 0: the end came instead; -1: neither within ms. */
int  support_raw_frame(int fd, support_frame *frame, int ms);
void support_frame_free(support_frame *frame);
/* A line without its end, NUL behind: 1; 0: the end; -1: neither. Longer than room: fails. */
int support_raw_line(int fd, char *out, size_t room, int ms);

/* ---- processes and users (process.c) ------------------------------------------------ */

/* The child runs body and exits with what it returns; never comes back into the test. It is
 * killed when the test program ends. */
pid_t support_fork(int (*body)(void *context), void *context);
/* In a child that has changed its user: the kernel forgets that it ends with its parent. */
void support_end_with_parent(void);
/* As another user (no groups). Root only: support_need_root first. */
pid_t support_fork_as(uid_t uid, int (*body)(void *context), void *context);
#define SUPPORT_OTHER_UID   65533
#define SUPPORT_ANOTHER_UID 65532
/* Exit status, or 128 + signal; a child that is not done in ms is killed: -1. */
int support_wait(pid_t pid, int ms);
/* Send a signal; SIGKILL and SIGSTOP: wait until it has ended, or stopped. */
void support_kill(pid_t pid, int number);
/* SKIP unless root. */
void support_need_root(void);

/* Valgrind is no kernel: what a test asks of tracing and of limits, it answers for itself. */
int support_is_in_valgrind(void);

/* The command under test ($CORDON_BIN), or NULL. */
const char *support_bin(void);
/* Start a program; standard output to `out` (-1: nowhere), standard error likewise. */
pid_t support_spawn(const char *const *arguments, int out, int error);

/* A pipe by which children tell of steps, a byte each. */
typedef struct support_signal {
    int ends[2];
} support_signal;
void support_signal_open(support_signal *pipe);
void support_signal_send(support_signal *pipe, char byte);
int  support_signal_wait(support_signal *pipe,
                         int             ms); /* the byte; -1: none; -2: all writers gone */
void support_signal_close(support_signal *pipe);

/* ---- what can be counted (count.c) --------------------------------------------------- */

int support_count_descriptors(void);
int support_count_threads(void);

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

/* ---- one system call at a time (step.c; Linux) ------------------------------------------ */

/* 0 when this process may be traced here, else why not. */
const char *support_step_missing(void);
/* The same for support_step_fail, which needs to know the processor. */
const char *support_fail_missing(void);
/* In the child: from here on its system calls count; and no longer. */
void support_step_mark(void);
void support_step_end(void);
/*
 * Run body in a child and kill it with SIGKILL right before its nth system call after the mark
 * (from 1), all threads counted. 1: killed there; 0: it ended before, *status as support_wait.
 * No other children may run meanwhile: their ends would be taken.
 */
int support_step(int (*body)(void *context), void *context, unsigned nth, int *status);
/*
 * The same, but that call fails with `error` instead, without being made; calls that never fail
 * (getpid, close, ...) are not counted. 1: it failed; *call its number.
 */
int support_step_fail(int (*body)(void *context), void *context, unsigned nth, int error,
                      int *status, unsigned *call);

#endif
