/* In the child: only what is safe after the fork of a process with threads. */
#include "../dialect.h"

#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__linux__)
#    include <sys/prctl.h>
#    include <sys/syscall.h>
#endif

#define HANDLE_AT  3
#define LINE_AT    3       /* of a keeper */
#define LOOK_MOST  1048576 /* descriptors that are tried one by one */
#define NO_PROGRAM 127

#ifndef NSIG
#    define NSIG 65
#endif

/* ---- fork --------------------------------------------------------------------- */

#if defined(__has_feature)
#    if __has_feature(thread_sanitizer)
#        define IS_WATCHED 1 /* it has locks of its own, and must hear of a fork */
#    endif
#endif
#if defined(__SANITIZE_THREAD__)
#    define IS_WATCHED 1
#endif

#if defined(__linux__) && !defined(IS_WATCHED) && !defined(__sparc__) && !defined(__ia64__) && \
    !defined(__alpha__)

#    define PIDFD        0x1000UL /* CLONE_PIDFD; without a meaning before Linux 5.2 */
#    define ACTION_WORDS 16       /* the kernel's sigaction is smaller everywhere */
#    if defined(__mips__)
#        define SIGNAL_BYTES 16 /* of its set of signals */
#    else
#        define SIGNAL_BYTES 8
#    endif

static pid_t raw_clone(unsigned long flags, int *pidfd)
{
#    if defined(__s390__)
    return (pid_t)syscall(SYS_clone, 0UL, flags, pidfd, NULL, 0UL);
#    else
    return (pid_t)syscall(SYS_clone, flags, 0UL, pidfd, NULL, 0UL);
#    endif
}

pid_t cordon__fork(int is_hidden, int *pidfd)
{
    const unsigned long signal_number = is_hidden ? 0 : (unsigned long)SIGCHLD;
    pid_t               pid;

    *pidfd = -1;
    pid = raw_clone(signal_number | PIDFD, pidfd);
    if (pid >= 0 || errno != EINVAL)
        return pid;
    *pidfd = -1; /* an emulator that knows only what fork does */
    return fork();
}

/*
 * Not by the C library: musl and newer glibc (2.42 does) guard SIGABRT by a lock, and a thread of
 * the host that held it in the moment of our clone (musl's own fork does) will never give it back
 * here.
 */
static void set_default(int number)
{
    const unsigned long plain[ACTION_WORDS] = {0};

    (void)syscall(SYS_rt_sigaction, number, plain, NULL, (unsigned long)SIGNAL_BYTES);
}

#else

pid_t cordon__fork(int is_hidden, int *pidfd)
{
    (void)is_hidden;
    *pidfd = -1;
    return fork();
}

static void set_default(int number)
{
    struct sigaction plain;

    memset(&plain, 0, sizeof plain);
    plain.sa_handler = SIG_DFL;
    (void)sigaction(number, &plain, NULL);
}

#endif

/* ---- descriptors ---------------------------------------------------------------- */

static void close_up_to_limit(int first)
{
    struct rlimit limit;
    rlim_t        end = LOOK_MOST;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < end)
        end = limit.rlim_cur;
    for (int fd = first; (rlim_t)fd < end; fd++)
        close(fd);
}

#if defined(__linux__)

#    if !defined(SYS_close_range)
#        define SYS_close_range 436
#    endif

typedef struct entry { /* what getdents64 gives */
    uint64_t       inode;
    int64_t        next;
    unsigned short size;
    unsigned char  type;
    char           name[1];
} entry;

static int number_of(const char *name)
{
    int number = 0;

    for (; *name >= '0' && *name <= '9'; name++)
        number = number * 10 + (*name - '0');
    return *name == '\0' ? number : -1; /* "." and ".." */
}

/* How many were closed; -1: it cannot be read. */
static int close_listed(int list, int first)
{
    uint64_t    room[256]; /* aligned as the entries are */
    const char *data = (const char *)room;
    int         closed = 0;

    for (;;) {
        const long size = syscall(SYS_getdents64, list, room, sizeof room);

        if (size <= 0)
            return size < 0 ? -1 : closed;
        for (long at = 0; at < size;) {
            const entry *found = (const entry *)(const void *)(data + at);
            const int    fd = number_of(found->name);

            at += found->size;
            if (fd >= first && fd != list && close(fd) == 0)
                closed++;
        }
    }
}

