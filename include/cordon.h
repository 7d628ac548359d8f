/**
 * @file cordon.h
 * The processes of one user talk to each other, and nobody else.
 *
 *     Returns  CORDON_OK, or one negative CORDON_E... What starts something
 *              either fails and never calls back, or returns 0 and calls back
 *              later.
 *     Memory   Out-parameters come first. Text is UTF-8 on every system. What
 *              you pass in is copied before the call returns. A view handed
 *              out is borrowed: in a callback until it returns, from a session
 *              until the next call on it.
 *     Lives    You close what you opened, once; NULL is fine. What ends by
 *              itself (lost, stopped) answers CORDON_ECLOSED until you close
 *              it.
 *     Times    Milliseconds. 0 is the default, CORDON_FOREVER no deadline,
 *              CORDON_AT_ONCE no waiting. One deadline covers all a call does.
 *     Limits   0 is the default, none is unlimited.
 *     Options  Start from ..._INIT, set what you care about; NULL is all
 *              defaults.
 *     Fork     In a child that did not exec only the close functions may be
 *              called: they free what is the child's and touch neither
 *              address, token nor lock.
 *     Threads  Nothing said: any thread. [loop]: only where the callbacks run.
 *              [one]: one thread at a time. [signal]: in a signal handler too.
 */
#ifndef CORDON_H
#define CORDON_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32) && defined(CORDON_SHARED) && defined(CORDON_BUILD)
#    define CORDON_API __declspec(dllexport)
#elif defined(_WIN32) && defined(CORDON_SHARED)
#    define CORDON_API __declspec(dllimport)
#elif defined(__GNUC__) && !defined(_WIN32) && defined(CORDON_SHARED)
#    define CORDON_API __attribute__((visibility("default")))
#else
#    define CORDON_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

struct uv_loop_s; /* uv_loop_t of libuv; its header is not needed here */

typedef struct cordon_endpoint cordon_endpoint; /**< where we meet, and the token */
typedef struct cordon_loop     cordon_loop;     /**< where callbacks run */
typedef struct cordon_server   cordon_server;   /**< listens and answers */
typedef struct cordon_request  cordon_request;  /**< one question to answer */
typedef struct cordon_session  cordon_session;  /**< a client that waits */
typedef struct cordon_channel  cordon_channel;  /**< between parent and child */

/* ---- Bytes and times ------------------------------------------------------- */

/** A view; never owns. */
typedef struct cordon_bytes {
    const void *data;
    size_t      size; /**< bytes */
} cordon_bytes;

/** Owns; every call that fills one fills it anew. */
typedef struct cordon_buffer {
    char  *data;     /**< ends in a NUL that size does not count */
    size_t size;     /**< bytes */
    size_t capacity; /**< bytes */
} cordon_buffer;

typedef intptr_t cordon_handle; /**< a descriptor, or a HANDLE */

#define CORDON_BUFFER_INIT \
    {                      \
        NULL, 0, 0         \
    }
#define CORDON_NO_HANDLE ((cordon_handle)-1)
#define CORDON_FOREVER   (-1)
#define CORDON_AT_ONCE   (-2)

/** A view of a text without its NUL; NULL is empty. */
CORDON_API cordon_bytes cordon_text(const char *text);

/** Free what a call put there; the buffer is empty and may be used again. */
CORDON_API void cordon_buffer_free(cordon_buffer *buffer);

/* ---- Errors ---------------------------------------------------------------- */

/** The one table of errors: name, number, meaning. */
#define CORDON_ERRORS(X)                                     \
    X(EINVAL, -1, "argument out of range")                   \
    X(ENOMEM, -2, "out of memory")                           \
    X(ENAMETOOLONG, -3, "the address does not fit")          \
    X(EADDRINUSE, -4, "already served")                      \
    X(ENOTRUNNING, -5, "nobody serves it")                   \
    X(EBUSY, -6, "a limit is reached")                       \
    X(EDENIED, -7, "the system refused")                     \
    X(EUNSAFE, -8, "owner, mode or type of a path is wrong") \
    X(EIMPOSTOR, -9, "the other end is another user")        \
    X(EUNAUTHORIZED, -10, "the token was not accepted")      \
    X(EPROTOCOL, -11, "the peer broke the protocol")         \
    X(EVERSION, -12, "no common version")                    \
    X(EMSGSIZE, -13, "over a size limit")                    \
    X(ETIMEDOUT, -14, "the deadline passed")                 \
    X(ECANCELED, -15, "canceled")                            \
    X(ECLOSED, -16, "the other side went away")              \
    X(ELAUNCH, -17, "the launched program failed")           \
    X(ENOTREADY, -18, "the server is not ready yet")         \
    X(EUNSUPPORTED, -19, "the server does not do that")      \
    X(EAPP, -20, "the handler answered with a failure")      \
    X(ESYSTEM, -21, "system error")

#define CORDON__ENUM(name, number, text) CORDON_##name = number,
enum { CORDON_OK = 0, CORDON_ERRORS(CORDON__ENUM) CORDON_ERRORS_END = -22 };
#undef CORDON__ENUM

/**
 * What failed, where, and what was found there. A plain record with nothing to
 * free; also the record of traces. Start from CORDON_FAULT_INIT; every call
 * that takes one fills it anew when it fails and leaves it alone when not.
 */
