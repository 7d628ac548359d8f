/*
 * One connection of a client: bytes out, and the questions they make.
 */
#include "dialect.h"

#include "talk.h"

#include <string.h>

/* ---- Bytes out ------------------------------------------------------------------- */

#define PIECES   5
#define SLICE_MS 50 /* of waiting to write, before a look at what can be read */

static size_t skip(cordon_bytes *pieces, size_t count, size_t sent)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        size_t gone = sent < pieces[i].size ? sent : pieces[i].size;

        sent -= gone;
        if (gone == pieces[i].size)
            continue;
        pieces[kept].data = (const char *)pieces[i].data + gone;
        pieces[kept++].size = pieces[i].size - gone;
    }
    return kept;
}

/*
 * *sent bytes of it went, and the rest not, with `code`. The other side may wait for us to read
 * before it takes more: so what it says is taken in meanwhile, at once where the system tells of
 * it, else after a moment.
 */
CORDON__COLD static int write_on(cordon__talk *talk, cordon_bytes *pieces, size_t count, int code,
                                 size_t *sent, uint64_t deadline, cordon_fault *fault)
{
    uint64_t slice_ends, now;
    size_t   went = *sent, before;

    while (code != CORDON_OK) {
        now = cordon__now();
        if (code == CORDON__READABLE && now >= deadline)
            code = cordon__fault_set(fault, CORDON_ETIMEDOUT, "send");
        if (code < 0 && (code != CORDON_ETIMEDOUT || now >= deadline))
            return cordon__talk_failed(talk, code, "send", fault);
        slice_ends = deadline == 0 ? 0 : now + SLICE_MS;
        if (slice_ends > deadline)
            slice_ends = deadline;
        count = skip(pieces, count, went);
        before = talk->received;
        cordon__talk_take_in(talk);
        /* Who may not wait has nothing to listen for; what cannot be taken in would be told of for
         * ever; and a flood must not keep it here. */
        talk->line.is_listening = deadline != 0 &&
                                  (code != CORDON__READABLE || talk->received != before) &&
                                  cordon__talk_has_room(talk);
        code = cordon__line_write(&talk->line, pieces, count, &went, slice_ends, fault);
        *sent += went;
    }
    return CORDON_OK;
}

/* Mostly all goes at once, and no clock is asked. */
static int write_pieces(cordon__talk *talk, cordon_bytes *pieces, size_t count, size_t *sent,
                        uint64_t deadline, cordon_fault *fault)
{
    int code;

    talk->line.is_listening = 0;
    code = cordon__line_write(&talk->line, pieces, count, sent, 0, fault);
    if (code == CORDON_OK)
        return CORDON_OK;
    return write_on(talk, pieces, count, code, sent, deadline, fault);
}

/* After what waits to go first. *sent: bytes of these pieces that went. */
static int write_all(cordon__talk *talk, const cordon_bytes *pieces, size_t count, size_t *sent,
                     uint64_t deadline, cordon_fault *fault)
{
    cordon_bytes all[PIECES + 1];
    size_t       waiting = cordon__buffer_size(&talk->out);
    size_t       used = 0, went = 0;
    int          code;

    *sent = 0;
    if (waiting > 0)
        all[used++] = cordon__buffer_view(&talk->out);
    for (size_t i = 0; i < count; i++)
        if (pieces[i].size > 0)
            all[used++] = pieces[i];
    code = write_pieces(talk, all, used, &went, deadline, fault);
    *sent = went > waiting ? went - waiting : 0;
    if (waiting > 0)
        cordon__buffer_take(&talk->out, went < waiting ? went : waiting);
    if (code != CORDON_OK && code != CORDON_ETIMEDOUT)
        talk->is_mute = 1;
    return code;
}

#define OUT_MAX ((size_t)4 * 1024)

void cordon__talk_tell(cordon__talk *talk, enum cordon__frame_type type, uint32_t id,
                       cordon_bytes body)
{
    char         frame[CORDON__FRAME_HEAD + CORDON__PING_MAX];
    cordon_bytes piece = {frame, CORDON__FRAME_HEAD + body.size};
    cordon_fault why;
    size_t       sent;
    int          code;

    cordon__fault_clear(&why);
    if (talk->is_mute || talk->asker.setup.is_json)
        return;
    cordon__frame_head((uint8_t *)frame, type, 0, id, body.size);
    if (body.size > 0)
        memcpy(frame + CORDON__FRAME_HEAD, body.data, body.size);
    code = write_all(talk, &piece, 1, &sent, 0, &why);
    if (code != CORDON_ETIMEDOUT)
        return;
    /* A frame that has begun must be ended; one that has not may be left out. */
    code = cordon__buffer_append(&talk->out, &talk->asker.setup.memory, frame + sent,
                                 piece.size - sent, sent > 0 ? CORDON__NO_CEILING : OUT_MAX);
    if (code != CORDON_OK && sent > 0)
        talk->is_mute = 1;
}