/* Before Linux 5.9, or under an emulator: what there is stands in /proc. Closing while reading
 * may make it skip some: until nothing more is found. */
static int close_from_proc(int first)
{
    int list = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int closed;

    if (list < 0)
        return -1;
    do {
        closed = lseek(list, 0, SEEK_SET) == 0 ? close_listed(list, first) : -1;
    } while (closed > 0);
    close(list);
    return closed;
}

static void close_from(int first)
{
    if (syscall(SYS_close_range, (unsigned)first, ~0U, 0U) == 0 || close_from_proc(first) == 0)
        return;
    close_up_to_limit(first);
}

#elif defined(__FreeBSD__) || defined(__OpenBSD__) || defined(__NetBSD__)

static void close_from(int first)
{
    closefrom(first);
}

#else

static void close_from(int first)
{
    close_up_to_limit(first);
}

#endif

/* ---- telling ---------------------------------------------------------------------- */

static void tell(int fd, enum cordon__launch_step step, int value, size_t path_at)
{
    cordon__launch_note note;
    ssize_t             put;

    memset(&note, 0, sizeof note);
    note.step = (int32_t)step;
    note.value = (int32_t)value;
    note.path_at = (uint32_t)path_at;
    do
        put = write(fd, &note, sizeof note);
    while (put < 0 && errno == EINTR);
}

_Noreturn static void fail(int fd, enum cordon__launch_step step, size_t path_at)
{
    tell(fd, step, errno, path_at);
    _exit(NO_PROGRAM);
}

/* ---- the program ------------------------------------------------------------------ */

/* What is ignored would stay so, and all of it is the host's affair. */
static void reset_signals(void)
{
    for (int number = 1; number < NSIG; number++)
        set_default(number); /* KILL and STOP: no */
}

static int put_at(int fd, int place)
{
    int flags;

    if (fd != place)
        return dup2(fd, place);
    flags = fcntl(fd, F_GETFD);
    return flags < 0 ? -1 : fcntl(fd, F_SETFD, flags & ~FD_CLOEXEC);
}

/* What is ours is at CORDON__FIRST_OWN and up, so that nothing is overwritten but the host's. */
static void place_descriptors(cordon__launch *launch)
{
    const int told = launch->told[1];
    const int handle = (int)launch->program->handle;

    if (handle >= 0 && put_at(handle, HANDLE_AT) < 0)
        fail(told, CORDON__LAUNCH_STREAM, 0);
    for (int i = 0; i < 3; i++)
        if (launch->streams[i] >= 0 && put_at(launch->streams[i], i) < 0)
            fail(told, CORDON__LAUNCH_STREAM, 0);
    if (dup2(told, CORDON__TOLD_AT) < 0 || fcntl(CORDON__TOLD_AT, F_SETFD, FD_CLOEXEC) != 0)
        fail(told, CORDON__LAUNCH_STREAM, 0);
    launch->told[1] = CORDON__TOLD_AT;
    close_from(CORDON__TOLD_AT + 1);
    if (handle < 0)
        close(HANDLE_AT);
    tell(CORDON__TOLD_AT, CORDON__LAUNCH_PLACED, 0, 0);
}

/* It is killed when the thread ends that has started it, unless that is over already. */
static void end_with(pid_t parent)
{
#if defined(__linux__)
    if (parent != 0 && (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent))
        _exit(NO_PROGRAM);
#else
    if (parent != 0 && getppid() != parent)
        _exit(NO_PROGRAM);
#endif
}

/* As execvp goes on to the next folder. */
static int is_elsewhere(int error)
{
    return error == ENOENT || error == ENOTDIR || error == EACCES || error == ESTALE ||
           error == ENODEV || error == ETIMEDOUT;
}

static void start(const cordon__launch *launch, char *path)
{
    char *const *argv = (char *const *)(uintptr_t)launch->program->argv;

    execve(path, argv, launch->environment);
    if (errno != ENOEXEC)
        return;
    launch->shell[1] = path;
    execve(launch->shell[0], launch->shell, launch->environment);
}

