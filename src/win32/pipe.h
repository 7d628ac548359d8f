/* What listening, connecting and the check of the other end share: opening a pipe by its name,
 * and what the system says of the pipe object. */
#ifndef CORDON__WIN32_PIPE_H
#define CORDON__WIN32_PIPE_H

#include "../dialect.h"

#include "place.h"

/* All that a client needs and no more; above all not FILE_CREATE_PIPE_INSTANCE. */
#define CORDON__PIPE_RIGHTS                                                            \
    (FILE_READ_DATA | FILE_WRITE_DATA | FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES | \
     READ_CONTROL | SYNCHRONIZE)
/* To look at its owner. */
#define CORDON__PIPE_LOOK (READ_CONTROL | SYNCHRONIZE)

/* One attempt, overlapped, not inherited. trust: SECURITY_IDENTIFICATION, or
 * SECURITY_ANONYMOUS for somebody who is only looked at. INVALID_HANDLE_VALUE: GetLastError. */
HANDLE cordon__pipe_open(const wchar_t *name, DWORD rights, DWORD trust);

/* Owner and integrity label of the pipe object. 0, or GetLastError. */
DWORD cordon__pipe_owner(cordon__subject *owner, HANDLE pipe);
/* 1: its descriptor is the one of design section 2 for `own`, to the letter. */
int cordon__pipe_is_ours(HANDLE pipe, const cordon__subject *own);
/* The fault of a pipe or a peer that is not our user's. Returns CORDON_EIMPOSTOR. */
int cordon__pipe_stranger(cordon_fault *fault, const char *during, const char *path,
                          const cordon__subject *who, enum cordon__verdict verdict);

/* Who is at the client's end of a server's pipe (peer.c). Once its first bytes were read. */
int cordon__peer_of_client(cordon__identity *peer, HANDLE pipe, cordon_fault *fault);

#endif
