/* Both sides of a private pair on Windows, and handles to send on it. What is not asked for its
 * outcome must succeed. */
#ifndef CONTRACT_WIN32_FERRY_H
#define CONTRACT_WIN32_FERRY_H

#include "win32_start.h"

typedef struct side {
    cordon__line  line;
    cordon__ferry ferry;
    cordon_fault  fault;
} side;

/* child: NULL where it is not known. */
void side_open(side *at, intptr_t handle, const cordon__child *child, int is_parent);
void tell_side(side *at, const void *data, size_t size);
void hear(side *at, void *data, size_t size);
char hear_byte(side *at);
void tell_handles(side *at, const intptr_t *handles, size_t count);
/* What unpacking them comes to. */
int hear_handles(side *at, intptr_t *handles, size_t count);
/* To read and write; gone when it is closed. */
HANDLE make_file(const char *path);
void   put(HANDLE to, const char *text);
/* Is this all that can be read of it now? */
int holds(HANDLE from, const char *text);
int is_open(HANDLE handle);
int is_inherited(intptr_t handle);

#endif
