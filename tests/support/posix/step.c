/*
 * A child that is killed right before its nth system call, or whose nth system call fails. What a
 * process has done to the world changes in system calls only, so killing before each of them tries
 * every state that a kill can leave behind. Written on ptrace: no tool is needed, and a step costs
 * microseconds.
 */
#include "support.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>

#define SYSCALL_STOP (SIGTRAP | 0x80)
#define END_MARK     0x43524445 /* an option of prctl that there is not */

/* ---- in the child ---- */

typedef struct stepper {
    int (*body)(void *context);
    void *context;
} stepper;

static int run_traced(void *context)
{
    const stepper *what = context;

    SUPPORT_CHECK(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0);
    SUPPORT_CHECK(raise(SIGSTOP) == 0); /* the parent sets its options now */
    return what->body(what->context);
}

void support_step_mark(void)
{
    SUPPORT_CHECK(raise(SIGSTOP) == 0);
}

void support_step_end(void)
{
    prctl(END_MARK, 0, 0, 0, 0);
}

/* ---- the processor ---- */

#if defined(__x86_64__)

/* At its entry: call something that there is not instead. */
static void skip_call(pid_t thread)
{
    struct user_regs_struct registers;

    SUPPORT_CHECK(ptrace(PTRACE_GETREGS, thread, NULL, &registers) == 0);
    registers.orig_rax = (unsigned long long)-1;
    SUPPORT_CHECK(ptrace(PTRACE_SETREGS, thread, NULL, &registers) == 0);
}

/* At its exit. */
static void give_error(pid_t thread, int error)
{
    struct user_regs_struct registers;

    SUPPORT_CHECK(ptrace(PTRACE_GETREGS, thread, NULL, &registers) == 0);
    registers.rax = (unsigned long long)-(long long)error;
    SUPPORT_CHECK(ptrace(PTRACE_SETREGS, thread, NULL, &registers) == 0);
}

#    define KNOWS_PROCESSOR 1

#else

static void skip_call(pid_t thread)
{
    (void)thread;
}

static void give_error(pid_t thread, int error)
{
    (void)thread;
    (void)error;
}

#    define KNOWS_PROCESSOR 0

#endif

/* No failure of these is worth a line of anybody's code, or libuv, rightly, gives up. Those of
 * memory are the allocator's, and a sanitizer's: fault_memory_test lets them fail. */
static int never_fails(const struct __ptrace_syscall_info *info)
{
    const unsigned long long calls[] = {
        SYS_getpid,
        SYS_gettid,
        SYS_getuid,
        SYS_geteuid,
        SYS_getgid,
        SYS_getegid,
        SYS_close,
        SYS_munmap,
        SYS_madvise,
        SYS_futex,
        SYS_umask,
        SYS_rt_sigreturn,
        SYS_exit,
        SYS_exit_group,
        SYS_brk,
        SYS_rt_sigprocmask,
        SYS_mmap,
        SYS_mremap,
        SYS_mprotect,
        SYS_sigaltstack,
        SYS_clock_nanosleep,
        SYS_restart_syscall,
    };

    for (size_t n = 0; n < sizeof calls / sizeof calls[0]; n++)
        if (calls[n] == info->entry.nr)
            return 1;
    return info->entry.nr == SYS_epoll_ctl && info->entry.args[1] == EPOLL_CTL_DEL;
}

/* ---- the one who steps ---- */

typedef struct watch {
    pid_t    pid;
    unsigned nth, count;
    int      error;     /* 0: kill */
    int      is_marked; /* between mark and end */
    pid_t    failing;   /* the thread whose call was skipped, until its exit */
    unsigned call;      /* what was hit */
    int      is_hit;
} watch;

static pid_t wait_status(pid_t pid, int *status)
{
    pid_t ended;

    do
        ended = waitpid(pid, status, __WALL);
    while (ended < 0 && errno == EINTR);
    return ended;
}

static void go_on(const watch *child, pid_t thread, int number)
{
    void *with = (void *)(intptr_t)number;
    long done = child->is_marked || child->failing != 0 ? ptrace(PTRACE_SYSCALL, thread, NULL, with)
                                                        : ptrace(PTRACE_CONT, thread, NULL, with);

    SUPPORT_CHECK(done == 0 || errno == ESRCH); /* killed meanwhile: the next wait tells */
}

static pid_t start_traced(stepper *what)
{
    const int options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL;
    pid_t     pid = support_fork(run_traced, what);
    int       status;

    SUPPORT_CHECK(wait_status(pid, &status) == pid && WIFSTOPPED(status));
    SUPPORT_CHECK(ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)(intptr_t)options) == 0);
    SUPPORT_CHECK(ptrace(PTRACE_CONT, pid, NULL, NULL) == 0);
    return pid;
}

