/* A child that was forked and did not exec: it may close, and nothing of its parent's goes.
 * Case 12. */
#include "life_posix.h"

#include <signal.h>
#include <sys/wait.h>
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

static int close_server(void *context)
{
    support_server *server = context;

    cordon_server_close(server->server);
    cordon_loop_close(server->loop);
    cordon_endpoint_close(server->endpoint);
    return 0;
}

/* All of it is still there and still ours. */
static void check_still_served(support_server *server)
{
    cordon_fault fault = CORDON_FAULT_INIT;

    life_check_names(root, "ipc-token ipc.lock ipc.sock");
    support_ask_echo(server->endpoint);
    SUPPORT_CODE(life_refused(root, CORDON_FOREVER, &fault), CORDON_EADDRINUSE, &fault);
}

static void child_that_closes_everything_frees_neither_lock_nor_address(void **state)
{
    support_server *server;

    (void)state;
    support_server_open(&server, root, NULL, NULL);
    support_ask_echo(server->endpoint);
    for (int round = 0; round < 3; round++) {
        assert_int_equal(support_wait(support_fork(close_server, server), SUPPORT_SOON), 0);
        check_still_served(server);
    }
    support_server_close(server);
    life_check_names(root, "ipc.lock");
}

/* With sessions, held requests and strangers in the parent's hands. */
static void child_that_closes_leaves_the_sessions_of_its_parent_alone(void **state)
{
    support_server *server;
    uint8_t         bytes[64];
    support_frame   frame = {0};
    int             client, stranger;

    (void)state;
    support_server_open(&server, root, NULL, NULL);
    client = support_raw_admitted(server->endpoint);
    stranger = support_raw_open(server->endpoint);
    support_raw_send(client, bytes, support_put_frame(bytes, 4, 0, 7, "hold", 4));
    assert_true(support_reaches(&server->held, 1, SUPPORT_SOON));
    assert_int_equal(support_wait(support_fork(close_server, server), SUPPORT_SOON), 0);

    support_server_release(server, 0, "late");
    assert_int_equal(support_raw_frame(client, &frame, SUPPORT_SOON), 1);
    assert_int_equal(frame.type, 5);
    assert_int_equal(frame.id, 7);
    support_raw_send(client, bytes, support_put_frame(bytes, 4, 0, 8, "again", 5));
    assert_int_equal(support_raw_frame(client, &frame, SUPPORT_SOON), 1);
    assert_int_equal(frame.id, 8);
    support_frame_free(&frame);
    close(stranger);
    close(client);
    check_still_served(server);
    support_server_close(server);
}

/* The same on the caller's loop: its epoll is shared with the child. */
typedef struct own_loop {
    uv_loop_t        uv;
    cordon_loop     *loop;
    cordon_server   *server;
    cordon_endpoint *endpoint;
} own_loop;

static void echo(cordon_request *request, cordon_bytes body, void *user)
{
    (void)user;
    cordon_reply(&request, body);
}

static int close_own_loop(void *context)
{
    own_loop *own = context;

    cordon_server_close(own->server);
    cordon_loop_close(own->loop);
    cordon_endpoint_close(own->endpoint);
    return 0;
}

static int ask_twice(void *context)
{
    (void)context;
    for (int round = 0; round < 2; round++) {
        cordon_endpoint *endpoint = support_endpoint(root);

        support_ask_echo(endpoint);
        cordon_endpoint_close(endpoint);
    }
    return 0;
}

/* Runs the loop meanwhile; the exit status. */
static int run_until_it_ended(own_loop *own, pid_t pid)
{
    uint64_t deadline = support_now() + SUPPORT_SOON;
    int      status;

    for (;;) {
        uv_run(&own->uv, UV_RUN_NOWAIT);
        if (waitpid(pid, &status, WNOHANG) == pid)
            return status;
        if (support_now() >= deadline)
            break;
        support_pause(1);
    }
    support_kill(pid, SIGKILL);
    return -1;
}

static void child_that_closes_leaves_the_loop_of_its_parent_alone(void **state)
{
    cordon_fault fault = CORDON_FAULT_INIT;
    own_loop     own;

    (void)state;
    own.endpoint = support_endpoint(root);
    assert_int_equal(uv_loop_init(&own.uv), 0);
    SUPPORT_CODE(cordon_loop_open_uv(&own.loop, &own.uv, &fault), CORDON_OK, &fault);
    SUPPORT_CODE(cordon_server_open(&own.server, own.loop, own.endpoint, echo, NULL, &fault),
                 CORDON_OK, &fault);
    assert_int_equal(run_until_it_ended(&own, support_fork(ask_twice, NULL)), 0);
    assert_int_equal(support_wait(support_fork(close_own_loop, &own), SUPPORT_SOON), 0);
    assert_int_equal(run_until_it_ended(&own, support_fork(ask_twice, NULL)), 0);
    cordon_server_close(own.server);
    cordon_loop_close(own.loop);
    uv_run(&own.uv, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&own.uv), 0);
    cordon_endpoint_close(own.endpoint);
    life_check_names(root, "ipc.lock");
}

