#include "client.h"
#include "host.h"
#include "report.h"
#include "verb.h"
#include "work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#define COMMAND_MS    5000
#define IN_FLIGHT     64
#define DEFAULT_REPLY ((size_t)1 << 20)

#define MOST_SIGNALS 4

struct serve {
    const struct options *options;
    uv_loop_t             uv;
    uv_signal_t           signals[MOST_SIGNALS];
    size_t                signal_count;
    cordon_loop          *loop;
    cordon_server        *server;
    struct pool           pool;
    int                   is_ending;
};

/* ---- what the library tells us -------------------------------------------------- */

static void on_request(cordon_request *request, cordon_bytes body, void *user)
{
    struct serve *serve = user;

    if (serve->options->is_echo) {
        if (cordon_reply(&request, body) != CORDON_OK)
            cordon_fail(&request, CORDON_EMSGSIZE, "the reply is larger than the client takes");
        return;
    }
    work_start(&serve->pool, request, body);
}

static int on_stop(const cordon_peer *peer, void *user)
{
    (void)peer;
    (void)user;
    return CORDON_OK;
}

/* With --trace: who comes, who goes, and why. */
static void on_session(cordon_session_id session, const cordon_peer *peer, int is_here,
                       const cordon_fault *why, void *user)
{
    struct serve *serve = user;
    cordon_fault  step = CORDON_FAULT_INIT;

    if (why != NULL)
        step = *why;
    step.during = is_here ? "session begins" : "session ends";
    snprintf(step.path, sizeof step.path, "%llu, %.200s", (unsigned long long)session,
             peer != NULL && peer->program != NULL ? peer->program : "no name");
    report_step(&step, (void *)(uintptr_t)serve->options);
}

static void on_trouble(const cordon_fault *fault, void *user)
{
    struct serve *serve = user;
    cordon_fault  copy = *fault;

    report_fault(serve->options, &copy);
}

/* Once, whoever comes first. */
static void close_server(struct serve *serve)
{
    cordon_server_close(serve->server);
    serve->server = NULL;
}

/* Also when a client has stopped it. Nobody is left to hear an answer. */
static void on_closed(void *user)
{
    struct serve *serve = user;

    close_server(serve);
    work_stop_all(&serve->pool);
    cordon_loop_close(serve->loop);
    serve->loop = NULL;
}

/* The first ends us cleanly: who is being answered gets the drain time. The second: at once. */
static void on_signal(uv_signal_t *handle, int signal_number)
{
    struct serve *serve = handle->data;

    (void)signal_number;
    if (serve->is_ending) {
        work_stop_all(&serve->pool);
        host_leave(EXIT_INTERRUPTED);
    }
    serve->is_ending = 1;
    close_server(serve);
}

/* ---- setting up ------------------------------------------------------------------ */

static void fill_options(cordon_server_options *how, struct serve *serve, char program[64])
{
    const struct options *options = serve->options;

    how->program = client_program(program);
    how->user = serve;
    if (options->framing == FRAMING_BINARY)
        how->flags |= CORDON_NO_JSON;
    if (options->framing == FRAMING_JSON)
        how->flags |= CORDON_NO_BINARY;
    how->max_sessions = options->max_sessions;
    how->max_requests = options->max_in_flight;
    how->max_request = options->max;
    how->max_reply = options->max;
    how->drain_ms = options->drain_ms;
    how->idle_ms = options->idle_ms;
    how->on_stop = options->allows_stop ? on_stop : NULL;
    how->on_session = options->is_traced ? on_session : NULL;
    how->on_trouble = on_trouble;
    how->on_closed = on_closed;
}

static void fill_pool(struct serve *serve)
{
    const struct options *options = serve->options;

    serve->pool.uv = &serve->uv;
    serve->pool.command = options->command;
    serve->pool.timeout_ms = options->timeout_ms ? options->timeout_ms : COMMAND_MS;
    serve->pool.max_reply = options->max ? options->max : DEFAULT_REPLY;
    serve->pool.limit = options->max_in_flight ? options->max_in_flight : IN_FLIGHT;
}

