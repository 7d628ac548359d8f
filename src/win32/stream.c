/*
 * A connection on a loop: a uv_pipe_t that watches, and writes; the bytes are read by us.
 *
 * libuv's part of reading is one pending read of no bytes: it completes when there is something
 * to read, and when the other side has gone. It is never given a buffer. Versions 1.49 to 1.51
 * read on when one was filled exactly, and may wait there for ever; older ones look and then read
 * without a way back, and wait for ever when the writer takes its bytes back in between.
 *
 * The watch stays on while nobody reads: so a death is told then. Once bytes lie unread it would
 * only complete again and again; it rests, and a timer looks at the state of the pipe instead.
 */
#include "../dialect.h"

#include <assert.h>
#include <io.h>
#include <string.h>

#include <uv.h>

#include "flow.h"
#include "parcel.h"
#include "pipe.h"

#define IN_FLIGHT    ((size_t)128 * 1024) /* memory of writes that may not be over, about */
#define WIDE_FLIGHT  ((size_t)256 * 1024) /* once big messages are seen */
#define LINGER_MS    2000 /* how long a close waits for a peer that takes no byte meanwhile */
#define HELD_LOOK_MS 100  /* between two looks at a peer whose bytes lie unread */
#define KEPT_MS      5000 /* memory for writes that none needs any more */

enum state {
    STATE_OPEN,
    STATE_LOST,   /* END_LOST is told */
    STATE_ENDING, /* closed by its owner; what was written is on its way */
    STATE_CLOSED  /* for libuv too */
};

struct cordon__stream {
    uv_pipe_t                    pipe;
    cordon__memory               memory;
    const cordon__stream_events *events;
    void                        *owner;
    HANDLE                       handle;
    HANDLE                       has_read; /* the event of our reads */
    cordon__timer               *timer;    /* NULL until one is needed */
    cordon__parcels              parcels;
    size_t                      *tally; /* where else what is in flight is counted; may be NULL */
    size_t                       in_flight; /* memory of the writes that are not over */
    uint8_t                      state;     /* enum state */
    uint8_t                      is_reading;
    uint8_t                      is_watching; /* libuv's read is on */
    uint8_t                      is_held;     /* bytes lie unread: it must not be */
    uint8_t                      is_blocked;  /* a write waits for room */
    uint8_t                      is_mute;     /* nothing more goes out */
    uint8_t                      is_wide;
    uint8_t                      is_trimming; /* the timer is on to free what is kept */
    uint8_t                      is_busy;     /* a large one was used since */
};

/* ---- the beginning ----------------------------------------------------------------- */

/* libuv takes a descriptor of the C runtime, and that owns its handle: so it gets a copy, since on
 * failure the caller's must be as it was. Below 3 libuv makes a copy once more. */
static int attach(cordon__stream *stream, HANDLE handle, cordon_fault *fault)
{
    const HANDLE self = GetCurrentProcess();
    HANDLE       copy;
    int          fd, code;

    if (!DuplicateHandle(self, handle, self, &copy, 0, FALSE, DUPLICATE_SAME_ACCESS))
        return cordon__win32_fault(fault, "attach", GetLastError(), NULL);
    fd = uv_open_osfhandle(copy);
    if (fd < 0) {
        CloseHandle(copy);
        return cordon__win32_fault(fault, "attach", ERROR_TOO_MANY_OPEN_FILES, NULL);
    }
    code = uv_pipe_open(&stream->pipe, fd);
    if (code != 0 || fd < 3)
        _close(fd);
    if (code == 0)
        code = uv_fileno((uv_handle_t *)&stream->pipe, &stream->handle);
    if (code == 0)
        return CORDON_OK;
    return cordon__fault_os(fault, CORDON_ESYSTEM, "attach", (uint32_t)-code, NULL);
}

static void forget(cordon__stream *stream)
{
    CloseHandle(stream->has_read);
    cordon__parcels_free(&stream->parcels, &stream->memory);
    cordon__release(&stream->memory, stream);
}

static void given_up(uv_handle_t *pipe)
{
    forget(pipe->data);
}

