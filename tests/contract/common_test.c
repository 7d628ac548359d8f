/*
 * The contract as every backend keeps it: built for the system that is there,
 * and again for the simulated one. Nothing here knows which it is.
 */
#include "common.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECRET "0123456789abcdef"

static cordon_fault   fault = CORDON_FAULT_INIT;
static cordon__place *place;

static cordon__place *resolve(int is_long)
{
    static const cordon__trace silent = {NULL, NULL};
    cordon__place             *made = NULL;

    assert_int_equal(cordon__place_open(&made, "test", "ipc", common_directory(is_long),
                                        &cordon__libc, &silent, &fault),
                     CORDON_OK);
    return made;
}

static void serve(int is_long)
{
    place = resolve(is_long);
    assert_int_equal(cordon__private_open(place, 1, &fault), CORDON_OK);
}

static const char *path_of(enum cordon_place which)
{
    return cordon__place_path(place, which);
}

static cordon__listener *listen_now(unsigned backlog)
{
    cordon__listener *listener = NULL;

    assert_int_equal(cordon__listen(&listener, place, backlog, 0, &fault), CORDON_OK);
    return listener;
}

static void unserve(cordon__listener *listener)
{
    if (listener) {
        cordon__unlisten(listener);
        cordon__listener_close(listener, NULL);
    }
    cordon__place_close(place);
}

static int knock(intptr_t *handle)
{
    *handle = CORDON__NO_HANDLE;
    return cordon__connect(handle, place, &fault);
}

typedef struct pair {
    cordon__listener *listener;
    intptr_t          client, server;
} pair;

static pair connect_both(void)
{
    pair both = {NULL, CORDON__NO_HANDLE, CORDON__NO_HANDLE};

    serve(0);
    both.listener = listen_now(8);
    assert_int_equal(knock(&both.client), CORDON_OK);
    assert_int_equal(cordon__accept(&both.server, both.listener, &fault), CORDON_OK);
    return both;
}

/* ---- one server --------------------------------------------------------------------- */

static void second_taker_of_the_lock_is_told_at_once(void)
{
    cordon__lock *first = NULL, *second = NULL;

    serve(0);
    assert_int_equal(cordon__lock_take(&first, place, CORDON_LOCK, &fault), CORDON_OK);
    assert_int_equal(cordon__lock_take(&second, place, CORDON_LOCK, &fault), CORDON__HELD);
    assert_int_equal(cordon__lock_take(&second, place, CORDON_START_LOCK, &fault), CORDON_OK);
    cordon__lock_release(second);
    assert_int_equal(cordon__lock_is_named(first, place, CORDON_LOCK), 1);
    cordon__lock_release(first);
    assert_int_equal(cordon__lock_take(&first, place, CORDON_LOCK, &fault), CORDON_OK);
    cordon__lock_release(first);
    unserve(NULL);
}

static void lock_whose_file_went_excludes_nobody(void)
{
    cordon__lock *first = NULL;

    if (!common_held_file_can_go())
        skip();
    serve(0);
    assert_int_equal(cordon__lock_take(&first, place, CORDON_LOCK, &fault), CORDON_OK);
    common_remove(path_of(CORDON_LOCK));
    assert_int_equal(cordon__lock_is_named(first, place, CORDON_LOCK), 0);
    cordon__lock_release(first);
    unserve(NULL);
}

static void second_listener_is_refused_and_the_first_goes_on(void)
{
    cordon__listener *second = NULL;
    intptr_t          client;
    cordon__listener *first;

    serve(0);
    first = listen_now(8);
    assert_int_equal(cordon__listen(&second, place, 8, 0, &fault), CORDON_EUNSAFE);
    assert_null(second);
    assert_int_equal(knock(&client), CORDON_OK);
    cordon__handle_close(client);
    unserve(first);
}

static void lock_file_open_to_others_is_unsafe(void)
{
    cordon__lock *lock = NULL;

    serve(0);
    common_put(path_of(CORDON_LOCK), "", 0644);
    assert_int_equal(cordon__lock_take(&lock, place, CORDON_LOCK, &fault), CORDON_EUNSAFE);
    unserve(NULL);
}

