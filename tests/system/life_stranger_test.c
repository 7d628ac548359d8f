/*
 * Other users, root, and those whom the kernel cannot name: none of them reaches a handler or
 * receives a byte. Case 17.
 */
#include "life_posix.h"

#include <signal.h>
#include <sys/fsuid.h>
#include <sys/socket.h>
#include <sys/stat.h>

static char root[SUPPORT_PATH];
static char address[SUPPORT_PATH]; /* <root>/ipc.sock */

static int set_up(void **state)
{
    (void)state;
    support_directory(root);
    support_join(address, root, "ipc.sock");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    support_directory_remove(root);
    return 0;
}

static int ask(cordon_endpoint *endpoint, int timeout_ms, cordon_fault *fault)
{
    cordon_call_options options = CORDON_CALL_OPTIONS_INIT;
    cordon_buffer       reply = CORDON_BUFFER_INIT;
    int                 code;

    options.timeout_ms = timeout_ms;
    code = cordon_call(&reply, endpoint, cordon_text("ask"), &options, fault);
    cordon_buffer_free(&reply);
    return code;
}

/* ---- somebody else's server ---- */

typedef struct capture { /* a listener that writes down all that it gets */
    support_signal told; /* 'r' it listens; then a byte for each that it was sent */
    const char    *directory;
} capture;

/* bind by name needs our rights, listen fixes whom the kernel names. */
static int listen_as_another(void *context)
{
    capture *what = context;
    char     path[SUPPORT_PATH], byte;
    int      listener = life_bind(support_join(path, what->directory, "ipc.sock"), -1);

    SUPPORT_CHECK(chmod(path, 0600) == 0);
    SUPPORT_CHECK(seteuid(SUPPORT_OTHER_UID) == 0);
    support_end_with_parent();
    SUPPORT_CHECK(listen(listener, 8) == 0);
    support_signal_send(&what->told, 'r');
    for (int client = accept(listener, NULL, NULL); client >= 0;
         client = accept(listener, NULL, NULL)) {
        while (recv(client, &byte, 1, 0) == 1)
            support_signal_send(&what->told, byte);
        close(client);
        support_signal_send(&what->told, '.'); /* one is done */
    }
    return 1;
}

static void write_token(const char *directory, uid_t owner)
{
    char path[SUPPORT_PATH], digits[64];

    memset(digits, 'a', sizeof digits);
    support_write(support_join(path, directory, "ipc-token"), digits, sizeof digits, 0600);
    SUPPORT_CHECK(lchown(path, owner, owner) == 0);
}

static void server_of_another_user_receives_not_a_byte(void **state)
{
    cordon_endpoint *endpoint = support_endpoint(root);
    cordon_session  *session = NULL;
    cordon_fault     fault = CORDON_FAULT_INIT;
    capture          what = {{{-1, -1}}, root};
    pid_t            pid;

    (void)state;
    support_need_root();
    support_signal_open(&what.told);
    pid = support_fork(listen_as_another, &what);
    assert_int_equal(support_signal_wait(&what.told, SUPPORT_SOON), 'r');
    write_token(root, 0);

    SUPPORT_CODE(ask(endpoint, SUPPORT_SOON, &fault), CORDON_EIMPOSTOR, &fault);
    assert_int_equal(fault.is_sent, 0);
    assert_int_equal(fault.expected, 0);
    assert_int_equal(fault.actual, SUPPORT_OTHER_UID);
    assert_int_equal(support_signal_wait(&what.told, SUPPORT_SOON), '.');
    SUPPORT_CODE(cordon_session_open(&session, endpoint, NULL, &fault), CORDON_EIMPOSTOR, &fault);
    assert_int_equal(support_signal_wait(&what.told, SUPPORT_SOON), '.');
    assert_int_equal(support_signal_wait(&what.told, 20), -1);
    support_kill(pid, SIGKILL);
    support_signal_close(&what.told);
    cordon_endpoint_close(endpoint);
}

/* ---- root ---- */

static char theirs[SUPPORT_PATH]; /* a directory of SUPPORT_OTHER_UID */

