/*
 * Connect or start: how it ends and when, to the millisecond; and one story where each thing that
 * the starter asks of the system fails, starves, or is the last thing that it does.
 */
#include "../../src/dialect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sim.h"

#define DIRECTORY "/home/1000/.local/share/begin"

/* ---- servers ------------------------------------------------------------------------- */

typedef struct host {
    sim_process     *process;
    cordon_loop     *loop;
    cordon_endpoint *endpoint;
    cordon_server   *server;
    int              code, is_closed;
} host;

static struct scene {
    host                   hosts[8];
    unsigned               count;    /* of them, so far */
    uint64_t               ready_at; /* lets nobody in before */
    sim_process           *guest;
    cordon_start_options   options;
    cordon_session_options session;
    cordon_fault           fault;
    int                    code, is_started, launches, status, left_ms;
    uint64_t               took;
    int                    wait_ms; /* of a program, until it does what it does */
} scene;

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

static int open_endpoint(cordon_endpoint **endpoint)
{
    cordon_endpoint_options options = CORDON_ENDPOINT_OPTIONS_INIT;

    options.allocate = sim_allocate;
    return cordon_endpoint_open(endpoint, "begin", &options, &scene.fault);
}

static void close_host(void *context)
{
    host *it = context;

    cordon_server_close(it->server);
    cordon_endpoint_close(it->endpoint);
    cordon_loop_close(it->loop);
    it->server = NULL;
    it->endpoint = NULL;
    it->loop = NULL;
}

static void serve(void *context)
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

static void start_by_hand(void)
{
    (void)sim_as(sim_process_open("server", SIM_UID), serve, NULL);
}

static host *last_host(void)
{
    return &scene.hosts[scene.count - 1];
}

/* ---- the scene -------------------------------------------------------------------------- */

static const char *const daemon_argv[] = {"daemon", NULL};
static const char *const late_argv[] = {"late daemon", NULL};
static const char *const leave_argv[] = {"leaver", NULL};
static const char *const sleep_argv[] = {"sleeper", NULL};

static void open_scene(const char *const *argv)
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

static void close_scene(void)
{
    for (unsigned i = 0; i < scene.count; i++)
        if (sim_is_alive(scene.hosts[i].process) && scene.hosts[i].server)
            (void)sim_as(scene.hosts[i].process, close_host, &scene.hosts[i]);
    sim_pass(40000);
    assert_int_equal(sim_close(), 0);
}

static void ask(void *context)
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

static void check(int timeout_ms, int code)
{
    scene.session.timeout_ms = timeout_ms;
    assert_true(sim_as(scene.guest, ask, NULL));
    assert_int_equal(scene.code, code);
}

/* ---- how it ends ---------------------------------------------------------------------------- */

static void first_one_starts_it_and_the_next_one_joins(void **state)
{
    (void)state;
    open_scene(daemon_argv);
    check(0, CORDON_OK);
    assert_int_equal(scene.is_started, 1);
    check(0, CORDON_OK);
    assert_int_equal(scene.is_started, 0);
    assert_int_equal(sim_births(), 1);
    close_scene();
}

static void whoever_runs_already_is_joined(void **state)
{
    (void)state;
    open_scene(daemon_argv);
    start_by_hand();
    check(0, CORDON_OK);
    assert_int_equal(scene.is_started, 0);
    assert_int_equal(sim_births(), 0);
    close_scene();
}

static void what_a_killed_server_left_is_no_server(void **state)
{
    (void)state;
    open_scene(daemon_argv);
    for (int round = 0; round < 2; round++) {
        sim.is_uncertain = round;
        start_by_hand();
        sim_kill(last_host()->process);
        check(0, CORDON_OK);
        assert_int_equal(scene.is_started, 1);
        assert_int_equal(scene.took >= 50, round); /* where a refusal may pass it is doubted */
        sim_kill(last_host()->process);
    }
    close_scene();
}

