/*
 * What is started fails, or never serves; the startup lock is held, or no lock: each has an end of
 * its own, in time. Cases 43 to 45. What is started is this program again.
 */
#include "start_kit.h"

#include <uv.h>

static char root[SUPPORT_PATH], home[SUPPORT_PATH];

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

/* ---- what is started -------------------------------------------------------------------- */

/* PROGRAM --end STATUS MS [WORD]: prints the word, after that time "no such WORD" to its standard
 * error, and exits so. -1: we are the test. */
static int play_end(int count, char **arguments)
{
    if (count < 4 || strcmp(arguments[1], "--end") != 0)
        return -1;
    if (count > 4) {
        fprintf(stdout, "%s\n", arguments[4]);
        fflush(stdout);
    }
    support_pause(atoi(arguments[3]));
    if (count > 4)
        fprintf(stderr, "no such %s\n", arguments[4]);
    return atoi(arguments[2]);
}

static void try_end(start_answer *answer, const char *status, const char *ms, const char *word,
                    const char *log, int timeout_ms)
{
    static char          program[SUPPORT_PATH];
    size_t               size = sizeof program;
    cordon_start_options options = CORDON_START_OPTIONS_INIT;
    const char          *argv[] = {program, "--end", status, ms, word, NULL};

    assert_int_equal(uv_exepath(program, &size), 0);
    options.argv = argv;
    options.log = log;
    start_ask(answer, home, &options, timeout_ms);
}

static void exit_status_is_told_at_once_and_later(void **state)
{
    start_answer answer;

    (void)state;
    try_end(&answer, "3", "0", NULL, NULL, 60000);
    SUPPORT_CODE(answer.code, CORDON_ELAUNCH, &answer.fault);
    assert_int_equal(answer.fault.exit_status, 3);
    assert_string_equal(answer.fault.during, "launch");
    try_end(&answer, "4", "200", NULL, NULL, 60000);
    SUPPORT_CODE(answer.code, CORDON_ELAUNCH, &answer.fault);
    assert_int_equal(answer.fault.exit_status, 4);
    assert_true(cordon_error_retryable(answer.code));
}

static void last_line_of_the_log_says_why(void **state)
{
    char         log[SUPPORT_PATH];
    start_answer answer;

    (void)state;
    support_join(log, root, "log");
    support_write(log, "of another day\n", 15, 0600);
    try_end(&answer, "1", "0", "font", log, 60000);
    SUPPORT_CODE(answer.code, CORDON_ELAUNCH, &answer.fault);
    assert_string_equal(answer.fault.text, "no such font");
    try_end(&answer, "1", "0", NULL, log, 60000);
    SUPPORT_CODE(answer.code, CORDON_ELAUNCH, &answer.fault);
    assert_string_equal(answer.fault.text, ""); /* what it did not print says nothing of it */
}

static void end_without_failure_is_waited_for_until_the_deadline(void **state)
{
    start_answer answer;

    (void)state;
    try_end(&answer, "0", "0", NULL, NULL, 100);
    SUPPORT_CODE(answer.code, CORDON_ETIMEDOUT, &answer.fault);
    assert_string_equal(answer.fault.during, "launch");
    assert_true(answer.took >= 100);
    try_end(&answer, "0", "1000", NULL, NULL, 100); /* and the next one can try at once */
    SUPPORT_CODE(answer.code, CORDON_ETIMEDOUT, &answer.fault);
    assert_non_null(strstr(answer.fault.text, "pid"));
}

/* ---- who says that another one runs ------------------------------------------------------- */

static void status_7_and_nobody_is_ebusy_at_the_deadline(void **state)
{
    start_answer answer;

    (void)state;
    try_end(&answer, "7", "0", NULL, NULL, 2000);
    SUPPORT_CODE(answer.code, CORDON_EBUSY, &answer.fault);
    assert_true(answer.took >= 2000);
}

static char end_log[SUPPORT_PATH];

static int has_said_something(void *path)
{
    char text[8];

    return support_exists(path) && support_read(path, text, sizeof text) > 0;
}

/* When what was started is at its end, and some time for that to be noticed. */
static void serve_later(void *context)
{
    cordon_endpoint *endpoint = start_endpoint(home);

    SUPPORT_CHECK(support_until(has_said_something, end_log, 60000));
    support_pause(500);
    SUPPORT_CHECK(support_server_try(context, endpoint, NULL, NULL, NULL) == CORDON_OK);
    cordon_endpoint_close(endpoint);
}

