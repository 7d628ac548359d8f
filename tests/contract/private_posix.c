/* Owner-only directories on POSIX: modes, links, owners. */
#include "kit_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define SERVER 1
#define CLIENT 0

static int open_as(kit *it, const char *directory, int is_server)
{
    cordon__place *place = kit_resolve(it, directory);
    const int      code = cordon__private_open(place, is_server, &it->fault);

    cordon__place_close(place);
    return code;
}

static void make(const char *path, mode_t mode)
{
    SUPPORT_CHECK(mkdir(path, 0700) == 0);
    SUPPORT_CHECK(chmod(path, mode) == 0);
}

static void check_unsafe(kit *it, const char *directory, const char *path)
{
    for (int is_server = 0; is_server <= 1; is_server++) {
        SUPPORT_CODE(open_as(it, directory, is_server), CORDON_EUNSAFE, &it->fault);
        assert_string_equal(it->fault.path, path);
        assert_string_equal(it->fault.during, "check directory");
        assert_true(it->fault.text[0] != '\0');
    }
}

/* ---- making ---- */

static void server_makes_directory_and_parents_0700(void **state)
{
    static const mode_t umasks[] = {0, 022, 077, 0777};
    kit                *it = *state;
    char                outer[SUPPORT_PATH], inner[SUPPORT_PATH];

    for (size_t i = 0; i < sizeof umasks / sizeof umasks[0]; i++) {
        const mode_t before = umask(umasks[i]);

        support_join(outer, it->root, "new");
        support_join(inner, outer, "app");
        SUPPORT_CODE(open_as(it, inner, SERVER), CORDON_OK, &it->fault);
        assert_int_equal(umask(before), umasks[i]); /* it was not touched */
        assert_int_equal(support_mode(outer), 0700);
        assert_int_equal(support_mode(inner), 0700);
        assert_int_equal(rmdir(inner), 0);
        assert_int_equal(rmdir(outer), 0);
    }
}

static void directory_left_half_made_by_a_crash_is_repaired_by_a_server(void **state)
{
    kit *it = *state;
    char inner[SUPPORT_PATH];

    make(it->home, 0);
    support_join(inner, it->home, "app");
    SUPPORT_CODE(open_as(it, it->home, CLIENT), CORDON_ENOTRUNNING, &it->fault);
    assert_int_equal(support_mode(it->home), 0);
    SUPPORT_CODE(open_as(it, inner, SERVER), CORDON_OK, &it->fault);
    assert_int_equal(support_mode(it->home), 0700);
    assert_int_equal(support_mode(inner), 0700);
}

static void steps_are_told(void **state)
{
    kit *it = *state;

    kit_serve(it, it->home);
    assert_string_equal(it->steps, "resolve:0 make directory:0 check directory:0 ");
}

/* ---- modes ---- */

static void directory_that_nobody_else_may_write_to_keeps_its_mode(void **state)
{
    static const mode_t modes[] = {0700, 0711, 0750, 0755, 0500, 02755};
    kit                *it = *state;

    make(it->home, 0700);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        assert_int_equal(chmod(it->home, modes[i]), 0);
        SUPPORT_CODE(open_as(it, it->home, CLIENT), CORDON_OK, &it->fault);
        SUPPORT_CODE(open_as(it, it->home, SERVER), CORDON_OK, &it->fault);
        assert_int_equal(support_mode(it->home), modes[i]);
    }
}

static void named_directory_that_others_may_write_to_is_unsafe(void **state)
{
    static const mode_t modes[] = {0777, 0775, 0770, 01777, 0702, 0720};
    kit                *it = *state;

    make(it->home, 0700);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        assert_int_equal(chmod(it->home, modes[i]), 0);
        check_unsafe(it, it->home, it->home);
        assert_int_equal(it->fault.actual, modes[i]);
        assert_int_equal(it->fault.expected, modes[i] & ~022u);
        assert_int_equal(support_mode(it->home), modes[i]); /* left alone */
    }
}