static void no_deadline_is_missed_by_a_millisecond(void **state)
{
    static const int times[][2] = {{1, 1}, {10, 10}, {77, 77}, {0, 20000}, {CORDON_AT_ONCE, 0}};

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        open_scene(sleep_argv);
        check(times[i][0], CORDON_ETIMEDOUT);
        assert_int_equal(scene.took, times[i][1]);
        assert_string_equal(scene.fault.during, "launch");
        assert_string_equal(scene.fault.path, "sleeper");
        assert_int_equal(sim_births(), 1);
        close_scene();
    }
}

static void one_that_needs_a_day_is_waited_for_for_ever(void **state)
{
    (void)state;
    open_scene(late_argv);
    scene.wait_ms = 86400000;
    check(CORDON_FOREVER, CORDON_OK);
    assert_int_equal(scene.is_started, 1);
    assert_in_range(scene.took, 86400000, 86400025);
    close_scene();
}

static void pauses_are_a_millisecond_for_25_and_then_grow_to_25(void **state)
{
    (void)state;
    for (int ms = 1; ms < 25; ms++) {
        open_scene(late_argv);
        scene.wait_ms = ms;
        check(0, CORDON_OK);
        assert_in_range(scene.took, ms, ms + 1);
        close_scene();
    }
    for (int ms = 50; ms < 1000; ms += 100) {
        open_scene(late_argv);
        scene.wait_ms = ms;
        check(0, CORDON_OK);
        assert_in_range(scene.took, ms, ms + 25);
        close_scene();
    }
}

static void longest_pause_is_as_asked_for(void **state)
{
    (void)state;
    open_scene(late_argv);
    scene.options.pause_ms = 3;
    scene.wait_ms = 5000;
    check(0, CORDON_OK);
    assert_in_range(scene.took, 5000, 5003);
    close_scene();
}

static void one_that_lets_nobody_in_yet_is_waited_for(void **state)
{
    (void)state;
    open_scene(daemon_argv);
    scene.ready_at = sim_now() + 300;
    check(0, CORDON_OK);
    assert_int_equal(scene.is_started, 1);
    assert_in_range(scene.took, 300, 325);
    scene.ready_at = sim_now() + 300;
    check(100, CORDON_ENOTREADY);
    assert_int_equal(scene.took, 100);
    close_scene();
}

static void close_last(void *context)
{
    (void)context;
    close_host(last_host());
}

static void one_that_stops_is_waited_for_and_followed(void **state)
{
    (void)state;
    open_scene(daemon_argv);
    start_by_hand();
    sim_task(last_host()->process, sim_now(), 0, close_last, NULL);
    check(0, CORDON_OK);
    assert_int_equal(scene.is_started, 1);
    close_scene();
}

static void token_of_the_last_server_is_not_the_end(void **state)
{
    (void)state;
    open_scene(daemon_argv);
    check(0, CORDON_OK);
    sim_kill(last_host()->process);
    sim_remove(DIRECTORY "/ipc-token");
    check(0, CORDON_OK);
    assert_int_equal(scene.is_started, 1);
    sim_remove(DIRECTORY "/ipc-token"); /* of a server that runs: no start helps */
    check(0, CORDON_EUNAUTHORIZED);
    assert_int_equal(scene.took, 0);
    close_scene();
}

/* ---- what is started fails ---------------------------------------------------------------------
 */

static void its_exit_status_is_told_at_once(void **state)
{
    (void)state;
    for (int ms = 0; ms < 600; ms += 250) {
        open_scene(leave_argv);
        scene.status = 3;
        scene.wait_ms = ms;
        check(0, CORDON_ELAUNCH);
        assert_int_equal(scene.fault.exit_status, 3);
        assert_string_equal(cordon_fault_line(&scene.fault), "launch: exit status 3 (leaver)");
        assert_in_range(scene.took, ms, ms + 25);
        close_scene();
    }
}

static void last_line_of_its_log_is_told(void **state)
{
    (void)state;
    open_scene(leave_argv);
    scene.status = 1;
    scene.options.log = "/tmp/log";
    sim_put("/tmp/log", SIM_FILE, 0600, SIM_UID, "of the last time\n");
    check(0, CORDON_ELAUNCH);
    assert_string_equal(scene.fault.text, "");
    close_scene();
}