typedef struct cordon_fault {
    size_t      size;        /**< of this record, bytes: set by CORDON_FAULT_INIT */
    int         code;        /**< also the value returned */
    int         app_code;    /**< EAPP: the handler's number */
    int         is_sent;     /**< 0: no handler can have seen the request */
    uint32_t    os_code;     /**< errno or GetLastError; 0 when none */
    const char *during;      /**< the step, "bind" or "check directory"; static */
    uint64_t    expected;    /**< uid, mode or size, as `text` says */
    uint64_t    actual;      /**< likewise: what was found */
    char        path[256];   /**< cut in the middle when longer */
    char        text[256];   /**< the peer's reason, or what to do */
    char        line[768];   /**< made by cordon_fault_line */
    int         exit_status; /**< ELAUNCH: of the launched program; 128 + n after signal n; -1:
                                nobody can tell; 0: none is known */
} cordon_fault;

#define CORDON_FAULT_INIT                                              \
    {                                                                  \
        sizeof(cordon_fault), 0, 0, 0, 0, NULL, 0, 0, {0}, {0}, {0}, 0 \
    }

/** "CORDON_ENOTRUNNING"; "CORDON_OK" for 0; "CORDON_E?" for a number we do not know. */
CORDON_API const char *cordon_error_name(int code);

/** "nobody serves it". */
CORDON_API const char *cordon_error_text(int code);

/**
 * Can waiting and trying again help? 1 for EBUSY, ENOTREADY, ENOTRUNNING,
 * ETIMEDOUT, ECLOSED and ELAUNCH; 0 for every other, and always for identity
 * and safety.
 */
CORDON_API int cordon_error_retryable(int code);

/**
 * One line for a person: "connect: nobody serves it (/home/ada/.local/share/tray/ipc.sock)".
 *
 * Memory:  the text stands in fault->line.
 * Thread:  the one that owns the fault.
 * Returns: fault->line, or "" for NULL.
 */
CORDON_API const char *cordon_fault_line(cordon_fault *fault);

/** One step with its outcome; code may be CORDON_OK. The record is borrowed. */
typedef void (*cordon_step_fn)(const cordon_fault *step, void *user);

/* ---- Endpoint: where we meet ----------------------------------------------- */

typedef struct cordon_endpoint_options {
    size_t      size;
    const char *name;      /**< "ipc"; [A-Za-z0-9._-]{1,64}, no leading dot */
    const char *directory; /**< the application's data directory by default; a relative one is
                                resolved against the working directory once, here */
    void *(*allocate)(void *old, size_t size, void *user); /**< as realloc, size 0 frees, on any
                                                                thread; libc's by default */
    cordon_step_fn trace; /**< hears every step, on whatever thread takes it */
    void          *user;  /**< given to allocate and trace */
    unsigned       flags; /**< CORDON_TRUST_ROOT */
} cordon_endpoint_options;

#define CORDON_ENDPOINT_OPTIONS_INIT                                     \
    {                                                                    \
        sizeof(cordon_endpoint_options), NULL, NULL, NULL, NULL, NULL, 0 \
    }
#define CORDON_TRUST_ROOT 0x1u /**< root (or SYSTEM) may be at the other end */

enum cordon_place {
    CORDON_DIRECTORY,
    CORDON_ADDRESS,
    CORDON_TOKEN,
    CORDON_LOCK,
    CORDON_START_LOCK
};

/**
 * Work out where `app` lives. Changes nothing and contacts nobody.
 *
 * Memory:  *endpoint is yours: cordon_endpoint_close.
 * Thread:  any. An endpoint may be used by several threads at once.
 * Returns: CORDON_OK
 *          CORDON_EINVAL        app or name is out of its alphabet; no home directory
 *          CORDON_ENAMETOOLONG  no address of at most 100 bytes can be made (expected, actual)
 *          CORDON_ENOMEM
 */
CORDON_API int cordon_endpoint_open(cordon_endpoint **endpoint, const char *app,
                                    const cordon_endpoint_options *options, cordon_fault *fault);

/** One of its paths, absolute. Borrowed until close. NULL: no such place. */
CORDON_API const char *cordon_endpoint_path(const cordon_endpoint *endpoint,
                                            enum cordon_place      place);

/**
 * Where the running server's link leads; the address itself where there is no link.
 *
 * Returns: CORDON_OK; CORDON_ENOTRUNNING  no directory;
 *          CORDON_EUNSAFE  what lies there is not a link of ours
 */
CORDON_API int cordon_endpoint_live(cordon_buffer *address, cordon_endpoint *endpoint,
                                    cordon_fault *fault);

/**
 * The token as 64 hex digits, for clients in other languages. Read anew each time.
 *
 * Returns: CORDON_OK
 *          CORDON_EUNSAFE        a link, not a plain file, another owner, or open to others
 *          CORDON_EUNAUTHORIZED  malformed, or absent though a server answers
 *          CORDON_ENOTRUNNING    absent, and the address is gone too
 */
CORDON_API int cordon_endpoint_token(char token[65], cordon_endpoint *endpoint,
                                     cordon_fault *fault);

