#include "bench.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void bench_die(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

const char *bench_place(int argc, char **argv)
{
    if (argc != 2 || argv[1][0] == '-')
        bench_die("usage: %s DIRECTORY", argv[0]);
    return argv[1];
}

void bench_ready(void)
{
    printf("ready %ld\n", (long)getpid());
    fflush(stdout);
}

/* ---- the line --------------------------------------------------------------- */

void bench_head(char head[BENCH_HEAD], size_t size, uint32_t id)
{
    const uint32_t words[3] = {(uint32_t)size, 0, id};

    memcpy(head, words, sizeof words);
}

size_t bench_head_size(const char *head)
{
    uint32_t size;

    memcpy(&size, head, sizeof size);
    return size;
}

uint32_t bench_head_id(const char *head)
{
    uint32_t id;

    memcpy(&id, head + 8, sizeof id);
    return id;
}

static struct sockaddr_un address(const char *place)
{
    struct sockaddr_un made = {.sun_family = AF_UNIX};
    const int          size = snprintf(made.sun_path, sizeof made.sun_path, "%s/bench.sock", place);

    if (size < 0 || (size_t)size >= sizeof made.sun_path)
        bench_die("%s: too long for a socket", place);
    return made;
}

int bench_listen(const char *place)
{
    const struct sockaddr_un at = address(place);
    const int                fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (const struct sockaddr *)&at, sizeof at) != 0 || listen(fd, 128) != 0)
        bench_die("%s: %s", at.sun_path, strerror(errno));
    return fd;
}

int bench_connect(const char *place)
{
    const struct sockaddr_un at = address(place);
    const int                fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, (const struct sockaddr *)&at, sizeof at) != 0)
        bench_die("%s: %s", at.sun_path, strerror(errno));
    return fd;
}

/* ---- echoing ------------------------------------------------------------------ */

static char shared[BENCH_ROOM];

static char *start(const bench_echo *echo)
{
    return echo->in != NULL ? echo->in : shared;
}

char *bench_echo_room(bench_echo *echo, size_t *size)
{
    if (echo->in == NULL) {
        *size = sizeof shared;
        return shared;
    }
    *size = echo->room - echo->have;
    return echo->in + echo->have;
}

/* Whole frames from the front; each must be one that `kind` begins. */
static size_t whole_frames(bench_echo *echo, char kind, size_t *accepted)
{
    const char *at = start(echo);
    size_t      end = 0;

    while (echo->have - end > BENCH_HEAD) {
        const size_t size = bench_head_size(at + end);

        if (at[end + BENCH_HEAD] != kind)
            bench_die("a request of another kind among the others");
        if (size < BENCH_SHORT || echo->have - end - BENCH_HEAD < size)
            break;
        if (kind == BENCH_ACCEPT) {
            if (*accepted + BENCH_HEAD + BENCH_SHORT > sizeof echo->accepted)
                break;
            bench_head(echo->accepted + *accepted, BENCH_SHORT, bench_head_id(at + end));
            memcpy(echo->accepted + *accepted + BENCH_HEAD, at + end + BENCH_HEAD, BENCH_SHORT);
            *accepted += BENCH_HEAD + BENCH_SHORT;
        }
        end += BENCH_HEAD + size;
    }
    return end;
}

bench_bytes bench_echo_answers(bench_echo *echo, size_t got)
{
    bench_bytes answers = {start(echo), 0};
    size_t      accepted = 0;
    char        kind;

    echo->have += got;
    echo->end = 0;
    if (echo->have <= BENCH_HEAD)
        return answers;
    kind = answers.data[BENCH_HEAD];
    echo->end = answers.size = whole_frames(echo, kind, &accepted);
    if (kind == BENCH_ACCEPT)
        answers = (bench_bytes){echo->accepted, accepted};
    return answers;
}

void bench_echo_done(bench_echo *echo)
{
    const char  *at = start(echo);
    const size_t rest = echo->have - echo->end;
    size_t       need = BENCH_ROOM;

    if (rest > 0) {
        if (rest >= BENCH_HEAD && BENCH_HEAD + bench_head_size(at + echo->end) > need)
            need = BENCH_HEAD + bench_head_size(at + echo->end);
        if (echo->room < need) {
            char *more = malloc(need);

            if (more == NULL)
                bench_die("out of memory");
            memcpy(more, at + echo->end, rest);
            free(echo->in);
            echo->in = more;
            echo->room = need;
        } else {
            memmove(echo->in, at + echo->end, rest);
        }
    }
    echo->have = rest;
    echo->end = 0;
}
