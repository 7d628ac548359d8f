/* Counts system calls, both sides together: of a lone round trip, and of a message when 64
 * requests are in flight. */
#include "count_syscalls.h"
#include "support.h"

#include <sys/socket.h>
#include <uv.h>

enum { LONE = 1000, ROUNDS = 100, IN_FLIGHT = 64 };

typedef struct scene {
    const char *directory;
    int         is_uv;    /* the server's loop */
    int         is_json;  /* the client's framing */
    int         ready[2]; /* the server's word to the client */
    int         stop[2];  /* the client's end to the server */
} scene;

static cordon_endpoint *meet(const scene *scene)
{
    cordon_endpoint_options options = CORDON_ENDPOINT_OPTIONS_INIT;
    cordon_endpoint        *endpoint = NULL;

    options.directory = scene->directory;
    SUPPORT_CHECK(cordon_endpoint_open(&endpoint, "count", &options, NULL) == CORDON_OK);
    return endpoint;
}

static void echo(cordon_request *request, cordon_bytes body, void *user)
{
    (void)user;
    SUPPORT_CHECK(cordon_reply(&request, body) == CORDON_OK);
}

static void on_stop(uv_poll_t *poll, int status, int events)
{
    (void)status, (void)events;
    uv_stop(poll->loop);
}

static void serve_on_uv(const scene *scene, cordon_endpoint *endpoint)
{
    cordon_server *server;
    cordon_loop   *loop;
    uv_loop_t      uv;
    uv_poll_t      stop;

    SUPPORT_CHECK(uv_loop_init(&uv) == 0);
    SUPPORT_CHECK(uv_poll_init(&uv, &stop, scene->stop[0]) == 0);
    SUPPORT_CHECK(uv_poll_start(&stop, UV_READABLE, on_stop) == 0);
    SUPPORT_CHECK(cordon_loop_open_uv(&loop, &uv, NULL) == CORDON_OK);
    SUPPORT_CHECK(cordon_server_open(&server, loop, endpoint, echo, NULL, NULL) == CORDON_OK);
    SUPPORT_CHECK(write(scene->ready[1], "r", 1) == 1);
    uv_run(&uv, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&stop, NULL);
    cordon_server_close(server);
    cordon_loop_close(loop);
    uv_run(&uv, UV_RUN_DEFAULT);
    SUPPORT_CHECK(uv_loop_close(&uv) == 0);
}

static void serve_on_thread(const scene *scene, cordon_endpoint *endpoint)
{
    cordon_server *server;
    cordon_loop   *loop;
    char           byte;

    SUPPORT_CHECK(cordon_loop_open_thread(&loop, NULL) == CORDON_OK);
    SUPPORT_CHECK(cordon_server_open(&server, loop, endpoint, echo, NULL, NULL) == CORDON_OK);
    SUPPORT_CHECK(write(scene->ready[1], "r", 1) == 1);
    SUPPORT_CHECK(read(scene->stop[0], &byte, 1) == 1);
    cordon_server_close(server);
    cordon_loop_close(loop);
}

static void serve(void *context)
{
    const scene     *scene = context;
    cordon_endpoint *endpoint = meet(scene);

    if (scene->is_uv)
        serve_on_uv(scene, endpoint);
    else
        serve_on_thread(scene, endpoint);
    cordon_endpoint_close(endpoint);
}

/* ---- the clients --------------------------------------------------------------------- */

static cordon_session *arrive(const scene *scene, cordon_endpoint *endpoint)
{
    cordon_session_options options = CORDON_SESSION_OPTIONS_INIT;
    cordon_session        *session = NULL;
    char                   byte;

    SUPPORT_CHECK(read(scene->ready[0], &byte, 1) == 1);
    options.flags = scene->is_json ? CORDON_NO_BINARY : 0;
    SUPPORT_CHECK(cordon_session_open(&session, endpoint, &options, NULL) == CORDON_OK);
    return session;
}

static void leave(const scene *scene, cordon_endpoint *endpoint)
{
    cordon_endpoint_close(endpoint);
    SUPPORT_CHECK(write(scene->stop[1], "s", 1) == 1);
}

static void ask_one(cordon_session *session)
{
    cordon_bytes reply;

    SUPPORT_CHECK(cordon_session_call(&reply, session, cordon_text("1"), NULL, NULL) == CORDON_OK);
    SUPPORT_CHECK(reply.size == 1);
}

static void count(const scene *scene, void (*ask)(cordon_session *session), int rounds)
{
    cordon_endpoint *endpoint = meet(scene);
    cordon_session  *session = arrive(scene, endpoint);

    for (int i = 0; i < 20; i++)
        ask(session);
    support_count_on();
    for (int i = 0; i < rounds; i++)
        ask(session);
    support_count_off();
    cordon_session_close(session);
    leave(scene, endpoint);
}

static void ask_alone(void *context)
{
    count(context, ask_one, LONE);
}

/* By hand: what the server alone makes of requests that come together. */
static void ask_sixty_four_by_hand(void *context)
{
    const scene     *scene = context;
    cordon_endpoint *endpoint = meet(scene);
    uint8_t          requests[IN_FLIGHT * 13], replies[IN_FLIGHT * 13];
    size_t           size = 0;
    char             byte;
    int              fd;

    SUPPORT_CHECK(read(scene->ready[0], &byte, 1) == 1);
    fd = support_raw_admitted(endpoint);
    for (uint32_t id = 1; id <= IN_FLIGHT; id++)
        size += support_put_frame(requests + size, 4, 0, id, "1", 1);
    for (int i = 0; i < ROUNDS + 20; i++) {
        size_t got = 0;

        if (i == 20)
            support_count_on();
        SUPPORT_CHECK(send(fd, requests, size, MSG_NOSIGNAL) == (ssize_t)size);
        while (got < size) {
            ssize_t some = recv(fd, replies + got, size - got, 0);

            SUPPORT_CHECK(some > 0);
            got += (size_t)some;
        }
    }
    support_count_off();
    close(fd);
    leave(scene, endpoint);
}

