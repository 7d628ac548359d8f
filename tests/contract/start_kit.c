#include "start_kit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

extern char **environ;

const unsigned start_kinds[START_KINDS] = {0, CORDON__QUIET, CORDON__OUTLIVES_US, CORDON__DETACHED};

/* ---- in the started program --------------------------------------------------------- */

void start_say(const char *format, ...)
{
    char    text[2048];
    va_list values;
    int     size;

    va_start(values, format);
    size = vsnprintf(text, sizeof text, format, values);
    va_end(values);
    if (size < 0 || write(3, text, (size_t)size) != size)
        _exit(SUPPORT_BROKEN);
}

static void tell_descriptors(void)
{
    DIR *list = opendir("/proc/self/fd");

    for (const struct dirent *entry = readdir(list); entry != NULL; entry = readdir(list)) {
        char        path[64], target[512];
        const int   fd = atoi(entry->d_name);
        struct stat info;
        ssize_t     size;

        if (entry->d_name[0] == '.' || fd == dirfd(list) || fstat(fd, &info) != 0)
            continue;
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        size = readlink(path, target, sizeof target - 1);
        target[size > 0 ? size : 0] = '\0';
        start_say("fd %d: %s %s%s\n", fd, S_ISFIFO(info.st_mode) ? "pipe" : target,
                  fcntl(fd, F_GETFL) & O_APPEND ? "append" : "",
                  fcntl(fd, F_GETFD) & FD_CLOEXEC ? "cloexec" : "");
    }
    closedir(list);
}

