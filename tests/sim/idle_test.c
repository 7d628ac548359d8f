/*
 * A server that leaves when nobody is here: when, for whom it stays, and that whoever comes in
 * that moment is served or finds nobody. Clients come at each millisecond around the deadline, and
 * between any two verbs of the one who leaves.
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

#define IDLE_MS 50
#define GUESTS  2

static struct scene {
    sim_process     *host, *guest;
    cordon_loop     *loop;
    cordon_endpoint *endpoint, *client;
    cordon_server   *server;
    cordon_session  *session;
    cordon_request  *held;
    cordon_fault     fault;
    unsigned         executed, answered, unserved, published;
    uint64_t         closed_at;
    char             token[65];
    int              code;
} scene;

/* ---- the server ------------------------------------------------------------------------- */

static void on_request(cordon_request *request, cordon_bytes body, void *user)
{
    (void)user;
    scene.executed++;
    if (body.size == 4 && memcmp(body.data, "hold", 4) == 0) {
        scene.held = request;
        return;
    }
    assert_int_equal(cordon_reply(&request, body), CORDON_OK);
}

static void on_closed(void *user)
{
    (void)user;
    scene.closed_at = sim_now();
    cordon_server_close(scene.server);
    cordon_loop_close(scene.loop);
    scene.server = NULL;
    scene.loop = NULL;
}

/* How often it has made itself known. */
static void on_step(const cordon_fault *step, void *user)
{
    (void)user;
    scene.published += step->code == CORDON_OK && strcmp(step->during, "listen") == 0;
}

static void start(void *context)
{
    cordon_server_options   options = CORDON_SERVER_OPTIONS_INIT;
    cordon_endpoint_options where = CORDON_ENDPOINT_OPTIONS_INIT;

    (void)context;
    where.allocate = sim_allocate;
    where.trace = on_step;
    options.idle_ms = IDLE_MS;
    options.on_closed = on_closed;
    assert_int_equal(cordon_loop_open_uv(&scene.loop, sim_loop(scene.host), NULL), CORDON_OK);
    assert_int_equal(cordon_endpoint_open(&scene.endpoint, "idle", &where, NULL), CORDON_OK);
    assert_int_equal(cordon_server_open(&scene.server, scene.loop, scene.endpoint, on_request,
                                        &options, &scene.fault),
                     CORDON_OK);
    assert_int_equal(cordon_endpoint_token(scene.token, scene.endpoint, NULL), CORDON_OK);
    cordon_endpoint_close(scene.endpoint);
}

static void open_client(void *context)
{
    cordon_endpoint_options where = CORDON_ENDPOINT_OPTIONS_INIT;

    (void)context;
    where.allocate = sim_allocate;
    assert_int_equal(cordon_endpoint_open(&scene.client, "idle", &where, NULL), CORDON_OK);
}

static void close_client(void *context)
{
    (void)context;
    cordon_endpoint_close(scene.client);
}

static void open_scene(uint64_t seed)
{
    memset(&scene, 0, sizeof scene);
    scene.fault = (cordon_fault)CORDON_FAULT_INIT;
    sim_open(seed);
    scene.host = sim_process_open("server", SIM_UID);
    scene.guest = sim_process_open("client", SIM_UID);
    assert_true(sim_as(scene.host, start, NULL));
    assert_true(sim_as(scene.guest, open_client, NULL));
}

/* All have gone, and so has the server. */
static void close_scene(void)
{
    sim_pass(1000);
    assert_true(scene.closed_at > 0);
    assert_false(sim_exists("/home/1000/.local/share/idle/ipc.sock"));
    assert_false(sim_exists("/home/1000/.local/share/idle/ipc-token"));
    assert_true(sim_as(scene.guest, close_client, NULL));
    assert_int_equal(sim_close(), 0);
}

/* ---- when it leaves ----------------------------------------------------------------------- */

static void server_that_nobody_came_to_leaves_at_its_time(void **state)
{
    (void)state;
    open_scene(1);
    sim_pass(IDLE_MS - 1);
    assert_int_equal(scene.closed_at, 0);
    sim_pass(1);
    assert_int_not_equal(scene.closed_at, 0);
    close_scene();
}

static void open_session(void *context)
{
    cordon_session_options options = CORDON_SESSION_OPTIONS_INIT;

    options.flags = *(unsigned *)context;
    scene.code = cordon_session_open(&scene.session, scene.client, &options, &scene.fault);
}

static void close_session(void *context)
{
    (void)context;
    cordon_session_close(scene.session);
}

static void session_holds_it_and_its_end_begins_the_time_anew(void **state)
{
    unsigned flags = 0;
    uint64_t left_at;

    (void)state;
    open_scene(1);
    assert_true(sim_as(scene.guest, open_session, &flags));
    assert_int_equal(scene.code, CORDON_OK);
    sim_pass(10 * IDLE_MS);
    assert_int_equal(scene.closed_at, 0);
    assert_true(sim_as(scene.guest, close_session, NULL));
    left_at = sim_now();
    sim_pass(10 * IDLE_MS);
    assert_in_range(scene.closed_at, left_at + IDLE_MS, left_at + IDLE_MS + 20);
    close_scene();
}

