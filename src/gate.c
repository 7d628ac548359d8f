#include "dialect.h"

#include "gate.h"

#include <stdio.h>
#include <string.h>

#include "fault.h"
#include "json.h"

/* ---- Acts ------------------------------------------------------------------ */

/* All but the text, which is as long as the rest and hardly ever there. */
static void clear(cordon__act *act)
{
    memset(act, 0, offsetof(cordon__act, text)); /* CORDON__ACT_MORE is 0 */
    act->text[0] = '\0';
}

static void act_more(cordon__act *act, size_t need)
{
    act->kind = CORDON__ACT_MORE;
    act->need = need;
}

CORDON__COLD static void act_break(cordon__gate *gate, cordon__act *act, unsigned code,
                                   const char *text)
{
    gate->state = CORDON__GATE_OVER;
    act->kind = CORDON__ACT_BREAK;
    act->code = code;
    (void)snprintf(act->text, sizeof act->text, "%s", text);
}

CORDON__COLD static void act_fail(cordon__act *act, unsigned code, uint32_t id, const char *text)
{
    act->kind = CORDON__ACT_FAIL;
    act->code = code;
    act->id = id;
    (void)snprintf(act->text, sizeof act->text, "%s", text);
}

CORDON__COLD static void act_vanish(cordon__gate *gate, cordon__act *act)
{
    gate->state = CORDON__GATE_OVER;
    act->kind = CORDON__ACT_VANISH;
}

/* ---- Binary ---------------------------------------------------------------- */

/*
 * Versions, then the token: a client that is too old learns that, whatever its
 * token. The layout is frozen, so a HELLO of any version can be read.
 */
static void judge_hello(cordon__gate *gate, const cordon__rules *rules, cordon_bytes payload,
                        cordon__act *act)
{
    cordon__hello hello;

    if (cordon__hello_decode(&hello, payload) != 0) {
        act_break(gate, act, CORDON__MALFORMED, "HELLO is not well-formed");
        return;
    }
    gate->is_control = hello.version_min == 0 && hello.version_max == 0;
    if (!gate->is_control &&
        (hello.version_min > CORDON__WIRE_VERSION || hello.version_max < CORDON__WIRE_VERSION)) {
        act_break(gate, act, CORDON__VERSION, "no common version");
        return;
    }
    if (!cordon__token_is_equal(&rules->token, hello.token)) {
        act_break(gate, act, CORDON__UNAUTHORIZED, "the token was not accepted");
        return;
    }
    gate->features = hello.features;
    gate->peer_limit = hello.max_payload;
    gate->state = CORDON__GATE_VERDICT;
    act->kind = CORDON__ACT_ADMIT;
    act->program = hello.program;
}

/* A frame of an admitted client. */
static void judge_frame(cordon__gate *gate, const cordon__frame *frame, cordon__act *act)
{
    act->id = frame->id;
    act->body = frame->body;
    switch (frame->type) {
    case CORDON__REQUEST:
        act->kind = CORDON__ACT_REQUEST;
        break;
    case CORDON__CANCEL:
        act->kind = CORDON__ACT_CANCEL;
        break;
    case CORDON__PING:
        act->kind = CORDON__ACT_PING;
        break;
    case CORDON__FINISH:
        gate->state = CORDON__GATE_FINISHED;
        act->kind = CORDON__ACT_FINISH;
        break;
    case CORDON__STOP:
        act->kind = CORDON__ACT_STOP;
        break;
    case CORDON__STATUS:
        act->kind = CORDON__ACT_STATUS;
        break;
    case CORDON__UPGRADE:
        act_fail(act, CORDON__UNSUPPORTED, frame->id, "this server does not upgrade");
        break;
    default: /* a second HELLO; the decoder lets no server's frame through */
        act_break(gate, act, CORDON__MALFORMED, "a frame that may not come here");
    }
}

/* Control sessions are understood by every version: four frames and no other. */
static int is_for_control(unsigned type)
{
    return type == CORDON__STATUS || type == CORDON__STOP || type == CORDON__PING ||
           type == CORDON__FINISH;
}

