#include "../dialect.h"

#include "parcel.h"

size_t cordon__parcel_cost(const cordon__parcel *parcel)
{
    return sizeof *parcel + parcel->capacity;
}

/* Where the smallest that is large enough hangs; at the end: none is. */
static cordon__parcel **find(cordon__parcels *parcels, size_t size)
{
    cordon__parcel **best = NULL;
    cordon__parcel **at;

    for (at = &parcels->first; *at; at = &(*at)->next)
        if ((*at)->capacity >= size && (!best || (*at)->capacity < (*best)->capacity))
            best = at;
    return best ? best : at;
}

static cordon__parcel *unhang(cordon__parcels *parcels, cordon__parcel **at)
{
    cordon__parcel *parcel = *at;

    *at = parcel->next;
    parcels->bytes -= cordon__parcel_cost(parcel);
    return parcel;
}

cordon__parcel *cordon__parcels_take(cordon__parcels *parcels, const cordon__memory *memory,
                                     size_t size)
{
    cordon__parcel **at = find(parcels, size);
    cordon__parcel  *made;
    size_t           capacity = CORDON__PARCEL_SMALL;

    if (*at)
        return unhang(parcels, at);
    while (capacity < size) /* few sizes: one that was made fits again */
        capacity *= 2;
    made = cordon__allocate(memory, sizeof *made + capacity);
    if (made)
        made->capacity = capacity;
    return made;
}

void cordon__parcels_give(cordon__parcels *parcels, const cordon__memory *memory,
                          cordon__parcel *parcel, size_t most)
{
    const size_t cost = cordon__parcel_cost(parcel);

    if (parcels->bytes + cost > most) {
        cordon__release(memory, parcel);
        return;
    }
    parcel->next = parcels->first;
    parcels->first = parcel;
    parcels->bytes += cost;
}

int cordon__parcels_are_many(const cordon__parcels *parcels)
{
    return parcels->bytes > sizeof(cordon__parcel) + CORDON__PARCEL_SMALL;
}

void cordon__parcels_trim(cordon__parcels *parcels, const cordon__memory *memory)
{
    cordon__parcel **at = find(parcels, 0);
    cordon__parcel  *last = *at ? unhang(parcels, at) : NULL;

    cordon__parcels_free(parcels, memory);
    if (last)
        cordon__parcels_give(parcels, memory, last, sizeof *last + CORDON__PARCEL_SMALL);
}

void cordon__parcels_free(cordon__parcels *parcels, const cordon__memory *memory)
{
    while (parcels->first)
        cordon__release(memory, unhang(parcels, &parcels->first));
}
