#include "count_syscalls.h"

#include "support.h"

#include <signal.h>

#if defined(__linux__)
#    include <sys/ptrace.h>
#    include <sys/syscall.h>
#    include <sys/wait.h>

#    include <linux/ptrace.h>

enum { MARK = 0x436f7264, ON = 1, OFF = 2, ACTORS_MAX = 8 };

/* A call that no system knows, so that nothing but the count is changed by it. */
static void mark(long what)
{
    syscall(SYS_prctl, (long)MARK, what, 0L, 0L, 0L);
}

void support_count_on(void)
{
    mark(ON);
}

void support_count_off(void)
{
    mark(OFF);
}

/* Stops itself so that the tracer finds it before it does anything. */
static int begin(void *context)
{
    const support_actor *actor = context;

    raise(SIGSTOP);
    actor->act(actor->context);
    return 0;
}

static int seize(pid_t pid)
{
    long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL;
    int  status;

    if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status))
        return -1;
    if (ptrace(PTRACE_SEIZE, pid, NULL, (void *)options) != 0)
        return 1;
    return kill(pid, SIGCONT) == 0 ? 0 : -1;
}

static void count_entry(support_syscalls *calls, int *is_counting, pid_t thread)
{
    struct ptrace_syscall_info info;
    long                       size = (long)sizeof info;

    if (ptrace(PTRACE_GET_SYSCALL_INFO, thread, (void *)size, &info) <= 0 ||
        info.op != PTRACE_SYSCALL_INFO_ENTRY)
        return;
    if (info.entry.nr == SYS_prctl && info.entry.args[0] == MARK) {
        *is_counting = info.entry.args[1] == ON;
        return;
    }
    if (!*is_counting)
        return;
    calls->total++;
    if (info.entry.nr < SUPPORT_SYSCALLS_KINDS)
        calls->kinds[info.entry.nr]++;
}

/* The signal that the stopped thread should get when it goes on. */
static int signal_due(int status)
{
    int event = status >> 16;
    int sig = WSTOPSIG(status);

    if (sig == (SIGTRAP | 0x80) || event != 0)
        return 0;
    return sig;
}

static int is_actor(const pid_t *pids, size_t count, pid_t pid)
{
    for (size_t i = 0; i < count; i++) {
        if (pids[i] == pid)
            return 1;
    }
    return 0;
}

/* One stop or end of one thread; *left counts the actors that still run. */
static int one_turn(support_syscalls *calls, int *is_counting, const pid_t *pids, size_t count,
                    size_t *left)
{
    int   status;
    pid_t thread = waitpid(-1, &status, __WALL);

    if (thread < 0)
        return -1; /* the alarm: somebody hangs */
    if (WIFEXITED(status) || WIFSIGNALED(status)) {
        if (!is_actor(pids, count, thread))
            return 1;
        *left -= 1;
        return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 1 : -1;
    }
    if (WSTOPSIG(status) == (SIGTRAP | 0x80))
        count_entry(calls, is_counting, thread);
    ptrace(PTRACE_SYSCALL, thread, NULL, (void *)(long)signal_due(status));
    return 1;
}

static void on_alarm(int sig)
{
    (void)sig; /* makes waitpid return */
}

static int trace(support_syscalls *calls, const pid_t *pids, size_t count, unsigned timeout_s)
{
    struct sigaction alarmed, before;
    int              is_counting = 0;
    int              turn = 0;
    size_t           left = count;

    memset(&alarmed, 0, sizeof alarmed);
    alarmed.sa_handler = on_alarm;
    sigaction(SIGALRM, &alarmed, &before);
    alarm(timeout_s);
    while (left > 0 && turn >= 0)
        turn = one_turn(calls, &is_counting, pids, count, &left);
    alarm(0);
    sigaction(SIGALRM, &before, NULL);
    return turn < 0 ? -1 : 0;
}

static void end_all(const pid_t *pids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int status;

        kill(pids[i], SIGKILL);
        while (waitpid(pids[i], &status, __WALL) == pids[i] && WIFSTOPPED(status)) {
        }
    }
}

int support_count_syscalls(support_syscalls *out, support_actor *actors, size_t count,
                           unsigned timeout_s)
{
    pid_t  pids[ACTORS_MAX] = {0};
    size_t started = 0;
    int    code = 0;

    memset(out, 0, sizeof *out);
    if (support_is_in_valgrind())
        return 1;
    for (size_t i = 0; i < count && i < ACTORS_MAX; i++) {
        pids[i] = support_fork(begin, &actors[i]);
        started++;
    }
    for (size_t i = 0; i < started && code == 0; i++)
        code = seize(pids[i]);
    if (code == 0)
        code = trace(out, pids, started, timeout_s);
    if (code != 0)
        end_all(pids, started);
    return code;
}

static const struct {
    long        number;
    const char *name;
} names[] = {
    {SYS_sendto, "sendto"},
    {SYS_sendmsg, "sendmsg"},
    {SYS_recvfrom, "recvfrom"},
    {SYS_recvmsg, "recvmsg"},
    {SYS_read, "read"},
    {SYS_write, "write"},
    {SYS_ppoll, "ppoll"},
#    ifdef SYS_poll
    {SYS_poll, "poll"},
#    endif
#    ifdef SYS_epoll_wait
    {SYS_epoll_wait, "epoll_wait"},
#    endif
    {SYS_epoll_pwait, "epoll_pwait"},
    {SYS_epoll_ctl, "epoll_ctl"},
    {SYS_futex, "futex"},
    {SYS_setsockopt, "setsockopt"},
    {SYS_fstat, "fstat"},
    {SYS_brk, "brk"},
    {SYS_mmap, "mmap"},
    {SYS_munmap, "munmap"},
    {SYS_getpid, "getpid"},
};

static const char *name_of(long number)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (names[i].number == number)
            return names[i].name;
    }
    return "call";
}

const char *support_syscalls_text(const support_syscalls *calls)
{
    static char text[512];
    size_t      used = 0;

    text[0] = '\0';
    for (long i = 0; i < SUPPORT_SYSCALLS_KINDS && used < sizeof text - 48; i++) {
        if (calls->kinds[i] == 0)
            continue;
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s(%ld) %lu",
                                 used == 0 ? "" : ", ", name_of(i), i, calls->kinds[i]);
    }
    return text;
}

#else

int support_count_syscalls(support_syscalls *out, support_actor *actors, size_t count,
                           unsigned timeout_s)
{
    (void)actors, (void)count, (void)timeout_s;
    memset(out, 0, sizeof *out);
    return 1;
}

void support_count_on(void)
{
}

void support_count_off(void)
{
}

const char *support_syscalls_text(const support_syscalls *calls)
{
    (void)calls;
    return "";
}

#endif