/**
 * Look at everything: directory, address, token, locks, the server itself.
 *
 * on_fact (may be NULL) hears each fact in order, CORDON_OK or what is wrong:
 * during is the step, text says in words what it means and what would help.
 * Changes nothing and takes no lock; the token's bytes are not told. It may
 * wait three seconds for a server that does not answer.
 *
 * Thread:  any.
 * Returns: CORDON_OK: it runs and answers; else the first trouble:
 *          CORDON_ENOTRUNNING  nobody serves it, and nothing stands in the way of a start
 */
CORDON_API int cordon_endpoint_check(cordon_endpoint *endpoint, cordon_step_fn on_fact, void *user);

/** Servers and sessions opened from it go on. */
CORDON_API void cordon_endpoint_close(cordon_endpoint *endpoint);

enum { CORDON_PEER_UID = 1, CORDON_PEER_GID = 2, CORDON_PEER_PID = 4, CORDON_PEER_SID = 8 };

/** What the kernel says of the other end. Borrowed. May grow at the end. */
typedef struct cordon_peer {
    unsigned    known;    /**< which of the next four: CORDON_PEER_... */
    uint32_t    uid, gid; /**< effective */
    uint64_t    pid;      /**< told, never trusted: it may be somebody else's by now */
    const char *sid;      /**< Windows: "S-1-5-..." */
    const char *program;  /**< what the peer calls itself; may be NULL */
} cordon_peer;

/* ---- Loop: where callbacks run --------------------------------------------- */

/**
 * On your libuv loop; no thread of ours. Refused when the libuv that runs is
 * older than the one cordon was built with.
 *
 * Memory:  *loop is yours: cordon_loop_close. uv must live until uv_run has
 *          ended after that.
 * Thread:  [loop]: the one that runs uv.
 * Returns: CORDON_OK, CORDON_EUNSUPPORTED  libuv too old, CORDON_ENOMEM, CORDON_ESYSTEM
 */
CORDON_API int cordon_loop_open_uv(cordon_loop **loop, struct uv_loop_s *uv, cordon_fault *fault);

/** On one thread of ours, from now until cordon_loop_close. The calls marked
 *  [loop] may then be made by any thread: they run on ours, the caller waits. */
CORDON_API int cordon_loop_open_thread(cordon_loop **loop, cordon_fault *fault);

/**
 * Run it, as uv_run(uv, UV_RUN_DEFAULT) does, and quicker: on Linux a session that
 * asks, waits and asks again costs no turn of libuv's loop for each. Handles on uv
 * are served as ever, but for uv_prepare_t and uv_check_t, which live by turns:
 * where one is active when this is called it is plain uv_run; one that is started
 * later runs when something else happens, or after 4,096 questions. It is plain
 * uv_run, too, while a uv_timer_t is active, and where libuv is older than 1.44.2,
 * has a watch that wakes once only (1.49.0, 1.49.1), or /proc does not tell.
 * uv_metrics_idle_time does not count such waits.
 *
 * Thread:  the one that opened it; not from a callback.
 * Returns: CORDON_OK: nothing keeps uv alive any more, or uv_stop. The loop has
 *          gone then, if it was closed and that has come to its end: to come to
 *          it after uv_stop, call uv_run, which is right in both cases.
 *          CORDON_EINVAL  another thread; it runs already; it has a thread of ours
 */
CORDON_API int cordon_loop_run(cordon_loop *loop);

/**
 * Drain and close all that is on it. Done on return in thread mode; on a libuv
 * loop when its uv_run ends. Not from a callback of a thread loop.
 */
CORDON_API void cordon_loop_close(cordon_loop *loop);

/* ---- Server ---------------------------------------------------------------- */

typedef uint64_t cordon_session_id; /**< never used twice by one server; 0 is none */

#define CORDON_EVERYONE ((cordon_session_id)0)

/** A request came. It is yours from here on, until you end it, once, by
 *  cordon_reply or cordon_fail; `body` is borrowed until this returns. */
typedef void (*cordon_request_fn)(cordon_request *request, cordon_bytes body, void *user);

