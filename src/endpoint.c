#include "dialect.h"

#include "endpoint.h"

#include <string.h>

#include "name.h"

/* ---- Times and options, as the public header means them --------------------------- */

int cordon__deadline(uint64_t *deadline, int timeout_ms, int fallback_ms)
{
    if (timeout_ms < CORDON_AT_ONCE)
        return CORDON_EINVAL;
    if (timeout_ms == 0)
        timeout_ms = fallback_ms;
    if (timeout_ms == CORDON_FOREVER)
        *deadline = CORDON__NEVER;
    else if (timeout_ms == CORDON_AT_ONCE)
        *deadline = 0;
    else
        *deadline = cordon__now() + (uint64_t)timeout_ms;
    return CORDON_OK;
}

#define LONGEST_PAUSE 25

int cordon__pause_grow(uint64_t *pause_ms, uint64_t deadline)
{
    uint64_t now = cordon__now();
    uint64_t pause = *pause_ms == 0 ? 1 : *pause_ms * 2;

    if (now >= deadline)
        return 0;
    *pause_ms = pause < LONGEST_PAUSE ? pause : LONGEST_PAUSE;
    cordon__pause(*pause_ms < deadline - now ? *pause_ms : deadline - now);
    return 1;
}

int cordon__options_read(void *options, size_t size, const void *given)
{
    size_t given_size = 0;

    memset(options, 0, size);
    if (given == NULL)
        return CORDON_OK;
    memcpy(&given_size, given, sizeof given_size); /* the first field of each */
    if (given_size < sizeof given_size)
        return CORDON_EINVAL;
    memcpy(options, given, given_size < size ? given_size : size);
    return CORDON_OK;
}

int cordon__misuse(cordon_fault *fault, const char *during, const char *text)
{
    cordon_fault why = CORDON_FAULT_INIT;

    cordon__fault_found(&why, CORDON_EINVAL, during, NULL, 0, 0, text);
    return cordon__fault_give(fault, &why);
}

/* ---- Life -------------------------------------------------------------------------- */

static int check_options(const char *app, const cordon_endpoint_options *options,
                         cordon_fault *fault)
{
    if (app == NULL || !cordon__name_is_valid(app))
        return cordon__fault_found(fault, CORDON_EINVAL, "resolve", app, 0, 0,
                                   "an app is 1 to 64 of A-Z a-z 0-9 . _ -, no leading dot");
    if (!cordon__name_is_valid(options->name))
        return cordon__fault_found(fault, CORDON_EINVAL, "resolve", options->name, 0, 0,
                                   "a name is 1 to 64 of A-Z a-z 0-9 . _ -, no leading dot");
    if ((options->flags & ~CORDON_TRUST_ROOT) != 0)
        return cordon__fault_found(fault, CORDON_EINVAL, "resolve", NULL, CORDON_TRUST_ROOT,
                                   options->flags, "unknown flags");
    return CORDON_OK;
}

int cordon__endpoint_bare(cordon_endpoint **out, const cordon__memory *memory, cordon_fault *fault)
{
    cordon_endpoint *endpoint = (cordon_endpoint *)cordon__allocate(memory, sizeof *endpoint);
    int              code;

    if (endpoint == NULL)
        return (void)cordon__fault_set(fault, CORDON_ENOMEM, "resolve"), CORDON_ENOMEM;
    endpoint->memory = *memory;
    endpoint->uses = 1;
    endpoint->pid = cordon__pid();
    endpoint->own = cordon__peer_own();
    code = uv_mutex_init(&endpoint->lock);
    if (code == 0) {
        *out = endpoint;
        return CORDON_OK;
    }
    cordon__release(memory, endpoint);
    (void)cordon__fault_os(fault, CORDON_ESYSTEM, "resolve", (uint32_t)-code, NULL);
    return CORDON_ESYSTEM;
}

