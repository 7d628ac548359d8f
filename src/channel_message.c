/*
 * Messages of a channel: the public functions that send and receive, and bytes out.
 */
#include "dialect.h"

#include "call.h"
#include "channel.h"

#include <string.h>

#define SLICE_MS 50 /* of waiting to write, before a look at what can be read */
#define PIECES   2

/* ---- Bytes out ---------------------------------------------------------------------- */

static size_t skip(cordon_bytes *pieces, size_t count, size_t sent)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        const size_t gone = sent < pieces[i].size ? sent : pieces[i].size;

        sent -= gone;
        if (gone < pieces[i].size)
            pieces[kept++] =
                (cordon_bytes){(const char *)pieces[i].data + gone, pieces[i].size - gone};
    }
    return kept;
}

/* Both sides may be writing: so the next message of the other side, but no more, is taken in. */
static int take_in(cordon_channel *channel, cordon_fault *fault)
{
    cordon_fault why;
    int          code = CORDON_OK;

    cordon__fault_clear(&why);
    while (code == CORDON_OK && channel->part < CORDON__PART_WHOLE)
        code = cordon__channel_step(channel, 0, &why);
    if (code == CORDON_OK || code == CORDON_ETIMEDOUT)
        return CORDON_OK;
    *fault = why;
    return code;
}

static int write_frame(cordon_channel *channel, cordon_bytes *pieces, size_t count,
                       const cordon_handle *handles, size_t handle_count, size_t *sent,
                       uint64_t deadline, cordon_fault *fault)
{
    uint64_t slice_ends = 0, now; /* mostly all goes at once, and no clock is asked */
    size_t   went;
    int      code;

    *sent = 0;
    for (;;) {
        channel->line.is_listening = deadline != 0 && channel->part < CORDON__PART_WHOLE;
        code = cordon__handles_send(&channel->ferry, pieces, count, handles,
                                    *sent == 0 ? handle_count : 0, &went, slice_ends, fault);
        *sent += went;
        if (code == CORDON_OK)
            return CORDON_OK;
        now = cordon__now();
        if (code == CORDON__READABLE && now >= deadline)
            code = cordon__fault_set(fault, CORDON_ETIMEDOUT, "send");
        if (code < 0 && (code != CORDON_ETIMEDOUT || now >= deadline))
            return code;
        slice_ends = now + SLICE_MS < deadline ? now + SLICE_MS : deadline;
        count = skip(pieces, count, went);
        if ((code = take_in(channel, fault)) != CORDON_OK)
            return code;
    }
}

int cordon__channel_say_word(cordon_channel *channel, uint64_t deadline, cordon_fault *fault)
{
    uint8_t      frame[CORDON__FRAME_HEAD + CORDON__WORD_SIZE];
    cordon_bytes piece = {frame, sizeof frame};
    size_t       sent;

    cordon__frame_head(frame, CORDON__PONG, 0, 0, CORDON__WORD_SIZE);
    memcpy(frame + CORDON__FRAME_HEAD, channel->word, CORDON__WORD_SIZE);
    return write_frame(channel, &piece, 1, NULL, 0, &sent, deadline, fault);
}

/* ---- Every call begins alike --------------------------------------------------------- */

static int ended(cordon_fault *fault, const char *during, const char *text)
{
    return cordon__fault_found(fault, CORDON_ECLOSED, during, NULL, 0, 0, text);
}

/* What was delivered ends here. May messages be said or heard? */
static int begin(cordon_channel *channel, const char *during, cordon_fault *why)
{
    cordon__channel_settle(channel);
    switch (channel->state) {
    case CORDON__CHANNEL_TALKS:
    case CORDON__CHANNEL_MUTE:
        return CORDON_OK;
    case CORDON__CHANNEL_PASSED:
        return cordon__fault_found(why, CORDON_EINVAL, during, NULL, 0, 0,
                                   "the channel carries requests: no message follows");
    case CORDON__CHANNEL_OVER:
        break;
    }
    return ended(why, during, "the channel has ended");
}

/* ---- Sending ----------------------------------------------------------------------------- */

/* The bytes before the body; how many. */
static int put_lead(uint8_t *lead, size_t *size, cordon_channel *channel, uint32_t tag,
                    size_t body_size, const cordon_handle *handles, size_t count, cordon_fault *why)
{
    const size_t values = cordon__handles_size(count);
    const int    code =
        cordon__handles_pack(lead + CORDON__FRAME_HEAD, &channel->ferry, handles, count, why);

    if (code != CORDON_OK)
        return code;
    cordon__frame_head(lead, CORDON__REQUEST, 0, 0, values + CORDON__TAG_SIZE + body_size);
    cordon__store16(lead + 6, (uint16_t)count);
    cordon__store32(lead + CORDON__FRAME_HEAD + values, tag);
    *size = CORDON__FRAME_HEAD + values + CORDON__TAG_SIZE;
    return CORDON_OK;
}

