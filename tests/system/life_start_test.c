/* Who may serve, and what a start leaves on the disk. Cases 6 and 7. */
#include "life_kit.h"

#include <sys/stat.h>

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
    support_directory_remove(root);
    return 0;
}

static const char *make(char path[SUPPORT_PATH], const char *name, unsigned mode)
{
    support_join(path, root, name);
    SUPPORT_CHECK(mkdir(path, 0700) == 0 && chmod(path, (mode_t)mode) == 0);
    return path;
}

/* Serve there, talk, and stop again. */
static void check_serves(const char *directory)
{
    support_server *server;

    support_server_open(&server, directory, NULL, NULL);
    support_ask_echo(server->endpoint);
    support_server_close(server);
}

/* ---- modes ---- */

typedef struct masked {
    unsigned    mask;
    const char *directory;
    const char *made; /* 0700 when it is there: what the server had to make */
} masked;

static void check_modes(const cordon_endpoint *endpoint)
{
    const enum cordon_place places[] = {CORDON_ADDRESS, CORDON_TOKEN, CORDON_LOCK};

    for (size_t n = 0; n < 3; n++)
        SUPPORT_CHECK(support_mode(cordon_endpoint_path(endpoint, places[n])) == 0600);
}

static int serve_masked(void *context)
{
    const masked   *what = context;
    support_server *server;

    umask((mode_t)what->mask);
    support_server_open(&server, what->directory, NULL, NULL);
    check_modes(server->endpoint);
    SUPPORT_CHECK(support_mode(what->made) == 0700);
    support_ask_echo(server->endpoint);
    support_server_close(server);
    SUPPORT_CHECK(umask(0) == what->mask);
    return 0;
}

static void check_mask(unsigned mask)
{
    char   parent[SUPPORT_PATH], directory[SUPPORT_PATH], name[16];
    masked what = {mask, directory, parent};

    snprintf(name, sizeof name, "mask-%03o", mask);
    support_join(parent, root, name);
    support_join(directory, parent, "deep");
    assert_int_equal(support_wait(support_fork(serve_masked, &what), SUPPORT_SOON), 0);
    assert_int_equal(support_mode(directory), 0700);
    life_check_names(directory, "ipc.lock");
}

static void socket_token_and_lock_are_0600_whatever_the_umask(void **state)
{
    const unsigned masks[] = {0000, 0022, 0077, 0777};

    (void)state;
    for (size_t n = 0; n < sizeof masks / sizeof masks[0]; n++)
        check_mask(masks[n]);
}

/* The path is too long for an address: the socket goes to a fallback directory of its own. */
static void fallback_is_closed_to_others_whatever_the_umask(void **state)
{
    const unsigned masks[] = {0000, 0022, 0077, 0777};
    char           directory[SUPPORT_PATH], temporary[SUPPORT_PATH], made[SUPPORT_PATH], name[96];
    masked         what = {0, directory, made};

    (void)state;
    memset(name, 'l', 90);
    name[90] = 0;
    make(directory, name, 0700);
    for (size_t n = 0; n < sizeof masks / sizeof masks[0]; n++) {
        snprintf(name, sizeof name, "tmp-%03o", masks[n]);
        setenv("TMPDIR", make(temporary, name, 0700), 1);
        snprintf(name, sizeof name, "cordon-%u", (unsigned)geteuid());
        support_join(made, temporary, name);
        what.mask = masks[n];
        assert_int_equal(support_wait(support_fork(serve_masked, &what), SUPPORT_SOON), 0);
        life_check_names(made, "");
        life_check_names(directory, "ipc.lock");
    }
    unsetenv("TMPDIR");
}

/* ---- directories ---- */