static void make_theirs(void)
{
    SUPPORT_CHECK(chmod(root, 0755) == 0); /* they have to get there */
    SUPPORT_CHECK(mkdir(support_join(theirs, root, "theirs"), 0700) == 0);
    SUPPORT_CHECK(lchown(theirs, SUPPORT_OTHER_UID, SUPPORT_OTHER_UID) == 0);
}

static cordon_endpoint *endpoint_of_theirs(unsigned flags)
{
    cordon_endpoint_options options = CORDON_ENDPOINT_OPTIONS_INIT;
    cordon_endpoint        *endpoint = NULL;
    cordon_fault            fault = CORDON_FAULT_INIT;

    options.directory = theirs;
    options.flags = flags;
    SUPPORT_CODE(cordon_endpoint_open(&endpoint, "test", &options, &fault), CORDON_OK, &fault);
    return endpoint;
}

static int ask_root(void *context)
{
    const unsigned  *flags = context;
    cordon_endpoint *endpoint = endpoint_of_theirs(*flags);
    cordon_fault     fault = CORDON_FAULT_INIT;
    int              code = ask(endpoint, 100, &fault);

    cordon_endpoint_close(endpoint);
    return -code;
}

static void root_as_a_server_is_a_stranger_unless_asked_for(void **state)
{
    unsigned flags = 0;
    int      listener, client;
    char     bytes[4];

    (void)state;
    support_need_root();
    make_theirs();
    write_token(theirs, SUPPORT_OTHER_UID);
    support_join(address, theirs, "ipc.sock");
    listener = life_bind(address, 8);
    assert_int_equal(lchown(address, SUPPORT_OTHER_UID, SUPPORT_OTHER_UID), 0);

    assert_int_equal(
        support_wait(support_fork_as(SUPPORT_OTHER_UID, ask_root, &flags), SUPPORT_SOON),
        -CORDON_EIMPOSTOR);
    client = accept(listener, NULL, NULL);
    assert_int_equal(recv(client, bytes, sizeof bytes, 0), 0); /* not a byte */
    close(client);

    flags = CORDON_TRUST_ROOT;
    assert_int_equal(
        support_wait(support_fork_as(SUPPORT_OTHER_UID, ask_root, &flags), SUPPORT_SOON),
        -CORDON_ETIMEDOUT);
    client = accept(listener, NULL, NULL);
    assert_int_equal(recv(client, bytes, sizeof bytes, MSG_WAITALL), 4);
    assert_memory_equal(bytes,
                        "\xC0"
                        "CRD",
                        4);
    close(client);
    close(listener);
}

typedef struct other_server {
    unsigned       flags;
    support_signal told, orders;
} other_server;

static int serve_theirs(void *context)
{
    other_server    *what = context;
    cordon_endpoint *endpoint = endpoint_of_theirs(what->flags);
    support_server  *server = NULL;
    cordon_fault     fault = CORDON_FAULT_INIT;

    SUPPORT_CODE(support_server_try(&server, endpoint, NULL, NULL, &fault), CORDON_OK, &fault);
    support_signal_send(&what->told, 'r');
    support_signal_wait(&what->orders, SUPPORT_SOON);
    SUPPORT_CHECK(atomic_load(&server->calls) == 0);
    SUPPORT_CHECK(atomic_load(&server->arrived) == (what->flags != 0));
    /* Told by another thread than the one that closes. */
    SUPPORT_CHECK(what->flags != 0 || support_reaches(&server->troubles, 1, SUPPORT_SOON));
    support_server_close(server);
    cordon_endpoint_close(endpoint);
    return 0;
}

/* The right token does not help. */
static int say_hello(const char *directory, support_frame *frame)
{
    cordon_endpoint *endpoint;
    char             path[SUPPORT_PATH], digits[65] = {0};
    support_hello    hello = {1, 1, 0, 1u << 20, 32, {0}, "root"};
    uint8_t          bytes[700];
    int              client, code;

    (void)support_read(support_join(path, directory, "ipc-token"), digits, 64);
    support_from_hex(hello.token, sizeof hello.token, digits);
    endpoint = endpoint_of_theirs(0);
    client = support_raw_open(endpoint);
    support_raw_try_send(client, bytes, support_put_hello(bytes, &hello));
    code = support_raw_frame(client, frame, SUPPORT_SOON);
    close(client);
    cordon_endpoint_close(endpoint);
    return code;
}

