#include "world.h"

static void note(const cordon_fault *step, void *user)
{
    kit         *it = user;
    const size_t used = strlen(it->steps);

    snprintf(it->steps + used, sizeof it->steps - used, "%s:%d ", step->during, step->code);
}

cordon_endpoint *world_endpoint(kit *it, const char *directory)
{
    cordon_endpoint_options options = CORDON_ENDPOINT_OPTIONS_INIT;
    cordon_endpoint        *endpoint = NULL;

    options.directory = directory;
    options.trace = note;
    options.user = it;
    SUPPORT_CODE(cordon_endpoint_open(&endpoint, "test", &options, &it->fault), CORDON_OK,
                 &it->fault);
    return endpoint;
}

int world_open(void **state)
{
    static const cordon_fault none = CORDON_FAULT_INIT;
    world                    *it = test_calloc(1, sizeof *it);
    void                     *inner;

    it->fault = none;
    kit_setup(&inner);
    it->kit = inner;
    it->endpoint = world_endpoint(it->kit, it->kit->home);
    *state = it;
    return 0;
}

int world_close(void **state)
{
    world *it = *state;
    void  *inner = it->kit;

    cordon__claim_release(&it->claim);
    cordon_endpoint_close(it->endpoint);
    kit_teardown(&inner);
    test_free(it);
    return 0;
}

const char *world_path(const world *it, enum cordon_place which)
{
    return cordon_endpoint_path(it->endpoint, which);
}

int world_claim(world *it, cordon__claim *claim, uint64_t ms)
{
    return cordon__claim_open(claim, it->endpoint, 8, 0, cordon__now() + ms, &it->fault);
}

void world_take(world *it)
{
    SUPPORT_CODE(world_claim(it, &it->claim, WORLD_WAIT), CORDON_OK, &it->fault);
}

void world_token(const world *it, char token[65])
{
    SUPPORT_CHECK(support_read(world_path(it, CORDON_TOKEN), token, 65) == 64);
    token[64] = '\0';
}

int world_is_served(world *it)
{
    cordon__identity peer;
    intptr_t         handle;
    const int        code =
        cordon__endpoint_connect(&handle, &peer, it->endpoint, cordon__now(), &it->fault);

    if (code == CORDON_OK)
        cordon__handle_close(handle);
    return code == CORDON_OK;
}

void world_holds(const world *it, int is_held)
{
    SUPPORT_CHECK(support_exists(world_path(it, CORDON_LOCK)));
    SUPPORT_CHECK(support_exists(world_path(it, CORDON_TOKEN)) == is_held);
    SUPPORT_CHECK(support_is_published(it->endpoint) == is_held);
}

int world_is_refused(void *context)
{
    world         *it = context;
    cordon__claim  claim;
    const uint64_t start = cordon__now();

    SUPPORT_CODE(world_claim(it, &claim, 60000), CORDON_EADDRINUSE, &it->fault);
    SUPPORT_CHECK(cordon__now() - start < 5000);
    SUPPORT_CHECK(strcmp(it->fault.path, world_path(it, CORDON_ADDRESS)) == 0);
    cordon__claim_release(&claim); /* a claim that is not open is fine */
    return 0;
}

/* ---- other processes ---- */

static void visit(world *it, const char *directory)
{
    cordon_endpoint_options options = CORDON_ENDPOINT_OPTIONS_INIT;

    memset(it, 0, sizeof *it);
    it->fault = (cordon_fault)CORDON_FAULT_INIT;
    options.directory = directory;
    SUPPORT_CODE(cordon_endpoint_open(&it->endpoint, "test", &options, &it->fault), CORDON_OK,
                 &it->fault);
}

static int refused(const char *directory, support_child *self)
{
    world it;
    int   status;

    (void)self;
    visit(&it, directory);
    status = world_is_refused(&it);
    cordon_endpoint_close(it.endpoint);
    return status;
}

static int serve(const char *directory, support_child *self)
{
    world it;

    visit(&it, directory);
    world_take(&it);
    support_signal_send(&self->told, 's');
    (void)support_signal_wait(&self->orders, -1);
    /* As one that drains: the address has gone, the lock has not. */
    cordon__claim_withdraw(&it.claim);
    support_signal_send(&self->told, 'd');
    support_pause(WORLD_END);
    cordon__claim_release(&it.claim);
    cordon_endpoint_close(it.endpoint);
    return 0;
}

static int start(const char *directory, support_child *self)
{
    world it;
    int   code;

    visit(&it, directory);
    support_signal_send(&self->told, 'r');
    (void)support_signal_wait(&self->orders, -1);
    code = world_claim(&it, &it.claim, SUPPORT_SOON);
    support_signal_send(&self->told, code == CORDON_OK ? 'w' : 'l');
    SUPPORT_CHECK(code == CORDON_OK || code == CORDON_EADDRINUSE);
    if (code == CORDON_OK) /* the winner stays until it is killed */
        (void)support_signal_wait(&self->orders, -1);
    cordon_endpoint_close(it.endpoint);
    return 0;
}

const support_part world_parts[] = {
    {"refused", refused}, {"serve", serve}, {"start", start}, {NULL, NULL}};
