/* Directories that are a test's own. */
#include "support.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/mman.h>
#include <sys/stat.h>

void support_directory(char path[SUPPORT_PATH])
{
    const char *temporary = getenv("TMPDIR");
    char        made[SUPPORT_PATH];
    char       *real;

    if (temporary == NULL || temporary[0] != '/')
        temporary = "/tmp";
    SUPPORT_CHECK(snprintf(made, sizeof made, "%s/cordon-test-XXXXXX", temporary) < SUPPORT_PATH);
    SUPPORT_CHECK(mkdtemp(made) != NULL);
    SUPPORT_CHECK(chmod(made, 0700) == 0);
    real = realpath(made, NULL);
    SUPPORT_CHECK(real != NULL && strlen(real) < SUPPORT_PATH);
    memcpy(path, real, strlen(real) + 1);
    free(real);
}

void support_long_directory(char path[SUPPORT_PATH], char root[SUPPORT_PATH])
{
    char name[81];

    support_directory(root);
    memset(name, 'd', sizeof name - 1);
    name[sizeof name - 1] = 0;
    support_join(path, root, name);
    support_directory_make(path);
}

void support_directory_make(const char *path)
{
    SUPPORT_CHECK(mkdir(path, 0700) == 0 && chmod(path, 0700) == 0);
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info;
    (void)kind;
    (void)place;
    return remove(path);
}

void support_directory_remove(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *support_join(char out[SUPPORT_PATH], const char *directory, const char *name)
{
    SUPPORT_CHECK(snprintf(out, SUPPORT_PATH, "%s/%s", directory, name) < SUPPORT_PATH);
    return out;
}

const char *support_name_of(const char *path)
{
    return strrchr(path, '/') + 1;
}

uint64_t support_identity(const char *path)
{
    struct stat info;

    SUPPORT_CHECK(lstat(path, &info) == 0);
    return (uint64_t)info.st_ino;
}

int support_exists(const char *path)
{
    struct stat info;

    return lstat(path, &info) == 0;
}

unsigned support_mode(const char *path)
{
    struct stat info;

    SUPPORT_CHECK(lstat(path, &info) == 0);
    return (unsigned)(info.st_mode & 07777);
}

void support_write(const char *path, const void *data, size_t size, unsigned mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    SUPPORT_CHECK(fd >= 0);
    SUPPORT_CHECK(write(fd, data, size) == (ssize_t)size);
    SUPPORT_CHECK(fchmod(fd, (mode_t)mode) == 0);
    close(fd);
}

size_t support_read(const char *path, void *data, size_t room)
{
    int     fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got;

    SUPPORT_CHECK(fd >= 0);
    got = read(fd, data, room);
    SUPPORT_CHECK(got >= 0);
    close(fd);
    return (size_t)got;
}

void support_rename(const char *from, const char *to)
{
    SUPPORT_CHECK(rename(from, to) == 0);
}

void support_remove(const char *path)
{
    SUPPORT_CHECK(unlink(path) == 0 || errno == ENOENT);
}

void *support_share(const char *path, size_t size)
{
    int   fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    void *shared;

    SUPPORT_CHECK(fd >= 0 && ftruncate(fd, (off_t)size) == 0);
    shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    SUPPORT_CHECK(shared != MAP_FAILED);
    close(fd);
    return shared;
}

void support_unshare(void *shared, size_t size)
{
    munmap(shared, size);
}

void support_names(char *out, size_t room, const char *directory)
{
    struct dirent **entries;
    int             count = scandir(directory, &entries, NULL, alphasort);
    size_t          used = 0;

    SUPPORT_CHECK(count >= 0 && room > 0);
    out[0] = 0;
    for (int n = 0; n < count; n++) {
        const char *name = entries[n]->d_name;
        size_t      size = strlen(name);

        if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0) {
            SUPPORT_CHECK(room - used > size + 1);
            if (used > 0)
                out[used++] = ' ';
            memcpy(out + used, name, size + 1);
            used += size;
        }
        free(entries[n]);
    }
    free(entries);
}
