#define _GNU_SOURCE 1
#include "puppet.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WRONG   98
#define LEAK_FD 700

void puppet_pause(unsigned ms)
{
    struct timespec span = {ms / 1000, (long)(ms % 1000) * 1000000};

    nanosleep(&span, NULL);
}

/* The server may have gone before this process could ask who it is: then nobody reads its output.
 */
int puppet_is_orphan(void)
{
    static pid_t  parent;
    struct pollfd output = {STDOUT_FILENO, 0, 0};

    if (parent == 0)
        parent = getppid();
    return getppid() != parent || (poll(&output, 1, 0) == 1 && (output.revents & POLLERR) != 0);
}

int puppet_start(char **words)
{
    char *all[16] = {getenv("PUPPET")};
    int   count = 1;

    for (; words[count - 1] != NULL; count++)
        all[count] = words[count - 1];
    if (fork() == 0) {
        execv(all[0], all);
        _exit(WRONG);
    }
    return 0;
}

/* A lock on a file that goes with the process; the key is a folder. */
static int lock_member(const char *key, int member, int how)
{
    char path[4096];
    int  fd;

    snprintf(path, sizeof path, "%s/member.%d", key, member);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    return fd < 0 ? -1 : flock(fd, how);
}

void puppet_be_there(const char *key, int member)
{
    if (lock_member(key, member, LOCK_EX) != 0) /* who only looks soon lets it go */
        _exit(WRONG);
}

int puppet_is_there(const char *key, int member)
{
    return lock_member(key, member, LOCK_EX | LOCK_NB) != 0;
}

static int run(char **words, int out)
{
    int   status = 0;
    pid_t child = fork();

    if (child == 0) {
        if (out >= 0)
            dup2(out, 1);
        execv(words[0], words);
        _exit(WRONG);
    }
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status))
        return WRONG;
    return WEXITSTATUS(status);
}

int puppet_leak(char **words)
{
    if (dup2(2, LEAK_FD) != LEAK_FD)
        return WRONG;
    return run(words, -1);
}

int puppet_has_leaked(void)
{
    return fcntl(LEAK_FD, F_GETFD) >= 0;
}

int puppet_unread(char **words)
{
    int ends[2];

    if (pipe(ends) != 0)
        return WRONG;
    close(ends[0]);
    signal(SIGPIPE, SIG_IGN);
    return run(words, ends[1]);
}

/* Told of the signal when it is ready. */
static int end_by(int number, char **words)
{
    int   ends[2], status = 0;
    char  ready;
    pid_t child;

    if (pipe(ends) != 0)
        return WRONG;
    child = fork();
    if (child == 0) {
        dup2(ends[1], 1);
        close(ends[0]);
        execv(words[0], words);
        _exit(WRONG);
    }
    close(ends[1]);
    if (read(ends[0], &ready, 1) != 1 || kill(child, number) != 0 ||
        waitpid(child, &status, 0) != child || !WIFEXITED(status))
        return WRONG;
    return WEXITSTATUS(status);
}

int puppet_break(char **words)
{
    return end_by(SIGTERM, words);
}

int puppet_interrupt(char **words)
{
    return end_by(SIGINT, words);
}
