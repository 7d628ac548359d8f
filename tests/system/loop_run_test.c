/*
 * cordon_loop_run: the host's loop, and a session on it that asks, waits and asks again, which
 * needs no turn of the loop for each question. Whatever else is on the loop has its due all the
 * same.
 */
#include "support.h"

#include <uv.h>

enum {
    STREAK = 300,        /* questions, so that the session is waited for in the place of the loop */
    ENOUGH = 50,         /* answers that somebody else has to get beside them */
    PATIENCE = 20000,    /* ms */
    ROOM = 68 * 1024,    /* bytes that are read at once */
    MOST = 4000,         /* questions while somebody else waits for one answer */
    FAR_MORE = 4 * 4096, /* questions, after the fourth part of which the loop has a turn */
    MANY = 200,          /* questions that are sent together, more than ROOM */
    PAUSE = 300,         /* ms of the host's timer */
    TICK = 20            /* ms that the loop's time may be old */
};

typedef struct stage stage;

struct stage {
    char             directory[SUPPORT_PATH];
    cordon_endpoint *endpoint;
    uv_loop_t        uv;
    uv_async_t       knock; /* the clients are done */
    uv_timer_t       timer; /* of the host */
    uv_check_t       check;
    cordon_loop     *loop;
    cordon_server   *server;
    void (*parts[2])(stage *stage); /* of the clients, each on a thread of its own */
    uv_thread_t threads[2];
    atomic_uint running;         /* of these */
    atomic_uint asked;           /* that the handler has seen */
    atomic_uint here;            /* sessions */
    atomic_uint turns;           /* of the loop, while the check is active */
    atomic_int  is_rung;         /* the timer */
    atomic_int  is_done;         /* with what one of the clients waits for */
    uint64_t    set_at, rang_at; /* ms */
    int         code;
    int         is_stopped;
};

/* ---- the host ----------------------------------------------------------------- */

static void on_ring(uv_timer_t *timer)
{
    stage *it = timer->data;

    it->rang_at = support_now();
    it->is_rung = 1;
}

static void on_check(uv_check_t *check)
{
    stage *it = check->data;

    it->turns++;
}

static int is_word(cordon_bytes body, const char *word)
{
    return body.size == strlen(word) && memcmp(body.data, word, body.size) == 0;
}

static void do_as_asked(stage *it, cordon_bytes body)
{
    if (is_word(body, "doze")) {
        support_pause(2);
    } else if (is_word(body, "set the timer")) {
        it->set_at = support_now();
        SUPPORT_CHECK(uv_timer_start(&it->timer, on_ring, PAUSE, 0) == 0);
    } else if (is_word(body, "count turns")) {
        SUPPORT_CHECK(uv_check_start(&it->check, on_check) == 0);
    } else if (is_word(body, "run")) {
        it->code = cordon_loop_run(it->loop);
    } else if (is_word(body, "stop")) {
        it->is_stopped = 1;
        uv_stop(&it->uv);
    } else if (is_word(body, "\"slow\"")) {
        support_pause(30);
    } else if (is_word(body, "close")) {
        cordon_server_close(it->server);
        it->server = NULL;
    }
}

static void on_request(cordon_request *request, cordon_bytes body, void *user)
{
    stage *it = user;

    it->asked++;
    do_as_asked(it, body);
    SUPPORT_CHECK(cordon_reply(&request, body) == CORDON_OK);
}

static void on_session(cordon_session_id session, const cordon_peer *peer, int is_here,
                       const cordon_fault *why, void *user)
{
    stage *it = user;

    (void)session, (void)peer, (void)why;
    if (is_here)
        it->here++;
    else
        it->here--;
}

static void close_all(stage *it)
{
    if (it->server != NULL)
        cordon_server_close(it->server);
    cordon_loop_close(it->loop);
    uv_close((uv_handle_t *)&it->knock, NULL);
    uv_close((uv_handle_t *)&it->timer, NULL);
    uv_close((uv_handle_t *)&it->check, NULL);
}

static void on_knock(uv_async_t *knock)
{
    stage *it = knock->data;

    if (it->running == 0)
        close_all(it);
}

static void run_part(stage *it, size_t which)
{
    it->parts[which](it);
    it->running--;
    uv_async_send(&it->knock);
}

static void first_life(void *context)
{
    run_part(context, 0);
}

static void second_life(void *context)
{
    run_part(context, 1);
}

