/* Plain libuv at the client's side too: a uv_pipe_t, the loop run until the reply is there. */
#include "bench.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

typedef struct line {
    uv_pipe_t  pipe;
    uv_write_t write;
    int        is_writing, is_open;
    char      *in, *out;
    size_t     at, have, room, waiting, out_room;
    uint32_t   asked, heard;
} line;

static uv_loop_t loop;

static void *meet(const char *place)
{
    uv_loop_init(&loop);
    return (void *)(uintptr_t)place;
}

static void *more(void *old, size_t size)
{
    void *block = realloc(old, size);

    if (block == NULL)
        bench_die("out of memory");
    return block;
}

static void give_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    line  *line = handle->data;
    size_t need = BENCH_ROOM;

    (void)suggested;
    if (line->at > 0) {
        memmove(line->in, line->in + line->at, line->have - line->at);
        line->have -= line->at;
        line->at = 0;
    }
    if (line->have >= BENCH_HEAD && BENCH_HEAD + bench_head_size(line->in) > need)
        need = BENCH_HEAD + bench_head_size(line->in);
    if (need == line->have) /* libuv reads on behind a whole frame */
        need += BENCH_ROOM;
    if (line->room < need)
        line->in = more(line->in, line->room = need);
    *buf = uv_buf_init(line->in + line->have, (unsigned)(line->room - line->have));
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf)
{
    line *line = stream->data;

    (void)buf;
    if (got < 0)
        bench_die("receive: %s", uv_strerror((int)got));
    line->have += (size_t)got;
}

static void *open_line(void *place)
{
    line *made = more(NULL, sizeof *made);

    memset(made, 0, sizeof *made);
    uv_pipe_init(&loop, &made->pipe, 0);
    made->pipe.data = made;
    if (uv_pipe_open(&made->pipe, bench_connect(place)) != 0 ||
        uv_read_start((uv_stream_t *)&made->pipe, give_room, on_read) != 0)
        bench_die("cannot open a pipe");
    made->is_open = 1;
    return made;
}

static void on_closed(uv_handle_t *handle)
{
    line *line = handle->data;

    line->is_open = 0;
}

static void disconnect(line *line)
{
    uv_close((uv_handle_t *)&line->pipe, on_closed);
    while (line->is_open)
        uv_run(&loop, UV_RUN_ONCE);
}

static void close_line(void *at)
{
    line *line = at;

    disconnect(line);
    free(line->in);
    free(line->out);
    free(line);
}

static void on_written(uv_write_t *write, int status)
{
    line *line = write->data;

    if (status != 0)
        bench_die("send: %s", uv_strerror(status));
    line->is_writing = 0;
}

static void send_body(void *at, bench_bytes body, int is_gathered)
{
    line        *line = at;
    const size_t whole = line->waiting + BENCH_HEAD + body.size;
    char         head[BENCH_HEAD];
    uv_buf_t     bufs[3];
    int          sent;
    size_t       left;

    bench_head(head, body.size, line->asked++);
    if (line->out_room < whole && (is_gathered || line->out == NULL))
        line->out = more(line->out, line->out_room = whole > BENCH_ROOM ? whole : BENCH_ROOM);
    if (is_gathered && whole <= BENCH_ROOM) {
        memcpy(line->out + line->waiting, head, sizeof head);
        memcpy(line->out + line->waiting + sizeof head, body.data, body.size);
        line->waiting = whole;
        return;
    }
    bufs[0] = uv_buf_init(line->out, (unsigned)line->waiting);
    bufs[1] = uv_buf_init(head, sizeof head);
    bufs[2] = uv_buf_init((char *)(uintptr_t)body.data, (unsigned)body.size);
    sent = uv_try_write((uv_stream_t *)&line->pipe, bufs, 3);
    left = whole - (size_t)(sent > 0 ? sent : 0);
    if (left > body.size)
        bench_die("a full pipe before the body");
    line->waiting = 0;
    if (left == 0)
        return;
    bufs[2] = uv_buf_init((char *)(uintptr_t)body.data + body.size - left, (unsigned)left);
    line->write.data = line;
    line->is_writing = 1;
    if (uv_write(&line->write, (uv_stream_t *)&line->pipe, bufs + 2, 1, on_written) != 0)
        bench_die("cannot write");
    while (line->is_writing)
        uv_run(&loop, UV_RUN_ONCE);
}

static bench_bytes receive(void *at)
{
    line       *line = at;
    size_t      need = BENCH_HEAD;
    bench_bytes body;

    while (line->have - line->at < need ||
           line->have - line->at < (need = BENCH_HEAD + bench_head_size(line->in + line->at)))
        uv_run(&loop, UV_RUN_ONCE);
    if (bench_head_id(line->in + line->at) != line->heard++)
        bench_die("a reply out of order");
    body.data = line->in + line->at + BENCH_HEAD;
    body.size = need - BENCH_HEAD;
    line->at += need;
    return body;
}

static bench_bytes once(void *place, bench_bytes body)
{
    static line *kept;
    bench_bytes  reply;

    if (kept != NULL) {
        free(kept->in);
        free(kept->out);
        free(kept);
    }
    kept = open_line(place);
    send_body(kept, body, 0);
    reply = receive(kept);
    disconnect(kept);
    return reply;
}

int main(int argc, char **argv)
{
    static const bench_peer peer = {meet, open_line, send_body, receive, NULL, once, close_line};

    return bench_client(&peer, argc, argv);
}
