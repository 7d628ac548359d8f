/*
 * A server that has been called and left a thousand times, and whose clients were killed a hundred
 * times, holds as many handles (descriptors) as before; and so when threads came, used it and went.
 * Case 38.
 *
 *     count_handles_test [CYCLES [KILLS]]
 */
#include "life_kit.h"

#include <uv.h>

static char            root[SUPPORT_PATH];
static support_server *server;
static int             cycles = 1000, kills = 100;

static int set_up(void **state)
{
    (void)state;
    support_directory(root);
    support_server_open(&server, root, NULL, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    support_server_close(server);
    support_directory_remove(root);
    return 0;
}

static int is_empty(void *context)
{
    (void)context;
    return atomic_load(&server->arrived) == atomic_load(&server->ended);
}

static void wait_until_all_have_left(void)
{
    assert_true(support_until(is_empty, NULL, SUPPORT_SOON));
}

typedef struct goal {
    int most;
} goal;

static int is_flat(void *context)
{
    return support_count_descriptors() <= ((goal *)context)->most;
}

/* What the system keeps for its own helpers may come with any of them. */
static void check_flat(int before)
{
    goal wanted = {before + 4 * SUPPORT_HELPERS};

    wait_until_all_have_left();
    if (!support_until(is_flat, &wanted, SUPPORT_SOON))
        fail_msg("%d handles, %d before", support_count_descriptors(), before);
    print_message("%d handles, %d before\n", support_count_descriptors(), before);
}

/* Connect, call, close: in both framings, each by an endpoint of its own. */
static void cycle(int number)
{
    cordon_call_options options = CORDON_CALL_OPTIONS_INIT;
    cordon_endpoint    *endpoint = support_endpoint(root);
    cordon_buffer       reply = CORDON_BUFFER_INIT;
    cordon_fault        fault = CORDON_FAULT_INIT;

    options.timeout_ms = SUPPORT_SOON;
    options.flags = number % 2 == 0 ? 0 : CORDON_NO_BINARY;
    SUPPORT_CODE(cordon_call(&reply, endpoint, cordon_text("1"), &options, &fault), CORDON_OK,
                 &fault);
    cordon_buffer_free(&reply);
    cordon_endpoint_close(endpoint);
}

static void thousand_calls_leave_the_handle_count_flat(void **state)
{
    int before;

    (void)state;
    for (int n = 0; n < 20; n++)
        cycle(n);
    wait_until_all_have_left();
    before = support_count_descriptors();
    for (int n = 0; n < cycles; n++)
        cycle(n);
    check_flat(before);
}

/* A request that nobody answers is under way when it dies. */
static int ask_and_stay(const char *argument, support_child *self)
{
    cordon_endpoint *endpoint = support_endpoint(argument);
    support_raw      raw = support_raw_admitted(endpoint);
    uint8_t          frame[32];

    support_raw_send(raw, frame, support_put_frame(frame, 4, 0, 1, "hold", 4));
    support_signal_send(&self->told, 'a');
    support_signal_wait(&self->orders, -1);
    return 0;
}

static const support_part parts[] = {{"stay", ask_and_stay}, {NULL, NULL}};

static void lose_a_client(void)
{
    const unsigned left = atomic_load(&server->left);
    support_child  client;

    support_start(&client, parts, "stay", root);
    assert_int_equal(support_signal_wait(&client.told, SUPPORT_SOON), 'a');
    assert_true(support_reaches(&server->held, 1, SUPPORT_SOON));
    support_kill_child(&client);
    assert_true(support_reaches(&server->left, left + 1, SUPPORT_SOON)); /* its handler is told */
    support_server_release(server, 0, "nobody hears it");
}

static void hundred_killed_clients_leave_the_handle_count_flat(void **state)
{
    int before;

    (void)state;
    for (int n = 0; n < 3; n++)
        lose_a_client();
    wait_until_all_have_left();
    before = support_count_descriptors();
    for (int n = 0; n < kills; n++)
        lose_a_client();
    check_flat(before);
    support_ask_echo(server->endpoint);
}

static void push_once(void *context)
{
    (void)context;
    assert_int_equal(cordon_server_push(server->server, CORDON_EVERYONE, cordon_text("event")),
                     CORDON_OK);
}

static void start_a_thread_that_pushes(void)
{
    uv_thread_t thread;

    assert_int_equal(uv_thread_create(&thread, push_once, NULL), 0);
    assert_int_equal(uv_thread_join(&thread), 0);
}

/* Nothing is kept of a thread that has called the library once. */
static void hundred_threads_that_push_leave_the_handle_count_flat(void **state)
{
    int before;

    (void)state;
    for (int n = 0; n < 3; n++)
        start_a_thread_that_pushes();
    before = support_count_descriptors();
    for (int n = 0; n < 100; n++)
        start_a_thread_that_pushes();
    check_flat(before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        TEST(thousand_calls_leave_the_handle_count_flat),
        TEST(hundred_killed_clients_leave_the_handle_count_flat),
        TEST(hundred_threads_that_push_leave_the_handle_count_flat),
    };

    SUPPORT_PLAY(count, arguments, parts);
    if (count > 1)
        cycles = atoi(arguments[1]);
    if (count > 2)
        kills = atoi(arguments[2]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