static void control_session_does_not_hold_it(void **state)
{
    unsigned flags = CORDON_CONTROL;
    uint64_t begun;

    (void)state;
    open_scene(1);
    begun = sim_now();
    assert_true(sim_as(scene.guest, open_session, &flags));
    assert_int_equal(scene.code, CORDON_OK);
    sim_pass(IDLE_MS + 500);
    assert_in_range(scene.closed_at, begun + IDLE_MS, begun + IDLE_MS + 300); /* it drains */
    assert_true(sim_as(scene.guest, close_session, NULL));
    close_scene();
}

static void ask_and_leave(void *context)
{
    unsigned flags = 0;

    (void)context;
    open_session(&flags);
    assert_int_equal(scene.code, CORDON_OK);
    assert_int_equal(cordon_session_send(NULL, scene.session, cordon_text("hold"), NULL, NULL),
                     CORDON_OK);
    cordon_session_close(scene.session);
}

static void answer(void *context)
{
    (void)context;
    assert_int_equal(cordon_reply(&scene.held, cordon_text("late")), CORDON_OK);
}

/* What was begun is not thrown away, though nobody waits for it. */
static void request_under_way_holds_it(void **state)
{
    (void)state;
    open_scene(1);
    assert_true(sim_as(scene.guest, ask_and_leave, NULL));
    sim_pass(10 * IDLE_MS);
    assert_non_null(scene.held);
    assert_int_equal(scene.closed_at, 0);
    assert_true(sim_as(scene.host, answer, NULL));
    sim_pass(2 * IDLE_MS);
    close_scene();
}

static void look_in(void *context)
{
    intptr_t *handle = context;

    *handle = sim_dial("/home/1000/.local/share/idle/ipc.sock");
    assert_int_not_equal(*handle, CORDON__NO_HANDLE);
}

static void hang_up(void *context)
{
    sim_hang_up(*(intptr_t *)context);
}

/* It may become a session: its verdict is waited for. */
static void connection_without_a_word_holds_it(void **state)
{
    intptr_t handle;

    (void)state;
    open_scene(1);
    sim_pass(IDLE_MS - 1);
    assert_true(sim_as(scene.guest, look_in, &handle));
    sim_pass(10 * IDLE_MS);
    assert_int_equal(scene.closed_at, 0);
    assert_true(sim_as(scene.guest, hang_up, &handle));
    sim_pass(2 * IDLE_MS);
    close_scene();
}

/* ---- who comes at that moment ---------------------------------------------------------------- */

/* By hand: a blocking call would hold up a server that it interrupts between two verbs. */
static void come_and_ask(void *context)
{
    intptr_t *handle = context;
    char      line[128];
    const int size = snprintf(line, sizeof line, "{\"token\":\"%s\",\"request\":1}\n", scene.token);

    *handle = sim_dial("/home/1000/.local/share/idle/ipc.sock");
    if (*handle != CORDON__NO_HANDLE)
        assert_int_equal(sim_write(*handle, line, (size_t)size), size);
}

static void hear_and_leave(void *context)
{
    static const char yes[] = "{\"ok\":true,\"data\":1}\n";
    intptr_t         *handle = context;
    char              heard[256];
    long              size = 0, more;

    if (*handle == CORDON__NO_HANDLE) {
        scene.unserved++;
        return;
    }
    while ((more = sim_read(*handle, heard + size, sizeof heard - (size_t)size)) > 0)
        size += more;
    assert_int_equal(size, sizeof yes - 1);
    assert_memory_equal(heard, yes, sizeof yes - 1);
    scene.answered++;
    sim_hang_up(*handle);
}

static void draw_world(void)
{
    sim.aside = 300;
    sim.late = sim_below(2) ? 20 : 0;
    sim.is_peer_later = sim_below(4) == 0;
}

static void play(uint64_t seed)
{
    intptr_t guests[GUESTS];

    open_scene(seed);
    draw_world();
    for (int i = 0; i < GUESTS; i++)
        sim_task(scene.guest, sim_now() + IDLE_MS + sim_below(2), 0, come_and_ask, &guests[i]);
    sim_pass(IDLE_MS + 20);
    for (int i = 0; i < GUESTS; i++)
        assert_true(sim_as(scene.guest, hear_and_leave, &guests[i]));
    assert_int_equal(scene.answered + scene.unserved, GUESTS);
    assert_int_equal(scene.executed, scene.answered);
    close_scene();
}

static void guest_who_comes_as_it_leaves_is_served_or_finds_nobody(void **state)
{
    unsigned answered = 0, unserved = 0, stayed = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 3000; seed++) {
        play(seed);
        answered += scene.answered;
        unserved += scene.unserved;
        stayed += scene.published - 1;
    }
    print_message("%u answered, %u found nobody, %u times it had gone and stayed\n", answered,
                  unserved, stayed);
    assert_true(answered > 0 && unserved > 0 && stayed > 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(server_that_nobody_came_to_leaves_at_its_time),
        cmocka_unit_test(session_holds_it_and_its_end_begins_the_time_anew),
        cmocka_unit_test(control_session_does_not_hold_it),
        cmocka_unit_test(request_under_way_holds_it),
        cmocka_unit_test(connection_without_a_word_holds_it),
        cmocka_unit_test(guest_who_comes_as_it_leaves_is_served_or_finds_nobody),
    };

    return cmocka_run_group_tests_name("sim_idle", tests, NULL, NULL);
}
