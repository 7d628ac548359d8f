/* The line that a started program says: made, and read from any hand. */
#include "unit.h"

#include "../../src/ready.h"
#include "../../src/utf8.h"

/* ---- making ---- */

static void no_trouble_is_ready(void **state)
{
    char         line[CORDON__READY_MOST];
    cordon_fault fault = CORDON_FAULT_INIT;

    (void)state;
    assert_int_equal(cordon__ready_line(line, NULL), 6);
    assert_memory_equal(line, "ready\n", 6);
    assert_int_equal(cordon__ready_line(line, &fault), 6);
    assert_memory_equal(line, "ready\n", 6);
}

static void trouble_is_its_name_and_what_a_person_reads(void **state)
{
    static const char expected[] =
        "CORDON_EADDRINUSE take lock: already served: pid 7 (/run/x.lock)\n";
    char         line[CORDON__READY_MOST];
    cordon_fault fault = CORDON_FAULT_INIT;

    (void)state;
    (void)cordon__fault_found(&fault, CORDON_EADDRINUSE, "take lock", "/run/x.lock", 0, 0, "pid 7");
    assert_int_equal(cordon__ready_line(line, &fault), sizeof expected - 1);
    assert_memory_equal(line, expected, sizeof expected - 1);
}

static void a_fault_of_an_older_header_is_read_as_far_as_it_goes(void **state)
{
    char         line[CORDON__READY_MOST];
    cordon_fault fault = CORDON_FAULT_INIT;

    (void)state;
    fault.size = offsetof(cordon_fault, during);
    fault.code = CORDON_EBUSY;
    fault.during = (const char *)1; /* not his: must not be followed */
    assert_int_equal(cordon__ready_line(line, &fault), 32);
    assert_memory_equal(line, "CORDON_EBUSY a limit is reached\n", 32);
}

static void it_is_one_line_of_at_most_512_bytes_and_whole_characters(void **state)
{
    char         line[CORDON__READY_MOST];
    cordon_fault fault = CORDON_FAULT_INIT;
    size_t       size;

    (void)state;
    for (int shift = 0; shift < 4; shift++) {
        char text[300], path[300];

        memset(text, 'x', sizeof text);
        memset(path, 'p', sizeof path);
        for (size_t at = (size_t)shift; at + 5 < sizeof text; at += 3)
            memcpy(text + at, "\xE2\x82\xAC", 3);
        text[2] = '\n';
        path[299] = text[299] = '\0';
        (void)cordon__fault_found(&fault, CORDON_EUNSAFE, "step", path, 1, 2, "");
        snprintf(fault.text, sizeof fault.text, "%.*s", 250, text);
        size = cordon__ready_line(line, &fault);
        assert_true(size <= CORDON__READY_MOST);
        assert_ptr_equal(memchr(line, '\n', size), line + size - 1);
        for (size_t at = 0; at + 1 < size;) {
            const size_t step = cordon__utf8_plain(line + at, size - 1 - at);

            assert_true(step > 0);
            at += step;
        }
    }
}

/* ---- reading ---- */

typedef struct row {
    const char *said;
    int         result;
    int         code;
    const char *text;
} row;

static const row rows[] = {
    {"ready\n", 0, CORDON_OK, ""},
    {"ready\r\n", 0, CORDON_OK, ""},
    {"ready\nand so on", 0, CORDON_OK, ""},
    {"CORDON_EADDRINUSE take lock: already served\n", 0, CORDON_EADDRINUSE,
     "take lock: already served"},
    {"CORDON_EADDRINUSE\n", 0, CORDON_EADDRINUSE, ""},
    {"CORDON_ESYSTEM \n", 0, CORDON_ESYSTEM, ""},
    {"CORDON_EINVAL  two\r\n", 0, CORDON_EINVAL, " two"},
    {"CORDON_EOFANEWERONE says why\n", 0, CORDON_ELAUNCH, "says why"},
    {"", CORDON__AGAIN, 0, NULL},
    {"r", CORDON__AGAIN, 0, NULL},
    {"ready", CORDON__AGAIN, 0, NULL},
    {"CORDON_EADDRINUSE take lo", CORDON__AGAIN, 0, NULL},
    {"\n", CORDON_EPROTOCOL, 0, NULL},
    {"\r\n", CORDON_EPROTOCOL, 0, NULL},
    {" ready\n", CORDON_EPROTOCOL, 0, NULL},
    {"ready \n", CORDON_EPROTOCOL, 0, NULL},
    {"ready now\n", CORDON_EPROTOCOL, 0, NULL},
    {"READY\n", CORDON_EPROTOCOL, 0, NULL},
    {"CORDON_OK fine\n", CORDON_EPROTOCOL, 0, NULL},
    {"CORDON_E\n", CORDON_EPROTOCOL, 0, NULL},
    {"CORDON_E? what\n", CORDON_EPROTOCOL, 0, NULL},
    {"CORDON_EBUSY\ttab\n", CORDON_EPROTOCOL, 0, NULL},
    {"EBUSY no\n", CORDON_EPROTOCOL, 0, NULL},
    {"Segmentation fault (core dumped)\n", CORDON_EPROTOCOL, 0, NULL},
};

