/* The ready pipe, what a started program inherits, and the log of a detached one, on Windows. */
#include "win32_start.h"

/* ---- what the started ones do ---------------------------------------------------------------- */

static void print(DWORD which, const char *text)
{
    DWORD put;

    SUPPORT_CHECK(WriteFile(GetStdHandle(which), text, (DWORD)strlen(text), &put, NULL));
}

static int print_both(int count, wchar_t **arguments)
{
    char  byte;
    DWORD got = 1;

    (void)count;
    (void)arguments;
    print(STD_OUTPUT_HANDLE, "out\n");
    print(STD_ERROR_HANDLE, "err\n");
    SUPPORT_CHECK(!ReadFile(GetStdHandle(STD_INPUT_HANDLE), &byte, 1, &got, NULL) || got == 0);
    start_say("done");
    return 0;
}

/* What is not inherited is not handed on by what it starts. */
static int look_again(int count, wchar_t **arguments)
{
    const intptr_t handle = start_handle();
    cordon_fault   fault = CORDON_FAULT_INIT;
    intptr_t       again;
    char           word[33];
    DWORD          flags = HANDLE_FLAG_INHERIT;

    (void)count;
    (void)arguments;
    SUPPORT_CHECK(GetHandleInformation((HANDLE)handle, &flags));
    SUPPORT_CHECK((flags & HANDLE_FLAG_INHERIT) == 0);
    SUPPORT_CHECK(cordon__inherit(&again, word, "CORDON_READY", &fault) == CORDON__ABSENT);
    SUPPORT_CHECK(getenv("CORDON_READY") == NULL);
    SUPPORT_CHECK(GetEnvironmentVariableW(L"CORDON_READY", NULL, 0) == 0);
    cordon__ready_write(handle, "as it should be", 15);
    return 0;
}

static int say_word(int count, wchar_t **arguments)
{
    cordon_fault fault = CORDON_FAULT_INIT;
    intptr_t     handle;
    char         word[33];

    (void)count;
    (void)arguments;
    SUPPORT_CODE(cordon__inherit(&handle, word, "CORDON_CHANNEL", &fault), CORDON_OK, &fault);
    cordon__ready_write(handle, word, strlen(word));
    return 0;
}

static int say_nothing(int count, wchar_t **arguments)
{
    (void)count;
    (void)arguments;
    return 0;
}

static const start_part parts[] = {{"print", print_both},
                                   {"again", look_again},
                                   {"word", say_word},
                                   {"nothing", say_nothing},
                                   {NULL, NULL}};

/* ---- the pipe -----------------------------------------------------------------------------------
 */

static void hear(kit *it, const char *part, const char *wanted)
{
    const char *words[] = {part, NULL};
    char        text[START_ROOM];
    start_order start;

    start_open(&start, words, CORDON__DETACHED);
    start_run(&start, it);
    assert_int_equal(start_hear(&start, text), strlen(wanted));
    assert_string_equal(text, wanted);
    assert_int_equal(start_end(&start, it), 0);
}

static void what_is_said_is_heard_to_its_end(void **state)
{
    hear(*state, "print", "done");
    hear(*state, "nothing", "");
}

static void inherited_once_and_handed_on_to_nobody(void **state)
{
    hear(*state, "again", "as it should be");
}

static void word_comes_with_the_handle(void **state)
{
    static const char *const words[] = {"word", NULL};
    kit                     *it = *state;
    start_order              start;
    char                     text[START_ROOM];

    start_open(&start, words, CORDON__QUIET);
    start.order.variable = "CORDON_CHANNEL";
    start.order.word = "0123456789abcdef0123456789abcdef";
    start_run(&start, it);
    assert_int_equal(start_hear(&start, text), 32);
    assert_string_equal(text, start.order.word);
    assert_int_equal(start_end(&start, it), 0);
}

static void pipe_is_our_users_alone(void **state)
{
    kit                *it = *state;
    intptr_t            ours, theirs;
    enum cordon__access found = CORDON__ACCESS_FOREIGN;
    cordon__self        self;

    SUPPORT_CODE(cordon__self_ask(&self, &it->fault), CORDON_OK, &it->fault);
    SUPPORT_CODE(cordon__ready_pipe(&ours, &theirs, &it->fault), CORDON_OK, &it->fault);
    for (int n = 0; n < 2; n++) {
        const HANDLE end = (HANDLE)(n == 0 ? ours : theirs);
        DWORD        flags = HANDLE_FLAG_INHERIT;

        assert_int_equal(cordon__access_of(&found, end, &self, ~(DWORD)0, 1), 0);
        assert_int_equal(found, CORDON__ACCESS_OURS);
        assert_true(GetHandleInformation(end, &flags));
        assert_int_equal(flags & HANDLE_FLAG_INHERIT, 0);
    }
    cordon__handle_close(ours);
    cordon__handle_close(theirs);
}

