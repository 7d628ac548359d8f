/*
 * A server that has been called and left a thousand times, and whose clients were killed a hundred
 * times at random points, holds as many handles (descriptors) and as much memory as before; and so
 * when threads came, used it and went. What is counted is a second stretch: in the first one comes
 * what comes once. Case 38.
 *
 *     count_handles_test [CYCLES [KILLS]]
 *
 * Another seed of the random points with CORDON_SEED=N.
 */
#include "life_kit.h"

#include <uv.h>

static char            root[SUPPORT_PATH];
static support_server *server;
static int             cycles = 1000, kills = 100;
static support_memory  memory;
static uint32_t        chance; /* xorshift: the same points for the same seed */

static uint32_t draw(uint32_t limit)
{
    chance ^= chance << 13;
    chance ^= chance >> 17;
    chance ^= chance << 5;
    return chance % limit;
}

static cordon_endpoint *open_counted(void)
{
    cordon_endpoint_options options = CORDON_ENDPOINT_OPTIONS_INIT;
    cordon_endpoint        *endpoint = NULL;
    cordon_fault            fault = CORDON_FAULT_INIT;

    memset(&memory, 0, sizeof memory);
    options.directory = root;
    options.allocate = support_allocate;
    options.user = &memory;
    SUPPORT_CODE(cordon_endpoint_open(&endpoint, "test", &options, &fault), CORDON_OK, &fault);
    return endpoint;
}

static int set_up(void **state)
{
    cordon_endpoint *endpoint;
    cordon_fault     fault = CORDON_FAULT_INIT;

    (void)state;
    support_directory(root);
    endpoint = open_counted();
    SUPPORT_CODE(support_server_try(&server, endpoint, NULL, NULL, &fault), CORDON_OK, &fault);
    server->endpoint = endpoint;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    support_server_close(server);
    support_directory_remove(root);
    assert_int_equal(atomic_load(&memory.blocks), 0);
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

typedef struct count {
    int    handles;
    size_t blocks; /* of memory */
} count;

/* When the server has done all that it was given before. */
static count count_now(void)
{
    support_ask_echo(server->endpoint);
    wait_until_all_have_left();
    return (count){support_count_descriptors(), atomic_load(&memory.blocks)};
}

/* What the system keeps for its own helpers may come with any of them. */
enum { HANDFUL = SUPPORT_HELPERS, HANDFUL_OF_BLOCKS = 8 };

static int is_flat(void *context)
{
    const count *before = context;

    return support_count_descriptors() <= before->handles + HANDFUL &&
           atomic_load(&memory.blocks) <= before->blocks + HANDFUL_OF_BLOCKS;
}

static void check_flat(count before)
{
    const int is_so = support_until(is_flat, &before, SUPPORT_SOON);
    count     now = count_now();

    print_message("%d handles, %d before; %u blocks of memory, %u before\n", now.handles,
                  before.handles, (unsigned)now.blocks, (unsigned)before.blocks);
    assert_true(is_so);
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
    count before;

    (void)state;
    for (int n = 0; n < 100; n++)
        cycle(n);
    before = count_now();
    for (int n = 0; n < cycles; n++)
        cycle(n);
    check_flat(before);
}

/* ---- clients that are killed ------------------------------------------------------------------
 */

/* All that it would say: of either framing, with a request that nobody answers, one that is, and
 * the beginning of another one. */
static size_t put_speech(uint8_t *out, size_t room, cordon_endpoint *endpoint, int is_json)
{
    support_hello hello;
    uint8_t       body[64] = {0};
    size_t        size;

    if (is_json) {
        size = support_put_line((char *)out, room, endpoint, "1", "\"hold\"");
        return size + (size_t)snprintf((char *)out + size, room - size, "{\"id\":2,\"requ");
    }
    support_good_hello(&hello, endpoint);
    size = support_put_hello(out, &hello);
    size += support_put_frame(out + size, 4, 0, 1, "hold", 4);
    size += support_put_frame(out + size, 4, 0, 2, body, sizeof body);
    size += support_put_head(out + size, 4, 0, 3, sizeof body);
    return size;
}

/* argument: which framing, how many thousandths of it, directory. */
static int speak_and_stay(const char *argument, support_child *self)
{
    cordon_endpoint *endpoint;
    support_raw      raw;
    uint8_t          speech[1024];
    int              is_json, used;
    unsigned         thousandths;
    size_t           size;

    SUPPORT_CHECK(sscanf(argument, "%d %u %n", &is_json, &thousandths, &used) == 2);
    endpoint = support_endpoint(argument + used);
    raw = support_raw_open(endpoint);
    size = put_speech(speech, sizeof speech, endpoint, is_json) * thousandths / 1000;
    support_raw_send(raw, speech, size);
    support_signal_send(&self->told, 's');
    support_signal_wait(&self->orders, -1);
    return 0;
}

static const support_part parts[] = {{"speak", speak_and_stay}, {NULL, NULL}};

static unsigned released; /* requests of dead clients: each handler was told */

static int is_quiet(void *context)
{
    while (released < atomic_load(&server->left)) {
        support_server_release(server, 0, "nobody hears it");
        released++;
    }
    return atomic_load(&server->held) == 0 && is_empty(context);
}

/* A third of them would say all. Half of them are killed when they have said as much as they will,
 * or a little later; the others at any time in which that can be. */
static void lose_a_client(void)
{
    static unsigned took_us = 10000;
    const uint64_t  began = uv_hrtime();
    char            argument[SUPPORT_PATH + 32];
    const unsigned  thousandths = draw(1500);
    support_child   client;

    snprintf(argument, sizeof argument, "%u %u %s", draw(2),
             thousandths < 1000 ? thousandths : 1000, root);
    support_start(&client, parts, "speak", argument);
    if (draw(2) == 0) {
        support_pause_us(draw(took_us + 1));
    } else {
        assert_int_equal(support_signal_wait(&client.told, SUPPORT_SOON), 's');
        took_us = (unsigned)((uv_hrtime() - began) / 1000);
        support_pause_us(draw(1000));
    }
    support_kill_child(&client);
    assert_true(support_until(is_quiet, NULL, SUPPORT_SOON));
}

static void lose_clients(int count)
{
    for (int n = 0; n < count; n++)
        lose_a_client();
    assert_true(support_until(is_quiet, NULL, SUPPORT_SOON));
}

static void hundred_killed_clients_leave_the_handle_count_flat(void **state)
{
    count before;

    (void)state;
    released = 0;
    lose_clients(100);
    before = count_now();
    lose_clients(kills);
    check_flat(before);
    print_message("%d killed: %u were admitted, %u of them with a request under way\n", 100 + kills,
                  atomic_load(&server->arrived) - 3, released);
    assert_in_range(released, 1, atomic_load(&server->arrived));
    life_check_left(root, LIFE_TOKEN | LIFE_LOCK | LIFE_ADDRESS);
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
    count before;

    (void)state;
    for (int n = 0; n < 100; n++)
        start_a_thread_that_pushes();
    before = count_now();
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
    const char *seed = getenv("CORDON_SEED");

    chance = seed != NULL ? (uint32_t)strtoul(seed, NULL, 10) | 1u : 20240229u;
    SUPPORT_PLAY(count, arguments, parts);
    if (count > 1)
        cycles = atoi(arguments[1]);
    if (count > 2)
        kills = atoi(arguments[2]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
