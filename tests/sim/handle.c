/*
 * Pairs, and things that travel along them beside the bytes: each with the first byte of the send
 * that it came with, as descriptors do.
 */
#include "../../src/dialect.h"

#include <stdlib.h>
#include <string.h>

#include "inside.h"

/* ---- things ------------------------------------------------------------------------- */

#define THINGS_MAX  4096
#define FIRST_THING ((intptr_t)1 << 26) /* numbers that nothing else has */

static struct thing {
    int          is_there;
    sim_process *owner; /* NULL: on its way */
} things[THINGS_MAX];
static intptr_t things_top; /* from here on there never was one */

static struct thing *thing_of(intptr_t handle)
{
    const intptr_t at = handle - FIRST_THING;

    return at >= 0 && at < THINGS_MAX && things[at].is_there ? &things[at] : NULL;
}

static intptr_t make_thing(sim_process *owner)
{
    for (intptr_t i = 0; i < THINGS_MAX; i++)
        if (!things[i].is_there) {
            things[i].is_there = 1;
            things[i].owner = owner;
            things_top = i < things_top ? things_top : i + 1;
            return FIRST_THING + i;
        }
    sim_complain("more things than the world has");
    abort();
}

intptr_t sim_thing(void)
{
    return sim_take_descriptor() ? make_thing(sim_current()) : CORDON__NO_HANDLE;
}

static void drop_thing(struct thing *thing)
{
    if (thing->owner)
        sim_give_descriptor(thing->owner);
    thing->is_there = 0;
}

int sim_thing_close(intptr_t handle)
{
    struct thing *thing = thing_of(handle);

    if (!thing && handle < FIRST_THING)
        return 0;
    if (!thing || thing->owner != sim_current())
        sim_complain("a thing is closed by who does not have it");
    else
        drop_thing(thing);
    return 1;
}

void sim_things_vanish(const sim_process *process)
{
    for (intptr_t i = 0; i < things_top; i++)
        if (things[i].is_there && things[i].owner && things[i].owner == process)
            things[i].is_there = 0;
}

/* ---- on their way --------------------------------------------------------------------- */

struct sim_parcel {
    sim_parcel *next;
    uint64_t    at; /* the byte that it comes with */
    size_t      count;
    intptr_t    things[CORDON__HANDLES_MAX];
};

static void free_parcel(sim_parcel *parcel)
{
    for (size_t i = 0; i < parcel->count; i++)
        drop_thing(thing_of(parcel->things[i]));
    free(parcel);
}

void sim_parcels_drop(sim_end *end)
{
    while (end->parcels) {
        sim_parcel *parcel = end->parcels;

        end->parcels = parcel->next;
        free_parcel(parcel);
    }
}

static sim_parcel *put_parcel(sim_end *to, size_t count)
{
    sim_parcel  *made = sim_make(sizeof *made);
    sim_parcel **last = &to->parcels;

    while (*last)
        last = &(*last)->next;
    *last = made;
    made->at = to->came;
    made->count = count;
    for (size_t i = 0; i < count; i++)
        made->things[i] = make_thing(NULL);
    return made;
}

/* It never left. */
static void take_back(sim_end *to, const sim_parcel *parcel)
{
    for (sim_parcel **at = &to->parcels; *at; at = &(*at)->next)
        if (*at == parcel) {
            sim_parcel *found = *at;

            *at = found->next;
            free_parcel(found);
            return;
        }
}

long sim_write_with(intptr_t handle, const void *data, size_t size, size_t count)
{
    sim_end    *to = sim_end_of(handle)->other;
    sim_parcel *parcel = to->is_closed ? NULL : put_parcel(to, count);
    const long  sent = sim_write(handle, data, size);

    if (parcel && sent <= 0)
        take_back(to, parcel);
    return sent;
}

/* ---- the contract ------------------------------------------------------------------------ */

int cordon__pair(intptr_t *ours, intptr_t *theirs, cordon_fault *fault)
{
    sim_end *one, *other;

    if (sim_verb("pair") || !sim_take_descriptor())
        return cordon__fault_os(fault, CORDON_EBUSY, "pair", 24, NULL);
    if (!sim_take_descriptor()) {
        sim_give_descriptor(sim_current());
        return cordon__fault_os(fault, CORDON_EBUSY, "pair", 24, NULL);
    }
    one = sim_end_make(sim_current());
    other = sim_end_make(sim_current());
    one->other = other;
    other->other = one;
    *ours = sim_end_number(one);
    *theirs = sim_end_number(other);
    return CORDON_OK;
}

