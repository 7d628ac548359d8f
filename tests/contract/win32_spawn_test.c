/* Starting a program on Windows: which file, with which arguments, environment and handles. */
#include "win32_start.h"

#include <uv.h>

/* ---- what the started ones do ---------------------------------------------------------------- */

static int say_arguments(int count, wchar_t **arguments)
{
    char   text[START_ROOM];
    size_t used = 0;

    text[0] = '\0';
    for (int n = 0; n < count; n++) {
        const int size =
            WideCharToMultiByte(CP_UTF8, WC_ERR_INVALID_CHARS, arguments[n], -1, text + used,
                                (int)(sizeof text - used - 1), NULL, NULL);

        SUPPORT_CHECK(size > 0);
        used += (size_t)size;
        text[used - 1] = '\n';
        text[used] = '\0';
    }
    start_say(text);
    return count;
}

static int say_environment(int count, wchar_t **arguments)
{
    const wchar_t *all;
    char           text[START_ROOM];
    size_t         used = 0;
    intptr_t       handle = start_handle();

    (void)count;
    (void)arguments;
    SUPPORT_CHECK(getenv("CORDON_READY") == NULL);
    all = GetEnvironmentStringsW();
    for (; *all != L'\0'; all += wcslen(all) + 1) {
        used += (size_t)WideCharToMultiByte(CP_UTF8, 0, all, -1, text + used,
                                            (int)(sizeof text - used - 1), NULL, NULL);
        text[used - 1] = '\n';
    }
    cordon__ready_write(handle, text, used);
    return 0;
}

/* Ends of pipes that are there at all, and what 0, 1 and 2 are. */
static int say_handles(int count, wchar_t **arguments)
{
    static const DWORD streams[] = {STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE};
    intptr_t           handle = start_handle();
    DWORD              flags;
    int                pipes = 0, inherited = 0;
    char               text[100];

    (void)count;
    (void)arguments;
    for (uintptr_t value = 4; value < 0x8000; value += 4) {
        if (!GetHandleInformation((HANDLE)value, &flags))
            continue;
        pipes += GetFileType((HANDLE)value) == FILE_TYPE_PIPE;
        inherited += (flags & HANDLE_FLAG_INHERIT) != 0;
    }
    snprintf(text, sizeof text, "%d %d %lu %lu %lu", pipes, inherited,
             GetFileType(GetStdHandle(streams[0])), GetFileType(GetStdHandle(streams[1])),
             GetFileType(GetStdHandle(streams[2])));
    cordon__ready_write(handle, text, strlen(text));
    return 0;
}

static int say_directory(int count, wchar_t **arguments)
{
    wchar_t wide[SUPPORT_PATH];
    char    text[SUPPORT_PATH];

    (void)count;
    (void)arguments;
    SUPPORT_CHECK(GetCurrentDirectoryW(SUPPORT_PATH, wide) > 0);
    SUPPORT_CHECK(WideCharToMultiByte(CP_UTF8, 0, wide, -1, text, SUPPORT_PATH, NULL, NULL) > 0);
    start_say(text);
    return 0;
}

static int exit_with(int count, wchar_t **arguments)
{
    SUPPORT_CHECK(count == 1);
    ExitProcess(wcstoul(arguments[0], NULL, 0));
}

static int stay(int count, wchar_t **arguments)
{
    (void)count;
    (void)arguments;
    Sleep(SUPPORT_SOON);
    return 0;
}

static const start_part parts[] = {{"arguments", say_arguments},
                                   {"environment", say_environment},
                                   {"handles", say_handles},
                                   {"directory", say_directory},
                                   {"exit", exit_with},
                                   {"stay", stay},
                                   {NULL, NULL}};

/* ---- arguments ---------------------------------------------------------------------------------
 */

