/*
 * The scanner: errors and where they are, nesting, members. (Single values: json_text_test.c;
 * verdicts on many texts, compared with other parsers: json_corpus_test.c, json_corpus.py.)
 */
#include "unit.h"

#include "../../src/json.h"

#define DEPTH CORDON__JSON_DEPTH

static int check(cordon_bytes text, unsigned depth, cordon__json_error *error)
{
    cordon_bytes exact = unit_exact(text.data, text.size);
    int          code = cordon__json_check(exact, depth, error);

    unit_drop(exact);
    return code;
}

/* ---- what is wrong, and at which byte --------------------------------------------- */

static void an_error_says_what_and_at_which_byte(void **state)
{
    static const struct {
        cordon_bytes text;
        const char  *what;
        size_t       at;
    } cases[] = {
#define BAD(text, what, at) {{text, sizeof(text) - 1}, what, at}
        BAD("", "an early end", 0),
        BAD("  ", "an early end", 2),
        BAD("x", "no value", 0),
        BAD("\0", "no value", 0),
        BAD("'a'", "no value", 0),
        BAD("\xEF\xBB\xBF{}", "no value", 0),
        BAD("/* */1", "no value", 0),
        BAD("+1", "no value", 0),
        BAD(".5", "no value", 0),
        BAD("NaN", "no value", 0),
        BAD("Infinity", "no value", 0),
        BAD("-Infinity", "a digit is missing", 1),
        BAD("-", "an early end", 1),
        BAD("-a", "a digit is missing", 1),
        BAD("01", "a leading zero", 0),
        BAD("-01", "a leading zero", 1),
        BAD("1.", "an early end", 2),
        BAD("1.a", "a digit is missing", 2),
        BAD("1e", "an early end", 2),
        BAD("1e+", "an early end", 3),
        BAD("1e+a", "a digit is missing", 3),
        BAD("0x10", "something behind the value", 1),
        BAD("1 2", "something behind the value", 2),
        BAD("{}{}", "something behind the value", 2),
        BAD("null\0", "something behind the value", 4),
        BAD("tru", "an unknown word", 0),
        BAD("truE", "an unknown word", 0),
        BAD("nul", "an unknown word", 0),
        BAD("falsy", "an unknown word", 0),
        BAD("[", "an early end", 1),
        BAD("[1", "an early end", 2),
        BAD("[1,", "an early end", 3),
        BAD("[1,]", "no value", 3),
        BAD("[,1]", "no value", 1),
        BAD("[1 2]", "no comma or bracket", 3),
        BAD("[1}", "no comma or bracket", 2),
        BAD("{", "an early end", 1),
        BAD("{]", "no member name", 1),
        BAD("{1:2}", "no member name", 1),
        BAD("{\"a\"", "an early end", 4),
        BAD("{\"a\" 1}", "no colon", 5),
        BAD("{\"a\":", "an early end", 5),
        BAD("{\"a\":}", "no value", 5),
        BAD("{\"a\":1", "an early end", 6),
        BAD("{\"a\":1,}", "no member name", 7),
        BAD("{\"a\":1 \"b\":2}", "no comma or brace", 7),
        BAD("{\"a\":1]", "no comma or brace", 6),
        BAD("\"a", "an early end", 2),
        BAD("\"a\\", "an early end", 3),
        BAD("\"a\\x\"", "an unknown escape", 3),
        BAD("\"a\\\0\"", "an unknown escape", 3),
        BAD("\"\\u\"", "no hex digit", 3),
        BAD("\"\\u12g4\"", "no hex digit", 5),
        BAD("\"\\u123", "an early end", 6),
        BAD("\"ab\ncd\"", "a control character in a string", 3),
        BAD("\"\0\"", "a control character in a string", 1),
        BAD("\"\x1F\"", "a control character in a string", 1),
        BAD("\"\\ud800\"", "a lone surrogate", 1),
        BAD("\"x\\udc00\"", "a lone surrogate", 2),
        BAD("\"\\ud800\\n\"", "a lone surrogate", 1),
        BAD("\"\\ud800\\u0041\"", "a lone surrogate", 1),
        BAD("\"\\ud800\\ud800\"", "a lone surrogate", 1),
        BAD("\"\\ud800\\", "a lone surrogate", 1),
        BAD("\"\\ud800\\u", "an early end", 9),
        BAD("\"\\udc00\\udc00\"", "a lone surrogate", 1),
        BAD("\"\\ud800", "a lone surrogate", 1),
        BAD("\"a\xFF\"", "broken UTF-8", 2),
        BAD("\"\xC0\x80\"", "broken UTF-8", 1),
        BAD("\"\xED\xA0\x80\"", "broken UTF-8", 1),
        BAD("\"\xF4\x90\x80\x80\"", "broken UTF-8", 1),
        BAD("\"\xE2\x82\"", "broken UTF-8", 1),
        BAD("\"\xE2\x82", "broken UTF-8", 1),
#undef BAD
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        cordon__json_error error = {NULL, 999};

        if (check(cases[i].text, DEPTH, &error) != CORDON_EPROTOCOL)
            fail_msg("accepted: %s", (const char *)cases[i].text.data);
        if (strcmp(error.what, cases[i].what) != 0 || error.at != cases[i].at)
            fail_msg("%s: \"%s\" at %zu, expected \"%s\" at %zu", (const char *)cases[i].text.data,
                     error.what, error.at, cases[i].what, cases[i].at);
        assert_int_equal(check(cases[i].text, DEPTH, NULL), CORDON_EPROTOCOL);
    }
}

