#include "dialect.h"

#include "answer.h"

#include <stdio.h>
#include <string.h>

#include "fault.h"
#include "json.h"
#include "utf8.h"

/* ---- Around a body --------------------------------------------------------- */

static void wrap_json(cordon__wrap *wrap, const cordon__reference *to, const char *front,
                      const char *back)
{
    int size = to->key.size > 0 ? snprintf(wrap->head, sizeof wrap->head, "%s,\"id\":%.*s%s", front,
                                           (int)to->key.size, (const char *)to->key.data, back)
                                : snprintf(wrap->head, sizeof wrap->head, "%s%s", front, back);

    wrap->head_size = (size_t)size;
    memcpy(wrap->tail, "}\n", 2);
    wrap->tail_size = 2;
}

void cordon__wrap_reply(cordon__wrap *wrap, const cordon__reference *to, int is_part, size_t size)
{
    if (to->is_json) {
        wrap_json(wrap, to, "{\"ok\":true", is_part ? ",\"more\":true,\"data\":" : ",\"data\":");
        return;
    }
    cordon__frame_head((uint8_t *)wrap->head, CORDON__REPLY_FRAME, is_part ? CORDON__MORE_PARTS : 0,
                       to->id, size);
    wrap->head_size = CORDON__FRAME_HEAD;
    wrap->tail_size = 0;
}

void cordon__wrap_event(cordon__wrap *wrap, int is_json, size_t size)
{
    static const cordon__reference none = {1, 0, {NULL, 0}};

    if (is_json) {
        wrap_json(wrap, &none, "{\"event\":", "");
        return;
    }
    cordon__frame_head((uint8_t *)wrap->head, CORDON__EVENT_FRAME, 0, 0, size);
    wrap->head_size = CORDON__FRAME_HEAD;
    wrap->tail_size = 0;
}

/* ---- Whole messages -------------------------------------------------------- */

static int put(cordon__buffer *out, const cordon__memory *memory, const void *data, size_t size)
{
    return cordon__buffer_append(out, memory, data, size, CORDON__NO_CEILING);
}

static cordon_bytes cut(cordon_bytes text, size_t limit)
{
    text.size = cordon__utf8_cut(text.data, text.size, limit);
    return text;
}

int cordon__say_frame(cordon__buffer *out, const cordon__memory *memory,
                      enum cordon__frame_type type, uint32_t id, cordon_bytes payload)
{
    uint8_t head[CORDON__FRAME_HEAD];

    if (cordon__buffer_reserve(out, memory, sizeof head + payload.size, CORDON__NO_CEILING) != 0)
        return CORDON_ENOMEM;
    cordon__frame_head(head, type, 0, id, payload.size);
    cordon__buffer_put(out, (cordon_bytes){head, sizeof head});
    cordon__buffer_put(out, payload);
    return 0;
}

static int say_json_code(cordon__buffer *out, const cordon__memory *memory, unsigned code)
{
    const char *name = code < CORDON__APP ? cordon__wire_name(code) : NULL;
    char        text[40];
    int         size;

    if (code >= CORDON__APP)
        size = snprintf(text, sizeof text, ",\"code\":%u}\n", code);
    else
        size = snprintf(text, sizeof text, ",\"code\":\"%s\"}\n",
                        name != NULL ? name : cordon__wire_name(CORDON__INTERNAL));
    return put(out, memory, text, (size_t)size);
}

static int say_json_failure(cordon__buffer *out, const cordon__memory *memory,
                            const cordon__reference *to, unsigned code, cordon_bytes text)
{
    cordon__wrap wrap;
    size_t       before = out->end - out->start;

    wrap_json(&wrap, to, "{\"ok\":false", ",\"error\":");
    if (put(out, memory, wrap.head, wrap.head_size) == 0 &&
        cordon__json_quote(out, memory, text, CORDON__NO_CEILING) == 0 &&
        say_json_code(out, memory, code) == 0)
        return 0;
    out->end = out->start + before; /* half a line is worse than none */
    return CORDON_ENOMEM;
}

int cordon__say_failure(cordon__buffer *out, const cordon__memory *memory,
                        const cordon__reference *to, unsigned code, cordon_bytes text)
{
    uint8_t head[CORDON__FRAME_HEAD + 2];

    text = cut(text, CORDON__TEXT_MAX);
    if (to->is_json)
        return say_json_failure(out, memory, to, code, text);
    if (cordon__buffer_reserve(out, memory, sizeof head + text.size, CORDON__NO_CEILING) != 0)
        return CORDON_ENOMEM;
    cordon__frame_head(head, CORDON__FAILURE_FRAME, 0, to->id, 2 + text.size);
    cordon__store16(head + CORDON__FRAME_HEAD, (uint16_t)code);
    (void)put(out, memory, head, sizeof head);
    (void)put(out, memory, text.data, text.size);
    return 0;
}

int cordon__say_refused(cordon__buffer *out, const cordon__memory *memory, int is_json,
                        unsigned code, cordon_bytes text)
{
    static const cordon__reference none = {1, 0, {NULL, 0}};
    cordon__refused                refused;
    uint8_t                        payload[CORDON__HELLO_MAX];
    cordon_bytes                   view = {payload, 0};

    if (is_json)
        return say_json_failure(out, memory, &none, code, text);
    refused.code = (uint16_t)code;
    refused.version_min = CORDON__WIRE_VERSION;
    refused.version_max = CORDON__WIRE_VERSION;
    refused.text = cut(text, sizeof payload - 6);
    view.size = cordon__refused_encode(payload, &refused);
    return cordon__say_frame(out, memory, CORDON__REFUSED, 0, view);
}

int cordon__say_welcome(cordon__buffer *out, const cordon__memory *memory,
                        const cordon__welcome *welcome)
{
    uint8_t frame[CORDON__FRAME_HEAD + CORDON__HELLO_MAX];
    size_t  size = cordon__welcome_encode(frame + CORDON__FRAME_HEAD, welcome);

    cordon__frame_head(frame, CORDON__WELCOME, 0, 0, size);
    return put(out, memory, frame, CORDON__FRAME_HEAD + size);
}
