/*
 * The client that waits, and signals: POSIX.
 */
#include "client_kit.h"

#include <signal.h>
#include <sys/time.h>

/* ---- interrupt ---- */

static cordon_session *to_interrupt;

static void play_mute(fake *server, support_raw raw, unsigned number)
{
    (void)number;
    fake_admit(server, raw);
    FAKE_CHECK(server, fake_read(server, raw) == REQUEST);
    fake_set(server, 1);
    fake_drain(server, raw);
}

static void on_signal(int number)
{
    (void)number;
    cordon_session_interrupt(to_interrupt);
}

static void *signal_soon(void *context)
{
    pthread_t *main_thread = ((void **)context)[1];

    (void)fake_reach(((void **)context)[0], 1);
    support_pause(10);
    pthread_kill(*main_thread, SIGUSR1);
    return NULL;
}

static void interrupt_from_a_signal_handler_ends_the_wait_with_ECANCELED(void **state)
{
    const cordon_message *message;
    struct sigaction      action, before;
    cordon_session       *session;
    cordon_fault          fault = CORDON_FAULT_INIT;
    pthread_t             thread, self = pthread_self();
    fake                  server;
    void                 *both[2] = {&server, &self};

    (void)state;
    fake_open(&server, play_mute);
    to_interrupt = session = fake_session(&server, 0);
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    sigaction(SIGUSR1, &action, &before);
    (void)send_one(session, "x");
    assert_int_equal(pthread_create(&thread, NULL, signal_soon, both), 0);
    SUPPORT_CODE(cordon_session_receive(&message, session, CORDON_FOREVER, &fault),
                 CORDON_ECANCELED, &fault);
    pthread_join(thread, NULL);
    sigaction(SIGUSR1, &before, NULL);
    cordon_session_close(session);
    fake_close(&server);
}

/* ---- a storm ---- */

static void on_alarm(int number)
{
    (void)number;
}

static void storm_of_signals_loses_nothing(void **state)
{
    struct itimerval storm = {{0, 500}, {0, 500}}, calm = {{0, 0}, {0, 0}};
    struct sigaction action, before;
    cordon_buffer    reply = CORDON_BUFFER_INIT;
    cordon_fault     fault = CORDON_FAULT_INIT;
    sigset_t         alarm, old;
    fake             server;
    char            *body = malloc(300001);

    (void)state;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_alarm; /* without SA_RESTART: every call is interrupted */
    memset(body, 'b', 300000);
    body[300000] = '\0';
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &alarm, &old); /* the fake's thread inherits it: all hit us */
    fake_open(&server, fake_echo_big);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    sigaction(SIGALRM, &action, &before);
    setitimer(ITIMER_REAL, &storm, NULL);
    for (int i = 0; i < 50; i++) {
        SUPPORT_CODE(fake_call(&server, &reply, i % 2 ? body : "x", &fault), CORDON_OK, &fault);
        assert_reply(&reply, i % 2 ? body : "x");
    }
    setitimer(ITIMER_REAL, &calm, NULL);
    action.sa_handler = SIG_IGN; /* one that is still on its way goes with this */
    sigaction(SIGALRM, &action, NULL);
    sigaction(SIGALRM, &before, NULL);
    assert_int_equal(atomic_load(&server.requests), 50);
    free(body);
    cordon_buffer_free(&reply);
    fake_close(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(interrupt_from_a_signal_handler_ends_the_wait_with_ECANCELED),
        cmocka_unit_test(storm_of_signals_loses_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