typedef struct cordon_server_options {
    size_t      size;
    const char *program;       /**< told to clients: "tray 2.1"; at most 255 bytes */
    void       *user;          /**< given to the callbacks */
    unsigned    flags;         /**< CORDON_NO_JSON, CORDON_NO_BINARY */
    unsigned    max_sessions;  /**< 128 */
    unsigned    max_strangers; /**< connections not yet admitted; 16 */
    unsigned    max_requests;  /**< in flight in one session; 64 */
    size_t      max_request;   /**< bytes; 64 KiB; 4 KiB to 64 MiB */
    size_t      max_reply;     /**< bytes of a reply or a part; 1 MiB; 4 KiB to 64 MiB */
    size_t      max_queued;    /**< bytes a session leaves unread; 4 MiB, or max_reply and 256 KiB
                                    if that is more; over it, it is cut */
    size_t max_queued_all;     /**< the same over all sessions, with what is on its way to them on
                                    Windows (up to 192 KiB each, 320 KiB of big ones); 64 MiB */
    size_t max_partial;        /**< bytes of incomplete frames over all sessions; 64 MiB, or four
                                    largest requests if that is more */
    int      hello_ms;         /**< until admitted; 5,000 */
    int      write_ms;         /**< a client that takes no byte; 5,000 */
    int      request_ms;       /**< then ETIMEDOUT is answered; 0 and CORDON_FOREVER: never */
    int      drain_ms;         /**< at the end; 250 */
    int      stall_ms;         /**< a begun frame without a byte; 10,000 */
    int      lock_ms;          /**< wait for a server that stops; 2,000 */
    int      look_ms;          /**< at its own address and token, again and again; 30,000 */
    int      pause_ms;         /**< in accepting, when out of descriptors; 25 */
    unsigned backlog;          /**< 128; pipe instances on Windows: 4 */
    /** May this peer of our user come in? CORDON_OK, or why not: CORDON_EBUSY and
     *  CORDON_ENOTREADY are told as such, anything else as CORDON_EUNAUTHORIZED. */
    int (*on_admit)(const cordon_peer *peer, void *user);
    /** A session was admitted (is_here 1, why NULL) or has ended (0; why->code CORDON_OK: it
     *  said goodbye or we stopped). */
    void (*on_session)(cordon_session_id session, const cordon_peer *peer, int is_here,
                       const cordon_fault *why, void *user);
    /** A client asks to stop: CORDON_OK lets the library close the server. NULL refuses. */
    int (*on_stop)(const cordon_peer *peer, void *user);
    /** Nothing fatal: out of descriptors, a stranger refused, the socket file lost. */
    void (*on_trouble)(const cordon_fault *fault, void *user);
    /** The last one: closed, address and lock released. */
    void (*on_closed)(void *user);
    /** Close when no session was here for that long; 0 and CORDON_FOREVER: never. Control
     *  sessions do not count; a request that its handler still has does. Who has started the
     *  server and waits for it (cordon_ready) has at least two seconds to come. */
    int idle_ms;
    /** A listening socket from elsewhere, bound to the address of the endpoint; 0 and
     *  CORDON_NO_HANDLE: one of our own. It is the server's, and closed by it, once
     *  cordon_server_open has succeeded; its address stays at the end. Not on Windows. */
    cordon_handle listener;
} cordon_server_options;

#define CORDON_SERVER_OPTIONS_INIT                                                                 \
    {                                                                                              \
        sizeof(cordon_server_options), NULL, NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, \
            0, 0, NULL, NULL, NULL, NULL, NULL, 0, 0                                               \
    }
#define CORDON_NO_JSON   0x010u
#define CORDON_NO_BINARY 0x020u
/** Windows' own: Everyone may read; elevated clients do not take it for their user's. */
#define CORDON_WIN32_DEFAULT_DACL 0x100u

/**
 * Serve the endpoint: when it returns 0, clients can connect.
 *
 * Waits at most lock_ms, and only for a server of the same endpoint that is
 * starting or stopping (Windows: or has no pipe free, which looks the same).
 * Whoever started this program and waits hears how it went (cordon_ready).
 *
 * Without an endpoint (NULL) nobody comes but by cordon_channel_serve.
 *
 * Memory:  *server is yours: cordon_server_close. The endpoint may be closed.
 * Thread:  [loop].
 * Returns: CORDON_OK
 *          CORDON_EADDRINUSE  a live server has the endpoint
 *          CORDON_EUNSAFE     owner, mode or type of a path is wrong, it was left alone; the
 *                             listener is not a socket of ours alone at this address
 *          CORDON_EIMPOSTOR, CORDON_EBUSY  Windows: another's pipe has the name
 *          CORDON_EDENIED, CORDON_EINVAL, CORDON_ENOMEM, CORDON_ESYSTEM
 */
CORDON_API int cordon_server_open(cordon_server **server, cordon_loop *loop,
                                  cordon_endpoint *endpoint, cordon_request_fn on_request,
                                  const cordon_server_options *options, cordon_fault *fault);

/**
 * The listening socket that a service manager has started this process with
 * (LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES), for cordon_server_options. Nothing
 * that we start gets it or another of them; the environment stays as it is.
 *
 * name: which of several; NULL when there is but one.
 *
 * Returns: CORDON_OK
 *          CORDON_ENOTRUNNING   no service manager has given us any
 *          CORDON_EINVAL        not exactly one of that name
 *          CORDON_EUNSAFE       a descriptor that it names is not open
 *          CORDON_EUNSUPPORTED  on Windows
 */
CORDON_API int cordon_inherited_listener(cordon_handle *listener, const char *name,
                                         cordon_fault *fault);

/**
 * Be the server, or hand the message to the one that is: then *server is NULL
 * and `answer` has what it said. For a program that runs once: another start of
 * it passes on what it was started with and ends.
 *
 * The message is yours alone: arguments, files to open, a token that lets a
 * window come to the front. Put the working directory in it, for names that are
 * relative to it. It is handed over once: again only while it is certain that
 * no handler has seen it. Who becomes the server keeps its own message.
 *
 * timeout_ms covers all of it; 5,000. Not in a process that serves this
 * endpoint on the same loop: nobody would answer.
 *
 * Memory:  *server and answer are yours: cordon_server_close, cordon_buffer_free.
 * Thread:  [loop].
 * Returns: CORDON_OK
 *          CORDON_EAPP       the server's handler failed: fault->app_code, answer has the text
 *          CORDON_ETIMEDOUT  neither within the time
 *          CORDON_ECLOSED    the server died over it: it may have run (fault->is_sent)
 *          what else cordon_server_open and cordon_call return, but for EADDRINUSE and ENOTRUNNING
 */
