/*
 * The frozen payloads: HELLO, WELCOME, REFUSED. Their layout never changes, so the
 * bytes here are written by hand. (Whole frames: golden_test.c.)
 */
#include "unit.h"

#include "../../src/frame.h"

static const uint8_t token[32] = {1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16,
                                  17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32};

static cordon__hello some_hello(void)
{
    cordon__hello hello = {1, 3, 0x00010001, 1 << 20, {token, 32}, {"tray 2.1", 8}};

    return hello;
}

static cordon__welcome some_welcome(void)
{
    cordon__welcome welcome = {1,    0x00010000,     65536, UINT64_C(0x1122334455667788),
                               4711, {"tray 2.1", 8}};

    return welcome;
}

static void expect_same(cordon_bytes one, cordon_bytes other)
{
    assert_int_equal(one.size, other.size);
    if (one.size > 0)
        assert_memory_equal(one.data, other.data, one.size);
}

static void a_hello_is_read_back(void **state)
{
    const cordon_bytes programs[] = {VIEW(""), VIEW("tray 2.1"), VIEW("a\0b")};

    (void)state;
    for (size_t token_size = 0; token_size <= 32; token_size += 32)
        for (size_t i = 0; i < COUNT(programs); i++) {
            cordon__hello hello = some_hello(), again;
            uint8_t       bytes[CORDON__HELLO_MAX];
            size_t        size;

            hello.token.size = token_size;
            hello.program = programs[i];
            size = cordon__hello_encode(bytes, &hello);
            assert_int_equal(size, 14 + token_size + programs[i].size);
            assert_int_equal(cordon__hello_decode(&again, unit_view(bytes, size)), 0);
            assert_int_equal(again.version_min, 1);
            assert_int_equal(again.version_max, 3);
            assert_int_equal(again.features, 0x00010001);
            assert_int_equal(again.max_payload, 1 << 20);
            expect_same(again.token, hello.token);
            expect_same(again.program, hello.program);
        }
}

static void a_welcome_is_read_back(void **state)
{
    cordon__welcome welcome = some_welcome(), again;
    uint8_t         bytes[CORDON__HELLO_MAX];
    size_t          size = cordon__welcome_encode(bytes, &welcome);

    (void)state;
    assert_int_equal(size, 23 + 8);
    assert_int_equal(cordon__welcome_decode(&again, unit_view(bytes, size)), 0);
    assert_int_equal(again.version, 1);
    assert_int_equal(again.features, 0x00010000);
    assert_int_equal(again.max_payload, 65536);
    assert_true(again.instance == UINT64_C(0x1122334455667788));
    assert_int_equal(again.pid, 4711);
    expect_same(again.program, welcome.program);
}

static void a_refusal_is_read_back(void **state)
{
    const cordon_bytes texts[] = {VIEW(""), VIEW("unauthorized"), VIEW("caf\xC3\xA9")};

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        cordon__refused refused = {2, 1, 9, texts[i]}, again;
        uint8_t         bytes[CORDON__HELLO_MAX];
        size_t          size = cordon__refused_encode(bytes, &refused);

        assert_int_equal(size, 6 + texts[i].size);
        assert_int_equal(cordon__refused_decode(&again, unit_view(bytes, size)), 0);
        assert_int_equal(again.code, 2);
        assert_int_equal(again.version_min, 1);
        assert_int_equal(again.version_max, 9);
        expect_same(again.text, texts[i]);
    }
}

/* ---- what is too short, at every byte ---------------------------------------------- */

static void a_payload_cut_anywhere_is_refused(void **state)
{
    cordon__hello   hello = some_hello();
    cordon__welcome welcome = some_welcome();
    cordon__refused refused = {2, 1, 9, VIEW("")};
    uint8_t         bytes[CORDON__HELLO_MAX];
    size_t          size;

    (void)state;
    size = cordon__hello_encode(bytes, &hello);
    for (size_t part = 0; part < size; part++) {
        cordon_bytes in = unit_exact(bytes, part);

        assert_int_equal(cordon__hello_decode(&hello, in), CORDON_EPROTOCOL);
        unit_drop(in);
    }
    size = cordon__welcome_encode(bytes, &welcome);
    for (size_t part = 0; part < size; part++) {
        cordon_bytes in = unit_exact(bytes, part);

        assert_int_equal(cordon__welcome_decode(&welcome, in), CORDON_EPROTOCOL);
        unit_drop(in);
    }
    size = cordon__refused_encode(bytes, &refused);
    for (size_t part = 0; part < size; part++) {
        cordon_bytes in = unit_exact(bytes, part);

        assert_int_equal(cordon__refused_decode(&refused, in), CORDON_EPROTOCOL);
        unit_drop(in);
    }
}

static void a_size_byte_that_points_behind_the_end_is_refused(void **state)
{
    uint8_t bytes[64];

    (void)state;
    for (unsigned promised = 0; promised < 256; promised++)
        for (size_t there = 0; there < 40; there++) {
            cordon__hello hello;
            cordon_bytes  in;

            memset(bytes, 0, sizeof bytes);
            bytes[2] = 1;
            bytes[13] = (uint8_t)promised;
            in = unit_exact(bytes, 14 + there);
            assert_int_equal(cordon__hello_decode(&hello, in),
                             promised <= there ? 0 : CORDON_EPROTOCOL);
            if (promised <= there)
                assert_int_equal(hello.program.size, promised);
            unit_drop(in);
        }
}

