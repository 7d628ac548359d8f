/*
 * What is started fails, or never serves; the startup lock is held, or no lock: on POSIX, with a
 * shell, signals, modes and sessions. Cases 43 to 45.
 */
#include "start_kit.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

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

static void try_shell(start_answer *answer, const char *script, const char *log, int timeout_ms)
{
    cordon_start_options options = CORDON_START_OPTIONS_INIT;
    const char          *argv[] = {"sh", "-c", script, NULL};

    options.argv = argv;
    options.log = log;
    start_ask(answer, home, &options, timeout_ms);
}

/* ---- what is started ------------------------------------------------------------------- */

static void end_by_a_signal_is_told_with_its_number(void **state)
{
    start_answer answer;

    (void)state;
    try_shell(&answer, "exit 3", NULL, 60000);
    SUPPORT_CODE(answer.code, CORDON_ELAUNCH, &answer.fault);
    assert_int_equal(answer.fault.exit_status, 3);
    assert_string_equal(cordon_fault_line(&answer.fault), "launch: exit status 3 (sh)");
    try_shell(&answer, "sleep 0.2; exit 4", NULL, 60000);
    SUPPORT_CODE(answer.code, CORDON_ELAUNCH, &answer.fault);
    assert_int_equal(answer.fault.exit_status, 4);
    try_shell(&answer, "kill -TERM $$", NULL, 60000);
    SUPPORT_CODE(answer.code, CORDON_ELAUNCH, &answer.fault);
    assert_int_equal(answer.fault.exit_status, 128 + SIGTERM);
}

static void status_is_known_though_the_host_ignores_its_children(void **state)
{
    start_answer answer;
    void (*before)(int) = signal(SIGCHLD, SIG_IGN);

    (void)state;
    try_shell(&answer, "exit 3", NULL, 60000);
    signal(SIGCHLD, before);
    SUPPORT_CODE(answer.code, CORDON_ELAUNCH, &answer.fault);
    assert_true(answer.fault.exit_status == 3 || answer.fault.exit_status == -1);
}

static void last_line_of_a_shells_log_says_why(void **state)
{
    char         log[SUPPORT_PATH];
    start_answer answer;

    (void)state;
    support_join(log, root, "log");
    support_write(log, "of another day\n", 15, 0600);
    try_shell(&answer, "echo one; echo 'no such font' >&2; exit 1", log, 60000);
    SUPPORT_CODE(answer.code, CORDON_ELAUNCH, &answer.fault);
    assert_string_equal(answer.fault.text, "no such font");
    try_shell(&answer, "exit 1", log, 60000);
    assert_string_equal(answer.fault.text, ""); /* what it did not print says nothing of it */
}

static void shell_that_ends_well_is_waited_for(void **state)
{
    start_answer answer;

    (void)state;
    try_shell(&answer, "exit 0", NULL, 100);
    SUPPORT_CODE(answer.code, CORDON_ETIMEDOUT, &answer.fault);
    assert_string_equal(answer.fault.during, "launch");
    assert_true(answer.took >= 100);
    try_shell(&answer, "exec sleep 1", NULL, 100); /* and the next one can try at once */
    SUPPORT_CODE(answer.code, CORDON_ETIMEDOUT, &answer.fault);
    assert_non_null(strstr(answer.fault.text, "pid"));
}

static void program_that_leaves_a_daemon_behind_has_started_it(void **state)
{
    char         script[8 * SUPPORT_PATH];
    start_answer answer;

    (void)state;
    if (support_bin() == NULL)
        SUPPORT_SKIP("no command to start: set CORDON_BIN");
    snprintf(script, sizeof script,
             "(sleep 0.1; exec '%s' serve start --dir '%s' --echo --allow-stop "
             "--idle-exit " START_IDLE_MS ") & exit 0",
             support_bin(), home);
    try_shell(&answer, script, NULL, 60000);
    SUPPORT_CODE(answer.code, CORDON_OK, &answer.fault);
    assert_int_equal(answer.is_started, 1);
}

/* ---- who says that another one runs ---------------------------------------------------------- */

static void shells_status_7_and_nobody_is_ebusy(void **state)
{
    start_answer answer;

    (void)state;
    try_shell(&answer, "exit 7", NULL, 2000);
    SUPPORT_CODE(answer.code, CORDON_EBUSY, &answer.fault);
    assert_true(answer.took >= 2000);
}

static void status_7_and_the_daemon_it_leaves_is_joined(void **state)
{
    char         script[8 * SUPPORT_PATH];
    start_answer answer;

    (void)state;
    if (support_bin() == NULL)
        SUPPORT_SKIP("no command to start: set CORDON_BIN");
    snprintf(script, sizeof script,
             "(sleep 0.2; exec '%s' serve start --dir '%s' --echo --allow-stop "
             "--idle-exit " START_IDLE_MS ") & exit 7",
             support_bin(), home);
    try_shell(&answer, script, NULL, 60000);
    SUPPORT_CODE(answer.code, CORDON_OK, &answer.fault);
    assert_int_equal(answer.is_started, 0);
}

