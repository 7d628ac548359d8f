#include "talk_kit.h"

int talk_on_thread = 0;
int talk_on_loop = 1;

/* ---- What the callbacks saw --------------------------------------------------- */

static void enter(talk *talk)
{
    uv_mutex_lock(&talk->lock);
}

static void leave(talk *talk)
{
    uv_cond_broadcast(&talk->changed);
    uv_mutex_unlock(&talk->lock);
}

/* The lock is held. 0: nothing has changed in time. */
static int wait_change(talk *talk, uint64_t until)
{
    const uint64_t now = support_now();

    return now < until &&
           uv_cond_timedwait(&talk->changed, &talk->lock, (until - now) * 1000000) == 0;
}

static uint64_t patience(void)
{
    return support_now() + TALK_PATIENCE_MS;
}

static int number_at(const talk *talk, size_t member)
{
    return *(const int *)(const void *)((const char *)&talk->seen + member);
}

void talk_wait_for(talk *talk, size_t member, int at_least, const char *name, int line)
{
    uint64_t until = patience();
    int      found;

    enter(talk);
    while (number_at(talk, member) < at_least && wait_change(talk, until)) {
    }
    found = number_at(talk, member);
    leave(talk);
    if (found < at_least)
        fail_msg("line %d: waited for %s to be %d, it is %d", line, name, at_least, found);
}

int talk_look(talk *talk, size_t member)
{
    int found;

    enter(talk);
    found = number_at(talk, member);
    leave(talk);
    return found;
}

talk_seen talk_all(talk *talk)
{
    talk_seen seen;

    enter(talk);
    seen = talk->seen;
    leave(talk);
    return seen;
}

void talk_wait_held(talk *talk, int at_least)
{
    uint64_t until = patience();
    int      count;

    enter(talk);
    while (talk->held_count < at_least && wait_change(talk, until)) {
    }
    count = talk->held_count;
    leave(talk);
    if (count < at_least)
        fail_msg("waited for %d held requests, there are %d", at_least, count);
}

int talk_held_now(talk *talk)
{
    int count;

    enter(talk);
    count = talk->held_count;
    leave(talk);
    return count;
}

/* ---- Callbacks ------------------------------------------------------------------ */

static int on_admit(const cordon_peer *peer, void *user)
{
    (void)peer;
    return ((talk *)user)->admit_code;
}

static void on_session(cordon_session_id session, const cordon_peer *peer, int is_here,
                       const cordon_fault *why, void *user)
{
    talk *talk = user;

    (void)peer;
    enter(talk);
    if (is_here) {
        talk->seen.here++;
        talk->seen.session = session;
    } else {
        talk->seen.gone++;
        talk->seen.why = *why;
    }
    leave(talk);
}

static void on_trouble(const cordon_fault *fault, void *user)
{
    talk *talk = user;

    enter(talk);
    talk->seen.troubles++;
    talk->seen.trouble = *fault;
    leave(talk);
}

static void on_closed(void *user)
{
    talk *talk = user;

    enter(talk);
    talk->seen.closed++;
    leave(talk);
}

static void count_began(talk *talk)
{
    talk->seen.asked++;
    talk->seen.running++;
    if (talk->seen.running > talk->seen.most_running)
        talk->seen.most_running = talk->seen.running;
}

void talk_began(talk *talk)
{
    enter(talk);
    count_began(talk);
    leave(talk);
}

void talk_ended(talk *talk)
{
    enter(talk);
    talk->seen.running--;
    leave(talk);
}

int talk_on_stop(const cordon_peer *peer, void *user)
{
    talk *talk = user;

    (void)peer;
    enter(talk);
    talk->seen.stops++;
    leave(talk);
    return talk->stop_code;
}

void talk_echo(cordon_request *request, cordon_bytes body, void *user)
{
    talk *talk = user;

    talk_began(talk);
    if (cordon_reply(&request, body) != CORDON_OK)
        cordon_fail(&request, CORDON_EMSGSIZE, "the echo does not fit");
    talk_ended(talk);
}

