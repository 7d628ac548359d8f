/*
 * What the resolver asks: the environment, the account, the real path of the
 * directory and the type of its file system. It changes nothing.
 */
#include "../dialect.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__linux__)
#    include <sys/auxv.h>
#    include <sys/vfs.h>
#elif defined(__NetBSD__)
#    include <sys/statvfs.h>
#else
#    include <sys/param.h>

#    include <sys/mount.h>
#endif

#include <uv.h>

#include "place.h"

static const char step[] = "resolve";

/* What is missing is taken as written; no one can say what ".." would leave there. */
static int append_missing(char *real, size_t room, const char *rest)
{
    size_t used = strlen(real);

    while (*rest) {
        const size_t size = strcspn(rest, "/");

        if (size == 2 && memcmp(rest, "..", 2) == 0)
            return EINVAL;
        if (size > 0 && !(size == 1 && rest[0] == '.')) {
            if (room - used < size + 2)
                return ENAMETOOLONG;
            if (real[used - 1] != '/')
                real[used++] = '/';
            memcpy(real + used, rest, size);
            used += size;
            real[used] = '\0';
        }
        rest += size;
        rest += strspn(rest, "/");
    }
    return 0;
}

/* Ours and closed to ourselves: what a kill between mkdir and chmod leaves. A server repairs it. */
static int is_half_made(const char *path)
{
    struct stat info;

    return lstat(path, &info) == 0 && S_ISDIR(info.st_mode) && info.st_uid == geteuid() &&
           (info.st_mode & 07777) == 0;
}

static size_t cut_last(char *path, size_t size)
{
    while (size > 1 && path[size - 1] == '/')
        size--;
    while (size > 1 && path[size - 1] != '/')
        size--;
    path[size] = '\0';
    return size;
}

int cordon__real_path(char *real, size_t room, const char *spelled, size_t *exists)
{
    char   head[PATH_MAX];
    char   found[PATH_MAX];
    size_t size = strlen(spelled);
    int    is_closed = 0; /* something on the way does not let us look inside */

    if (size >= sizeof head)
        return ENAMETOOLONG;
    memcpy(head, spelled, size + 1);
    while (!realpath(head, found)) {
        if ((errno != ENOENT && errno != EACCES) || size <= 1)
            return errno;
        is_closed |= errno == EACCES;
        size = cut_last(head, size);
    }
    if (is_closed && !is_half_made(found))
        return EACCES;
    if (strlen(found) >= room)
        return ENAMETOOLONG;
    memcpy(real, found, strlen(found) + 1);
    if (exists)
        *exists = strlen(real);
    return append_missing(real, room, spelled + size);
}

int cordon__type_is_network(uint32_t type)
{
    static const uint32_t types[] = {
        0x00006969, /* NFS */
        0x0000517B, /* SMB */
        0xFF534D42, /* CIFS */
        0xFE534D42, /* SMB2 */
        0x01021997, /* 9P */
        0x5346414F, /* AFS */
        0x6B414653, /* AFS of the kernel */
        0x73757245, /* Coda */
        0x00C36400, /* Ceph */
        0x65735546, /* FUSE: anything may be behind it */
        0x0BD00BD0, /* Lustre */
        0x01161970, /* GFS2 */
        0x7461636F, /* OCFS2 */
        0x0000564C, /* NCP */
    };

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (types[i] == type)
            return 1;
    return 0;
}

static int is_network(const char *path)
{
#if defined(__linux__)
    struct statfs info;

    return statfs(path, &info) == 0 && cordon__type_is_network((uint32_t)info.f_type);
#elif defined(__NetBSD__)
    struct statvfs info;

    return statvfs(path, &info) == 0 && !(info.f_flag & MNT_LOCAL);
#else
    struct statfs info;

    return statfs(path, &info) == 0 && !(info.f_flags & MNT_LOCAL);
#endif
}

/* A program that runs with more rights than its caller has must not let the caller choose. */
int cordon__environment_counts(void)
{
    if (getuid() != geteuid() || getgid() != getegid())
        return 0;
#if defined(__linux__)
    return getauxval(AT_SECURE) == 0;
#else
    return issetugid() == 0;
#endif
}

/* An absolute path, or NULL. */
static const char *variable(const char *name)
{
    const char *value = cordon__environment_counts() ? getenv(name) : NULL;

    return value && value[0] == '/' ? value : NULL;
}

