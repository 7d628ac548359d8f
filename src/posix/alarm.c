/*
 * An alarm of the kernel's, for a loop that watches it: a time-out given to epoll_wait instead is
 * set and taken back at each turn, which a short round trip feels. Linux alone has it so; where
 * there is none, or no descriptor is left for it, libuv's own timer does as well.
 */
#include "../dialect.h"

#include "../platform.h"

#include <string.h>
#include <unistd.h>

#if defined(__linux__)

#    include <sys/timerfd.h>

#    define LONGEST 0x7FFFFFFFU /* seconds: what any time_t holds */

static int make(void)
{
    return timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
}

static int set(int alarm, uint64_t due)
{
    const uint64_t    seconds = due / 1000;
    struct itimerspec when;

    memset(&when, 0, sizeof when); /* nothing: it is silent */
    if (due != CORDON__NEVER) {
        when.it_value.tv_sec = (time_t)(seconds < LONGEST ? seconds : LONGEST);
        when.it_value.tv_nsec = (long)(due % 1000) * 1000000 + 1; /* never nothing */
    }
    return timerfd_settime(alarm, TFD_TIMER_ABSTIME, &when, NULL) == 0;
}

#else

static int make(void)
{
    return -1;
}

static int set(int alarm, uint64_t due)
{
    (void)alarm, (void)due;
    return 0;
}

#endif

int cordon__alarm_open(void)
{
    return make();
}

int cordon__alarm_set(int alarm, uint64_t due)
{
    return set(alarm, due);
}

int cordon__alarm_rang(int alarm)
{
    uint64_t times;

    return read(alarm, &times, sizeof times) == (ssize_t)sizeof times;
}

void cordon__alarm_close(int alarm)
{
    close(alarm);
}
