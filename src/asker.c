#include "dialect.h"

#include "asker.h"

#include <assert.h>
#include <string.h>

#include "fault.h"

/* ---- Life ---------------------------------------------------------------------- */

void cordon__asker_reset(cordon__asker *asker)
{
    asker->state = asker->setup.is_json ? CORDON__ASKER_TALKS : CORDON__ASKER_NEW;
    asker->failed = CORDON_OK;
    asker->why = NULL;
    asker->told.version = 0;
    asker->told.features = asker->told.pid = 0;
    asker->told.instance = 0;
    asker->told.program[0] = '\0';
    asker->told.max_request = CORDON__LARGEST_LIMIT;
    memset(&asker->decoder, 0, sizeof asker->decoder);
    asker->decoder.limit = asker->setup.max_reply;
    asker->last_id = 0;
    asker->scanned = 0;
    asker->has_wrapped = 0;
    asker->first = asker->count = asker->waiting = 0;
}

void cordon__asker_open(cordon__asker *asker, const cordon__asker_setup *setup)
{
    asker->setup = *setup;
    memset(&asker->text, 0, sizeof asker->text);
    asker->asked = asker->few;
    asker->capacity = sizeof asker->few / sizeof asker->few[0];
    cordon__asker_reset(asker);
}

void cordon__asker_admit(cordon__asker *asker)
{
    asker->told.version = CORDON__WIRE_VERSION;
    asker->state = CORDON__ASKER_TALKS;
}

void cordon__asker_close(cordon__asker *asker)
{
    if (asker->asked != asker->few)
        cordon__release(&asker->setup.memory, asker->asked);
    if (asker->text.data != NULL)
        cordon__buffer_free(&asker->text, &asker->setup.memory);
    asker->asked = asker->few;
    asker->first = asker->count = asker->waiting = 0;
}

int cordon__asker_fail(cordon__asker *asker, int code, const char *why)
{
    asker->state = CORDON__ASKER_FAILED;
    asker->failed = code;
    asker->why = why;
    return code;
}

/* ---- Ids: a question has one from its asking to its end ----------------------------- */

/* They stand in the order of asking, which is mostly that of the answers too. */
static cordon__asked *find_asked(const cordon__asker *asker, uint32_t id)
{
    cordon__asked *oldest = asker->asked + asker->first;

    for (size_t i = 0; i < asker->count; i++)
        if (oldest[i].id == id)
            return &oldest[i];
    return NULL;
}

static void drop_asked(cordon__asker *asker, cordon__asked *asked)
{
    const size_t older = (size_t)(asked - (asker->asked + asker->first));

    asker->waiting -= !asked->is_abandoned;
    asker->count--;
    if (older == 0)
        asker->first++;
    else
        memmove(asked, asked + 1, (asker->count - older) * sizeof *asked);
    if (asker->count == 0)
        asker->first = 0;
}

/* Room for one more behind the last; moved to the front when that frees half of it. */
CORDON__COLD static int grow_asked(cordon__asker *asker)
{
    const cordon__memory *memory = &asker->setup.memory;
    size_t                capacity = asker->capacity * 2;
    cordon__asked        *more;

    if (asker->first >= asker->capacity / 2) {
        memmove(asker->asked, asker->asked + asker->first, asker->count * sizeof *asker->asked);
        asker->first = 0;
        return CORDON_OK;
    }
    if (asker->asked == asker->few) {
        more = (cordon__asked *)cordon__allocate(memory, capacity * sizeof *more);
        if (more != NULL)
            memcpy(more, asker->few, sizeof asker->few);
    } else {
        more = (cordon__asked *)cordon__resize(memory, asker->asked, capacity * sizeof *more);
    }
    if (more == NULL)
        return CORDON_ENOMEM;
    asker->asked = more;
    asker->capacity = capacity;
    return CORDON_OK;
}

/* Ends: fewer ids are in use than there are. */
static uint32_t next_id(cordon__asker *asker)
{
    while (++asker->last_id == 0 ||
           (asker->has_wrapped && find_asked(asker, asker->last_id) != NULL))
        asker->has_wrapped = 1;
    return asker->last_id;
}

void cordon__asker_forget(cordon__asker *asker, uint32_t id)
{
    cordon__asked *asked = find_asked(asker, id);

    if (asked != NULL)
        drop_asked(asker, asked);
}

int cordon__asker_abandon(cordon__asker *asker, uint32_t id)
{
    cordon__asked *asked = find_asked(asker, id);

    if (asked == NULL || asked->is_abandoned)
        return 0;
    asked->is_abandoned = 1;
    asker->waiting--;
    return asked->type == CORDON__REQUEST && !asker->setup.is_json &&
           asker->state == CORDON__ASKER_TALKS;
}

size_t cordon__asker_waiting(const cordon__asker *asker)
{
    return asker->waiting;
}

