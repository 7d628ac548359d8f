#include "dialect.h"

#include "call.h"

#include <string.h>

/* ---- What a caller may ask for ------------------------------------------------------ */

#define DEFAULT_REPLY ((size_t)1024 * 1024)

int cordon__reply_limit(size_t *limit, size_t asked)
{
    *limit = asked == 0 ? DEFAULT_REPLY : asked;
    return *limit >= CORDON__SMALLEST_LIMIT && *limit <= CORDON__LARGEST_LIMIT ? CORDON_OK
                                                                               : CORDON_EINVAL;
}

int cordon__program_is_valid(const char *program)
{
    return program == NULL || strlen(program) <= 255;
}

#define LONG_MS 1000 /* from here on a tick more is nothing */

int cordon__call_deadline(uint64_t *deadline, int timeout_ms)
{
    if (timeout_ms == 0)
        timeout_ms = CORDON__CALL_MS;
    if (timeout_ms < LONG_MS)
        return cordon__deadline(deadline, timeout_ms, CORDON__CALL_MS);
    *deadline = cordon__line_due((uint64_t)timeout_ms);
    return CORDON_OK;
}

int cordon__body_is_valid(cordon_bytes body)
{
    return body.data != NULL || body.size == 0;
}

/* ---- One attempt ---------------------------------------------------------------------- */

/* A hello and a first request of at most this size travel together. */
#define TOGETHER_MAX (CORDON__BIG_MESSAGE - CORDON__HELLO_ROOM)

static int ask(cordon__talk *talk, uint32_t *id, cordon_bytes body, uint64_t deadline,
               cordon_fault *fault)
{
    int code;

    /* A big request waits for the welcome, which tells whether it may be so big. */
    if (body.size > TOGETHER_MAX && !talk->asker.setup.is_json) {
        code = cordon__talk_enter(talk, deadline, fault);
        if (code != CORDON_OK)
            return code;
    }
    code = cordon__talk_ask(talk, id, CORDON__REQUEST, body, 0, deadline, fault);
    if (code != CORDON_ECLOSED)
        return code;
    return cordon__talk_learn(talk, code, NULL, NULL, deadline, fault);
}

static int attempt(cordon__talk *talk, cordon_bytes *reply, cordon_bytes body, uint64_t deadline,
                   cordon_fault *fault)
{
    uint32_t id = 0;
    int      code;

    code = cordon__talk_connect(talk, deadline, fault);
    if (code != CORDON_OK)
        return code;
    code = ask(talk, &id, body, deadline, fault);
    if (code != CORDON_OK)
        return code;
    return cordon__talk_await(talk, reply, id, NULL, NULL, deadline, fault);
}

/* ---- As many as may be ------------------------------------------------------------------ */

static int call(cordon__talk *talk, cordon_buffer *out, cordon_bytes body, int is_repeatable,
                uint64_t deadline, cordon_fault *fault)
{
    cordon_bytes reply = {NULL, 0};
    uint64_t     pause_ms = 0;
    int          may_have_run = 0, code;

    do {
        fault->is_sent = 0;
        code = attempt(talk, &reply, body, deadline, fault);
        if (code != CORDON_OK)
            may_have_run = may_have_run || fault->is_sent;
    } while (code != CORDON_OK &&
             cordon__talk_may_repeat(talk, &code, is_repeatable, &pause_ms, deadline, fault));
    fault->is_sent = may_have_run;
    if (code != CORDON_OK && code != CORDON_EAPP)
        return code;
    if (cordon__buffer_fill(out, reply.data, reply.size) == CORDON_OK)
        return code;
    cordon__fault_set(fault, CORDON_ENOMEM, "receive");
    fault->is_sent = 1;
    return CORDON_ENOMEM;
}

static int read_options(cordon__asker_setup *setup, cordon_call_options *mine,
                        const cordon_call_options *options, uint64_t *deadline)
{
    if (cordon__options_read(mine, sizeof *mine, options) != CORDON_OK ||
        (mine->flags & ~(CORDON_REPEATABLE | CORDON_NO_BINARY)) != 0 ||
        !cordon__program_is_valid(mine->program) ||
        cordon__reply_limit(&setup->max_reply, mine->max_reply) != CORDON_OK)
        return CORDON_EINVAL;
    setup->is_json = (mine->flags & CORDON_NO_BINARY) != 0;
    setup->program = mine->program;
    return cordon__deadline(deadline, mine->timeout_ms, CORDON__CALL_MS);
}

int cordon_call(cordon_buffer *reply, cordon_endpoint *endpoint, cordon_bytes body,
                const cordon_call_options *options, cordon_fault *fault)
{
    cordon_fault        why;
    cordon__asker_setup setup;
    cordon_call_options mine;
    cordon__talk        talk;
    uint64_t            deadline;
    int                 code;

    cordon__fault_clear(&why);
    memset(&setup, 0, sizeof setup);
    if (reply == NULL || endpoint == NULL || !cordon__body_is_valid(body) ||
        read_options(&setup, &mine, options, &deadline) != CORDON_OK)
        return cordon__misuse(fault, "call", NULL);
    reply->size = 0;
    if (reply->data != NULL)
        reply->data[0] = '\0';
    setup.memory = endpoint->memory;
    setup.is_one_shot = 1;
    cordon__talk_open(&talk, endpoint, &setup);
    code = call(&talk, reply, body, (mine.flags & CORDON_REPEATABLE) != 0, deadline, &why);
    cordon__talk_close(&talk);
    if (code != CORDON_OK)
        (void)cordon__fault_give(fault, &why);
    return code;
}