static void arguments_arrive_as_they_were(void **state)
{
    static const char *const words[] = {"arguments",
                                        "",
                                        " ",
                                        "a b",
                                        "tab\there",
                                        "\"",
                                        "\\",
                                        "\\\\",
                                        "\\\"",
                                        "ends in \\",
                                        "ends in \\\\",
                                        "a\\\\\"b c\\",
                                        "\"quoted\"",
                                        "C:\\Program Files\\",
                                        "* ? & | > < ^ % %PATH% ! ( ) ; , =",
                                        "\xc3\xbc \xe2\x82\xac \xf0\x9f\x98\x80",
                                        "'",
                                        "-",
                                        "last",
                                        NULL};
    kit                     *it = *state;
    start_order              start;
    char                     text[START_ROOM], wanted[START_ROOM] = "";

    start_open(&start, words, CORDON__QUIET);
    start_run(&start, it);
    for (int n = 1; words[n] != NULL; n++) {
        strcat(wanted, words[n]);
        strcat(wanted, "\n");
    }
    assert_true(start_hear(&start, text) > 0);
    assert_string_equal(text, wanted);
    assert_int_equal(start_end(&start, it), sizeof words / sizeof words[0] - 2);
}

static void what_is_no_text_or_too_long_does_not_start(void **state)
{
    kit        *it = *state;
    start_order start;
    const char *words[] = {"arguments", "\xff", NULL};
    char       *much = malloc(40000);

    start_open(&start, words, CORDON__QUIET);
    SUPPORT_CODE(start_try(&start, &it->fault), CORDON_ELAUNCH, &it->fault);
    assert_int_equal(it->fault.os_code, ERROR_NO_UNICODE_TRANSLATION);
    assert_non_null(much);
    memset(much, 'x', 39999);
    much[39999] = '\0';
    words[1] = much;
    start_open(&start, words, CORDON__QUIET);
    SUPPORT_CODE(start_try(&start, &it->fault), CORDON_ELAUNCH, &it->fault);
    assert_int_equal(it->fault.os_code, ERROR_FILENAME_EXCED_RANGE);
    free(much);
}

/* ---- handles -----------------------------------------------------------------------------------
 */

#define LEAKS 100

static void program_gets_four_handles_of_ours_and_no_other(void **state)
{
    static const char *const words[] = {"handles", NULL};
    SECURITY_ATTRIBUTES      inherited = {sizeof inherited, NULL, TRUE};
    kit                     *it = *state;
    start_order              start;
    HANDLE                   read_ends[LEAKS], write_ends[LEAKS];
    char                     text[START_ROOM];

    for (int n = 0; n < LEAKS; n++)
        assert_true(CreatePipe(&read_ends[n], &write_ends[n], &inherited, 0));
    start_open(&start, words, CORDON__QUIET);
    start_run(&start, it);
    assert_true(start_hear(&start, text) > 0);
    /* The one pipe is its handle, which is not inherited any more; its streams are. */
    assert_string_equal(text, "1 3 2 2 2");
    assert_int_equal(start_end(&start, it), 0);
    for (int n = 0; n < LEAKS; n++) {
        CloseHandle(read_ends[n]);
        CloseHandle(write_ends[n]);
    }
}

static void what_it_was_not_given_ends_with_us(void **state)
{
    static const char *const words[] = {"stay", NULL};
    SECURITY_ATTRIBUTES      inherited = {sizeof inherited, NULL, TRUE};
    kit                     *it = *state;
    start_order              start;
    HANDLE                   read_end, write_end;
    DWORD                    there;

    assert_true(CreatePipe(&read_end, &write_end, &inherited, 0));
    start_open(&start, words, CORDON__DETACHED);
    start_run(&start, it);
    CloseHandle(write_end);
    assert_false(PeekNamedPipe(read_end, NULL, 0, NULL, &there, NULL));
    assert_int_equal(GetLastError(), ERROR_BROKEN_PIPE);
    CloseHandle(read_end);
    assert_false(start_is_silent(&start, 50)); /* but its own it has */
    cordon__child_end(start.child, 0);
    assert_int_equal(start_end(&start, it), SUPPORT_KILLED);
}

