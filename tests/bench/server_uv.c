/* Plain libuv: a uv_pipe_t a connection, the answers of one read in one write. */
#include "bench.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <uv.h>

typedef struct line {
    uv_pipe_t   pipe;
    bench_echo *echo;
} line;

typedef struct rest { /* answers that the system did not take */
    uv_write_t write;
    char       bytes[];
} rest;

static void on_end(uv_signal_t *signal, int number)
{
    (void)signal, (void)number;
    exit(0);
}

static void on_closed(uv_handle_t *handle)
{
    line *line = handle->data;

    if (line->echo != NULL)
        free(line->echo->in);
    free(line->echo);
    free(line);
}

static void give_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    line *line = handle->data;

    (void)suggested;
    if (line->echo == NULL && (line->echo = calloc(1, sizeof *line->echo)) == NULL)
        bench_die("out of memory");
    buf->base = bench_echo_room(line->echo, &buf->len);
}

static void on_written(uv_write_t *write, int status)
{
    (void)status;
    free(write->data);
}

static void answer(line *line, bench_bytes answers)
{
    uv_buf_t  buf = uv_buf_init((char *)(uintptr_t)answers.data, (unsigned)answers.size);
    const int sent = uv_try_write((uv_stream_t *)&line->pipe, &buf, 1);
    size_t    left = answers.size - (size_t)(sent > 0 ? sent : 0);
    rest     *kept;

    if (left == 0)
        return;
    kept = malloc(sizeof *kept + left);
    if (kept == NULL)
        bench_die("out of memory");
    memcpy(kept->bytes, answers.data + answers.size - left, left);
    kept->write.data = kept;
    buf = uv_buf_init(kept->bytes, (unsigned)left);
    if (uv_write(&kept->write, (uv_stream_t *)&line->pipe, &buf, 1, on_written) != 0)
        free(kept);
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf)
{
    line       *line = stream->data;
    bench_bytes answers;

    (void)buf;
    if (got < 0) {
        uv_close((uv_handle_t *)stream, on_closed);
        return;
    }
    answers = bench_echo_answers(line->echo, (size_t)got);
    if (answers.size > 0)
        answer(line, answers);
    bench_echo_done(line->echo);
}

static void on_connection(uv_stream_t *listener, int status)
{
    line *made = calloc(1, sizeof *made);

    if (made == NULL || status != 0)
        bench_die("cannot accept");
    uv_pipe_init(listener->loop, &made->pipe, 0);
    made->pipe.data = made;
    if (uv_accept(listener, (uv_stream_t *)&made->pipe) != 0 ||
        uv_read_start((uv_stream_t *)&made->pipe, give_room, on_read) != 0)
        uv_close((uv_handle_t *)&made->pipe, on_closed);
}

int main(int argc, char **argv)
{
    uv_loop_t     loop;
    uv_signal_t   signal;
    uv_pipe_t     listener;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    uv_loop_init(&loop);
    uv_signal_init(&loop, &signal);
    uv_signal_start(&signal, on_end, SIGTERM);
    uv_pipe_init(&loop, &listener, 0);
    if (uv_pipe_open(&listener, bench_listen(bench_place(argc, argv))) != 0 ||
        uv_listen((uv_stream_t *)&listener, 128, on_connection) != 0)
        bench_die("cannot listen");
    bench_ready();
    return uv_run(&loop, UV_RUN_DEFAULT);
}
