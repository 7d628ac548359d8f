/* One attempt to reach the server, on POSIX: what may lie at a path, and who may look at it. */
#include "kit_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static const char *address_of(const cordon__place *place)
{
    return cordon__place_path(place, CORDON_ADDRESS);
}

static void check(kit *it, int expected)
{
    SUPPORT_CODE(kit_knock(it, it->place), expected, &it->fault);
    if (expected < 0) {
        assert_string_equal(it->fault.path, address_of(it->place));
        assert_string_equal(it->fault.during, "connect");
    }
}

static int bind_socket(const char *path, int kind)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int          fd = socket(AF_UNIX, kind | SOCK_CLOEXEC, 0);

    memcpy(address.sun_path, path, strlen(path) + 1);
    SUPPORT_CHECK(bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
    return fd;
}

static void nobody_there_is_told_with_the_systems_reason(void **state)
{
    kit *it = *state;

    kit_serve(it, it->home);
    check(it, CORDON_ENOTRUNNING);
    assert_int_equal(it->fault.os_code, ENOENT);
    kit_leave_socket(address_of(it->place));
    check(it, CORDON_ENOTRUNNING);
    assert_int_equal(it->fault.os_code, ECONNREFUSED);
    assert_true(support_exists(address_of(it->place))); /* a client removes nothing */
}

static void socket_between_bind_and_listen_is_nobody_and_stays(void **state)
{
    kit *it = *state;
    int  fd;

    kit_serve(it, it->home);
    fd = bind_socket(address_of(it->place), SOCK_STREAM);
    check(it, CORDON_ENOTRUNNING);
    assert_int_equal(listen(fd, 1), 0);
    check(it, CORDON_OK);
    close(fd);
}