static void open_host(stage *it)
{
    cordon_server_options options = CORDON_SERVER_OPTIONS_INIT;
    cordon_fault          fault = CORDON_FAULT_INIT;

    options.user = it;
    options.on_session = on_session;
    /* No timer of the server's wakes a loop that has overlooked something. */
    options.hello_ms = options.look_ms = options.stall_ms = options.write_ms = 4 * PATIENCE;
    options.max_request = options.max_reply = 1 << 20;
    SUPPORT_CHECK(uv_loop_init(&it->uv) == 0);
    SUPPORT_CHECK(uv_async_init(&it->uv, &it->knock, on_knock) == 0);
    SUPPORT_CHECK(uv_timer_init(&it->uv, &it->timer) == 0);
    SUPPORT_CHECK(uv_check_init(&it->uv, &it->check) == 0);
    it->knock.data = it->timer.data = it->check.data = it;
    SUPPORT_CODE(cordon_loop_open_uv(&it->loop, &it->uv, &fault), CORDON_OK, &fault);
    SUPPORT_CODE(
        cordon_server_open(&it->server, it->loop, it->endpoint, on_request, &options, &fault),
        CORDON_OK, &fault);
}

static void start(stage *it, void (*first)(stage *), void (*second)(stage *))
{
    open_host(it);
    it->parts[0] = first;
    it->parts[1] = second;
    it->running = second != NULL ? 2 : 1;
    SUPPORT_CHECK(uv_thread_create(&it->threads[0], first_life, it) == 0);
    if (second != NULL)
        SUPPORT_CHECK(uv_thread_create(&it->threads[1], second_life, it) == 0);
}

/* All has been closed by now. */
static void end(stage *it)
{
    uv_thread_join(&it->threads[0]);
    if (it->parts[1] != NULL)
        uv_thread_join(&it->threads[1]);
    assert_int_equal(uv_loop_close(&it->uv), 0);
}

static void play(stage *it, void (*first)(stage *), void (*second)(stage *))
{
    start(it, first, second);
    assert_int_equal(cordon_loop_run(it->loop), CORDON_OK);
    end(it);
}

static int setup(void **state)
{
    stage *it = calloc(1, sizeof *it);

    support_directory(it->directory);
    it->endpoint = support_endpoint(it->directory);
    *state = it;
    return 0;
}

static int teardown(void **state)
{
    stage *it = *state;

    cordon_endpoint_close(it->endpoint);
    support_directory_remove(it->directory);
    free(it);
    return 0;
}

/* ---- clients ------------------------------------------------------------------- */

static cordon_session *enter(stage *it, unsigned flags)
{
    cordon_session_options options = CORDON_SESSION_OPTIONS_INIT;
    cordon_fault           fault = CORDON_FAULT_INIT;
    cordon_session        *session = NULL;

    options.flags = flags;
    SUPPORT_CODE(cordon_session_open(&session, it->endpoint, &options, &fault), CORDON_OK, &fault);
    return session;
}

static void ask(cordon_session *session, cordon_bytes body)
{
    cordon_call_options options = CORDON_CALL_OPTIONS_INIT;
    cordon_fault        fault = CORDON_FAULT_INIT;
    cordon_bytes        reply;

    options.timeout_ms = PATIENCE;
    SUPPORT_CODE(cordon_session_call(&reply, session, body, &options, &fault), CORDON_OK, &fault);
    SUPPORT_CHECK(reply.size == body.size && memcmp(reply.data, body.data, body.size) == 0);
}

static void ask_on(cordon_session *session, unsigned count)
{
    for (unsigned n = 0; n < count; n++)
        ask(session, cordon_text("again"));
}

static void ask_in_a_streak(stage *it)
{
    cordon_session *session = enter(it, 0);

    ask_on(session, 3 * STREAK);
    cordon_session_close(session);
}

static void ask_until_it_is_done(stage *it)
{
    cordon_session *session = enter(it, 0);
    const uint64_t  until = support_now() + PATIENCE;

    ask_on(session, STREAK);
    while (!it->is_done) {
        SUPPORT_CHECK(support_now() < until);
        ask_on(session, 1);
    }
    cordon_session_close(session);
}

/* ---- what is proven -------------------------------------------------------------- */

static void it_answers_and_comes_back_when_all_is_closed(void **state)
{
    stage *it = *state;

    play(it, ask_in_a_streak, NULL);
    assert_int_equal(it->asked, 3 * STREAK);
    assert_int_equal(it->here, 0);
}

