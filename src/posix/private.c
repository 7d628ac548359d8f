/*
 * Owner-only directories.
 *
 * The path is walked as it was written, one component at a time, each looked at
 * by name under a prefix that only root or we can change. So nobody else can
 * swap a component between the look and its use.
 */
#include "../dialect.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "place.h"

#define LINKS_MAX 40  /* on one way, as the kernel has it */
#define TRIES_MAX 100 /* of one component that others make and remove */

static const char check_step[] = "check directory";
static const char make_step[] = "make directory";

typedef struct walk {
    const cordon__place *place;
    cordon_fault        *fault;
    int                  flags;
    unsigned             links;
    struct stat          here;           /* what `real` is */
    size_t               size;           /* of real */
    char                 real[PATH_MAX]; /* so far; no link in it */
    char                 rest[PATH_MAX]; /* still to go */
} walk;

static int walk_failed(const walk *way, const char *during, int error)
{
    return cordon__place_fault(way->place, way->fault, during, error, way->real);
}

static int walk_refused(const walk *way, uint64_t expected, uint64_t actual, const char *text)
{
    return cordon__place_unsafe(way->place, way->fault, check_step, way->real, expected, actual,
                                text);
}

static int is_trusted(const walk *way, uid_t owner)
{
    return owner == 0 || owner == way->place->uid;
}

static int is_open_to_all(const struct stat *info)
{
    return (info->st_mode & S_IWOTH) != 0;
}

/* The next component leaves `rest`: its size; 0: there is none. */
static size_t next_component(walk *way, char *name)
{
    const size_t skip = strspn(way->rest, "/");
    const size_t size = strcspn(way->rest + skip, "/");

    memcpy(name, way->rest + skip, size);
    name[size] = '\0';
    memmove(way->rest, way->rest + skip + size, strlen(way->rest + skip + size) + 1);
    return size;
}

/* Whoever may write to an ancestor could put another directory in our place. */
static int check_ancestor(const walk *way)
{
    if (!is_trusted(way, way->here.st_uid))
        return walk_refused(way, way->place->uid, way->here.st_uid,
                            "this directory above ours belongs to another user");
    if (is_open_to_all(&way->here) && !(way->here.st_mode & S_ISVTX))
        return walk_refused(way, 01777, way->here.st_mode & 07777,
                            "mode of a directory above ours: everybody may rename what is in it");
    return CORDON_OK;
}

static int append(walk *way, const char *name, size_t size)
{
    const int is_root = way->size == 1;

    if (sizeof way->real - way->size < size + 2)
        return walk_failed(way, check_step, ENAMETOOLONG);
    if (!is_root)
        way->real[way->size++] = '/';
    memcpy(way->real + way->size, name, size + 1);
    way->size += size;
    return CORDON_OK;
}

static void cut(walk *way)
{
    while (way->size > 1 && way->real[way->size - 1] != '/')
        way->size--;
    if (way->size > 1)
        way->size--;
    way->real[way->size] = '\0';
}

static int look(walk *way)
{
    return lstat(way->real, &way->here) == 0 ? CORDON_OK : walk_failed(way, check_step, errno);
}

/* `real` is a link and `here` what it is in. */
static int follow(walk *way, const struct stat *link)
{
    char    text[PATH_MAX];
    ssize_t size;

    if (!is_trusted(way, link->st_uid))
        return walk_refused(way, way->place->uid, link->st_uid,
                            "this symbolic link belongs to another user");
    if (is_open_to_all(&way->here))
        return walk_refused(way, 0755, way->here.st_mode & 07777,
                            "mode of the directory that this symbolic link is in");
    if (++way->links > LINKS_MAX)
        return walk_failed(way, check_step, ELOOP);
    size = readlink(way->real, text, sizeof text);
    if (size < 0)
        return walk_failed(way, check_step, errno);
    if (sizeof text - (size_t)size < strlen(way->rest) + 2)
        return walk_failed(way, check_step, ENAMETOOLONG);
    text[size++] = '/';
    memcpy(text + size, way->rest, strlen(way->rest) + 1);
    memcpy(way->rest, text, (size_t)size + strlen(text + size) + 1);
    if (text[0] == '/')
        way->size = 1, way->real[1] = '\0';
    else
        cut(way);
    return look(way);
}

