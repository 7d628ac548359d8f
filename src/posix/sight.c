/*
 * What a person would look at when a server cannot be reached or started. It
 * only looks, also where nobody should go, so what it tells is told, not used.
 */
#include "../dialect.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "place.h"

static const char environment_step[] = "look at environment";
static const char directory_step[] = "check directory";
static const char address_step[] = "look at address";
static const char room_step[] = "look for room";

typedef struct sight {
    cordon__place  *place;
    cordon__tell_fn tell;
    void           *owner;
} sight;

static void tell(const sight *at, int code, const char *during, const char *path, const char *text)
{
    cordon_fault fact;

    cordon__fault_clear(&fact);
    cordon__fault_found(&fact, code, during, path, 0, 0, text);
    at->tell(&fact, at->owner);
}

static void tell_found(const sight *at, int code, const char *during, const char *path,
                       uint64_t expected, uint64_t actual, const char *text)
{
    cordon_fault fact;

    cordon__fault_clear(&fact);
    cordon__fault_found(&fact, code, during, path, expected, actual, text);
    at->tell(&fact, at->owner);
}

static void tell_error(const sight *at, const char *during, int error, const char *path,
                       const char *text)
{
    cordon_fault fact;

    cordon__fault_clear(&fact);
    cordon__posix_fault(&fact, during, error, path);
    if (text != NULL)
        cordon__fault_text(&fact, "%s", text);
    at->tell(&fact, at->owner);
}

/* ---- environment ------------------------------------------------------------------ */

static void see_variable(const sight *at, const char *name, int is_asked)
{
    const char  *value = getenv(name);
    cordon_fault fact;

    if (!is_asked || value == NULL || value[0] == '\0')
        return;
    cordon__fault_clear(&fact);
    cordon__fault_found(&fact, CORDON_OK, environment_step, value, 0, 0, NULL);
    cordon__fault_text(&fact, "%s%s", name,
                       value[0] == '/' ? " counts" : " is not absolute: it does not count");
    at->tell(&fact, at->owner);
}

static void see_environment(const sight *at)
{
    if (!cordon__environment_counts()) {
        tell(at, CORDON_OK, environment_step, NULL,
             "this process has more rights than who started it: no variable counts");
        return;
    }
    if (!at->place->is_default)
        tell(at, CORDON_OK, environment_step, at->place->spelled,
             "the directory was named: no variable decides it");
#if !defined(__APPLE__)
    see_variable(at, "XDG_DATA_HOME", at->place->is_default);
#endif
    see_variable(at, "HOME", at->place->is_default);
    see_variable(at, "TMPDIR", at->place->is_default || at->place->annex != NULL);
}

/* ---- directory -------------------------------------------------------------------- */

/* Whoever may write to it could put another directory in our place. */
static void see_ancestor(const sight *at, const char *path)
{
    struct stat info;

    if (lstat(path, &info) != 0)
        return;
    if (info.st_uid != 0 && info.st_uid != at->place->uid)
        tell_found(at, CORDON_EUNSAFE, directory_step, path, at->place->uid, info.st_uid,
                   "this directory above ours belongs to another user, who could put another in "
                   "our place; use --dir");
    else if ((info.st_mode & S_IWOTH) && !(info.st_mode & S_ISVTX))
        tell_found(at, CORDON_EUNSAFE, directory_step, path, 01777, info.st_mode & 07777,
                   "mode of a directory above ours: everybody may rename what is in it; chmod o-w "
                   "it");
}

static void see_ancestors(const sight *at, const char *path)
{
    char         part[PATH_MAX];
    const size_t size = strlen(path);

    if (size >= sizeof part)
        return;
    see_ancestor(at, "/");
    for (size_t i = 1; i < size; i++) {
        if (path[i] != '/')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        see_ancestor(at, part);
    }
}

