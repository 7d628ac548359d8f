/* Whatever the host does with its signals, nothing dies and nothing is lost. Case 37. */
#include "life_posix.h"

#include <errno.h>
#include <signal.h>
#include <sys/time.h>
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

/* Each story runs in a child: the signals of the test program stay as they are. */
static void check_story(int (*story)(void *context))
{
    assert_int_equal(support_wait(support_fork(story, NULL), 30000), 0);
}

static void echo(cordon_request *request, cordon_bytes body, void *user)
{
    (void)user;
    cordon_reply(&request, body);
}

/* ---- SIGPIPE ---- */

/* Clients that ask for much and leave. */
static void *ask_and_leave(void *context)
{
    cordon_endpoint *endpoint = context;
    uint8_t          bytes[64];

    for (int n = 0; n < 50; n++) {
        int client = support_raw_admitted(endpoint);

        support_raw_send(client, bytes, support_put_frame(bytes, 4, 0, 1, "size 900000", 11));
        support_raw_send(client, bytes, support_put_frame(bytes, 4, 0, 2, "size 900000", 11));
        SUPPORT_CHECK(support_raw_read(client, bytes, 12, SUPPORT_SOON) == 12);
        close(client);
    }
    return NULL;
}

static int serve_on_a_thread(void *context)
{
    support_server *server;

    (void)context;
    SUPPORT_CHECK(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
    support_server_open(&server, root, NULL, NULL);
    ask_and_leave(server->endpoint);
    SUPPORT_CHECK(support_reaches(&server->ended, 50, SUPPORT_SOON));
    support_ask_echo(server->endpoint);
    support_server_close(server);
    return 0;
}

static void reply_much(cordon_request *request, cordon_bytes body, void *user)
{
    static const char filled[900000];
    cordon_bytes      much = {filled, sizeof filled};

    (void)body;
    (void)user;
    cordon_reply(&request, much);
}

static void *leave_then_stop(void *context)
{
    ask_and_leave(context);
    SUPPORT_CHECK(kill(getpid(), SIGUSR1) == 0);
    return NULL;
}

static void on_signal(uv_signal_t *signals, int number)
{
    (void)number;
    uv_close((uv_handle_t *)signals, NULL);
    uv_stop(signals->loop);
}

/* On the main thread, where SIGPIPE is not blocked. */
static int serve_on_the_main_thread(void *context)
{
    cordon_endpoint *endpoint = support_endpoint(root);
    cordon_fault     fault = CORDON_FAULT_INIT;
    cordon_loop     *loop;
    cordon_server   *server;
    uv_loop_t        uv;
    uv_signal_t      signals;
    pthread_t        clients;

    (void)context;
    SUPPORT_CHECK(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
    SUPPORT_CHECK(uv_loop_init(&uv) == 0 && uv_signal_init(&uv, &signals) == 0);
    SUPPORT_CODE(cordon_loop_open_uv(&loop, &uv, &fault), CORDON_OK, &fault);
    SUPPORT_CODE(cordon_server_open(&server, loop, endpoint, reply_much, NULL, &fault), CORDON_OK,
                 &fault);
    SUPPORT_CHECK(uv_signal_start(&signals, on_signal, SIGUSR1) == 0);
    SUPPORT_CHECK(pthread_create(&clients, NULL, leave_then_stop, endpoint) == 0);
    uv_run(&uv, UV_RUN_DEFAULT);
    SUPPORT_CHECK(pthread_join(clients, NULL) == 0);
    cordon_server_close(server);
    cordon_loop_close(loop);
    uv_run(&uv, UV_RUN_DEFAULT);
    SUPPORT_CHECK(uv_loop_close(&uv) == 0);
    cordon_endpoint_close(endpoint);
    return 0;
}

static void server_survives_vanished_clients_with_sigpipe_at_its_default(void **state)
{
    (void)state;
    check_story(serve_on_a_thread);
    check_story(serve_on_the_main_thread);
}

static int ask_who_dies(void *context)
{
    cordon_endpoint *endpoint = support_endpoint(root);
    cordon_session  *session = NULL;
    cordon_fault     fault = CORDON_FAULT_INIT;
    cordon_bytes     reply;
    life_child       child;

    (void)context;
    SUPPORT_CHECK(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
    for (int n = 0; n < 10; n++) {
        life_serve(&child, root, NULL);
        SUPPORT_CODE(cordon_session_open(&session, endpoint, NULL, &fault), CORDON_OK, &fault);
        life_kill(&child);
        SUPPORT_CODE(cordon_session_call(&reply, session, cordon_text("x"), NULL, &fault),
                     CORDON_ECLOSED, &fault);
        SUPPORT_CODE(cordon_session_call(&reply, session, cordon_text("x"), NULL, &fault),
                     CORDON_ECLOSED, &fault);
        cordon_session_close(session);
    }
    cordon_endpoint_close(endpoint);
    return 0;
}

static void client_survives_vanished_servers_with_sigpipe_at_its_default(void **state)
{
    (void)state;
    check_story(ask_who_dies);
}

/* ---- EINTR everywhere ---- */

static atomic_uint alarms;

static void count_alarm(int number)
{
    (void)number;
    atomic_fetch_add(&alarms, 1);
}

/* A signal each millisecond, and no call is restarted. */
static void begin_storm(void *context)
{
    const struct itimerval each = {{0, 1000}, {0, 1000}};
    struct sigaction       action = {0};

    (void)context;
    action.sa_handler = count_alarm; /* no SA_RESTART */
    SUPPORT_CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    SUPPORT_CHECK(setitimer(ITIMER_REAL, &each, NULL) == 0);
}

static void ask_large(cordon_session *session, char *body, size_t size)
{
    cordon_bytes bytes = {body, size};
    cordon_bytes reply;
    cordon_fault fault = CORDON_FAULT_INIT;

    SUPPORT_CODE(cordon_session_call(&reply, session, bytes, NULL, &fault), CORDON_OK, &fault);
    SUPPORT_CHECK(reply.size == size && memcmp(reply.data, body, size) == 0);
}

static void ask_in_a_storm(cordon_endpoint *endpoint)
{
    cordon_session *session = NULL;
    cordon_fault    fault = CORDON_FAULT_INIT;
    size_t          size = 1u << 19;
    char           *body = malloc(size);

    SUPPORT_CHECK(body != NULL);
    SUPPORT_CODE(cordon_session_open(&session, endpoint, NULL, &fault), CORDON_OK, &fault);
    for (size_t n = 0; n < size; n++)
        body[n] = (char)(n * 31 % 251);
    for (int n = 0; n < 30; n++)
        ask_large(session, body, size);
    for (int n = 0; n < 300; n++) {
        support_ask_echo(endpoint);
        ask_large(session, body, (size_t)n);
    }
    cordon_session_close(session);
    free(body);
}

/* On the main thread, where the signals arrive. */
static int serve_in_a_storm(void *context)
{
    support_signal       *lines = context;
    cordon_server_options options = CORDON_SERVER_OPTIONS_INIT;
    cordon_endpoint      *endpoint = support_endpoint(root);
    cordon_fault          fault = CORDON_FAULT_INIT;
    cordon_loop          *loop;
    cordon_server        *server;
    uv_loop_t             uv;

    begin_storm(NULL);
    options.max_request = 1u << 20;
    SUPPORT_CHECK(uv_loop_init(&uv) == 0);
    SUPPORT_CODE(cordon_loop_open_uv(&loop, &uv, &fault), CORDON_OK, &fault);
    SUPPORT_CODE(cordon_server_open(&server, loop, endpoint, echo, &options, &fault), CORDON_OK,
                 &fault);
    SUPPORT_CHECK(write(lines[0].ends[1], "r", 1) == 1);
    while (support_signal_wait(&lines[1], 0) == -1)
        uv_run(&uv, UV_RUN_ONCE);
    cordon_server_close(server);
    cordon_loop_close(loop);
    uv_run(&uv, UV_RUN_DEFAULT);
    SUPPORT_CHECK(uv_loop_close(&uv) == 0);
    cordon_endpoint_close(endpoint);
    SUPPORT_CHECK(atomic_load(&alarms) > 10);
    return 0;
}

static int everything_in_a_storm(void *context)
{
    support_signal   lines[2];
    cordon_endpoint *endpoint = support_endpoint(root);
    pid_t            server;

    (void)context;
    support_signal_open(&lines[0]);
    support_signal_open(&lines[1]);
    server = support_fork(serve_in_a_storm, lines);
    SUPPORT_CHECK(support_signal_wait(&lines[0], SUPPORT_SOON) == 'r');
    begin_storm(NULL);
    ask_in_a_storm(endpoint);
    SUPPORT_CHECK(atomic_load(&alarms) > 10);
    support_signal_send(&lines[1], 's');
    support_ask(NULL, endpoint, "wake up", NULL);
    SUPPORT_CHECK(support_wait(server, SUPPORT_SOON) == 0);
    cordon_endpoint_close(endpoint);
    return 0;
}

static void nothing_is_lost_when_every_call_is_interrupted(void **state)
{
    (void)state;
    check_story(everything_in_a_storm);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(server_survives_vanished_clients_with_sigpipe_at_its_default),
        TEST(client_survives_vanished_servers_with_sigpipe_at_its_default),
        TEST(nothing_is_lost_when_every_call_is_interrupted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