static int exit_status(int state)
{
    return WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
}

/* What it made may be a thread, or a process of its own that only looks like one (a clone that
 * tells nobody of its end). */
static int is_thread_of(pid_t pid, pid_t thread)
{
    char  path[64], line[128];
    int   group = 0;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/status", (int)thread);
    file = fopen(path, "r");
    while (file != NULL && group == 0 && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "Tgid: %d", &group) != 1)
            group = 0;
    if (file != NULL)
        fclose(file);
    return group == 0 || group == (int)pid;
}

/* Another process goes its own way. */
static int let_stranger_go(pid_t pid, pid_t thread)
{
    if (thread == pid || is_thread_of(pid, thread))
        return 0;
    (void)ptrace(PTRACE_DETACH, thread, NULL, NULL);
    return 1;
}

/* Announced by the thread that made it: it stops before it does anything. */
static void await_new_one(pid_t pid, pid_t thread)
{
    unsigned long made = 0;
    int           state;

    if (ptrace(PTRACE_GETEVENTMSG, thread, NULL, &made) != 0 || is_thread_of(pid, (pid_t)made))
        return;
    if (waitpid((pid_t)made, &state, __WALL) == (pid_t)made && WIFSTOPPED(state))
        (void)let_stranger_go(pid, (pid_t)made);
}

static int kill_and_reap(pid_t pid)
{
    int   state;
    pid_t thread;

    kill(pid, SIGKILL);
    while ((thread = wait_status(-1, &state)) != pid || WIFSTOPPED(state))
        if (WIFSTOPPED(state))
            (void)let_stranger_go(pid, thread);
    return exit_status(state);
}

/* A call begins. Asked of the kernel, since threads interleave. */
static void enter(watch *child, pid_t thread)
{
    struct __ptrace_syscall_info info;

    if (!child->is_marked || ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof info, &info) <= 0 ||
        info.op != PTRACE_SYSCALL_INFO_ENTRY)
        return;
    if (info.entry.nr == SYS_prctl && info.entry.args[0] == END_MARK) {
        child->is_marked = 0;
        return;
    }
    if ((child->error != 0 && never_fails(&info)) || ++child->count != child->nth)
        return;
    child->is_hit = 1;
    child->call = (unsigned)info.entry.nr;
    if (child->error == 0)
        return;
    skip_call(thread);
    child->failing = thread;
}

static void on_system_call(watch *child, pid_t thread)
{
    if (child->failing != thread) {
        enter(child, thread);
        return;
    }
    give_error(thread, child->error);
    child->failing = 0;
}

static int step(watch *child, int *status)
{
    for (;;) {
        int   state;
        pid_t thread = wait_status(-1, &state);
        int   number = 0;

        SUPPORT_CHECK(thread > 0);
        if (!WIFSTOPPED(state)) {
            if (thread != child->pid)
                continue; /* a thread ended */
            *status = exit_status(state);
            return child->is_hit;
        }
        if (state >> 8 == (SIGTRAP | PTRACE_EVENT_CLONE << 8))
            await_new_one(child->pid, thread);
        if (WSTOPSIG(state) == SYSCALL_STOP)
            on_system_call(child, thread);
        else if (WSTOPSIG(state) == SIGSTOP && let_stranger_go(child->pid, thread))
            continue;
        else if (WSTOPSIG(state) == SIGSTOP)
            child->is_marked |= thread == child->pid; /* a thread's first stop is not a mark */
        else if (WSTOPSIG(state) != SIGTRAP)
            number = WSTOPSIG(state);
        if (child->is_hit && child->error == 0) {
            *status = kill_and_reap(child->pid);
            return 1;
        }
        go_on(child, thread, number);
    }
}

int support_step_fail(int (*body)(void *context), void *context, unsigned nth, int error,
                      int *status, unsigned *call)
{
    stepper what = {body, context};
    watch   child = {start_traced(&what), nth, 0, error, 0, 0, 0, 0};
    int     is_hit = step(&child, status);

    *call = child.call;
    return is_hit;
}

int support_step(int (*body)(void *context), void *context, unsigned nth, int *status)
{
    unsigned call;

    return support_step_fail(body, context, nth, 0, status, &call);
}

/* ---- may we? ---- */

static int run_nothing(void *context)
{
    (void)context;
    return ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0 ? 0 : 1;
}

const char *support_step_missing(void)
{
    if (support_is_in_valgrind())
        return "valgrind does not let a process trace its child";
    return support_wait(support_fork(run_nothing, NULL), SUPPORT_SOON) == 0
               ? NULL
               : "this system does not let a process trace its child";
}

const char *support_fail_missing(void)
{
    return KNOWS_PROCESSOR ? support_step_missing() : "failing a call is written for x86-64 only";
}