static void who_says_too_much_does_not_wait(void **state)
{
    kit     *it = *state;
    intptr_t ours, theirs;
    size_t   size = 1 << 20, got;
    char    *much = calloc(1, size);
    char     byte;

    assert_non_null(much);
    SUPPORT_CODE(cordon__ready_pipe(&ours, &theirs, &it->fault), CORDON_OK, &it->fault);
    assert_int_equal(cordon__ready_read(ours, &byte, 1, &got), CORDON__AGAIN);
    cordon__ready_write(theirs, much, size); /* comes back, though nobody reads */
    while (cordon__ready_read(ours, much, size, &got) == CORDON_OK && got > 0)
        assert_true(got < size);
    assert_int_equal(cordon__ready_read(ours, &byte, 1, &got), CORDON_OK);
    assert_int_equal(got, 0);
    cordon__handle_close(ours);
    SUPPORT_CODE(cordon__ready_pipe(&ours, &theirs, &it->fault), CORDON_OK, &it->fault);
    cordon__handle_close(ours);
    cordon__ready_write(theirs, much, size); /* nobody is there */
    free(much);
}

/* ---- what the environment may say
 * ---------------------------------------------------------------- */

static int inherit(kit *it, const char *value)
{
    intptr_t handle = 77;
    char     word[33];
    int      code;

    assert_true(SetEnvironmentVariableA("CORDON_READY", value));
    code = cordon__inherit(&handle, word, "CORDON_READY", &it->fault);
    assert_int_equal(GetEnvironmentVariableA("CORDON_READY", NULL, 0), 0);
    if (code != CORDON_OK)
        assert_int_equal(handle, 77);
    return code;
}

static void value_that_is_none_is_eunsafe(void **state)
{
    static const char *const values[] = {" ",
                                         "x",
                                         "0",
                                         "4x",
                                         " 4",
                                         "+4",
                                         "-4",
                                         "04",
                                         "0x4",
                                         "5",
                                         "2147483648",
                                         "4294967292",
                                         "18446744073709551612",
                                         "99999999999999999999999999"};
    kit                     *it = *state;

    for (size_t n = 0; n < sizeof values / sizeof values[0]; n++)
        SUPPORT_CODE(inherit(it, values[n]), CORDON_EUNSAFE, &it->fault);
    assert_int_equal(inherit(it, NULL), CORDON__ABSENT);
}

static void word_that_is_none_is_eunsafe(void **state)
{
    static const char *const words[] = {
        ":", ":a-b", ":a:b", ": a", "a", " ", ":0123456789abcdef0123456789abcdef0"};
    SECURITY_ATTRIBUTES inherited = {sizeof inherited, NULL, TRUE};
    kit                *it = *state;
    HANDLE              ends[2];
    char                text[64];

    assert_true(CreatePipe(&ends[0], &ends[1], &inherited, 0));
    for (size_t n = 0; n < sizeof words / sizeof words[0]; n++) {
        snprintf(text, sizeof text, "%lu%s", (unsigned long)(uintptr_t)ends[0], words[n]);
        SUPPORT_CODE(inherit(it, text), CORDON_EUNSAFE, &it->fault);
    }
    snprintf(text, sizeof text, "%lu:Az09", (unsigned long)(uintptr_t)ends[0]);
    SUPPORT_CODE(inherit(it, text), CORDON_OK, &it->fault);
    CloseHandle(ends[0]);
    CloseHandle(ends[1]);
}

static int inherit_handle(kit *it, HANDLE handle)
{
    char text[32];

    snprintf(text, sizeof text, "%lu", (unsigned long)(uintptr_t)handle);
    return inherit(it, text);
}

static void handle_that_nobody_gave_us_is_eunsafe(void **state)
{
    SECURITY_ATTRIBUTES inherited = {sizeof inherited, NULL, TRUE};
    kit                *it = *state;
    HANDLE              ends[2], file, event = CreateEventW(&inherited, TRUE, FALSE, NULL), old;
    char                path[SUPPORT_PATH];

    file = CreateFileW(support_wide(support_join(path, it->root, "file")), GENERIC_WRITE, 0,
                       &inherited, CREATE_NEW, 0, NULL);
    assert_ptr_not_equal(file, INVALID_HANDLE_VALUE);
    assert_true(CreatePipe(&ends[0], &ends[1], NULL, 0));
    assert_int_equal(inherit_handle(it, event), CORDON_EUNSAFE);
    assert_int_equal(inherit_handle(it, file), CORDON_EUNSAFE);
    assert_int_equal(inherit_handle(it, ends[1]), CORDON_EUNSAFE); /* not inherited */
    assert_true(SetHandleInformation(ends[1], HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT));
    old = GetStdHandle(STD_ERROR_HANDLE);
    assert_true(SetStdHandle(STD_ERROR_HANDLE, ends[1]));
    assert_int_equal(inherit_handle(it, ends[1]), CORDON_EUNSAFE); /* a stream */
    assert_true(SetStdHandle(STD_ERROR_HANDLE, old));
    assert_int_equal(inherit_handle(it, ends[1]), CORDON_OK);
    assert_int_equal(inherit_handle(it, ends[1]), CORDON_EUNSAFE); /* once */
    CloseHandle(ends[1]);
    assert_int_equal(inherit_handle(it, ends[1]), CORDON_EUNSAFE); /* closed */
    CloseHandle(ends[0]);
    CloseHandle(file);
    CloseHandle(event);
}

