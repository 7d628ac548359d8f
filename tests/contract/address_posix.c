/* Where an endpoint is, on POSIX: the resolver, and the arithmetic behind it. */
#include "kit_posix.h"

#include <ctype.h>
#include <limits.h>
#include <pwd.h>
#include <sys/stat.h>

static const cordon__trace silent = {NULL, NULL};

static int resolve(cordon__place **place, const char *directory, cordon_fault *fault)
{
    *place = NULL;
    return cordon__place_open(place, "test", "ipc", directory, &cordon__libc, &silent, fault);
}

static void check_same(const cordon__place *one, const cordon__place *other)
{
    for (int i = CORDON_DIRECTORY; i <= CORDON_START_LOCK; i++)
        assert_string_equal(cordon__place_path(one, i), cordon__place_path(other, i));
}

static void check_path(const cordon__place *place, enum cordon_place which, const char *directory,
                       const char *name)
{
    char expected[SUPPORT_PATH];

    assert_string_equal(cordon__place_path(place, which), support_join(expected, directory, name));
}

static void default_is(const char *base, const char *rest)
{
    cordon_fault   fault = CORDON_FAULT_INIT;
    cordon__place *place;
    char           expected[SUPPORT_PATH];

    SUPPORT_CODE(resolve(&place, NULL, &fault), CORDON_OK, &fault);
    assert_string_equal(cordon__place_path(place, CORDON_DIRECTORY),
                        support_join(expected, base, rest));
    cordon__place_close(place);
}

/* ---- one directory, one endpoint ---- */

static void paths_of_a_short_directory_are_in_it(void **state)
{
    kit *it = *state;

    it->place = kit_resolve(it, it->home);
    assert_string_equal(cordon__place_path(it->place, CORDON_DIRECTORY), it->home);
    check_path(it->place, CORDON_ADDRESS, it->home, "ipc.sock");
    check_path(it->place, CORDON_TOKEN, it->home, "ipc-token");
    check_path(it->place, CORDON_LOCK, it->home, "ipc.lock");
    check_path(it->place, CORDON_START_LOCK, it->home, "ipc.start");
    assert_null(cordon__place_path(it->place, (enum cordon_place)5));
}

static void other_variables_and_working_directory_change_nothing(void **state)
{
    kit           *it = *state;
    cordon__place *near = kit_resolve(it, it->home);
    cordon__place *far = kit_resolve(it, it->deep);
    char           here[PATH_MAX];
    const char    *home = getenv("HOME");
    char           old_home[PATH_MAX];

    snprintf(old_home, sizeof old_home, "%s", home ? home : "");
    assert_non_null(getcwd(here, sizeof here));
    unsetenv("HOME");
    setenv("USER", "somebody-else", 1);
    setenv("LOGNAME", "somebody-else", 1);
    assert_int_equal(chdir("/"), 0);
    cordon__place *near_again = kit_resolve(it, it->home);
    cordon__place *far_again = kit_resolve(it, it->deep);
    check_same(near, near_again);
    check_same(far, far_again);
    /* Another TMPDIR moves the computed address of a long one, and nothing else. */
    setenv("TMPDIR", it->root, 1);
    cordon__place *far_elsewhere = kit_resolve(it, it->deep);
    assert_string_equal(strrchr(cordon__place_path(far_elsewhere, CORDON_ADDRESS), '/'),
                        strrchr(cordon__place_path(far, CORDON_ADDRESS), '/'));
    assert_string_equal(cordon__place_path(far_elsewhere, CORDON_TOKEN),
                        cordon__place_path(far, CORDON_TOKEN));
    if (home)
        setenv("HOME", old_home, 1);
    assert_int_equal(chdir(here), 0);
    cordon__place_close(near);
    cordon__place_close(far);
    cordon__place_close(near_again);
    cordon__place_close(far_again);
    cordon__place_close(far_elsewhere);
}

