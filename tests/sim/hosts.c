/* Servers of a random schedule: they start, serve, stop and are killed. */
#include "../../src/dialect.h"

#include <stdio.h>
#include <string.h>

#include "actors.h"

#define HOSTS 32

typedef struct host {
    sim_process     *process;
    cordon_loop     *loop;
    cordon_endpoint *endpoint;
    cordon_server   *server;
    int              is_open, is_closing, is_closed;
    unsigned         sessions; /* here and not left */
} host;

typedef struct held { /* a request that is answered later */
    host           *by;
    cordon_request *request;
    unsigned        number;
    size_t          size;
    unsigned        parts;
} held;

static host     hosts[HOSTS];
static unsigned count;
static char     address[512], token[65];

void hosts_open(void)
{
    memset(hosts, 0, sizeof hosts);
    count = 0;
    address[0] = token[0] = '\0';
}

const char *host_address(void)
{
    return address;
}

const char *host_token(void)
{
    return token;
}

static int is_serving(const host *it)
{
    return it->is_open && !it->is_closed && sim_is_alive(it->process);
}

unsigned hosts_serving(void)
{
    unsigned serving = 0;

    for (unsigned i = 0; i < count; i++)
        serving += is_serving(&hosts[i]) ? 1u : 0u;
    return serving;
}

static void hear(const host *it, const char *what)
{
    if (it->is_closed)
        sim_complain("%s after the closed callback", what);
    if (sim_current() != it->process)
        sim_complain("%s in somebody else's process", what);
}

/* ---- answers ----------------------------------------------------------------------- */

static void answer(cordon_request *request, unsigned number, size_t size)
{
    const int code = cordon_reply(&request, body_reply(number, size));

    if (code == CORDON_OK)
        return;
    if (!request)
        sim_complain("a reply that failed has taken the request");
    else if (cordon_fail(&request, 300, "no room for the reply") != CORDON_OK || request)
        sim_complain("a failure could not be told");
}

static void answer_held(void *context)
{
    held *it = context;

    hear(it->by->is_closed ? &(host){.process = it->by->process} : it->by, "an answer");
    if (it->parts > 0) {
        it->parts--;
        (void)cordon_reply_part(it->request, body_reply(it->number, it->size));
        sim_task(it->by->process, sim_now() + sim_below(3), 0, answer_held, it);
        return;
    }
    sim_on_thread(sim_chance(30));
    if (sim_chance(10))
        (void)cordon_fail(&it->request, 300, "failed as asked");
    else
        answer(it->request, it->number, it->size);
    sim_on_thread(0);
    it->request = NULL;
}

static void on_turn(cordon_request *request, enum cordon_turn turn, void *context)
{
    const held *it = context;

    (void)turn;
    hear(it->by, "a turn");
    if (it->request != request)
        sim_complain("a turn of a request that has ended");
}

static void hold(host *by, cordon_request *request, unsigned number, size_t size)
{
    held *it = actors_make(sizeof *it);

    it->by = by;
    it->request = request;
    it->number = number;
    it->size = size;
    it->parts = sim_chance(30) ? 1 + sim_below(3) : 0;
    cordon_request_watch(request, on_turn, it);
    sim_task(by->process, sim_now() + sim_below(60), 0, answer_held, it);
}

static void on_request(cordon_request *request, cordon_bytes body, void *user)
{
    size_t         size = 0;
    const unsigned number = body_check('q', body, &size);
    const unsigned dice = sim_below(100);
    entry         *it = ledger_find(number);

    hear(user, "a request");
    if (!it && !weather.has_enemies)
        sim_complain("a request arrived that nobody sent: %.*s", (int)(body.size & 63),
                     (const char *)body.data);
    if (it && dice < 5) {
        it->promised++;
        (void)cordon_fail(&request, CORDON_EBUSY, "not now");
        return;
    }
    if (it)
        it->executed++;
    if (it && dice < 10)
        (void)cordon_fail(&request, 300, "failed as asked");
    else if (dice < 30)
        hold(user, request, number, size);
    else
        answer(request, number, size);
}

/* ---- its life --------------------------------------------------------------------------- */

static void on_session(cordon_session_id session, const cordon_peer *peer, int is_here,
                       const cordon_fault *why, void *user)
{
    host *it = user;

    hear(it, "a session");
    if (session == 0 || peer->uid != SIM_UID || (why == NULL) != is_here)
        sim_complain("a session without a name, of another user, or without a reason");
    if (!is_here && it->sessions == 0)
        sim_complain("a session left that never came");
    it->sessions += is_here ? 1u : (unsigned)-1;
}

static int on_stop(const cordon_peer *peer, void *user)
{
    (void)peer;
    hear(user, "a stop");
    return weather.has_restarts ? CORDON_OK : CORDON_EUNSUPPORTED;
}

static void on_trouble(const cordon_fault *fault, void *user)
{
    hear(user, "trouble");
    if (is_fair())
        sim_complain("trouble in fair weather: %s", cordon_error_name(fault->code));
}