static void good_values_pass_with_space_around(void **state)
{
    static const cordon_bytes cases[] = {
        {"0", 1},        {"-0", 2},          {"1e400", 5},
        {"0.10", 4},     {"-1.5E+10", 8},    {"true", 4},
        {" null ", 6},   {"\t\r\n []\n", 7}, {"{ }", 3},
        {"\"\"", 2},     {"[1,2 , 3]", 9},   {"{\"a\":1,\"a\":2}", 13},
        {"\"\x7F\"", 3}, {"\"\\u0000\"", 8}, {"\"\\ud83d\\ude00\"", 14},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        cordon__json_error error = {NULL, 0};

        if (check(cases[i], DEPTH, &error) != 0)
            fail_msg("%s: %s at %zu", (const char *)cases[i].data, error.what, error.at);
    }
}

/* A text cut anywhere is never good: what a peer sends in halves is not taken for whole. */
static void no_part_of_an_object_is_good(void **state)
{
    static const char text[] = "{\"token\":\"\\u00e9\\ud83d\\ude00\xC3\xA9\",\"request\":[1.5e-3,"
                               "true,false,null,{\"x\":{}}], \"id\" : -12 }";

    (void)state;
    assert_int_equal(check(VIEW(text), DEPTH, NULL), 0);
    for (size_t size = 0; size < sizeof text - 1; size++)
        if (check(unit_view(text, size), DEPTH, NULL) == 0)
            fail_msg("the first %zu bytes pass", size);
}

/* ---- nesting ------------------------------------------------------------------------- */

static cordon_bytes nested(char *out, unsigned levels, char open, char close)
{
    memset(out, open, levels);
    memset(out + levels, close, levels);
    return unit_view(out, 2 * (size_t)levels);
}

static void nesting_ends_at_its_depth(void **state)
{
    char text[2 * 200];

    (void)state;
    for (unsigned depth = 0; depth < 100; depth++)
        for (unsigned levels = 1; levels < 110; levels++) {
            cordon__json_error error = {NULL, 0};
            int                code = check(nested(text, levels, '[', ']'), depth, &error);

            assert_int_equal(code, levels <= depth ? 0 : CORDON_EPROTOCOL);
            if (code != 0) {
                assert_string_equal(error.what, "nested too deep");
                assert_int_equal(error.at, depth);
            }
        }
}