/* By name, as a umask of 0777 leaves a directory that we cannot open. */
static int open_to_us(const walk *way, const char *text)
{
    if (chmod(way->real, 0700) != 0)
        return walk_failed(way, make_step, errno);
    cordon__place_done(way->place, make_step, way->real, text);
    return CORDON_OK;
}

static int make(const walk *way)
{
    int code;

    if (mkdir(way->real, 0700) != 0)
        return errno == EEXIST ? CORDON_OK : walk_failed(way, make_step, errno);
    code = open_to_us(way, NULL);
    if (code != CORDON_OK)
        rmdir(way->real);
    return code;
}

/* Ours and closed to everybody: killed between mkdir and chmod, or just there by another. */
static int is_half_made(const walk *way)
{
    return S_ISDIR(way->here.st_mode) && way->here.st_uid == way->place->uid &&
           (way->here.st_mode & 07777) == 0;
}

static int step_into(walk *way, const char *name, size_t size)
{
    const struct stat above = way->here;
    int               code = append(way, name, size);

    for (int tries = 0; code == CORDON_OK; tries++) {
        if (lstat(way->real, &way->here) != 0) {
            if (errno != ENOENT || tries == TRIES_MAX)
                return walk_failed(way, check_step, errno);
            if (!(way->flags & CORDON__MAKE))
                return cordon__place_missing(way->place, way->fault, check_step, way->real);
            code = make(way);
        } else if (is_half_made(way)) {
            if (!(way->flags & CORDON__MAKE))
                return cordon__place_missing(way->place, way->fault, check_step, way->real);
            return open_to_us(way, "was left half-made");
        } else if (S_ISLNK(way->here.st_mode)) {
            const struct stat link = way->here;

            way->here = above;
            return follow(way, &link);
        } else if (S_ISDIR(way->here.st_mode)) {
            return CORDON_OK;
        } else {
            return walk_refused(way, 0, 0, "not a directory");
        }
    }
    return code;
}

static int walk_along(walk *way, const char *spelled)
{
    char   name[PATH_MAX];
    size_t size;
    int    code;

    if (strlen(spelled) >= sizeof way->rest)
        return walk_failed(way, check_step, ENAMETOOLONG);
    memcpy(way->rest, spelled, strlen(spelled) + 1);
    memcpy(way->real, "/", 2);
    way->size = 1;
    code = look(way);
    while (code == CORDON_OK && (size = next_component(way, name)) > 0) {
        if (strcmp(name, ".") == 0)
            continue;
        code = check_ancestor(way);
        if (code != CORDON_OK)
            break;
        if (strcmp(name, "..") == 0) {
            cut(way);
            code = look(way);
        } else {
            code = step_into(way, name, size);
        }
    }
    return code;
}

/* ---- the directory itself ------------------------------------------------------- */

/* Where the resolver said? Digits and address were made from that. */
static int leads_to(const walk *way, const char *real)
{
#if defined(__APPLE__)
    struct stat there; /* a file system that does not tell capitals apart */

    if (strcasecmp(way->real, real) == 0 && lstat(real, &there) == 0)
        return there.st_dev == way->here.st_dev && there.st_ino == way->here.st_ino;
#endif
    return strcmp(way->real, real) == 0;
}

static int check_mode(const walk *way, int fd, mode_t *mode)
{
    const mode_t others = S_IWGRP | S_IWOTH;

    if (!(*mode & others))
        return CORDON_OK;
    if (!(way->flags & CORDON__OWN))
        return walk_refused(way, *mode & (mode_t)~others, *mode,
                            "mode: others may write here; chmod go-w it");
    if (!(way->flags & CORDON__MAKE))
        return CORDON_OK; /* a client changes nothing; the server will */
    if (fchmod(fd, *mode & (mode_t)~others) != 0)
        return walk_failed(way, check_step, errno);
    *mode &= (mode_t)~others;
    cordon__place_done(way->place, check_step, way->real, "mode: took the write bits of others");
    return CORDON_OK;
}

