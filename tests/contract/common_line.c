/* The common contract of connections: those that wait, and those on a loop. */
#include "common_kit.h"

/* ---- waiting --------------------------------------------------------------------------------- */

static void read_ends_at_its_deadline(void)
{
    pair           both = connect_both();
    cordon__line   line = {.handle = both.client};
    const uint64_t began = cordon__now();
    char           data[8];
    size_t         got;

    for (int times = 0; times < 3; times++)
        assert_int_equal(cordon__line_read(&line, data, 8, &got, 0, &fault), CORDON_ETIMEDOUT);
    for (int times = 0; times < 3; times++)
        assert_int_equal(cordon__line_read(&line, data, 8, &got, cordon__now() + 20, &fault),
                         CORDON_ETIMEDOUT);
    assert_true(cordon__now() - began >= 60);
    cordon__line_close(&line);
    cordon__handle_close(both.server);
    unserve(both.listener);
}

static void write_ends_at_its_deadline_and_says_how_much_went(void)
{
    static char  big[4 << 20];
    pair         both = connect_both();
    cordon__line line = {.handle = both.client};
    cordon_bytes piece = {big, sizeof big};
    size_t       sent;

    assert_int_equal(cordon__line_write(&line, &piece, 1, &sent, cordon__now() + 20, &fault),
                     CORDON_ETIMEDOUT);
    assert_true(sent > 0 && sent < sizeof big);
    assert_int_equal(cordon__line_write(&line, &piece, 1, &sent, 0, &fault), CORDON_ETIMEDOUT);
    cordon__line_close(&line);
    cordon__handle_close(both.server);
    unserve(both.listener);
}

static void write_that_listens_hears_of_bytes(void)
{
    static char  big[4 << 20];
    pair         both = connect_both();
    cordon__line line = {.handle = both.client, .is_listening = 1}, other = {.handle = both.server};
    cordon_bytes piece = {big, sizeof big}, word = {"word", 4};
    char         data[8];
    size_t       sent, got;

    assert_int_equal(cordon__line_write(&other, &word, 1, &sent, 0, &fault), CORDON_OK);
    assert_int_equal(cordon__line_write(&line, &piece, 1, &sent, CORDON__NEVER, &fault),
                     CORDON__READABLE);
    assert_int_equal(cordon__line_read(&line, data, 8, &got, 0, &fault), CORDON_OK);
    assert_int_equal(got, 4);
    cordon__line_close(&line);
    cordon__line_close(&other);
    unserve(both.listener);
}

static void what_was_written_before_a_close_arrives_then_the_end(void)
{
    pair         both = connect_both();
    cordon__line line = {.handle = both.client}, other = {.handle = both.server};
    cordon_bytes pieces[] = {{"wo", 2}, {"", 0}, {"rd", 2}};
    char         data[8];
    size_t       sent, got;

    assert_int_equal(cordon__line_write(&other, pieces, 3, &sent, 0, &fault), CORDON_OK);
    assert_int_equal(sent, 4);
    cordon__line_close(&other);
    assert_int_equal(cordon__line_read(&line, data, 8, &got, CORDON__NEVER, &fault), CORDON_OK);
    assert_int_equal(got, 4);
    assert_memory_equal(data, "word", 4);
    assert_int_equal(cordon__line_read(&line, data, 8, &got, CORDON__NEVER, &fault),
                     CORDON_ECLOSED);
    assert_int_equal(cordon__line_write(&line, pieces, 1, &sent, CORDON__NEVER, &fault),
                     CORDON_ECLOSED);
    cordon__line_close(&line);
    unserve(both.listener);
}

static void interrupted_line_is_canceled(void)
{
    pair         both = connect_both();
    cordon__line line = {.handle = both.client};
    cordon_bytes piece = {"word", 4};
    char         data[8];
    size_t       count;

    cordon__line_interrupt(&line);
    assert_true(cordon__line_is_interrupted(&line));
    assert_int_equal(cordon__line_read(&line, data, 8, &count, CORDON__NEVER, &fault),
                     CORDON_ECANCELED);
    assert_int_equal(cordon__line_write(&line, &piece, 1, &count, CORDON__NEVER, &fault),
                     CORDON_ECANCELED);
    cordon__line_close(&line);
    cordon__handle_close(both.server);
    unserve(both.listener);
}