static void start_and_die(void *context)
{
    cordon__listener *listener = NULL;
    cordon__lock     *lock = NULL;
    cordon__place    *mine = resolve(*(int *)context);

    if (cordon__private_open(mine, 1, &fault) != CORDON_OK ||
        cordon__lock_take(&lock, mine, CORDON_LOCK, &fault) != CORDON_OK ||
        cordon__secret_store(mine, SECRET, strlen(SECRET), &fault) != CORDON_OK ||
        cordon__listen(&listener, mine, 8, 0, &fault) != CORDON_OK)
        abort();
}

static void check_takeover(int is_long)
{
    cordon__lock     *lock = NULL;
    cordon__listener *listener;
    intptr_t          client;
    int               code;

    common_in_dying_process(start_and_die, &is_long);
    serve(is_long);
    if (common_address_is_file())
        assert_true(common_exists(path_of(CORDON_ADDRESS)));
    code = knock(&client);
    assert_true(code == CORDON_ENOTRUNNING || code == CORDON__UNCERTAIN);
    assert_int_equal(cordon__lock_take(&lock, place, CORDON_LOCK, &fault), CORDON_OK);
    assert_int_equal(cordon__address_clear(place, &fault), CORDON_OK);
    assert_false(common_exists(path_of(CORDON_ADDRESS)));
    assert_int_equal(cordon__address_clear(place, &fault), CORDON_OK);
    listener = listen_now(8);
    assert_int_equal(knock(&client), CORDON_OK);
    cordon__handle_close(client);
    cordon__lock_release(lock);
    unserve(listener);
}

static void what_a_dead_server_left_is_taken_over(void)
{
    check_takeover(0);
}

static void what_a_dead_server_left_under_a_long_name_is_taken_over(void)
{
    check_takeover(1);
}

static void what_is_not_a_socket_of_ours_is_left_alone(void)
{
    cordon__listener *listener = NULL;
    intptr_t          client;

    if (!common_address_is_file())
        skip();
    serve(0);
    common_put(path_of(CORDON_ADDRESS), "a letter", 0600);
    assert_int_equal(knock(&client), CORDON_EUNSAFE);
    assert_int_equal(cordon__address_clear(place, &fault), CORDON_EUNSAFE);
    assert_int_equal(cordon__listen(&listener, place, 8, 0, &fault), CORDON_EUNSAFE);
    assert_true(common_exists(path_of(CORDON_ADDRESS)));
    unserve(NULL);
}

/* ---- where -------------------------------------------------------------------------- */

static void long_name_has_a_short_address_and_is_found(void)
{
    cordon_buffer     live = CORDON_BUFFER_INIT;
    cordon__listener *listener;
    intptr_t          client;

    serve(1);
    if (common_address_is_file())
        assert_true(strlen(path_of(CORDON_ADDRESS)) <= 100);
    assert_true(strlen(path_of(CORDON_TOKEN)) > 100);
    listener = listen_now(8);
    assert_int_equal(knock(&client), CORDON_OK);
    cordon__handle_close(client);
    assert_int_equal(cordon__place_live(&live, place, &fault), CORDON_OK);
    assert_string_equal(live.data, path_of(CORDON_ADDRESS));
    assert_int_equal(cordon__listener_look(listener, &fault), CORDON_OK);
    cordon_buffer_free(&live);
    unserve(listener);
}

static void nobody_there_is_not_running(void)
{
    intptr_t client;

    place = resolve(0);
    assert_int_equal(cordon__private_open(place, 0, &fault), CORDON_ENOTRUNNING);
    assert_false(common_exists(path_of(CORDON_DIRECTORY)));
    assert_int_equal(cordon__private_open(place, 1, &fault), CORDON_OK);
    assert_int_equal(knock(&client), CORDON_ENOTRUNNING);
    unserve(NULL);
}

