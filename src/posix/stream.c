/*
 * A connection on a loop: one uv_poll_t and nothing behind it, and that only once somebody waits:
 * one that is asked, answered and closed where it came in costs the loop no system call.
 *
 * While nobody reads, the death of the other side must still be told, and a mere
 * half-close or unread bytes must not wake us again and again. epoll always
 * reports HUP and ERR, whatever is watched; so then we watch for urgent bytes
 * alone, which nobody of ours sends (run on Linux, libuv 1.44). kqueue has no
 * such thing: there a quiet stream is watched for reading until that fires, and
 * then not before somebody reads again (by review).
 */
#include "../dialect.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <uv.h>

#if defined(__linux__) && UV_VERSION_HEX >= 0x012C02 /* 1.44.2: its time-out tells of new watches \
                                                      */
#    define HAS_SHORT_WAY 1
#    include <fcntl.h>
#    include <stdio.h>
#    include <stdlib.h>
#    include <string.h>
#    include <sys/epoll.h>
#    include <time.h>
#endif

#include "place.h"
#include "socket.h"

#if defined(__linux__)
#    define QUIET UV_PRIORITIZED
#else
#    define QUIET UV_READABLE
#endif

/* What libuv knows of it. */
enum tie {
    TIE_NONE,  /* nothing yet */
    TIE_POLL,  /* watched */
    TIE_FAILED /* it could not be: that is told from the loop */
};

enum state {
    STATE_OPEN,
    STATE_INPUT_ENDED, /* END_INPUT is told */
    STATE_LOST,        /* END_LOST is told */
    STATE_CLOSED
};

struct cordon__stream {
    union {
        uv_poll_t   poll;
        uv_idle_t   idle; /* TIE_FAILED; and to come back from the loop at the end */
        uv_handle_t any;  /* its loop is there before libuv knows of it */
    } handle;
    cordon__memory               memory;
    const cordon__stream_events *events;
    void                        *owner;
    int                          fd;
    uint32_t                     pid;   /* that attached it */
    uint8_t                      tie;   /* enum tie */
    uint8_t                      state; /* enum state */
    uint8_t                      is_reading;
    uint8_t                      is_blocked; /* a write waits for room */
    uint8_t                      is_deaf;    /* quiet, and woken for nothing */
    uint8_t                      watched;    /* libuv's events */
};

static void on_event(uv_poll_t *handle, int status, int events);

static int wanted(const cordon__stream *stream)
{
    int events = 0;

    if (stream->state >= STATE_LOST)
        return 0;
    if (stream->is_reading && stream->state == STATE_OPEN)
        events = UV_READABLE;
    else if (!stream->is_deaf)
        events = QUIET;
    return stream->is_blocked ? events | UV_WRITABLE : events;
}

static void tell_failed(uv_idle_t *handle);

/* It fails when the system is out of what it takes; who waits hears that as the end. */
static void attach(cordon__stream *stream)
{
    struct uv_loop_s *uv = stream->handle.any.loop;

    stream->pid = (uint32_t)cordon__pid();
    stream->tie = TIE_POLL;
    if (uv_poll_init(uv, &stream->handle.poll, stream->fd) != 0) {
        stream->tie = TIE_FAILED;
        (void)uv_idle_init(uv, &stream->handle.idle);
        (void)uv_idle_start(&stream->handle.idle, tell_failed);
    }
    stream->handle.any.data = stream;
}

static void watch(cordon__stream *stream)
{
    const int events = wanted(stream);
    int       code;

    if (stream->state == STATE_CLOSED || events == stream->watched)
        return;
    if (stream->tie == TIE_NONE)
        attach(stream);
    if (stream->tie == TIE_FAILED)
        return;
    stream->watched = (uint8_t)events;
    code = events ? uv_poll_start(&stream->handle.poll, events, on_event)
                  : uv_poll_stop(&stream->handle.poll);
    assert(code == 0); /* it only fails for what we do not ask */
    (void)code;
}

/* While nobody waits for anything there is nothing to watch it for. */
static void watch_on(cordon__stream *stream)
{
    if (stream->tie != TIE_NONE || stream->is_blocked)
        watch(stream);
}

