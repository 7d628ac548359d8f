/* Runs the conversations of talk.h. */
#include "../../src/dialect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "talk_stage.h"
#include "words.h"

#define HEARD_MAX (4u << 20)
#define ROOM      (2u << 20)

talk_stage stage;

static char *bytes;          /* ROOM of them */
static char *heard[CLIENTS]; /* HEARD_MAX for each: kept from one conversation to the next */

void talk_wrong(const char *what, const char *expected, const char *found)
{
    fprintf(
        stderr, "\"%s\" (%s, seed %u, cut at %zu): at \"%s\": %s\n  expected: %s\n  found:    %s\n",
        stage.it->name, stage.mode, stage.seed, stage.cut_at, stage.line, what, expected, found);
    fail();
}

/* ---- clients ----------------------------------------------------------------------------- */

static void dial(void *context)
{
    client *it = context;

    it->handle = sim_dial(stage.address);
}

static client *client_of(size_t number)
{
    client *it = &stage.clients[number];

    if (it->handle == 0) {
        if (!heard[number])
            heard[number] = malloc(HEARD_MAX);
        it->heard = heard[number];
        assert_non_null(it->heard);
        assert_true(sim_as(stage.guest, dial, it));
        if (it->handle == CORDON__NO_HANDLE)
            talk_wrong("it cannot connect", "", "");
    }
    return it;
}

/* All of it, in pieces where they are asked for; the server takes its turns when it is full. */
static void say(client *it, const char *data, size_t size)
{
    while (size > 0 && it->handle != CORDON__NO_HANDLE) {
        size_t step = size;
        long   sent;

        if (stage.cut_at > stage.said && stage.cut_at < stage.said + size)
            step = stage.cut_at - stage.said;
        sent = sim_write(it->handle, data, step);
        if (sent < 0)
            return;
        if (sent == 0 || stage.said + (size_t)sent == stage.cut_at)
            sim_settle();
        data += sent;
        size -= (size_t)sent;
        stage.said += (size_t)sent;
    }
}

static void hear(client *it)
{
    long got = 0;

    if (it->handle == CORDON__NO_HANDLE)
        return;
    do {
        sim_settle();
        assert_true(it->size < HEARD_MAX - ROOM);
        got = it->has_ended ? -1 : sim_read(it->handle, it->heard + it->size, ROOM);
        it->has_ended = got < 0;
        it->size += got > 0 ? (size_t)got : 0;
    } while (got > 0);
    sim_settle();
}

/* ---- lines ------------------------------------------------------------------------------- */

static size_t with_token(char *to, const char *text)
{
    size_t size = 0;

    for (; *text; text++) {
        if (text[0] == '$' && text[1] == 'T') {
            memcpy(to + size, stage.hex, 64);
            size += 64;
            text++;
        } else {
            to[size++] = *text;
        }
    }
    return size;
}

static void line_say(client *it, const char *text)
{
    size_t size;

    if (text[0] == '{') {
        size = with_token(bytes, text);
        bytes[size++] = '\n';
    } else if (text[0] == '>') {
        size = with_token(bytes, text + 1);
    } else {
        size = words_say(bytes, ROOM, text + (text[0] == ' '), stage.token);
    }
    say(it, bytes, size);
    sim_settle();
}

static void line_gibberish(client *it, size_t size)
{
    memset(bytes, 'z', size < ROOM ? size : ROOM);
    for (int tries = 0; size > 0 && tries < 100; tries++) {
        const long sent = sim_write(it->handle, bytes, size < ROOM ? size : ROOM);

        sim_settle();
        if (sent < 0)
            return;
        size -= (size_t)sent;
    }
}

static void compare(const char *what, const char *expected, const char *found)
{
    const size_t size = strlen(expected);
    const int    is_open = size > 0 && expected[size - 1] == '*';

    if (is_open ? strncmp(expected, found, size - 1) != 0 : strcmp(expected, found) != 0)
        talk_wrong(what, expected, found);
}

static void line_hear(client *it, const char *text)
{
    static char found[65536];

    hear(it);
    if (text[0] == '{') {
        snprintf(found, sizeof found, "%.*s", (int)it->size, it->heard);
        for (char *at = found; *at; at++)
            if (*at == '\n')
                *at = at[1] ? ' ' : '\0';
    } else {
        words_hear(found, sizeof found, it->heard, it->size);
    }
    it->size = 0;
    compare("it heard", text + (text[0] == ' '), found);
}