/* ---- the startup lock --------------------------------------------------------------------------
 */

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

static void stopped_holder_is_named_by_its_pid(void **state)
{
    support_child holder;
    start_answer  answer;
    char          pid[32];

    (void)state;
    support_start(&holder, parts, "hold", home);
    assert_int_equal(support_signal_wait(&holder.told, SUPPORT_SOON), 'h');
    support_freeze(holder.pid);
    try_shell(&answer, "exit 1", NULL, 100);
    SUPPORT_CODE(answer.code, CORDON_ETIMEDOUT, &answer.fault);
    assert_string_equal(answer.fault.during, "startup lock");
    snprintf(pid, sizeof pid, "pid %lld", (long long)holder.pid);
    assert_non_null(strstr(answer.fault.text, pid));
    assert_true(cordon_error_retryable(answer.code));
    support_kill_child(&holder);
}

static void check_lock_is_unsafe(void)
{
    start_answer answer;

    try_shell(&answer, "exit 1", NULL, 60000);
    SUPPORT_CODE(answer.code, CORDON_EUNSAFE, &answer.fault);
    assert_non_null(strstr(answer.fault.path, "ipc.start"));
    assert_false(cordon_error_retryable(answer.code));
}

static void lock_that_is_none_of_ours_is_unsafe(void **state)
{
    char lock[SUPPORT_PATH];

    (void)state;
    support_directory_make(home);
    support_join(lock, home, "ipc.start");
    support_write(lock, "", 0, 0600);
    assert_int_equal(chmod(lock, 0644), 0);
    check_lock_is_unsafe();
    support_remove(lock);
    assert_int_equal(mkfifo(lock, 0600), 0);
    check_lock_is_unsafe();
    support_remove(lock);
    assert_int_equal(symlink("/dev/null", lock), 0);
    check_lock_is_unsafe();
    support_remove(lock);
    if (geteuid() != 0)
        return;
    support_write(lock, "", 0, 0600);
    assert_int_equal(chown(lock, 12345, (gid_t)-1), 0);
    check_lock_is_unsafe();
}

/* ---- what the daemon has of us
 * -------------------------------------------------------------------- */

/* Whoever reads what `cordon ensure` prints is not kept waiting by the daemon. */
static void reader_of_ensure_comes_to_the_end(void **state)
{
    char  command[8 * SUPPORT_PATH], text[64] = "";
    FILE *out;

    (void)state;
    if (support_bin() == NULL)
        SUPPORT_SKIP("no command to start: set CORDON_BIN");
    snprintf(command, sizeof command,
             "'%s' ensure start --dir '%s' -- '%s' serve start --dir '%s' --echo --allow-stop "
             "--idle-exit " START_IDLE_MS " 2>&1 | cat",
             support_bin(), home, support_bin(), home);
    out = popen(command, "r");
    assert_non_null(out);
    assert_non_null(fgets(text, sizeof text, out));
    assert_string_equal(text, "started\n");
    assert_null(fgets(text, sizeof text, out)); /* the end, though the daemon lives */
    assert_int_equal(pclose(out), 0);
    assert_true(start_server_pid(home) > 1);
}

static void daemon_has_a_session_of_its_own(void **state)
{
    cordon_start_options options = CORDON_START_OPTIONS_INIT;
    start_argv           argv;
    start_answer         answer;

    (void)state;
    if (support_bin() == NULL)
        SUPPORT_SKIP("no command to start: set CORDON_BIN");
    options.argv = start_daemon(&argv, home);
    start_ask(&answer, home, &options, 60000);
    SUPPORT_CODE(answer.code, CORDON_OK, &answer.fault);
    assert_true(answer.pid > 1);
    assert_true(getsid((pid_t)answer.pid) != getsid(0));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
const struct CMUnitTest support_own_cases[] = {
    TEST(end_by_a_signal_is_told_with_its_number),
    TEST(status_is_known_though_the_host_ignores_its_children),
    TEST(last_line_of_a_shells_log_says_why),
    TEST(shell_that_ends_well_is_waited_for),
    TEST(program_that_leaves_a_daemon_behind_has_started_it),
    TEST(shells_status_7_and_nobody_is_ebusy),
    TEST(status_7_and_the_daemon_it_leaves_is_joined),
    TEST(stopped_holder_is_named_by_its_pid),
    TEST(lock_that_is_none_of_ours_is_unsafe),
    TEST(reader_of_ensure_comes_to_the_end),
    TEST(daemon_has_a_session_of_its_own),
    SUPPORT_NO_CASE,
};