int cordon__stream_open(cordon__stream **stream, struct uv_loop_s *uv, intptr_t handle,
                        const cordon__stream_events *events, void *owner,
                        const cordon__memory *memory, cordon_fault *fault)
{
    cordon__stream *made = cordon__allocate(memory, sizeof *made);
    int             code;

    if (!made)
        return cordon__fault_set(fault, CORDON_ENOMEM, "attach");
    made->memory = *memory;
    made->events = events;
    made->owner = owner;
    made->has_read = CreateEventW(NULL, TRUE, FALSE, NULL);
    if (!made->has_read) {
        code = cordon__win32_fault(fault, "attach", GetLastError(), NULL);
        cordon__release(memory, made);
        return code;
    }
    (void)uv_pipe_init(uv, &made->pipe, 0); /* does not fail */
    made->pipe.data = made;
    code = attach(made, (HANDLE)handle, fault);
    if (code != CORDON_OK) {
        uv_close((uv_handle_t *)&made->pipe, given_up);
        return code;
    }
    CloseHandle((HANDLE)handle);
    *stream = made;
    return CORDON_OK;
}

/* ---- the watch ------------------------------------------------------------------------ */

static void on_timer(void *owner);
static void on_ready(uv_stream_t *pipe, ssize_t size, const uv_buf_t *buffer);

/* 0: there is no memory for one. */
static int set_timer(cordon__stream *stream, uint64_t wait_ms)
{
    cordon_fault ignored;

    cordon__fault_clear(&ignored);
    if (!stream->timer &&
        cordon__timer_open(&stream->timer, stream->pipe.loop, on_timer, stream, &ignored) != 0)
        return 0;
    cordon__timer_set(stream->timer, cordon__now() + wait_ms);
    return 1;
}

static void no_buffer(uv_handle_t *pipe, size_t size, uv_buf_t *buffer)
{
    (void)pipe;
    (void)size;
    *buffer = uv_buf_init(NULL, 0);
}

static void watch(cordon__stream *stream)
{
    if (stream->state != STATE_OPEN || stream->is_watching || stream->is_held)
        return;
    stream->is_watching = 1;
    (void)uv_read_start((uv_stream_t *)&stream->pipe, no_buffer, on_ready); /* what fails is told */
}

static void rest(cordon__stream *stream)
{
    stream->is_watching = 0;
    (void)uv_read_stop((uv_stream_t *)&stream->pipe);
}

void cordon__stream_reading(cordon__stream *stream, int is_on)
{
    stream->is_reading = is_on != 0;
    if (is_on && stream->is_held) {
        stream->is_held = 0;
        cordon__timer_set(stream->timer, CORDON__NEVER);
    }
    watch(stream);
}

/* ---- what is told ----------------------------------------------------------------------- */

/* A callback may close the stream: nobody says anything after one without asking the state. */

static void tell_lost(cordon__stream *stream, DWORD error)
{
    stream->state = STATE_LOST;
    stream->is_blocked = 0;
    if (stream->is_watching)
        rest(stream);
    if (stream->timer)
        cordon__timer_set(stream->timer, CORDON__NEVER);
    stream->events->on_end(stream->owner, CORDON__END_LOST, error);
}

/* libuv's words for what we ask the system ourselves elsewhere. */
static DWORD error_of(ssize_t code)
{
    if (code == UV_EOF)
        return ERROR_BROKEN_PIPE;
    return code == UV_EPIPE ? ERROR_NO_DATA : (DWORD)-code;
}

/* ---- reading ------------------------------------------------------------------------------ */

enum { READ_DONE, READ_NOTHING };

static int read_once(cordon__stream *stream)
{
    char  *data = NULL;
    size_t size = 0;
    DWORD  count = 0;
    DWORD  error = cordon__flow_look(stream->handle, &count);

    if (error == 0 && count == 0)
        return READ_NOTHING;
    if (error != 0) {
        tell_lost(stream, error);
        return READ_DONE;
    }
    stream->events->on_room(stream->owner, &data, &size);
    if (stream->state != STATE_OPEN || size == 0)
        return READ_DONE;
    error = cordon__flow_take(stream->handle, stream->has_read, data, size, &count);
    if (error != 0)
        tell_lost(stream, error);
    else if (count > 0)
        (void)stream->events->on_read(stream->owner, count);
    return READ_DONE;
}