CORDON_API int cordon_single(cordon_server **server, cordon_buffer *answer, cordon_loop *loop,
                             cordon_endpoint *endpoint, cordon_request_fn on_request,
                             cordon_bytes message, const cordon_server_options *options,
                             int timeout_ms, cordon_fault *fault);

/** The object that STATUS answers (docs/wire.md). CORDON_ECLOSED: it has ended. [loop] */
CORDON_API int cordon_server_status(cordon_buffer *json, cordon_server *server);

/**
 * An event to one session, or to CORDON_EVERYONE that wants events. A JSON
 * session gets it only if it is JSON, a binary one only if it takes that many
 * bytes. Never waits; whoever has no room for it is cut.
 *
 * Thread:  any.
 * Returns: CORDON_OK, also when the session has left; CORDON_EMSGSIZE over max_reply;
 *          CORDON_EBUSY  more than max_queued waits for the loop; CORDON_ENOMEM
 */
CORDON_API int cordon_server_push(cordon_server *server, cordon_session_id session,
                                  cordon_bytes event);

/**
 * Stop: the address goes, no new requests, answers go out until drain_ms,
 * then on_closed. *Not* yet gone when it returns. From a callback it is fine.
 *
 * Thread:  any.
 */
CORDON_API void cordon_server_close(cordon_server *server);

/* A request is yours until you end it, once, by cordon_reply or cordon_fail,
 * also after its client or server is gone. Ending it sets your pointer to NULL. */

/**
 * Answer a request and end it. Later is fine, from any thread too.
 *
 * Memory:  body is copied. *request becomes NULL: it is gone.
 * Thread:  any, one at a time for one request.
 * Returns: CORDON_OK, also when the client has left meanwhile
 *          CORDON_EMSGSIZE  body over max_reply or over what the client takes; request is
 *                           still yours
 *          CORDON_EBUSY     from another thread only: more than max_queued waits for the loop;
 *                           likewise
 *          CORDON_ENOMEM    likewise
 *          CORDON_EINVAL    *request was NULL already
 */
CORDON_API int cordon_reply(cordon_request **request, cordon_bytes body);

/**
 * End a request with a failure. Text is cut to 4 KiB and cannot fail for size.
 *
 * code: your own number from 256 to 65,535, or a CORDON_E... With CORDON_EBUSY
 * or CORDON_ENOTREADY you promise that you did nothing: the caller may run it
 * again. Codes without a number on the wire go out as INTERNAL.
 *
 * Memory:  text is copied; NULL is empty. *request becomes NULL.
 * Thread:  any, one at a time for one request.
 * Returns: CORDON_OK; CORDON_EINVAL  *request was NULL already
 */
CORDON_API int cordon_fail(cordon_request **request, int code, const char *text);

/**
 * One part of a reply; more follow, cordon_reply or cordon_fail ends it. A
 * part that could not go makes the end a failure.
 *
 * Returns: CORDON_OK, also when the client has left
 *          CORDON_EBUSY  no room now: nothing was taken, wait for CORDON_ROOM
 *          CORDON_EMSGSIZE, CORDON_ENOMEM, CORDON_EINVAL
 */
CORDON_API int cordon_reply_part(cordon_request *request, cordon_bytes part);

/** Is there room for a part now? 1 also when the client has left: parts are dropped then. */
CORDON_API int cordon_request_has_room(const cordon_request *request);

enum cordon_turn {
    CORDON_ROOM = 1, /**< there is room for a part again; first right after the watch */
    CORDON_CANCELED, /**< the client does not want it any more: end it soon */
    CORDON_LEFT,     /**< the client has gone: nobody hears the answer */
    CORDON_LATE      /**< request_ms is over: the client has been told */
};

/**
 * Hear of room for parts, of cancel, of a client that left, of request_ms.
 * Call it in the handler.
 *
 * on_turn runs where the handler does, never from inside this call, and not
 * after the request has ended. A turn that came before the watch is told.
 * CORDON_ROOM is told once for a watch and once for each part that was taken,
 * as soon as there is room; calling this again asks for it anew.
 *
 * Thread:  [loop].
 */
CORDON_API void cordon_request_watch(cordon_request *request,
                                     void (*on_turn)(cordon_request *request, enum cordon_turn turn,
                                                     void *context),
                                     void *context);

/** In the handler: the body, valid until the end of the request; data NULL: no memory. [loop] */
CORDON_API cordon_bytes cordon_request_keep(cordon_request *request);

/** The session it came by. */
CORDON_API cordon_session_id cordon_request_session(const cordon_request *request);

/** Who asks; borrowed until the handler returns. NULL once the client has left. [loop] */
CORDON_API const cordon_peer *cordon_request_peer(const cordon_request *request);

/** 1: it came as a JSON line, its body is JSON, and so must be the reply. */
CORDON_API int cordon_request_is_json(const cordon_request *request);

/* ---- Asking, and waiting --------------------------------------------------- */

enum cordon_kind { CORDON_REPLY = 1, CORDON_PART, CORDON_FAILURE, CORDON_EVENT, CORDON_MESSAGE };

