/*
 * kill -9 anywhere, of whoever starts, serves or asks: the next caller gets a server, about as fast
 * as a first one does, and within a second. Each of them is killed before its first system call,
 * its second, and so on; then callers and servers at random. A client that lives when its server is
 * killed is told so.
 *
 *     start_kill_test [EVERY [ROUNDS]]     each EVERYth system call (1: all of them), random ROUNDS
 */
#include "start_kit.h"

#include <limits.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CALLERS = 6, TRIES = 3, TIMES_SLOWER = 20, LEAST_MS = 10, SECOND_MS = 1000 };

static unsigned every = 5;
static int      rounds = 20;

static char     root[SUPPORT_PATH], home[SUPPORT_PATH];
static unsigned seed;
static uint64_t plain_ms; /* what a first start takes here and now */

static unsigned random_below(unsigned limit)
{
    seed = seed * 1103515245u + 12345u;
    return (seed >> 8) % limit;
}

/* ---- the next caller ----------------------------------------------------------------------- */

static void try_to_ask(start_answer *answer)
{
    cordon_start_options options = CORDON_START_OPTIONS_INIT;
    start_argv           argv;

    options.argv = start_daemon(&argv, home);
    start_ask(answer, home, &options, 0);
}

static void ask(start_answer *answer)
{
    try_to_ask(answer);
    SUPPORT_CODE(answer->code, CORDON_OK, &answer->fault);
}

/* What a killed starter has launched comes when it likes, some of it after the next server has been
 * stopped: it would serve for ever. As its foster parent we hear of all of them. */
static void become_foster_parent(void)
{
#ifdef PR_SET_CHILD_SUBREAPER
    SUPPORT_CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0);
#endif
}

static int has_no_child(void *context)
{
    pid_t ended;

    (void)context;
    start_stop_server(home);
    do
        ended = waitpid(-1, NULL, WNOHANG | __WALL);
    while (ended > 0);
    return ended < 0 && start_count_daemons(home) <= 0;
}

static void end_all(void)
{
    assert_true(support_until(has_no_child, NULL, SUPPORT_SOON));
}

static int is_free(void *context)
{
    (void)context;
    return start_server_pid(home) == 0;
}

static void measure_plain_start(void)
{
    plain_ms = LEAST_MS;
    for (int n = 0; n < TRIES; n++) {
        start_answer answer;

        support_directory_remove(home);
        ask(&answer);
        assert_int_equal(answer.is_started, 1);
        if (answer.took > plain_ms)
            plain_ms = answer.took;
        end_all();
    }
}

/* A second, where the machine is not so slow that a first start takes a quarter of it. */
static uint64_t longest_ms(void)
{
    const uint64_t often = TIMES_SLOWER * plain_ms;

    if (often <= SECOND_MS)
        return often;
    return plain_ms <= SECOND_MS / 4 ? SECOND_MS : 4 * plain_ms;
}

/* Slow beside what a first start takes in this very moment. */
static int is_quick(const start_answer *answer)
{
    if (answer->took <= longest_ms())
        return 1;
    end_all();
    measure_plain_start();
    return answer->took <= longest_ms();
}

static int set_up(void **state)
{
    (void)state;
    support_directory(root);
    support_join(home, root, "home");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    start_end_all(home);
    end_all();
    support_directory_remove(root);
    return 0;
}

/* ---- who is killed ----------------------------------------------------------------------------
 */

static int starts(void *context)
{
    start_answer answer;

    (void)context;
    support_step_mark();
    ask(&answer);
    return 0;
}

static void echo(cordon_request *request, cordon_bytes body, void *user)
{
    (void)user;
    cordon_reply(&request, body);
}

/* A server's life on a thread, and a client of it, in one process: both are stepped. */
static int serves_and_asks(void *context)
{
    cordon_endpoint *endpoint = start_endpoint(home);
    cordon_fault     fault = CORDON_FAULT_INIT;
    cordon_loop     *loop;
    cordon_server   *server;

    (void)context;
    support_step_mark();
    SUPPORT_CODE(cordon_loop_open_thread(&loop, &fault), CORDON_OK, &fault);
    SUPPORT_CODE(cordon_server_open(&server, loop, endpoint, echo, NULL, &fault), CORDON_OK,
                 &fault);
    support_ask_echo(endpoint);
    cordon_server_close(server);
    cordon_loop_close(loop);
    cordon_endpoint_close(endpoint);
    return 0;
}

static int asks(void *context)
{
    cordon_endpoint *endpoint = start_endpoint(home);

    (void)context;
    support_step_mark();
    support_ask_echo(endpoint);
    cordon_endpoint_close(endpoint);
    return 0;
}

/* ---- a server, and its client in a process of its own -------------------------------------------
 */

