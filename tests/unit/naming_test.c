/* The names of an endpoint on Windows, over made-up accounts: they are arithmetic on any system. */
#include "unit.h"

#include "../../src/name.h"
#include "../../src/win32/naming.h"

#define ADA       "S-1-5-21-1-2-3-1001"
#define BOB       "S-1-5-21-1-2-3-1002"
#define MEDIUM    0x2000
#define HIGH      0x3000
#define HERE      "C:\\USERS\\ADA\\APPDATA\\LOCAL\\TRAY"
#define THERE     "D:\\ELSEWHERE"
#define START     "\\\\.\\pipe\\"
#define PIPE_SIZE (CORDON__PIPE_MAX + 1)

static const cordon__naming usual = {"tray", "ipc", "ada", ADA, MEDIUM, HERE};

static void make(char pipe[PIPE_SIZE], const cordon__naming *naming)
{
    memset(pipe, '!', PIPE_SIZE);
    cordon__naming_pipe(pipe, naming);
    assert_non_null(memchr(pipe, '\0', PIPE_SIZE));
}

/* No two of them share a pipe, and where all but the app is told apart, no file either. */
static void check_apart(const cordon__naming *cases, size_t count)
{
    char one[PIPE_SIZE], other[PIPE_SIZE];

    for (size_t i = 0; i < count; i++)
        for (size_t k = i + 1; k < count; k++) {
            make(one, &cases[i]);
            make(other, &cases[k]);
            if (strcmp(one, other) == 0)
                fail_msg("%zu and %zu meet: %s", i, k, one);
        }
}

/* The digits were worked out elsewhere (FNV-1a 64, its halves added without carry). */
static void pipe_carries_application_account_and_tag(void **state)
{
    char pipe[PIPE_SIZE];

    (void)state;
    make(pipe, &usual);
    assert_string_equal(pipe, START "tray-ada-9866d80e");
}

static void whatever_differs_tells_endpoints_apart(void **state)
{
    static const cordon__naming cases[] = {
        {"tray", "ipc", "ada", ADA, MEDIUM, HERE},
        {"tray", "ipc", "ada", BOB, MEDIUM, HERE},
        {"tray", "ipc", "ada", ADA, HIGH, HERE},
        {"tray", "ipc", "ada", ADA, MEDIUM + 16, HERE},
        {"tray", "ipc", "ada", ADA, MEDIUM, THERE},
        {"tray", "two", "ada", ADA, MEDIUM, HERE},
        {"tray", "ipc", "bob", BOB, MEDIUM, THERE},
        {"edit", "ipc", "ada", ADA, MEDIUM, HERE},
        {"tray", "ipc", "ada", ADA, MEDIUM, HERE "i"},
        {"tray", "pc", "ada", ADA, MEDIUM, HERE "I"},
    };

    (void)state;
    check_apart(cases, COUNT(cases));
}

static void names_that_look_alike_never_meet(void **state)
{
    static const cordon__naming apps[] = {
        {"a.b", "ipc", "ada", ADA, MEDIUM, HERE},
        {"a_b", "ipc", "ada", ADA, MEDIUM, HERE},
        {"a-b", "ipc", "ada", ADA, MEDIUM, HERE},
    };
    /* All of these accounts become a_b: their SIDs differ, so their tags do. */
    static const cordon__naming accounts[] = {
        {"tray", "ipc", "a/b", ADA, MEDIUM, HERE},
        {"tray", "ipc", "a:b", BOB, MEDIUM, HERE},
        {"tray", "ipc", "a_b", "S-1-5-21-1-2-3-1003", MEDIUM, HERE},
        {"tray", "ipc", "a\\b", "S-1-5-21-1-2-3-1004", MEDIUM, HERE},
        {"tray", "ipc",
         "a\xC3\xA4"
         "b",
         "S-1-5-21-1-2-3-1005", MEDIUM, HERE},
        {"tray-a", "ipc", "b", "S-1-5-21-1-2-3-1006", MEDIUM, HERE},
        {"tray", "ipc", "a-b", "S-1-5-21-1-2-3-1007", MEDIUM, HERE},
    };

    (void)state;
    check_apart(apps, COUNT(apps));
    check_apart(accounts, COUNT(accounts));
}

static void tag_knows_all_but_the_application(void **state)
{
    static const cordon__naming others[] = {
        {"tray", "ipc", "ada", BOB, MEDIUM, HERE},
        {"tray", "ipc", "ada", ADA, HIGH, HERE},
        {"tray", "ipc", "ada", ADA, MEDIUM, THERE},
        {"tray", "two", "ada", ADA, MEDIUM, HERE},
    };
    const cordon__naming renamed = {"edit", "ipc", "eve", ADA, MEDIUM, HERE};
    char                 tag[CORDON__TAG + 1], other[CORDON__TAG + 1];

    (void)state;
    cordon__naming_tag(tag, &usual);
    assert_string_equal(tag, "9866d80e");
    for (size_t i = 0; i < COUNT(others); i++) {
        cordon__naming_tag(other, &others[i]);
        assert_string_not_equal(tag, other);
    }
    cordon__naming_tag(other, &renamed);
    assert_string_equal(tag, other);
}

