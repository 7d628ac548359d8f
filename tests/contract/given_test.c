/* A listening socket that was made elsewhere: what is taken, what of it is touched, what is left.
 */
#include "kit_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *address_of(const cordon__place *place)
{
    return cordon__place_path(place, CORDON_ADDRESS);
}

/* As a service manager makes it: in a directory that is there, 0600, listening. */
static int make_socket(const char *address, int backlog)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    const int          fd = socket(AF_UNIX, SOCK_STREAM, 0);

    SUPPORT_CHECK(fd >= 0);
    snprintf(name.sun_path, sizeof name.sun_path, "%s", address);
    SUPPORT_CHECK(bind(fd, (struct sockaddr *)&name, sizeof name) == 0);
    SUPPORT_CHECK(chmod(address, 0600) == 0 && listen(fd, backlog) == 0);
    return fd;
}

static cordon__listener *adopt(kit *it, int fd)
{
    cordon__listener *listener = NULL;

    SUPPORT_CODE(cordon__listen_on(&listener, it->place, fd, 0, &it->fault), CORDON_OK, &it->fault);
    return listener;
}

/* ---- taken ---- */

static void it_accepts_and_its_address_stays(void **state)
{
    kit              *it = *state;
    cordon__listener *listener;
    intptr_t          mine, theirs;
    int               given, kept;

    kit_serve(it, it->home);
    given = make_socket(address_of(it->place), 8);
    kept = dup(given); /* as whoever made it */
    listener = adopt(it, given);
    assert_true(fcntl(given, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(given, F_GETFL) & O_NONBLOCK);
    SUPPORT_CODE(cordon__connect(&mine, it->place, &it->fault), CORDON_OK, &it->fault);
    SUPPORT_CODE(cordon__accept(&theirs, listener, &it->fault), CORDON_OK, &it->fault);
    cordon__handle_close(theirs);
    cordon__handle_close(mine);
    assert_int_equal(cordon__listener_look(listener, &it->fault), CORDON_OK);
    cordon__unlisten(listener);
    cordon__listener_close(listener, NULL);
    assert_int_equal(fcntl(given, F_GETFD), -1);
    /* Whoever else has it is not disturbed: newcomers still get in there. */
    assert_true(support_exists(address_of(it->place)));
    SUPPORT_CODE(kit_knock(it, it->place), CORDON_OK, &it->fault);
    close(kept);
}

static void who_waited_before_is_accepted_too(void **state)
{
    kit              *it = *state;
    cordon__listener *listener;
    intptr_t          mine, theirs;
    int               count = 0;

    kit_serve(it, it->home);
    const int given = make_socket(address_of(it->place), 8);
    SUPPORT_CODE(cordon__connect(&mine, it->place, &it->fault), CORDON_OK, &it->fault);
    listener = adopt(it, given);
    while (cordon__accept(&theirs, listener, &it->fault) == CORDON_OK) {
        cordon__handle_close(theirs);
        count++;
    }
    assert_int_equal(count, 2); /* and the one that looked who answers */
    cordon__handle_close(mine);
    cordon__listener_close(listener, NULL);
}

static void address_that_went_is_told_as_gone_and_another_as_replaced(void **state)
{
    kit              *it = *state;
    cordon__listener *listener;
    int               other;

    kit_serve(it, it->home);
    listener = adopt(it, make_socket(address_of(it->place), 8));
    assert_int_equal(unlink(address_of(it->place)), 0);
    assert_int_equal(cordon__listener_look(listener, &it->fault), CORDON__GONE);
    other = make_socket(address_of(it->place), 8);
    assert_int_equal(cordon__listener_look(listener, &it->fault), CORDON__REPLACED);
    cordon__unlisten(listener);
    assert_true(support_exists(address_of(it->place)));
    cordon__listener_close(listener, NULL);
    close(other);
}

/* The link of a long directory is ours, the socket behind it not: only the link is made anew. */
static void link_that_went_is_made_anew_and_the_socket_left(void **state)
{
    kit              *it = *state;
    cordon__listener *listener;
    char              link[SUPPORT_PATH];
    struct stat       before, after;

    kit_serve(it, it->deep);
    listener = adopt(it, make_socket(address_of(it->place), 8));
    support_join(link, it->deep, "ipc.sock");
    assert_true(support_exists(link));
    assert_int_equal(lstat(address_of(it->place), &before), 0);
    assert_int_equal(unlink(link), 0);
    assert_int_equal(cordon__listener_look(listener, &it->fault), CORDON_OK);
    assert_true(support_exists(link));
    cordon__unlisten(listener);
    cordon__listener_close(listener, NULL);
    assert_true(support_exists(link));
    assert_int_equal(lstat(address_of(it->place), &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
}

/* ---- not taken: it stays the caller's, open ---- */

static void refused(kit *it, int fd, int code, const char *text)
{
    cordon__listener *listener = NULL;

    SUPPORT_CODE(cordon__listen_on(&listener, it->place, fd, 0, &it->fault), code, &it->fault);
    if (strstr(it->fault.text, text) == NULL)
        fail_msg("\"%s\", not \"%s\"", it->fault.text, text);
    assert_null(listener);
    if (fd >= 0)
        assert_true(fcntl(fd, F_GETFD) >= 0);
}

static void what_is_not_a_listener_of_ours_is_refused_and_stays_open(void **state)
{
    kit *it = *state;
    char other[SUPPORT_PATH];
    int  fd, pair[2];

    kit_serve(it, it->home);
    refused(it, -1, CORDON_EINVAL, "");
    assert_int_equal(pipe(pair), 0);
    refused(it, pair[0], CORDON_EUNSAFE, "no stream socket");
    close(pair[0]);
    close(pair[1]);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    refused(it, pair[0], CORDON_EUNSAFE, "does not listen");
    close(pair[0]);
    close(pair[1]);
    fd = make_socket(support_join(other, it->root, "ipc.sock"), 8);
    refused(it, fd, CORDON_EUNSAFE, "another address");
    close(fd);
    fd = make_socket(address_of(it->place), 8);
    assert_int_equal(chmod(address_of(it->place), 0620), 0);
    refused(it, fd, CORDON_EUNSAFE, "0600");
    assert_int_equal(it->fault.actual, 0620);
    close(fd);
}

static void one_of_another_user_is_refused(void **state)
{
    kit *it = *state;
    int  fd;

    support_need_root();
    kit_serve(it, it->home);
    fd = make_socket(address_of(it->place), 8);
    kit_give_to(address_of(it->place), 65533);
    refused(it, fd, CORDON_EUNSAFE, "another user");
    assert_int_equal(it->fault.actual, 65533);
    close(fd);
}

#if defined(__linux__) /* whose process listens is told there alone */
static void socket_whose_address_another_has_by_now_is_refused(void **state)
{
    kit *it = *state;
    int  first, second, status;

    kit_serve(it, it->home);
    first = make_socket(address_of(it->place), 8);
    assert_int_equal(unlink(address_of(it->place)), 0);
    const pid_t other = fork();
    if (other == 0) {
        second = make_socket(address_of(it->place), 8);
        pause();
        _exit(second);
    }
    while (!support_exists(address_of(it->place)) || kit_knock(it, it->place) != CORDON_OK)
        support_yield();
    refused(it, first, CORDON_EUNSAFE, "another socket");
    kill(other, SIGKILL);
    assert_int_equal(waitpid(other, &status, 0), other);
    close(first);
}
#endif

/* ---- a service manager's ---- */

static void say(const char *pid, const char *count, const char *names)
{
    pid ? setenv("LISTEN_PID", pid, 1) : unsetenv("LISTEN_PID");
    count ? setenv("LISTEN_FDS", count, 1) : unsetenv("LISTEN_FDS");
    names ? setenv("LISTEN_FDNAMES", names, 1) : unsetenv("LISTEN_FDNAMES");
}

static void found(kit *it, const char *name, int code, intptr_t expected)
{
    intptr_t handle = CORDON__NO_HANDLE;

    SUPPORT_CHECK(cordon__listener_given(&handle, name, &it->fault) == code);
    SUPPORT_CHECK(handle == expected);
}

/* In a child: descriptors 3 to 5 are its own there. */
static int finds(void *context)
{
    const intptr_t none = CORDON__NO_HANDLE;
    kit           *it = context;
    char           me[32], before[32];

    for (int fd = 3; fd <= 5; fd++)
        SUPPORT_CHECK(dup2(0, fd) == fd && fcntl(fd, F_SETFD, 0) == 0);
    close(6);
    snprintf(me, sizeof me, "%ld", (long)getpid());
    snprintf(before, sizeof before, "%ld0", (long)getpid());
    say(NULL, "1", NULL);
    found(it, NULL, CORDON_ENOTRUNNING, none);
    say(before, "1", NULL);
    found(it, NULL, CORDON_ENOTRUNNING, none);
    say(me, NULL, NULL);
    found(it, NULL, CORDON_EINVAL, none);
    say(me, "0", NULL);
    found(it, NULL, CORDON_EINVAL, none);
    say(me, "1x", NULL);
    found(it, NULL, CORDON_EINVAL, none);
    say(me, "4", NULL);
    found(it, NULL, CORDON_EUNSAFE, none);
    say(me, "1", NULL);
    found(it, NULL, CORDON_OK, 3);
    SUPPORT_CHECK((fcntl(3, F_GETFD) & FD_CLOEXEC) && strcmp(getenv("LISTEN_PID"), me) == 0);
    say(me, "3", "web:tray:web");
    found(it, NULL, CORDON_EINVAL, none);
    found(it, "tray", CORDON_OK, 4);
    SUPPORT_CHECK((fcntl(5, F_GETFD) & FD_CLOEXEC) != 0); /* not the others either */
    found(it, "web", CORDON_EINVAL, none);
    found(it, "tra", CORDON_EINVAL, none);
    found(it, "", CORDON_EINVAL, none);
    say(me, "2", "web:tray:third");
    found(it, "third", CORDON_EINVAL, none);
    say(me, "2", NULL);
    found(it, "web", CORDON_EINVAL, none);
    return 0;
}

static void service_managers_socket_is_found_by_pid_and_name(void **state)
{
    assert_int_equal(support_wait(support_fork(finds, *state), SUPPORT_SOON), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(it_accepts_and_its_address_stays),
        kit_test(who_waited_before_is_accepted_too),
        kit_test(address_that_went_is_told_as_gone_and_another_as_replaced),
        kit_test(link_that_went_is_made_anew_and_the_socket_left),
        kit_test(what_is_not_a_listener_of_ours_is_refused_and_stays_open),
        kit_test(one_of_another_user_is_refused),
#if defined(__linux__)
        kit_test(socket_whose_address_another_has_by_now_is_refused),
#endif
        kit_test(service_managers_socket_is_found_by_pid_and_name),
    };

    return cmocka_run_group_tests_name("contract_given", tests, NULL, NULL);
}