static void root_as_a_client_is_a_stranger_unless_asked_for(void **state)
{
    const unsigned flags[] = {0, CORDON_TRUST_ROOT};
    support_frame  frame = {0};

    (void)state;
    support_need_root();
    make_theirs();
    for (size_t n = 0; n < 2; n++) {
        other_server what = {flags[n], {{-1, -1}}, {{-1, -1}}};
        pid_t        pid;
        int          code;

        support_signal_open(&what.told);
        support_signal_open(&what.orders);
        pid = support_fork_as(SUPPORT_OTHER_UID, serve_theirs, &what);
        assert_int_equal(support_signal_wait(&what.told, SUPPORT_SOON), 'r');
        code = say_hello(theirs, &frame);
        assert_int_equal(code, n == 0 ? 0 : 1); /* closed without a word; welcome */
        assert_true(n == 0 || frame.type == 2);
        support_signal_send(&what.orders, 's');
        assert_int_equal(support_wait(pid, SUPPORT_SOON), 0);
        support_signal_close(&what.told);
        support_signal_close(&what.orders);
    }
    support_frame_free(&frame);
}

/* ---- a client of another user ---- */

/* Another's effective uid, our rights on files: nothing but the kernel's word keeps it out. */
static int knock_as_another(void *context)
{
    cordon_endpoint *endpoint = context;
    support_hello    hello;
    support_frame    frame = {0};
    uint8_t          bytes[700];
    int              client;

    support_good_hello(&hello, endpoint);
    SUPPORT_CHECK(seteuid(SUPPORT_OTHER_UID) == 0);
    setfsuid(0);
    client = support_raw_open(endpoint);
    support_raw_try_send(client, bytes, support_put_hello(bytes, &hello));
    SUPPORT_CHECK(support_raw_frame(client, &frame, SUPPORT_SOON) == 0);
    return 0;
}

static void client_of_another_user_is_closed_without_a_word(void **state)
{
    support_server *server;

    (void)state;
    support_need_root();
    support_server_open(&server, root, NULL, NULL);
    assert_int_equal(support_wait(support_fork(knock_as_another, server->endpoint), SUPPORT_SOON),
                     0);
    assert_true(support_reaches(&server->troubles, 1, SUPPORT_SOON));
    assert_int_equal(atomic_load(&server->trouble), CORDON_EIMPOSTOR);
    assert_int_equal(atomic_load(&server->arrived), 0);
    assert_int_equal(atomic_load(&server->calls), 0);
    support_ask_echo(server->endpoint);
    support_server_close(server);
}

/*
 * A server that is uid 65534 in its user namespace, where everybody else's uid is told as 65534
 * too: the kernel's "nobody I can name" must not pass for itself.
 */
static void become_nobody(void *context)
{
    (void)context;
    if (!life_own_users("65534 0 1"))
        _exit(77);
    SUPPORT_CHECK(geteuid() == 65534);
}

static int may_be_nobody(void *context)
{
    become_nobody(context);
    return 0;
}

static void peer_that_the_kernel_cannot_name_is_a_stranger_also_to_user_65534(void **state)
{
    life_options     options = {0, become_nobody, NULL};
    cordon_endpoint *endpoint;
    life_child       child;

    (void)state;
    support_need_root();
    if (support_wait(support_fork(may_be_nobody, NULL), SUPPORT_SOON) == 77)
        SUPPORT_SKIP("this system allows no user namespace");
    endpoint = support_endpoint(root);
    life_launch(&child, root, &options);
    assert_int_equal(support_signal_wait(&child.told, SUPPORT_SOON), 'r');
    assert_int_equal(support_wait(support_fork(knock_as_another, endpoint), SUPPORT_SOON), 0);
    life_stop(&child);
    cordon_endpoint_close(endpoint);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(server_of_another_user_receives_not_a_byte),
        TEST(root_as_a_server_is_a_stranger_unless_asked_for),
        TEST(root_as_a_client_is_a_stranger_unless_asked_for),
        TEST(client_of_another_user_is_closed_without_a_word),
        TEST(peer_that_the_kernel_cannot_name_is_a_stranger_also_to_user_65534),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
