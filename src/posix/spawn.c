/*
 * Programs that we start. uv_spawn would take the host's SIGCHLD: here the host notices as little
 * as can be, and nothing is waited for but what is ours.
 *
 * A program that goes on without us has a keeper between it and us (launch.c); one that ends with
 * us is our own child.
 */
#include "../dialect.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch.h"
#include "place.h"

#if defined(__linux__)
#    include <sys/syscall.h>
#endif

#define STEP     "start program"
#define LEAST_MS 1 /* pauses between looks, where nothing tells */
#define MOST_MS  25
#define LEAVE_MS 1000 /* for a keeper to go */

#ifndef MSG_NOSIGNAL
#    define MSG_NOSIGNAL 0 /* then the line has SO_NOSIGPIPE */
#endif

struct cordon__child {
    cordon__memory memory;
    uint64_t       owner;  /* the process that has started it */
    pid_t          pid;    /* of the program */
    pid_t          keeper; /* 0: it is our own child */
    int            pidfd;  /* of our own child, be that the keeper; -1 */
    int            line;   /* to the keeper; -1 */
    int            status;
    int            has_ended;
};

/* ---- our own child -------------------------------------------------------------- */

#if defined(__linux__)

#    if !defined(SYS_pidfd_send_signal)
#        define SYS_pidfd_send_signal 424
#    endif
#    define BY_PIDFD ((idtype_t)3) /* P_PIDFD */
#    define ANY_KIND __WALL        /* a hidden one too */

/* 1: the number, as in *status of waitpid; 0: it runs; -1: as waitpid. */
static int wait_by_pidfd(int pidfd, int *status)
{
    siginfo_t info;

    memset(&info, 0, sizeof info);
    if (waitid(BY_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG | ANY_KIND) != 0)
        return -1;
    if (info.si_pid == 0)
        return 0;
    *status = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
    return 1;
}

static int signal_by_pidfd(int pidfd, int number)
{
    return (int)syscall(SYS_pidfd_send_signal, pidfd, number, NULL, 0);
}

#else

#    define ANY_KIND 0

static int wait_by_pidfd(int pidfd, int *status)
{
    (void)pidfd, (void)status;
    errno = EINVAL;
    return -1;
}

static int signal_by_pidfd(int pidfd, int number)
{
    (void)pidfd, (void)number;
    errno = ENOSYS;
    return -1;
}

#endif

/* Our own child: CORDON__RUNNING, or its end. That of another is never waited for. */
static int look_at(const cordon__child *child, pid_t pid, int *status)
{
    int raw = 0;
    int is_over;

    if (child->pidfd >= 0) {
        is_over = wait_by_pidfd(child->pidfd, status);
        if (is_over >= 0)
            return is_over ? 0 : CORDON__RUNNING;
        if (errno == ECHILD) {
            *status = -1;
            return 0;
        }
    }
    do
        is_over = waitpid(pid, &raw, WNOHANG | ANY_KIND);
    while (is_over < 0 && errno == EINTR);
    if (is_over == 0)
        return CORDON__RUNNING;
    /* ECHILD: the host ignores SIGCHLD, or has waited for whatever child there was. */
    *status = is_over == pid ? cordon__status_of(raw) : -1;
    return 0;
}

/* Only where it was not waited for: else its number may be another's by now. */
static void signal_own(cordon__child *child, pid_t pid, int number)
{
    siginfo_t info;

    if (child->pidfd >= 0 && (signal_by_pidfd(child->pidfd, number) == 0 || errno == ESRCH))
        return;
    memset(&info, 0, sizeof info);
    if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT | ANY_KIND) == 0 &&
        info.si_pid == 0)
        (void)kill(pid, number);
}

/* Somebody may be seen ended, or a line read. Not longer than `ms`. */
static void wait_a_little(int fd, uint64_t ms)
{
    struct pollfd asked;

    if (fd < 0) {
        cordon__pause(ms);
        return;
    }
    asked.fd = fd;
    asked.events = POLLIN;
    (void)poll(&asked, 1, ms < INT32_MAX ? (int)ms : INT32_MAX);
}

