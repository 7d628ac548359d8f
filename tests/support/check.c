/* Checks that are good in children too, and waiting. */
#include "support.h"

#include <errno.h>
#include <uv.h>

static int is_child; /* a process of the test's: cmocka's long jumps lead nowhere good there */

void support_become_child(void)
{
    is_child = 1;
}

void support_failed(const char *text, const char *file, int line)
{
    fprintf(stderr, "%s:%d: not so: %s (errno %d)\n", file, line, text, errno);
    fflush(stderr);
    if (is_child)
        _exit(SUPPORT_BROKEN);
    _fail(file, line);
}

void support_code(int code, int expected, cordon_fault *fault, const char *text, const char *file,
                  int line)
{
    if (code == expected)
        return;
    fprintf(stderr, "%s, not %s: %s\n", cordon_error_name(code), cordon_error_name(expected),
            fault != NULL ? cordon_fault_line(fault) : "");
    support_failed(text, file, line);
}

/* ---- waiting ---- */

uint64_t support_now(void)
{
    return uv_hrtime() / 1000000;
}

void support_pause(int ms)
{
    uv_sleep((unsigned)ms);
}

int support_until(int (*is_so)(void *context), void *context, int ms)
{
    uint64_t deadline = support_now() + (uint64_t)ms;

    while (!is_so(context)) {
        if (support_now() >= deadline)
            return is_so(context);
        support_pause(1);
    }
    return 1;
}

typedef struct goal {
    atomic_uint *counter;
    unsigned     count;
} goal;

static int is_reached(void *context)
{
    const goal *wanted = context;

    return atomic_load(wanted->counter) >= wanted->count;
}

int support_reaches(atomic_uint *counter, unsigned count, int ms)
{
    goal wanted = {counter, count};

    return support_until(is_reached, &wanted, ms);
}

static int are_at_most(void *context)
{
    return support_count_descriptors() <= *(const int *)context;
}

int support_descriptors_fall_to(int most)
{
    return support_until(are_at_most, &most, SUPPORT_SOON);
}

/* ---- children that play a part ---- */

int support_wait(support_pid pid, int ms)
{
    uint64_t deadline = support_now() + (uint64_t)ms;
    int      pause_ms = 0;
    int      status;

    while (!support_has_ended(pid, &status)) {
        if (support_now() >= deadline) {
            support_end(pid);
            return -1;
        }
        support_pause(pause_ms);
        pause_ms = pause_ms < 5 ? pause_ms + 1 : 5;
    }
    return status;
}

static void forget(support_child *child)
{
    support_signal_close(&child->told);
    support_signal_close(&child->orders);
}

int support_reap(support_child *child, int ms)
{
    int status = support_wait(child->pid, ms);

    forget(child);
    return status;
}

void support_kill_child(support_child *child)
{
    support_end(child->pid);
    forget(child);
}

const support_part *support_part_named(const support_part *parts, const char *name)
{
    while (parts->name != NULL && strcmp(parts->name, name) != 0)
        parts++;
    SUPPORT_CHECK(parts->name != NULL);
    return parts;
}

/* ---- the host ---- */

void support_host_same(const support_host *before, const support_host *after)
{
    if (strcmp(before->text, after->text) == 0)
        return;
    fprintf(stderr, "before:\n%s\nafter:\n%s\n", before->text, after->text);
    support_failed("the host process is as it was", __FILE__, __LINE__);
}