enum { REQUESTS = 3 };

/* What the client has told: '1' to '3' with each answer, 'e' when it has its error and ends. */
static support_signal told, orders;
static atomic_uint    handled;

static void count_and_echo(cordon_request *request, cordon_bytes body, void *user)
{
    echo(request, body, user);
    atomic_fetch_add(&handled, 1);
}

/* Stepped: it serves until its client has had all its answers. */
static int serves(void *context)
{
    cordon_endpoint *endpoint = start_endpoint(home);
    cordon_fault     fault = CORDON_FAULT_INIT;
    cordon_loop     *loop;
    cordon_server   *server;

    (void)context;
    atomic_store(&handled, 0);
    support_step_mark();
    SUPPORT_CODE(cordon_loop_open_thread(&loop, &fault), CORDON_OK, &fault);
    SUPPORT_CODE(cordon_server_open(&server, loop, endpoint, count_and_echo, NULL, &fault),
                 CORDON_OK, &fault);
    SUPPORT_CHECK(support_reaches(&handled, REQUESTS, SUPPORT_SOON));
    cordon_server_close(server);
    cordon_loop_close(loop);
    cordon_endpoint_close(endpoint);
    return 0;
}

/* It knows of nobody there, or that its server has gone: nothing else. */
static int is_told_of_the_end(int code)
{
    return code == CORDON_ENOTRUNNING || code == CORDON_ECLOSED;
}

/* Success is an answer, and the right one; every failure is one that a caller can understand. */
static int talk(cordon_session *session)
{
    cordon_fault fault = CORDON_FAULT_INIT;
    cordon_bytes reply;
    int          code;

    for (int n = 1;; n++) {
        char body[32];

        snprintf(body, sizeof body, "request %d", n);
        code = cordon_session_call(&reply, session, cordon_text(body), NULL, &fault);
        if (code != CORDON_OK)
            break;
        SUPPORT_CHECK(reply.size == strlen(body) && memcmp(reply.data, body, reply.size) == 0);
        support_signal_send(&told, (char)('0' + n));
        SUPPORT_CHECK(n <= REQUESTS);
        if (n == REQUESTS) /* the end is heard by who does not ask, too */
            support_signal_wait(&orders, SUPPORT_SOON);
    }
    SUPPORT_CODE(code, CORDON_ECLOSED, &fault);
    return code;
}

/* It asks from before the server is there until after it is gone. */
static int asks_until_the_end(void *context)
{
    cordon_endpoint *endpoint = start_endpoint(home);
    cordon_session  *session = NULL;
    cordon_fault     fault = CORDON_FAULT_INIT;
    int              code;

    (void)context;
    for (;;) {
        const int is_over = support_signal_wait(&orders, 0) == 'o';

        code = cordon_session_open(&session, endpoint, NULL, &fault);
        if (code == CORDON_OK || is_over)
            break;
        SUPPORT_CHECK(is_told_of_the_end(code));
        support_pause(1);
    }
    if (code == CORDON_OK)
        code = talk(session);
    SUPPORT_CHECK(is_told_of_the_end(code));
    cordon_session_close(session);
    cordon_endpoint_close(endpoint);
    support_signal_send(&told, 'e');
    return 0;
}

/* ---- at every system call -------------------------------------------------------------------- */

static void nothing(void)
{
    support_directory_remove(home);
}

static void dead_server(void)
{
    start_answer answer;

    ask(&answer);
    assert_int_equal(kill((pid_t)answer.pid, SIGKILL), 0);
    assert_true(support_until(is_free, NULL, SUPPORT_SOON));
}

static void live_server(void)
{
    start_answer answer;

    ask(&answer);
}

/* The one who steps takes the ends of all children: what it has to say it says on a line. */
static pid_t client;

static void waiting_client(void)
{
    nothing();
    support_signal_open(&told);
    support_signal_open(&orders);
    client = support_fork(asks_until_the_end, NULL);
}

static unsigned answered; /* requests of all these clients */

static void client_is_told(void)
{
    int last;

    support_signal_send(&orders, 'o');
    do {
        last = support_signal_wait(&told, SUPPORT_SOON);
        answered += last >= '1' && last <= '0' + REQUESTS;
    } while (last > 0 && last != 'e');
    support_signal_close(&told);
    support_signal_close(&orders);
    if (last != 'e')
        kill(client, SIGKILL); /* it hangs; or it has said why, and is gone */
    assert_int_equal(last, 'e');
}

typedef struct victim {
    const char *name;
    int (*body)(void *context);
    void (*prepare)(void);
    void (*check)(void); /* right after its end; may be NULL */
} victim;

