/* The listening end on POSIX: the socket file, what is taken over, what is left alone. */
#include "kit_posix.h"
#include "listen_kit.h"

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

static int clear(kit *it)
{
    return cordon__address_clear(it->place, &it->fault);
}

/* ---- the socket file ---- */

static void address_is_0600_whatever_the_umask(void **state)
{
    static const mode_t umasks[] = {0, 022, 077, 0777};
    kit                *it = *state;

    kit_serve(it, it->home);
    for (size_t i = 0; i < sizeof umasks / sizeof umasks[0]; i++) {
        const mode_t      before = umask(umasks[i]);
        cordon__listener *listener = kit_listen(it, it->place);

        assert_int_equal(umask(before), umasks[i]);
        assert_int_equal(support_mode(address_of(it->place)), 0600);
        SUPPORT_CODE(kit_knock(it, it->place), CORDON_OK, &it->fault);
        cordon__unlisten(listener);
        cordon__listener_close(listener, NULL);
        assert_false(support_exists(address_of(it->place)));
    }
}

static void steps_are_told(void **state)
{
    kit              *it = *state;
    cordon__listener *listener;

    kit_serve(it, it->home);
    it->steps[0] = '\0';
    listener = kit_listen(it, it->place);
    assert_string_equal(it->steps, "clear address:0 bind:0 listen:0 ");
    cordon__listener_close(listener, NULL);
}

static int connects_as_another(void *context)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int          fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(address.sun_path, sizeof address.sun_path, "%s", (const char *)context);
    SUPPORT_CHECK(connect(fd, (struct sockaddr *)&address, sizeof address) != 0);
    SUPPORT_CHECK(errno == EACCES);
    return 0;
}

static void another_user_cannot_connect_even_in_an_open_directory(void **state)
{
    kit              *it = *state;
    cordon__listener *listener;

    support_need_root();
    kit_serve(it, it->home);
    listener = kit_listen(it, it->place);
    assert_int_equal(chmod(it->root, 0755), 0);
    assert_int_equal(chmod(it->home, 0755), 0);
    assert_int_equal(support_wait(support_fork_as(SUPPORT_OTHER_UID, connects_as_another,
                                                  (void *)(uintptr_t)address_of(it->place)),
                                  SUPPORT_SOON),
                     0);
    cordon__listener_close(listener, NULL);
}

static void something_that_appeared_in_the_way_is_unsafe_and_stays(void **state)
{
    kit              *it = *state;
    cordon__listener *listener = NULL;
    const int         before = support_count_descriptors();

    kit_serve(it, it->home);
    kit_leave_socket(address_of(it->place));
    SUPPORT_CODE(cordon__listen(&listener, it->place, 8, 0, &it->fault), CORDON_EUNSAFE,
                 &it->fault);
    assert_null(listener);
    assert_true(support_exists(address_of(it->place)));
    assert_int_equal(support_count_descriptors(), before + 1); /* the directory's */
}

/* ---- clearing ---- */

static void stale_socket_of_ours_is_removed(void **state)
{
    kit *it = *state;

    kit_serve(it, it->home);
    kit_leave_socket(address_of(it->place));
    SUPPORT_CODE(clear(it), CORDON_OK, &it->fault);
    assert_false(support_exists(address_of(it->place)));
    SUPPORT_CODE(clear(it), CORDON_OK, &it->fault);
}

static void check_refused(kit *it)
{
    SUPPORT_CODE(clear(it), CORDON_EUNSAFE, &it->fault);
    assert_string_equal(it->fault.path, address_of(it->place));
    assert_string_equal(it->fault.during, "clear address");
    assert_true(it->fault.text[0] != '\0');
    assert_true(support_exists(address_of(it->place)));
}

static void what_is_no_socket_is_refused_and_untouched(void **state)
{
    kit        *it = *state;
    char        victim[SUPPORT_PATH], live[SUPPORT_PATH], data[8];
    const char *address;

    kit_serve(it, it->home);
    address = address_of(it->place);
    support_write(address, "precious", 8, 0600);
    check_refused(it);
    assert_int_equal(support_read(address, data, sizeof data), 8);
    assert_int_equal(unlink(address), 0);
    assert_int_equal(mkdir(address, 0700), 0);
    check_refused(it);
    assert_int_equal(rmdir(address), 0);
    assert_int_equal(mkfifo(address, 0600), 0);
    check_refused(it);
    assert_int_equal(unlink(address), 0);
    assert_int_equal(symlink("nowhere", address), 0);
    check_refused(it);
    assert_int_equal(unlink(address), 0);
    support_write(support_join(victim, it->root, "victim"), "", 0, 0600);
    assert_int_equal(symlink(victim, address), 0);
    check_refused(it);
    assert_int_equal(unlink(address), 0);
    kit_leave_socket(support_join(live, it->root, "live"));
    assert_int_equal(symlink(live, address), 0);
    check_refused(it);
    assert_true(support_exists(live));
}

