/* Connect or start: how it ends and when, to the millisecond. */
#include "start_stage.h"

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

/* It serves, and leaves before anybody had a look `visits` times; then it stays. */
static void visit(void *context)
{
    unsigned *visits = context;

    if (*visits == 0) {
        serve(NULL);
        return;
    }
    --*visits;
    assert_int_equal(cordon_ready(NULL), CORDON_OK);
    sim_leave(0);
}

static const char *const visit_argv[] = {"visitor", NULL};

static void one_that_served_and_left_is_started_again(void **state)
{
    (void)state;
    for (unsigned visits = 1; visits <= 2; visits++) {
        unsigned left = visits;

        open_scene(visit_argv);
        sim_program("visitor", visit, &left);
        check(0, CORDON_OK);
        assert_int_equal(scene.is_started, 1);
        assert_int_equal(sim_births(), visits + 1);
        assert_in_range(scene.took, 0, 25);
        close_scene();
    }
}

static void one_that_always_leaves_is_started_three_times_and_no_more(void **state)
{
    unsigned left = 1000;

    (void)state;
    open_scene(visit_argv);
    sim_program("visitor", visit, &left);
    check(1000, CORDON_ETIMEDOUT);
    assert_int_equal(scene.took, 1000);
    assert_int_equal(sim_births(), 3);
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
        cmocka_unit_test(one_that_served_and_left_is_started_again),
        cmocka_unit_test(one_that_always_leaves_is_started_three_times_and_no_more),
        cmocka_unit_test(token_of_the_last_server_is_not_the_end),
        cmocka_unit_test(lock_that_stays_taken_is_told_at_the_deadline),
        cmocka_unit_test(whoever_waits_for_a_killed_holder_goes_on_at_once),
        cmocka_unit_test(one_that_others_start_meanwhile_is_joined),
        cmocka_unit_test(lock_that_is_not_as_it_must_be_is_unsafe),
    };

    return cmocka_run_group_tests_name("sim_start", tests, NULL, NULL);
}
