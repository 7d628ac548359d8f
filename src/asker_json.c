/*
 * The asker's JSON lines.
 */
#include "dialect.h"

#include "asker.h"

#include <stdio.h>
#include <string.h>

#include "fault.h"
#include "json.h"

/* Over the largest data: the line around it, or the longest text with every byte escaped. */
#define LINE_EXTRA ((size_t)32 * 1024)

/* ---- Asking --------------------------------------------------------------------- */

/* The value's own bytes; a copy only where it stands on several lines. */
static int one_line(cordon__asker *asker, cordon_bytes *body)
{
    cordon__buffer *text = &asker->text;
    int             code;

    if (memchr(body->data, '\n', body->size) == NULL)
        return CORDON_OK;
    cordon__buffer_take(text, cordon__buffer_size(text));
    code = cordon__buffer_append(text, &asker->setup.memory, body->data, body->size,
                                 CORDON__NO_CEILING);
    if (code != CORDON_OK)
        return code;
    cordon__json_one_line(text->data + text->start, body->size);
    *body = cordon__buffer_view(text);
    return CORDON_OK;
}

int cordon__asker_ask_line(cordon__asker *asker, cordon__question *question, cordon_bytes body,
                           const cordon__token *token)
{
    char               hex[CORDON__TOKEN_HEX + 1];
    char               id[32] = "";
    cordon__json_error error;
    int                code, size;

    if (body.size == 0 || cordon__json_check(body, CORDON__JSON_DEPTH - 1, &error) != CORDON_OK)
        return CORDON_EINVAL;
    if ((code = one_line(asker, &body)) != CORDON_OK)
        return code;
    if (!asker->setup.is_one_shot)
        (void)snprintf(id, sizeof id, ",\"id\":%lu", (unsigned long)question->id);
    cordon__token_to_hex(hex, token);
    size = snprintf(question->head, sizeof question->head, "{\"token\":\"%s\"%s,\"request\":", hex,
                    id);
    cordon__wipe(hex, sizeof hex);
    question->head_size = (size_t)size;
    question->body = body;
    memcpy(question->tail, "}\n", 2);
    question->tail_size = 2;
    return CORDON_OK;
}

/* ---- Hearing --------------------------------------------------------------------- */

enum { OK, ID, DATA, MORE, ERROR, CODE, EVENT, MEMBERS };

static int is_word(cordon_bytes value, const char *word)
{
    return value.size == strlen(word) && memcmp(value.data, word, value.size) == 0;
}

/* A member that must be true or false, if it is there. */
static int is_truth(cordon_bytes value)
{
    return value.data == NULL || is_word(value, "true") || is_word(value, "false");
}

static int is_blank(cordon_bytes line)
{
    const char *text = (const char *)line.data;

    for (size_t i = 0; i < line.size; i++)
        if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r')
            return 0;
    return 1;
}

/* "BUSY" or a number of the application's; anything else is read as INTERNAL. */
static unsigned wire_of(cordon_bytes value)
{
    char      name[32];
    ptrdiff_t size;
    int64_t   number;

    if (value.data == NULL)
        return CORDON__INTERNAL;
    if (cordon__json_is_integer(value, &number))
        return number >= CORDON__APP && number <= UINT16_MAX ? (unsigned)number : CORDON__INTERNAL;
    size = cordon__json_string(name, sizeof name, value);
    if (size < 0)
        return CORDON__INTERNAL;
    return cordon__wire_number((cordon_bytes){name, (size_t)size});
}

/* The text unescaped: never longer than it was with its quotes. */
static int text_of(cordon__asker *asker, cordon_bytes *text, cordon_bytes value)
{
    cordon__buffer *store = &asker->text;
    ptrdiff_t       size;
    int             code;

    cordon__buffer_take(store, cordon__buffer_size(store));
    *text = (cordon_bytes){NULL, 0};
    if (value.data == NULL)
        return CORDON_OK;
    code = cordon__buffer_reserve(store, &asker->setup.memory, value.size, CORDON__NO_CEILING);
    if (code != CORDON_OK)
        return cordon__asker_fail(asker, code, "no memory for a failure's text");
    size = cordon__json_string(cordon__buffer_tail(store), value.size, value);
    if (size < 0)
        return cordon__asker_fail(asker, CORDON_EPROTOCOL, "error is not a string");
    cordon__buffer_add(store, (size_t)size);
    *text = cordon__buffer_view(store);
    return CORDON_OK;
}

/* Whose answer it is. 0: nobody's by name. */
static int id_of(cordon__asker *asker, uint32_t *id, cordon_bytes value)
{
    int64_t number;

    *id = 0;
    if (value.data == NULL)
        return CORDON_OK;
    if (!cordon__json_is_integer(value, &number) || number < 1 || number > UINT32_MAX)
        return cordon__asker_fail(asker, CORDON_EPROTOCOL, "an id that we did not send");
    *id = (uint32_t)number;
    return CORDON_OK;
}

