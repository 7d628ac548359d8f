/*
 * Floor 3. An endpoint as servers and clients share it: counted, with the
 * token it has read, and the rules of approaching it.
 */
#ifndef CORDON__ENDPOINT_H
#define CORDON__ENDPOINT_H

#include "dialect.h"

#include <uv.h>

#include "platform.h"
#include "token.h"

struct cordon_endpoint {
    cordon__memory memory;
    cordon__trace  trace;
    unsigned       flags; /* CORDON_TRUST_ROOT */
    cordon__own    own;
    uint64_t       pid; /* of the process that opened it */
    cordon__place *place;
    uv_mutex_t     lock; /* all below, and the place's directories */
    unsigned       uses;
    int            has_token;
    cordon__token  token;
};

/* One without a place, for connections that are there already: it has no address, no token. */
int cordon__endpoint_bare(cordon_endpoint **out, const cordon__memory *memory, cordon_fault *fault);
cordon_endpoint *cordon__endpoint_use(cordon_endpoint *endpoint); /* one more; close ends it */
/* As cordon_endpoint_close, where a child that did not exec cannot be. */
void        cordon__endpoint_drop(cordon_endpoint *endpoint);
const char *cordon__endpoint_address(const cordon_endpoint *endpoint); /* NULL: it has none */

enum { CORDON__TOKENLESS = 1 };

/*
 * Connect until the deadline, and know who answered: directory, address, the
 * kernel's word about the peer (EIMPOSTOR before a byte is sent).
 * ENOTRUNNING at once when nobody is there; ETIMEDOUT. *token (may be NULL) is
 * the one that is known. CORDON__TOKENLESS: connected, but none was ever read.
 */
int cordon__endpoint_reach(intptr_t *handle, cordon__identity *peer, cordon__token *token,
                           cordon_endpoint *endpoint, uint64_t deadline, cordon_fault *fault);

/* The same, where no token is wanted. */
static inline int cordon__endpoint_connect(intptr_t *handle, cordon__identity *peer,
                                           cordon_endpoint *endpoint, uint64_t deadline,
                                           cordon_fault *fault)
{
    return cordon__endpoint_reach(handle, peer, NULL, endpoint, deadline, fault);
}

/* One attempt to connect, without waiting: 0, the turns of cordon__connect, ENOTRUNNING, a failure.
 */
int cordon__endpoint_try(intptr_t *handle, cordon__identity *peer, cordon_endpoint *endpoint,
                         cordon_fault *fault);

/* Take the startup lock, in one attempt: 0, CORDON__HELD. Where there is no directory it is made,
 * as a server makes it. */
int cordon__endpoint_start_lock(cordon__lock **lock, cordon_endpoint *endpoint,
                                cordon_fault *fault);

/*
 * The token as known, read if it was not. is_fresh: read it again; then
 * *is_changed (NULL is fine) tells whether it is another one than *token had.
 * ENOTRUNNING: it and the address are gone.
 */
int cordon__endpoint_secret(cordon__token *token, cordon_endpoint *endpoint, int is_fresh,
                            int *is_changed, cordon_fault *fault);
/*
 * The same for a connection to `peer`, not fresh. Where a service manager's socket listens for a
 * server that is about to start, there is no token yet: it is waited for. ETIMEDOUT.
 */
int cordon__endpoint_await_secret(cordon__token *token, cordon_endpoint *endpoint,
                                  const cordon__identity *peer, uint64_t deadline,
                                  cordon_fault *fault);

/*
 * Has the server that wrote this token gone, as far as its address and token
 * tell? 1: both are gone, or another token is there. 0: not yet.
 */
int cordon__endpoint_has_left(cordon_endpoint *endpoint, const cordon__token *token);

/* Absolute from the public form: 0 is `fallback`, CORDON_FOREVER, CORDON_AT_ONCE. EINVAL. */
int cordon__deadline(uint64_t *deadline, int timeout_ms, int fallback_ms);

/* A pause between attempts: 1 ms, doubling to 25 ms, never past the deadline.
 * 0: the deadline has come, nobody waited. *pause_ms starts at 0. */
int cordon__pause_grow(uint64_t *pause_ms, uint64_t deadline);

/* EINVAL, told to the caller's fault. text may be NULL. */
CORDON__COLD int cordon__misuse(cordon_fault *fault, const char *during, const char *text);

/* Options of any age: `given` begins with its own size, or is NULL; what it does not have is 0. */
int cordon__options_read(void *options, size_t size, const void *given);

#endif
