/* The words of conversations: frames to and from text. */
#include "../../src/dialect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "words.h"

static const char *const types[] = {"",      "hello",   "welcome", "refused", "request",
                                    "reply", "failure", "event",   "cancel",  "ping",
                                    "pong",  "finish",  "stop",    "status",  "upgrade"};

#define KNOWN (sizeof types / sizeof types[0])

static size_t put(char *to, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        to[i] = (char)(value >> 8 * i & 0xFF);
    return size;
}

static uint32_t get(const char *from, size_t size)
{
    uint32_t value = 0;

    for (size_t i = size; i > 0; i--)
        value = value << 8 | (unsigned char)from[i - 1];
    return value;
}

static size_t head(char *to, uint64_t length, unsigned type, unsigned flags, unsigned handles,
                   uint32_t id)
{
    put(to, length, 4);
    put(to + 4, type, 1);
    put(to + 5, flags, 1);
    put(to + 6, handles, 2);
    put(to + 8, id, 4);
    return 12;
}

static size_t frame(char *to, unsigned type, unsigned flags, unsigned handles, uint32_t id,
                    const char *body, size_t size)
{
    head(to, size, type, flags, handles, id);
    memcpy(to + 12, body, size);
    return 12 + size;
}

/* ---- said -------------------------------------------------------------------------- */

typedef struct hello {
    unsigned       min, max;
    uint32_t       features, limit;
    const uint8_t *token;
    unsigned       token_size, extra;
} hello;

static size_t put_hello(char *to, const hello *it)
{
    char   body[8192];
    size_t size = 0;

    size += put(body + size, it->min, 2);
    size += put(body + size, it->max, 2);
    size += put(body + size, it->features, 4);
    size += put(body + size, it->limit, 4);
    size += put(body + size, it->token_size, 1);
    memcpy(body + size, it->token, it->token_size);
    size += it->token_size;
    size += put(body + size, 4, 1);
    memcpy(body + size, "test", 4);
    size += 4;
    memset(body + size, 'x', it->extra);
    size += it->extra;
    return frame(to, 1, 0, 0, 0, body, size);
}

static unsigned type_named(const char *name)
{
    for (unsigned i = 1; i < KNOWN; i++)
        if (strcmp(types[i], name) == 0)
            return i;
    return 0;
}

/* The parts of a word between its colons; the last one has the rest. */
static size_t cut(char *parts[], size_t most, char *word)
{
    size_t count = 0;

    while (count < most) {
        parts[count++] = word;
        word = count < most ? strchr(word, ':') : NULL;
        if (!word)
            break;
        *word++ = '\0';
    }
    return count;
}

static uint32_t number(const char *text)
{
    return (uint32_t)strtoul(text, NULL, 0);
}

static size_t say_hello(char *to, char *parts[], size_t count, const uint8_t token[32])
{
    uint8_t other[32];
    hello   it = {1, 1, 1, 1 << 20, NULL, 32, 0};

    memcpy(other, token, sizeof other);
    it.token = other;
    if (strcmp(parts[0], "wrong") == 0)
        other[count > 1 ? number(parts[1]) / 8 : 31] ^=
            (uint8_t)(1u << (count > 1 ? number(parts[1]) % 8 : 0));
    else if (strcmp(parts[0], "bare") == 0)
        it.token_size = 0;
    else if (strcmp(parts[0], "short") == 0)
        it.token_size = 5;
    else if (strcmp(parts[0], "twice") == 0)
        it.extra = number(parts[1]);
    else if (strcmp(parts[0], "hello") != 0)
        return 0;
    else if (count > 2) {
        it.min = number(parts[1]);
        it.max = number(parts[2]);
        it.features = count > 3 ? number(parts[3]) : 1;
        it.limit = count > 4 ? number(parts[4]) : 1 << 20;
    }
    return put_hello(to, &it);
}

static size_t say_bytes(char *to, const char *hex)
{
    size_t size = 0;

    for (; hex[0] && hex[1]; hex += 2) {
        const char two[3] = {hex[0], hex[1], '\0'};

        to[size++] = (char)strtoul(two, NULL, 16);
    }
    return size;
}

static size_t say_big(char *to, char *parts[])
{
    const size_t size = number(parts[2]);

    head(to, size, 4, 0, 0, number(parts[1]));
    memset(to + 12, 'x', size);
    return 12 + size;
}

/* How many parts a word has: the last one may hold colons. */
static size_t parts_of(const char *word)
{
    if (strncmp(word, "ping", 4) == 0 || strncmp(word, "pong", 4) == 0)
        return 2;
    return strncmp(word, "frame", 5) == 0   ? 6
           : strncmp(word, "head", 4) == 0  ? 5
           : strncmp(word, "hello", 5) == 0 ? 5
                                            : 3;
}

