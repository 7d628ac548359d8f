/*
 * The contract: everything that cordon asks of an operating system.
 *
 * Every function returns 0, a positive turn that its comment names, or a
 * negative CORDON_E... after filling the fault; runs no callback before it
 * returns; leaves nothing behind on failure. A backend knows nothing of
 * frames, tokens, clients or servers. `fault` is never NULL and of full size.
 *
 * Times are milliseconds on the clock of cordon__now. A deadline is absolute;
 * CORDON__NEVER is none, one that has passed means: once, without waiting.
 */
#ifndef CORDON__PLATFORM_H
#define CORDON__PLATFORM_H

#include "dialect.h"

#include "buffer.h"
#include "cordon.h"
#include "fault.h"
#include "holder.h"

#define CORDON__NEVER     UINT64_MAX
#define CORDON__TICK_MS   50 /* more than a clock with ticks is late, on a busy machine too */
#define CORDON__NO_HANDLE ((intptr_t)-1)

/* ---- clock (src/clock.c, through libuv, the same on all systems) ------------ */

uint64_t cordon__now(void);          /* monotonic ms */
void     cordon__pause(uint64_t ms); /* this thread */
int      cordon__random(void *data, size_t size, cordon_fault *fault);
uint64_t cordon__pid(void); /* of this process, asked anew: fork tells */

/* One timer on a loop. Setting it again moves it. Closed memory goes by itself. In a child that
 * did not exec close only gives back what is the child's. */
typedef struct cordon__timer cordon__timer;
int  cordon__timer_open(cordon__timer **timer, struct uv_loop_s *uv, void (*on_due)(void *owner),
                        void *owner, cordon_fault *fault);
void cordon__timer_set(cordon__timer *timer, uint64_t due); /* CORDON__NEVER: stop */
/* on_closed may be NULL; it comes later, from the loop. */
void cordon__timer_close(cordon__timer *timer, void (*on_closed)(void *owner));

/* A wake-up from other threads. Several sends may come as one. While it is not
 * `held` it keeps no loop alive. */
typedef struct cordon__wake cordon__wake;
int  cordon__wake_open(cordon__wake **wake, struct uv_loop_s *uv, void (*on_wake)(void *owner),
                       void *owner, cordon_fault *fault);
void cordon__wake_send(cordon__wake *wake); /* any thread */
void cordon__wake_hold(cordon__wake *wake, int is_held);
void cordon__wake_close(cordon__wake *wake, void (*on_closed)(void *owner));

/* ---- alarm ------------------------------------------------------------------ */

/* A descriptor that a loop finds readable when the time has come; only the clock's timer has any.
 * Unlike the rest it may not be there: -1. Set again it forgets what it was set to, and that it
 * rang. */
int  cordon__alarm_open(void);
int  cordon__alarm_set(int alarm, uint64_t due); /* CORDON__NEVER: silent. 0: it could not be */
int  cordon__alarm_rang(int alarm);              /* 1: once for each time that it rang */
void cordon__alarm_close(int alarm);

/* ---- thread ----------------------------------------------------------------- */

/* A thread of ours, on which no signal of the host is handled. thread: uv_thread_t, or what
 * it is on the system; join it with uv_thread_join. EBUSY, ENOMEM. */
int cordon__thread_start(void *thread, void (*run)(void *context), void *context,
                         cordon_fault *fault);
/* The calling thread: no other that runs has this number. Nothing is kept of it. */
uint64_t cordon__thread_self(void);

/* ---- address ---------------------------------------------------------------- */

/* Where an endpoint is; made once, changed by nobody. */
typedef struct cordon__place cordon__place;

/* Resolve. Changes nothing. app and name are valid. directory NULL: the default one. memory and
 * trace are copied. EINVAL (no home; unresolvable), EDENIED, ENAMETOOLONG, ENOMEM. */
int         cordon__place_open(cordon__place **place, const char *app, const char *name,
                               const char *directory, const cordon__memory *memory,
                               const cordon__trace *trace, cordon_fault *fault);
