#include "../dialect.h"

#include "fault.h"

int cordon__line_read(cordon__line *line, void *data, size_t size, size_t *got, uint64_t deadline,
                      cordon_fault *fault)
{
    (void)line;
    (void)data;
    (void)size;
    (void)got;
    (void)deadline;
    return cordon__not_built(fault);
}

int cordon__line_write(cordon__line *line, const cordon_bytes *pieces, size_t count, size_t *sent,
                       uint64_t deadline, cordon_fault *fault)
{
    (void)line;
    (void)pieces;
    (void)count;
    (void)deadline;
    *sent = 0;
    return cordon__not_built(fault);
}

void cordon__line_interrupt(cordon__line *line)
{
    (void)line;
}

int cordon__line_is_interrupted(const cordon__line *line)
{
    (void)line;
    return 0;
}

void cordon__line_close(cordon__line *line)
{
    (void)line;
}

void cordon__line_widen(cordon__line *line)
{
    (void)line;
}