static void every_line_is_read_as_the_table_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const cordon_bytes said = unit_exact(rows[i].said, strlen(rows[i].said));
        cordon_bytes       text = {NULL, 99};
        int                code = 99;

        assert_int_equal(cordon__ready_parse(&code, &text, said), rows[i].result);
        if (rows[i].result == 0) {
            assert_int_equal(code, rows[i].code);
            assert_int_equal(text.size, strlen(rows[i].text));
            if (text.size > 0)
                assert_memory_equal(text.data, rows[i].text, text.size);
        }
        free((void *)(uintptr_t)said.data);
    }
}

static void every_name_of_the_table_comes_back(void **state)
{
    (void)state;
    for (int wanted = -1; wanted > CORDON_ERRORS_END; wanted--) {
        char         line[CORDON__READY_MOST];
        cordon_fault fault = CORDON_FAULT_INIT;
        cordon_bytes text;
        int          code = 0;

        (void)cordon__fault_set(&fault, wanted, "step");
        assert_int_equal(
            cordon__ready_parse(&code, &text, unit_view(line, cordon__ready_line(line, &fault))),
            0);
        assert_int_equal(code, wanted);
        assert_memory_equal(text.data, "step: ", 6);
    }
}

static void a_line_that_never_ends_is_none(void **state)
{
    char         said[2000];
    cordon_bytes text;
    int          code;

    (void)state;
    memset(said, 'C', sizeof said);
    memcpy(said, "CORDON_EBUSY ", 13);
    assert_int_equal(cordon__ready_parse(&code, &text, unit_view(said, 511)), CORDON__AGAIN);
    assert_int_equal(cordon__ready_parse(&code, &text, unit_view(said, 512)), CORDON_EPROTOCOL);
    said[512] = '\n';
    assert_int_equal(cordon__ready_parse(&code, &text, unit_view(said, 2000)), CORDON_EPROTOCOL);
    said[511] = '\n';
    assert_int_equal(cordon__ready_parse(&code, &text, unit_view(said, 511)), CORDON__AGAIN);
    assert_int_equal(cordon__ready_parse(&code, &text, unit_view(said, 2000)), 0);
    assert_int_equal(code, CORDON_EBUSY);
    assert_int_equal(text.size, 498);
}

/* All bytes anywhere: an answer that points into what was said, or none. */
static void no_byte_leads_it_astray(void **state)
{
    static const char good[] = "CORDON_EBUSY words\n";

    (void)state;
    for (size_t at = 0; at < sizeof good - 1; at++)
        for (int byte = 0; byte < 256; byte++) {
            char         said[sizeof good - 1];
            cordon_bytes text = {NULL, 0};
            int          code = 0, result;

            memcpy(said, good, sizeof said);
            said[at] = (char)byte;
            result = cordon__ready_parse(&code, &text, unit_view(said, sizeof said));
            assert_true(result == 0 || result == CORDON__AGAIN || result == CORDON_EPROTOCOL);
            if (result == 0 && text.size > 0)
                assert_true((const char *)text.data >= said &&
                            (const char *)text.data + text.size < said + sizeof said);
            if (result == 0)
                assert_true(code < 0 && code > CORDON_ERRORS_END);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_trouble_is_ready),
        cmocka_unit_test(trouble_is_its_name_and_what_a_person_reads),
        cmocka_unit_test(a_fault_of_an_older_header_is_read_as_far_as_it_goes),
        cmocka_unit_test(it_is_one_line_of_at_most_512_bytes_and_whole_characters),
        cmocka_unit_test(every_line_is_read_as_the_table_says),
        cmocka_unit_test(every_name_of_the_table_comes_back),
        cmocka_unit_test(a_line_that_never_ends_is_none),
        cmocka_unit_test(no_byte_leads_it_astray),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
