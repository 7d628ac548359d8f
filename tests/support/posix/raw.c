/* Connections and listeners: sockets. */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#if defined(__linux__)
#    include <linux/sockios.h>
#endif

static struct sockaddr_un at(const char *path)
{
    struct sockaddr_un address = {0};

    SUPPORT_CHECK(strlen(path) < sizeof address.sun_path);
    address.sun_family = AF_UNIX;
    memcpy(address.sun_path, path, strlen(path) + 1);
    return address;
}

int support_is_published(cordon_endpoint *endpoint)
{
    return support_exists(cordon_endpoint_path(endpoint, CORDON_ADDRESS));
}

support_raw support_raw_try_open(const char *path, int *is_busy)
{
    struct sockaddr_un address = at(path);
    int                fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    SUPPORT_CHECK(fd >= 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) {
        SUPPORT_CHECK(fcntl(fd, F_SETFL, 0) == 0); /* from here on it may wait */
        return fd;
    }
    *is_busy = errno == EAGAIN;
    close(fd);
    return SUPPORT_NO_RAW;
}

support_raw support_raw_of(intptr_t handle)
{
    SUPPORT_CHECK(fcntl((int)handle, F_SETFL, 0) == 0);
    return handle;
}

void support_raw_close(support_raw raw)
{
    close((int)raw);
}

int support_raw_wait(support_raw raw, int wanted, int ms)
{
    const uint64_t deadline = support_now() + (uint64_t)(ms < 0 ? 0 : ms);
    struct pollfd  look = {(int)raw, 0, 0};
    int            found = 0, left = ms;

    look.events = (short)(((wanted & SUPPORT_RAW_IN) != 0 ? POLLIN : 0) |
                          ((wanted & SUPPORT_RAW_OUT) != 0 ? POLLOUT : 0));
    while (poll(&look, 1, left) < 0) {
        SUPPORT_CHECK(errno == EINTR);
        if (ms >= 0)
            left = support_now() < deadline ? (int)(deadline - support_now()) : 0;
    }
    if ((look.revents & (POLLIN | POLLHUP | POLLERR)) != 0)
        found |= SUPPORT_RAW_IN;
    if ((look.revents & (POLLOUT | POLLHUP | POLLERR)) != 0)
        found |= SUPPORT_RAW_OUT;
    return found & wanted;
}

long support_raw_some(support_raw raw, void *data, size_t room, int ms)
{
    ssize_t got;

    if (support_raw_wait(raw, SUPPORT_RAW_IN, ms) == 0)
        return SUPPORT_RAW_NOTHING;
    do
        got = recv((int)raw, data, room, 0);
    while (got < 0 && errno == EINTR);
    return got < 0 ? SUPPORT_RAW_RESET : (long)got;
}

long support_raw_offer(support_raw raw, const void *data, size_t size)
{
    ssize_t sent;

    do
        sent = send((int)raw, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return errno == EAGAIN ? 0 : SUPPORT_RAW_RESET;
    return (long)sent;
}

long support_raw_unread(support_raw raw)
{
#if defined(SIOCOUTQ)
    int left;

    SUPPORT_CHECK(ioctl((int)raw, SIOCOUTQ, &left) == 0);
    return left;
#else
    (void)raw;
    return -1;
#endif
}

int support_raw_is_taken(support_raw raw)
{
    long left = support_raw_unread(raw);

    return left < 0 ? -1 : left == 0;
}

int support_raw_finish(support_raw raw)
{
    shutdown((int)raw, SHUT_WR);
    return 1;
}

void support_raw_cut(support_raw raw)
{
    shutdown((int)raw, SHUT_RDWR);
}

/* ---- the other side ---- */

struct support_listener {
    int  fd;
    char path[SUPPORT_PATH];
};

void support_listen(support_listener **out, const char *path, int backlog)
{
    struct sockaddr_un address = at(path);
    support_listener  *listener = malloc(sizeof *listener);

    SUPPORT_CHECK(listener != NULL);
    memcpy(listener->path, path, strlen(path) + 1);
    unlink(path);
    listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    SUPPORT_CHECK(listener->fd >= 0);
    SUPPORT_CHECK(bind(listener->fd, (struct sockaddr *)&address, sizeof address) == 0);
    SUPPORT_CHECK(chmod(path, 0600) == 0);
    SUPPORT_CHECK(listen(listener->fd, backlog) == 0);
    *out = listener;
}

support_raw support_accept(support_listener *listener)
{
    int fd;

    do
        fd = accept(listener->fd, NULL, NULL);
    while (fd < 0 && errno == EINTR);
    return fd < 0 ? SUPPORT_NO_RAW : fd;
}

void support_listener_hide(support_listener *listener)
{
    unlink(listener->path);
}

void support_listener_end(support_listener *listener)
{
    shutdown(listener->fd, SHUT_RDWR);
}

void support_listener_close(support_listener *listener)
{
    close(listener->fd);
    free(listener);
}

int support_listener_die(support_listener *listener)
{
    support_listener_close(listener);
    return 1;
}
