/* What lies at the address, and whose it is. Cases 8 and 9. */
#include "life_hook.h"
#include "life_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
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

static void check_serves(const char *directory)
{
    support_server *server;

    support_server_open(&server, directory, NULL, NULL);
    support_ask_echo(server->endpoint);
    support_server_close(server);
}

static struct stat look(const char *path)
{
    struct stat info;

    SUPPORT_CHECK(lstat(path, &info) == 0);
    return info;
}

static void check_same(const char *path, const struct stat *before)
{
    struct stat now = look(path);

    SUPPORT_CHECK(now.st_dev == before->st_dev && now.st_ino == before->st_ino);
    SUPPORT_CHECK(now.st_mode == before->st_mode && now.st_size == before->st_size);
}

/* ---- dead servers and live ones ---- */

static void check_not_taken(const char *directory, int lock_ms)
{
    struct stat  before = look(address);
    cordon_fault fault = CORDON_FAULT_INIT;

    SUPPORT_CODE(life_refused(directory, lock_ms, &fault), CORDON_EADDRINUSE, &fault);
    check_same(address, &before);
}

static void check_answers(const char *directory)
{
    cordon_endpoint *endpoint = support_endpoint(directory);

    support_ask_echo(endpoint);
    cordon_endpoint_close(endpoint);
}

static void hold_listen(void *context)
{
    support_signal *gates = context;

    support_signal_send(&gates[0], 'b');
    support_signal_wait(&gates[1], SUPPORT_SOON);
}

static void set_listen_hook(void *context)
{
    life_before_listen_context = context;
    life_before_listen = hold_listen;
}

/* A real server, held up by its own call of listen. */
static void socket_between_bind_and_listen_is_never_taken_over(void **state)
{
    support_signal gates[2];
    life_options   options = {0, set_listen_hook, NULL};
    life_child     child;
    struct stat    before;
    cordon_fault   fault = CORDON_FAULT_INIT;

    (void)state;
    support_signal_open(&gates[0]);
    support_signal_open(&gates[1]);
    options.context = gates;
    life_launch(&child, root, &options);
    assert_int_equal(support_signal_wait(&gates[0], SUPPORT_SOON), 'b');
    before = look(address);
    SUPPORT_CODE(life_refused(root, CORDON_AT_ONCE, &fault), CORDON_EADDRINUSE, &fault);
    check_same(address, &before);
    SUPPORT_CODE(life_refused(root, 100, &fault), CORDON_EADDRINUSE, &fault);
    check_same(address, &before);
    support_signal_send(&gates[1], 'l');
    assert_int_equal(support_signal_wait(&child.told, SUPPORT_SOON), 'r');
    check_not_taken(root, CORDON_FOREVER);
    check_answers(root);
    life_stop(&child);
    support_signal_close(&gates[0]);
    support_signal_close(&gates[1]);
}

/* The same, but it dies there. */
static void socket_that_never_listened_is_taken_over_when_its_server_is_dead(void **state)
{
    support_signal gates[2];
    life_options   options = {0, set_listen_hook, NULL};
    life_child     child;

    (void)state;
    support_signal_open(&gates[0]);
    support_signal_open(&gates[1]);
    options.context = gates;
    life_launch(&child, root, &options);
    assert_int_equal(support_signal_wait(&gates[0], SUPPORT_SOON), 'b');
    life_kill(&child);
    check_serves(root);
    life_check_names(root, "ipc.lock");
    support_signal_close(&gates[0]);
    support_signal_close(&gates[1]);
}

/* ---- what is not ours to remove ---- */

static void check_refused_and_untouched(void)
{
    struct stat  before = look(address);
    cordon_fault fault = CORDON_FAULT_INIT;
    char         names[1024], lock[SUPPORT_PATH];

    support_names(names, sizeof names, root);
    SUPPORT_CODE(life_refused(root, 0, &fault), CORDON_EUNSAFE, &fault);
    assert_string_equal(fault.path, address);
    check_same(address, &before);
    unlink(support_join(lock, root, "ipc.lock")); /* all that a refused start may add */
    life_check_names(root, names);
}

static void plain_file_at_the_address_is_left_alone(void **state)
{
    char text[8] = {0};

    (void)state;
    support_write(address, "keep", 4, 0600);
    check_refused_and_untouched();
    assert_int_equal(support_read(address, text, sizeof text), 4);
    assert_string_equal(text, "keep");
}

static void directory_at_the_address_is_left_alone(void **state)
{
    (void)state;
    assert_int_equal(mkdir(address, 0700), 0);
    check_refused_and_untouched();
}

static void fifo_at_the_address_is_left_alone(void **state)
{
    (void)state;
    assert_int_equal(mkfifo(address, 0600), 0);
    check_refused_and_untouched();
}

