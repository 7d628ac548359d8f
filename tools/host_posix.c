#include "host.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

void host_fill_standard(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= 2);
    if (fd > 2)
        close(fd);
}

static void keep(int fd)
{
    int flags = fcntl(fd, F_GETFD);

    if (flags >= 0)
        fcntl(fd, F_SETFD, flags | FD_CLOEXEC);
}

/* Where no folder lists the open ones: all that could be, within reason. */
static void keep_all(void)
{
    long most = sysconf(_SC_OPEN_MAX);

    if (most < 0 || most > 65536)
        most = 65536;
    for (int fd = 3; fd < most; fd++)
        keep(fd);
}

/* A real listing shows the descriptor that reads it; some systems list 0 to 2 and no more. */
static int keep_listed(void)
{
    DIR           *folder = opendir("/dev/fd");
    struct dirent *entry;
    int            is_real = 0;

    if (folder == NULL)
        return 0;
    while ((entry = readdir(folder)) != NULL) {
        long fd = strtol(entry->d_name, NULL, 10);

        if (fd > 2 && fd <= INT_MAX)
            keep((int)fd);
        if (fd == dirfd(folder))
            is_real = 1;
    }
    closedir(folder);
    return is_real;
}

void host_keep_descriptors(void)
{
    if (!keep_listed())
        keep_all();
}

void host_take_signals(void)
{
    sigset_t wanted;

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGINT);
    sigaddset(&wanted, SIGTERM);
    sigaddset(&wanted, SIGCHLD);
    sigprocmask(SIG_UNBLOCK, &wanted, NULL);
}

void host_kill_group(int pid)
{
    kill(-pid, SIGKILL);
}
