/* Other processes, other users. */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

int support_is_us(const cordon_peer *peer)
{
    const unsigned known = CORDON_PEER_UID | CORDON_PEER_GID | CORDON_PEER_PID;

    return (peer->known & known) == known && peer->uid == geteuid() && peer->gid == getegid() &&
           peer->pid == (uint64_t)getpid();
}

void support_pause_us(unsigned us)
{
    usleep(us);
}

void support_yield(void)
{
    sched_yield();
}

/* ---- processes ---- */

void support_end_with_parent(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* A test that fails, or is killed, leaves nobody behind. */
static void become_child(void)
{
    support_become_child();
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

int support_has_ended(support_pid pid, int *status)
{
    int   state;
    pid_t ended = waitpid(pid, &state, WNOHANG);

    if (ended == pid) {
        *status = WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
        return 1;
    }
    SUPPORT_CHECK(ended == 0 || errno == EINTR);
    return 0;
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

void support_end(support_pid pid)
{
    support_kill(pid, SIGKILL);
}

void support_end_self(void)
{
    kill(getpid(), SIGKILL);
}

void support_end_other(uint64_t pid)
{
    SUPPORT_CHECK(pid > 1); /* never a group, never everybody */
    SUPPORT_CHECK(kill((pid_t)pid, SIGKILL) == 0);
}

void support_freeze(support_pid pid)
{
    support_kill(pid, SIGSTOP);
}

void support_thaw(support_pid pid)
{
    support_kill(pid, SIGCONT);
}

int support_ask_to_end(support_pid pid)
{
    support_kill(pid, SIGTERM);
    return 1;
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

int support_is_wine(void)
{
    return 0;
}

const char *support_bin(void)
{
    const char *path = getenv("CORDON_BIN");

    return path != NULL && path[0] == '/' && access(path, X_OK) == 0 ? path : NULL;
}

struct support_gate {
    support_signal line; /* its end is the word to go */
};

void support_gate_open(support_gate **gate)
{
    *gate = malloc(sizeof **gate);
    SUPPORT_CHECK(*gate != NULL);
    support_signal_open(&(*gate)->line);
}

/* Waits at the gate, and becomes the program. */
static int go_through(const support_gate *gate, const char *const *arguments)
{
    char byte;
    int  nowhere;

    close(gate->line.ends[1]);
    while (read(gate->line.ends[0], &byte, 1) < 0 && errno == EINTR)
        continue;
    nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd < 3; fd++)
        dup2(nowhere, fd);
    execv(arguments[0], (char *const *)arguments);
    return 127;
}

support_pid support_gate_start(support_gate *gate, const char *const *arguments)
{
    pid_t pid;

    fflush(NULL);
    pid = fork();
    SUPPORT_CHECK(pid >= 0);
    if (pid != 0)
        return pid;
    become_child();
    _exit(go_through(gate, arguments));
}

void support_gate_go(support_gate *gate)
{
    support_signal_close(&gate->line);
    free(gate);
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
        return -1; /* errno may tell of a signal */
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

/* ---- children that play a part ---- */

typedef struct role {
    const support_part *part;
    const char         *argument;
    support_child      *self;
} role;

static int play(void *context)
{
    const role *of = context;

    close(of->self->orders.ends[1]);
    of->self->orders.ends[1] = -1;
    return of->part->play(of->argument, of->self);
}

void support_start(support_child *child, const support_part *parts, const char *name,
                   const char *argument)
{
    role of = {support_part_named(parts, name), argument, child};

    support_signal_open(&child->told);
    support_signal_open(&child->orders);
    child->pid = support_fork(play, &of);
    close(child->told.ends[1]);
    child->told.ends[1] = -1;
}

/* Never asked for here: a fork is in its part already. */
int support_play(int count, char **arguments, const support_part *parts)
{
    (void)count;
    (void)arguments;
    (void)parts;
    return -1;
}
