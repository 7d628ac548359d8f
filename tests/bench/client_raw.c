/* Blocking sockets and nothing else: the client of the raw and of the epoll server. */
#include "bench.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

typedef struct line {
    int      fd;
    char    *in;
    size_t   at, have, room;
    char     out[BENCH_ROOM];
    size_t   waiting;
    uint32_t asked, heard;
} line;

static void *meet(const char *place)
{
    return (void *)(uintptr_t)place;
}

static void *open_line(void *place)
{
    line *made = malloc(sizeof *made);

    if (made == NULL || (made->in = malloc(BENCH_ROOM)) == NULL)
        bench_die("out of memory");
    made->fd = bench_connect(place);
    made->at = made->have = made->waiting = 0;
    made->room = BENCH_ROOM;
    made->asked = made->heard = 0;
    return made;
}

static void close_line(void *at)
{
    line *line = at;

    close(line->fd);
    free(line->in);
    free(line);
}

static void send_all(int fd, struct iovec *parts, size_t count)
{
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};

    while (message.msg_iovlen > 0) {
        ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL);

        if (sent < 0 && errno != EINTR)
            bench_die("send: %s", strerror(errno));
        while (sent > 0 && (size_t)sent >= message.msg_iov->iov_len) {
            sent -= (ssize_t)message.msg_iov->iov_len;
            message.msg_iov++;
            message.msg_iovlen--;
        }
        if (sent > 0) {
            message.msg_iov->iov_base = (char *)message.msg_iov->iov_base + sent;
            message.msg_iov->iov_len -= (size_t)sent;
        }
    }
}

static void send_body(void *at, bench_bytes body, int is_gathered)
{
    line        *line = at;
    char         head[BENCH_HEAD];
    struct iovec parts[3] = {
        {line->out, line->waiting}, {head, sizeof head}, {(void *)(uintptr_t)body.data, body.size}};

    bench_head(head, body.size, line->asked++);
    if (is_gathered && line->waiting + sizeof head + body.size <= sizeof line->out) {
        memcpy(line->out + line->waiting, head, sizeof head);
        memcpy(line->out + line->waiting + sizeof head, body.data, body.size);
        line->waiting += sizeof head + body.size;
        return;
    }
    if (line->waiting == 0)
        send_all(line->fd, parts + 1, 2);
    else
        send_all(line->fd, parts, 3);
    line->waiting = 0;
}

static void read_more(line *line, size_t need)
{
    ssize_t got;

    if (line->at > 0) {
        memmove(line->in, line->in + line->at, line->have - line->at);
        line->have -= line->at;
        line->at = 0;
    }
    if (line->room < need) {
        line->in = realloc(line->in, need);
        line->room = need;
        if (line->in == NULL)
            bench_die("out of memory");
    }
    do
        got = recv(line->fd, line->in + line->have, line->room - line->have, 0);
    while (got < 0 && errno == EINTR);
    if (got <= 0)
        bench_die("receive: %s", got == 0 ? "the server has gone" : strerror(errno));
    line->have += (size_t)got;
}

static bench_bytes receive(void *at)
{
    line       *line = at;
    size_t      need = BENCH_HEAD;
    bench_bytes body;

    if (line->at == line->have)
        line->at = line->have = 0;
    while (line->have - line->at < need ||
           line->have - line->at < (need = BENCH_HEAD + bench_head_size(line->in + line->at)))
        read_more(line, need);
    if (bench_head_id(line->in + line->at) != line->heard++)
        bench_die("a reply out of order");
    body.data = line->in + line->at + BENCH_HEAD;
    body.size = need - BENCH_HEAD;
    line->at += need;
    return body;
}

static bench_bytes once(void *place, bench_bytes body)
{
    static line *kept; /* its memory; the connection is a new one each time */
    bench_bytes  reply;

    if (kept == NULL) {
        kept = open_line(place);
        close(kept->fd);
    }
    kept->fd = bench_connect(place);
    kept->asked = kept->heard = 0;
    send_body(kept, body, 0);
    reply = receive(kept);
    close(kept->fd);
    return reply;
}

int main(int argc, char **argv)
{
    static const bench_peer peer = {meet, open_line, send_body, receive, NULL, once, close_line};

    return bench_client(&peer, argc, argv);
}