static void on_closed(void *user)
{
    host *it = user;

    hear(it, "closed");
    it->is_closed = 1;
    if (it->sessions > 0)
        sim_complain("%u sessions never left", it->sessions);
}

static void close_all(host *it)
{
    it->is_closing = 1;
    cordon_server_close(it->server);
    it->server = NULL;
    cordon_endpoint_close(it->endpoint);
    it->endpoint = NULL;
    cordon_loop_close(it->loop);
    it->loop = NULL;
}

static void push(void *context)
{
    host *it = context;

    if (!it->server || it->is_closed)
        return;
    sim_on_thread(sim_chance(50));
    (void)cordon_server_push(it->server, CORDON_EVERYONE, cordon_text("\"event\""));
    sim_on_thread(0);
    if (sim_chance(80))
        sim_task(it->process, sim_now() + 1 + sim_below(40), 0, push, it);
}

static int is_start_expected(int code)
{
    if (code == CORDON_OK || code == CORDON_EADDRINUSE)
        return 1;
    return weather.has_faults || weather.has_hunger || weather.has_losses;
}

static int open_server(host *it, cordon_fault *fault)
{
    cordon_endpoint_options where = CORDON_ENDPOINT_OPTIONS_INIT;
    cordon_server_options   options = CORDON_SERVER_OPTIONS_INIT;
    int                     code;

    where.allocate = sim_allocate;
    where.directory = actors_directory;
    options.program = "host 1";
    options.user = it;
    options.on_session = on_session;
    options.on_stop = on_stop;
    options.on_trouble = on_trouble;
    options.on_closed = on_closed;
    options.look_ms = 200;
    options.hello_ms = 300;
    options.stall_ms = 400;
    options.write_ms = 500;
    options.backlog = 1 + sim_below(8);
    options.request_ms = sim_chance(20) && !is_fair() ? 30 : 0;
    code = cordon_loop_open_uv(&it->loop, sim_loop(it->process), fault);
    if (code == CORDON_OK)
        code = cordon_endpoint_open(&it->endpoint, "play", &where, fault);
    if (code == CORDON_OK)
        code = cordon_server_open(&it->server, it->loop, it->endpoint, on_request, &options, fault);
    return code;
}

static void run(void *context)
{
    host        *it = context;
    cordon_fault fault = CORDON_FAULT_INIT;
    int          code = open_server(it, &fault);

    if (code == CORDON_OK) {
        it->is_open = 1;
        snprintf(address, sizeof address, "%s", cordon_endpoint_path(it->endpoint, CORDON_ADDRESS));
        (void)cordon_endpoint_token(token, it->endpoint, NULL);
        if (hosts_serving() > 1 && !weather.has_losses)
            sim_complain("%u servers have the endpoint", hosts_serving());
        sim_task(it->process, sim_now() + sim_below(50), 0, push, it);
        return;
    }
    if (!is_start_expected(code) || (code == CORDON_EADDRINUSE && count == 1 && is_fair()))
        sim_complain("a server did not start: %s", cordon_fault_line(&fault));
    close_all(it);
}

void host_start(uint64_t due)
{
    host *it = &hosts[count];

    if (count == HOSTS)
        return;
    count++;
    it->process = sim_process_open("server", SIM_UID);
    sim_is_mortal(it->process, weather.has_faults || weather.has_hunger);
    if (weather.has_kills && sim_chance(30))
        sim_kill_at(it->process, 1 + sim_below(400));
    if (weather.has_faults && sim_chance(20))
        sim_fail_at(it->process, NULL, 1 + sim_below(60));
    if (weather.has_hunger && sim_chance(20))
        sim_starve_at(it->process, 1 + sim_below(60), sim_chance(10));
    sim_task(it->process, due, 1, run, it);
}

static host *any_serving(void)
{
    for (unsigned i = count; i > 0; i--)
        if (is_serving(&hosts[i - 1]) && hosts[i - 1].server && !hosts[i - 1].is_closing &&
            !sim_is_aside(hosts[i - 1].process))
            return &hosts[i - 1];
    return NULL;
}

static void stop_one(void *context)
{
    close_all(context);
}

void host_stop(void *ignored)
{
    host *it = any_serving();

    (void)ignored;
    if (it)
        (void)sim_as(it->process, stop_one, it);
}

void host_kill(void *ignored)
{
    host *it = any_serving();

    (void)ignored;
    if (it)
        sim_kill(it->process);
}

void hosts_end(void)
{
    for (unsigned i = 0; i < count; i++)
        if (sim_is_alive(hosts[i].process) && hosts[i].server && !hosts[i].is_closing)
            (void)sim_as(hosts[i].process, stop_one, &hosts[i]);
}

void hosts_check(void)
{
    for (unsigned i = 0; i < count; i++) {
        if (sim_is_alive(hosts[i].process) && hosts[i].is_open && !hosts[i].is_closed)
            sim_complain("a server that was closed has not ended");
        sim_exit(hosts[i].process);
    }
}