static void handles_are_as_many_as_before(void **state)
{
    static const char *const words[] = {"exit", "0", NULL};
    kit                     *it = *state;
    start_order              start;
    int                      before = 0;

    for (int round = 0; round < 30; round++) {
        if (round == 5)
            before = support_count_descriptors();
        start_open(&start, words, round % 2 ? CORDON__DETACHED : CORDON__QUIET);
        if (round % 3 == 0)
            start.argv[0] = "no-such-program-anywhere";
        if (round % 3 == 0)
            assert_int_equal(start_try(&start, &it->fault), CORDON_ELAUNCH);
        else
            start_run(&start, it);
        if (round % 3 != 0)
            assert_int_equal(start_end(&start, it), 0);
    }
    assert_int_equal(support_count_descriptors(), before);
}

/* ---- its environment ----------------------------------------------------------------------------
 */

static void environment_is_the_one_asked_for(void **state)
{
    static const char *const words[] = {"environment", NULL};
    static const char *const given[] = {
        "zebra=1", "Alpha=a=b",         "cordon_ready=9", "CORDON_CHANNEL=3", "CORDON_READY=5",
        "",        "beta=\xe2\x82\xac", "=Z:=Z:\\",       "ALPHABET=",        NULL};
    kit        *it = *state;
    start_order start;
    char        text[START_ROOM];
    const char *wanted[] = {"Alpha=a=b\n", "ALPHABET=\n", "beta=\xe2\x82\xac\n",
                            "SystemRoot=", "zebra=1\n",   "=Z:=Z:\\\n"};

    start_open(&start, words, CORDON__QUIET);
    start.order.environment = given;
    start_run(&start, it);
    assert_true(start_hear(&start, text) > 0);
    for (size_t n = 0; n < sizeof wanted / sizeof wanted[0]; n++)
        assert_non_null(strstr(text, wanted[n]));
    assert_null(strstr(text, "CORDON_"));
    assert_null(strstr(text, "cordon_"));
    assert_int_equal(start_end(&start, it), 0);
}

/* As the system gets it: sorted, with two ends, though some system mends what is not. */
static void environment_block_is_sorted_and_ended(void **state)
{
    static const char *const given[] = {"b=2", "SYSTEMROOT=x", "A=1", "a_=3", "B=again", NULL};
    static const wchar_t     wanted[] = L"A=1\0a_=3\0b=2\0B=again\0CORDON_READY=8\0SYSTEMROOT=x\0";
    static const char *const none[] = {NULL};
    wchar_t                 *block = NULL;

    (void)state;
    assert_int_equal(cordon__environment(&block, &cordon__libc, given, "CORDON_READY=8"), 0);
    assert_memory_equal(block, wanted, sizeof wanted);
    cordon__release(&cordon__libc, block);
    assert_int_equal(cordon__environment(&block, &cordon__libc, none, NULL), 0);
    assert_true(wcsncmp(block, L"SystemRoot=", 11) == 0);
    assert_int_equal(block[wcslen(block) + 1], 0);
    cordon__release(&cordon__libc, block);
}

static void environment_of_ours_stays_as_it_is(void **state)
{
    static const char *const words[] = {"exit", "0", NULL};
    kit                     *it = *state;
    start_order              start;
    support_host             before, after;

    assert_true(SetEnvironmentVariableW(L"CORDON_CHANNEL", L"of the host"));
    support_host_look(&before);
    start_open(&start, words, CORDON__DETACHED);
    start_run(&start, it);
    assert_int_equal(start_end(&start, it), 0);
    support_host_look(&after);
    support_host_same(&before, &after);
    assert_true(SetEnvironmentVariableW(L"CORDON_CHANNEL", NULL));
}

static void program_runs_in_the_directory_asked_for(void **state)
{
    static const char *const words[] = {"directory", NULL};
    kit                     *it = *state;
    start_order              start;
    char                     text[START_ROOM];

    start_open(&start, words, CORDON__DETACHED);
    start.order.directory = it->root;
    start_run(&start, it);
    assert_true(start_hear(&start, text) > 0);
    assert_string_equal(text, it->root);
    assert_int_equal(start_end(&start, it), 0);
    start_open(&start, words, CORDON__DETACHED);
    start.order.directory = it->home; /* not made */
    SUPPORT_CODE(start_try(&start, &it->fault), CORDON_ELAUNCH, &it->fault);
    assert_int_equal(it->fault.os_code, ERROR_DIRECTORY);
    assert_string_equal(it->fault.path, it->home);
}