static void on_turn(cordon_request *request, enum cordon_turn turn, void *context)
{
    talk *talk = context;

    (void)request;
    enter(talk);
    switch (turn) {
    case CORDON_ROOM:
        talk->seen.room++;
        break;
    case CORDON_CANCELED:
        talk->seen.canceled++;
        break;
    case CORDON_LEFT:
        talk->seen.left++;
        break;
    case CORDON_LATE:
        talk->seen.late++;
        break;
    }
    leave(talk);
}

void talk_watch(talk *talk, cordon_request *request)
{
    cordon_request_watch(request, on_turn, talk);
}

void talk_hold(cordon_request *request, cordon_bytes body, void *user)
{
    talk *talk = user;

    (void)body;
    talk_watch(talk, request);
    enter(talk);
    count_began(talk);
    if (talk->held_count < TALK_HELD_MAX)
        talk->held[talk->held_count++] = request;
    leave(talk);
}

cordon_request *talk_take(talk *talk, int index)
{
    cordon_request *request = NULL;

    enter(talk);
    if (index < talk->held_count) {
        request = talk->held[index];
        talk->held_count--;
        for (int i = index; i < talk->held_count; i++)
            talk->held[i] = talk->held[i + 1];
        talk->seen.running--;
    }
    leave(talk);
    assert_non_null(request);
    return request;
}

/* ---- On a loop that we run ------------------------------------------------------------ */

static void open_server(talk *talk)
{
    cordon_fault fault = CORDON_FAULT_INIT;

    talk->open_code = cordon_server_open(&talk->server, talk->loop, talk->endpoint,
                                         talk->on_request, &talk->options, &fault);
    if (talk->open_code != CORDON_OK)
        print_error("%s\n", cordon_fault_line(&fault));
}

static void on_knock(uv_async_t *knock)
{
    talk *talk = knock->data;
    void (*job)(struct talk *, void *);

    enter(talk);
    job = talk->job;
    leave(talk);
    if (job == NULL)
        return;
    job(talk, talk->job_context);
    enter(talk);
    talk->job = NULL;
    leave(talk);
}

static void uv_life(void *context)
{
    talk        *talk = context;
    cordon_fault fault = CORDON_FAULT_INIT;
    int          is_clean;

    uv_loop_init(&talk->uv);
    uv_async_init(&talk->uv, &talk->knock, on_knock);
    talk->knock.data = talk;
    talk->open_code = cordon_loop_open_uv(&talk->loop, &talk->uv, &fault);
    if (talk->open_code == CORDON_OK)
        open_server(talk);
    enter(talk);
    talk->is_ready = 1;
    leave(talk);
    uv_run(&talk->uv, UV_RUN_DEFAULT);
    is_clean = uv_loop_close(&talk->uv) == 0;
    enter(talk);
    talk->is_uv_clean = is_clean;
    leave(talk);
}

void talk_run(talk *talk, void (*job)(struct talk *talk, void *context), void *context)
{
    uint64_t until = patience();

    if (!talk->is_uv) {
        job(talk, context);
        return;
    }
    enter(talk);
    talk->job = job;
    talk->job_context = context;
    uv_async_send(&talk->knock);
    while (talk->job != NULL && wait_change(talk, until)) {
    }
    job = talk->job;
    leave(talk);
    assert_null(job);
}

/* ---- The life of a test ------------------------------------------------------------------ */

/* libuv keeps two descriptors from its first loop on. */
static void warm_up(void)
{
    uv_loop_t loop;

    uv_loop_init(&loop);
    uv_loop_close(&loop);
}

