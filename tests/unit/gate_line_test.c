/*
 * Bytes in, acts out: JSON lines.
 */
#include "gate_kit.h"

static void good_lines_are_understood(void **state)
{
    static const talk talks[] = {
        {LINE("\"request\":1"), "admit request::1"},
        {LINE("\"request\":{\"a\":[1e400, 0.10]}"), "admit request::{\"a\":[1e400, 0.10]}"},
        {LINE("\"request\":null"), "admit request::null"},
        {LINE("\"request\":1") LINE("\"request\":2"), "admit request::1"},
        {LINE("\"id\":7,\"request\":1") LINE("\"id\":8,\"request\":2"),
         "admit request:7:1 request:8:2"},
        {LINE("\"id\":-9007199254740992,\"request\":1"), "admit request:-9007199254740992:1"},
        {LINE("\"id\":\"a\\u0041\",\"request\":\"x\""), "admit request:\"a\\u0041\":\"x\""},
        {LINE("\"id\":\"\",\"request\":1"), "admit request:\"\":1"},
        {LINE("\"id\":1,\"request\":1") LINE("\"request\":2") LINE("\"request\":3"),
         "admit request:1:1 request::2"},
        {"{\"request\":1,\"token\":\"$T\"}\n", "admit request::1"},
        {"{\"more\":1,\"more\":2,\"request\":1,\"token\":\"$T\"}\n", "admit request::1"},
        {"{\"tok\\u0065n\":\"$T\",\"request\":1}\n", "admit request::1"},
        {"{\"token\":\"\\u00300"
         "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\","
         "\"request\":1}\n",
         "admit request::1"},
        {" \t\r\n \n" LINE("\"request\":1"), "admit request::1"},
        {"\xEF\xBB\xBF" LINE("\"request\":1"), "admit request::1"},
        {"\n \xEF\xBB\xBF \n" LINE("\"request\":1"), "admit request::1"},
        {"{\"token\":\"$T\",\"request\":1}\r\n", "admit request::1"},
        {LINE("\"id\":1,\"request\":1") "\n  \r\n" LINE("\"id\":2,\"request\":2"),
         "admit request:1:1 request:2:2"},
        {"{\"token\":\"$T\",\"request\":1}", ""}, /* not ended yet */
    };

    (void)state;
    hold_lines(talks, COUNT(talks));
}

static void lines_without_the_right_token_are_refused(void **state)
{
    static const talk talks[] = {
        {"{\"request\":1}\n", "break:UNAUTHORIZED"},
        {"{\"token\":null,\"request\":1}\n", "break:UNAUTHORIZED"},
        {"{\"token\":1,\"request\":1}\n", "break:UNAUTHORIZED"},
        {"{\"token\":\"\",\"request\":1}\n", "break:UNAUTHORIZED"},
        {"{\"token\":\"$T0\",\"request\":1}\n", "break:UNAUTHORIZED"},
        {"{\"token\":\"$T \",\"request\":1}\n", "break:UNAUTHORIZED"},
        {"{\"token\":\"0$T\",\"request\":1}\n", "break:UNAUTHORIZED"},
        {"{\"token\":[\"$T\"],\"request\":1}\n", "break:UNAUTHORIZED"},
        {"{\"Token\":\"$T\",\"request\":1}\n", "break:UNAUTHORIZED"},
        {"{\"token\":"
         "\"000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F\",\"request\":1}\n",
         "break:UNAUTHORIZED"},
        /* Each line has its own; one that was right before says nothing about the next. */
        {LINE("\"id\":1,\"request\":1") "{\"id\":2,\"request\":2}\n",
         "admit request:1:1 break:UNAUTHORIZED"},
    };

    (void)state;
    hold_lines(talks, COUNT(talks));
}

static void broken_lines_are_refused_and_say_nothing_of_the_token(void **state)
{
    static const talk talks[] = {
        {"{\n", "break:MALFORMED"},
        {"{}\n", "break:MALFORMED"},
        {"{} \n", "break:MALFORMED"},
        {"{\"token\":\"$T\"}\n", "break:MALFORMED"},
        {"{\"token\":\"bad\",\"request\":}\n", "break:MALFORMED"},
        {"{\"token\":\"$T\",\"request\":}\n", "break:MALFORMED"},
        {LINE("\"request\":1,"), "break:MALFORMED"},
        {LINE("\"request\":1") "garbage", "admit request::1"},
        {LINE("\"request\":1}"), "break:MALFORMED"},
        {LINE("\"request\":NaN"), "break:MALFORMED"},
        {LINE("\"request\":01"), "break:MALFORMED"},
        {LINE("\"request\":\"\\ud800\""), "break:MALFORMED"},
        {LINE("\"request\":\"\xFF\""), "break:MALFORMED"},
        {LINE("\"request\":1,\"request\":1"), "break:MALFORMED"},
        {LINE("\"request\":1,\"token\":\"$T\""), "break:MALFORMED"},
        {LINE("\"request\":1,\"id\":1,\"id\":1"), "break:MALFORMED"},
        {LINE("\"request\":1,\"id\":1.0"), "break:MALFORMED"},
        {LINE("\"request\":1,\"id\":1e1"), "break:MALFORMED"},
        {LINE("\"request\":1,\"id\":9007199254740993"), "break:MALFORMED"},
        {LINE("\"request\":1,\"id\":null"), "break:MALFORMED"},
        {LINE("\"request\":1,\"id\":true"), "break:MALFORMED"},
        {LINE("\"request\":1,\"id\":[1]"), "break:MALFORMED"},
        {LINE("\"id\":1,\"request\":1") "[]\n", "admit request:1:1 break:MALFORMED"},
        {LINE("\"id\":1,\"request\":1") "x\n", "admit request:1:1 break:MALFORMED"},
        {"{\"token\":\"wrong\",\"request\":1,\"id\":[]}\n", "break:MALFORMED"},
    };

    (void)state;
    hold_lines(talks, COUNT(talks));
}