/* Over many made-up users: none of them has the tag of another. */
static void tags_spread(void **state)
{
    enum { USERS = 500 };
    static char tags[USERS][CORDON__TAG + 1];

    (void)state;
    for (int i = 0; i < USERS; i++) {
        char           sid[64];
        cordon__naming naming = usual;

        snprintf(sid, sizeof sid, "S-1-5-21-1-2-3-%d", 1000 + i);
        naming.sid = sid;
        cordon__naming_tag(tags[i], &naming);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(tags[i], tags[k]);
    }
}

static void each_byte_of_an_account_is_made_safe(void **state)
{
    (void)state;
    for (int byte = 1; byte < 256; byte++) {
        char           account[] = {'x', (char)byte, 'y', '\0'};
        cordon__naming naming = usual;
        char           pipe[PIPE_SIZE];

        naming.account = account;
        make(pipe, &naming);
        assert_memory_equal(pipe, START "tray-", strlen(START "tray-"));
        for (const char *at = pipe + strlen(START); *at != '\0'; at++)
            assert_non_null(
                strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", *at));
    }
}

static void one_character_becomes_one_underscore(void **state)
{
    cordon__naming naming = usual;
    char           pipe[PIPE_SIZE];

    (void)state;
    naming.account = "J\xC3\xBCrgen \xF0\x9F\x98\x80";
    make(pipe, &naming);
    assert_string_equal(pipe, START "tray-J_rgen__-9866d80e");
}

static void make_long(char *account, size_t size, char last)
{
    memset(account, 'u', size);
    account[size - 1] = last;
    account[size] = '\0';
}

static void long_account_is_cut_and_told_apart(void **state)
{
    char           app[CORDON__NAME_MAX + 1], first[301], second[301];
    cordon__naming one = usual, other;
    char           pipe[PIPE_SIZE], second_pipe[PIPE_SIZE];

    (void)state;
    memset(app, 'a', CORDON__NAME_MAX);
    app[CORDON__NAME_MAX] = '\0';
    one.app = app;
    one.account = first;
    other = one;
    other.account = second;
    make_long(first, 300, 'x');
    make_long(second, 300, 'y');
    make(pipe, &one);
    make(second_pipe, &other);
    assert_int_equal(strlen(pipe), CORDON__PIPE_MAX);
    assert_string_not_equal(pipe, second_pipe);
    assert_string_equal(pipe + CORDON__PIPE_MAX - 9, "-9866d80e");
}

/* Every length up to what fits is told whole, with one more it is cut. */
static void account_is_whole_as_long_as_it_fits(void **state)
{
    const size_t room = CORDON__PIPE_MAX - strlen(START "tray--") - CORDON__TAG;
    char         account[CORDON__PIPE_MAX];
    char         pipe[PIPE_SIZE];

    (void)state;
    for (size_t size = 1; size <= room + 1; size++) {
        cordon__naming naming = usual;

        make_long(account, size, 'z');
        naming.account = account;
        make(pipe, &naming);
        assert_int_equal(strstr(pipe, account) != NULL, size <= room);
        assert_int_equal(strlen(pipe), CORDON__PIPE_MAX - room + (size <= room ? size : room));
    }
}

static void account_of_many_bytes_is_measured_in_characters(void **state)
{
    char           account[601];
    cordon__naming naming = usual;
    char           pipe[PIPE_SIZE];

    (void)state;
    for (size_t i = 0; i < 600; i += 2)
        memcpy(account + i, "\xC3\xA4", 2);
    account[600] = '\0';
    naming.account = account;
    make(pipe, &naming);
    assert_int_equal(strlen(pipe), CORDON__PIPE_MAX);
    assert_string_equal(pipe + CORDON__PIPE_MAX - 18, "-7b7bb5e6-9866d80e");
    account[400] = '\0'; /* 200 characters do fit */
    make(pipe, &naming);
    assert_int_equal(strlen(pipe), strlen(START "tray--") + 200 + CORDON__TAG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pipe_carries_application_account_and_tag),
        cmocka_unit_test(whatever_differs_tells_endpoints_apart),
        cmocka_unit_test(names_that_look_alike_never_meet),
        cmocka_unit_test(tag_knows_all_but_the_application),
        cmocka_unit_test(tags_spread),
        cmocka_unit_test(each_byte_of_an_account_is_made_safe),
        cmocka_unit_test(one_character_becomes_one_underscore),
        cmocka_unit_test(long_account_is_cut_and_told_apart),
        cmocka_unit_test(account_is_whole_as_long_as_it_fits),
        cmocka_unit_test(account_of_many_bytes_is_measured_in_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
