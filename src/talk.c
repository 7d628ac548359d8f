/*
 * One connection of a client: its life, and bytes in.
 */
#include "dialect.h"

#include "talk.h"

#include <assert.h>
#include <string.h>

static const cordon__memory *memory_of(const cordon__talk *talk)
{
    return &talk->asker.setup.memory;
}

int cordon__talk_failed(const cordon__talk *talk, int code, const char *during, cordon_fault *fault)
{
    fault->during = during;
    fault->is_sent = talk->is_sent;
    if (fault->path[0] == '\0')
        cordon__fault_path(fault, cordon__endpoint_address(talk->endpoint));
    return code;
}

/* ---- Life ------------------------------------------------------------------------ */

static void use_small(cordon__talk *talk)
{
    if (talk->in.data != talk->small)
        cordon__buffer_free(&talk->in, memory_of(talk));
    talk->in = (cordon__buffer){talk->small, 0, 0, sizeof talk->small};
    talk->held = 0;
    talk->modest = 0;
}

void cordon__talk_open(cordon__talk *talk, cordon_endpoint *endpoint,
                       const cordon__asker_setup *setup)
{
    memset(talk, 0, offsetof(cordon__talk, asker));
    memset(&talk->in, 0, offsetof(cordon__talk, peer) - offsetof(cordon__talk, in));
    talk->endpoint = cordon__endpoint_use(endpoint);
    talk->line.handle = CORDON__NO_HANDLE;
    talk->spent = CORDON__NO_HANDLE;
    talk->in.data = talk->small;
    talk->in.capacity = sizeof talk->small;
    cordon__asker_open(&talk->asker, setup);
}

static void disconnect(cordon__talk *talk)
{
    cordon__line_close(&talk->line); /* without a handle, too: it may have more */
}

static void begin_anew(cordon__talk *talk)
{
    if (!talk->is_used)
        return;
    cordon__asker_reset(&talk->asker);
    cordon__buffer_take(&talk->in, cordon__buffer_size(&talk->in));
    cordon__buffer_take(&talk->out, cordon__buffer_size(&talk->out));
    talk->held = 0;
    talk->refusal = 0;
    talk->is_wide = talk->has_begun = talk->is_sent = 0;
    talk->is_mute = talk->is_over = talk->is_finished = talk->is_used = 0;
}

static void take_connection(cordon__talk *talk, intptr_t handle)
{
    talk->is_used = 1;
    talk->line.wait_ms = 0;
    talk->line.reads = 0;
    talk->line.handle = handle; /* whoever interrupts from here on reaches this one */
}

static int await_token(cordon__talk *talk, uint64_t deadline, cordon_fault *fault)
{
    return cordon__endpoint_await_secret(&talk->token, talk->endpoint, &talk->peer, deadline,
                                         fault);
}

static int connect_anew(cordon__talk *talk, uint64_t deadline, cordon_fault *fault)
{
    intptr_t handle = CORDON__NO_HANDLE;
    int      code;

    begin_anew(talk);
    code =
        cordon__endpoint_reach(&handle, &talk->peer, &talk->token, talk->endpoint, deadline, fault);
    if (code < 0)
        return code;
    take_connection(talk, handle);
    return code == CORDON__TOKENLESS ? await_token(talk, deadline, fault) : CORDON_OK;
}

int cordon__talk_connect(cordon__talk *talk, uint64_t deadline, cordon_fault *fault)
{
    disconnect(talk);
    return connect_anew(talk, deadline, fault);
}

int cordon__talk_adopt(cordon__talk *talk, intptr_t handle, const cordon__identity *peer,
                       uint64_t deadline, cordon_fault *fault)
{
    disconnect(talk);
    begin_anew(talk);
    talk->peer = *peer;
    take_connection(talk, handle);
    return await_token(talk, deadline, fault);
}

int cordon__talk_renew(cordon__talk *talk, uint64_t deadline, cordon_fault *fault)
{
    talk->spent = talk->line.handle;
    talk->line.handle = CORDON__NO_HANDLE;
    return connect_anew(talk, deadline, fault);
}