static void directory_that_is_a_file_is_unsafe(void)
{
    place = resolve(0);
    common_put(path_of(CORDON_DIRECTORY), "", 0600);
    assert_int_equal(cordon__private_open(place, 1, &fault), CORDON_EUNSAFE);
    assert_int_equal(cordon__private_open(place, 0, &fault), CORDON_EUNSAFE);
    unserve(NULL);
}

static void look_tells_gone_and_replaced(void)
{
    cordon__listener *listener;

    if (!common_address_is_file())
        skip();
    serve(0);
    listener = listen_now(8);
    assert_int_equal(cordon__listener_look(listener, &fault), CORDON_OK);
    common_remove(path_of(CORDON_ADDRESS));
    assert_int_equal(cordon__listener_look(listener, &fault), CORDON__GONE);
    common_put(path_of(CORDON_ADDRESS), "a letter", 0600);
    assert_int_equal(cordon__listener_look(listener, &fault), CORDON__REPLACED);
    cordon__unlisten(listener);
    assert_true(common_exists(path_of(CORDON_ADDRESS)));
    cordon__listener_close(listener, NULL);
    cordon__place_close(place);
}

static void who_waits_is_accepted_after_the_address_went(void)
{
    intptr_t          client, server, late;
    cordon__listener *listener;

    serve(0);
    listener = listen_now(8);
    assert_int_equal(cordon__accept(&server, listener, &fault), CORDON__NOBODY);
    assert_int_equal(knock(&client), CORDON_OK);
    cordon__unlisten(listener);
    if (common_address_is_file())
        assert_false(common_exists(path_of(CORDON_ADDRESS)));
    assert_true(knock(&late) != CORDON_OK);
    assert_int_equal(cordon__accept(&server, listener, &fault), CORDON_OK);
    cordon__handle_close(server);
    cordon__handle_close(client);
    cordon__listener_close(listener, NULL);
    cordon__place_close(place);
}

static void full_backlog_is_somebody(void)
{
    intptr_t          clients[64];
    size_t            count = 0;
    int               code = CORDON_OK;
    cordon__listener *listener;

    serve(0);
    listener = listen_now(1);
    while (code == CORDON_OK && count < 64) {
        code = knock(&clients[count]);
        count += code == CORDON_OK;
    }
    assert_true(count > 0 && count < 64);
    assert_true(code == CORDON__AGAIN || code == CORDON__UNCERTAIN || code == CORDON__OCCUPIED);
    while (count > 0)
        cordon__handle_close(clients[--count]);
    unserve(listener);
}

/* ---- who ------------------------------------------------------------------------------- */

static void check_me(const cordon__identity *peer)
{
    assert_int_equal(cordon__peer_judge(peer, cordon__peer_nobody(), 0, &fault), CORDON_OK);
    if (peer->known & CORDON_PEER_PID)
        assert_int_equal(peer->pid, cordon__pid());
}

static void peer_without_a_name_is_a_stranger(void)
{
    cordon__identity peer;

    memset(&peer, 0, sizeof peer);
    assert_int_equal(cordon__peer_judge(&peer, cordon__peer_nobody(), 0, &fault), CORDON_EIMPOSTOR);
}

/* ---- the secret --------------------------------------------------------------------------- */

static int load(char data[17])
{
    memset(data, 0, 17);
    return cordon__secret_load(place, data, 16, &fault);
}

static void secret_is_read_as_it_was_written(void)
{
    char data[17];

    serve(0);
    assert_int_equal(load(data), CORDON__ABSENT);
    assert_int_equal(cordon__secret_store(place, SECRET, 16, &fault), CORDON_OK);
    assert_int_equal(load(data), CORDON_OK);
    assert_string_equal(data, SECRET);
    assert_int_equal(cordon__secret_store(place, "fedcba9876543210", 16, &fault), CORDON_OK);
    assert_int_equal(load(data), CORDON_OK);
    assert_string_equal(data, "fedcba9876543210");
    unserve(NULL);
}

