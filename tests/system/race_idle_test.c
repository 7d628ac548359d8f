/*
 * Clients that come just as a server leaves because nobody was there: each request is answered, or
 * finds nobody and was not sent, and runs once. Servers of 1 to 5 ms, each asked around its
 * deadline, in lanes side by side.
 *
 *     race_idle_test [REQUESTS]
 */
#include "support.h"

#include <uv.h>

/* A session that has only to close is looked at after REST_MS: until then it counts as here. */
enum { LANES = 4, BEFORE_US = 200, AFTER_US = 600, LONGEST_MS = 5, REST_MS = 10 };

static unsigned requests = 1200;

typedef struct lane {
    char             directory[SUPPORT_PATH];
    cordon_endpoint *endpoint;
    cordon_loop     *loop;
    cordon_server   *server;
    atomic_uint      executed, published;
    unsigned         asked, found_nobody, in_time, servers;
    int              idle_ms, rest_ms;
    uint32_t         dice;
    uv_thread_t      thread;
    char             wrong[800]; /* what went wrong first; the lane has ended */
} lane;

static uint32_t throw(lane * it, uint32_t below)
{
    it->dice = it->dice * 1664525u + 1013904223u;
    return (it->dice >> 8) % below;
}

static void note(lane *it, const char *what, cordon_fault *fault)
{
    if (it->wrong[0] == 0)
        snprintf(it->wrong, sizeof it->wrong, "%s, request %u: %s", what, it->asked,
                 cordon_fault_line(fault));
}

/* ---- servers ---- */

static void on_request(cordon_request *request, cordon_bytes body, void *user)
{
    lane *it = user;

    atomic_fetch_add(&it->executed, 1);
    if (cordon_reply(&request, body) != CORDON_OK)
        cordon_fail(&request, CORDON_EBUSY, NULL);
}

static void close_server(lane *it)
{
    if (it->loop == NULL)
        return;
    cordon_server_close(it->server);
    cordon_loop_close(it->loop);
    it->server = NULL;
    it->loop = NULL;
}

/* The last one may still be on its way out: it has the lock until its end. */
static void open_server(lane *it)
{
    cordon_server_options options = CORDON_SERVER_OPTIONS_INIT;
    cordon_fault          fault = CORDON_FAULT_INIT;

    close_server(it);
    it->rest_ms = 0;
    it->idle_ms = 1 + (int) throw(it, LONGEST_MS);
    options.idle_ms = it->idle_ms;
    options.user = it;
    if (cordon_loop_open_thread(&it->loop, &fault) != CORDON_OK ||
        cordon_server_open(&it->server, it->loop, it->endpoint, on_request, &options, &fault) !=
            CORDON_OK)
        note(it, "open", &fault);
    it->servers++;
}

/* ---- requests ---- */

/* 1: answered; 0: nobody was there. Whatever else is wrong. */
static int ask(lane *it)
{
    const unsigned      before = atomic_load(&it->executed);
    cordon_call_options options = CORDON_CALL_OPTIONS_INIT;
    cordon_buffer       reply = CORDON_BUFFER_INIT;
    cordon_fault        fault = CORDON_FAULT_INIT;
    char                text[32];
    int                 code, is_echo;

    snprintf(text, sizeof text, "%u", it->asked);
    options.timeout_ms = SUPPORT_SOON;
    options.flags = throw(it, 4) > 0 ? CORDON_NO_BINARY : 0;
    it->rest_ms = options.flags == 0 ? REST_MS : 0;
    code = cordon_call(&reply, it->endpoint, cordon_text(text), &options, &fault);
    is_echo = code == CORDON_OK && reply.size == strlen(text) &&
              memcmp(reply.data, text, reply.size) == 0;
    cordon_buffer_free(&reply);
    if (code == CORDON_ENOTRUNNING && !fault.is_sent && atomic_load(&it->executed) == before)
        return 0;
    if (!is_echo || atomic_load(&it->executed) != before + 1)
        note(it, "lost, or run twice", &fault);
    return 1;
}

/* Around the deadline, which is known to a millisecond; now and then long before, and long after.
 */
static void wait_for_the_moment(lane *it)
{
    const uint32_t deadline_us = (uint32_t)(it->idle_ms + it->rest_ms) * 1000;
    const uint32_t which = throw(it, 20);

    if (which == 0)
        return;
    if (which == 1)
        support_pause_us(deadline_us + 3000);
    else
        support_pause_us(deadline_us - BEFORE_US + throw(it, BEFORE_US + AFTER_US));
}

static void run_lane(void *context)
{
    lane *it = context;

    open_server(it);
    while (it->asked < requests / LANES && it->wrong[0] == 0) {
        wait_for_the_moment(it);
        it->asked++;
        if (ask(it)) {
            it->in_time++;
            continue;
        }
        do {
            it->found_nobody++;
            open_server(it);
        } while (it->wrong[0] == 0 && !ask(it));
    }
    close_server(it);
}

/* ---- the test ---- */

/* How often servers have made themselves known. */
static void on_step(const cordon_fault *step, void *user)
{
    lane *it = user;

    if (step->code == CORDON_OK && strcmp(step->during, "listen") == 0)
        atomic_fetch_add(&it->published, 1);
}

static void open_endpoint(lane *it)
{
    cordon_endpoint_options options = CORDON_ENDPOINT_OPTIONS_INIT;
    cordon_fault            fault = CORDON_FAULT_INIT;

    options.directory = it->directory;
    options.trace = on_step;
    options.user = it;
    SUPPORT_CODE(cordon_endpoint_open(&it->endpoint, "test", &options, &fault), CORDON_OK, &fault);
}

static void open_lane(lane *it, const char *root, int number)
{
    char name[16];

    memset(it, 0, sizeof *it);
    snprintf(name, sizeof name, "lane%d", number);
    support_directory_make(support_join(it->directory, root, name));
    it->dice = (uint32_t)number * 7919u + (uint32_t)support_now();
    open_endpoint(it);
    assert_int_equal(uv_thread_create(&it->thread, run_lane, it), 0);
}

static void no_request_is_lost_when_the_server_leaves(void **state)
{
    char     root[SUPPORT_PATH];
    unsigned in_time = 0, found_nobody = 0, stayed = 0;
    lane     lanes[LANES];

    (void)state;
    support_directory(root);
    for (int n = 0; n < LANES; n++)
        open_lane(&lanes[n], root, n);
    for (int n = 0; n < LANES; n++) {
        assert_int_equal(uv_thread_join(&lanes[n].thread), 0);
        cordon_endpoint_close(lanes[n].endpoint);
        in_time += lanes[n].in_time;
        found_nobody += lanes[n].found_nobody;
        stayed += atomic_load(&lanes[n].published) - lanes[n].servers;
    }
    print_message(
        "%u answered at once, %u times nobody was there, %u times one came and it stayed\n",
        in_time, found_nobody, stayed);
    for (int n = 0; n < LANES; n++)
        assert_string_equal(lanes[n].wrong, "");
    assert_true(found_nobody > 0);
    support_directory_remove(root);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_request_is_lost_when_the_server_leaves),
    };

    if (count > 1)
        requests = (unsigned)atoi(arguments[1]);
    if (requests < LANES)
        return 2;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
