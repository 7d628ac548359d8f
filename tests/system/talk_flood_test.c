/*
 * Threads that hand in on and on: the loop keeps a turn for everybody else, and what waits for it
 * has a ceiling, also when it is nothing but heads.
 */
#include "talk_kit.h"

enum {
    QUEUE = 4096 + (256 << 10), /* the least that max_queued can be */
    HEADS_MAX = QUEUE / 4,      /* things of no bytes that fit into it: each has a head */
    SESSIONS = 6,
    EACH = 60,
    MANY = SESSIONS * EACH
};

static void small_queues(talk *talk)
{
    talk->options.max_reply = 4096;
    talk->options.max_queued = QUEUE;
}

/* ---- the sockets have their turn ------------------------------------------------------------ */

static atomic_int  is_flooding;
static atomic_uint tried;
static uv_thread_t flooder;
static uint64_t    flood_due; /* it ends also when the test fails */

/* Large ones: sixty-four fill what may wait, and a turn of the loop is short. */
static void push_on_and_on(void *context)
{
    static char  bytes[4096];
    cordon_bytes event = {bytes, sizeof bytes};
    talk        *talk = context;

    flooder = uv_thread_self();
    while (atomic_load(&is_flooding) && support_now() < flood_due) {
        (void)cordon_server_push(talk->server, CORDON_EVERYONE, event);
        atomic_fetch_add(&tried, 1);
    }
    atomic_store(&is_flooding, 0);
}

/* While it floods, nobody else frees anything before two more events were handed in (the first may
 * have been there before): a loop that goes on until none is left never sees the last one. */
static void *always_one_more(void *old, size_t size, void *user)
{
    uv_thread_t self = uv_thread_self();

    if (size == 0 && atomic_load(&tried) > 0 && !uv_thread_equal(&self, &flooder)) {
        unsigned before = atomic_load(&tried);

        while (atomic_load(&is_flooding) && atomic_load(&tried) - before < 2)
            support_yield();
    }
    return support_allocate(old, size, user);
}

static void who_pushes_on_and_on_leaves_the_sockets_their_turn(void **state)
{
    talk       *talk = *state;
    uv_thread_t thread;
    wire        wire;

    small_queues(talk);
    talk->endpoint_options.allocate = always_one_more;
    talk_serve(talk);
    wire_connect(&wire, talk);
    atomic_store(&tried, 0);
    flood_due = support_now() + 2 * TALK_PATIENCE_MS;
    atomic_store(&is_flooding, 1);
    assert_int_equal(uv_thread_create(&thread, push_on_and_on, talk), 0);
    while (atomic_load(&tried) == 0)
        support_yield();
    wire_close(&wire);
    wire_open(&wire, talk);
    wire_say(&wire, PING, 0, "my turn");
    wire_expect(&wire, PONG, 0, "my turn");
    atomic_store(&is_flooding, 0);
    uv_thread_join(&thread);
    wire_close(&wire);
}

/* ---- what waits for a busy loop ------------------------------------------------------------- */

static uv_mutex_t gate;

static void hold_or_block(cordon_request *request, cordon_bytes body, void *user)
{
    if (body.size == 4) { /* "hold" */
        talk_hold(request, body, user);
        return;
    }
    talk_began(user);
    uv_mutex_lock(&gate);
    uv_mutex_unlock(&gate);
    cordon_reply(&request, body);
}

/* Until the gate opens the loop is in a handler, and with it all that it serves. */
static void block(talk *talk, wire *wire)
{
    int asked = talk_now(talk, asked);

    uv_mutex_lock(&gate);
    wire_say(wire, REQUEST, 2, "block");
    talk_wait(talk, asked, asked + 1);
}

static cordon_request *hold_one(talk *talk, wire *wire)
{
    small_queues(talk);
    assert_int_equal(uv_mutex_init(&gate), 0);
    talk->on_request = hold_or_block;
    talk_serve(talk);
    wire_open_limit(wire, talk, 1, 4096);
    wire_say(wire, REQUEST, 1, "hold");
    talk_wait_held(talk, 1);
    return talk_take(talk, 0);
}

/* All of it arrives, in order. */
static void expect_all(wire *wire, int parts, int events)
{
    int is_answered = 0;

    while (!is_answered || parts > 0 || events > 0) {
        wire_frame frame;

        wire_next(wire, &frame);
        is_answered = is_answered || (frame.type == REPLY && frame.id == 2);
        parts -= frame.type == REPLY && frame.id == 1;
        events -= frame.type == EVENT;
    }
    assert_int_equal(parts, 0);
    assert_int_equal(events, 0);
}

static void hand_in_until_it_is_busy(talk *talk, size_t size, int most)
{
    static char     bytes[4096];
    cordon_bytes    body = {bytes, size};
    cordon_request *request;
    wire            wire;
    int             events = 0;
    int             parts = 0;
    int             code;

    request = hold_one(talk, &wire);
    block(talk, &wire);
    while (events < most && cordon_server_push(talk->server, CORDON_EVERYONE, body) == CORDON_OK)
        events++;
    while (parts < most && cordon_reply_part(request, body) == CORDON_OK)
        parts++;
    code = cordon_reply_part(request, body);
    uv_mutex_unlock(&gate);
    assert_int_equal(code, CORDON_EBUSY);
    assert_true(events > 0 && parts > 0);
    expect_all(&wire, parts, events);
    assert_int_equal(cordon_reply(&request, cordon_text("now")), CORDON_OK);
    wire_expect(&wire, REPLY, 1, "now");
    wire_close(&wire);
    uv_mutex_destroy(&gate);
}