static void secret_that_others_can_read_is_unsafe(void)
{
    char data[17];

    serve(0);
    common_put(path_of(CORDON_TOKEN), SECRET, 0640);
    assert_int_equal(load(data), CORDON_EUNSAFE);
    common_put(path_of(CORDON_TOKEN), SECRET, 0604);
    assert_int_equal(load(data), CORDON_EUNSAFE);
    common_put(path_of(CORDON_TOKEN), SECRET, 0600);
    assert_int_equal(load(data), CORDON_OK);
    unserve(NULL);
}

static void secret_of_another_shape_is_told(void)
{
    char data[17];

    serve(0);
    common_put(path_of(CORDON_TOKEN), "short", 0600);
    assert_int_equal(load(data), CORDON__MALFORMED_FILE);
    common_put(path_of(CORDON_TOKEN), SECRET "longer", 0600);
    assert_int_equal(load(data), CORDON__MALFORMED_FILE);
    common_remove(path_of(CORDON_TOKEN));
    common_put_directory(path_of(CORDON_TOKEN));
    assert_int_equal(load(data), CORDON_EUNSAFE);
    assert_int_equal(cordon__secret_store(place, SECRET, 16, &fault), CORDON_EUNSAFE);
    unserve(NULL);
}

static void secret_of_somebody_else_is_not_removed(void)
{
    serve(0);
    assert_int_equal(cordon__secret_store(place, "fedcba9876543210", 16, &fault), CORDON_OK);
    assert_int_equal(cordon__secret_remove(place, SECRET, 16, &fault), CORDON_OK);
    assert_true(common_exists(path_of(CORDON_TOKEN)));
    assert_int_equal(cordon__secret_remove(place, "fedcba9876543210", 16, &fault), CORDON_OK);
    assert_false(common_exists(path_of(CORDON_TOKEN)));
    unserve(NULL);
}

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

/* ---- on a loop ----------------------------------------------------------------------------------
 */

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

static void on_read(void *owner, size_t size)
{
    watcher *it = owner;

    it->size += size;
    if (it->closes_in_read)
        cordon__stream_close(it->stream);
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

/* ---- all of them
 * ------------------------------------------------------------------------------------ */

typedef struct contract {
    const char *name;
    void (*run)(void);
} contract;

#define CONTRACT(name) \
    {                  \
#        name, name    \
    }

static const contract all[] = {
    CONTRACT(second_taker_of_the_lock_is_told_at_once),
    CONTRACT(lock_whose_file_went_excludes_nobody),
    CONTRACT(second_listener_is_refused_and_the_first_goes_on),
    CONTRACT(lock_file_open_to_others_is_unsafe),
    CONTRACT(what_a_dead_server_left_is_taken_over),
    CONTRACT(what_a_dead_server_left_under_a_long_name_is_taken_over),
    CONTRACT(what_is_not_a_socket_of_ours_is_left_alone),
    CONTRACT(long_name_has_a_short_address_and_is_found),
    CONTRACT(nobody_there_is_not_running),
    CONTRACT(directory_that_is_a_file_is_unsafe),
    CONTRACT(look_tells_gone_and_replaced),
    CONTRACT(who_waits_is_accepted_after_the_address_went),
    CONTRACT(full_backlog_is_somebody),
    CONTRACT(peer_is_me_on_both_sides),
    CONTRACT(peer_without_a_name_is_a_stranger),
    CONTRACT(secret_is_read_as_it_was_written),
    CONTRACT(secret_that_others_can_read_is_unsafe),
    CONTRACT(secret_of_another_shape_is_told),
    CONTRACT(secret_of_somebody_else_is_not_removed),
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
};

#define COUNT (sizeof all / sizeof all[0])

static void keep_contract(void **state)
{
    const contract *it = *state;

    common_open();
    common_run(it->run);
    common_close();
}

int main(void)
{
    struct CMUnitTest tests[COUNT];

    memset(tests, 0, sizeof tests);
    for (size_t i = 0; i < COUNT; i++) {
        tests[i].name = all[i].name;
        tests[i].test_func = keep_contract;
        tests[i].initial_state = (void *)(uintptr_t)&all[i];
    }
    return _cmocka_run_group_tests("contract_common", tests, COUNT, NULL, NULL);
}
