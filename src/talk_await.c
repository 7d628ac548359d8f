/*
 * What a client makes of the answers: waiting for one, the reason of a failed
 * write, and whether to try again.
 */
#include "dialect.h"

#include "talk.h"

#include <string.h>

/* ---- Failures ---------------------------------------------------------------------- */

/* Who says so promises that no handler ran; of a whole session only the one at the door. */
static int is_promise(const cordon__talk *talk, const cordon__heard *heard)
{
    if (heard->kind == CORDON__HEARD_REFUSED)
        return 1;
    if (heard->kind == CORDON__HEARD_FAILURE)
        return heard->wire == CORDON__BUSY || heard->wire == CORDON__STOPPING ||
               heard->wire == CORDON__NOT_READY ||
               (heard->wire == CORDON__UNSUPPORTED && talk->asker.setup.is_control);
    return heard->wire == CORDON__TOO_LARGE && talk->asked_size > talk->asker.told.max_request;
}

static void note_refusal(cordon__talk *talk, const cordon__heard *heard)
{
    int is_stopping = heard->kind == CORDON__HEARD_FAILURE && heard->wire == CORDON__STOPPING;

    if (heard->kind == CORDON__HEARD_REFUSED || is_stopping)
        talk->refusal = heard->wire;
}

int cordon__talk_fault(cordon__talk *talk, const cordon__heard *heard, const char *during,
                       cordon_fault *fault)
{
    int         code = cordon__code_from_wire(heard->wire);
    const char *path = cordon__endpoint_address(talk->endpoint);

    note_refusal(talk, heard);
    if (code == CORDON_EUNAUTHORIZED && path != NULL)
        path = cordon__place_path(talk->endpoint->place, CORDON_TOKEN);
    cordon__fault_found(fault, code, during, path, 0, 0, NULL);
    cordon__fault_reason(fault, heard->body);
    if (code == CORDON_EAPP)
        fault->app_code = (int)heard->wire;
    if (code == CORDON_EVERSION && heard->kind == CORDON__HEARD_REFUSED)
        cordon__fault_text(fault, "we speak versions %u to %u, the server %u to %u",
                           CORDON__WIRE_VERSION, CORDON__WIRE_VERSION, heard->version_min,
                           heard->version_max);
    fault->is_sent = talk->is_sent && !is_promise(talk, heard);
    if (heard->kind != CORDON__HEARD_FAILURE)
        cordon__trace_fault(&talk->endpoint->trace, fault);
    return code;
}

/* ---- Waiting for one answer ------------------------------------------------------------ */

static int add_part(cordon__talk *talk, const cordon__heard *heard, int count, cordon_fault *fault)
{
    const cordon__asker_setup *setup = &talk->asker.setup;
    int                        code = CORDON_OK;

    /* JSON values next to each other could run into one. */
    if (setup->is_json && count > 0)
        code = cordon__buffer_append(&talk->whole, &setup->memory, "\n", 1, setup->max_reply);
    if (code == CORDON_OK)
        code = cordon__buffer_append(&talk->whole, &setup->memory, heard->body.data,
                                     heard->body.size, setup->max_reply);
    if (code == CORDON_OK)
        return CORDON_OK;
    cordon__fault_found(fault, code, "receive", NULL, setup->max_reply,
                        cordon__buffer_size(&talk->whole) + heard->body.size,
                        "the parts of the reply together");
    return cordon__talk_failed(talk, code, "receive", fault);
}

static int is_answer(const cordon__heard *heard, uint32_t id)
{
    return heard->id == id &&
           (heard->kind == CORDON__HEARD_PART || heard->kind == CORDON__HEARD_REPLY ||
            heard->kind == CORDON__HEARD_FAILURE);
}

/* 1: that was the last of it. 0: not yet. */
static int take_answer(cordon__talk *talk, cordon_bytes *reply, const cordon__heard *heard,
                       int count, cordon_fault *fault)
{
    int code;

    if (heard->kind == CORDON__HEARD_FAILURE) {
        *reply = heard->body;
        return cordon__talk_fault(talk, heard, "request", fault);
    }
    *reply = heard->body;
    if (heard->kind == CORDON__HEARD_REPLY && count == 0)
        return 1;
    code = add_part(talk, heard, count, fault);
    if (code != CORDON_OK)
        return code;
    *reply = cordon__buffer_view(&talk->whole);
    return heard->kind == CORDON__HEARD_REPLY;
}

/* Not an answer to our question: 0, or what ends the waiting. */
static int pass_over(cordon__talk *talk, const cordon__heard *heard, cordon__keep_fn keep,
                     void *owner, cordon_fault *fault)
{
    switch (heard->kind) {
    case CORDON__HEARD_REFUSED:
        return cordon__talk_fault(talk, heard, "hello", fault);
    case CORDON__HEARD_END:
        return cordon__talk_fault(talk, heard, "session", fault);
    case CORDON__HEARD_WELCOME:
        cordon__trace_done(&talk->endpoint->trace, "hello",
                           cordon__endpoint_address(talk->endpoint), talk->asker.told.program);
        return CORDON_OK;
    case CORDON__HEARD_FINISH:
        return CORDON_OK;
    default:
        return keep != NULL ? keep(owner, heard, fault) : CORDON_OK;
    }
}

