/*
 * Connect or start: what is started fails, or bad luck meets the starter; each thing that it asks
 * of the system fails, starves, or is the last thing that it does.
 */
#include "start_stage.h"

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
    check(0, CORDON_ELAUNCH); /* what it did not print says nothing of it */
    assert_string_equal(scene.fault.text, "");
    scene.log = "of the last time\none\nno such font\n";
    check(0, CORDON_ELAUNCH);
    assert_string_equal(scene.fault.text, "no such font");
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

static void leave_with_3(void *context)
{
    (void)context;
    sim_leave(3);
}

/* It says why it cannot serve, and leaves a while later. */
static void complain(void *context)
{
    cordon_fault why = CORDON_FAULT_INIT;

    why.code = *(const int *)context;
    snprintf(why.text, sizeof why.text, "no display");
    assert_int_equal(cordon_ready(&why), CORDON_OK);
    sim_task(sim_current(), sim_now() + (uint64_t)scene.wait_ms, 0, leave_with_3, NULL);
}

static const char *const complain_argv[] = {"complainer", NULL};

static void its_own_words_are_told_with_its_status(void **state)
{
    int code = CORDON_EDENIED;

    (void)state;
    for (int ms = 0; ms < 500; ms += 80) { /* a status that comes late is not waited for */
        open_scene(complain_argv);
        sim_program("complainer", complain, &code);
        scene.wait_ms = ms;
        check(0, CORDON_ELAUNCH);
        assert_non_null(strstr(scene.fault.text, "CORDON_EDENIED: "));
        assert_non_null(strstr(scene.fault.text, "no display"));
        assert_int_equal(scene.fault.exit_status, ms < 100 ? 3 : 0);
        assert_in_range(scene.took, ms < 100 ? ms : 100, 126);
        close_scene();
    }
}

static void its_word_that_another_one_runs_is_ebusy_at_the_deadline(void **state)
{
    int code = CORDON_EADDRINUSE;

    (void)state;
    open_scene(complain_argv);
    sim_program("complainer", complain, &code);
    check(1000, CORDON_EBUSY);
    assert_int_equal(scene.took, 1000);
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
        cmocka_unit_test(its_exit_status_is_told_at_once),
        cmocka_unit_test(last_line_of_its_log_is_told),
        cmocka_unit_test(its_end_without_failure_proves_nothing),
        cmocka_unit_test(one_that_says_already_running_is_ebusy_at_the_deadline),
        cmocka_unit_test(unknown_end_is_told_as_unknown),
        cmocka_unit_test(its_own_words_are_told_with_its_status),
        cmocka_unit_test(its_word_that_another_one_runs_is_ebusy_at_the_deadline),
        cmocka_unit_test(one_that_is_killed_is_told_with_its_signal),
        cmocka_unit_test(program_that_is_not_there_cannot_be_started),
        cmocka_unit_test(own_launcher_is_called_once),
        cmocka_unit_test(what_the_launcher_returns_is_told),
        cmocka_unit_test(options_that_make_no_sense_are_einval),
        cmocka_unit_test(each_thing_asked_of_the_system_may_be_the_last),
        cmocka_unit_test(each_thing_asked_of_the_system_may_fail),
        cmocka_unit_test(each_allocation_may_fail),
    };

    return cmocka_run_group_tests_name("sim_start_fail", tests, NULL, NULL);
}
