/* What a started program finds on POSIX: scripts, groups, sessions, its signals. */
#include "start_kit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

/* ---- arguments, environment, directory ---- */

static void arguments_and_the_pid_are_told_by_itself(void **state)
{
    kit        *it = *state;
    start_order start;

    start_open(&start, START_WORDS("tell", "", "two words", "\"quoted\" \\", "*", "\xC3\xA9"), 0);
    start_run(&start, it);
    start_hear(&start);
    start_has_said(&start, "argument 0: ");
    start_has_said(&start, "argument 1: two words");
    start_has_said(&start, "argument 2: \"quoted\" \\");
    start_has_said(&start, "argument 3: *");
    start_has_said(&start, "argument 4: \xC3\xA9");
    assert_int_equal(start_count(&start, "argument "), 5);
    assert_int_equal(start_number(&start, "pid"), cordon__child_pid(start.child));
    assert_int_equal(start_end(&start, it), 0);
}

static void environment_says_where_its_handle_is(void **state)
{
    static const char *const given[] = {"START_A=1", "CORDON_CHANNEL=9", "CORDON_READY=8",
                                        "CORDON_READYMADE=x", NULL};
    kit                     *it = *state;
    start_order              start;

    setenv("START_OURS", "yes", 1);
    setenv("CORDON_CHANNEL", "7:abc", 1); /* a parent's, of no use to a child's child */
    start_tell(&start, it, 0);
    start_has_said(&start, "environment: START_OURS=yes");
    start_has_said(&start, "environment: CORDON_READY=3");
    assert_int_equal(start_count(&start, "environment: CORDON_CHANNEL"), 0);
    start_open(&start, START_WORDS("tell"), CORDON__DETACHED);
    start.order.environment = given;
    start.order.word = "0123456789abcdef0123456789abcdef";
    start_run(&start, it);
    start_hear(&start);
    assert_int_equal(start_end(&start, it), 0);
    start_has_said(&start, "environment: START_A=1");
    start_has_said(&start, "environment: CORDON_READYMADE=x");
    start_has_said(&start, "environment: CORDON_READY=3:0123456789abcdef0123456789abcdef");
    assert_int_equal(start_count(&start, "environment: "), 3);
    assert_string_equal(getenv("CORDON_CHANNEL"), "7:abc"); /* ours stays as it is */
    unsetenv("START_OURS");
    unsetenv("CORDON_CHANNEL");
}

static void missing_directory_is_told_with_the_systems_reason(void **state)
{
    kit        *it = *state;
    char        here[4096], in[SUPPORT_PATH];
    start_order start;

    assert_non_null(getcwd(here, sizeof here));
    start_tell(&start, it, CORDON__DETACHED);
    start_has_said(&start, "directory: %s", here);
    for (size_t i = 0; i < START_KINDS; i++) {
        start_open(&start, START_WORDS("tell"), start_kinds[i]);
        start.order.directory = it->tmp;
        start_run(&start, it);
        start_hear(&start);
        assert_int_equal(start_end(&start, it), 0);
        start_has_said(&start, "directory: %s", it->tmp);
        start_open(&start, START_WORDS("tell"), start_kinds[i]);
        start.order.directory = support_join(in, it->root, "missing");
        assert_int_equal(start_try(&start, &it->fault), CORDON_ELAUNCH);
        assert_string_equal(it->fault.during, "enter directory");
        assert_int_equal(it->fault.os_code, ENOENT);
        assert_string_equal(it->fault.path, in);
    }
}

static void umask_and_group_are_ours_and_a_session_its_own_if_detached(void **state)
{
    kit         *it = *state;
    const mode_t before = umask(0137);
    start_order  start;

    for (size_t i = 0; i < START_KINDS; i++) {
        const int is_detached = (start_kinds[i] & CORDON__DETACHED) != 0;

        start_tell(&start, it, start_kinds[i]);
        start_has_said(&start, "umask: 137");
        start_has_said(&start, "session: %s", is_detached ? "own" : "other");
        if (!is_detached) {
            assert_int_equal(start_number(&start, "session number"), getsid(0));
            assert_int_equal(start_number(&start, "group"), getpgrp());
        }
    }
    assert_int_equal(umask(before), 0137);
}

/* ---- the program ---- */

static void put_script(char path[SUPPORT_PATH], const char *directory, const char *name,
                       const char *text, unsigned mode)
{
    support_write(support_join(path, directory, name), text, strlen(text), 0600);
    assert_int_equal(chmod(path, mode), 0);
}

/* Start `name`, a script that prints through descriptor 3. */
static int say_by(kit *it, start_order *start, const char *name, const char *directory)
{
    int code;

    start_open(start, START_WORDS("unused"), 0);
    start->argv[0] = name;
    start->argv[1] = "one";
    start->argv[2] = NULL;
    start->order.directory = directory;
    code = start_try(start, &it->fault);
    if (code != CORDON_OK)
        return code;
    start_hear(start);
    (void)start_end(start, it);
    return code;
}