static void trailing_bytes_are_ignored(void **state)
{
    cordon__hello   hello = some_hello();
    cordon__welcome welcome = some_welcome();
    uint8_t         bytes[CORDON__HELLO_MAX];

    (void)state;
    memset(bytes, 0xEE, sizeof bytes);
    cordon__hello_encode(bytes, &hello);
    assert_int_equal(cordon__hello_decode(&hello, unit_view(bytes, sizeof bytes)), 0);
    expect_same(hello.program, VIEW("tray 2.1"));
    memset(bytes, 0xEE, sizeof bytes);
    cordon__welcome_encode(bytes, &welcome);
    assert_int_equal(cordon__welcome_decode(&welcome, unit_view(bytes, sizeof bytes)), 0);
    expect_same(welcome.program, VIEW("tray 2.1"));
}

/* ---- what a HELLO may not say --------------------------------------------------------- */

static void a_token_of_another_size_is_refused(void **state)
{
    uint8_t bytes[14 + 255];

    (void)state;
    for (unsigned size = 0; size < 256; size++) {
        cordon__hello hello;

        memset(bytes, 0, sizeof bytes);
        bytes[2] = 1;
        bytes[12] = (uint8_t)size;
        assert_int_equal(cordon__hello_decode(&hello, unit_view(bytes, sizeof bytes)),
                         size == 0 || size == 32 ? 0 : CORDON_EPROTOCOL);
        if (size == 0 || size == 32)
            assert_int_equal(hello.token.size, size);
    }
}

static void a_range_that_ends_before_it_begins_is_refused(void **state)
{
    static const struct {
        uint16_t min, max;
        int      code;
    } ranges[] = {
        {0, 0, 0},
        {0, 1, 0},
        {1, 1, 0},
        {1, 65535, 0},
        {65535, 65535, 0},
        {256, 256, 0},
        {1, 0, CORDON_EPROTOCOL},
        {2, 1, CORDON_EPROTOCOL},
        {65535, 0, CORDON_EPROTOCOL},
        {256, 255, CORDON_EPROTOCOL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(ranges); i++) {
        cordon__hello hello = some_hello();
        uint8_t       bytes[CORDON__HELLO_MAX];
        size_t        size;

        hello.version_min = ranges[i].min;
        hello.version_max = ranges[i].max;
        size = cordon__hello_encode(bytes, &hello);
        assert_int_equal(cordon__hello_decode(&hello, unit_view(bytes, size)), ranges[i].code);
    }
}

static void unknown_features_pass(void **state)
{
    cordon__hello hello = some_hello();
    uint8_t       bytes[CORDON__HELLO_MAX];
    size_t        size;

    (void)state;
    hello.features = UINT32_MAX;
    size = cordon__hello_encode(bytes, &hello);
    assert_int_equal(cordon__hello_decode(&hello, unit_view(bytes, size)), 0);
    assert_int_equal(hello.features, UINT32_MAX);
}

/* ---- what we say is never too long ------------------------------------------------------ */

static void a_long_program_is_cut_to_255_bytes(void **state)
{
    cordon__hello   hello = some_hello();
    cordon__welcome welcome = some_welcome();
    uint8_t         bytes[CORDON__HELLO_MAX];
    char            name[400];

    (void)state;
    for (size_t at = 0; at < sizeof name; at += 2)
        memcpy(name + at, "\xC3\xA9", 2);
    hello.program = unit_view(name, sizeof name);
    assert_int_equal(cordon__hello_encode(bytes, &hello), 14 + 32 + 254);
    welcome.program = unit_view(name, sizeof name);
    assert_int_equal(cordon__welcome_encode(bytes, &welcome), 23 + 254);
    name[0] = name[1] = 'x';
    hello.program = unit_view(name + 1, sizeof name - 1);
    assert_int_equal(cordon__hello_encode(bytes, &hello), 14 + 32 + 255);
}

static void a_long_refusal_fits_4_kib(void **state)
{
    uint8_t bytes[CORDON__HELLO_MAX];
    char    text[3 * 4096];

    (void)state;
    for (size_t at = 0; at < sizeof text; at += 3)
        memcpy(text + at, "\xE2\x82\xAC", 3);
    for (size_t size = 4080; size < 4110; size++) {
        cordon__refused refused = {5, 1, 1, {text, size}};
        size_t          written = cordon__refused_encode(bytes, &refused);

        assert_true(written <= 4096);
        assert_int_equal(written, size <= 4090 ? 6 + size : 6 + 4090 / 3 * 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hello_is_read_back),
        cmocka_unit_test(a_welcome_is_read_back),
        cmocka_unit_test(a_refusal_is_read_back),
        cmocka_unit_test(a_payload_cut_anywhere_is_refused),
        cmocka_unit_test(a_size_byte_that_points_behind_the_end_is_refused),
        cmocka_unit_test(trailing_bytes_are_ignored),
        cmocka_unit_test(a_token_of_another_size_is_refused),
        cmocka_unit_test(a_range_that_ends_before_it_begins_is_refused),
        cmocka_unit_test(unknown_features_pass),
        cmocka_unit_test(a_long_program_is_cut_to_255_bytes),
        cmocka_unit_test(a_long_refusal_fits_4_kib),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
