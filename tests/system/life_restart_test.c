/*
 * Clients ask without a pause while their server is stopped, killed (at random points of its start,
 * of its work, in the middle of a request) and started again. A ledger in shared memory says how
 * often each request ran: never twice; and whoever was not answered has an error that says truly
 * whether it may have run. Cases 20 and 38.
 *
 *     life_restart_test [ROUNDS]    400 by default; also CORDON_RESTARTS=10000 in the environment
 *
 * Another seed of the pauses and kills with CORDON_SEED=N.
 */
#include "life_kit.h"

#include <uv.h>

enum { CLIENTS = 3, PLACES = 1 << 22 };

typedef struct ledger {
    atomic_uint  next;      /* number of the next request */
    atomic_int   is_over;   /* clients: no more */
    atomic_uint  executed;  /* requests, ever */
    atomic_int   is_doomed; /* this server is killed in the middle of its first request */
    atomic_int   is_in_the_middle;
    atomic_uchar runs[PLACES];    /* by number: how often the handler had it */
    signed char  codes[PLACES];   /* what its caller was told */
    char         is_sent[PLACES]; /* likewise */
} ledger;

static char    root[SUPPORT_PATH];
static char    shelf[SUPPORT_PATH]; /* where the book is */
static ledger *book;
static int     rounds = 400;

static void open_book(void)
{
    char path[SUPPORT_PATH];

    book = support_share(support_join(path, shelf, "book"), sizeof *book);
}

/* A part is told: a number, the endpoint's directory, the shelf. */
static const char *tell_part(int number)
{
    static char argument[2 * SUPPORT_PATH + 16];

    snprintf(argument, sizeof argument, "%d|%s|%s", number, root, shelf);
    return argument;
}

static int begin_part(const char *argument)
{
    const char *first = strchr(argument, '|') + 1, *second = strchr(first, '|') + 1;

    snprintf(root, sizeof root, "%.*s", (int)(second - first) - 1, first);
    snprintf(shelf, sizeof shelf, "%s", second);
    open_book();
    return atoi(argument);
}

static int set_up(void **state)
{
    (void)state;
    support_directory(root);
    support_directory(shelf);
    open_book();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    support_unshare(book, sizeof *book);
    support_directory_remove(shelf);
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
    atomic_fetch_add(&book->executed, 1);
    if (atomic_load(&book->is_doomed)) {
        atomic_store(&book->is_in_the_middle, 1);
        support_pause(SUPPORT_SOON);
    }
    if (number % 16 == 0)
        support_pause_us(300);
    cordon_reply(&request, body);
}

