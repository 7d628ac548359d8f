/*
 * Bytes in, acts out: the first byte, the binary framing, and any bytes at all. (JSON lines:
 * gate_line_test.c.)
 */
#include "gate_kit.h"

/* ---- the first byte
 * --------------------------------------------------------------------------------- */

static void strangers_of_other_tongues_are_left_without_a_word(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        const uint8_t first = (uint8_t)byte;

        if (strchr(" \t\r\n{", (int)byte) && byte != 0)
            continue;
        if (byte == 0xC0 || byte == 0xEF)
            continue;
        start(0);
        hear(&first, 1);
        expect_log("one byte", "vanish");
    }
}

static void before_the_brace_only_space_and_one_mark_may_come(void **state)
{
    static const talk talks[] = {
        {"GET / HTTP/1.1\r\n", "vanish"},
        {"  [1]\n", "vanish"},
        {"\xEF\xBB\xBC{", "vanish"},
        {"\xEFx", "vanish"},
        {"\xEF\xBB\xBF\xEF\xBB\xBF{", "vanish"},
        {"\xEF\xBB\xBFx", "vanish"},
        {" x", "vanish"},
        {" \xC0", "vanish"},
        {" \n\t\r ", ""},
        {"\xEF\xBB", ""},
    };

    (void)state;
    hold_lines(talks, COUNT(talks));
}

static void blanks_without_end_are_left_without_a_word(void **state)
{
    size_t size;

    (void)state;
    start(0);
    for (size = 0; at.log[0] == '\0' && size < 65536; size++)
        hear(" ", 1);
    expect_log("blanks", "vanish");
}

static void too_many_blanks_are_left_also_with_a_line_behind_them(void **state)
{
    for (size_t more = 0; more <= 1; more++) {
        write_lines(&said, LINE("\"request\":1"));
        memmove(said.bytes + CORDON__HELLO_MAX + more, said.bytes, said.size);
        memset(said.bytes, ' ', CORDON__HELLO_MAX + more);
        said.size += CORDON__HELLO_MAX + more;
        say_each_way(0, "blanks and a line", more ? "vanish" : "admit request::1");
    }
    (void)state;
}

static void a_framing_that_is_off_is_left_without_a_word(void **state)
{
    (void)state;
    write_script(&said, WELCOME);
    say_each_way(CORDON_NO_BINARY, WELCOME, "vanish");
    say_each_way(CORDON_NO_JSON, WELCOME, "admit");
    write_lines(&said, LINE("\"request\":1"));
    say_each_way(CORDON_NO_JSON, "a line", "vanish");
    say_each_way(CORDON_NO_BINARY, "a line", "admit request::1");
}

/* ---- the binary framing --------------------------------------------------------------------- */

static void a_good_client_is_understood(void **state)
{
    static const talk talks[] = {
        {"", ""},
        {"magic", ""},
        {WELCOME, "admit"},
        {WELCOME "4:1:abc", "admit request:1:abc"},
        {WELCOME "4:1: 4:2:b", "admit request:1: request:2:b"},
        {WELCOME "4:4294967295:z", "admit request:4294967295:z"},
        {WELCOME "4:1:x8192", "admit request:1:x8192"},
        {WELCOME "4:1:a 8:1:", "admit request:1:a cancel:1"},
        {WELCOME "8:9:", "admit cancel:9"},
        {WELCOME "9:0:hi 9:0:", "admit ping:hi ping:"},
        {WELCOME "10:0:hi 4:1:a", "admit request:1:a"},
        {WELCOME "12:3:", "admit stop:3"},
        {WELCOME "13:4:", "admit status:4"},
        {WELCOME "11:0:", "admit finish"},
        {WELCOME "4:1:a 11:0: 8:1: 10:0:", "admit request:1:a finish cancel:1"},
        {WELCOME "14:5:raw 4:6:a", "admit fail:UNSUPPORTED:5 request:6:a"},
        {"magic hello:0-1:right 4:1:a", "admit request:1:a"},
        {"magic hello:1-9:right", "admit"},
        {"magic hello:0-65535:right", "admit"},
    };

    (void)state;
    hold_talks(talks, COUNT(talks));
}

