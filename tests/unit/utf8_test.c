#include "unit.h"

#include "../../src/utf8.h"

/* All 1,114,112 code points, and what they become. */
static void every_character_is_well_formed(void **state)
{
    char bytes[4];

    (void)state;
    for (uint32_t point = 0; point <= 0x10FFFF; point++) {
        size_t count;

        if (point >= 0xD800 && point <= 0xDFFF)
            continue;
        count = cordon__utf8_put(bytes, point);
        if (cordon__utf8_size(bytes, count) != count)
            fail_msg("U+%04X", (unsigned)point);
        for (size_t less = 0; less < count; less++)
            if (cordon__utf8_size(bytes, less) != 0)
                fail_msg("U+%04X is taken for whole after %u bytes", (unsigned)point,
                         (unsigned)less);
    }
}

/* Decoded the slow way from the definition, for the comparison below. */
static size_t by_definition(const uint8_t *bytes)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t                count = bytes[0] < 0x80   ? 1
                                  : bytes[0] < 0xC0 ? 0
                                  : bytes[0] < 0xE0 ? 2
                                  : bytes[0] < 0xF0 ? 3
                                  : bytes[0] < 0xF8 ? 4
                                                    : 0;
    uint32_t              point;

    if (count < 2)
        return count;
    point = bytes[0] & (0x7Fu >> count);
    for (size_t i = 1; i < count; i++) {
        if ((bytes[i] & 0xC0) != 0x80)
            return 0;
        point = point << 6 | (bytes[i] & 0x3Fu);
    }
    if (point < smallest[count] || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF))
        return 0;
    return count;
}

/* Known by heart, the first and the last of each size: not worked out by this code. */
static void characters_have_their_bytes(void **state)
{
    static const struct {
        uint32_t    point;
        const char *bytes;
    } cases[] = {
        {0x41, "A"},
        {0x7F, "\x7F"},
        {0x80, "\xC2\x80"},
        {0xE9, "\xC3\xA9"},
        {0x7FF, "\xDF\xBF"},
        {0x800, "\xE0\xA0\x80"},
        {0x20AC, "\xE2\x82\xAC"},
        {0xD7FF, "\xED\x9F\xBF"},
        {0xE000, "\xEE\x80\x80"},
        {0xFFFD, "\xEF\xBF\xBD"},
        {0xFFFF, "\xEF\xBF\xBF"},
        {0x10000, "\xF0\x90\x80\x80"},
        {0x1F600, "\xF0\x9F\x98\x80"},
        {0x10FFFF, "\xF4\x8F\xBF\xBF"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char         bytes[4];
        const size_t size = strlen(cases[i].bytes);

        assert_int_equal(cordon__utf8_put(bytes, cases[i].point), size);
        assert_memory_equal(bytes, cases[i].bytes, size);
    }
}

static void verdict_agrees_with_the_definition(void **state)
{
    static const uint8_t edges[] = {0x00, 0x22, 0x7F, 0x80, 0x8F, 0x90, 0x9F,
                                    0xA0, 0xBF, 0xC0, 0xC2, 0xED, 0xF4, 0xFF};

    (void)state;
    for (unsigned first = 0; first < 256; first++)
        for (unsigned second = 0; second < 256; second++)
            for (size_t third = 0; third < COUNT(edges); third++)
                for (size_t fourth = 0; fourth < COUNT(edges); fourth++) {
                    const uint8_t bytes[] = {(uint8_t)first, (uint8_t)second, edges[third],
                                             edges[fourth]};

                    if (cordon__utf8_size(bytes, 4) != by_definition(bytes))
                        fail_msg("%02X %02X %02X %02X", first, second, edges[third], edges[fourth]);
                }
}

static void control_characters_are_not_plain(void **state)
{
    static const struct {
        cordon_bytes text;
        size_t       size;
    } cases[] = {
        {{"\0", 1}, 0},       {{"\n", 1}, 0},       {{"\x1B", 1}, 0},     {{"\x7F", 1}, 0},
        {{"\xC2\x80", 2}, 0}, {{"\xC2\x9B", 2}, 0}, {{"\xC2\x9F", 2}, 0}, {{"\xC2\xA0", 2}, 2},
        {{" ", 1}, 1},        {{"~", 1}, 1},        {{"\xC3\xA9", 2}, 2}, {{"\xE2\x82\xAC", 3}, 3},
        {{"\xFF", 1}, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(cordon__utf8_plain(cases[i].text.data, cases[i].text.size), cases[i].size);
}

static void cut_never_splits_a_character(void **state)
{
    static const char   text[] = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z"; /* 1 + 2 + 3 + 4 + 1 */
    static const size_t expected[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};

    (void)state;
    for (size_t limit = 0; limit < COUNT(expected); limit++)
        assert_int_equal(cordon__utf8_cut(text, sizeof text - 1, limit), expected[limit]);
}

static void cut_of_no_text_at_all_still_ends(void **state)
{
    static const char tails[] = "\x80\x80\x80\x80\x80\x80\x80\x80";

    (void)state;
    for (size_t limit = 0; limit < sizeof tails; limit++)
        assert_int_equal(cordon__utf8_cut(tails, sizeof tails - 1, limit), limit);
    assert_int_equal(cordon__utf8_cut(NULL, 0, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_character_is_well_formed),
        cmocka_unit_test(characters_have_their_bytes),
        cmocka_unit_test(verdict_agrees_with_the_definition),
        cmocka_unit_test(control_characters_are_not_plain),
        cmocka_unit_test(cut_never_splits_a_character),
        cmocka_unit_test(cut_of_no_text_at_all_still_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
