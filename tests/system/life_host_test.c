/*
 * cordon is a guest in its process: it changes nothing that belongs to the host, and lives with
 * whatever the host does with its signals. Case 37.
 */
#include "life_posix.h"
#include "life_use.h"

#include <fcntl.h>
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

/* Each story runs in a child: the signals of the test program stay as they are. */
static void check_story(int (*story)(void *context))
{
    assert_int_equal(support_wait(support_fork(story, NULL), 30000), 0);
}

static int call(cordon_endpoint *endpoint, const char *body, unsigned flags)
{
    cordon_call_options options = CORDON_CALL_OPTIONS_INIT;
    cordon_buffer       reply = CORDON_BUFFER_INIT;
    int                 code;

    options.timeout_ms = SUPPORT_SOON;
    options.flags = flags;
    code = cordon_call(&reply, endpoint, cordon_text(body), &options, NULL);
    cordon_buffer_free(&reply);
    return code;
}

/* ---- everything, and nothing has changed ---- */

static void echo(cordon_request *request, cordon_bytes body, void *user)
{
    (void)user;
    cordon_reply(&request, body);
}

static int call_once(void *context)
{
    cordon_endpoint *endpoint = context;

    return call(endpoint, "echo", 0) == CORDON_OK ? 0 : 1;
}

static void stop_when_asked(uv_timer_t *timer)
{
    int status;

    if (waitpid(*(pid_t *)timer->data, &status, WNOHANG) == 0)
        return;
    SUPPORT_CHECK(status == 0);
    uv_close((uv_handle_t *)timer, NULL);
    uv_stop(timer->loop);
}

static void use_everything_on_a_loop(void)
{
    cordon_endpoint *endpoint = support_endpoint(root);
    cordon_fault     fault = CORDON_FAULT_INIT;
    cordon_loop     *loop;
    cordon_server   *server;
    uv_loop_t        uv;
    uv_timer_t       timer;
    pid_t            client;

    SUPPORT_CHECK(uv_loop_init(&uv) == 0 && uv_timer_init(&uv, &timer) == 0);
    SUPPORT_CODE(cordon_loop_open_uv(&loop, &uv, &fault), CORDON_OK, &fault);
    SUPPORT_CODE(cordon_server_open(&server, loop, endpoint, echo, NULL, &fault), CORDON_OK,
                 &fault);
    client = support_fork(call_once, endpoint);
    timer.data = &client;
    uv_timer_start(&timer, stop_when_asked, 1, 1);
    uv_run(&uv, UV_RUN_DEFAULT);
    cordon_server_close(server);
    cordon_loop_close(loop);
    uv_run(&uv, UV_RUN_DEFAULT);
    SUPPORT_CHECK(uv_loop_close(&uv) == 0);
    cordon_endpoint_close(endpoint);
}

static int is_one_thread(void *context)
{
    (void)context;
    return support_count_threads() == 1;
}

/* What libuv keeps for the whole process (a pipe for signals) is there before we look. */
static void warm_up(void)
{
    uv_loop_t uv;

    SUPPORT_CHECK(uv_loop_init(&uv) == 0 && uv_loop_close(&uv) == 0);
}

static void own_handler(int number)
{
    (void)number;
}

/* A host with a mind of its own about everything that could be changed behind its back. */
static void be_a_host(void)
{
    sigset_t mask;

    SUPPORT_CHECK(signal(SIGCHLD, own_handler) != SIG_ERR);
    SUPPORT_CHECK(signal(SIGPIPE, own_handler) != SIG_ERR);
    SUPPORT_CHECK(signal(SIGTERM, own_handler) != SIG_ERR);
    SUPPORT_CHECK(signal(SIGHUP, SIG_IGN) != SIG_ERR);
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR2);
    SUPPORT_CHECK(sigprocmask(SIG_BLOCK, &mask, NULL) == 0);
    umask(027);
    SUPPORT_CHECK(chdir("/") == 0);
    setenv("CORDON_SOMETHING", "else", 1);
}

static int nothing_changes(void *context)
{
    static support_host before, after;

    (void)context;
    be_a_host();
    warm_up();
    support_host_look(&before);
    for (int round = 0; round < 3; round++) {
        life_use_everything(root);
        use_everything_on_a_loop();
    }
    /* A thread that was joined is still listed for a moment. */
    SUPPORT_CHECK(support_until(is_one_thread, NULL, SUPPORT_SOON));
    support_host_look(&after);
    support_host_same(&before, &after);
    return 0;
}