static int open_endpoint(cordon_endpoint **out, const char *app,
                         const cordon_endpoint_options *options, cordon_fault *fault)
{
    cordon__memory   memory = cordon__libc;
    cordon_endpoint *endpoint;
    int              code;

    if (options->allocate != NULL)
        memory = (cordon__memory){options->allocate, options->user};
    code = cordon__endpoint_bare(&endpoint, &memory, fault);
    if (code != CORDON_OK)
        return code;
    endpoint->trace.fn = options->trace;
    endpoint->trace.user = options->user;
    endpoint->flags = options->flags;
    code = cordon__place_open(&endpoint->place, app, options->name, options->directory, &memory,
                              &endpoint->trace, fault);
    if (code == CORDON_OK)
        *out = endpoint;
    else
        cordon__endpoint_drop(endpoint);
    return code;
}

int cordon_endpoint_open(cordon_endpoint **endpoint, const char *app,
                         const cordon_endpoint_options *options, cordon_fault *fault)
{
    cordon_fault            why = CORDON_FAULT_INIT;
    cordon_endpoint_options mine;
    int                     code;

    if (endpoint == NULL)
        return cordon__misuse(fault, "resolve", NULL);
    *endpoint = NULL;
    if (cordon__options_read(&mine, sizeof mine, options) != CORDON_OK)
        return cordon__misuse(fault, "resolve", NULL);
    if (mine.name == NULL)
        mine.name = "ipc";
    code = check_options(app, &mine, &why);
    if (code == CORDON_OK)
        code = open_endpoint(endpoint, app, &mine, &why);
    if (code != CORDON_OK)
        (void)cordon__fault_give(fault, &why);
    return code;
}

cordon_endpoint *cordon__endpoint_use(cordon_endpoint *endpoint)
{
    uv_mutex_lock(&endpoint->lock);
    endpoint->uses++;
    uv_mutex_unlock(&endpoint->lock);
    return endpoint;
}

/* In a child that did not exec the mutex may be held by a thread that stayed behind: nobody else
 * is there to be kept out. */
static unsigned end_use(cordon_endpoint *endpoint, int is_child)
{
    unsigned left;

    if (is_child)
        return --endpoint->uses;
    uv_mutex_lock(&endpoint->lock);
    left = --endpoint->uses;
    uv_mutex_unlock(&endpoint->lock);
    return left;
}

static void drop(cordon_endpoint *endpoint, int is_child)
{
    cordon__memory memory;

    if (end_use(endpoint, is_child) > 0)
        return;
    memory = endpoint->memory;
    if (!is_child)
        uv_mutex_destroy(&endpoint->lock);
    if (endpoint->place != NULL)
        cordon__place_close(endpoint->place);
    cordon__wipe(&endpoint->token, sizeof endpoint->token);
    cordon__release(&memory, endpoint);
}

void cordon_endpoint_close(cordon_endpoint *endpoint)
{
    if (endpoint != NULL)
        drop(endpoint, endpoint->pid != cordon__pid());
}

void cordon__endpoint_drop(cordon_endpoint *endpoint)
{
    drop(endpoint, 0);
}

/* ---- Where it is ------------------------------------------------------------------- */

const char *cordon_endpoint_path(const cordon_endpoint *endpoint, enum cordon_place place)
{
    if (endpoint == NULL || (int)place < CORDON_DIRECTORY || place > CORDON_START_LOCK)
        return NULL;
    return cordon__place_path(endpoint->place, place);
}

const char *cordon__endpoint_address(const cordon_endpoint *endpoint)
{
    return endpoint->place != NULL ? cordon__place_path(endpoint->place, CORDON_ADDRESS) : NULL;
}

int cordon_endpoint_live(cordon_buffer *address, cordon_endpoint *endpoint, cordon_fault *fault)
{
    cordon_fault why = CORDON_FAULT_INIT;
    int          code;

    if (address == NULL || endpoint == NULL)
        return cordon__misuse(fault, "read link", NULL);
    uv_mutex_lock(&endpoint->lock);
    code = cordon__place_live(address, endpoint->place, &why);
    uv_mutex_unlock(&endpoint->lock);
    if (code != CORDON_OK)
        (void)cordon__fault_give(fault, &why);
    return code;
}