static void a_client_that_may_not_come_in_is_told_why(void **state)
{
    static const talk talks[] = {
        {"magic hello:1-1:wrong 4:1:a", "break:UNAUTHORIZED"},
        {"magic hello:1-1:none 4:1:a", "break:UNAUTHORIZED"},
        {"magic hello:0-0:wrong 13:1:", "break:UNAUTHORIZED"},
        {"magic hello:0-0:none", "break:UNAUTHORIZED"},
        {"magic hello:1-1:half", "break:MALFORMED"},
        {"magic hello:2-9:right 4:1:a", "break:VERSION"},
        {"magic hello:99-99:right", "break:VERSION"},
        {"magic hello:2-1:right", "break:MALFORMED"},
        /* The version is judged before the token. */
        {"magic hello:2-9:wrong", "break:VERSION"},
        {"magic hello:2-9:none", "break:VERSION"},
    };

    (void)state;
    hold_talks(talks, COUNT(talks));
}

static void before_hello_nothing_is_done(void **state)
{
    static const talk talks[] = {
        {"magic 4:1:a", "break:MALFORMED"},
        {"magic 8:1:", "break:MALFORMED"},
        {"magic 9:0:", "break:MALFORMED"},
        {"magic 10:0:", "break:MALFORMED"},
        {"magic 11:0:", "break:MALFORMED"},
        {"magic 12:1:", "break:MALFORMED"},
        {"magic 13:1:", "break:MALFORMED"},
        {"magic 14:1:", "break:MALFORMED"},
        {"magic 4:1:a hello:1-1:right", "break:MALFORMED"},
        {"magic magic hello:1-1:right", "break:MALFORMED"},
    };

    (void)state;
    hold_talks(talks, COUNT(talks));
}

static void what_is_broken_ends_the_conversation(void **state)
{
    static const talk talks[] = {
        {"hex:C0435245", "break:MALFORMED"},
        {"hex:C000", "break:MALFORMED"},
        {"hex:C0C0", "break:MALFORMED"},
        {WELCOME "hello:1-1:right 4:1:a", "admit break:MALFORMED"},
        {WELCOME "15:1: 4:1:a", "admit break:MALFORMED"},
        {WELCOME "0:1:", "admit break:MALFORMED"},
        {WELCOME "2:0:x40", "admit break:MALFORMED"},
        {WELCOME "5:1:a", "admit break:MALFORMED"},
        {WELCOME "6:1:aa", "admit break:MALFORMED"},
        {WELCOME "7:0:a", "admit break:MALFORMED"},
        {WELCOME "4:0:a", "admit break:MALFORMED"},
        {WELCOME "12:0:", "admit break:MALFORMED"},
        {WELCOME "9:1:", "admit break:MALFORMED"},
        {WELCOME "8:1:a", "admit break:MALFORMED"},
        {WELCOME "9:0:x65", "admit break:MALFORMED"},
        {WELCOME "hex:010000000402000001000000", "admit break:MALFORMED"},
        {WELCOME "hex:010000000401000001000000", "admit break:MALFORMED"},
        {WELCOME "hex:010000000400010001000000", "admit break:MALFORMED"},
        {WELCOME "4:1:x8193", "admit break:TOO_LARGE"},
        {WELCOME "hex:FFFFFFFF0400000001000000", "admit break:TOO_LARGE"},
        {WELCOME "4:1:a 15:1: 4:2:b", "admit request:1:a break:MALFORMED"},
        {"magic 1:0:x4097", "break:TOO_LARGE"},
        {"magic hex:0110000001000000", ""},
        {"magic hex:011000000100000000000000", "break:TOO_LARGE"},
        {"magic hex:0D0000000100000000000000", "break:MALFORMED"},
    };

    (void)state;
    hold_talks(talks, COUNT(talks));
}

static void after_finish_only_cancel_and_pong_may_follow(void **state)
{
    static const talk talks[] = {
        {WELCOME "11:0: 4:1:a", "admit finish break:MALFORMED"},
        {WELCOME "11:0: 9:0:", "admit finish break:MALFORMED"},
        {WELCOME "11:0: 11:0:", "admit finish break:MALFORMED"},
        {WELCOME "11:0: 12:1:", "admit finish break:MALFORMED"},
        {WELCOME "11:0: 13:1:", "admit finish break:MALFORMED"},
        {WELCOME "11:0: 14:1:", "admit finish break:MALFORMED"},
        {WELCOME "11:0: hello:1-1:right", "admit finish break:MALFORMED"},
        {WELCOME "11:0: 8:1: 10:0:a 8:2:", "admit finish cancel:1 cancel:2"},
    };

    (void)state;
    hold_talks(talks, COUNT(talks));
}

