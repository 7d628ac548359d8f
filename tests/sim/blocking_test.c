/*
 * The client that waits: its deadlines on the virtual clock, to the millisecond;
 * and one story told again and again, where each thing that it asks of the
 * system fails, starves, or is the last thing that a process does.
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

/* ---- a server ----------------------------------------------------------------------- */

static struct scene {
    sim_process     *host, *guest;
    cordon_loop     *loop;
    cordon_endpoint *endpoint, *client;
    cordon_server   *server;
    cordon_request  *held;
    cordon_fault     fault;
    int              code, start_code, closed, executed;
    int              timeout_ms;
    unsigned         flags;
    uint64_t         took;
    char             big[300000];
} scene;

static void on_request(cordon_request *request, cordon_bytes body, void *user)
{
    (void)user;
    if (body.size == 6 && memcmp(body.data, "\"hold\"", 6) == 0) {
        scene.held = request;
        return;
    }
    scene.executed++;
    if (body.size == 5 && memcmp(body.data, "\"big\"", 5) == 0)
        body = (cordon_bytes){scene.big, sizeof scene.big};
    if (cordon_reply(&request, body) != CORDON_OK)
        (void)cordon_fail(&request, CORDON_EBUSY, NULL);
}

static void on_closed(void *user)
{
    (void)user;
    scene.closed++;
}

static int open_endpoint(cordon_endpoint **endpoint)
{
    cordon_endpoint_options options = CORDON_ENDPOINT_OPTIONS_INIT;

    options.allocate = sim_allocate;
    return cordon_endpoint_open(endpoint, "wait", &options, &scene.fault);
}

static void start(void *context)
{
    cordon_server_options options = CORDON_SERVER_OPTIONS_INIT;

    (void)context;
    options.on_closed = on_closed;
    scene.start_code = cordon_loop_open_uv(&scene.loop, sim_loop(scene.host), &scene.fault);
    if (scene.start_code == CORDON_OK)
        scene.start_code = open_endpoint(&scene.endpoint);
    if (scene.start_code == CORDON_OK)
        scene.start_code = cordon_server_open(&scene.server, scene.loop, scene.endpoint, on_request,
                                              &options, &scene.fault);
}

static void stop(void *context)
{
    (void)context;
    if (scene.held)
        (void)cordon_fail(&scene.held, CORDON_ECANCELED, NULL);
    cordon_server_close(scene.server);
    cordon_endpoint_close(scene.endpoint);
    cordon_loop_close(scene.loop);
}

static void open_scene(uint64_t seed)
{
    memset(&scene, 0, sizeof scene);
    scene.fault = (cordon_fault)CORDON_FAULT_INIT;
    sim_open(seed);
    scene.host = sim_process_open("server", SIM_UID);
    scene.guest = sim_process_open("client", SIM_UID);
}

static void close_scene(void)
{
    (void)sim_as(scene.host, stop, NULL);
    sim_pass(40000);
    if (sim_is_alive(scene.host) && scene.start_code == CORDON_OK)
        assert_int_equal(scene.closed, 1);
    assert_int_equal(sim_close(), 0);
}

/* ---- deadlines ------------------------------------------------------------------------- */

static void call(void *context)
{
    cordon_call_options options = CORDON_CALL_OPTIONS_INIT;
    cordon_buffer       reply = CORDON_BUFFER_INIT;
    const uint64_t      began = sim_now();

    options.timeout_ms = scene.timeout_ms;
    options.flags = scene.flags;
    scene.code = open_endpoint(&scene.client);
    if (scene.code == CORDON_OK)
        scene.code =
            cordon_call(&reply, scene.client, cordon_text(context), &options, &scene.fault);
    scene.took = sim_now() - began;
    cordon_buffer_free(&reply);
    cordon_endpoint_close(scene.client);
}

static void check_call(const char *body, int timeout_ms, int code, uint64_t took)
{
    for (int is_json = 0; is_json < 2; is_json++) {
        scene.timeout_ms = timeout_ms;
        scene.flags = is_json ? CORDON_NO_BINARY : 0;
        assert_true(sim_as(scene.guest, call, (void *)(uintptr_t)body));
        assert_int_equal(scene.code, code);
        assert_int_equal(scene.took, took);
        sim_settle();
        if (scene.held)
            (void)cordon_fail(&scene.held, CORDON_ECANCELED, NULL);
    }
}

