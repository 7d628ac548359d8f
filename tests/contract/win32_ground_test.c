/* The private directory on Windows. */
#include "win32_kit.h"

#define SECRET "0123456789abcdef"
#define SIZE   16

static int open_as(kit *it, int is_server)
{
    return cordon__private_open(it->place, is_server, &it->fault);
}

static void make_with(const char *path, const char *list)
{
    SECURITY_ATTRIBUTES made;

    kit_descriptor(&made, list);
    SUPPORT_CHECK(CreateDirectoryW(support_wide(path), NULL));
    /* Afterwards: nothing of the system's own takes a part of it away. */
    SUPPORT_CHECK(SetFileSecurityW(support_wide(path),
                                   DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION,
                                   made.lpSecurityDescriptor));
    LocalFree(made.lpSecurityDescriptor);
}

static void directory_and_its_parents_are_made_ours_alone(void **state)
{
    kit *it = *state;
    char parent[SUPPORT_PATH], deep[SUPPORT_PATH];

    support_join(parent, it->home, "e");
    support_join(deep, parent, "f");
    it->place = kit_resolve(it, "test", deep);
    assert_int_equal(open_as(it, 0), CORDON_ENOTRUNNING);
    assert_false(support_exists(it->home));
    SUPPORT_CODE(open_as(it, 1), CORDON_OK, &it->fault);
    kit_check_ours(it, support_wide(it->home));
    kit_check_ours(it, support_wide(parent));
    kit_check_ours(it, support_wide(deep));
    SUPPORT_CODE(open_as(it, 0), CORDON_OK, &it->fault);
    SUPPORT_CODE(open_as(it, 1), CORDON_OK, &it->fault);
}

static void directories_have_our_descriptor_to_the_letter(void **state)
{
    kit *it = *state;
    char deep[SUPPORT_PATH];

    KIT_NEEDS_LETTERS;
    support_join(deep, it->home, "e");
    it->place = kit_resolve(it, "test", deep);
    SUPPORT_CODE(open_as(it, 1), CORDON_OK, &it->fault);
    kit_check_letters(it, support_wide(it->home), CORDON__GUARD_DIRECTORY);
    kit_check_letters(it, support_wide(deep), CORDON__GUARD_DIRECTORY);
}

static void named_directory_that_others_may_write_is_unsafe(void **state)
{
    kit *it = *state;

    make_with(it->home, "O:%sD:P(A;;FA;;;%s)(A;;FRFW;;;WD)");
    it->place = kit_resolve(it, "test", it->home);
    assert_int_equal(open_as(it, 1), CORDON_EUNSAFE);
    assert_int_equal(open_as(it, 0), CORDON_EUNSAFE);
    assert_non_null(strstr(it->fault.text, "others may write"));
    assert_int_equal(_stricmp(it->fault.path, it->home), 0);
}

static void named_directory_that_others_may_read_is_left_as_it_is(void **state)
{
    kit *it = *state;
    char before[1024], after[1024];

    make_with(it->home, "O:%sD:P(A;;FA;;;%s)(A;;FR;;;WD)");
    it->place = kit_resolve(it, "test", it->home);
    kit_guard_of(before, sizeof before, it->place->spelled);
    SUPPORT_CODE(open_as(it, 1), CORDON_OK, &it->fault);
    kit_guard_of(after, sizeof after, it->place->spelled);
    assert_string_equal(before, after);
}

/* An application of its own in the real profile, taken away again. */
static void default_directory_is_taken_back(void **state)
{
    kit *it = *state;
    char app[64], path[SUPPORT_PATH];

    snprintf(app, sizeof app, "%s", support_name_of(it->root)); /* as unique as that */
    it->place = kit_resolve(it, app, NULL);
    snprintf(path, sizeof path, "%s", cordon__place_path(it->place, CORDON_DIRECTORY));
    make_with(path, "O:%sD:P(A;;FA;;;%s)(A;;FRFW;;;WD)");
    SUPPORT_CODE(open_as(it, 0), CORDON_OK, &it->fault); /* a client takes it as it is */
    assert_int_equal(it->place->home_is_loose, 1);
    SUPPORT_CODE(open_as(it, 1), CORDON_OK, &it->fault);
    assert_int_equal(it->place->home_is_loose, 0);
    kit_check_ours(it, it->place->spelled);
    SUPPORT_CODE(open_as(it, 0), CORDON_OK, &it->fault);
    cordon__place_close(it->place);
    it->place = NULL;
    support_directory_remove(path);
}

/* We play somebody else, to whom all that is ours belongs to another user. */
static void become_a_stranger(kit *it)
{
    it->place->self.sid[GetLengthSid(it->place->self.sid) - 1] ^= 1;
}

