/*
 * Deadlines on the real clock, while signals come and bytes drip: beside a plain poll of the same
 * time, the best of five. (To the millisecond it is proven on the clock of tests/sim.) Case 46.
 */
#include "client_kit.h"

#include <poll.h>
#include <signal.h>
#include <sys/time.h>

enum { DEADLINE = 100, STRETCH = 15, TRIES = 5 };

static void on_alarm(int number)
{
    (void)number;
}

static struct sigaction before;

static void begin_storm(void)
{
    const struct itimerval storm = {{0, 30000}, {0, 30000}};
    struct sigaction       action;

    memset(&action, 0, sizeof action);
    action.sa_handler = on_alarm; /* without SA_RESTART: every call is interrupted */
    sigaction(SIGALRM, &action, &before);
    setitimer(ITIMER_REAL, &storm, NULL);
}

static void end_storm(void)
{
    const struct itimerval calm = {{0, 0}, {0, 0}};
    struct sigaction       action;

    setitimer(ITIMER_REAL, &calm, NULL);
    memset(&action, 0, sizeof action);
    action.sa_handler = SIG_IGN; /* one that is still on its way goes with this */
    sigaction(SIGALRM, &action, NULL);
    sigaction(SIGALRM, &before, NULL);
}

/* ---- what waits ----------------------------------------------------------------------- */

static int nothing_comes(cordon_endpoint *endpoint, int left_ms, void *user)
{
    (void)endpoint, (void)left_ms, (void)user;
    return 0;
}

/* Milliseconds until it gave up. */
static int wait_for_a_server(cordon_endpoint *endpoint)
{
    cordon_start_options   start = CORDON_START_OPTIONS_INIT;
    cordon_session_options options = CORDON_SESSION_OPTIONS_INIT;
    cordon_session        *session = NULL;
    cordon_fault           fault = CORDON_FAULT_INIT;
    const uint64_t         began = support_now();

    start.launch = nothing_comes;
    options.start = &start;
    options.timeout_ms = DEADLINE;
    SUPPORT_CODE(cordon_session_open(&session, endpoint, &options, &fault), CORDON_ETIMEDOUT,
                 &fault);
    return (int)(support_now() - began);
}

static int poll_plainly(cordon_endpoint *endpoint)
{
    const uint64_t began = support_now();

    (void)endpoint;
    (void)poll(NULL, 0, DEADLINE);
    return (int)(support_now() - began);
}

static int best_of(int (*wait)(cordon_endpoint *endpoint), cordon_endpoint *endpoint)
{
    int best = wait(endpoint);

    for (int n = 1; n < TRIES; n++) {
        const int took = wait(endpoint);

        best = took < best ? took : best;
    }
    return best;
}

/* ---- the tests -------------------------------------------------------------------------- */

static void check_beside_a_poll(cordon_endpoint *endpoint)
{
    const int plain = best_of(poll_plainly, NULL);
    int       best;

    begin_storm();
    best = best_of(wait_for_a_server, endpoint);
    end_storm();
    print_message("%d ms, a plain poll %d ms\n", best, plain);
    assert_true(best >= DEADLINE);
    assert_true(best <= plain + STRETCH);
}

static void signals_do_not_stretch_the_wait_for_a_launch(void **state)
{
    fake server;

    (void)state;
    fake_prepare(&server);
    check_beside_a_poll(server.endpoint);
    fake_close(&server);
}

/* A welcome that never gets whole. */
static void drip(fake *server, support_raw raw, unsigned number)
{
    uint8_t head[12];

    (void)number;
    (void)fake_hello(server, raw);
    support_put_head(head, WELCOME, 0, 0, 200);
    for (size_t n = 0; n < sizeof head; n++) {
        if (support_raw_offer(raw, head + n, 1) != 1)
            return;
        support_pause(80);
    }
}

static void bytes_that_drip_do_not_stretch_the_hello(void **state)
{
    sigset_t alarm, old;
    fake     server;

    (void)state;
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &alarm, &old); /* the fake's thread inherits it: all hit us */
    fake_open(&server, drip);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    check_beside_a_poll(server.endpoint);
    fake_close(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signals_do_not_stretch_the_wait_for_a_launch),
        cmocka_unit_test(bytes_that_drip_do_not_stretch_the_hello),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
