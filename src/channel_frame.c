/*
 * What comes in on a channel: frames into messages, part by part. What has come of one is kept
 * over as many calls as it takes.
 */
#include "dialect.h"

#include "channel.h"

#include <string.h>

#define ROOM ((size_t)64 * 1024) /* a buffer larger than this is not kept for the next message */

static const char step[] = "receive";

/* ---- Its end -------------------------------------------------------------------- */

static void close_handles(cordon__inbox *inbox)
{
    for (size_t i = 0; i < inbox->message.handle_count; i++)
        if (inbox->handles[i] != CORDON__NO_HANDLE)
            cordon__handle_close(inbox->handles[i]);
    inbox->message.handle_count = 0;
}

static void begin_message(cordon_channel *channel)
{
    close_handles(&channel->inbox);
    cordon__buffer_take(&channel->body, cordon__buffer_size(&channel->body));
    if (channel->body.capacity > ROOM)
        cordon__buffer_free(&channel->body, &channel->memory);
    channel->part = CORDON__PART_HEAD;
    channel->have = 0;
}

void cordon__channel_settle(cordon_channel *channel)
{
    if (channel->part == CORDON__PART_DELIVERED)
        begin_message(channel);
}

void cordon__channel_end(cordon_channel *channel)
{
    begin_message(channel);
    cordon__handles_drop(&channel->ferry);
    cordon__line_close(&channel->line);
    if (channel->state != CORDON__CHANNEL_PASSED)
        channel->state = CORDON__CHANNEL_OVER;
}

CORDON__COLD static int broken(cordon_fault *fault, int code, uint64_t expected, uint64_t actual,
                               const char *text)
{
    return cordon__fault_found(fault, code, step, NULL, expected, actual, text);
}

/* ---- The parts --------------------------------------------------------------------- */

/* Time does not depend on where they differ. */
static int is_word(const cordon_channel *channel, const uint8_t *given)
{
    volatile uint8_t difference = 0;

    for (size_t i = 0; i < CORDON__WORD_SIZE; i++)
        difference = (uint8_t)(difference | (channel->word[i] ^ given[i]));
    return difference == 0;
}

static int read_head_of_word(cordon_channel *channel, uint32_t size, cordon_fault *fault)
{
    if (channel->is_confirmed || size != CORDON__WORD_SIZE || channel->handle_count > 0)
        return broken(fault, CORDON_EPROTOCOL, CORDON__WORD_SIZE, size, "a word that is not due");
    channel->part = CORDON__PART_WORD;
    return CORDON_OK;
}

static int read_head_of_message(cordon_channel *channel, uint32_t size, cordon_fault *fault)
{
    size_t before; /* the body */

    if (!channel->is_confirmed)
        return broken(fault, CORDON_EPROTOCOL, 0, 0, "the child has not said its word");
    if (channel->handle_count > CORDON__HANDLES_MAX)
        return broken(fault, CORDON_EPROTOCOL, CORDON__HANDLES_MAX, channel->handle_count,
                      "more handles than a message may have");
    before = cordon__handles_size(channel->handle_count) + CORDON__TAG_SIZE;
    if (size < before)
        return broken(fault, CORDON_EPROTOCOL, before, size, "a message without a tag");
    channel->size = size - before;
    if (channel->size > channel->limit)
        return broken(fault, CORDON_EMSGSIZE, channel->limit, channel->size,
                      "a message over the limit");
    channel->part = CORDON__PART_VALUES;
    return CORDON_OK;
}

static int read_head(cordon_channel *channel, cordon_fault *fault)
{
    const uint8_t *head = channel->head;
    const uint32_t size = cordon__load32(head);
    const unsigned type = head[CORDON__FRAME_TYPE_AT], flags = head[5];

    channel->handle_count = cordon__load16(head + 6);
    if (cordon__load32(head + 8) != 0)
        return broken(fault, CORDON_EPROTOCOL, 0, cordon__load32(head + 8),
                      "a request where a message was due");
    if (flags != 0)
        return broken(fault, CORDON_EPROTOCOL, 0, flags, "flags are set");
    if (type == CORDON__PONG)
        return read_head_of_word(channel, size, fault);
    if (type == CORDON__REQUEST)
        return read_head_of_message(channel, size, fault);
    return broken(fault, CORDON_EPROTOCOL, CORDON__REQUEST, type, "a frame that is no message");
}

static int read_word(cordon_channel *channel, cordon_fault *fault)
{
    const int code = cordon__handles_unpack(NULL, &channel->ferry, NULL, 0, fault);

    if (code != CORDON_OK)
        return code;
    if (!is_word(channel, channel->lead))
        return broken(fault, CORDON_EPROTOCOL, 0, 0, "another word than the child was given");
    channel->is_confirmed = 1;
    channel->part = CORDON__PART_HEAD;
    return CORDON_OK;
}

