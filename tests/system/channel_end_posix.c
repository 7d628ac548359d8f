/*
 * How a parent and its child end, on POSIX: signals, and a descriptor that the child holds, which
 * says when it has gone.
 */
#include "channel_kit.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>

#define FIRST 1
#define REPLY 2

/* ---- in the child -------------------------------------------------------------------- */

static void hold_for_ever(void)
{
    for (;;)
        pause();
}

/* Holds a handle and takes no notice of anything more. */
static int play_holder(cordon_channel *channel, const char *argument)
{
    const cordon_message *message;

    if (strcmp(argument, "stubborn") == 0)
        signal(SIGTERM, SIG_IGN);
    message = kit_receive(channel);
    SUPPORT_CHECK(cordon_message_take(message, 0) >= 0);
    kit_send(channel, REPLY, "holding");
    hold_for_ever();
    return 0;
}

/* A byte into the handle once the parent has gone. */
static int play_last(cordon_channel *channel, const char *argument)
{
    cordon_handle handle;

    (void)argument;
    signal(SIGTERM, SIG_IGN);
    handle = cordon_message_take(kit_receive(channel), 0);
    kit_send(channel, REPLY, "waiting");
    kit_expect_code(channel, CORDON_ECLOSED);
    SUPPORT_CHECK(write((int)handle, "!", 1) == 1);
    return 0;
}

/* Starts a holder of its own, gives the handle on, and takes no notice of anything more. */
static int play_middle(cordon_channel *channel, const char *argument)
{
    cordon_child_options options = CORDON_CHILD_OPTIONS_INIT;
    cordon_channel      *below;
    cordon_handle        handle = cordon_message_take(kit_receive(channel), 0);
    char                 pid[32];

    if (strcmp(argument, "outlives") == 0)
        options.flags = CORDON_CHILD_OUTLIVES_US;
    below = kit_start("holder", "", &options);
    kit_send_handles(below, FIRST, "", &handle, 1);
    kit_expect(below, REPLY, "holding");
    close((int)handle);
    snprintf(pid, sizeof pid, "%u", (unsigned)cordon_channel_pid(below));
    if (strcmp(argument, "close") == 0)
        cordon_channel_close(below);
    kit_send(channel, REPLY, pid);
    hold_for_ever();
    return 0;
}

static const kit_part own_parts[] = {
    {"holder", play_holder}, {"last", play_last}, {"middle", play_middle}, {NULL, NULL}};

int kit_own_play(int count, char **arguments)
{
    return kit_play_part(count, arguments, own_parts);
}

/* ---- in the parent --------------------------------------------------------------------- */

static void killed_child_is_128_and_the_signal(void **state)
{
    cordon_channel *channel = kit_start("echo", "", NULL);

    (void)state;
    kit_send(channel, FIRST, "there");
    kit_expect(channel, FIRST, "there");
    assert_int_equal(kill((pid_t)cordon_channel_pid(channel), SIGKILL), 0);
    kit_expect_code(channel, CORDON_ECLOSED);
    kit_expect_exit(channel, 128 + SIGKILL);
    cordon_channel_close(channel);
}

/* 1: the other end of the pipe is gone; 0: not within ms. */
static int is_gone(int fd, int ms)
{
    struct pollfd wanted = {fd, POLLIN, 0};
    char          byte;

    return poll(&wanted, 1, ms) == 1 && read(fd, &byte, 1) == 0;
}

/* A child that holds the other end of a pipe. */
static cordon_channel *start_holder(const char *part, const char *argument,
                                    const cordon_child_options *options, int *end)
{
    cordon_channel *channel = kit_start(part, argument, options);
    cordon_handle   handle;
    int             ends[2];

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    handle = ends[1];
    kit_send_handles(channel, FIRST, "", &handle, 1);
    close(ends[1]);
    *end = ends[0];
    return channel;
}

static void child_that_ignores_sigterm_is_ended_after_its_grace(void **state)
{
    cordon_child_options options = CORDON_CHILD_OPTIONS_INIT;
    cordon_channel      *channel;
    uint64_t             before;
    int                  end;

    (void)state;
    options.grace_ms = 100;
    channel = start_holder("holder", "stubborn", &options, &end);
    kit_expect(channel, REPLY, "holding");
    before = support_now();
    cordon_channel_close(channel);
    assert_true(support_now() - before >= 100);
    assert_true(is_gone(end, 0));
    close(end);
}

