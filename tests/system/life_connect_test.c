/* Nobody, a crowd, and a bad place: what a client finds at the address. Cases 16 and 18. */
#include "life_kit.h"

#include <signal.h>
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

/* ---- nobody ---- */

/* The deadline would be for ever: only "at once" comes back. */
static void check_nobody(const char *directory)
{
    cordon_endpoint       *endpoint = support_endpoint(directory);
    cordon_session_options options = CORDON_SESSION_OPTIONS_INIT;
    cordon_session        *session = NULL;
    cordon_fault           fault = CORDON_FAULT_INIT;

    SUPPORT_CODE(ask(endpoint, CORDON_FOREVER, &fault), CORDON_ENOTRUNNING, &fault);
    SUPPORT_CHECK(fault.is_sent == 0);
    SUPPORT_CODE(ask(endpoint, CORDON_AT_ONCE, &fault), CORDON_ENOTRUNNING, &fault);
    options.timeout_ms = CORDON_FOREVER;
    SUPPORT_CODE(cordon_session_open(&session, endpoint, &options, &fault), CORDON_ENOTRUNNING,
                 &fault);
    cordon_endpoint_close(endpoint);
}

static void nobody_there_is_told_at_once(void **state)
{
    char       directory[SUPPORT_PATH];
    life_child child;

    (void)state;
    check_nobody(support_join(directory, root, "none/at/all"));
    assert_false(support_exists(support_join(directory, root, "none")));
    check_nobody(root); /* an empty directory */
    life_check_names(root, "");
    life_serve(&child, root, NULL);
    life_kill(&child);
    check_nobody(root); /* a socket that nobody listens on */
    life_serve(&child, root, NULL);
    life_stop(&child);
    check_nobody(root); /* a lock file */
    close(life_bind(address, -1));
    check_nobody(root); /* a socket that never listened */
}

/* ---- a full backlog ---- */

typedef struct later {
    pid_t pid;
    int   ms;
} later;

static void *go_on_later(void *context)
{
    later *what = context;

    support_pause(what->ms);
    SUPPORT_CHECK(kill(what->pid, SIGCONT) == 0);
    return NULL;
}

/* It takes a stopped server with a backlog of one. */
static void serve_full(life_child *child, life_crowd *crowd)
{
    life_options options = LIFE_OPTIONS_INIT;

    options.server.backlog = 1;
    options.server.max_strangers = 4;
    life_serve(child, root, &options);
    support_kill(child->pid, SIGSTOP);
    life_crowd_in(crowd, address);
}

static void backlog_full_for_a_while_is_waited_for(void **state)
{
    cordon_endpoint *endpoint = support_endpoint(root);
    cordon_fault     fault = CORDON_FAULT_INIT;
    life_child       child;
    life_crowd       crowd;
    later            what;
    pthread_t        thread;

    (void)state;
    serve_full(&child, &crowd);
    what.pid = child.pid;
    what.ms = 150;
    assert_int_equal(pthread_create(&thread, NULL, go_on_later, &what), 0);
    SUPPORT_CODE(ask(endpoint, SUPPORT_SOON, &fault), CORDON_OK, &fault);
    assert_int_equal(pthread_join(thread, NULL), 0);
    life_drop_all(&crowd);
    life_stop(&child);
    cordon_endpoint_close(endpoint);
}

static void backlog_full_for_ever_ends_at_the_deadline(void **state)
{
    cordon_endpoint *endpoint = support_endpoint(root);
    cordon_fault     fault = CORDON_FAULT_INIT;
    life_child       child;
    life_crowd       crowd;
    uint64_t         begun;

    (void)state;
    serve_full(&child, &crowd);
    begun = support_now();
    SUPPORT_CODE(ask(endpoint, 200, &fault), CORDON_ETIMEDOUT, &fault);
    assert_in_range(support_now() - begun, 199, SUPPORT_SOON); /* not earlier; and not a hang */
    assert_int_equal(fault.is_sent, 0);
    SUPPORT_CODE(ask(endpoint, CORDON_AT_ONCE, &fault), CORDON_ETIMEDOUT, &fault);
    assert_int_equal(fault.is_sent, 0);
    life_drop_all(&crowd);
    life_kill(&child);
    cordon_endpoint_close(endpoint);
}

