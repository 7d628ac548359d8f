/* The end of a server: what it takes along, what it leaves, whom it still answers. Case 10. */
#include "life_kit.h"

#include <uv.h>

static char root[SUPPORT_PATH];

static int set_up(void **state)
{
    (void)state;
    support_directory(root);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    support_directory_remove(root);
    return 0;
}

static const char *path_of(const support_server *server, enum cordon_place place)
{
    return cordon_endpoint_path(server->endpoint, place);
}

/* ---- files ---- */

static void clean_stop_removes_socket_and_token_and_keeps_the_lock(void **state)
{
    support_server *server;
    char            text[256] = {0}, pid[32], lock[SUPPORT_PATH];
    uint64_t        before;

    (void)state;
    support_server_open(&server, root, NULL, NULL);
    life_check_left(root, LIFE_TOKEN | LIFE_LOCK | LIFE_ADDRESS);
    snprintf(lock, sizeof lock, "%s", path_of(server, CORDON_LOCK));
    assert_true(support_read(lock, text, sizeof text - 1) > 0);
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    assert_non_null(strstr(text, pid)); /* who holds it, for people */
    before = support_identity(lock);
    support_server_close(server);

    life_check_left(root, LIFE_LOCK);
    assert_true(support_identity(lock) == before);
    assert_int_equal(support_read(lock, text, sizeof text), 0); /* only a crash leaves a name */
}

/* Unlinked and made anew, a file may well get the number of the old one. */
static void token_of_somebody_else_stays(void **state)
{
    char            other[64], found[80], path[SUPPORT_PATH];
    support_server *server;

    (void)state;
    memset(other, 'a', sizeof other);
    support_server_open(&server, root, NULL, NULL);
    snprintf(path, sizeof path, "%s", path_of(server, CORDON_TOKEN));
    support_remove(path);
    support_write(path, other, sizeof other, 0600);
    support_server_close(server);
    assert_int_equal(support_read(path, found, sizeof found), sizeof other);
    assert_memory_equal(found, other, sizeof other);
    life_check_left(root, LIFE_TOKEN | LIFE_LOCK);
}

/* ---- who waits at the end ---- */

typedef struct quiet { /* a server whose loop does not run now: nobody is accepted */
    uv_loop_t        uv;
    cordon_loop     *loop;
    cordon_server   *server;
    cordon_endpoint *endpoint;
    atomic_uint      calls;
} quiet;

static void count_call(cordon_request *request, cordon_bytes body, void *user)
{
    quiet *server = user;

    atomic_fetch_add(&server->calls, 1);
    cordon_reply(&request, body);
}

static void open_quiet(quiet *server, int drain_ms)
{
    cordon_server_options options = CORDON_SERVER_OPTIONS_INIT;
    cordon_fault          fault = CORDON_FAULT_INIT;

    options.user = server;
    options.drain_ms = drain_ms;
    atomic_init(&server->calls, 0);
    server->endpoint = support_endpoint(root);
    SUPPORT_CHECK(uv_loop_init(&server->uv) == 0);
    SUPPORT_CODE(cordon_loop_open_uv(&server->loop, &server->uv, &fault), CORDON_OK, &fault);
    SUPPORT_CODE(cordon_server_open(&server->server, server->loop, server->endpoint, count_call,
                                    &options, &fault),
                 CORDON_OK, &fault);
    /* Its loop watches for newcomers from here on: it is told of who comes next before it is told
     * of what comes after, the close too. */
    uv_run(&server->uv, UV_RUN_NOWAIT);
}

static void run_to_the_end(void *context)
{
    quiet *server = context;

    cordon_server_close(server->server);
    cordon_loop_close(server->loop);
    uv_run(&server->uv, UV_RUN_DEFAULT);
}

static void check_quiet_end(quiet *server)
{
    assert_int_equal(uv_loop_close(&server->uv), 0);
    assert_int_equal(atomic_load(&server->calls), 0);
    cordon_endpoint_close(server->endpoint);
    life_check_left(root, LIFE_LOCK);
}

static void say_hello_and_ask(support_raw client, cordon_endpoint *endpoint)
{
    support_hello hello;
    uint8_t       bytes[800];
    size_t        size;

    support_good_hello(&hello, endpoint);
    size = support_put_hello(bytes, &hello);
    size += support_put_frame(bytes + size, 4, 0, 1, "x", 1);
    support_raw_send(client, bytes, size);
}