static void what_belongs_to_another_user_is_unsafe(void **state)
{
    kit          *it = *state;
    cordon__lock *lock = NULL;
    char          data[SIZE];

    kit_serve(it);
    SUPPORT_CODE(cordon__secret_store(it->place, SECRET, SIZE, &it->fault), CORDON_OK, &it->fault);
    SUPPORT_CODE(cordon__lock_take(&lock, it->place, CORDON_LOCK, &it->fault), CORDON_OK,
                 &it->fault);
    cordon__lock_release(lock);
    cordon__place_close(it->place);
    it->place = kit_resolve(it, "test", it->home);
    become_a_stranger(it);
    assert_int_equal(open_as(it, 0), CORDON_EUNSAFE);
    assert_non_null(strstr(it->fault.text, "another user"));
    assert_int_equal(open_as(it, 1), CORDON_EUNSAFE);
    assert_int_equal(cordon__secret_load(it->place, data, SIZE, &it->fault), CORDON_EUNSAFE);
    assert_int_equal(cordon__lock_take(&lock, it->place, CORDON_LOCK, &it->fault), CORDON_EUNSAFE);
}

static void link_in_the_place_of_the_directory_is_unsafe(void **state)
{
    kit *it = *state;
    char target[SUPPORT_PATH];

    KIT_NEEDS_LINKS;
    support_join(target, it->root, "target");
    support_directory_make(target);
    kit_junction(it->home, target);
    it->place = kit_resolve(it, "test", it->home);
    assert_int_equal(open_as(it, 1), CORDON_EUNSAFE);
    assert_int_equal(open_as(it, 0), CORDON_EUNSAFE);
    assert_true(RemoveDirectoryW(support_wide(it->home)));
}

/* One above it is fine: what it leads to is what counts, and it has that one's address. */
static void link_above_the_directory_leads_to_it(void **state)
{
    kit           *it = *state;
    cordon__place *straight;
    char           target[SUPPORT_PATH], path[SUPPORT_PATH];

    KIT_NEEDS_LINKS;
    support_join(target, it->root, "target");
    support_directory_make(target);
    kit_junction(it->home, target);
    support_join(path, it->home, "d");
    it->place = kit_resolve(it, "test", path);
    SUPPORT_CODE(open_as(it, 1), CORDON_OK, &it->fault);
    support_join(path, target, "d");
    straight = kit_resolve(it, "test", path);
    assert_string_equal(cordon__place_path(it->place, CORDON_ADDRESS),
                        cordon__place_path(straight, CORDON_ADDRESS));
    cordon__place_close(straight);
    assert_true(RemoveDirectoryW(support_wide(it->home)));
}

static void plain_file_above_the_directory_is_unsafe(void **state)
{
    kit *it = *state;
    char path[SUPPORT_PATH];

    support_write(it->home, "", 0, 0600);
    support_join(path, it->home, "d");
    it->place = kit_resolve(it, "test", path);
    assert_int_equal(open_as(it, 1), CORDON_EUNSAFE);
    assert_non_null(strstr(it->fault.text, "not a directory"));
}

static void path_may_be_longer_than_260(void **state)
{
    kit          *it = *state;
    cordon__lock *lock;
    char          path[1024], name[121], data[SIZE];
    wchar_t       wide[1100];

    memset(name, 'n', 120);
    name[120] = '\0';
    snprintf(path, sizeof path, "%s\\%s\\%s\\%s", it->home, name, name, name);
    it->place = kit_resolve(it, "test", path);
    SUPPORT_CODE(open_as(it, 1), CORDON_OK, &it->fault);
    SUPPORT_CODE(cordon__secret_store(it->place, SECRET, SIZE, &it->fault), CORDON_OK, &it->fault);
    SUPPORT_CODE(cordon__secret_load(it->place, data, SIZE, &it->fault), CORDON_OK, &it->fault);
    SUPPORT_CODE(cordon__lock_take(&lock, it->place, CORDON_LOCK, &it->fault), CORDON_OK,
                 &it->fault);
    cordon__lock_release(lock);
    SUPPORT_CODE(cordon__secret_remove(it->place, SECRET, SIZE, &it->fault), CORDON_OK, &it->fault);
    assert_true(DeleteFileW(it->place->wide[CORDON_LOCK]));
    memcpy(wide, it->place->spelled, (wcslen(it->place->spelled) + 1) * sizeof wide[0]);
    cordon__place_close(it->place);
    it->place = NULL;
    for (int i = 0; i < 3; i++) {
        assert_true(RemoveDirectoryW(wide));
        *wcsrchr(wide, L'\\') = L'\0';
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(directory_and_its_parents_are_made_ours_alone),
        kit_test(directories_have_our_descriptor_to_the_letter),
        kit_test(named_directory_that_others_may_write_is_unsafe),
        kit_test(named_directory_that_others_may_read_is_left_as_it_is),
        kit_test(default_directory_is_taken_back),
        kit_test(what_belongs_to_another_user_is_unsafe),
        kit_test(link_in_the_place_of_the_directory_is_unsafe),
        kit_test(link_above_the_directory_leads_to_it),
        kit_test(plain_file_above_the_directory_is_unsafe),
        kit_test(path_may_be_longer_than_260),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