/* What is told: the first that was there and not to be had, else that there is none. */
_Noreturn static void find_and_start(const cordon__launch *launch)
{
    char  *first = launch->paths.data + launch->paths.start;
    size_t denied_at = 0;
    int    is_denied = 0;

    for (char *path = first; *path != '\0'; path += strlen(path) + 1) {
        start(launch, path);
        if (!is_elsewhere(errno))
            fail(launch->told[1], CORDON__LAUNCH_PROGRAM, (size_t)(path - first));
        if (errno == EACCES && !is_denied) {
            denied_at = (size_t)(path - first);
            is_denied = 1;
        }
    }
    errno = is_denied ? EACCES : ENOENT;
    fail(launch->told[1], CORDON__LAUNCH_PROGRAM, denied_at);
}

_Noreturn void cordon__launch_run(cordon__launch *launch)
{
    const char *directory = launch->program->directory;
    sigset_t    none;

    tell(launch->told[1], CORDON__LAUNCH_PID, (int)getpid(), 0);
    reset_signals();
    if (launch->program->flags & CORDON__DETACHED)
        (void)setsid(); /* a new process leads no group yet: it cannot fail */
    end_with(launch->parent);
    place_descriptors(launch);
    if (directory != NULL && chdir(directory) != 0)
        fail(launch->told[1], CORDON__LAUNCH_DIRECTORY, 0);
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    find_and_start(launch);
}

/* ---- the keeper ------------------------------------------------------------------- */

int cordon__status_of(int status)
{
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : -1;
}

static void on_child(int number)
{
    (void)number;
}

/* Only SIGCHLD gets through, and only into pselect. */
static void hear_of_child(sigset_t *while_waiting)
{
    struct sigaction action;

    reset_signals();
    memset(&action, 0, sizeof action);
    action.sa_handler = on_child;
    sigemptyset(&action.sa_mask);
    (void)sigaction(SIGCHLD, &action, NULL);
    sigfillset(while_waiting);
    sigdelset(while_waiting, SIGCHLD);
}

static void obey(pid_t pid)
{
    unsigned char order = 0;
    const ssize_t size = recv(LINE_AT, &order, 1, MSG_DONTWAIT);

    if (size == 0 || (size < 0 && errno != EINTR && errno != EAGAIN))
        _exit(0); /* nobody asks any more: the program is init's now */
    if (size == 1 && pid > 0)
        kill(pid, order); /* not waited for yet, so it is no one else's number */
}

/* Nothing of the host: no terminal, no working directory, no descriptor. */
static void let_go(const cordon__launch *launch)
{
    (void)setsid();
    (void)!chdir("/");
    for (int fd = 0; fd < 3; fd++)
        close(fd);
    if (dup2(launch->line[1], LINE_AT) < 0 || dup2(launch->told[1], CORDON__TOLD_AT) < 0)
        _exit(NO_PROGRAM);
    close_from(CORDON__TOLD_AT + 1);
    tell(CORDON__TOLD_AT, CORDON__LAUNCH_KEPT, 0, 0);
    close(CORDON__TOLD_AT);
}

_Noreturn void cordon__launch_keep(cordon__launch *launch)
{
    sigset_t while_waiting;
    int      unused;
    int      status;
    pid_t    pid;

    hear_of_child(&while_waiting);
    pid = cordon__fork(0, &unused);
    if (pid == 0)
        cordon__launch_run(launch);
    if (pid < 0)
        fail(launch->told[1], CORDON__LAUNCH_FORK, 0);
    let_go(launch);
    for (;;) {
        fd_set asked;

        if (pid > 0 && waitpid(pid, &status, WNOHANG) == pid) {
            tell(LINE_AT, CORDON__LAUNCH_END, cordon__status_of(status), 0);
            pid = 0;
        }
        FD_ZERO(&asked);
        FD_SET(LINE_AT, &asked);
        if (pselect(LINE_AT + 1, &asked, NULL, NULL, NULL, &while_waiting) > 0)
            obey(pid);
    }
}
