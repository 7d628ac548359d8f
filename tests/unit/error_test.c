/*
 * The table of errors, and the numbers that the wire has for them.
 */
#include "unit.h"

#include "../../src/fault.h"

/* ---- the table ------------------------------------------------------------------ */

#define NUMBER(name, number, text) number,
static const int all_codes[] = {CORDON_ERRORS(NUMBER)};

static void every_error_has_its_own_name_and_text(void **state)
{
    (void)state;
    assert_int_equal(COUNT(all_codes), 21);
    for (size_t i = 0; i < COUNT(all_codes); i++) {
        assert_int_equal(all_codes[i], -1 - (int)i);
        assert_int_equal(strncmp(cordon_error_name(all_codes[i]), "CORDON_E", 8), 0);
        assert_string_not_equal(cordon_error_name(all_codes[i]), "CORDON_E?");
        assert_string_not_equal(cordon_error_text(all_codes[i]), "unknown error");
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(cordon_error_name(all_codes[i]),
                                    cordon_error_name(all_codes[k]));
            assert_string_not_equal(cordon_error_text(all_codes[i]),
                                    cordon_error_text(all_codes[k]));
        }
    }
}

static void names_are_those_of_the_header(void **state)
{
    static const int strange[] = {1, -22, -100, 256, INT32_MAX, INT32_MIN};

    (void)state;
    assert_string_equal(cordon_error_name(CORDON_OK), "CORDON_OK");
    assert_string_equal(cordon_error_name(CORDON_ENOTRUNNING), "CORDON_ENOTRUNNING");
    assert_string_equal(cordon_error_text(CORDON_ENOTRUNNING), "nobody serves it");
    assert_string_equal(cordon_error_name(CORDON_ESYSTEM), "CORDON_ESYSTEM");
    for (size_t i = 0; i < COUNT(strange); i++) {
        assert_string_equal(cordon_error_name(strange[i]), "CORDON_E?");
        assert_string_equal(cordon_error_text(strange[i]), "unknown error");
        assert_int_equal(cordon_error_retryable(strange[i]), 0);
    }
}

static void only_waiting_helps_is_retryable(void **state)
{
    static const int retryable[] = {CORDON_EBUSY,     CORDON_ENOTREADY, CORDON_ENOTRUNNING,
                                    CORDON_ETIMEDOUT, CORDON_ECLOSED,   CORDON_ELAUNCH};

    (void)state;
    assert_int_equal(cordon_error_retryable(CORDON_OK), 0);
    for (size_t i = 0; i < COUNT(all_codes); i++) {
        int expected = 0;

        for (size_t k = 0; k < COUNT(retryable); k++)
            expected |= all_codes[i] == retryable[k];
        assert_int_equal(cordon_error_retryable(all_codes[i]), expected);
    }
}

/* ---- the wire's numbers
 * -------------------------------------------------------------------------- */

static const struct {
    unsigned    wire;
    int         code;
    const char *name;
} numbers[] = {
    /* the table of docs/wire.md */
    {1, CORDON_EUNAUTHORIZED, "UNAUTHORIZED"},
    {2, CORDON_EVERSION, "VERSION"},
    {3, CORDON_EBUSY, "BUSY"},
    {4, CORDON_EMSGSIZE, "TOO_LARGE"},
    {5, CORDON_EPROTOCOL, "MALFORMED"},
    {6, CORDON_EUNSUPPORTED, "UNSUPPORTED"},
    {7, CORDON_ETIMEDOUT, "TIMED_OUT"},
    {8, CORDON_ECANCELED, "CANCELED"},
    {9, CORDON_ENOTRUNNING, "STOPPING"},
    {10, CORDON_ENOTREADY, "NOT_READY"},
    {11, CORDON_EAPP, "INTERNAL"},
};

static void wire_numbers_and_codes_belong_together(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(numbers); i++) {
        assert_int_equal(cordon__code_from_wire(numbers[i].wire), numbers[i].code);
        assert_int_equal(cordon__code_to_wire(numbers[i].code), numbers[i].wire);
        assert_string_equal(cordon__wire_name(numbers[i].wire), numbers[i].name);
        assert_int_equal(cordon__wire_number(cordon_text(numbers[i].name)), numbers[i].wire);
    }
}

static void reserved_and_own_numbers_are_the_applications(void **state)
{
    static const unsigned wires[] = {0, 12, 13, 255, 256, 300, 65535, 65536, UINT32_MAX};

    (void)state;
    for (size_t i = 0; i < COUNT(wires); i++) {
        assert_int_equal(cordon__code_from_wire(wires[i]), CORDON_EAPP);
        assert_null(cordon__wire_name(wires[i]));
    }
}

static void codes_without_a_number_are_internal(void **state)
{
    static const int codes[] = {CORDON_OK,
                                CORDON_EINVAL,
                                CORDON_ENOMEM,
                                CORDON_ESYSTEM,
                                CORDON_EDENIED,
                                CORDON_EIMPOSTOR,
                                CORDON_EAPP,
                                CORDON_ECLOSED,
                                1,
                                11,
                                12,
                                255,
                                65536,
                                INT32_MAX,
                                INT32_MIN,
                                -22};

    (void)state;
    for (size_t i = 0; i < COUNT(codes); i++)
        assert_int_equal(cordon__code_to_wire(codes[i]), CORDON__INTERNAL);
    assert_int_equal(cordon__code_to_wire(256), 256);
    assert_int_equal(cordon__code_to_wire(300), 300);
    assert_int_equal(cordon__code_to_wire(65535), 65535);
}

static void unknown_names_are_internal(void **state)
{
    static const cordon_bytes names[] = {{NULL, 0},    {"", 0},       {"busy", 4},    {"BUS", 3},
                                         {"BUSY ", 5}, {"BUSY\0", 5}, {"INTERNAL", 8}};

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++)
        assert_int_equal(cordon__wire_number(names[i]), CORDON__INTERNAL);
}

static void the_version_is_the_builds(void **state)
{
    (void)state;
    assert_string_equal(cordon_version(), EXPECTED_VERSION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_has_its_own_name_and_text),
        cmocka_unit_test(names_are_those_of_the_header),
        cmocka_unit_test(only_waiting_helps_is_retryable),
        cmocka_unit_test(wire_numbers_and_codes_belong_together),
        cmocka_unit_test(reserved_and_own_numbers_are_the_applications),
        cmocka_unit_test(codes_without_a_number_are_internal),
        cmocka_unit_test(unknown_names_are_internal),
        cmocka_unit_test(the_version_is_the_builds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