const char *cordon__place_path(const cordon__place *place, enum cordon_place which);
/* Where a client would go now: the link's target, or the address. As cordon_endpoint_live. */
int  cordon__place_live(cordon_buffer *address, cordon__place *place, cordon_fault *fault);
void cordon__place_close(cordon__place *place);

/* ---- private ------------------------------------------------------------------ */

/*
 * Have the owner-only directory (or directories) of the place open. A server
 * makes what is missing and takes other people's write bits from a default
 * directory; a client changes nothing. Once open it costs one look (fstat) and
 * is opened anew if it has gone meanwhile. Not to be called by two threads at
 * once for one place. What was made stays, also when a later step fails.
 * ENOTRUNNING (client: no directory), EUNSAFE, EDENIED.
 */
int cordon__private_open(cordon__place *place, int is_server, cordon_fault *fault);

enum { CORDON__ABSENT = 1, CORDON__MALFORMED_FILE = 2 };

/* The secret file (CORDON_TOKEN): exactly `size` bytes. CORDON__ABSENT; CORDON__MALFORMED_FILE:
 * another size. EUNSAFE: a link, not a plain file, not ours, open to others. Never waits. */
int cordon__secret_load(cordon__place *place, void *data, size_t size, cordon_fault *fault);
/* Replace it at once and durably; 0600 from its first moment. */
int cordon__secret_store(cordon__place *place, const void *data, size_t size, cordon_fault *fault);
/* Remove it if it is ours and still holds these bytes; else leave it alone. 0 either way. */
int cordon__secret_remove(cordon__place *place, const void *data, size_t size, cordon_fault *fault);

/* ---- lock --------------------------------------------------------------------- */

typedef struct cordon__lock cordon__lock;
enum { CORDON__HELD = 1 };

/* One attempt, no waiting. which: CORDON_LOCK or CORDON_START_LOCK. CORDON__HELD: by
 * another, also of this process. It dies with its holder; the file stays. */
int cordon__lock_take(cordon__lock **lock, cordon__place *place, enum cordon_place which,
                      cordon_fault *fault);
/* 1: its path still names it. Else it excludes nobody: somebody removed the file. */
int cordon__lock_is_named(const cordon__lock *lock, const cordon__place *place,
                          enum cordon_place which);
/* It is still held, but its file names nobody any more: the first step of an end. */
void cordon__lock_unname(cordon__lock *lock);
/* In a child that did not exec: frees memory and descriptor only. */
void cordon__lock_release(cordon__lock *lock);
/* The process that its file names, as its holder has put there; 0: nobody, or no such file.
 * CORDON__NEVER: not to be told. cordon__private_open must have been called. */
uint64_t cordon__lock_named(const cordon__place *place, enum cordon_place which);
/* Who has it? Looks only: never tries to take it, needs no open directory, and tells what it can
 * also with EUNSAFE (not a lock file of ours). CORDON__ABSENT: no such file, nobody. */
int cordon__lock_look(cordon__holder *holder, const cordon__place *place, enum cordon_place which,
                      cordon_fault *fault);
/* Of some process, for people: numbers are used again. */
enum cordon__process cordon__process_look(uint64_t pid);

/* ---- sight, for people ----------------------------------------------------------- */

/* What is looked at. */
enum cordon__sight {
    CORDON__SEE_ENVIRONMENT, /* what of it counts */
    CORDON__SEE_DIRECTORY,   /* and what is above it; the fallback; the file system */
    CORDON__SEE_ADDRESS,     /* what lies there, and the link */
    CORDON__SEE_ROOM         /* could a server be started here: may we write, is there space */
};

typedef void (*cordon__tell_fn)(const cordon_fault *fact, void *owner);

/* Tell each fact: code CORDON_OK, or what is wrong; during, path, expected, actual, and in words
 * what it means. Changes nothing, needs nothing open, contacts nobody. */
void cordon__see(cordon__place *place, enum cordon__sight what, cordon__tell_fn tell, void *owner);

/* ---- listen -------------------------------------------------------------------- */

typedef struct cordon__listener cordon__listener;

/* Under the lifetime lock, the rest too: remove what a dead server left at the address.
 * EUNSAFE: something else lies there; untouched. */
