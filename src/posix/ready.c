/* What a started program says first, and how it finds what it was given. */
#include "../dialect.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "launch.h"
#include "place.h"

#define WORD_MOST  32
#define FIRST_FREE 3 /* below are the standard streams: nobody gives us those so */

int cordon__ready_pipe(intptr_t *ours, intptr_t *theirs, cordon_fault *fault)
{
    int fds[2] = {-1, -1};
    int error;

#if defined(__APPLE__)
    if (pipe(fds) == 0)
        for (int i = 0; i < 2; i++)
            (void)fcntl(fds[i], F_SETFD, FD_CLOEXEC);
#else
    if (pipe2(fds, O_CLOEXEC) != 0)
        return cordon__posix_fault(fault, "make ready pipe", errno, NULL);
#endif
    fds[0] = cordon__own_fd(fds[0]);
    fds[1] = fds[0] >= 0 ? cordon__own_fd(fds[1]) : fds[1];
    if (fds[0] >= 0 && fds[1] >= 0 && fcntl(fds[0], F_SETFL, O_NONBLOCK) == 0) {
        *ours = fds[0];
        *theirs = fds[1];
        return 0;
    }
    error = errno;
    for (int i = 0; i < 2; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    return cordon__posix_fault(fault, "make ready pipe", error, NULL);
}

int cordon__ready_read(intptr_t ours, char *data, size_t size, size_t *got)
{
    ssize_t count;

    do
        count = read((int)ours, data, size);
    while (count < 0 && errno == EINTR);
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return CORDON__AGAIN;
    *got = count > 0 ? (size_t)count : 0;
    return 0;
}

/* ---- in the started program ------------------------------------------------------- */

/* <number>[:<word>], the word of letters and digits. 0: it is none. */
static int parse(const char *text, int *fd, char *word)
{
    size_t size;

    *fd = 0;
    *word = '\0';
    for (size = 0; text[size] >= '0' && text[size] <= '9' && size < 9; size++)
        *fd = *fd * 10 + (text[size] - '0');
    if (size == 0 || (text[0] == '0' && size > 1))
        return 0;
    text += size;
    if (*text == '\0')
        return 1;
    if (*text++ != ':')
        return 0;
    size = strspn(text, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
    if (size == 0 || size > WORD_MOST || text[size] != '\0')
        return 0;
    memcpy(word, text, size + 1);
    return 1;
}

static int is_stream_socket(int fd, const struct stat *info)
{
    int       type = 0;
    socklen_t size = sizeof type;

    return S_ISSOCK(info->st_mode) && getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
           type == SOCK_STREAM;
}

/* Is it open, and what we would have given: a pipe's writing end, or a socket? */
static int is_given(int fd, const char *variable)
{
    struct stat info;
    const int   flags = fcntl(fd, F_GETFL);

    if (fd < FIRST_FREE || flags < 0 || fstat(fd, &info) != 0)
        return 0;
    if (strcmp(variable, "CORDON_READY") == 0)
        return S_ISFIFO(info.st_mode) && (flags & O_ACCMODE) != O_RDONLY;
    return is_stream_socket(fd, &info);
}

int cordon__inherit(intptr_t *handle, char *word, const char *variable, cordon_fault *fault)
{
    const char *text = getenv(variable);
    int         is_good, fd;

    word[0] = '\0';
    if (text == NULL)
        return CORDON__ABSENT;
    is_good =
        parse(text, &fd, word) && is_given(fd, variable) && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
    (void)unsetenv(variable);
    if (is_good) {
        *handle = fd;
        return 0;
    }
    word[0] = '\0';
    (void)cordon__fault_set(fault, CORDON_EUNSAFE, "inherit");
    cordon__fault_path(fault, variable);
    cordon__fault_text(fault, "it names no descriptor that could have been given");
    return CORDON_EUNSAFE;
}

/* A signal that is for this thread because it has written: taken back, unless one was there. */
static void take_back_pipe(const sigset_t *pipe_only)
{
    sigset_t waiting;
    int      number;

    if (sigpending(&waiting) == 0 && sigismember(&waiting, SIGPIPE) == 1)
        (void)sigwait(pipe_only, &number);
}

static ssize_t write_quietly(int fd, const char *data, size_t size)
{
    sigset_t pipe_only, before, waiting;
    ssize_t  put;

    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    sigemptyset(&waiting);
    (void)sigpending(&waiting);
    (void)pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
    do
        put = write(fd, data, size);
    while (put < 0 && errno == EINTR);
    if (put < 0 && errno == EPIPE && sigismember(&waiting, SIGPIPE) != 1)
        take_back_pipe(&pipe_only);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return put;
}

/* A line of at most 512 bytes goes into a pipe whole or not at all. */
void cordon__ready_write(intptr_t handle, const char *data, size_t size)
{
    const int fd = (int)handle;
    const int flags = fcntl(fd, F_GETFL);

    if (flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0)
        (void)!write_quietly(fd, data, size);
    close(fd);
}