/** What is heard: by a client of its server, on a channel of the other side. Borrowed until the
 *  next call on the session or channel. May grow at the end. */
typedef struct cordon_message {
    enum cordon_kind kind;
    int              code;         /**< FAILURE: why; else CORDON_OK */
    int              app_code;     /**< EAPP: the handler's number */
    uint32_t         id;           /**< of the request; 0 for an event */
    cordon_bytes     body;         /**< of a FAILURE: its text */
    uint32_t         tag;          /**< MESSAGE only: what it is */
    size_t           handle_count; /**< MESSAGE only: cordon_message_take */
} cordon_message;

/** What to start when nobody is there: a program, or by a call of yours. */
typedef struct cordon_start_options {
    size_t             size;
    const char *const *argv; /**< ends in NULL; [0] is looked for along PATH. It gets a session of
                                  its own, no console, none of our descriptors, and CORDON_READY */
    const char        *log;  /**< a file that what it prints is appended to; nowhere by default */
    const char        *directory;   /**< where it runs; ours */
    const char *const *environment; /**< "NAME=value", ends in NULL; ours */
    int                pause_ms;    /**< longest between two looks; 25 */
    unsigned           flags;       /**< CORDON_STAY_IN_JOB, CORDON_REPLACE_OTHER_VERSION */
    /** Instead of argv: start it, at best without waiting; left_ms as a time of this header. 0: it
     *  will serve; anything else is told as CORDON_ELAUNCH with this number as exit_status. It is
     *  called under the startup lock, at most once. If it forks, the child must exec. */
    int (*launch)(cordon_endpoint *endpoint, int left_ms, void *user);
    void *user;
} cordon_start_options;

#define CORDON_START_OPTIONS_INIT                                              \
    {                                                                          \
        sizeof(cordon_start_options), NULL, NULL, NULL, NULL, 0, 0, NULL, NULL \
    }
#define CORDON_STAY_IN_JOB           0x1u /**< Windows: fine if our job lets nobody out */
#define CORDON_REPLACE_OTHER_VERSION 0x2u /**< ask it to stop, then start ours */

typedef struct cordon_session_options {
    size_t      size;
    const char *program;  /**< told to the server: "trayctl 2.1"; at most 255 bytes */
    unsigned    flags;    /**< CORDON_NO_BINARY: speak JSON lines; CORDON_EVENTS; CORDON_CONTROL */
    uint32_t    features; /**< upper 16 bits: yours, told to the server */
    int         timeout_ms;            /**< until admitted; 5,000, with start 20,000 */
    size_t      max_reply;             /**< bytes; 1 MiB; 4 KiB to 64 MiB */
    const cordon_start_options *start; /**< connect, or start it exactly once; NULL: connect */
} cordon_session_options;

typedef struct cordon_call_options {
    size_t   size;
    int      timeout_ms;   /**< 5,000; then the request is canceled too */
    unsigned flags;        /**< CORDON_REPEATABLE; for cordon_call also CORDON_NO_BINARY, for
                                cordon_session_send also CORDON_GATHER */
    size_t      max_reply; /**< cordon_call only: bytes; 1 MiB; 4 KiB to 64 MiB */
    const char *program;   /**< cordon_call only: told to the server */
} cordon_call_options;

#define CORDON_SESSION_OPTIONS_INIT                            \
    {                                                          \
        sizeof(cordon_session_options), NULL, 0, 0, 0, 0, NULL \
    }
#define CORDON_EVENTS  0x1000u /**< this session wants events */
#define CORDON_CONTROL 0x2000u /**< status and stop only, any version */
#define CORDON_CALL_OPTIONS_INIT                   \
    {                                              \
        sizeof(cordon_call_options), 0, 0, 0, NULL \
    }
#define CORDON_REPEATABLE 0x1u /**< running it twice does no harm */
#define CORDON_GATHER     0x4u /**< cordon_session_send: another request follows at once */

/** Borrowed until the session is closed. May grow at the end. */
typedef struct cordon_server_info {
    const cordon_peer *peer;       /**< what the kernel says of the server at its listen */
    uint64_t           instance;   /**< another one after each start; 0 for JSON lines */
    int                is_started; /**< 1: by this call; 0: it was there, or others started it */
} cordon_server_info;

/**
 * Connect, ask, close.
 *
 * A request is repeated by itself only when no handler can have seen it; else
 * CORDON_ECLOSED, and fault->is_sent says that it may have run.
 *
 * Memory:  reply is yours: cordon_buffer_free. CORDON_EAPP: it has the failure's text.
 * Thread:  any.
 * Returns: CORDON_OK
 *          CORDON_ENOTRUNNING    nobody is there
 *          CORDON_EIMPOSTOR      somebody else is: nothing was sent
 *          CORDON_EUNAUTHORIZED, CORDON_EUNSAFE
 *          CORDON_EAPP           the handler failed: fault->app_code, reply
 *          CORDON_ETIMEDOUT, CORDON_ECLOSED, CORDON_EBUSY, CORDON_ENOTREADY, CORDON_EMSGSIZE, ...
 */
CORDON_API int cordon_call(cordon_buffer *reply, cordon_endpoint *endpoint, cordon_bytes body,
                           const cordon_call_options *options, cordon_fault *fault);

