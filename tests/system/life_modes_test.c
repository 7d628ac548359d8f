/* Modes, owners and links of what lies on the disk. Cases 6 and 18. POSIX. */
#include "life_posix.h"

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
    calls = support_calls(server);
    for (size_t n = 0; n < sizeof modes / sizeof modes[0]; n++) {
        assert_int_equal(chmod(root, (mode_t)modes[n]), 0);
        SUPPORT_CODE(ask(server->endpoint, 0, &fault), CORDON_EUNSAFE, &fault);
        assert_int_equal(fault.is_sent, 0);
        assert_int_equal(fault.actual & 07777, modes[n]);
        assert_string_equal(fault.path, root);
    }
    assert_int_equal(support_calls(server), calls);
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
        TEST(socket_token_and_lock_are_0600_whatever_the_umask),
        TEST(fallback_is_closed_to_others_whatever_the_umask),
        TEST(directory_of_ours_keeps_its_mode),
        TEST(open_directory_that_the_caller_names_is_refused),
        TEST(default_directory_loses_the_write_bits_of_others),
        TEST(link_of_ours_to_a_directory_of_ours_works),
        TEST(directory_or_link_of_another_user_is_refused),
        TEST(root_in_a_container_serves_its_own_directory),
        TEST(directory_opened_to_others_between_two_calls_is_noticed),
        TEST(link_or_component_of_another_user_is_unsafe_for_a_client),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
