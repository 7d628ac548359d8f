/* How a start went: heard from the child, until it is the program. */
#include "../dialect.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#if defined(__linux__)
#    include <sys/prctl.h>
#endif

#include "launch.h"
#include "place.h"

#define LEAST_MS 1 /* pauses between looks at the child */
#define MOST_MS  25

static const char step[] = "start program";

/* One note: 1. 0: no more come. -1: it could not be read. */
static int read_note(int fd, cordon__launch_note *note)
{
    ssize_t size;

    do
        size = read(fd, note, sizeof *note);
    while (size < 0 && errno == EINTR);
    return size < 0 ? -1 : size == (ssize_t)sizeof *note;
}

int cordon__launch_fault(const cordon__launch *launch, const cordon__launch_note *note,
                         cordon_fault *fault)
{
    const char *file = launch->program->argv[0];
    const int   error = (int)note->value;

    if (error == ENOMEM || error == EMFILE || error == ENFILE)
        return cordon__posix_fault(fault, step, error, file);
    if (error == EAGAIN) {
        (void)cordon__fault_os(fault, CORDON_EBUSY, step, (uint32_t)error, file);
        cordon__fault_text(fault, "too many processes");
        return CORDON_EBUSY;
    }
    if (note->step == CORDON__LAUNCH_DIRECTORY)
        return cordon__fault_os(fault, CORDON_ELAUNCH, "enter directory", (uint32_t)error,
                                launch->program->directory);
    if (note->step != CORDON__LAUNCH_PROGRAM)
        return cordon__fault_os(fault, CORDON_ELAUNCH, step, (uint32_t)error, file);
    if (error == EACCES && note->path_at < cordon__buffer_size(&launch->paths))
        file = (const char *)cordon__buffer_view(&launch->paths).data + note->path_at;
    (void)cordon__fault_os(fault, CORDON_ELAUNCH, step, (uint32_t)error, file);
    cordon__fault_text(fault, "%s",
                       error == ENOENT   ? "no such program"
                       : error == EACCES ? "not a program that you may start"
                                         : "");
    return CORDON_ELAUNCH;
}

#if defined(__linux__)

/*
 * Our child is as open to us as we are ourselves, until it is a program (that we perhaps may not
 * read) or has ended: then its folder in /proc may be closed to us, and that tells, too.
 */
static int is_told_by(int error)
{
    return error == ENOENT ||
           ((error == EACCES || error == EPERM) && prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1);
}

/* What a descriptor is, in the system's words: "pipe:[4711]". 0: none. -1: nobody can tell. */
static int name_of(char name[32], pid_t pid, int fd)
{
    char    path[48];
    ssize_t size;

    (void)snprintf(path, sizeof path, "/proc/%ld/fd/%d", (long)pid, fd);
    memset(name, 0, 32);
    size = readlink(path, name, 31);
    return size > 0 ? 1 : is_told_by(errno) ? 0 : -1;
}

static int is_alive(pid_t pid)
{
    char    path[48];
    char    name[1];
    ssize_t size;

    (void)snprintf(path, sizeof path, "/proc/%ld/exe", (long)pid);
    size = readlink(path, name, sizeof name);
    return size >= 0 || !is_told_by(errno);
}

/* Is it a program by now, or has it ended? 0 also where nobody can tell. */
static int has_gone_on(pid_t pid, int is_placed, int told)
{
    char ours[32];
    char there[32];
    int  is_there;

    if (pid == 0 || name_of(ours, getpid(), told) != 1)
        return 0;
    if (!is_placed)
        return !is_alive(pid);
    is_there = name_of(there, pid, CORDON__TOLD_AT);
    return is_there == 0 || (is_there > 0 && strcmp(ours, there) != 0);
}

#else

static int has_gone_on(pid_t pid, int is_placed, int told)
{
    (void)pid, (void)is_placed, (void)told;
    return 0;
}

#endif

/* 1: somebody has said something, or nobody will. 0: not in that time. */
static int is_readable(int fd, uint64_t ms)
{
    struct pollfd asked;
    int           ready;

    asked.fd = fd;
    asked.events = POLLIN;
    ready = poll(&asked, 1, (int)ms);
    return ready > 0 || (ready < 0 && errno != EINTR);
}

/*
 * What is said ends when the child is a program, or has ended: its end of the pipe has gone then.
 * A thread of the host that forks in this very moment, and does not become a program, has a copy
 * of that end: so where the system can, the child itself is looked at while nothing is heard.
 */
int cordon__launch_hear(cordon__launch *launch, pid_t *pid, int is_kept, cordon_fault *fault)
{
    const int           fd = launch->told[0];
    cordon__launch_note note;
    uint64_t            pause = LEAST_MS;
    int                 is_placed = 0, is_free = !is_kept, is_over = 0, got;

    close(launch->told[1]);
    launch->told[1] = -1;
    for (;;) {
        if (!is_readable(fd, is_over ? 0 : pause)) {
            if (is_over)
                break;
            is_over = is_free && has_gone_on(*pid, is_placed, fd);
            pause = pause * 2 < MOST_MS ? pause * 2 : MOST_MS;
        } else if ((got = read_note(fd, &note)) < 0) {
            return cordon__posix_fault(fault, step, errno, launch->program->argv[0]);
        } else if (got == 0) {
            break;
        } else if (note.step == CORDON__LAUNCH_PID) {
            *pid = (pid_t)note.value;
        } else if (note.step == CORDON__LAUNCH_PLACED) {
            is_placed = 1;
        } else if (note.step == CORDON__LAUNCH_KEPT) {
            is_free = 1;
        } else {
            return cordon__launch_fault(launch, &note, fault);
        }
    }
    if (*pid == 0)
        return cordon__fault_os(fault, CORDON_ELAUNCH, step, 0, launch->program->argv[0]);
    return CORDON_OK;
}