/**
 * Connect and be admitted.
 *
 * With `start` among the options: to the server that runs, or one is started,
 * exactly once, however many ask at the same time. One deadline covers all of
 * it; cordon_session_server tells which it was. A server that is starting,
 * stopping, not ready or full is waited for. A session that loses its server
 * later does not start another one.
 *
 * Memory:  *session is yours: cordon_session_close. The endpoint may be closed.
 *          All that start points to is borrowed until it returns.
 * Returns: CORDON_OK, or as cordon_call; with start also
 *          CORDON_ELAUNCH    what was started failed: fault->exit_status, and why in fault->text
 *          CORDON_EBUSY      what was started says that it runs already, and nobody answers
 *          CORDON_ETIMEDOUT  fault->during and text say what was waited for
 *          CORDON_EVERSION   another version runs: fault->text has both, and its pid
 */
CORDON_API int cordon_session_open(cordon_session **session, cordon_endpoint *endpoint,
                                   const cordon_session_options *options, cordon_fault *fault);

/** Ask and wait. CORDON_EAPP: reply has the failure's text. Replies to other
 *  requests and events that come meanwhile are kept for cordon_session_receive,
 *  at most 4 MiB of them (or one largest reply); over that CORDON_EBUSY, and the
 *  session has ended. [one] */
CORDON_API int cordon_session_call(cordon_bytes *reply, cordon_session *session, cordon_bytes body,
                                   const cordon_call_options *options, cordon_fault *fault);

/** Ask now, receive later. id may be NULL. With CORDON_GATHER it may wait for the
 *  next ones, at most 64 KiB of them: they leave together, with the first call on
 *  the session that does not have that flag. [one] */
CORDON_API int cordon_session_send(uint32_t *id, cordon_session *session, cordon_bytes body,
                                   const cordon_call_options *options, cordon_fault *fault);

/** The next part, reply, failure or event, whichever comes. Requests do not time
 *  out here, only this wait does (5,000 by default). CORDON_EINVAL: nothing is
 *  in flight and no events were asked for. [one] */
CORDON_API int cordon_session_receive(const cordon_message **message, cordon_session *session,
                                      int timeout_ms, cordon_fault *fault);

/** Not wanted any more: nothing of it will be received. [one] */
CORDON_API int cordon_session_cancel(cordon_session *session, uint32_t id);

/** The server about itself, one JSON object. [one] */
CORDON_API int cordon_session_status(cordon_bytes *json, cordon_session *session, int timeout_ms,
                                     cordon_fault *fault);

/** Ask it to stop, wait until its address and token are gone or another
 *  instance has them. CORDON_EUNSUPPORTED: it does not allow that. [one] */
CORDON_API int cordon_session_stop(cordon_session *session, int timeout_ms, cordon_fault *fault);

/** Whoever waits in a call on it gets CORDON_ECANCELED. The session has ended
 *  then: only close is left. [signal] */
CORDON_API void cordon_session_interrupt(cordon_session *session);

/** Who is at the other end. */
CORDON_API const cordon_server_info *cordon_session_server(const cordon_session *session);

CORDON_API void cordon_session_close(cordon_session *session);

/**
 * In a started program: tell who waits for it that it serves (NULL, or a fault
 * that is none), or why it cannot. Only the first time counts. A server that
 * opens says this by itself, and so does one that cannot: this is for what goes
 * wrong earlier, and for programs that serve in other ways.
 *
 * Memory:  trouble is borrowed. CORDON_READY leaves the environment.
 * Thread:  [one], and while no other reads or changes the environment.
 * Returns: CORDON_OK         also when nobody waits
 *          CORDON_EUNSAFE    CORDON_READY names nothing that could have been given
 *          CORDON_EINVAL     trouble is not begun with CORDON_FAULT_INIT
 */
CORDON_API int cordon_ready(const cordon_fault *trouble);

/* ---- Parent and child ------------------------------------------------------ */

/*
 * A private pair: the child has the other end, and nothing else of ours. Messages
 * go both ways, each with a tag that says what it is, and up to 16 handles. The
 * first one from the parent carries the arguments and is the go signal: the
 * child waits for it in cordon_channel_receive.
 *
 * Handles that you send stay yours, and are duplicated before the call returns.
 * Those you receive are not inherited by programs you start.
 *
 * On Windows files, pipes and memory objects travel, and a child must be there
 * until its handles are received. There a child is asked to end by the end of its
 * channel alone; one that did not has exit status 137. The first word of argv is
 * an .exe or .com (".exe" may be left out): a script is an argument of what runs
 * it, and a batch file is never started.
 */

typedef struct cordon_child_options {
    size_t             size;
    const char        *directory;   /**< where it runs; ours */
    const char *const *environment; /**< "NAME=value", ends in NULL; ours */
    int                grace_ms;    /**< between asking it to end and ending it; 1,000;
                                         CORDON_AT_ONCE */
    unsigned flags;                 /**< CORDON_CHILD_... */
} cordon_child_options;

#define CORDON_CHILD_OPTIONS_INIT                      \
    {                                                  \
        sizeof(cordon_child_options), NULL, NULL, 0, 0 \
    }
#define CORDON_CHILD_NO_STDIO 0x1000u /**< the null device on 0, 1, 2; else ours */
#define CORDON_CHILD_OUTLIVES_US \
    0x2000u /**< it goes on when we end, and when its channel is closed */

