/* Who is at the other end on POSIX: what the kernel says, and the verdict. */
#include "kit_posix.h"

#include "../../src/posix/peer.h"

#include <errno.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define ALL (CORDON_PEER_UID | CORDON_PEER_GID | CORDON_PEER_PID)

static cordon__identity ask(int fd)
{
    cordon_fault     fault = CORDON_FAULT_INIT;
    cordon__identity peer;

    memset(&peer, 0xAA, sizeof peer);
    SUPPORT_CODE(cordon__peer_ask(&peer, fd, 0, &fault), CORDON_OK, &fault);
    return peer;
}

/* ---- what the kernel says ---- */

static void both_ends_of_a_pair_are_named(void **state)
{
    int fds[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    for (int i = 0; i < 2; i++) {
        const cordon__identity peer = ask(fds[i]);

        assert_int_equal(peer.known, ALL);
        assert_int_equal(peer.uid, geteuid());
        assert_int_equal(peer.gid, getegid());
        assert_int_equal(peer.pid, getpid());
        assert_string_equal(peer.sid, "");
        close(fds[i]);
    }
}

static void peer_is_still_named_after_it_has_gone(void **state)
{
    int fds[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    close(fds[1]);
    assert_int_equal(ask(fds[0]).uid, geteuid());
    close(fds[0]);
}

static void what_is_no_socket_is_an_error(void **state)
{
    cordon_fault     fault = CORDON_FAULT_INIT;
    cordon__identity peer;
    int              fds[2];

    (void)state;
    assert_int_equal(pipe(fds), 0);
    SUPPORT_CODE(cordon__peer_ask(&peer, fds[0], 0, &fault), CORDON_ESYSTEM, &fault);
    assert_int_equal(fault.os_code, ENOTSOCK);
    close(fds[0]);
    close(fds[1]);
}

typedef struct stranger {
    char           path[SUPPORT_PATH];
    support_signal told, done;
} stranger;

/* Root makes the socket, another user listens: as whom the kernel knows the server. */
static int listens_as_another(void *context)
{
    stranger          *self = context;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int          fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char               byte;
    int                peer;

    memcpy(address.sun_path, self->path, strlen(self->path) + 1);
    SUPPORT_CHECK(bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
    SUPPORT_CHECK(setegid(SUPPORT_OTHER_UID) == 0 && seteuid(SUPPORT_OTHER_UID) == 0);
    SUPPORT_CHECK(listen(fd, 8) == 0);
    support_signal_send(&self->told, 'l');
    SUPPORT_CHECK((peer = accept(fd, NULL, NULL)) >= 0);
    SUPPORT_CHECK(read(peer, &byte, 1) == 0); /* the end, and not a byte before it */
    return 0;
}

static void server_of_another_user_is_an_impostor_and_gets_no_byte(void **state)
{
    kit             *it = *state;
    stranger         self;
    cordon__identity peer;
    intptr_t         handle;
    pid_t            pid;

    support_need_root();
    kit_serve(it, it->home);
    snprintf(self.path, sizeof self.path, "%s", cordon__place_path(it->place, CORDON_ADDRESS));
    support_signal_open(&self.told);
    pid = support_fork(listens_as_another, &self);
    assert_int_equal(support_signal_wait(&self.told, SUPPORT_SOON), 'l');
    SUPPORT_CODE(cordon__connect(&handle, it->place, &it->fault), CORDON_OK, &it->fault);
    peer = ask((int)handle);
    assert_int_equal(peer.uid, SUPPORT_OTHER_UID);
    assert_int_equal(peer.gid, SUPPORT_OTHER_UID);
    assert_int_equal(peer.pid, pid);
    SUPPORT_CODE(cordon__peer_judge(&peer, cordon__peer_own(), CORDON_TRUST_ROOT, &it->fault),
                 CORDON_EIMPOSTOR, &it->fault);
    assert_int_equal(it->fault.expected, 0);
    assert_int_equal(it->fault.actual, SUPPORT_OTHER_UID);
    cordon__handle_close(handle);
    assert_int_equal(support_wait(pid, SUPPORT_SOON), 0);
    support_signal_close(&self.told);
}

static int judges_root(void *context)
{
    const cordon__identity peer = ask(*(int *)context);
    cordon_fault           fault = CORDON_FAULT_INIT;

    SUPPORT_CHECK(peer.uid == 0);
    SUPPORT_CODE(cordon__peer_judge(&peer, cordon__peer_own(), 0, &fault), CORDON_EIMPOSTOR,
                 &fault);
    SUPPORT_CODE(cordon__peer_judge(&peer, cordon__peer_own(), CORDON_TRUST_ROOT, &fault),
                 CORDON_OK, &fault);
    return 0;
}

static void root_is_a_stranger_unless_asked_for(void **state)
{
    int fds[2];

    (void)state;
    support_need_root();
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    assert_int_equal(
        support_wait(support_fork_as(SUPPORT_OTHER_UID, judges_root, &fds[0]), SUPPORT_SOON), 0);
    close(fds[0]);
    close(fds[1]);
}

#define NO_NAMESPACE 77

static int judges_from_another_namespace(void *context)
{
    cordon_fault     fault = CORDON_FAULT_INIT;
    cordon__identity peer;

    if (unshare(CLONE_NEWUSER) != 0)
        return NO_NAMESPACE;
    peer = ask(*(int *)context);
    SUPPORT_CHECK(peer.uid == geteuid()); /* nobody, as we are now ourselves */
    SUPPORT_CODE(cordon__peer_judge(&peer, cordon__peer_own(), 0, &fault), CORDON_EIMPOSTOR,
                 &fault);
    SUPPORT_CODE(cordon__peer_judge(&peer, cordon__peer_own(), CORDON_TRUST_ROOT, &fault),
                 CORDON_EIMPOSTOR, &fault);
    return 0;
}

static void whom_the_kernel_cannot_name_is_a_stranger_also_to_nobody(void **state)
{
    int fds[2];
    int status;

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    status = support_wait(support_fork(judges_from_another_namespace, &fds[0]), SUPPORT_SOON);
    close(fds[0]);
    close(fds[1]);
    if (status == NO_NAMESPACE)
        SUPPORT_SKIP("no user namespaces for us here");
    assert_int_equal(status, 0);
}

/* ---- the verdict ---- */

static void verdict_is_a_table(void **state)
{
    static const struct {
        unsigned known;
        uint32_t uid, own, overflow;
        unsigned flags;
        int      is_ours;
    } cases[] = {
        {ALL, 1000, 1000, 65534, 0, 1},
        {ALL, 1000, 1001, 65534, 0, 0},
        {CORDON_PEER_UID, 1000, 1000, 65534, 0, 1},
        {CORDON_PEER_GID | CORDON_PEER_PID, 1000, 1000, 65534, 0, 0},
        {0, 0, 0, 65534, 0, 0}, /* unknown is not 0 */
        {0, 0, 0, 65534, CORDON_TRUST_ROOT, 0},
        {ALL, 0, 1000, 65534, 0, 0},
        {ALL, 0, 1000, 65534, CORDON_TRUST_ROOT, 1},
        {ALL, 0, 0, 65534, 0, 1},
        {ALL, 1000, 0, 65534, CORDON_TRUST_ROOT, 0}, /* and not the other way round */
        {ALL, 65534, 65534, 65534, 0, 0},
        {ALL, 65534, 65534, 65534, CORDON_TRUST_ROOT, 0},
        {ALL, 65534, 65534, 99, 0, 1}, /* nobody by name, where another number overflows */
        {ALL, 99, 99, 99, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cordon__identity peer = {.known = cases[i].known, .uid = cases[i].uid};

        assert_int_equal(
            cordon__peer_is_ours(&peer, cases[i].own, cases[i].overflow, cases[i].flags),
            cases[i].is_ours);
    }
}

static void impostor_is_told_with_both_users(void **state)
{
    cordon__identity peer = {.known = ALL, .uid = (uint32_t)geteuid() + 1};
    cordon_fault     fault = CORDON_FAULT_INIT;

    (void)state;
    SUPPORT_CODE(cordon__peer_judge(&peer, cordon__peer_own(), 0, &fault), CORDON_EIMPOSTOR,
                 &fault);
    assert_int_equal(fault.expected, geteuid());
    assert_int_equal(fault.actual, geteuid() + 1);
    assert_string_equal(fault.during, "check peer");
    peer.known = 0;
    SUPPORT_CODE(cordon__peer_judge(&peer, cordon__peer_own(), 0, &fault), CORDON_EIMPOSTOR,
                 &fault);
}

const struct CMUnitTest support_own_cases[] = {
    cmocka_unit_test(both_ends_of_a_pair_are_named),
    cmocka_unit_test(peer_is_still_named_after_it_has_gone),
    cmocka_unit_test(what_is_no_socket_is_an_error),
    kit_test(server_of_another_user_is_an_impostor_and_gets_no_byte),
    cmocka_unit_test(root_is_a_stranger_unless_asked_for),
    cmocka_unit_test(whom_the_kernel_cannot_name_is_a_stranger_also_to_nobody),
    cmocka_unit_test(verdict_is_a_table),
    cmocka_unit_test(impostor_is_told_with_both_users),
    SUPPORT_NO_CASE,
};
