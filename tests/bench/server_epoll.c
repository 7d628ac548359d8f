/* Many connections over epoll by hand: one read a wake-up, its answers in one write. */
#include "bench.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct line {
    int         fd;
    bench_echo *echo; /* NULL before the first byte */
    char       *rest; /* answers that the system did not take */
    size_t      rest_at, rest_size, rest_room;
} line;

static int queue_of_events;

static void end(int number)
{
    (void)number;
    _exit(0);
}

static void watch(line *line, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = line};

    if (epoll_ctl(queue_of_events, operation, line->fd, &event) != 0)
        bench_die("epoll_ctl: %s", strerror(errno));
}

static void drop(line *line)
{
    close(line->fd);
    if (line->echo != NULL)
        free(line->echo->in);
    free(line->echo);
    free(line->rest);
    free(line);
}

/* What went; -1: it is gone. */
static ssize_t send_some(int fd, const char *data, size_t size)
{
    const ssize_t sent = send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);

    return sent < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : sent;
}

static void keep(line *line, const char *data, size_t size)
{
    if (line->rest_room < size) {
        free(line->rest);
        line->rest = malloc(size);
        line->rest_room = size;
        if (line->rest == NULL)
            bench_die("out of memory");
    }
    memcpy(line->rest, data, size);
    line->rest_at = 0;
    line->rest_size = size;
    watch(line, EPOLL_CTL_MOD, EPOLLOUT); /* who does not read is not read */
}

static int on_writable(line *line)
{
    const ssize_t sent =
        send_some(line->fd, line->rest + line->rest_at, line->rest_size - line->rest_at);

    if (sent < 0)
        return 0;
    line->rest_at += (size_t)sent;
    if (line->rest_at == line->rest_size)
        watch(line, EPOLL_CTL_MOD, EPOLLIN);
    return 1;
}

static int on_readable(line *line)
{
    size_t      size;
    char       *room;
    ssize_t     got;
    bench_bytes answers;

    if (line->echo == NULL && (line->echo = calloc(1, sizeof *line->echo)) == NULL)
        bench_die("out of memory");
    room = bench_echo_room(line->echo, &size);
    got = recv(line->fd, room, size, MSG_DONTWAIT);
    if (got <= 0)
        return got < 0 && (errno == EAGAIN || errno == EINTR);
    answers = bench_echo_answers(line->echo, (size_t)got);
    if (answers.size > 0) {
        got = send_some(line->fd, answers.data, answers.size);
        if (got < 0)
            return 0;
        if ((size_t)got < answers.size)
            keep(line, answers.data + got, answers.size - (size_t)got);
    }
    bench_echo_done(line->echo);
    return 1;
}

static void let_in(int listener)
{
    line *made = calloc(1, sizeof *made);

    if (made == NULL)
        bench_die("out of memory");
    made->fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (made->fd < 0) {
        free(made);
        return;
    }
    watch(made, EPOLL_CTL_ADD, EPOLLIN);
}

int main(int argc, char **argv)
{
    const int          listener = bench_listen(bench_place(argc, argv));
    line               door = {.fd = listener};
    struct epoll_event events[256];
    struct rlimit      limit;

    signal(SIGTERM, end);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    queue_of_events = epoll_create1(EPOLL_CLOEXEC);
    watch(&door, EPOLL_CTL_ADD, EPOLLIN);
    bench_ready();
    for (;;) {
        const int count = epoll_wait(queue_of_events, events, 256, -1);

        for (int i = 0; i < count; i++) {
            line *line = events[i].data.ptr;

            if (line == &door)
                let_in(listener);
            else if (!(events[i].events & EPOLLOUT ? on_writable(line) : on_readable(line)))
                drop(line);
        }
    }
}
