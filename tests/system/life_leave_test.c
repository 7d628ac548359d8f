/* Sockets and tokens of somebody else, and the moment before a socket listens. POSIX.
 * Cases 10 and 13. */
#include "life_hook.h"
#include "life_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static char root[SUPPORT_PATH];

static int set_up(void **state)
{
    (void)state;
    support_directory(root);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    life_before_listen = NULL;
    support_directory_remove(root);
    return 0;
}

static const char *path_of(const support_server *server, enum cordon_place place)
{
    return cordon_endpoint_path(server->endpoint, place);
}

static void socket_of_somebody_else_stays(void **state)
{
    support_server *server;
    char            address[SUPPORT_PATH];
    struct stat     before, after;
    int             listener;

    (void)state;
    support_server_open(&server, root, NULL, NULL);
    snprintf(address, sizeof address, "%s", path_of(server, CORDON_ADDRESS));
    /* Again and again: some file systems give out an inode number at once again. */
    for (int round = 0; round < 10; round++) {
        assert_int_equal(unlink(address), 0);
        listener = life_bind(address, 1);
        if (round < 9)
            close(listener);
    }
    assert_int_equal(lstat(address, &before), 0);
    support_server_close(server);
    assert_int_equal(lstat(address, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    life_check_names(root, "ipc.lock ipc.sock");
    close(listener);
}

static void things_in_place_of_socket_and_token_stay(void **state)
{
    char            address[SUPPORT_PATH], token[SUPPORT_PATH];
    support_server *server;

    (void)state;
    support_server_open(&server, root, NULL, NULL);
    snprintf(address, sizeof address, "%s", path_of(server, CORDON_ADDRESS));
    snprintf(token, sizeof token, "%s", path_of(server, CORDON_TOKEN));
    assert_int_equal(unlink(address), 0);
    assert_int_equal(unlink(token), 0);
    assert_int_equal(mkdir(address, 0700), 0);
    assert_int_equal(symlink("/nowhere", token), 0);
    support_server_close(server);
    life_check_names(root, "ipc-token ipc.lock ipc.sock");
}

static void stop_with_everything_gone_is_clean(void **state)
{
    support_server *server;

    (void)state;
    support_server_open(&server, root, NULL, NULL);
    support_directory_remove(root);
    support_server_close(server);
    assert_false(support_exists(root));
}

/* ---- the token ---- */

static void read_token(char token[65])
{
    char   path[SUPPORT_PATH], text[80] = "";
    size_t size = support_read(support_join(path, root, "ipc-token"), text, sizeof text);

    SUPPORT_CHECK(size == 64);
    SUPPORT_CHECK(strspn(text, "0123456789abcdef") >= 64);
    memcpy(token, text, 64);
    token[64] = 0;
}

/* What the world looks like in the moment before the socket listens. */
typedef struct moment {
    char     token[65];
    int      is_lock_held;
    int      can_connect;
    unsigned socket_mode, token_mode;
    unsigned count;
} moment;

static int is_lock_held(void)
{
    char path[SUPPORT_PATH];
    int  fd = open(support_join(path, root, "ipc.lock"), O_RDWR | O_CLOEXEC);
    int  is_held;

    SUPPORT_CHECK(fd >= 0);
    is_held = flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    close(fd);
    return is_held;
}

static int can_connect(const char *path)
{
    struct sockaddr_un address = {0};
    int                fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int                code;

    address.sun_family = AF_UNIX;
    memcpy(address.sun_path, path, strlen(path) + 1);
    code = connect(fd, (struct sockaddr *)&address, sizeof address);
    close(fd);
    return code == 0;
}

static void look(void *context)
{
    moment *seen = context;
    char    path[SUPPORT_PATH];

    seen->count++;
    read_token(seen->token);
    seen->is_lock_held = is_lock_held();
    seen->token_mode = support_mode(support_join(path, root, "ipc-token"));
    seen->socket_mode = support_mode(support_join(path, root, "ipc.sock"));
    seen->can_connect = can_connect(path);
}

static void token_is_written_under_the_lock_and_before_anybody_can_connect(void **state)
{
    support_server *server;
    life_child      dead;
    moment          seen = {{0}, 0, 0, 0, 0, 0};
    char            old[65], token[65];

    (void)state;
    life_serve(&dead, root, NULL); /* an old token and an old socket lie about */
    read_token(old);
    life_kill(&dead);
    life_before_listen_context = &seen;
    life_before_listen = look;
    support_server_open(&server, root, NULL, NULL);
    read_token(token);
    support_server_close(server);

    assert_int_equal(seen.count, 1);
    assert_string_not_equal(seen.token, old);
    assert_string_equal(seen.token, token);
    assert_true(seen.is_lock_held);
    assert_false(seen.can_connect);
    assert_int_equal(seen.socket_mode, 0600);
    assert_int_equal(seen.token_mode, 0600);
}

static void failing_starts_never_change_the_token_of_a_running_server(void **state)
{
    char            before[65], after[65], path[SUPPORT_PATH];
    support_server *server;
    struct stat     first, last;
    cordon_fault    fault = CORDON_FAULT_INIT;

    (void)state;
    support_server_open(&server, root, NULL, NULL);
    read_token(before);
    assert_int_equal(stat(support_join(path, root, "ipc-token"), &first), 0);
    for (int n = 0; n < 10; n++)
        SUPPORT_CODE(life_refused(root, CORDON_AT_ONCE, &fault), CORDON_EADDRINUSE, &fault);
    /* Its socket taken away: the lock alone must hold the others off. */
    assert_int_equal(unlink(cordon_endpoint_path(server->endpoint, CORDON_ADDRESS)), 0);
    SUPPORT_CODE(life_refused(root, 20, &fault), CORDON_EADDRINUSE, &fault);
    read_token(after);
    assert_int_equal(stat(path, &last), 0);
    assert_string_equal(before, after);
    assert_int_equal(first.st_ino, last.st_ino);
    assert_true(first.st_mtim.tv_nsec == last.st_mtim.tv_nsec);
    support_server_close(server);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(socket_of_somebody_else_stays),
        TEST(things_in_place_of_socket_and_token_stay),
        TEST(stop_with_everything_gone_is_clean),
        TEST(token_is_written_under_the_lock_and_before_anybody_can_connect),
        TEST(failing_starts_never_change_the_token_of_a_running_server),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
