/*
 * One call that makes this process the server or hands its message to the one that is. Case 62.
 *
 *     single_test [STARTS]
 */
#include "support.h"

enum { MOST = 200, SERVING = 's', DONE = 'd' };

static int starts = 50;

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

/* ---- a start, in whatever process ---- */

typedef struct start {
    cordon_endpoint *endpoint;
    cordon_loop     *loop;
    cordon_server   *server;
    cordon_buffer    answer;
    cordon_fault     fault;
    int              code;
} start;

static void single(start *it, const char *directory, cordon_request_fn on_request, void *user,
                   const char *message, int timeout_ms)
{
    cordon_server_options options = CORDON_SERVER_OPTIONS_INIT;

    memset(it, 0, sizeof *it);
    it->fault = (cordon_fault)CORDON_FAULT_INIT;
    it->endpoint = support_endpoint(directory);
    options.user = user;
    SUPPORT_CODE(cordon_loop_open_thread(&it->loop, &it->fault), CORDON_OK, &it->fault);
    it->code = cordon_single(&it->server, &it->answer, it->loop, it->endpoint, on_request,
                             cordon_text(message), &options, timeout_ms, &it->fault);
}

static void end(start *it)
{
    cordon_server_close(it->server);
    cordon_loop_close(it->loop);
    cordon_endpoint_close(it->endpoint);
    cordon_buffer_free(&it->answer);
}

static void refuse(cordon_request *request, cordon_bytes body, void *user)
{
    (void)body;
    (void)user;
    cordon_fail(&request, 300, "not me");
}

/* ---- many at once, each a process ---- */

/* What they share: how often each message was delivered. */
typedef struct ledger {
    atomic_uint delivered[MOST];
} ledger;

static void write_down(cordon_request *request, cordon_bytes body, void *user)
{
    ledger   *shared = user;
    char      text[16] = {0};
    const int number =
        body.size < sizeof text ? (memcpy(text, body.data, body.size), atoi(text)) : MOST;

    SUPPORT_CHECK(number >= 0 && number < MOST);
    atomic_fetch_add(&shared->delivered[number], 1);
    SUPPORT_CHECK(cordon_reply(&request, cordon_text(text)) == CORDON_OK);
}

/* argument: its number, the directory. */
static int play_start(const char *argument, support_child *self)
{
    char    message[16], path[SUPPORT_PATH];
    int     number, used;
    ledger *shared;
    start   it;

    SUPPORT_CHECK(sscanf(argument, "%d %n", &number, &used) == 1);
    shared = support_share(support_join(path, argument + used, "ledger"), sizeof *shared);
    snprintf(message, sizeof message, "%d", number);
    SUPPORT_CHECK(support_signal_wait(&self->orders, -1) == 'g');
    single(&it, argument + used, write_down, shared, message, 3 * SUPPORT_SOON);
    SUPPORT_CODE(it.code, CORDON_OK, &it.fault);
    if (it.server != NULL) {
        support_signal_send(&self->told, SERVING);
        SUPPORT_CHECK(support_signal_wait(&self->orders, -1) == 'q');
    } else {
        SUPPORT_CHECK(it.answer.size == strlen(message) && strcmp(it.answer.data, message) == 0);
        support_signal_send(&self->told, DONE);
    }
    end(&it);
    support_unshare(shared, sizeof *shared);
    return 0;
}

/* It ends over what it was asked, before it can answer. */
static void die(cordon_request *request, cordon_bytes body, void *user)
{
    (void)request;
    (void)body;
    (void)user;
    support_end_self();
}

static int play_death(const char *argument, support_child *self)
{
    start it;

    single(&it, argument, die, NULL, "unused", 0);
    SUPPORT_CHECK(it.server != NULL);
    support_signal_send(&self->told, SERVING);
    while (support_signal_wait(&self->orders, -1) == -1)
        continue;
    end(&it);
    return 0;
}

static const support_part parts[] = {{"start", play_start}, {"death", play_death}, {NULL, NULL}};

/* The one that serves. */
static int tell_apart(support_child *children)
{
    int server = -1;

    for (int n = 0; n < starts; n++) {
        const int said = support_signal_wait(&children[n].told, 3 * SUPPORT_SOON);

        if (said == SERVING) {
            assert_int_equal(server, -1);
            server = n;
            continue;
        }
        assert_int_equal(said, DONE);
        assert_int_equal(support_reap(&children[n], SUPPORT_SOON), 0);
    }
    assert_int_not_equal(server, -1);
    return server;
}

static void first_starts_at_once_make_one_server_and_deliver_the_rest(void **state)
{
    static support_child children[MOST];
    char                 argument[SUPPORT_PATH + 16], path[SUPPORT_PATH];
    ledger              *shared;
    int                  server;

    (void)state;
    shared = support_share(support_join(path, root, "ledger"), sizeof *shared);
    for (int n = 0; n < starts; n++) {
        snprintf(argument, sizeof argument, "%d %s", n, root);
        support_start(&children[n], parts, "start", argument);
    }
    for (int n = 0; n < starts; n++)
        support_signal_send(&children[n].orders, 'g');
    server = tell_apart(children);
    for (int n = 0; n < starts; n++)
        assert_int_equal(atomic_load(&shared->delivered[n]), n != server);
    support_signal_send(&children[server].orders, 'q');
    assert_int_equal(support_reap(&children[server], SUPPORT_SOON), 0);
    support_unshare(shared, sizeof *shared);
}

