#include "dialect.h"

#include "spares.h"

#include <string.h>

static size_t choose(const cordon__spares *spares, int is_large)
{
    size_t best = 0;

    for (size_t i = 1; i < spares->count; i++) {
        int is_larger = spares->held[i].capacity > spares->held[best].capacity;

        if (is_larger == (is_large != 0))
            best = i;
    }
    return best;
}

static void lift(cordon__spares *spares, size_t index, cordon__buffer *buffer)
{
    *buffer = spares->held[index];
    spares->bytes -= buffer->capacity;
    spares->held[index] = spares->held[--spares->count];
}

void cordon__spares_take(cordon__spares *spares, cordon__buffer *buffer, int is_large)
{
    if (buffer->data == NULL && spares->count > 0)
        lift(spares, choose(spares, is_large), buffer);
}

void cordon__spares_give(cordon__spares *spares, const cordon__memory *memory,
                         cordon__buffer *buffer)
{
    if (buffer->data == NULL)
        return;
    if (spares->count == CORDON__SPARES || spares->bytes + buffer->capacity > CORDON__SPARE_BYTES) {
        cordon__buffer_free(buffer, memory);
        return;
    }
    buffer->start = buffer->end = 0;
    spares->bytes += buffer->capacity;
    spares->held[spares->count++] = *buffer;
    memset(buffer, 0, sizeof *buffer);
}

void cordon__spares_trim(cordon__spares *spares, const cordon__memory *memory)
{
    size_t i = 0;

    while (i < spares->count) {
        cordon__buffer large;

        if (spares->held[i].capacity <= CORDON__SPARE_SMALL) {
            i++;
            continue;
        }
        lift(spares, i, &large);
        cordon__buffer_free(&large, memory);
    }
}

void cordon__spares_free(cordon__spares *spares, const cordon__memory *memory)
{
    while (spares->count > 0) {
        cordon__buffer buffer;

        lift(spares, spares->count - 1, &buffer);
        cordon__buffer_free(&buffer, memory);
    }
}