/* is_own: cordon's, so a server takes the others' write bits away. */
static void see_mode(const sight *at, const char *path, const struct stat *info, int is_own)
{
    const mode_t mode = info->st_mode & 07777;
    const mode_t others = S_IWGRP | S_IWOTH;

    if (!(mode & others))
        tell_found(at, CORDON_OK, directory_step, path, mode, mode, "ours, nobody else may write");
    else if (is_own)
        tell_found(at, CORDON_OK, directory_step, path, mode & (mode_t)~others, mode,
                   "mode: others may write here; the next server takes that away");
    else
        tell_found(at, CORDON_EUNSAFE, directory_step, path, mode & (mode_t)~others, mode,
                   "mode: others may write to this directory, so it is not used; chmod go-w it");
}

static void see_one(const sight *at, const char *path, int is_own)
{
    struct stat info;
    char        text[96];

    see_ancestors(at, path);
    if (lstat(path, &info) != 0) {
        if (errno == ENOENT)
            tell(at, CORDON_OK, directory_step, path, "not there: the first server makes it");
        else
            tell_error(at, directory_step, errno, path, NULL);
    } else if (!S_ISDIR(info.st_mode)) {
        snprintf(text, sizeof text, "%s where the directory should be; remove it",
                 cordon__kind_name(info.st_mode));
        tell(at, CORDON_EUNSAFE, directory_step, path, text);
    } else if (info.st_uid != at->place->uid) {
        tell_found(at, CORDON_EUNSAFE, directory_step, path, at->place->uid, info.st_uid,
                   "this directory belongs to another user; chown it, or use --dir");
    } else {
        see_mode(at, path, &info, is_own);
    }
}

static void see_directory(const sight *at)
{
    const cordon__place *place = at->place;
    const char          *path = place->paths[CORDON_DIRECTORY];

    if (strcmp(place->spelled, path) != 0)
        tell(at, CORDON_OK, directory_step, place->spelled, "written so; it leads elsewhere");
    if (place->layout == CORDON__AWAY)
        tell(at, CORDON_OK, directory_step, path,
             "a network file system: socket, token and locks live in the fallback directory, as a "
             "lock that machines share would shut one out");
    else
        see_one(at, path, place->is_default);
    if (place->layout == CORDON__LINKED)
        tell(at, CORDON_OK, directory_step, place->link,
             "too long for an address: the socket is in the fallback directory, here a link to "
             "it");
    if (place->annex != NULL)
        see_one(at, place->annex, 1);
}

/* ---- address ---------------------------------------------------------------------- */

static void see_link_target(const sight *at, const char *path)
{
    char         target[PATH_MAX];
    cordon_fault fact;
    ssize_t      size = readlink(path, target, sizeof target - 1);

    target[size > 0 ? size : 0] = '\0';
    cordon__fault_clear(&fact);
    cordon__fault_found(&fact, CORDON_EUNSAFE, address_step, path, 0, 0, NULL);
    cordon__fault_text(&fact,
                       "a symbolic link instead of a socket, nothing of cordon's; remove it. It "
                       "leads to %.120s",
                       target);
    at->tell(&fact, at->owner);
}

static void see_socket(const sight *at, const char *path, const struct stat *info)
{
    const mode_t mode = info->st_mode & 07777;

    if (info->st_uid != at->place->uid)
        tell_found(at, CORDON_EUNSAFE, address_step, path, at->place->uid, info->st_uid,
                   "the socket at the address belongs to another user; no server of ours removes "
                   "it");
    else if (mode & (S_IRWXG | S_IRWXO))
        tell_found(at, CORDON_OK, address_step, path, 0600, mode,
                   "mode of a socket that others may open; a server turns them away all the same");
    else
        tell_found(at, CORDON_OK, address_step, path, mode, mode, "a socket of ours");
}

static void see_at(const sight *at, const char *path)
{
    struct stat info;
    char        text[128];

    if (lstat(path, &info) != 0) {
        if (errno == ENOENT || errno == ENOTDIR)
            tell(at, CORDON_OK, address_step, path, "nothing is there");
        else
            tell_error(at, address_step, errno, path, NULL);
    } else if (S_ISLNK(info.st_mode)) {
        see_link_target(at, path);
    } else if (S_ISSOCK(info.st_mode)) {
        see_socket(at, path, &info);
    } else {
        snprintf(text, sizeof text, "%s instead of a socket, nothing of cordon's; remove it",
                 cordon__kind_name(info.st_mode));
        tell(at, CORDON_EUNSAFE, address_step, path, text);
    }
}