static void call_ends_at_its_deadline_to_the_millisecond(void **state)
{
    (void)state;
    open_scene(1);
    assert_true(sim_as(scene.host, start, NULL));
    check_call("\"hold\"", 1, CORDON_ETIMEDOUT, 1);
    check_call("\"hold\"", 10, CORDON_ETIMEDOUT, 10);
    check_call("\"hold\"", 77, CORDON_ETIMEDOUT, 77);
    check_call("\"hold\"", 0, CORDON_ETIMEDOUT, 5000);
    check_call("\"hold\"", CORDON_AT_ONCE, CORDON_ETIMEDOUT, 0);
    check_call("\"word\"", 1, CORDON_OK, 0);
    check_call("\"word\"", CORDON_FOREVER, CORDON_OK, 0);
    close_scene();
}

static void nobody_there_is_told_at_once(void **state)
{
    (void)state;
    open_scene(1);
    check_call("\"word\"", 0, CORDON_ENOTRUNNING, 0);
    check_call("\"word\"", CORDON_FOREVER, CORDON_ENOTRUNNING, 0);
    assert_int_equal(sim_close(), 0);
}

static void refusal_that_may_pass_is_believed_after_200_ms(void **state)
{
    (void)state;
    open_scene(1);
    sim.is_uncertain = 1;
    assert_true(sim_as(scene.host, start, NULL));
    sim_kill(scene.host);
    check_call("\"word\"", 0, CORDON_ENOTRUNNING, 200);
    check_call("\"word\"", 50, CORDON_ENOTRUNNING, 50);
    close_scene();
}

static void release(void *context)
{
    (void)context;
    (void)cordon_reply(&scene.held, cordon_text("\"late\""));
}

static void call_for_ever_waits_as_long_as_it_takes(void **state)
{
    (void)state;
    open_scene(1);
    assert_true(sim_as(scene.host, start, NULL));
    sim_task(scene.host, sim_now() + 86400000, 0, release, NULL);
    scene.timeout_ms = CORDON_FOREVER;
    assert_true(sim_as(scene.guest, call, "\"hold\""));
    assert_int_equal(scene.code, CORDON_OK);
    assert_int_equal(scene.took, 86400000);
    close_scene();
}

static void reply_at_the_deadlines_own_millisecond_or_later_is_late(void **state)
{
    (void)state;
    for (uint64_t wait = 99; wait <= 101; wait++) {
        open_scene(1);
        assert_true(sim_as(scene.host, start, NULL));
        sim_task(scene.host, sim_now() + wait, 0, release, NULL);
        scene.timeout_ms = 100;
        assert_true(sim_as(scene.guest, call, "\"hold\""));
        if (wait != 100) { /* at 100 both are right */
            assert_int_equal(scene.code, wait < 100 ? CORDON_OK : CORDON_ETIMEDOUT);
            assert_int_equal(scene.took, wait < 100 ? wait : 100);
        }
        assert_true(scene.took <= 100);
        close_scene();
    }
}

static void second_server_waits_for_the_lock_two_seconds(void **state)
{
    sim_process *other;
    uint64_t     began;

    (void)state;
    open_scene(1);
    assert_true(sim_as(scene.host, start, NULL));
    sim_remove("/home/1000/.local/share/wait/ipc.sock"); /* it holds the lock and answers nobody */
    other = scene.host;
    scene.host = sim_process_open("second", SIM_UID);
    began = sim_now();
    {
        cordon_loop     *loop = scene.loop;
        cordon_endpoint *endpoint = scene.endpoint;
        cordon_server   *server = scene.server;

        assert_true(sim_as(scene.host, start, NULL));
        assert_int_equal(scene.start_code, CORDON_EADDRINUSE);
        assert_int_equal(sim_now() - began, 2000);
        assert_null(scene.server);
        (void)sim_as(scene.host, stop, NULL);
        scene.loop = loop;
        scene.endpoint = endpoint;
        scene.server = server;
    }
    sim_settle();
    scene.host = other;
    scene.start_code = CORDON_OK;
    close_scene();
}

/* ---- big bites -------------------------------------------------------------------------- */

/* The reads after the 50th fail: a reply of 300,000 bytes must not need as many. */
static void big_reply_is_read_in_big_bites(void **state)
{
    (void)state;
    for (unsigned flags = 0; flags <= CORDON_NO_BINARY; flags += CORDON_NO_BINARY) {
        open_scene(1);
        memset(scene.big, 'b', sizeof scene.big);
        scene.big[0] = scene.big[sizeof scene.big - 1] = '"';
        scene.flags = flags;
        assert_true(sim_as(scene.host, start, NULL));
        sim_fail_at(scene.guest, "line_read", 50);
        assert_true(sim_as(scene.guest, call, "\"big\""));
        assert_int_equal(scene.code, CORDON_OK);
        close_scene();
    }
}

/* ---- the story: a call, then a session ------------------------------------------------------ */