static void links_and_spellings_of_one_directory_are_one_endpoint(void **state)
{
    kit        *it = *state;
    char        link[SUPPORT_PATH];
    char        texts[6][3 * SUPPORT_PATH];
    char        here[PATH_MAX];
    const char *root = it->root;

    assert_int_equal(mkdir(it->home, 0700), 0);
    assert_int_equal(symlink(it->home, support_join(link, root, "link")), 0);
    it->place = kit_resolve(it, it->home);
    snprintf(texts[0], sizeof texts[0], "%s/", it->home);
    snprintf(texts[1], sizeof texts[1], "%s//./d", root);
    snprintf(texts[2], sizeof texts[2], "%s/t/../d", root);
    snprintf(texts[3], sizeof texts[3], "%s/link", root);
    snprintf(texts[4], sizeof texts[4], "d");
    snprintf(texts[5], sizeof texts[5], "./t//../d/.");
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(root), 0);
    for (int i = 0; i < 6; i++) {
        cordon__place *other = kit_resolve(it, texts[i]);

        check_same(it->place, other);
        cordon__place_close(other);
    }
    assert_int_equal(chdir(here), 0);
}

static void what_is_missing_is_taken_as_written(void **state)
{
    kit *it = *state;
    char spelled[2 * SUPPORT_PATH];
    char expected[SUPPORT_PATH];

    snprintf(spelled, sizeof spelled, "%s/t/..//new/./app/", it->root);
    it->place = kit_resolve(it, spelled);
    assert_string_equal(cordon__place_path(it->place, CORDON_DIRECTORY),
                        support_join(expected, it->root, "new/app"));
}

static void what_cannot_be_resolved_is_einval(void **state)
{
    kit           *it = *state;
    char           loop[SUPPORT_PATH], file[SUPPORT_PATH], below[SUPPORT_PATH];
    char           up[SUPPORT_PATH];
    const char    *bad[] = {"", loop, below, up};
    cordon__place *place;

    assert_int_equal(symlink("loop", support_join(loop, it->root, "loop")), 0);
    support_write(support_join(file, it->root, "file"), "", 0, 0600);
    support_join(below, file, "app");
    support_join(up, it->root, "missing/../d");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        SUPPORT_CODE(resolve(&place, bad[i], &it->fault), CORDON_EINVAL, &it->fault);
        assert_null(place);
        assert_string_equal(it->fault.during, "resolve");
    }
}

static void too_long_for_the_system_is_enametoolong(void **state)
{
    kit           *it = *state;
    char           text[PATH_MAX + 100];
    cordon__place *place;

    for (size_t i = 0; i + 1 < sizeof text; i++)
        text[i] = i % 100 == 0 ? '/' : 'x';
    text[sizeof text - 1] = '\0';
    SUPPORT_CODE(resolve(&place, text, &it->fault), CORDON_ENAMETOOLONG, &it->fault);
    text[4000] = '\0'; /* fits, and is not there */
    SUPPORT_CODE(resolve(&place, text, &it->fault), CORDON_OK, &it->fault);
    assert_true(strlen(cordon__place_path(place, CORDON_ADDRESS)) <= CORDON__ADDRESS_MAX);
    cordon__place_close(place);
}

static int cannot_look_inside(void *context)
{
    kit           *it = context;
    cordon__place *place;
    char           inner[SUPPORT_PATH];

    SUPPORT_CODE(resolve(&place, support_join(inner, it->home, "app"), &it->fault), CORDON_EDENIED,
                 &it->fault);
    SUPPORT_CHECK(strcmp(it->fault.path, inner) == 0);
    return 0;
}

static void closed_directory_of_another_user_is_denied(void **state)
{
    kit *it = *state;

    support_need_root();
    assert_int_equal(mkdir(it->home, 0700), 0);
    assert_int_equal(chmod(it->root, 0755), 0);
    assert_int_equal(
        support_wait(support_fork_as(SUPPORT_OTHER_UID, cannot_look_inside, it), SUPPORT_SOON), 0);
}

/* ---- the default directory ---- */

