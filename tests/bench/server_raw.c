/*
 * The least that can be: blocking calls, one connection at a time. BENCH_SPOIL=<n> makes reply n
 * wrong in one byte, BENCH_SPOIL=-<n> leaves it out: the driver's own test.
 */
#include "bench.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static long spoil;

static void end(int number)
{
    (void)number;
    _exit(0);
}

static int send_all(int fd, bench_bytes answers)
{
    while (answers.size > 0) {
        const ssize_t sent = send(fd, answers.data, answers.size, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return 0;
        answers.data += sent;
        answers.size -= (size_t)sent;
    }
    return 1;
}

/* 1: it may go out. */
static int spoiled(bench_bytes answers)
{
    if (spoil == 0 || answers.size == 0)
        return 1;
    spoil += spoil > 0 ? -1 : 1;
    if (spoil != 0)
        return 1;
    ((char *)(uintptr_t)answers.data)[answers.size - 1] ^= 1;
    return 0;
}

static void serve(int fd)
{
    bench_echo echo;
    const int  is_left_out = spoil < 0;

    memset(&echo, 0, sizeof echo);
    for (;;) {
        size_t        size;
        char         *room = bench_echo_room(&echo, &size);
        const ssize_t got = recv(fd, room, size, 0);
        bench_bytes   answers;

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        answers = bench_echo_answers(&echo, (size_t)got);
        if (!spoiled(answers) && is_left_out)
            break;
        if (!send_all(fd, answers))
            break;
        bench_echo_done(&echo);
    }
    free(echo.in);
    close(fd);
}

int main(int argc, char **argv)
{
    const int listener = bench_listen(bench_place(argc, argv));

    if (getenv("BENCH_SPOIL") != NULL)
        spoil = atol(getenv("BENCH_SPOIL"));
    signal(SIGTERM, end);
    bench_ready();
    for (;;) {
        const int fd = accept(listener, NULL, NULL);

        if (fd >= 0)
            serve(fd);
        else if (errno != EINTR)
            bench_die("accept: %s", strerror(errno));
    }
}
