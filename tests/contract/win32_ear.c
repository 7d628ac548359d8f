#include "win32_ear.h"

void *ear_memory(void *old, size_t size, void *user)
{
    ear *it = user;

    it->blocks += size > 0 ? old == NULL : -(old != NULL);
    if (size > 0)
        return realloc(old, size);
    free(old);
    return NULL;
}

static void close_if(ear *it, enum when now)
{
    cordon__stream *stream = it->stream;

    if (it->close_in != now)
        return;
    it->stream = NULL;
    cordon__stream_close(stream);
}

static void give_room(void *owner, char **data, size_t *size)
{
    ear *it = owner;

    assert_non_null(it->stream);
    it->rooms++;
    *data = it->room;
    *size = it->room_size;
    if (it->in_room)
        it->in_room(it);
    close_if(it, IN_ROOM);
}

static int take_bytes(void *owner, size_t size)
{
    ear *it = owner;

    assert_non_null(it->stream);
    assert_true(size > 0 && size <= it->room_size);
    it->reads++;
    for (size_t i = 0; i < size; i++, it->got_size++)
        if (it->got_size < sizeof it->got)
            it->got[it->got_size] = it->room[i];
    close_if(it, IN_READ);
    return 0;
}

static void hear_end(void *owner, enum cordon__end end, uint32_t os_code)
{
    ear *it = owner;

    assert_non_null(it->stream);
    assert_int_equal(end, CORDON__END_LOST); /* a pipe has no half-close */
    it->losses++;
    it->lost_code = os_code;
    close_if(it, IN_END);
}

static void hear_writable(void *owner)
{
    ear *it = owner;

    assert_non_null(it->stream);
    it->writables++;
    close_if(it, IN_WRITABLE);
}

static void hear_closed(void *owner)
{
    ear *it = owner;

    assert_null(it->stream);
    it->closes++;
}

const cordon__stream_events ear_events = {give_room, take_bytes, hear_end, hear_writable,
                                          hear_closed};

void ear_connect(ear *it)
{
    const cordon__memory memory = {ear_memory, it};
    HANDLE               ours;

    pair_open(&ours, &it->peer, it->is_server, QUOTA);
    CHECK_CODE(cordon__stream_open(&it->stream, &it->loop, (intptr_t)ours, &ear_events, it, &memory,
                                   &it->fault),
               CORDON_OK, &it->fault);
}

static int open_as(void **state, int is_server)
{
    static const cordon_fault none = CORDON_FAULT_INIT;
    ear                      *it = test_calloc(1, sizeof *it);

    it->fault = none;
    it->room_size = sizeof it->room;
    it->is_server = is_server;
    assert_int_equal(uv_loop_init(&it->loop), 0);
    ear_connect(it);
    *state = it;
    return 0;
}

int ear_open_server(void **state)
{
    return open_as(state, 1);
}

int ear_open_client(void **state)
{
    return open_as(state, 0);
}

static void late(uv_timer_t *timer)
{
    uv_stop(timer->loop);
}

void ear_run_until(ear *it, const unsigned *what, unsigned wanted)
{
    const uint64_t deadline = cordon__now() + SOON_MS;
    uv_timer_t     timer;

    uv_timer_init(&it->loop, &timer);
    uv_timer_start(&timer, late, SOON_MS, 0);
    while (*what < wanted && cordon__now() < deadline)
        uv_run(&it->loop, UV_RUN_ONCE);
    assert_true(*what >= wanted);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(&it->loop, UV_RUN_NOWAIT);
}

void ear_run_now(ear *it)
{
    for (int i = 0; i < 10; i++)
        uv_run(&it->loop, UV_RUN_NOWAIT);
}

void ear_close_stream(ear *it)
{
    cordon__stream *stream = it->stream;

    it->stream = NULL;
    cordon__stream_close(stream);
    assert_int_equal(it->closes, 0); /* never from inside */
}

int ear_close(void **state)
{
    ear *it = *state;

    if (it->stream)
        ear_close_stream(it);
    ear_run_until(it, &it->closes, 1);
    assert_int_equal(it->closes, 1);
    uv_run(&it->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&it->loop), 0);
    assert_int_equal(it->blocks, 0);
    pair_close(&it->peer);
    test_free(it);
    return 0;
}

void ear_check_got(const ear *it, const char *text)
{
    assert_int_equal(it->got_size, strlen(text));
    assert_memory_equal(it->got, text, strlen(text));
}

int ear_write(ear *it, const char *data, size_t size, size_t *taken)
{
    const cordon_bytes pieces[3] = {
        {data, size / 2}, {NULL, 0}, {data + size / 2, size - size / 2}};

    return cordon__stream_write(it->stream, pieces, 3, taken, &it->fault);
}

unsigned ear_turns(ear *it)
{
    uv_timer_t timer;
    unsigned   turns = 0;

    uv_timer_init(&it->loop, &timer);
    uv_timer_start(&timer, late, 60, 0);
    for (; uv_is_active((uv_handle_t *)&timer); turns++)
        uv_run(&it->loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(&it->loop, UV_RUN_NOWAIT);
    return turns;
}