int cordon__stream_open(cordon__stream **stream, struct uv_loop_s *uv, intptr_t handle,
                        const cordon__stream_events *events, void *owner,
                        const cordon__memory *memory, cordon_fault *fault)
{
    cordon__stream *made = cordon__allocate(memory, sizeof *made);

    if (!made)
        return cordon__fault_set(fault, CORDON_ENOMEM, "attach");
    made->handle.any.loop = uv;
    made->memory = *memory;
    made->events = events;
    made->owner = owner;
    made->fd = (int)handle;
    *stream = made;
    return CORDON_OK;
}

void cordon__stream_reading(cordon__stream *stream, int is_on)
{
    stream->is_reading = is_on != 0;
    stream->is_deaf = 0;
    watch(stream);
}

/* ---- what is told ----------------------------------------------------------------- */

/* A callback may close the stream: nobody says anything after one without asking the state. */

static void tell_lost(cordon__stream *stream, int error)
{
    stream->state = STATE_LOST;
    stream->is_blocked = 0;
    stream->events->on_end(stream->owner, CORDON__END_LOST, (uint32_t)error);
}

static void tell_failed(uv_idle_t *handle)
{
    cordon__stream *stream = handle->data;

    uv_idle_stop(handle);
    if (stream->state < STATE_LOST)
        tell_lost(stream, ENOMEM);
}

static short ask(int fd)
{
    struct pollfd wanted_state = {fd, POLLPRI, 0};

    (void)poll(&wanted_state, 1, 0); /* a failure leaves it at 0 */
    return wanted_state.revents;
}

/* The end of input: does the other side still read? */
static int has_gone(int fd)
{
#if defined(__APPLE__)
    /* poll says HUP of a half-close too. Nothing to send still needs a reader. */
    const cordon_bytes nothing = {"", 0};

    return cordon__socket_send(fd, &nothing, 1, 0) < 0;
#else
    return (ask(fd) & (POLLHUP | POLLERR)) != 0;
#endif
}

static void tell_end(cordon__stream *stream)
{
    /* One that is not watched yet is asked when it is, if its owner still wants to know. */
    if (stream->tie != TIE_NONE && has_gone(stream->fd)) {
        tell_lost(stream, 0);
        return;
    }
    stream->state = STATE_INPUT_ENDED;
    stream->is_deaf = 0;
    stream->events->on_end(stream->owner, CORDON__END_INPUT, 0);
}

/* Woken without anything to read: gone, or an urgent byte that would wake us for ever. */
static void look(cordon__stream *stream)
{
    const short state = ask(stream->fd);

    if ((state & (POLLHUP | POLLERR)) && has_gone(stream->fd))
        tell_lost(stream, 0);
    else if (state & POLLPRI)
        tell_lost(stream, EPROTO);
    else
        stream->is_deaf = 1;
}

/* ---- reading ------------------------------------------------------------------------ */

enum { READ_SOME, READ_AND_STAY, READ_NOTHING, READ_ENDED };

static int read_once(cordon__stream *stream)
{
    char   *data = NULL;
    size_t  size = 0;
    ssize_t got;

    stream->events->on_room(stream->owner, &data, &size);
    if (stream->state != STATE_OPEN || size == 0)
        return READ_ENDED;
    do
        got = recv(stream->fd, data, size, MSG_DONTWAIT);
    while (got < 0 && errno == EINTR);
    if (got > 0) /* more may be there where it took all of the room */
        return stream->events->on_read(stream->owner, (size_t)got) && (size_t)got < size
                   ? READ_AND_STAY
                   : READ_SOME;
    if (got == 0)
        tell_end(stream);
    else if (errno == EAGAIN || errno == EWOULDBLOCK)
        return READ_NOTHING;
    else
        tell_lost(stream, errno);
    return READ_ENDED;
}

void cordon__stream_read_now(cordon__stream *stream)
{
    if (stream->state == STATE_OPEN)
        read_once(stream);
    watch_on(stream);
}

/* ---- the short way ------------------------------------------------------------------ */