static int linger(void *context)
{
    support_signal *gate = context;

    support_signal_wait(gate, SUPPORT_SOON);
    return 0;
}

/* It closed nothing: its copy of the lock's descriptor must not keep the endpoint taken. */
static void child_that_lingers_does_not_keep_the_endpoint_taken(void **state)
{
    support_server *server;
    support_signal  gate;
    pid_t           child;

    (void)state;
    support_signal_open(&gate);
    support_server_open(&server, root, NULL, NULL);
    child = support_fork(linger, &gate);
    support_server_close(server);
    support_server_open(&server, root, NULL, NULL);
    support_ask_echo(server->endpoint);
    support_server_close(server);
    support_signal_send(&gate, 'g');
    assert_int_equal(support_wait(child, SUPPORT_SOON), 0);
    support_signal_close(&gate);
}

typedef struct asking {
    cordon_endpoint *endpoint;
    cordon_session  *session;
} asking;

static int close_session(void *context)
{
    asking *ours = context;

    cordon_session_close(ours->session);
    cordon_endpoint_close(ours->endpoint);
    return 0;
}

static void child_that_closes_a_session_leaves_its_parents_alone(void **state)
{
    support_server *server;
    asking          ours = {NULL, NULL};
    cordon_fault    fault = CORDON_FAULT_INIT;
    cordon_bytes    reply;

    (void)state;
    support_server_open(&server, root, NULL, NULL);
    ours.endpoint = support_endpoint(root);
    SUPPORT_CODE(cordon_session_open(&ours.session, ours.endpoint, NULL, &fault), CORDON_OK,
                 &fault);
    assert_int_equal(support_wait(support_fork(close_session, &ours), SUPPORT_SOON), 0);
    SUPPORT_CODE(cordon_session_call(&reply, ours.session, cordon_text("still"), NULL, &fault),
                 CORDON_OK, &fault);
    assert_int_equal(reply.size, 5);
    cordon_session_close(ours.session);
    cordon_endpoint_close(ours.endpoint);
    support_server_close(server);
}

/* ---- a thread that stays behind ---- */

typedef struct busy {
    cordon_endpoint *endpoint;
    int              reached[2], go_on[2];
    atomic_int       is_armed;
} busy;

/* The trace is told of steps while the endpoint is in use. */
static void stay_inside(const cordon_fault *step, void *user)
{
    busy *one = user;
    char  byte = 'x';

    (void)step;
    if (!atomic_exchange(&one->is_armed, 0))
        return;
    (void)!write(one->reached[1], &byte, 1);
    (void)!read(one->go_on[0], &byte, 1);
}

static void *use_endpoint(void *context)
{
    char token[65];

    (void)cordon_endpoint_token(token, ((busy *)context)->endpoint, NULL);
    return NULL;
}

static int close_endpoint(void *context)
{
    cordon_endpoint_close(((busy *)context)->endpoint);
    return 0;
}

static void child_closes_an_endpoint_that_a_thread_was_using(void **state)
{
    cordon_endpoint_options options = CORDON_ENDPOINT_OPTIONS_INIT;
    cordon_fault            fault = CORDON_FAULT_INIT;
    support_server         *server;
    busy                    one;
    pthread_t               thread;
    char                    byte = 'x';

    (void)state;
    memset(&one, 0, sizeof one);
    support_server_open(&server, root, NULL, NULL);
    options.directory = root;
    options.trace = stay_inside;
    options.user = &one;
    assert_int_equal(pipe(one.reached) | pipe(one.go_on), 0);
    SUPPORT_CODE(cordon_endpoint_open(&one.endpoint, "test", &options, &fault), CORDON_OK, &fault);
    atomic_store(&one.is_armed, 1);
    assert_int_equal(pthread_create(&thread, NULL, use_endpoint, &one), 0);
    assert_int_equal(read(one.reached[0], &byte, 1), 1);
    assert_int_equal(support_wait(support_fork(close_endpoint, &one), SUPPORT_SOON), 0);
    assert_int_equal(write(one.go_on[1], &byte, 1), 1);
    pthread_join(thread, NULL);
    cordon_endpoint_close(one.endpoint);
    support_server_close(server);
    for (int i = 0; i < 2; i++) {
        close(one.reached[i]);
        close(one.go_on[i]);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(child_that_closes_everything_frees_neither_lock_nor_address),
        TEST(child_that_closes_leaves_the_sessions_of_its_parent_alone),
        TEST(child_that_closes_leaves_the_loop_of_its_parent_alone),
        TEST(child_closes_an_endpoint_that_a_thread_was_using),
        TEST(child_that_lingers_does_not_keep_the_endpoint_taken),
        TEST(child_that_closes_a_session_leaves_its_parents_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
