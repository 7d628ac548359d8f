/* A connection for calls that wait, on Windows: both ends of a pipe. */
#include "win32_pair.h"

typedef struct fixture {
    int          is_server;
    cordon__line line;
    HANDLE       peer;
    cordon_fault fault;
} fixture;

static int open_as(void **state, int is_server)
{
    static const cordon_fault none = CORDON_FAULT_INIT;
    fixture                  *it = test_calloc(1, sizeof *it);
    HANDLE                    ours;

    it->fault = none;
    it->is_server = is_server;
    pair_open(&ours, &it->peer, is_server, QUOTA);
    it->line.handle = (intptr_t)ours;
    *state = it;
    return 0;
}

static int open_server(void **state)
{
    return open_as(state, 1);
}

static int open_client(void **state)
{
    return open_as(state, 0);
}

static int close_both(void **state)
{
    fixture *it = *state;

    cordon__line_close(&it->line);
    cordon__line_close(&it->line); /* once more is harmless */
    pair_close(&it->peer);
    test_free(it);
    return 0;
}

static uint64_t in(uint64_t ms)
{
    return cordon__now() + ms;
}

static int read_some(fixture *it, void *data, size_t size, size_t *got, uint64_t deadline)
{
    return cordon__line_read(&it->line, data, size, got, deadline, &it->fault);
}

static int read_byte(fixture *it, uint64_t deadline)
{
    char   byte;
    size_t got;

    return read_some(it, &byte, 1, &got, deadline);
}

static int write_some(fixture *it, const void *data, size_t size, size_t *sent, uint64_t deadline)
{
    const cordon_bytes piece = {data, size};

    return cordon__line_write(&it->line, &piece, 1, sent, deadline, &it->fault);
}

/* ---- read ---- */

static void bytes_arrive_as_they_come(void **state)
{
    fixture *it = *state;
    char     data[8];
    size_t   got;

    pair_write(it->peer, "abcde", 5);
    CHECK_CODE(read_some(it, data, 2, &got, in(SOON_MS)), CORDON_OK, &it->fault);
    assert_int_equal(got, 2);
    CHECK_CODE(read_some(it, data + 2, sizeof data - 2, &got, in(SOON_MS)), CORDON_OK, &it->fault);
    assert_int_equal(got, 3);
    assert_memory_equal(data, "abcde", 5);
}

static void write_late(void *context)
{
    const HANDLE peer = *(HANDLE *)context;
    OVERLAPPED   work = {0};
    DWORD        count;

    work.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL);
    WriteFile(peer, "", 0, NULL, &work); /* of no bytes: no end, and no answer */
    GetOverlappedResult(peer, &work, &count, TRUE);
    Sleep(5);
    WriteFile(peer, "x", 1, NULL, &work);
    GetOverlappedResult(peer, &work, &count, TRUE);
    CloseHandle(work.hEvent);
}

static void wait_ends_with_a_byte_and_not_with_none(void **state)
{
    fixture    *it = *state;
    uv_thread_t other;

    assert_int_equal(uv_thread_create(&other, write_late, &it->peer), 0);
    CHECK_CODE(read_byte(it, CORDON__NEVER), CORDON_OK, &it->fault);
    uv_thread_join(&other);
}

static void check_end(fixture *it)
{
    assert_true(pair_is_end(it->fault.os_code));
    CHECK_CODE(read_byte(it, 0), CORDON_ECLOSED, &it->fault);
}

static void end_is_eclosed_after_the_last_bytes(void **state)
{
    fixture *it = *state;
    char     data[8];
    size_t   got;

    pair_write(it->peer, "abc", 3);
    pair_close(&it->peer);
    CHECK_CODE(read_some(it, data, sizeof data, &got, in(SOON_MS)), CORDON_OK, &it->fault);
    assert_int_equal(got, 3);
    CHECK_CODE(read_byte(it, in(SOON_MS)), CORDON_ECLOSED, &it->fault);
    check_end(it);
}

static void disconnected_is_eclosed(void **state)
{
    fixture *it = *state;
    size_t   sent;

    if (it->is_server)
        return; /* only a server can */
    assert_true(DisconnectNamedPipe(it->peer));
    CHECK_CODE(read_byte(it, in(SOON_MS)), CORDON_ECLOSED, &it->fault);
    check_end(it);
    CHECK_CODE(write_some(it, "x", 1, &sent, in(SOON_MS)), CORDON_ECLOSED, &it->fault);
    assert_true(pair_is_end(it->fault.os_code));
}

