/* Parent and child on Windows, by the public functions: what channel_child_test, channel_end_test
 * and channel_handle_test are elsewhere. */
#include "channel_kit.h"

#include "inner.h" /* of tests/support/win32 */

/* ---- parts ------------------------------------------------------------------------------------
 */

static int echo(cordon_channel *channel, const char *argument)
{
    cordon_fault          fault = CORDON_FAULT_INIT;
    const cordon_message *message;

    (void)argument;
    for (;;) {
        const int code = cordon_channel_receive(&message, channel, KIT_WAIT_MS, &fault);

        if (code == CORDON_ECLOSED)
            return 7;
        SUPPORT_CODE(code, CORDON_OK, &fault);
        SUPPORT_CODE(cordon_channel_send(channel, message->tag + 1, message->body, NULL, 0,
                                         KIT_WAIT_MS, &fault),
                     CORDON_OK, &fault);
    }
}

/* Does not look at its channel: deaf to being asked. */
static int stay(cordon_channel *channel, const char *argument)
{
    (void)argument;
    kit_send(channel, 1, "here");
    Sleep(SUPPORT_SOON);
    return 0;
}

/* The number that follows the arguments is its exit status. */
static int leave(cordon_channel *channel, const char *argument)
{
    kit_expect(channel, 1, "go");
    return atoi(argument);
}

/* A file of its own up, one that it is given is written to. */
static int exchange(cordon_channel *channel, const char *path)
{
    const cordon_message *message = kit_receive(channel);
    const HANDLE          file =
        CreateFileW(support_wide(path), GENERIC_READ | GENERIC_WRITE, 0, NULL, CREATE_NEW, 0, NULL);
    cordon_handle given = cordon_message_take(message, 0), up = (cordon_handle)file;
    DWORD         size, flags = HANDLE_FLAG_INHERIT;

    SUPPORT_CHECK(message->handle_count == 1);
    SUPPORT_CHECK(GetHandleInformation((HANDLE)given, &flags));
    SUPPORT_CHECK((flags & HANDLE_FLAG_INHERIT) == 0);
    SUPPORT_CHECK(WriteFile((HANDLE)given, "down", 4, &size, NULL));
    CloseHandle((HANDLE)given);
    SUPPORT_CHECK(WriteFile(file, "left it here: up", 16, &size, NULL));
    SUPPORT_CHECK(SetFilePointer(file, 14, NULL, FILE_BEGIN) == 14);
    kit_send_handles(channel, 2, "up", &up, 1);
    SUPPORT_CHECK(GetHandleInformation(file, &flags)); /* it is its own still */
    return cordon_channel_receive(&message, channel, KIT_WAIT_MS, NULL) == CORDON_OK ? 0 : 1;
}

static const kit_part parts[] = {
    {"echo", echo}, {"stay", stay}, {"leave", leave}, {"exchange", exchange}, {NULL, NULL}};

/* ---- tests ------------------------------------------------------------------------------------
 */

static void messages_go_to_a_child_and_come_back(void **state)
{
    cordon_channel *channel = kit_start("echo", "", NULL);

    (void)state;
    assert_true(cordon_channel_pid(channel) != 0);
    kit_send(channel, 10, "one");
    kit_expect(channel, 11, "one");
    kit_send(channel, 20, "");
    kit_expect(channel, 21, "");
    cordon_channel_close(channel);
}

static void exit_status_of_a_child_is_told(void **state)
{
    (void)state;
    for (int status = 0; status < 300; status += 99) {
        char            text[16];
        cordon_channel *channel;

        snprintf(text, sizeof text, "%d", status);
        channel = kit_start("leave", text, NULL);
        kit_send(channel, 1, "go");
        kit_expect_code(channel, CORDON_ECLOSED);
        kit_expect_exit(channel, status);
        cordon_channel_close(channel);
    }
}

/* Closed, it hears the end; deaf, it is ended. */
static void close_is_the_end_of_a_child(void **state)
{
    cordon_child_options options = CORDON_CHILD_OPTIONS_INIT;
    cordon_channel      *channel;
    HANDLE               child;
    DWORD                status = 0;

    (void)state;
    for (int is_deaf = 0; is_deaf < 2; is_deaf++) {
        options.grace_ms = is_deaf ? 50 : KIT_WAIT_MS;
        channel = kit_start(is_deaf ? "stay" : "echo", "", &options);
        child = OpenProcess(SYNCHRONIZE | PROCESS_QUERY_LIMITED_INFORMATION, FALSE,
                            (DWORD)cordon_channel_pid(channel));
        assert_non_null(child);
        if (!is_deaf)
            kit_send(channel, 0, "here");
        kit_expect(channel, 1, "here");
        cordon_channel_close(channel);
        assert_int_equal(WaitForSingleObject(child, 0), WAIT_OBJECT_0);
        assert_true(GetExitCodeProcess(child, &status));
        assert_int_equal(status, is_deaf ? SUPPORT_KILLED : 7);
        CloseHandle(child);
    }
}