void cordon__stream_read_now(cordon__stream *stream)
{
    if (stream->state == STATE_OPEN)
        (void)read_once(stream);
}

int cordon__stream_may_stay(const cordon__stream *stream)
{
    (void)stream;
    return 0;
}

/* Nobody reads, and there is something to read: until somebody does, only a look tells of more. */
static void hold(cordon__stream *stream)
{
    rest(stream);
    stream->is_held = 1;
    stream->is_trimming = 0; /* its timer is needed */
    cordon__parcels_trim(&stream->parcels, &stream->memory);
    if (!set_timer(stream, HELD_LOOK_MS))
        tell_lost(stream, ERROR_NOT_ENOUGH_MEMORY);
}

static void on_ready(uv_stream_t *pipe, ssize_t size, const uv_buf_t *buffer)
{
    cordon__stream *stream = pipe->data;

    (void)buffer;
    if (size != UV_ENOBUFS) /* libuv has stopped */
        stream->is_watching = 0;
    if (stream->state != STATE_OPEN)
        rest(stream);
    else if (stream->is_reading && (read_once(stream) == READ_DONE || size == UV_ENOBUFS))
        watch(stream);
    else if (size == UV_ENOBUFS)
        hold(stream);
    else
        tell_lost(stream, error_of(size));
}

/* ---- writing --------------------------------------------------------------------------------- */

static size_t ceiling_of(const cordon__stream *stream)
{
    return stream->is_wide ? WIDE_FLIGHT : IN_FLIGHT;
}

/* What is in flight has become more, or less. */
static void count(cordon__stream *stream, size_t more, size_t less)
{
    stream->in_flight = stream->in_flight + more - less;
    if (stream->tally)
        *stream->tally = *stream->tally + more - less;
}

/* What is kept beyond the least goes when no large one was needed for a while. */
static void trim_later(cordon__stream *stream)
{
    stream->is_trimming = (uint8_t)cordon__parcels_are_many(&stream->parcels);
    stream->is_busy = 0;
    if (stream->is_trimming && !set_timer(stream, KEPT_MS)) {
        stream->is_trimming = 0;
        cordon__parcels_trim(&stream->parcels, &stream->memory);
    }
}

static void give_back(cordon__stream *stream, cordon__parcel *done)
{
    const int may_keep = stream->state == STATE_OPEN && !stream->is_held;

    cordon__parcels_give(&stream->parcels, &stream->memory, done,
                         may_keep ? ceiling_of(stream) + CORDON__PARCEL_MOST
                                  : sizeof *done + CORDON__PARCEL_SMALL);
    if (may_keep && !stream->is_trimming)
        trim_later(stream);
}

static void on_written(uv_write_t *request, int status);

static int dispatch(cordon__stream *stream, cordon__parcel *full, cordon_fault *fault)
{
    const uv_buf_t bytes = uv_buf_init((char *)(full + 1), (unsigned)full->size);
    const int code = uv_write(&full->request, (uv_stream_t *)&stream->pipe, &bytes, 1, on_written);

    if (code == 0) {
        if (full->capacity > CORDON__PARCEL_SMALL)
            stream->is_busy = 1;
        count(stream, cordon__parcel_cost(full), 0);
        return CORDON_OK;
    }
    give_back(stream, full);
    stream->is_mute = 1;
    return cordon__win32_fault(fault, "write", error_of(code), NULL);
}