static void socket_of_another_user_is_refused_and_untouched(void **state)
{
    kit *it = *state;

    support_need_root();
    kit_serve(it, it->home);
    kit_leave_socket(address_of(it->place));
    kit_give_to(address_of(it->place), SUPPORT_OTHER_UID);
    check_refused(it);
    assert_int_equal(it->fault.actual, SUPPORT_OTHER_UID);
}

/* ---- accepting ---- */

static void address_of_one_that_ends_is_nobodys_at_once(void **state)
{
    kit              *it = *state;
    cordon__listener *listener;

    kit_serve(it, it->home);
    listener = kit_listen(it, it->place);
    cordon__unlisten(listener);
    SUPPORT_CODE(kit_knock(it, it->place), CORDON_ENOTRUNNING, &it->fault);
    cordon__listener_close(listener, NULL);
}

static void accepted_are_close_on_exec_and_do_not_block(void **state)
{
    kit              *it = *state;
    cordon__listener *listener;
    intptr_t          mine, theirs = CORDON__NO_HANDLE;

    kit_serve(it, it->home);
    listener = kit_listen(it, it->place);
    assert_int_equal(cordon__accept(&theirs, listener, &it->fault), CORDON__NOBODY);
    SUPPORT_CODE(cordon__connect(&mine, it->place, &it->fault), CORDON_OK, &it->fault);
    SUPPORT_CODE(cordon__accept(&theirs, listener, &it->fault), CORDON_OK, &it->fault);
    for (int i = 0; i < 2; i++) {
        const int fd = (int)(i ? mine : theirs);

        assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
        cordon__handle_close(fd);
    }
    assert_int_equal(cordon__accept(&theirs, listener, &it->fault), CORDON__NOBODY);
    cordon__listener_close(listener, NULL);
}

static void out_of_descriptors_is_ebusy_and_passes(void **state)
{
    kit              *it = *state;
    cordon__listener *listener;
    intptr_t          mine, theirs;
    struct rlimit     usual, low;

    if (support_is_in_valgrind())
        SUPPORT_SKIP("valgrind has descriptors of its own");
    kit_serve(it, it->home);
    listener = kit_listen(it, it->place);
    SUPPORT_CODE(cordon__connect(&mine, it->place, &it->fault), CORDON_OK, &it->fault);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
    low = usual;
    low.rlim_cur = (rlim_t)mine + 1; /* the next one is over */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    const int code = cordon__accept(&theirs, listener, &it->fault);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
    SUPPORT_CODE(code, CORDON_EBUSY, &it->fault);
    assert_int_equal(it->fault.os_code, EMFILE);
    SUPPORT_CODE(cordon__accept(&theirs, listener, &it->fault), CORDON_OK, &it->fault);
    cordon__handle_close(theirs);
    cordon__handle_close(mine);
    cordon__listener_close(listener, NULL);
}

/* He holds on to the socket file, as one does who has just found it when it goes. */
static void nobody_gets_into_the_queue_once_the_address_has_gone(void **state)
{
#if defined(__linux__)
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    kit               *it = *state;
    cordon__listener  *listener;
    intptr_t           theirs;
    int                fd;

    kit_serve(it, it->home);
    listener = kit_listen(it, it->place);
    snprintf(address.sun_path, sizeof address.sun_path, "%.90s/held", it->home);
    assert_int_equal(link(address_of(it->place), address.sun_path), 0);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    close(fd);
    cordon__unlisten(listener);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), -1);
    assert_int_equal(errno, ECONNREFUSED);
    close(fd);
    SUPPORT_CODE(cordon__accept(&theirs, listener, &it->fault), CORDON_OK, &it->fault);
    cordon__handle_close(theirs);
    assert_int_equal(cordon__accept(&theirs, listener, &it->fault), CORDON__NOBODY);
    cordon__listener_close(listener, NULL);
#else
    (void)state;
    SUPPORT_SKIP("only Linux closes a queue and keeps who is in it");
#endif
}

/* ---- on a loop ---- */

static int closes_all(void *context)
{
    host *self = context;

    cordon__unlisten(self->listener);
    cordon__listener_close(self->listener, host_hear_closed);
    return (int)self->closed;
}

