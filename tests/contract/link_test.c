/* The link beside the files of an endpoint whose address would be too long. */
#include "kit_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

static const char *address_of(const cordon__place *place)
{
    return cordon__place_path(place, CORDON_ADDRESS);
}

static const char *digits_of(const cordon__place *place)
{
    return strrchr(address_of(place), '/') + 1;
}

static void link_text(const char *path, char text[SUPPORT_PATH])
{
    const ssize_t size = readlink(path, text, SUPPORT_PATH - 1);

    assert_true(size > 0);
    text[size] = '\0';
}

static const char *link_path(kit *it, char out[SUPPORT_PATH])
{
    return support_join(out, it->deep, "ipc.sock");
}

/* Another TMPDIR: what the ssh login has. */
static void elsewhere(kit *it)
{
    char other[SUPPORT_PATH];

    support_join(other, it->root, "other");
    SUPPORT_CHECK(mkdir(other, 0700) == 0 || errno == EEXIST);
    SUPPORT_CHECK(setenv("TMPDIR", other, 1) == 0);
}

static void live_is(kit *it, cordon__place *place, const char *expected)
{
    cordon_buffer live = CORDON_BUFFER_INIT;

    SUPPORT_CODE(cordon__place_live(&live, place, &it->fault), CORDON_OK, &it->fault);
    assert_string_equal(live.data, expected);
    cordon_buffer_free(&live);
}

/* ---- publishing ---- */

static void socket_is_in_the_fallback_and_the_link_leads_there(void **state)
{
    kit              *it = *state;
    char              link[SUPPORT_PATH], text[SUPPORT_PATH], names[64];
    cordon__listener *listener;

    kit_serve(it, it->deep);
    listener = kit_listen(it, it->place);
    link_text(link_path(it, link), text);
    assert_string_equal(text, address_of(it->place));
    assert_memory_equal(text, it->tmp, strlen(it->tmp));
    assert_int_equal(support_mode(text), 0600);
    support_names(names, sizeof names, it->deep);
    assert_string_equal(names, "ipc.sock"); /* and no half-made one */
    SUPPORT_CODE(kit_knock(it, it->place), CORDON_OK, &it->fault);
    assert_int_equal(cordon__listener_look(listener, &it->fault), CORDON_OK);
    cordon__unlisten(listener);
    cordon__listener_close(listener, NULL);
    support_names(names, sizeof names, it->deep);
    assert_string_equal(names, "");
    assert_false(support_exists(text));
}

static void two_environments_meet_by_the_link(void **state)
{
    kit              *it = *state;
    cordon__listener *listener;
    cordon__place    *visitor;

    kit_serve(it, it->deep);
    listener = kit_listen(it, it->place);
    elsewhere(it);
    visitor = kit_visit(it, it->deep);
    assert_string_not_equal(address_of(visitor), address_of(it->place));
    SUPPORT_CODE(kit_knock(it, visitor), CORDON_OK, &it->fault);
    live_is(it, visitor, address_of(it->place));
    cordon__unlisten(listener);
    cordon__listener_close(listener, NULL);
    SUPPORT_CODE(kit_knock(it, visitor), CORDON_ENOTRUNNING, &it->fault);
    live_is(it, visitor, address_of(visitor));
    cordon__place_close(visitor);
}