/* From here on they are ours to close. */
static int read_values(cordon_channel *channel, cordon_fault *fault)
{
    cordon__inbox *inbox = &channel->inbox;
    const int      code = cordon__handles_unpack(inbox->handles, &channel->ferry, channel->lead,
                                                 channel->handle_count, fault);

    if (code != CORDON_OK)
        return code;
    inbox->message.handle_count = channel->handle_count;
    channel->part = CORDON__PART_TAG;
    return CORDON_OK;
}

static int read_body(cordon_channel *channel, cordon_fault *fault)
{
    const int code = cordon__handles_unpack(NULL, &channel->ferry, NULL, 0, fault);

    if (code != CORDON_OK)
        return code;
    channel->inbox.message.body = cordon__buffer_view(&channel->body);
    channel->part = CORDON__PART_WHOLE;
    return CORDON_OK;
}

/* The bytes that the part takes. */
static size_t size_of(const cordon_channel *channel)
{
    switch (channel->part) {
    case CORDON__PART_HEAD:
        return CORDON__FRAME_HEAD;
    case CORDON__PART_WORD:
        return CORDON__WORD_SIZE;
    case CORDON__PART_VALUES:
        return cordon__handles_size(channel->handle_count);
    case CORDON__PART_TAG:
        return CORDON__TAG_SIZE;
    case CORDON__PART_BODY:
        return channel->size;
    case CORDON__PART_WHOLE:
    case CORDON__PART_DELIVERED:
        break;
    }
    return 0;
}

/* A part is there: what does it say, and what is next? */
static int end_part(cordon_channel *channel, cordon_fault *fault)
{
    channel->have = 0;
    switch (channel->part) {
    case CORDON__PART_HEAD:
        return read_head(channel, fault);
    case CORDON__PART_WORD:
        return read_word(channel, fault);
    case CORDON__PART_VALUES:
        return read_values(channel, fault);
    case CORDON__PART_TAG:
        channel->inbox.message.tag = cordon__load32(channel->lead);
        channel->part = CORDON__PART_BODY;
        return CORDON_OK;
    case CORDON__PART_BODY:
        return read_body(channel, fault);
    case CORDON__PART_WHOLE:
    case CORDON__PART_DELIVERED:
        break;
    }
    return CORDON_OK;
}

/* ---- Reading --------------------------------------------------------------------------- */

/* Memory follows the bytes that came, never the length that was promised. */
static int reserve_body(cordon_channel *channel, size_t *room, cordon_fault *fault)
{
    const size_t have = channel->have;
    const size_t most = have > ROOM ? have : ROOM;
    int          code;

    *room = channel->size - have < most ? channel->size - have : most;
    code = cordon__buffer_reserve(&channel->body, &channel->memory, *room, CORDON__NO_CEILING);
    return code == CORDON_OK ? code : cordon__fault_set(fault, code, step);
}

static int read_some(cordon_channel *channel, uint64_t deadline, cordon_fault *fault)
{
    const int is_body = channel->part == CORDON__PART_BODY;
    size_t    room = size_of(channel) - channel->have, got = 0;
    uint8_t  *to = channel->part == CORDON__PART_HEAD ? channel->head : channel->lead;
    int       code = CORDON_OK;

    if (is_body)
        code = reserve_body(channel, &room, fault);
    if (code == CORDON_OK)
        code = cordon__handles_receive(&channel->ferry,
                                       is_body ? cordon__buffer_tail(&channel->body)
                                               : (char *)to + channel->have,
                                       room, &got, deadline, fault);
    if (code != CORDON_OK)
        return code;
    if (is_body)
        cordon__buffer_add(&channel->body, got);
    channel->have += got;
    return CORDON_OK;
}

/* The other side went in the middle of what it said: an end all the same. */
static void tell_end(const cordon_channel *channel, cordon_fault *fault)
{
    if (channel->part != CORDON__PART_HEAD || channel->have > 0)
        cordon__fault_text(fault, "in the middle of a message");
}

int cordon__channel_step(cordon_channel *channel, uint64_t deadline, cordon_fault *fault)
{
    int code = CORDON_OK;

    if (channel->have < size_of(channel))
        code = read_some(channel, deadline, fault);
    while (code == CORDON_OK && channel->part < CORDON__PART_WHOLE &&
           channel->have == size_of(channel))
        code = end_part(channel, fault);
    if (code == CORDON_OK || code == CORDON_ETIMEDOUT)
        return code;
    if (code == CORDON_ECLOSED)
        tell_end(channel, fault);
    cordon__channel_end(channel);
    return code;
}

int cordon__channel_confirm(cordon_channel *channel, uint64_t deadline, cordon_fault *fault)
{
    int code = CORDON_OK;

    while (code == CORDON_OK && !channel->is_confirmed)
        code = cordon__channel_step(channel, deadline, fault);
    return code;
}