static void close_late(void *context)
{
    Sleep(5);
    pair_close(context);
}

static void death_ends_a_wait(void **state)
{
    fixture    *it = *state;
    uv_thread_t other;

    assert_int_equal(uv_thread_create(&other, close_late, &it->peer), 0);
    CHECK_CODE(read_byte(it, CORDON__NEVER), CORDON_ECLOSED, &it->fault);
    uv_thread_join(&other);
}

/* ---- deadlines ---- */

static void deadline_that_has_passed_means_once(void **state)
{
    fixture *it = *state;

    CHECK_CODE(read_byte(it, 0), CORDON_ETIMEDOUT, &it->fault);
    pair_write(it->peer, "a", 1);
    CHECK_CODE(read_byte(it, 0), CORDON_OK, &it->fault);
}

static void waits_end_at_the_deadline_not_before(void **state)
{
    fixture       *it = *state;
    char          *data = test_calloc(1, BIG);
    const uint64_t first = in(30);
    uint64_t       second;
    size_t         sent;

    CHECK_CODE(read_byte(it, first), CORDON_ETIMEDOUT, &it->fault);
    assert_true(cordon__now() >= first);
    second = in(30);
    CHECK_CODE(write_some(it, data, BIG, &sent, second), CORDON_ETIMEDOUT, &it->fault);
    assert_true(cordon__now() >= second);
    assert_true(sent < BIG);
    pair_write(it->peer, "a", 1);
    CHECK_CODE(read_byte(it, in(SOON_MS)), CORDON_OK, &it->fault); /* it can still be used */
    test_free(data);
}

/* ---- interrupt ---- */

static void interrupt(void *context)
{
    Sleep(5);
    cordon__line_interrupt(context);
}

static void interrupt_wakes_a_read_for_good(void **state)
{
    fixture    *it = *state;
    uv_thread_t other;
    size_t      sent;

    assert_int_equal(uv_thread_create(&other, interrupt, &it->line), 0);
    CHECK_CODE(read_byte(it, CORDON__NEVER), CORDON_ECANCELED, &it->fault);
    uv_thread_join(&other);
    assert_true(cordon__line_is_interrupted(&it->line));
    pair_write(it->peer, "a", 1);
    CHECK_CODE(read_byte(it, in(SOON_MS)), CORDON_ECANCELED, &it->fault);
    CHECK_CODE(write_some(it, "x", 1, &sent, in(SOON_MS)), CORDON_ECANCELED, &it->fault);
}

static void interrupt_wakes_a_write(void **state)
{
    fixture    *it = *state;
    char       *data = test_calloc(1, BIG);
    uv_thread_t other;
    size_t      sent;

    assert_int_equal(uv_thread_create(&other, interrupt, &it->line), 0);
    CHECK_CODE(write_some(it, data, BIG, &sent, CORDON__NEVER), CORDON_ECANCELED, &it->fault);
    uv_thread_join(&other);
    assert_true(sent < BIG);
    test_free(data);
}

static void interrupt_now(void *context)
{
    cordon__line_interrupt(context);
}

/* Whenever it comes: before the read is begun, meanwhile, after. */
static void interrupt_is_never_missed(void **state)
{
    fixture *it = *state;

    for (int i = 0; i < 200; i++) {
        uv_thread_t other;

        it->line.is_interrupted = 0;
        assert_int_equal(uv_thread_create(&other, interrupt_now, &it->line), 0);
        CHECK_CODE(read_byte(it, CORDON__NEVER), CORDON_ECANCELED, &it->fault);
        uv_thread_join(&other);
    }
}

/* ---- write ---- */

static void pieces_leave_together_and_in_order(void **state)
{
    fixture     *it = *state;
    cordon_bytes pieces[50];
    char         data[128];
    size_t       sent;
    DWORD        error;

    for (int i = 0; i < 50; i++) {
        pieces[i].data = &"0123456789"[i % 10];
        pieces[i].size = i % 5 == 4 ? 0 : 1;
    }
    CHECK_CODE(cordon__line_write(&it->line, pieces, 50, &sent, in(SOON_MS), &it->fault), CORDON_OK,
               &it->fault);
    assert_int_equal(sent, 40);
    assert_int_equal(pair_read(it->peer, data, sizeof data, &error), 40);
    assert_memory_equal(data, "0123567801235678", 16);
    CHECK_CODE(cordon__line_write(&it->line, NULL, 0, &sent, 0, &it->fault), CORDON_OK, &it->fault);
}

