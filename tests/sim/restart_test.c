/*
 * A server that goes, and another that comes, between two steps of one call: which token is whose,
 * and that nobody is told EUNAUTHORIZED for it.
 */
#include "../../src/dialect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sim.h"

#define TOKEN "/home/1000/.local/share/again/ipc-token"

/* ---- servers ------------------------------------------------------------------------ */

typedef struct host {
    sim_process     *process;
    cordon_loop     *loop;
    cordon_endpoint *endpoint;
    cordon_server   *server;
} host;

static struct scene {
    host             hosts[4];
    unsigned         count; /* of them, so far */
    sim_process     *guest;
    cordon_endpoint *client;
    cordon_fault     fault;
    const char      *during; /* the step of the client at which something happens */
    unsigned         nth;    /* from 1: which of those steps */
    unsigned         seen;   /* such steps so far */
    void (*happen)(void);
    unsigned flags;
    int      code, executed;
} scene;

static void on_request(cordon_request *request, cordon_bytes body, void *user)
{
    (void)user;
    scene.executed++;
    assert_int_equal(cordon_reply(&request, body), CORDON_OK);
}

static void start(void *context)
{
    host                   *it = context;
    cordon_endpoint_options where = CORDON_ENDPOINT_OPTIONS_INIT;

    where.allocate = sim_allocate;
    assert_int_equal(cordon_loop_open_uv(&it->loop, sim_loop(it->process), NULL), CORDON_OK);
    assert_int_equal(cordon_endpoint_open(&it->endpoint, "again", &where, NULL), CORDON_OK);
    assert_int_equal(
        cordon_server_open(&it->server, it->loop, it->endpoint, on_request, NULL, &scene.fault),
        CORDON_OK);
}

static void stop(void *context)
{
    host *it = context;

    cordon_server_close(it->server);
    cordon_endpoint_close(it->endpoint);
    cordon_loop_close(it->loop);
}

static void start_next(void)
{
    host *it = &scene.hosts[scene.count++];

    it->process = sim_process_open("server", SIM_UID);
    assert_true(sim_as(it->process, start, it));
}

static void kill_last(void)
{
    sim_kill(scene.hosts[scene.count - 1].process);
}

static void replace_last(void)
{
    kill_last();
    start_next();
}

static void lose_token(void)
{
    sim_remove(TOKEN);
}

/* ---- the client, and what happens between its steps --------------------------------------- */

static void on_step(const cordon_fault *step, void *user)
{
    (void)user;
    if (!scene.during || step->code != CORDON_OK || strcmp(step->during, scene.during) != 0)
        return;
    if (++scene.seen == scene.nth)
        scene.happen();
}

static void happens(const char *during, unsigned nth, void (*happen)(void))
{
    scene.during = during;
    scene.nth = nth;
    scene.seen = 0;
    scene.happen = happen;
}

static void open_client(void *context)
{
    cordon_endpoint_options where = CORDON_ENDPOINT_OPTIONS_INIT;

    (void)context;
    where.allocate = sim_allocate;
    where.trace = on_step;
    scene.code = cordon_endpoint_open(&scene.client, "again", &where, &scene.fault);
}

static void close_client(void *context)
{
    (void)context;
    cordon_endpoint_close(scene.client);
}

static void open_scene(void)
{
    memset(&scene, 0, sizeof scene);
    scene.fault = (cordon_fault)CORDON_FAULT_INIT;
    sim_open(1);
    scene.guest = sim_process_open("client", SIM_UID);
    start_next();
    assert_true(sim_as(scene.guest, open_client, NULL));
}

static void close_scene(void)
{
    assert_true(sim_as(scene.guest, close_client, NULL));
    for (unsigned i = 0; i < scene.count; i++)
        (void)sim_as(scene.hosts[i].process, stop, &scene.hosts[i]);
    sim_pass(10000);
    assert_int_equal(sim_close(), 0);
}

