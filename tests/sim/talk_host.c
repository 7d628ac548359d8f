/* The server of a conversation, and what it is told to do. */
#include "../../src/dialect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "talk_stage.h"

/* ---- the server -------------------------------------------------------------------------- */

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

void talk_server_open(void *context)
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
        talk_wrong("the server does not start", "", cordon_fault_line(&fault));
    snprintf(stage.address, sizeof stage.address, "%s",
             cordon_endpoint_path(stage.endpoint, CORDON_ADDRESS));
    (void)cordon_endpoint_token(stage.hex, stage.endpoint, &fault);
    for (size_t i = 0; i < 32; i++) {
        char two[3] = {stage.hex[2 * i], stage.hex[2 * i + 1], '\0'};

        stage.token[i] = (uint8_t)strtoul(two, NULL, 16);
    }
}

void talk_server_close(void *context)
{
    (void)context;
    while (stage.held_first < stage.held_end)
        (void)cordon_fail(&stage.held[stage.held_first++], CORDON_ECANCELED, NULL);
    cordon_server_close(stage.server);
    cordon_endpoint_close(stage.endpoint);
    cordon_loop_close(stage.loop);
}

/* ---- what the server is told to do ------------------------------------------------------- */

void talk_server_act(void *context)
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
        talk_wrong("it holds no request", "", "");
    request = is_last ? &stage.held[--stage.held_end] : &stage.held[stage.held_first];
    sim_on_thread(is_thread ? 1 : 0);
    if (is_last || is_thread || strncmp(what, "reply ", 6) == 0)
        assert_int_equal(cordon_reply(request, cordon_text(strchr(what, ' ') + 1)), 0);
    else if (strncmp(what, "part ", 5) == 0)
        assert_int_equal(cordon_reply_part(*request, cordon_text(what + 5)), 0);
    else if (strncmp(what, "fail ", 5) == 0)
        assert_int_equal(cordon_fail(request, atoi(what + 5), strchr(what + 5, ' ')), 0);
    else
        talk_wrong("no such thing to do", "", what);
    sim_on_thread(0);
    if (!is_last && !*request)
        stage.held_first++;
}