int cordon__address_clear(cordon__place *place, cordon_fault *fault);
/* Nobody but our user can connect, from the first moment on. backlog 0: as many as suit the
 * system. flags: the server's (CORDON_WIN32_DEFAULT_DACL). It may take two seconds to find out
 * that the address stays taken. EUNSAFE; EIMPOSTOR, EBUSY: another has it. */
int cordon__listen(cordon__listener **listener, cordon__place *place, unsigned backlog,
                   unsigned flags, cordon_fault *fault);

/* The same on a listening socket that was made elsewhere: checked to be one of our user's alone at
 * this very address; made to carry our name where the system allows that. Its address is never
 * removed. It is taken on success. EUNSAFE: it is something else; EINVAL: no open one; EBUSY: its
 * queue is full, so it cannot be checked; EUNSUPPORTED: this system has no such thing. */
int cordon__listen_on(cordon__listener **listener, cordon__place *place, intptr_t handle,
                      unsigned backlog, cordon_fault *fault);
/* The one of that name (NULL: the only one) that a service manager has started us with. None of
 * them is inherited from here on. ENOTRUNNING: it has not; EINVAL: not exactly one of that name;
 * EUNSAFE: what it says is not there; EUNSUPPORTED. */
int cordon__listener_given(intptr_t *handle, const char *name, cordon_fault *fault);

enum { CORDON__NOBODY = 1 };

/* The next connection. CORDON__NOBODY waits. EBUSY: out of descriptors or memory, pause. */
int cordon__accept(intptr_t *handle, cordon__listener *listener, cordon_fault *fault);

/* Tell on the loop that somebody may wait, until paused; not from inside. */
int  cordon__listener_attach(cordon__listener *listener, struct uv_loop_s *uv,
                             void (*on_waiting)(void *owner), void *owner, cordon_fault *fault);
void cordon__listener_pause(cordon__listener *listener, int is_paused);

enum { CORDON__GONE = 1, CORDON__REPLACED = 2 };

/* Is the address (and the link) still ours? CORDON__GONE: not there: listen anew.
 * CORDON__REPLACED: something else is, fault says what. */
int cordon__listener_look(cordon__listener *listener, cordon_fault *fault);
/* Take our address (and link) away, if they are still ours; who waits can still be accepted. */
void cordon__unlisten(cordon__listener *listener);
/* on_closed (may be NULL) comes later from the loop, or at once if never attached.
 * In a child that did not exec: memory and descriptor only, no call back. */
void cordon__listener_close(cordon__listener *listener, void (*on_closed)(void *owner));

/* ---- connect -------------------------------------------------------------------- */

enum { CORDON__AGAIN = 1, CORDON__UNCERTAIN = 2, CORDON__OCCUPIED = 3 };

/* One attempt that does not wait. CORDON__AGAIN: somebody is there but busy.
 * CORDON__OCCUPIED: likewise, or it is about to end: where a system cannot tell.
 * CORDON__UNCERTAIN: refused where that may pass: try for 200 ms, then it is ENOTRUNNING.
 * ENOTRUNNING: nobody; EUNSAFE, EDENIED. cordon__private_open must have been called. */
int cordon__connect(intptr_t *handle, cordon__place *place, cordon_fault *fault);

/* ---- peer ------------------------------------------------------------------------ */

typedef struct cordon__identity { /* what the kernel says */
    unsigned known;               /* CORDON_PEER_... */
    uint32_t uid, gid;
    uint64_t pid;
    char     sid[192]; /* "" when not known */
    uint32_t level;    /* Windows: integrity, when has_level */
    uint8_t  has_level, is_contained, is_server;
} cordon__identity;

enum { CORDON__LATER = 1 };

/* Who is at the other end. CORDON__LATER: ask its stream when its first bytes were read,
 * before any is parsed. is_server: the other end is the server. */
int cordon__peer_ask(cordon__identity *peer, intptr_t handle, int is_server, cordon_fault *fault);
/* Who judges: our effective user, and the user that the kernel says instead of one that it cannot
 * name (a constant of where we run). Asked once, when an endpoint is opened: it is that user's. */
