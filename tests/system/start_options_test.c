/*
 * What a caller asks for the program that it starts: a directory, an environment, a log whose last
 * line says why it failed, and (Windows) that it may stay in a job. The program is this test
 * itself, which writes down what it was given; and the real command.
 */
#include "start_kit.h"

#include <uv.h>

#define WORD  "CORDON_TEST_WORD"
#define OTHER "CORDON_TEST_OTHER"

enum { PLAYED = 3, NOBODY = -1 };

static char root[SUPPORT_PATH], home[SUPPORT_PATH], note[SUPPORT_PATH], own_log[SUPPORT_PATH];

static int set_up(void **state)
{
    (void)state;
    support_directory(root);
    support_join(home, root, "home");
    support_join(note, root, "note");
    support_join(own_log, root, "log");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    start_end_all(home);
    support_directory_remove(root);
    return 0;
}

/* ---- the program that is started ---------------------------------------------------------------
 */

static const char *variable(const char *name)
{
    const char *value = getenv(name);

    return value != NULL ? value : "none";
}

/* --note FILE: where it runs, and its environment. */
static int write_note(const char *path)
{
    char   directory[SUPPORT_PATH], text[2 * SUPPORT_PATH];
    size_t room = sizeof directory;

    SUPPORT_CHECK(uv_cwd(directory, &room) == 0);
    snprintf(text, sizeof text, "%s|%s|%s", directory, variable(WORD), variable(OTHER));
    support_write(path, text, strlen(text), 0600);
    return PLAYED;
}

/* --say TEXT: after more than anybody will read; nothing where TEXT is empty. */
static int say(const char *text)
{
    if (text[0] == '\0')
        return PLAYED;
    for (int n = 0; n < 200; n++)
        printf("step %d is done\n", n);
    fflush(stdout);
    fprintf(stderr, "%s\n", text);
    return PLAYED;
}

static int play(int count, char **arguments)
{
    if (count != 3)
        return NOBODY;
    if (strcmp(arguments[1], "--note") == 0)
        return write_note(arguments[2]);
    return strcmp(arguments[1], "--say") == 0 ? say(arguments[2]) : NOBODY;
}

/* ---- the caller -------------------------------------------------------------------------------
 */

static const char *own_program(void)
{
    static char path[SUPPORT_PATH];
    size_t      room = sizeof path;

    SUPPORT_CHECK(uv_exepath(path, &room) == 0);
    return path;
}

/* It was started and has ended as it does; the rest of options is asked. */
static void play_part(start_answer *answer, cordon_start_options *options, const char *part,
                      const char *argument)
{
    const char *argv[] = {own_program(), part, argument, NULL};

    options->argv = argv;
    start_ask(answer, home, options, 60000);
    options->argv = NULL;
    SUPPORT_CODE(answer->code, CORDON_ELAUNCH, &answer->fault);
    assert_int_equal(answer->fault.exit_status, PLAYED);
}

static void check_note(const char *directory, const char *word, const char *other)
{
    char         expected[2 * SUPPORT_PATH], text[2 * SUPPORT_PATH];
    const size_t size = support_read(note, text, sizeof text - 1);

    text[size] = '\0';
    snprintf(expected, sizeof expected, "%s|%s|%s", directory, word, other);
    assert_string_equal(text, expected);
    support_remove(note);
}

static void program_runs_in_the_directory_that_was_asked_for(void **state)
{
    cordon_start_options options = CORDON_START_OPTIONS_INIT;
    char                 ours[SUPPORT_PATH], there[SUPPORT_PATH];
    size_t               room = sizeof ours;
    start_answer         answer;

    (void)state;
    support_directory_make(support_join(there, root, "there"));
    assert_int_equal(uv_cwd(ours, &room), 0);
    options.directory = there;
    play_part(&answer, &options, "--note", note);
    check_note(there, "none", "none");
    options.directory = NULL;
    play_part(&answer, &options, "--note", note);
    check_note(ours, "none", "none");
}

static void program_has_the_environment_that_was_asked_for(void **state)
{
    cordon_start_options options = CORDON_START_OPTIONS_INIT;
    char                 ours[SUPPORT_PATH], system[SUPPORT_PATH];
    const char          *words[] = {WORD "=as asked", system, NULL};
    size_t               room = sizeof ours;
    start_answer         answer;

    (void)state;
    assert_int_equal(uv_cwd(ours, &room), 0);
    snprintf(system, sizeof system, "SystemRoot=%s", variable("SystemRoot")); /* Windows needs it */
    assert_int_equal(uv_os_setenv(OTHER, "ours"), 0);
    options.environment = words;
    play_part(&answer, &options, "--note", note);
    check_note(ours, "as asked", "none");
    options.environment = NULL;
    play_part(&answer, &options, "--note", note);
    check_note(ours, "none", "ours");
    assert_int_equal(uv_os_unsetenv(OTHER), 0);
}