static void the_reason_names_what_and_where(void **state)
{
    static const talk talks[] = {
        {"{\"request\":01}\n", "parse: a leading zero, at byte 11"},
        {"  {\"request\":01}\n", "parse: a leading zero, at byte 11"},
        {"{\n", "parse: an early end, at byte 1"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(talks); i++) {
        write_lines(&said, talks[i].words);
        start(0);
        hear(said.bytes, said.size);
        assert_string_equal(at.text, talks[i].log);
    }
}

static void a_key_has_128_bytes_between_its_quotes(void **state)
{
    (void)state;
    for (size_t size = 120; size < 140; size++) {
        char line[512], key[256];

        memset(key, 'k', size);
        key[size] = '\0';
        snprintf(line, sizeof line, LINE("\"id\":\"%s\",\"request\":1"), key);
        write_lines(&said, line);
        start(0);
        hear(said.bytes, said.size);
        if (size > 128)
            expect_log(line, "break:MALFORMED");
        else
            assert_int_equal(strncmp(at.log, "admit request:", 14), 0);
    }
}

static void write_long_line(size_t size, const char *end)
{
    static const char head[] = "{\"token\":\"" TOKEN "\",\"id\":1,\"request\":\"";

    said.size = 0;
    add(&said, head, sizeof head - 1);
    while (said.size < size - 2)
        add(&said, "x", 1);
    add(&said, "\"}", 2);
    add(&said, end, strlen(end));
}

static void a_line_is_at_most_the_limit(void **state)
{
    static const char *const ends[] = {"\n", "\r\n"};

    (void)state;
    for (size_t i = 0; i < COUNT(ends); i++)
        for (size_t size = LIMIT - 2; size <= LIMIT + 2; size++) {
            const char *log = size <= LIMIT ? "admit request:1:x" : "break:TOO_LARGE";

            write_long_line(size, ends[i]);
            start(0);
            hear(said.bytes, said.size);
            assert_int_equal(strncmp(at.log, log, strlen(log)), 0);
            /* In pieces, so that the end of the line comes alone. */
            start(0);
            for (size_t from = 0; from < said.size; from += 1) {
                if (from > 8 && from < LIMIT - 8) {
                    hear(said.bytes + from, LIMIT - 8 - from);
                    from = LIMIT - 8;
                }
                hear(said.bytes + from, 1);
            }
            assert_int_equal(strncmp(at.log, log, strlen(log)), 0);
        }
}

static void a_stranger_has_64_kib_at_most(void **state)
{
    (void)state;
    for (size_t over = 0; over < 2; over++) {
        write_long_line(65536 + over, "\n");
        start(0);
        at.rules.max_request = 1 << 20;
        hear(said.bytes, said.size);
        assert_int_equal(strncmp(at.log, over ? "break:TOO_LARGE" : "admit request:1", 15), 0);
    }
    /* Once admitted it has what the server allows. */
    write_lines(&said, LINE("\"id\":1,\"request\":1"));
    start(0);
    at.rules.max_request = 1 << 20;
    hear(said.bytes, said.size);
    write_long_line(100000, "\n");
    hear(said.bytes, said.size);
    assert_int_equal(strncmp(at.log, "admit request:1:1 request:1:x", 29), 0);
}

static void a_line_that_never_ends_is_cut_at_the_limit(void **state)
{
    size_t size;

    (void)state;
    start(0);
    hear("{", 1);
    for (size = 1; at.log[0] == '\0' && size < 3 * LIMIT; size++)
        hear(" ", 1);
    expect_log("{ and blanks", "break:TOO_LARGE");
    assert_int_equal(size, LIMIT + 1);
}

static void the_end_of_input_in_a_line_is_told(void **state)
{
    static const struct {
        const char *text;
        int         is_told;
    } cases[] = {
        {"{\"token\":", 1},
        {"{", 1},
        {LINE("\"id\":1,\"request\":1"), 0},
        {LINE("\"id\":1,\"request\":1") "  ", 0},
        {LINE("\"id\":1,\"request\":1") "{", 1},
        {LINE("\"request\":1") "{", 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        cordon__act act;

        write_lines(&said, cases[i].text);
        start(0);
        hear(said.bytes, said.size);
        cordon__gate_end(&at.gate, unit_view(at.kept, at.size), &act);
        assert_int_equal(act.kind, cases[i].is_told ? CORDON__ACT_BREAK : CORDON__ACT_MORE);
        if (cases[i].is_told)
            assert_int_equal(act.code, CORDON__MALFORMED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_lines_are_understood),
        cmocka_unit_test(lines_without_the_right_token_are_refused),
        cmocka_unit_test(broken_lines_are_refused_and_say_nothing_of_the_token),
        cmocka_unit_test(the_reason_names_what_and_where),
        cmocka_unit_test(a_key_has_128_bytes_between_its_quotes),
        cmocka_unit_test(a_line_is_at_most_the_limit),
        cmocka_unit_test(a_stranger_has_64_kib_at_most),
        cmocka_unit_test(a_line_that_never_ends_is_cut_at_the_limit),
        cmocka_unit_test(the_end_of_input_in_a_line_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