/* ---- Connecting -------------------------------------------------------------------- */

/* Directory and address in one look: the lock keeps its descriptors where they are. */
static int try_connect(intptr_t *handle, cordon__token *token, int *is_known,
                       cordon_endpoint *endpoint, cordon_fault *fault)
{
    int code;

    uv_mutex_lock(&endpoint->lock);
    code = cordon__private_open(endpoint->place, 0, fault);
    if (code == CORDON_OK)
        code = cordon__connect(handle, endpoint->place, fault);
    if (token != NULL && (*is_known = endpoint->has_token))
        *token = endpoint->token;
    uv_mutex_unlock(&endpoint->lock);
    return code;
}

static int check_peer(cordon__identity *peer, intptr_t handle, const cordon_endpoint *endpoint,
                      cordon_fault *fault)
{
    int code = cordon__peer_ask(peer, handle, 1, fault);

    if (code == CORDON_OK)
        code = cordon__peer_judge(peer, endpoint->own, endpoint->flags, fault);
    else if (code > 0)
        code = cordon__fault_set(fault, CORDON_EIMPOSTOR, "check peer");
    if (code == CORDON_OK) {
        cordon__trace_done(&endpoint->trace, "check peer", cordon__endpoint_address(endpoint),
                           NULL);
        return CORDON_OK;
    }
    if (fault->path[0] == '\0')
        cordon__fault_path(fault, cordon__endpoint_address(endpoint));
    cordon__trace_fault(&endpoint->trace, fault);
    return code;
}

/* A connection to somebody else is none. */
static int accept_peer(intptr_t *handle, cordon__identity *peer, const cordon_endpoint *endpoint,
                       cordon_fault *fault)
{
    const int code = check_peer(peer, *handle, endpoint, fault);

    if (code != CORDON_OK) {
        cordon__handle_close(*handle);
        *handle = CORDON__NO_HANDLE;
    }
    return code;
}

/* The attempts are over, and none was a connection or a failure. */
static int nobody(const cordon_endpoint *endpoint, int turn, cordon_fault *fault)
{
    int code = turn == CORDON__UNCERTAIN ? CORDON_ENOTRUNNING : CORDON_ETIMEDOUT;

    cordon__fault_found(fault, code, "connect", cordon__endpoint_address(endpoint), 0, 0,
                        code == CORDON_ETIMEDOUT ? "somebody is there, but takes no connection"
                                                 : NULL);
    cordon__trace_fault(&endpoint->trace, fault);
    return code;
}

/* A refusal that may pass is believed after this long. */
#define UNCERTAIN_MS 200

int cordon__endpoint_reach(intptr_t *handle, cordon__identity *peer, cordon__token *token,
                           cordon_endpoint *endpoint, uint64_t deadline, cordon_fault *fault)
{
    uint64_t pause_ms = 0, until = deadline, doubt_ends = 0;
    int      is_known = 1, code;

    while ((code = try_connect(handle, token, &is_known, endpoint, fault)) > 0) {
        if (code == CORDON__UNCERTAIN && doubt_ends == 0)
            doubt_ends = cordon__now() + UNCERTAIN_MS;
        until = code == CORDON__UNCERTAIN && doubt_ends < deadline ? doubt_ends : deadline;
        if (cordon__pause_grow(&pause_ms, until))
            continue;
        return nobody(endpoint, code, fault);
    }
    if (code == CORDON_OK)
        code = accept_peer(handle, peer, endpoint, fault);
    return code == CORDON_OK && !is_known ? CORDON__TOKENLESS : code;
}

