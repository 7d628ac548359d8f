/* Who we are, where an endpoint is, and what its descriptors say, on Windows. */
#include "win32_kit.h"

#include <sddl.h>

#include "../../src/win32/naming.h"

/* ---- addresses ------------------------------------------------------------------------ */

static const char *address_of(const cordon__place *place)
{
    return cordon__place_path(place, CORDON_ADDRESS);
}

/* 1: the same address and files. */
static int is_same(kit *it, const char *app, const char *directory)
{
    cordon__place *other = kit_resolve(it, app, directory);
    int            same = 0, apart = 0;

    for (int which = CORDON_ADDRESS; which <= CORDON_START_LOCK; which++) {
        const char *one = cordon__place_path(it->place, (enum cordon_place)which);
        const char *two = cordon__place_path(other, (enum cordon_place)which);

        if (_stricmp(one, two) == 0)
            same++;
        else
            apart++;
    }
    cordon__place_close(other);
    assert_true(same == 0 || apart == 0);
    return same > 0;
}

static void address_carries_application_and_account(void **state)
{
    kit    *it = *state;
    wchar_t account[257];
    char    start[400], expected[400];
    DWORD   size = 257;

    it->place = kit_resolve(it, "test", it->home);
    assert_true(GetUserNameW(account, &size));
    assert_int_equal(_wcsicmp(account, it->place->self.account), 0);
    memcpy(start, address_of(it->place), strlen(address_of(it->place)) + 1);
    assert_memory_equal(start, "\\\\.\\pipe\\test-", 14);
    assert_true(strlen(start) < 256);
    start[strlen(start) - 9] = '\0';
    for (size = 0; account[size] != L'\0'; size++)
        expected[size] = account[size] < 128 &&
                                 (isalnum((int)account[size]) || strchr("._-", (int)account[size]))
                             ? (char)account[size]
                             : '_';
    expected[size] = '\0';
    assert_int_equal(_stricmp(start + 14, expected), 0);
    for (const char *at = address_of(it->place) + 9; *at != '\0'; at++)
        assert_true(isalnum((unsigned char)*at) || strchr("._-", *at));
}

static void files_lie_in_the_directory_and_carry_the_tag(void **state)
{
    kit        *it = *state;
    char        expected[SUPPORT_PATH];
    const char *tag;

    it->place = kit_resolve(it, "test", it->home);
    tag = address_of(it->place) + strlen(address_of(it->place)) - CORDON__TAG;
    assert_int_equal(_stricmp(cordon__place_path(it->place, CORDON_DIRECTORY), it->home), 0);
    snprintf(expected, sizeof expected, "%s\\ipc-%s-token", it->home, tag);
    assert_int_equal(_stricmp(cordon__place_path(it->place, CORDON_TOKEN), expected), 0);
    snprintf(expected, sizeof expected, "%s\\ipc-%s.lock", it->home, tag);
    assert_int_equal(_stricmp(cordon__place_path(it->place, CORDON_LOCK), expected), 0);
    snprintf(expected, sizeof expected, "%s\\ipc-%s.start", it->home, tag);
    assert_int_equal(_stricmp(cordon__place_path(it->place, CORDON_START_LOCK), expected), 0);
}

/* Another account or level, as far as one process can play them: its own digits are those of
 * what it is, and unit_naming shows that others give others. */
static void tag_is_made_of_what_the_token_says(void **state)
{
    kit           *it = *state;
    char           tag[CORDON__TAG + 1], upper[SUPPORT_PATH];
    cordon__naming naming = {"test", "ipc", "", NULL, 0, upper};

    it->place = kit_resolve(it, "test", it->home);
    naming.sid = it->place->self.subject.sid;
    naming.level = it->place->self.subject.level;
    snprintf(upper, sizeof upper, "%s", cordon__place_path(it->place, CORDON_DIRECTORY));
    _strupr(upper);
    cordon__naming_tag(tag, &naming);
    assert_string_equal(address_of(it->place) + strlen(address_of(it->place)) - CORDON__TAG, tag);
}

