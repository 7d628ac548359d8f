/*
 * How a parent and its child end, and what the other one sees of it. The child is this program
 * with a part to play.
 */
#include "channel_kit.h"

#include <uv.h>

#define FIRST 1
#define REPLY 2

/* ---- in the child -------------------------------------------------------------------- */

/* Takes no notice of anything, its end too. */
static int play_deaf(cordon_channel *channel, const char *argument)
{
    (void)argument;
    kit_send(channel, REPLY, "here");
    support_pause(SUPPORT_SOON);
    return 0;
}

/* Says so, in a file, when the other side has gone. */
static int play_witness(cordon_channel *channel, const char *path)
{
    kit_send(channel, REPLY, "here");
    kit_expect_code(channel, CORDON_ECLOSED);
    support_write(path, "gone", 4, 0600);
    return 0;
}

/* A child of its own, of which the pid is told. */
static int start_below(cordon_channel *channel, const char *part, const char *argument,
                       unsigned flags)
{
    cordon_child_options options = CORDON_CHILD_OPTIONS_INIT;
    cordon_channel      *below;
    char                 pid[32];

    options.flags = flags;
    below = kit_start(part, argument, &options);
    kit_expect(below, REPLY, "here");
    snprintf(pid, sizeof pid, "%u", (unsigned)cordon_channel_pid(below));
    kit_send(channel, REPLY, pid);
    support_pause(SUPPORT_SOON); /* it is killed before */
    return 0;
}

static int play_above(cordon_channel *channel, const char *argument)
{
    return start_below(channel, "deaf", argument, 0);
}

static int play_above_one_that_may(cordon_channel *channel, const char *path)
{
    return start_below(channel, "witness", path, CORDON_CHILD_OUTLIVES_US);
}

static const kit_part parts[] = {{"exit", kit_exit},    {"echo", kit_echo},
                                 {"deaf", play_deaf},   {"witness", play_witness},
                                 {"above", play_above}, {"above-may", play_above_one_that_may},
                                 {NULL, NULL}};

/* ---- its end ---------------------------------------------------------------------------- */

static void end_of_a_child_is_closed_and_its_status_known(void **state)
{
    cordon_channel *channel = kit_start("exit", "42", NULL);

    (void)state;
    kit_expect_code(channel, CORDON_ECLOSED);
    kit_expect_exit(channel, 42);
    kit_expect_exit(channel, 42);
    assert_int_equal(cordon_channel_send(channel, 1, KIT_BODY("x"), NULL, 0, 0, NULL),
                     CORDON_ECLOSED);
    cordon_channel_close(channel);
}

static void kill_it(uint64_t pid)
{
    assert_int_equal(uv_kill((int)pid, SIGKILL), 0);
}

static void killed_child_is_told_as_such(void **state)
{
    cordon_channel *channel = kit_start("echo", "", NULL);

    (void)state;
    kit_send(channel, FIRST, "there");
    kit_expect(channel, FIRST, "there");
    kill_it(cordon_channel_pid(channel));
    kit_expect_code(channel, CORDON_ECLOSED);
    kit_expect_exit(channel, KIT_KILLED);
    cordon_channel_close(channel);
}

static void child_that_never_answers_is_waited_for_until_the_deadline(void **state)
{
    cordon_channel       *channel = kit_start("echo", "", NULL);
    const cordon_message *message;
    int                   status;

    (void)state;
    assert_int_equal(cordon_channel_receive(&message, channel, 30, NULL), CORDON_ETIMEDOUT);
    assert_int_equal(cordon_channel_wait(&status, channel, 30, NULL), CORDON_ETIMEDOUT);
    assert_int_equal(cordon_channel_wait(&status, channel, CORDON_AT_ONCE, NULL), CORDON_ETIMEDOUT);
    cordon_channel_close(channel);
}

/* ---- ours --------------------------------------------------------------------------------- */

static int has_gone(void *context)
{
    return uv_kill(*(int *)context, 0) != 0;
}

