/*
 * Exclusive locks that die with their holder: flock on a file that is never
 * removed. (fcntl's locks vanish when any descriptor of the file is closed, and
 * do not exclude within a process.)
 */
#include "../dialect.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include <uv.h>

#include "place.h"

#define TRIES_MAX 100 /* of a lock file that somebody removes again and again */

static const char step[] = "take lock";

struct cordon__lock {
    cordon__memory memory;
    uint64_t       pid; /* of the process that took it */
    int            fd;
};

/* A umask may have left it without our own bits if its maker was killed at once. */
static int is_half_made(const cordon__place *place, const struct stat *info)
{
    const mode_t mode = info->st_mode & 07777;

    return S_ISREG(info->st_mode) && info->st_uid == place->uid && info->st_nlink == 1 &&
           (mode & (mode_t)~0600) == 0 && mode != 0600;
}

static int repair_by_name(const cordon__place *place, const cordon__spot *spot)
{
    struct stat info;

    return fstatat(spot->dir, spot->file, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
           is_half_made(place, &info) && fchmodat(spot->dir, spot->file, 0600, 0) == 0;
}

static int open_file(int *fd, const cordon__place *place, const cordon__spot *spot,
                     cordon_fault *fault)
{
    const int how = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;

    *fd = openat(spot->dir, spot->file, how, 0600);
    if (*fd < 0 && errno == EACCES) {
        if (repair_by_name(place, spot))
            *fd = openat(spot->dir, spot->file, how, 0600);
        else
            errno = EACCES;
    }
    return *fd >= 0 ? CORDON_OK : cordon__file_explain(place, spot, errno, step, fault);
}

int cordon__lock_judge(const cordon__place *place, const char *path, const struct stat *info,
                       const char *during, cordon_fault *fault)
{
    int code = cordon__file_check(place, path, info, during, fault);

    if (code != CORDON_OK)
        return code;
    if ((info->st_mode & 07177) != 0)
        return cordon__place_unsafe(place, fault, during, path, 0600, info->st_mode & 07777,
                                    "mode of a lock file; remove it");
    if (info->st_nlink > 1)
        return cordon__place_unsafe(place, fault, during, path, 1, info->st_nlink,
                                    "this file has more than one name");
    return CORDON_OK;
}

static int check_file(int fd, const cordon__place *place, const cordon__spot *spot,
                      struct stat *info, cordon_fault *fault)
{
    if (fstat(fd, info) != 0)
        return cordon__place_fault(place, fault, step, errno, spot->path);
    if (is_half_made(place, info)) {
        if (fchmod(fd, 0600) != 0 || fstat(fd, info) != 0)
            return cordon__place_fault(place, fault, step, errno, spot->path);
    }
    return cordon__lock_judge(place, spot->path, info, step, fault);
}

static int is_named(const cordon__spot *spot, const struct stat *info)
{
    struct stat there;

    return fstatat(spot->dir, spot->file, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
           there.st_dev == info->st_dev && there.st_ino == info->st_ino;
}

/* 0: *fd is locked. CORDON__HELD. */
static int take(int *fd, const cordon__place *place, const cordon__spot *spot, cordon_fault *fault)
{
    struct stat info;
    int         error;
    int         code;

    for (int tries = 0; tries < TRIES_MAX; tries++) {
        code = open_file(fd, place, spot, fault);
        if (code != CORDON_OK)
            return code;
        code = check_file(*fd, place, spot, &info, fault);
        if (code != CORDON_OK)
            goto fail;
        while (flock(*fd, LOCK_EX | LOCK_NB) != 0) {
            error = errno;
            if (error == EINTR)
                continue;
            code = error == EWOULDBLOCK
                       ? CORDON__HELD
                       : cordon__place_fault(place, fault, step, error, spot->path);
            goto fail;
        }
        /* A lock on a file that has lost its name excludes nobody. */
        if (is_named(spot, &info))
            return CORDON_OK;
        close(*fd);
    }
    return CORDON__HELD;
fail:
    close(*fd);
    return code;
}

/* For people, who may find it after a crash. Nothing rests on it, so no error either. */
static void write_holder(int fd)
{
    char            program[512] = "?";
    char            text[600];
    size_t          size = sizeof program;
    const time_t    now = time(NULL);
    struct tm       utc;
    char            when[32] = "?";
    const long long pid = (long long)cordon__pid();
    ssize_t         put;
    int             used;

    if (gmtime_r(&now, &utc))
        strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &utc);
    uv_exepath(program, &size);
    used = snprintf(text, sizeof text, "%lld %s %s\n", pid, when, program);
    if (ftruncate(fd, 0) == 0) {
        put = pwrite(fd, text, (size_t)used, 0);
        (void)put;
    }
}

int cordon__lock_take(cordon__lock **lock, cordon__place *place, enum cordon_place which,
                      cordon_fault *fault)
{
    const cordon__spot spot = cordon__spot_of(place, which);
    cordon__lock      *made = cordon__allocate(&place->memory, sizeof *made);
    int                code;

    if (!made)
        return cordon__fault_set(fault, CORDON_ENOMEM, step);
    code = take(&made->fd, place, &spot, fault);
    if (code != CORDON_OK) {
        cordon__release(&place->memory, made);
        return code;
    }
    made->memory = place->memory;
    made->pid = cordon__pid();
    write_holder(made->fd);
    cordon__place_done(place, step, spot.path, NULL);
    *lock = made;
    return CORDON_OK;
}

int cordon__lock_is_named(const cordon__lock *lock, const cordon__place *place,
                          enum cordon_place which)
{
    const cordon__spot spot = cordon__spot_of(place, which);
    struct stat        info;

    return fstat(lock->fd, &info) == 0 && is_named(&spot, &info);
}

void cordon__lock_unname(cordon__lock *lock)
{
    if (lock->pid == cordon__pid() && ftruncate(lock->fd, 0) != 0)
        return; /* it is for people */
}

uint64_t cordon__lock_named(const cordon__place *place, enum cordon_place which)
{
    const cordon__spot spot = cordon__spot_of(place, which);
    char               text[32];
    ssize_t            got;
    int fd = openat(spot.dir, spot.file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    if (fd < 0)
        return errno == ENOENT ? 0 : CORDON__NEVER;
    got = read(fd, text, sizeof text - 1);
    close(fd);
    if (got < 0)
        return CORDON__NEVER;
    text[got] = '\0';
    return strtoull(text, NULL, 10);
}

void cordon__lock_release(cordon__lock *lock)
{
    if (!lock)
        return;
    if (lock->pid == cordon__pid()) { /* else the parent's lock would go */
        const int is_empty = ftruncate(lock->fd, 0) == 0;
        const int is_free = flock(lock->fd, LOCK_UN) == 0;

        (void)is_empty, (void)is_free; /* closing frees it in any case */
    }
    close(lock->fd);
    cordon__release(&lock->memory, lock);
}