static void its_end_without_failure_proves_nothing(void **state)
{
    (void)state;
    open_scene(leave_argv);
    check(1000, CORDON_ETIMEDOUT);
    assert_int_equal(scene.took, 1000);
    assert_string_equal(scene.fault.during, "launch");
    check(1000, CORDON_ETIMEDOUT); /* the next one can try at once */
    assert_int_equal(sim_births(), 2);
    close_scene();
}

static void one_that_says_already_running_is_ebusy_at_the_deadline(void **state)
{
    (void)state;
    open_scene(leave_argv);
    scene.status = 7;
    check(1000, CORDON_EBUSY);
    assert_int_equal(scene.took, 1000);
    close_scene();
}

static void unknown_end_is_told_as_unknown(void **state)
{
    (void)state;
    open_scene(leave_argv);
    sim.is_secret = 1;
    check(1000, CORDON_ELAUNCH);
    assert_int_equal(scene.fault.exit_status, -1);
    close_scene();
}

static void kill_newborn(void *context)
{
    (void)context;
    sim_kill(sim_newborn());
}

static void one_that_is_killed_is_told_with_its_signal(void **state)
{
    (void)state;
    open_scene(sleep_argv);
    sim_task(NULL, sim_now() + 400, 0, kill_newborn, NULL);
    check(0, CORDON_ELAUNCH);
    assert_int_equal(scene.fault.exit_status, 137);
    assert_in_range(scene.took, 400, 425);
    close_scene();
}

static void program_that_is_not_there_cannot_be_started(void **state)
{
    static const char *const nothing[] = {"nothing", NULL};

    (void)state;
    open_scene(nothing);
    check(0, CORDON_ELAUNCH);
    assert_int_equal(scene.took, 0);
    assert_int_equal(scene.fault.exit_status, 0);
    close_scene();
}

/* ---- the application's own launcher
 * -------------------------------------------------------------- */

static int launch(cordon_endpoint *endpoint, int left_ms, void *user)
{
    (void)endpoint;
    scene.launches++;
    scene.left_ms = left_ms;
    if (scene.status == 0 && user)
        sim_task(sim_process_open("server", SIM_UID), sim_now() + 40, 0, serve, NULL);
    return scene.status;
}

static void own_launcher_is_called_once(void **state)
{
    (void)state;
    open_scene(NULL);
    scene.options.launch = launch;
    scene.options.user = &scene;
    check(700, CORDON_OK);
    assert_int_equal(scene.is_started, 1);
    assert_int_equal(scene.launches, 1);
    assert_int_equal(scene.left_ms, 700);
    check(CORDON_FOREVER, CORDON_OK);
    assert_int_equal(scene.launches, 1);
    close_scene();
}

static void what_the_launcher_returns_is_told(void **state)
{
    (void)state;
    for (int status = -4; status < 300; status += 101) {
        open_scene(NULL);
        scene.options.launch = launch;
        scene.status = status;
        check(CORDON_FOREVER, CORDON_ELAUNCH);
        assert_int_equal(scene.left_ms, CORDON_FOREVER);
        assert_int_equal(scene.fault.exit_status, status);
        assert_int_equal(scene.launches, 1);
        assert_int_equal(scene.took, 0);
        close_scene();
    }
}

static void options_that_make_no_sense_are_einval(void **state)
{
    static const char *const none[] = {NULL};

    (void)state;
    open_scene(NULL);
    check(0, CORDON_EINVAL);
    scene.options.argv = none;
    check(0, CORDON_EINVAL);
    scene.options.argv = daemon_argv;
    scene.options.launch = launch;
    check(0, CORDON_EINVAL);
    scene.options.launch = NULL;
    scene.options.pause_ms = -1;
    check(0, CORDON_EINVAL);
    scene.options.pause_ms = 0;
    scene.options.flags = 0x80;
    check(0, CORDON_EINVAL);
    assert_int_equal(sim_births(), 0);
    close_scene();
}

/* ---- the startup lock
 * ------------------------------------------------------------------------------ */

static sim_process     *holder;
static cordon_endpoint *holder_endpoint;