static void directory_of_ours_keeps_its_mode(void **state)
{
    const unsigned modes[] = {0700, 0750, 0755, 0711};
    char           directory[SUPPORT_PATH], name[16];

    (void)state;
    for (size_t n = 0; n < sizeof modes / sizeof modes[0]; n++) {
        snprintf(name, sizeof name, "mode-%03o", modes[n]);
        make(directory, name, modes[n]);
        check_serves(directory);
        assert_int_equal(support_mode(directory), modes[n]);
    }
}

static void open_directory_that_the_caller_names_is_refused(void **state)
{
    const unsigned modes[] = {0777, 0775, 0770, 01777, 0702};
    char           directory[SUPPORT_PATH], name[16];
    cordon_fault   fault = CORDON_FAULT_INIT;

    (void)state;
    for (size_t n = 0; n < sizeof modes / sizeof modes[0]; n++) {
        snprintf(name, sizeof name, "open-%04o", modes[n]);
        make(directory, name, modes[n]);
        SUPPORT_CODE(life_refused(directory, 0, &fault), CORDON_EUNSAFE, &fault);
        assert_string_equal(fault.path, directory);
        assert_int_equal(fault.actual & 07777, modes[n]);
        assert_int_equal(support_mode(directory), modes[n]);
        life_check_names(directory, "");
    }
}

static int serve_default(void *context)
{
    cordon_endpoint *endpoint = support_endpoint(NULL);
    support_server  *server = NULL;
    cordon_fault     fault = CORDON_FAULT_INIT;

    SUPPORT_CHECK(strcmp(cordon_endpoint_path(endpoint, CORDON_DIRECTORY), context) == 0);
    /* A client changes nothing, and is not put off by it. */
    SUPPORT_CODE(support_ask(NULL, endpoint, "x", &fault), CORDON_ENOTRUNNING, &fault);
    SUPPORT_CHECK(support_mode(context) == 0775);
    SUPPORT_CODE(support_server_try(&server, endpoint, NULL, NULL, &fault), CORDON_OK, &fault);
    SUPPORT_CHECK(support_mode(context) == 0755);
    support_ask_echo(endpoint);
    support_server_close(server);
    cordon_endpoint_close(endpoint);
    return 0;
}

static void default_directory_loses_the_write_bits_of_others(void **state)
{
    char directory[SUPPORT_PATH];

    (void)state;
    make(directory, "test", 0775); /* what a login umask of 002 makes */
    setenv("XDG_DATA_HOME", root, 1);
    assert_int_equal(support_wait(support_fork(serve_default, directory), SUPPORT_SOON), 0);
    unsetenv("XDG_DATA_HOME");
}

static void plain_file_for_a_directory_is_refused(void **state)
{
    char         path[SUPPORT_PATH];
    cordon_fault fault = CORDON_FAULT_INIT;

    (void)state;
    support_join(path, root, "file");
    support_write(path, "keep", 4, 0600);
    SUPPORT_CODE(life_refused(path, 0, &fault), CORDON_EUNSAFE, &fault);
    assert_string_equal(fault.path, path);
    assert_int_equal(support_mode(path), 0600);
}

static void link_of_ours_to_a_directory_of_ours_works(void **state)
{
    char directory[SUPPORT_PATH], link[SUPPORT_PATH];

    (void)state;
    make(directory, "real", 0700);
    assert_int_equal(symlink(directory, support_join(link, root, "link")), 0);
    check_serves(link);
    life_check_names(directory, "ipc.lock");
}