static void bare_name_is_looked_for_along_path(void **state)
{
    kit        *it = *state;
    char        before[8192], path[4 * SUPPORT_PATH], file[SUPPORT_PATH], closed[SUPPORT_PATH];
    start_order start;

    snprintf(before, sizeof before, "%s", getenv("PATH"));
    support_directory_make(it->home);
    put_script(closed, it->tmp, "found", "#!/bin/sh\necho wrong >&3\n", 0600); /* goes on */
    put_script(file, it->home, "found", "#!/bin/sh\necho found $1 >&3\n", 0700);
    put_script(file, it->home, "bare", "echo bare $1 >&3\n", 0700); /* no interpreter named */
    snprintf(path, sizeof path, "%s/nowhere:%s/t:%s:/bin", it->root, it->root, it->home);
    setenv("PATH", path, 1);
    assert_int_equal(say_by(it, &start, "found", NULL), CORDON_OK);
    assert_string_equal(start.said, "found one\n");
    assert_int_equal(say_by(it, &start, "bare", it->root), CORDON_OK);
    assert_string_equal(start.said, "bare one\n");
    assert_int_equal(say_by(it, &start, "nothing", NULL), CORDON_ELAUNCH);
    assert_int_equal(it->fault.os_code, ENOENT);
    assert_string_equal(it->fault.path, "nothing");
    unlink(support_join(file, it->home, "found"));
    assert_int_equal(say_by(it, &start, "found", NULL), CORDON_ELAUNCH);
    assert_int_equal(it->fault.os_code, EACCES); /* there, and not to be had: that one is named */
    assert_string_equal(it->fault.path, closed);
    assert_string_equal(it->fault.during, "start program");
    unsetenv("PATH");
    assert_int_equal(say_by(it, &start, "true", NULL), CORDON_OK); /* the usual folders */
    assert_int_equal(say_by(it, &start, "", NULL), CORDON_ELAUNCH);
    setenv("PATH", before, 1);
}

static void relative_name_is_below_our_directory_not_below_its_own(void **state)
{
    kit        *it = *state;
    char        here[4096], before[8192], file[SUPPORT_PATH];
    start_order start;

    assert_non_null(getcwd(here, sizeof here));
    snprintf(before, sizeof before, "%s", getenv("PATH"));
    put_script(file, it->root, "prog", "#!/bin/sh\necho below `pwd` >&3\n", 0700);
    assert_int_equal(chdir(it->root), 0);
    assert_int_equal(say_by(it, &start, "./prog", it->tmp), CORDON_OK);
    start_has_said(&start, "below %s", it->tmp);
    setenv("PATH", ":/nowhere", 1); /* an empty part: the working directory, ours */
    assert_int_equal(say_by(it, &start, "prog", "/"), CORDON_OK);
    assert_string_equal(start.said, "below /\n");
    setenv("PATH", before, 1);
    assert_int_equal(chdir(here), 0);
}

static void what_is_no_program_is_told_with_the_systems_reason(void **state)
{
    kit        *it = *state;
    char        file[SUPPORT_PATH], broken[SUPPORT_PATH];
    start_order start;

    put_script(file, it->root, "data", "x", 0600);
    put_script(broken, it->root, "broken", "#!/no/such/interpreter\n", 0700);
    for (size_t i = 0; i < START_KINDS; i++) {
        start_open(&start, START_WORDS("x"), start_kinds[i]);
        start.argv[0] = file;
        assert_int_equal(start_try(&start, &it->fault), CORDON_ELAUNCH);
        assert_int_equal(it->fault.os_code, EACCES);
        assert_string_equal(it->fault.path, file);
        start.order.handle = CORDON__NO_HANDLE;
        start.argv[0] = it->root;
        assert_int_equal(start_try(&start, &it->fault), CORDON_ELAUNCH);
        assert_int_equal(it->fault.os_code, EACCES); /* a directory */
        if (support_is_in_valgrind())
            continue; /* it believes that this one starts */
        start.order.handle = CORDON__NO_HANDLE;
        start.argv[0] = broken;
        assert_int_equal(start_try(&start, &it->fault), CORDON_ELAUNCH);
        assert_int_equal(it->fault.os_code, ENOENT);
        assert_string_equal(it->fault.path, broken);
    }
}

/* ---- signals ---- */

static void on_any(int number)
{
    (void)number;
}

static int tell_among_signals(void *context)
{
    kit        *it = context;
    start_order start;
    sigset_t    all;

    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGUSR1, on_any);
    signal(SIGRTMIN + 3, SIG_IGN);
    sigfillset(&all);
    SUPPORT_CHECK(pthread_sigmask(SIG_SETMASK, &all, NULL) == 0);
    raise(SIGUSR1); /* waits for us, not for it */
    for (size_t i = 0; i < START_KINDS; i++) {
        start_tell(&start, it, start_kinds[i]);
        start_has_said(&start, "signals: 0 ignored 0 blocked 0 pending");
    }
    return 0;
}

static void signals_are_at_their_default_and_none_is_blocked(void **state)
{
    assert_int_equal(support_wait(support_fork(tell_among_signals, *state), SUPPORT_SOON), 0);
}

const struct CMUnitTest support_own_cases[] = {
    kit_test(arguments_and_the_pid_are_told_by_itself),
    kit_test(environment_says_where_its_handle_is),
    kit_test(missing_directory_is_told_with_the_systems_reason),
    kit_test(umask_and_group_are_ours_and_a_session_its_own_if_detached),
    kit_test(bare_name_is_looked_for_along_path),
    kit_test(relative_name_is_below_our_directory_not_below_its_own),
    kit_test(what_is_no_program_is_told_with_the_systems_reason),
    kit_test(signals_are_at_their_default_and_none_is_blocked),
    SUPPORT_NO_CASE,
};