int cordon__endpoint_try(intptr_t *handle, cordon__identity *peer, cordon_endpoint *endpoint,
                         cordon_fault *fault)
{
    int code = try_connect(handle, NULL, NULL, endpoint, fault);

    return code == CORDON_OK ? accept_peer(handle, peer, endpoint, fault) : code;
}

int cordon__endpoint_start_lock(cordon__lock **lock, cordon_endpoint *endpoint, cordon_fault *fault)
{
    int code;

    uv_mutex_lock(&endpoint->lock);
    code = cordon__private_open(endpoint->place, 0, fault);
    if (code == CORDON_ENOTRUNNING)
        code = cordon__private_open(endpoint->place, 1, fault);
    if (code == CORDON_OK)
        code = cordon__lock_take(lock, endpoint->place, CORDON_START_LOCK, fault);
    uv_mutex_unlock(&endpoint->lock);
    return code;
}

/* ---- The token --------------------------------------------------------------------- */

static int is_same(const cordon__token *one, const cordon__token *other)
{
    return cordon__token_is_equal(one, (cordon_bytes){other->bytes, sizeof other->bytes});
}

/* 0, CORDON__ABSENT, CORDON__MALFORMED_FILE or a failure. Under the lock. */
static int load_token(cordon__token *token, cordon_endpoint *endpoint, cordon_fault *fault)
{
    char hex[CORDON__TOKEN_HEX];
    int  code = cordon__private_open(endpoint->place, 0, fault);

    if (code == CORDON_OK)
        code = cordon__secret_load(endpoint->place, hex, sizeof hex, fault);
    if (code == CORDON_OK && !cordon__token_from_hex(token, (cordon_bytes){hex, sizeof hex}))
        code = CORDON__MALFORMED_FILE;
    cordon__wipe(hex, sizeof hex);
    return code;
}

/* Is anybody at the address? Under the lock. */
static int is_served(cordon_endpoint *endpoint)
{
    cordon_fault why = CORDON_FAULT_INIT;
    intptr_t     handle = CORDON__NO_HANDLE;
    int          code = cordon__private_open(endpoint->place, 0, &why);

    if (code == CORDON_OK)
        code = cordon__connect(&handle, endpoint->place, &why);
    if (code == CORDON_OK)
        cordon__handle_close(handle);
    return code >= 0;
}

/* A server has its token before it can be reached, and its address goes first: each look that
 * finds one without the other is a server that came and left in between, or a token that is lost.
 */
#define TOKEN_LOOKS 4

/*
 * 1. Absent, and nobody at the address: not running.
 * 2. Absent, but served: a server came between the two looks, so look again.
 * 3. Still absent after several looks, or of the wrong shape: no token, no conversation.
 */
static int read_token(cordon__token *token, cordon_endpoint *endpoint, cordon_fault *fault)
{
    const char *path = cordon__place_path(endpoint->place, CORDON_TOKEN);
    int         code = load_token(token, endpoint, fault);

    for (int look = 0; code == CORDON__ABSENT && look < TOKEN_LOOKS; look++) {
        if (!is_served(endpoint))
            return cordon__fault_found(fault, CORDON_ENOTRUNNING, "read token", path, 0, 0, NULL);
        code = load_token(token, endpoint, fault);
    }
    if (code <= CORDON_OK)
        return code;
    cordon__fault_found(fault, CORDON_EUNAUTHORIZED, "read token", path, 0, 0,
                        code == CORDON__ABSENT ? "a server answers, but its token file is gone"
                                               : "the token file is not 64 hex digits");
    cordon__trace_fault(&endpoint->trace, fault);
    return CORDON_EUNAUTHORIZED;
}

