/*
 * Random schedules of connect or start: many starters, servers and starters that are killed at any
 * step, servers that stop, programs that are slow.
 *
 *     sim_starts [--talk] FIRST [COUNT]
 *
 * What is held against each play: at most one server; one launch where none is there, and another
 * one only if a starter was killed or gave up in between; who is told to have started it has; no
 * call comes back after its deadline; in calm weather all have a session, and one has started it.
 * As sim_schedules, a seed that breaks a rule is named, and does the same again.
 */
#include "../../src/dialect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

enum { HOSTS = 64, STARTERS = 12 };

typedef struct host {
    sim_process     *process;
    cordon_loop     *loop;
    cordon_endpoint *endpoint;
    cordon_server   *server;
    int              is_open, is_closed;
} host;

typedef struct starter {
    sim_process *process;
    unsigned     turns; /* still to take */
    int          is_asking;
} starter;

static struct play {
    host     hosts[HOSTS];
    unsigned count;
    starter  starters[STARTERS];
    int      has_kills, has_stops, has_faults, is_mixed; /* none: calm */
    unsigned wasted;                                     /* launched where one was there */
    unsigned excused;                                    /* starters that left in the middle */
    unsigned asked, joined, started;
    unsigned active; /* starters that are not yet through */
} play;

static int is_calm(void)
{
    return !play.has_kills && !play.has_stops && !play.has_faults && !play.is_mixed;
}

/* ---- servers ------------------------------------------------------------------------- */

static int is_serving(const host *it)
{
    return it->is_open && !it->is_closed && sim_is_alive(it->process);
}

static unsigned count_serving(void)
{
    unsigned serving = 0;

    for (unsigned i = 0; i < play.count; i++)
        serving += is_serving(&play.hosts[i]) ? 1u : 0u;
    return serving;
}

static void on_request(cordon_request *request, cordon_bytes body, void *user)
{
    (void)user;
    (void)cordon_reply(&request, body);
}

static void on_closed(void *user)
{
    host *it = user;

    it->is_closed = 1;
}

static void close_host(void *context)
{
    host *it = context;

    cordon_server_close(it->server);
    it->server = NULL;
    cordon_endpoint_close(it->endpoint);
    it->endpoint = NULL;
    cordon_loop_close(it->loop);
    it->loop = NULL;
}

static int open_endpoint(cordon_endpoint **endpoint)
{
    cordon_endpoint_options options = CORDON_ENDPOINT_OPTIONS_INIT;

    options.allocate = sim_allocate;
    return cordon_endpoint_open(endpoint, "play", &options, NULL);
}

static int open_host(host *it)
{
    cordon_server_options options = CORDON_SERVER_OPTIONS_INIT;
    int                   code = cordon_loop_open_uv(&it->loop, sim_loop(it->process), NULL);

    options.user = it;
    options.on_closed = on_closed;
    if (code == CORDON_OK)
        code = open_endpoint(&it->endpoint);
    if (code == CORDON_OK)
        code = cordon_server_open(&it->server, it->loop, it->endpoint, on_request, &options, NULL);
    return code;
}

static void leave(void *context)
{
    host *it = context;

    if (sim_blocks(it->process) > 0) /* its loop is not yet empty */
        sim_task(it->process, sim_now() + 1, 0, leave, it);
    else
        sim_leave(it->is_open);
}

static void serve(void *ignored)
{
    host *it = &play.hosts[play.count];
    int   code;

    (void)ignored;
    if (play.count == HOSTS)
        sim_complain("more servers than a play has room for");
    play.count++;
    it->process = sim_current();
    if (play.has_kills && sim_chance(30))
        sim_kill_at(it->process, 1 + sim_below(150));
    code = open_host(it);
    if (code == CORDON_OK) {
        it->is_open = 1;
        if (count_serving() > 1)
            sim_complain("%u servers have the endpoint", count_serving());
        return;
    }
    play.wasted += code == CORDON_EADDRINUSE ? 1u : 0u;
    close_host(it);
    it->is_open = code == CORDON_EADDRINUSE ? 7 : 3;
    it->is_closed = 1;
    sim_task(it->process, sim_now() + 1, 0, leave, it);
}

static host *any_serving(void)
{
    for (unsigned i = 0; i < play.count; i++)
        if (is_serving(&play.hosts[i]) && play.hosts[i].server &&
            !sim_is_aside(play.hosts[i].process))
            return &play.hosts[i];
    return NULL;
}