static void directory_or_link_of_another_user_is_refused(void **state)
{
    char         directory[SUPPORT_PATH], foreign[SUPPORT_PATH], link[SUPPORT_PATH];
    char         below[SUPPORT_PATH];
    cordon_fault fault = CORDON_FAULT_INIT;

    (void)state;
    support_need_root();
    make(directory, "own", 0700);
    make(foreign, "foreign", 0700);
    assert_int_equal(symlink(directory, support_join(link, root, "foreign-link")), 0);
    assert_int_equal(mkdir(support_join(below, foreign, "below"), 0700), 0);
    assert_int_equal(lchown(foreign, SUPPORT_OTHER_UID, SUPPORT_OTHER_UID), 0);
    assert_int_equal(lchown(link, SUPPORT_OTHER_UID, SUPPORT_OTHER_UID), 0);

    SUPPORT_CODE(life_refused(foreign, 0, &fault), CORDON_EUNSAFE, &fault);
    assert_string_equal(fault.path, foreign);
    assert_int_equal(fault.actual, SUPPORT_OTHER_UID);
    SUPPORT_CODE(life_refused(link, 0, &fault), CORDON_EUNSAFE, &fault);
    assert_string_equal(fault.path, link);
    SUPPORT_CODE(life_refused(below, 0, &fault), CORDON_EUNSAFE, &fault);
    assert_string_equal(fault.path, foreign);
    life_check_names(directory, "");
    life_check_names(below, "");
}

static int serve_contained(void *context)
{
    if (!life_own_users("0 0 1"))
        return 77;
    SUPPORT_CHECK(geteuid() == 0);
    check_serves(context);
    return 0;
}

static void root_in_a_container_serves_its_own_directory(void **state)
{
    char directory[SUPPORT_PATH];
    int  status;

    (void)state;
    support_need_root();
    make(directory, "contained", 0700);
    status = support_wait(support_fork(serve_contained, directory), SUPPORT_SOON);
    if (status == 77)
        SUPPORT_SKIP("this system allows no user namespace");
    assert_int_equal(status, 0);
}

/* ---- one server ---- */

static void read_token(char token[65], const char *directory)
{
    cordon_endpoint *endpoint = support_endpoint(directory);
    cordon_fault     fault = CORDON_FAULT_INIT;

    SUPPORT_CODE(cordon_endpoint_token(token, endpoint, &fault), CORDON_OK, &fault);
    cordon_endpoint_close(endpoint);
}

/* The lock wait would be for ever: only "at once" ends this test. */
static void check_second_is_refused(const char *directory)
{
    cordon_endpoint *endpoint = support_endpoint(directory);
    cordon_fault     fault = CORDON_FAULT_INIT;
    char             before[65], after[65];

    read_token(before, directory);
    SUPPORT_CODE(life_refused(directory, CORDON_FOREVER, &fault), CORDON_EADDRINUSE, &fault);
    read_token(after, directory);
    assert_string_equal(before, after);
    support_ask_echo(endpoint);
    cordon_endpoint_close(endpoint);
}

static void second_server_is_refused_at_once_and_the_first_goes_on(void **state)
{
    life_child first;

    (void)state;
    life_serve(&first, root, NULL);
    check_second_is_refused(root);
    life_stop(&first);
    life_check_names(root, "ipc.lock");
}

static void second_server_of_one_process_is_refused_at_once(void **state)
{
    support_server *first;

    (void)state;
    support_server_open(&first, root, NULL, NULL);
    check_second_is_refused(root);
    support_server_close(first);
}

static void two_names_in_one_directory_are_two_endpoints(void **state)
{
    cordon_endpoint_options options = CORDON_ENDPOINT_OPTIONS_INIT;
    cordon_endpoint        *other = NULL;
    support_server         *first, *second;

    (void)state;
    options.directory = root;
    options.name = "other";
    support_server_open(&first, root, NULL, NULL);
    SUPPORT_CODE(cordon_endpoint_open(&other, "test", &options, NULL), CORDON_OK, NULL);
    SUPPORT_CODE(support_server_try(&second, other, NULL, NULL, NULL), CORDON_OK, NULL);
    support_ask_echo(other);
    support_ask_echo(first->endpoint);
    support_server_close(second);
    support_server_close(first);
    cordon_endpoint_close(other);
    life_check_names(root, "ipc.lock other.lock");
}

/* ---- one after the other ---- */

static int allow_stop(const cordon_peer *peer, void *user)
{
    (void)peer;
    (void)user;
    return CORDON_OK;
}

