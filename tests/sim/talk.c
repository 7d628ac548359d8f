/* Runs the conversations of talk.h. */
#include "../../src/dialect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "talk.h"
#include "words.h"

#define CLIENTS   10
#define HELD      256
#define HEARD_MAX (4u << 20)
#define ROOM      (2u << 20)

typedef struct client {
    intptr_t handle;
    char    *heard;
    size_t   size;
    int      has_ended;
} client;

static struct stage {
    const conversation *it;
    const char         *line;
    sim_process        *host, *guest;
    cordon_loop        *loop;
    cordon_endpoint    *endpoint;
    cordon_server      *server;
    cordon_request     *held[HELD];
    size_t              held_first, held_end;
    char                log[65536]; /* of callbacks */
    client              clients[CLIENTS];
    char                address[128];
    uint8_t             token[32];
    char                hex[65];
    size_t              said, cut_at; /* bytes; where they are cut, 0: nowhere */
    const char         *mode;
    unsigned            seed;
} stage;

static char *bytes; /* ROOM of them */

static void wrong(const char *what, const char *expected, const char *found)
{
    fprintf(
        stderr, "\"%s\" (%s, seed %u, cut at %zu): at \"%s\": %s\n  expected: %s\n  found:    %s\n",
        stage.it->name, stage.mode, stage.seed, stage.cut_at, stage.line, what, expected, found);
    fail();
}

/* ---- the server ------------------------------------------------------------------- */

static void log_word(const char *word, const char *value, size_t size)
{
    const size_t used = strlen(stage.log);

    snprintf(stage.log + used, sizeof stage.log - used, "%s%s%s%.*s", used > 0 ? " " : "", word,
             value ? ":" : "", (int)size, value ? value : "");
}

static void log_code(const char *word, int code)
{
    const char *name = cordon_error_name(code) + strlen("CORDON_");

    log_word(word, name, strlen(name));
}

static void on_turn(cordon_request *request, enum cordon_turn turn, void *context)
{
    (void)request;
    (void)context;
    if (turn == CORDON_CANCELED)
        log_word("canceled", NULL, 0);
    else if (turn == CORDON_LEFT)
        log_word("gone", NULL, 0);
    else if (turn == CORDON_LATE)
        log_word("late", NULL, 0);
}

static int begins(cordon_bytes body, const char *word)
{
    const char *at = body.data;
    size_t      left = body.size;

    if (left > 0 && at[0] == '"') {
        at++;
        left--;
    }
    return left >= strlen(word) && memcmp(at, word, strlen(word)) == 0;
}

static void reply_big(cordon_request *request, cordon_bytes body)
{
    char         text[40], *big;
    cordon_bytes reply;

    snprintf(text, sizeof text, "%.*s", (int)body.size, (const char *)body.data);
    reply.size = (size_t)strtoul(strchr(text, '-') + 1, NULL, 10);
    reply.data = big = malloc(reply.size + 1);
    assert_non_null(big);
    memset(big, 'y', reply.size);
    if (cordon_request_is_json(request))
        big[0] = big[reply.size - 1] = '"';
    if (cordon_reply(&request, reply) == CORDON_EMSGSIZE)
        (void)cordon_fail(&request, CORDON_EMSGSIZE, "larger than it takes");
    free(big);
}

static void on_request(cordon_request *request, cordon_bytes body, void *user)
{
    (void)user;
    log_word("request", body.data, body.size < 40 ? body.size : 4);
    if (begins(body, "hold")) {
        cordon_request_watch(request, on_turn, NULL);
        stage.held[stage.held_end++] = request;
    } else if (begins(body, "busy")) {
        (void)cordon_fail(&request, CORDON_EBUSY, "busy as asked");
    } else if (begins(body, "fail")) {
        (void)cordon_fail(&request, 300, "failed as asked");
    } else if (begins(body, "big-")) {
        reply_big(request, body);
    } else {
        (void)cordon_reply(&request, body);
    }
}

static void on_session(cordon_session_id session, const cordon_peer *peer, int is_here,
                       const cordon_fault *why, void *user)
{
    (void)session;
    (void)peer;
    (void)user;
    if (is_here)
        log_word("here", NULL, 0);
    else
        log_code("left", why->code);
}

static int on_stop(const cordon_peer *peer, void *user)
{
    (void)peer;
    (void)user;
    return CORDON_OK;
}

static void on_trouble(const cordon_fault *fault, void *user)
{
    (void)user;
    log_code("trouble", fault->code);
}

static void on_closed(void *user)
{
    (void)user;
    log_word("closed", NULL, 0);
}

