/*
 * A connection for calls that wait.
 *
 * The steady round trip is one send and one receive: a receive that may take
 * longer waits in the kernel under SO_RCVTIMEO. That clock restarts at each
 * call and signal, and rounds to ticks: so it is set to end before the
 * deadline, and whatever is left after it is a poll for the time left.
 */
#include "../dialect.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "place.h"
#include "socket.h"

#define NEAR_MS  100     /* nearer to the deadline than this: poll only */
#define EARLY_MS 50      /* how long before the deadline the system's time-out is set to end */
#define SLACK_MS 20      /* less than that is not early enough: it rounds up */
#define LONG_MS  3600000 /* no system time-out is longer */

static const char read_step[] = "read";
static const char write_step[] = "write";

/* A clock that is cheap and late by a tick at most: that is nothing beside SLACK_MS. */
static uint64_t roughly_now(void)
{
#if defined(CLOCK_MONOTONIC_COARSE)
    struct timespec time;

    if (clock_gettime(CLOCK_MONOTONIC_COARSE, &time) == 0)
        return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
#endif
    return cordon__now();
}

uint64_t cordon__line_due(uint64_t ms)
{
    return roughly_now() + CORDON__TICK_MS + ms;
}

static uint64_t left_until(uint64_t deadline)
{
    const uint64_t now = cordon__now();

    if (deadline == CORDON__NEVER)
        return CORDON__NEVER;
    return deadline > now ? deadline - now : 0;
}

int cordon__line_await(const cordon__line *line, short *events, const char *during,
                       uint64_t deadline, cordon_fault *fault)
{
    struct pollfd wanted = {(int)line->handle, *events, 0};

    for (;;) {
        const uint64_t left = left_until(deadline);
        int            ready;

        if (cordon__line_is_interrupted(line))
            return cordon__fault_set(fault, CORDON_ECANCELED, during);
        ready = poll(&wanted, 1, left == CORDON__NEVER ? -1 : left < INT_MAX ? (int)left : INT_MAX);
        if (ready > 0) {
            *events = wanted.revents;
            return CORDON_OK;
        }
        if (ready < 0 && errno != EINTR)
            return cordon__posix_fault(fault, during, errno, NULL);
        if (ready == 0 && left == 0)
            return cordon__fault_set(fault, CORDON_ETIMEDOUT, during);
    }
}

/* ---- read ---------------------------------------------------------------------- */

CORDON__COLD static int set_wait(cordon__line *line, uint64_t ms)
{
    const int      fd = (int)line->handle;
    struct timeval time;
    int            status;

    time.tv_sec = (time_t)(ms / 1000);
    time.tv_usec = (suseconds_t)(ms % 1000 * 1000);
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time) != 0)
        return 0;
    if (line->wait_ms == 0) { /* not blocking so far */
        status = fcntl(fd, F_GETFL);
        if (status < 0 || fcntl(fd, F_SETFL, status & ~O_NONBLOCK) != 0)
            return 0;
    }
    line->wait_ms = (int)ms;
    return 1;
}

/* May a receive wait in the kernel, and come back before the deadline? Only from the second read
 * on: for a single one it costs more than it saves. */
static int may_block(cordon__line *line, uint64_t deadline)
{
    uint64_t now, left, set;

    if (line->reads < 2) {
        line->reads++;
        if (line->reads < 2)
            return 0;
    }
    now = roughly_now();
    left = deadline > now ? deadline - now : 0;
    if (left > LONG_MS)
        left = LONG_MS;
    if (left < NEAR_MS)
        return 0;
    set = (uint64_t)line->wait_ms;
    if (set > 0 && set + SLACK_MS <= left && set >= left / 2)
        return 1;
    return set_wait(line, left - EARLY_MS);
}