static void environment_changes_nothing(void **state)
{
    static const char *const names[] = {"USERNAME",     "USER",         "LOGNAME", "USERDOMAIN",
                                        "LOCALAPPDATA", "APPDATA",      "HOME",    "TEMP",
                                        "TMP",          "XDG_DATA_HOME"};
    kit                     *it = *state;
    char                     before[10][SUPPORT_PATH];

    it->place = kit_resolve(it, "test", NULL);
    for (size_t i = 0; i < 10; i++) {
        before[i][0] = '\0';
        GetEnvironmentVariableA(names[i], before[i], SUPPORT_PATH);
        SetEnvironmentVariableA(names[i], "C:\\elsewhere");
    }
    assert_true(is_same(it, "test", NULL));
    for (size_t i = 0; i < 10; i++)
        SetEnvironmentVariableA(names[i], before[i][0] != '\0' ? before[i] : NULL);
}

static void directories_names_and_applications_are_apart(void **state)
{
    kit           *it = *state;
    char           other[SUPPORT_PATH];
    cordon__place *second = NULL;
    cordon__trace  silent = {NULL, NULL};

    it->place = kit_resolve(it, "a.b", it->home);
    support_join(other, it->root, "e");
    assert_false(is_same(it, "a.b", other));
    assert_false(is_same(it, "a.b", NULL));
    SUPPORT_CODE(
        cordon__place_open(&second, "a.b", "two", it->home, &cordon__libc, &silent, &it->fault),
        CORDON_OK, &it->fault);
    assert_string_not_equal(address_of(it->place), address_of(second));
    cordon__place_close(second);
    second = kit_resolve(it, "a_b", it->home);
    assert_string_not_equal(address_of(it->place), address_of(second));
    cordon__place_close(second);
}

static void one_directory_has_one_address_however_it_is_spelled(void **state)
{
    kit *it = *state;
    char other[SUPPORT_PATH + 32];

    it->place = kit_resolve(it, "test", it->home);
    for (int round = 0; round < 2; round++) { /* not there yet, then there */
        snprintf(other, sizeof other, "%s\\", it->home);
        assert_true(is_same(it, "test", other));
        snprintf(other, sizeof other, "%s\\x\\..\\.\\D", it->root);
        assert_true(is_same(it, "test", other));
        snprintf(other, sizeof other, "%s/d", it->root);
        assert_true(is_same(it, "test", other));
        snprintf(other, sizeof other, "\\\\?\\%s", it->home);
        assert_true(is_same(it, "test", other));
        SUPPORT_CODE(cordon__private_open(it->place, 1, &it->fault), CORDON_OK, &it->fault);
    }
}

static void relative_directory_is_resolved_once(void **state)
{
    kit    *it = *state;
    wchar_t before[MAX_PATH];

    assert_true(GetCurrentDirectoryW(MAX_PATH, before) < MAX_PATH);
    assert_true(SetCurrentDirectoryW(support_wide(it->root)));
    it->place = kit_resolve(it, "test", "d");
    assert_true(SetCurrentDirectoryW(before));
    assert_true(is_same(it, "test", it->home));
    SUPPORT_CODE(cordon__private_open(it->place, 1, &it->fault), CORDON_OK, &it->fault);
    assert_true(support_exists(it->home));
}

static void unicode_is_told_as_it_was_given(void **state)
{
    kit *it = *state;
    char path[SUPPORT_PATH], data[4];

    support_join(path, it->root,
                 "gr\xC3\xB6\xC3\x9F"
                 "e \xE7\x9B\xAE \xF0\x9F\x98\x80");
    it->place = kit_resolve(it, "test", path);
    assert_int_equal(_stricmp(cordon__place_path(it->place, CORDON_DIRECTORY), path), 0);
    SUPPORT_CODE(cordon__private_open(it->place, 1, &it->fault), CORDON_OK, &it->fault);
    SUPPORT_CODE(cordon__secret_store(it->place, "word", 4, &it->fault), CORDON_OK, &it->fault);
    SUPPORT_CODE(cordon__secret_load(it->place, data, 4, &it->fault), CORDON_OK, &it->fault);
    assert_true(support_exists(path));
}

static void what_is_no_directory_is_refused(void **state)
{
    static const char *const   names[] = {"",    "\xC3",           "a\xFF",      "\xED\xA0\x80",
                                          "CON", "\\\\.\\pipe\\x", "\\\\.\\COM1"};
    static const cordon__trace silent = {NULL, NULL};
    kit                       *it = *state;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        cordon__place *place = NULL;

        SUPPORT_CODE(
            cordon__place_open(&place, "test", "ipc", names[i], &cordon__libc, &silent, &it->fault),
            CORDON_EINVAL, &it->fault);
        assert_null(place);
    }
}