static void end_one(void *ignored)
{
    host *it = any_serving();

    (void)ignored;
    if (!it)
        return;
    if (play.has_kills && sim_chance(50))
        sim_kill(it->process);
    else if (play.has_stops)
        (void)sim_as(it->process, close_host, it);
}

/* ---- starters -------------------------------------------------------------------------- */

static int some_timeout(void)
{
    static const int times[] = {20000, 20000, 20000, 1000, 100, 10, 1, CORDON_AT_ONCE};

    return is_calm() ? 20000 : times[sim_below(8)];
}

/* May it hear that, in such a play? */
static int is_expected(int code, int timeout_ms)
{
    switch (code) {
    case CORDON_OK:
        return 1;
    case CORDON_ETIMEDOUT:
    case CORDON_EBUSY: /* what it started met another one, which has left without a word */
        return !is_calm() && (timeout_ms < 20000 || play.has_kills || play.has_faults ||
                              play.has_stops || play.is_mixed);
    case CORDON_ELAUNCH: /* the server was killed */
        return play.has_kills || play.has_faults;
    case CORDON_EUNAUTHORIZED:
        return play.is_mixed; /* its server has left between two looks, again and again */
    default:
        return play.has_faults;
    }
}

static void check(int code, const cordon_fault *fault, int timeout_ms, uint64_t took, int is_alone)
{
    const uint64_t most = timeout_ms > 0 ? (uint64_t)timeout_ms : 0;
    cordon_fault   copy = *fault;

    if (!is_expected(code, timeout_ms))
        sim_complain("a starter was told %s, which nothing explains", cordon_fault_line(&copy));
    if (is_alone && !play.is_mixed && took > most)
        sim_complain("a starter took %u ms of %d", (unsigned)took, timeout_ms);
}

static void ask_now(void *context)
{
    static const char *const argv[] = {"daemon", NULL};
    starter                 *it = context;
    cordon_start_options     start = CORDON_START_OPTIONS_INIT;
    cordon_session_options   options = CORDON_SESSION_OPTIONS_INIT;
    cordon_endpoint         *endpoint = NULL;
    cordon_session          *session = NULL;
    cordon_fault             fault = CORDON_FAULT_INIT;
    const uint64_t           began = sim_now();
    const unsigned           nested = sim_nested();
    int                      code;

    it->is_asking = 1;
    start.argv = argv;
    start.pause_ms = sim_chance(30) ? 1 + (int)sim_below(60) : 0;
    options.start = &start;
    options.timeout_ms = some_timeout();
    options.flags = sim_chance(20) ? CORDON_NO_BINARY : 0;
    code = open_endpoint(&endpoint);
    if (code == CORDON_OK)
        code = cordon_session_open(&session, endpoint, &options, &fault);
    check(code, &fault, options.timeout_ms, sim_now() - began, sim_nested() == nested);
    play.excused += code != CORDON_OK ? 1u : 0u;
    play.asked++;
    if (code == CORDON_OK && cordon_session_server(session)->is_started)
        play.started++;
    else if (code == CORDON_OK)
        play.joined++;
    cordon_session_close(session);
    cordon_endpoint_close(endpoint);
    it->is_asking = 0;
}

static void ask(void *context)
{
    starter *it = context;

    if (!sim_as(it->process, ask_now, it)) {
        play.excused += it->is_asking ? 1u : 0u;
        play.active--;
        return;
    }
    if (it->turns-- > 0) {
        sim_task(NULL, sim_now() + sim_below(400), 1, ask, it);
        return;
    }
    sim_exit(it->process);
    play.active--;
}

static void begin_starter(starter *it)
{
    it->process = sim_process_open("starter", SIM_UID);
    play.active++;
    it->turns = sim_below(3);
    if (play.has_kills && sim_chance(40))
        sim_kill_at(it->process, 1 + sim_below(60));
    if (play.has_faults && sim_chance(40))
        sim_fail_at(it->process, NULL, 1 + sim_below(60));
    if (play.has_faults && sim_chance(20))
        sim_starve_at(it->process, 1 + sim_below(30), 0);
    sim_task(NULL, sim_now() + sim_below(100), 1, ask, it);
}

/* ---- a play ----------------------------------------------------------------------------- */