static void slow_reader_gets_each_byte_once_whatever_times_out(void **state)
{
    fixture *it = *state;
    char    *data = test_malloc(BIG);
    size_t   out = 0, in_count = 0, sent, waits = 0;
    DWORD    error;

    pair_fill(data, BIG);
    for (int code = CORDON_ETIMEDOUT; code != CORDON_OK; out += sent) {
        code = write_some(it, data + out, BIG - out, &sent, in(waits % 3));
        if (code == CORDON_OK)
            continue;
        CHECK_CODE(code, CORDON_ETIMEDOUT, &it->fault);
        waits++;
        in_count +=
            pair_check_next(it->peer, in_count, 20011, &error); /* a part of what is on its way */
    }
    assert_int_equal(out, BIG);
    assert_true(waits > 10);
    while (in_count < BIG)
        in_count += pair_check_next(it->peer, in_count, 65536, &error);
    assert_int_equal(pair_waiting(it->peer), 0);
    test_free(data);
}

static void listening_write_ends_when_there_is_something_to_read(void **state)
{
    fixture *it = *state;
    char    *data = test_malloc(BIG);
    size_t   out = 0, in_count = 0, sent;
    DWORD    error;

    pair_fill(data, BIG);
    it->line.is_listening = 1;
    CHECK_CODE(write_some(it, data, BIG, &sent, in(20)), CORDON_ETIMEDOUT, &it->fault);
    out += sent;
    pair_write(it->peer, "!", 1);
    CHECK_CODE(write_some(it, data + out, BIG - out, &sent, CORDON__NEVER), CORDON__READABLE,
               &it->fault);
    out += sent;
    CHECK_CODE(read_byte(it, 0), CORDON_OK, &it->fault);
    while (write_some(it, data + out, BIG - out, &sent, in(1)) != CORDON_OK) {
        out += sent;
        in_count += pair_check_next(it->peer, in_count, 65536, &error);
    }
    assert_int_equal(out + sent, BIG);
    while (in_count < BIG)
        in_count += pair_check_next(it->peer, in_count, 65536, &error);
    test_free(data);
}

static void write_to_the_dead_is_eclosed_and_its_last_words_are_read(void **state)
{
    fixture *it = *state;
    char     data[16];
    size_t   sent, got;

    pair_write(it->peer, "reason", 6);
    pair_close(&it->peer);
    CHECK_CODE(write_some(it, "x", 1, &sent, in(SOON_MS)), CORDON_ECLOSED, &it->fault);
    assert_true(pair_is_end(it->fault.os_code));
    CHECK_CODE(read_some(it, data, sizeof data, &got, in(SOON_MS)), CORDON_OK, &it->fault);
    assert_int_equal(got, 6);
}

static void death_ends_a_write_that_waits(void **state)
{
    fixture    *it = *state;
    char       *data = test_calloc(1, BIG);
    uv_thread_t other;
    size_t      sent;

    assert_int_equal(uv_thread_create(&other, close_late, &it->peer), 0);
    CHECK_CODE(write_some(it, data, BIG, &sent, CORDON__NEVER), CORDON_ECLOSED, &it->fault);
    uv_thread_join(&other);
    test_free(data);
}

/* ---- close ---- */

typedef struct reader {
    HANDLE peer;
    size_t got;
    int    is_wrong;
    DWORD  error;
} reader;

static void read_slowly(void *context)
{
    reader *it = context;
    char    data[9001];
    size_t  got;

    while ((got = pair_read(it->peer, data, sizeof data, &it->error)) > 0) {
        for (size_t i = 0; i < got; i++)
            it->is_wrong |= data[i] != pair_byte(it->got + i);
        it->got += got;
        if (it->got % 7 == 0)
            Sleep(1);
    }
}

static void what_was_written_before_the_close_arrives(void **state)
{
    fixture    *it = *state;
    char       *data = test_malloc(BIG);
    reader      slow = {it->peer, 0, 0, 0};
    uv_thread_t other;
    size_t      sent;

    pair_fill(data, BIG);
    assert_int_equal(uv_thread_create(&other, read_slowly, &slow), 0);
    CHECK_CODE(write_some(it, data, BIG, &sent, in(SOON_MS)), CORDON_OK, &it->fault);
    cordon__line_close(&it->line);
    uv_thread_join(&other);
    assert_int_equal(slow.got, BIG);
    assert_false(slow.is_wrong);
    assert_true(pair_is_end(slow.error));
    test_free(data);
}