static void deaf_child_is_ended(void **state)
{
    cordon_child_options options = CORDON_CHILD_OPTIONS_INIT;
    cordon_channel      *channel;
    int                  pid;

    (void)state;
    options.grace_ms = 100;
    channel = kit_start("deaf", "", &options);
    kit_expect(channel, REPLY, "here");
    pid = (int)cordon_channel_pid(channel);
    cordon_channel_close(channel);
    assert_true(has_gone(&pid));
}

static void child_that_ends_by_itself_is_not_waited_for_any_longer(void **state)
{
    cordon_child_options options = CORDON_CHILD_OPTIONS_INIT;
    cordon_channel      *channel;
    uint64_t             before;
    int                  pid;

    (void)state;
    options.grace_ms = 10 * SUPPORT_SOON;
    channel = kit_start("echo", "", &options);
    kit_send(channel, FIRST, "there");
    kit_expect(channel, FIRST, "there");
    pid = (int)cordon_channel_pid(channel);
    before = support_now();
    cordon_channel_close(channel);
    assert_true(support_now() - before < 5 * SUPPORT_SOON);
    assert_true(has_gone(&pid));
}

static int pid_of_below(cordon_channel *channel)
{
    const cordon_message *message = kit_receive(channel);
    char                  text[32] = "";

    assert_int_equal(message->tag, REPLY);
    assert_in_range(message->body.size, 1, sizeof text - 1);
    memcpy(text, message->body.data, message->body.size);
    return atoi(text);
}

static void child_dies_with_its_parent(void **state)
{
    cordon_channel *channel = kit_start("above", "", NULL);
    int             below = pid_of_below(channel);

    (void)state;
    assert_true(below > 0);
    assert_false(has_gone(&below));
    kill_it(cordon_channel_pid(channel));
    assert_true(support_until(has_gone, &below, SUPPORT_SOON));
    kit_expect_exit(channel, KIT_KILLED);
    cordon_channel_close(channel);
}

static int is_there(void *context)
{
    return support_exists(context);
}

static void child_that_may_outlives_its_parent(void **state)
{
    char            root[SUPPORT_PATH], path[SUPPORT_PATH];
    cordon_channel *channel;
    int             below;

    (void)state;
    support_directory(root);
    channel = kit_start("above-may", support_join(path, root, "word"), NULL);
    below = pid_of_below(channel);
    kill_it(cordon_channel_pid(channel));
    assert_true(support_until(is_there, path, SUPPORT_SOON)); /* by one that has outlived it */
    kit_expect_exit(channel, KIT_KILLED);
    cordon_channel_close(channel);
    assert_true(support_until(has_gone, &below, SUPPORT_SOON));
    support_directory_remove(root);
}

static void child_that_may_goes_on_when_its_channel_is_closed(void **state)
{
    cordon_child_options options = CORDON_CHILD_OPTIONS_INIT;
    char                 root[SUPPORT_PATH], path[SUPPORT_PATH];
    cordon_channel      *channel;
    int                  pid;

    (void)state;
    support_directory(root);
    options.flags = CORDON_CHILD_OUTLIVES_US;
    channel = kit_start("witness", support_join(path, root, "word"), &options);
    kit_expect(channel, REPLY, "here");
    pid = (int)cordon_channel_pid(channel);
    cordon_channel_close(channel);
    assert_true(support_until(is_there, path, SUPPORT_SOON));
    assert_true(support_until(has_gone, &pid, SUPPORT_SOON));
    support_directory_remove(root);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(end_of_a_child_is_closed_and_its_status_known),
        cmocka_unit_test(killed_child_is_told_as_such),
        cmocka_unit_test(child_that_never_answers_is_waited_for_until_the_deadline),
        cmocka_unit_test(deaf_child_is_ended),
        cmocka_unit_test(child_that_ends_by_itself_is_not_waited_for_any_longer),
        cmocka_unit_test(child_dies_with_its_parent),
        cmocka_unit_test(child_that_may_outlives_its_parent),
        cmocka_unit_test(child_that_may_goes_on_when_its_channel_is_closed),
    };
    const int status = kit_play(count, arguments, parts);

    return status >= 0 ? status : SUPPORT_RUN("channel_end_test", tests);
}