/* It is in the backlog, and nobody ever reads. */
static void server_that_never_reads_ends_at_the_deadline(void **state)
{
    cordon_endpoint *endpoint = support_endpoint(root);
    cordon_fault     fault = CORDON_FAULT_INIT;
    life_child       child;
    uint64_t         begun;

    (void)state;
    life_serve(&child, root, NULL);
    support_kill(child.pid, SIGSTOP);
    begun = support_now();
    SUPPORT_CODE(ask(endpoint, 200, &fault), CORDON_ETIMEDOUT, &fault);
    assert_in_range(support_now() - begun, 199, SUPPORT_SOON);
    assert_int_equal(fault.is_sent, 1); /* it may yet be read */
    support_kill(child.pid, SIGCONT);
    life_stop(&child);
    cordon_endpoint_close(endpoint);
}

/* ---- directories that turn bad ---- */

static void directory_opened_to_others_between_two_calls_is_noticed(void **state)
{
    const unsigned  modes[] = {0777, 0770, 01777, 0702};
    support_server *server;
    cordon_fault    fault = CORDON_FAULT_INIT;
    unsigned        calls;

    (void)state;
    support_server_open(&server, root, NULL, NULL);
    support_ask_echo(server->endpoint);
    calls = atomic_load(&server->calls);
    for (size_t n = 0; n < sizeof modes / sizeof modes[0]; n++) {
        assert_int_equal(chmod(root, (mode_t)modes[n]), 0);
        SUPPORT_CODE(ask(server->endpoint, 0, &fault), CORDON_EUNSAFE, &fault);
        assert_int_equal(fault.is_sent, 0);
        assert_int_equal(fault.actual & 07777, modes[n]);
        assert_string_equal(fault.path, root);
    }
    assert_int_equal(atomic_load(&server->calls), calls);
    assert_int_equal(chmod(root, 0700), 0);
    support_ask_echo(server->endpoint);
    support_server_close(server);
}

static void check_unsafe(const char *directory, const char *where)
{
    cordon_endpoint *endpoint = support_endpoint(directory);
    cordon_fault     fault = CORDON_FAULT_INIT;

    SUPPORT_CODE(ask(endpoint, 0, &fault), CORDON_EUNSAFE, &fault);
    SUPPORT_CHECK(strcmp(fault.path, where) == 0);
    SUPPORT_CHECK(fault.actual == SUPPORT_OTHER_UID && fault.is_sent == 0);
    cordon_endpoint_close(endpoint);
}

static void link_or_component_of_another_user_is_unsafe_for_a_client(void **state)
{
    char            directory[SUPPORT_PATH], link[SUPPORT_PATH], below[SUPPORT_PATH];
    char            foreign[SUPPORT_PATH];
    support_server *server;

    (void)state;
    support_need_root();
    assert_int_equal(mkdir(support_join(directory, root, "d"), 0700), 0);
    support_server_open(&server, directory, NULL, NULL);
    assert_int_equal(symlink(directory, support_join(link, root, "link")), 0);
    assert_int_equal(lchown(link, SUPPORT_OTHER_UID, SUPPORT_OTHER_UID), 0);
    check_unsafe(link, link);
    assert_int_equal(symlink(root, support_join(link, root, "up")), 0);
    assert_int_equal(lchown(link, SUPPORT_OTHER_UID, SUPPORT_OTHER_UID), 0);
    check_unsafe(support_join(below, link, "d"), link);
    assert_int_equal(atomic_load(&server->calls), 0);
    support_server_close(server);

    assert_int_equal(mkdir(support_join(foreign, root, "foreign"), 0755), 0);
    assert_int_equal(mkdir(support_join(below, foreign, "d"), 0700), 0);
    support_server_open(&server, below, NULL, NULL);
    assert_int_equal(lchown(foreign, SUPPORT_OTHER_UID, SUPPORT_OTHER_UID), 0);
    check_unsafe(below, foreign);
    assert_int_equal(atomic_load(&server->calls), 0);
    support_server_close(server);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nobody_there_is_told_at_once),
        TEST(backlog_full_for_a_while_is_waited_for),
        TEST(backlog_full_for_ever_ends_at_the_deadline),
        TEST(server_that_never_reads_ends_at_the_deadline),
        TEST(directory_opened_to_others_between_two_calls_is_noticed),
        TEST(link_or_component_of_another_user_is_unsafe_for_a_client),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