static void open_server(void *context)
{
    cordon_endpoint_options where = CORDON_ENDPOINT_OPTIONS_INIT;
    cordon_server_options   options = CORDON_SERVER_OPTIONS_INIT;
    cordon_fault            fault = CORDON_FAULT_INIT;

    (void)context;
    where.allocate = sim_allocate;
    options.program = "sim";
    options.on_session = on_session;
    options.on_stop = on_stop;
    options.on_trouble = on_trouble;
    options.on_closed = on_closed;
    if (stage.it->options)
        stage.it->options(&options);
    if (cordon_loop_open_uv(&stage.loop, sim_loop(stage.host), &fault) != CORDON_OK ||
        cordon_endpoint_open(&stage.endpoint, "talk", &where, &fault) != CORDON_OK ||
        cordon_server_open(&stage.server, stage.loop, stage.endpoint, on_request, &options,
                           &fault) != CORDON_OK)
        wrong("the server does not start", "", cordon_fault_line(&fault));
    snprintf(stage.address, sizeof stage.address, "%s",
             cordon_endpoint_path(stage.endpoint, CORDON_ADDRESS));
    (void)cordon_endpoint_token(stage.hex, stage.endpoint, &fault);
    for (size_t i = 0; i < 32; i++) {
        char two[3] = {stage.hex[2 * i], stage.hex[2 * i + 1], '\0'};

        stage.token[i] = (uint8_t)strtoul(two, NULL, 16);
    }
}

static void close_server(void *context)
{
    (void)context;
    while (stage.held_first < stage.held_end)
        (void)cordon_fail(&stage.held[stage.held_first++], CORDON_ECANCELED, NULL);
    cordon_server_close(stage.server);
    cordon_endpoint_close(stage.endpoint);
    cordon_loop_close(stage.loop);
}

/* ---- what the server is told to do --------------------------------------------------- */

static void act_server(void *context)
{
    const char      *what = context;
    const int        is_last = strncmp(what, "last ", 5) == 0;
    const int        is_thread = strncmp(what, "thread ", 7) == 0;
    cordon_request **request;

    if (strcmp(what, "stop") == 0) {
        cordon_server_close(stage.server);
        stage.server = NULL;
        return;
    }
    if (strncmp(what, "push ", 5) == 0) {
        assert_int_equal(cordon_server_push(stage.server, CORDON_EVERYONE, cordon_text(what + 5)),
                         0);
        return;
    }
    if (stage.held_first == stage.held_end)
        wrong("it holds no request", "", "");
    request = is_last ? &stage.held[--stage.held_end] : &stage.held[stage.held_first];
    sim_on_thread(is_thread ? 1 : 0);
    if (is_last || is_thread || strncmp(what, "reply ", 6) == 0)
        assert_int_equal(cordon_reply(request, cordon_text(strchr(what, ' ') + 1)), 0);
    else if (strncmp(what, "part ", 5) == 0)
        assert_int_equal(cordon_reply_part(*request, cordon_text(what + 5)), 0);
    else if (strncmp(what, "fail ", 5) == 0)
        assert_int_equal(cordon_fail(request, atoi(what + 5), strchr(what + 5, ' ')), 0);
    else
        wrong("no such thing to do", "", what);
    sim_on_thread(0);
    if (!is_last && !*request)
        stage.held_first++;
}

/* ---- clients ---------------------------------------------------------------------------- */

static void dial(void *context)
{
    client *it = context;

    it->handle = sim_dial(stage.address);
}

static client *client_of(size_t number)
{
    client *it = &stage.clients[number];

    if (it->handle == 0) {
        it->heard = malloc(HEARD_MAX);
        assert_non_null(it->heard);
        assert_true(sim_as(stage.guest, dial, it));
        if (it->handle == CORDON__NO_HANDLE)
            wrong("it cannot connect", "", "");
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

/* ---- lines -------------------------------------------------------------------------------- */

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
        wrong(what, expected, found);
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
        wrong("unread bytes", "", "");
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
        assert_true(sim_as(stage.host, act_server, (void *)(uintptr_t)(line + 2)));
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
        wrong("no such line", "", line);
}

/* ---- one conversation --------------------------------------------------------------------------
 */

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
    assert_true(sim_as(stage.host, open_server, NULL));
    for (const char *const *line = it->lines; *line; line++)
        run_line(*line);
    stage.line = "(end)";
    (void)sim_as(stage.host, close_server, NULL);
    sim_pass(1000);
    for (size_t i = 0; i < CLIENTS; i++) {
        if (stage.clients[i].handle > 0)
            sim_hang_up(stage.clients[i].handle);
        free(stage.clients[i].heard);
    }
    sim_pass(100);
    if (sim_close() > 0)
        wrong("the world complains", "", "");
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
    free(tests);
    free(bytes);
    return failures;
}