static void child_that_obeys_sigterm_is_not_waited_for_any_longer(void **state)
{
    cordon_child_options options = CORDON_CHILD_OPTIONS_INIT;
    cordon_channel      *channel;
    uint64_t             before;
    int                  end;

    (void)state;
    options.grace_ms = 60000;
    channel = start_holder("holder", "", &options, &end);
    kit_expect(channel, REPLY, "holding");
    before = support_now();
    cordon_channel_close(channel);
    assert_true(support_now() - before < 30000);
    assert_true(is_gone(end, 0));
    close(end);
}

static void child_hears_the_end_and_uses_what_it_was_given(void **state)
{
    cordon_child_options options = CORDON_CHILD_OPTIONS_INIT;
    cordon_channel      *channel;
    char                 byte = 0;
    int                  end;

    (void)state;
    options.grace_ms = KIT_WAIT_MS;
    channel = start_holder("last", "", &options, &end);
    kit_expect(channel, REPLY, "waiting");
    cordon_channel_close(channel);
    assert_int_equal(read(end, &byte, 1), 1);
    assert_int_equal(byte, '!');
    close(end);
}

static pid_t pid_of_below(cordon_channel *channel)
{
    const cordon_message *message = kit_receive(channel);
    char                  text[32] = "";

    assert_int_equal(message->tag, REPLY);
    assert_in_range(message->body.size, 1, sizeof text - 1);
    memcpy(text, message->body.data, message->body.size);
    return (pid_t)atoi(text);
}

static void what_a_child_holds_goes_with_its_parent(void **state)
{
    cordon_channel *channel;
    int             end;

    (void)state;
    channel = start_holder("middle", "", NULL, &end);
    assert_true(pid_of_below(channel) > 0);
    assert_false(is_gone(end, 0));
    assert_int_equal(kill((pid_t)cordon_channel_pid(channel), SIGKILL), 0);
    assert_true(is_gone(end, KIT_WAIT_MS));
    kit_expect_exit(channel, 128 + SIGKILL);
    cordon_channel_close(channel);
    close(end);
}

static void what_a_child_holds_stays_if_it_may_outlive_us(void **state)
{
    cordon_channel *channel;
    pid_t           below;
    int             end;

    (void)state;
    channel = start_holder("middle", "outlives", NULL, &end);
    below = pid_of_below(channel);
    assert_int_equal(kill((pid_t)cordon_channel_pid(channel), SIGKILL), 0);
    kit_expect_exit(channel, 128 + SIGKILL);
    cordon_channel_close(channel);
    assert_false(is_gone(end, 100));
    assert_int_equal(kill(below, SIGKILL), 0);
    assert_true(is_gone(end, KIT_WAIT_MS));
    close(end);
}

static void what_a_child_holds_stays_if_it_may_go_on(void **state)
{
    cordon_child_options options = CORDON_CHILD_OPTIONS_INIT;
    cordon_channel      *channel;
    pid_t                pid;
    int                  end;

    (void)state;
    options.flags = CORDON_CHILD_OUTLIVES_US;
    channel = start_holder("holder", "", &options, &end);
    kit_expect(channel, REPLY, "holding");
    pid = (pid_t)cordon_channel_pid(channel);
    cordon_channel_close(channel);
    assert_false(is_gone(end, 100));
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_true(is_gone(end, KIT_WAIT_MS));
    close(end);
}

const struct CMUnitTest support_own_cases[] = {
    cmocka_unit_test(killed_child_is_128_and_the_signal),
    cmocka_unit_test(child_that_ignores_sigterm_is_ended_after_its_grace),
    cmocka_unit_test(child_that_obeys_sigterm_is_not_waited_for_any_longer),
    cmocka_unit_test(child_hears_the_end_and_uses_what_it_was_given),
    cmocka_unit_test(what_a_child_holds_goes_with_its_parent),
    cmocka_unit_test(what_a_child_holds_stays_if_it_may_outlive_us),
    cmocka_unit_test(what_a_child_holds_stays_if_it_may_go_on),
    SUPPORT_NO_CASE,
};
