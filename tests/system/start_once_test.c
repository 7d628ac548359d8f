/*
 * However many ask at once: what is to be started is started once, one of them is told so, and all
 * of them have a session. Round after round: start_race_test. Cases 41 and 42.
 */
#include "start_crowd.h"

#include <uv.h>

static char root[SUPPORT_PATH], home[SUPPORT_PATH];

#ifdef _WIN32 /* under Wine twenty are what a hundred are elsewhere */
enum { MANY = 20 };
#else
enum { MANY = 100 };
#endif

static int set_up(void **state)
{
    (void)state;
    support_directory(root);
    support_join(home, root, "home");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    start_end_all(home);
    support_directory_remove(root);
    return 0;
}

/* ---- a launcher of our own ---------------------------------------------------------------- */

static atomic_int      launches;
static support_server *launched;

static int launch(cordon_endpoint *endpoint, int left_ms, void *user)
{
    cordon_endpoint *own = start_endpoint(home);
    int              code;

    (void)endpoint, (void)user;
    SUPPORT_CHECK(left_ms > 0 && left_ms <= 60000);
    atomic_fetch_add(&launches, 1);
    code = support_server_try(&launched, own, NULL, NULL, NULL);
    cordon_endpoint_close(own);
    return code;
}

static void launcher_is_called_once_for(int count)
{
    cordon_start_options options = CORDON_START_OPTIONS_INIT;

    atomic_store(&launches, 0);
    options.launch = launch;
    assert_int_equal(start_crowd(NULL, home, count, &options), 1);
    assert_int_equal(atomic_load(&launches), 1);
    assert_int_equal(start_crowd(NULL, home, count, &options),
                     0); /* it runs: nobody starts anything */
    assert_int_equal(atomic_load(&launches), 1);
    support_server_close(launched);
}

static void sixteen_callers_call_the_launcher_once(void **state)
{
    (void)state;
    launcher_is_called_once_for(16);
}

static void hundred_callers_call_the_launcher_once(void **state)
{
    (void)state;
    launcher_is_called_once_for(MANY);
}

/* ---- a program ------------------------------------------------------------------------------ */

static void program_is_started_once_for(int count)
{
    cordon_start_options options = CORDON_START_OPTIONS_INIT;
    start_argv           argv;

    if (support_bin() == NULL)
        SUPPORT_SKIP("no command to start: set CORDON_BIN");
    options.argv = start_daemon(&argv, home);
    assert_int_equal(start_crowd(NULL, home, count, &options), 1);
    assert_in_range(start_count_daemons(home) + 1, 0, 2); /* -1: the system does not tell */
    assert_int_equal(start_crowd(NULL, home, count, &options), 0);
}

static void sixteen_callers_start_a_program_once(void **state)
{
    (void)state;
    program_is_started_once_for(16);
}

static void hundred_callers_start_a_program_once(void **state)
{
    (void)state;
    program_is_started_once_for(MANY);
}

/* ---- whoever else serves ----------------------------------------------------------------------
 */

static void server_that_runs_already_is_joined(void **state)
{
    cordon_start_options options = CORDON_START_OPTIONS_INIT;
    start_answer         answer;

    (void)state;
    atomic_store(&launches, 0);
    options.launch = launch;
    assert_int_equal(launch(NULL, 1, NULL), 0);
    start_ask(&answer, home, &options, 0);
    SUPPORT_CODE(answer.code, CORDON_OK, &answer.fault);
    assert_int_equal(answer.is_started, 0);
    assert_int_equal(atomic_load(&launches), 1);
    support_server_close(launched);
}

/* It says that it has started one; but it is started by somebody else, later. */
static int launch_nothing(cordon_endpoint *endpoint, int left_ms, void *user)
{
    (void)endpoint, (void)left_ms, (void)user;
    atomic_fetch_add(&launches, 1);
    return 0;
}

static const cordon_start_options *asked;

static void ask_alone(void *context)
{
    start_ask(context, home, asked, 60000);
}