/**
 * Start a child that has the other end. argv[0] is looked for along PATH; the
 * list ends in NULL. It dies when its parent does (on Linux: when the thread
 * that started it ends), unless flags say otherwise.
 *
 * Memory:  *channel is yours: cordon_channel_close.
 * Returns: CORDON_OK
 *          CORDON_ELAUNCH        no such program, or it may not be run
 *          CORDON_EBUSY, CORDON_ENOMEM, ...
 */
CORDON_API int cordon_channel_start(cordon_channel **channel, const char *const *argv,
                                    const cordon_child_options *options, cordon_fault *fault);

/** The raw form: a pair whose other end you hand down yourself, with its word. theirs is yours to
 *  close, and not inherited as it is. No child is known: no pid, no wait, and on Windows no
 *  handles. */
CORDON_API int cordon_channel_pair(cordon_channel **ours, cordon_handle *theirs, char word[33],
                                   cordon_fault *fault);

/** An end that something else handed to you; it is the channel's when this returns CORDON_OK. */
CORDON_API int cordon_channel_adopt(cordon_channel **channel, cordon_handle handle,
                                    const char *word, int is_parent, cordon_fault *fault);

/** In the child, once: our end. It leaves the environment. CORDON_ENOTRUNNING when we were not
 *  started so. */
CORDON_API int cordon_channel_inherit(cordon_channel **channel, cordon_fault *fault);

/** The largest body of a message, either way: 1 MiB; 4 KiB to 64 MiB. [one] */
CORDON_API int cordon_channel_limit(cordon_channel *channel, size_t max_message);

/**
 * Say something. After a CORDON_ETIMEDOUT that left it half said, nothing more can be.
 *
 * Memory:  body is copied; handles stay yours.
 * Thread:  [one]
 * Returns: CORDON_OK
 *          CORDON_ECLOSED        the other side has ended
 *          CORDON_EMSGSIZE       over the limit: nothing was sent
 *          CORDON_EINVAL         more than 16 handles, or one that is none; or it carries requests
 *          CORDON_EUNSUPPORTED   such a handle cannot be passed here
 *          CORDON_ETIMEDOUT, CORDON_EBUSY, ...
 */
CORDON_API int cordon_channel_send(cordon_channel *channel, uint32_t tag, cordon_bytes body,
                                   const cordon_handle *handles, size_t count, int timeout_ms,
                                   cordon_fault *fault);

/**
 * Wait for the next message. After CORDON_ETIMEDOUT nothing of it is lost.
 *
 * Memory:  *message is borrowed until the next call on the channel; then handles
 *          that were not taken are closed.
 * Thread:  [one]
 * Returns: CORDON_OK
 *          CORDON_ECLOSED        the other side has ended: no failure
 *          CORDON_EPROTOCOL      it does not keep to the rules, as with another number of
 *                                handles than it told: all were closed, the channel has ended
 *          CORDON_EMSGSIZE       likewise, over the limit
 *          CORDON_ETIMEDOUT, ...
 */
CORDON_API int cordon_channel_receive(const cordon_message **message, cordon_channel *channel,
                                      int timeout_ms, cordon_fault *fault);

/** The handle is yours now; CORDON_NO_HANDLE when there is none, or it was taken. [one] */
CORDON_API cordon_handle cordon_message_take(const cordon_message *message, size_t index);

/** The child's; 0 when none is known. Reused by the system once it was waited for. */
CORDON_API uint64_t cordon_channel_pid(const cordon_channel *channel);

/** Until the child has ended: its exit status, 128 + n for signal n, -1 when nobody can tell (a
 *  host that ignores SIGCHLD). Again and again the same. CORDON_EINVAL: no child is known. [one] */
CORDON_API int cordon_channel_wait(int *exit_status, cordon_channel *channel, int timeout_ms,
                                   cordon_fault *fault);

/**
 * Go on with requests: the child, or the parent, is now a session of that server, which need not
 * have an endpoint. What the channel keeps is the child: wait for it and close it as ever. No
 * message follows. The parent waits up to five seconds for the child to be there.
 *
 * Thread:  where the server's callbacks run, or any if that is a thread of cordon's; [one]
 * Returns: CORDON_OK
 *          CORDON_EINVAL  it carries requests already; a message came that nobody received
 *          CORDON_EBUSY, CORDON_ECLOSED, CORDON_ETIMEDOUT, CORDON_EPROTOCOL, ...
 */
CORDON_API int cordon_channel_serve(cordon_channel *channel, cordon_server *server,
                                    cordon_fault *fault);

/** Likewise as the one who asks. Of the options max_reply and CORDON_EVENTS count: over it the
 *  session ends. It is yours: cordon_session_close. [one] */
CORDON_API int cordon_channel_ask(cordon_session **session, cordon_channel *channel,
                                  const cordon_session_options *options, cordon_fault *fault);

/** A child that was not waited for is ended: asked to, and after grace_ms ended; and reaped. One
 *  that outlives us goes on. */
CORDON_API void cordon_channel_close(cordon_channel *channel);

/** "0.1.0": of the library that runs. */
CORDON_API const char *cordon_version(void);

#ifdef __cplusplus
}
#endif

#endif
