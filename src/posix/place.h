/*
 * What the files of this folder share: the place of an endpoint, its checked
 * directories, and how what fails in them is told.
 */
#ifndef CORDON__POSIX_PLACE_H
#define CORDON__POSIX_PLACE_H

#include "../dialect.h"

#include <sys/stat.h>
#include <sys/types.h>

#include "../platform.h"

#define CORDON__ADDRESS_MAX 100 /* bytes; the smallest sun_path has 104 */

/* A directory that has been checked and is held open. */
typedef struct cordon__dir {
    int    fd; /* -1: not open */
    mode_t mode;
    uid_t  uid;
    dev_t  dev;
    ino_t  ino;
    time_t modified, changed; /* as the last look said */
    int    is_settled; /* our address in it was a socket, and nothing in it has changed since */
} cordon__dir;

/* What lies where. */
enum cordon__layout {
    CORDON__NEAR,   /* all in the directory */
    CORDON__LINKED, /* the address is too long: the socket in the annex, a link to it here */
    CORDON__AWAY    /* a network file system: all in the annex, no link */
};

struct cordon__place {
    cordon__memory      memory;
    cordon__trace       trace;
    uid_t               uid;        /* whose it is: our effective user at open */
    int                 is_default; /* the directory was not named by the caller */
    enum cordon__layout layout;
    char               *spelled; /* the directory, absolute, as it was written: what is walked */
    char               *paths[CORDON_START_LOCK + 1];
    char               *link;  /* LINKED: the path of the link */
    char               *annex; /* the fallback directory; NULL when NEAR */
    char               *other; /* the directory that the link led to last, NULL: none */
    cordon__dir         home, annex_dir, other_dir;
};

/* ---- place and address (address.c) ------------------------------------------ */

/* What the paths are made of. The rest is arithmetic: no system is asked. */
typedef struct cordon__plan {
    const char *app, *name;
    const char *directory; /* its real path */
    int         is_network;
    const char *roots[3]; /* for the annex, best first; NULL: no such */
} cordon__plan;

/* Fill layout, paths, link and annex. ENAMETOOLONG (expected, actual), ENOMEM. */
int cordon__place_plan(cordon__place *place, const cordon__plan *plan, cordon_fault *fault);

/* One of its files, and the directory that it is in. */
typedef struct cordon__spot {
    const char *path;
    const char *file; /* the path's last component */
    int         dir;  /* descriptor */
} cordon__spot;
cordon__spot cordon__spot_of(const cordon__place *place, enum cordon_place which);
cordon__spot cordon__spot_of_link(const cordon__place *place);

/* As asprintf, with a place's memory. */
char *cordon__format(const cordon__memory *memory, const char *text, ...) CORDON__PRINTF(2, 3);

/* ---- what it is made of (resolve.c) -------------------------------------------- */

/* Ask, and plan: fills the place. EINVAL, EDENIED, ENAMETOOLONG, ENOMEM. */
int cordon__resolve(cordon__place *place, const char *app, const char *name, const char *directory,
                    cordon_fault *fault);
/* The real path of the longest part that exists, the rest as written: 0 or errno.
 * `exists` (may be NULL) is how much of `real` is there. */
int cordon__real_path(char *real, size_t room, const char *spelled, size_t *exists);
/* 0: we have more rights than our caller, no variable counts. */
int cordon__environment_counts(void);
/* By statfs's type (Linux): would a lock there be shared by machines? */
int cordon__type_is_network(uint32_t type);

/* ---- directories (private.c) ------------------------------------------------- */

enum {
    CORDON__MAKE = 1, /* a server's: make what is missing, repair what a crash left */
    CORDON__OWN = 2   /* not named by the caller: others' write bits go, not the call */
};

/* Have the directory at `spelled` checked and open; one look if it is already. `real`: where it
 * must lead, or NULL. ENOTRUNNING: missing, and we do not make it. */
int  cordon__dir_open(cordon__place *place, cordon__dir *dir, const char *spelled, const char *real,
                      int flags, cordon_fault *fault);
void cordon__dir_close(cordon__dir *dir);
/* Does the path still lead to it? */
int cordon__dir_is_at(const cordon__dir *dir, const char *path);

/* ---- files (secret.c) ----------------------------------------------------------- */

/* A plain file of ours, closed to others. 0 or EUNSAFE. */
int cordon__file_check(const cordon__place *place, const char *path, const struct stat *info,
                       const char *during, cordon_fault *fault);
/* It could not be opened: is that because of what it is (EUNSAFE), or as errno says? */
int cordon__file_explain(const cordon__place *place, const cordon__spot *spot, int error,
                         const char *during, cordon_fault *fault);

/* ---- locks (lock.c) ------------------------------------------------------------- */

/* A lock file as it must be; a crash may have left less of its mode. 0 or EUNSAFE. */
int cordon__lock_judge(const cordon__place *place, const char *path, const struct stat *info,
                       const char *during, cordon_fault *fault);

/* ---- the link (link.c) ---------------------------------------------------------- */

/* Where it leads, at most CORDON__ADDRESS_MAX bytes: 0. CORDON__ABSENT. EUNSAFE: not ours. */
int cordon__link_read(char target[CORDON__ADDRESS_MAX + 1], const cordon__place *place,
                      cordon_fault *fault);
/* What a crash left: the link, and a half-made one. EUNSAFE: something else; untouched. */
int  cordon__link_clear(const cordon__place *place, cordon_fault *fault);
int  cordon__link_publish(const cordon__place *place, cordon_fault *fault);
void cordon__link_remove(const cordon__place *place); /* if it is ours */
/* The directory of the link's target, checked as a client does. */
int cordon__link_directory(cordon__place *place, const char *target, cordon_fault *fault);

/* ---- faults (fault.c) ------------------------------------------------------------- */

/* errno -> our code, with what a person can do about it. Returns the code. */
CORDON__COLD int cordon__posix_fault(cordon_fault *fault, const char *during, int error,
                                     const char *path);

/* The same for a step on a place: the trace hears of it. All return the code. */
CORDON__COLD int cordon__place_fault(const cordon__place *place, cordon_fault *fault,
                                     const char *during, int error, const char *path);
CORDON__COLD int cordon__place_unsafe(const cordon__place *place, cordon_fault *fault,
                                      const char *during, const char *path, uint64_t expected,
                                      uint64_t actual, const char *text);
int  cordon__place_missing(const cordon__place *place, cordon_fault *fault, const char *during,
                           const char *path);
void cordon__place_done(const cordon__place *place, const char *during, const char *path,
                        const char *text);
/* "a directory", for texts. */
const char *cordon__kind_name(mode_t mode);

#endif