static void call(void *context)
{
    cordon_call_options options = CORDON_CALL_OPTIONS_INIT;
    cordon_buffer       reply = CORDON_BUFFER_INIT;

    (void)context;
    options.flags = scene.flags;
    scene.code = cordon_call(&reply, scene.client, cordon_text("1"), &options, &scene.fault);
    cordon_buffer_free(&reply);
}

/* ---- looks at the token ---------------------------------------------------------------------- */

static void token_that_is_gone_is_unauthorized_after_a_few_looks(void **state)
{
    (void)state;
    open_scene();
    happens("connect", 1, lose_token);
    assert_true(sim_as(scene.guest, call, NULL));
    assert_int_equal(scene.code, CORDON_EUNAUTHORIZED);
    assert_int_equal(scene.executed, 0);
    assert_in_range(scene.seen, 2, 10);
    close_scene();
}

static void lose_then_kill(void)
{
    lose_token();
    happens("connect", 1, kill_last);
}

/* The second look at the address finds a server; before the second look at the token it leaves. */
static void server_that_left_between_two_looks_is_not_running(void **state)
{
    (void)state;
    open_scene();
    happens("connect", 1, lose_then_kill);
    assert_true(sim_as(scene.guest, call, NULL));
    assert_int_equal(scene.code, CORDON_ENOTRUNNING);
    assert_int_equal(scene.fault.is_sent, 0);
    close_scene();
}

static void lose_then_replace(void)
{
    lose_token();
    happens("connect", 2, replace_last);
}

static void server_that_came_between_two_looks_answers(void **state)
{
    (void)state;
    for (unsigned flags = 0; flags <= CORDON_NO_BINARY; flags += CORDON_NO_BINARY) {
        open_scene();
        scene.flags = flags;
        happens("connect", 1, lose_then_replace);
        assert_true(sim_as(scene.guest, call, NULL));
        assert_int_equal(scene.code, CORDON_OK);
        assert_int_equal(scene.executed, 1);
        close_scene();
    }
}

/* ---- a session of JSON lines: it is let in by its first request, with one token to try ---------
 */

static void open_session_then_ask(void *context)
{
    cordon_session_options options = CORDON_SESSION_OPTIONS_INIT;
    cordon_session        *session = NULL;
    cordon_bytes           reply;

    options.flags = CORDON_NO_BINARY;
    scene.code = cordon_session_open(&session, scene.client, &options, &scene.fault);
    assert_int_equal(scene.code, CORDON_OK);
    happens("read token", 1, context ? replace_last : kill_last);
    scene.code = cordon_session_call(&reply, session, cordon_text("1"), NULL, &scene.fault);
    cordon_session_close(session);
}

static void json_session_whose_server_is_replaced_before_its_first_request_is_let_in(void **state)
{
    (void)state;
    open_scene();
    assert_true(sim_as(scene.guest, open_session_then_ask, "replaced"));
    assert_int_equal(scene.code, CORDON_OK);
    assert_int_equal(scene.executed, 1);
    close_scene();
}

static void json_session_whose_server_is_killed_before_its_first_request_is_told_so(void **state)
{
    (void)state;
    open_scene();
    assert_true(sim_as(scene.guest, open_session_then_ask, NULL));
    assert_int_equal(scene.code, CORDON_ENOTRUNNING);
    assert_int_equal(scene.fault.is_sent, 0);
    close_scene();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(token_that_is_gone_is_unauthorized_after_a_few_looks),
        cmocka_unit_test(server_that_left_between_two_looks_is_not_running),
        cmocka_unit_test(server_that_came_between_two_looks_answers),
        cmocka_unit_test(json_session_whose_server_is_replaced_before_its_first_request_is_let_in),
        cmocka_unit_test(json_session_whose_server_is_killed_before_its_first_request_is_told_so),
    };

    return cmocka_run_group_tests_name("sim_restart", tests, NULL, NULL);
}
