/*
 * Much at once: bodies of every size both ways (case 31), and a thousand clients that say half of
 * something and wait (case 34), each gone at its deadline on the virtual clock.
 */
#include "../../src/dialect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim.h"
#include "words.h"

#define CROWD   1000
#define MIB     ((size_t)1024 * 1024)
#define LARGEST (64 * MIB)

static struct scene {
    sim_process          *host, *guest, *good;
    cordon_loop          *loop;
    cordon_endpoint      *endpoint, *client;
    cordon_server        *server;
    cordon_server_options options;
    intptr_t              crowd[CROWD];
    char                  address[128], hex[65];
    uint8_t               token[32];
    unsigned              left; /* sessions that were told as left, by ETIMEDOUT */
    int                   code;
    uint64_t              took;
    int                   is_json;
    size_t                size;
} scene;

/* ---- the server ---------------------------------------------------------------------------- */

static void on_request(cordon_request *request, cordon_bytes body, void *user)
{
    (void)user;
    assert_int_equal(cordon_reply(&request, body), CORDON_OK);
}

static void on_session(cordon_session_id session, const cordon_peer *peer, int is_here,
                       const cordon_fault *why, void *user)
{
    (void)session;
    (void)peer;
    (void)user;
    scene.left += !is_here && why->code == CORDON_ETIMEDOUT;
}

static void open_endpoint(cordon_endpoint **endpoint)
{
    cordon_endpoint_options options = CORDON_ENDPOINT_OPTIONS_INIT;

    options.allocate = sim_allocate;
    assert_int_equal(cordon_endpoint_open(endpoint, "crowd", &options, NULL), CORDON_OK);
}

static void start(void *context)
{
    cordon_fault fault = CORDON_FAULT_INIT;

    (void)context;
    assert_int_equal(cordon_loop_open_uv(&scene.loop, sim_loop(scene.host), NULL), CORDON_OK);
    open_endpoint(&scene.endpoint);
    assert_int_equal(cordon_server_open(&scene.server, scene.loop, scene.endpoint, on_request,
                                        &scene.options, &fault),
                     CORDON_OK);
    snprintf(scene.address, sizeof scene.address, "%s",
             cordon_endpoint_path(scene.endpoint, CORDON_ADDRESS));
    assert_int_equal(cordon_endpoint_token(scene.hex, scene.endpoint, NULL), CORDON_OK);
    for (size_t i = 0; i < 32; i++) {
        const char two[3] = {scene.hex[2 * i], scene.hex[2 * i + 1], '\0'};

        scene.token[i] = (uint8_t)strtoul(two, NULL, 16);
    }
}

static void stop(void *context)
{
    (void)context;
    cordon_server_close(scene.server);
    cordon_endpoint_close(scene.endpoint);
    cordon_loop_close(scene.loop);
}

static void plan_scene(void)
{
    memset(&scene, 0, sizeof scene);
    scene.options = (cordon_server_options)CORDON_SERVER_OPTIONS_INIT;
    scene.options.on_session = on_session;
    sim_open(1);
    scene.host = sim_process_open("server", SIM_UID);
    scene.guest = sim_process_open("crowd", SIM_UID);
    scene.good = sim_process_open("good client", SIM_UID);
    sim_descriptors(scene.host, 2 * CROWD);
    sim_descriptors(scene.guest, 2 * CROWD);
}

static void close_scene(void)
{
    (void)sim_as(scene.host, stop, NULL);
    sim_pass(1000);
    assert_int_equal(sim_close(), 0);
}

/* ---- bodies -----------------------------------------------------------------------------------
 */

static char byte_at(size_t at)
{
    return (char)('a' + (at * 31 + at / 251) % 26);
}

static cordon_bytes make_body(size_t size)
{
    char *data = malloc(size + 1);

    assert_non_null(data);
    for (size_t i = 0; i < size; i++)
        data[i] = byte_at(i);
    if (scene.is_json && size == 1)
        data[0] = '7';
    else if (scene.is_json)
        data[0] = data[size - 1] = '"';
    return (cordon_bytes){data, size};
}

static void check_body(cordon_bytes found, cordon_bytes expected)
{
    assert_int_equal(found.size, expected.size);
    if (expected.size > 0)
        assert_memory_equal(found.data, expected.data, expected.size);
}

#define AT_ONCE 3 /* requests of one size, sent before a reply is looked at */

