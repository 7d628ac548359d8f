/*
 * The protocol of connect or start without the cost of programs: callers are threads, what they
 * launch is a server on a thread. Round after round from every state in which they can find an
 * endpoint: exactly one server, launched by exactly one of them where none was, and all of them
 * have a session.
 *
 *     start_protocol_test [ROUNDS [CALLERS]]
 */
#include "support.h"

#include <uv.h>

enum { MOST = 256 };

static int rounds = 400, callers = 16;

static char             root[SUPPORT_PATH];
static cordon_endpoint *endpoint;
static uv_barrier_t     gate;

/* ---- the server of a round ----------------------------------------------------------- */

static cordon_loop   *loop;
static cordon_server *server;
static atomic_uint    launches;

static void echo(cordon_request *request, cordon_bytes body, void *user)
{
    (void)user;
    cordon_reply(&request, body);
}

/* Under the startup lock: nobody else is here. 0, or what it failed with. */
static int open_server(void)
{
    cordon_server_options options = CORDON_SERVER_OPTIONS_INIT;
    cordon_fault          fault = CORDON_FAULT_INIT;
    int                   code;

    options.max_strangers = options.max_sessions = MOST;
    options.backlog = MOST;
    code = cordon_loop_open_thread(&loop, &fault);
    if (code == CORDON_OK)
        code = cordon_server_open(&server, loop, endpoint, echo, &options, &fault);
    return -code;
}

static int launch(cordon_endpoint *at, int left_ms, void *user)
{
    (void)at, (void)left_ms, (void)user;
    atomic_fetch_add(&launches, 1);
    return open_server();
}

static void close_server(void)
{
    if (loop == NULL)
        return;
    cordon_server_close(server);
    cordon_loop_close(loop);
    server = NULL;
    loop = NULL;
}

/* ---- callers ---------------------------------------------------------------------------- */

typedef struct caller {
    uv_thread_t  thread;
    int          code, is_started;
    cordon_fault fault;
} caller;

static void call(void *context)
{
    caller                *self = context;
    cordon_start_options   start = CORDON_START_OPTIONS_INIT;
    cordon_session_options options = CORDON_SESSION_OPTIONS_INIT;
    cordon_session        *session = NULL;
    cordon_bytes           reply;

    start.launch = launch;
    options.start = &start;
    options.timeout_ms = 60000; /* only a hang takes so long */
    self->fault = (cordon_fault)CORDON_FAULT_INIT;
    (void)uv_barrier_wait(&gate);
    self->code = cordon_session_open(&session, endpoint, &options, &self->fault);
    if (self->code != CORDON_OK)
        return;
    self->is_started = cordon_session_server(session)->is_started;
    self->code = cordon_session_call(&reply, session, cordon_text("here"), NULL, &self->fault);
    cordon_session_close(session);
}

/* How many say that it was they who started it. */
static int all_come(void)
{
    caller all[MOST];
    int    started = 0;

    memset(all, 0, sizeof all);
    for (int n = 0; n < callers; n++)
        assert_int_equal(uv_thread_create(&all[n].thread, call, &all[n]), 0);
    (void)uv_barrier_wait(&gate);
    for (int n = 0; n < callers; n++) {
        uv_thread_join(&all[n].thread);
        SUPPORT_CODE(all[n].code, CORDON_OK, &all[n].fault);
        started += all[n].is_started;
    }
    return started;
}

/* ---- what they find ---------------------------------------------------------------------- */

static void check(int expected)
{
    const int started = all_come();

    assert_int_equal(started, expected);
    assert_int_equal(atomic_load(&launches), expected);
}

static void nothing(void)
{
    check(1);
}

static void stale_address(void)
{
    support_listener *listener;

    support_listen(&listener, cordon_endpoint_path(endpoint, CORDON_ADDRESS), 1);
    (void)support_listener_die(listener);
    check(1);
}

static void no_lock_file(void)
{
    if (support_exists(cordon_endpoint_path(endpoint, CORDON_LOCK)))
        support_remove(cordon_endpoint_path(endpoint, CORDON_LOCK));
    if (support_exists(cordon_endpoint_path(endpoint, CORDON_START_LOCK)))
        support_remove(cordon_endpoint_path(endpoint, CORDON_START_LOCK));
    check(1);
}

static void live_server(void)
{
    assert_int_equal(open_server(), 0);
    check(0);
}

static const struct {
    const char *name;
    void (*play)(void);
} states[] = {
    {"nothing", nothing},
    {"an address left by a dead server", stale_address},
    {"no lock file", no_lock_file},
    {"a live server", live_server},
};

static void one_server_launched_by_one_of_all_callers(void **state)
{
    const uint64_t began = support_now();

    (void)state;
    assert_int_equal(uv_barrier_init(&gate, (unsigned)callers + 1), 0);
    for (int round = 0; round < rounds; round++) {
        const int which = round % (int)(sizeof states / sizeof states[0]);

        atomic_store(&launches, 0);
        states[which].play();
        close_server();
    }
    uv_barrier_destroy(&gate);
    print_message("%d rounds of %d callers in %u ms\n", rounds, callers,
                  (unsigned)(support_now() - began));
}

static int set_up(void **state)
{
    (void)state;
    support_directory(root);
    endpoint = support_endpoint(root);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    close_server();
    cordon_endpoint_close(endpoint);
    support_directory_remove(root);
    return 0;
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_server_launched_by_one_of_all_callers, set_up,
                                        tear_down),
    };

    if (count > 1)
        rounds = atoi(arguments[1]);
    if (count > 2)
        callers = atoi(arguments[2]);
    if (rounds < 1 || callers < 1 || callers > MOST) {
        fprintf(stderr, "usage: start_protocol_test [ROUNDS [CALLERS]]\n");
        return 2;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
