/* A connection for calls that wait: the others run meanwhile. */
#include "../../src/dialect.h"

#include "inside.h"

static const char read_step[] = "read";
static const char write_step[] = "write";

uint64_t cordon__line_due(uint64_t ms)
{
    return cordon__now() + ms;
}

int cordon__line_is_interrupted(const cordon__line *line)
{
    return line->is_interrupted;
}

static int is_readable(void *context)
{
    const cordon__line *line = context;

    return line->is_interrupted || sim_can_read(sim_end_of(line->handle));
}

static int is_writable(void *context)
{
    const cordon__line *line = context;
    const sim_end      *end = sim_end_of(line->handle);

    return line->is_interrupted || sim_can_write(end) || (line->is_listening && sim_can_read(end));
}

int cordon__line_read(cordon__line *line, void *data, size_t size, size_t *got, uint64_t deadline,
                      cordon_fault *fault)
{
    long count;

    if (sim_verb("line_read"))
        return cordon__fault_os(fault, CORDON_ECLOSED, read_step, 104, NULL);
    if (!line->is_interrupted && !sim_wait(is_readable, line, deadline))
        return cordon__fault_set(fault, CORDON_ETIMEDOUT, read_step);
    if (line->is_interrupted)
        return cordon__fault_set(fault, CORDON_ECANCELED, read_step);
    count = sim_end_read(sim_end_of(line->handle), data, size);
    if (count <= 0)
        return cordon__fault_set(fault, CORDON_ECLOSED, read_step);
    *got = (size_t)count;
    return CORDON_OK;
}

int cordon__line_write(cordon__line *line, const cordon_bytes *pieces, size_t count, size_t *sent,
                       uint64_t deadline, cordon_fault *fault)
{
    size_t whole = 0;

    for (size_t i = 0; i < count; i++)
        whole += pieces[i].size;
    *sent = 0;
    if (sim_verb("line_write"))
        return cordon__fault_os(fault, CORDON_ECLOSED, write_step, 32, NULL);
    while (*sent < whole) {
        sim_end *end = sim_end_of(line->handle);
        long     put;

        if (line->is_interrupted)
            return cordon__fault_set(fault, CORDON_ECANCELED, write_step);
        put = sim_end_write(end, pieces, count, *sent);
        if (put == SIM_GONE)
            return cordon__fault_set(fault, CORDON_ECLOSED, write_step);
        if (put >= 0) {
            *sent += (size_t)put;
            continue;
        }
        if (!sim_wait(is_writable, line, deadline))
            return cordon__fault_set(fault, CORDON_ETIMEDOUT, write_step);
        if (!line->is_interrupted && !sim_can_write(end))
            return CORDON__READABLE;
    }
    return CORDON_OK;
}

void cordon__line_interrupt(cordon__line *line)
{
    line->is_interrupted = 1;
    if (line->handle != CORDON__NO_HANDLE)
        sim_end_of(line->handle)->is_shut = 1;
}

void cordon__line_close(cordon__line *line)
{
    if (line->handle != CORDON__NO_HANDLE) {
        sim_point();
        sim_end_close(sim_end_of(line->handle));
    }
    line->handle = CORDON__NO_HANDLE;
}

void cordon__line_widen(cordon__line *line)
{
    (void)line;
}