static void ask_to_stop(const char *directory)
{
    cordon_session_options options = CORDON_SESSION_OPTIONS_INIT;
    cordon_endpoint       *endpoint = support_endpoint(directory);
    cordon_session        *session = NULL;
    cordon_fault           fault = CORDON_FAULT_INIT;

    options.flags = CORDON_CONTROL;
    SUPPORT_CODE(cordon_session_open(&session, endpoint, &options, &fault), CORDON_OK, &fault);
    SUPPORT_CODE(cordon_session_stop(session, SUPPORT_SOON, &fault), CORDON_OK, &fault);
    cordon_session_close(session);
    cordon_endpoint_close(endpoint);
}

/* The process of the old one may well be there still when the new one starts. */
static void stop_then_serve_in_a_loop_never_fails(void **state)
{
    life_options options = LIFE_OPTIONS_INIT;
    life_child   old, young;

    (void)state;
    options.server.on_stop = allow_stop;
    life_serve(&old, root, &options);
    for (int round = 0; round < 30; round++) {
        ask_to_stop(root);
        life_serve(&young, root, &options);
        life_stop(&old);
        old = young;
    }
    life_stop(&old);
    life_check_names(root, "ipc.lock");
}

static int is_gone(void *context)
{
    return !support_exists(context);
}

typedef struct draining {
    support_server *server;
    int             client;
} draining;

static void *end_the_drain(void *context)
{
    draining *what = context;

    support_pause(150);
    support_server_release(what->server, 0, "late");
    close(what->client);
    return NULL;
}

/* A request that nobody answers keeps the old server draining. */
static void start_waits_for_a_server_that_drains(void **state)
{
    cordon_server_options options = CORDON_SERVER_OPTIONS_INIT;
    cordon_fault          fault = CORDON_FAULT_INIT;
    char                  address[SUPPORT_PATH];
    uint8_t               frame[32];
    draining              old;
    pthread_t             thread;

    (void)state;
    options.drain_ms = 60000;
    support_server_open(&old.server, root, NULL, &options);
    old.client = support_raw_admitted(old.server->endpoint);
    support_raw_send(old.client, frame, support_put_frame(frame, 4, 0, 1, "hold", 4));
    assert_true(support_reaches(&old.server->held, 1, SUPPORT_SOON));
    support_server_stop(old.server);
    support_join(address, root, "ipc.sock");
    assert_true(support_until(is_gone, address, SUPPORT_SOON));

    SUPPORT_CODE(life_refused(root, CORDON_AT_ONCE, &fault), CORDON_EADDRINUSE, &fault);
    SUPPORT_CODE(life_refused(root, 20, &fault), CORDON_EADDRINUSE, &fault);
    assert_int_equal(atomic_load(&old.server->closed), 0); /* it was draining all the while */
    assert_int_equal(pthread_create(&thread, NULL, end_the_drain, &old), 0);
    SUPPORT_CODE(life_refused(root, 50000, &fault), CORDON_OK, &fault);
    assert_int_equal(pthread_join(thread, NULL), 0);
    support_server_close(old.server);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(socket_token_and_lock_are_0600_whatever_the_umask),
        TEST(fallback_is_closed_to_others_whatever_the_umask),
        TEST(directory_of_ours_keeps_its_mode),
        TEST(open_directory_that_the_caller_names_is_refused),
        TEST(default_directory_loses_the_write_bits_of_others),
        TEST(plain_file_for_a_directory_is_refused),
        TEST(link_of_ours_to_a_directory_of_ours_works),
        TEST(directory_or_link_of_another_user_is_refused),
        TEST(root_in_a_container_serves_its_own_directory),
        TEST(second_server_is_refused_at_once_and_the_first_goes_on),
        TEST(second_server_of_one_process_is_refused_at_once),
        TEST(two_names_in_one_directory_are_two_endpoints),
        TEST(stop_then_serve_in_a_loop_never_fails),
        TEST(start_waits_for_a_server_that_drains),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
