/*
 * The listening end. All of it happens under the lifetime lock.
 *
 * A socket that does not listen refuses everybody: so there is no window
 * between bind and the mode that it gets.
 */
#include "../dialect.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "listener.h"
#include "socket.h"

#define BACKLOG 128 /* when nobody says how many */

static const char clear_step[] = "clear address";
static const char bind_step[] = "bind";
static const char accept_step[] = "accept";
static const char look_step[] = "look at address";

/* ---- what a dead server left ------------------------------------------------------ */

static int refuse_kind(const cordon__place *place, const char *path, const struct stat *info,
                       const char *during, cordon_fault *fault)
{
    char text[80];

    if (S_ISSOCK(info->st_mode))
        return cordon__place_unsafe(place, fault, during, path, place->uid, info->st_uid,
                                    "this socket belongs to another user");
    snprintf(text, sizeof text, "%s, not a socket of ours: remove it",
             cordon__kind_name(info->st_mode));
    return cordon__place_unsafe(place, fault, during, path, 0, 0, text);
}

static int clear_socket(const cordon__place *place, int dir, const char *path, cordon_fault *fault)
{
    const char *file = strrchr(path, '/') + 1;
    struct stat info;

    if (fstatat(dir, file, &info, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno != ENOENT)
            return cordon__place_fault(place, fault, clear_step, errno, path);
        cordon__place_done(place, clear_step, path, "nothing there");
        return CORDON_OK;
    }
    if (!S_ISSOCK(info.st_mode) || info.st_uid != place->uid)
        return refuse_kind(place, path, &info, clear_step, fault);
    if (unlinkat(dir, file, 0) != 0 && errno != ENOENT)
        return cordon__place_fault(place, fault, clear_step, errno, path);
    cordon__place_done(place, clear_step, path, "removed a stale socket");
    return CORDON_OK;
}

/* Where an old link led. A directory that fails the checks now is nothing to us: only the link
 * goes. */
static void clear_target(cordon__place *place)
{
    cordon_fault ignored = CORDON_FAULT_INIT;
    char         target[CORDON__ADDRESS_MAX + 1];

    if (cordon__link_read(target, place, &ignored) == CORDON_OK &&
        strcmp(target, place->paths[CORDON_ADDRESS]) != 0 &&
        cordon__link_directory(place, target, &ignored) == CORDON_OK)
        clear_socket(place, place->other_dir.fd, target, &ignored);
}

int cordon__address_clear(cordon__place *place, cordon_fault *fault)
{
    const cordon__spot spot = cordon__spot_of(place, CORDON_ADDRESS);
    int                code;

    if (place->layout == CORDON__LINKED) {
        clear_target(place);
        code = cordon__link_clear(place, fault);
        if (code != CORDON_OK)
            return code;
    }
    return clear_socket(place, spot.dir, spot.path, fault);
}

/* ---- listen ------------------------------------------------------------------------- */

static int is_bound(const cordon__listener *listener, const struct stat *info)
{
    return S_ISSOCK(info->st_mode) && info->st_uid == listener->place->uid &&
           info->st_dev == listener->dev && info->st_ino == listener->ino;
}

/* Not looked at yet (no inode): under the lock a socket of ours there is the one just bound. */
static void remove_if_bound(const cordon__listener *listener, const cordon__spot *spot)
{
    struct stat info;

    if (fstatat(spot->dir, spot->file, &info, AT_SYMLINK_NOFOLLOW) != 0)
        return;
    if (listener->ino == 0 ? S_ISSOCK(info.st_mode) && info.st_uid == listener->place->uid
                           : is_bound(listener, &info))
        unlinkat(spot->dir, spot->file, 0);
}

static int bind_socket(const cordon__listener *listener, const cordon__spot *spot,
                       cordon_fault *fault)
{
    struct sockaddr_un address;
    const socklen_t    size = cordon__socket_address(&address, spot->path);

    if (bind(listener->fd, (const struct sockaddr *)&address, size) == 0)
        return CORDON_OK;
    if (errno == EADDRINUSE)
        return cordon__place_unsafe(listener->place, fault, bind_step, spot->path, 0, 0,
                                    "something has just been put there");
    return cordon__place_fault(listener->place, fault, bind_step, errno, spot->path);
}