static void status_7_and_somebody_is_joined(void **state)
{
    support_server *server = NULL;
    start_answer    answer;
    uv_thread_t     thread;

    (void)state;
    support_join(end_log, root, "log");
    assert_int_equal(uv_thread_create(&thread, serve_later, &server), 0);
    try_end(&answer, "7", "0", "end", end_log, 60000);
    uv_thread_join(&thread);
    SUPPORT_CODE(answer.code, CORDON_OK, &answer.fault);
    assert_int_equal(answer.is_started, 0);
    support_server_close(server);
}

/* ---- the startup lock ----------------------------------------------------------------------- */

static support_child *holder_self;

static int tell_and_sleep(cordon_endpoint *endpoint, int left_ms, void *user)
{
    (void)endpoint, (void)left_ms, (void)user;
    support_signal_send(&holder_self->told, 'h');
    support_pause(10 * SUPPORT_SOON); /* it is killed before */
    return 1;
}

static int hold(const char *directory, support_child *self)
{
    cordon_start_options options = CORDON_START_OPTIONS_INIT;
    start_answer         answer;

    holder_self = self;
    options.launch = tell_and_sleep;
    start_ask(&answer, directory, &options, CORDON_FOREVER);
    return 1;
}

static const support_part parts[] = {{"hold", hold}, {NULL, NULL}};

static void stopped_holder_is_waited_for_until_the_deadline(void **state)
{
    support_child holder;
    start_answer  answer;

    (void)state;
    support_start(&holder, parts, "hold", home);
    assert_int_equal(support_signal_wait(&holder.told, SUPPORT_SOON), 'h');
    support_freeze(holder.pid);
    try_end(&answer, "1", "0", NULL, NULL, 100);
    SUPPORT_CODE(answer.code, CORDON_ETIMEDOUT, &answer.fault);
    assert_string_equal(answer.fault.during, "startup lock");
    assert_non_null(strstr(answer.fault.text, "pid "));
    assert_true(cordon_error_retryable(answer.code));
    support_kill_child(&holder);
}

static void killed_holder_is_followed_at_once(void **state)
{
    support_child holder;
    start_answer  answer;

    (void)state;
    support_start(&holder, parts, "hold", home);
    assert_int_equal(support_signal_wait(&holder.told, SUPPORT_SOON), 'h');
    support_kill_child(&holder);
    try_end(&answer, "5", "0", NULL, NULL, 60000); /* it gets as far as to launch */
    SUPPORT_CODE(answer.code, CORDON_ELAUNCH, &answer.fault);
    assert_int_equal(answer.fault.exit_status, 5);
}

static void check_lock_is_unsafe(const char *lock)
{
    start_answer answer;

    try_end(&answer, "1", "0", NULL, NULL, 60000);
    SUPPORT_CODE(answer.code, CORDON_EUNSAFE, &answer.fault);
    assert_string_equal(answer.fault.path, lock);
    assert_false(cordon_error_retryable(answer.code));
}

static void lock_that_is_none_of_ours_is_unsafe(void **state)
{
    cordon_endpoint *endpoint;
    const char      *lock;

    (void)state;
    support_directory_make(home);
    endpoint = start_endpoint(home);
    lock = cordon_endpoint_path(endpoint, CORDON_START_LOCK);
    support_write(lock, "", 0, 0604);
    check_lock_is_unsafe(lock);
    support_remove(lock);
    support_directory_make(lock);
    check_lock_is_unsafe(lock);
    cordon_endpoint_close(endpoint);
}

int main(int count, char **arguments)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(exit_status_is_told_at_once_and_later),
        TEST(last_line_of_the_log_says_why),
        TEST(end_without_failure_is_waited_for_until_the_deadline),
        TEST(status_7_and_nobody_is_ebusy_at_the_deadline),
        TEST(status_7_and_somebody_is_joined),
        TEST(stopped_holder_is_waited_for_until_the_deadline),
        TEST(killed_holder_is_followed_at_once),
        TEST(lock_that_is_none_of_ours_is_unsafe),
    };
    const int played = play_end(count, arguments);

    if (played >= 0)
        return played;
    SUPPORT_PLAY(count, arguments, parts);
    return SUPPORT_RUN("start_fail_test", tests);
}