static void computed_address_is_tried_when_the_link_leads_to_nobody(void **state)
{
    kit              *it = *state;
    cordon__listener *listener;
    cordon__place    *visitor;
    char              link[SUPPORT_PATH], stale[3 * SUPPORT_PATH], directory[2 * SUPPORT_PATH];

    kit_serve(it, it->deep);
    listener = kit_listen(it, it->place);
    /* 1. the directory is not there, 2. the socket is not, 3. it refuses */
    snprintf(directory, sizeof directory, "%s/cordon-%u", it->root, (unsigned)geteuid());
    snprintf(stale, sizeof stale, "%s/%s", directory, digits_of(it->place));
    link_path(it, link);
    assert_int_equal(unlink(link), 0);
    assert_int_equal(symlink(stale, link), 0);
    visitor = kit_visit(it, it->deep);
    SUPPORT_CODE(kit_knock(it, visitor), CORDON_OK, &it->fault);
    assert_int_equal(mkdir(directory, 0700), 0);
    SUPPORT_CODE(kit_knock(it, visitor), CORDON_OK, &it->fault);
    kit_leave_socket(stale);
    SUPPORT_CODE(kit_knock(it, visitor), CORDON_OK, &it->fault);
    assert_true(support_exists(stale)); /* a client removes nothing */
    cordon__place_close(visitor);
    cordon__listener_close(listener, NULL);
}

/* ---- links that are not ours ---- */

static void check_refused(kit *it, const char *link)
{
    cordon_buffer live = CORDON_BUFFER_INIT;

    SUPPORT_CODE(kit_knock(it, it->place), CORDON_EUNSAFE, &it->fault);
    assert_string_equal(it->fault.during, "read link");
    SUPPORT_CODE(cordon__place_live(&live, it->place, &it->fault), CORDON_EUNSAFE, &it->fault);
    SUPPORT_CODE(cordon__address_clear(it->place, &it->fault), CORDON_EUNSAFE, &it->fault);
    assert_true(support_exists(link));
    assert_true(it->fault.text[0] != '\0' && it->fault.path[0] == '/');
}

static void link_with_another_text_is_refused_and_untouched(void **state)
{
    kit       *it = *state;
    char       link[SUPPORT_PATH];
    char       texts[7][2 * SUPPORT_PATH];
    const char zeros[] = "0000000000000000.sock";
    unsigned   uid = (unsigned)geteuid();

    kit_serve(it, it->deep);
    link_path(it, link);
    snprintf(texts[0], sizeof texts[0], "%s/cordon-%u/%s", it->tmp, uid, zeros);
    snprintf(texts[1], sizeof texts[1], "%s/cordon-%u/%s", it->tmp, uid + 1, digits_of(it->place));
    snprintf(texts[2], sizeof texts[2], "t/cordon-%u/%s", uid, digits_of(it->place));
    snprintf(texts[3], sizeof texts[3], "%s", it->home);
    snprintf(texts[4], sizeof texts[4], "%s/%s", it->tmp, digits_of(it->place));
    snprintf(texts[5], sizeof texts[5], "%s/cordon-%u/%s.sock", it->tmp, uid, digits_of(it->place));
    snprintf(texts[6], sizeof texts[6], "/%0200d/cordon-%u/%s", 0, uid, digits_of(it->place));
    for (int i = 0; i < 7; i++) {
        assert_int_equal(symlink(texts[i], link), 0);
        check_refused(it, link);
        assert_int_equal(unlink(link), 0);
    }
}

static void anything_but_a_link_is_refused_and_untouched(void **state)
{
    kit *it = *state;
    char link[SUPPORT_PATH], here[SUPPORT_PATH];

    kit_serve(it, it->deep);
    link_path(it, link);
    support_write(link, "precious", 8, 0600);
    check_refused(it, link);
    assert_int_equal(unlink(link), 0);
    assert_int_equal(mkdir(link, 0700), 0);
    check_refused(it, link);
    assert_int_equal(rmdir(link), 0);
    assert_int_equal(mkfifo(link, 0600), 0);
    check_refused(it, link);
    assert_int_equal(unlink(link), 0);
    /* A socket never is there either, not even one of ours. */
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(it->deep), 0);
    kit_leave_socket("ipc.sock");
    assert_int_equal(chdir(here), 0);
    check_refused(it, link);
}

static void link_of_another_user_is_refused(void **state)
{
    kit *it = *state;
    char link[SUPPORT_PATH];

    support_need_root();
    kit_serve(it, it->deep);
    assert_int_equal(symlink(address_of(it->place), link_path(it, link)), 0);
    kit_give_to(link, SUPPORT_OTHER_UID);
    check_refused(it, link);
    assert_int_equal(it->fault.actual, SUPPORT_OTHER_UID);
}

