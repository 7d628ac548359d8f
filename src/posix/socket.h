/* Sockets as we want them: close-on-exec, non-blocking, never a signal. */
#ifndef CORDON__POSIX_SOCKET_H
#define CORDON__POSIX_SOCKET_H

#include "../dialect.h"

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include "../platform.h"

/* A new one; -1 and errno. */
int cordon__socket_open(void);
/* The next connection; -1 and errno. */
int cordon__socket_accept(int fd);
/* Two that are connected; -1 and errno. The other one waits in its calls: for who knows no better.
 */
int cordon__socket_pair(int *one, int *other);
/* One that was made elsewhere, as if by us; -1 and errno. */
int cordon__socket_settle(int fd);
/* path: at most CORDON__ADDRESS_MAX bytes. */
socklen_t cordon__socket_address(struct sockaddr_un *address, const char *path);
/* One send of what goes at once, from byte `skip` of the pieces on: bytes sent; -1 and errno. */
ssize_t cordon__socket_send(int fd, const cordon_bytes *pieces, size_t count, size_t skip);
/* Both buffers, as far as the system lets us. */
void cordon__socket_widen(int fd);

/* ---- of a line (line.c) -------------------------------------------------------- */

/* At least one look, then until the deadline. 0: it is ready for *events, which tells for what,
 * or has failed. */
int cordon__line_await(const cordon__line *line, short *events, const char *during,
                       uint64_t deadline, cordon_fault *fault);
/* Until it takes more; one that is listening may hear first: CORDON__READABLE. */
int cordon__line_await_room(const cordon__line *line, uint64_t deadline, cordon_fault *fault);

#endif