static void default_directory_is_the_first_variable_that_leads_somewhere(void **state)
{
    kit        *it = *state;
    char        home[SUPPORT_PATH], loop[SUPPORT_PATH], file[SUPPORT_PATH];
    char        old_home[PATH_MAX] = "", old_data[PATH_MAX] = "";
    const int   had_home = getenv("HOME") != NULL, had_data = getenv("XDG_DATA_HOME") != NULL;
    const char *unset[] = {"", "relative/path", loop, file};

    if (had_home)
        snprintf(old_home, sizeof old_home, "%s", getenv("HOME"));
    if (had_data)
        snprintf(old_data, sizeof old_data, "%s", getenv("XDG_DATA_HOME"));
    support_join(home, it->root, "home");
    assert_int_equal(symlink("loop", support_join(loop, it->root, "loop")), 0);
    support_write(support_join(file, it->root, "file"), "", 0, 0600);

    setenv("HOME", home, 1);
    setenv("XDG_DATA_HOME", it->tmp, 1);
    default_is(it->tmp, "test");
    unsetenv("XDG_DATA_HOME");
    default_is(home, ".local/share/test");
    for (size_t i = 0; i < sizeof unset / sizeof unset[0]; i++) {
        setenv("XDG_DATA_HOME", unset[i], 1);
        default_is(home, ".local/share/test");
    }
    /* No variable helps: the account's home. */
    const struct passwd *account = getpwuid(geteuid());
    if (account && account->pw_dir[0] == '/') {
        char *real = realpath(account->pw_dir, NULL);

        for (size_t i = 0; i < sizeof unset / sizeof unset[0]; i++) {
            setenv("HOME", unset[i], 1);
            default_is(real ? real : account->pw_dir, ".local/share/test");
        }
        free(real);
    }
    had_home ? setenv("HOME", old_home, 1) : unsetenv("HOME");
    had_data ? setenv("XDG_DATA_HOME", old_data, 1) : unsetenv("XDG_DATA_HOME");
}

static int resolves_without_environment(void *context)
{
    kit                 *it = context;
    const struct passwd *account = getpwnam("nobody");
    cordon__place       *place;
    char                 expected[SUPPORT_PATH];

    SUPPORT_CHECK(account != NULL);
    setenv("XDG_DATA_HOME", it->tmp, 1);
    setenv("HOME", it->tmp, 1);
    SUPPORT_CHECK(chmod(it->root, 0755) == 0 && chmod(it->tmp, 0755) == 0);
    SUPPORT_CHECK(seteuid(account->pw_uid) == 0);
    SUPPORT_CODE(resolve(&place, NULL, &it->fault), CORDON_OK, &it->fault);
    support_join(expected, account->pw_dir, ".local/share/test");
    SUPPORT_CHECK(strcmp(cordon__place_path(place, CORDON_DIRECTORY), expected) == 0);
    cordon__place_close(place);
    SUPPORT_CODE(resolve(&place, it->deep, &it->fault), CORDON_OK, &it->fault);
    snprintf(expected, sizeof expected, "/tmp/cordon-%u/", (unsigned)account->pw_uid);
    SUPPORT_CHECK(strncmp(cordon__place_path(place, CORDON_ADDRESS), expected, strlen(expected)) ==
                  0);
    return 0;
}

static void with_two_user_ids_no_variable_counts(void **state)
{
    support_need_root();
    if (!getpwnam("nobody"))
        SUPPORT_SKIP("there is no account \"nobody\"");
    assert_int_equal(support_wait(support_fork(resolves_without_environment, *state), SUPPORT_SOON),
                     0);
}

/* ---- arithmetic ---- */

static cordon__place *plan(const char *directory, int is_network, const char *root, int *code,
                           cordon_fault *fault)
{
    const cordon__plan asked = {"test", "ipc", directory, is_network, {root, NULL, "/tmp"}};
    cordon__place     *place = cordon__allocate(&cordon__libc, sizeof *place);

    place->memory = cordon__libc;
    place->uid = 1234567;
    place->home.fd = place->annex_dir.fd = place->other_dir.fd = -1;
    *code = cordon__place_plan(place, &asked, fault);
    return place;
}

static void check_fallback(const cordon__place *place, const char *root)
{
    const char *address = cordon__place_path(place, CORDON_ADDRESS);
    char        head[SUPPORT_PATH];
    size_t      size;

    snprintf(head, sizeof head, "%s/cordon-1234567/", root);
    size = strlen(head);
    assert_memory_equal(address, head, size);
    for (int i = 0; i < 16; i++)
        assert_true(isdigit((unsigned char)address[size]) ||
                    (address[size] >= 'a' && address[size] <= 'f')),
            size++;
    assert_string_equal(address + size, ".sock");
}