static int find_listener(cordon_server_options *how, const struct options *options,
                         cordon_fault *fault)
{
    if (options->is_activated)
        return cordon_inherited_listener(&how->listener, NULL, fault);
    how->listener = options->listen_fd; /* NO_DESCRIPTOR is CORDON_NO_HANDLE */
    return CORDON_OK;
}

static int open_server(struct serve *serve)
{
    cordon_server_options how = CORDON_SERVER_OPTIONS_INIT;
    cordon_fault          fault = CORDON_FAULT_INIT;
    char                  program[64];
    int                   status;
    cordon_endpoint      *endpoint = client_endpoint(serve->options, &status);

    if (endpoint == NULL)
        return status;
    fill_options(&how, serve, program);
    if (find_listener(&how, serve->options, &fault) != CORDON_OK ||
        cordon_loop_open_uv(&serve->loop, &serve->uv, &fault) != CORDON_OK ||
        cordon_server_open(&serve->server, serve->loop, endpoint, on_request, &how, &fault) !=
            CORDON_OK)
        status = report_fault(serve->options, &fault);
    cordon_endpoint_close(endpoint);
    return status;
}

/* They do not keep the loop alive: it ends with the server. */
static void watch_signals(struct serve *serve)
{
    const int *numbers = host_end_signals(&serve->signal_count);

    for (size_t i = 0; i < serve->signal_count; i++) {
        uv_signal_init(&serve->uv, &serve->signals[i]);
        serve->signals[i].data = serve;
        uv_signal_start(&serve->signals[i], on_signal, numbers[i]);
        uv_unref((uv_handle_t *)&serve->signals[i]);
    }
}

/* Somebody waits for us: tell it, and that is all. A waiter who has gone is none of our worry. */
static void tell_ready(int fd)
{
    char     text[] = "ready\n";
    uv_buf_t line = uv_buf_init(text, sizeof text - 1);
    uv_fs_t  request;

    if (fd == NO_DESCRIPTOR)
        return;
    uv_fs_write(NULL, &request, fd, &line, 1, -1, NULL);
    uv_fs_req_cleanup(&request);
    if (fd <= 2)
        return;
    uv_fs_close(NULL, &request, fd, NULL);
    uv_fs_req_cleanup(&request);
}

static int check_descriptor(int descriptor, const char *option)
{
    if (descriptor == NO_DESCRIPTOR || host_is_open(descriptor))
        return EXIT_DONE;
    return report_usage("serve", option, "names a descriptor that is not open");
}

static int check_descriptors(const struct options *options)
{
    int status = check_descriptor(options->ready_fd, "--ready-fd");

    return status == EXIT_DONE ? check_descriptor(options->listen_fd, "--listen-fd") : status;
}

static int run(struct serve *serve)
{
    int status = open_server(serve);

    if (status == EXIT_DONE) {
        tell_ready(serve->options->ready_fd);
        (void)cordon_loop_run(serve->loop);
    } else if (serve->loop != NULL) {
        cordon_loop_close(serve->loop);
    }
    uv_run(&serve->uv, UV_RUN_DEFAULT);
    for (size_t i = 0; i < serve->signal_count; i++)
        uv_close((uv_handle_t *)&serve->signals[i], NULL);
    uv_run(&serve->uv, UV_RUN_DEFAULT);
    return status;
}

int verb_serve(const struct options *options)
{
    struct serve *serve = calloc(1, sizeof *serve);
    int           status = check_descriptors(options);

    if (serve == NULL)
        return report_error(options, CORDON_ENOMEM, "start", NULL, 0);
    host_keep_descriptors();
    host_take_signals();
    if (status == EXIT_DONE && uv_loop_init(&serve->uv) != 0)
        status = report_error(options, CORDON_ESYSTEM, "open loop", NULL, 0);
    else if (status == EXIT_DONE) {
        serve->options = options;
        fill_pool(serve);
        watch_signals(serve);
        status = run(serve);
        uv_loop_close(&serve->uv);
    }
    free(serve);
    return status;
}