static void see_link(const sight *at)
{
    const cordon__place *place = at->place;
    char                 target[CORDON__ADDRESS_MAX + 1];
    cordon_fault         fact;
    int                  code;

    cordon__fault_clear(&fact);
    if (place->home.fd < 0)
        return;
    code = cordon__link_read(target, place, &fact);
    if (code == CORDON__ABSENT)
        cordon__fault_found(&fact, CORDON_OK, "read link", place->link, 0, 0, "no link is there");
    if (code == CORDON_OK) {
        cordon__fault_found(&fact, CORDON_OK, "read link", place->link, 0, 0, NULL);
        cordon__fault_text(&fact, "leads to %s", target);
    }
    at->tell(&fact, at->owner);
    if (code == CORDON_OK && strcmp(target, place->paths[CORDON_ADDRESS]) != 0)
        see_at(at, target);
}

static void see_address(const sight *at)
{
    if (at->place->layout == CORDON__LINKED)
        see_link(at);
    see_at(at, at->place->paths[CORDON_ADDRESS]);
}

/* ---- room ------------------------------------------------------------------------- */

/* What is there of a path: the directory that a server would begin in. */
static void cut_to_existing(char path[PATH_MAX])
{
    struct stat info;
    char       *last;

    while (lstat(path, &info) != 0 && (last = strrchr(path, '/')) != NULL && last != path)
        *last = '\0';
}

static void see_room_in(const sight *at, const char *directory)
{
    char           path[PATH_MAX];
    struct statvfs space;

    if (strlen(directory) >= sizeof path)
        return;
    memcpy(path, directory, strlen(directory) + 1);
    cut_to_existing(path);
    if (faccessat(AT_FDCWD, path, W_OK | X_OK, AT_EACCESS) != 0)
        tell_error(at, room_step, errno, path,
                   errno == EROFS ? "this file system can only be read: no server can start here"
                                  : "we may not write here: no server can start");
    else if (statvfs(path, &space) == 0 && space.f_blocks > 0 && space.f_bavail == 0)
        tell_error(at, room_step, ENOSPC, path,
                   "the file system is full: no server can write its token");
    else if (statvfs(path, &space) == 0 && space.f_files > 0 && space.f_favail == 0)
        tell_error(at, room_step, ENOSPC, path,
                   "the file system has no file left: no server can write its token");
    else
        tell(at, CORDON_OK, room_step, path, "a server could write here");
}

/* What a server could not put its files in the place of. `is_half`: the name before the name. */
static void see_in_the_way(const sight *at, const char *path, int is_half, mode_t kind)
{
    char        half[PATH_MAX];
    struct stat info;
    char        text[128];

    if (snprintf(half, sizeof half, "%s%s", path, is_half ? ".new" : "") >= (int)sizeof half ||
        lstat(half, &info) != 0)
        return;
    if (is_half ? (info.st_mode & S_IFMT) == kind && info.st_uid == at->place->uid
                : !S_ISDIR(info.st_mode))
        return;
    snprintf(text, sizeof text, "%s in the way of a server's file: no server can start; remove it",
             cordon__kind_name(info.st_mode));
    tell(at, CORDON_EUNSAFE, room_step, half, text);
}

static void see_room(const sight *at)
{
    see_in_the_way(at, at->place->paths[CORDON_TOKEN], 0, S_IFREG);
    see_in_the_way(at, at->place->paths[CORDON_TOKEN], 1, S_IFREG);
    if (at->place->link != NULL)
        see_in_the_way(at, at->place->link, 1, S_IFLNK);
    if (at->place->layout != CORDON__AWAY)
        see_room_in(at, at->place->paths[CORDON_DIRECTORY]);
    if (at->place->annex != NULL)
        see_room_in(at, at->place->annex);
}

void cordon__see(cordon__place *place, enum cordon__sight what, cordon__tell_fn tell_one,
                 void *owner)
{
    static void (*const sights[])(const sight *at) = {see_environment, see_directory, see_address,
                                                      see_room};
    const sight at = {place, tell_one, owner};

    sights[what](&at);
}