static int is_after_finish(unsigned type)
{
    return type == CORDON__CANCEL;
}

static void route_frame(cordon__gate *gate, const cordon__rules *rules, const cordon__frame *frame,
                        cordon__act *act)
{
    if (gate->state == CORDON__GATE_STRANGER) {
        if (frame->type == CORDON__HELLO)
            judge_hello(gate, rules, frame->body, act);
        else
            act_break(gate, act, CORDON__MALFORMED, "HELLO must come first");
        return;
    }
    if (gate->state == CORDON__GATE_CONTROL && frame->type != CORDON__HELLO &&
        !is_for_control(frame->type)) {
        act_fail(act, CORDON__UNSUPPORTED, frame->id, "a control session has status and stop only");
        return;
    }
    if (gate->state == CORDON__GATE_FINISHED && !is_after_finish(frame->type)) {
        act_break(gate, act, CORDON__MALFORMED, "nothing but CANCEL and PONG may follow FINISH");
        return;
    }
    judge_frame(gate, frame, act);
}

static void next_frame(cordon__gate *gate, const cordon__rules *rules, cordon_bytes in,
                       size_t *used, cordon__act *act)
{
    cordon__frame frame;
    size_t        need;
    int           code;

    for (;;) {
        cordon_bytes rest = {(const uint8_t *)in.data + *used, in.size - *used};
        size_t       taken;

        code = cordon__frame_next(&gate->decoder, &frame, rest, &taken, &need);
        if (code == CORDON__FRAME_MORE) {
            act_more(act, need);
            return;
        }
        if (code != CORDON__FRAME_READY) {
            act_break(gate, act, code == CORDON_EMSGSIZE ? CORDON__TOO_LARGE : CORDON__MALFORMED,
                      gate->decoder.why);
            return;
        }
        *used += taken;
        if (frame.type != CORDON__PONG || gate->state == CORDON__GATE_STRANGER)
            break; /* one that nobody asked for is ignored, from admitted clients */
    }
    route_frame(gate, rules, &frame, act);
}

/* ---- JSON lines ------------------------------------------------------------ */

