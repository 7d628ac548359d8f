/* The private directory and the secret on Windows. */
#include "win32_kit.h"

#include <aclapi.h>

#include <uv.h>
#include <winioctl.h>

#define SECRET "0123456789abcdef"
#define SIZE   16

/* ---- the directory ------------------------------------------------------------------------ */

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
    kit_check_guard(it, support_wide(it->home), CORDON__GUARD_DIRECTORY);
    kit_check_guard(it, support_wide(parent), CORDON__GUARD_DIRECTORY);
    kit_check_guard(it, support_wide(deep), CORDON__GUARD_DIRECTORY);
    SUPPORT_CODE(open_as(it, 0), CORDON_OK, &it->fault);
    SUPPORT_CODE(open_as(it, 1), CORDON_OK, &it->fault);
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
    kit_check_guard(it, it->place->spelled, CORDON__GUARD_DIRECTORY);
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

/* A junction needs no privilege. */
typedef struct junction {
    DWORD   tag;
    WORD    size, reserved;
    WORD    target_at, target_size, shown_at, shown_size;
    wchar_t text[SUPPORT_PATH];
} junction;

static int make_junction(const char *path, const char *target)
{
    junction    data;
    DWORD       used;
    BOOL        is_made;
    HANDLE      open;
    const DWORD head = FIELD_OFFSET(junction, text);

    support_directory_make(path);
    memset(&data, 0, sizeof data);
    data.tag = IO_REPARSE_TAG_MOUNT_POINT;
    swprintf(data.text, SUPPORT_PATH, L"\\??\\%ls", support_wide(target));
    data.target_size = (WORD)(wcslen(data.text) * sizeof(wchar_t));
    data.shown_at = (WORD)(data.target_size + sizeof(wchar_t));
    data.size = (WORD)(8 + data.target_size + 2 * sizeof(wchar_t));
    open = CreateFileW(support_wide(path), GENERIC_WRITE, 0, NULL, OPEN_EXISTING,
                       FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT, NULL);
    assert_ptr_not_equal(open, INVALID_HANDLE_VALUE);
    is_made =
        DeviceIoControl(open, FSCTL_SET_REPARSE_POINT, &data,
                        head + data.target_size + 2 * (DWORD)sizeof(wchar_t), NULL, 0, &used, NULL);
    CloseHandle(open);
    return is_made;
}

