#include "dialect.h"

#include "server.h"

#include <string.h>

#define KIB          ((size_t)1024)
#define MIB          (1024 * KIB)
#define LEAST        (4 * KIB)
#define MOST         (64 * MIB)
#define PROGRAM_MOST 255

static int time_or(int given, int fallback)
{
    if (given == CORDON_AT_ONCE)
        return 0;
    return given == 0 ? fallback : given;
}

static void fill_times(cordon_server_options *options)
{
    options->hello_ms = time_or(options->hello_ms, 5000);
    options->write_ms = time_or(options->write_ms, 5000);
    options->request_ms = time_or(options->request_ms, CORDON_FOREVER);
    options->drain_ms = time_or(options->drain_ms, 250);
    options->stall_ms = time_or(options->stall_ms, 10000);
    options->lock_ms = time_or(options->lock_ms, 2000);
    options->look_ms = time_or(options->look_ms, 30000);
    options->pause_ms = time_or(options->pause_ms, 25);
    options->idle_ms = options->idle_ms == 0 ? CORDON_FOREVER : options->idle_ms;
}

static size_t size_or(size_t given, size_t fallback)
{
    return given == 0 ? fallback : given;
}

static size_t greater(size_t a, size_t b)
{
    return a > b ? a : b;
}

static void fill_limits(cordon_server_options *options)
{
    options->max_sessions = options->max_sessions > 0 ? options->max_sessions : 128;
    options->max_strangers = options->max_strangers > 0 ? options->max_strangers : 16;
    options->max_requests = options->max_requests > 0 ? options->max_requests : 64;
    options->max_request = size_or(options->max_request, 64 * KIB);
    options->max_reply = size_or(options->max_reply, MIB);
    options->max_queued = size_or(options->max_queued, 4 * MIB);
    options->max_queued_all = size_or(options->max_queued_all, 64 * MIB);
    options->max_partial = size_or(options->max_partial, 64 * MIB);
    /* A limit under which one largest message has no place would be none. */
    options->max_queued = greater(options->max_queued, options->max_reply + 256 * KIB);
    options->max_queued_all = greater(options->max_queued_all, options->max_queued);
    options->max_partial = greater(options->max_partial, 4 * options->max_request);
}

static int is_time(int ms, int may_be_forever)
{
    return ms >= 0 || (ms == CORDON_FOREVER && may_be_forever);
}

static const char *find_fault(const cordon_server_options *options)
{
    if (options->max_request < LEAST || options->max_request > MOST)
        return "max_request is not within 4 KiB and 64 MiB";
    if (options->max_reply < LEAST || options->max_reply > MOST)
        return "max_reply is not within 4 KiB and 64 MiB";
    if (options->program != NULL && strlen(options->program) > PROGRAM_MOST)
        return "program is longer than 255 bytes";
    if ((options->flags & CORDON_NO_JSON) != 0 && (options->flags & CORDON_NO_BINARY) != 0)
        return "no framing is left";
    if (!is_time(options->hello_ms, 0) || !is_time(options->write_ms, 1) ||
        !is_time(options->request_ms, 1) || !is_time(options->drain_ms, 0) ||
        !is_time(options->stall_ms, 1) || !is_time(options->lock_ms, 1) ||
        !is_time(options->look_ms, 1) || !is_time(options->pause_ms, 0) ||
        !is_time(options->idle_ms, 1))
        return "a time is negative, or for ever where that cannot be";
    return NULL;
}

int cordon__server_options(cordon_server_options *options, const cordon_server_options *given,
                           cordon_fault *fault)
{
    static const cordon_server_options none = CORDON_SERVER_OPTIONS_INIT;
    const char                        *wrong = NULL;

    *options = none;
    if (given != NULL && (given->size < sizeof given->size || given->size > sizeof *given))
        wrong = "size: start from CORDON_SERVER_OPTIONS_INIT";
    else if (given != NULL)
        memcpy(options, given, given->size);
    fill_times(options);
    fill_limits(options);
    if (wrong == NULL)
        wrong = find_fault(options);
    if (wrong == NULL)
        return 0;
    (void)cordon__fault_set(fault, CORDON_EINVAL, "check options");
    cordon__fault_text(fault, "%s", wrong);
    return CORDON_EINVAL;
}