/* ---- What is gathered ------------------------------------------------------------- */

#define GATHER_MAX ((size_t)64 * 1024) /* bytes that wait for company */

/* 1: it waits for the next ones. */
static int gather(cordon__talk *talk, const cordon_bytes *pieces, size_t count)
{
    const cordon__memory *memory = &talk->asker.setup.memory;
    size_t                total = 0;

    for (size_t i = 0; i < count; i++)
        total += pieces[i].size;
    if (total > GATHER_MAX || cordon__buffer_size(&talk->out) > GATHER_MAX - total ||
        cordon__buffer_reserve(&talk->out, memory, total, CORDON__NO_CEILING) != CORDON_OK)
        return 0;
    for (size_t i = 0; i < count; i++)
        cordon__buffer_put(&talk->out, pieces[i]);
    talk->has_begun = 1;
    return 1;
}

int cordon__talk_flush(cordon__talk *talk, uint64_t deadline, cordon_fault *fault)
{
    size_t sent;

    if (cordon__buffer_size(&talk->out) == 0 || talk->is_mute)
        return CORDON_OK;
    return write_all(talk, NULL, 0, &sent, deadline, fault);
}

/* ---- Questions out --------------------------------------------------------------- */

static int no_question(cordon__talk *talk, int code, size_t size, cordon_fault *fault)
{
    const char *address = cordon__endpoint_address(talk->endpoint);

    if (code == CORDON_EMSGSIZE)
        return cordon__fault_found(fault, code, "send", address, talk->asker.told.max_request, size,
                                   "the request is larger than the server takes");
    if (code == CORDON_EINVAL)
        return cordon__fault_found(fault, code, "send", address, 0, 0,
                                   "the request is not one JSON value");
    if (code == CORDON_EBUSY)
        return cordon__fault_found(fault, code, "send", address, 0, 0,
                                   "too many requests without an answer");
    return cordon__fault_found(fault, code, "send", address, 0, 0, talk->asker.why);
}

/* No handler has it before its last byte; of a JSON line, before its last but the line end. */
static int has_left_whole(const cordon__talk *talk, const cordon__question *question, size_t sent)
{
    size_t size = question->head_size + question->body.size;

    return sent >= (talk->asker.setup.is_json ? size + 1 : size);
}

/* It did not leave whole. Or all of `size` bytes are on their way, late, where a system has no way
 * back: then it may run, its answer is passed over, and the session goes on. */
CORDON__COLD static int not_asked(cordon__talk *talk, int code, uint32_t id, size_t sent,
                                  size_t size, cordon_fault *fault)
{
    if (!talk->is_sent)
        cordon__asker_forget(&talk->asker, id);
    fault->is_sent = talk->is_sent;
    if (code == CORDON_ETIMEDOUT && sent == size)
        cordon__talk_abandon(talk, id);
    else
        talk->is_mute = talk->is_mute || sent > 0 || code != CORDON_ETIMEDOUT;
    return code;
}

#define SMALL 512 /* bytes: cheaper copied than told to the system piece by piece */

static size_t size_of(const cordon_bytes *pieces, size_t count)
{
    size_t size = 0;

    for (size_t i = 0; i < count; i++)
        size += pieces[i].size;
    return size;
}

/* Small pieces as one: behind the first, where there is room for them. The pieces there are then.
 */
static size_t join(cordon_bytes *pieces, size_t count, size_t size, char *first)
{
    size_t used = pieces[0].size;

    if (size - used > SMALL)
        return count;
    for (size_t i = 1; i < count; i++) {
        if (pieces[i].size > 0)
            memcpy(first + used, pieces[i].data, pieces[i].size);
        used += pieces[i].size;
    }
    pieces[0].size = used;
    return 1;
}

/* Mostly: a small one, on a session that talks, that goes at once and alone. */
static int is_plain(const cordon__talk *talk, cordon_bytes body)
{
    return talk->asker.state == CORDON__ASKER_TALKS && !talk->asker.setup.is_json &&
           !talk->asker.setup.is_one_shot && body.size <= SMALL - CORDON__FRAME_HEAD &&
           cordon__buffer_size(&talk->out) == 0;
}