typedef struct cordon__own {
    uint32_t uid, nobody;
} cordon__own;
cordon__own cordon__peer_own(void);
/* May it be there? 0 or EIMPOSTOR. flags: CORDON_TRUST_ROOT. */
int cordon__peer_judge(const cordon__identity *peer, cordon__own own, unsigned flags,
                       cordon_fault *fault);

/* ---- stream, for calls that wait --------------------------------------------------- */

typedef struct cordon__line { /* one connection; start with its handle, the rest 0 */
    intptr_t     handle;
    int          wait_ms; /* the system's own receive time-out; 0: not set */
    unsigned     reads;
    volatile int is_interrupted; /* ask cordon__line_is_interrupted */
    int          is_listening;   /* a write that waits ends early when there is something to read */
    struct cordon__line_own *own; /* the system's, if it needs one: freed by close */
} cordon__line;

enum { CORDON__READABLE = 1 };

/* When so many ms are over, for a call on a line: by a cheaper clock where there is one, and up to
 * CORDON__TICK_MS later. */
uint64_t cordon__line_due(uint64_t ms);
/* At least one byte: *got. ECLOSED at the end, ETIMEDOUT, ECANCELED when interrupted. */
int cordon__line_read(cordon__line *line, void *data, size_t size, size_t *got, uint64_t deadline,
                      cordon_fault *fault);
/* All of it, in order; *sent says how much when it is not 0: that much is not ours any more, and
 * the next call (with nothing to write, too) waits for it if it must. Never a signal.
 * CORDON__READABLE: it is listening, and bytes wait to be read. */
int  cordon__line_write(cordon__line *line, const cordon_bytes *pieces, size_t count, size_t *sent,
                        uint64_t deadline, cordon_fault *fault);
void cordon__line_interrupt(cordon__line *line); /* any thread, signal handlers too */
int  cordon__line_is_interrupted(const cordon__line *line);
/* What was written (all of it: 0) still arrives. Also without a handle, and once more. */
void cordon__line_close(cordon__line *line);
void cordon__line_widen(cordon__line *line); /* big messages are to come */

/* ---- stream, on a loop --------------------------------------------------------------- */

typedef struct cordon__stream cordon__stream;

enum cordon__end {
    CORDON__END_INPUT = 1, /* the other side has stopped writing; it may still read */
    CORDON__END_LOST       /* it has gone */
};

typedef struct cordon__stream_events {
    /* Where may the next bytes go? Called right before a read. */
    void (*on_room)(void *owner, char **data, size_t *size);
    /* That many (> 0) were put there. 1: the next ones may be waited for in the place of the loop,
     * which is asked as soon as anything else is to be done. */
    int (*on_read)(void *owner, size_t size);
    /* INPUT at most once, LOST at most once and last. LOST is told while reading
     * is stopped too. */
    void (*on_end)(void *owner, enum cordon__end end, uint32_t os_code);
    void (*on_writable)(void *owner); /* after a write that took less than all */
    void (*on_closed)(void *owner);   /* the last one */
} cordon__stream_events;

/* Takes the handle on success. Reading is stopped; and until it is set for the first time, or a
 * write waits for room, nothing need be told: one that ends where it came in costs the loop
 * nothing. */
int  cordon__stream_open(cordon__stream **stream, struct uv_loop_s *uv, intptr_t handle,
                         const cordon__stream_events *events, void *owner,
                         const cordon__memory *memory, cordon_fault *fault);
void cordon__stream_reading(cordon__stream *stream, int is_on);
/* One read now, if there is something: on_room and on_read, or on_end, before it returns.
 * (The exception to: no callback before it returns.) */
void cordon__stream_read_now(cordon__stream *stream);
/* Can a stream of its loop be waited for in the place of the loop, when on_read says so? From
 * on_read; the same for as long as the loop runs. */
int cordon__stream_may_stay(const cordon__stream *stream);
/* Write what goes at once: *taken bytes of the pieces; less than all: on_writable comes.
 * ECLOSED, ESYSTEM: nothing more goes out (what came in may still be read). */