static void closed_levels_can_be_opened_again(void **state)
{
    (void)state;
    assert_int_equal(check(VIEW("[[],[[]],{},{\"a\":[]},[]]"), 3, NULL), 0);
    assert_int_equal(check(VIEW("[[],[[[]]]]"), 3, NULL), CORDON_EPROTOCOL);
    assert_int_equal(check(VIEW("{\"a\":{},\"b\":{\"c\":{}}}"), 3, NULL), 0);
    assert_int_equal(check(VIEW("7"), 0, NULL), 0);
    assert_int_equal(check(VIEW("[]"), 0, NULL), CORDON_EPROTOCOL);
}

static void a_megabyte_of_brackets_is_refused_at_its_65th(void **state)
{
    const size_t       size = 1 << 20;
    char              *text = malloc(size);
    cordon__json_error error = {NULL, 0};

    (void)state;
    assert_non_null(text);
    memset(text, '[', size);
    assert_int_equal(cordon__json_check(unit_view(text, size), DEPTH, &error), CORDON_EPROTOCOL);
    assert_int_equal(error.at, DEPTH);
    free(text);
}

/* ---- members -------------------------------------------------------------------------- */

static int find(cordon__json_member members[3], cordon_bytes text, cordon__json_error *error)
{
    members[0].name = "token";
    members[1].name = "request";
    members[2].name = "id";
    return cordon__json_object(members, 3, text, DEPTH, error);
}

static void expect_sent(const cordon__json_member *member, const char *value)
{
    if (!value) {
        assert_null(member->value.data);
        assert_int_equal(member->value.size, 0);
        return;
    }
    assert_int_equal(member->value.size, strlen(value));
    assert_memory_equal(member->value.data, value, strlen(value));
}