static void server_that_others_start_meanwhile_is_joined(void **state)
{
    cordon_start_options options = CORDON_START_OPTIONS_INIT;
    static start_answer  holder, waiting;
    uv_thread_t          threads[2];

    (void)state;
    atomic_store(&launches, 0);
    options.launch = launch_nothing;
    asked = &options;
    assert_int_equal(uv_thread_create(&threads[0], ask_alone, &holder), 0);
    while (atomic_load(&launches) == 0)
        support_pause(1);
    assert_int_equal(uv_thread_create(&threads[1], ask_alone, &waiting), 0);
    support_pause(50);
    assert_int_equal(launch(NULL, 1, NULL), 0); /* by hand */
    for (int n = 0; n < 2; n++)
        uv_thread_join(&threads[n]);
    SUPPORT_CODE(holder.code, CORDON_OK, &holder.fault);
    SUPPORT_CODE(waiting.code, CORDON_OK, &waiting.fault);
    assert_int_equal(waiting.is_started, 0);
    assert_int_equal(atomic_load(&launches), 2); /* ours, and the one by hand */
    support_server_close(launched);
}

static void stopped_server_is_started_again(void **state)
{
    cordon_start_options options = CORDON_START_OPTIONS_INIT;
    start_argv           argv;
    start_answer         answer;

    (void)state;
    if (support_bin() == NULL)
        SUPPORT_SKIP("no command to start: set CORDON_BIN");
    options.argv = start_daemon(&argv, home);
    for (int round = 0; round < 3; round++) {
        start_ask(&answer, home, &options, 60000);
        SUPPORT_CODE(answer.code, CORDON_OK, &answer.fault);
        assert_int_equal(answer.is_started, 1);
        start_stop_server(home);
    }
}

static void program_that_fails_is_told_with_its_status(void **state)
{
    cordon_start_options options = CORDON_START_OPTIONS_INIT;
    const char          *argv[] = {support_bin(), "serve", NULL}; /* wrong usage */
    start_answer         answer;

    (void)state;
    if (support_bin() == NULL)
        SUPPORT_SKIP("no command to start: set CORDON_BIN");
    options.argv = argv;
    start_ask(&answer, home, &options, 60000);
    SUPPORT_CODE(answer.code, CORDON_ELAUNCH, &answer.fault);
    assert_int_equal(answer.fault.exit_status, 2);
    assert_true(answer.took < 60000);
}

static void program_that_says_why_is_told_with_its_words(void **state)
{
    cordon_start_options options = CORDON_START_OPTIONS_INIT;
    char                 file[SUPPORT_PATH];
    start_argv           argv;
    start_answer         answer;

    (void)state;
    if (support_bin() == NULL)
        SUPPORT_SKIP("no command to start: set CORDON_BIN");
    support_join(file, root, "file");
    support_write(file, "", 0, 0600);
    options.argv = start_daemon(&argv, file); /* where no directory can be */
    start_ask(&answer, home, &options, 60000);
    SUPPORT_CODE(answer.code, CORDON_ELAUNCH, &answer.fault);
    assert_non_null(strstr(answer.fault.text, "CORDON_E"));
    assert_true(answer.fault.exit_status > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sixteen_callers_call_the_launcher_once),
        cmocka_unit_test(hundred_callers_call_the_launcher_once),
        cmocka_unit_test(sixteen_callers_start_a_program_once),
        cmocka_unit_test(hundred_callers_start_a_program_once),
        cmocka_unit_test(server_that_runs_already_is_joined),
        cmocka_unit_test(server_that_others_start_meanwhile_is_joined),
        cmocka_unit_test(stopped_server_is_started_again),
        cmocka_unit_test(program_that_fails_is_told_with_its_status),
        cmocka_unit_test(program_that_says_why_is_told_with_its_words),
    };
    struct CMUnitTest with[sizeof tests / sizeof tests[0]];

    for (size_t n = 0; n < sizeof tests / sizeof tests[0]; n++) {
        with[n] = tests[n];
        with[n].setup_func = set_up;
        with[n].teardown_func = tear_down;
    }
    return cmocka_run_group_tests(with, NULL, NULL);
}
