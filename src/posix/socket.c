#include "../dialect.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "place.h"
#include "socket.h"

#define PIECES_MAX 64     /* in one send */
#define WIDE       524288 /* bytes */

#ifndef MSG_NOSIGNAL
#    define MSG_NOSIGNAL 0 /* then there is SO_NOSIGPIPE */
#endif

/* Where the flags cannot be given at birth, a fork between the two calls may inherit it. */
int cordon__socket_settle(int fd)
{
    const int status = fcntl(fd, F_GETFL);

    if (status < 0 || fcntl(fd, F_SETFL, status | O_NONBLOCK) != 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
        return -1;
#if defined(SO_NOSIGPIPE)
    {
        const int on = 1;

        if (setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on) != 0)
            return -1;
    }
#endif
    return 0;
}

#if defined(SOCK_CLOEXEC) && defined(SOCK_NONBLOCK)

int cordon__socket_open(void)
{
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

int cordon__socket_accept(int fd)
{
    return accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

static int open_pair(int fds[2])
{
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds);
}

#else

static int settled(int fd)
{
    int error;

    if (fd < 0 || cordon__socket_settle(fd) == 0)
        return fd;
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

int cordon__socket_open(void)
{
    return settled(socket(AF_UNIX, SOCK_STREAM, 0));
}

int cordon__socket_accept(int fd)
{
    return settled(accept(fd, NULL, NULL));
}

static int open_pair(int fds[2])
{
    return socketpair(AF_UNIX, SOCK_STREAM, 0, fds);
}

#endif

int cordon__socket_pair(int *one, int *other)
{
    int fds[2], error;

    if (open_pair(fds) != 0)
        return -1;
    *one = fds[0];
    *other = fds[1];
    if (cordon__socket_settle(fds[0]) == 0 && fcntl(fds[1], F_SETFD, FD_CLOEXEC) == 0)
        return 0;
    error = errno;
    close(fds[0]);
    close(fds[1]);
    errno = error;
    return -1;
}

socklen_t cordon__socket_address(struct sockaddr_un *address, const char *path)
{
    const size_t size = strlen(path);

    static_assert(CORDON__ADDRESS_MAX < sizeof address->sun_path, "every address fits");
    assert(size <= CORDON__ADDRESS_MAX);
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, path, size + 1);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size + 1);
}

static ssize_t send_one(int fd, const char *data, size_t size)
{
    ssize_t sent;

    do
        sent = send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    return sent;
}

CORDON__APART static ssize_t send_many(int fd, const cordon_bytes *pieces, size_t count,
                                       size_t skip)
{
    struct iovec  parts[PIECES_MAX];
    struct msghdr message;
    uint8_t       used = 0; /* fits what the systems have for it, int or size_t */
    ssize_t       sent;

    for (size_t i = 0; i < count && used < PIECES_MAX; i++) {
        if (skip >= pieces[i].size) {
            skip -= pieces[i].size;
            continue;
        }
        /* The struct is for reading too, hence without const. */
        parts[used].iov_base = (char *)(uintptr_t)pieces[i].data + skip;
        parts[used].iov_len = pieces[i].size - skip;
        skip = 0;
        used++;
    }
    memset(&message, 0, sizeof message);
    message.msg_iov = parts;
    message.msg_iovlen = used;
    do
        sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    return sent;
}

ssize_t cordon__socket_send(int fd, const cordon_bytes *pieces, size_t count, size_t skip)
{
    if (count == 1 && skip < pieces->size)
        return send_one(fd, (const char *)pieces->data + skip, pieces->size - skip);
    return send_many(fd, pieces, count, skip);
}

void cordon__socket_widen(int fd)
{
    const int size = WIDE;

    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
}
