/* cordon's own server, on a libuv loop. */
#include "bench.h"

#include <signal.h>
#include <sys/resource.h>
#include <uv.h>

#include "cordon.h"

enum { LARGEST = 64 << 20 };

typedef struct host {
    uv_loop_t      uv;
    uv_signal_t    end;
    cordon_loop   *loop;
    cordon_server *server;
} host;

static void answer(cordon_request *request, cordon_bytes body, void *user)
{
    (void)user;
    if (body.size > BENCH_SHORT && *(const char *)body.data == BENCH_ACCEPT)
        body.size = BENCH_SHORT;
    if (cordon_reply(&request, body) != CORDON_OK)
        bench_die("reply failed");
}

static void on_end(uv_signal_t *signal, int number)
{
    host *host = signal->data;

    (void)number;
    uv_close((uv_handle_t *)signal, NULL);
    cordon_server_close(host->server);
    cordon_loop_close(host->loop);
}

static void serve(host *host, const char *place)
{
    cordon_endpoint_options where = CORDON_ENDPOINT_OPTIONS_INIT;
    cordon_server_options   options = CORDON_SERVER_OPTIONS_INIT;
    cordon_fault            fault = CORDON_FAULT_INIT;
    cordon_endpoint        *endpoint = NULL;
    int                     code;

    where.directory = place;
    options.max_request = options.max_reply = LARGEST;
    options.max_sessions = 4096;
    code = cordon_endpoint_open(&endpoint, "bench", &where, &fault);
    if (code == CORDON_OK)
        code = cordon_loop_open_uv(&host->loop, &host->uv, &fault);
    if (code == CORDON_OK)
        code = cordon_server_open(&host->server, host->loop, endpoint, answer, &options, &fault);
    if (code != CORDON_OK)
        bench_die("serve: %s", cordon_fault_line(&fault));
    cordon_endpoint_close(endpoint);
}

int main(int argc, char **argv)
{
    const char   *place = bench_place(argc, argv);
    static host   host;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    uv_loop_init(&host.uv);
    uv_signal_init(&host.uv, &host.end);
    host.end.data = &host;
    uv_signal_start(&host.end, on_end, SIGTERM);
    serve(&host, place);
    bench_ready();
    (void)cordon_loop_run(host.loop);
    return uv_loop_close(&host.uv) == 0 ? 0 : 1;
}