static void a_control_session_may_do_four_things(void **state)
{
    static const talk talks[] = {
        {CONTROL "13:1: 12:2: 9:0:a 11:0:", "admit status:1 stop:2 ping:a finish"},
        {CONTROL "4:1:a 13:2:", "admit fail:UNSUPPORTED:1 status:2"},
        {CONTROL "8:1: 13:2:", "admit fail:UNSUPPORTED:1 status:2"},
        {CONTROL "14:1:a 13:2:", "admit fail:UNSUPPORTED:1 status:2"},
        {CONTROL "hello:0-0:right", "admit break:MALFORMED"},
        {CONTROL "5:1:", "admit break:MALFORMED"},
    };

    (void)state;
    hold_talks(talks, COUNT(talks));
}

static void the_hello_is_remembered(void **state)
{
    (void)state;
    write_script(&said, WELCOME);
    start(0);
    hear(said.bytes, said.size);
    assert_int_equal(at.gate.features, 1);
    assert_int_equal(at.gate.peer_limit, 4096);
    assert_int_equal(at.gate.is_control, 0);
    assert_true(cordon__gate_is_admitted(&at.gate));
    write_script(&said, CONTROL);
    start(0);
    hear(said.bytes, said.size);
    assert_int_equal(at.gate.is_control, 1);
    assert_true(cordon__gate_is_admitted(&at.gate));
}

static void without_the_verdict_nothing_more_is_read(void **state)
{
    cordon__act act;
    size_t      used;

    (void)state;
    write_script(&said, WELCOME "4:1:a");
    start(0);
    cordon__gate_next(&at.gate, &at.rules, unit_view(said.bytes, said.size), &used, &act);
    assert_int_equal(act.kind, CORDON__ACT_ADMIT);
    assert_int_equal(act.program.size, 4);
    assert_memory_equal(act.program.data, "me 1", 4);
    assert_false(cordon__gate_is_admitted(&at.gate));
    for (int i = 0; i < 3; i++) {
        size_t more;

        cordon__gate_next(&at.gate, &at.rules, unit_view(said.bytes + used, said.size - used),
                          &more, &act);
        assert_int_equal(act.kind, CORDON__ACT_MORE);
        assert_int_equal(more, 0);
    }
    cordon__gate_close(&at.gate);
    cordon__gate_next(&at.gate, &at.rules, unit_view(said.bytes + used, said.size - used), &used,
                      &act);
    assert_int_equal(act.kind, CORDON__ACT_MORE);
    assert_int_equal(used, 0);
}

/* ---- any bytes at all
 * -------------------------------------------------------------------------------- */

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* A good conversation with one byte changed: the acts do not depend on how it was cut, and a
 * gate that is over says nothing more. */
static void a_changed_byte_is_judged_the_same_in_pieces(void **state)
{
    static const char *const talks[] = {WELCOME "4:1:abc 9:0:hi 8:1: 13:2: 4:3:x300 11:0: 8:1:",
                                        CONTROL "13:1: 4:2:a 12:3:"};
    uint32_t                 seed = 4711;
    char                     log[sizeof at.log];

    (void)state;
    for (int round = 0; round < 4000; round++) {
        size_t place;

        if (round % 3 == 2)
            write_lines(&said, LINE("\"id\":7,\"request\":[1,\"a\\u00e9\"]")
                                   LINE("\"request\":{\"a\":null}"));
        else
            write_script(&said, talks[round % 3]);
        place = next_random(&seed) % said.size;
        said.bytes[place] = (uint8_t)next_random(&seed);
        start(0);
        hear(said.bytes, said.size);
        memcpy(log, at.log, sizeof log);
        start(0);
        for (size_t from = 0; from < said.size;) {
            size_t piece = 1 + next_random(&seed) % 40;

            if (piece > said.size - from)
                piece = said.size - from;
            hear(said.bytes + from, piece);
            from += piece;
        }
        assert_string_equal(at.log, log);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strangers_of_other_tongues_are_left_without_a_word),
        cmocka_unit_test(before_the_brace_only_space_and_one_mark_may_come),
        cmocka_unit_test(blanks_without_end_are_left_without_a_word),
        cmocka_unit_test(too_many_blanks_are_left_also_with_a_line_behind_them),
        cmocka_unit_test(a_framing_that_is_off_is_left_without_a_word),
        cmocka_unit_test(a_good_client_is_understood),
        cmocka_unit_test(a_client_that_may_not_come_in_is_told_why),
        cmocka_unit_test(before_hello_nothing_is_done),
        cmocka_unit_test(what_is_broken_ends_the_conversation),
        cmocka_unit_test(after_finish_only_cancel_and_pong_may_follow),
        cmocka_unit_test(a_control_session_may_do_four_things),
        cmocka_unit_test(the_hello_is_remembered),
        cmocka_unit_test(without_the_verdict_nothing_more_is_read),
        cmocka_unit_test(a_changed_byte_is_judged_the_same_in_pieces),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