static void draw(void)
{
    if (!sim_chance(25)) {
        play.has_kills = sim_chance(50);
        play.has_stops = sim_chance(50);
        play.has_faults = sim_chance(25);
        play.is_mixed = sim_chance(30);
    }
    sim.slow = sim_chance(50) ? sim_below(300) : 0;
    sim.is_uncertain = sim_chance(20);
    sim.is_secret = sim_chance(20);
    sim.chop = sim_chance(30) ? 20 : 0;
    sim.depth = 1 + sim_below(STARTERS);
}

static void check_calm(void)
{
    if (sim_births() != 1 || play.started != 1)
        sim_complain("%u launches, %u were told that they started it", sim_births(), play.started);
    if (play.started + play.joined != play.asked)
        sim_complain("of %u starters in calm weather not all have a session", play.asked);
}

static void check_all(void)
{
    if (play.started > sim_births())
        sim_complain("%u were told that they started it, %u did", play.started, sim_births());
    if (play.wasted > play.excused)
        sim_complain("%u launches beside a server, %u starters that left in the middle",
                     play.wasted, play.excused);
    if (is_calm())
        check_calm();
}

/* Whatever happened: who comes last has a server. */
static void check_last(void)
{
    starter last = {0};

    sim.aside = sim.slow = sim.chop = 0;
    play.has_kills = play.has_stops = play.has_faults = play.is_mixed = 0;
    for (unsigned i = 0; i < play.count; i++)
        sim_kill_at(play.hosts[i].process, 0); /* whoever lives now lives on */
    last.process = sim_process_open("last", SIM_UID);
    (void)sim_as(last.process, ask_now, &last);
    sim_exit(last.process);
    if (count_serving() != 1)
        sim_complain("%u servers at the end", count_serving());
}

static int are_through(void *context)
{
    (void)context;
    return play.active == 0;
}

static int run(uint64_t seed)
{
    sim_open(seed);
    memset(&play, 0, sizeof play);
    draw();
    sim_program("daemon", serve, NULL);
    for (unsigned i = 2 + sim_below(STARTERS - 2); i > 0; i--)
        begin_starter(&play.starters[i]);
    for (unsigned i = play.has_kills || play.has_stops ? 1 + sim_below(6) : 0; i > 0; i--)
        sim_task(NULL, sim_now() + sim_below(800), 0, end_one, NULL);
    sim.aside = play.is_mixed ? 1 + sim_below(60) : 0;
    if (!sim_until(are_through, NULL, 3000000))
        sim_complain("a starter never ends");
    sim_pass(5000); /* what they have launched */
    check_all();
    if (sim_complaints() == 0)
        check_last();
    for (unsigned i = 0; i < play.count; i++)
        if (is_serving(&play.hosts[i]) && play.hosts[i].server)
            (void)sim_as(play.hosts[i].process, close_host, &play.hosts[i]);
    sim_pass(5000);
    return sim_close() == 0;
}

/* ---- arguments ---------------------------------------------------------------------------- */

static uint64_t seed_now;

static void stuck(const char *why)
{
    fprintf(stderr, "sim_starts: seed %llu: %s\n", (unsigned long long)seed_now, why);
    exit(1);
}

static int read_number(uint64_t *value, const char *text)
{
    char *end;

    if (*text < '0' || *text > '9')
        return 0;
    *value = strtoull(text, &end, 10);
    return *end == '\0';
}

int main(int argc, char **argv)
{
    const int is_talking = argc > 1 && strcmp(argv[1], "--talk") == 0;
    uint64_t  first, count = 1;

    argc -= is_talking;
    argv += is_talking;
    if (argc < 2 || argc > 3 || !read_number(&first, argv[1]) ||
        (argc == 3 && !read_number(&count, argv[2]))) {
        fprintf(stderr, "usage: sim_starts [--talk] FIRST [COUNT]\n");
        return 2;
    }
    sim_talk(is_talking);
    sim_on_stuck(stuck);
    for (seed_now = first; seed_now < first + count; seed_now++)
        if (!run(seed_now)) {
            fprintf(stderr, "sim_starts: seed %llu breaks a rule; again: sim_starts %llu\n",
                    (unsigned long long)seed_now, (unsigned long long)seed_now);
            return 1;
        }
    printf("%llu schedules of starters: every rule was kept\n", (unsigned long long)count);
    return 0;
}
