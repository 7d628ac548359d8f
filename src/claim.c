/*
 * The order matters. Only whoever has the lock may say that what lies at the
 * address is stale; the token is written before anybody can connect; and at the
 * end all goes in reverse, the lock last.
 */
#include "dialect.h"

#include <string.h>

#include "claim.h"

#define PAUSE_MAX 25 /* ms between two looks at a lock that is held */

/* The place's directories are shared by all that use the endpoint, on any thread. */
static void enter(const cordon__claim *claim)
{
    uv_mutex_lock(&claim->endpoint->lock);
}

static void leave(const cordon__claim *claim)
{
    uv_mutex_unlock(&claim->endpoint->lock);
}

/* Does a live server have it? Its backlog being full is an answer too. */
static int is_answered(cordon__place *place)
{
    cordon_fault ignored = CORDON_FAULT_INIT;
    intptr_t     handle;
    const int    code = cordon__connect(&handle, place, &ignored);

    if (code == CORDON_OK)
        cordon__handle_close(handle);
    return code == CORDON_OK || code == CORDON__AGAIN;
}

static int in_use(cordon__place *place, const char *text, cordon_fault *fault)
{
    cordon__fault_os(fault, CORDON_EADDRINUSE, "take lock", 0,
                     cordon__place_path(place, CORDON_ADDRESS));
    cordon__fault_text(fault, "%s", text);
    return CORDON_EADDRINUSE;
}

/* 0; CORDON__HELD: by somebody who does not answer, so it is starting or stopping. */
static int try_lock(cordon__claim *claim, cordon_fault *fault)
{
    cordon__place *place = claim->endpoint->place;
    int            code = cordon__private_open(place, 1, fault);

    if (code == CORDON_OK)
        code = cordon__lock_take(&claim->lock, place, CORDON_LOCK, fault);
    if (code == CORDON__HELD && claim->given == CORDON__NO_HANDLE && is_answered(place))
        code = in_use(place, "a server is running", fault);
    return code;
}

static int take_lock(cordon__claim *claim, uint64_t deadline, cordon_fault *fault)
{
    uint64_t pause = 1;

    for (;;) {
        uint64_t now;
        int      code;

        enter(claim);
        code = try_lock(claim, fault);
        leave(claim);
        if (code != CORDON__HELD)
            return code;
        now = cordon__now();
        if (now >= deadline)
            return in_use(claim->endpoint->place,
                          "its lock is held by a process that does not answer", fault);
        cordon__pause(deadline - now < pause ? deadline - now : pause);
        pause = pause * 2 < PAUSE_MAX ? pause * 2 : PAUSE_MAX;
    }
}

static int store_token(cordon__claim *claim, cordon_fault *fault)
{
    char hex[CORDON__TOKEN_HEX + 1];
    int  code;

    cordon__token_to_hex(hex, &claim->token);
    code = cordon__secret_store(claim->endpoint->place, hex, CORDON__TOKEN_HEX, fault);
    cordon__wipe(hex, sizeof hex);
    return code;
}

static void remove_token(cordon__claim *claim)
{
    cordon_fault ignored = CORDON_FAULT_INIT;
    char         hex[CORDON__TOKEN_HEX + 1];

    cordon__token_to_hex(hex, &claim->token);
    cordon__secret_remove(claim->endpoint->place, hex, CORDON__TOKEN_HEX, &ignored);
    cordon__wipe(hex, sizeof hex);
}

static int listen_on(cordon__claim *claim, cordon__listener **listener, cordon_fault *fault)
{
    if (claim->given != CORDON__NO_HANDLE)
        return cordon__listen_on(listener, claim->endpoint->place, claim->given, claim->backlog,
                                 fault);
    return cordon__listen(listener, claim->endpoint->place, claim->backlog, claim->flags, fault);
}

/* Under the lock: leftovers, token, address. */
static int publish(cordon__claim *claim, cordon_fault *fault)
{
    int code = claim->given != CORDON__NO_HANDLE
                   ? CORDON_OK
                   : cordon__address_clear(claim->endpoint->place, fault);

    if (code == CORDON_OK)
        code = cordon__random(&claim->token, sizeof claim->token, fault);
    if (code == CORDON_OK)
        code = store_token(claim, fault);
    if (code != CORDON_OK)
        return code;
    code = listen_on(claim, &claim->listener, fault);
    if (code != CORDON_OK)
        remove_token(claim);
    claim->given = CORDON__NO_HANDLE; /* if its file goes, one of our own takes its place */
    return code;
}

static int open_claim(cordon__claim *claim, cordon_endpoint *endpoint, uint64_t deadline,
                      cordon_fault *fault)
{
    int code;

    claim->endpoint = cordon__endpoint_use(endpoint);
    claim->pid = cordon__pid();
    code = take_lock(claim, deadline, fault);
    if (code == CORDON_OK) {
        enter(claim);
        code = publish(claim, fault);
        leave(claim);
    }
    if (code == CORDON_OK)
        return CORDON_OK;
    cordon__lock_release(claim->lock);
    cordon_endpoint_close(claim->endpoint);
    cordon__wipe(claim, sizeof *claim);
    return code;
}

