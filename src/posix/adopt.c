/*
 * A listening socket that was made elsewhere: by a service manager, which starts
 * us when somebody comes, or by who started us.
 *
 * It is believed only what can be seen: that it listens at our very address,
 * and that this is our user's alone.
 */
#include "../dialect.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "listener.h"
#include "socket.h"

#define BACKLOG    4096 /* who gave it may have asked for many; none who waits is to be sent away */
#define FIRST      3    /* descriptor of a service manager's */
#define GIVEN_MOST 1024

static const char step[] = "check listener";

static int unsafe(const cordon__place *place, cordon_fault *fault, const char *text)
{
    return cordon__place_unsafe(place, fault, step, place->paths[CORDON_ADDRESS], 0, 0, text);
}

/* ---- is it ours? -------------------------------------------------------------------- */

static int has_option(int fd, int option, int expected)
{
    int       value = -1;
    socklen_t size = sizeof value;

    return getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 &&
           (expected < 0 ? value != 0 : value == expected);
}

static int check_kind(const cordon__place *place, int fd, cordon_fault *fault)
{
    struct stat info;

    if (fstat(fd, &info) != 0)
        return cordon__fault_os(fault, CORDON_EINVAL, step, (uint32_t)errno, NULL);
    if (!S_ISSOCK(info.st_mode) || !has_option(fd, SO_TYPE, SOCK_STREAM))
        return unsafe(place, fault, "the listener is no stream socket");
    if (!has_option(fd, SO_ACCEPTCONN, -1))
        return unsafe(place, fault, "the socket does not listen");
    return CORDON_OK;
}

/* Whoever bound it may have spelled the directory in another way. */
static int leads_here(const cordon__spot *spot, char *path)
{
    char       *file = strrchr(path, '/');
    struct stat there, here;

    if (path[0] != '/' || !file[1] || strcmp(file + 1, spot->file) != 0)
        return 0;
    if (strcmp(path, spot->path) == 0)
        return 1;
    file[1] = '\0';
    return stat(path, &there) == 0 && fstat(spot->dir, &here) == 0 && there.st_dev == here.st_dev &&
           there.st_ino == here.st_ino;
}

static int check_name(const cordon__place *place, const cordon__spot *spot, int fd,
                      cordon_fault *fault)
{
    union {
        struct sockaddr    any;
        struct sockaddr_un local;
    } address;
    socklen_t size = sizeof address.local - 1;

    memset(&address, 0, sizeof address); /* the path may end without a NUL */
    if (getsockname(fd, &address.any, &size) != 0)
        return cordon__place_fault(place, fault, step, errno, spot->path);
    if (address.any.sa_family != AF_UNIX || !leads_here(spot, address.local.sun_path))
        return unsafe(place, fault, "the socket is bound to another address");
    return CORDON_OK;
}

static int check_file(cordon__listener *listener, const cordon__spot *spot, cordon_fault *fault)
{
    const cordon__place *place = listener->place;
    struct stat          info;

    if (fstatat(spot->dir, spot->file, &info, AT_SYMLINK_NOFOLLOW) != 0)
        return cordon__place_fault(place, fault, step, errno, spot->path);
    if (!S_ISSOCK(info.st_mode))
        return unsafe(place, fault, "something else has the socket's name by now");
    if (info.st_uid != place->uid)
        return cordon__place_unsafe(place, fault, step, spot->path, place->uid, info.st_uid,
                                    "this socket belongs to another user");
    if ((info.st_mode & 0077) != 0)
        return cordon__place_unsafe(place, fault, step, spot->path, 0600, info.st_mode & 07777,
                                    "mode of the socket; make it 0600 (SocketMode)");
    listener->dev = info.st_dev;
    listener->ino = info.st_ino;
    return CORDON_OK;
}

/*
 * Who answers at the address? To listen again puts our name on the socket
 * (Linux, and the BSDs by their sources); so whoever is connected to there is us,
 * or it is another socket. The process is told reliably on Linux alone.
 */
static int check_who(const cordon__listener *listener, int fd, cordon_fault *fault)
{
    const cordon__place *place = listener->place;
    cordon__identity     who;
    int                  code = cordon__peer_ask(&who, fd, 1, fault);

    if (code != CORDON_OK)
        return code;
    if (!(who.known & CORDON_PEER_UID) || who.uid != place->uid)
        return cordon__place_unsafe(
            place, fault, step, place->paths[CORDON_ADDRESS], place->uid, who.uid,
            "clients would see another user: who listens at the address is not ours");
#if defined(__linux__)
    if ((who.known & CORDON_PEER_PID) && who.pid != listener->pid)
        return cordon__place_unsafe(place, fault, step, place->paths[CORDON_ADDRESS], listener->pid,
                                    who.pid, "another socket has its address by now");
#endif
    return CORDON_OK;
}

static int check_answer(const cordon__listener *listener, const cordon__spot *spot,
                        cordon_fault *fault)
{
    struct sockaddr_un address;
    const socklen_t    size = cordon__socket_address(&address, spot->path);
    int                code;
    int                fd = cordon__socket_open();

    if (fd < 0)
        return cordon__place_fault(listener->place, fault, "socket", errno, spot->path);
    if (connect(fd, (const struct sockaddr *)&address, size) == 0)
        code = check_who(listener, fd, fault);
    else if (errno == EAGAIN)
        code = cordon__fault_os(fault, CORDON_EBUSY, step, EAGAIN, spot->path);
    else
        code = unsafe(listener->place, fault, "the socket does not answer at its address");
    close(fd);
    return code;
}

