/*
 * A parent and its child: what it is told, what it sees of us, and what is left. The child is this
 * program with a part to play.
 */
#include "channel_kit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
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

static int play_exit(cordon_channel *channel, const char *argument)
{
    (void)channel;
    return atoi(argument);
}

/* What comes goes back, until the end. */
static int play_echo(cordon_channel *channel, const char *argument)
{
    const cordon_message *message;
    int                   code;

    (void)argument;
    while ((code = cordon_channel_receive(&message, channel, KIT_WAIT_MS, NULL)) == CORDON_OK) {
        char *copy = malloc(message->body.size + 1);

        memcpy(copy, message->body.data, message->body.size);
        SUPPORT_CHECK(cordon_channel_send(channel, message->tag,
                                          (cordon_bytes){copy, message->body.size}, NULL, 0,
                                          KIT_WAIT_MS, NULL) == CORDON_OK);
        free(copy);
    }
    SUPPORT_CHECK(code == CORDON_ECLOSED);
    return 5;
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

static int play_surroundings(cordon_channel *channel, const char *argument)
{
    const char *own = getenv("KIT_OWN");
    char        text[2 * SUPPORT_PATH], directory[SUPPORT_PATH];
    struct stat info, null;

    (void)argument;
    SUPPORT_CHECK(getcwd(directory, sizeof directory) != NULL);
    SUPPORT_CHECK(fstat(1, &info) == 0 && stat("/dev/null", &null) == 0);
    snprintf(text, sizeof text, "%s %s %s %s", getenv("CORDON_CHANNEL") == NULL ? "gone" : "there",
             own != NULL ? own : "none", directory,
             S_ISCHR(info.st_mode) && info.st_rdev == null.st_rdev ? "null" : "other");
    kit_send(channel, FIRST, text);
    return 0;
}

static const kit_part parts[] = {{"exit", play_exit},
                                 {"echo", play_echo},
                                 {"sees", play_sees},
                                 {"surroundings", play_surroundings},
                                 {NULL, NULL}};

/* ---- what it is told -------------------------------------------------------------------- */

static void arguments_are_the_go_signal_and_arrive_byte_for_byte(void **state)
{
    static const char *const rows[] = {"{\"a\":[1,[2,[3,{\"b\":\"\\u0000\"}]]]}", "\n\r\t\x01\xff"};
    cordon_channel          *channel = kit_start("echo", "", NULL);
    const cordon_message    *message;
    char                     blob[100000];

    (void)state;
    assert_true(cordon_channel_pid(channel) > 0);
    assert_int_equal(kill((pid_t)cordon_channel_pid(channel), 0), 0);
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

static void environment_directory_and_streams_are_as_asked(void **state)
{
    const char *const     environment[] = {"KIT_OWN=mine", "CORDON_CHANNEL=7:forged", NULL};
    cordon_child_options  options = CORDON_CHILD_OPTIONS_INIT;
    const cordon_message *message;
    cordon_channel       *channel;
    char                  directory[SUPPORT_PATH], expected[2 * SUPPORT_PATH];

    (void)state;
    support_directory(directory);
    options.environment = environment;
    options.directory = directory;
    options.flags = CORDON_CHILD_NO_STDIO;
    channel = kit_start("surroundings", "", &options);
    message = kit_receive(channel);
    snprintf(expected, sizeof expected, "gone mine %s null", directory);
    assert_int_equal(message->body.size, strlen(expected));
    assert_memory_equal(message->body.data, expected, strlen(expected));
    kit_expect_exit(channel, 0);
    cordon_channel_close(channel);
    support_directory_remove(directory);
}

static void what_cannot_be_started_is_elaunch(void **state)
{
    const char *const    missing[] = {"/dev/null/program", NULL};
    const char *const    folder[] = {"/tmp", NULL};
    cordon_child_options options = CORDON_CHILD_OPTIONS_INIT;
    cordon_fault         fault = CORDON_FAULT_INIT;
    cordon_channel      *channel;
    const int            before = support_count_descriptors();

    (void)state;
    SUPPORT_CODE(cordon_channel_start(&channel, missing, NULL, &fault), CORDON_ELAUNCH, &fault);
    assert_null(channel);
    assert_true(fault.os_code != 0);
    SUPPORT_CODE(cordon_channel_start(&channel, folder, NULL, &fault), CORDON_ELAUNCH, &fault);
    options.directory = "/dev/null/nowhere";
    SUPPORT_CODE(cordon_channel_start(&channel, kit_command("exit", "0"), &options, &fault),
                 CORDON_ELAUNCH, &fault);
    options.flags = 0x10;
    SUPPORT_CODE(cordon_channel_start(&channel, kit_command("exit", "0"), &options, &fault),
                 CORDON_EINVAL, &fault);
    assert_int_equal(support_count_descriptors(), before);
}

/* ---- what it sees of us -----------------------------------------------------------------------
 */

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

/* ---- what is left --------------------------------------------------------------------------- */

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

static void nothing_is_left_of_many(void **state)
{
    const int rounds = support_is_in_valgrind() ? 3 : 30;
    int       before = -1;

    (void)state;
    for (int i = 0; i < rounds; i++) {
        cordon_channel *some[4];

        for (size_t k = 0; k < 4; k++)
            some[k] = kit_start(k == 3 ? "exit" : "echo", "1", NULL);
        kit_send(some[1], FIRST, "x");
        kit_expect(some[1], FIRST, "x");
        for (size_t k = 0; k < 4; k++)
            cordon_channel_close(some[k]);
        if (before < 0)
            before = support_count_descriptors();
    }
    assert_int_equal(support_count_descriptors(), before);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no dead child either */
    assert_int_equal(errno, ECHILD);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arguments_are_the_go_signal_and_arrive_byte_for_byte),
        cmocka_unit_test(environment_directory_and_streams_are_as_asked),
        cmocka_unit_test(what_cannot_be_started_is_elaunch),
        cmocka_unit_test(child_of_a_parent_that_leaks_sees_four_and_its_own_three),
        cmocka_unit_test(host_stays_as_it_was),
        cmocka_unit_test(closing_in_a_forked_child_leaves_the_parents_alone),
        cmocka_unit_test(nothing_is_left_of_many),
    };
    int status;

    if (count == 2 && strcmp(arguments[1], "--count") == 0) {
        int open = 0;

        for (int fd = 0; fd < 1024; fd++)
            open += fcntl(fd, F_GETFD) >= 0;
        return open;
    }
    status = kit_play(count, arguments, parts);
    return status >= 0 ? status : cmocka_run_group_tests(tests, NULL, NULL);
}
