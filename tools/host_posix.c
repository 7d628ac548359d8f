#include "host.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <uv.h>

/* Who shares our terminal or pipe may have made it non-blocking. */
#define PAUSE_MS 5

const char host_advice_denied[] =
    "look at owner and mode: ls -ld of that path and of what it lies in";
const char host_advice_unsafe[] =
    "it must be yours and closed to others: look with ls -ld, then chown, chmod or remove it";
const char host_advice_too_long[] = "choose a shorter --dir, or set TMPDIR to a shorter directory";

static void fill_standard(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= 2);
    if (fd > 2)
        close(fd);
}

char **host_begin(int *argc, char **argv)
{
    (void)argc;
    fill_standard();
    return argv;
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

const int *host_end_signals(size_t *count)
{
    static const int numbers[] = {SIGINT, SIGTERM};

    *count = sizeof numbers / sizeof numbers[0];
    return numbers;
}

static int interrupt_status;

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    host_leave(interrupt_status);
}

void host_catch_interrupt(int status)
{
    interrupt_status = status;
    signal(SIGINT, on_interrupt);
}

void host_leave(int status)
{
    _exit(status);
}

int host_is_open(int descriptor)
{
    return fcntl(descriptor, F_GETFD) >= 0;
}

ptrdiff_t host_read(void *data, size_t size)
{
    uv_buf_t buffer = uv_buf_init((char *)data, size < INT32_MAX ? (unsigned)size : INT32_MAX);

    for (;;) {
        uv_fs_t   request;
        ptrdiff_t got = uv_fs_read(NULL, &request, STDIN_FILENO, &buffer, 1, -1, NULL);

        uv_fs_req_cleanup(&request);
        if (got == UV_EOF)
            return 0;
        if (got == UV_EAGAIN)
            uv_sleep(PAUSE_MS);
        else if (got != UV_EINTR)
            return got;
    }
}