static int send_message(cordon_channel *channel, uint32_t tag, cordon_bytes body,
                        const cordon_handle *handles, size_t count, uint64_t deadline,
                        cordon_fault *why)
{
    uint8_t      lead[CORDON__FRAME_HEAD + sizeof channel->lead + CORDON__TAG_SIZE];
    cordon_bytes pieces[PIECES] = {{lead, 0}, body};
    size_t       sent = 0;
    int          code;

    if (channel->state == CORDON__CHANNEL_MUTE)
        return ended(why, "send", "an earlier message left half: no other can follow");
    if (body.size > channel->limit)
        return cordon__fault_found(why, CORDON_EMSGSIZE, "send", NULL, channel->limit, body.size,
                                   "a message over the limit");
    code = put_lead(lead, &pieces[0].size, channel, tag, body.size, handles, count, why);
    if (code != CORDON_OK)
        return code;
    code =
        write_frame(channel, pieces, body.size > 0 ? 2 : 1, handles, count, &sent, deadline, why);
    if (code == CORDON_OK)
        return CORDON_OK;
    if (sent == 0) /* else the other side may have them by now */
        cordon__handles_undo(&channel->ferry, lead + CORDON__FRAME_HEAD, count);
    if (channel->state == CORDON__CHANNEL_TALKS && (sent > 0 || code == CORDON_ECLOSED))
        channel->state = CORDON__CHANNEL_MUTE;
    return code;
}

static int is_list_valid(const cordon_handle *handles, size_t count)
{
    return count <= CORDON__HANDLES_MAX && (count == 0 || handles != NULL);
}

int cordon_channel_send(cordon_channel *channel, uint32_t tag, cordon_bytes body,
                        const cordon_handle *handles, size_t count, int timeout_ms,
                        cordon_fault *fault)
{
    cordon_fault why;
    uint64_t     deadline;
    int          code;

    cordon__fault_clear(&why);
    if (channel == NULL || !cordon__body_is_valid(body) || !is_list_valid(handles, count) ||
        cordon__deadline(&deadline, timeout_ms, CORDON__CHANNEL_MS) != CORDON_OK)
        return cordon__misuse(fault, "send", NULL);
    code = begin(channel, "send", &why);
    if (code == CORDON_OK)
        code = send_message(channel, tag, body, handles, count, deadline, &why);
    return code == CORDON_OK ? CORDON_OK : cordon__fault_give(fault, &why);
}

/* ---- Receiving ------------------------------------------------------------------------------ */

static int receive(cordon_channel *channel, uint64_t deadline, cordon_fault *why)
{
    int code = begin(channel, "receive", why);

    while (code == CORDON_OK && channel->part != CORDON__PART_WHOLE)
        code = cordon__channel_step(channel, deadline, why);
    return code;
}

int cordon_channel_receive(const cordon_message **message, cordon_channel *channel, int timeout_ms,
                           cordon_fault *fault)
{
    cordon_fault why;
    uint64_t     deadline;
    int          code;

    cordon__fault_clear(&why);
    if (message == NULL || channel == NULL ||
        cordon__deadline(&deadline, timeout_ms, CORDON__CHANNEL_MS) != CORDON_OK)
        return cordon__misuse(fault, "receive", NULL);
    *message = NULL;
    code = receive(channel, deadline, &why);
    if (code != CORDON_OK)
        return cordon__fault_give(fault, &why);
    channel->part = CORDON__PART_DELIVERED;
    channel->inbox.message.kind = CORDON_MESSAGE;
    *message = &channel->inbox.message;
    return CORDON_OK;
}

cordon_handle cordon_message_take(const cordon_message *message, size_t index)
{
    cordon__inbox *inbox;
    cordon_handle  taken;

    if (message == NULL || index >= message->handle_count)
        return CORDON_NO_HANDLE;
    /* Only a channel's message has any; it is ours to change. */
    inbox = (cordon__inbox *)(uintptr_t)message;
    taken = inbox->handles[index];
    inbox->handles[index] = CORDON__NO_HANDLE;
    return taken;
}

int cordon_channel_limit(cordon_channel *channel, size_t max_message)
{
    size_t limit;

    if (channel == NULL || cordon__reply_limit(&limit, max_message) != CORDON_OK)
        return CORDON_EINVAL;
    channel->limit = limit;
    return CORDON_OK;
}
