/*
 * A libuv that is woken by other threads once only, as 1.49.0 and 1.49.1 are: made of the one that
 * is there, by the call that sets its watches. A session that asks again is not waited for on such
 * a loop in libuv's place: the wake-up would be taken from it.
 */
#include "support.h"

#include <uv.h>

enum { STREAK = 300 }; /* questions, so that it would be waited for */

static atomic_uint edges; /* watches that were changed */

#if defined(__linux__)

#    include <sys/epoll.h>
#    include <sys/syscall.h>

#    define NEEDS_EPOLL (void)0

static int is_wake_up(int fd)
{
    char          path[64], name[64];
    const int     size = snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    const ssize_t got = size > 0 ? readlink(path, name, sizeof name - 1) : -1;

    name[got > 0 ? got : 0] = '\0';
    return strstr(name, "eventfd") != NULL;
}

/* libuv calls this one. */
int epoll_ctl(int epoll, int how, int fd, struct epoll_event *event)
{
    struct epoll_event changed;

    if (how == EPOLL_CTL_ADD && is_wake_up(fd)) {
        changed = *event;
        changed.events |= EPOLLET;
        event = &changed;
        edges++;
    }
    return (int)syscall(SYS_epoll_ctl, epoll, how, fd, event);
}

#else
#    define NEEDS_EPOLL SUPPORT_SKIP("only Linux has epoll, and a way around libuv's turns")
#endif

typedef struct stage {
    char             directory[SUPPORT_PATH];
    cordon_endpoint *endpoint;
    cordon_loop     *loop;
    cordon_server   *server;
} stage;

static void on_request(cordon_request *request, cordon_bytes body, void *user)
{
    (void)user;
    SUPPORT_CHECK(cordon_reply(&request, body) == CORDON_OK);
}

static int setup(void **state)
{
    stage                *it = calloc(1, sizeof *it);
    cordon_server_options options = CORDON_SERVER_OPTIONS_INIT;
    cordon_fault          fault = CORDON_FAULT_INIT;

    support_directory(it->directory);
    it->endpoint = support_endpoint(it->directory);
    /* No timer of the server's wakes a loop that has overlooked something. */
    options.hello_ms = options.look_ms = options.stall_ms = options.write_ms = 10 * SUPPORT_SOON;
    SUPPORT_CODE(cordon_loop_open_thread(&it->loop, &fault), CORDON_OK, &fault);
    SUPPORT_CODE(
        cordon_server_open(&it->server, it->loop, it->endpoint, on_request, &options, &fault),
        CORDON_OK, &fault);
    *state = it;
    return 0;
}

static int teardown(void **state)
{
    stage *it = *state;

    cordon_server_close(it->server);
    cordon_loop_close(it->loop);
    cordon_endpoint_close(it->endpoint);
    support_directory_remove(it->directory);
    free(it);
    return 0;
}

static cordon_session *ask_in_a_streak(stage *it)
{
    cordon_session_options options = CORDON_SESSION_OPTIONS_INIT;
    cordon_call_options    how = CORDON_CALL_OPTIONS_INIT;
    cordon_fault           fault = CORDON_FAULT_INIT;
    cordon_session        *session = NULL;
    cordon_bytes           reply;

    options.flags = CORDON_EVENTS;
    how.timeout_ms = SUPPORT_SOON;
    SUPPORT_CODE(cordon_session_open(&session, it->endpoint, &options, &fault), CORDON_OK, &fault);
    for (int n = 0; n < STREAK; n++)
        SUPPORT_CODE(cordon_session_call(&reply, session, cordon_text("again"), &how, &fault),
                     CORDON_OK, &fault);
    return session;
}

static void an_event_from_another_thread_arrives(void **state)
{
    stage                *it = *state;
    cordon_session       *session = ask_in_a_streak(it);
    const cordon_message *message = NULL;
    cordon_fault          fault = CORDON_FAULT_INIT;

    NEEDS_EPOLL;
    if (edges == 0 && uv_version() >= 0x012D00) /* 1.45 */
        SUPPORT_SKIP("this libuv sets its watches by io_uring");
    assert_true(edges > 0);
    for (int n = 0; n < 3; n++) {
        support_pause(5); /* the server waits for us alone */
        assert_int_equal(cordon_server_push(it->server, CORDON_EVERYONE, cordon_text("news")),
                         CORDON_OK);
        SUPPORT_CODE(cordon_session_receive(&message, session, SUPPORT_SOON, &fault), CORDON_OK,
                     &fault);
        assert_int_equal(message->kind, CORDON_EVENT);
    }
    cordon_session_close(session);
}

/* The server closes while the session is there: teardown waits for it. */
static void a_loop_is_closed_after_a_streak(void **state)
{
    cordon_session_close(ask_in_a_streak(*state));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_event_from_another_thread_arrives, setup, teardown),
        cmocka_unit_test_setup_teardown(a_loop_is_closed_after_a_streak, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
