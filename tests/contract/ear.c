#include "ear.h"

#include <signal.h>
#include <sys/socket.h>

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

int ear_open(void **state)
{
    static const cordon_fault none = CORDON_FAULT_INIT;
    ear                      *it = test_calloc(1, sizeof *it);
    const cordon__memory      memory = {support_allocate, &it->memory};
    int                       fds[2];

    signal(SIGPIPE, SIG_DFL); /* nothing of ours may raise it */
    it->fault = none;
    it->room_size = sizeof it->room;
    if (uv_loop_init(&it->loop) != 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0)
        return -1;
    it->peer = fds[1];
    SUPPORT_CODE(
        cordon__stream_open(&it->stream, &it->loop, fds[0], &ear_events, it, &memory, &it->fault),
        CORDON_OK, &it->fault);
    *state = it;
    return 0;
}

void ear_hang_up(ear *it)
{
    close(it->peer);
    it->peer = -1;
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
    uv_run(&it->loop, UV_RUN_DEFAULT);
    assert_int_equal(it->closes, 1);
    assert_int_equal(uv_loop_close(&it->loop), 0);
    assert_int_equal(atomic_load(&it->memory.blocks), 0);
    if (it->peer >= 0)
        close(it->peer);
    free(it->got);
    test_free(it);
    return 0;
}

void ear_run(ear *it)
{
    for (int i = 0; i < 10; i++)
        uv_run(&it->loop, UV_RUN_NOWAIT);
}

static void count_turn(uv_prepare_t *handle)
{
    ((ear *)handle->data)->turns++;
}

static void stop_loop(uv_timer_t *timer)
{
    uv_stop(timer->loop);
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
    const size_t size = strlen(text);

    assert_int_equal(send(it->peer, text, size, MSG_NOSIGNAL), (ssize_t)size);
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
