#include "gate_kit.h"

#include "../../src/buffer.h"

hearing at;
script  said;

static cordon__rules some_rules(void)
{
    cordon__rules rules = {0, LIMIT, {{0}}};

    for (size_t i = 0; i < CORDON__TOKEN_SIZE; i++)
        rules.token.bytes[i] = (uint8_t)i;
    return rules;
}

/* ---- words to bytes ------------------------------------------------------------------- */

void add(script *to, const void *data, size_t size)
{
    assert_true(size <= ROOM - to->size);
    if (size > 0)
        memcpy(to->bytes + to->size, data, size);
    to->size += size;
}

static void add_frame(script *to, unsigned type, uint32_t id, const void *body, size_t size)
{
    uint8_t head[CORDON__FRAME_HEAD];

    cordon__frame_head(head, (enum cordon__frame_type)type, 0, id, size);
    add(to, head, sizeof head);
    add(to, body, size);
}

static void add_hello(script *to, const char *word)
{
    uint8_t       bytes[32], payload[CORDON__HELLO_MAX];
    cordon__hello hello = {0, 0, 1, 4096, {bytes, 32}, {"me 1", 4}};
    unsigned      min, max;
    char          token[16];

    assert_int_equal(sscanf(word, "hello:%u-%u:%15s", &min, &max, token), 3);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    bytes[31] ^= strcmp(token, "wrong") == 0;
    hello.version_min = (uint16_t)min;
    hello.version_max = (uint16_t)max;
    hello.token.size = strcmp(token, "none") == 0 ? 0 : 32;
    cordon__hello_encode(payload, &hello);
    if (strcmp(token, "half") == 0)
        payload[12] = 16;
    add_frame(to, CORDON__HELLO, 0, payload, 14 + hello.token.size + 4);
}

static void add_hex(script *to, const char *digits)
{
    unsigned byte;

    for (; sscanf(digits, "%2x", &byte) == 1; digits += 2) {
        const uint8_t one = (uint8_t)byte;

        add(to, &one, 1);
    }
}

static void add_word(script *to, const char *word)
{
    static uint8_t many[ROOM];
    unsigned       type, id, count;
    int            at = 0;

    if (strcmp(word, "magic") == 0) {
        add(to, cordon__magic, CORDON__MAGIC_SIZE);
    } else if (strncmp(word, "hello:", 6) == 0) {
        add_hello(to, word);
    } else if (strncmp(word, "hex:", 4) == 0) {
        add_hex(to, word + 4);
    } else {
        assert_int_equal(sscanf(word, "%u:%u:%n", &type, &id, &at), 2);
        if (sscanf(word + at, "x%u", &count) != 1) {
            add_frame(to, type, id, word + at, strlen(word + at));
            return;
        }
        memset(many, 'x', count);
        add_frame(to, type, id, many, count);
    }
}

void write_script(script *to, const char *words)
{
    char word[256];
    int  size;

    to->size = 0;
    for (; sscanf(words, " %255s%n", word, &size) == 1; words += size)
        add_word(to, word);
}

/* JSON lines: $T stands for the token. */
void write_lines(script *to, const char *text)
{
    to->size = 0;
    for (; *text; text++) {
        if (text[0] == '$' && text[1] == 'T') {
            add(to, TOKEN, 64);
            text++;
        } else {
            add(to, text, 1);
        }
    }
}

/* ---- acts to a log ---------------------------------------------------------------------- */

static void note(hearing *of, const char *format, ...)
{
    size_t  used = strlen(of->log);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(of->log + used, sizeof of->log - used, format, arguments);
    va_end(arguments);
}

/* Long bodies as their size; view is not NUL-terminated. */
static void note_bytes(hearing *of, cordon_bytes view)
{
    if (view.size > 64)
        note(of, "x%zu", view.size);
    else if (view.size > 0)
        note(of, "%.*s", (int)view.size, (const char *)view.data);
}

static void note_act(hearing *of, const cordon__act *act)
{
    static const char *const names[] = {"",     "admit",  "request", "cancel", "ping",  "finish",
                                        "stop", "status", "fail",    "break",  "vanish"};

    note(of, "%s%s", of->log[0] ? " " : "", names[act->kind]);
    if (act->kind == CORDON__ACT_FAIL || act->kind == CORDON__ACT_BREAK) {
        memcpy(of->text, act->text, sizeof of->text);
        assert_non_null(memchr(act->text, '\0', sizeof act->text));
        assert_true(act->text[0] != '\0');
        note(of, ":%s", cordon__wire_name(act->code));
    }
    if (act->key.size > 0 || act->is_one_shot) {
        note(of, ":");
        note_bytes(of, act->key);
    } else if (act->id != 0) {
        note(of, ":%u", (unsigned)act->id);
    }
    if (act->kind == CORDON__ACT_REQUEST || act->kind == CORDON__ACT_PING) {
        note(of, ":");
        note_bytes(of, act->body);
    }
}

/* As a server does: keeps what is not used, says yes to whom the gate would admit. */
void hear(const void *bytes, size_t size)
{
    memcpy(at.kept + at.size, bytes, size);
    at.size += size;
    for (;;) {
        cordon_bytes in = unit_exact(at.kept, at.size);
        cordon__act  act;
        size_t       used;

        cordon__gate_next(&at.gate, &at.rules, in, &used, &act);
        assert_true(used <= at.size);
        if (act.kind != CORDON__ACT_MORE)
            note_act(&at, &act);
        unit_drop(in);
        at.size -= used;
        memmove(at.kept, at.kept + used, at.size);
        if (act.kind == CORDON__ACT_MORE) {
            if (at.gate.state != CORDON__GATE_OVER)
                assert_true(act.need > at.size);
            return;
        }
        if (act.kind == CORDON__ACT_ADMIT)
            cordon__gate_admit(&at.gate, &at.rules);
    }
}

void start(unsigned flags)
{
    memset(&at, 0, sizeof at);
    at.rules = some_rules();
    at.rules.flags = flags;
    cordon__gate_open(&at.gate);
}

void expect_log(const char *words, const char *expected)
{
    if (strcmp(at.log, expected) != 0)
        fail_msg("%s:\n  expected %s\n  heard    %s", words, expected, at.log);
}

void say_each_way(unsigned flags, const char *words, const char *expected)
{
    start(flags);
    hear(said.bytes, said.size);
    expect_log(words, expected);
    start(flags);
    for (size_t i = 0; i < said.size; i++)
        hear(said.bytes + i, 1);
    expect_log(words, expected);
    for (size_t cut = 0; said.size < 2000 && cut < said.size; cut++) {
        start(flags);
        hear(said.bytes, cut);
        hear(said.bytes + cut, said.size - cut);
        expect_log(words, expected);
    }
}

void hold_talks(const talk *talks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        write_script(&said, talks[i].words);
        say_each_way(0, talks[i].words, talks[i].log);
    }
}

void hold_lines(const talk *talks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        write_lines(&said, talks[i].words);
        say_each_way(0, talks[i].words, talks[i].log);
    }
}