void cordon__talk_close(cordon__talk *talk)
{
    disconnect(talk);
    if (talk->spent != CORDON__NO_HANDLE)
        cordon__handle_close(talk->spent);
    use_small(talk);
    if (talk->out.data != NULL) {
        cordon__wipe(talk->out.data, talk->out.capacity); /* JSON lines carry the token */
        cordon__buffer_free(&talk->out, memory_of(talk));
    }
    if (talk->whole.data != NULL)
        cordon__buffer_free(&talk->whole, memory_of(talk));
    cordon__asker_close(&talk->asker);
    cordon__wipe(&talk->token, sizeof talk->token);
    if (talk->asker.setup.is_one_shot) /* begun and ended by one call: no fork comes between */
        cordon__endpoint_drop(talk->endpoint);
    else
        cordon_endpoint_close(talk->endpoint);
    talk->endpoint = NULL;
}

/* ---- Bytes in -------------------------------------------------------------------- */

#define MODEST_ENOUGH 64 /* things heard until a big buffer goes */

/* A big buffer is kept a while: the next message may be big too. */
static void shrink(cordon__talk *talk)
{
    talk->modest = talk->held > CORDON__BIG_MESSAGE ? 0 : talk->modest + 1;
    if (cordon__buffer_size(&talk->in) == 0 && talk->modest > MODEST_ENOUGH)
        use_small(talk);
}

void cordon__talk_settle(cordon__talk *talk)
{
    if (talk->held == 0)
        return;
    cordon__buffer_take(&talk->in, talk->held);
    if (talk->in.capacity > CORDON__BIG_MESSAGE)
        shrink(talk);
    talk->held = 0;
}

/* Out of `small`, for good or until it is big no more. */
static int move_out(cordon__talk *talk, size_t want)
{
    const cordon__memory *memory = memory_of(talk);
    cordon__buffer        larger = {NULL, 0, 0, 0};
    cordon_bytes          there = cordon__buffer_view(&talk->in);
    int                   code;

    code = cordon__buffer_reserve(&larger, memory, there.size + want, CORDON__NO_CEILING);
    if (code != CORDON_OK)
        return code;
    (void)cordon__buffer_append(&larger, memory, there.data, there.size, CORDON__NO_CEILING);
    talk->in = larger;
    return CORDON_OK;
}

/* Memory follows the bytes that came, never the length that was promised. */
static size_t next_room(size_t have, size_t need)
{
    size_t want = need - have;
    size_t most = have < CORDON__BIG_MESSAGE / 2 ? CORDON__BIG_MESSAGE - have : have;

    return want < most ? want : most;
}

/* For some of the `need` bytes that are to be there: more than there are. */
static int make_room(cordon__talk *talk, size_t need)
{
    cordon__buffer *in = &talk->in;
    const size_t    size = cordon__buffer_size(in);
    const size_t    want = next_room(size, need);

    if (in->data != talk->small)
        return cordon__buffer_reserve(in, memory_of(talk), want, CORDON__NO_CEILING);
    if (cordon__buffer_room(in) >= want)
        return CORDON_OK;
    if (in->capacity - size < want)
        return move_out(talk, want);
    memmove(in->data, in->data + in->start, size);
    in->start = 0;
    in->end = size;
    return CORDON_OK;
}

/* What was gathered leaves before we wait for an answer to it. 1: that took something in. */
static int flush_first(cordon__talk *talk, uint64_t deadline)
{
    cordon_fault why; /* if it fails, what is read next tells the reason */
    const size_t before = talk->received;

    cordon__fault_clear(&why);
    (void)cordon__talk_flush(talk, deadline, &why);
    return talk->received != before;
}

/* *room: how much may be read at once. */
static int expect_much(cordon__talk *talk, size_t need, size_t *room, cordon_fault *fault)
{
    const size_t have = cordon__buffer_size(&talk->in);
    const int    code = make_room(talk, need);

    if (code != CORDON_OK) {
        talk->is_over = 1;
        cordon__fault_set(fault, code, "receive");
        return cordon__talk_failed(talk, code, "receive", fault);
    }
    *room = cordon__buffer_room(&talk->in);
    if (need <= CORDON__BIG_MESSAGE)
        return CORDON_OK;
    if (!talk->is_wide) {
        cordon__line_widen(&talk->line);
        talk->is_wide = 1;
    }
    /* Of a big message no byte more: the next one would have to be moved to the front. A line does
     * not say how long it will be. */
    if (!talk->asker.setup.is_json && need - have < *room)
        *room = need - have;
    return CORDON_OK;
}

