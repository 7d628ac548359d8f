/* One attempt to reach the server. */
#include "../dialect.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "place.h"
#include "socket.h"

static const char step[] = "connect";

/* A refused connect proves nobody on Linux; elsewhere a full backlog refuses too. */
#if defined(__linux__)
#    define REFUSED_IS_NOBODY 1
#else
#    define REFUSED_IS_NOBODY 0
#endif

#define SETTLED_S 2 /* times of files may be as coarse as a second */

/* What is put into a directory from now on will change its times. */
static int is_long_ago(const cordon__dir *dir)
{
    const time_t now = time(NULL);

    return now - dir->modified > SETTLED_S && now - dir->changed > SETTLED_S;
}

/* connect would follow a link, and says of a plain file only that it refuses. A directory that
 * nothing has been put into since the last look need not be asked again. */
static int look(const cordon__place *place, cordon__dir *dir, const char *path, cordon_fault *fault)
{
    struct stat info;
    char        text[80];

    if (dir->is_settled)
        return CORDON_OK;
    if (fstatat(dir->fd, strrchr(path, '/') + 1, &info, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? cordon__place_missing(place, fault, step, path)
                               : cordon__place_fault(place, fault, step, errno, path);
    if (S_ISSOCK(info.st_mode)) { /* whose it is the kernel will tell of who answers */
        dir->is_settled = is_long_ago(dir);
        return CORDON_OK;
    }
    snprintf(text, sizeof text, "%s instead of a socket", cordon__kind_name(info.st_mode));
    return cordon__place_unsafe(place, fault, step, path, 0, 0, text);
}

static int not_connected(const cordon__place *place, const char *path, int error,
                         cordon_fault *fault)
{
    switch (error) {
    case EAGAIN: /* the backlog is full; never "in progress" on AF_UNIX */
    case EINTR:
    case EINPROGRESS:
        return CORDON__AGAIN;
    case ECONNREFUSED:
        if (!REFUSED_IS_NOBODY)
            return CORDON__UNCERTAIN;
        cordon__fault_os(fault, CORDON_ENOTRUNNING, step, (uint32_t)error, path);
        cordon__trace_fault(&place->trace, fault);
        return CORDON_ENOTRUNNING;
    case ENOENT:
        return cordon__place_missing(place, fault, step, path);
    case EPROTOTYPE:
        return cordon__place_unsafe(place, fault, step, path, 0, 0, "a socket of another type");
    default:
        return cordon__place_fault(place, fault, step, error, path);
    }
}

static int attempt(intptr_t *handle, const cordon__place *place, cordon__dir *dir, const char *path,
                   cordon_fault *fault)
{
    struct sockaddr_un address;
    const socklen_t    size = cordon__socket_address(&address, path);
    int                code = look(place, dir, path, fault);
    int                fd;
    int                error;

    if (code != CORDON_OK)
        return code;
    fd = cordon__socket_open();
    if (fd < 0)
        return cordon__place_fault(place, fault, "socket", errno, path);
    if (connect(fd, (const struct sockaddr *)&address, size) == 0) {
        *handle = fd;
        cordon__place_done(place, step, path, NULL);
        return CORDON_OK;
    }
    error = errno;
    close(fd);
    return not_connected(place, path, error, fault);
}

static int attempt_annex(intptr_t *handle, cordon__place *place, cordon_fault *fault)
{
    int code = cordon__dir_open(place, &place->annex_dir, place->annex, NULL, CORDON__OWN, fault);

    if (code != CORDON_OK)
        return code;
    return attempt(handle, place, &place->annex_dir, place->paths[CORDON_ADDRESS], fault);
}

/* The link's target first: the server's TMPDIR may not be ours. */
static int attempt_linked(intptr_t *handle, cordon__place *place, cordon_fault *fault)
{
    cordon_fault missed = CORDON_FAULT_INIT;
    char         target[CORDON__ADDRESS_MAX + 1];
    int          first = CORDON_ENOTRUNNING;
    int          code = cordon__link_read(target, place, fault);

    if (code < 0)
        return code;
    if (code == CORDON_OK && strcmp(target, place->paths[CORDON_ADDRESS]) != 0) {
        first = cordon__link_directory(place, target, &missed);
        if (first == CORDON_OK)
            first = attempt(handle, place, &place->other_dir, target, &missed);
        if (first != CORDON_ENOTRUNNING && first != CORDON__UNCERTAIN) {
            if (first < 0)
                *fault = missed;
            return first;
        }
    }
    code = attempt_annex(handle, place, fault);
    return code == CORDON_ENOTRUNNING && first == CORDON__UNCERTAIN ? first : code;
}

static int attempt_near(intptr_t *handle, cordon__place *place, cordon_fault *fault)
{
    cordon__dir *dir = place->layout == CORDON__AWAY ? &place->annex_dir : &place->home;

    return attempt(handle, place, dir, place->paths[CORDON_ADDRESS], fault);
}

static int attempt_any(intptr_t *handle, cordon__place *place, cordon_fault *fault)
{
    return place->layout == CORDON__LINKED ? attempt_linked(handle, place, fault)
                                           : attempt_near(handle, place, fault);
}

/* The directory that we hold may have been moved away, and a server may be in a new one. */
static int has_moved(cordon__place *place)
{
    const int    is_away = place->layout == CORDON__AWAY;
    cordon__dir *dir = is_away ? &place->annex_dir : &place->home;

    if (cordon__dir_is_at(dir, is_away ? place->annex : place->paths[CORDON_DIRECTORY]))
        return 0;
    cordon__dir_close(dir);
    return 1;
}

int cordon__connect(intptr_t *handle, cordon__place *place, cordon_fault *fault)
{
    int code = attempt_any(handle, place, fault);

    if (code != CORDON_ENOTRUNNING || !has_moved(place))
        return code;
    code = cordon__private_open(place, 0, fault);
    return code == CORDON_OK ? attempt_any(handle, place, fault) : code;
}

void cordon__handle_close(intptr_t handle)
{
    close((int)handle);
}
