#include "unit.h"

#include "../../src/fault.h"
#include "../../src/utf8.h"

static int is_utf8(const char *text)
{
    size_t size = strlen(text);

    for (size_t at = 0; at < size;) {
        size_t count = cordon__utf8_size(text + at, size - at);

        if (count == 0)
            return 0;
        at += count;
    }
    return 1;
}

/* ---- filling ---------------------------------------------------------------------- */

static void a_fault_is_filled_anew(void **state)
{
    cordon_fault fault = CORDON_FAULT_INIT;

    (void)state;
    assert_int_equal(
        cordon__fault_found(&fault, CORDON_EUNSAFE, "check directory", "/d", 0700, 0755, "mode"),
        CORDON_EUNSAFE);
    fault.is_sent = 1;
    fault.app_code = 7;
    cordon_fault_line(&fault);
    assert_int_equal(cordon__fault_set(&fault, CORDON_ECLOSED, "read"), CORDON_ECLOSED);
    assert_int_equal(fault.size, sizeof fault);
    assert_int_equal(fault.code, CORDON_ECLOSED);
    assert_string_equal(fault.during, "read");
    assert_int_equal(fault.is_sent, 0);
    assert_int_equal(fault.app_code, 0);
    assert_int_equal(fault.os_code, 0);
    assert_int_equal(fault.expected, 0);
    assert_int_equal(fault.actual, 0);
    assert_string_equal(fault.path, "");
    assert_string_equal(fault.text, "");
    assert_string_equal(fault.line, "");
}

static void the_systems_code_and_path_are_kept(void **state)
{
    cordon_fault fault = CORDON_FAULT_INIT;

    (void)state;
    assert_int_equal(cordon__fault_os(&fault, CORDON_EDENIED, "bind", 13, "/d/ipc.sock"),
                     CORDON_EDENIED);
    assert_int_equal(fault.os_code, 13);
    assert_string_equal(fault.path, "/d/ipc.sock");
    assert_int_equal(cordon__fault_os(&fault, CORDON_ESYSTEM, "socket", 24, NULL), CORDON_ESYSTEM);
    assert_string_equal(fault.path, "");
}

/* Every length around the room: whole as long as it fits, then both ends and a gap. */
static void a_long_path_is_cut_in_the_middle(void **state)
{
    cordon_fault fault = CORDON_FAULT_INIT;
    char         path[1000];

    (void)state;
    for (size_t size = 0; size < sizeof path; size++) {
        for (size_t i = 0; i < size; i++)
            path[i] = (char)('a' + i % 26);
        path[size] = '\0';
        cordon__fault_path(&fault, path);
        if (size < sizeof fault.path) {
            assert_string_equal(fault.path, path);
            continue;
        }
        assert_int_equal(strlen(fault.path), 255);
        assert_memory_equal(fault.path, path, 126);
        assert_memory_equal(fault.path + 126, "...", 3);
        assert_string_equal(fault.path + 129, path + size - 126);
    }
}

static void a_cut_path_splits_no_character(void **state)
{
    cordon_fault fault = CORDON_FAULT_INIT;
    char         path[1000];

    (void)state;
    for (size_t shift = 0; shift < 4; shift++)
        for (size_t more = 0; more < 4; more++) {
            size_t size = shift;

            memset(path, 'x', shift);
            for (int i = 0; i < 200; i++, size += 4)
                memcpy(path + size, "\xF0\x9F\x98\x80", 4);
            memset(path + size, 'y', more);
            path[size + more] = '\0';
            cordon__fault_path(&fault, path);
            assert_true(is_utf8(fault.path));
            assert_in_range(strlen(fault.path), 248, 255);
        }
}

static void a_path_without_any_character_is_cut_too(void **state)
{
    cordon_fault fault = CORDON_FAULT_INIT;
    char         path[1000];

    (void)state;
    memset(path, 0x80, sizeof path - 1);
    path[sizeof path - 1] = '\0';
    cordon__fault_path(&fault, path);
    assert_int_equal(strlen(fault.path), 255);
}