int cordon__claim_open(cordon__claim *claim, cordon_endpoint *endpoint, unsigned backlog,
                       unsigned flags, uint64_t deadline, cordon_fault *fault)
{
    memset(claim, 0, sizeof *claim);
    claim->given = CORDON__NO_HANDLE;
    claim->backlog = backlog;
    claim->flags = flags;
    return open_claim(claim, endpoint, deadline, fault);
}

int cordon__claim_adopt(cordon__claim *claim, cordon_endpoint *endpoint, intptr_t given,
                        unsigned backlog, uint64_t deadline, cordon_fault *fault)
{
    memset(claim, 0, sizeof *claim);
    claim->given = given;
    claim->backlog = backlog;
    return open_claim(claim, endpoint, deadline, fault);
}

/* ---- look -------------------------------------------------------------------------- */

/* Somebody removed the lock file: another server might take one of the same name. */
static int hold_lock(cordon__claim *claim, cordon_fault *fault)
{
    cordon__place *place = claim->endpoint->place;
    cordon__lock  *fresh;
    int            code;

    if (cordon__lock_is_named(claim->lock, place, CORDON_LOCK))
        return CORDON_OK;
    code = cordon__lock_take(&fresh, place, CORDON_LOCK, fault);
    if (code == CORDON_OK) {
        cordon__lock_release(claim->lock);
        claim->lock = fresh;
    }
    if (code != CORDON__HELD)
        return code;
    in_use(place, "another server has taken the lock", fault);
    return CORDON__REPLACED;
}

/* Another's is left alone; but while we put our address there again, under the lock, it can only be
 * that of a server that has died, and nobody would get in with it. */
static int hold_token(cordon__claim *claim, int is_publishing, cordon_fault *fault)
{
    cordon__place *place = claim->endpoint->place;
    cordon__token  there;
    char           hex[CORDON__TOKEN_HEX];
    cordon_bytes   view = {hex, sizeof hex};
    cordon_bytes   bytes = {there.bytes, sizeof there.bytes};
    int            code = cordon__secret_load(place, hex, sizeof hex, fault);
    int            is_same = code == CORDON_OK && cordon__token_from_hex(&there, view) &&
                  cordon__token_is_equal(&claim->token, bytes);

    cordon__wipe(hex, sizeof hex);
    if (is_same)
        return CORDON_OK;
    if (code == CORDON__ABSENT || (is_publishing && code >= 0))
        return store_token(claim, fault);
    if (code < 0)
        return code == CORDON_EUNSAFE ? CORDON__REPLACED : code;
    cordon__fault_os(fault, CORDON_EUNSAFE, "look at token", 0,
                     cordon__place_path(place, CORDON_TOKEN));
    cordon__fault_text(fault, "not the token that we wrote");
    return CORDON__REPLACED;
}

static int publish_again(cordon__claim *claim, cordon__listener **old, cordon_fault *fault)
{
    cordon__listener *fresh;
    int               code = cordon__address_clear(claim->endpoint->place, fault);

    if (code == CORDON_OK)
        code = listen_on(claim, &fresh, fault);
    if (code != CORDON_OK)
        return code;
    *old = claim->listener;
    claim->listener = fresh;
    return CORDON__GONE;
}

static int look(cordon__claim *claim, cordon__listener **old, cordon_fault *fault)
{
    const int address = cordon__listener_look(claim->listener, fault);
    int       token;
    int       code;

    if (address < 0 || address == CORDON__REPLACED)
        return address;
    code = cordon__private_open(claim->endpoint->place, 1, fault);
    if (code == CORDON_OK)
        code = hold_lock(claim, fault);
    if (code != CORDON_OK)
        return code;
    /* What is no token at all is no reason to leave nothing at the address. */
    token = hold_token(claim, address == CORDON__GONE, fault);
    return token >= 0 && address == CORDON__GONE ? publish_again(claim, old, fault) : token;
}

int cordon__claim_look(cordon__claim *claim, cordon__listener **old, cordon_fault *fault)
{
    int code;

    *old = NULL;
    enter(claim);
    code = look(claim, old, fault);
    leave(claim);
    return code;
}

/* ---- the end ------------------------------------------------------------------------ */

void cordon__claim_withdraw(cordon__claim *claim)
{
    if (claim->pid != cordon__pid() || !claim->listener)
        return;
    enter(claim);
    cordon__unlisten(claim->listener);
    leave(claim);
}

void cordon__claim_release(cordon__claim *claim)
{
    if (!claim->endpoint)
        return;
    cordon__claim_withdraw(claim);
    cordon__listener_close(claim->listener, NULL);
    if (claim->pid == cordon__pid()) { /* a child must not wait for a mutex that stayed behind */
        /* First: who finds no token must not take us for a server that has lost it. */
        cordon__lock_unname(claim->lock);
        enter(claim);
        remove_token(claim);
        leave(claim);
    }
    cordon__lock_release(claim->lock);
    cordon_endpoint_close(claim->endpoint);
    cordon__wipe(claim, sizeof *claim);
}