/* ---- which file
 * ---------------------------------------------------------------------------------- */

static DWORD find(const char *name, char *found)
{
    wchar_t    *file = NULL;
    const DWORD error = cordon__find_program(&file, &cordon__libc, name);

    found[0] = '\0';
    if (error == 0)
        assert_true(WideCharToMultiByte(CP_UTF8, 0, file, -1, found, SUPPORT_PATH, NULL, NULL) > 0);
    cordon__release(&cordon__libc, file);
    return error;
}

static void put_file(kit *it, const char *name)
{
    char path[SUPPORT_PATH];

    support_write(support_join(path, it->root, name), "MZ", 2, 0600);
}

/* PATH and the current folder as a test wants them, and back. */
static void find_in(kit *it, const char *path, const char *name, DWORD wanted)
{
    static wchar_t old[32768];
    wchar_t        here[SUPPORT_PATH];
    char           found[SUPPORT_PATH];
    DWORD          error;

    assert_true(GetEnvironmentVariableW(L"PATH", old, 32768) > 0);
    assert_true(GetCurrentDirectoryW(SUPPORT_PATH, here) > 0);
    assert_true(SetCurrentDirectoryW(support_wide(it->root)));
    assert_true(SetEnvironmentVariableW(L"PATH", path ? support_wide(path) : NULL));
    error = find(name, found);
    assert_true(SetEnvironmentVariableW(L"PATH", old));
    assert_true(SetCurrentDirectoryW(here));
    if (error != wanted)
        print_error("\"%s\" along \"%s\"\n", name, path ? path : "(none)");
    assert_int_equal(error, wanted);
}

static void bare_name_is_looked_for_along_path_alone(void **state)
{
    kit *it = *state;
    char path[3 * SUPPORT_PATH];

    put_file(it, "here.exe");
    find_in(it, NULL, "here", ERROR_FILE_NOT_FOUND);
    find_in(it, "C:\\windows", "here", ERROR_FILE_NOT_FOUND);
    find_in(it, ";.;;.\\;\"\"", "here", ERROR_FILE_NOT_FOUND);
    find_in(it, "C:", "here", ERROR_FILE_NOT_FOUND);
    find_in(it, it->root, "here", 0);
    find_in(it, it->root, "HERE.EXE", 0);
    snprintf(path, sizeof path, "C:\\none;\"%s\";", it->root);
    find_in(it, path, "here.exe", 0);
    snprintf(path, sizeof path, ".;%s\\;C:\\windows", it->root);
    find_in(it, path, "here", 0);
    find_in(it, it->root, ".\\here", 0); /* said so */
    find_in(it, it->root, "", ERROR_FILE_NOT_FOUND);
}

static void batch_file_is_no_program(void **state)
{
    static const char *const names[] = {"run.bat",  "run.cmd",     "run.BAT", "run.bat.",
                                        "run.cmd ", "run.bat . .", "script",  "script.py"};
    kit                     *it = *state;
    char                     path[SUPPORT_PATH + 16];

    put_file(it, "run.bat");
    put_file(it, "run.cmd");
    put_file(it, "script");
    put_file(it, "script.py");
    for (size_t n = 0; n < sizeof names / sizeof names[0]; n++) {
        find_in(it, it->root, names[n], ERROR_BAD_EXE_FORMAT);
        snprintf(path, sizeof path, "%s\\%s", it->root, names[n]);
        find_in(it, "C:\\windows", path, ERROR_BAD_EXE_FORMAT);
    }
    put_file(it, "script.exe");
    find_in(it, it->root, "script", 0);
    put_file(it, "run.bat.exe");
    find_in(it, it->root, "run.bat", 0);
}