static void exchange(void *context)
{
    cordon_session_options options = CORDON_SESSION_OPTIONS_INIT;
    cordon_session        *session = NULL;
    cordon_fault           fault = CORDON_FAULT_INIT;
    const cordon_message  *message;
    cordon_bytes           reply;
    const cordon_bytes     body = make_body(scene.size);
    const unsigned         count = scene.size > MIB ? 1 : AT_ONCE;

    (void)context;
    open_endpoint(&scene.client);
    options.max_reply = scene.options.max_reply;
    options.flags = scene.is_json ? CORDON_NO_BINARY : 0;
    if (cordon_session_open(&session, scene.client, &options, &fault) != CORDON_OK)
        fail_msg("%zu bytes: %s", scene.size, cordon_fault_line(&fault));
    /* A line before the first accepted token is 64 KiB at most. */
    assert_int_equal(cordon_session_call(&reply, session, cordon_text("1"), NULL, NULL), CORDON_OK);
    for (unsigned i = 0; i < count; i++)
        if (cordon_session_send(NULL, session, body, NULL, &fault) != CORDON_OK)
            fail_msg("%zu bytes: %s", scene.size, cordon_fault_line(&fault));
    for (unsigned i = 0; i < count; i++) {
        if (cordon_session_receive(&message, session, 0, &fault) != CORDON_OK)
            fail_msg("%zu bytes: %s", scene.size, cordon_fault_line(&fault));
        assert_int_equal(message->kind, CORDON_REPLY);
        check_body(message->body, body);
    }
    cordon_session_close(session);
    cordon_endpoint_close(scene.client);
    free((void *)(uintptr_t)body.data);
}

static void check_exchange(int is_json, size_t size, unsigned chop)
{
    plan_scene();
    sim.chop = chop;
    scene.is_json = is_json;
    scene.size = size;
    scene.options.max_request = size > MIB ? LARGEST : 2 * MIB;
    scene.options.max_reply = scene.options.max_request;
    assert_true(sim_as(scene.host, start, NULL));
    assert_true(sim_as(scene.good, exchange, NULL));
    close_scene();
}

static void bodies_of_all_sizes_arrive_both_ways_at_once(void **state)
{
    static const size_t sizes[] = {0, 1, 4095, 4096, 65535, 65536, MIB};

    (void)state;
    for (int is_json = 0; is_json < 2; is_json++)
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
            for (unsigned chop = 0; chop <= 50 && !(is_json && sizes[i] == 0); chop += 50)
                check_exchange(is_json, sizes[i], chop);
}

static void body_of_64_MiB_arrives_both_ways(void **state)
{
    (void)state;
    check_exchange(0, LARGEST, 0);
    check_exchange(1, LARGEST - 1024, 0); /* the line around it counts, too */
}

/* ---- a crowd ------------------------------------------------------------------------------------
 */

static size_t say(intptr_t handle, const char *words)
{
    char       bytes[1024];
    const int  is_line = words[0] == '{';
    const int  size = is_line ? snprintf(bytes, sizeof bytes, words, scene.hex) : 0;
    const long sent = sim_write(
        handle, bytes, is_line ? (size_t)size : words_say(bytes, sizeof bytes, words, scene.token));

    assert_true(sent > 0);
    return (size_t)sent;
}

/* Each says `first`, and when all have come, `then`. */
typedef struct plot {
    const char *first, *then;
    uint64_t    until;       /* ms after the last byte: then it is told, and 100 ms later it ends */
    int         is_admitted; /* these are sessions that leave with ETIMEDOUT */
} plot;

static void gather_crowd(void *context)
{
    const plot *it = context;
    char        heard[1024];

    for (unsigned i = 0; i < CROWD; i++) {
        scene.crowd[i] = sim_dial(scene.address);
        assert_true(scene.crowd[i] != CORDON__NO_HANDLE);
        (void)say(scene.crowd[i], it->first);
        sim_settle();
    }
    for (unsigned i = 0; i < CROWD && it->then; i++) {
        assert_true(sim_read(scene.crowd[i], heard, sizeof heard) > 0);
        (void)say(scene.crowd[i], it->then);
    }
}

static unsigned count_ended(void)
{
    char     heard[1024];
    unsigned ended = 0;

    for (unsigned i = 0; i < CROWD; i++) {
        while (sim_read(scene.crowd[i], heard, sizeof heard) > 0)
            continue;
        ended += sim_read(scene.crowd[i], heard, sizeof heard) < 0;
    }
    return ended;
}