static void default_directory_loses_the_write_bits_of_others(void **state)
{
    kit        *it = *state;
    char        path[SUPPORT_PATH];
    char        old[SUPPORT_PATH] = "";
    const char *data = getenv("XDG_DATA_HOME");

    if (data)
        snprintf(old, sizeof old, "%s", data);
    setenv("XDG_DATA_HOME", it->root, 1);
    make(support_join(path, it->root, "test"), 0775);
    SUPPORT_CODE(open_as(it, NULL, CLIENT), CORDON_OK, &it->fault);
    assert_int_equal(support_mode(path), 0775); /* a client changes nothing */
    it->place = kit_resolve(it, NULL);
    SUPPORT_CODE(cordon__private_open(it->place, CLIENT, &it->fault), CORDON_OK, &it->fault);
    SUPPORT_CODE(cordon__private_open(it->place, SERVER, &it->fault), CORDON_OK, &it->fault);
    assert_int_equal(support_mode(path), 0755);
    data ? setenv("XDG_DATA_HOME", old, 1) : unsetenv("XDG_DATA_HOME");
}

static void fallback_directory_is_made_0700_and_loses_the_write_bits_of_others(void **state)
{
    kit *it = *state;
    char annex[SUPPORT_PATH], name[64];

    snprintf(name, sizeof name, "cordon-%u", (unsigned)geteuid());
    support_join(annex, it->tmp, name);
    SUPPORT_CODE(open_as(it, it->deep, SERVER), CORDON_OK, &it->fault);
    assert_int_equal(support_mode(annex), 0700);
    assert_int_equal(chmod(annex, 0777), 0);
    SUPPORT_CODE(open_as(it, it->deep, SERVER), CORDON_OK, &it->fault);
    assert_int_equal(support_mode(annex), 0755);
}

/* ---- what it is, and where it leads ---- */

static void plain_file_and_pipe_are_unsafe(void **state)
{
    kit *it = *state;

    support_write(it->home, "x", 1, 0600);
    check_unsafe(it, it->home, it->home);
    assert_int_equal(unlink(it->home), 0);
    assert_int_equal(mkfifo(it->home, 0600), 0);
    check_unsafe(it, it->home, it->home);
}

static void link_of_ours_to_a_directory_of_ours_works(void **state)
{
    kit *it = *state;
    char link[SUPPORT_PATH], other[SUPPORT_PATH];

    make(it->home, 0700);
    assert_int_equal(symlink("./d", support_join(link, it->root, "link")), 0);
    assert_int_equal(symlink(link, support_join(other, it->root, "other")), 0);
    SUPPORT_CODE(open_as(it, link, CLIENT), CORDON_OK, &it->fault);
    SUPPORT_CODE(open_as(it, other, SERVER), CORDON_OK, &it->fault);
}

static void link_in_a_directory_open_to_all_is_unsafe(void **state)
{
    kit *it = *state;
    char open[SUPPORT_PATH], link[SUPPORT_PATH], below[SUPPORT_PATH];

    make(it->home, 0700);
    make(support_join(open, it->root, "open"), 0700);
    assert_int_equal(symlink(it->home, support_join(link, open, "link")), 0);
    support_join(below, link, "app");
    for (int is_sticky = 0; is_sticky <= 1; is_sticky++) {
        assert_int_equal(chmod(open, is_sticky ? 01777 : 0777), 0);
        SUPPORT_CODE(open_as(it, link, SERVER), CORDON_EUNSAFE, &it->fault);
        SUPPORT_CODE(open_as(it, below, SERVER), CORDON_EUNSAFE, &it->fault);
    }
    assert_int_equal(chmod(open, 0775), 0); /* the group's bit does not count up there */
    SUPPORT_CODE(open_as(it, link, SERVER), CORDON_OK, &it->fault);
}