static int read_more(cordon__talk *talk, size_t need, uint64_t deadline, cordon_fault *fault)
{
    size_t got = 0, room;
    int    code;

    assert(need > cordon__buffer_size(&talk->in));
    if (cordon__buffer_size(&talk->out) > 0 && flush_first(talk, deadline))
        return CORDON_OK;
    room = cordon__buffer_room(&talk->in);
    if (need > CORDON__BIG_MESSAGE || need > cordon__buffer_size(&talk->in) + room) {
        code = expect_much(talk, need, &room, fault);
        if (code != CORDON_OK)
            return code;
    }
    code =
        cordon__line_read(&talk->line, talk->in.data + talk->in.end, room, &got, deadline, fault);
    if (code == CORDON_OK) {
        cordon__buffer_add(&talk->in, got);
        talk->received += got;
        return CORDON_OK;
    }
    talk->is_over = talk->is_over || code != CORDON_ETIMEDOUT;
    return cordon__talk_failed(talk, code, "receive", fault);
}

int cordon__talk_is_late(const cordon__talk *talk, uint64_t deadline, cordon_fault *fault)
{
    if (deadline == CORDON__NEVER || cordon__now() < deadline)
        return CORDON_OK;
    cordon__fault_set(fault, CORDON_ETIMEDOUT, "receive");
    return cordon__talk_failed(talk, CORDON_ETIMEDOUT, "receive", fault);
}

static int broken(cordon__talk *talk, int code, cordon_fault *fault)
{
    talk->is_over = 1;
    cordon__fault_found(fault, code, "receive", NULL, 0, 0, talk->asker.why);
    return cordon__talk_failed(talk, code, "receive", fault);
}

/* Mostly nothing is there yet, and that needs no look at it. */
static int hear_next(cordon__talk *talk, cordon__heard *heard, size_t *used, size_t *need)
{
    cordon_bytes there = {talk->in.data + talk->in.start, cordon__buffer_size(&talk->in)};

    if (there.size > 0 || talk->asker.state == CORDON__ASKER_FAILED)
        return cordon__asker_hear(&talk->asker, heard, there, used, need);
    *need = CORDON__FRAME_HEAD;
    return CORDON__HEAR_MORE;
}

/* Things to be passed over, taken in long ago, until a look at the clock. */
#define NOISE_MAX 1024

int cordon__talk_hear(cordon__talk *talk, cordon__heard *heard, uint64_t deadline,
                      cordon_fault *fault)
{
    int    has_read = 0, code;
    size_t used, need, noise = 0;

    cordon__talk_settle(talk);
    for (;;) {
        code = hear_next(talk, heard, &used, &need);
        if (code < 0)
            return broken(talk, code, fault);
        if (code == CORDON__HEAR_MORE) {
            /* Who floods us with nothing does not move the deadline. */
            if (has_read && (code = cordon__talk_is_late(talk, deadline, fault)) != CORDON_OK)
                return code;
            has_read = 1;
            if ((code = read_more(talk, need, deadline, fault)) != CORDON_OK)
                return code;
            continue;
        }
        talk->held = used;
        if (heard->kind >= CORDON__HEARD_WELCOME) /* mostly */
            return CORDON_OK;
        if (heard->kind == CORDON__HEARD_PING)
            cordon__talk_tell(talk, CORDON__PONG, 0, heard->body);
        else if (heard->kind != CORDON__HEARD_NOTHING)
            break;
        cordon__talk_settle(talk);
        if (++noise % NOISE_MAX == 0 &&
            (code = cordon__talk_is_late(talk, deadline, fault)) != CORDON_OK)
            return code;
    }
    if (heard->kind == CORDON__HEARD_FINISH)
        talk->is_finished = 1;
    else
        talk->is_over = 1;
    return CORDON_OK;
}

#define UNREAD_EXTRA ((size_t)4 * 1024 * 1024)

int cordon__talk_has_room(const cordon__talk *talk)
{
    return cordon__buffer_size(&talk->in) < talk->asker.setup.max_reply + UNREAD_EXTRA;
}

/* Both sides may have much to say: the server's replies are taken in while it takes in ours. */
void cordon__talk_take_in(cordon__talk *talk)
{
    cordon_fault why;
    size_t       got;

    cordon__fault_clear(&why);
    while (cordon__talk_has_room(talk)) {
        if (make_room(talk, SIZE_MAX) != CORDON_OK)
            return;
        if (cordon__line_read(&talk->line, cordon__buffer_tail(&talk->in),
                              cordon__buffer_room(&talk->in), &got, 0, &why) != CORDON_OK)
            return;
        cordon__buffer_add(&talk->in, got);
        talk->received += got;
    }
}