static int is_space(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

static int is_blank(cordon_bytes line)
{
    const uint8_t *at = line.data;

    for (size_t i = 0; i < line.size; i++) {
        if (!is_space(at[i]))
            return 0;
    }
    return 1;
}

static size_t line_limit(const cordon__gate *gate, const cordon__rules *rules)
{
    if (!cordon__gate_is_admitted(gate) && rules->max_request > CORDON__LINE_MAX_STRANGER)
        return CORDON__LINE_MAX_STRANGER;
    return rules->max_request;
}

/* 0 ready, 1 more, -1 too long. line is without its end; *used counts it. */
static int take_line(cordon__gate *gate, size_t limit, cordon_bytes in, cordon_bytes *line,
                     size_t *used)
{
    const uint8_t *from = in.data;
    const uint8_t *end = NULL;
    size_t         size;

    if (gate->scanned < in.size)
        end = memchr(from + gate->scanned, '\n', in.size - gate->scanned);
    size = end != NULL ? (size_t)(end - from) : in.size;
    /* A '\r' before the end does not count, but it cannot be told from a byte too many. */
    if (size > limit && !(end != NULL && size == limit + 1 && from[limit] == '\r'))
        return size == limit + 1 && end == NULL && from[limit] == '\r' ? 1 : -1;
    if (end == NULL) {
        gate->scanned = (uint32_t)in.size;
        return 1;
    }
    gate->scanned = 0;
    *used = size + 1;
    if (size > 0 && from[size - 1] == '\r')
        size--;
    line->data = from;
    line->size = size;
    return 0;
}

static int is_key(cordon_bytes value)
{
    const uint8_t *at = value.data;
    int64_t        number;

    if (value.size == 0)
        return 0;
    if (at[0] == '"')
        return value.size <= CORDON__KEY_MAX;
    return cordon__json_is_integer(value, &number);
}

static int is_token_right(const cordon__rules *rules, cordon_bytes value)
{
    char          hex[CORDON__TOKEN_HEX];
    cordon__token given;
    cordon_bytes  digits = {hex, sizeof hex};
    cordon_bytes  bytes = {given.bytes, sizeof given.bytes};
    int           is_right;

    if (value.data == NULL ||
        cordon__json_string(hex, sizeof hex, value) != (ptrdiff_t)sizeof hex ||
        !cordon__token_from_hex(&given, digits))
        return 0;
    is_right = cordon__token_is_equal(&rules->token, bytes);
    cordon__wipe(hex, sizeof hex);
    cordon__wipe(&given, sizeof given);
    return is_right;
}

/*
 * The line is scanned whole first, so that MALFORMED wins and says nothing
 * about the token; then the token; only then is the request looked at.
 */
static void judge_line(cordon__gate *gate, const cordon__rules *rules, cordon_bytes line,
                       cordon__act *act)
{
    enum { TOKEN, REQUEST, ID };
    cordon__json_member members[] = {
        {"token", {NULL, 0}}, {"request", {NULL, 0}}, {"id", {NULL, 0}}};
    cordon__json_error error;

    if (cordon__json_object(members, 3, line, CORDON__JSON_DEPTH, &error) != 0) {
        char text[sizeof act->text];
        (void)snprintf(text, sizeof text, "parse: %s, at byte %zu", error.what, error.at);
        act_break(gate, act, CORDON__MALFORMED, text);
        return;
    }
    if (members[REQUEST].value.data == NULL) {
        act_break(gate, act, CORDON__MALFORMED, "parse: no member \"request\"");
        return;
    }
    if (members[ID].value.data != NULL && !is_key(members[ID].value)) {
        act_break(gate, act, CORDON__MALFORMED,
                  "parse: id is neither a whole number within 2^53 nor a string of 128 bytes");
        return;
    }
    if (!is_token_right(rules, members[TOKEN].value)) {
        act_break(gate, act, CORDON__UNAUTHORIZED, "unauthorized");
        return;
    }
    if (gate->state == CORDON__GATE_STRANGER) {
        gate->state = CORDON__GATE_VERDICT;
        act->kind = CORDON__ACT_ADMIT;
        return;
    }
    act->kind = CORDON__ACT_REQUEST;
    act->body = members[REQUEST].value;
    act->key = members[ID].value;
    act->is_one_shot = members[ID].value.data == NULL;
    if (act->is_one_shot) {
        gate->state = CORDON__GATE_OVER;
        gate->is_one_shot = 1;
    } else {
        gate->has_asked_id = 1;
    }
}

static void next_line(cordon__gate *gate, const cordon__rules *rules, cordon_bytes in, size_t *used,
                      cordon__act *act)
{
    size_t limit = line_limit(gate, rules);

    for (;;) {
        cordon_bytes rest = {(const uint8_t *)in.data + *used, in.size - *used};
        cordon_bytes line = {NULL, 0};
        size_t       taken = 0;
        int          found = take_line(gate, limit, rest, &line, &taken);

        if (found > 0) {
            act_more(act, rest.size + 1);
            return;
        }
        if (found < 0) {
            act_break(gate, act, CORDON__TOO_LARGE, "the line is too long");
            return;
        }
        if (is_blank(line)) {
            *used += taken;
            continue;
        }
        judge_line(gate, rules, line, act);
        /* The same line comes again after the verdict: now as a request. */
        if (act->kind != CORDON__ACT_ADMIT)
            *used += taken;
        return;
    }
}

/* ---- The first bytes ------------------------------------------------------- */

static void open_binary(cordon__gate *gate, const cordon__rules *rules, cordon_bytes in,
                        size_t *used, cordon__act *act)
{
    size_t at_hand = in.size < CORDON__MAGIC_SIZE ? in.size : CORDON__MAGIC_SIZE;

    if ((rules->flags & CORDON_NO_BINARY) != 0) {
        act_vanish(gate, act);
        return;
    }
    gate->is_json = 0;
    if (memcmp(in.data, cordon__magic, at_hand) != 0) {
        act_break(gate, act, CORDON__MALFORMED, "not the magic of cordon");
        return;
    }
    if (in.size < CORDON__MAGIC_SIZE) {
        act_more(act, CORDON__MAGIC_SIZE + CORDON__FRAME_HEAD);
        return;
    }
    *used = CORDON__MAGIC_SIZE;
    gate->state = CORDON__GATE_STRANGER;
    next_frame(gate, rules, in, used, act);
}

static void open_json(cordon__gate *gate, const cordon__rules *rules, cordon_bytes in, size_t *used,
                      cordon__act *act)
{
    if ((rules->flags & CORDON_NO_JSON) != 0) {
        act_vanish(gate, act);
        return;
    }
    gate->is_json = 1;
    gate->state = CORDON__GATE_STRANGER;
    next_line(gate, rules, in, used, act);
}

/* White space and one byte-order mark may come before a '{'. */
static void next_opening(cordon__gate *gate, const cordon__rules *rules, cordon_bytes in,
                         size_t *used, cordon__act *act)
{
    static const uint8_t mark[] = {0xEF, 0xBB, 0xBF};
    const uint8_t       *at = in.data;
    size_t               skip = 0;

    if (at[0] == cordon__magic[0]) {
        open_binary(gate, rules, in, used, act);
        return;
    }
    while (skip < in.size && is_space(at[skip]))
        skip++;
    if (skip < in.size && at[skip] == mark[0]) {
        size_t at_hand = in.size - skip < sizeof mark ? in.size - skip : sizeof mark;

        if (memcmp(at + skip, mark, at_hand) != 0) {
            act_vanish(gate, act);
            return;
        }
        skip += at_hand;
        while (skip < in.size && is_space(at[skip]))
            skip++;
    }
    /* Whatever follows them: the same however the bytes were cut. */
    if (skip > CORDON__HELLO_MAX || (skip < in.size && at[skip] != '{')) {
        act_vanish(gate, act);
        return;
    }
    if (skip == in.size) {
        act_more(act, in.size + 1);
        return;
    }
    *used = skip;
    open_json(gate, rules, in, used, act);
}

/* ---- The doors of this file ------------------------------------------------ */

void cordon__gate_open(cordon__gate *gate)
{
    memset(gate, 0, sizeof *gate);
    gate->decoder.is_from_client = 1;
    gate->decoder.limit = CORDON__HELLO_MAX;
}

void cordon__gate_next(cordon__gate *gate, const cordon__rules *rules, cordon_bytes in,
                       size_t *used, cordon__act *act)
{
    clear(act);
    *used = 0;
    if (in.size == 0 || gate->state == CORDON__GATE_OVER || gate->state == CORDON__GATE_VERDICT)
        act_more(act, 1);
    else if (gate->state == CORDON__GATE_OPENING)
        next_opening(gate, rules, in, used, act);
    else if (gate->is_json)
        next_line(gate, rules, in, used, act);
    else
        next_frame(gate, rules, in, used, act);
}

void cordon__gate_admit(cordon__gate *gate, const cordon__rules *rules)
{
    gate->state = gate->is_control ? CORDON__GATE_CONTROL : CORDON__GATE_ADMITTED;
    gate->decoder.limit = gate->is_control ? CORDON__HELLO_MAX : rules->max_request;
}

void cordon__gate_open_private(cordon__gate *gate, const cordon__rules *rules)
{
    cordon__gate_open(gate);
    gate->features = 1; /* events: who does not want them passes them over */
    gate->peer_limit = UINT32_MAX;
    cordon__gate_admit(gate, rules);
}

void cordon__gate_close(cordon__gate *gate)
{
    gate->state = CORDON__GATE_OVER;
}

void cordon__gate_end(cordon__gate *gate, cordon_bytes rest, cordon__act *act)
{
    clear(act);
    if (gate->is_json && gate->state != CORDON__GATE_OVER && !is_blank(rest))
        act_break(gate, act, CORDON__MALFORMED, "parse: the line does not end");
    else
        act_more(act, 1);
}

int cordon__gate_is_admitted(const cordon__gate *gate)
{
    return gate->state == CORDON__GATE_ADMITTED || gate->state == CORDON__GATE_CONTROL ||
           gate->state == CORDON__GATE_FINISHED;
}
