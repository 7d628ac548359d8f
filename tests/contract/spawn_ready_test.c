/* The ready pipe, what a started program finds of it, and the log. */
#include "launch_kit.h"

#include <uv.h>

/* ---- the pipe ---- */

static void what_is_said_is_heard_to_its_end(void **state)
{
    kit     *it = *state;
    intptr_t ours, theirs;
    char     data[64];
    size_t   got = 99;

    SUPPORT_CODE(cordon__ready_pipe(&ours, &theirs, &it->fault), CORDON_OK, &it->fault);
    assert_int_equal(cordon__ready_read(ours, data, sizeof data, &got), CORDON__AGAIN);
    cordon__ready_write(theirs, "some words\n", 11); /* closes it, too */
    assert_int_equal(cordon__ready_read(ours, data, 4, &got), CORDON_OK);
    assert_int_equal(got, 4);
    assert_int_equal(cordon__ready_read(ours, data + 4, 60, &got), CORDON_OK);
    assert_int_equal(got, 7);
    assert_memory_equal(data, "some words\n", 11);
    for (int times = 0; times < 2; times++) {
        got = 99;
        assert_int_equal(cordon__ready_read(ours, data, sizeof data, &got), CORDON_OK);
        assert_int_equal(got, 0);
    }
    cordon__handle_close(ours);
}

static void who_does_not_listen_does_not_hear(void **state)
{
    kit     *it = *state;
    intptr_t ours, theirs;

    SUPPORT_CODE(cordon__ready_pipe(&ours, &theirs, &it->fault), CORDON_OK, &it->fault);
    cordon__handle_close(ours);
    cordon__ready_write(theirs, "ready\n", 6); /* comes back, that is all */
}

static void who_says_too_much_does_not_wait(void **state)
{
    static char much[1 << 20];
    kit        *it = *state;
    intptr_t    ours, theirs;

    SUPPORT_CODE(cordon__ready_pipe(&ours, &theirs, &it->fault), CORDON_OK, &it->fault);
    cordon__ready_write(theirs, much, sizeof much);
    cordon__handle_close(ours);
}

/* ---- what is inherited ---- */

static void handle_is_taken_once_and_leaves_the_environment(void **state)
{
    (void)state;
    for (size_t k = 0; k < LAUNCH_KINDS; k++)
        launch_says("absent", LAUNCH_WORDS("again"), launch_kinds[k]);
}

static void who_says_nothing_is_heard_to_end(void **state)
{
    (void)state;
    for (size_t k = 0; k < LAUNCH_KINDS; k++)
        launch_says("", LAUNCH_WORDS("exit", "0"), launch_kinds[k]);
}

static void what_could_not_have_been_given_is_eunsafe_and_leaves_the_environment(void **state)
{
    static const char *const texts[] = {"x",     " 4",  "4 ",         "+4",
                                        "4x",    "4:",  "-1",         "0",
                                        "4:a:b", "4,a", "4294967299", "99999999999999999999",
                                        "1",     "2",   "4:../x",     "0x4",
                                        "4:a b"};
    kit                     *it = *state;
    char                     word[33];

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        intptr_t handle = CORDON__NO_HANDLE;

        assert_int_equal(uv_os_setenv("CORDON_CHANNEL", texts[i]), 0);
        SUPPORT_CODE(cordon__inherit(&handle, word, "CORDON_CHANNEL", &it->fault), CORDON_EUNSAFE,
                     &it->fault);
        assert_int_equal(handle, CORDON__NO_HANDLE);
        assert_string_equal(word, "");
        assert_string_equal(it->fault.path, "CORDON_CHANNEL");
        assert_int_equal(cordon__inherit(&handle, word, "CORDON_CHANNEL", &it->fault),
                         CORDON__ABSENT);
    }
}

static void nobody_waits_for_who_was_not_asked(void **state)
{
    cordon_fault trouble = CORDON_FAULT_INIT;

    (void)state;
    trouble.code = CORDON_EDENIED;
    assert_int_equal(cordon_ready(NULL), CORDON_OK);
    assert_int_equal(cordon_ready(&trouble), CORDON_OK);
    assert_int_equal(uv_os_setenv("CORDON_READY", "nonsense"), 0);
    assert_int_equal(cordon_ready(NULL), CORDON_EUNSAFE);
    assert_int_equal(cordon_ready(NULL), CORDON_OK);
}

/* ---- the log ---- */

static int print_to(kit *it, const char *log, const char *text)
{
    launch_order program;
    int          code;

    launch_open(&program, LAUNCH_WORDS("print", text), CORDON__DETACHED);
    program.order.log = log;
    code = launch_try(&program, &it->fault);
    if (code == CORDON_OK)
        assert_int_equal(launch_end(&program), 0);
    return code;
}

/* The end of a line is what the system makes of it. */
static void log_is(const char *log, uint64_t from, const char *wanted)
{
    char   data[256], text[256];
    size_t size = cordon__log_tail(data, sizeof data, log, from), used = 0;

    for (size_t i = 0; i < size; i++)
        if (data[i] != '\r')
            text[used++] = data[i];
    text[used] = '\0';
    assert_string_equal(text, wanted);
}

static void what_it_prints_is_appended_to_its_log(void **state)
{
    kit     *it = *state;
    char     log[SUPPORT_PATH];
    uint64_t end;

    support_join(log, it->root, "log");
    assert_int_equal(cordon__log_end(log), 0); /* none */
    SUPPORT_CODE(print_to(it, log, "one"), CORDON_OK, &it->fault);
    log_is(log, 0, "one\nbad one\n");
    end = cordon__log_end(log);
    assert_true(end > 0);
    SUPPORT_CODE(print_to(it, log, "two"), CORDON_OK, &it->fault);
    log_is(log, end, "two\nbad two\n");
    log_is(log, 0, "one\nbad one\ntwo\nbad two\n");
    log_is(log, cordon__log_end(log), "");
}

static void log_that_cannot_be_one_is_refused(void **state)
{
    kit *it = *state;
    char log[SUPPORT_PATH];

    assert_true(print_to(it, it->root, "x") < 0); /* a directory */
    assert_true(print_to(it, support_join(log, it->root, "missing/log"), "x") < 0);
    assert_string_equal(it->fault.path, log);
    assert_int_equal(cordon__log_end(it->root), 0);
    assert_int_equal(cordon__log_tail(log, sizeof log, it->root, 0), 0);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        kit_test(what_is_said_is_heard_to_its_end),
        kit_test(who_does_not_listen_does_not_hear),
        kit_test(who_says_too_much_does_not_wait),
        kit_test(handle_is_taken_once_and_leaves_the_environment),
        kit_test(who_says_nothing_is_heard_to_end),
        kit_test(what_could_not_have_been_given_is_eunsafe_and_leaves_the_environment),
        kit_test(nobody_waits_for_who_was_not_asked),
        kit_test(what_it_prints_is_appended_to_its_log),
        kit_test(log_that_cannot_be_one_is_refused),
    };
    const int played = launch_play(count, arguments);

    return played >= 0 ? played : SUPPORT_RUN("contract_spawn_ready", tests);
}