static void wait_for_a_sleeper(void *context)
{
    cordon_start_options   options = CORDON_START_OPTIONS_INIT;
    cordon_session_options session = CORDON_SESSION_OPTIONS_INIT;
    cordon_session        *opened = NULL;

    options.argv = context;
    session.start = &options;
    session.timeout_ms = 60000;
    (void)open_endpoint(&holder_endpoint);
    (void)cordon_session_open(&opened, holder_endpoint, &session, NULL);
    cordon_session_close(opened);
    cordon_endpoint_close(holder_endpoint);
}

/* Another one has the startup lock from now on, and has launched what never serves; 10 ms later the
 * guest asks. (It waits on the stack above the holder.) */
static void ask_beside_a_holder(int timeout_ms)
{
    scene.session.timeout_ms = timeout_ms;
    sim.depth = 2;
    sim_task(scene.guest, sim_now() + 10, 1, ask, NULL);
    holder = sim_process_open("holder", SIM_UID);
    (void)sim_as(holder, wait_for_a_sleeper, (void *)(uintptr_t)sleep_argv);
}

static void kill_holder(void *context)
{
    (void)context;
    sim_kill(holder);
}

static void serve_by_hand(void *context)
{
    (void)context;
    start_by_hand();
}

static void lock_that_stays_taken_is_told_at_the_deadline(void **state)
{
    static const int times[][2] = {{1, 1}, {10, 10}, {0, 20000}, {CORDON_AT_ONCE, 0}};

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        open_scene(daemon_argv);
        ask_beside_a_holder(times[i][0]);
        assert_int_equal(scene.code, CORDON_ETIMEDOUT);
        assert_int_equal(scene.took, times[i][1]);
        assert_string_equal(scene.fault.during, "startup lock");
        assert_string_equal(scene.fault.path, DIRECTORY "/ipc.start");
        assert_non_null(strstr(scene.fault.text, "held by"));
        assert_int_equal(sim_births(), 1);
        close_scene();
    }
}

static void whoever_waits_for_a_killed_holder_goes_on_at_once(void **state)
{
    (void)state;
    open_scene(daemon_argv);
    sim_task(NULL, sim_now() + 3010, 0, kill_holder, NULL);
    ask_beside_a_holder(0);
    assert_int_equal(scene.code, CORDON_OK);
    assert_int_equal(scene.is_started, 1);
    assert_in_range(scene.took, 3000, 3025);
    assert_int_equal(sim_births(), 2);
    close_scene();
}

static void one_that_others_start_meanwhile_is_joined(void **state)
{
    (void)state;
    open_scene(daemon_argv);
    sim_task(NULL, sim_now() + 510, 0, serve_by_hand, NULL);
    ask_beside_a_holder(0);
    assert_int_equal(scene.code, CORDON_OK);
    assert_int_equal(scene.is_started, 0);
    assert_in_range(scene.took, 500, 525);
    assert_int_equal(sim_births(), 1);
    close_scene();
}

static void lock_that_is_not_as_it_must_be_is_unsafe(void **state)
{
    (void)state;
    open_scene(daemon_argv);
    sim_put(DIRECTORY, SIM_DIRECTORY, 0700, SIM_UID, NULL);
    sim_put(DIRECTORY "/ipc.start", SIM_FILE, 0644, SIM_UID, "");
    check(0, CORDON_EUNSAFE);
    sim_put(DIRECTORY "/ipc.start", SIM_FIFO, 0600, SIM_UID, NULL);
    check(0, CORDON_EUNSAFE);
    sim_put(DIRECTORY "/ipc.start", SIM_FILE, 0600, SIM_UID + 1, "");
    check(0, CORDON_EUNSAFE);
    assert_int_equal(scene.took, 0);
    assert_int_equal(sim_births(), 0);
    close_scene();
}

/* ---- bad luck
 * ----------------------------------------------------------------------------------------- */

/* Whatever the first one did not come to: the next one has a server, and there is one. */
static void check_repair(unsigned most_births)
{
    sim_process *next = sim_process_open("next", SIM_UID);
    unsigned     serving = 0;

    scene.session.timeout_ms = 0;
    assert_true(sim_as(next, ask, NULL));
    if (scene.code != CORDON_OK)
        print_message("%s\n", cordon_fault_line(&scene.fault));
    assert_int_equal(scene.code, CORDON_OK);
    assert_in_range(sim_births(), 1, most_births);
    sim_pass(3000); /* for one that waits for the lock of a server */
    for (unsigned i = 0; i < scene.count; i++)
        serving += scene.hosts[i].server != NULL && sim_is_alive(scene.hosts[i].process);
    assert_int_equal(serving, 1);
}