/* 0: gone and buried within that time. */
static int bury(cordon__child *child, pid_t pid, uint64_t ms)
{
    const uint64_t deadline = cordon__now() + ms;
    uint64_t       pause = LEAST_MS;
    int            unused;

    while (look_at(child, pid, &unused) == CORDON__RUNNING) {
        const uint64_t now = cordon__now();

        if (now >= deadline)
            return CORDON__RUNNING;
        wait_a_little(child->pidfd, child->pidfd >= 0 ? deadline - now : pause);
        pause = pause * 2 < MOST_MS ? pause * 2 : MOST_MS;
    }
    return 0;
}

static void end_own(cordon__child *child, pid_t pid)
{
    signal_own(child, pid, SIGKILL);
    (void)bury(child, pid, LEAVE_MS);
}

/* ---- starting ------------------------------------------------------------------- */

static int open_told(int fds[2])
{
#if defined(__APPLE__)
    if (pipe(fds) != 0)
        return -1;
    (void)fcntl(fds[0], F_SETFD, FD_CLOEXEC);
    (void)fcntl(fds[1], F_SETFD, FD_CLOEXEC);
#else
    if (pipe2(fds, O_CLOEXEC) != 0)
        return -1;
#endif
    return 0;
}

static int open_line(int fds[2])
{
#if defined(SOCK_CLOEXEC)
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds);
#else
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0)
        return -1;
    for (int i = 0; i < 2; i++) {
        (void)fcntl(fds[i], F_SETFD, FD_CLOEXEC);
#    if defined(SO_NOSIGPIPE)
        (void)setsockopt(fds[i], SOL_SOCKET, SO_NOSIGPIPE, &(int){1}, sizeof(int));
#    endif
    }
    return 0;
#endif
}

static int raise_both(int fds[2])
{
    fds[0] = cordon__own_fd(fds[0]);
    if (fds[0] >= 0)
        fds[1] = cordon__own_fd(fds[1]);
    return fds[0] < 0 || fds[1] < 0 ? -1 : 0;
}

static int open_lines(cordon__launch *launch, int is_kept, cordon_fault *fault)
{
    if (open_told(launch->told) != 0 || raise_both(launch->told) != 0)
        return cordon__posix_fault(fault, STEP, errno, NULL);
    if (is_kept && (open_line(launch->line) != 0 || raise_both(launch->line) != 0))
        return cordon__posix_fault(fault, STEP, errno, NULL);
    return 0;
}

/* No handler of the host runs in the child, and nobody cancels this thread meanwhile. */
static pid_t fork_quietly(cordon__launch *launch, int is_kept, int *pidfd)
{
    sigset_t all;
    sigset_t before;
    int      cancel;
    int      error;
    pid_t    pid;

    sigfillset(&all);
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    pid = cordon__fork(is_kept, pidfd);
    if (pid == 0 && is_kept)
        cordon__launch_keep(launch);
    if (pid == 0)
        cordon__launch_run(launch);
    error = errno;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_setcancelstate(cancel, &cancel);
    errno = error;
    return pid;
}

static int launch_it(cordon__child *child, cordon__launch *launch, cordon_fault *fault)
{
    const unsigned flags = launch->program->flags;
    const int      is_kept = (flags & (CORDON__DETACHED | CORDON__OUTLIVES_US)) != 0;
    const int      is_own = !is_kept;
    int            code = open_lines(launch, is_kept, fault);
    pid_t          pid;

    if (code != 0)
        return code;
    launch->parent = is_own ? getpid() : 0;
    pid = fork_quietly(launch, is_kept, &child->pidfd);
    if (pid < 0) {
        const cordon__launch_note note = {CORDON__LAUNCH_FORK, errno, 0};

        return cordon__launch_fault(launch, &note, fault);
    }
    child->pidfd = cordon__own_fd(child->pidfd);
    child->pid = is_own ? pid : 0;
    code = cordon__launch_hear(launch, &child->pid, is_kept, fault);
    if (is_kept) {
        child->keeper = pid;
        child->line = launch->line[0];
        launch->line[0] = -1;
    }
    return code;
}

