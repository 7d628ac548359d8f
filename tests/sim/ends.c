/* Connections of the world: their two ends, and the bytes on their way. */
#include "../../src/dialect.h"

#include <stdlib.h>
#include <string.h>

#include "inside.h"

#define ENDS_MAX 4096

static sim_end *ends[ENDS_MAX];
static intptr_t ends_top; /* from here on no number was ever given */

/* ---- ends -------------------------------------------------------------------------------- */

sim_end *sim_end_of(intptr_t handle)
{
    sim_end *end = handle >= 3 && handle < ENDS_MAX ? ends[handle] : NULL;

    if (!end)
        sim_complain("descriptor %ld is not open", (long)handle);
    return end;
}

intptr_t sim_end_number(sim_end *end)
{
    for (intptr_t i = 3; i < ENDS_MAX; i++)
        if (!ends[i]) {
            ends[i] = end;
            end->number = i;
            ends_top = i < ends_top ? ends_top : i + 1;
            return i;
        }
    sim_complain("more descriptors than the world has");
    abort();
}

sim_end *sim_end_make(sim_process *process)
{
    sim_end *end = sim_make(sizeof *end);

    end->process = process;
    end->room = sim.pipe;
    end->number = CORDON__NO_HANDLE;
    return end;
}

static int is_over(const sim_end *end)
{
    return end->is_closed && end->other->is_closed;
}

void sim_end_close(sim_end *end)
{
    sim_end *other = end->other;

    if (end->is_closed)
        sim_complain("descriptor %ld is closed twice", (long)end->number);
    end->is_closed = end->is_shut = 1;
    if (end->size > 0)
        other->is_reset = 1;
    sim_parcels_drop(end);
    if (end->number != CORDON__NO_HANDLE) {
        ends[end->number] = NULL;
        sim_give_descriptor(end->process);
    }
    if (!is_over(end))
        return;
    free(end->in);
    free(other->in);
    free(end);
    free(other);
}

int sim_can_read(const sim_end *end)
{
    return end->size > 0 || end->other->is_shut || end->is_reset;
}

int sim_can_write(const sim_end *end)
{
    return end->other->is_closed || end->is_shut || end->other->size < end->other->room;
}

int sim_has_gone(const sim_end *end)
{
    return end->other->is_closed;
}

static size_t part_of(size_t whole)
{
    return whole > 1 && sim_chance(sim.chop) ? 1 + (size_t)(sim_random() % (whole - 1)) : whole;
}

long sim_end_read(sim_end *end, void *data, size_t size)
{
    size_t most = end->size < size ? end->size : size;

    if (end->size == 0) {
        if (end->is_reset) {
            end->is_reset = 0;
            return SIM_GONE;
        }
        return end->other->is_shut ? 0 : SIM_NOT_NOW;
    }
    if (sim.piece > 0 && most > sim.piece)
        most = sim.piece;
    most = part_of(most);
    for (size_t done = 0; done < most;) {
        const size_t straight = end->held - end->start;
        const size_t step = most - done < straight ? most - done : straight;

        memcpy((char *)data + done, end->in + end->start, step);
        end->start = (end->start + step) % end->held;
        done += step;
    }
    end->size -= most;
    end->taken += most;
    end->has_been_read = 1;
    return (long)most;
}

/* The ring has what was ever needed: hardly ever all that the pipe may hold. */
static void widen(sim_end *end, size_t needed)
{
    const size_t straight = end->held - end->start;
    const size_t first = end->size < straight ? end->size : straight;
    size_t       held = end->held > 0 ? end->held : 1024;
    char        *in;

    if (needed <= end->held)
        return;
    while (held < needed)
        held *= 2;
    in = sim_make(held);
    if (end->size > 0) {
        memcpy(in, end->in + end->start, first);
        memcpy(in + first, end->in, end->size - first);
    }
    free(end->in);
    end->in = in;
    end->start = 0;
    end->held = held;
}

static void put(sim_end *to, const char *data, size_t size)
{
    size_t at;

    widen(to, to->size + size);
    at = (to->start + to->size) % to->held;
    to->size += size;
    to->came += size;
    while (size > 0) {
        const size_t step = size < to->held - at ? size : to->held - at;

        memcpy(to->in + at, data, step);
        data += step;
        size -= step;
        at = 0;
    }
}

long sim_end_write(sim_end *end, const cordon_bytes *pieces, size_t count, size_t skip)
{
    sim_end *to = end->other;
    size_t   whole = 0, room = to->room - to->size, left;

    if (to->is_closed || end->is_shut)
        return SIM_GONE;
    for (size_t i = 0; i < count; i++)
        whole += pieces[i].size;
    whole -= skip;
    if (whole == 0)
        return 0;
    if (room == 0 || sim_chance(sim.full))
        return SIM_NOT_NOW;
    left = part_of(whole < room ? whole : room);
    whole = left;
    for (size_t i = 0; left > 0; i++) {
        const size_t over = skip < pieces[i].size ? skip : pieces[i].size;
        const size_t has = pieces[i].size - over;
        const size_t step = has < left ? has : left;

        skip -= over;
        if (step > 0)
            put(to, (const char *)pieces[i].data + over, step);
        left -= step;
    }
    return (long)whole;
}

void cordon__handle_close(intptr_t handle)
{
    sim_end *end = sim_pipe_close(handle) || sim_thing_close(handle) ? NULL : sim_end_of(handle);

    if (end)
        sim_end_close(end);
}

/* ---- raw --------------------------------------------------------------------------------- */

long sim_write(intptr_t handle, const void *data, size_t size)
{
    const cordon_bytes piece = {data, size};
    long               sent = sim_end_write(sim_end_of(handle), &piece, 1, 0);

    return sent == SIM_NOT_NOW ? 0 : sent == SIM_GONE ? -1 : sent;
}

long sim_read(intptr_t handle, void *data, size_t size)
{
    const long got = sim_end_read(sim_end_of(handle), data, size);

    return got > 0 ? got : got == SIM_NOT_NOW ? 0 : -1;
}

void sim_half_close(intptr_t handle)
{
    sim_end_of(handle)->is_shut = 1;
}

void sim_hang_up(intptr_t handle)
{
    sim_end_close(sim_end_of(handle));
}

/* ---- the end ----------------------------------------------------------------------------- */

void sim_ends_vanish(const sim_process *process)
{
    sim_things_vanish(process);
    for (intptr_t i = 0; i < ends_top; i++)
        if (ends[i] && ends[i]->process == process)
            sim_end_close(ends[i]);
}

void sim_net_close(int is_complaining)
{
    for (intptr_t i = 0; i < ends_top; i++)
        if (ends[i]) {
            if (is_complaining)
                sim_complain("descriptor %ld is left open", (long)i);
            sim_end_close(ends[i]);
        }
}