/* 1: killed there; 0: it came through. Slow by chance is tried again; slow three times is slow. */
static int kill_once(const victim *who, unsigned nth)
{
    start_answer answer;
    int          is_killed, status;

    for (int tries = 0;; tries++) {
        who->prepare();
        is_killed = support_step(who->body, NULL, nth, &status);
        assert_int_equal(status, is_killed ? 128 + SIGKILL : 0);
        if (who->check != NULL)
            who->check();
        ask(&answer);
        end_all();
        if (is_quick(&answer))
            return is_killed;
        if (tries == TRIES - 1)
            fail_msg("killed before its call %u: the next caller waited %u ms, a first start takes "
                     "%u",
                     nth, (unsigned)answer.took, (unsigned)plain_ms);
    }
}

static void kill_everywhere(const victim *who)
{
    const unsigned first = 1 + random_below(every);
    unsigned       nth = first;

    if (support_step_missing() != NULL)
        SUPPORT_SKIP(support_step_missing());
    if (support_bin() == NULL)
        SUPPORT_SKIP("no command to start: set CORDON_BIN");
    measure_plain_start();
    while (kill_once(who, nth))
        nth += every;
    assert_true(nth > 5); /* there was something to kill */
    print_message("%s: killed before its call %u, and so on each %u, of about %u; a first start "
                  "takes %u ms\n",
                  who->name, first, every, nth, (unsigned)plain_ms);
}

static void starter_where_nothing_is(void **state)
{
    (void)state;
    kill_everywhere(&(victim){"starter", starts, nothing, NULL});
}

static void starter_where_a_server_died(void **state)
{
    (void)state;
    kill_everywhere(&(victim){"starter after a dead server", starts, dead_server, NULL});
}

static void server_and_its_client(void **state)
{
    (void)state;
    kill_everywhere(&(victim){"server and client", serves_and_asks, nothing, NULL});
}

static void server_of_a_client_that_lives_on(void **state)
{
    (void)state;
    answered = 0;
    kill_everywhere(&(victim){"server", serves, waiting_client, client_is_told});
    print_message("%u requests were answered\n", answered);
    assert_in_range(answered, REQUESTS, UINT_MAX); /* the last client had them all */
}

static void client_of_a_living_server(void **state)
{
    (void)state;
    kill_everywhere(&(victim){"client", asks, live_server, NULL});
}

/* ---- at random ---------------------------------------------------------------------------------
 */

/* It is killed sooner or later; the server that it started or talks to may be killed before. */
static int calls(void *context)
{
    start_answer answer;

    (void)context;
    do
        try_to_ask(&answer);
    while (answer.code == CORDON_OK || answer.code == CORDON_ELAUNCH ||
           answer.code == CORDON_ECLOSED);
    SUPPORT_CODE(answer.code, CORDON_OK, &answer.fault);
    return 1;
}

/* Callers come and come; some of them, and now and then the server, are killed. */
static void one_storm(void)
{
    support_pid    callers[CALLERS];
    const unsigned killed = 1 + random_below(CALLERS);
    uint64_t       server;

    for (int n = 0; n < CALLERS; n++)
        callers[n] = support_fork(calls, NULL);
    for (unsigned n = 0; n < killed; n++) {
        support_pause_us(random_below(15000));
        support_end(callers[n]);
        server = random_below(2) == 0 ? start_server_pid(home) : 0;
        if (server > 1)
            kill((pid_t)server, SIGKILL);
    }
    for (int n = (int)killed; n < CALLERS; n++)
        support_end(callers[n]);
}

static void whoever_comes_after_a_storm_is_served(void **state)
{
    start_answer answer;

    (void)state;
    if (support_bin() == NULL)
        SUPPORT_SKIP("no command to start: set CORDON_BIN");
    measure_plain_start();
    for (int round = 0; round < rounds; round++) {
        for (int tries = 0; tries < TRIES; tries++) {
            one_storm();
            ask(&answer);
            if (is_quick(&answer))
                break;
            if (tries == TRIES - 1)
                fail_msg("after a storm the next caller waited %u ms, a first start takes %u",
                         (unsigned)answer.took, (unsigned)plain_ms);
        }
        if (round % 2 == 0)
            end_all();
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        TEST(starter_where_nothing_is),  TEST(starter_where_a_server_died),
        TEST(server_and_its_client),     TEST(server_of_a_client_that_lives_on),
        TEST(client_of_a_living_server), TEST(whoever_comes_after_a_storm_is_served),
    };

    if (count > 1)
        every = (unsigned)atoi(arguments[1]);
    if (count > 2)
        rounds = atoi(arguments[2]);
    if (every < 1 || rounds < 0) {
        fprintf(stderr, "usage: start_kill_test [EVERY [ROUNDS]]\n");
        return 2;
    }
    become_foster_parent();
    seed = (unsigned)getpid();
    print_message("seed %u\n", seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