static void tell_signals(void)
{
    sigset_t mask;
    int      ignored = 0, blocked = 0, pending = 0;

    sigprocmask(SIG_SETMASK, NULL, &mask);
    for (int number = 1; number < NSIG; number++) {
        struct sigaction action;

        if (sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
            ignored++;
        blocked += sigismember(&mask, number) == 1;
    }
    sigpending(&mask);
    for (int number = 1; number < NSIG; number++)
        pending += sigismember(&mask, number) == 1;
    start_say("signals: %d ignored %d blocked %d pending\n", ignored, blocked, pending);
}

static int tell(int count, char **arguments)
{
    char         directory[4096];
    const mode_t mask = umask(0);

    for (int i = 0; i < count; i++)
        start_say("argument %d: %s\n", i, arguments[i]);
    tell_descriptors();
    tell_signals();
    start_say("directory: %s\n", getcwd(directory, sizeof directory));
    start_say("umask: %o\n", (unsigned)mask);
    start_say("session: %s\n", getsid(0) == getpid() ? "own" : "other");
    start_say("session number: %ld\n", (long)getsid(0));
    start_say("group: %ld\n", (long)getpgrp());
    start_say("pid: %ld\n", (long)getpid());
    start_say("parent: %ld\n", (long)getppid());
    for (char **entry = environ; *entry != NULL; entry++)
        if (strncmp(*entry, "CORDON_", 7) == 0 || strncmp(*entry, "START_", 6) == 0)
            start_say("environment: %s\n", *entry);
    return 0;
}

static int print(int count, char **arguments)
{
    (void)count, (void)arguments;
    fputs("complained\n", stderr);
    fputs("printed\n", stdout);
    return 0;
}

static int exit_with(int count, char **arguments)
{
    return count > 0 ? atoi(arguments[0]) : SUPPORT_BROKEN;
}

static int wait_for_ever(int count, char **arguments)
{
    (void)count, (void)arguments;
    start_say("waiting\n");
    while (pause() != 0)
        continue;
    return SUPPORT_BROKEN;
}

static int deaf(int count, char **arguments)
{
    signal(SIGTERM, SIG_IGN);
    return wait_for_ever(count, arguments);
}

/* As a program that has taken its handle and then starts others, in its own way. */
static int hand_on(int count, char **arguments)
{
    intptr_t     handle;
    char         word[33], program[SUPPORT_PATH];
    cordon_fault fault = CORDON_FAULT_INIT;
    ssize_t      size = readlink("/proc/self/exe", program, sizeof program - 1);

    if (count < 1 || size <= 0 ||
        cordon__inherit(&handle, word, "CORDON_READY", &fault) != CORDON_OK)
        return SUPPORT_BROKEN;
    program[size] = '\0';
    if (dup2((int)handle, 1) != 1)
        return SUPPORT_BROKEN;
    execl(program, program, "--part", arguments[0], (char *)NULL);
    return SUPPORT_BROKEN;
}

static int list_to_output(int count, char **arguments)
{
    (void)count, (void)arguments;
    for (int fd = 0; fd < 4096; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            printf("has %d\n", fd);
    printf("variable: %s\n", getenv("CORDON_READY") != NULL ? "there" : "gone");
    return 0;
}

static const start_part own_parts[] = {
    {"tell", tell}, {"print", print},     {"exit", exit_with},      {"wait", wait_for_ever},
    {"deaf", deaf}, {"hand-on", hand_on}, {"list", list_to_output}, {NULL, NULL},
};

int start_play(int count, char **arguments, const start_part *parts)
{
    if (count < 3 || strcmp(arguments[1], "--part") != 0)
        return -1;
    for (int i = 0; i < 2; i++)
        for (const start_part *at = i ? parts : own_parts; at != NULL && at->name != NULL; at++)
            if (strcmp(at->name, arguments[2]) == 0)
                return at->play(count - 3, arguments + 3);
    return SUPPORT_BROKEN;
}

/* ---- in the test ----------------------------------------------------------------------- */

void start_open(start_order *start, const char *const *words, unsigned flags)
{
    ssize_t size;
    size_t  count = 0;

    memset(start, 0, sizeof *start);
    size = readlink("/proc/self/exe", start->program, sizeof start->program - 1);
    SUPPORT_CHECK(size > 0);
    start->argv[count++] = start->program;
    start->argv[count++] = "--part";
    for (; *words != NULL; words++) {
        SUPPORT_CHECK(count < START_MAX - 1);
        start->argv[count++] = *words;
    }
    start->order.argv = start->argv;
    start->order.variable = "CORDON_READY";
    start->order.handle = CORDON__NO_HANDLE;
    start->order.flags = flags;
    start->ready = CORDON__NO_HANDLE;
}

int start_try(start_order *start, cordon_fault *fault)
{
    const cordon__trace none = {NULL, NULL};
    const int           is_given = start->order.handle != CORDON__NO_HANDLE;
    int                 code;

    if (!is_given)
        SUPPORT_CODE(cordon__ready_pipe(&start->ready, &start->order.handle, fault), CORDON_OK,
                     fault);
    code = cordon__spawn(&start->child, &start->order, &cordon__libc, &none, fault);
    if (!is_given)
        SUPPORT_CHECK(close((int)start->order.handle) == 0);
    if (code != CORDON_OK && !is_given)
        SUPPORT_CHECK(close((int)start->ready) == 0);
    return code;
}

void start_run(start_order *start, kit *it)
{
    SUPPORT_CODE(start_try(start, &it->fault), CORDON_OK, &it->fault);
    SUPPORT_CHECK(cordon__child_pid(start->child) > 1);
}

/* 1: more may come; 0: that was the end. */
static int hear_some(start_order *start)
{
    const size_t   used = strlen(start->said);
    const uint64_t late = support_now() + SUPPORT_SOON;
    size_t         got;

    while (cordon__ready_read(start->ready, start->said + used, START_ROOM - 1 - used, &got) ==
           CORDON__AGAIN) {
        SUPPORT_CHECK(support_now() < late);
        support_pause(1);
    }
    return got > 0;
}

void start_hear(start_order *start)
{
    while (hear_some(start))
        continue;
}

void start_hear_line(start_order *start)
{
    while (strchr(start->said, '\n') == NULL)
        SUPPORT_CHECK(hear_some(start));
}

void start_has_said(const start_order *start, const char *format, ...)
{
    char        line[1024];
    va_list     values;
    const char *found = start->said;

    va_start(values, format);
    vsnprintf(line, sizeof line - 1, format, values);
    va_end(values);
    strcat(line, "\n");
    while ((found = strstr(found, line)) != NULL && found != start->said && found[-1] != '\n')
        found++;
    if (found == NULL)
        print_error("not said: %sbut:\n%s", line, start->said);
    SUPPORT_CHECK(found != NULL);
}

int start_count(const start_order *start, const char *text)
{
    int count = 0;

    for (const char *at = start->said; (at = strstr(at, text)) != NULL; at++)
        count++;
    return count;
}

long start_number(const start_order *start, const char *name)
{
    char        key[64];
    const char *found;

    snprintf(key, sizeof key, "\n%s: ", name);
    found = strstr(start->said, key);
    SUPPORT_CHECK(found != NULL);
    return strtol(found + strlen(key), NULL, 10);
}

int start_end(start_order *start, kit *it)
{
    int status = -2;

    SUPPORT_CODE(
        cordon__child_wait(start->child, &status, cordon__now() + SUPPORT_SOON, &it->fault),
        CORDON_OK, &it->fault);
    cordon__child_close(start->child);
    if (start->ready != CORDON__NO_HANDLE)
        SUPPORT_CHECK(close((int)start->ready) == 0);
    return status;
}

void start_tell(start_order *start, kit *it, unsigned flags)
{
    start_open(start, START_WORDS("tell"), flags);
    start_run(start, it);
    start_hear(start);
    assert_int_equal(start_end(start, it), 0);
}

void start_part_run(start_order *start, kit *it, unsigned flags, const char *const *words)
{
    start_open(start, words, flags);
    start_run(start, it);
}

/* What the kernel says of it; '\0': there is none. */
static char state_of(pid_t pid, long *parent)
{
    char  path[64], state = '\0';
    FILE *stat;

    snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    stat = fopen(path, "re");
    if (stat == NULL)
        return '\0';
    if (fscanf(stat, "%*d (%*[^)]) %c %ld", &state, parent) != 2)
        state = '\0';
    fclose(stat);
    return state;
}

pid_t start_keeper_of(const start_order *start)
{
    long parent = 0;

    SUPPORT_CHECK(state_of((pid_t)cordon__child_pid(start->child), &parent) != '\0');
    SUPPORT_CHECK(parent > 1 && parent != getpid());
    return (pid_t)parent;
}

/* A dead child of init's is gone: not every init is quick to bury. */
static int has_gone(void *context)
{
    const pid_t pid = *(const pid_t *)context;
    long        parent = 0;
    char        state;

    if (kill(pid, 0) != 0)
        return errno == ESRCH;
    state = state_of(pid, &parent);
    return state == '\0' || (state == 'Z' && parent != getpid());
}

void start_must_go(pid_t pid)
{
    SUPPORT_CHECK(support_until(has_gone, &pid, SUPPORT_SOON));
}

int start_runs(pid_t pid)
{
    return !has_gone(&pid);
}

int start_has_no_child(void)
{
    return waitpid(-1, NULL, WNOHANG | __WALL) < 0 && errno == ECHILD;
}