static void text_is_formatted_and_cut_between_characters(void **state)
{
    cordon_fault fault = CORDON_FAULT_INIT;
    char         long_text[600];

    (void)state;
    cordon__fault_text(&fault, "versions %d to %s", 1, "3");
    assert_string_equal(fault.text, "versions 1 to 3");
    for (size_t shift = 0; shift < 4; shift++) {
        memset(long_text, 'x', shift);
        for (size_t at = shift; at + 4 < sizeof long_text; at += 4)
            memcpy(long_text + at, "\xF0\x9F\x98\x80", 5);
        cordon__fault_text(&fault, "%s", long_text);
        assert_true(is_utf8(fault.text));
        assert_int_equal(strlen(fault.text), shift + (255 - shift) / 4 * 4);
    }
    memset(long_text, 'z', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    cordon__fault_text(&fault, "%s", long_text);
    assert_int_equal(strlen(fault.text), 255);
    long_text[255] = '\0';
    cordon__fault_text(&fault, "%s", long_text);
    assert_string_equal(fault.text, long_text);
}

static void a_peers_reason_shows_nothing_dangerous(void **state)
{
    static const struct {
        cordon_bytes text;
        const char  *shown;
    } cases[] = {
        {{"no such setting", 15}, "no such setting"},
        {{"", 0}, ""},
        {{NULL, 0}, ""},
        {{"two\nlines\r\t", 11}, "two?lines??"},
        {{"\x1B[2Jgone", 8}, "?[2Jgone"},
        {{"a\0b", 3}, "a?b"},
        {{"caf\xC3\xA9", 5}, "caf\xC3\xA9"},
        {{"caf\xC3", 4}, "caf?"},
        {{"\xC2\x9B"
          "2J",
          4},
         "??2J"},
        {{"\xED\xA0\x80", 3}, "???"},
        {{"\xFF\xFE", 2}, "??"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        cordon_fault fault = CORDON_FAULT_INIT;
        cordon_bytes exact = unit_exact(cases[i].text.data, cases[i].text.size);

        cordon__fault_reason(&fault, exact);
        assert_string_equal(fault.text, cases[i].shown);
        unit_drop(exact);
    }
}

static void a_long_reason_is_cut_between_characters(void **state)
{
    cordon_fault fault = CORDON_FAULT_INIT;
    char         text[4096];

    (void)state;
    for (size_t at = 0; at + 3 <= sizeof text; at += 3)
        memcpy(text + at, "\xE2\x82\xAC", 3);
    cordon__fault_reason(&fault, unit_view(text, 4095));
    assert_true(is_utf8(fault.text));
    assert_int_equal(strlen(fault.text), 255);
    cordon__fault_reason(&fault, unit_view(text + 3, 4092 - 1));
    assert_int_equal(strlen(fault.text), 255);
    memset(text, 'x', sizeof text);
    fault.line[0] = '!';
    cordon__fault_reason(&fault, unit_view(text, sizeof text));
    assert_int_equal(strlen(fault.text), 255);
    assert_int_equal(fault.line[0], '!');
}

/* ---- handing it out ------------------------------------------------------------------ */

static void a_fault_is_given_to_who_asked(void **state)
{
    cordon_fault from = CORDON_FAULT_INIT, to = CORDON_FAULT_INIT;

    (void)state;
    cordon__fault_os(&from, CORDON_EDENIED, "bind", 13, "/d");
    assert_int_equal(cordon__fault_give(NULL, &from), CORDON_EDENIED);
    assert_int_equal(cordon__fault_give(&to, &from), CORDON_EDENIED);
    assert_int_equal(to.code, CORDON_EDENIED);
    assert_int_equal(to.os_code, 13);
    assert_string_equal(to.path, "/d");
}

static void success_leaves_the_fault_alone(void **state)
{
    cordon_fault from = CORDON_FAULT_INIT, to = CORDON_FAULT_INIT;

    (void)state;
    cordon__fault_set(&to, CORDON_EBUSY, "call");
    assert_int_equal(cordon__fault_give(&to, &from), CORDON_OK);
    assert_int_equal(to.code, CORDON_EBUSY);
}

/* A program built with an older (shorter) or newer (longer) record. */
static void only_as_much_as_it_has_room_for_is_given(void **state)
{
    static const size_t sizes[] = {0,
                                   1,
                                   sizeof(size_t),
                                   offsetof(cordon_fault, path),
                                   offsetof(cordon_fault, line),
                                   sizeof(cordon_fault),
                                   sizeof(cordon_fault) + 64};
    cordon_fault        from = CORDON_FAULT_INIT;

    (void)state;
    cordon__fault_os(&from, CORDON_EDENIED, "bind", 13, "/d");
    for (size_t i = 0; i < COUNT(sizes); i++) {
        union {
            cordon_fault fault;
            uint8_t      bytes[sizeof(cordon_fault) + 128];
        } to;

        memset(&to, 0xAA, sizeof to);
        to.fault.size = sizes[i];
        assert_int_equal(cordon__fault_give(&to.fault, &from), CORDON_EDENIED);
        assert_int_equal(to.fault.size, sizes[i]);
        if (sizes[i] >= offsetof(cordon_fault, path))
            assert_int_equal(to.fault.os_code, 13);
        for (size_t at = sizes[i] > sizeof(size_t) ? sizes[i] : sizeof(size_t); at < sizeof to;
             at++)
            if (at >= sizeof(cordon_fault) || at >= sizes[i])
                assert_int_equal(to.bytes[at], 0xAA);
    }
}

/* ---- the line ---------------------------------------------------------------------------- */

static void the_line_says_step_cause_and_place(void **state)
{
    cordon_fault fault = CORDON_FAULT_INIT;

    (void)state;
    assert_string_equal(cordon_fault_line(NULL), "");
    cordon__fault_os(&fault, CORDON_ENOTRUNNING, "connect", 0,
                     "/home/ada/.local/share/tray/ipc.sock");
    assert_string_equal(cordon_fault_line(&fault),
                        "connect: nobody serves it (/home/ada/.local/share/tray/ipc.sock)");
    assert_ptr_equal(cordon_fault_line(&fault), fault.line);
    cordon__fault_os(&fault, CORDON_EDENIED, "bind", 13, "/d/ipc.sock");
    assert_string_equal(cordon_fault_line(&fault),
                        "bind: the system refused (/d/ipc.sock, os error 13)");
    cordon__fault_os(&fault, CORDON_ESYSTEM, "socket", 4294967295u, NULL);
    assert_string_equal(cordon_fault_line(&fault), "socket: system error (os error 4294967295)");
    cordon__fault_set(&fault, CORDON_ETIMEDOUT, "call");
    assert_string_equal(cordon_fault_line(&fault), "call: the deadline passed");
    cordon__fault_set(&fault, CORDON_ENOMEM, NULL);
    assert_string_equal(cordon_fault_line(&fault), "out of memory");
}

static void the_line_says_what_was_found(void **state)
{
    cordon_fault fault = CORDON_FAULT_INIT;

    (void)state;
    cordon__fault_found(&fault, CORDON_EUNSAFE, "check directory", "/d", 0700, 0755, "mode");
    assert_string_equal(cordon_fault_line(&fault),
                        "check directory: owner, mode or type of a path is wrong: mode (/d, "
                        "expected 0700, found 0755)");
    cordon__fault_found(&fault, CORDON_EUNSAFE, "check directory", "/d", 1000, 0, "uid");
    assert_string_equal(cordon_fault_line(&fault),
                        "check directory: owner, mode or type of a path is wrong: uid (/d, "
                        "expected 1000, found 0)");
    cordon__fault_found(&fault, CORDON_ENAMETOOLONG, "resolve", NULL, 100, 140, NULL);
    assert_string_equal(cordon_fault_line(&fault),
                        "resolve: the address does not fit (expected 100, found 140)");
}

static void the_line_has_the_peers_reason(void **state)
{
    cordon_fault fault = CORDON_FAULT_INIT;

    (void)state;
    cordon__fault_set(&fault, CORDON_EAPP, "call");
    cordon__fault_reason(&fault, VIEW("no such setting"));
    fault.app_code = 300;
    assert_string_equal(cordon_fault_line(&fault),
                        "call: the handler answered with a failure: no such setting (failure 300)");
    cordon__fault_set(&fault, CORDON_OK, "take lock");
    cordon__fault_text(&fault, "was free");
    assert_string_equal(cordon_fault_line(&fault), "take lock: done: was free");
}

static void the_line_is_one_line_whatever_the_path_is(void **state)
{
    cordon_fault fault = CORDON_FAULT_INIT;

    (void)state;
    cordon__fault_os(&fault, CORDON_EDENIED, "bind", 0, "/a\nb/\x1B[0m/\xFF/caf\xC3\xA9");
    assert_string_equal(cordon_fault_line(&fault),
                        "bind: the system refused (/a?b/?[0m/?/caf\xC3\xA9)");
    assert_string_equal(fault.path, "/a\nb/\x1B[0m/\xFF/caf\xC3\xA9");
}

static void the_longest_line_fits(void **state)
{
    cordon_fault fault = CORDON_FAULT_INIT;
    char         longest[256];
    const char  *line;

    (void)state;
    memset(longest, 'p', 255);
    longest[255] = '\0';
    cordon__fault_found(&fault, CORDON_EUNSAFE, "remove a secret file that is ours", longest,
                        UINT64_MAX, 0, longest);
    fault.os_code = UINT32_MAX;
    line = cordon_fault_line(&fault);
    assert_non_null(strstr(line, ", os error 4294967295)"));
    assert_true(strlen(line) < sizeof fault.line);
}

static void a_step_longer_than_the_line_is_cut(void **state)
{
    cordon_fault fault = CORDON_FAULT_INIT;
    static char  step[2000];

    (void)state;
    memset(step, 's', sizeof step - 1);
    cordon__fault_set(&fault, CORDON_EBUSY, step);
    assert_int_equal(strlen(cordon_fault_line(&fault)), sizeof fault.line - 1);
}

/* ---- traces ---------------------------------------------------------------------------------- */

typedef struct ear {
    int          count;
    cordon_fault last;
} ear;

static void hear(const cordon_fault *step, void *user)
{
    ear *heard = user;

    heard->count++;
    heard->last = *step;
}

static void a_trace_hears_good_and_bad_steps(void **state)
{
    ear           heard = {0};
    cordon__trace trace = {hear, &heard};
    cordon_fault  fault = CORDON_FAULT_INIT;

    (void)state;
    cordon__trace_done(&trace, "take lock", "/d/ipc.lock", "was free");
    assert_int_equal(heard.count, 1);
    assert_int_equal(heard.last.code, CORDON_OK);
    assert_int_equal(heard.last.size, sizeof(cordon_fault));
    assert_string_equal(heard.last.during, "take lock");
    assert_string_equal(heard.last.path, "/d/ipc.lock");
    assert_string_equal(heard.last.text, "was free");
    cordon__trace_done(&trace, "listen", NULL, NULL);
    assert_int_equal(heard.count, 2);
    assert_string_equal(heard.last.path, "");
    assert_string_equal(heard.last.text, "");
    cordon__fault_os(&fault, CORDON_EDENIED, "bind", 13, "/d");
    cordon__trace_fault(&trace, &fault);
    assert_int_equal(heard.count, 3);
    assert_int_equal(heard.last.os_code, 13);
}

static void without_an_ear_nothing_is_told(void **state)
{
    cordon__trace trace = {NULL, NULL};
    cordon_fault  fault = CORDON_FAULT_INIT;

    (void)state;
    cordon__trace_done(&trace, "listen", "/d", NULL);
    cordon__trace_fault(&trace, &fault);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fault_is_filled_anew),
        cmocka_unit_test(the_systems_code_and_path_are_kept),
        cmocka_unit_test(a_long_path_is_cut_in_the_middle),
        cmocka_unit_test(a_cut_path_splits_no_character),
        cmocka_unit_test(a_path_without_any_character_is_cut_too),
        cmocka_unit_test(text_is_formatted_and_cut_between_characters),
        cmocka_unit_test(a_peers_reason_shows_nothing_dangerous),
        cmocka_unit_test(a_long_reason_is_cut_between_characters),
        cmocka_unit_test(a_fault_is_given_to_who_asked),
        cmocka_unit_test(success_leaves_the_fault_alone),
        cmocka_unit_test(only_as_much_as_it_has_room_for_is_given),
        cmocka_unit_test(the_line_says_step_cause_and_place),
        cmocka_unit_test(the_line_says_what_was_found),
        cmocka_unit_test(the_line_has_the_peers_reason),
        cmocka_unit_test(the_line_is_one_line_whatever_the_path_is),
        cmocka_unit_test(the_longest_line_fits),
        cmocka_unit_test(a_step_longer_than_the_line_is_cut),
        cmocka_unit_test(a_trace_hears_good_and_bad_steps),
        cmocka_unit_test(without_an_ear_nothing_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