static void dangling_link_at_the_address_is_left_alone(void **state)
{
    (void)state;
    assert_int_equal(symlink("/nowhere/at/all", address), 0);
    check_refused_and_untouched();
}

static void link_to_a_file_at_the_address_is_left_alone(void **state)
{
    char path[SUPPORT_PATH];

    (void)state;
    support_write(support_join(path, root, "file"), "keep", 4, 0600);
    assert_int_equal(symlink(path, address), 0);
    check_refused_and_untouched();
}

static void link_to_a_live_socket_at_the_address_is_left_alone(void **state)
{
    char         path[SUPPORT_PATH];
    cordon_fault fault = CORDON_FAULT_INIT;
    int          listener = life_bind(support_join(path, root, "live"), 4);
    int          client;

    cordon_endpoint *endpoint = support_endpoint(root);

    (void)state;
    assert_int_equal(symlink(path, address), 0);
    check_refused_and_untouched();
    /* Nor does a client follow it: nobody is there to accept. */
    SUPPORT_CODE(support_ask(NULL, endpoint, "x", &fault), CORDON_EUNSAFE, &fault);
    assert_int_equal(fcntl(listener, F_SETFL, O_NONBLOCK), 0);
    client = accept(listener, NULL, NULL);
    assert_true(client < 0 && errno == EAGAIN);
    cordon_endpoint_close(endpoint);
    close(listener);
}

static void socket_of_another_user_at_the_address_is_left_alone(void **state)
{
    int listener;

    (void)state;
    support_need_root();
    listener = life_bind(address, 4);
    assert_int_equal(lchown(address, SUPPORT_OTHER_UID, SUPPORT_OTHER_UID), 0);
    check_refused_and_untouched();
    close(listener);
}

/* ---- the link of a path that is too long ---- */

static char directory[SUPPORT_PATH]; /* the long one, in root */
static char link_path[SUPPORT_PATH]; /* <directory>/ipc.sock */
static char place[SUPPORT_PATH];     /* the computed address */
static char temporary[SUPPORT_PATH]; /* $TMPDIR meanwhile */

static int set_up_long(void **state)
{
    cordon_endpoint *endpoint;
    char             name[81];

    (void)state;
    support_directory(root);
    memset(name, 'd', 80);
    name[80] = 0;
    assert_int_equal(mkdir(support_join(directory, root, name), 0700), 0);
    assert_int_equal(mkdir(support_join(temporary, root, "t"), 0700), 0);
    setenv("TMPDIR", temporary, 1);
    support_join(link_path, directory, "ipc.sock");
    support_join(address, directory, "ipc.sock");
    endpoint = support_endpoint(directory);
    snprintf(place, sizeof place, "%s", cordon_endpoint_path(endpoint, CORDON_ADDRESS));
    cordon_endpoint_close(endpoint);
    return strncmp(place, temporary, strlen(temporary)) == 0 ? 0 : -1;
}

static int tear_down_long(void **state)
{
    unsetenv("TMPDIR");
    return tear_down(state);
}

static void check_link(const char *path, const char *wanted)
{
    char text[SUPPORT_PATH] = {0};

    SUPPORT_CHECK(readlink(path, text, sizeof text - 1) > 0);
    SUPPORT_CHECK(strcmp(text, wanted) == 0);
}

static void long_path_is_served_by_a_link(void **state)
{
    support_server *server;
    cordon_fault    fault = CORDON_FAULT_INIT;
    cordon_buffer   live = CORDON_BUFFER_INIT;

    (void)state;
    support_server_open(&server, directory, NULL, NULL);
    check_link(link_path, place);
    support_ask_echo(server->endpoint);
    SUPPORT_CODE(cordon_endpoint_live(&live, server->endpoint, &fault), CORDON_OK, &fault);
    assert_string_equal(live.data, place);
    cordon_buffer_free(&live);
    support_server_close(server);
    life_check_names(directory, "ipc.lock");
    assert_false(support_exists(place));
}

/* A login with another $TMPDIR finds the server by its link. */
static void client_with_another_temporary_directory_follows_the_link(void **state)
{
    support_server *server;
    char            other[SUPPORT_PATH];

    (void)state;
    support_server_open(&server, directory, NULL, NULL);
    assert_int_equal(mkdir(support_join(other, root, "u"), 0700), 0);
    setenv("TMPDIR", other, 1);
    check_answers(directory);
    support_server_close(server);
}

