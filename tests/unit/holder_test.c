/* Who has a lock, as its file says: whatever stands there, it is read with suspicion. */
#include "unit.h"

#include "../../src/holder.h"

static int reads(cordon__holder *holder, const char *text)
{
    memset(holder, 0, sizeof *holder);
    return cordon__holder_read(holder, text, strlen(text));
}

static void what_a_holder_writes_is_read(void **state)
{
    cordon__holder holder;

    (void)state;
    assert_true(reads(&holder, "4711 2026-11-21T18:30:00Z /opt/my tray/trayd\n"));
    assert_int_equal(holder.pid, 4711);
    assert_string_equal(holder.since, "2026-11-21T18:30:00Z");
    assert_string_equal(holder.program, "/opt/my tray/trayd");
    assert_true(reads(&holder, "4294967295 ? ?\n"));
    assert_string_equal(holder.since, "?");
}

static void anything_else_names_nobody(void **state)
{
    static const char *const texts[] = {"",
                                        "\n",
                                        "4711",
                                        "4711 ",
                                        "4711 2026-11-21T18:30:00Z",
                                        "4711  /opt/trayd\n",
                                        "0 2026-11-21T18:30:00Z /opt/trayd\n",
                                        "-1 2026-11-21T18:30:00Z /opt/trayd\n",
                                        "4294967296 2026-11-21T18:30:00Z /opt/trayd\n",
                                        "99999999999999999999999 2026-11-21T18:30:00Z x\n",
                                        "4711 today /opt/trayd\n",
                                        "4711 2026-11-21T18:30:00Z2026-11-21T18:30:00Z x\n",
                                        "x 2026-11-21T18:30:00Z /opt/trayd\n"};

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        cordon__holder holder;

        if (reads(&holder, texts[i]) || holder.pid != 0)
            fail_msg("taken for a holder: %s", texts[i]);
    }
}

static void no_byte_of_it_commands_a_terminal(void **state)
{
    cordon__holder holder;

    (void)state;
    assert_true(reads(&holder, "1 2026-11-21T18:30:00Z /x\033[2J\n\xC2\x9B\xFFy\xC3\xA4\n"));
    assert_string_equal(holder.program, "/x?[2J????y\xC3\xA4");
}

static void of_a_long_path_the_end_is_kept(void **state)
{
    cordon__holder holder;
    char           text[1200];
    const size_t   head = (size_t)snprintf(text, sizeof text, "1 2026-11-21T18:30:00Z /");

    (void)state;
    memset(text + head, 'd', sizeof text - head);
    memcpy(text + sizeof text - 7, "/trayd\n", 7);
    memset(&holder, 0, sizeof holder);
    assert_true(cordon__holder_read(&holder, text, sizeof text));
    assert_int_equal(strlen(holder.program), sizeof holder.program - 1);
    assert_non_null(strstr(holder.program, "d/trayd"));
}

static void it_is_told_in_words(void **state)
{
    static const struct {
        cordon__holder holder;
        const char    *text;
    } rows[] = {
        {{0, 0, CORDON__PROCESS_UNKNOWN, "", ""}, "free"},
        {{1, 0, CORDON__PROCESS_UNKNOWN, "", ""}, "held, it is not told by whom"},
        {{1, 7, CORDON__PROCESS_RUNS, "", ""}, "held by pid 7"},
        {{1, 7, CORDON__PROCESS_STOPPED, "2026", "/x"},
         "held by pid 7, /x, since 2026, which is stopped"},
        {{-1, 7, CORDON__PROCESS_RUNS, "2026", "/x"},
         "as its file says, held by pid 7, /x, since 2026"},
        {{0, 7, CORDON__PROCESS_GONE, "2026", "/x"},
         "free; it was not released by pid 7, /x, since 2026, which is gone"},
    };
    char text[CORDON__HOLDER_TEXT];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_string_equal(cordon__holder_text(text, &rows[i].holder), rows[i].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_holder_writes_is_read),
        cmocka_unit_test(anything_else_names_nobody),
        cmocka_unit_test(no_byte_of_it_commands_a_terminal),
        cmocka_unit_test(of_a_long_path_the_end_is_kept),
        cmocka_unit_test(it_is_told_in_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