/* One word; 0: there is no such. */
static size_t say_word(char *to, char *word, const uint8_t token[32])
{
    char        *parts[6] = {"", "", "", "", "", ""};
    const size_t count = cut(parts, parts_of(word), word);
    size_t       size;
    unsigned     type;

    if (strcmp(word, "magic") == 0) {
        memcpy(to,
               "\xC0"
               "CRD",
               4);
        return 4;
    }
    if (strcmp(word, "bytes") == 0)
        return say_bytes(to, parts[1]);
    if (strcmp(word, "big") == 0)
        return say_big(to, parts);
    if (strcmp(word, "head") == 0)
        return head(to, number(parts[1]), number(parts[2]), number(parts[3]), 0, number(parts[4]));
    if (strcmp(word, "frame") == 0)
        return frame(to, number(parts[1]), number(parts[2]), number(parts[3]), number(parts[4]),
                     parts[5], strlen(parts[5]));
    size = say_hello(to, parts, count, token);
    if (size > 0)
        return size;
    type = type_named(word);
    if (type == 9 || type == 10)
        return frame(to, type, 0, 0, 0, parts[1], strlen(parts[1]));
    if (type == 4 || type == 8 || type == 11 || type == 12 || type == 13 || type == 14)
        return frame(to, type, 0, 0, number(parts[1]), parts[2], strlen(parts[2]));
    return 0;
}

size_t words_say(char *to, size_t room, const char *line, const uint8_t token[32])
{
    char   copy[4096];
    char  *word = copy;
    size_t size = 0;

    snprintf(copy, sizeof copy, "%s", line);
    while (*word) {
        char  *end = strchr(word, ' ');
        size_t step;

        if (end)
            *end = '\0';
        step = say_word(to + size, word, token);
        if (step == 0 || size + step > room) {
            fprintf(stderr, "no such word: '%s' in '%s'\n", word, line);
            abort();
        }
        size += step;
        word = end ? end + 1 : word + strlen(word);
    }
    return size;
}

/* ---- heard -------------------------------------------------------------------------- */

static const char *code_name(unsigned code, char text[16])
{
    static const char *const names[] = {"0",         "UNAUTHORIZED", "VERSION",     "BUSY",
                                        "TOO_LARGE", "MALFORMED",    "UNSUPPORTED", "TIMED_OUT",
                                        "CANCELED",  "STOPPING",     "NOT_READY",   "INTERNAL"};

    if (code < sizeof names / sizeof names[0])
        return names[code];
    snprintf(text, 16, "%u", code);
    return text;
}

static void add_body(char *out, size_t room, const char *body, size_t size)
{
    const size_t used = strlen(out);

    if (size > 40)
        snprintf(out + used, room - used, "#%zu", size);
    else
        snprintf(out + used, room - used, "%.*s", (int)size, body);
}

static void hear_frame(char *out, size_t room, const char *at, size_t size)
{
    const unsigned type = (unsigned char)at[4];
    const uint32_t id = get(at + 8, 4);
    const char    *body = at + 12;
    char           code[16];

    if (at[6] != 0 || at[7] != 0 || (at[5] != 0 && type != 5))
        snprintf(out, room, "BROKEN-");
    else
        out[0] = '\0';
    out += strlen(out);
    if (type == 2)
        snprintf(out, room, "welcome:%u", (unsigned)get(body, 2));
    else if (type == 3)
        snprintf(out, room, "refused:%s", code_name(get(body, 2), code));
    else if (type == 6)
        snprintf(out, room, "failure:%u:%s", (unsigned)id, code_name(get(body, 2), code));
    else if (type == 5) {
        snprintf(out, room, "%s:%u:", at[5] ? "part" : "reply", (unsigned)id);
        add_body(out, room, body, size);
    } else if (type == 7 || type == 9 || type == 10) {
        snprintf(out, room, "%s:", types[type]);
        add_body(out, room, body, size);
    } else if (type == 11)
        snprintf(out, room, "finish");
    else
        snprintf(out, room, "UNEXPECTED-TYPE-%u", type);
}

void words_hear(char *out, size_t room, const char *data, size_t size)
{
    out[0] = '\0';
    while (size > 0) {
        const size_t used = strlen(out);
        size_t       body;

        snprintf(out + used, room - used, "%s", used > 0 ? " " : "");
        body = size >= 12 ? get(data, 4) : 0;
        if (size < 12 + body) {
            snprintf(out + strlen(out), room - strlen(out), "HALF-A-FRAME");
            return;
        }
        hear_frame(out + strlen(out), room - strlen(out), data, body);
        data += 12 + body;
        size -= 12 + body;
    }
}
