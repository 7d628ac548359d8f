/*
 * Descriptors beside the bytes, as SCM_RIGHTS of the send that a frame begins with.
 *
 * Every read has room for as many as a message may have, and looks at all that comes along: what
 * is not looked at would be ours without our knowing.
 */
#include "../dialect.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "place.h"
#include "socket.h"

#define PIECES_MAX 4

#ifndef MSG_NOSIGNAL
#    define MSG_NOSIGNAL 0 /* then there is SO_NOSIGPIPE */
#endif
#ifdef MSG_CMSG_CLOEXEC
#    define RECEIVE_FLAGS (MSG_DONTWAIT | MSG_CMSG_CLOEXEC)
#else
#    define RECEIVE_FLAGS MSG_DONTWAIT
#endif

static const char pair_step[] = "pair";
static const char adopt_step[] = "adopt";
static const char send_step[] = "send";
static const char receive_step[] = "receive";

/* What comes along with a send, aligned as the system wants it. */
typedef union rights {
    struct cmsghdr head;
    char           room[CMSG_SPACE(CORDON__HANDLES_MAX * sizeof(int))];
} rights;

/* ---- The pair ------------------------------------------------------------------- */

int cordon__pair(intptr_t *ours, intptr_t *theirs, cordon_fault *fault)
{
    int one, other;

    if (cordon__socket_pair(&one, &other) != 0)
        return cordon__posix_fault(fault, pair_step, errno, NULL);
    *ours = one;
    *theirs = other;
    return CORDON_OK;
}

static int is_stream_of_this_machine(int fd)
{
    struct sockaddr_storage address;
    struct stat             info;
    socklen_t               size = sizeof address;
    int                     type = 0;
    socklen_t               type_size = sizeof type;

    memset(&address, 0, sizeof address);
    return fstat(fd, &info) == 0 && S_ISSOCK(info.st_mode) &&
           getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size) == 0 && type == SOCK_STREAM &&
           getsockname(fd, (struct sockaddr *)&address, &size) == 0 && address.ss_family == AF_UNIX;
}

int cordon__pair_adopt(intptr_t handle, cordon_fault *fault)
{
    if (handle < 0 || handle > INT_MAX || !is_stream_of_this_machine((int)handle))
        return cordon__fault_found(fault, CORDON_EUNSAFE, adopt_step, NULL, 0, 0,
                                   "it is not one of two connected sockets");
    if (cordon__socket_settle((int)handle) != 0)
        return cordon__posix_fault(fault, adopt_step, errno, NULL);
    return CORDON_OK;
}

/* ---- Out ------------------------------------------------------------------------ */

size_t cordon__handles_size(size_t count)
{
    (void)count;
    return 0;
}

int cordon__handles_pack(uint8_t *values, cordon__ferry *ferry, const intptr_t *handles,
                         size_t count, cordon_fault *fault)
{
    (void)values;
    (void)ferry;
    assert(count <= CORDON__HANDLES_MAX);
    for (size_t i = 0; i < count; i++)
        if (handles[i] < 0 || handles[i] > INT_MAX || fcntl((int)handles[i], F_GETFD) < 0)
            return cordon__fault_os(fault, CORDON_EINVAL, send_step, EBADF, NULL);
    return CORDON_OK;
}

void cordon__handles_undo(cordon__ferry *ferry, const uint8_t *values, size_t count)
{
    (void)ferry;
    (void)values;
    (void)count;
}

static void put_rights(struct msghdr *message, rights *extra, const intptr_t *handles, size_t count)
{
    struct cmsghdr *head = &extra->head;
    int             fds[CORDON__HANDLES_MAX] = {0};

    for (size_t i = 0; i < count; i++)
        fds[i] = (int)handles[i];
    memset(extra, 0, sizeof *extra);
    message->msg_control = extra;
    message->msg_controllen = (socklen_t)CMSG_SPACE(count * sizeof(int));
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = (socklen_t)CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(head), fds, count * sizeof(int));
}

/* The first bytes, and the descriptors with them: bytes sent; -1 and errno. */
static ssize_t send_first(int fd, const cordon_bytes *pieces, size_t count, const intptr_t *handles,
                          size_t handle_count)
{
    struct iovec  parts[PIECES_MAX];
    struct msghdr message;
    rights        extra;
    uint8_t       used = 0;
    ssize_t       sent;

    assert(count <= PIECES_MAX);
    for (size_t i = 0; i < count; i++) {
        parts[used].iov_base = (char *)(uintptr_t)pieces[i].data;
        parts[used++].iov_len = pieces[i].size;
    }
    memset(&message, 0, sizeof message);
    message.msg_iov = parts;
    message.msg_iovlen = used;
    put_rights(&message, &extra, handles, handle_count);
    do
        sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    return sent;
}

static int send_failed(int error, cordon_fault *fault)
{
    if (error == ETOOMANYREFS) {
        cordon__fault_os(fault, CORDON_EBUSY, send_step, (uint32_t)error, NULL);
        cordon__fault_text(fault, "too many descriptors of this user are on their way");
        return CORDON_EBUSY;
    }
    if (error == EBADF)
        return cordon__fault_os(fault, CORDON_EINVAL, send_step, (uint32_t)error, NULL);
    return cordon__posix_fault(fault, send_step, error, NULL);
}

/* What is left of the pieces after `sent` bytes. */
static size_t rest_of(cordon_bytes *rest, const cordon_bytes *pieces, size_t count, size_t sent)
{
    size_t used = 0;

    for (size_t i = 0; i < count; i++) {
        const size_t gone = sent < pieces[i].size ? sent : pieces[i].size;

        sent -= gone;
        if (gone < pieces[i].size)
            rest[used++] =
                (cordon_bytes){(const char *)pieces[i].data + gone, pieces[i].size - gone};
    }
    return used;
}