int cordon__endpoint_secret(cordon__token *token, cordon_endpoint *endpoint, int is_fresh,
                            int *is_changed, cordon_fault *fault)
{
    cordon__token read;
    int           code = CORDON_OK;

    uv_mutex_lock(&endpoint->lock);
    if (is_fresh || !endpoint->has_token) {
        if ((code = read_token(&read, endpoint, fault)) != CORDON_OK)
            goto out;
        endpoint->token = read;
        endpoint->has_token = 1;
        cordon__wipe(&read, sizeof read);
    }
    if (is_changed != NULL)
        *is_changed = !is_same(token, &endpoint->token);
    *token = endpoint->token;
out:
    uv_mutex_unlock(&endpoint->lock);
    return code;
}

/*
 * 1: there is no token, and who listens at the address is not the process that has the lifetime
 * lock: a service manager's socket, for a server that is about to start or to end. A server has
 * its name taken off the lock before its token goes, and written its token before it listens.
 */
static int is_to_come(cordon_endpoint *endpoint, const cordon__identity *listener)
{
    cordon_fault  why = CORDON_FAULT_INIT;
    cordon__token unused;
    uint64_t      holder = CORDON__NEVER;
    int           code;

    uv_mutex_lock(&endpoint->lock);
    code = load_token(&unused, endpoint, &why);
    if (code == CORDON__ABSENT)
        holder = cordon__lock_named(endpoint->place, CORDON_LOCK);
    uv_mutex_unlock(&endpoint->lock);
    cordon__wipe(&unused, sizeof unused);
    if (code == CORDON_OK || holder == 0)
        return 1;
    return holder != CORDON__NEVER && (listener->known & CORDON_PEER_PID) != 0 &&
           listener->pid != holder;
}

int cordon__endpoint_await_secret(cordon__token *token, cordon_endpoint *endpoint,
                                  const cordon__identity *peer, uint64_t deadline,
                                  cordon_fault *fault)
{
    uint64_t pause_ms = 0;
    int      code = cordon__endpoint_secret(token, endpoint, 0, NULL, fault);

    while (code == CORDON_EUNAUTHORIZED && is_to_come(endpoint, peer)) {
        uv_mutex_lock(&endpoint->lock);
        code = load_token(token, endpoint, fault);
        uv_mutex_unlock(&endpoint->lock);
        if (code != CORDON__ABSENT)
            return cordon__endpoint_secret(token, endpoint, 0, NULL, fault);
        code = CORDON_EUNAUTHORIZED;
        if (cordon__pause_grow(&pause_ms, deadline) && cordon__now() < deadline)
            continue;
        return cordon__fault_found(fault, CORDON_ETIMEDOUT, "read token",
                                   cordon__place_path(endpoint->place, CORDON_TOKEN), 0, 0,
                                   "a socket listens, but no server has started behind it");
    }
    return code;
}

int cordon__endpoint_has_left(cordon_endpoint *endpoint, const cordon__token *token)
{
    cordon_fault  why = CORDON_FAULT_INIT;
    cordon__token there;
    int           code;

    if (endpoint->place == NULL)
        return 1;
    uv_mutex_lock(&endpoint->lock);
    code = load_token(&there, endpoint, &why);
    if (code == CORDON_OK)
        code = !is_same(&there, token);
    else if (code == CORDON__ABSENT && cordon__lock_named(endpoint->place, CORDON_LOCK) == 0)
        code = 1; /* to knock might start the next one */
    else
        code = !is_served(endpoint);
    uv_mutex_unlock(&endpoint->lock);
    cordon__wipe(&there, sizeof there);
    return code;
}

int cordon_endpoint_token(char token[65], cordon_endpoint *endpoint, cordon_fault *fault)
{
    cordon_fault  why = CORDON_FAULT_INIT;
    cordon__token read;
    int           code;

    if (token == NULL || endpoint == NULL)
        return cordon__misuse(fault, "read token", NULL);
    memset(&read, 0, sizeof read);
    code = cordon__endpoint_secret(&read, endpoint, 1, NULL, &why);
    if (code != CORDON_OK)
        return cordon__fault_give(fault, &why);
    cordon__token_to_hex(token, &read);
    cordon__wipe(&read, sizeof read);
    return CORDON_OK;
}
