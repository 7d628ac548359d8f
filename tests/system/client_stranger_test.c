/*
 * Approaching an endpoint where another user, or something that is no file, waits: POSIX.
 */
#include "client_kit.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static int call_in(fake *server, int timeout_ms, cordon_fault *fault)
{
    cordon_call_options options = fake_in(timeout_ms, 0);
    cordon_buffer       reply = CORDON_BUFFER_INIT;
    int                 code;

    code = cordon_call(&reply, server->endpoint, cordon_text("x"), &options, fault);
    cordon_buffer_free(&reply);
    return code;
}

static int accept_nothing_as_another(void *context)
{
    const char        *path = ((const char **)context)[0];
    support_signal    *ready = ((void **)context)[1];
    struct sockaddr_un address;
    int                listener = socket(AF_UNIX, SOCK_STREAM, 0), fd;
    char               byte;
    ssize_t            got;

    memset(&address, 0, sizeof address);
    address.sun_family = AF_UNIX;
    memcpy(address.sun_path, path, strlen(path));
    SUPPORT_CHECK(bind(listener, (struct sockaddr *)&address, sizeof address) == 0);
    SUPPORT_CHECK(chmod(path, 0666) == 0);
    SUPPORT_CHECK(listen(listener, 8) == 0);
    support_signal_send(ready, 'l');
    fd = accept(listener, NULL, NULL);
    got = recv(fd, &byte, 1, 0);
    return got == 0 ? 0 : 1; /* the end, and not a single byte before it */
}

static void server_of_another_user_is_EIMPOSTOR_and_hears_not_a_byte(void **state)
{
    static char    path[SUPPORT_PATH];
    cordon_fault   fault = CORDON_FAULT_INIT;
    char           hole[SUPPORT_PATH];
    support_signal ready;
    void          *both[2] = {path, &ready};
    pid_t          pid;
    fake           server;

    (void)state;
    support_need_root();
    fake_prepare(&server);
    support_directory(hole);
    SUPPORT_CHECK(chmod(hole, 0777) == 0);
    support_join(path, hole, "s");
    support_signal_open(&ready);
    pid = support_fork_as(SUPPORT_OTHER_UID, accept_nothing_as_another, both);
    assert_int_equal(support_signal_wait(&ready, SUPPORT_SOON), 'l');
    SUPPORT_CHECK(rename(path, server.address) == 0); /* its socket, at our address */
    SUPPORT_CODE(call_in(&server, SUPPORT_SOON, &fault), CORDON_EIMPOSTOR, &fault);
    assert_int_equal(fault.is_sent, 0);
    assert_int_equal(fault.expected, geteuid());
    assert_int_equal(fault.actual, SUPPORT_OTHER_UID);
    assert_int_equal(support_wait(pid, SUPPORT_SOON), 0);
    support_signal_close(&ready);
    support_directory_remove(hole);
    fake_close(&server);
}

/* ---- in the token's place ---- */

static const char *good_digits = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static void make_link(fake *server)
{
    char beside[SUPPORT_PATH];

    support_join(beside, server->directory, "beside");
    support_write(beside, good_digits, 64, 0600);
    SUPPORT_CHECK(symlink(beside, server->token_path) == 0);
}

static void make_fifo(fake *server)
{
    SUPPORT_CHECK(mkfifo(server->token_path, 0600) == 0);
}

static void play_nothing(fake *server, support_raw raw, unsigned number)
{
    (void)number;
    fake_drain(server, raw);
}

static void link_or_fifo_for_a_token_is_EUNSAFE_at_once_with_its_path(void **state)
{
    void (*const makers[])(fake * server) = {make_link, make_fifo};

    (void)state;
    for (size_t i = 0; i < sizeof makers / sizeof makers[0]; i++) {
        cordon_session *session;
        cordon_fault    fault = CORDON_FAULT_INIT;
        char            token[65];
        uint64_t        start = support_now();
        fake            server;

        fake_open(&server, play_nothing);
        support_remove(server.token_path);
        makers[i](&server);
        SUPPORT_CODE(call_in(&server, SUPPORT_SOON, &fault), CORDON_EUNSAFE, &fault);
        assert_string_equal(fault.path, server.token_path);
        assert_int_equal(fault.is_sent, 0);
        SUPPORT_CODE(cordon_session_open(&session, server.endpoint, NULL, &fault), CORDON_EUNSAFE,
                     &fault);
        SUPPORT_CODE(cordon_endpoint_token(token, server.endpoint, &fault), CORDON_EUNSAFE, &fault);
        assert_true(support_now() - start < SUPPORT_SOON / 2);
        assert_int_equal(atomic_load(&server.requests), 0);
        fake_close(&server);
    }
}

/* ---- a fork ---- */

static int close_in_child(void *context)
{
    cordon_session_close(context);
    return 0;
}

static void play_no_goodbye(fake *server, support_raw raw, unsigned number)
{
    (void)number;
    fake_admit(server, raw);
    FAKE_CHECK(server, fake_read(server, raw) == REQUEST); /* and nothing before it */
    fake_say_text(raw, REPLY, 0, server->frame.id, "still here");
    FAKE_CHECK(server, fake_read(server, raw) == FINISH); /* now we mean it */
}

static void forked_child_that_closes_says_nothing(void **state)
{
    cordon_session *session;
    cordon_fault    fault = CORDON_FAULT_INIT;
    cordon_bytes    reply;
    fake            server;

    (void)state;
    fake_open(&server, play_no_goodbye);
    session = fake_session(&server, 0);
    assert_int_equal(support_wait(support_fork(close_in_child, session), SUPPORT_SOON), 0);
    SUPPORT_CODE(call_session(&reply, session, "still there", &fault), CORDON_OK, &fault);
    assert_bytes(reply, "still here");
    cordon_session_close(session);
    fake_close(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(server_of_another_user_is_EIMPOSTOR_and_hears_not_a_byte),
        cmocka_unit_test(link_or_fifo_for_a_token_is_EUNSAFE_at_once_with_its_path),
        cmocka_unit_test(forked_child_that_closes_says_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