static void what_was_written_stays_when_nobody_reads_before_the_close(void **state)
{
    fixture *it = *state;
    char     data[64];
    size_t   sent;
    DWORD    error;

    CHECK_CODE(write_some(it, "last words", 10, &sent, in(SOON_MS)), CORDON_OK, &it->fault);
    cordon__line_close(&it->line);
    assert_int_equal(pair_read(it->peer, data, sizeof data, &error), 10);
    assert_int_equal(pair_read(it->peer, data, sizeof data, &error), 0);
    assert_true(pair_is_end(error));
}

static void close_takes_back_what_nobody_took(void **state)
{
    fixture *it = *state;
    char    *data = test_malloc(BIG);
    reader   late = {it->peer, 0, 0, 0};
    size_t   sent;

    pair_fill(data, BIG);
    CHECK_CODE(write_some(it, data, BIG, &sent, in(5)), CORDON_ETIMEDOUT, &it->fault);
    cordon__line_close(&it->line);
    read_slowly(&late); /* to the end, and nothing but what was sent */
    assert_false(late.is_wrong);
    assert_true(late.got <= sent);
    assert_true(pair_is_end(late.error));
    test_free(data);
}

static void line_may_be_given_another_connection(void **state)
{
    fixture *it = *state;
    char    *data = test_calloc(1, BIG);
    char     back[4];
    HANDLE   spent = (HANDLE)it->line.handle, spent_peer = it->peer, ours;
    size_t   sent;
    DWORD    error;

    CHECK_CODE(write_some(it, data, BIG, &sent, in(5)), CORDON_ETIMEDOUT, &it->fault);
    pair_open(&ours, &it->peer, it->is_server, QUOTA);
    it->line.handle = (intptr_t)ours;
    CHECK_CODE(write_some(it, "new", 3, &sent, in(SOON_MS)), CORDON_OK, &it->fault);
    assert_int_equal(pair_read(it->peer, back, sizeof back, &error), 3);
    assert_memory_equal(back, "new", 3);
    pair_close(&spent);
    pair_close(&spent_peer);
    test_free(data);
}

static void handles_stay_flat(void **state)
{
    fixture *it = *state;
    DWORD    before = 0;

    for (int i = 0; i < 1010; i++) {
        cordon__line line = {0};
        HANDLE       ours, peer;
        char         byte;
        size_t       size;

        if (i == 10)
            before = pair_handles();
        pair_open(&ours, &peer, it->is_server, QUOTA);
        line.handle = (intptr_t)ours;
        pair_write(peer, "x", 1);
        CHECK_CODE(cordon__line_read(&line, &byte, 1, &size, CORDON__NEVER, &it->fault), CORDON_OK,
                   &it->fault);
        cordon__line_close(&line);
        pair_close(&peer);
    }
    assert_int_equal(pair_handles(), before);
}

#define both(name)                                             \
    {#name " (server)", name, open_server, close_both, NULL},  \
    {                                                          \
#        name " (client)", name, open_client, close_both, NULL \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        both(bytes_arrive_as_they_come),
        both(wait_ends_with_a_byte_and_not_with_none),
        both(end_is_eclosed_after_the_last_bytes),
        both(disconnected_is_eclosed),
        both(death_ends_a_wait),
        both(deadline_that_has_passed_means_once),
        both(waits_end_at_the_deadline_not_before),
        both(interrupt_wakes_a_read_for_good),
        both(interrupt_wakes_a_write),
        both(interrupt_is_never_missed),
        both(pieces_leave_together_and_in_order),
        both(slow_reader_gets_each_byte_once_whatever_times_out),
        both(listening_write_ends_when_there_is_something_to_read),
        both(write_to_the_dead_is_eclosed_and_its_last_words_are_read),
        both(death_ends_a_write_that_waits),
        both(what_was_written_before_the_close_arrives),
        both(what_was_written_stays_when_nobody_reads_before_the_close),
        both(close_takes_back_what_nobody_took),
        both(line_may_be_given_another_connection),
        both(handles_stay_flat),
    };

    return cmocka_run_group_tests_name("contract_win32_line", tests, NULL, NULL);
}