/* ---- its log -----------------------------------------------------------------------------------
 */

#define LINE "of another day\n"

/* The last line that was written to the log, which still begins with what was in it. */
static const char *last_line(void)
{
    static char text[16384];
    size_t      size = support_read(own_log, text, sizeof text - 1);
    char       *start;

    assert_in_range(size, strlen(LINE) + 1, sizeof text - 2);
    assert_memory_equal(text, LINE, strlen(LINE));
    while (size > 0 && (text[size - 1] == '\n' || text[size - 1] == '\r'))
        size--;
    text[size] = '\0';
    start = strrchr(text, '\n');
    assert_non_null(start);
    return start + 1;
}

static void last_line_of_its_log_says_why(void **state)
{
    cordon_start_options options = CORDON_START_OPTIONS_INIT;
    start_answer         answer;

    (void)state;
    support_write(own_log, LINE, strlen(LINE), 0600);
    options.log = own_log;
    play_part(&answer, &options, "--say", ""); /* what it did not print says nothing of it */
    assert_string_equal(answer.fault.text, "");
    play_part(&answer, &options, "--say", "no such font");
    assert_string_equal(answer.fault.text, "no such font");
    assert_string_equal(last_line(), "no such font");
}

static void last_line_of_the_command_says_why(void **state)
{
    cordon_start_options options = CORDON_START_OPTIONS_INIT;
    const char          *argv[] = {support_bin(), "serve", NULL}; /* wrong usage */
    start_answer         answer;

    (void)state;
    if (support_bin() == NULL)
        SUPPORT_SKIP("no command to start: set CORDON_BIN");
    support_write(own_log, LINE, strlen(LINE), 0600);
    options.argv = argv;
    options.log = own_log;
    start_ask(&answer, home, &options, 60000);
    SUPPORT_CODE(answer.code, CORDON_ELAUNCH, &answer.fault);
    assert_int_equal(answer.fault.exit_status, 2);
    assert_true(strlen(answer.fault.text) > 0);
    assert_string_equal(answer.fault.text, last_line());
}

/* ---- in a job that lets nobody out -------------------------------------------------------------
 */

/* argument: the flags, the directory. Told: could it be started? */
static int ask_from_within(const char *argument, support_child *self)
{
    cordon_start_options options = CORDON_START_OPTIONS_INIT;
    const char          *argv[] = {own_program(), "--say", "", NULL};
    start_answer         answer;
    int                  used;

    SUPPORT_CHECK(sscanf(argument, "%u %n", &options.flags, &used) == 1);
    options.argv = argv;
    start_ask(&answer, argument + used, &options, 60000);
    SUPPORT_CODE(answer.code, CORDON_ELAUNCH, &answer.fault);
    if (answer.fault.exit_status != PLAYED)
        SUPPORT_CHECK(strstr(answer.fault.text, "job") != NULL);
    support_signal_send(&self->told, answer.fault.exit_status == PLAYED ? 'y' : 'n');
    return 0;
}

static const support_part parts[] = {{"ask", ask_from_within}, {NULL, NULL}};

static int starts_from_within(unsigned flags)
{
    char          argument[SUPPORT_PATH + 16];
    support_child caller;
    int           told;

    snprintf(argument, sizeof argument, "%u %s", flags, home);
    support_start(&caller, parts, "ask", argument);
    told = support_signal_wait(&caller.told, SUPPORT_SOON);
    assert_int_equal(support_reap(&caller, SUPPORT_SOON), 0);
    return told == 'y';
}

static void program_stays_in_a_job_that_keeps_it_only_where_that_is_fine(void **state)
{
    (void)state;
    assert_int_equal(starts_from_within(0), !SUPPORT_JOBS);
    assert_int_equal(starts_from_within(CORDON_STAY_IN_JOB), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        TEST(program_runs_in_the_directory_that_was_asked_for),
        TEST(program_has_the_environment_that_was_asked_for),
        TEST(last_line_of_its_log_says_why),
        TEST(last_line_of_the_command_says_why),
        TEST(program_stays_in_a_job_that_keeps_it_only_where_that_is_fine),
    };
    const int played = play(count, arguments);

    if (played != NOBODY)
        return played;
    SUPPORT_PLAY(count, arguments, parts);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