/*
 * One that asks, waits and asks again is waited for here, in libuv's own epoll: what wakes libuv
 * wakes us, and whatever is not these bytes alone is left to libuv, whose watches stay ready until
 * they are looked at: where all of them do, which is looked at first. A turn of libuv's loop costs
 * as much as all of ours (docs/performance.md); it has one all the same every STREAK_MOST
 * questions.
 *
 * After a while the descriptor wakes us when something comes, no longer while something is there:
 * that saves the kernel a look at each wait. The end is asked for then, too: it may have come along
 * with the last bytes, and would not come again. libuv has its watch back before it is asked again.
 * Who sends descriptors or urgent bytes along, which nobody of ours does, may then have left
 * something behind that wakes nobody: it waits until anything else happens on the loop.
 */
#if defined(HAS_SHORT_WAY)

#    define STREAK      64
#    define STREAK_MOST 4096

/* Adds the watches of whole lines of an epoll's fdinfo, and moves what is left to the front of
 * text. 1: one of them wakes once only. */
static int has_edge(char *text, size_t *watches)
{
    char *line = text, *end, *at;
    int   is_edge = 0;

    for (; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        at = strstr(line, "events:");
        if (at == NULL)
            continue;
        ++*watches;
        is_edge |= (strtoul(at + 7, NULL, 16) & (unsigned)EPOLLET) != 0;
    }
    memmove(text, line, strlen(line) + 1);
    return is_edge;
}

/* libuv 1.49.0 and 1.49.1 are woken by other threads once only, and later ones may be again (its
 * pull requests 4400, 4589): that would be taken from it here. The kernel tells of each watch. */
static int all_stay_ready(int epoll)
{
    char    path[48], text[1024];
    size_t  watches = 0, held = 0;
    ssize_t got = 0;
    int     is_edge = 0, info;

    (void)snprintf(path, sizeof path, "/proc/self/fdinfo/%d", epoll);
    info = open(path, O_RDONLY | O_CLOEXEC);
    if (info < 0)
        return 0;
    while (!is_edge && held < sizeof text - 1 &&
           (got = read(info, text + held, sizeof text - 1 - held)) > 0) {
        text[held + (size_t)got] = '\0';
        is_edge = has_edge(text, &watches);
        held = strlen(text);
    }
    (void)close(info);
    return got == 0 && !is_edge && watches > 0;
}