static void ancestor_open_to_all_must_be_sticky(void **state)
{
    kit *it = *state;
    char open[SUPPORT_PATH], inner[SUPPORT_PATH];

    make(support_join(open, it->root, "open"), 0777);
    support_join(inner, open, "app");
    SUPPORT_CODE(open_as(it, inner, SERVER), CORDON_EUNSAFE, &it->fault);
    assert_string_equal(it->fault.path, open);
    assert_false(support_exists(inner));
    assert_int_equal(chmod(open, 01777), 0);
    SUPPORT_CODE(open_as(it, inner, SERVER), CORDON_OK, &it->fault);
}

static void way_that_changed_since_it_was_resolved_is_unsafe(void **state)
{
    kit *it = *state;
    char other[SUPPORT_PATH];

    it->place = kit_resolve(it, it->home);
    make(support_join(other, it->root, "other"), 0700);
    assert_int_equal(symlink(other, it->home), 0);
    SUPPORT_CODE(cordon__private_open(it->place, SERVER, &it->fault), CORDON_EUNSAFE, &it->fault);
    SUPPORT_CODE(cordon__private_open(it->place, CLIENT, &it->fault), CORDON_EUNSAFE, &it->fault);
}

static void endless_links_end(void **state)
{
    kit *it = *state;

    it->place = kit_resolve(it, it->home);
    assert_int_equal(symlink("d", it->home), 0);
    SUPPORT_CODE(cordon__private_open(it->place, SERVER, &it->fault), CORDON_EUNSAFE, &it->fault);
}

/* ---- other users ---- */

static void what_another_user_owns_is_unsafe(void **state)
{
    kit *it = *state;
    char link[SUPPORT_PATH], outer[SUPPORT_PATH], inner[SUPPORT_PATH];

    support_need_root();
    make(it->home, 0700);
    kit_give_to(it->home, SUPPORT_OTHER_UID);
    check_unsafe(it, it->home, it->home);
    assert_int_equal(it->fault.expected, 0);
    assert_int_equal(it->fault.actual, SUPPORT_OTHER_UID);

    make(support_join(outer, it->root, "outer"), 0755);
    make(support_join(inner, outer, "app"), 0700);
    kit_give_to(outer, SUPPORT_OTHER_UID);
    check_unsafe(it, inner, outer);

    kit_give_to(it->home, 0);
    assert_int_equal(symlink(it->home, support_join(link, it->root, "link")), 0);
    kit_give_to(link, SUPPORT_OTHER_UID);
    check_unsafe(it, link, link);
    kit_give_to(link, 0);
    SUPPORT_CODE(open_as(it, link, SERVER), CORDON_OK, &it->fault);
}

static int serves_below_roots_directory(void *context)
{
    kit *it = context;
    char linked[SUPPORT_PATH];

    SUPPORT_CODE(open_as(it, it->home, SERVER), CORDON_OK, &it->fault);
    SUPPORT_CODE(open_as(it, support_join(linked, it->root, "link"), SERVER), CORDON_OK,
                 &it->fault);
    return 0;
}

static void directories_and_links_of_root_above_ours_are_fine(void **state)
{
    kit *it = *state;
    char link[SUPPORT_PATH];

    support_need_root();
    make(it->home, 0700);
    kit_give_to(it->home, SUPPORT_OTHER_UID);
    assert_int_equal(chmod(it->root, 0755), 0);
    assert_int_equal(symlink(it->home, support_join(link, it->root, "link")), 0);
    assert_int_equal(
        support_wait(support_fork_as(SUPPORT_OTHER_UID, serves_below_roots_directory, it),
                     SUPPORT_SOON),
        0);
}

static int is_denied(void *context)
{
    kit *it = context;
    char inner[SUPPORT_PATH];

    SUPPORT_CODE(open_as(it, support_join(inner, it->root, "app"), SERVER), CORDON_EDENIED,
                 &it->fault);
    SUPPORT_CHECK(it->fault.os_code == EACCES);
    SUPPORT_CHECK(strcmp(it->fault.during, "make directory") == 0);
    return 0;
}