static void line_state(client *it, const char *text)
{
    size_t size;

    hear(it);
    size = it->size;
    compare("the connection is", text, it->has_ended ? "ended" : "open");
    if (it->has_ended && size > 0 && stage.line[0] == '!')
        talk_wrong("unread bytes", "", "");
}

static void line_end(client *it)
{
    sim_hang_up(it->handle);
    it->handle = CORDON__NO_HANDLE;
    sim_settle();
}

static void run_line(const char *line)
{
    size_t  number = 1;
    client *it;

    stage.line = line;
    if (line[0] == '+') {
        sim_pass((uint64_t)strtoul(line + 1, NULL, 10));
        return;
    }
    if (line[0] == '@') {
        sim_settle();
        compare("the server's callbacks heard", line[1] ? line + 2 : "", stage.log);
        stage.log[0] = '\0';
        return;
    }
    if (strcmp(line, "! gone") == 0) {
        sim_kill(stage.host);
        return;
    }
    if (line[0] == '!') {
        assert_true(sim_as(stage.host, talk_server_act, (void *)(uintptr_t)(line + 2)));
        sim_settle();
        return;
    }
    if (line[0] >= '0' && line[0] <= '9')
        number = (size_t)(*line++ - '0');
    it = client_of(number);
    if (line[0] == '>')
        line_say(it, line + 1);
    else if (line[0] == '<')
        line_hear(it, line + 1);
    else if (line[0] == '=')
        line_state(it, line + 2);
    else if (line[0] == '~')
        line_gibberish(it, (size_t)strtoul(line + 2, NULL, 10));
    else if (line[0] == '|') {
        sim_half_close(it->handle);
        sim_settle();
    } else if (line[0] == 'x')
        line_end(it);
    else if (line[0] == 'o')
        sim_settle();
    else
        talk_wrong("no such line", "", line);
}

/* ---- one conversation -------------------------------------------------------------------- */

static size_t perform(const conversation *it, const char *mode, unsigned seed, size_t cut_at)
{
    memset(&stage, 0, sizeof stage);
    stage.it = it;
    stage.mode = mode;
    stage.seed = seed;
    stage.cut_at = cut_at;
    stage.line = "(start)";
    sim_open(seed);
    sim.piece = strcmp(mode, "byte by byte") == 0 ? 1 : 0;
    sim.chop = strcmp(mode, "chopped") == 0 ? 50 : 0;
    sim.full = sim.chop / 4;
    sim.stray = sim.chop / 4;
    sim.is_peer_later = strcmp(mode, "peer later") == 0;
    if (it->rules)
        it->rules();
    stage.host = sim_process_open("server", SIM_UID);
    stage.guest = sim_process_open("clients", SIM_UID);
    assert_true(sim_as(stage.host, talk_server_open, NULL));
    for (const char *const *line = it->lines; *line; line++)
        run_line(*line);
    stage.line = "(end)";
    (void)sim_as(stage.host, talk_server_close, NULL);
    sim_pass(1000);
    for (size_t i = 0; i < CLIENTS; i++)
        if (stage.clients[i].handle > 0)
            sim_hang_up(stage.clients[i].handle);
    sim_pass(100);
    if (sim_close() > 0)
        talk_wrong("the world complains", "", "");
    return stage.said;
}

void talk_run(const conversation *it)
{
    const size_t said = perform(it, "whole", 1, 0);
    const size_t step = 1 + said / 400;

    for (unsigned seed = 2; seed < 8; seed++)
        (void)perform(it, "another order", seed, 0);
    (void)perform(it, "peer later", 1, 0);
    if (it->is_whole)
        return;
    (void)perform(it, "byte by byte", 1, 0);
    for (unsigned seed = 1; seed <= 40; seed++)
        (void)perform(it, "chopped", seed, 0);
    for (size_t cut_at = 1; cut_at < said; cut_at += step)
        (void)perform(it, "cut", 1, cut_at);
}

static void converse(void **state)
{
    talk_run(*state);
}

int talk_main(const conversation *all, size_t count, const char *name)
{
    struct CMUnitTest *tests = calloc(count, sizeof *tests);
    int                failures;

    bytes = malloc(ROOM);
    assert_true(tests && bytes);
    for (size_t i = 0; i < count; i++) {
        tests[i].name = all[i].name;
        tests[i].test_func = converse;
        tests[i].initial_state = (void *)(uintptr_t)&all[i];
    }
    failures = _cmocka_run_group_tests(name, tests, count, NULL, NULL);
    for (size_t i = 0; i < CLIENTS; i++)
        free(heard[i]);
    free(tests);
    free(bytes);
    return failures;
}