int cordon__handles_send(cordon__ferry *ferry, const cordon_bytes *pieces, size_t count,
                         const intptr_t *handles, size_t handle_count, size_t *sent,
                         uint64_t deadline, cordon_fault *fault)
{
    cordon_bytes rest[PIECES_MAX];
    size_t       more = 0;
    ssize_t      first;
    int          code;

    *sent = 0;
    if (handle_count == 0)
        return cordon__line_write(ferry->line, pieces, count, sent, deadline, fault);
    for (;;) {
        if (cordon__line_is_interrupted(ferry->line))
            return cordon__fault_set(fault, CORDON_ECANCELED, send_step);
        first = send_first((int)ferry->line->handle, pieces, count, handles, handle_count);
        if (first >= 0)
            break;
        if (errno != EAGAIN && errno != EWOULDBLOCK)
            return send_failed(errno, fault);
        code = cordon__line_await_room(ferry->line, deadline, fault);
        if (code != CORDON_OK)
            return code;
    }
    /* They are on their way; the rest goes without them. */
    count = rest_of(rest, pieces, count, (size_t)first);
    code = cordon__line_write(ferry->line, rest, count, &more, deadline, fault);
    *sent = (size_t)first + more;
    return code;
}

/* ---- In ------------------------------------------------------------------------- */

static int keep_one(cordon__ferry *ferry, int fd)
{
#ifndef MSG_CMSG_CLOEXEC
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
#endif
    if (ferry->count == CORDON__HANDLES_MAX) {
        close(fd);
        return 0;
    }
    ferry->arrived[ferry->count++] = fd;
    return 1;
}

/* All of them become ours. 0: one too many. */
static int keep_rights(cordon__ferry *ferry, const struct cmsghdr *head)
{
    const unsigned char *data = CMSG_DATA(head);
    const size_t         count = ((size_t)head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    int                  is_kept = 1;
    int                  fd;

    for (size_t i = 0; i < count; i++) {
        memcpy(&fd, data + i * sizeof fd, sizeof fd);
        is_kept &= keep_one(ferry, fd);
    }
    return is_kept;
}

/* As CMSG_NXTHDR, which some systems write in a way that compilers complain of. */
static struct cmsghdr *next_of(const struct msghdr *message, struct cmsghdr *head)
{
    char  *from = (char *)message->msg_control;
    size_t at;

    if ((size_t)head->cmsg_len < CMSG_LEN(0))
        return NULL;
    at = (size_t)((char *)head - from) + CMSG_SPACE((size_t)head->cmsg_len - CMSG_LEN(0));
    if (at > (size_t)message->msg_controllen ||
        (size_t)message->msg_controllen - at < sizeof(struct cmsghdr))
        return NULL;
    return (struct cmsghdr *)(void *)(from + at);
}

/* What came along. NULL, or what is wrong with it; all of it is looked at all the same. */
static const char *look_at_control(cordon__ferry *ferry, struct msghdr *message)
{
    const char *wrong = NULL;

    if ((message->msg_flags & MSG_CTRUNC) != 0)
        wrong = "more came along with the bytes than a message may have";
    for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head != NULL;
         head = next_of(message, head)) {
        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
            wrong = "what came along with the bytes are no descriptors";
        else if (!keep_rights(ferry, head))
            wrong = "more descriptors came than a message may have";
    }
    return wrong;
}

static ssize_t receive_some(cordon__ferry *ferry, void *data, size_t size, const char **wrong)
{
    struct iovec  part = {data, size};
    struct msghdr message;
    rights        extra;
    ssize_t       count;

    memset(&message, 0, sizeof message);
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = &extra;
    message.msg_controllen = sizeof extra;
    count = recvmsg((int)ferry->line->handle, &message, RECEIVE_FLAGS);
    *wrong = count >= 0 ? look_at_control(ferry, &message) : NULL;
    return count;
}

int cordon__handles_receive(cordon__ferry *ferry, void *data, size_t size, size_t *got,
                            uint64_t deadline, cordon_fault *fault)
{
    for (;;) {
        const char *wrong;
        short       events = POLLIN;
        ssize_t     count;
        int         code;

        if (cordon__line_is_interrupted(ferry->line))
            return cordon__fault_set(fault, CORDON_ECANCELED, receive_step);
        count = receive_some(ferry, data, size, &wrong);
        if (wrong != NULL) {
            cordon__handles_drop(ferry);
            return cordon__fault_found(fault, CORDON_EPROTOCOL, receive_step, NULL, 0, 0, wrong);
        }
        if (count == 0)
            return cordon__fault_set(fault, CORDON_ECLOSED, receive_step);
        if (count > 0) {
            *got = (size_t)count;
            return CORDON_OK;
        }
        if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
            return cordon__posix_fault(fault, receive_step, errno, NULL);
        code = cordon__line_await(ferry->line, &events, receive_step, deadline, fault);
        if (code != CORDON_OK)
            return code;
    }
}

int cordon__handles_unpack(intptr_t *handles, cordon__ferry *ferry, const uint8_t *values,
                           size_t count, cordon_fault *fault)
{
    const size_t arrived = ferry->count;

    (void)values;
    if (arrived != count) {
        cordon__handles_drop(ferry);
        return cordon__fault_found(fault, CORDON_EPROTOCOL, receive_step, NULL, count, arrived,
                                   "another number of descriptors came than was told");
    }
    if (count > 0)
        memcpy(handles, ferry->arrived, count * sizeof *handles);
    ferry->count = 0;
    return CORDON_OK;
}

void cordon__handles_drop(cordon__ferry *ferry)
{
    while (ferry->count > 0)
        close((int)ferry->arrived[--ferry->count]);
}