static void link_of_a_killed_server_is_replaced(void **state)
{
    life_child child;
    char       other[SUPPORT_PATH], first[SUPPORT_PATH];

    (void)state;
    life_serve(&child, directory, NULL);
    life_kill(&child);
    check_link(link_path, place);
    check_serves(directory);

    /* Killed with one $TMPDIR, started again with another: the old target goes too. */
    life_serve(&child, directory, NULL);
    life_kill(&child);
    snprintf(first, sizeof first, "%s", place);
    assert_int_equal(mkdir(support_join(other, root, "u"), 0700), 0);
    setenv("TMPDIR", other, 1);
    check_serves(directory);
    assert_false(support_exists(first));
    life_check_names(directory, "ipc.lock");
}

static void check_link_refused(const char *text)
{
    cordon_endpoint *endpoint = support_endpoint(directory);
    cordon_fault     fault = CORDON_FAULT_INIT;

    SUPPORT_CHECK(symlink(text, link_path) == 0);
    SUPPORT_CODE(life_refused(directory, 0, &fault), CORDON_EUNSAFE, &fault);
    check_link(link_path, text);
    SUPPORT_CODE(support_ask(NULL, endpoint, "x", &fault), CORDON_EUNSAFE, &fault);
    check_link(link_path, text);
    SUPPORT_CHECK(unlink(link_path) == 0);
    cordon_endpoint_close(endpoint);
}

static void link_that_we_did_not_make_is_refused(void **state)
{
    const char *digits = strrchr(place, '/') + 1;
    char        text[SUPPORT_PATH * 2];

    (void)state;
    snprintf(text, sizeof text, "%s/cordon-%u/0123456789abcdef.sock", temporary,
             (unsigned)geteuid());
    check_link_refused(text); /* other digits */
    snprintf(text, sizeof text, "%s/cordon-%u/%s", temporary, (unsigned)geteuid() + 1, digits);
    check_link_refused(text); /* another uid */
    snprintf(text, sizeof text, "cordon-%u/%s", (unsigned)geteuid(), digits);
    check_link_refused(text); /* relative */
    check_link_refused("/dev/null");
}

static void link_of_another_user_is_refused(void **state)
{
    cordon_fault fault = CORDON_FAULT_INIT;

    (void)state;
    support_need_root();
    assert_int_equal(symlink(place, link_path), 0);
    assert_int_equal(lchown(link_path, SUPPORT_OTHER_UID, SUPPORT_OTHER_UID), 0);
    SUPPORT_CODE(life_refused(directory, 0, &fault), CORDON_EUNSAFE, &fault);
    check_link(link_path, place);
}

/* The right text, but it leads into a directory that others may write: what is there is nothing to
 * us. A client does not go there, a server puts its own link in place. */
static void what_a_link_into_an_open_directory_leads_to_is_left_alone(void **state)
{
    cordon_endpoint *endpoint = support_endpoint(directory);
    char             other[SUPPORT_PATH], text[SUPPORT_PATH], name[32];
    cordon_fault     fault = CORDON_FAULT_INIT;
    int              listener;

    (void)state;
    snprintf(name, sizeof name, "cordon-%u", (unsigned)geteuid());
    assert_int_equal(mkdir(support_join(text, root, "o"), 0700), 0);
    assert_int_equal(mkdir(support_join(other, text, name), 0700), 0);
    support_join(text, other, strrchr(place, '/') + 1);
    listener = life_bind(text, 4);
    assert_int_equal(chmod(other, 0777), 0);
    assert_int_equal(symlink(text, link_path), 0);
    SUPPORT_CODE(support_ask(NULL, endpoint, "x", &fault), CORDON_EUNSAFE, &fault);
    check_serves(directory);
    assert_true(support_exists(text));
    life_check_names(directory, "ipc.lock");
    cordon_endpoint_close(endpoint);
    close(listener);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define LONG(name) cmocka_unit_test_setup_teardown(name, set_up_long, tear_down_long)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(socket_between_bind_and_listen_is_never_taken_over),
        TEST(socket_that_never_listened_is_taken_over_when_its_server_is_dead),
        TEST(plain_file_at_the_address_is_left_alone),
        TEST(directory_at_the_address_is_left_alone),
        TEST(fifo_at_the_address_is_left_alone),
        TEST(dangling_link_at_the_address_is_left_alone),
        TEST(link_to_a_file_at_the_address_is_left_alone),
        TEST(link_to_a_live_socket_at_the_address_is_left_alone),
        TEST(socket_of_another_user_at_the_address_is_left_alone),
        LONG(long_path_is_served_by_a_link),
        LONG(client_with_another_temporary_directory_follows_the_link),
        LONG(link_of_a_killed_server_is_replaced),
        LONG(link_that_we_did_not_make_is_refused),
        LONG(link_of_another_user_is_refused),
        LONG(what_a_link_into_an_open_directory_leads_to_is_left_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
