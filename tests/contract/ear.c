#include "ear.h"

static void close_if(ear *it, enum when now)
{
    if (it->close_in == now) {
        cordon__stream_close(it->stream);
        it->stream = NULL;
    }
}

static void give_room(void *owner, char **data, size_t *size)
{
    ear *it = owner;

    assert_non_null(it->stream);
    it->rooms++;
    *data = it->room;
    *size = it->room_size;
    close_if(it, IN_ROOM);
}

static int take_bytes(void *owner, size_t size)
{
    ear *it = owner;

    assert_non_null(it->stream);
    assert_true(size > 0 && size <= it->room_size);
    it->reads++;
    it->got = realloc(it->got, it->got_size + size);
    memcpy(it->got + it->got_size, it->room, size);
    it->got_size += size;
    close_if(it, IN_READ);
    return 0;
}

static void hear_end(void *owner, enum cordon__end end, uint32_t os_code)
{
    ear *it = owner;

    assert_non_null(it->stream);
    assert_int_equal(it->losses, 0); /* it is the last one */
    if (end == CORDON__END_INPUT) {
        it->inputs++;
    } else {
        it->losses++;
        it->lost_code = os_code;
    }
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

static int open_as(void **state, int is_other)
{
    static const cordon_fault none = CORDON_FAULT_INIT;
    ear                      *it = test_calloc(1, sizeof *it);
    const cordon__memory      memory = {support_allocate, &it->memory};
    intptr_t                  ends[2];

    it->fault = none;
    it->room_size = sizeof it->room;
    assert_int_equal(uv_loop_init(&it->loop), 0);
    SUPPORT_CODE(cordon__pair(&ends[0], &ends[1], &it->fault), CORDON_OK, &it->fault);
    it->peer = support_raw_of(ends[!is_other]);
    SUPPORT_CODE(cordon__stream_open(&it->stream, &it->loop, ends[is_other], &ear_events, it,
                                     &memory, &it->fault),
                 CORDON_OK, &it->fault);
    *state = it;
    return 0;
}

int ear_open(void **state)
{
    return open_as(state, 0);
}

int ear_open_other(void **state)
{
    return open_as(state, 1);
}

void ear_hang_up(ear *it)
{
    if (it->peer != SUPPORT_NO_RAW)
        support_raw_close(it->peer);
    it->peer = SUPPORT_NO_RAW;
}

int ear_close_closed(void **state)
{
    ear *it = *state;

    uv_run(&it->loop, UV_RUN_DEFAULT);
    assert_int_equal(it->closes, 1);
    assert_int_equal(uv_loop_close(&it->loop), 0);
    assert_int_equal(atomic_load(&it->memory.blocks), 0);
    ear_hang_up(it);
    free(it->got);
    test_free(it);
    return 0;
}

int ear_close(void **state)
{
    ear *it = *state;

    if (it->stream) {
        cordon__stream *stream = it->stream;

        it->stream = NULL;
        cordon__stream_close(stream);
    }
    assert_int_equal(it->closes, 0); /* never from inside */
    return ear_close_closed(state);
}

void ear_run(ear *it)
{
    for (int i = 0; i < 10; i++)
        uv_run(&it->loop, UV_RUN_NOWAIT);
}

static void stop_loop(uv_timer_t *timer)
{
    uv_stop(timer->loop);
}

void ear_run_until(ear *it, const unsigned *what, unsigned wanted)
{
    const uint64_t late = support_now() + SUPPORT_SOON;
    uv_timer_t     timer;

    uv_timer_init(&it->loop, &timer);
    uv_timer_start(&timer, stop_loop, SUPPORT_SOON, 0);
    while (*what < wanted && support_now() < late)
        uv_run(&it->loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&timer, NULL);
    ear_run(it);
    assert_true(*what >= wanted);
}

static void count_turn(uv_prepare_t *handle)
{
    ((ear *)handle->data)->turns++;
}

unsigned ear_turns(ear *it)
{
    uv_prepare_t prepare;
    uv_timer_t   timer;

    it->turns = 0;
    uv_prepare_init(&it->loop, &prepare);
    prepare.data = it;
    uv_prepare_start(&prepare, count_turn);
    uv_timer_init(&it->loop, &timer);
    uv_timer_start(&timer, stop_loop, 60, 0);
    uv_run(&it->loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&prepare, NULL);
    uv_close((uv_handle_t *)&timer, NULL);
    ear_run(it);
    return it->turns;
}

void ear_send(ear *it, const char *text)
{
    support_raw_send(it->peer, text, strlen(text));
}

void ear_check(const ear *it, const char *text)
{
    assert_int_equal(it->got_size, strlen(text));
    assert_memory_equal(it->got, text, strlen(text));
}

int ear_write(ear *it, const char *text, size_t *taken)
{
    const cordon_bytes piece = {text, strlen(text)};

    return cordon__stream_write(it->stream, &piece, 1, taken, &it->fault);
}

size_t ear_take(ear *it, void *data, size_t room)
{
    const long got = support_raw_some(it->peer, data, room, 0);

    return got > 0 ? (size_t)got : 0;
}
