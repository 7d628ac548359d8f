/*
 * JSON, single values: strings and integers read, text written.
 */
#include "unit.h"

#include "../../src/json.h"

#define DEPTH CORDON__JSON_DEPTH

/* ---- strings ------------------------------------------------------------------------------ */

static void a_string_is_unescaped(void **state)
{
    static const struct {
        const char  *value;
        cordon_bytes text;
    } cases[] = {
        {"\"\"", {"", 0}},
        {"\"abc\"", {"abc", 3}},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", {"\"\\/\b\f\n\r\t", 8}},
        {"\"\\u0041\\u00e9\\u20AC\\uD83D\\uDE00\"", {"A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", 10}},
        {"\"\\u0000x\"", {"\0x", 2}},
        {"\"caf\xC3\xA9\"", {"caf\xC3\xA9", 5}},
        {"\"\\ufffe\\uffff\"", {"\xEF\xBF\xBE\xEF\xBF\xBF", 6}},
        {"\"\\udbff\\udfff\"", {"\xF4\x8F\xBF\xBF", 4}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const cordon_bytes text = cases[i].text;
        cordon_bytes       value = unit_exact(cases[i].value, strlen(cases[i].value));

        for (size_t room = 0; room < 12; room++) {
            char out[12];

            memset(out, 0x55, sizeof out);
            assert_int_equal(cordon__json_string(out, room, value),
                             room >= text.size ? (ptrdiff_t)text.size : -1);
            if (room >= text.size && text.size > 0)
                assert_memory_equal(out, text.data, text.size);
            for (size_t at = room; at < sizeof out; at++)
                assert_int_equal(out[at], 0x55);
        }
        unit_drop(value);
    }
}

static void what_is_no_string_is_refused(void **state)
{
    static const cordon_bytes values[] = {{"", 0},        {NULL, 0},          {"1", 1},
                                          {"null", 4},    {"{}", 2},          {"\"", 1},
                                          {"\"a", 2},     {"\"a\"b", 4},      {"\"a\" ", 4},
                                          {" \"a\"", 4},  {"\"\\ud800\"", 8}, {"\"\xFF\"", 3},
                                          {"\"a\"\"", 4}, {"\"\n\"", 3}};

    (void)state;
    for (size_t i = 0; i < COUNT(values); i++) {
        char out[16];

        assert_int_equal(cordon__json_string(out, sizeof out, values[i]), -1);
    }
}

/* ---- integers -------------------------------------------------------------------------------- */