static void members_are_found_as_they_were_sent(void **state)
{
    static const struct {
        const char *text, *token, *request, *id;
    } cases[] = {
        {"{}", NULL, NULL, NULL},
        {"{\"token\":\"a\",\"request\":1}", "\"a\"", "1", NULL},
        {"{\"request\":1,\"token\":\"a\"}", "\"a\"", "1", NULL},
        {"{ \"request\" : [1, 2 ] , \"id\" : 5 }", NULL, "[1, 2 ]", "5"},
        {"{\"request\":1e400}", NULL, "1e400", NULL},
        {"{\"request\":12345678901234567890}", NULL, "12345678901234567890", NULL},
        {"{\"request\":0.10}", NULL, "0.10", NULL},
        {"{\"request\":\"\\u0041\\/\"}", NULL, "\"\\u0041\\/\"", NULL},
        {"{\"request\":null}", NULL, "null", NULL},
        {"{\"request\":{\"token\":1,\"request\":2}}", NULL, "{\"token\":1,\"request\":2}", NULL},
        {"{\"other\":{\"id\":1},\"id\":2}", NULL, NULL, "2"},
        {"{\"x\":1,\"x\":2,\"id\":3}", NULL, NULL, "3"},
        {"{\"Token\":1,\"token \":2,\"toke\":3,\"tokens\":4,\"\":5}", NULL, NULL, NULL},
        {"{\"tok\\u0065n\":7,\"\\u0069\\u0064\":8}", "7", NULL, "8"},
        {"{\"token\\u0000\":7}", NULL, NULL, NULL},
        {" \t{\"id\":1}\r\n", NULL, NULL, "1"},
        {"{\"0123456789012345678901234567890123456789012345678901234567890123456789\":1,\"id\":2}",
         NULL, NULL, "2"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        cordon__json_member members[3];
        cordon_bytes        exact = unit_exact(cases[i].text, strlen(cases[i].text));

        if (find(members, exact, NULL) != 0)
            fail_msg("refused: %s", cases[i].text);
        expect_sent(&members[0], cases[i].token);
        expect_sent(&members[1], cases[i].request);
        expect_sent(&members[2], cases[i].id);
        unit_drop(exact);
    }
}

static void a_listed_member_twice_is_refused(void **state)
{
    static const struct {
        const char *text;
        size_t      at;
    } cases[] = {
        {"{\"token\":1,\"token\":1}", 11},
        {"{\"id\":1,\"request\":2,\"id\":1}", 20},
        {"{\"request\":1,\"r\\u0065quest\":2}", 13},
        {"{\"id\":null,\"id\":null}", 11},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        cordon__json_member members[3];
        cordon__json_error  error = {NULL, 0};

        assert_int_equal(find(members, cordon_text(cases[i].text), &error), CORDON_EPROTOCOL);
        assert_string_equal(error.what, "a member twice");
        assert_int_equal(error.at, cases[i].at);
    }
}

/* Whatever is wrong behind it: what was found before must not be used. */
static void a_broken_object_yields_no_member(void **state)
{
    static const char *const texts[] = {
        "{\"token\":1,\"request\":2,\"id\":3,}",
        "{\"token\":1,\"request\":2,\"id\":3",
        "{\"token\":1,\"request\":2,\"id\":3}x",
        "{\"token\":1,\"request\":2,\"id\":3,\"x\":\"\\ud800\"}",
        "{\"token\":1,\"request\":2,\"id\":3}{}",
        "{\"token\":1,\"request\":2,\"id\":3,\"id\":3}",
        "{\"token\":1,\"request\":2,\"id\":3 4}",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        cordon__json_member members[3];

        assert_int_equal(find(members, cordon_text(texts[i]), NULL), CORDON_EPROTOCOL);
        for (size_t k = 0; k < 3; k++)
            expect_sent(&members[k], NULL);
    }
}

static void what_is_no_object_is_told(void **state)
{
    static const struct {
        const char *text, *what;
        size_t      at;
    } cases[] = {
        {"", "an early end", 0}, {" ", "an early end", 1},   {"[]", "no object", 0},
        {" 1", "no object", 1},  {"\"{}\"", "no object", 0}, {"null", "no object", 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        cordon__json_member members[3];
        cordon__json_error  error = {NULL, 0};

        assert_int_equal(find(members, cordon_text(cases[i].text), &error), CORDON_EPROTOCOL);
        assert_string_equal(error.what, cases[i].what);
        assert_int_equal(error.at, cases[i].at);
    }
}

static void the_objects_own_level_counts(void **state)
{
    cordon__json_member members[3] = {
        {"token", {NULL, 0}}, {"request", {NULL, 0}}, {"id", {NULL, 0}}};
    char  text[300] = "{\"request\":";
    char *value = text + strlen(text);

    (void)state;
    nested(value, DEPTH - 1, '[', ']');
    strcpy(value + 2 * (DEPTH - 1), "}");
    assert_int_equal(cordon__json_object(members, 3, cordon_text(text), DEPTH, NULL), 0);
    nested(value, DEPTH, '[', ']');
    strcpy(value + 2 * DEPTH, "}");
    assert_int_equal(cordon__json_object(members, 3, cordon_text(text), DEPTH, NULL),
                     CORDON_EPROTOCOL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_says_what_and_at_which_byte),
        cmocka_unit_test(good_values_pass_with_space_around),
        cmocka_unit_test(no_part_of_an_object_is_good),
        cmocka_unit_test(nesting_ends_at_its_depth),
        cmocka_unit_test(closed_levels_can_be_opened_again),
        cmocka_unit_test(a_megabyte_of_brackets_is_refused_at_its_65th),
        cmocka_unit_test(members_are_found_as_they_were_sent),
        cmocka_unit_test(a_listed_member_twice_is_refused),
        cmocka_unit_test(a_broken_object_yields_no_member),
        cmocka_unit_test(what_is_no_object_is_told),
        cmocka_unit_test(the_objects_own_level_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
