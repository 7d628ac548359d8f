/* Time, other processes, other users. */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

static int is_child; /* forked by us: cmocka's long jumps lead nowhere good here */

void support_failed(const char *text, const char *file, int line)
{
    fprintf(stderr, "%s:%d: not so: %s (errno %d)\n", file, line, text, errno);
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
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void support_pause(int ms)
{
    struct timespec left = {ms / 1000, (long)(ms % 1000) * 1000000};

    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        continue;
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

/* ---- processes ---- */

void support_end_with_parent(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* A test that fails, or is killed, leaves nobody behind. */
static void become_child(void)
{
    is_child = 1;
    support_end_with_parent();
}

pid_t support_fork(int (*body)(void *context), void *context)
{
    pid_t pid;

    fflush(NULL);
    pid = fork();
    SUPPORT_CHECK(pid >= 0);
    if (pid != 0)
        return pid;
    become_child();
    _exit(body(context));
}

typedef struct disguise {
    uid_t uid;
    int (*body)(void *context);
    void *context;
} disguise;

static int run_disguised(void *context)
{
    const disguise *as = context;

    SUPPORT_CHECK(setgroups(0, NULL) == 0);
    SUPPORT_CHECK(setgid((gid_t)as->uid) == 0);
    SUPPORT_CHECK(setuid(as->uid) == 0);
    support_end_with_parent(); /* setuid took it back */
    return as->body(as->context);
}

pid_t support_fork_as(uid_t uid, int (*body)(void *context), void *context)
{
    disguise as = {uid, body, context};

    return support_fork(run_disguised, &as);
}

int support_wait(pid_t pid, int ms)
{
    uint64_t deadline = support_now() + (uint64_t)ms;
    int      pause_ms = 0;
    int      status;

    for (;;) {
        pid_t ended = waitpid(pid, &status, WNOHANG);

        if (ended == pid)
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        SUPPORT_CHECK(ended == 0 || errno == EINTR);
        if (support_now() >= deadline)
            break;
        support_pause(pause_ms);
        pause_ms = pause_ms < 5 ? pause_ms + 1 : 5;
    }
    support_kill(pid, SIGKILL);
    return -1;
}

void support_kill(pid_t pid, int number)
{
    SUPPORT_CHECK(pid > 1); /* never a group, never everybody */
    SUPPORT_CHECK(kill(pid, number) == 0);
    if (number != SIGKILL && number != SIGSTOP)
        return;
    while (waitpid(pid, NULL, WUNTRACED) < 0)
        SUPPORT_CHECK(errno == EINTR);
}

void support_need_root(void)
{
    if (geteuid() != 0)
        SUPPORT_SKIP("needs a second user: run as root");
}

int support_is_in_valgrind(void)
{
    const char *loaded = getenv("LD_PRELOAD");

    return loaded != NULL && strstr(loaded, "vgpreload") != NULL;
}

const char *support_bin(void)
{
    const char *path = getenv("CORDON_BIN");

    return path != NULL && path[0] == '/' && access(path, X_OK) == 0 ? path : NULL;
}

pid_t support_spawn(const char *const *arguments, int out, int error)
{
    int   nowhere;
    pid_t pid;

    fflush(NULL);
    pid = fork();
    SUPPORT_CHECK(pid >= 0);
    if (pid != 0)
        return pid;
    become_child();
    nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(nowhere, 0);
    dup2(out >= 0 ? out : nowhere, 1);
    dup2(error >= 0 ? error : nowhere, 2);
    execv(arguments[0], (char *const *)arguments);
    _exit(127);
}

/* ---- telling of steps ---- */

void support_signal_open(support_signal *line)
{
    SUPPORT_CHECK(pipe2(line->ends, O_CLOEXEC) == 0);
}

void support_signal_send(support_signal *line, char byte)
{
    SUPPORT_CHECK(write(line->ends[1], &byte, 1) == 1);
}

int support_signal_wait(support_signal *line, int ms)
{
    struct pollfd wanted = {line->ends[0], POLLIN, 0};
    char          byte;
    ssize_t       got;

    if (poll(&wanted, 1, ms) <= 0)
        return -1;
    got = read(line->ends[0], &byte, 1);
    return got == 1 ? (unsigned char)byte : -2;
}

void support_signal_close(support_signal *line)
{
    for (int n = 0; n < 2; n++) {
        if (line->ends[n] >= 0)
            close(line->ends[n]);
        line->ends[n] = -1;
    }
}