#if defined(__APPLE__)
#    define DATA_VARIABLE "" /* none */
#    define DATA_IN_HOME  "Library/Application Support/"
#else
#    define DATA_VARIABLE "XDG_DATA_HOME"
#    define DATA_IN_HOME  ".local/share/"
#endif

static int copy_base(char base[PATH_MAX], const char *path)
{
    const size_t size = path && path[0] == '/' ? strlen(path) : 0;

    if (size == 0 || size >= PATH_MAX)
        return 0;
    memcpy(base, path, size + 1);
    return 1;
}

static int copy_home(char base[PATH_MAX])
{
    uv_passwd_t account;
    int         is_there;

    if (uv_os_get_passwd(&account) != 0)
        return 0;
    is_there = copy_base(base, account.homedir);
    uv_os_free_passwd(&account);
    return is_there;
}

/* Where the default directory may be, best first, and the way from there. */
enum { BASE_DATA, BASE_HOME, BASE_ACCOUNT, BASES };

static int default_base(char base[PATH_MAX], int which)
{
    if (which == BASE_DATA)
        return DATA_VARIABLE[0] && copy_base(base, variable(DATA_VARIABLE));
    return which == BASE_HOME ? copy_base(base, variable("HOME")) : copy_home(base);
}

static int unresolvable(cordon_fault *fault, int error, const char *path)
{
    if (error == EINVAL || error == ELOOP || error == ENOTDIR)
        return cordon__fault_os(fault, CORDON_EINVAL, step, (uint32_t)error, path);
    return cordon__posix_fault(fault, step, error, path);
}

/* A variable that leads nowhere counts as unset: the next one's turn. */
static int resolve_default(cordon__place *place, const char *app, char *real, size_t *exists,
                           cordon_fault *fault)
{
    int code = cordon__fault_set(fault, CORDON_EINVAL, step);

    cordon__fault_text(fault, "no home directory is known");
    for (int which = 0; which < BASES; which++) {
        char base[PATH_MAX];
        int  error;

        if (!default_base(base, which))
            continue;
        place->spelled = cordon__format(&place->memory, "%s/%s%s", base,
                                        which == BASE_DATA ? "" : DATA_IN_HOME, app);
        if (!place->spelled)
            return cordon__fault_set(fault, CORDON_ENOMEM, step);
        error = cordon__real_path(real, PATH_MAX, place->spelled, exists);
        if (error == 0)
            return CORDON_OK;
        code = unresolvable(fault, error, place->spelled);
        cordon__release(&place->memory, place->spelled);
        place->spelled = NULL;
    }
    return code;
}

static int resolve_named(cordon__place *place, const char *directory, char *real, size_t *exists,
                         cordon_fault *fault)
{
    char here[PATH_MAX] = "";
    int  error;

    if (directory[0] == '\0')
        return unresolvable(fault, EINVAL, directory);
    if (directory[0] != '/' && (!getcwd(here, sizeof here) || here[0] != '/'))
        return unresolvable(fault, EINVAL, directory);
    place->spelled = cordon__format(&place->memory, "%s%s%s", here, here[0] ? "/" : "", directory);
    if (!place->spelled)
        return cordon__fault_set(fault, CORDON_ENOMEM, step);
    error = cordon__real_path(real, PATH_MAX, place->spelled, exists);
    return error == 0 ? CORDON_OK : unresolvable(fault, error, place->spelled);
}

/* `part` is how much of the path is there to be asked. */
static int is_on_network(char *real, size_t part)
{
    const char cut = real[part];
    int        answer;

    real[part] = '\0';
    answer = is_network(real);
    real[part] = cut;
    return answer;
}

int cordon__resolve(cordon__place *place, const char *app, const char *name, const char *directory,
                    cordon_fault *fault)
{
    char         real[PATH_MAX] = "";
    char         user_folder[PATH_MAX] = "";
    size_t       exists = 0;
    cordon__plan plan = {app, name, real, 0, {NULL, NULL, "/tmp"}};
    const int    code = directory ? resolve_named(place, directory, real, &exists, fault)
                                  : resolve_default(place, app, real, &exists, fault);

    if (code != CORDON_OK)
        return code;
    plan.is_network = is_on_network(real, exists);
    plan.roots[0] = variable("TMPDIR");
#if defined(__APPLE__)
    confstr(_CS_DARWIN_USER_TEMP_DIR, user_folder, sizeof user_folder);
#endif
    plan.roots[1] = user_folder;
    return cordon__place_plan(place, &plan, fault);
}
