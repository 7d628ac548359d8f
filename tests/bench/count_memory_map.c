#ifndef _GNU_SOURCE
#    define _GNU_SOURCE 1
#endif
#include "count_memory.h"

#include <fcntl.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

count_memory *count_memory_map(const char *path)
{
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    void     *shared = MAP_FAILED;

    if (fd < 0)
        return NULL;
    if (ftruncate(fd, sizeof(count_memory)) == 0)
        shared = mmap(NULL, sizeof(count_memory), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    return shared != MAP_FAILED ? shared : NULL;
}
