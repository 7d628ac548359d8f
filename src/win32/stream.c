#include "../dialect.h"

#include "fault.h"

int cordon__stream_open(cordon__stream **stream, struct uv_loop_s *uv, intptr_t handle,
                        const cordon__stream_events *events, void *owner,
                        const cordon__memory *memory, cordon_fault *fault)
{
    (void)stream;
    (void)uv;
    (void)handle;
    (void)events;
    (void)owner;
    (void)memory;
    return cordon__not_built(fault);
}

void cordon__stream_reading(cordon__stream *stream, int is_on)
{
    (void)stream;
    (void)is_on;
}

void cordon__stream_read_now(cordon__stream *stream)
{
    (void)stream;
}

int cordon__stream_write(cordon__stream *stream, const cordon_bytes *pieces, size_t count,
                         size_t *taken, cordon_fault *fault)
{
    (void)stream;
    (void)pieces;
    (void)count;
    *taken = 0;
    return cordon__not_built(fault);
}

int cordon__stream_peer(cordon__identity *peer, cordon__stream *stream, cordon_fault *fault)
{
    (void)peer;
    (void)stream;
    return cordon__not_built(fault);
}

void cordon__stream_widen(cordon__stream *stream)
{
    (void)stream;
}

void cordon__stream_close(cordon__stream *stream)
{
    (void)stream;
}