static void converse(void *context)
{
    cordon_session *session = NULL;
    cordon_bytes    reply;

    scene.timeout_ms = 0;
    scene.flags = 0;
    call(context);
    if (open_endpoint(&scene.client) != CORDON_OK)
        return;
    if (cordon_session_open(&session, scene.client, NULL, NULL) == CORDON_OK) {
        (void)cordon_session_call(&reply, session, cordon_text("\"one\""), NULL, NULL);
        (void)cordon_session_send(NULL, session, cordon_text("\"two\""), NULL, NULL);
        (void)cordon_session_call(&reply, session, cordon_text("\"three\""), NULL, NULL);
        (void)cordon_session_status(&reply, session, 0, NULL);
    }
    cordon_session_close(session);
    cordon_endpoint_close(scene.client);
}

static int is_typed(int code)
{
    return code <= 0 && code > CORDON_ERRORS_END && code != CORDON_EIMPOSTOR;
}

static void check_story(void)
{
    assert_true(is_typed(scene.start_code));
    assert_true(is_typed(scene.code));
    if (scene.executed > 4)
        fail_msg("executed %d of 4", scene.executed);
}

static void tell_story(void)
{
    (void)sim_as(scene.host, start, NULL);
    sim_settle();
    (void)sim_as(scene.guest, converse, "\"word\"");
    sim_settle();
    check_story();
}

/* Whatever was left, the next server starts and answers. */
static void tell_next(void)
{
    sim_process *before = scene.host;

    if (sim_is_alive(before)) {
        (void)sim_as(before, stop, NULL);
        sim_pass(40000);
        sim_exit(before);
    }
    scene.host = sim_process_open("next server", SIM_UID);
    scene.guest = sim_process_open("next client", SIM_UID);
    scene.loop = NULL;
    scene.endpoint = NULL;
    scene.server = NULL;
    scene.closed = scene.executed = 0;
    tell_story();
    assert_int_equal(scene.start_code, CORDON_OK);
    assert_int_equal(scene.code, CORDON_OK);
    assert_int_equal(scene.executed, 4);
    close_scene();
}

static void each_verb_may_fail_once(void **state)
{
    unsigned rounds = 0;

    (void)state;
    for (int side = 0; side < 2; side++)
        for (unsigned nth = 1;; nth++) {
            unsigned failures;

            open_scene(nth);
            sim_fail_at(side ? scene.guest : scene.host, NULL, nth);
            tell_story();
            failures = sim_failures(side ? scene.guest : scene.host);
            tell_next();
            rounds += failures;
            if (failures == 0)
                break;
        }
    print_message("%u verbs failed\n", rounds);
    assert_true(rounds > 30);
}

static void each_allocation_may_fail_once_and_for_ever(void **state)
{
    unsigned rounds = 0;

    (void)state;
    for (int way = 0; way < 4; way++)
        for (unsigned nth = 1;; nth++) {
            sim_process *one;
            unsigned     failures;

            open_scene(nth);
            one = way & 1 ? scene.guest : scene.host;
            sim_starve_at(one, nth, way & 2);
            tell_story();
            failures = sim_failures(one);
            sim_starve_at(one, 0, 0);
            tell_next();
            rounds += failures;
            if (failures == 0)
                break;
        }
    assert_true(rounds > 60);
}

static void each_thing_asked_of_the_system_may_be_the_last(void **state)
{
    unsigned rounds = 0;

    (void)state;
    for (int side = 0; side < 2; side++)
        for (unsigned nth = 1;; nth++) {
            int is_dead;

            open_scene(nth);
            sim_kill_at(side ? scene.guest : scene.host, nth);
            tell_story();
            is_dead = !sim_is_alive(side ? scene.guest : scene.host);
            tell_next();
            rounds += (unsigned)is_dead;
            if (!is_dead)
                break;
        }
    assert_true(rounds > 60);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(call_ends_at_its_deadline_to_the_millisecond),
        cmocka_unit_test(nobody_there_is_told_at_once),
        cmocka_unit_test(refusal_that_may_pass_is_believed_after_200_ms),
        cmocka_unit_test(call_for_ever_waits_as_long_as_it_takes),
        cmocka_unit_test(reply_at_the_deadlines_own_millisecond_or_later_is_late),
        cmocka_unit_test(second_server_waits_for_the_lock_two_seconds),
        cmocka_unit_test(big_reply_is_read_in_big_bites),
        cmocka_unit_test(each_verb_may_fail_once),
        cmocka_unit_test(each_allocation_may_fail_once_and_for_ever),
        cmocka_unit_test(each_thing_asked_of_the_system_may_be_the_last),
    };

    return cmocka_run_group_tests_name("sim_blocking", tests, NULL, NULL);
}