static void path_with_blanks_is_one_path(void **state)
{
    kit        *it = *state;
    start_order start;
    const char *words[] = {"exit", "0", NULL};
    char        path[SUPPORT_PATH];

    put_file(it, "a.exe");
    start_open(&start, words, CORDON__QUIET);
    support_join(path, it->root, "a b c.exe");
    start.argv[0] = path;
    SUPPORT_CODE(start_try(&start, &it->fault), CORDON_ELAUNCH, &it->fault);
    assert_int_equal(it->fault.os_code, ERROR_FILE_NOT_FOUND);
    assert_string_equal(it->fault.path, path);
}

static void file_that_is_no_program_is_elaunch(void **state)
{
    kit        *it = *state;
    start_order start;
    const char *words[] = {"exit", "0", NULL};
    char        path[SUPPORT_PATH];

    put_file(it, "broken.exe");
    start_open(&start, words, CORDON__DETACHED);
    start.argv[0] = support_join(path, it->root, "broken");
    SUPPORT_CODE(start_try(&start, &it->fault), CORDON_ELAUNCH, &it->fault);
    assert_true(it->fault.os_code != 0);
}

/* ---- its end ------------------------------------------------------------------------------------
 */

static void exit_status_is_all_32_bits(void **state)
{
    static const struct {
        const char *text;
        int         status;
    } rows[] = {{"0", 0},
                {"7", 7},
                {"255", 255},
                {"259", 259}, /* the system's "still active" */
                {"256", 256},
                {"0x7fffffff", 0x7fffffff},
                {"0xc0000005", (int)0xc0000005},
                {"0xffffffff", -1}};
    kit *it = *state;

    for (size_t n = 0; n < sizeof rows / sizeof rows[0]; n++) {
        const char *words[] = {"exit", rows[n].text, NULL};
        start_order start;

        start_open(&start, words, n % 2 ? CORDON__DETACHED : CORDON__QUIET);
        start_run(&start, it);
        assert_int_equal(start_end(&start, it), rows[n].status);
    }
}

static void who_runs_is_running_until_ended_at_once(void **state)
{
    static const char *const words[] = {"stay", NULL};
    const unsigned           flags[] = {CORDON__QUIET, CORDON__DETACHED, CORDON__OUTLIVES_US};
    kit                     *it = *state;
    int                      status = -2;

    for (int n = 0; n < 3; n++) {
        start_order start;

        start_open(&start, words, flags[n]);
        start_run(&start, it);
        assert_int_equal(cordon__child_look(start.child, &status), CORDON__RUNNING);
        assert_int_equal(cordon__child_wait(start.child, &status, cordon__now() + 20, &it->fault),
                         CORDON_ETIMEDOUT);
        cordon__child_end(start.child, 1); /* the system has no asking */
        assert_int_equal(cordon__child_look(start.child, &status), CORDON__RUNNING);
        cordon__child_end(start.child, 0);
        assert_int_equal(start_end(&start, it), SUPPORT_KILLED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(arguments_arrive_as_they_were),
        kit_test(what_is_no_text_or_too_long_does_not_start),
        kit_test(program_gets_four_handles_of_ours_and_no_other),
        kit_test(what_it_was_not_given_ends_with_us),
        kit_test(handles_are_as_many_as_before),
        kit_test(environment_is_the_one_asked_for),
        kit_test(environment_block_is_sorted_and_ended),
        kit_test(environment_of_ours_stays_as_it_is),
        kit_test(program_runs_in_the_directory_asked_for),
        kit_test(bare_name_is_looked_for_along_path_alone),
        kit_test(batch_file_is_no_program),
        kit_test(path_with_blanks_is_one_path),
        kit_test(file_that_is_no_program_is_elaunch),
        kit_test(exit_status_is_all_32_bits),
        kit_test(who_runs_is_running_until_ended_at_once),
    };
    const int played = start_play(parts);

    return played >= 0 ? played : cmocka_run_group_tests(tests, NULL, NULL);
}