/* A share that is not there is on the network all the same. */
static void directory_on_the_network_has_its_files_in_the_local_profile(void **state)
{
    kit           *it = *state;
    cordon__place *local;

    it->place = kit_resolve(it, "test", "\\\\cordon-test.invalid\\share\\d");
    local = kit_resolve(it, "test", NULL);
    assert_string_equal(cordon__place_path(it->place, CORDON_DIRECTORY),
                        cordon__place_path(local, CORDON_DIRECTORY));
    for (int which = CORDON_ADDRESS; which <= CORDON_START_LOCK; which++)
        assert_string_not_equal(cordon__place_path(it->place, (enum cordon_place)which),
                                cordon__place_path(local, (enum cordon_place)which));
    assert_int_equal(it->place->is_default, 1);
    cordon__place_close(local);
}

static void each_allocation_may_fail(void **state)
{
    static const cordon__trace silent = {NULL, NULL};
    kit                       *it = *state;
    int                        code = CORDON_ENOMEM;

    for (size_t n = 1; code != CORDON_OK; n++) {
        support_memory memory;
        cordon__memory from = {support_allocate, &memory};
        cordon__place *place = NULL;

        assert_true(n < 100);
        memset(&memory, 0, sizeof memory);
        memory.fail_from = n;
        code = cordon__place_open(&place, "test", "ipc", it->home, &from, &silent, &it->fault);
        if (code == CORDON_OK)
            cordon__place_close(place);
        else
            assert_int_equal(code, CORDON_ENOMEM);
        assert_int_equal(memory.blocks, 0);
    }
}

/* ---- descriptors ------------------------------------------------------------------------- */

static HANDLE own_token(void)
{
    HANDLE token, copy;

    assert_true(OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY | TOKEN_DUPLICATE, &token));
    assert_true(DuplicateToken(token, SecurityImpersonation, &copy));
    CloseHandle(token);
    return copy;
}

static int may_read(PSECURITY_DESCRIPTOR descriptor)
{
    GENERIC_MAPPING mapping = {FILE_GENERIC_READ, FILE_GENERIC_WRITE, FILE_GENERIC_EXECUTE,
                               FILE_ALL_ACCESS};
    BYTE            room[256];
    DWORD           size = sizeof room, granted = 0;
    BOOL            is_allowed = FALSE;
    HANDLE          token = own_token();

    assert_true(AccessCheck(descriptor, token, FILE_READ_DATA | FILE_WRITE_DATA, &mapping,
                            (PRIVILEGE_SET *)(void *)room, &size, &granted, &is_allowed));
    CloseHandle(token);
    return is_allowed;
}

static void descriptor_is_exactly_ours(void **state)
{
    kit *it = *state;
    char text[CORDON__GUARD_TEXT], expected[CORDON__GUARD_TEXT];

    it->place = kit_resolve(it, "test", it->home);
    for (int what = CORDON__GUARD_PIPE; what <= CORDON__GUARD_DIRECTORY; what++) {
        const char *sid = it->place->self.subject.sid;
        const int   is_pipe = what == CORDON__GUARD_PIPE;

        snprintf(expected, sizeof expected, "O:%sG:%sD:P(A;%s;%s;;;%s)", sid, sid,
                 what == CORDON__GUARD_DIRECTORY ? "OICI" : "", is_pipe ? "GA" : "FA", sid);
        if (is_pipe)
            snprintf(expected + strlen(expected), 64, "S:(ML;;NRNW;;;S-1-16-%lu)",
                     (unsigned long)it->place->self.subject.level);
        cordon__guard_text(text, &it->place->self, (enum cordon__guarded)what);
        assert_string_equal(text, expected);
    }
}

/* The same descriptor made for somebody else keeps us out: so ours keeps others out. */
static void descriptor_lets_in_its_user_and_nobody_else(void **state)
{
    kit *it = *state;

    it->place = kit_resolve(it, "test", it->home);
    for (int what = CORDON__GUARD_PIPE; what <= CORDON__GUARD_DIRECTORY; what++) {
        cordon__self  other = it->place->self;
        cordon__guard guard;

        SUPPORT_CODE(
            cordon__guard_open(&guard, &it->place->self, (enum cordon__guarded)what, &it->fault),
            CORDON_OK, &it->fault);
        assert_int_equal(guard.attributes.bInheritHandle, FALSE);
        assert_true(may_read(guard.attributes.lpSecurityDescriptor));
        cordon__guard_close(&guard);
        cordon__guard_close(&guard); /* harmless */
        strcpy(other.subject.sid, STRANGER);
        SUPPORT_CODE(cordon__guard_open(&guard, &other, (enum cordon__guarded)what, &it->fault),
                     CORDON_OK, &it->fault);
        assert_false(may_read(guard.attributes.lpSecurityDescriptor));
        cordon__guard_close(&guard);
    }
}

