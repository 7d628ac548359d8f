/* The secret file: read with suspicion, replaced at once and durably. */
#include "../dialect.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../name.h"
#include "place.h"

#define SECRET_MAX 256    /* bytes that cordon__secret_remove compares */
#define HALF       ".new" /* not yet whole */

static const char read_step[] = "read token";
static const char write_step[] = "write token";
static const char remove_step[] = "remove token";

int cordon__file_check(const cordon__place *place, const char *path, const struct stat *info,
                       const char *during, cordon_fault *fault)
{
    const mode_t mode = info->st_mode & 07777;
    char         text[64];

    if (!S_ISREG(info->st_mode)) {
        snprintf(text, sizeof text, "%s instead of a plain file", cordon__kind_name(info->st_mode));
        return cordon__place_unsafe(place, fault, during, path, 0, 0, text);
    }
    if (info->st_uid != place->uid)
        return cordon__place_unsafe(place, fault, during, path, place->uid, info->st_uid,
                                    "this file belongs to another user");
    if (mode & (S_IRWXG | S_IRWXO))
        return cordon__place_unsafe(place, fault, during, path, 0600, mode,
                                    "mode: this file is open to others; remove it");
    return CORDON_OK;
}

int cordon__file_explain(const cordon__place *place, const cordon__spot *spot, int error,
                         const char *during, cordon_fault *fault)
{
    struct stat info;
    int         code = CORDON_OK;

    if (error != EMFILE && error != ENFILE && error != ENOMEM &&
        fstatat(spot->dir, spot->file, &info, AT_SYMLINK_NOFOLLOW) == 0)
        code = cordon__file_check(place, spot->path, &info, during, fault);
    if (code != CORDON_OK)
        return code;
    return cordon__place_fault(place, fault, during, error, spot->path);
}

/* ---- load ---------------------------------------------------------------------- */

/* Bytes read, at most size; -1 and errno. */
static ssize_t read_whole(int fd, void *data, size_t size)
{
    size_t  have = 0;
    ssize_t got;

    while (have < size) {
        got = read(fd, (char *)data + have, size - have);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        have += (size_t)got;
    }
    return (ssize_t)have;
}

static int load_open(int fd, const cordon__place *place, const cordon__spot *spot, void *data,
                     size_t size, cordon_fault *fault)
{
    struct stat info;
    ssize_t     got;
    int         code;

    if (fstat(fd, &info) != 0)
        return cordon__place_fault(place, fault, read_step, errno, spot->path);
    code = cordon__file_check(place, spot->path, &info, read_step, fault);
    if (code != CORDON_OK)
        return code;
    if (info.st_size != (off_t)size)
        return CORDON__MALFORMED_FILE;
    got = read_whole(fd, data, size);
    if (got < 0)
        return cordon__place_fault(place, fault, read_step, errno, spot->path);
    return (size_t)got == size ? CORDON_OK : CORDON__MALFORMED_FILE;
}

int cordon__secret_load(cordon__place *place, void *data, size_t size, cordon_fault *fault)
{
    const cordon__spot spot = cordon__spot_of(place, CORDON_TOKEN);
    /* Non-blocking: a pipe in its place must not make us wait for a writer. */
    const int fd =
        openat(spot.dir, spot.file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    int code;

    if (fd < 0)
        return errno == ENOENT ? CORDON__ABSENT
                               : cordon__file_explain(place, &spot, errno, read_step, fault);
    code = load_open(fd, place, &spot, data, size, fault);
    close(fd);
    if (code == CORDON_OK)
        cordon__place_done(place, read_step, spot.path, NULL);
    return code;
}

/* ---- store --------------------------------------------------------------------- */

static int write_whole(int fd, const void *data, size_t size)
{
    size_t  done = 0;
    ssize_t put;

    while (done < size) {
        put = write(fd, (const char *)data + done, size - done);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -1;
        if (put == 0) {
            errno = ENOSPC;
            return -1;
        }
        done += (size_t)put;
    }
    return 0;
}

/* Killed before its rename: a plain file of ours, whatever a umask made of its mode. */
static int clear_half(const cordon__place *place, const cordon__spot *spot, const char *half,
                      cordon_fault *fault)
{
    struct stat info;

    if (fstatat(spot->dir, half, &info, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? CORDON_OK
                               : cordon__place_fault(place, fault, write_step, errno, spot->path);
    if (!S_ISREG(info.st_mode) || info.st_uid != place->uid)
        return cordon__place_unsafe(place, fault, write_step, spot->path, place->uid, info.st_uid,
                                    "beside it, \"" HALF "\" is not a plain file of ours");
    if (unlinkat(spot->dir, half, 0) != 0 && errno != ENOENT)
        return cordon__place_fault(place, fault, write_step, errno, spot->path);
    return CORDON_OK;
}

/* Some file systems cannot sync a directory: what they have is as durable as it gets. */
static int sync_directory(int dir)
{
    return fsync(dir) == 0 || errno == EINVAL || errno == ENOTSUP ? 0 : -1;
}

/* 0 or errno; then nothing of it is left. */
static int write_half(const cordon__spot *spot, const char *half, const void *data, size_t size)
{
    const int fd = openat(spot->dir, half,
                          O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC, 0600);
    int       error = 0;

    if (fd < 0)
        return errno;
    if (fchmod(fd, 0600) != 0 || write_whole(fd, data, size) != 0 || fsync(fd) != 0)
        error = errno;
    if (close(fd) != 0 && error == 0 && errno != EINTR)
        error = errno;
    if (error != 0)
        unlinkat(spot->dir, half, 0);
    return error;
}

static int give_name(const cordon__spot *spot, const char *half)
{
    int error;

    if (renameat(spot->dir, half, spot->dir, spot->file) != 0) {
        error = errno;
        unlinkat(spot->dir, half, 0);
        return error;
    }
    if (sync_directory(spot->dir) != 0) {
        error = errno;
        unlinkat(spot->dir, spot->file, 0);
        return error;
    }
    return 0;
}

int cordon__secret_store(cordon__place *place, const void *data, size_t size, cordon_fault *fault)
{
    const cordon__spot spot = cordon__spot_of(place, CORDON_TOKEN);
    char               half[CORDON__NAME_MAX + 16];
    int                error;
    int                code;

    snprintf(half, sizeof half, "%s%s", spot.file, HALF);
    code = clear_half(place, &spot, half, fault);
    if (code != CORDON_OK)
        return code;
    error = write_half(&spot, half, data, size);
    if (error == 0)
        error = give_name(&spot, half);
    if (error == EISDIR)
        return cordon__place_unsafe(place, fault, write_step, spot.path, 0, 0,
                                    "a directory instead of a plain file");
    if (error != 0)
        return cordon__place_fault(place, fault, write_step, error, spot.path);
    cordon__place_done(place, write_step, spot.path, NULL);
    return CORDON_OK;
}

/* ---- remove -------------------------------------------------------------------- */

int cordon__secret_remove(cordon__place *place, const void *data, size_t size, cordon_fault *fault)
{
    const cordon__spot spot = cordon__spot_of(place, CORDON_TOKEN);
    char               there[SECRET_MAX];
    int                is_ours;

    assert(size <= sizeof there);
    is_ours = cordon__secret_load(place, there, size, fault) == CORDON_OK &&
              memcmp(there, data, size) == 0;
    cordon__wipe(there, sizeof there);
    if (is_ours && unlinkat(spot.dir, spot.file, 0) == 0)
        cordon__place_done(place, remove_step, spot.path, NULL);
    return CORDON_OK;
}
