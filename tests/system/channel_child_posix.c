/*
 * A parent and its child on POSIX: descriptors, standard streams, forks, and what the kernel keeps
 * of the dead.
 */
#include "channel_kit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define FIRST 1
#define LEAKS 200

/* ---- in the child -------------------------------------------------------------------- */

static void list_descriptors(char *text, size_t room)
{
    size_t used = 0;

    text[0] = '\0';
    for (int fd = 0; fd < 1024; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            used += (size_t)snprintf(text + used, room - used, used > 0 ? " %d" : "%d", fd);
}

static int play_sees(cordon_channel *channel, const char *argument)
{
    char  text[8192];
    pid_t pid;
    int   status;

    (void)argument;
    list_descriptors(text, sizeof text);
    kit_send(channel, FIRST, text);
    pid = fork(); /* and in what it starts itself */
    if (pid == 0) {
        execl(kit_command("", "")[0], "sees", "--count", (char *)NULL);
        _exit(SUPPORT_BROKEN);
    }
    SUPPORT_CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int play_streams(cordon_channel *channel, const char *argument)
{
    struct stat info, null;

    (void)argument;
    SUPPORT_CHECK(fstat(1, &info) == 0 && stat("/dev/null", &null) == 0);
    kit_send(channel, FIRST,
             S_ISCHR(info.st_mode) && info.st_rdev == null.st_rdev ? "null" : "other");
    return 0;
}

static const kit_part own_parts[] = {{"sees", play_sees}, {"streams", play_streams}, {NULL, NULL}};

/* "--count" is what a part starts itself: without a channel. */
int kit_own_play(int count, char **arguments)
{
    if (count == 2 && strcmp(arguments[1], "--count") == 0) {
        int open = 0;

        for (int fd = 0; fd < 1024; fd++)
            open += fcntl(fd, F_GETFD) >= 0;
        return open;
    }
    return kit_play_part(count, arguments, own_parts);
}

/* ---- what it sees of us --------------------------------------------------------------- */

static void child_of_a_parent_that_leaks_sees_four_and_its_own_three(void **state)
{
    cordon_channel *channel;
    int             leaks[LEAKS];

    (void)state;
    for (int i = 0; i < LEAKS; i++)
        leaks[i] = open("/dev/null", O_RDONLY); /* inherited, as careless programs have them */
    assert_true(leaks[LEAKS - 1] >= LEAKS);
    channel = kit_start("sees", "", NULL);
    kit_expect(channel, FIRST, "0 1 2 3");
    kit_expect_exit(channel, 3);
    cordon_channel_close(channel);
    for (int i = 0; i < LEAKS; i++)
        close(leaks[i]);
}

static void quiet_child_has_the_null_device(void **state)
{
    cordon_child_options options = CORDON_CHILD_OPTIONS_INIT;
    cordon_channel      *channel;

    (void)state;
    options.flags = CORDON_CHILD_NO_STDIO;
    channel = kit_start("streams", "", &options);
    kit_expect(channel, FIRST, "null");
    kit_expect_exit(channel, 0);
    cordon_channel_close(channel);
}

/* ---- what is left --------------------------------------------------------------------- */

static int close_both(void *context)
{
    cordon_channel_close(context);
    return 0;
}

static void closing_in_a_forked_child_leaves_the_parents_alone(void **state)
{
    cordon_channel *channel = kit_start("echo", "", NULL);
    pid_t           pid;

    (void)state;
    kit_send(channel, FIRST, "before");
    kit_expect(channel, FIRST, "before");
    pid = support_fork(close_both, channel);
    assert_int_equal(support_wait(pid, KIT_WAIT_MS), 0);
    kit_send(channel, FIRST, "after");
    kit_expect(channel, FIRST, "after");
    cordon_channel_close(channel);
}

/* Some are closed before they have looked at their channel. */
static void no_dead_child_is_left_of_many(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        cordon_channel *channel = kit_start(i % 2 ? "exit" : "echo", "1", NULL);

        cordon_channel_close(channel);
    }
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

const struct CMUnitTest support_own_cases[] = {
    cmocka_unit_test(child_of_a_parent_that_leaks_sees_four_and_its_own_three),
    cmocka_unit_test(quiet_child_has_the_null_device),
    cmocka_unit_test(closing_in_a_forked_child_leaves_the_parents_alone),
    cmocka_unit_test(no_dead_child_is_left_of_many),
    SUPPORT_NO_CASE,
};