typedef struct shielded {
    const char         *words;
    DWORD               rights;
    int                 is_strict;
    enum cordon__access found;
} shielded;

#define ALL    0xFFFFFFFFu
#define WRITES ((DWORD)(FILE_WRITE_DATA | FILE_APPEND_DATA | DELETE | WRITE_DAC | WRITE_OWNER))

static const shielded lists[] = {
    {"O:%sD:P(A;;FA;;;%s)", ALL, 1, CORDON__ACCESS_OURS},
    {"O:%sD:(A;;FA;;;%s)(A;;FA;;;SY)(A;;FA;;;BA)", ALL, 1, CORDON__ACCESS_OURS},
    {"O:%sD:(A;;FA;;;%s)(A;;FA;;;CO)", ALL, 1, CORDON__ACCESS_OURS},
    {"O:%sD:(A;;FA;;;%s)(A;;FR;;;WD)", ALL, 1, CORDON__ACCESS_OPEN},
    {"O:%sD:(A;;FA;;;%s)(A;;FR;;;WD)", WRITES, 0, CORDON__ACCESS_OURS},
    {"O:%sD:(A;;FA;;;%s)(A;;0x2;;;WD)", WRITES, 0, CORDON__ACCESS_OPEN},
    {"O:%sD:(A;;FA;;;%s)(A;;0x4;;;AU)", WRITES, 0, CORDON__ACCESS_OPEN},
    {"O:%sD:(A;;FA;;;%s)(A;;0x10000;;;BU)", WRITES, 0, CORDON__ACCESS_OPEN},
    {"O:%sD:(A;;FA;;;%s)(A;;0x40000;;;" STRANGER ")", WRITES, 0, CORDON__ACCESS_OPEN},
    {"O:%sD:(A;;FA;;;%s)(A;;GA;;;WD)", WRITES, 0, CORDON__ACCESS_OPEN},
    {"O:%sD:(A;;FA;;;%s)(A;;GW;;;WD)", WRITES, 0, CORDON__ACCESS_OPEN},
    {"O:%sD:(A;;FA;;;%s)(A;OICIIO;GA;;;WD)", ALL, 0, CORDON__ACCESS_OURS},
    {"O:%sD:(D;;FA;;;WD)(A;;FA;;;%s)", ALL, 1, CORDON__ACCESS_OURS},
    {"O:%sD:(D;;FA;;;WD)(A;;FA;;;WD)", ALL, 1, CORDON__ACCESS_OPEN}, /* refused rather than right */
    {"O:%sD:", ALL, 1, CORDON__ACCESS_OURS},
    {"O:BAD:(A;;FA;;;%s)", ALL, 0, CORDON__ACCESS_OURS},
    {"O:BAD:(A;;FA;;;%s)", ALL, 1, CORDON__ACCESS_FOREIGN},
    {"O:SYD:(A;;FA;;;%s)", ALL, 0, CORDON__ACCESS_OURS},
    {"O:SYD:(A;;FA;;;%s)", ALL, 1, CORDON__ACCESS_FOREIGN},
    {"O:" STRANGER "D:(A;;FA;;;%s)", ALL, 0, CORDON__ACCESS_FOREIGN},
    {"O:WDD:(A;;FA;;;%s)", ALL, 0, CORDON__ACCESS_FOREIGN},
    {"D:(A;;FA;;;%s)", ALL, 0, CORDON__ACCESS_FOREIGN},
};

static enum cordon__access judge(const shielded *it, const cordon__self *self, BYTE kind)
{
    SECURITY_ATTRIBUTES made;
    PSID                owner = NULL;
    PACL                list = NULL;
    BOOL                is_there = FALSE, is_defaulted;
    ACE_HEADER         *entry;
    enum cordon__access found;