static void address_is_never_over_the_limit(void **state)
{
    cordon_fault fault = CORDON_FAULT_INIT;
    char         directory[400];
    char         last[128] = "";

    (void)state;
    memset(directory, 'x', sizeof directory);
    directory[0] = '/';
    for (size_t size = 1; size < sizeof directory; size++) {
        int            code;
        cordon__place *place;
        const size_t   whole = size + strlen("/ipc.sock") - (size == 1);
        const char    *address;

        directory[size] = '\0';
        place = plan(directory, 0, NULL, &code, &fault);
        assert_int_equal(code, CORDON_OK);
        address = cordon__place_path(place, CORDON_ADDRESS);
        assert_true(strlen(address) <= CORDON__ADDRESS_MAX);
        assert_int_equal(place->layout, whole <= 100 ? CORDON__NEAR : CORDON__LINKED);
        if (whole > 100) {
            check_fallback(place, "/tmp");
            assert_string_not_equal(address, last); /* no two share one */
            assert_true(strlen(place->link) == whole);
        }
        snprintf(last, sizeof last, "%s", address);
        cordon__place_close(place);
        directory[size] = 'x';
    }
}

static void directories_that_differ_at_the_end_have_their_own_fallback(void **state)
{
    cordon_fault   fault = CORDON_FAULT_INIT;
    char           directory[201];
    cordon__place *one, *other;
    int            code;

    (void)state;
    memset(directory, 'x', 200);
    directory[0] = '/';
    directory[200] = '\0';
    one = plan(directory, 0, NULL, &code, &fault);
    directory[199] = 'y';
    other = plan(directory, 0, NULL, &code, &fault);
    assert_string_not_equal(cordon__place_path(one, CORDON_ADDRESS),
                            cordon__place_path(other, CORDON_ADDRESS));
    cordon__place_close(one);
    cordon__place_close(other);
}

static void root_that_does_not_fit_is_passed_over(void **state)
{
    static const char *const unfit[] = {
        "", "relative",
        "/a-directory-for-temporary-files/that-is-so-long/that-no-address-in-it/fits-any-more"};
    cordon_fault   fault = CORDON_FAULT_INIT;
    char           directory[121];
    cordon__place *place;
    int            code;

    (void)state;
    memset(directory, 'x', 120);
    directory[0] = '/';
    directory[120] = '\0';
    for (size_t i = 0; i < sizeof unfit / sizeof unfit[0]; i++) {
        place = plan(directory, 0, unfit[i], &code, &fault);
        assert_int_equal(code, CORDON_OK);
        check_fallback(place, "/tmp");
        cordon__place_close(place);
    }
    place = plan(directory, 0, "/var/tmp//", &code, &fault);
    check_fallback(place, "/var/tmp");
    cordon__place_close(place);
}

static void no_root_that_fits_is_enametoolong_with_both_lengths(void **state)
{
    char           root[81];
    cordon__plan   asked = {"test", "ipc", "/home/x", 1, {NULL, NULL, root}};
    cordon_fault   fault = CORDON_FAULT_INIT;
    cordon__place *place = cordon__allocate(&cordon__libc, sizeof *place);

    (void)state;
    memset(root, 'r', 80);
    root[0] = '/';
    root[80] = '\0';
    place->memory = cordon__libc;
    place->uid = 1234567;
    place->home.fd = place->annex_dir.fd = place->other_dir.fd = -1;
    assert_int_equal(cordon__place_plan(place, &asked, &fault), CORDON_ENAMETOOLONG);
    assert_int_equal(fault.expected, 100);
    assert_int_equal(fault.actual, 80 + strlen("/cordon-1234567/0123456789abcdef.sock"));
    cordon__place_close(place);
}

