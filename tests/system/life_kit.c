#include "life_kit.h"

/* ---- servers in children ---- */

static int allow_stop(const cordon_peer *peer, void *user)
{
    (void)peer;
    (void)user;
    return CORDON_OK;
}

/* argument: backlog, strangers, may stop, directory. */
static int serve(const char *argument, support_child *self)
{
    cordon_server_options options = CORDON_SERVER_OPTIONS_INIT;
    support_server       *server = NULL;
    int                   may_stop, used;

    SUPPORT_CHECK(sscanf(argument, "%u %u %d %n", &options.backlog, &options.max_strangers,
                         &may_stop, &used) == 3);
    if (may_stop)
        options.on_stop = allow_stop;
    support_server_open(&server, argument + used, NULL, &options);
    support_signal_send(&self->told, 'r');
    while (support_signal_wait(&self->orders, -1) == -1)
        continue;
    support_server_close(server);
    return 0;
}

const support_part life_parts[] = {{"serve", serve}, {NULL, NULL}};

void life_serve(life_child *child, const char *directory, const life_plan *plan)
{
    const life_plan usual = {0, 0, 0};
    char            argument[SUPPORT_PATH + 64];

    if (plan == NULL)
        plan = &usual;
    snprintf(argument, sizeof argument, "%u %u %d %s", plan->backlog, plan->max_strangers,
             plan->may_stop, directory);
    support_start(child, life_parts, "serve", argument);
    SUPPORT_CHECK(support_signal_wait(&child->told, SUPPORT_SOON) == 'r');
}

void life_order_stop(life_child *child)
{
    support_signal_send(&child->orders, 's');
}

void life_await_end(life_child *child)
{
    SUPPORT_CHECK(support_reap(child, SUPPORT_SOON) == 0);
}

void life_stop(life_child *child)
{
    life_order_stop(child);
    life_await_end(child);
}

void life_kill(life_child *child)
{
    support_kill_child(child);
}

int life_refused(const char *directory, int lock_ms, cordon_fault *fault)
{
    cordon_server_options options = CORDON_SERVER_OPTIONS_INIT;
    cordon_endpoint      *endpoint = support_endpoint(directory);
    support_server       *server = NULL;
    int                   code;

    options.lock_ms = lock_ms;
    code = support_server_try(&server, endpoint, NULL, &options, fault);
    support_server_close(server);
    cordon_endpoint_close(endpoint);
    return code;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* What of them is a file there, as support_names would tell it. */
static void name_files(char *out, size_t room, cordon_endpoint *endpoint, int files)
{
    const enum cordon_place places[] = {CORDON_TOKEN, CORDON_LOCK, CORDON_ADDRESS};
    const char             *directory = cordon_endpoint_path(endpoint, CORDON_DIRECTORY);
    const char             *names[3];
    size_t                  count = 0;

    for (int n = 0; n < 3; n++) {
        const char *path = cordon_endpoint_path(endpoint, places[n]);

        if ((files & 1 << n) != 0 && strncmp(path, directory, strlen(directory)) == 0)
            names[count++] = support_name_of(path);
    }
    qsort(names, count, sizeof names[0], by_name);
    out[0] = 0;
    for (size_t n = 0; n < count; n++)
        snprintf(out + strlen(out), room - strlen(out), "%s%s", n > 0 ? " " : "", names[n]);
}

void life_check_left(const char *directory, int files)
{
    cordon_endpoint *endpoint = support_endpoint(directory);
    char             found[1024], expected[1024];

    support_names(found, sizeof found, directory);
    name_files(expected, sizeof expected, endpoint, files);
    cordon_endpoint_close(endpoint);
    if (strcmp(found, expected) == 0)
        return;
    fprintf(stderr, "in %s: \"%s\", not \"%s\"\n", directory, found, expected);
    support_failed("the names in the directory", __FILE__, __LINE__);
}

void life_crowd_in(life_crowd *crowd, const char *address)
{
    int is_busy = 0;

    for (crowd->count = 0; crowd->count < 1024; crowd->count++) {
        support_raw raw = support_raw_try_open(address, &is_busy);

        if (raw == SUPPORT_NO_RAW) {
            SUPPORT_CHECK(is_busy);
            return;
        }
        crowd->raws[crowd->count] = raw;
    }
    support_failed("the backlog can be filled", __FILE__, __LINE__);
}

void life_drop_all(life_crowd *crowd)
{
    while (crowd->count > 0)
        support_raw_close(crowd->raws[--crowd->count]);
}