static void note_times(cordon__dir *dir, const struct stat *info)
{
    if (dir->modified != info->st_mtime || dir->changed != info->st_ctime)
        dir->is_settled = 0;
    dir->modified = info->st_mtime;
    dir->changed = info->st_ctime;
}

static int open_walked(walk *way, cordon__dir *dir)
{
    struct stat info;
    mode_t      mode;
    int         code;
    const int   fd = open(way->real, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return walk_failed(way, check_step, errno);
    if (fstat(fd, &info) != 0) {
        code = walk_failed(way, check_step, errno);
        goto fail;
    }
    if (info.st_uid != way->place->uid) {
        code = walk_refused(way, way->place->uid, info.st_uid,
                            "this directory belongs to another user");
        goto fail;
    }
    mode = info.st_mode & 07777;
    code = check_mode(way, fd, &mode);
    if (code != CORDON_OK)
        goto fail;
    dir->fd = fd;
    dir->mode = mode;
    dir->uid = info.st_uid;
    dir->dev = info.st_dev;
    dir->ino = info.st_ino;
    note_times(dir, &info);
    return CORDON_OK;
fail:
    close(fd);
    return code;
}

/* One look: is it still there, and as it was when it was checked? */
static int is_as_before(cordon__dir *dir, int flags)
{
    struct stat info;

    if (dir->fd < 0 || fstat(dir->fd, &info) != 0)
        return 0;
    note_times(dir, &info);
    if ((flags & CORDON__MAKE) && (dir->mode & (S_IWGRP | S_IWOTH)))
        return 0; /* opened by a client, who leaves these bits */
    return info.st_nlink > 0 && info.st_uid == dir->uid && (info.st_mode & 07777) == dir->mode;
}

CORDON__COLD static int walk_and_open(cordon__place *place, cordon__dir *dir, const char *spelled,
                                      const char *real, int flags, cordon_fault *fault)
{
    walk way;
    int  code;

    cordon__dir_close(dir);
    memset(&way, 0, sizeof way);
    way.place = place;
    way.fault = fault;
    way.flags = flags;
    code = walk_along(&way, spelled);
    if (code == CORDON_OK && real && !leads_to(&way, real))
        code = walk_refused(&way, 0, 0, "leads elsewhere than when the endpoint was opened");
    if (code == CORDON_OK)
        code = open_walked(&way, dir);
    if (code == CORDON_OK)
        cordon__place_done(place, check_step, way.real, NULL);
    return code;
}

int cordon__dir_open(cordon__place *place, cordon__dir *dir, const char *spelled, const char *real,
                     int flags, cordon_fault *fault)
{
    return is_as_before(dir, flags) ? CORDON_OK
                                    : walk_and_open(place, dir, spelled, real, flags, fault);
}

void cordon__dir_close(cordon__dir *dir)
{
    if (dir->fd >= 0)
        close(dir->fd);
    dir->fd = -1;
    dir->is_settled = 0;
}

int cordon__dir_is_at(const cordon__dir *dir, const char *path)
{
    struct stat info;

    return dir->fd >= 0 && stat(path, &info) == 0 && info.st_dev == dir->dev &&
           info.st_ino == dir->ino;
}

int cordon__private_open(cordon__place *place, int is_server, cordon_fault *fault)
{
    const int make_flag = is_server ? CORDON__MAKE : 0;
    const int own_flag = place->is_default ? CORDON__OWN : 0;
    int       code = CORDON_OK;

    if (place->layout != CORDON__AWAY)
        code = cordon__dir_open(place, &place->home, place->spelled, place->paths[CORDON_DIRECTORY],
                                make_flag | own_flag, fault);
    if (code != CORDON_OK)
        return code;
    /* A client of a linked one asks for the annex only when it is needed: the link may lead
     * elsewhere. */
    if (place->layout == CORDON__AWAY || (place->layout == CORDON__LINKED && is_server))
        code = cordon__dir_open(place, &place->annex_dir, place->annex, NULL,
                                make_flag | CORDON__OWN, fault);
    return code;
}