/* The loop's time is the host's, too: as old as the system's cheap clock at most. */
static void keep_time(struct uv_loop_s *uv)
{
    struct timespec time;

    if (clock_gettime(CLOCK_MONOTONIC_COARSE, &time) != 0 ||
        (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000 > uv_now(uv))
        uv_update_time(uv);
}

/* Has libuv nothing to do but to wait, and was it for these bytes? A callback that closed
 * something, or watches anew, leaves it more: then its time-out is 0. */
static int is_next(const cordon__stream *stream, struct epoll_event found[2])
{
    struct uv_loop_s *uv = stream->handle.any.loop;
    int               count;

    if (stream->state != STATE_OPEN || stream->watched != UV_READABLE ||
        uv_backend_timeout(uv) != -1)
        return 0;
    count = epoll_wait(uv_backend_fd(uv), found, 2, -1);
    keep_time(uv);
    return count == 1 && found[0].data.fd == stream->fd && found[0].events == EPOLLIN;
}

/* It fails where the descriptor is not watched any more. */
static int watch_for(const cordon__stream *stream, struct epoll_event *watched, uint32_t events)
{
    watched->events = events;
    return epoll_ctl(uv_backend_fd(stream->handle.any.loop), EPOLL_CTL_MOD, stream->fd, watched) ==
           0;
}

static void stay(cordon__stream *stream)
{
    struct epoll_event found[2], watched;
    unsigned           streak = 0;
    int                is_edge = 0;

    while (streak < STREAK_MOST && is_next(stream, found) && read_once(stream) == READ_AND_STAY) {
        if (++streak % STREAK != 0 || is_edge || stream->state == STATE_CLOSED)
            continue;
        watched = found[0]; /* as libuv has marked it */
        is_edge = watch_for(stream, &watched, EPOLLIN | EPOLLRDHUP | EPOLLET);
    }
    if (is_edge && stream->state != STATE_CLOSED)
        (void)watch_for(stream, &watched, EPOLLIN);
}

#else

static int all_stay_ready(int epoll)
{
    (void)epoll;
    return 0;
}

static void stay(cordon__stream *stream)
{
    (void)stream;
}

#endif

int cordon__stream_may_stay(const cordon__stream *stream)
{
    return all_stay_ready(uv_backend_fd(stream->handle.any.loop));
}

static void on_event(uv_poll_t *handle, int status, int events)
{
    cordon__stream *stream = handle->data;

    if (status < 0)
        stream->watched = 0; /* libuv has stopped it; a read tells why */
    if (stream->is_blocked && (events & UV_WRITABLE)) {
        stream->is_blocked = 0;
        stream->events->on_writable(stream->owner);
    }
    if (stream->state == STATE_OPEN && stream->is_reading) {
        const int found = status < 0 || (events & UV_READABLE) ? read_once(stream) : READ_ENDED;

        if (found <= READ_AND_STAY && events == UV_READABLE) {
            if (found == READ_AND_STAY)
                stay(stream);
            return; /* mostly that: who wanted anything else meanwhile has watched for it */
        }
        if (found == READ_NOTHING)
            look(stream);
    } else if (stream->state < STATE_LOST && (status < 0 || (events & QUIET))) {
        look(stream);
    }
    watch(stream);
}

/* ---- writing ------------------------------------------------------------------------ */

/* No room is no failure: it is waited for. */
CORDON__COLD static int refused(cordon__stream *stream, int error, cordon_fault *fault)
{
    if (error != EAGAIN && error != EWOULDBLOCK)
        return cordon__posix_fault(fault, "write", error, NULL);
    stream->is_blocked = 1;
    return CORDON_OK;
}

int cordon__stream_write(cordon__stream *stream, const cordon_bytes *pieces, size_t count,
                         size_t *taken, cordon_fault *fault)
{
    const uint8_t was_blocked = stream->is_blocked;
    size_t        whole = count > 0 ? pieces[0].size : 0; /* mostly there is but one */
    int           code = CORDON_OK;

    *taken = 0;
    if (stream->state >= STATE_LOST)
        return cordon__fault_set(fault, CORDON_ECLOSED, "write");
    for (size_t i = 1; i < count; i++)
        whole += pieces[i].size;
    stream->is_blocked = 0;
    while (*taken < whole) {
        const ssize_t put = cordon__socket_send(stream->fd, pieces, count, *taken);

        if (put < 0) {
            code = refused(stream, errno, fault);
            break;
        }
        *taken += (size_t)put;
    }
    if (stream->is_blocked != was_blocked)
        watch_on(stream);
    return code;
}

int cordon__stream_peer(cordon__identity *peer, cordon__stream *stream, cordon_fault *fault)
{
    return cordon__peer_ask(peer, stream->fd, 0, fault);
}

/* What send took is the system's. */
void cordon__stream_tally(cordon__stream *stream, size_t *sum)
{
    (void)stream;
    (void)sum;
}

void cordon__stream_widen(cordon__stream *stream)
{
    cordon__socket_widen(stream->fd);
}

/* ---- the end -------------------------------------------------------------------------- */

static void handle_closed(uv_handle_t *handle)
{
    cordon__stream              *stream = handle->data;
    const cordon__stream_events *events = stream->events;
    void                        *owner = stream->owner;

    cordon__release(&stream->memory, stream);
    events->on_closed(owner);
}

void cordon__stream_close(cordon__stream *stream)
{
    if (!stream)
        return;
    if (stream->tie != TIE_NONE && stream->pid != (uint32_t)cordon__pid()) {
        close(stream->fd); /* the loop's memory still links the rest, its epoll is the parent's */
        return;
    }
    assert(stream->state != STATE_CLOSED);
    stream->state = STATE_CLOSED;
    if (stream->tie ==
        TIE_NONE) { /* memory alone, also in a child: nothing of it is the system's */
        (void)uv_idle_init(stream->handle.any.loop, &stream->handle.idle);
        stream->handle.any.data = stream;
    }
    uv_close(&stream->handle.any, handle_closed);
    close(stream->fd);
}