static void ask_for_a_count(stage *it)
{
    cordon_session *session = enter(it, 0);

    ask(session, cordon_text("count turns"));
    ask_on(session, 3 * STREAK);
    cordon_session_close(session);
}

static void need_a_way_around(void)
{
#if !defined(__linux__)
    SUPPORT_SKIP("only Linux has a way around libuv's turns");
#endif
    if (uv_version() < 0x012C02)
        SUPPORT_SKIP("this libuv does not tell whether it has new watches");
}

/* The very thing that it is for; what makes no turn cannot be seen from outside but by a clock. */
static void a_streak_needs_no_turn_of_the_loop_for_each_question(void **state)
{
    stage *it = *state;

    need_a_way_around();
    play(it, ask_for_a_count, NULL);
    assert_in_range(it->turns, 1, STREAK);
}

static void ask_for_a_count_for_long(stage *it)
{
    cordon_session *session = enter(it, 0);

    ask(session, cordon_text("count turns"));
    ask_on(session, FAR_MORE);
    cordon_session_close(session);
}

static void a_long_streak_lets_the_loop_turn_now_and_then(void **state)
{
    stage *it = *state;

    need_a_way_around();
    play(it, ask_for_a_count_for_long, NULL);
    assert_in_range(it->turns, 4, FAR_MORE / 2);
}

static void who_lives_by_turns_has_them_all(void **state)
{
    stage *it = *state;

    start(it, ask_in_a_streak, NULL);
    SUPPORT_CHECK(uv_check_start(&it->check, on_check) == 0);
    assert_int_equal(cordon_loop_run(it->loop), CORDON_OK);
    end(it);
    assert_true(it->turns >= 3 * STREAK);
}

static void ask_now_and_then(stage *it)
{
    for (int n = 0; n < ENOUGH; n++)
        support_ask_echo(it->endpoint);
    it->is_done = 1;
}

static void others_are_answered_beside_it(void **state)
{
    play(*state, ask_until_it_is_done, ask_now_and_then);
}

static void ask_beside(stage *it)
{
    cordon_session *session = enter(it, 0);

    ask_on(session, 3 * STREAK);
    it->is_done = 1;
    cordon_session_close(session);
}

static void two_that_ask_on_and_on_are_both_answered(void **state)
{
    play(*state, ask_until_it_is_done, ask_beside);
}

/* Faster than it is answered: whenever the loop looks, something is there. */
static void ask_faster_than_it_answers(stage *it)
{
    support_raw raw = support_raw_admitted(it->endpoint);
    uint8_t     question[64];
    char        answers[4096];

    for (uint32_t id = 1; id <= MOST && !it->is_done; id++) {
        support_raw_send(raw, question, support_put_frame(question, 4, 0, id, "doze", 4));
        (void)support_raw_some(raw, answers, sizeof answers, 1);
    }
    SUPPORT_CHECK(it->is_done);
    support_raw_close(raw);
}

static void ask_once_it_is_busy(stage *it)
{
    SUPPORT_CHECK(support_reaches(&it->asked, STREAK, PATIENCE));
    support_ask_echo(it->endpoint);
    it->is_done = 1;
}

static void who_is_never_at_rest_keeps_nobody_out(void **state)
{
    play(*state, ask_faster_than_it_answers, ask_once_it_is_busy);
}

/* Long enough for the loop's time to be old, if nobody keeps it. */
static void ask_for_the_timer(stage *it)
{
    cordon_session *session = enter(it, 0);
    const uint64_t  begun = support_now();

    while (support_now() < begun + 2 * PAUSE)
        ask_on(session, STREAK);
    ask(session, cordon_text("set the timer"));
    while (!it->is_rung) {
        SUPPORT_CHECK(support_now() < begun + PATIENCE);
        ask_on(session, 1);
    }
    ask_on(session, STREAK);
    cordon_session_close(session);
}

static void a_timer_of_the_hosts_that_a_handler_sets_rings_in_its_time(void **state)
{
    stage *it = *state;

    play(it, ask_for_the_timer, NULL);
    assert_true(it->rang_at + TICK >= it->set_at + PAUSE);
}

static int is_rung(void *context)
{
    return ((stage *)context)->is_rung;
}