/* ---- the log ----------------------------------------------------------------------------------
 */

static int print_to(kit *it, start_order *start, const char *log)
{
    static const char *const words[] = {"print", NULL};

    start_open(start, words, CORDON__DETACHED);
    start->order.log = log;
    return start_try(start, &it->fault);
}

static void log_grows_and_is_ours_alone(void **state)
{
    kit        *it = *state;
    start_order start;
    char        path[SUPPORT_PATH], text[100];

    kit_serve(it);
    support_join(path, it->root, "log");
    for (int round = 1; round <= 2; round++) {
        SUPPORT_CODE(print_to(it, &start, path), CORDON_OK, &it->fault);
        assert_int_equal(start_end(&start, it), 0);
        assert_int_equal(support_read(path, text, sizeof text), 8 * round);
    }
    assert_memory_equal(text, "out\nerr\nout\nerr\n", 16);
    kit_check_ours(it, support_wide(path));
}

static void log_has_our_descriptor_to_the_letter(void **state)
{
    kit        *it = *state;
    start_order start;
    char        path[SUPPORT_PATH];

    KIT_NEEDS_LETTERS;
    kit_serve(it);
    support_join(path, it->root, "log");
    SUPPORT_CODE(print_to(it, &start, path), CORDON_OK, &it->fault);
    assert_int_equal(start_end(&start, it), 0);
    kit_check_letters(it, support_wide(path), CORDON__GUARD_FILE);
}

static void log_that_is_no_file_of_ours_is_refused(void **state)
{
    SECURITY_ATTRIBUTES open;
    kit                *it = *state;
    start_order         start;
    char                path[SUPPORT_PATH], none[SUPPORT_PATH];

    SUPPORT_CODE(print_to(it, &start, it->root), CORDON_EUNSAFE, &it->fault); /* a directory */
    support_join(path, support_join(none, it->root, "none"), "log");
    assert_int_equal(print_to(it, &start, path), CORDON_ELAUNCH);
    assert_string_equal(it->fault.path, path);
    support_join(path, it->root, "open");
    kit_descriptor(&open, "O:%sG:%sD:P(A;;FA;;;%s)(A;;FW;;;WD)");
    support_write(path, "", 0, 0600);
    assert_true(
        SetFileSecurityW(support_wide(path), DACL_SECURITY_INFORMATION, open.lpSecurityDescriptor));
    LocalFree(open.lpSecurityDescriptor);
    SUPPORT_CODE(print_to(it, &start, path), CORDON_EUNSAFE, &it->fault);
    assert_string_equal(it->fault.path, path);
}

/* Streams that we do not have are nowhere in a child, too. */
static void child_has_our_streams_or_none(void **state)
{
    static const char *const words[] = {"print", NULL};
    kit                     *it = *state;
    HANDLE                   old = GetStdHandle(STD_OUTPUT_HANDLE), ends[2];
    start_order              start;
    char                     text[100];
    DWORD                    got = 0;

    assert_true(CreatePipe(&ends[0], &ends[1], NULL, 0));
    start_open(&start, words, 0);
    assert_true(SetStdHandle(STD_OUTPUT_HANDLE, ends[1]));
    start_run(&start, it);
    assert_true(SetStdHandle(STD_OUTPUT_HANDLE, NULL));
    CloseHandle(ends[1]);
    assert_true(ReadFile(ends[0], text, sizeof text, &got, NULL));
    assert_int_equal(got, 4);
    assert_memory_equal(text, "out\n", 4);
    assert_int_equal(start_end(&start, it), 0);
    start_open(&start, words, 0);
    start_run(&start, it);
    assert_int_equal(start_end(&start, it), 0);
    assert_true(SetStdHandle(STD_OUTPUT_HANDLE, old));
    CloseHandle(ends[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(what_is_said_is_heard_to_its_end),
        kit_test(inherited_once_and_handed_on_to_nobody),
        kit_test(word_comes_with_the_handle),
        kit_test(pipe_is_our_users_alone),
        kit_test(who_says_too_much_does_not_wait),
        kit_test(value_that_is_none_is_eunsafe),
        kit_test(word_that_is_none_is_eunsafe),
        kit_test(handle_that_nobody_gave_us_is_eunsafe),
        kit_test(log_grows_and_is_ours_alone),
        kit_test(log_has_our_descriptor_to_the_letter),
        kit_test(log_that_is_no_file_of_ours_is_refused),
        kit_test(child_has_our_streams_or_none),
    };
    const int played = start_play(parts);

    return played >= 0 ? played : cmocka_run_group_tests(tests, NULL, NULL);
}
