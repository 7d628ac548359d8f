/* What a started program has printed to its log. */
#include "../dialect.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../platform.h"

/* A plain file: a pipe in its place must not hold us. */
static int open_log(const char *path, uint64_t *size)
{
    struct stat info;
    const int   fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    if (fd < 0)
        return -1;
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode)) {
        *size = (uint64_t)info.st_size;
        return fd;
    }
    close(fd);
    return -1;
}

uint64_t cordon__log_end(const char *path)
{
    uint64_t  size = 0;
    const int fd = open_log(path, &size);

    if (fd >= 0)
        close(fd);
    return size;
}

size_t cordon__log_tail(void *data, size_t size, const char *path, uint64_t from)
{
    uint64_t  end = 0;
    ssize_t   got = 0;
    const int fd = open_log(path, &end);

    if (fd < 0)
        return 0;
    if (end > size && end - size > from)
        from = end - size;
    if (end > from)
        got = pread(fd, data, (size_t)(end - from), (off_t)from);
    close(fd);
    return got > 0 ? (size_t)got : 0;
}