static void target_in_an_unsafe_directory_is_refused_by_clients_and_left_by_servers(void **state)
{
    kit              *it = *state;
    cordon__place    *old;
    cordon__listener *stale, *listener;
    char              link[SUPPORT_PATH], other[SUPPORT_PATH];

    kit_serve(it, it->deep);
    elsewhere(it);
    old = kit_resolve(it, it->deep);
    SUPPORT_CODE(cordon__private_open(old, 1, &it->fault), CORDON_OK, &it->fault);
    stale = kit_listen(it, old);
    cordon__listener_close(stale, NULL); /* as killed: link and socket stay */
    assert_int_equal(chmod(support_join(other, it->root, "other"), 0777), 0);
    SUPPORT_CODE(kit_knock(it, it->place), CORDON_EUNSAFE, &it->fault);
    assert_string_equal(it->fault.path, other);
    listener = kit_listen(it, it->place);
    assert_true(support_exists(address_of(old))); /* out of our hands */
    link_text(link_path(it, link), other);
    assert_string_equal(other, address_of(it->place));
    cordon__listener_close(listener, NULL);
    cordon__place_close(old);
}

static void target_longer_than_an_address_is_refused(void **state)
{
    kit         *it = *state;
    char         link[SUPPORT_PATH], text[SUPPORT_PATH], tail[SUPPORT_PATH];
    const size_t size = CORDON__ADDRESS_MAX + 1;

    kit_serve(it, it->deep);
    snprintf(tail, sizeof tail, "/cordon-%u/%s", (unsigned)geteuid(), digits_of(it->place));
    memset(text, 'x', size);
    text[0] = '/';
    memcpy(text + size - strlen(tail), tail, strlen(tail) + 1);
    assert_int_equal(symlink(text, link_path(it, link)), 0);
    check_refused(it, link);
}

/* ---- crashes ---- */

static void what_a_killed_server_left_is_replaced(void **state)
{
    kit              *it = *state;
    cordon__place    *old;
    cordon__listener *listener;
    char              link[SUPPORT_PATH], text[SUPPORT_PATH], half[SUPPORT_PATH], names[64];

    kit_serve(it, it->deep);
    elsewhere(it);
    old = kit_resolve(it, it->deep);
    SUPPORT_CODE(cordon__private_open(old, 1, &it->fault), CORDON_OK, &it->fault);
    cordon__listener_close(kit_listen(it, old), NULL);
    assert_int_equal(symlink("half", support_join(half, it->deep, "ipc.sock.new")), 0);
    listener = kit_listen(it, it->place);
    assert_false(support_exists(address_of(old))); /* the old target, in its own TMPDIR */
    link_text(link_path(it, link), text);
    assert_string_equal(text, address_of(it->place));
    support_names(names, sizeof names, it->deep);
    assert_string_equal(names, "ipc.sock");
    cordon__listener_close(listener, NULL);
    cordon__place_close(old);
}

static void failed_publishing_leaves_nothing(void **state)
{
    kit              *it = *state;
    cordon__listener *listener = NULL;
    char              half[SUPPORT_PATH];

    kit_serve(it, it->deep);
    support_write(support_join(half, it->deep, "ipc.sock.new"), "precious", 8, 0600);
    SUPPORT_CODE(cordon__address_clear(it->place, &it->fault), CORDON_EUNSAFE, &it->fault);
    SUPPORT_CODE(cordon__listen(&listener, it->place, 8, 0, &it->fault), CORDON_EUNSAFE,
                 &it->fault);
    assert_string_equal(it->fault.during, "publish link");
    assert_false(support_exists(address_of(it->place)));
    assert_true(support_exists(half));
    assert_int_equal(unlink(half), 0);
    /* A name that the link cannot take. */
    assert_int_equal(mkdir(support_join(half, it->deep, "ipc.sock"), 0700), 0);
    SUPPORT_CODE(cordon__listen(&listener, it->place, 8, 0, &it->fault), CORDON_ESYSTEM,
                 &it->fault);
    assert_int_equal(it->fault.os_code, EISDIR);
    assert_false(support_exists(address_of(it->place)));
    assert_false(support_exists(support_join(half, it->deep, "ipc.sock.new")));
}