/* Fits an answer to its question. */
static int match(cordon__asker *asker, cordon__heard *heard)
{
    cordon__asked *asked = find_asked(asker, heard->id);
    int            is_abandoned;

    if (asked == NULL)
        return cordon__asker_fail(asker, CORDON_EPROTOCOL, "an answer to no question");
    heard->type = asked->type;
    is_abandoned = asked->is_abandoned;
    if (heard->kind != CORDON__HEARD_PART)
        drop_asked(asker, asked);
    if (is_abandoned)
        heard->kind = CORDON__HEARD_NOTHING;
    return CORDON__HEARD;
}

/* ---- What to write ------------------------------------------------------------------ */

#define FEATURE_EVENTS  0x1u
#define FEATURES_OF_APP 0xFFFF0000u

size_t cordon__asker_hello(cordon__asker *asker, uint8_t out[CORDON__HELLO_ROOM],
                           const cordon__token *token)
{
    const cordon__asker_setup *setup = &asker->setup;
    uint8_t                   *head = out + CORDON__MAGIC_SIZE;
    uint8_t                   *payload = head + CORDON__FRAME_HEAD;
    cordon__hello              hello;
    size_t                     size;

    assert(asker->state == CORDON__ASKER_NEW);
    memset(&hello, 0, sizeof hello);
    hello.version_min = setup->is_control ? 0 : CORDON__WIRE_VERSION;
    hello.version_max = hello.version_min;
    hello.features =
        (setup->features & FEATURES_OF_APP) | (setup->wants_events ? FEATURE_EVENTS : 0);
    hello.max_payload = (uint32_t)setup->max_reply;
    hello.token.data = token->bytes;
    hello.token.size = sizeof token->bytes;
    hello.program = cordon_text(setup->program);
    size = cordon__hello_encode(payload, &hello);
    assert(size <= CORDON__HELLO_ROOM - CORDON__MAGIC_SIZE - CORDON__FRAME_HEAD);
    memcpy(out, cordon__magic, CORDON__MAGIC_SIZE);
    cordon__frame_head(head, CORDON__HELLO, 0, 0, size);
    asker->state = CORDON__ASKER_KNOCKS;
    return CORDON__MAGIC_SIZE + CORDON__FRAME_HEAD + size;
}

/* And then there is room for it. */
static int may_ask(cordon__asker *asker, enum cordon__frame_type type, cordon_bytes body)
{
    if (asker->state == CORDON__ASKER_FAILED)
        return asker->failed;
    if (type == CORDON__REQUEST ? asker->setup.is_control : asker->setup.is_json)
        return CORDON_EUNSUPPORTED;
    if (body.size > asker->told.max_request)
        return CORDON_EMSGSIZE;
    if (asker->count >= CORDON__ASKED_MAX)
        return CORDON_EBUSY;
    return asker->first + asker->count < asker->capacity ? CORDON_OK : grow_asked(asker);
}

static void ask_frame(const cordon__asker *asker, cordon__question *question,
                      enum cordon__frame_type type, cordon_bytes body)
{
    cordon__frame_head((uint8_t *)question->head, type, 0, question->id, body.size);
    question->head_size = CORDON__FRAME_HEAD;
    question->body = body;
    if (!asker->setup.is_one_shot)
        return;
    /* The goodbye travels along: who asks once has nothing more to say. */
    cordon__frame_head((uint8_t *)question->tail, CORDON__FINISH, 0, 0, 0);
    question->tail_size = CORDON__FRAME_HEAD;
}

static void put_asked(cordon__asker *asker, uint32_t id, enum cordon__frame_type type)
{
    cordon__asked *asked = &asker->asked[asker->first + asker->count++];

    asker->waiting++;
    asked->id = id;
    asked->type = (uint8_t)type;
    asked->is_abandoned = 0;
}

int cordon__asker_note(cordon__asker *asker, uint32_t *id, enum cordon__frame_type type,
                       cordon_bytes body)
{
    int code = may_ask(asker, type, body);

    if (code != CORDON_OK)
        return code;
    *id = next_id(asker);
    put_asked(asker, *id, type);
    return CORDON_OK;
}

int cordon__asker_ask(cordon__asker *asker, cordon__question *question,
                      enum cordon__frame_type type, cordon_bytes body, const cordon__token *token)
{
    int code = may_ask(asker, type, body);

    if (code != CORDON_OK)
        return code;
    question->id = next_id(asker);
    question->head_size = question->tail_size = 0;
    if (!asker->setup.is_json)
        ask_frame(asker, question, type, body);
    else if ((code = cordon__asker_ask_line(asker, question, body, token)) != CORDON_OK)
        return code;
    put_asked(asker, question->id, type);
    return CORDON_OK;
}

/* ---- What was read ------------------------------------------------------------------- */

