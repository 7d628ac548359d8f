#include "start_stage.h"

stage scene;

/* ---- servers ------------------------------------------------------------------------- */

static void on_request(cordon_request *request, cordon_bytes body, void *user)
{
    (void)user;
    (void)cordon_reply(&request, body);
}

static int on_admit(const cordon_peer *peer, void *user)
{
    (void)peer, (void)user;
    return sim_now() < scene.ready_at ? CORDON_ENOTREADY : CORDON_OK;
}

static void on_closed(void *user)
{
    host *it = user;

    it->is_closed = 1;
}

int open_endpoint(cordon_endpoint **endpoint)
{
    cordon_endpoint_options options = CORDON_ENDPOINT_OPTIONS_INIT;

    options.allocate = sim_allocate;
    return cordon_endpoint_open(endpoint, "begin", &options, &scene.fault);
}

void close_host(void *context)
{
    host *it = context;

    cordon_server_close(it->server);
    cordon_endpoint_close(it->endpoint);
    cordon_loop_close(it->loop);
    it->server = NULL;
    it->endpoint = NULL;
    it->loop = NULL;
}

void serve(void *context)
{
    cordon_server_options options = CORDON_SERVER_OPTIONS_INIT;
    host                 *it = &scene.hosts[scene.count++];

    (void)context;
    it->process = sim_current();
    options.on_closed = on_closed;
    options.on_admit = on_admit;
    options.user = it;
    it->code = cordon_loop_open_uv(&it->loop, sim_loop(it->process), NULL);
    if (it->code == CORDON_OK)
        it->code = open_endpoint(&it->endpoint);
    if (it->code == CORDON_OK)
        it->code =
            cordon_server_open(&it->server, it->loop, it->endpoint, on_request, &options, NULL);
    if (it->code == CORDON_OK)
        return;
    close_host(it);
    sim_settle();
    sim_leave(it->code == CORDON_EADDRINUSE ? 7 : 3);
}

static void serve_later(void *context)
{
    sim_task(sim_current(), sim_now() + (uint64_t)scene.wait_ms, 0, serve, context);
}

static void leave_now(void *context)
{
    (void)context;
    if (scene.log)
        sim_put(scene.options.log, SIM_FILE, 0600, SIM_UID, scene.log);
    sim_leave(scene.status);
}

static void leave(void *context)
{
    sim_task(sim_current(), sim_now() + (uint64_t)scene.wait_ms, 0, leave_now, context);
}

static void sleep_on(void *context)
{
    (void)context;
}

void start_by_hand(void)
{
    (void)sim_as(sim_process_open("server", SIM_UID), serve, NULL);
}

host *last_host(void)
{
    return &scene.hosts[scene.count - 1];
}

/* ---- the scene -------------------------------------------------------------------------- */

const char *const daemon_argv[] = {"daemon", NULL};
const char *const late_argv[] = {"late daemon", NULL};
const char *const leave_argv[] = {"leaver", NULL};
const char *const sleep_argv[] = {"sleeper", NULL};

void open_scene(const char *const *argv)
{
    memset(&scene, 0, sizeof scene);
    scene.fault = (cordon_fault)CORDON_FAULT_INIT;
    scene.options = (cordon_start_options)CORDON_START_OPTIONS_INIT;
    scene.session = (cordon_session_options)CORDON_SESSION_OPTIONS_INIT;
    scene.options.argv = argv;
    sim_open(1);
    sim_program("daemon", serve, NULL);
    sim_program("late daemon", serve_later, NULL);
    sim_program("leaver", leave, NULL);
    sim_program("sleeper", sleep_on, NULL);
    scene.guest = sim_process_open("client", SIM_UID);
}

void close_scene(void)
{
    for (unsigned i = 0; i < scene.count; i++)
        if (sim_is_alive(scene.hosts[i].process) && scene.hosts[i].server)
            (void)sim_as(scene.hosts[i].process, close_host, &scene.hosts[i]);
    sim_pass(40000);
    assert_int_equal(sim_close(), 0);
}

void ask(void *context)
{
    cordon_endpoint *endpoint = NULL;
    cordon_session  *session = NULL;
    const uint64_t   began = sim_now();

    (void)context;
    scene.session.start = &scene.options;
    scene.is_started = -1;
    scene.code = open_endpoint(&endpoint);
    if (scene.code == CORDON_OK)
        scene.code = cordon_session_open(&session, endpoint, &scene.session, &scene.fault);
    scene.took = sim_now() - began;
    if (scene.code == CORDON_OK)
        scene.is_started = cordon_session_server(session)->is_started;
    cordon_session_close(session);
    cordon_endpoint_close(endpoint);
}

void check(int timeout_ms, int code)
{
    scene.session.timeout_ms = timeout_ms;
    assert_true(sim_as(scene.guest, ask, NULL));
    assert_int_equal(scene.code, code);
}