static void host_process_is_the_same_before_and_after_everything(void **state)
{
    (void)state;
    check_story(nothing_changes);
}

/* Signals are the host's: none is ever delivered on a thread of ours. */
static atomic_int wrong_thread;
static pthread_t  right_thread;

static void note_thread(int number)
{
    (void)number;
    if (!pthread_equal(pthread_self(), right_thread))
        atomic_store(&wrong_thread, 1);
}

static int signals_stay_away_from_our_thread(void *context)
{
    support_server *server;
    sigset_t        mask;

    (void)context;
    right_thread = pthread_self();
    SUPPORT_CHECK(signal(SIGUSR1, note_thread) != SIG_ERR);
    support_server_open(&server, root, NULL, NULL);
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR1);
    SUPPORT_CHECK(pthread_sigmask(SIG_BLOCK, &mask, NULL) == 0); /* only our thread could take it */
    SUPPORT_CHECK(kill(getpid(), SIGUSR1) == 0);
    support_ask_echo(server->endpoint);
    SUPPORT_CHECK(pthread_sigmask(SIG_UNBLOCK, &mask, NULL) == 0);
    support_server_close(server);
    SUPPORT_CHECK(atomic_load(&wrong_thread) == 0);
    return 0;
}

static void signals_of_the_host_never_run_on_our_thread(void **state)
{
    (void)state;
    check_story(signals_stay_away_from_our_thread);
}

static int threads_are_as_promised(void *context)
{
    support_server  *server;
    cordon_endpoint *endpoint;

    (void)context;
    SUPPORT_CHECK(support_count_threads() == 1);
    support_server_open(&server, root, NULL, NULL);
    SUPPORT_CHECK(support_count_threads() == 2); /* one loop, one thread */
    endpoint = support_endpoint(root);
    life_use_session(endpoint, 0);
    SUPPORT_CHECK(support_count_threads() == 2); /* asking makes none */
    cordon_endpoint_close(endpoint);
    support_server_close(server);
    SUPPORT_CHECK(support_until(is_one_thread, NULL, SUPPORT_SOON));
    use_everything_on_a_loop();
    return 0;
}

static void one_thread_in_thread_mode_and_none_else(void **state)
{
    (void)state;
    check_story(threads_are_as_promised);
}

static int nothing_leaks_into_a_program(void *context)
{
    support_server  *server;
    cordon_endpoint *endpoint;
    cordon_session  *session = NULL;
    cordon_fault     fault = CORDON_FAULT_INIT;
    int              is_old[256], opened = 0;

    (void)context;
    for (int fd = 0; fd < 256; fd++)
        is_old[fd] = fcntl(fd, F_GETFD) >= 0;
    support_server_open(&server, root, NULL, NULL);
    endpoint = support_endpoint(root);
    SUPPORT_CODE(cordon_session_open(&session, endpoint, NULL, &fault), CORDON_OK, &fault);
    for (int fd = 0; fd < 256; fd++) {
        int flags = fcntl(fd, F_GETFD);

        if (is_old[fd] || flags < 0)
            continue;
        opened++;
        SUPPORT_CHECK((flags & FD_CLOEXEC) != 0);
    }
    SUPPORT_CHECK(opened >= 5); /* lock, listener, directory, both ends of the session */
    cordon_session_close(session);
    cordon_endpoint_close(endpoint);
    support_server_close(server);
    return 0;
}

static void no_descriptor_of_ours_leaks_into_a_program_that_is_started(void **state)
{
    (void)state;
    check_story(nothing_leaks_into_a_program);
}

/* ---- SIGCHLD ---- */

static int live_without_sigchld(void *context)
{
    (void)context;
    SUPPORT_CHECK(signal(SIGCHLD, SIG_IGN) != SIG_ERR);
    life_use_everything(root);
    SUPPORT_CHECK(signal(SIGCHLD, SIG_DFL) == SIG_IGN);
    return 0;
}

static void everything_works_with_sigchld_ignored(void **state)
{
    (void)state;
    check_story(live_without_sigchld);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(host_process_is_the_same_before_and_after_everything),
        TEST(signals_of_the_host_never_run_on_our_thread),
        TEST(one_thread_in_thread_mode_and_none_else),
        TEST(no_descriptor_of_ours_leaks_into_a_program_that_is_started),
        TEST(everything_works_with_sigchld_ignored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