/* REFUSED STOPPING, then an end: nothing was lost on the way, it is no reset. */
static void check_told_stopping(support_raw client)
{
    support_frame frame = {0};

    assert_int_equal(support_raw_frame(client, &frame, SUPPORT_SOON), 1);
    assert_int_equal(frame.type, 3);
    assert_int_equal(support_get16(frame.body), 9);
    assert_true(support_raw_ends_well(client, SUPPORT_SOON));
    support_frame_free(&frame);
    support_raw_close(client);
}

static void check_told_stopping_in_json(support_raw client)
{
    char line[512];

    assert_int_equal(support_raw_line(client, line, sizeof line, SUPPORT_SOON), 1);
    assert_non_null(strstr(line, "\"ok\":false"));
    assert_non_null(strstr(line, "\"code\":\"STOPPING\""));
    assert_true(support_raw_ends_well(client, SUPPORT_SOON));
    support_raw_close(client);
}

enum { WAITING = SUPPORT_BACKLOG / 2 };

static void who_spoke_in_the_backlog_is_told_stopping(void **state)
{
    char        line[512];
    quiet       server;
    support_raw binary[WAITING], json[WAITING];
    size_t      size;

    (void)state;
    open_quiet(&server, 0);
    size = support_put_line(line, sizeof line, server.endpoint, NULL, "1");
    for (int n = 0; n < WAITING; n++) {
        binary[n] = support_raw_open(server.endpoint);
        say_hello_and_ask(binary[n], server.endpoint);
        json[n] = support_raw_open(server.endpoint);
        support_raw_send(json[n], line, size);
    }
    run_to_the_end(&server);
    for (int n = 0; n < WAITING; n++) {
        check_told_stopping(binary[n]);
        check_told_stopping_in_json(json[n]);
    }
    check_quiet_end(&server);
}

static int is_gone(void *context)
{
    return !support_is_published(context);
}

static void who_speaks_within_the_drain_time_is_told_stopping(void **state)
{
    char          line[512];
    uint8_t       bytes[800];
    support_hello hello;
    quiet         server;
    uv_thread_t   thread;
    support_raw   binary, json;
    size_t        size;

    (void)state;
    open_quiet(&server, 20000);
    size = support_put_line(line, sizeof line, server.endpoint, NULL, "1");
    binary = support_raw_open(server.endpoint);
    json = support_raw_open(server.endpoint);
    support_good_hello(&hello, server.endpoint);
    support_raw_send(binary, "\xC0", 1); /* the first byte is not enough to answer in */
    assert_int_equal(uv_thread_create(&thread, run_to_the_end, &server), 0);
    assert_true(support_until(is_gone, server.endpoint, SUPPORT_SOON));
    support_pause(20);
    support_raw_send(json, line, size);
    check_told_stopping_in_json(json);
    support_raw_send(binary, bytes + 1, support_put_hello(bytes, &hello) - 1);
    check_told_stopping(binary);
    assert_int_equal(uv_thread_join(&thread), 0);
    check_quiet_end(&server);
}

static void silent_one_is_closed_at_the_drain_time(void **state)
{
    quiet       server;
    support_raw client;

    (void)state;
    open_quiet(&server, 50);
    client = support_raw_open(server.endpoint);
    run_to_the_end(&server);
    assert_true(support_raw_ends(client, SUPPORT_SOON));
    support_raw_close(client);
    check_quiet_end(&server);
}

/* The real client, on a server that is just stopping: nothing ran, so nobody is there. */
static void ask(void *context)
{
    cordon_endpoint *endpoint = support_endpoint(root);
    cordon_fault    *fault = context;

    support_ask(NULL, endpoint, "x", fault);
    cordon_endpoint_close(endpoint);
}

static void call_to_a_stopping_server_is_enotrunning_and_unsent(void **state)
{
    cordon_fault fault = CORDON_FAULT_INIT;
    quiet        server;
    uv_thread_t  thread;

    (void)state;
    open_quiet(&server, 0);
    assert_int_equal(uv_thread_create(&thread, ask, &fault), 0);
    support_pause(50); /* early or late, the outcome is the same */
    run_to_the_end(&server);
    assert_int_equal(uv_thread_join(&thread), 0);
    SUPPORT_CODE(fault.code, CORDON_ENOTRUNNING, &fault);
    assert_int_equal(fault.is_sent, 0);
    check_quiet_end(&server);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(clean_stop_removes_socket_and_token_and_keeps_the_lock),
        TEST(token_of_somebody_else_stays),
        TEST(who_spoke_in_the_backlog_is_told_stopping),
        TEST(who_speaks_within_the_drain_time_is_told_stopping),
        TEST(silent_one_is_closed_at_the_drain_time),
        TEST(call_to_a_stopping_server_is_enotrunning_and_unsent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
