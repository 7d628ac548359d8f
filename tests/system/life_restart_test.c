/*
 * Clients ask without a pause while their server is stopped, killed and started again. A ledger in
 * shared memory says how often each request ran: never twice; and whoever was not answered has an
 * error that says truly whether it may have run. Case 20.
 *
 *     life_restart_test [ROUNDS]    300 by default; also CORDON_RESTARTS=10000 in the environment
 *
 * Another seed of the pauses and kills with CORDON_SEED=N.
 */
#include "life_kit.h"

#include <signal.h>
#include <sys/mman.h>

enum { CLIENTS = 3, PLACES = 1 << 22 };

typedef struct ledger {
    atomic_uint  next;            /* number of the next request */
    atomic_int   is_over;         /* clients: no more */
    atomic_uchar runs[PLACES];    /* by number: how often the handler had it */
    signed char  codes[PLACES];   /* what its caller was told */
    char         is_sent[PLACES]; /* likewise */
} ledger;

static char    root[SUPPORT_PATH];
static ledger *book;
static int     rounds = 300;

static int set_up(void **state)
{
    (void)state;
    support_directory(root);
    book = mmap(NULL, sizeof *book, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return book == MAP_FAILED ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    munmap(book, sizeof *book);
    support_directory_remove(root);
    return 0;
}

/* ---- the server ---- */

/* Bodies are numbers in digits, so that they are JSON too. */
static unsigned number_in(cordon_bytes body)
{
    char     digits[16] = {0};
    unsigned number;

    SUPPORT_CHECK(body.size > 0 && body.size < sizeof digits);
    memcpy(digits, body.data, body.size);
    number = (unsigned)strtoul(digits, NULL, 10);
    SUPPORT_CHECK(number < PLACES);
    return number;
}

/* First it is done, then it is answered, as with anything that cannot be undone. Some take their
 * time in between: that is where a kill hurts. */
static void do_once(cordon_request *request, cordon_bytes body, void *user)
{
    unsigned number = number_in(body);

    (void)user;
    atomic_fetch_add(&book->runs[number], 1);
    if (number % 16 == 0)
        usleep(300);
    cordon_reply(&request, body);
}

static int serve(void *context)
{
    support_signal *lines = context;
    support_server *server;

    support_server_open(&server, root, do_once, NULL);
    support_signal_send(&lines[0], 'r');
    support_signal_wait(&lines[1], SUPPORT_SOON);
    support_server_close(server);
    return 0;
}

/* ---- the clients ---- */

static void ask_one(cordon_endpoint *endpoint, unsigned number, const cordon_call_options *options)
{
    char          body[16];
    cordon_buffer reply = CORDON_BUFFER_INIT;
    cordon_fault  fault = CORDON_FAULT_INIT;
    int           code;

    snprintf(body, sizeof body, "%u", number);
    code = cordon_call(&reply, endpoint, cordon_text(body), options, &fault);
    SUPPORT_CHECK(code != CORDON_OK || strcmp(reply.data, body) == 0);
    book->codes[number] = (signed char)code;
    book->is_sent[number] = (char)fault.is_sent;
    if (code != CORDON_OK && code != CORDON_ENOTRUNNING && code != CORDON_ECLOSED)
        fprintf(stderr, "request %u: %s\n", number, cordon_fault_line(&fault));
    cordon_buffer_free(&reply);
    if (code == CORDON_ENOTRUNNING)
        support_pause(1); /* leave the machine to the server */
}

/* Each third client speaks JSON lines. */
static int ask_without_pause(void *context)
{
    cordon_endpoint    *endpoint = support_endpoint(root);
    cordon_call_options options = CORDON_CALL_OPTIONS_INIT;

    options.timeout_ms = 20000;
    options.flags = *(int *)context % 3 == 2 ? CORDON_NO_BINARY : 0;
    while (!atomic_load(&book->is_over)) {
        unsigned number = atomic_fetch_add(&book->next, 1);

        if (number >= PLACES)
            break;
        ask_one(endpoint, number, &options);
    }
    cordon_endpoint_close(endpoint);
    return 0;
}

/* ---- the story ---- */

static uint32_t chance; /* xorshift: the same story for the same seed */

static uint32_t draw(uint32_t limit)
{
    chance ^= chance << 13;
    chance ^= chance >> 17;
    chance ^= chance << 5;
    return chance % limit;
}

static void one_life(void)
{
    support_signal lines[2];
    pid_t          pid;

    support_signal_open(&lines[0]);
    support_signal_open(&lines[1]);
    pid = support_fork(serve, lines);
    assert_int_equal(support_signal_wait(&lines[0], SUPPORT_SOON), 'r');
    usleep(draw(4000));
    if (draw(2) == 0) {
        support_kill(pid, SIGKILL);
    } else {
        support_signal_send(&lines[1], 's');
        assert_int_equal(support_wait(pid, SUPPORT_SOON), 0);
    }
    support_signal_close(&lines[0]);
    support_signal_close(&lines[1]);
}

typedef struct totals {
    unsigned ok, closed, absent, refused, other, ran_unanswered;
} totals;

static void judge(unsigned number, totals *sum)
{
    int      code = book->codes[number];
    unsigned runs = atomic_load(&book->runs[number]);

    if (runs > 1)
        fail_msg("request %u ran %u times", number, runs);
    if (code == CORDON_OK && runs != 1)
        fail_msg("request %u was answered and never ran", number);
    if (code != CORDON_OK && !book->is_sent[number] && runs != 0)
        fail_msg("request %u ran, and its caller was told that it cannot have (%s)", number,
                 cordon_error_name(code));
    sum->ok += code == CORDON_OK;
    sum->closed += code == CORDON_ECLOSED;
    sum->absent += code == CORDON_ENOTRUNNING;
    sum->refused += code == CORDON_EUNAUTHORIZED;
    sum->other += code != CORDON_OK && code != CORDON_ECLOSED && code != CORDON_ENOTRUNNING &&
                  code != CORDON_EUNAUTHORIZED;
    sum->ran_unanswered += code != CORDON_OK && runs == 1;
}

static void no_request_runs_twice_and_none_is_lost_over_many_restarts(void **state)
{
    totals          sum = {0, 0, 0, 0, 0, 0};
    support_server *server;
    pid_t           clients[CLIENTS];
    unsigned        count;

    (void)state;
    for (int n = 0; n < CLIENTS; n++)
        clients[n] = support_fork(ask_without_pause, &n);
    for (int n = 0; n < rounds; n++)
        one_life();
    atomic_store(&book->is_over, 1);
    for (int n = 0; n < CLIENTS; n++)
        assert_int_equal(support_wait(clients[n], 30000), 0);

    count = atomic_load(&book->next);
    assert_in_range(count, 1, PLACES - 1);
    for (unsigned number = 0; number < count; number++)
        judge(number, &sum);
    print_message("%d restarts: %u requests, %u answered, %u closed (%u of them ran), %u absent, "
                  "%u refused, %u other\n",
                  rounds, count, sum.ok, sum.closed, sum.ran_unanswered, sum.absent, sum.refused,
                  sum.other);
    assert_true(sum.ok > (unsigned)rounds);              /* they did talk */
    assert_true(sum.ran_unanswered > 0 || rounds < 100); /* kills did hit where it hurts */
    assert_int_equal(sum.other, 0);
    /* Rare: a restart while a call was trying the token of the one before it. */
    assert_int_equal(sum.refused, 0);
    support_server_open(&server, root, NULL, NULL); /* the last one may have been killed */
    support_server_close(server);
    life_check_names(root, "ipc.lock");
}

/* ---- the same, one step at a time ---- */

static int ask(cordon_endpoint *endpoint, unsigned flags, cordon_fault *fault)
{
    cordon_call_options options = CORDON_CALL_OPTIONS_INIT;
    cordon_buffer       reply = CORDON_BUFFER_INIT;
    int                 code;

    options.timeout_ms = SUPPORT_SOON;
    options.flags = flags;
    code = cordon_call(&reply, endpoint, cordon_text("1"), &options, fault);
    SUPPORT_CHECK(code != CORDON_OK || strcmp(reply.data, "1") == 0);
    cordon_buffer_free(&reply);
    return code;
}

/* The endpoint remembers a token that is none any more. */
static void call_after_a_restart_finds_the_new_token(void **state)
{
    const unsigned   flags[] = {0, CORDON_NO_BINARY};
    cordon_endpoint *endpoint = support_endpoint(root);
    cordon_fault     fault = CORDON_FAULT_INIT;
    life_child       child;

    (void)state;
    for (int round = 0; round < 10; round++) {
        life_serve(&child, root, NULL);
        SUPPORT_CODE(ask(endpoint, flags[round % 2], &fault), CORDON_OK, &fault);
        SUPPORT_CODE(ask(endpoint, flags[round % 2], &fault), CORDON_OK, &fault);
        if (round % 3 == 0)
            life_kill(&child);
        else
            life_stop(&child);
    }
    cordon_endpoint_close(endpoint);
}

/* A server that is killed and started again at a chosen step of a call. */
typedef struct restarter {
    life_child  child;
    const char *during; /* the step after which it happens; NULL: no more */
    unsigned    count;
} restarter;

static void restart_at_step(const cordon_fault *step, void *user)
{
    restarter *what = user;

    if (what->during == NULL || strcmp(step->during, what->during) != 0)
        return;
    what->during = NULL;
    what->count++;
    life_kill(&what->child);
    life_serve(&what->child, root, NULL);
}

static cordon_endpoint *open_traced(restarter *what)
{
    cordon_endpoint_options options = CORDON_ENDPOINT_OPTIONS_INIT;
    cordon_endpoint        *endpoint = NULL;
    cordon_fault            fault = CORDON_FAULT_INIT;

    options.directory = root;
    options.trace = restart_at_step;
    options.user = what;
    SUPPORT_CODE(cordon_endpoint_open(&endpoint, "test", &options, &fault), CORDON_OK, &fault);
    return endpoint;
}

/* Connected to the one, the other's token: nothing was sent, so it is tried again. */
static void call_succeeds_when_the_server_restarts_between_token_and_hello(void **state)
{
    const char  *steps[] = {"connect", "read token"};
    cordon_fault fault = CORDON_FAULT_INIT;

    (void)state;
    for (unsigned n = 0; n < 2; n++) {
        restarter        what = {.during = NULL};
        cordon_endpoint *endpoint;

        life_serve(&what.child, root, NULL);
        endpoint = open_traced(&what);
        what.during = steps[n];
        SUPPORT_CODE(ask(endpoint, 0, &fault), CORDON_OK, &fault);
        assert_int_equal(what.count, 1);
        cordon_endpoint_close(endpoint);
        life_stop(&what.child);
    }
}

/* The token that it knew is stale, it reads the new one, and that is stale too by then. */
static void call_with_two_stale_tokens_succeeds(void **state)
{
    restarter        what = {.during = NULL};
    cordon_fault     fault = CORDON_FAULT_INIT;
    cordon_endpoint *endpoint;

    (void)state;
    life_serve(&what.child, root, NULL);
    endpoint = open_traced(&what);
    SUPPORT_CODE(ask(endpoint, 0, &fault), CORDON_OK, &fault);
    life_kill(&what.child);
    life_serve(&what.child, root, NULL);
    what.during = "read token";
    SUPPORT_CODE(ask(endpoint, 0, &fault), CORDON_OK, &fault);
    assert_int_equal(what.count, 1);
    SUPPORT_CODE(ask(endpoint, 0, &fault), CORDON_OK, &fault);
    cordon_endpoint_close(endpoint);
    life_stop(&what.child);
}

static void die_of_it(cordon_request *request, cordon_bytes body, void *user)
{
    (void)request;
    (void)user;
    atomic_fetch_add(&book->runs[number_in(body)], 1);
    kill(getpid(), SIGKILL);
}

static int serve_and_die(void *context)
{
    support_signal *lines = context;
    support_server *server;

    support_server_open(&server, root, die_of_it, NULL);
    support_signal_send(&lines[0], 'r');
    support_pause(SUPPORT_SOON);
    return 0;
}

static void request_that_kills_its_server_ran_once_and_is_told_as_sent(void **state)
{
    const unsigned   flags[] = {0, CORDON_NO_BINARY};
    cordon_endpoint *endpoint = support_endpoint(root);
    cordon_fault     fault = CORDON_FAULT_INIT;

    (void)state;
    for (unsigned n = 0; n < 2; n++) {
        support_signal lines[2];
        pid_t          pid;

        support_signal_open(&lines[0]);
        support_signal_open(&lines[1]);
        pid = support_fork(serve_and_die, lines);
        assert_int_equal(support_signal_wait(&lines[0], SUPPORT_SOON), 'r');
        SUPPORT_CODE(ask(endpoint, flags[n], &fault), CORDON_ECLOSED, &fault);
        assert_int_equal(fault.is_sent, 1);
        assert_int_equal(atomic_load(&book->runs[1]), n + 1);
        assert_int_equal(support_wait(pid, SUPPORT_SOON), 128 + SIGKILL);
        support_signal_close(&lines[0]);
        support_signal_close(&lines[1]);
    }
    SUPPORT_CODE(ask(endpoint, 0, &fault), CORDON_ENOTRUNNING, &fault);
    assert_int_equal(fault.is_sent, 0);
    cordon_endpoint_close(endpoint);
}

/* It is another server that answers now: a session never slips from one to the next. */
static void session_of_a_server_that_was_restarted_is_closed(void **state)
{
    cordon_endpoint *endpoint = support_endpoint(root);
    cordon_session  *session = NULL;
    cordon_fault     fault = CORDON_FAULT_INIT;
    cordon_bytes     reply;
    life_child       child;

    (void)state;
    life_serve(&child, root, NULL);
    SUPPORT_CODE(cordon_session_open(&session, endpoint, NULL, &fault), CORDON_OK, &fault);
    life_kill(&child);
    life_serve(&child, root, NULL);
    for (int n = 0; n < 3; n++)
        SUPPORT_CODE(cordon_session_call(&reply, session, cordon_text("x"), NULL, &fault),
                     CORDON_ECLOSED, &fault);
    cordon_session_close(session);
    life_stop(&child);
    cordon_endpoint_close(endpoint);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        TEST(no_request_runs_twice_and_none_is_lost_over_many_restarts),
        TEST(call_after_a_restart_finds_the_new_token),
        TEST(call_succeeds_when_the_server_restarts_between_token_and_hello),
        TEST(call_with_two_stale_tokens_succeeds),
        TEST(request_that_kills_its_server_ran_once_and_is_told_as_sent),
        TEST(session_of_a_server_that_was_restarted_is_closed),
    };
    const char *wanted = count > 1 ? arguments[1] : getenv("CORDON_RESTARTS");
    const char *seed = getenv("CORDON_SEED");

    if (wanted != NULL)
        rounds = atoi(wanted);
    chance = seed != NULL ? (uint32_t)strtoul(seed, NULL, 10) | 1u : 20240229u;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