int cordon__stream_write(cordon__stream *stream, const cordon_bytes *pieces, size_t count,
                         size_t *taken, cordon_fault *fault);
/* As cordon__peer_ask, for a stream's other end. */
int cordon__stream_peer(cordon__identity *peer, cordon__stream *stream, cordon_fault *fault);
/* Where a write that is taken lies in memory of ours until the system has it: how much it is then
 * is added to *sum, and taken off, from now on until on_closed. Else nothing is done. */
void cordon__stream_tally(cordon__stream *stream, size_t *sum);
void cordon__stream_widen(cordon__stream *stream);
/* on_closed comes later, from the loop. What was written still arrives. In a child that did
 * not exec: the descriptor only, no call back. */
void cordon__stream_close(cordon__stream *stream);
/* Give a handle back that was never attached; or one of the application's that came so. */
void cordon__handle_close(intptr_t handle);

/* ---- spawn -------------------------------------------------------------------------- */

/* What to start; all of it is borrowed until the call returns. */
typedef struct cordon__program {
    const char *const *argv;        /* ends in NULL; [0] is looked for along our PATH */
    const char *const *environment; /* "NAME=value", ends in NULL; NULL: ours */
    const char        *directory;   /* NULL: ours */
    const char        *log;         /* detached: what it prints is appended there; NULL: nowhere */
    const char        *variable;    /* CORDON_READY or CORDON_CHANNEL: tells it where `handle` is */
    const char        *word;        /* follows the number and a colon there; NULL: nothing */
    intptr_t           handle;      /* all that it gets but 0, 1, 2; CORDON__NO_HANDLE */
    unsigned           flags;
} cordon__program;

#define CORDON__DETACHED    0x1u /* own session, no console, out of our job; goes on without us */
#define CORDON__QUIET       0x2u /* the null device on 0, 1, 2; a detached one but for its log */
#define CORDON__OUTLIVES_US 0x4u /* a child that is not detached ends with us, else */
#define CORDON__KEEPS_JOB   0x8u /* detached: no matter if our job lets nobody out */

typedef struct cordon__child cordon__child;

/* Start it; nothing of ours is seen there but what is named above. In its environment neither
 * CORDON_READY nor CORDON_CHANNEL is left but the `variable`. The handle stays the caller's. A
 * stream that we do not have, or would not hand on, is the null device. Names with a folder, and
 * the log, are relative to our directory. What goes on without us may have a process of ours
 * beside it until its child is closed.
 * ELAUNCH (os_code, path): no such program, not allowed, no such directory; EUNSAFE: a log that is
 * no plain file of ours; EBUSY, ENOMEM. */
int      cordon__spawn(cordon__child **child, const cordon__program *program,
                       const cordon__memory *memory, const cordon__trace *trace, cordon_fault *fault);
uint64_t cordon__child_pid(const cordon__child *child);

enum { CORDON__RUNNING = 1 };

/* Never waits. 0: it has ended: its exit status, 128 + n after signal n, -1: nobody can tell. */
int cordon__child_look(cordon__child *child, int *status);
/* Likewise until the deadline: ETIMEDOUT. */
int cordon__child_wait(cordon__child *child, int *status, uint64_t deadline, cordon_fault *fault);
/* Asked to, where the system has a way to ask (Windows: none); or at once. */
void cordon__child_end(cordon__child *child, int is_asked);
/* Nothing is left of it in this process, no dead child either. One that ends with us ends now; any
 * other goes on. */
void cordon__child_close(cordon__child *child);

/* Where a program's log ends now; and what stands behind that later: the last bytes of it, at
 * most `size`, and how many. 0: none, or no plain file that can be read. Never waits. */
uint64_t cordon__log_end(const char *path);
size_t   cordon__log_tail(void *data, size_t size, const char *path, uint64_t from);

/* A pipe for what it has to say at its start: `theirs` is for cordon__program.handle. */
int cordon__ready_pipe(intptr_t *ours, intptr_t *theirs, cordon_fault *fault);
/* What has come of it, without waiting. 0: *got bytes, 0 of them at the end; CORDON__AGAIN. */
int cordon__ready_read(intptr_t ours, char *data, size_t size, size_t *got);
/* In the started program: *handle and the word (33 bytes, "" when there is none) of `variable`,
 * which leaves the environment; the handle is not inherited from here on. CORDON__ABSENT: no such
 * variable. EUNSAFE: what it says is nothing that we could have been given. */