static int hear_welcome(cordon__asker *asker, cordon__heard *heard, cordon_bytes payload)
{
    cordon__told   *told = &asker->told;
    cordon__welcome welcome;

    if (cordon__welcome_decode(&welcome, payload) != CORDON_OK)
        return cordon__asker_fail(asker, CORDON_EPROTOCOL, "a broken welcome");
    if (welcome.version != (asker->setup.is_control ? 0 : CORDON__WIRE_VERSION))
        return cordon__asker_fail(asker, CORDON_EPROTOCOL, "a version that we did not offer");
    told->version = welcome.version;
    told->features = welcome.features;
    told->pid = welcome.pid;
    told->instance = welcome.instance;
    if (welcome.max_payload < told->max_request)
        told->max_request = welcome.max_payload;
    if (welcome.program.size > 0) /* at most 255: its size was one byte */
        memcpy(told->program, welcome.program.data, welcome.program.size);
    told->program[welcome.program.size] = '\0';
    asker->state = CORDON__ASKER_TALKS;
    heard->kind = CORDON__HEARD_WELCOME;
    return CORDON__HEARD;
}

static int hear_refused(cordon__asker *asker, cordon__heard *heard, cordon_bytes payload)
{
    cordon__refused refused;

    if (cordon__refused_decode(&refused, payload) != CORDON_OK)
        return cordon__asker_fail(asker, CORDON_EPROTOCOL, "a broken refusal");
    heard->kind = CORDON__HEARD_REFUSED;
    heard->wire = refused.code;
    heard->version_min = refused.version_min;
    heard->version_max = refused.version_max;
    heard->body = refused.text;
    (void)cordon__asker_fail(asker, cordon__code_from_wire(refused.code), "refused");
    return CORDON__HEARD;
}

static int hear_failure(cordon__asker *asker, cordon__heard *heard, const cordon__frame *frame)
{
    const uint8_t *payload = (const uint8_t *)frame->body.data;

    if (frame->body.size < 2)
        return cordon__asker_fail(asker, CORDON_EPROTOCOL, "a failure without a code");
    heard->wire = cordon__load16(payload);
    heard->body.data = payload + 2;
    heard->body.size = frame->body.size - 2;
    if (frame->id != 0) {
        heard->kind = CORDON__HEARD_FAILURE;
        return CORDON__HEARD;
    }
    heard->kind = CORDON__HEARD_END;
    (void)cordon__asker_fail(asker, cordon__code_from_wire(heard->wire), "failed by the server");
    return CORDON__HEARD;
}

/* The first answer: let in, or why not. */
static int hear_door(cordon__asker *asker, cordon__heard *heard, const cordon__frame *frame)
{
    if (frame->type == CORDON__WELCOME)
        return hear_welcome(asker, heard, frame->body);
    if (frame->type == CORDON__REFUSED)
        return hear_refused(asker, heard, frame->body);
    if (frame->type == CORDON__FAILURE_FRAME && frame->id == 0)
        return hear_failure(asker, heard, frame);
    return cordon__asker_fail(asker, CORDON_EPROTOCOL, "no welcome");
}

static int hear_frame(cordon__asker *asker, cordon__heard *heard, const cordon__frame *frame)
{
    heard->id = frame->id;
    heard->body = frame->body;
    if (frame->type == CORDON__REPLY_FRAME) { /* mostly */
        heard->kind = frame->flags & CORDON__MORE_PARTS ? CORDON__HEARD_PART : CORDON__HEARD_REPLY;
        return CORDON__HEARD;
    }
    switch (frame->type) {
    case CORDON__FAILURE_FRAME:
        return hear_failure(asker, heard, frame);
    case CORDON__EVENT_FRAME:
        if (asker->setup.wants_events)
            heard->kind = CORDON__HEARD_EVENT;
        return CORDON__HEARD;
    case CORDON__PING:
        heard->kind = CORDON__HEARD_PING;
        return CORDON__HEARD;
    case CORDON__PONG: /* never asked for: passed over */
        return CORDON__HEARD;
    case CORDON__FINISH:
        heard->kind = CORDON__HEARD_FINISH;
        return CORDON__HEARD;
    default:
        return cordon__asker_fail(asker, CORDON_EPROTOCOL, "a second welcome");
    }
}

static int hear_binary(cordon__asker *asker, cordon__heard *heard, cordon_bytes in, size_t *used,
                       size_t *need)
{
    cordon__frame frame;
    int           turn = cordon__frame_next(&asker->decoder, &frame, in, used, need);

    if (turn == CORDON__FRAME_MORE)
        return CORDON__HEAR_MORE;
    if (turn < 0)
        return cordon__asker_fail(asker, turn, asker->decoder.why);
    if (asker->state != CORDON__ASKER_TALKS)
        return hear_door(asker, heard, &frame);
    return hear_frame(asker, heard, &frame);
}

int cordon__asker_hear(cordon__asker *asker, cordon__heard *heard, cordon_bytes in, size_t *used,
                       size_t *need)
{
    int turn;

    *used = 0;
    *need = 1;
    memset(heard, 0, sizeof *heard);
    if (asker->state == CORDON__ASKER_FAILED)
        return asker->failed;
    if (asker->setup.is_json)
        turn = cordon__asker_hear_line(asker, heard, in, used, need);
    else
        turn = hear_binary(asker, heard, in, used, need);
    return turn == CORDON__HEARD && heard->kind >= CORDON__HEARD_PART ? match(asker, heard) : turn;
}
