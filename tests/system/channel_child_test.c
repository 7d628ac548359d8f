/*
 * A parent and its child: what it is told, what it sees of us, and what is left. The child is this
 * program with a part to play.
 */
#include "channel_kit.h"

#include <uv.h>

#define FIRST 1

/* ---- in the child -------------------------------------------------------------------- */

static int play_surroundings(cordon_channel *channel, const char *argument)
{
    const char *own = getenv("KIT_OWN");
    char        text[2 * SUPPORT_PATH], directory[SUPPORT_PATH];
    size_t      size = sizeof directory;

    (void)argument;
    SUPPORT_CHECK(uv_cwd(directory, &size) == 0);
    snprintf(text, sizeof text, "%s %s %s", getenv("CORDON_CHANNEL") == NULL ? "gone" : "there",
             own != NULL ? own : "none", directory);
    kit_send(channel, FIRST, text);
    return 0;
}

static const kit_part parts[] = {
    {"exit", kit_exit}, {"echo", kit_echo}, {"surroundings", play_surroundings}, {NULL, NULL}};

/* ---- what it is told ------------------------------------------------------------------ */

static void arguments_are_the_go_signal_and_arrive_byte_for_byte(void **state)
{
    static const char *const rows[] = {"{\"a\":[1,[2,[3,{\"b\":\"\\u0000\"}]]]}", "\n\r\t\x01\xff"};
    cordon_channel          *channel = kit_start("echo", "", NULL);
    const cordon_message    *message;
    char                     blob[100000];

    (void)state;
    assert_true(cordon_channel_pid(channel) > 0);
    assert_int_equal(uv_kill((int)cordon_channel_pid(channel), 0), 0); /* it runs, and waits */
    assert_int_equal(cordon_channel_receive(&message, channel, 50, NULL), CORDON_ETIMEDOUT);
    for (size_t i = 0; i < sizeof blob; i++)
        blob[i] = i < 64 ? rows[0][i % strlen(rows[0])] : rows[1][i % strlen(rows[1])];
    blob[500] = '\0';
    assert_int_equal(cordon_channel_send(channel, FIRST, (cordon_bytes){blob, sizeof blob}, NULL, 0,
                                         KIT_WAIT_MS, NULL),
                     CORDON_OK);
    message = kit_receive(channel);
    assert_int_equal(message->tag, FIRST);
    assert_int_equal(message->body.size, sizeof blob);
    assert_memory_equal(message->body.data, blob, sizeof blob);
    cordon_channel_close(channel);
}

static void environment_and_directory_are_as_asked(void **state)
{
    const char *const    environment[] = {"KIT_OWN=mine", "CORDON_CHANNEL=7:forged", NULL};
    cordon_child_options options = CORDON_CHILD_OPTIONS_INIT;
    cordon_channel      *channel;
    char                 directory[SUPPORT_PATH], expected[2 * SUPPORT_PATH];

    (void)state;
    support_directory(directory);
    options.environment = environment;
    options.directory = directory;
    options.flags = CORDON_CHILD_NO_STDIO;
    channel = kit_start("surroundings", "", &options);
    snprintf(expected, sizeof expected, "gone mine %s", directory);
    kit_expect(channel, FIRST, expected);
    kit_expect_exit(channel, 0);
    cordon_channel_close(channel);
    support_directory_remove(directory);
}

static void check_not_started(const char *const *argv, const cordon_child_options *options,
                              int code)
{
    cordon_fault    fault = CORDON_FAULT_INIT;
    cordon_channel *channel = NULL;

    SUPPORT_CODE(cordon_channel_start(&channel, argv, options, &fault), code, &fault);
    assert_null(channel);
    if (code == CORDON_ELAUNCH)
        assert_true(fault.os_code != 0);
}

static void what_cannot_be_started_is_elaunch(void **state)
{
    char              root[SUPPORT_PATH], missing[SUPPORT_PATH];
    const char *const nothing[] = {missing, NULL}, *const folder[] = {root, NULL};
    cordon_child_options options = CORDON_CHILD_OPTIONS_INIT;
    int                  before = 0;

    (void)state;
    support_directory(root);
    support_join(missing, root, "program");
    for (int round = 0; round < 3; round++) {
        if (round == 1)
            before = support_count_descriptors();
        check_not_started(nothing, NULL, CORDON_ELAUNCH);
        check_not_started(folder, NULL, CORDON_ELAUNCH);
        options.directory = missing;
        options.flags = 0;
        check_not_started(kit_command("exit", "0"), &options, CORDON_ELAUNCH);
        options.flags = 0x10;
        check_not_started(kit_command("exit", "0"), &options, CORDON_EINVAL);
    }
    assert_int_equal(support_count_descriptors(), before);
    support_directory_remove(root);
}

/* ---- what it sees of us --------------------------------------------------------------- */

static void host_stays_as_it_was(void **state)
{
    support_host    before, after;
    cordon_channel *channel;

    (void)state;
    support_host_look(&before);
    channel = kit_start("echo", "", NULL);
    kit_send(channel, FIRST, "hello");
    kit_expect(channel, FIRST, "hello");
    cordon_channel_close(channel);
    support_host_look(&after);
    support_host_same(&before, &after);
}

/* ---- what is left --------------------------------------------------------------------- */

static void start_some_and_close_them(void)
{
    cordon_channel *some[4];

    for (size_t k = 0; k < 4; k++)
        some[k] = kit_start(k == 3 ? "exit" : "echo", "1", NULL);
    for (size_t k = 0; k < 3; k++) {
        kit_send(some[k], FIRST, "x");
        kit_expect(some[k], FIRST, "x");
    }
    kit_expect_exit(some[3], 1);
    for (size_t k = 0; k < 4; k++)
        cordon_channel_close(some[k]);
}

/* Wine takes its time, and so does valgrind. */
static void nothing_is_left_of_many(void **state)
{
    const int rounds = support_is_in_valgrind() ? 3 : SUPPORT_TELLS_FULL ? 30 : 6;
    int       before;

    (void)state;
    start_some_and_close_them();
    before = support_count_descriptors();
    for (int i = 0; i < rounds; i++)
        start_some_and_close_them();
    assert_int_equal(support_count_descriptors(), before);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arguments_are_the_go_signal_and_arrive_byte_for_byte),
        cmocka_unit_test(environment_and_directory_are_as_asked),
        cmocka_unit_test(what_cannot_be_started_is_elaunch),
        cmocka_unit_test(host_stays_as_it_was),
        cmocka_unit_test(nothing_is_left_of_many),
    };
    const int status = kit_play(count, arguments, parts);

    return status >= 0 ? status : SUPPORT_RUN("channel_child_test", tests);
}
