/*
 * A connection on a loop: one uv_poll_t and nothing behind it.
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

#include "place.h"
#include "socket.h"

#if defined(__linux__)
#    define QUIET UV_PRIORITIZED
#else
#    define QUIET UV_READABLE
#endif

enum state {
    STATE_OPEN,
    STATE_INPUT_ENDED, /* END_INPUT is told */
    STATE_LOST,        /* END_LOST is told */
    STATE_CLOSED
};

struct cordon__stream {
    uv_poll_t                    handle;
    cordon__memory               memory;
    const cordon__stream_events *events;
    void                        *owner;
    int                          fd;
    uint32_t                     pid;
    uint8_t                      state; /* enum state */
    uint8_t                      is_reading;
    uint8_t                      is_blocked; /* a write waits for room */
    uint8_t                      is_deaf;    /* quiet, and woken for nothing */
    int                          watched;
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

static void watch(cordon__stream *stream)
{
    const int events = wanted(stream);
    int       code;

    if (stream->state == STATE_CLOSED || events == stream->watched)
        return;
    stream->watched = events;
    code =
        events ? uv_poll_start(&stream->handle, events, on_event) : uv_poll_stop(&stream->handle);
    assert(code == 0); /* it only fails for what we do not ask */
    (void)code;
}

int cordon__stream_open(cordon__stream **stream, struct uv_loop_s *uv, intptr_t handle,
                        const cordon__stream_events *events, void *owner,
                        const cordon__memory *memory, cordon_fault *fault)
{
    cordon__stream *made = cordon__allocate(memory, sizeof *made);
    int             code;

    if (!made)
        return cordon__fault_set(fault, CORDON_ENOMEM, "attach");
    code = uv_poll_init(uv, &made->handle, (int)handle);
    if (code != 0) {
        cordon__release(memory, made);
        return cordon__posix_fault(fault, "attach", -code, NULL);
    }
    made->handle.data = made;
    made->memory = *memory;
    made->events = events;
    made->owner = owner;
    made->fd = (int)handle;
    made->pid = (uint32_t)cordon__pid();
    watch(made);
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
    if (has_gone(stream->fd)) {
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

enum { READ_DONE, READ_NOTHING };

static int read_once(cordon__stream *stream)
{
    char   *data = NULL;
    size_t  size = 0;
    ssize_t got;

    stream->events->on_room(stream->owner, &data, &size);
    if (stream->state != STATE_OPEN || size == 0)
        return READ_DONE;
    do
        got = recv(stream->fd, data, size, 0);
    while (got < 0 && errno == EINTR);
    if (got > 0)
        stream->events->on_read(stream->owner, (size_t)got);
    else if (got == 0)
        tell_end(stream);
    else if (errno == EAGAIN || errno == EWOULDBLOCK)
        return READ_NOTHING;
    else
        tell_lost(stream, errno);
    return READ_DONE;
}

void cordon__stream_read_now(cordon__stream *stream)
{
    if (stream->state == STATE_OPEN)
        read_once(stream);
    watch(stream);
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
        if ((status < 0 || (events & UV_READABLE)) && read_once(stream) == READ_NOTHING)
            look(stream);
    } else if (stream->state < STATE_LOST && (status < 0 || (events & QUIET))) {
        look(stream);
    }
    watch(stream);
}

/* ---- writing ------------------------------------------------------------------------ */

int cordon__stream_write(cordon__stream *stream, const cordon_bytes *pieces, size_t count,
                         size_t *taken, cordon_fault *fault)
{
    size_t whole = 0;
    int    code = CORDON_OK;

    *taken = 0;
    if (stream->state >= STATE_LOST)
        return cordon__fault_set(fault, CORDON_ECLOSED, "write");
    for (size_t i = 0; i < count; i++)
        whole += pieces[i].size;
    stream->is_blocked = 0;
    while (*taken < whole && !stream->is_blocked && code == CORDON_OK) {
        const ssize_t put = cordon__socket_send(stream->fd, pieces, count, *taken);

        if (put >= 0)
            *taken += (size_t)put;
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            stream->is_blocked = 1;
        else
            code = cordon__posix_fault(fault, "write", errno, NULL);
    }
    watch(stream);
    return code;
}

int cordon__stream_peer(cordon__identity *peer, cordon__stream *stream, cordon_fault *fault)
{
    return cordon__peer_ask(peer, stream->fd, 0, fault);
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
    if (stream->pid != (uint32_t)cordon__pid()) {
        close(stream->fd); /* the loop's memory still links the rest, its epoll is the parent's */
        return;
    }
    assert(stream->state != STATE_CLOSED);
    stream->state = STATE_CLOSED;
    uv_close((uv_handle_t *)&stream->handle, handle_closed);
    close(stream->fd);
}
