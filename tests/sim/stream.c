/* A connection on a loop of the world: the same states as src/posix/stream.c. */
#include "../../src/dialect.h"

#include <stdlib.h>

#include "inside.h"

enum state { STATE_OPEN, STATE_INPUT_ENDED, STATE_LOST, STATE_CLOSED };

struct cordon__stream {
    sim_handle                   handle;
    const cordon__stream_events *events;
    void                        *owner;
    sim_end                     *end; /* NULL: closed */
    enum state                   state;
    int                          is_reading, is_blocked;
    int                          is_tied; /* somebody waits: it is told of its end */
};

static int can_be_lost(const cordon__stream *stream)
{
    return stream->is_tied && stream->state < STATE_LOST && sim_has_gone(stream->end);
}

static int is_hearing(const cordon__stream *stream)
{
    return stream->state == STATE_OPEN && stream->is_reading;
}

static int stream_is_ready(const sim_handle *handle)
{
    const cordon__stream *stream = (const cordon__stream *)handle;

    if (stream->state == STATE_CLOSED)
        return 1;
    return (stream->is_blocked && sim_can_write(stream->end)) ||
           (is_hearing(stream) && (sim_can_read(stream->end) || sim_chance(sim.stray))) ||
           (!is_hearing(stream) && can_be_lost(stream));
}

static void tell_lost(cordon__stream *stream, uint32_t error)
{
    stream->state = STATE_LOST;
    stream->is_blocked = 0;
    stream->events->on_end(stream->owner, CORDON__END_LOST, error);
}

static void tell_end(cordon__stream *stream)
{
    if (stream->is_tied && sim_has_gone(stream->end)) {
        tell_lost(stream, 0);
        return;
    }
    stream->state = STATE_INPUT_ENDED;
    stream->events->on_end(stream->owner, CORDON__END_INPUT, 0);
}

static void read_once(cordon__stream *stream)
{
    char  *data = NULL;
    size_t size = 0;
    long   got;

    stream->events->on_room(stream->owner, &data, &size);
    if (stream->state != STATE_OPEN || size == 0)
        return;
    if (sim_verb("stream_read")) {
        tell_lost(stream, 5);
        return;
    }
    got = sim_end_read(stream->end, data, size);
    if (got > 0)
        (void)stream->events->on_read(stream->owner, (size_t)got);
    else if (got == 0)
        tell_end(stream);
    else if (got == SIM_GONE)
        tell_lost(stream, 104);
}

static void free_stream(cordon__stream *stream)
{
    sim_handle_leave(&stream->handle);
    free(stream);
}

static void stream_run(sim_handle *handle)
{
    cordon__stream              *stream = (cordon__stream *)handle;
    const cordon__stream_events *events = stream->events;
    void                        *owner = stream->owner;

    if (stream->state == STATE_CLOSED) {
        free_stream(stream);
        events->on_closed(owner);
        return;
    }
    if (stream->is_blocked && sim_can_write(stream->end)) {
        stream->is_blocked = 0;
        events->on_writable(owner);
    }
    if (is_hearing(stream)) {
        if (sim_can_read(stream->end) || sim_chance(50 * (sim.stray > 0)))
            read_once(stream);
    } else if (stream->state < STATE_LOST && can_be_lost(stream)) {
        tell_lost(stream, 0);
    }
}

static void stream_vanish(sim_handle *handle)
{
    free_stream((cordon__stream *)handle); /* its descriptor goes with the process's others */
}

static const sim_kind stream_kind = {"stream", stream_is_ready, NULL, stream_run, stream_vanish};

int cordon__stream_open(cordon__stream **stream, struct uv_loop_s *uv, intptr_t handle,
                        const cordon__stream_events *events, void *owner,
                        const cordon__memory *memory, cordon_fault *fault)
{
    cordon__stream *made;

    (void)memory;
    if (sim_verb("stream_open"))
        return sim_failure(fault, "attach");
    made = sim_make(sizeof *made);
    made->events = events;
    made->owner = owner;
    made->end = sim_end_of(handle);
    sim_handle_open(&made->handle, &stream_kind, uv);
    *stream = made;
    return CORDON_OK;
}

static int is_usable(const cordon__stream *stream, const char *verb)
{
    sim_point();
    if (stream->state != STATE_CLOSED)
        return 1;
    sim_complain("%s of a stream that is closed", verb);
    return 0;
}

void cordon__stream_reading(cordon__stream *stream, int is_on)
{
    if (is_usable(stream, "reading")) {
        stream->is_reading = is_on != 0;
        stream->is_tied = 1;
    }
}

void cordon__stream_read_now(cordon__stream *stream)
{
    if (stream->state == STATE_OPEN)
        read_once(stream);
}

int cordon__stream_may_stay(const cordon__stream *stream)
{
    (void)stream;
    return 0;
}

int cordon__stream_write(cordon__stream *stream, const cordon_bytes *pieces, size_t count,
                         size_t *taken, cordon_fault *fault)
{
    size_t whole = 0;

    *taken = 0;
    if (!is_usable(stream, "write") || stream->state >= STATE_LOST)
        return cordon__fault_set(fault, CORDON_ECLOSED, "write");
    if (sim_verb("stream_write"))
        return cordon__fault_os(fault, CORDON_ECLOSED, "write", 32, NULL);
    for (size_t i = 0; i < count; i++)
        whole += pieces[i].size;
    stream->is_blocked = 0;
    while (*taken < whole) {
        const long sent = sim_end_write(stream->end, pieces, count, *taken);

        if (sent == SIM_GONE)
            return cordon__fault_os(fault, CORDON_ECLOSED, "write", 32, NULL);
        stream->is_blocked = sent == SIM_NOT_NOW;
        stream->is_tied |= stream->is_blocked;
        if (stream->is_blocked)
            break;
        *taken += (size_t)sent;
    }
    return CORDON_OK;
}

int cordon__stream_peer(cordon__identity *peer, cordon__stream *stream, cordon_fault *fault)
{
    return cordon__peer_ask(peer, stream->end->number, 0, fault);
}

void cordon__stream_tally(cordon__stream *stream, size_t *sum)
{
    (void)is_usable(stream, "tally");
    (void)sum;
}

void cordon__stream_widen(cordon__stream *stream)
{
    (void)is_usable(stream, "widen");
}

void cordon__stream_close(cordon__stream *stream)
{
    if (!stream || !is_usable(stream, "close"))
        return;
    stream->state = STATE_CLOSED;
    sim_end_close(stream->end);
    stream->end = NULL;
}