/* ---- on a loop -------------------------------------------------------------------------- */

typedef struct watcher {
    cordon__stream *stream;
    char            data[64];
    size_t          size;
    int             ends[4], end_count, closed;
    int             closes_in_read, closes_in_end;
} watcher;

static void on_room(void *owner, char **data, size_t *size)
{
    watcher *it = owner;

    *data = it->data + it->size;
    *size = sizeof it->data - it->size;
}

static int on_read(void *owner, size_t size)
{
    watcher *it = owner;

    it->size += size;
    if (it->closes_in_read)
        cordon__stream_close(it->stream);
    return 0;
}

static void on_end(void *owner, enum cordon__end end, uint32_t os_code)
{
    watcher *it = owner;

    (void)os_code;
    it->ends[it->end_count++ & 3] = end;
    if (it->closes_in_end)
        cordon__stream_close(it->stream);
}

static void on_writable(void *owner)
{
    (void)owner;
}

static void on_closed(void *owner)
{
    watcher *it = owner;

    it->closed++;
}

static const cordon__stream_events watching = {on_room, on_read, on_end, on_writable, on_closed};

static int is_closed(void *context)
{
    return ((watcher *)context)->closed > 0;
}

static int has_ended(void *context)
{
    return ((watcher *)context)->end_count > 0;
}

static int has_four(void *context)
{
    return ((watcher *)context)->size == 4;
}

static pair watch(watcher *it)
{
    pair both = connect_both();

    assert_int_equal(cordon__stream_open(&it->stream, common_loop(), both.server, &watching, it,
                                         &cordon__libc, &fault),
                     CORDON_OK);
    return both;
}

static void say_word(intptr_t handle)
{
    cordon__line line = {.handle = handle};
    cordon_bytes word = {"word", 4};
    size_t       sent;

    assert_int_equal(cordon__line_write(&line, &word, 1, &sent, 0, &fault), CORDON_OK);
}

/* Where the system tells it later, it is the stream that is asked. */
static void check_me(const cordon__identity *peer)
{
    assert_int_equal(cordon__peer_judge(peer, cordon__peer_own(), 0, &fault), CORDON_OK);
    if (peer->known & CORDON_PEER_PID)
        assert_int_equal(peer->pid, cordon__pid());
}

static void peer_is_me_on_both_sides(void)
{
    cordon__identity peer;
    watcher          it = {0};
    pair             both = connect_both();
    const int        code = cordon__peer_ask(&peer, both.server, 0, &fault);

    if (code == CORDON_OK)
        check_me(&peer);
    else
        assert_int_equal(code, CORDON__LATER);
    assert_int_equal(cordon__peer_ask(&peer, both.client, 1, &fault), CORDON_OK);
    check_me(&peer);
    assert_int_equal(cordon__stream_open(&it.stream, common_loop(), both.server, &watching, &it,
                                         &cordon__libc, &fault),
                     CORDON_OK);
    say_word(both.client);
    cordon__stream_read_now(it.stream);
    assert_int_equal(it.size, 4);
    assert_int_equal(cordon__stream_peer(&peer, it.stream, &fault), CORDON_OK);
    check_me(&peer);
    cordon__stream_close(it.stream);
    assert_true(common_until(is_closed, &it));
    cordon__handle_close(both.client);
    unserve(both.listener);
}

static void stream_reads_then_hears_of_the_end(void)
{
    watcher it = {0};
    pair    both = watch(&it);

    say_word(both.client);
    cordon__stream_reading(it.stream, 1);
    assert_true(common_until(has_four, &it));
    cordon__handle_close(both.client);
    assert_true(common_until(has_ended, &it));
    assert_int_equal(it.ends[0], CORDON__END_LOST);
    cordon__stream_close(it.stream);
    assert_true(common_until(is_closed, &it));
    assert_int_equal(it.end_count, 1);
    unserve(both.listener);
}

static void stream_that_reads_nothing_hears_of_a_death(void)
{
    watcher it = {0};
    pair    both = watch(&it);

    cordon__stream_reading(it.stream, 0);
    say_word(both.client); /* unread bytes do not hide it */
    cordon__handle_close(both.client);
    assert_true(common_until(has_ended, &it));
    assert_int_equal(it.ends[0], CORDON__END_LOST);
    cordon__stream_close(it.stream);
    assert_true(common_until(is_closed, &it));
    unserve(both.listener);
}