/* ---- one after the other ---- */

static void second_is_answered_with_a_failure_too(void **state)
{
    start first, second;

    (void)state;
    single(&first, root, refuse, NULL, "one", 0);
    SUPPORT_CODE(first.code, CORDON_OK, &first.fault);
    assert_non_null(first.server);
    assert_int_equal(first.answer.size, 0);
    single(&second, root, refuse, NULL, "two", 0);
    SUPPORT_CODE(second.code, CORDON_EAPP, &second.fault);
    assert_null(second.server);
    assert_int_equal(second.fault.app_code, 300);
    assert_string_equal(second.answer.data, "not me");
    end(&second);
    end(&first);
}

/* It has the lock to its end, which a client that stays puts off, and takes nobody in. */
static support_raw open_stopping(support_server **server, int drain_ms)
{
    cordon_server_options options = CORDON_SERVER_OPTIONS_INIT;
    support_raw           raw;

    options.drain_ms = drain_ms;
    support_server_open(server, root, NULL, &options);
    raw = support_raw_admitted((*server)->endpoint);
    support_server_stop(*server);
    while (support_is_published((*server)->endpoint))
        support_yield();
    return raw;
}

static void who_meets_a_server_that_leaves_is_the_next_one(void **state)
{
    support_server *last;
    start           next;

    (void)state;
    support_raw_close(open_stopping(&last, 200));
    single(&next, root, refuse, NULL, "mine", SUPPORT_SOON);
    SUPPORT_CODE(next.code, CORDON_OK, &next.fault);
    assert_non_null(next.server);
    assert_int_equal(atomic_load(&last->calls), 0);
    support_server_close(last);
    end(&next);
}

static void lock_whose_holder_does_not_serve_is_waited_for_until_the_deadline(void **state)
{
    support_server *last;
    support_raw     raw;
    start           it;

    (void)state;
    raw = open_stopping(&last, 10 * SUPPORT_SOON);
    single(&it, root, refuse, NULL, "mine", 100);
    SUPPORT_CODE(it.code, CORDON_ETIMEDOUT, &it.fault);
    assert_null(it.server);
    assert_int_equal(it.fault.is_sent, 0);
    assert_int_equal(atomic_load(&last->calls), 0);
    support_raw_close(raw);
    /* It first: libuv closes a loop's descriptor behind ThreadSanitizer's back, and the other's
     * thread would get the same number. */
    support_server_close(last);
    end(&it);
}

static void message_over_which_the_server_died_is_not_handed_over_again(void **state)
{
    support_child server;
    start         it;

    (void)state;
    support_start(&server, parts, "death", root);
    assert_int_equal(support_signal_wait(&server.told, SUPPORT_SOON), SERVING);
    single(&it, root, refuse, NULL, "once", SUPPORT_SOON);
    assert_null(it.server);
    SUPPORT_CODE(it.code, CORDON_ECLOSED, &it.fault);
    assert_int_equal(it.fault.is_sent, 1);
    end(&it);
    assert_int_equal(support_reap(&server, SUPPORT_SOON), SUPPORT_KILLED);
}

static void misuse_is_refused(void **state)
{
    cordon_server_options options = CORDON_SERVER_OPTIONS_INIT;
    cordon_bytes          nowhere = {NULL, 5};
    start                 it;

    (void)state;
    single(&it, root, refuse, NULL, "", -7);
    SUPPORT_CODE(it.code, CORDON_EINVAL, &it.fault);
    assert_null(it.server);
    options.max_request = 1;
    assert_int_equal(cordon_single(&it.server, &it.answer, it.loop, it.endpoint, refuse,
                                   cordon_text(""), &options, 0, NULL),
                     CORDON_EINVAL);
    assert_int_equal(
        cordon_single(&it.server, &it.answer, it.loop, it.endpoint, refuse, nowhere, NULL, 0, NULL),
        CORDON_EINVAL);
    assert_int_equal(cordon_single(&it.server, NULL, it.loop, it.endpoint, refuse, cordon_text(""),
                                   NULL, 0, NULL),
                     CORDON_EINVAL);
    end(&it);
}

int main(int count, char **arguments)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(first_starts_at_once_make_one_server_and_deliver_the_rest),
        CASE(second_is_answered_with_a_failure_too),
        CASE(who_meets_a_server_that_leaves_is_the_next_one),
        CASE(lock_whose_holder_does_not_serve_is_waited_for_until_the_deadline),
        CASE(message_over_which_the_server_died_is_not_handed_over_again),
        CASE(misuse_is_refused),
    };

    SUPPORT_PLAY(count, arguments, parts);
    if (count > 1)
        starts = atoi(arguments[1]);
    if (starts < 2 || starts > MOST)
        return 2;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