static void leave_crowd(void *context)
{
    (void)context;
    for (unsigned i = 0; i < CROWD; i++)
        sim_hang_up(scene.crowd[i]);
}

static void call(void *context)
{
    cordon_buffer  reply = CORDON_BUFFER_INIT;
    const uint64_t began = sim_now();

    (void)context;
    open_endpoint(&scene.client);
    scene.code = cordon_call(&reply, scene.client, cordon_text("\"good\""), NULL, NULL);
    scene.took = sim_now() - began;
    cordon_buffer_free(&reply);
    cordon_endpoint_close(scene.client);
}

static void check_good_client(void)
{
    assert_true(sim_as(scene.good, call, NULL));
    assert_int_equal(scene.code, CORDON_OK);
    assert_int_equal(scene.took, 0);
    sim_settle();
}

static void open_crowd_scene(unsigned max_strangers)
{
    plan_scene();
    sim.pipe = 4096;
    scene.options.max_sessions = 1200;
    scene.options.max_strangers = max_strangers;
    assert_true(sim_as(scene.host, start, NULL));
    check_good_client();
    sim_pass(1000);
}

static void check_crowd(const plot *it)
{
    unsigned descriptors;
    size_t   bytes;

    open_crowd_scene(CROWD + 10);
    descriptors = sim_descriptors_open(scene.host);
    bytes = sim_bytes(scene.host);
    assert_true(sim_as(scene.guest, gather_crowd, (void *)(uintptr_t)it));
    sim_settle();
    check_good_client();
    sim_pass(it->until - 1);
    check_good_client();
    assert_int_equal(count_ended(), 0);
    sim_pass(1 + 100);
    assert_int_equal(count_ended(), CROWD);
    assert_int_equal(scene.left, it->is_admitted ? CROWD : 0);
    check_good_client();
    assert_true(sim_as(scene.guest, leave_crowd, NULL));
    sim_pass(1000);
    assert_int_equal(sim_descriptors_open(scene.host), descriptors);
    /* What rests between two uses has a ceiling that does not know of the crowd. */
    assert_in_range(sim_bytes(scene.host), 0, bytes + 256 * (size_t)1024);
    check_good_client();
    close_scene();
}

static void thousand_half_hellos_are_gone_at_their_deadline(void **state)
{
    static const plot frames = {"magic head:57:1:0:0 bytes:0100", NULL, 5000, 0};
    static const plot lines = {"{\"token\":\"%.20s", NULL, 5000, 0};

    (void)state;
    check_crowd(&frames);
    check_crowd(&lines);
}

static void thousand_half_requests_are_gone_at_their_deadline(void **state)
{
    static const plot frames = {"magic hello", "head:100:4:0:1 bytes:41", 10000, 1};
    static const plot lines = {"{\"token\":\"%s\",\"id\":1,\"request\":1}\n", "{\"token\":\"%.5s",
                               10000, 1};

    (void)state;
    check_crowd(&frames);
    check_crowd(&lines);
}

/* Before admission they need not be waited for: newer ones take their place. */
static void strangers_make_place_for_newer_ones(void **state)
{
    static const plot frames = {"magic head:57:1:0:0 bytes:0100", NULL, 5000, 0};
    static const plot lines = {"{\"token\":\"%.20s", NULL, 5000, 0};

    (void)state;
    for (int is_json = 0; is_json < 2; is_json++) {
        open_crowd_scene(16);
        assert_true(
            sim_as(scene.guest, gather_crowd, (void *)(uintptr_t)(is_json ? &lines : &frames)));
        sim_pass(100);
        check_good_client();
        assert_int_equal(count_ended(), CROWD - 16);
        sim_pass(5100);
        assert_int_equal(count_ended(), CROWD);
        assert_true(sim_as(scene.guest, leave_crowd, NULL));
        close_scene();
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_of_all_sizes_arrive_both_ways_at_once),
        cmocka_unit_test(body_of_64_MiB_arrives_both_ways),
        cmocka_unit_test(thousand_half_hellos_are_gone_at_their_deadline),
        cmocka_unit_test(thousand_half_requests_are_gone_at_their_deadline),
        cmocka_unit_test(strangers_make_place_for_newer_ones),
    };

    return cmocka_run_group_tests_name("sim_crowd", tests, NULL, NULL);
}