/* ---- looking, and the end ---- */

static void look_tells_what_became_of_the_link(void **state)
{
    kit              *it = *state;
    cordon__listener *listener;
    char              link[SUPPORT_PATH], text[2 * SUPPORT_PATH];

    kit_serve(it, it->deep);
    listener = kit_listen(it, it->place);
    assert_int_equal(unlink(link_path(it, link)), 0);
    assert_int_equal(cordon__listener_look(listener, &it->fault), CORDON__GONE);
    snprintf(text, sizeof text, "%s/cordon-%u/%s", it->root, (unsigned)geteuid(),
             digits_of(it->place));
    assert_int_equal(symlink(text, link), 0);
    assert_int_equal(cordon__listener_look(listener, &it->fault), CORDON__REPLACED);
    assert_string_equal(it->fault.path, link);
    assert_int_equal(unlink(link), 0);
    assert_int_equal(symlink("anywhere", link), 0);
    assert_int_equal(cordon__listener_look(listener, &it->fault), CORDON__REPLACED);
    assert_string_equal(it->fault.path, link);
    cordon__unlisten(listener);
    assert_true(support_exists(link)); /* it is somebody else's now */
    assert_false(support_exists(address_of(it->place)));
    cordon__listener_close(listener, NULL);
}

static void link_of_another_server_of_ours_stays_at_the_end(void **state)
{
    kit              *it = *state;
    cordon__listener *listener;
    char              link[SUPPORT_PATH], text[2 * SUPPORT_PATH];

    kit_serve(it, it->deep);
    listener = kit_listen(it, it->place);
    snprintf(text, sizeof text, "%s/cordon-%u/%s", it->root, (unsigned)geteuid(),
             digits_of(it->place));
    assert_int_equal(unlink(link_path(it, link)), 0);
    assert_int_equal(symlink(text, link), 0);
    cordon__unlisten(listener);
    assert_true(support_exists(link));
    cordon__listener_close(listener, NULL);
}

static void nothing_stays_open(void **state)
{
    kit              *it = *state;
    cordon__listener *listener;
    cordon__place    *visitor;
    const int         before = support_count_descriptors();

    kit_serve(it, it->deep);
    listener = kit_listen(it, it->place);
    elsewhere(it);
    visitor = kit_visit(it, it->deep);
    kit_knock(it, visitor);
    cordon__unlisten(listener);
    kit_knock(it, visitor);
    cordon__listener_close(listener, NULL);
    cordon__place_close(visitor);
    cordon__place_close(it->place);
    it->place = NULL;
    assert_int_equal(support_count_descriptors(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(socket_is_in_the_fallback_and_the_link_leads_there),
        kit_test(two_environments_meet_by_the_link),
        kit_test(computed_address_is_tried_when_the_link_leads_to_nobody),
        kit_test(link_with_another_text_is_refused_and_untouched),
        kit_test(anything_but_a_link_is_refused_and_untouched),
        kit_test(link_of_another_user_is_refused),
        kit_test(target_longer_than_an_address_is_refused),
        kit_test(target_in_an_unsafe_directory_is_refused_by_clients_and_left_by_servers),
        kit_test(what_a_killed_server_left_is_replaced),
        kit_test(failed_publishing_leaves_nothing),
        kit_test(look_tells_what_became_of_the_link),
        kit_test(link_of_another_server_of_ours_stays_at_the_end),
        kit_test(nothing_stays_open),
    };

    return cmocka_run_group_tests_name("contract_link", tests, NULL, NULL);
}