static void rest_and_ask(stage *it)
{
    cordon_session *session = enter(it, 0);

    ask_on(session, STREAK);
    support_pause(2 * PAUSE);
    ask(session, cordon_text("set the timer"));
    SUPPORT_CHECK(support_until(is_rung, it, PATIENCE));
    ask_on(session, 1);
    cordon_session_close(session);
}

static void after_a_rest_the_loops_time_is_right(void **state)
{
    stage *it = *state;

    play(it, rest_and_ask, NULL);
    assert_true(it->rang_at + TICK >= it->set_at + PAUSE);
}

/* ---- what comes all at once ---- */

static void send_many(cordon_session *session, cordon_bytes body)
{
    cordon_call_options options = CORDON_CALL_OPTIONS_INIT;
    cordon_fault        fault = CORDON_FAULT_INIT;

    for (int n = 0; n < MANY; n++) {
        options.flags = n + 1 < MANY ? CORDON_GATHER : 0;
        SUPPORT_CODE(cordon_session_send(NULL, session, body, &options, &fault), CORDON_OK, &fault);
    }
}

static void receive_many(cordon_session *session, size_t size)
{
    cordon_fault          fault = CORDON_FAULT_INIT;
    const cordon_message *message;

    for (int n = 0; n < MANY; n++) {
        SUPPORT_CODE(cordon_session_receive(&message, session, PATIENCE, &fault), CORDON_OK,
                     &fault);
        SUPPORT_CHECK(message->kind == CORDON_REPLY && message->body.size == size);
    }
}

static void ask_in_heaps(stage *it)
{
    static char     body[4 * ROOM];
    cordon_session *session = enter(it, 0);

    memset(body, 'x', sizeof body);
    ask_on(session, STREAK);
    for (int n = 0; n < 20; n++) {
        send_many(session, (cordon_bytes){body, 1000});
        receive_many(session, 1000);
        ask_on(session, 2 * STREAK);
    }
    /* As much as is read at once, and around it: the head is 12 bytes. */
    for (size_t size = ROOM - 14; size < ROOM + 2; size++) {
        ask(session, (cordon_bytes){body, size});
        ask_on(session, STREAK);
    }
    ask(session, (cordon_bytes){body, sizeof body});
    ask_on(session, STREAK);
    cordon_session_close(session);
}

static void nothing_that_came_along_is_left_behind(void **state)
{
    play(*state, ask_in_heaps, NULL);
}

/* The last line and the end are there together when the handler of the one before comes back. */
static void say_all_and_finish(stage *it)
{
    char        line[512], slow[512], answer[512];
    size_t      size = support_put_line(line, sizeof line, it->endpoint, "1", "\"x\"");
    size_t      slow_size = support_put_line(slow, sizeof slow, it->endpoint, "2", "\"slow\"");
    support_raw raw = support_raw_open(it->endpoint);
    int         has_finished;

    for (int n = 0; n < STREAK; n++) {
        support_raw_send(raw, line, size);
        SUPPORT_CHECK(support_raw_line(raw, answer, sizeof answer, PATIENCE) == 1);
    }
    support_raw_send(raw, slow, slow_size);
    SUPPORT_CHECK(support_reaches(&it->asked, STREAK + 1, PATIENCE));
    support_raw_send(raw, line, size);
    has_finished = support_raw_finish(raw); /* a pipe cannot */
    SUPPORT_CHECK(support_raw_line(raw, answer, sizeof answer, PATIENCE) == 1);
    SUPPORT_CHECK(support_raw_line(raw, answer, sizeof answer, PATIENCE) == 1);
    SUPPORT_CHECK(!has_finished || support_raw_ends(raw, PATIENCE));
    support_raw_close(raw);
}

static void the_end_of_a_streak_is_heard(void **state)
{
    stage *it = *state;

    play(it, say_all_and_finish, NULL);
    assert_int_equal(it->asked, STREAK + 2);
}

static int nobody_is_here(void *context)
{
    return ((stage *)context)->here == 0;
}

static void vanish(stage *it)
{
    support_raw   raw = support_raw_admitted(it->endpoint);
    support_frame frame = {0};
    uint8_t       question[64];
    size_t        size = support_put_frame(question, 4, 0, 1, "x", 1);

    for (int n = 0; n < STREAK; n++) {
        support_raw_send(raw, question, size);
        SUPPORT_CHECK(support_raw_frame(raw, &frame, PATIENCE) == 1);
    }
    support_frame_free(&frame);
    support_raw_send(raw, question, 5); /* half a head */
    support_raw_cut(raw);
    SUPPORT_CHECK(support_until(nobody_is_here, it, PATIENCE));
    support_raw_close(raw);
}

