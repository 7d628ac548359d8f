/* Who is at the other end: the kernel's word, and the verdict. */
#include "../dialect.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#if defined(__APPLE__) || defined(__FreeBSD__) || defined(__NetBSD__)
#    include <sys/un.h>
#endif

#include "peer.h"
#include "place.h"

static const char step[] = "check peer";

static void learn(cordon__identity *peer, uid_t uid, gid_t gid, long pid)
{
    peer->known = 0;
    peer->uid = 0;
    peer->gid = 0;
    peer->pid = 0;
    peer->sid[0] = '\0';
    peer->level = 0;
    peer->has_level = peer->is_contained = peer->is_server = 0;
    if (uid != (uid_t)-1) {
        peer->known |= CORDON_PEER_UID;
        peer->uid = (uint32_t)uid;
    }
    if (gid != (gid_t)-1) {
        peer->known |= CORDON_PEER_GID;
        peer->gid = (uint32_t)gid;
    }
    if (pid > 0) { /* 0: of another process namespace */
        peer->known |= CORDON_PEER_PID;
        peer->pid = (uint64_t)pid;
    }
}

#if defined(__linux__) || defined(__OpenBSD__)

static int ask(cordon__identity *peer, int fd)
{
#    if defined(__linux__)
    struct ucred told;
#    else
    struct sockpeercred told;
#    endif
    socklen_t size = sizeof told;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &told, &size) != 0)
        return errno;
    learn(peer, told.uid, told.gid, (long)told.pid);
    return 0;
}

#elif defined(__NetBSD__)

static int ask(cordon__identity *peer, int fd)
{
    struct unpcbid told;
    socklen_t      size = sizeof told;

    if (getsockopt(fd, 0, LOCAL_PEEREID, &told, &size) != 0)
        return errno;
    learn(peer, told.unp_euid, told.unp_egid, (long)told.unp_pid);
    return 0;
}

#else

static int ask(cordon__identity *peer, int fd)
{
    uid_t uid;
    gid_t gid;
    pid_t pid = 0;

    if (getpeereid(fd, &uid, &gid) != 0)
        return errno;
#    if defined(LOCAL_PEERPID)
    {
        socklen_t size = sizeof pid;

        if (getsockopt(fd, SOL_LOCAL, LOCAL_PEERPID, &pid, &size) != 0)
            pid = 0;
    }
#    endif
    learn(peer, uid, gid, (long)pid);
    return 0;
}

#endif

int cordon__peer_ask(cordon__identity *peer, intptr_t handle, int is_server, cordon_fault *fault)
{
    const int error = ask(peer, (int)handle);

    (void)is_server;
    /* A peer that has gone already has no name on some systems. */
    if (error == ENOTCONN || error == EINVAL)
        return cordon__fault_os(fault, CORDON_ECLOSED, step, (uint32_t)error, NULL);
    return error == 0 ? CORDON_OK : cordon__posix_fault(fault, step, error, NULL);
}

#if defined(__linux__)

/* What the kernel says instead of a user that our namespace has no number for. */
static uint32_t overflow_uid(void)
{
    char    text[16];
    ssize_t got = -1;
    int     fd = open("/proc/sys/kernel/overflowuid", O_RDONLY | O_CLOEXEC);

    if (fd >= 0) {
        got = read(fd, text, sizeof text - 1);
        close(fd);
    }
    if (got <= 0)
        return 65534;
    text[got] = '\0';
    return (uint32_t)strtoul(text, NULL, 10);
}

#else
#    define overflow_uid() UINT32_MAX /* every user has a number there; this one is nobody's */
#endif

cordon__own cordon__peer_own(void)
{
    return (cordon__own){(uint32_t)geteuid(), overflow_uid()};
}

int cordon__peer_is_ours(const cordon__identity *peer, uint32_t own, uint32_t overflow,
                         unsigned flags)
{
    if (!(peer->known & CORDON_PEER_UID) || peer->uid == overflow)
        return 0;
    return peer->uid == own || (peer->uid == 0 && (flags & CORDON_TRUST_ROOT));
}

int cordon__peer_judge(const cordon__identity *peer, cordon__own own, unsigned flags,
                       cordon_fault *fault)
{
    if (cordon__peer_is_ours(peer, own.uid, own.nobody, flags))
        return CORDON_OK;
    if (!(peer->known & CORDON_PEER_UID) || peer->uid == own.nobody)
        return cordon__fault_found(fault, CORDON_EIMPOSTOR, step, NULL, own.uid, peer->uid,
                                   "the kernel cannot name its user");
    return cordon__fault_found(fault, CORDON_EIMPOSTOR, step, NULL, own.uid, peer->uid,
                               "its user is not ours");
}