int cordon__stream_write(cordon__stream *stream, const cordon_bytes *pieces, size_t count,
                         size_t *taken, cordon_fault *fault)
{
    size_t whole = 0;
    int    code = CORDON_OK;

    *taken = 0;
    if (stream->state != STATE_OPEN || stream->is_mute)
        return cordon__fault_set(fault, CORDON_ECLOSED, "write");
    for (size_t i = 0; i < count; i++)
        whole += pieces[i].size;
    while (*taken < whole && stream->in_flight < ceiling_of(stream) && code == CORDON_OK) {
        const size_t    left = whole - *taken;
        const size_t    size = left < CORDON__PARCEL_MOST ? left : CORDON__PARCEL_MOST;
        cordon__parcel *full = cordon__parcels_take(&stream->parcels, &stream->memory, size);

        if (!full)
            return cordon__fault_set(fault, CORDON_ENOMEM, "write");
        full->owner = stream;
        full->size = cordon__flow_pack(full + 1, size, pieces, count, *taken);
        code = dispatch(stream, full, fault);
        if (code == CORDON_OK)
            *taken += size;
    }
    stream->is_blocked = code == CORDON_OK && *taken < whole;
    if (stream->is_blocked)
        watch(stream);
    return code;
}

int cordon__stream_peer(cordon__identity *peer, cordon__stream *stream, cordon_fault *fault)
{
    return cordon__peer_of_client(peer, stream->handle, fault);
}

void cordon__stream_tally(cordon__stream *stream, size_t *sum)
{
    stream->tally = sum;
    *sum += stream->in_flight;
}

/* A pipe's buffers are what they were made with; but more may be on its way to them. */
void cordon__stream_widen(cordon__stream *stream)
{
    stream->is_wide = 1;
}

/* ---- the end ------------------------------------------------------------------------------------
 */

static void pipe_closed(uv_handle_t *pipe)
{
    cordon__stream              *stream = pipe->data;
    const cordon__stream_events *events = stream->events;
    void                        *owner = stream->owner;

    forget(stream);
    events->on_closed(owner);
}

/* What the system has taken stays readable for the other side. What it has not is taken back: a
 * write that nobody reads would keep libuv waiting for ever, closed or not. */
static void end(cordon__stream *stream)
{
    stream->state = STATE_CLOSED;
    cordon__timer_close(stream->timer, NULL);
    stream->timer = NULL;
    if (stream->in_flight > 0)
        (void)CancelIoEx(stream->handle, NULL);
    uv_close((uv_handle_t *)&stream->pipe, pipe_closed);
}

static void on_written(uv_write_t *request, int status)
{
    cordon__parcel *done = (cordon__parcel *)request;
    cordon__stream *stream = done->owner;

    count(stream, 0, cordon__parcel_cost(done));
    give_back(stream, done);
    if (status < 0)
        stream->is_mute = 1;
    if (stream->state == STATE_ENDING) {
        if (stream->in_flight == 0 || stream->is_mute)
            end(stream);
        else
            (void)set_timer(stream, LINGER_MS);
    } else if (stream->state != STATE_OPEN) {
        return;
    } else if (stream->is_mute) {
        stream->is_blocked = 0;
        if (!stream->is_reading) /* else the end comes after the last bytes */
            tell_lost(stream, error_of(status));
    } else if (stream->is_blocked && stream->in_flight <= ceiling_of(stream) / 2) {
        stream->is_blocked = 0;
        stream->events->on_writable(stream->owner);
    }
}

static void on_timer(void *owner)
{
    cordon__stream *stream = owner;

    if (stream->state == STATE_ENDING)
        end(stream);
    else if (stream->state == STATE_OPEN && stream->is_held &&
             cordon__flow_has_gone(stream->handle))
        tell_lost(stream, ERROR_BROKEN_PIPE);
    else if (stream->state == STATE_OPEN && stream->is_held)
        (void)set_timer(stream, HELD_LOOK_MS);
    else if (stream->state == STATE_OPEN && stream->is_busy)
        trim_later(stream);
    else if (stream->state == STATE_OPEN) {
        stream->is_trimming = 0;
        cordon__parcels_trim(&stream->parcels, &stream->memory);
    }
}

void cordon__stream_close(cordon__stream *stream)
{
    if (!stream)
        return;
    assert(stream->state < STATE_ENDING);
    stream->state = STATE_ENDING;
    if (stream->in_flight == 0 || stream->is_mute || !set_timer(stream, LINGER_MS))
        end(stream);
}
