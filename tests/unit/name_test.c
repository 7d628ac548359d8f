#include "unit.h"

#include "../../src/name.h"

#define SIXTY_FOUR "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void names_of_the_alphabet_are_valid(void **state)
{
    static const char *const names[] = {"a",  "ipc", "A-Z_a-z.0-9", "-",       "_",
                                        "a.", "a..", "x.sock.",     SIXTY_FOUR};

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++)
        if (!cordon__name_is_valid(names[i]))
            fail_msg("refused: %s", names[i]);
}

static void other_names_are_refused(void **state)
{
    static const char *const names[] = {"",      ".",    "..",   ".hidden", "a/b",
                                        "/",     "../a", "a\\b", "a b",     "a:b",
                                        "a\n",   "a\tb", "a*",   "~",       "caf\xC3\xA9",
                                        "a\x80", "a,b",  "a@b",  "a\x7F",   SIXTY_FOUR "x"};

    (void)state;
    assert_false(cordon__name_is_valid(NULL));
    for (size_t i = 0; i < COUNT(names); i++)
        if (cordon__name_is_valid(names[i]))
            fail_msg("accepted: %s", names[i]);
}

static void each_byte_is_judged_as_the_alphabet_says(void **state)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

    (void)state;
    for (int byte = 1; byte < 256; byte++) {
        const char name[] = {'a', (char)byte, '\0'};

        assert_int_equal(cordon__name_is_valid(name), strchr(alphabet, byte) != NULL);
    }
}

/* Worked out by hand elsewhere (FNV-1a 64), not by this code. */
static void digits_are_those_of_the_definition(void **state)
{
    char digits[CORDON__DIGITS + 1];

    (void)state;
    cordon__name_digits(digits, "tray", "/home/ada/.local/share/tray", "ipc");
    assert_string_equal(digits, "b94412abc20303f6");
    cordon__name_digits(digits, "a", "/", "b");
    assert_string_equal(digits, "a6392d979de9611a");
}

static void digits_tell_endpoints_apart(void **state)
{
    static const char *const cases[][3] = {
        {"tray", "/d", "ipc"},  {"tra", "y/d", "ipc"},  {"tray", "/e", "ipc"},
        {"tray", "/d", "ipd"},  {"tray", "/d/", "ipc"}, {"tray", "/d/i", "pc"},
        {"trayy", "/d", "ipc"},
    };
    char digits[COUNT(cases)][CORDON__DIGITS + 1];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        cordon__name_digits(digits[i], cases[i][0], cases[i][1], cases[i][2]);
        assert_int_equal(strspn(digits[i], "0123456789abcdef"), CORDON__DIGITS);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(digits[i], digits[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_the_alphabet_are_valid),
        cmocka_unit_test(other_names_are_refused),
        cmocka_unit_test(each_byte_is_judged_as_the_alphabet_says),
        cmocka_unit_test(digits_are_those_of_the_definition),
        cmocka_unit_test(digits_tell_endpoints_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