/* ---- taking it ------------------------------------------------------------------------ */

static int take(int fd)
{
    const int status = fcntl(fd, F_GETFL);

    return status >= 0 && fcntl(fd, F_SETFL, status | O_NONBLOCK) == 0 &&
           fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

static int adopt(cordon__listener *listener, unsigned backlog, cordon_fault *fault)
{
    const cordon__place *place = listener->place;
    const cordon__spot   spot = cordon__spot_of(place, CORDON_ADDRESS);
    int                  code = check_kind(place, listener->fd, fault);

    if (code == CORDON_OK)
        code = check_name(place, &spot, listener->fd, fault);
    if (code == CORDON_OK)
        code = check_file(listener, &spot, fault);
    if (code != CORDON_OK)
        return code;
    if (backlog == 0 || backlog > INT_MAX)
        backlog = BACKLOG;
    if (!take(listener->fd) || listen(listener->fd, (int)backlog) != 0)
        return cordon__place_fault(place, fault, "listen", errno, spot.path);
    code = check_answer(listener, &spot, fault);
    if (code == CORDON_OK && place->layout == CORDON__LINKED)
        code = cordon__link_clear(place, fault);
    if (code == CORDON_OK && place->layout == CORDON__LINKED)
        code = cordon__link_publish(place, fault);
    return code;
}

int cordon__listen_on(cordon__listener **listener, cordon__place *place, intptr_t handle,
                      unsigned backlog, cordon_fault *fault)
{
    cordon__listener *made = cordon__allocate(&place->memory, sizeof *made);
    int               code;

    if (!made)
        return cordon__fault_set(fault, CORDON_ENOMEM, step);
    made->memory = place->memory;
    made->place = place;
    made->pid = cordon__pid();
    made->fd = handle >= 0 && handle <= INT_MAX ? (int)handle : -1;
    made->is_given = 1;
    code = adopt(made, backlog, fault);
    if (code != CORDON_OK) {
        cordon__release(&place->memory, made);
        return code;
    }
    cordon__place_done(place, "listen", place->paths[CORDON_ADDRESS],
                       "on the socket we were given");
    *listener = made;
    return CORDON_OK;
}

/* ---- a service manager's ------------------------------------------------------------------ */

static int refuse(cordon_fault *fault, int code, const char *variable, const char *text)
{
    return cordon__fault_found(fault, code, "find listener", variable, 0, 0, text);
}

/* Digits alone; -1: not so. */
static long number_in(const char *variable)
{
    const char *text = getenv(variable);
    long        number;
    char       *end;

    if (!text || text[0] < '0' || text[0] > '9')
        return -1;
    errno = 0;
    number = strtol(text, &end, 10);
    return errno == 0 && *end == '\0' ? number : -1;
}

/* All of them: none is for what we start. */
static int keep_from_children(long count, cordon_fault *fault)
{
    for (long i = 0; i < count; i++)
        if (fcntl(FIRST + (int)i, F_SETFD, FD_CLOEXEC) != 0)
            return cordon__fault_found(fault, CORDON_EUNSAFE, "find listener", "LISTEN_FDS", 0,
                                       (uint64_t)(FIRST + i), "this descriptor is not open");
    return CORDON_OK;
}

/* The names are in the order of the descriptors, a colon between two. */
static int find_named(intptr_t *handle, const char *name, long count, cordon_fault *fault)
{
    const char  *names = getenv("LISTEN_FDNAMES");
    const size_t size = strlen(name);
    long         found = -1;

    for (long i = 0; names && i < count; i++) {
        const size_t its = strcspn(names, ":");

        if (its == size && memcmp(names, name, size) == 0) {
            if (found >= 0)
                return refuse(fault, CORDON_EINVAL, "LISTEN_FDNAMES", "two sockets of that name");
            found = i;
        }
        names = names[its] ? names + its + 1 : NULL;
    }
    if (found < 0)
        return refuse(fault, CORDON_EINVAL, "LISTEN_FDNAMES", "no socket of that name");
    *handle = FIRST + found;
    return CORDON_OK;
}

int cordon__listener_given(intptr_t *handle, const char *name, cordon_fault *fault)
{
    const long pid = number_in("LISTEN_PID");
    const long count = number_in("LISTEN_FDS");
    int        code;

    /* Under another user's rights no variable counts; what was meant for another process neither.
     */
    if (geteuid() != getuid() || pid < 0 || (uint64_t)pid != cordon__pid())
        return refuse(fault, CORDON_ENOTRUNNING, "LISTEN_PID",
                      "no service manager gave us a socket");
    if (count < 1 || count > GIVEN_MOST)
        return refuse(fault, CORDON_EINVAL, "LISTEN_FDS", "not a number of sockets");
    code = keep_from_children(count, fault);
    if (code != CORDON_OK)
        return code;
    if (name)
        return find_named(handle, name, count, fault);
    if (count > 1)
        return refuse(fault, CORDON_EINVAL, "LISTEN_FDS", "several sockets: say which by its name");
    *handle = FIRST;
    return CORDON_OK;
}