static void link_in_the_place_of_the_directory_is_unsafe(void **state)
{
    kit *it = *state;
    char target[SUPPORT_PATH];

    SUPPORT_NEEDS_WINDOWS("it knows no junctions");
    support_join(target, it->root, "target");
    support_directory_make(target);
    assert_true(make_junction(it->home, target));
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

    SUPPORT_NEEDS_WINDOWS("it knows no junctions");
    support_join(target, it->root, "target");
    support_directory_make(target);
    assert_true(make_junction(it->home, target));
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

/* ---- the secret --------------------------------------------------------------------------------
 */

static int load(kit *it, char data[SIZE + 1])
{
    memset(data, 0, SIZE + 1);
    return cordon__secret_load(it->place, data, SIZE, &it->fault);
}

static const wchar_t *token_path(kit *it)
{
    return it->place->wide[CORDON_TOKEN];
}

static void half_path(kit *it, char path[SUPPORT_PATH])
{
    snprintf(path, SUPPORT_PATH, "%s.new", cordon__place_path(it->place, CORDON_TOKEN));
}

static void secret_is_ours_alone_also_when_it_is_written_again(void **state)
{
    kit *it = *state;
    char data[SIZE + 1];

    kit_serve(it);
    for (int round = 0; round < 3; round++) {
        SUPPORT_CODE(cordon__secret_store(it->place, SECRET, SIZE, &it->fault), CORDON_OK,
                     &it->fault);
        kit_check_guard(it, token_path(it), CORDON__GUARD_FILE);
        SUPPORT_CODE(load(it, data), CORDON_OK, &it->fault);
        assert_string_equal(data, SECRET);
    }
}

static void half_written_secret_of_a_dead_server_is_replaced(void **state)
{
    kit *it = *state;
    char half[SUPPORT_PATH], data[SIZE + 1];

    kit_serve(it);
    half_path(it, half);
    support_write(half, "half", 4, 0600);
    SUPPORT_CODE(cordon__secret_store(it->place, SECRET, SIZE, &it->fault), CORDON_OK, &it->fault);
    assert_false(support_exists(half));
    SUPPORT_CODE(load(it, data), CORDON_OK, &it->fault);
    assert_string_equal(data, SECRET);
    kit_check_guard(it, token_path(it), CORDON__GUARD_FILE);
}

static void what_is_no_file_of_ours_in_its_way_is_left_alone(void **state)
{
    kit *it = *state;
    char half[SUPPORT_PATH], data[SIZE + 1];

    kit_serve(it);
    half_path(it, half);
    SUPPORT_CODE(cordon__secret_store(it->place, SECRET, SIZE, &it->fault), CORDON_OK, &it->fault);
    support_directory_make(half);
    assert_int_equal(cordon__secret_store(it->place, "fedcba9876543210", SIZE, &it->fault),
                     CORDON_EUNSAFE);
    assert_true(support_exists(half));
    SUPPORT_CODE(load(it, data), CORDON_OK, &it->fault);
    assert_string_equal(data, SECRET);
}

static HANDLE open_sharing(const wchar_t *path, DWORD sharing)
{
    const HANDLE file = CreateFileW(path, GENERIC_READ, sharing, NULL, OPEN_EXISTING, 0, NULL);

    SUPPORT_CHECK(file != INVALID_HANDLE_VALUE);
    return file;
}

/* A scanner that lets nobody else write or rename: waited for, then given up; nothing is lost. */
static void secret_that_somebody_holds_on_to_stays_as_it_was(void **state)
{
    kit   *it = *state;
    char   half[SUPPORT_PATH], data[SIZE + 1];
    HANDLE file;
    int    code;

    kit_serve(it);
    half_path(it, half);
    SUPPORT_CODE(cordon__secret_store(it->place, SECRET, SIZE, &it->fault), CORDON_OK, &it->fault);
    file = open_sharing(token_path(it), FILE_SHARE_READ);
    code = cordon__secret_store(it->place, "fedcba9876543210", SIZE, &it->fault);
    assert_true(code == CORDON_EBUSY || code == CORDON_EDENIED);
    assert_false(support_exists(half));
    SUPPORT_CODE(load(it, data), CORDON_OK, &it->fault);
    assert_string_equal(data, SECRET);
    CloseHandle(file);
    SUPPORT_CODE(cordon__secret_store(it->place, "fedcba9876543210", SIZE, &it->fault), CORDON_OK,
                 &it->fault);
}

typedef struct reader {
    kit         *it;
    cordon_fault fault;
    atomic_int   is_over;
    int          reads, wrong;
} reader;

static void read_on(void *context)
{
    reader        *self = context;
    cordon__place *place = kit_resolve(self->it, "test", self->it->home);
    char           data[SIZE];

    while (!atomic_load(&self->is_over)) {
        const int code = cordon__secret_load(place, data, SIZE, &self->fault);

        self->reads++;
        for (int i = 1; i < SIZE; i++)
            self->wrong += data[i] != data[0];
        self->wrong += code != CORDON_OK;
        support_pause(2); /* a name that is always in use cannot be given away everywhere */
    }
    cordon__place_close(place);
}

static void readers_see_one_whole_secret_or_another(void **state)
{
    kit        *it = *state;
    reader      self = {.it = it, .fault = CORDON_FAULT_INIT};
    uv_thread_t thread;
    char        data[SIZE];
    int         code = CORDON_OK;

    kit_serve(it);
    memset(data, 'a', SIZE);
    SUPPORT_CODE(cordon__secret_store(it->place, data, SIZE, &it->fault), CORDON_OK, &it->fault);
    assert_int_equal(uv_thread_create(&thread, read_on, &self), 0);
    for (int i = 0; i < 100 && code == CORDON_OK; i++) {
        memset(data, 'a' + i % 26, SIZE);
        code = cordon__secret_store(it->place, data, SIZE, &it->fault);
    }
    atomic_store(&self.is_over, 1);
    uv_thread_join(&thread);
    SUPPORT_CODE(code, CORDON_OK, &it->fault);
    assert_true(self.reads > 0);
    if (self.wrong > 0)
        fail_msg("%d of %d: %s", self.wrong, self.reads, cordon_fault_line(&self.fault));
}

/* ---- nothing stays
 * -------------------------------------------------------------------------------- */

static void one_round(kit *it)
{
    cordon__lock *lock = NULL, *other = NULL;
    char          data[SIZE + 1];

    kit_serve(it);
    SUPPORT_CODE(cordon__lock_take(&lock, it->place, CORDON_LOCK, &it->fault), CORDON_OK,
                 &it->fault);
    assert_int_equal(cordon__lock_take(&other, it->place, CORDON_LOCK, &it->fault), CORDON__HELD);
    SUPPORT_CODE(cordon__secret_store(it->place, SECRET, SIZE, &it->fault), CORDON_OK, &it->fault);
    SUPPORT_CODE(load(it, data), CORDON_OK, &it->fault);
    SUPPORT_CODE(cordon__secret_remove(it->place, SECRET, SIZE, &it->fault), CORDON_OK, &it->fault);
    assert_int_equal(load(it, data), CORDON__ABSENT);
    cordon__lock_release(lock);
    cordon__place_close(it->place);
    it->place = NULL;
}

static void handles_are_given_back(void **state)
{
    kit *it = *state;
    int  before;

    one_round(it);
    before = support_count_descriptors();
    for (int i = 0; i < 50; i++)
        one_round(it);
    assert_int_equal(support_count_descriptors(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(directory_and_its_parents_are_made_ours_alone),
        kit_test(named_directory_that_others_may_write_is_unsafe),
        kit_test(named_directory_that_others_may_read_is_left_as_it_is),
        kit_test(default_directory_is_taken_back),
        kit_test(what_belongs_to_another_user_is_unsafe),
        kit_test(link_in_the_place_of_the_directory_is_unsafe),
        kit_test(link_above_the_directory_leads_to_it),
        kit_test(plain_file_above_the_directory_is_unsafe),
        kit_test(path_may_be_longer_than_260),
        kit_test(secret_is_ours_alone_also_when_it_is_written_again),
        kit_test(half_written_secret_of_a_dead_server_is_replaced),
        kit_test(what_is_no_file_of_ours_in_its_way_is_left_alone),
        kit_test(secret_that_somebody_holds_on_to_stays_as_it_was),
        kit_test(readers_see_one_whole_secret_or_another),
        kit_test(handles_are_given_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