/* Ours, a socket, 0600: looked at by name before it counts, and again after. */
static int close_to_others(cordon__listener *listener, const cordon__spot *spot,
                           cordon_fault *fault)
{
    const cordon__place *place = listener->place;
    struct stat          info;

    if (fstatat(spot->dir, spot->file, &info, AT_SYMLINK_NOFOLLOW) != 0)
        return cordon__place_fault(place, fault, bind_step, errno, spot->path);
    if (!S_ISSOCK(info.st_mode) || info.st_uid != place->uid)
        return refuse_kind(place, spot->path, &info, bind_step, fault);
    listener->dev = info.st_dev;
    listener->ino = info.st_ino;
    if (fchmodat(spot->dir, spot->file, 0600, 0) != 0 ||
        fstatat(spot->dir, spot->file, &info, AT_SYMLINK_NOFOLLOW) != 0)
        return cordon__place_fault(place, fault, bind_step, errno, spot->path);
    if (!is_bound(listener, &info))
        return refuse_kind(place, spot->path, &info, bind_step, fault);
    if ((info.st_mode & 07777) != 0600)
        return cordon__place_unsafe(place, fault, bind_step, spot->path, 0600, info.st_mode & 07777,
                                    "mode of the socket did not change");
    return CORDON_OK;
}

static int publish(cordon__listener *listener, unsigned backlog, cordon_fault *fault)
{
    const cordon__place *place = listener->place;
    const cordon__spot   spot = cordon__spot_of(place, CORDON_ADDRESS);
    int                  code = bind_socket(listener, &spot, fault);

    if (code != CORDON_OK)
        return code;
    code = close_to_others(listener, &spot, fault);
    if (code != CORDON_OK)
        goto fail;
    cordon__place_done(place, bind_step, spot.path, NULL);
    if (backlog == 0)
        backlog = BACKLOG;
    if (listen(listener->fd, backlog < INT_MAX ? (int)backlog : INT_MAX) != 0) {
        code = cordon__place_fault(place, fault, "listen", errno, spot.path);
        goto fail;
    }
    cordon__place_done(place, "listen", spot.path, NULL);
    if (place->layout == CORDON__LINKED)
        code = cordon__link_publish(place, fault);
    if (code == CORDON_OK)
        return CORDON_OK;
fail:
    remove_if_bound(listener, &spot);
    return code;
}

int cordon__listen(cordon__listener **listener, cordon__place *place, unsigned backlog,
                   unsigned flags, cordon_fault *fault)
{
    cordon__listener *made = cordon__allocate(&place->memory, sizeof *made);
    int               code;

    (void)flags; /* none of them is ours */
    if (!made)
        return cordon__fault_set(fault, CORDON_ENOMEM, bind_step);
    made->memory = place->memory;
    made->place = place;
    made->pid = cordon__pid();
    made->fd = cordon__socket_open();
    if (made->fd < 0) {
        code = cordon__place_fault(place, fault, "socket", errno, place->paths[CORDON_ADDRESS]);
        goto fail;
    }
    code = publish(made, backlog, fault);
    if (code != CORDON_OK)
        goto fail_socket;
    *listener = made;
    return CORDON_OK;
fail_socket:
    close(made->fd);
fail:
    cordon__release(&place->memory, made);
    return code;
}

int cordon__accept(intptr_t *handle, cordon__listener *listener, cordon_fault *fault)
{
    /* Mostly nobody else waits, and if somebody does we are told again: not asked for in vain. */
    if (listener->is_told && listener->is_taken)
        return CORDON__NOBODY;
    for (;;) {
        const int fd = cordon__socket_accept(listener->fd);

        if (fd >= 0) {
            *handle = fd;
            listener->is_taken = 1;
            return CORDON_OK;
        }
        switch (errno) {
        case EINVAL:
            if (!listener->is_shut)
                break;
            return CORDON__NOBODY;
        case EAGAIN:
#if EWOULDBLOCK != EAGAIN
        case EWOULDBLOCK:
#endif
            return CORDON__NOBODY;
        case EINTR:
        case ECONNABORTED: /* came and went */
            continue;
        case ENOMEM:
            errno = ENOBUFS; /* waiting helps */
            break;
        default:
            break;
        }
        return cordon__posix_fault(fault, accept_step, errno,
                                   listener->place->paths[CORDON_ADDRESS]);
    }
}

/* ---- on a loop ------------------------------------------------------------------------ */

static void somebody_waits(uv_poll_t *handle, int status, int events)
{
    cordon__listener *listener = handle->data;

    /* An error is told by the accept that follows. */
    (void)status;
    (void)events;
    listener->is_told = 1;
    listener->is_taken = 0;
    listener->on_waiting(listener->owner);
    listener->is_told = 0;
}

int cordon__listener_attach(cordon__listener *listener, struct uv_loop_s *uv,
                            void (*on_waiting)(void *owner), void *owner, cordon_fault *fault)
{
    int code = uv_poll_init(uv, &listener->handle, listener->fd);

    if (code != 0)
        return cordon__posix_fault(fault, "attach", -code, NULL);
    listener->handle.data = listener;
    listener->on_waiting = on_waiting;
    listener->owner = owner;
    listener->is_attached = 1;
    cordon__listener_pause(listener, 0);
    return CORDON_OK;
}