static void on_a_network_all_lives_in_the_fallback(void **state)
{
    cordon_fault   fault = CORDON_FAULT_INIT;
    int            code;
    cordon__place *place = plan("/home/x", 1, "/var/tmp", &code, &fault);
    const char    *address = cordon__place_path(place, CORDON_ADDRESS);
    const size_t   stem = strlen(address) - strlen(".sock");

    (void)state;
    assert_int_equal(code, CORDON_OK);
    assert_int_equal(place->layout, CORDON__AWAY);
    assert_null(place->link);
    check_fallback(place, "/var/tmp");
    assert_string_equal(cordon__place_path(place, CORDON_DIRECTORY), "/home/x");
    for (int i = CORDON_TOKEN; i <= CORDON_START_LOCK; i++)
        assert_memory_equal(cordon__place_path(place, i), address, stem);
    assert_string_equal(cordon__place_path(place, CORDON_TOKEN) + stem, "-token");
    assert_string_equal(cordon__place_path(place, CORDON_LOCK) + stem, ".lock");
    assert_string_equal(cordon__place_path(place, CORDON_START_LOCK) + stem, ".start");
    cordon__place_close(place);
}

static void network_file_systems_are_known_by_type(void **state)
{
    static const uint32_t shared[] = {0x6969,     0x517B,     0xFF534D42, 0xFE534D42, 0x01021997,
                                      0x5346414F, 0x6B414653, 0x73757245, 0x00C36400, 0x65735546,
                                      0x0BD00BD0, 0x01161970, 0x7461636F, 0x564C};
    static const uint32_t own[] = {0xEF53 /* ext4 */,        0x01021994 /* tmpfs */,
                                   0x9123683E /* btrfs */,   0x58465342 /* xfs */,
                                   0x794c7630 /* overlay */, 0};

    (void)state;
    for (size_t i = 0; i < sizeof shared / sizeof shared[0]; i++)
        assert_true(cordon__type_is_network(shared[i]));
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        assert_false(cordon__type_is_network(own[i]));
}

/* On any system something fails; here each of these does: the place and its paths. */
static void check_no_memory(const char *directory, size_t least)
{
    cordon_fault         fault = CORDON_FAULT_INIT;
    support_memory       counted = {0};
    const cordon__memory memory = {support_allocate, &counted};
    cordon__place       *place;
    int                  code = CORDON_ENOMEM;
    size_t               failed = 0;

    for (size_t n = 1; code != CORDON_OK; n++) {
        atomic_store(&counted.calls, 0);
        atomic_store(&counted.fail_from, n);
        place = NULL;
        code = cordon__place_open(&place, "test", "ipc", directory, &memory, &silent, &fault);
        if (code != CORDON_OK) {
            assert_int_equal(code, CORDON_ENOMEM);
            assert_int_equal(atomic_load(&counted.blocks), 0);
            failed++;
        }
    }
    assert_true(failed >= least);
    cordon__place_close(place);
    assert_int_equal(atomic_load(&counted.blocks), 0);
}

static void no_memory_at_each_point_leaves_nothing(void **state)
{
    kit *it = *state;

    check_no_memory(it->home, 7); /* the place and its paths */
    check_no_memory(it->deep, 9);
    check_no_memory(NULL, 7); /* and the next best directory is not taken instead */
}

const struct CMUnitTest support_own_cases[] = {
    kit_test(paths_of_a_short_directory_are_in_it),
    kit_test(other_variables_and_working_directory_change_nothing),
    kit_test(links_and_spellings_of_one_directory_are_one_endpoint),
    kit_test(what_is_missing_is_taken_as_written),
    kit_test(what_cannot_be_resolved_is_einval),
    kit_test(too_long_for_the_system_is_enametoolong),
    kit_test(closed_directory_of_another_user_is_denied),
    kit_test(default_directory_is_the_first_variable_that_leads_somewhere),
    kit_test(with_two_user_ids_no_variable_counts),
    cmocka_unit_test(address_is_never_over_the_limit),
    cmocka_unit_test(directories_that_differ_at_the_end_have_their_own_fallback),
    cmocka_unit_test(root_that_does_not_fit_is_passed_over),
    cmocka_unit_test(no_root_that_fits_is_enametoolong_with_both_lengths),
    cmocka_unit_test(on_a_network_all_lives_in_the_fallback),
    cmocka_unit_test(network_file_systems_are_known_by_type),
    kit_test(no_memory_at_each_point_leaves_nothing),
    SUPPORT_NO_CASE,
};