static int await_end(cordon__talk *talk, cordon_bytes *reply, uint32_t id, cordon__keep_fn keep,
                     void *owner, uint64_t deadline, cordon_fault *fault)
{
    cordon__heard heard;
    int           count = 0, code;

    for (;;) {
        if ((code = cordon__talk_hear(talk, &heard, deadline, fault)) != CORDON_OK)
            return code;
        if (is_answer(&heard, id))
            code = take_answer(talk, reply, &heard, count++, fault);
        else
            code = pass_over(talk, &heard, keep, owner, fault);
        if (code != 0)
            return code > 0 ? CORDON_OK : code;
        if (heard.kind != CORDON__HEARD_WELCOME && /* of which there is one */
            (code = cordon__talk_is_late(talk, deadline, fault)) != CORDON_OK)
            return code;
    }
}

int cordon__talk_await(cordon__talk *talk, cordon_bytes *reply, uint32_t id, cordon__keep_fn keep,
                       void *owner, uint64_t deadline, cordon_fault *fault)
{
    int code;

    cordon__buffer_take(&talk->whole, cordon__buffer_size(&talk->whole));
    if (talk->whole.capacity > CORDON__BIG_MESSAGE)
        cordon__buffer_free(&talk->whole, &talk->asker.setup.memory);
    code = await_end(talk, reply, id, keep, owner, deadline, fault);
    if (code == CORDON_OK)
        return CORDON_OK;
    if (code != CORDON_EAPP)
        *reply = (cordon_bytes){NULL, 0};
    cordon__talk_abandon(talk, id);
    return code;
}

void cordon__talk_abandon(cordon__talk *talk, uint32_t id)
{
    if (cordon__asker_abandon(&talk->asker, id) && !talk->is_over)
        cordon__talk_tell(talk, CORDON__CANCEL, id, (cordon_bytes){NULL, 0});
}

/* ---- After a failure --------------------------------------------------------------------- */

#define LAST_WORDS    4096 /* bytes read to learn a reason */
#define LAST_WORDS_MS 2000 /* for a server that stopped reading, but neither speaks nor ends */

int cordon__talk_learn(cordon__talk *talk, int code, cordon__keep_fn keep, void *owner,
                       uint64_t deadline, cordon_fault *fault)
{
    cordon_fault  why;
    size_t        before = talk->received;
    cordon__heard heard;
    uint64_t      enough = cordon__now() + LAST_WORDS_MS;
    int           reason = CORDON_OK;

    cordon__fault_clear(&why);
    if (deadline > enough)
        deadline = enough;
    while (reason == CORDON_OK && talk->received - before < LAST_WORDS &&
           cordon__talk_hear(talk, &heard, deadline, &why) == CORDON_OK)
        reason = pass_over(talk, &heard, keep, owner, &why);
    if (reason == CORDON_OK)
        return code;
    *fault = why;
    return reason;
}

/*
 * UNAUTHORIZED: the server may have been started anew since its token was read. Only another
 * token is tried, each once; from the second on after a pause, for servers come and go then.
 * When time is over nothing ran, and it was no verdict on us: the caller may come back.
 */
static int has_other_token(cordon__talk *talk, int *code, uint64_t *pause_ms, uint64_t deadline,
                           cordon_fault *fault)
{
    cordon_fault why;
    int          is_changed = 0, failed;

    cordon__fault_clear(&why);
    failed = cordon__endpoint_secret(&talk->token, talk->endpoint, 1, &is_changed, &why);
    if (failed != CORDON_OK) {
        *fault = why;
        *code = failed;
        return 0;
    }
    if (!is_changed || !talk->is_renewed_token) {
        talk->is_renewed_token = 1;
        return is_changed;
    }
    if (cordon__pause_grow(pause_ms, deadline) && cordon__now() < deadline)
        return 1;
    *code = cordon__fault_found(fault, CORDON_ECLOSED, "hello",
                                cordon__place_path(talk->endpoint->place, CORDON_TOKEN), 0, 0,
                                "servers come and go: each has another token");
    fault->is_sent = 0;
    return 0;
}

int cordon__talk_may_repeat(cordon__talk *talk, int *code, int is_repeatable, uint64_t *pause_ms,
                            uint64_t deadline, cordon_fault *fault)
{
    int nothing_ran = talk->refusal == CORDON__BUSY || talk->refusal == CORDON__STOPPING;

    if (talk->refusal == CORDON__UNAUTHORIZED)
        return has_other_token(talk, code, pause_ms, deadline, fault);
    if (!nothing_ran && (*code != CORDON_ECLOSED || (talk->has_begun && !is_repeatable)))
        return 0;
    /* An attempt without time to hear the answer would only make a reason into a doubt. */
    return cordon__pause_grow(pause_ms, deadline) && cordon__now() < deadline;
}
