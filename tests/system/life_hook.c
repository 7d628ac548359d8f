/* <sys/socket.h> is left out: glibc declares these with types that nobody else can write. */
#define _GNU_SOURCE 1

#include "life_hook.h"

#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

int listen(int fd, int backlog);
int accept4(int fd, void *address, unsigned *size, int flags);

void (*life_before_listen)(void *context);
void       *life_before_listen_context;
atomic_uint life_accepts;

int listen(int fd, int backlog)
{
    if (life_before_listen != NULL)
        life_before_listen(life_before_listen_context);
    return (int)syscall(SYS_listen, fd, backlog);
}

int accept4(int fd, void *address, unsigned *size, int flags)
{
    atomic_fetch_add(&life_accepts, 1);
    return (int)syscall(SYS_accept4, fd, address, size, flags);
}