/*
 * 1. It has an id: the failure of that request.
 * 2. The token was wrong: that is a refusal, whoever asked.
 * 3. The only request of a one-shot connection failed.
 * 4. The connection is at its end.
 */
static int hear_failure(cordon__asker *asker, cordon__heard *heard)
{
    heard->kind = CORDON__HEARD_FAILURE;
    if (heard->id != 0)
        return CORDON__HEARD;
    if (heard->wire == CORDON__UNAUTHORIZED) {
        heard->kind = CORDON__HEARD_REFUSED;
    } else if (asker->setup.is_one_shot && asker->count > 0) {
        heard->id = asker->asked[asker->first].id;
        return CORDON__HEARD;
    } else {
        heard->kind = CORDON__HEARD_END;
    }
    (void)cordon__asker_fail(asker, cordon__code_from_wire(heard->wire), "failed by the server");
    return CORDON__HEARD;
}

static int hear_answer(cordon__asker *asker, cordon__heard *heard,
                       const cordon__json_member *member)
{
    int code;

    if (member[OK].value.data == NULL || !is_truth(member[OK].value) ||
        !is_truth(member[MORE].value))
        return cordon__asker_fail(asker, CORDON_EPROTOCOL, "ok or more is not a truth");
    if ((code = id_of(asker, &heard->id, member[ID].value)) != CORDON_OK)
        return code;
    if (is_word(member[OK].value, "false")) {
        heard->wire = wire_of(member[CODE].value);
        if ((code = text_of(asker, &heard->body, member[ERROR].value)) != CORDON_OK)
            return code;
        return hear_failure(asker, heard);
    }
    if (member[DATA].value.data == NULL)
        return cordon__asker_fail(asker, CORDON_EPROTOCOL, "a reply without data");
    if (member[DATA].value.size > asker->setup.max_reply)
        return cordon__asker_fail(asker, CORDON_EMSGSIZE, "a reply over our limit");
    heard->body = member[DATA].value;
    heard->kind = member[MORE].value.data != NULL && is_word(member[MORE].value, "true")
                      ? CORDON__HEARD_PART
                      : CORDON__HEARD_REPLY;
    if (heard->id == 0 && asker->setup.is_one_shot && asker->count > 0)
        heard->id = asker->asked[asker->first].id;
    return CORDON__HEARD;
}

static int hear_object(cordon__asker *asker, cordon__heard *heard, cordon_bytes line)
{
    cordon__json_member member[MEMBERS] = {
        {"ok", {NULL, 0}},    {"id", {NULL, 0}},   {"data", {NULL, 0}},  {"more", {NULL, 0}},
        {"error", {NULL, 0}}, {"code", {NULL, 0}}, {"event", {NULL, 0}},
    };
    cordon__json_error error = {NULL, 0};

    if (cordon__json_object(member, MEMBERS, line, CORDON__JSON_DEPTH, &error) != CORDON_OK)
        return cordon__asker_fail(asker, CORDON_EPROTOCOL, error.what ? error.what : "not JSON");
    if (member[EVENT].value.data == NULL)
        return hear_answer(asker, heard, member);
    if (member[EVENT].value.size > asker->setup.max_reply)
        return cordon__asker_fail(asker, CORDON_EMSGSIZE, "an event over our limit");
    heard->body = member[EVENT].value;
    if (asker->setup.wants_events)
        heard->kind = CORDON__HEARD_EVENT;
    return CORDON__HEARD;
}

int cordon__asker_hear_line(cordon__asker *asker, cordon__heard *heard, cordon_bytes in,
                            size_t *used, size_t *need)
{
    const char  *text = (const char *)in.data;
    const char  *end = NULL;
    cordon_bytes line;

    /* Bytes looked at once are not looked at again when more come. */
    if (in.size > asker->scanned)
        end = (const char *)memchr(text + asker->scanned, '\n', in.size - asker->scanned);
    line.data = text;
    line.size = end != NULL ? (size_t)(end - text) : in.size;
    if (line.size > asker->setup.max_reply + LINE_EXTRA)
        return cordon__asker_fail(asker, CORDON_EMSGSIZE, "a line over our limit");
    if (end == NULL) {
        asker->scanned = in.size;
        *need = in.size + 1;
        return CORDON__HEAR_MORE;
    }
    asker->scanned = 0;
    *used = line.size + 1;
    if (is_blank(line))
        return CORDON__HEARD;
    return hear_object(asker, heard, line);
}
