/* A server to talk to: on a thread of its own, with a table of handlers. */
#include "support.h"

#include <uv.h>

cordon_endpoint *support_endpoint(const char *directory)
{
    cordon_endpoint_options options = CORDON_ENDPOINT_OPTIONS_INIT;
    cordon_fault            fault = CORDON_FAULT_INIT;
    cordon_endpoint        *endpoint = NULL;

    options.directory = directory;
    SUPPORT_CODE(cordon_endpoint_open(&endpoint, "test", &options, &fault), CORDON_OK, &fault);
    return endpoint;
}

/* ---- the handlers ---- */

static void on_turn(cordon_request *request, enum cordon_turn turn, void *context)
{
    support_server *server = context;

    (void)request;
    if (turn == CORDON_CANCELED)
        atomic_fetch_add(&server->canceled, 1);
    if (turn == CORDON_LEFT)
        atomic_fetch_add(&server->left, 1);
    if (turn == CORDON_LATE)
        atomic_fetch_add(&server->late, 1);
}

static void handle_hold(cordon_request *request, cordon_bytes body, support_server *server)
{
    unsigned held;

    (void)body;
    cordon_request_watch(request, on_turn, server);
    uv_mutex_lock(server->lock);
    held = atomic_load(&server->held);
    if (held < sizeof server->requests / sizeof server->requests[0]) {
        server->requests[held] = request;
        request = NULL;
        atomic_store(&server->held, held + 1);
    }
    uv_mutex_unlock(server->lock);
    cordon_fail(&request, CORDON_EBUSY, "the test holds too many");
}

static void handle_fail(cordon_request *request, cordon_bytes body, support_server *server)
{
    (void)body;
    (void)server;
    cordon_fail(&request, 300, "failed as asked");
}

static void handle_busy(cordon_request *request, cordon_bytes body, support_server *server)
{
    (void)body;
    (void)server;
    cordon_fail(&request, CORDON_EBUSY, "busy as asked");
}

static void handle_size(cordon_request *request, cordon_bytes body, support_server *server)
{
    char         digits[24] = {0};
    cordon_bytes reply;
    char        *filled;

    (void)server;
    memcpy(digits, body.data, body.size < sizeof digits ? body.size : sizeof digits - 1);
    reply.size = (size_t)strtoul(digits + 5, NULL, 10);
    filled = malloc(reply.size + 1);
    if (filled == NULL) {
        cordon_fail(&request, CORDON_ENOMEM, NULL);
        return;
    }
    memset(filled, 'x', reply.size);
    if (cordon_request_is_json(request) && reply.size >= 2)
        filled[0] = filled[reply.size - 1] = '"';
    reply.data = filled;
    if (cordon_reply(&request, reply) != CORDON_OK)
        cordon_fail(&request, CORDON_EMSGSIZE, "the reply did not fit");
    free(filled);
}

static void handle_echo(cordon_request *request, cordon_bytes body, support_server *server)
{
    int code = cordon_reply(&request, body);

    (void)server;
    if (code != CORDON_OK)
        cordon_fail(&request, code, "the echo did not fit");
}

static const struct {
    const char *word;
    void (*handle)(cordon_request *request, cordon_bytes body, support_server *server);
} handlers[] = {
    {"hold", handle_hold},  {"fail", handle_fail}, {"busy", handle_busy},
    {"size ", handle_size}, {"", handle_echo},
};

static void on_request(cordon_request *request, cordon_bytes body, void *user)
{
    support_server *server = user;
    cordon_bytes    text = body;
    size_t          n = 0;

    atomic_fetch_add(&server->begun, 1);
    if (cordon_request_is_json(request) && text.size > 0 && *(const char *)text.data == '"') {
        text.data = (const char *)text.data + 1;
        text.size--;
    }
    while (text.size < strlen(handlers[n].word) ||
           memcmp(text.data, handlers[n].word, strlen(handlers[n].word)) != 0)
        n++;
    handlers[n].handle(request, handlers[n].handle == handle_size ? text : body, server);
    /* Last: who waits for the count finds the request held, or answered. */
    atomic_fetch_add(&server->calls, 1);
}

static void on_session(cordon_session_id session, const cordon_peer *peer, int is_here,
                       const cordon_fault *why, void *user)
{
    support_server *server = user;

    (void)session;
    (void)peer;
    (void)why;
    atomic_fetch_add(is_here ? &server->arrived : &server->ended, 1);
}