static void who_vanishes_after_a_streak_is_noticed(void **state)
{
    play(*state, vanish, NULL);
}

/* ---- from other threads, and from within ---- */

static void wait_for_an_event(stage *it)
{
    cordon_session       *session = enter(it, CORDON_EVENTS);
    cordon_fault          fault = CORDON_FAULT_INIT;
    const cordon_message *message;

    ask_on(session, STREAK);
    it->is_done = 1; /* and now the loop waits for us alone */
    SUPPORT_CODE(cordon_session_receive(&message, session, PATIENCE, &fault), CORDON_OK, &fault);
    SUPPORT_CHECK(message->kind == CORDON_EVENT && is_word(message->body, "news"));
    cordon_session_close(session);
}

static int is_done(void *context)
{
    return ((stage *)context)->is_done;
}

static void push_news(stage *it)
{
    SUPPORT_CHECK(support_until(is_done, it, PATIENCE));
    support_pause(5);
    SUPPORT_CHECK(cordon_server_push(it->server, CORDON_EVERYONE, cordon_text("news")) ==
                  CORDON_OK);
}

static void an_event_from_another_thread_arrives(void **state)
{
    play(*state, wait_for_an_event, push_news);
}

static void ask_to_close(stage *it)
{
    cordon_session *session = enter(it, 0);

    ask_on(session, STREAK);
    ask(session, cordon_text("close"));
    cordon_session_close(session);
}

static void a_handler_may_close_the_server(void **state)
{
    play(*state, ask_to_close, NULL);
}

static void ask_to_stop(stage *it)
{
    cordon_session *session = enter(it, 0);

    ask_on(session, STREAK);
    ask(session, cordon_text("stop"));
    ask_on(session, STREAK); /* answered when it runs again */
    cordon_session_close(session);
}

static void uv_stop_ends_it_and_it_may_run_again(void **state)
{
    stage *it = *state;

    start(it, ask_to_stop, NULL);
    assert_int_equal(cordon_loop_run(it->loop), CORDON_OK);
    assert_int_equal(it->is_stopped, 1);
    assert_int_equal(it->asked, STREAK + 1);
    assert_int_equal(cordon_loop_run(it->loop), CORDON_OK);
    end(it);
    assert_int_equal(it->asked, 2 * STREAK + 1);
}

static void ask_to_run(stage *it)
{
    cordon_session *session = enter(it, 0);

    it->code = CORDON_OK;
    ask(session, cordon_text("run"));
    SUPPORT_CHECK(it->code == CORDON_EINVAL);
    SUPPORT_CHECK(cordon_loop_run(it->loop) == CORDON_EINVAL); /* another thread */
    cordon_session_close(session);
}

static void it_is_refused_where_it_cannot_be(void **state)
{
    cordon_loop *loop = NULL;

    play(*state, ask_to_run, NULL);
    assert_int_equal(cordon_loop_run(NULL), CORDON_EINVAL);
    assert_int_equal(cordon_loop_open_thread(&loop, NULL), CORDON_OK);
    assert_int_equal(cordon_loop_run(loop), CORDON_EINVAL);
    cordon_loop_close(loop);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_answers_and_comes_back_when_all_is_closed),
        TEST(a_streak_needs_no_turn_of_the_loop_for_each_question),
        TEST(a_long_streak_lets_the_loop_turn_now_and_then),
        TEST(who_lives_by_turns_has_them_all),
        TEST(others_are_answered_beside_it),
        TEST(two_that_ask_on_and_on_are_both_answered),
        TEST(who_is_never_at_rest_keeps_nobody_out),
        TEST(a_timer_of_the_hosts_that_a_handler_sets_rings_in_its_time),
        TEST(after_a_rest_the_loops_time_is_right),
        TEST(nothing_that_came_along_is_left_behind),
        TEST(the_end_of_a_streak_is_heard),
        TEST(who_vanishes_after_a_streak_is_noticed),
        TEST(an_event_from_another_thread_arrives),
        TEST(a_handler_may_close_the_server),
        TEST(uv_stop_ends_it_and_it_may_run_again),
        TEST(it_is_refused_where_it_cannot_be),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