static void integers_are_exact_or_none(void **state)
{
    static const struct {
        const char *value;
        int         is_one;
        int64_t     number;
    } cases[] = {
        {"0", 1, 0},
        {"-0", 1, 0},
        {"7", 1, 7},
        {"-7", 1, -7},
        {"9007199254740991", 1, INT64_C(9007199254740991)},
        {"9007199254740992", 1, INT64_C(9007199254740992)},
        {"-9007199254740992", 1, INT64_C(-9007199254740992)},
        {"9007199254740993", 0, 0},
        {"-9007199254740993", 0, 0},
        {"90071992547409920", 0, 0},
        {"12345678901234567890", 0, 0},
        {"99999999999999999999999999999999999999999999", 0, 0},
        {"18446744073709551616", 0, 0},
        {"1.0", 0, 0},
        {"1e2", 0, 0},
        {"1E2", 0, 0},
        {"1.", 0, 0},
        {"01", 0, 0},
        {"+1", 0, 0},
        {"-", 0, 0},
        {"", 0, 0},
        {" 1", 0, 0},
        {"1 ", 0, 0},
        {"\"1\"", 0, 0},
        {"true", 0, 0},
        {"--1", 0, 0},
        {"1-", 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        cordon_bytes value = unit_exact(cases[i].value, strlen(cases[i].value));
        int64_t      number = 42;

        if (cordon__json_is_integer(value, &number) != cases[i].is_one)
            fail_msg("%s", cases[i].value);
        assert_true(number == (cases[i].is_one ? cases[i].number : 42));
        unit_drop(value);
    }
}

/* ---- text that becomes a string
 * ------------------------------------------------------------------ */

static void text_is_quoted(void **state)
{
    static const struct {
        cordon_bytes text;
        const char  *quoted;
    } cases[] = {
        {{"", 0}, "\"\""},
        {{NULL, 0}, "\"\""},
        {{"plain", 5}, "\"plain\""},
        {{" !~", 3}, "\" !~\""},
        {{"a\"b\\c/", 6}, "\"a\\\"b\\\\c/\""},
        {{"\b\f\n\r\t", 5}, "\"\\b\\f\\n\\r\\t\""},
        {{"\0\x01\x1F", 3}, "\"\\u0000\\u0001\\u001f\""},
        {{"\x7F", 1}, "\"\x7F\""},
        {{"caf\xC3\xA9", 5}, "\"caf\xC3\xA9\""},
        {{"\xF0\x9F\x98\x80", 4}, "\"\xF0\x9F\x98\x80\""},
        {{"a\xFFz", 3}, "\"a\xEF\xBF\xBDz\""},
        {{"\xE2\x82", 2}, "\"\xEF\xBF\xBD\xEF\xBF\xBD\""},
        {{"\xED\xA0\x80", 3}, "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const size_t   size = strlen(cases[i].quoted);
        cordon__buffer buffer = {0};

        assert_int_equal(cordon__json_quote(&buffer, &cordon__libc, cases[i].text, size), 0);
        assert_int_equal(cordon__buffer_size(&buffer), size);
        assert_memory_equal(cordon__buffer_view(&buffer).data, cases[i].quoted, size);
        assert_int_equal(cordon__json_check(cordon__buffer_view(&buffer), 1, NULL), 0);
        /* No room for a second one: the first is all there is. */
        assert_int_equal(cordon__json_quote(&buffer, &cordon__libc, cases[i].text, 2 * size - 1),
                         CORDON_EMSGSIZE);
        assert_int_equal(cordon__buffer_size(&buffer), size);
        cordon__buffer_free(&buffer, &cordon__libc);
    }
}

static void every_byte_is_quoted_to_good_json_and_back(void **state)
{
    char all[256], back[1024];

    (void)state;
    for (int i = 0; i < 256; i++)
        all[i] = (char)(uint8_t)i;
    for (int size = 0; size <= 256; size++) {
        cordon__buffer buffer = {0};
        ptrdiff_t      unquoted;

        assert_int_equal(cordon__json_quote(&buffer, &cordon__libc, unit_view(all, (size_t)size),
                                            CORDON__NO_CEILING),
                         0);
        assert_int_equal(cordon__json_check(cordon__buffer_view(&buffer), 0, NULL), 0);
        unquoted = cordon__json_string(back, sizeof back, cordon__buffer_view(&buffer));
        /* ASCII comes back as it was, each byte that is no character as U+FFFD. */
        assert_int_equal(unquoted, size <= 128 ? size : 128 + (size - 128) * 3);
        assert_memory_equal(back, all, size <= 128 ? (size_t)size : 128);
        cordon__buffer_free(&buffer, &cordon__libc);
    }
}

static void json_becomes_one_line(void **state)
{
    char text[] = "{\n  \"a\": [1,\r\n 2],\n\t\"b\": \"\\n\"\r}\n";
    char expect[] = "{   \"a\": [1,   2], \t\"b\": \"\\n\" } ";

    (void)state;
    assert_int_equal(cordon__json_check(VIEW(text), DEPTH, NULL), 0);
    cordon__json_one_line(text, sizeof text - 1);
    assert_string_equal(text, expect);
    assert_int_equal(cordon__json_check(VIEW(text), DEPTH, NULL), 0);
    cordon__json_one_line(NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_string_is_unescaped),
        cmocka_unit_test(what_is_no_string_is_refused),
        cmocka_unit_test(integers_are_exact_or_none),
        cmocka_unit_test(text_is_quoted),
        cmocka_unit_test(every_byte_is_quoted_to_good_json_and_back),
        cmocka_unit_test(json_becomes_one_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
