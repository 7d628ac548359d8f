#include "unit.h"

#include "../../src/buffer.h"
#include "../../src/token.h"

#define HEX "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1efe"

static cordon__token counted(void)
{
    cordon__token token;

    for (size_t i = 0; i < CORDON__TOKEN_SIZE; i++)
        token.bytes[i] = (uint8_t)i;
    token.bytes[31] = 0xFE;
    return token;
}

static void hex_and_back(void **state)
{
    const cordon__token token = counted();
    cordon__token       again;
    char                hex[CORDON__TOKEN_HEX + 1];

    (void)state;
    cordon__token_to_hex(hex, &token);
    assert_string_equal(hex, HEX);
    assert_true(cordon__token_from_hex(&again, VIEW(HEX)));
    assert_memory_equal(again.bytes, token.bytes, CORDON__TOKEN_SIZE);
}

static void every_byte_has_its_digits(void **state)
{
    (void)state;
    for (unsigned value = 0; value < 256; value++) {
        cordon__token token, again;
        char          hex[CORDON__TOKEN_HEX + 1], digits[3];

        memset(token.bytes, (int)value, sizeof token.bytes);
        cordon__token_to_hex(hex, &token);
        snprintf(digits, sizeof digits, "%02x", value);
        assert_memory_equal(hex + 62, digits, 2);
        assert_true(cordon__token_from_hex(&again, unit_view(hex, CORDON__TOKEN_HEX)));
        assert_memory_equal(again.bytes, token.bytes, CORDON__TOKEN_SIZE);
    }
}

static void other_sizes_of_hex_are_refused(void **state)
{
    (void)state;
    for (size_t size = 0; size < 130; size++) {
        cordon__token token;
        char          digits[130];
        cordon_bytes  hex;

        memset(digits, 'a', sizeof digits);
        hex = unit_exact(digits, size);
        assert_int_equal(cordon__token_from_hex(&token, hex), size == CORDON__TOKEN_HEX);
        unit_drop(hex);
    }
}

/* Each byte value at each of the 64 places. */
static void only_lower_case_digits_are_hex(void **state)
{
    (void)state;
    for (size_t place = 0; place < CORDON__TOKEN_HEX; place++)
        for (int byte = 0; byte < 256; byte++) {
            const int     is_digit = byte != 0 && strchr("0123456789abcdef", byte) != NULL;
            cordon__token token;
            char          hex[] = HEX;

            hex[place] = (char)byte;
            assert_int_equal(cordon__token_from_hex(&token, unit_view(hex, 64)), is_digit);
        }
}

static void refused_hex_leaves_the_token_alone(void **state)
{
    const cordon__token before = counted();
    cordon__token       token = counted();

    (void)state;
    assert_false(cordon__token_from_hex(
        &token, VIEW("ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffFF")));
    assert_memory_equal(token.bytes, before.bytes, sizeof token.bytes);
}

static void the_right_token_is_equal(void **state)
{
    const cordon__token token = counted();

    (void)state;
    assert_int_equal(cordon__token_is_equal(&token, unit_view(token.bytes, 32)), 1);
}

/* All 256 bits: what differs at the front is judged as what differs at the end. */
static void one_changed_bit_is_never_equal(void **state)
{
    const cordon__token token = counted();

    (void)state;
    for (size_t bit = 0; bit < 256; bit++) {
        cordon__token other = counted();

        other.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(cordon__token_is_equal(&token, unit_view(other.bytes, 32)), 0);
    }
}

/* Differences must add up, not cancel: each pair of places with the same change. */
static void two_equal_changes_do_not_cancel(void **state)
{
    const cordon__token token = counted();

    (void)state;
    for (size_t first = 0; first < 32; first++)
        for (size_t second = 0; second < first; second++) {
            cordon__token other = counted();

            other.bytes[first] ^= 0xFF;
            other.bytes[second] ^= 0xFF;
            assert_int_equal(cordon__token_is_equal(&token, unit_view(other.bytes, 32)), 0);
        }
}

static void another_size_is_never_equal(void **state)
{
    const cordon__token token = counted();
    uint8_t             longer[256];

    (void)state;
    memset(longer, 0, sizeof longer);
    memcpy(longer, token.bytes, sizeof token.bytes);
    for (size_t size = 0; size < sizeof longer; size++)
        assert_int_equal(cordon__token_is_equal(&token, unit_view(longer, size)), size == 32);
    assert_int_equal(cordon__token_is_equal(&token, unit_view(NULL, 0)), 0);
}

static void wipe_leaves_zeroes_and_nothing_else_changes(void **state)
{
    uint8_t bytes[40];

    (void)state;
    for (size_t size = 0; size <= 32; size++) {
        memset(bytes, 0xAA, sizeof bytes);
        cordon__wipe(bytes + 4, size);
        for (size_t i = 0; i < sizeof bytes; i++)
            assert_int_equal(bytes[i], i >= 4 && i < 4 + size ? 0 : 0xAA);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hex_and_back),
        cmocka_unit_test(every_byte_has_its_digits),
        cmocka_unit_test(other_sizes_of_hex_are_refused),
        cmocka_unit_test(only_lower_case_digits_are_hex),
        cmocka_unit_test(refused_hex_leaves_the_token_alone),
        cmocka_unit_test(the_right_token_is_equal),
        cmocka_unit_test(one_changed_bit_is_never_equal),
        cmocka_unit_test(two_equal_changes_do_not_cancel),
        cmocka_unit_test(another_size_is_never_equal),
        cmocka_unit_test(wipe_leaves_zeroes_and_nothing_else_changes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