static void ask_many(cordon_session *session)
{
    cordon_call_options options = CORDON_CALL_OPTIONS_INIT;

    options.flags = CORDON_GATHER;
    for (int i = 0; i < IN_FLIGHT; i++)
        SUPPORT_CHECK(cordon_session_send(NULL, session, cordon_text("1"), &options, NULL) ==
                      CORDON_OK);
    for (int i = 0; i < IN_FLIGHT; i++) {
        const cordon_message *message;

        SUPPORT_CHECK(cordon_session_receive(&message, session, 0, NULL) == CORDON_OK);
        SUPPORT_CHECK(message->kind == CORDON_REPLY);
    }
}

static void ask_sixty_four(void *context)
{
    count(context, ask_many, ROUNDS);
}

static void ask_one_shots(void *context)
{
    const scene     *scene = context;
    cordon_endpoint *endpoint = meet(scene);
    char             byte;

    SUPPORT_CHECK(read(scene->ready[0], &byte, 1) == 1);
    for (int i = 0; i < LONE + 20; i++) {
        cordon_buffer reply = CORDON_BUFFER_INIT;

        if (i == 20)
            support_count_on();
        SUPPORT_CHECK(cordon_call(&reply, endpoint, cordon_text("1"), NULL, NULL) == CORDON_OK);
        cordon_buffer_free(&reply);
    }
    support_count_off();
    leave(scene, endpoint);
}

/* ---- the counting ---------------------------------------------------------------------- */

static support_syscalls play(int is_uv, int is_json, void (*client)(void *context))
{
    scene            scene = {NULL, is_uv, is_json, {-1, -1}, {-1, -1}};
    support_actor    actors[] = {{serve, &scene}, {client, &scene}};
    char             directory[SUPPORT_PATH];
    support_syscalls calls;
    int              code;

    support_directory(directory);
    scene.directory = directory;
    assert_int_equal(pipe(scene.ready), 0);
    assert_int_equal(pipe(scene.stop), 0);
    code = support_count_syscalls(&calls, actors, 2, 50);
    close(scene.ready[0]);
    close(scene.ready[1]);
    close(scene.stop[0]);
    close(scene.stop[1]);
    support_directory_remove(directory);
    if (code > 0)
        SUPPORT_SKIP("this system does not let a process be traced");
    assert_int_equal(code, 0);
    return calls;
}

/* Whoever is slower than cordon's own clocks (an answer waits a millisecond for company, an
 * answered caller ten) costs more: so where the machine is that slow the best of ten counts. */
static void expect_at_most(int is_uv, int is_json, void (*client)(void *context), int messages,
                           double most)
{
    support_syscalls calls = play(is_uv, is_json, client);

    for (int again = 0; again < 9 && (double)calls.total / messages > most; again++)
        calls = play(is_uv, is_json, client);
    print_message("%.3f system calls each: %s\n", (double)calls.total / messages,
                  support_syscalls_text(&calls));
    assert_true(calls.total > 0);
    assert_true((double)calls.total / messages <= most);
}

/* The few calls around the marks do not belong to a round trip. */
#define LONE_MOST 5.01

static void a_lone_round_trip_takes_five_system_calls(void **state)
{
    (void)state;
    expect_at_most(0, 0, ask_alone, LONE, LONE_MOST);
    expect_at_most(1, 0, ask_alone, LONE, LONE_MOST);
}

static void a_lone_round_trip_in_json_takes_five_system_calls(void **state)
{
    (void)state;
    expect_at_most(0, 1, ask_alone, LONE, LONE_MOST);
}

#define IN_FLIGHT_MOST 0.10

static void a_message_among_64_in_flight_takes_a_tenth_of_a_system_call(void **state)
{
    const int messages = ROUNDS * IN_FLIGHT;

    (void)state;
    expect_at_most(0, 0, ask_sixty_four, messages, IN_FLIGHT_MOST);
    expect_at_most(1, 0, ask_sixty_four, messages, IN_FLIGHT_MOST);
    expect_at_most(0, 1, ask_sixty_four, messages, IN_FLIGHT_MOST);
    expect_at_most(0, 0, ask_sixty_four_by_hand, messages, IN_FLIGHT_MOST);
}

/* The client's part of a one-shot call: connect, peer, send, receive, fstat, and what a socket
 * costs to open and close; the server's: to accept, look and close. */
static void a_one_shot_call_on_an_open_endpoint_is_frugal(void **state)
{
    (void)state;
    expect_at_most(0, 0, ask_one_shots, LONE, 20.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lone_round_trip_takes_five_system_calls),
        cmocka_unit_test(a_lone_round_trip_in_json_takes_five_system_calls),
        cmocka_unit_test(a_message_among_64_in_flight_takes_a_tenth_of_a_system_call),
        cmocka_unit_test(a_one_shot_call_on_an_open_endpoint_is_frugal),
    };

    return cmocka_run_group_tests_name("count_syscalls", tests, NULL, NULL);
}
