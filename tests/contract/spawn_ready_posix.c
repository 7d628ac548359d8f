/* The ready pipe on POSIX: signals, descriptors, modes and owners of logs. */
#include "start_kit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* ---- the pipe ---- */

static void pipe_is_close_on_exec_and_closed_by_who_has_spoken(void **state)
{
    kit     *it = *state;
    intptr_t ours, theirs;
    char     data[64];
    size_t   got = 99;

    SUPPORT_CODE(cordon__ready_pipe(&ours, &theirs, &it->fault), 0, &it->fault);
    assert_true(fcntl((int)ours, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl((int)theirs, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(cordon__ready_read(ours, data, sizeof data, &got), CORDON__AGAIN);
    cordon__ready_write(theirs, "some words\n", 11); /* closes it, too */
    assert_int_equal(fcntl((int)theirs, F_GETFD), -1);
    assert_int_equal(cordon__ready_read(ours, data, 4, &got), 0);
    assert_int_equal(got, 4);
    assert_int_equal(cordon__ready_read(ours, data + 4, 60, &got), 0);
    assert_int_equal(got, 7);
    assert_memory_equal(data, "some words\n", 11);
    assert_int_equal(cordon__ready_read(ours, data, sizeof data, &got), 0);
    assert_int_equal(got, 0);
    close((int)ours);
}

static volatile sig_atomic_t pipes;

static void on_pipe(int number)
{
    (void)number;
    pipes++;
}

/* Whatever the host does with SIGPIPE, it hears of its own alone. */
static void who_does_not_listen_does_not_hear_and_no_signal_comes(void **state)
{
    kit     *it = *state;
    intptr_t ours, theirs;
    sigset_t only, before, waiting;

    signal(SIGPIPE, on_pipe);
    SUPPORT_CODE(cordon__ready_pipe(&ours, &theirs, &it->fault), 0, &it->fault);
    close((int)ours);
    cordon__ready_write(theirs, "ready\n", 6);
    assert_int_equal(pipes, 0);
    sigemptyset(&only);
    sigaddset(&only, SIGPIPE);
    assert_int_equal(pthread_sigmask(SIG_BLOCK, &only, &before), 0);
    assert_int_equal(pthread_kill(pthread_self(), SIGPIPE), 0); /* one of its own waits */
    SUPPORT_CODE(cordon__ready_pipe(&ours, &theirs, &it->fault), 0, &it->fault);
    close((int)ours);
    cordon__ready_write(theirs, "ready\n", 6);
    assert_int_equal(sigpending(&waiting), 0);
    assert_int_equal(sigismember(&waiting, SIGPIPE), 1); /* still */
    assert_int_equal(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
    assert_int_equal(pipes, 1);
    signal(SIGPIPE, SIG_DFL);
    pipes = 0;
}

static void pipe_that_is_full_does_not_hold_us(void **state)
{
    static char much[1 << 20];
    kit        *it = *state;
    intptr_t    ours, theirs;

    SUPPORT_CODE(cordon__ready_pipe(&ours, &theirs, &it->fault), 0, &it->fault);
    const int again = dup((int)theirs);
    cordon__ready_write(theirs, much, sizeof much);
    assert_int_equal(fcntl(again, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    cordon__ready_write(again, "ready\n", 6); /* comes back, that is all */
    close((int)ours);
}

/* ---- what is inherited ---- */

typedef struct given {
    int pipe[2], pair[2], datagrams[2], file;
} given;

static void open_given(given *all, kit *it)
{
    char path[SUPPORT_PATH];

    assert_int_equal(pipe(all->pipe), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, all->pair), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, all->datagrams), 0);
    all->file = open(support_join(path, it->root, "file"), O_RDWR | O_CREAT, 0600);
    assert_true(all->file > 2);
}

static void close_given(given *all)
{
    const int fds[] = {all->pipe[0],      all->pipe[1],      all->pair[0], all->pair[1],
                       all->datagrams[0], all->datagrams[1], all->file};

    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
        assert_int_equal(close(fds[i]), 0); /* still open: nobody took or closed it */
}

static int inherit(kit *it, const char *variable, const char *format, int fd, char word[33])
{
    char     text[128];
    intptr_t handle = CORDON__NO_HANDLE;
    int      code;

    snprintf(text, sizeof text, format, fd);
    assert_int_equal(setenv(variable, text, 1), 0);
    memset(word, 'x', 33);
    code = cordon__inherit(&handle, word, variable, &it->fault);
    assert_null(getenv(variable)); /* gone, whatever it was */
    assert_int_equal(handle, code == 0 ? fd : CORDON__NO_HANDLE);
    if (code == 0)
        assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    else if (fd > 2 && fcntl(fd, F_GETFD) >= 0)
        assert_int_equal(fcntl(fd, F_GETFD), 0); /* untouched */
    return code;
}

static void what_could_have_been_given_is_taken(void **state)
{
    kit  *it = *state;
    char  word[33];
    given all;

    open_given(&all, it);
    unsetenv("CORDON_READY");
    assert_int_equal(cordon__inherit(&(intptr_t){0}, word, "CORDON_READY", &it->fault),
                     CORDON__ABSENT);
    SUPPORT_CODE(inherit(it, "CORDON_READY", "%d", all.pipe[1], word), 0, &it->fault);
    assert_string_equal(word, "");
    SUPPORT_CODE(
        inherit(it, "CORDON_CHANNEL", "%d:0123456789abcdef0123456789ABCDEF", all.pair[1], word), 0,
        &it->fault);
    assert_string_equal(word, "0123456789abcdef0123456789ABCDEF");
    SUPPORT_CODE(inherit(it, "CORDON_CHANNEL", "%d:Z", all.pair[0], word), 0, &it->fault);
    assert_string_equal(word, "Z");
    close_given(&all);
}

static void what_could_not_is_eunsafe_and_stays_open(void **state)
{
    static const char *const texts[] = {
        "",
        " %d",
        "%d ",
        "0%d",
        "+%d",
        "%dx",
        "%d:",
        "%d:a:b",
        "%d,a",
        "%d:\n",
        "-1",
        "1e1",
        "0x3",
        "99999",
        "4294967299",
        "99999999999999999999",
        "%d:0123456789abcdef0123456789abcdef0",
        "%d:a b",
        "%d:../x",
        "%d:\xC3\xA9",
    };
    kit  *it = *state;
    char  word[33];
    given all;

    open_given(&all, it);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(inherit(it, "CORDON_READY", texts[i], all.pipe[1], word), CORDON_EUNSAFE);
        assert_int_equal(inherit(it, "CORDON_CHANNEL", texts[i], all.pair[1], word),
                         CORDON_EUNSAFE);
        assert_string_equal(word, "");
        assert_string_equal(it->fault.path, "CORDON_CHANNEL");
    }
    /* Of the wrong kind; a number that is not open; the standard streams, whatever they are. */
    assert_int_equal(inherit(it, "CORDON_READY", "%d", all.pipe[0], word), CORDON_EUNSAFE);
    assert_int_equal(inherit(it, "CORDON_READY", "%d", all.pair[0], word), CORDON_EUNSAFE);
    assert_int_equal(inherit(it, "CORDON_READY", "%d", all.file, word), CORDON_EUNSAFE);
    assert_int_equal(inherit(it, "CORDON_READY", "%d", 900, word), CORDON_EUNSAFE);
    assert_int_equal(inherit(it, "CORDON_CHANNEL", "%d", all.pipe[1], word), CORDON_EUNSAFE);
    assert_int_equal(inherit(it, "CORDON_CHANNEL", "%d", all.file, word), CORDON_EUNSAFE);
    assert_int_equal(inherit(it, "CORDON_CHANNEL", "%d", all.datagrams[0], word), CORDON_EUNSAFE);
    for (int fd = 0; fd < 3; fd++)
        assert_int_equal(inherit(it, "CORDON_READY", "%d", fd, word), CORDON_EUNSAFE);
    close_given(&all);
}

/* ---- cordon_ready ---- */

static void read_line(int fd, char line[600])
{
    const ssize_t size = read(fd, line, 599);

    assert_true(size >= 0);
    line[size] = '\0';
}

static void it_is_said_once_and_only_when_asked_for(void **state)
{
    cordon_fault trouble = CORDON_FAULT_INIT;
    char         text[16], line[600];
    int          fds[2];

    (void)state;
    assert_int_equal(cordon_ready(NULL), CORDON_OK); /* nobody waits */
    for (int is_trouble = 0; is_trouble < 2; is_trouble++) {
        assert_int_equal(pipe(fds), 0);
        snprintf(text, sizeof text, "%d", fds[1]);
        setenv("CORDON_READY", text, 1);
        trouble.size = 0;
        assert_int_equal(cordon_ready(&trouble), CORDON_EINVAL); /* and it can still be said */
        trouble.size = sizeof trouble;
        trouble.code = CORDON_EDENIED;
        assert_int_equal(cordon_ready(is_trouble ? &trouble : NULL), CORDON_OK);
        assert_null(getenv("CORDON_READY"));
        assert_int_equal(cordon_ready(NULL), CORDON_OK);
        assert_int_equal(cordon_ready(&trouble), CORDON_OK);
        read_line(fds[0], line);
        assert_string_equal(line, is_trouble ? "CORDON_EDENIED the system refused\n" : "ready\n");
        read_line(fds[0], line); /* and its end: it is closed */
        assert_string_equal(line, "");
        close(fds[0]);
    }
    setenv("CORDON_READY", "2", 1);
    assert_int_equal(cordon_ready(NULL), CORDON_EUNSAFE);
    assert_null(getenv("CORDON_READY"));
}

/* ---- the log, and the streams ---- */

static int print_to(kit *it, const char *log)
{
    start_order start;
    int         code;

    start_open(&start, START_WORDS("print"), CORDON__DETACHED);
    start.order.log = log;
    code = start_try(&start, &it->fault);
    if (code == 0)
        assert_int_equal(start_end(&start, it), 0);
    return code;
}

static void log_is_0600_from_its_first_moment_and_keeps_its_mode(void **state)
{
    kit *it = *state;
    char log[SUPPORT_PATH], text[256] = "";

    support_join(log, it->root, "log");
    const mode_t before = umask(0777);
    SUPPORT_CODE(print_to(it, log), 0, &it->fault);
    umask(before);
    assert_int_equal(support_mode(log), 0600);
    assert_int_equal(chmod(log, 0644), 0); /* its owner's affair */
    SUPPORT_CODE(print_to(it, log), 0, &it->fault);
    assert_int_equal(support_mode(log), 0644);
    assert_int_equal(support_read(log, text, sizeof text), 2 * strlen("complained\nprinted\n"));
    assert_memory_equal(text, "complained\nprinted\ncomplained\n", 30);
}

static void log_that_is_no_file_of_ours_is_refused(void **state)
{
    kit *it = *state;
    char log[SUPPORT_PATH], other[SUPPORT_PATH];

    support_write(support_join(other, it->root, "other"), "", 0, 0600);
    assert_int_equal(symlink(other, support_join(log, it->root, "link")), 0);
    assert_int_equal(print_to(it, log), CORDON_EUNSAFE);
    assert_string_equal(it->fault.path, log);
    assert_string_equal(it->fault.during, "open log");
    assert_int_equal(link(other, support_join(log, it->root, "second")), 0);
    assert_int_equal(print_to(it, log), CORDON_EUNSAFE);
    assert_int_equal(mkfifo(support_join(log, it->root, "fifo"), 0600), 0);
    assert_int_not_equal(print_to(it, log), 0); /* and it does not hang */
    assert_int_equal(print_to(it, "/dev/null"), CORDON_EUNSAFE);
    assert_int_equal(print_to(it, it->root), CORDON_ELAUNCH);
    assert_int_equal(it->fault.os_code, EISDIR);
    assert_int_equal(print_to(it, support_join(log, it->root, "missing/log")), CORDON_ELAUNCH);
    assert_int_equal(it->fault.os_code, ENOENT);
    assert_int_equal(support_read(other, log, sizeof log), 0); /* nothing came through */
}

static void log_of_another_user_is_refused(void **state)
{
    kit *it = *state;
    char log[SUPPORT_PATH];

    support_need_root();
    support_write(support_join(log, it->root, "log"), "", 0, 0666);
    kit_give_to(log, SUPPORT_OTHER_UID);
    assert_int_equal(print_to(it, log), CORDON_EUNSAFE);
    assert_int_equal(it->fault.actual, SUPPORT_OTHER_UID);
}

static int print_into_pipes(void *context)
{
    char        text[64] = "";
    int         fds[2];
    start_order start;

    SUPPORT_CHECK(pipe(fds) == 0);
    SUPPORT_CHECK(dup2(fds[1], 1) == 1 && dup2(fds[1], 2) == 2);
    close(fds[1]);
    start_part_run(&start, context, 0, START_WORDS("print"));
    SUPPORT_CHECK(start_end(&start, context) == 0);
    SUPPORT_CHECK(read(fds[0], text, sizeof text - 1) == 19);
    SUPPORT_CHECK(strcmp(text, "complained\nprinted\n") == 0);
    start_part_run(&start, context, CORDON__QUIET, START_WORDS("print"));
    SUPPORT_CHECK(start_end(&start, context) == 0);
    SUPPORT_CHECK(fcntl(fds[0], F_SETFL, O_NONBLOCK) == 0);
    SUPPORT_CHECK(read(fds[0], text, sizeof text) < 0 && errno == EAGAIN);
    return 0;
}

static void child_has_our_streams_unless_it_is_quiet(void **state)
{
    assert_int_equal(support_wait(support_fork(print_into_pipes, *state), SUPPORT_SOON), 0);
}

const struct CMUnitTest support_own_cases[] = {
    kit_test(pipe_is_close_on_exec_and_closed_by_who_has_spoken),
    kit_test(who_does_not_listen_does_not_hear_and_no_signal_comes),
    kit_test(pipe_that_is_full_does_not_hold_us),
    kit_test(what_could_have_been_given_is_taken),
    kit_test(what_could_not_is_eunsafe_and_stays_open),
    kit_test(it_is_said_once_and_only_when_asked_for),
    kit_test(log_is_0600_from_its_first_moment_and_keeps_its_mode),
    kit_test(log_that_is_no_file_of_ours_is_refused),
    kit_test(log_of_another_user_is_refused),
    kit_test(child_has_our_streams_unless_it_is_quiet),
    SUPPORT_NO_CASE,
};