static void what_waits_for_a_busy_loop_is_limited(void **state)
{
    hand_in_until_it_is_busy(*state, 4096, 1000);
}

static void what_is_nothing_but_heads_is_limited_too(void **state)
{
    hand_in_until_it_is_busy(*state, 0, HEADS_MAX + 2);
}

static void a_reply_that_finds_no_room_is_still_the_callers(void **state)
{
    static char     bytes[4096];
    cordon_bytes    body = {bytes, sizeof bytes};
    talk           *talk = *state;
    cordon_request *request;
    wire            wire;
    int             parts = 0;
    int             code;

    request = hold_one(talk, &wire);
    block(talk, &wire);
    while (parts < 1000 && cordon_reply_part(request, body) == CORDON_OK)
        parts++;
    code = cordon_reply(&request, body);
    uv_mutex_unlock(&gate);
    assert_int_equal(code, CORDON_EBUSY);
    assert_non_null(request);
    expect_all(&wire, parts, 0);
    assert_int_equal(cordon_reply(&request, cordon_text("now")), CORDON_OK);
    wire_expect(&wire, REPLY, 1, "now");
    wire_close(&wire);
    uv_mutex_destroy(&gate);
}

/* Nobody will read them, so nobody keeps them, however long the loop is busy. */
static void parts_for_a_client_that_has_left_take_no_memory(void **state)
{
    static char     bytes[4096];
    cordon_bytes    body = {bytes, sizeof bytes};
    talk           *talk = *state;
    cordon_request *request;
    wire            wire, other;
    size_t          before, after;

    request = hold_one(talk, &wire);
    wire_close(&wire);
    talk_wait(talk, left, 1);
    wire_open(&other, talk);
    block(talk, &other);
    before = atomic_load(&talk->memory.bytes);
    for (int i = 0; i < 1000; i++)
        (void)cordon_reply_part(request, body);
    (void)cordon_reply(&request, body);
    after = atomic_load(&talk->memory.bytes);
    uv_mutex_unlock(&gate);
    assert_null(request);
    assert_true(after == before);
    wire_expect(&other, REPLY, 2, "block");
    wire_close(&other);
    uv_mutex_destroy(&gate);
}

/* ---- many at once --------------------------------------------------------------------------- */

static cordon_request *many[MANY];
static atomic_int      many_count;

static void keep(cordon_request *request, cordon_bytes body, void *user)
{
    (void)body, (void)user;
    many[atomic_load(&many_count)] = request;
    atomic_fetch_add(&many_count, 1);
}

static void answer_every_second(void *context)
{
    for (int i = *(int *)context; i < MANY; i += 2) {
        assert_int_equal(cordon_reply_part(many[i], cordon_text("part")), CORDON_OK);
        for (volatile int wait = 0; wait < i * 50; wait++) /* the loop is at it, or is not */
            continue;
        assert_int_equal(cordon_reply(&many[i], cordon_text("end")), CORDON_OK);
    }
}

static int all_have_come(void *context)
{
    (void)context;
    return atomic_load(&many_count) == MANY;
}

static void answer_many(talk *talk)
{
    uv_thread_t threads[2];
    int         firsts[2] = {0, 1};
    wire        wires[SESSIONS];

    atomic_store(&many_count, 0);
    for (int i = 0; i < SESSIONS; i++) {
        wire_open(&wires[i], talk);
        for (uint32_t id = 1; id <= EACH; id++)
            wire_say(&wires[i], REQUEST, id, "");
    }
    assert_true(support_until(all_have_come, NULL, TALK_PATIENCE_MS));
    for (int i = 0; i < 2; i++)
        assert_int_equal(uv_thread_create(&threads[i], answer_every_second, &firsts[i]), 0);
    for (int i = 0; i < 2; i++)
        uv_thread_join(&threads[i]);
    for (int i = 0; i < SESSIONS; i++) {
        for (int answers = 0; answers < 2 * EACH; answers++) {
            wire_frame frame;

            wire_next(&wires[i], &frame);
            assert_int_equal(frame.type, REPLY);
        }
        wire_close(&wires[i]);
    }
}

/* An end that comes while the part before it is being said: its request goes, also when there are
 * more of them than are kept for the next ones. */
static void an_end_may_come_while_its_part_is_being_said(void **state)
{
    talk *talk = *state;

    talk->on_request = keep;
    talk_serve(talk);
    for (int round = 0; round < (support_is_wine() ? 3 : 60); round++)
        answer_many(talk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TALK_BOTH(who_pushes_on_and_on_leaves_the_sockets_their_turn),
        TALK_BOTH(what_waits_for_a_busy_loop_is_limited),
        TALK_BOTH(what_is_nothing_but_heads_is_limited_too),
        TALK_BOTH(a_reply_that_finds_no_room_is_still_the_callers),
        TALK_BOTH(parts_for_a_client_that_has_left_take_no_memory),
        TALK_BOTH(an_end_may_come_while_its_part_is_being_said),
    };

    return cmocka_run_group_tests_name("talk_flood", tests, NULL, NULL);
}
