/*
 * The client of every peer: what is measured, and the check of every reply. A figure is written
 * only after the last reply was found right.
 */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "count_memory.h"
#include "count_syscalls.h"

enum { IN_FLIGHT = 64, BULK_IN_FLIGHT = 4, CONNECTIONS = 64, STAMP_EACH = 4096, STAMP = 8 };

typedef struct run {
    const bench_peer *peer;
    void             *shared;
    void             *lines[CONNECTIONS];
    size_t            line_count;
    char             *body, *expected;
    size_t            size;
    uint64_t          asked, heard; /* sequence numbers */
    char              kind;
    /* options */
    const char   *mode, *place;
    uint64_t      count, ms; /* one of them */
    count_memory *memory;
    long          server;
} run;

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- bodies: a pattern, and in each page and at the end the sequence number --------------- */

static void stamp_at(char *body, size_t at, uint64_t sequence)
{
    const uint64_t stamp = (sequence + 1) * 0x9e3779b97f4a7c15u ^ at;

    memcpy(body + at, &stamp, STAMP);
}

static void stamp(const run *run, char *body, uint64_t sequence)
{
    for (size_t at = BENCH_SHORT - STAMP; at + STAMP <= run->size; at += STAMP_EACH)
        stamp_at(body, at, sequence);
    stamp_at(body, run->size - STAMP, sequence);
}

static void make_bodies(run *run)
{
    run->body = malloc(run->size);
    run->expected = malloc(run->size);
    if (run->body == NULL || run->expected == NULL)
        bench_die("out of memory");
    for (size_t i = 0; i < run->size; i++)
        run->body[i] = (char)(i * 31 + (i >> 8) * 7);
    run->body[0] = run->kind;
    memcpy(run->expected, run->body, run->size);
}

static bench_bytes next_body(run *run)
{
    stamp(run, run->body, run->asked++);
    return (bench_bytes){run->body, run->size};
}

static int is_stamped(const char *reply, const char *expected, size_t at)
{
    return memcmp(reply + at, expected + at, STAMP) == 0;
}

/* Length and sequence number of every reply, and its pattern: of the long ones a few bytes of each
 * page, or the comparing would be what is measured; all of it when is_whole. */
static void check(run *run, bench_bytes reply, int is_whole)
{
    const size_t due = run->kind == BENCH_ACCEPT ? BENCH_SHORT : run->size;
    int          is_right = 1;

    stamp(run, run->expected, run->heard);
    if (run->kind == BENCH_ACCEPT && run->size - STAMP < BENCH_SHORT)
        bench_die("bodies of this mode are longer");
    if (reply.size != due)
        bench_die("reply %llu has %zu bytes instead of %zu", (unsigned long long)run->heard,
                  reply.size, due);
    if (is_whole || due <= STAMP_EACH) {
        is_right = memcmp(reply.data, run->expected, due) == 0;
    } else {
        for (size_t at = BENCH_SHORT - STAMP; at + STAMP <= due; at += STAMP_EACH)
            is_right &= is_stamped(reply.data, run->expected, at);
        is_right &= is_stamped(reply.data, run->expected, due - STAMP);
    }
    if (!is_right)
        bench_die("reply %llu has a wrong byte", (unsigned long long)run->heard);
    run->heard++;
}

/* ---- modes: one step each; the requests it made --------------------------------------------- */

static uint64_t step_rtt(run *run, int is_whole)
{
    if (run->peer->call != NULL) {
        check(run, run->peer->call(run->lines[0], next_body(run)), is_whole);
        return 1;
    }
    run->peer->send(run->lines[0], next_body(run), 0);
    check(run, run->peer->receive(run->lines[0]), is_whole);
    return 1;
}

static uint64_t step_flight(run *run, int is_whole, int in_flight)
{
    for (int i = 0; i < in_flight; i++)
        run->peer->send(run->lines[0], next_body(run), i + 1 < in_flight);
    for (int i = 0; i < in_flight; i++)
        check(run, run->peer->receive(run->lines[0]), is_whole);
    return (uint64_t)in_flight;
}

static uint64_t step_pipe(run *run, int is_whole)
{
    return step_flight(run, is_whole, IN_FLIGHT);
}

static uint64_t step_bulk(run *run, int is_whole)
{
    return step_flight(run, is_whole, BULK_IN_FLIGHT);
}

static uint64_t step_cycle(run *run, int is_whole)
{
    check(run, run->peer->once(run->shared, next_body(run)), is_whole);
    return 1;
}

static uint64_t step_active(run *run, int is_whole)
{
    for (size_t i = 0; i < run->line_count; i++)
        run->peer->send(run->lines[i], next_body(run), 0);
    for (size_t i = 0; i < run->line_count; i++)
        check(run, run->peer->receive(run->lines[i]), is_whole);
    return run->line_count;
}

/* ---- measuring ---------------------------------------------------------------------------- */

typedef uint64_t (*step_fn)(run *run, int is_whole);

static void warm_up(run *run, step_fn step)
{
    const uint64_t until = now_ns() + run->ms * 1000000u / 8;
    uint64_t       done = step(run, 1);

    while (run->ms != 0 ? now_ns() < until : done < run->count / 4 + 16)
        done += step(run, 0);
}