static void no_right_to_make_it_is_denied(void **state)
{
    kit *it = *state;

    support_need_root();
    assert_int_equal(chmod(it->root, 0755), 0);
    assert_int_equal(support_wait(support_fork_as(SUPPORT_OTHER_UID, is_denied, it), SUPPORT_SOON),
                     0);
}

/* ---- the next look ---- */

static void open_directory_is_looked_at_again(void **state)
{
    kit *it = *state;

    kit_serve(it, it->home);
    assert_int_equal(chmod(it->home, 0777), 0);
    SUPPORT_CODE(cordon__private_open(it->place, CLIENT, &it->fault), CORDON_EUNSAFE, &it->fault);
    assert_int_equal(chmod(it->home, 0700), 0);
    SUPPORT_CODE(cordon__private_open(it->place, CLIENT, &it->fault), CORDON_OK, &it->fault);
}

static void directory_that_vanished_is_made_again_by_a_server_only(void **state)
{
    kit *it = *state;

    kit_serve(it, it->home);
    assert_int_equal(rmdir(it->home), 0);
    SUPPORT_CODE(cordon__private_open(it->place, CLIENT, &it->fault), CORDON_ENOTRUNNING,
                 &it->fault);
    SUPPORT_CODE(cordon__private_open(it->place, SERVER, &it->fault), CORDON_OK, &it->fault);
    assert_int_equal(support_mode(it->home), 0700);
}

static void nothing_stays_open(void **state)
{
    kit      *it = *state;
    const int before = support_count_descriptors();

    make(it->home, 0777);
    open_as(it, it->home, SERVER);
    assert_int_equal(chmod(it->home, 0700), 0);
    open_as(it, it->home, SERVER);
    open_as(it, it->deep, SERVER);
    assert_int_equal(support_count_descriptors(), before);
}

static int opens_again_and_again(void *context)
{
    kit *it = context;

    for (int i = 0; i < 300; i++) {
        const int code = open_as(it, it->home, SERVER);

        SUPPORT_CODE(code, CORDON_OK, &it->fault);
    }
    return 0;
}

static void many_servers_may_make_it_at_once(void **state)
{
    kit  *it = *state;
    pid_t makers[4];

    const mode_t before = umask(0777);

    for (int i = 0; i < 4; i++)
        makers[i] = support_fork(opens_again_and_again, it);
    umask(before);
    for (int i = 0; i < 4; i++)
        assert_int_equal(support_wait(makers[i], SUPPORT_SOON), 0);
    assert_int_equal(support_mode(it->home), 0700);
}

const struct CMUnitTest support_own_cases[] = {
    kit_test(server_makes_directory_and_parents_0700),
    kit_test(directory_left_half_made_by_a_crash_is_repaired_by_a_server),
    kit_test(steps_are_told),
    kit_test(directory_that_nobody_else_may_write_to_keeps_its_mode),
    kit_test(named_directory_that_others_may_write_to_is_unsafe),
    kit_test(default_directory_loses_the_write_bits_of_others),
    kit_test(fallback_directory_is_made_0700_and_loses_the_write_bits_of_others),
    kit_test(plain_file_and_pipe_are_unsafe),
    kit_test(link_of_ours_to_a_directory_of_ours_works),
    kit_test(link_in_a_directory_open_to_all_is_unsafe),
    kit_test(ancestor_open_to_all_must_be_sticky),
    kit_test(way_that_changed_since_it_was_resolved_is_unsafe),
    kit_test(endless_links_end),
    kit_test(what_another_user_owns_is_unsafe),
    kit_test(directories_and_links_of_root_above_ours_are_fine),
    kit_test(no_right_to_make_it_is_denied),
    kit_test(open_directory_is_looked_at_again),
    kit_test(directory_that_vanished_is_made_again_by_a_server_only),
    kit_test(nothing_stays_open),
    kit_test(many_servers_may_make_it_at_once),
    SUPPORT_NO_CASE,
};