static void on_trouble(const cordon_fault *fault, void *user)
{
    support_server *server = user;

    atomic_store(&server->trouble, fault->code);
    atomic_fetch_add(&server->troubles, 1);
}

static void on_closed(void *user)
{
    support_server *server = user;

    atomic_fetch_add(&server->closed, 1);
}

/* ---- its life ---- */

static void fill_callbacks(cordon_server_options *options, support_server *server)
{
    options->user = server;
    if (options->on_session == NULL)
        options->on_session = on_session;
    if (options->on_trouble == NULL)
        options->on_trouble = on_trouble;
    if (options->on_closed == NULL)
        options->on_closed = on_closed;
}

static void free_server(support_server *server)
{
    cordon_loop_close(server->loop);
    cordon_endpoint_close(server->endpoint);
    uv_mutex_destroy(server->lock);
    free(server->lock);
    free(server);
}

int support_server_try(support_server **out, cordon_endpoint *endpoint, cordon_request_fn handler,
                       const cordon_server_options *options, cordon_fault *fault)
{
    cordon_server_options chosen = CORDON_SERVER_OPTIONS_INIT;
    support_server       *server = calloc(1, sizeof *server);
    int                   code;

    SUPPORT_CHECK(server != NULL);
    server->lock = malloc(sizeof(uv_mutex_t));
    SUPPORT_CHECK(server->lock != NULL && uv_mutex_init(server->lock) == 0);
    if (options != NULL)
        chosen = *options;
    if (handler == NULL)
        fill_callbacks(&chosen, server);
    code = cordon_loop_open_thread(&server->loop, fault);
    if (code == CORDON_OK)
        code = cordon_server_open(&server->server, server->loop, endpoint,
                                  handler != NULL ? handler : on_request, &chosen, fault);
    if (code != CORDON_OK) {
        free_server(server);
        server = NULL;
    }
    *out = server;
    return code;
}

void support_server_open(support_server **server, const char *directory, cordon_request_fn handler,
                         const cordon_server_options *options)
{
    cordon_endpoint *endpoint = support_endpoint(directory);
    cordon_fault     fault = CORDON_FAULT_INIT;

    SUPPORT_CODE(support_server_try(server, endpoint, handler, options, &fault), CORDON_OK, &fault);
    (*server)->endpoint = endpoint;
}

void support_server_release(support_server *server, int is_last, const char *text)
{
    cordon_request *request;
    unsigned        held;

    uv_mutex_lock(server->lock);
    held = atomic_load(&server->held);
    SUPPORT_CHECK(held > 0);
    request = server->requests[is_last ? held - 1 : 0];
    if (!is_last)
        memmove(server->requests, server->requests + 1, (held - 1) * sizeof server->requests[0]);
    atomic_store(&server->held, held - 1);
    uv_mutex_unlock(server->lock);
    SUPPORT_CHECK(cordon_reply(&request, cordon_text(text)) == CORDON_OK);
}

void support_server_stop(support_server *server)
{
    if (!server->is_stopping)
        cordon_server_close(server->server);
    server->is_stopping = 1;
}

void support_server_close(support_server *server)
{
    if (server == NULL)
        return;
    support_server_stop(server);
    while (atomic_load(&server->held) > 0)
        support_server_release(server, 0, "\"closed\"");
    free_server(server);
}

int support_ask(cordon_buffer *reply, cordon_endpoint *endpoint, const char *body,
                cordon_fault *fault)
{
    cordon_call_options options = CORDON_CALL_OPTIONS_INIT;
    cordon_buffer       unused = CORDON_BUFFER_INIT;
    int                 code;

    options.timeout_ms = SUPPORT_SOON;
    code =
        cordon_call(reply != NULL ? reply : &unused, endpoint, cordon_text(body), &options, fault);
    cordon_buffer_free(&unused);
    return code;
}

/* An answer may be read before its handler has returned. */
unsigned support_calls(support_server *server)
{
    unsigned begun = atomic_load(&server->begun);

    SUPPORT_CHECK(support_reaches(&server->calls, begun, SUPPORT_SOON));
    return atomic_load(&server->calls);
}

void support_ask_echo(cordon_endpoint *endpoint)
{
    cordon_buffer reply = CORDON_BUFFER_INIT;
    cordon_fault  fault = CORDON_FAULT_INIT;

    SUPPORT_CODE(support_ask(&reply, endpoint, "is anybody there", &fault), CORDON_OK, &fault);
    SUPPORT_CHECK(reply.size == 16 && memcmp(reply.data, "is anybody there", 16) == 0);
    cordon_buffer_free(&reply);
}