void cordon__listener_pause(cordon__listener *listener, int is_paused)
{
    int code = is_paused ? uv_poll_stop(&listener->handle)
                         : uv_poll_start(&listener->handle, UV_READABLE, somebody_waits);

    assert(code == 0); /* it only fails for what we do not ask */
    (void)code;
}

/* ---- is it still ours? ------------------------------------------------------------------ */

static int look_at_link(const cordon__place *place, cordon_fault *fault)
{
    char target[CORDON__ADDRESS_MAX + 1];
    int  code = cordon__link_read(target, place, fault);

    if (code == CORDON__ABSENT)
        return CORDON__GONE;
    if (code == CORDON_OK && strcmp(target, place->paths[CORDON_ADDRESS]) == 0)
        return CORDON_OK;
    if (code == CORDON_OK)
        cordon__place_unsafe(place, fault, look_step, place->link, 0, 0,
                             "the link leads to another server's address");
    return CORDON__REPLACED;
}

static int look_at_socket(const cordon__listener *listener, cordon_fault *fault)
{
    const cordon__place *place = listener->place;
    const cordon__spot   spot = cordon__spot_of(place, CORDON_ADDRESS);
    struct stat          info;

    if (fstatat(spot.dir, spot.file, &info, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT)
            return CORDON__GONE;
        return cordon__place_fault(place, fault, look_step, errno, spot.path);
    }
    if (is_bound(listener, &info))
        return CORDON_OK;
    cordon__place_unsafe(place, fault, look_step, spot.path, listener->ino, info.st_ino,
                         "not the socket (inode) that we put there");
    return CORDON__REPLACED;
}

/* The whole directory may have been moved or removed. */
static int is_in_place(cordon__dir *dir, const char *path)
{
    if (cordon__dir_is_at(dir, path))
        return 1;
    cordon__dir_close(dir); /* to be checked anew */
    return 0;
}

int cordon__listener_look(cordon__listener *listener, cordon_fault *fault)
{
    cordon__place *place = listener->place;
    int            code;

    if (place->layout != CORDON__AWAY && !is_in_place(&place->home, place->paths[CORDON_DIRECTORY]))
        return CORDON__GONE;
    if (place->annex && !is_in_place(&place->annex_dir, place->annex))
        return CORDON__GONE;
    code = look_at_socket(listener, fault);
    if (code != CORDON_OK || place->layout != CORDON__LINKED)
        return code;
    code = look_at_link(place, fault);
    /* The socket is still there and not ours to make anew: only the link is. */
    return code == CORDON__GONE && listener->is_given ? cordon__link_publish(place, fault) : code;
}

/* ---- the end ---------------------------------------------------------------------------- */

/*
 * Who had found the socket file just before it went may still get into the queue after the last
 * look at it. Linux lets us close the queue behind those who are in it.
 */
static int shut(int fd)
{
#if defined(__linux__)
    return shutdown(fd, SHUT_RD) == 0;
#else
    (void)fd;
    return 0;
#endif
}

void cordon__unlisten(cordon__listener *listener)
{
    const cordon__place *place = listener->place;
    const cordon__spot   spot = cordon__spot_of(place, CORDON_ADDRESS);

    if (listener->pid != cordon__pid() || listener->is_given)
        return;
    /* The link first: it must never lead to an address that may be somebody else's. And before
     * the listener closes: its inode number would be free for another. */
    if (place->layout == CORDON__LINKED)
        cordon__link_remove(place);
    remove_if_bound(listener, &spot);
    listener->is_shut = shut(listener->fd);
}

static void release(cordon__listener *listener)
{
    void (*on_closed)(void *) = listener->on_closed;
    void *owner = listener->owner;

    cordon__release(&listener->memory, listener);
    if (on_closed)
        on_closed(owner);
}

static void handle_closed(uv_handle_t *handle)
{
    release(handle->data);
}

void cordon__listener_close(cordon__listener *listener, void (*on_closed)(void *owner))
{
    if (!listener)
        return;
    if (listener->pid != cordon__pid()) {
        close(listener->fd);
        if (!listener->is_attached) /* else the loop's memory still links it */
            cordon__release(&listener->memory, listener);
        return;
    }
    listener->on_closed = on_closed;
    if (listener->is_attached)
        uv_close((uv_handle_t *)&listener->handle, handle_closed);
    close(listener->fd);
    if (!listener->is_attached)
        release(listener);
}