int cordon__pair_adopt(intptr_t handle, cordon_fault *fault)
{
    (void)sim_end_of(handle);
    return sim_verb("pair_adopt") ? sim_failure(fault, "adopt") : CORDON_OK;
}

static void take_one(void *context)
{
    (void)context;
    (void)sim_take_descriptor();
}

void sim_hand_over(intptr_t handle, sim_process *process)
{
    sim_end *end = sim_end_of(handle);

    sim_give_descriptor(end->process);
    end->process = process;
    (void)sim_as(process, take_one, NULL);
}

size_t cordon__handles_size(size_t count)
{
    (void)count;
    return 0;
}

int cordon__handles_pack(uint8_t *values, cordon__ferry *ferry, const intptr_t *handles,
                         size_t count, cordon_fault *fault)
{
    (void)values;
    (void)ferry;
    if (sim_verb("handles_pack"))
        return sim_failure(fault, "send");
    for (size_t i = 0; i < count; i++) {
        const struct thing *thing = thing_of(handles[i]);

        if (!thing || thing->owner != sim_current())
            return cordon__fault_set(fault, CORDON_EINVAL, "send");
    }
    return CORDON_OK;
}

void cordon__handles_undo(cordon__ferry *ferry, const uint8_t *values, size_t count)
{
    (void)ferry;
    (void)values;
    (void)count;
}

int cordon__handles_send(cordon__ferry *ferry, const cordon_bytes *pieces, size_t count,
                         const intptr_t *handles, size_t handle_count, size_t *sent,
                         uint64_t deadline, cordon_fault *fault)
{
    sim_end    *to = sim_end_of(ferry->line->handle)->other;
    sim_parcel *parcel = NULL;
    int         code;

    (void)handles;
    if (handle_count > 0 && !to->is_closed) /* there before its byte is: that may be read at once */
        parcel = put_parcel(to, handle_count);
    code = cordon__line_write(ferry->line, pieces, count, sent, deadline, fault);
    if (parcel && *sent == 0)
        take_back(to, parcel);
    return code;
}

/* 0: there is no room for it. */
static int arrive(cordon__ferry *ferry, sim_parcel *parcel)
{
    int is_kept = 1;

    for (size_t i = 0; i < parcel->count; i++) {
        if (ferry->count == CORDON__HANDLES_MAX || !sim_take_descriptor()) {
            drop_thing(thing_of(parcel->things[i]));
            is_kept = 0;
            continue;
        }
        thing_of(parcel->things[i])->owner = sim_current();
        ferry->arrived[ferry->count++] = parcel->things[i];
    }
    free(parcel);
    return is_kept;
}

int cordon__handles_receive(cordon__ferry *ferry, void *data, size_t size, size_t *got,
                            uint64_t deadline, cordon_fault *fault)
{
    const int code = cordon__line_read(ferry->line, data, size, got, deadline, fault);
    sim_end  *end;
    int       is_kept = 1;

    if (code != CORDON_OK)
        return code;
    end = sim_end_of(ferry->line->handle);
    while (end->parcels && end->parcels->at < end->taken) {
        sim_parcel *parcel = end->parcels;

        end->parcels = parcel->next;
        is_kept &= arrive(ferry, parcel);
    }
    if (is_kept)
        return CORDON_OK;
    cordon__handles_drop(ferry);
    return cordon__fault_set(fault, CORDON_EPROTOCOL, "receive");
}

int cordon__handles_unpack(intptr_t *handles, cordon__ferry *ferry, const uint8_t *values,
                           size_t count, cordon_fault *fault)
{
    (void)values;
    if (sim_verb("handles_unpack") || ferry->count != count) {
        cordon__handles_drop(ferry);
        return cordon__fault_set(fault, CORDON_EPROTOCOL, "receive");
    }
    if (count > 0)
        memcpy(handles, ferry->arrived, count * sizeof *handles);
    ferry->count = 0;
    return CORDON_OK;
}

void cordon__handles_drop(cordon__ferry *ferry)
{
    while (ferry->count > 0)
        (void)sim_thing_close(ferry->arrived[--ferry->count]);
}
