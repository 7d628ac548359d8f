/* The two ends of a pipe of the system's own, for the tests of our end of it on Windows. */
#ifndef CONTRACT_WIN32_PAIR_H
#define CONTRACT_WIN32_PAIR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include <windows.h>

#include <cmocka.h>

#include "../../src/platform.h"

#define QUOTA   65536 /* of the pipes here */
#define BIG     ((size_t)1 << 20)
#define SOON_MS 20000 /* what should come at once, and never did */

/* is_server: ours is the server's end. */
void pair_open(HANDLE *ours, HANDLE *peer, int is_server, DWORD quota);
void pair_close(HANDLE *end); /* harmless once more */

/* The other side, as any program has it: waits, at most SOON_MS. All of it. */
void pair_write(HANDLE peer, const void *data, size_t size);
/* At least one byte; 0: none came, *error says why (WAIT_TIMEOUT: nothing there at all). */
size_t pair_read(HANDLE peer, void *data, size_t size, DWORD *error);
/* Bytes that it could read now. */
size_t pair_waiting(HANDLE peer);
/* Its end was told: 109, 232, 233 are the same to us. */
int pair_is_end(DWORD error);

DWORD pair_handles(void); /* of this process */
/* The nth byte of what the big tests send. */
char pair_byte(size_t n);
void pair_fill(char *data, size_t size);
/* A read whose bytes must be those of the sequence from `from` on: how many. */
size_t pair_check_next(HANDLE peer, size_t from, size_t most, DWORD *error);

#define CHECK_CODE(call, wanted, fault)                                       \
    do {                                                                      \
        const int got_ = (call);                                              \
        if (got_ != (wanted))                                                 \
            print_error("%s: %s, system's code %u\n", #call, (fault)->during, \
                        (unsigned)(fault)->os_code);                          \
        assert_int_equal(got_, (wanted));                                     \
    } while (0)

#endif
