#include "dialect.h"

#include "kept.h"

#include <string.h>

#include "fault.h"

typedef struct record {
    enum cordon__heard_kind kind; /* HEARD_NOTHING: dropped */
    uint32_t                id;
    unsigned                wire;
    size_t                  size; /* of the body behind it */
} record;

void cordon__kept_open(cordon__kept *kept, const cordon__memory *memory, size_t ceiling)
{
    memset(kept, 0, sizeof *kept);
    kept->memory = *memory;
    kept->ceiling = ceiling + sizeof(record);
}

void cordon__kept_close(cordon__kept *kept)
{
    cordon__buffer_free(&kept->records, &kept->memory);
    kept->held = 0;
}

int cordon__kept_add(cordon__kept *kept, const cordon__heard *heard)
{
    record head;
    int    code;

    memset(&head, 0, sizeof head);
    head.kind = heard->kind;
    head.id = heard->id;
    head.wire = heard->wire;
    head.size = heard->body.size;
    code = cordon__buffer_reserve(&kept->records, &kept->memory, sizeof head + head.size,
                                  kept->ceiling);
    if (code != CORDON_OK)
        return code == CORDON_EMSGSIZE ? CORDON_EBUSY : code;
    (void)cordon__buffer_append(&kept->records, &kept->memory, &head, sizeof head, kept->ceiling);
    (void)cordon__buffer_append(&kept->records, &kept->memory, heard->body.data, head.size,
                                kept->ceiling);
    return CORDON_OK;
}

void cordon__kept_settle(cordon__kept *kept)
{
    if (kept->held == 0)
        return;
    cordon__buffer_take(&kept->records, kept->held);
    kept->held = 0;
}

void cordon__kept_message(cordon_message *message, const cordon__heard *heard, cordon_bytes body)
{
    memset(message, 0, sizeof *message);
    message->id = heard->id;
    message->body = body;
    switch (heard->kind) {
    case CORDON__HEARD_PART:
        message->kind = CORDON_PART;
        break;
    case CORDON__HEARD_EVENT:
        message->kind = CORDON_EVENT;
        break;
    case CORDON__HEARD_FAILURE:
        message->kind = CORDON_FAILURE;
        message->code = cordon__code_from_wire(heard->wire);
        message->app_code = message->code == CORDON_EAPP ? (int)heard->wire : 0;
        break;
    default:
        message->kind = CORDON_REPLY;
        break;
    }
}

int cordon__kept_next(cordon__kept *kept, cordon_message *message)
{
    cordon__heard heard;
    cordon_bytes  there, body;
    record        head;

    for (;;) {
        cordon__kept_settle(kept);
        there = cordon__buffer_view(&kept->records);
        if (there.size < sizeof head)
            return 0;
        memcpy(&head, there.data, sizeof head);
        kept->held = sizeof head + head.size;
        if (head.kind != CORDON__HEARD_NOTHING)
            break;
    }
    memset(&heard, 0, sizeof heard);
    heard.kind = head.kind;
    heard.id = head.id;
    heard.wire = head.wire;
    body.data = (const char *)there.data + sizeof head;
    body.size = head.size;
    cordon__kept_message(message, &heard, body);
    return 1;
}

void cordon__kept_drop(cordon__kept *kept, uint32_t id)
{
    size_t left = cordon__buffer_size(&kept->records) - kept->held;
    char  *at;
    record head;

    if (left == 0)
        return;
    at = kept->records.data + kept->records.start + kept->held;
    while (left > 0) {
        memcpy(&head, at, sizeof head);
        if (head.id == id) {
            head.kind = CORDON__HEARD_NOTHING;
            memcpy(at, &head, sizeof head);
        }
        at += sizeof head + head.size;
        left -= sizeof head + head.size;
    }
}
