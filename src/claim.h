/*
 * Floor 3. To hold an endpoint: lock, token, address, in the order of
 * docs/architecture.md; from the claim to its release.
 */
#ifndef CORDON__CLAIM_H
#define CORDON__CLAIM_H

#include "dialect.h"

#include "endpoint.h"

typedef struct cordon__claim {
    cordon_endpoint  *endpoint; /* counted */
    uint64_t          pid;      /* of the process that made the claim */
    unsigned          backlog, flags;
    intptr_t          given; /* a listener that was made elsewhere, not taken yet; or none */
    cordon__lock     *lock;
    cordon__listener *listener; /* the caller attaches it, closes it, and sets it to NULL */
    cordon__token     token;
} cordon__claim;

/*
 * Directory, lock, leftovers, token, address: when it returns 0 clients can
 * connect. Waits until the deadline, and only for a server that is starting or
 * stopping; EADDRINUSE at once when one answers. Every failure leaves nothing
 * behind but the lock file.
 */
int cordon__claim_open(cordon__claim *claim, cordon_endpoint *endpoint, unsigned backlog,
                       unsigned flags, uint64_t deadline, cordon_fault *fault);

/* The same with a listener that was made elsewhere: taken on success. Its address answers whether
 * somebody serves or not, so whoever has the lock is waited for. */
int cordon__claim_adopt(cordon__claim *claim, cordon_endpoint *endpoint, intptr_t given,
                        unsigned backlog, uint64_t deadline, cordon_fault *fault);

/*
 * Is it still ours? 0: all of it. CORDON__GONE: address or link were missing
 * and have been published again: claim->listener is a new one, *old still has
 * its backlog and is the caller's to close. CORDON__REPLACED: something else
 * lies there, left alone; fault says what. A missing token is written again
 * (told in the trace); so is another one where the address is published again. Negative: could
 * not be repaired.
 */
int cordon__claim_look(cordon__claim *claim, cordon__listener **old, cordon_fault *fault);

/* Take the address away; who waits in the backlog can still be accepted. */
void cordon__claim_withdraw(cordon__claim *claim);

/* Token, if it is still ours; the lock last. claim->listener: NULL once the caller has
 * closed it; one that was never attached is withdrawn and closed here. In a child that
 * did not exec: memory and descriptors only. A claim that is not open is fine. */
void cordon__claim_release(cordon__claim *claim);

#endif