int cordon__spawn(cordon__child **child, const cordon__program *program,
                  const cordon__memory *memory, const cordon__trace *trace, cordon_fault *fault)
{
    cordon__launch launch;
    cordon__child *made = cordon__allocate(memory, sizeof *made);
    int            code;

    if (made == NULL)
        return cordon__fault_set(fault, CORDON_ENOMEM, STEP);
    made->memory = *memory;
    made->owner = cordon__pid();
    made->pidfd = made->line = -1;
    code = cordon__launch_prepare(&launch, program, memory, fault);
    if (code == 0)
        code = launch_it(made, &launch, fault);
    cordon__launch_release(&launch, memory);
    if (code != 0) {
        cordon__trace_fault(trace, fault);
        if (made->pid != 0)
            cordon__child_end(made, 0); /* it may be on its way, and we could not hear it */
        cordon__child_close(made);
        return code;
    }
    cordon__trace_done(trace, STEP, program->argv[0], NULL);
    *child = made;
    return 0;
}

/* ---- its life ------------------------------------------------------------------- */

uint64_t cordon__child_pid(const cordon__child *child)
{
    return (uint64_t)child->pid;
}

/* 0: it has said how the program ended, or has itself been killed: nobody can tell. */
static int look_at_line(const cordon__child *child, int *status)
{
    cordon__launch_note note;
    ssize_t             size;

    do
        size = recv(child->line, &note, sizeof note, MSG_DONTWAIT);
    while (size < 0 && errno == EINTR);
    if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return CORDON__RUNNING;
    *status = size == (ssize_t)sizeof note ? (int)note.value : -1;
    return 0;
}

int cordon__child_look(cordon__child *child, int *status)
{
    int code = 0;

    if (!child->has_ended) {
        code = child->keeper != 0 ? look_at_line(child, &child->status)
                                  : look_at(child, child->pid, &child->status);
        child->has_ended = code == 0;
    }
    if (code == 0)
        *status = child->status;
    return code;
}

int cordon__child_wait(cordon__child *child, int *status, uint64_t deadline, cordon_fault *fault)
{
    const int fd = child->keeper != 0 ? child->line : child->pidfd;
    uint64_t  pause = LEAST_MS;

    while (cordon__child_look(child, status) == CORDON__RUNNING) {
        const uint64_t now = cordon__now();
        const uint64_t most = fd >= 0 ? INT32_MAX : pause;

        if (now >= deadline)
            return cordon__fault_set(fault, CORDON_ETIMEDOUT, "wait for child");
        wait_a_little(fd, deadline - now < most ? deadline - now : most);
        pause = pause * 2 < MOST_MS ? pause * 2 : MOST_MS;
    }
    return 0;
}

void cordon__child_end(cordon__child *child, int is_asked)
{
    const int           number = is_asked ? SIGTERM : SIGKILL;
    const unsigned char order = (unsigned char)number;
    int                 unused;

    if (cordon__child_look(child, &unused) == 0)
        return;
    if (child->keeper == 0) {
        signal_own(child, child->pid, number);
        return;
    }
    while (send(child->line, &order, 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EINTR)
        continue;
}

/* The keeper does what it was still told, sees the end of the line, and goes; also where a copy of
 * the host holds our end of it. */
static void dismiss(cordon__child *child)
{
    (void)shutdown(child->line, SHUT_WR);
    close(child->line);
    child->line = -1;
    if (bury(child, child->keeper, LEAVE_MS) != 0)
        end_own(child, child->keeper);
}

void cordon__child_close(cordon__child *child)
{
    cordon__memory memory;
    int            unused;

    if (child == NULL)
        return;
    if (child->owner != cordon__pid()) { /* a fork of the host's: it is not this one's child */
        if (child->line >= 0)
            close(child->line);
    } else if (child->keeper != 0)
        dismiss(child);
    else if (child->pid != 0 && cordon__child_look(child, &unused) == CORDON__RUNNING)
        end_own(child, child->pid);
    if (child->pidfd >= 0)
        close(child->pidfd);
    memory = child->memory;
    cordon__release(&memory, child);
}