int talk_setup(void **state)
{
    talk *talk = calloc(1, sizeof *talk);

    talk->is_uv = *(int *)*state;
    warm_up();
    talk->descriptors_before = support_count_descriptors();
    support_directory(talk->directory);
    (void)uv_mutex_init(&talk->lock);
    (void)uv_cond_init(&talk->changed);

    talk->endpoint_options = (cordon_endpoint_options)CORDON_ENDPOINT_OPTIONS_INIT;
    talk->endpoint_options.directory = talk->directory;
    talk->endpoint_options.allocate = support_allocate;
    talk->endpoint_options.user = &talk->memory;

    talk->options = (cordon_server_options)CORDON_SERVER_OPTIONS_INIT;
    talk->options.program = "talk 1.0";
    talk->options.user = talk;
    talk->options.on_admit = on_admit;
    talk->options.on_session = on_session;
    talk->options.on_trouble = on_trouble;
    talk->options.on_closed = on_closed;
    talk->on_request = talk_echo;
    *state = talk;
    return 0;
}

void talk_serve(talk *talk)
{
    cordon_fault fault = CORDON_FAULT_INIT;

    assert_int_equal(cordon_endpoint_open(&talk->endpoint, "talk", &talk->endpoint_options, &fault),
                     CORDON_OK);
    talk->is_serving = 1;
    if (talk->is_uv) {
        uint64_t until = patience();

        assert_int_equal(uv_thread_create(&talk->thread, uv_life, talk), 0);
        enter(talk);
        while (!talk->is_ready && wait_change(talk, until)) {
        }
        leave(talk);
    } else {
        assert_int_equal(cordon_loop_open_thread(&talk->loop, &fault), CORDON_OK);
        open_server(talk);
    }
    assert_int_equal(talk->open_code, CORDON_OK);
}

static int is_address_gone(void *context)
{
    return !support_is_published(((talk *)context)->endpoint);
}

void talk_begin_stop(talk *talk)
{
    cordon_server_close(talk->server);
    talk->server = NULL;
    assert_true(support_until(is_address_gone, talk, TALK_PATIENCE_MS));
}

void talk_stop(talk *talk)
{
    cordon_server_close(talk->server);
    talk->server = NULL;
    talk_wait(talk, closed, 1);
}

static void close_all(talk *talk, void *context)
{
    (void)context;
    if (talk->server != NULL)
        cordon_server_close(talk->server);
    talk->server = NULL;
    cordon_loop_close(talk->loop);
    talk->loop = NULL;
    if (talk->is_uv)
        uv_close((uv_handle_t *)&talk->knock, NULL);
}

void talk_close_loop(talk *talk)
{
    if (talk->is_uv ? talk->is_uv_over : talk->loop == NULL)
        return;
    talk_run(talk, close_all, NULL);
    if (talk->is_uv) {
        uv_thread_join(&talk->thread);
        talk->is_uv_over = 1;
        assert_true(talk->is_uv_clean);
    }
    assert_int_equal(talk_now(talk, closed), 1);
}

/* What belongs to threads goes with them, and some of those are the system's own helpers. */
static int is_nothing_left(void *context)
{
    const talk *talk = context;

    return abs(support_count_descriptors() - talk->descriptors_before) <= SUPPORT_HELPERS;
}

int talk_teardown(void **state)
{
    talk *talk = *state;
    long  memory;
    int   descriptors, is_flat;

    while (talk->held_count > 0) { /* a test that failed half-way */
        cordon_request *request = talk_take(talk, 0);

        cordon_fail(&request, CORDON_ECANCELED, "the test is over");
    }
    if (talk->is_serving)
        talk_close_loop(talk);
    cordon_endpoint_close(talk->endpoint);
    support_directory_remove(talk->directory);
    memory = (long)atomic_load(&talk->memory.bytes);
    is_flat = support_until(is_nothing_left, talk, TALK_PATIENCE_MS);
    descriptors = support_count_descriptors() - talk->descriptors_before;
    uv_cond_destroy(&talk->changed);
    uv_mutex_destroy(&talk->lock);
    free(talk);
    if (memory != 0)
        print_error("%ld bytes were not given back\n", memory);
    if (!is_flat)
        print_error("%d descriptors were not given back\n", descriptors);
    return memory == 0 && is_flat ? 0 : -1;
}