static void child_that_closes_all_leaves_the_address_and_the_loop_alone(void **state)
{
    kit *it = *state;
    host self = {0};

    kit_serve(it, it->home);
    uv_loop_init(&self.loop);
    self.listener = kit_listen(it, it->place);
    SUPPORT_CODE(
        cordon__listener_attach(self.listener, &self.loop, host_accept_one, &self, &it->fault),
        CORDON_OK, &it->fault);
    host_run(&self); /* so that epoll has it */
    assert_int_equal(support_wait(support_fork(closes_all, &self), SUPPORT_SOON), 0);
    assert_true(support_exists(address_of(it->place)));
    SUPPORT_CODE(kit_knock(it, it->place), CORDON_OK, &it->fault);
    host_run(&self);
    assert_int_equal(self.accepted, 1);
    cordon__unlisten(self.listener);
    cordon__listener_close(self.listener, host_hear_closed);
    uv_run(&self.loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&self.loop), 0);
}

/* ---- looking, and the end ---- */

static void look_tells_what_became_of_the_address(void **state)
{
    kit              *it = *state;
    cordon__listener *listener;
    char              aside[SUPPORT_PATH];

    kit_serve(it, it->home);
    listener = kit_listen(it, it->place);
    assert_int_equal(cordon__listener_look(listener, &it->fault), CORDON_OK);
    support_join(aside, it->home, "aside");
    assert_int_equal(rename(address_of(it->place), aside), 0);
    assert_int_equal(cordon__listener_look(listener, &it->fault), CORDON__GONE);
    kit_leave_socket(address_of(it->place));
    assert_int_equal(cordon__listener_look(listener, &it->fault), CORDON__REPLACED);
    assert_string_equal(it->fault.path, address_of(it->place));
    assert_int_equal(rename(aside, address_of(it->place)), 0);
    assert_int_equal(cordon__listener_look(listener, &it->fault), CORDON_OK);
    /* The whole directory under another name: nothing is where it should be. */
    support_join(aside, it->root, "moved");
    assert_int_equal(rename(it->home, aside), 0);
    assert_int_equal(cordon__listener_look(listener, &it->fault), CORDON__GONE);
    cordon__listener_close(listener, NULL);
}

static void what_somebody_else_put_there_stays_at_the_end(void **state)
{
    kit              *it = *state;
    cordon__listener *listener;
    const char       *address;

    kit_serve(it, it->home);
    address = address_of(it->place);
    listener = kit_listen(it, it->place);
    assert_int_equal(unlink(address), 0);
    kit_leave_socket(address);
    cordon__unlisten(listener);
    assert_true(support_exists(address));
    assert_int_equal(unlink(address), 0);
    support_write(address, "", 0, 0600);
    cordon__unlisten(listener);
    assert_true(support_exists(address));
    cordon__listener_close(listener, NULL);
}

static void reused_inode_is_not_taken_for_ours(void **state)
{
    kit              *it = *state;
    struct stat       ours, other;
    cordon__listener *listener;
    const char       *address;

    /* While the listener is open its inode is not free: whatever comes to the address has
     * another number, on file systems that reuse them at once too. */
    kit_serve(it, it->home);
    address = address_of(it->place);
    listener = kit_listen(it, it->place);
    assert_int_equal(lstat(address, &ours), 0);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(unlink(address), 0);
        kit_leave_socket(address);
        assert_int_equal(lstat(address, &other), 0);
        assert_true(other.st_ino != ours.st_ino);
        assert_int_equal(cordon__listener_look(listener, &it->fault), CORDON__REPLACED);
    }
    cordon__unlisten(listener);
    assert_true(support_exists(address));
    cordon__listener_close(listener, NULL);
}

const struct CMUnitTest support_own_cases[] = {
    kit_test(address_is_0600_whatever_the_umask),
    kit_test(steps_are_told),
    kit_test(another_user_cannot_connect_even_in_an_open_directory),
    kit_test(something_that_appeared_in_the_way_is_unsafe_and_stays),
    kit_test(stale_socket_of_ours_is_removed),
    kit_test(what_is_no_socket_is_refused_and_untouched),
    kit_test(socket_of_another_user_is_refused_and_untouched),
    kit_test(address_of_one_that_ends_is_nobodys_at_once),
    kit_test(accepted_are_close_on_exec_and_do_not_block),
    kit_test(out_of_descriptors_is_ebusy_and_passes),
    kit_test(nobody_gets_into_the_queue_once_the_address_has_gone),
    kit_test(child_that_closes_all_leaves_the_address_and_the_loop_alone),
    kit_test(look_tells_what_became_of_the_address),
    kit_test(what_somebody_else_put_there_stays_at_the_end),
    kit_test(reused_inode_is_not_taken_for_ours),
    SUPPORT_NO_CASE,
};