static int serve(const char *argument, support_child *self)
{
    support_server *server;

    begin_part(argument);
    support_server_open(&server, root, do_once, NULL);
    support_signal_send(&self->told, 'r');
    support_signal_wait(&self->orders, SUPPORT_SOON);
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
static int ask_without_pause(const char *argument, support_child *self)
{
    const int           number_of_client = begin_part(argument);
    cordon_endpoint    *endpoint = support_endpoint(root);
    cordon_call_options options = CORDON_CALL_OPTIONS_INIT;

    (void)self;

    options.timeout_ms = 2 * SUPPORT_SOON;
    options.flags = number_of_client % 3 == 2 ? CORDON_NO_BINARY : 0;
    while (!atomic_load(&book->is_over)) {
        unsigned number = atomic_fetch_add(&book->next, 1);

        if (number >= PLACES)
            break;
        ask_one(endpoint, number, &options);
    }
    cordon_endpoint_close(endpoint);
    return 0;
}

static void die_of_it(cordon_request *request, cordon_bytes body, void *user)
{
    (void)request;
    (void)user;
    atomic_fetch_add(&book->runs[number_in(body)], 1);
    support_end_self();
}

static int serve_and_die(const char *argument, support_child *self)
{
    support_server *server;

    begin_part(argument);
    support_server_open(&server, root, die_of_it, NULL);
    support_signal_send(&self->told, 'r');
    support_pause(SUPPORT_SOON);
    return 0;
}

static const support_part parts[] = {
    {"serve-by-the-book", serve},
    {"ask", ask_without_pause},
    {"die", serve_and_die},
    {NULL, NULL},
};

/* ---- the story ---- */

static uint32_t chance; /* xorshift: the same story for the same seed */

static uint32_t draw(uint32_t limit)
{
    chance ^= chance << 13;
    chance ^= chance >> 17;
    chance ^= chance << 5;
    return chance % limit;
}

enum moment { WHILE_IT_STARTS, AT_ANY_TIME, AFTER_SOME_WORK, IN_THE_MIDDLE, MOMENTS };

/* Half of them end at any time; the others wait for their moment, so that the slowest machine sees
 * it too. */
static enum moment draw_moment(void)
{
    return (enum moment)draw(MOMENTS);
}

static int is_in_the_middle(void *context)
{
    (void)context;
    return atomic_load(&book->is_in_the_middle);
}

static void await_moment(enum moment moment, unsigned before)
{
    if (moment == WHILE_IT_STARTS)
        return;
    if (moment == AT_ANY_TIME)
        support_pause_us(draw(4000));
    else if (moment == AFTER_SOME_WORK) /* more than there are clients: some had their answer */
        assert_true(support_reaches(&book->executed, before + CLIENTS + 1 + draw(8), SUPPORT_SOON));
    else
        assert_true(support_until(is_in_the_middle, NULL, SUPPORT_SOON));
}

static unsigned killed;

/* It serves then; or it is at any point of its start. */
static void start_server(support_child *server, enum moment moment)
{
    static unsigned took_us = 10000;
    const uint64_t  began = uv_hrtime();

    support_start(server, parts, "serve-by-the-book", tell_part(0));
    if (moment == WHILE_IT_STARTS) {
        support_pause_us(draw(took_us + 1));
        return;
    }
    assert_int_equal(support_signal_wait(&server->told, SUPPORT_SOON), 'r');
    took_us = (unsigned)((uv_hrtime() - began) / 1000);
}

static void one_life(enum moment moment)
{
    const unsigned before = atomic_load(&book->executed);
    support_child  server;

    atomic_store(&book->is_in_the_middle, 0);
    atomic_store(&book->is_doomed, moment == IN_THE_MIDDLE);
    start_server(&server, moment);
    await_moment(moment, before);
    if (moment == WHILE_IT_STARTS || moment == IN_THE_MIDDLE || draw(2) == 0) {
        support_kill_child(&server);
        killed++;
    } else {
        support_signal_send(&server.orders, 's');
        assert_int_equal(support_reap(&server, SUPPORT_SOON), 0);
    }
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
    support_child   clients[CLIENTS];
    unsigned        lives[MOMENTS] = {0}; /* by moment of their end */
    unsigned        count;

    (void)state;
    for (int n = 0; n < CLIENTS; n++)
        support_start(&clients[n], parts, "ask", tell_part(n));
    for (int n = 0; n < rounds; n++) {
        enum moment moment = draw_moment();

        one_life(moment);
        lives[moment]++;
    }
    atomic_store(&book->is_over, 1);
    for (int n = 0; n < CLIENTS; n++)
        assert_int_equal(support_reap(&clients[n], 3 * SUPPORT_SOON), 0);

    count = atomic_load(&book->next);
    assert_in_range(count, 1, PLACES - 1);
    for (unsigned number = 0; number < count; number++)
        judge(number, &sum);
    print_message("%d restarts, %u of them killed: %u requests, %u answered, %u closed (%u of them "
                  "ran), %u absent, %u refused, %u other\n",
                  rounds, killed, count, sum.ok, sum.closed, sum.ran_unanswered, sum.absent,
                  sum.refused, sum.other);
    assert_true(sum.ok >= lives[AFTER_SOME_WORK]);           /* they did talk */
    assert_true(sum.ran_unanswered >= lives[IN_THE_MIDDLE]); /* kills did hit where it hurts */
    assert_int_equal(sum.other, 0);
    assert_int_equal(sum.refused, 0);
    support_server_open(&server, root, NULL, NULL); /* the last one may have been killed */
    support_server_close(server);
    life_check_left(root, LIFE_LOCK);
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

static void request_that_kills_its_server_ran_once_and_is_told_as_sent(void **state)
{
    const unsigned   flags[] = {0, CORDON_NO_BINARY};
    cordon_endpoint *endpoint = support_endpoint(root);
    cordon_fault     fault = CORDON_FAULT_INIT;

    (void)state;
    for (unsigned n = 0; n < 2; n++) {
        support_child server;

        support_start(&server, parts, "die", tell_part(0));
        assert_int_equal(support_signal_wait(&server.told, SUPPORT_SOON), 'r');
        SUPPORT_CODE(ask(endpoint, flags[n], &fault), CORDON_ECLOSED, &fault);
        assert_int_equal(fault.is_sent, 1);
        assert_int_equal(atomic_load(&book->runs[1]), n + 1);
        assert_int_equal(support_reap(&server, SUPPORT_SOON), SUPPORT_KILLED);
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
    SUPPORT_PLAY(count, arguments, parts);
    SUPPORT_PLAY(count, arguments, life_parts);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