    kit_descriptor(&made, it->words);
    assert_true(GetSecurityDescriptorOwner(made.lpSecurityDescriptor, &owner, &is_defaulted));
    assert_true(
        GetSecurityDescriptorDacl(made.lpSecurityDescriptor, &is_there, &list, &is_defaulted));
    if (kind != ACCESS_ALLOWED_ACE_TYPE) {
        assert_true(GetAce(list, list->AceCount - 1u, (void **)&entry));
        entry->AceType = kind;
    }
    found = cordon__access_judge(owner, list, self, it->rights, it->is_strict);
    LocalFree(made.lpSecurityDescriptor);
    return found;
}

static void lists_are_read_with_suspicion(void **state)
{
    cordon__self self;
    kit         *it = *state;

    SUPPORT_CODE(cordon__self_ask(&self, &it->fault), CORDON_OK, &it->fault);
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        if (judge(&lists[i], &self, ACCESS_ALLOWED_ACE_TYPE) != lists[i].found)
            fail_msg("judged wrong: %s", lists[i].words);
}

static void entries_of_other_kinds_are_read_with_suspicion(void **state)
{
    static const BYTE allowing[] = {
        ACCESS_ALLOWED_CALLBACK_ACE_TYPE, ACCESS_ALLOWED_OBJECT_ACE_TYPE,
        ACCESS_ALLOWED_CALLBACK_OBJECT_ACE_TYPE, ACCESS_ALLOWED_COMPOUND_ACE_TYPE, 0x7F};
    static const BYTE denying[] = {ACCESS_DENIED_ACE_TYPE, ACCESS_DENIED_OBJECT_ACE_TYPE,
                                   ACCESS_DENIED_CALLBACK_ACE_TYPE,
                                   ACCESS_DENIED_CALLBACK_OBJECT_ACE_TYPE};
    const shielded    open = {"O:%sD:(A;;FA;;;%s)(A;;FR;;;WD)", ALL, 1, CORDON__ACCESS_OPEN};
    cordon__self      self;
    kit              *it = *state;

    SUPPORT_CODE(cordon__self_ask(&self, &it->fault), CORDON_OK, &it->fault);
    for (size_t i = 0; i < sizeof allowing; i++)
        assert_int_equal(judge(&open, &self, allowing[i]), CORDON__ACCESS_OPEN);
    for (size_t i = 0; i < sizeof denying; i++)
        assert_int_equal(judge(&open, &self, denying[i]), CORDON__ACCESS_OURS);
}

static void no_list_is_open_to_all(void **state)
{
    cordon__self self;
    kit         *it = *state;

    SUPPORT_CODE(cordon__self_ask(&self, &it->fault), CORDON_OK, &it->fault);
    assert_int_equal(cordon__access_judge(self.sid, NULL, &self, ALL, 1), CORDON__ACCESS_OPEN);
}

static void self_is_what_the_token_says(void **state)
{
    cordon__self self;
    char         own[192];
    kit         *it = *state;

    SUPPORT_CODE(cordon__self_ask(&self, &it->fault), CORDON_OK, &it->fault);
    support_own_sid(own, sizeof own);
    assert_string_equal(self.subject.sid, own);
    assert_true(IsValidSid(self.sid));
    assert_int_equal(self.subject.has_level, 1);
    assert_true(self.subject.level >= 0x1000 && self.subject.level <= 0x5000);
    assert_int_equal(self.subject.is_app_container, 0);
    assert_true(cordon__subject_of_token(&self.subject, NULL, NULL) != 0);
    assert_string_equal(self.subject.sid, ""); /* half an answer is none */
    assert_int_equal(self.subject.has_level, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(address_carries_application_and_account),
        kit_test(files_lie_in_the_directory_and_carry_the_tag),
        kit_test(tag_is_made_of_what_the_token_says),
        kit_test(environment_changes_nothing),
        kit_test(directories_names_and_applications_are_apart),
        kit_test(one_directory_has_one_address_however_it_is_spelled),
        kit_test(relative_directory_is_resolved_once),
        kit_test(unicode_is_told_as_it_was_given),
        kit_test(what_is_no_directory_is_refused),
        kit_test(directory_on_the_network_has_its_files_in_the_local_profile),
        kit_test(each_allocation_may_fail),
        kit_test(descriptor_is_exactly_ours),
        kit_test(descriptor_lets_in_its_user_and_nobody_else),
        kit_test(lists_are_read_with_suspicion),
        kit_test(entries_of_other_kinds_are_read_with_suspicion),
        kit_test(no_list_is_open_to_all),
        kit_test(self_is_what_the_token_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
