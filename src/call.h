/*
 * Floor 4. What the one-shot call and the session have in common.
 */
#ifndef CORDON__CALL_H
#define CORDON__CALL_H

#include "dialect.h"

#include "talk.h"

#define CORDON__CALL_MS 5000 /* the default of every wait of a client */

/* 0 is 1 MiB; 4 KiB to 64 MiB, else EINVAL. */
int cordon__reply_limit(size_t *limit, size_t asked);
/* NULL, or at most 255 bytes. */
int cordon__program_is_valid(const char *program);
/* When a call on a session has to be done. 0 is CORDON__CALL_MS. EINVAL. */
int cordon__call_deadline(uint64_t *deadline, int timeout_ms);
/* A view that cannot be: bytes without an address. */
int cordon__body_is_valid(cordon_bytes body);

/* Connect or start, and be let in, until the deadline. *is_ours: it was started by us. */
int cordon__call_start(cordon__talk *talk, const cordon_start_options *options, int *is_ours,
                       uint64_t deadline, cordon_fault *fault);

/* A session on a connection that needs no hello: a channel's. Takes the line on success. */
int cordon__session_over(cordon_session **out, const cordon__line *line,
                         const cordon__identity *peer, const cordon_session_options *options,
                         cordon_fault *fault);

#endif
