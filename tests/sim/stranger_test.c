/*
 * Another user at the door, known when it comes or only once its first bytes were read: it gets
 * no byte, reaches no handler, and the server hears of it once.
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

#define STRANGER 1001

static struct scene {
    sim_process     *host, *guest;
    cordon_loop     *loop;
    cordon_endpoint *endpoint;
    cordon_server   *server;
    cordon_fault     fault;
    int              code, executed, troubles, trouble, admitted;
    char             address[128], hello[256];
    intptr_t         handle;
} scene;

static void on_request(cordon_request *request, cordon_bytes body, void *user)
{
    (void)user;
    scene.executed++;
    (void)cordon_reply(&request, body);
}

static int on_admit(const cordon_peer *peer, void *user)
{
    (void)peer;
    (void)user;
    scene.admitted++;
    return CORDON_OK;
}

static void on_trouble(const cordon_fault *fault, void *user)
{
    (void)user;
    scene.troubles++;
    scene.trouble = fault->code;
}

static void start(void *context)
{
    cordon_endpoint_options where = CORDON_ENDPOINT_OPTIONS_INIT;
    cordon_server_options   options = CORDON_SERVER_OPTIONS_INIT;
    char                    token[65];

    (void)context;
    where.allocate = sim_allocate;
    options.on_admit = on_admit;
    options.on_trouble = on_trouble;
    scene.code = cordon_loop_open_uv(&scene.loop, sim_loop(scene.host), &scene.fault);
    if (scene.code == CORDON_OK)
        scene.code = cordon_endpoint_open(&scene.endpoint, "door", &where, &scene.fault);
    if (scene.code == CORDON_OK)
        scene.code = cordon_server_open(&scene.server, scene.loop, scene.endpoint, on_request,
                                        &options, &scene.fault);
    if (scene.code == CORDON_OK)
        scene.code = cordon_endpoint_token(token, scene.endpoint, &scene.fault);
    if (scene.code != CORDON_OK)
        return;
    snprintf(scene.address, sizeof scene.address, "%s",
             cordon_endpoint_path(scene.endpoint, CORDON_ADDRESS));
    snprintf(scene.hello, sizeof scene.hello, "{\"token\":\"%s\",\"request\":1}\n", token);
}

static void stop(void *context)
{
    (void)context;
    cordon_server_close(scene.server);
    cordon_endpoint_close(scene.endpoint);
    cordon_loop_close(scene.loop);
}

static void dial(void *context)
{
    (void)context;
    scene.handle = sim_dial(scene.address);
}

static void open_scene(int is_later, uint32_t guest)
{
    memset(&scene, 0, sizeof scene);
    scene.fault = (cordon_fault)CORDON_FAULT_INIT;
    sim_open(1);
    sim.is_peer_later = is_later;
    scene.host = sim_process_open("server", SIM_UID);
    scene.guest = sim_process_open("guest", guest);
    assert_true(sim_as(scene.host, start, NULL));
    assert_int_equal(scene.code, CORDON_OK);
    assert_true(sim_as(scene.guest, dial, NULL));
    assert_true(scene.handle != CORDON__NO_HANDLE);
}

static void close_scene(void)
{
    sim_hang_up(scene.handle);
    assert_true(sim_as(scene.host, stop, NULL));
    sim_pass(1000);
    assert_int_equal(sim_close(), 0);
}

static void check_refused(void)
{
    char heard[16];

    sim_settle();
    assert_int_equal(sim_read(scene.handle, heard, sizeof heard), -1);
    assert_int_equal(scene.executed + scene.admitted, 0);
    assert_int_equal(scene.troubles, 1);
    assert_int_equal(scene.trouble, CORDON_EIMPOSTOR);
}

static void stranger_with_the_right_token_gets_no_byte(void **state)
{
    (void)state;
    open_scene(0, STRANGER);
    check_refused();
    close_scene();
}

static void stranger_that_is_known_later_gets_no_byte_either(void **state)
{
    size_t size;

    (void)state;
    open_scene(1, STRANGER);
    size = strlen(scene.hello);
    sim_settle();
    assert_int_equal(scene.troubles, 0); /* who says nothing is nobody yet */
    assert_int_equal(sim_write(scene.handle, scene.hello, size), size);
    check_refused();
    close_scene();
}

/* One byte is enough to know it, and nothing that follows is looked at. */
static void first_byte_of_a_stranger_is_the_last(void **state)
{
    (void)state;
    open_scene(1, STRANGER);
    assert_int_equal(sim_write(scene.handle, "{", 1), 1);
    check_refused();
    close_scene();
}

static void silent_stranger_that_goes_is_no_trouble(void **state)
{
    char heard[16];

    (void)state;
    open_scene(1, STRANGER);
    sim_pass(10000); /* past the time for its hello */
    assert_int_equal(sim_read(scene.handle, heard, sizeof heard), -1);
    assert_int_equal(scene.troubles, 0);
    close_scene();
}

static void friend_that_is_known_later_is_let_in(void **state)
{
    char   heard[64];
    size_t size;

    (void)state;
    open_scene(1, SIM_UID);
    size = strlen(scene.hello);
    assert_int_equal(sim_write(scene.handle, scene.hello, size), size);
    sim_settle();
    assert_true(sim_read(scene.handle, heard, sizeof heard) > 0);
    assert_int_equal(scene.executed, 1);
    assert_int_equal(scene.admitted, 1);
    assert_int_equal(scene.troubles, 0);
    close_scene();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stranger_with_the_right_token_gets_no_byte),
        cmocka_unit_test(stranger_that_is_known_later_gets_no_byte_either),
        cmocka_unit_test(first_byte_of_a_stranger_is_the_last),
        cmocka_unit_test(silent_stranger_that_goes_is_no_trouble),
        cmocka_unit_test(friend_that_is_known_later_is_let_in),
    };

    return cmocka_run_group_tests_name("sim_stranger", tests, NULL, NULL);
}