int cordon__inherit(intptr_t *handle, char *word, const char *variable, cordon_fault *fault);
/* Say it and close the handle. Never waits, never a signal; who does not listen does not hear. */
void cordon__ready_write(intptr_t handle, const char *data, size_t size);

/* ---- handle ------------------------------------------------------------------------- */

/*
 * Descriptors or HANDLEs of the application, between a parent and its child. Either they travel
 * beside the bytes, attached to the first byte of their frame (POSIX), and take no room in it; or
 * their values are the first bytes of the payload (Windows), and then it is the parent alone that
 * moves them: down it duplicates into the child before it sends; up the child duplicates for
 * itself before it sends, never touches that value again, and the parent takes it out of the
 * child, whether it keeps or refuses it. Elsewhere nobody closes what it did not duplicate.
 */

#define CORDON__HANDLES_MAX 16
#define CORDON__VALUE_SIZE  8 /* bytes of a value, little-endian, where values travel */

/* Two ends of a private connection, neither inherited; `theirs` is for cordon__program.handle. */
int cordon__pair(intptr_t *ours, intptr_t *theirs, cordon_fault *fault);
/* An end that something else handed to us: as ours from here on, not inherited. On failure it is
 * untouched. EUNSAFE: it cannot be one. */
int cordon__pair_adopt(intptr_t handle, cordon_fault *fault);

typedef struct cordon__ferry { /* start with the first three, the rest 0 */
    cordon__line        *line;
    const cordon__child *child; /* whom the parent started; NULL: who that is is not known */
    int                  is_parent;
    intptr_t             arrived[CORDON__HANDLES_MAX]; /* beside the bytes, in their order */
    size_t               count;                        /* of them; ours, not inherited */
} cordon__ferry;

/* The bytes that `count` of them take at the front of a payload: 0, or 8 each. */
size_t cordon__handles_size(size_t count);
/* Before a frame with them is sent: fill their values (cordon__handles_size bytes). They stay the
 * caller's. EINVAL: one is none of ours, or may not travel (a pseudo handle, a socket's HANDLE);
 * EUNSUPPORTED: the other process is not known; ECLOSED: it has gone; EBUSY, EDENIED. */
int cordon__handles_pack(uint8_t *values, cordon__ferry *ferry, const intptr_t *handles,
                         size_t count, cordon_fault *fault);
/* No byte of it has left, and none will: nothing stays duplicated. */
void cordon__handles_undo(cordon__ferry *ferry, const uint8_t *values, size_t count);
/* As cordon__line_write of its bytes; where they travel beside them, `handles` (their number may
 * be 0) leave with the first byte, when `sent` gets more than 0. */
int cordon__handles_send(cordon__ferry *ferry, const cordon_bytes *pieces, size_t count,
                         const intptr_t *handles, size_t handle_count, size_t *sent,
                         uint64_t deadline, cordon_fault *fault);
/* As cordon__line_read; what travels beside the bytes is kept in `arrived`. EPROTOCOL: more than
 * have a place there, cut short, or other than handles: every one of them is closed. */
int cordon__handles_receive(cordon__ferry *ferry, void *data, size_t size, size_t *got,
                            uint64_t deadline, cordon_fault *fault);
/* The head of a frame with `count` of them (0 too) and `values` are read: they are ours now, not
 * inherited. EPROTOCOL: another number has arrived, or a value can be none (0, negative, over
 * 2^31, not in the child); then every one of them is closed. Called once more with 0 when all of
 * the frame is there: nothing may arrive in its middle. */
int cordon__handles_unpack(intptr_t *handles, cordon__ferry *ferry, const uint8_t *values,
                           size_t count, cordon_fault *fault);
/* What arrived and nobody unpacked is closed. */
void cordon__handles_drop(cordon__ferry *ferry);

#endif