static int is_not_yet(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

static int finish_read(const cordon__line *line, ssize_t count, size_t *got, cordon_fault *fault)
{
    if (count > 0) {
        *got = (size_t)count;
        return CORDON_OK;
    }
    if (cordon__line_is_interrupted(line))
        return cordon__fault_set(fault, CORDON_ECANCELED, read_step);
    if (count == 0)
        return cordon__fault_set(fault, CORDON_ECLOSED, read_step);
    return cordon__posix_fault(fault, read_step, errno, NULL);
}

static int poll_and_read(const cordon__line *line, void *data, size_t size, size_t *got,
                         uint64_t deadline, cordon_fault *fault)
{
    short   events;
    ssize_t count;
    int     code;

    do {
        events = POLLIN;
        code = cordon__line_await(line, &events, read_step, deadline, fault);
        if (code != CORDON_OK)
            return code;
        count = recv((int)line->handle, data, size, MSG_DONTWAIT);
    } while (count < 0 && is_not_yet(errno));
    return finish_read(line, count, got, fault);
}

int cordon__line_read(cordon__line *line, void *data, size_t size, size_t *got, uint64_t deadline,
                      cordon_fault *fault)
{
    ssize_t count;

    if (cordon__line_is_interrupted(line))
        return cordon__fault_set(fault, CORDON_ECANCELED, read_step);
    if (may_block(line, deadline)) {
        count = recv((int)line->handle, data, size, 0);
        if (count >= 0 || !is_not_yet(errno))
            return finish_read(line, count, got, fault);
    }
    return poll_and_read(line, data, size, got, deadline, fault);
}

/* ---- write --------------------------------------------------------------------- */

int cordon__line_await_room(const cordon__line *line, uint64_t deadline, cordon_fault *fault)
{
    short     events = line->is_listening ? POLLOUT | POLLIN : POLLOUT;
    const int code = cordon__line_await(line, &events, write_step, deadline, fault);

    return code == CORDON_OK && events == POLLIN ? CORDON__READABLE : code;
}

static size_t size_of(const cordon_bytes *pieces, size_t count)
{
    size_t size = 0;

    if (count == 1) /* mostly */
        return pieces->size;
    for (size_t i = 0; i < count; i++)
        size += pieces[i].size;
    return size;
}

/* 0: there is room now. */
CORDON__COLD static int not_sent(const cordon__line *line, int error, uint64_t deadline,
                                 cordon_fault *fault)
{
    if (is_not_yet(error))
        return cordon__line_await_room(line, deadline, fault);
    if (cordon__line_is_interrupted(line))
        return cordon__fault_set(fault, CORDON_ECANCELED, write_step);
    return cordon__posix_fault(fault, write_step, error, NULL);
}

int cordon__line_write(cordon__line *line, const cordon_bytes *pieces, size_t count, size_t *sent,
                       uint64_t deadline, cordon_fault *fault)
{
    const size_t whole = size_of(pieces, count);

    *sent = 0;
    while (*sent < whole) {
        ssize_t put;
        int     code;

        if (cordon__line_is_interrupted(line))
            return cordon__fault_set(fault, CORDON_ECANCELED, write_step);
        put = cordon__socket_send((int)line->handle, pieces, count, *sent);
        if (put >= 0)
            *sent += (size_t)put;
        else if ((code = not_sent(line, errno, deadline, fault)) != CORDON_OK)
            return code;
    }
    return CORDON_OK;
}

/* ---- the rest ------------------------------------------------------------------ */

void cordon__line_interrupt(cordon__line *line)
{
    const int error = errno; /* we may be in a signal handler */

    CORDON__FLAG_SET(line->is_interrupted);
    shutdown((int)line->handle, SHUT_RDWR); /* wakes who waits already */
    errno = error;
}

int cordon__line_is_interrupted(const cordon__line *line)
{
    return CORDON__FLAG_IS_SET(line->is_interrupted);
}

void cordon__line_close(cordon__line *line)
{
    if (line->handle != CORDON__NO_HANDLE)
        close((int)line->handle);
    line->handle = CORDON__NO_HANDLE;
}

void cordon__line_widen(cordon__line *line)
{
    cordon__socket_widen((int)line->handle);
}