static void connection_is_close_on_exec_and_does_not_block(void **state)
{
    kit              *it = *state;
    cordon__listener *listener;
    intptr_t          handle;

    kit_serve(it, it->home);
    listener = kit_listen(it, it->place);
    it->steps[0] = '\0';
    SUPPORT_CODE(cordon__connect(&handle, it->place, &it->fault), CORDON_OK, &it->fault);
    assert_string_equal(it->steps, "connect:0 ");
    assert_true(fcntl((int)handle, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl((int)handle, F_GETFL) & O_NONBLOCK);
    cordon__handle_close(handle);
    cordon__listener_close(listener, NULL);
}

static void what_is_no_socket_is_unsafe(void **state)
{
    kit              *it = *state;
    cordon__listener *listener;
    char              aside[SUPPORT_PATH];
    const char       *address;
    int               fd;

    kit_serve(it, it->home);
    address = address_of(it->place);
    support_write(address, "", 0, 0600);
    check(it, CORDON_EUNSAFE);
    assert_int_equal(unlink(address), 0);
    assert_int_equal(mkdir(address, 0700), 0);
    check(it, CORDON_EUNSAFE);
    assert_int_equal(rmdir(address), 0);
    assert_int_equal(mkfifo(address, 0600), 0);
    check(it, CORDON_EUNSAFE);
    assert_int_equal(unlink(address), 0);
    fd = bind_socket(address, SOCK_DGRAM);
    check(it, CORDON_EUNSAFE);
    close(fd);
    assert_int_equal(unlink(address), 0);
    /* The kernel would follow a link to somebody who listens. */
    listener = kit_listen(it, it->place);
    assert_int_equal(rename(address, support_join(aside, it->home, "aside")), 0);
    assert_int_equal(symlink(aside, address), 0);
    check(it, CORDON_EUNSAFE);
    cordon__listener_close(listener, NULL);
}

static int is_denied(void *context)
{
    kit *it = context;

    it->place = kit_visit(it, it->home);
    SUPPORT_CODE(kit_knock(it, it->place), CORDON_EDENIED, &it->fault);
    SUPPORT_CHECK(it->fault.os_code == EACCES);
    return 0;
}

static int look_and_knock(kit *it)
{
    SUPPORT_CODE(cordon__private_open(it->place, 0, &it->fault), CORDON_OK, &it->fault);
    return kit_knock(it, it->place);
}

/* A directory at rest is not asked what the address is, every time; once it changes, it is. */
static void what_comes_into_a_directory_at_rest_is_looked_at(void **state)
{
    kit              *it = *state;
    cordon__listener *listener;
    char              aside[SUPPORT_PATH];

    kit_serve(it, it->home);
    listener = kit_listen(it, it->place);
    assert_int_equal(look_and_knock(it), CORDON_OK);
    assert_false(it->place->home.is_settled); /* it has just changed */
    for (int i = 0; i < 1000 && !it->place->home.is_settled; i++) {
        intptr_t handle;

        while (cordon__accept(&handle, listener, &it->fault) == CORDON_OK)
            cordon__handle_close(handle);
        cordon__pause(10);
        assert_int_equal(look_and_knock(it), CORDON_OK);
    }
    assert_true(it->place->home.is_settled);
    /* The kernel would follow it to who listens. */
    assert_int_equal(rename(address_of(it->place), support_join(aside, it->home, "aside")), 0);
    assert_int_equal(symlink(aside, address_of(it->place)), 0);
    SUPPORT_CODE(look_and_knock(it), CORDON_EUNSAFE, &it->fault);
    assert_int_equal(unlink(address_of(it->place)), 0);
    SUPPORT_CODE(look_and_knock(it), CORDON_ENOTRUNNING, &it->fault);
    assert_int_equal(rename(aside, address_of(it->place)), 0);
    assert_int_equal(look_and_knock(it), CORDON_OK);
    cordon__listener_close(listener, NULL);
}

static void closed_socket_of_another_user_is_denied(void **state)
{
    kit              *it = *state;
    cordon__listener *listener;

    support_need_root();
    kit_serve(it, it->home);
    listener = kit_listen(it, it->place);
    kit_give_to(it->home, SUPPORT_OTHER_UID);
    assert_int_equal(chmod(it->root, 0755), 0);
    assert_int_equal(support_wait(support_fork_as(SUPPORT_OTHER_UID, is_denied, it), SUPPORT_SOON),
                     0);
    cordon__listener_close(listener, NULL);
}

static void out_of_descriptors_is_ebusy(void **state)
{
    kit              *it = *state;
    cordon__listener *listener;
    struct rlimit     usual, low;
    int               code;
    int               next;

    kit_serve(it, it->home);
    listener = kit_listen(it, it->place);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
    low = usual;
    next = dup(0);
    low.rlim_cur = (rlim_t)next;
    close(next);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    code = kit_knock(it, it->place);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
    SUPPORT_CODE(code, CORDON_EBUSY, &it->fault);
    check(it, CORDON_OK);
    cordon__listener_close(listener, NULL);
}

static void server_in_a_new_directory_is_found_when_the_old_was_moved_away(void **state)
{
    kit              *it = *state;
    cordon__place    *visitor;
    cordon__listener *listener;
    char              aside[SUPPORT_PATH];

    assert_int_equal(mkdir(it->home, 0700), 0);
    visitor = kit_visit(it, it->home);
    assert_int_equal(rename(it->home, support_join(aside, it->root, "aside")), 0);
    SUPPORT_CODE(cordon__private_open(visitor, 0, &it->fault), CORDON_OK, &it->fault);
    SUPPORT_CODE(kit_knock(it, visitor), CORDON_ENOTRUNNING, &it->fault);
    kit_serve(it, it->home);
    listener = kit_listen(it, it->place);
    SUPPORT_CODE(cordon__private_open(visitor, 0, &it->fault), CORDON_OK, &it->fault);
    SUPPORT_CODE(kit_knock(it, visitor), CORDON_OK, &it->fault);
    cordon__listener_close(listener, NULL);
    cordon__place_close(visitor);
}

const struct CMUnitTest support_own_cases[] = {
    kit_test(nobody_there_is_told_with_the_systems_reason),
    kit_test(socket_between_bind_and_listen_is_nobody_and_stays),
    kit_test(connection_is_close_on_exec_and_does_not_block),
    kit_test(what_is_no_socket_is_unsafe),
    kit_test(what_comes_into_a_directory_at_rest_is_looked_at),
    kit_test(closed_socket_of_another_user_is_denied),
    kit_test(out_of_descriptors_is_ebusy),
    kit_test(server_in_a_new_directory_is_found_when_the_old_was_moved_away),
    SUPPORT_NO_CASE,
};