static void stream_may_close_inside_of_a_read(void)
{
    watcher it = {.closes_in_read = 1};
    pair    both = watch(&it);

    say_word(both.client);
    cordon__stream_read_now(it.stream);
    assert_true(common_until(is_closed, &it));
    assert_int_equal(it.size, 4);
    assert_int_equal(it.end_count, 0);
    cordon__handle_close(both.client);
    unserve(both.listener);
}

static void stream_may_close_inside_of_its_end(void)
{
    watcher it = {.closes_in_end = 1};
    pair    both = watch(&it);

    cordon__stream_reading(it.stream, 1);
    cordon__handle_close(both.client);
    assert_true(common_until(is_closed, &it));
    assert_int_equal(it.end_count, 1);
    unserve(both.listener);
}

static void stream_may_close_before_anything(void)
{
    watcher it = {0};
    pair    both = watch(&it);

    cordon__stream_close(it.stream);
    assert_int_equal(it.closed, 0); /* it comes later */
    assert_true(common_until(is_closed, &it));
    cordon__handle_close(both.client);
    unserve(both.listener);
}

static void count_one(void *owner)
{
    ++*(int *)owner;
}

static int is_one(void *context)
{
    return *(int *)context == 1;
}

static int is_some(void *context)
{
    return *(int *)context > 0;
}

static void timer_that_is_closed_is_never_due(void)
{
    cordon__timer *timer;
    cordon__timer *other;
    int            due = 0, also = 0;

    assert_int_equal(cordon__timer_open(&timer, common_loop(), count_one, &due, &fault), CORDON_OK);
    assert_int_equal(cordon__timer_open(&other, common_loop(), count_one, &also, &fault),
                     CORDON_OK);
    cordon__timer_set(timer, cordon__now());
    cordon__timer_close(timer, NULL);
    cordon__timer_set(other, cordon__now() + 5);
    assert_true(common_until(is_one, &also));
    assert_int_equal(due, 0);
    cordon__timer_close(other, NULL);
}

static void several_wake_ups_come_at_least_as_one(void)
{
    cordon__wake *wake;
    int           woken = 0;

    assert_int_equal(cordon__wake_open(&wake, common_loop(), count_one, &woken, &fault), CORDON_OK);
    cordon__wake_hold(wake, 1);
    cordon__wake_send(wake);
    cordon__wake_send(wake);
    assert_true(common_until(is_some, &woken));
    cordon__wake_close(wake, NULL);
}

static void listener_on_a_loop_tells_that_somebody_waits(void)
{
    cordon__listener *listener;
    int               waiting = 0, closed = 0;
    intptr_t          client, server;

    serve(0);
    listener = listen_now(8);
    assert_int_equal(cordon__listener_attach(listener, common_loop(), count_one, &waiting, &fault),
                     CORDON_OK);
    assert_int_equal(knock(&client), CORDON_OK);
    assert_true(common_until(is_one, &waiting));
    assert_int_equal(cordon__accept(&server, listener, &fault), CORDON_OK);
    cordon__handle_close(server);
    cordon__handle_close(client);
    cordon__unlisten(listener);
    waiting = 0;
    cordon__listener_close(listener, count_one);
    assert_int_equal(closed, 0);
    assert_true(common_until(is_one, &waiting)); /* the owner is the same */
    cordon__place_close(place);
}

const contract common_lines[] = {
    CONTRACT(peer_is_me_on_both_sides),
    CONTRACT(read_ends_at_its_deadline),
    CONTRACT(write_ends_at_its_deadline_and_says_how_much_went),
    CONTRACT(write_that_listens_hears_of_bytes),
    CONTRACT(what_was_written_before_a_close_arrives_then_the_end),
    CONTRACT(interrupted_line_is_canceled),
    CONTRACT(stream_reads_then_hears_of_the_end),
    CONTRACT(stream_that_reads_nothing_hears_of_a_death),
    CONTRACT(stream_may_close_inside_of_a_read),
    CONTRACT(stream_may_close_inside_of_its_end),
    CONTRACT(stream_may_close_before_anything),
    CONTRACT(timer_that_is_closed_is_never_due),
    CONTRACT(several_wake_ups_come_at_least_as_one),
    CONTRACT(listener_on_a_loop_tells_that_somebody_waits),
    {NULL, NULL},
};