static void measure(run *run, step_fn step)
{
    uint64_t begin, end, done = 0, allocations = 0;

    warm_up(run, step);
    if (run->memory != NULL)
        allocations = atomic_load(&run->memory->calls);
    support_count_on();
    begin = now_ns();
    do
        done += step(run, 0);
    while (run->ms != 0 ? (end = now_ns()) < begin + run->ms * 1000000u : done < run->count);
    end = now_ns();
    support_count_off();
    if (run->memory != NULL)
        allocations = atomic_load(&run->memory->calls) - allocations;
    step(run, 1);
    if (run->asked != run->heard)
        bench_die("a reply was lost");
    printf("ok count=%llu ns=%llu allocations=%llu\n", (unsigned long long)done,
           (unsigned long long)(end - begin), (unsigned long long)allocations);
}

static long resident(long pid)
{
    char  path[64];
    long  total = 0, pages = 0;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%ld/statm", pid);
    file = fopen(path, "r");
    if (file == NULL || fscanf(file, "%ld %ld", &total, &pages) != 2)
        bench_die("%s: cannot be read", path);
    fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

static void open_asked(run *run, void **line)
{
    *line = run->peer->open(run->shared);
    run->peer->send(*line, next_body(run), 0);
    check(run, run->peer->receive(*line), 1);
}

/* What `count` sessions that have asked once and are silent now cost the server. */
static void measure_idle(run *run)
{
    void  **lines = calloc(run->count + 1, sizeof *lines);
    int64_t bytes = 0;
    long    pages;

    if (lines == NULL || run->memory == NULL || run->server == 0)
        bench_die("idle wants --memory and --server");
    open_asked(run, &lines[run->count]); /* what the server keeps for all of them */
    bytes = atomic_load(&run->memory->bytes);
    pages = resident(run->server);
    for (uint64_t i = 0; i < run->count; i++)
        open_asked(run, &lines[i]);
    bytes = atomic_load(&run->memory->bytes) - bytes;
    pages = resident(run->server) - pages;
    printf("ok count=%llu bytes=%lld resident=%ld\n", (unsigned long long)run->count,
           (long long)bytes, pages);
    for (uint64_t i = 0; i <= run->count; i++)
        run->peer->close(lines[i]);
    free(lines);
}

static const struct {
    const char *name;
    char        kind;
    size_t      lines;
    step_fn     step;
} modes[] = {
    {"rtt", BENCH_ECHO, 1, step_rtt},     {"pipe", BENCH_ECHO, 1, step_pipe},
    {"bulk", BENCH_ACCEPT, 1, step_bulk}, {"cycle", BENCH_ECHO, 0, step_cycle},
    {"idle", BENCH_ECHO, 0, NULL},        {"active", BENCH_ECHO, CONNECTIONS, step_active},
};

static void carry_out(run *run)
{
    size_t mode = 0;

    while (mode < sizeof modes / sizeof *modes && strcmp(modes[mode].name, run->mode) != 0)
        mode++;
    if (mode == sizeof modes / sizeof *modes)
        bench_die("no mode '%s'", run->mode);
    run->kind = modes[mode].kind;
    make_bodies(run);
    run->shared = run->peer->meet(run->place);
    while (run->line_count < modes[mode].lines)
        run->lines[run->line_count++] = run->peer->open(run->shared);
    if (modes[mode].step != NULL)
        measure(run, modes[mode].step);
    else
        measure_idle(run);
    while (run->line_count > 0)
        run->peer->close(run->lines[--run->line_count]);
    free(run->body);
    free(run->expected);
}

/* ---- options --------------------------------------------------------------------------------- */

static uint64_t number(const char *text, uint64_t least, uint64_t most)
{
    char                    *end;
    const unsigned long long value = strtoull(text, &end, 10);

    if (*text < '0' || *text > '9' || *end != '\0' || value < least || value > most)
        bench_die("'%s' is no number from %llu to %llu", text, (unsigned long long)least,
                  (unsigned long long)most);
    return value;
}

static void take_option(run *run, const char *name, const char *value)
{
    if (strcmp(name, "--mode") == 0)
        run->mode = value;
    else if (strcmp(name, "--place") == 0)
        run->place = value;
    else if (strcmp(name, "--size") == 0)
        run->size = number(value, 2 * BENCH_SHORT, 64u << 20);
    else if (strcmp(name, "--count") == 0)
        run->count = number(value, 1, 1000000000);
    else if (strcmp(name, "--ms") == 0)
        run->ms = number(value, 1, 600000);
    else if (strcmp(name, "--memory") == 0)
        run->memory = count_memory_map(value);
    else if (strcmp(name, "--server") == 0)
        run->server = (long)number(value, 1, INT32_MAX);
    else
        bench_die("no option '%s'", name);
}

static void many_files(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

int bench_client(const bench_peer *peer, int argc, char **argv)
{
    run run;

    memset(&run, 0, sizeof run);
    run.peer = peer;
    run.size = 64;
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 == argc)
            bench_die("'%s' wants a value", argv[i]);
        take_option(&run, argv[i], argv[i + 1]);
    }
    if (run.mode == NULL || run.place == NULL || (run.count == 0) == (run.ms == 0))
        bench_die("usage: %s --mode MODE --place DIRECTORY (--ms N | --count N) [--size N] "
                  "[--memory FILE] [--server PID]",
                  argv[0]);
    many_files();
    carry_out(&run);
    return 0;
}
