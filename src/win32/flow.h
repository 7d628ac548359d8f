/* What the two kinds of connection ask of a pipe, on its overlapped handle. */
#ifndef CORDON__WIN32_FLOW_H
#define CORDON__WIN32_FLOW_H

#include "../dialect.h"

#include <windows.h>

#include "../platform.h"

/* One read at most: who is asked for much makes room for it, however little there is. */
#define CORDON__FLOW_MOST ((size_t)256 * 1024)

/* How many bytes can be read now. 0, or GetLastError: there are none and it is the end. */
DWORD cordon__flow_look(HANDLE pipe, DWORD *count);

/* Read of the bytes that wait; *got is 0 if who wrote them took them back. event:
 * manual, of ours alone. Nothing of it reaches a completion port. 0, or GetLastError. */
DWORD cordon__flow_take(HANDLE pipe, HANDLE event, void *data, size_t size, DWORD *got);

/* Is the other end closed, whatever lies unread? (A look only tells of the bytes.) */
int cordon__flow_has_gone(HANDLE pipe);

/* At most `size` bytes of the pieces, from their byte `skip` on: how many. */
size_t cordon__flow_pack(void *to, size_t size, const cordon_bytes *pieces, size_t count,
                         size_t skip);

#endif