static void each_thing_asked_of_the_system_may_be_the_last(void **state)
{
    int is_alive = 0;

    (void)state;
    for (unsigned n = 1; !is_alive && n < 1000; n++) {
        open_scene(daemon_argv);
        sim_kill_at(scene.guest, n);
        is_alive = sim_as(scene.guest, ask, NULL);
        check_repair(2); /* one killed after its launch leaves a server that is about to be */
        close_scene();
    }
    assert_true(is_alive);
}

static void each_thing_asked_of_the_system_may_fail(void **state)
{
    unsigned failures = 1;

    (void)state;
    for (unsigned n = 1; failures > 0 && n < 1000; n++) {
        open_scene(daemon_argv);
        sim_fail_at(scene.guest, NULL, n);
        scene.session.timeout_ms = 500;
        assert_true(sim_as(scene.guest, ask, NULL));
        failures = sim_failures(scene.guest);
        assert_true(scene.code != CORDON_OK || scene.is_started == 1);
        check_repair(2);
        close_scene();
    }
    assert_int_equal(failures, 0);
}

static void each_allocation_may_fail(void **state)
{
    unsigned failures = 1;

    (void)state;
    for (unsigned n = 1; failures > 0 && n < 1000; n++) {
        open_scene(daemon_argv);
        sim_starve_at(scene.guest, n, 0);
        scene.session.timeout_ms = 500;
        assert_true(sim_as(scene.guest, ask, NULL));
        failures = sim_failures(scene.guest);
        assert_int_equal(scene.code, failures > 0 ? CORDON_ENOMEM : CORDON_OK);
        check_repair(2);
        close_scene();
    }
    assert_int_equal(failures, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_one_starts_it_and_the_next_one_joins),
        cmocka_unit_test(whoever_runs_already_is_joined),
        cmocka_unit_test(what_a_killed_server_left_is_no_server),
        cmocka_unit_test(no_deadline_is_missed_by_a_millisecond),
        cmocka_unit_test(one_that_needs_a_day_is_waited_for_for_ever),
        cmocka_unit_test(pauses_are_a_millisecond_for_25_and_then_grow_to_25),
        cmocka_unit_test(longest_pause_is_as_asked_for),
        cmocka_unit_test(one_that_lets_nobody_in_yet_is_waited_for),
        cmocka_unit_test(one_that_stops_is_waited_for_and_followed),
        cmocka_unit_test(token_of_the_last_server_is_not_the_end),
        cmocka_unit_test(its_exit_status_is_told_at_once),
        cmocka_unit_test(last_line_of_its_log_is_told),
        cmocka_unit_test(its_end_without_failure_proves_nothing),
        cmocka_unit_test(one_that_says_already_running_is_ebusy_at_the_deadline),
        cmocka_unit_test(unknown_end_is_told_as_unknown),
        cmocka_unit_test(one_that_is_killed_is_told_with_its_signal),
        cmocka_unit_test(program_that_is_not_there_cannot_be_started),
        cmocka_unit_test(own_launcher_is_called_once),
        cmocka_unit_test(what_the_launcher_returns_is_told),
        cmocka_unit_test(options_that_make_no_sense_are_einval),
        cmocka_unit_test(lock_that_stays_taken_is_told_at_the_deadline),
        cmocka_unit_test(whoever_waits_for_a_killed_holder_goes_on_at_once),
        cmocka_unit_test(one_that_others_start_meanwhile_is_joined),
        cmocka_unit_test(lock_that_is_not_as_it_must_be_is_unsafe),
        cmocka_unit_test(each_thing_asked_of_the_system_may_be_the_last),
        cmocka_unit_test(each_thing_asked_of_the_system_may_fail),
        cmocka_unit_test(each_allocation_may_fail),
    };

    return cmocka_run_group_tests_name("sim_start", tests, NULL, NULL);
}