static int ask_plain(cordon__talk *talk, uint32_t *id, enum cordon__frame_type type,
                     cordon_bytes body, uint64_t deadline, cordon_fault *fault)
{
    char         whole[SMALL];
    const size_t size = CORDON__FRAME_HEAD + body.size;
    cordon_bytes piece = {whole, size};
    size_t       sent = 0;
    int          code = cordon__asker_note(&talk->asker, id, type, body);

    if (code != CORDON_OK)
        return no_question(talk, code, body.size, fault);
    cordon__frame_head((uint8_t *)whole, type, 0, *id, body.size);
    if (body.size > 0)
        memcpy(whole + CORDON__FRAME_HEAD, body.data, body.size);
    code = write_pieces(talk, &piece, 1, &sent, deadline, fault);
    if (code == CORDON_OK) {
        talk->has_begun = talk->is_sent = 1;
        return CORDON_OK;
    }
    talk->has_begun |= sent > 0;
    talk->is_sent = sent == size;
    return not_asked(talk, code, *id, sent, size, fault);
}

static int ask_any(cordon__talk *talk, uint32_t *id, enum cordon__frame_type type,
                   cordon_bytes body, int is_gathered, uint64_t deadline, cordon_fault *fault)
{
    char             room[CORDON__HELLO_ROOM + SMALL];
    cordon__question question;
    cordon_bytes     pieces[4];
    size_t           hello_size = 0, size, count, sent = 0;
    int              code;

    code = cordon__asker_ask(&talk->asker, &question, type, body, &talk->token);
    if (code != CORDON_OK)
        return no_question(talk, code, body.size, fault);
    if (talk->asker.state == CORDON__ASKER_NEW)
        hello_size = cordon__asker_hello(&talk->asker, (uint8_t *)room, &talk->token);
    pieces[0] = (cordon_bytes){room, hello_size};
    pieces[1] = (cordon_bytes){question.head, question.head_size};
    pieces[2] = question.body;
    pieces[3] = (cordon_bytes){question.tail, question.tail_size};
    if (body.size > CORDON__BIG_MESSAGE && !talk->is_wide) {
        cordon__line_widen(&talk->line);
        talk->is_wide = 1;
    }
    *id = question.id;
    if (is_gathered && hello_size == 0 && gather(talk, pieces, 4))
        return CORDON_OK;
    size = size_of(pieces, 4);
    count = join(pieces, 4, size, room);
    code = write_all(talk, pieces, count, &sent, deadline, fault);
    if (talk->asker.setup.is_json)
        cordon__wipe(question.head, question.head_size); /* it has the token, as a hello has */
    if (talk->asker.setup.is_json || hello_size > 0)
        cordon__wipe(room, pieces[0].size);
    if (sent > hello_size) {
        talk->has_begun = 1;
        talk->is_sent = (uint8_t)has_left_whole(talk, &question, sent - hello_size);
    }
    return code == CORDON_OK ? code : not_asked(talk, code, question.id, sent, size, fault);
}

int cordon__talk_ask(cordon__talk *talk, uint32_t *id, enum cordon__frame_type type,
                     cordon_bytes body, int is_gathered, uint64_t deadline, cordon_fault *fault)
{
    talk->is_sent = 0;
    talk->asked_size = body.size;
    if (!is_gathered && is_plain(talk, body))
        return ask_plain(talk, id, type, body, deadline, fault);
    return ask_any(talk, id, type, body, is_gathered, deadline, fault);
}

int cordon__talk_enter(cordon__talk *talk, uint64_t deadline, cordon_fault *fault)
{
    uint8_t       hello[CORDON__HELLO_ROOM];
    cordon_bytes  piece = {hello, 0};
    cordon__heard heard;
    size_t        sent;
    int           code;

    piece.size = cordon__asker_hello(&talk->asker, hello, &talk->token);
    code = write_all(talk, &piece, 1, &sent, deadline, fault);
    cordon__wipe(hello, sizeof hello);
    if (code == CORDON_ECLOSED)
        return cordon__talk_learn(talk, code, NULL, NULL, deadline, fault);
    if (code != CORDON_OK)
        return code;
    code = cordon__talk_hear(talk, &heard, deadline, fault);
    if (code != CORDON_OK)
        return code;
    if (heard.kind != CORDON__HEARD_WELCOME)
        return cordon__talk_fault(talk, &heard, "hello", fault);
    cordon__trace_done(&talk->endpoint->trace, "hello", cordon__endpoint_address(talk->endpoint),
                       talk->asker.told.program);
    return CORDON_OK;
}

void cordon__talk_leave(cordon__talk *talk)
{
    cordon__line ending = talk->line;

    if (talk->is_over)
        return;
    cordon__talk_tell(talk, CORDON__FINISH, 0, (cordon_bytes){NULL, 0});
    /* Ended through a copy: nobody is interrupted, and the descriptor stays ours until close,
     * so that who interrupts from elsewhere never reaches another one of its number. */
    cordon__line_interrupt(&ending);
    talk->is_over = 1;
}