static void files_go_both_ways(void **state)
{
    char                  root[SUPPORT_PATH], path[SUPPORT_PATH], text[16];
    cordon_channel       *channel;
    const cordon_message *message;
    cordon_handle         down, up;
    DWORD                 size = 0;

    (void)state;
    support_directory(root);
    channel = kit_start("exchange", support_join(path, root, "up"), NULL);
    support_join(path, root, "down");
    down =
        (cordon_handle)CreateFileW(support_wide(path), GENERIC_WRITE, 0, NULL, CREATE_NEW, 0, NULL);
    kit_send_handles(channel, 1, "file", &down, 1);
    CloseHandle((HANDLE)down);
    message = kit_expect(channel, 2, "up");
    assert_int_equal(message->handle_count, 1);
    up = cordon_message_take(message, 0);
    assert_true(ReadFile((HANDLE)up, text, sizeof text, &size, NULL));
    assert_int_equal(size, 2); /* from where the child has set it */
    assert_memory_equal(text, "up", 2);
    CloseHandle((HANDLE)up);
    kit_send(channel, 3, "thanks");
    kit_expect_exit(channel, 0);
    cordon_channel_close(channel);
    assert_int_equal(support_read(path, text, sizeof text), 4);
    assert_memory_equal(text, "down", 4);
    support_directory_remove(root);
}

/* Received, not taken: closed with the next call. Also by the end of the channel. */
static void handles_are_as_many_as_before(void **state)
{
    char root[SUPPORT_PATH], path[SUPPORT_PATH];
    int  before = 0;

    (void)state;
    support_directory(root);
    for (int round = 0; round < 12; round++) {
        cordon_handle         nul = 0;
        cordon_channel       *channel = kit_start("exchange", support_join(path, root, "up"), NULL);
        const cordon_message *message;

        if (round == 2)
            before = support_count_descriptors();
        support_join(path, root, "down");
        nul = (cordon_handle)CreateFileW(support_wide(path), GENERIC_WRITE, 0, NULL, CREATE_ALWAYS,
                                         0, NULL);
        kit_send_handles(channel, 1, "file", &nul, 1);
        CloseHandle((HANDLE)nul);
        message = kit_expect(channel, 2, "up");
        assert_int_equal(message->handle_count, 1);
        if (round % 2)
            kit_send(channel, 3, "thanks");
        cordon_channel_close(channel);
        support_remove(support_join(path, root, "up"));
        if (round > 2 && round % 2 == 0)
            assert_true(support_count_descriptors() <= before);
    }
    support_directory_remove(root);
}

/* Nobody has started us so. */
static void who_has_no_parent_has_no_channel(void **state)
{
    cordon_fault    fault = CORDON_FAULT_INIT;
    cordon_channel *channel = NULL;

    (void)state;
    SUPPORT_CODE(cordon_channel_inherit(&channel, &fault), CORDON_ENOTRUNNING, &fault);
    assert_null(channel);
}

static void batch_file_is_not_started(void **state)
{
    const char *const argv[] = {"no-such-thing.bat", "& calc", NULL};
    cordon_fault      fault = CORDON_FAULT_INIT;
    cordon_channel   *channel = NULL;

    (void)state;
    SUPPORT_CODE(cordon_channel_start(&channel, argv, NULL, &fault), CORDON_ELAUNCH, &fault);
    assert_null(channel);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_go_to_a_child_and_come_back),
        cmocka_unit_test(exit_status_of_a_child_is_told),
        cmocka_unit_test(close_is_the_end_of_a_child),
        cmocka_unit_test(files_go_both_ways),
        cmocka_unit_test(handles_are_as_many_as_before),
        cmocka_unit_test(who_has_no_parent_has_no_channel),
        cmocka_unit_test(batch_file_is_not_started),
    };
    const int played = kit_play(count, arguments, parts);

    return played >= 0 ? played : cmocka_run_group_tests(tests, NULL, NULL);
}
