/* JSON lines: what a script may say, what it is answered, and what is left untouched. */
#include "talk_kit.h"

static void send_line(wire *wire, talk *talk, const char *rest)
{
    wire_json(wire, talk, rest);
}

static void expect_contains(const char *line, const char *part)
{
    if (strstr(line, part) == NULL)
        fail_msg("%s\ndoes not contain %s", line, part);
}

/* One line of a new connection is answered so, then the end; nothing has run. */
static void expect_refusal(talk *talk, const char *line, size_t size, const char *code)
{
    int  asked = talk_now(talk, asked);
    wire wire;
    char part[64];

    wire_connect(&wire, talk);
    wire_send(&wire, line, size);
    snprintf(part, sizeof part, "\"code\":\"%s\"}", code);
    expect_contains(wire_line(&wire), part);
    wire_end_later(&wire);
    assert_int_equal(talk_now(talk, asked), asked);
}

/* ---- the bytes of a request ------------------------------------------------------- */

static const char *const values[] = {
    "0",
    "-0",
    "0.10",
    "1e400",
    "1E+2",
    "-1.5e-300",
    "12345678901234567890",
    "123456789012345678901234567890123456789012345678901234567890",
    "true",
    "false",
    "null",
    "\"\"",
    "\"plain\"",
    "\"\\u0041\\/\\b\\f\\n\\r\\t\\\"\\\\\"",
    "\"\\u0000\"",
    "\"\\ud83d\\ude00\"",
    "\"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80\"",
    "\"a tab is \\t, DEL is \x7F\"",
    "[]",
    "{}",
    "[ 1 , 2 ]",
    "{ \"a\" : [ { } , [ ] ] , \"a\" : 2 }",
    "{\"token\":\"inner\",\"request\":1,\"id\":[]}",
};

static void the_bytes_of_a_request_arrive_as_sent(void **state)
{
    talk *talk = *state;
    wire  keeper;
    char  line[256], answer[256];

    talk_serve(talk);
    wire_connect(&keeper, talk);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        wire wire;

        snprintf(line, sizeof line, "\"request\":%s", values[i]);
        snprintf(answer, sizeof answer, "{\"ok\":true,\"data\":%s}", values[i]);
        wire_connect(&wire, talk);
        send_line(&wire, talk, line);
        wire_expect_line(&wire, answer);
        wire_expect_end(&wire);
        wire_close(&wire);

        snprintf(line, sizeof line, "\"id\":%zu,\"request\": \t%s ", i, values[i]);
        snprintf(answer, sizeof answer, "{\"ok\":true,\"id\":%zu,\"data\":%s}", i, values[i]);
        send_line(&keeper, talk, line);
        wire_expect_line(&keeper, answer);
    }
    wire_close(&keeper);
}

static void members_come_in_any_order_and_unknown_ones_twice(void **state)
{
    static const char *const rest[] = {
        "\"token\":\"%\",\"id\":1,\"request\":7",
        "\"id\":1,\"request\":7,\"token\":\"%\"",
        "\"request\":7,\"x\":{},\"token\":\"%\",\"x\":[1],\"id\":1",
        "\"\\u0074oken\":\"%\",\"req\\u0075est\":7,\"i\\u0064\":1",
        " \"token\" : \"%\" , \"id\" : 1 , \"request\" : 7 ",
    };
    talk *talk = *state;
    char  token[65];

    talk_serve(talk);
    talk_token(talk, token);
    for (size_t i = 0; i < sizeof rest / sizeof *rest; i++) {
        const char *at = strchr(rest[i], '%');
        char        line[256];
        wire        wire;

        snprintf(line, sizeof line, "{%.*s%s%s}\n", (int)(at - rest[i]), rest[i], token, at + 1);
        wire_connect(&wire, talk);
        wire_text(&wire, line);
        wire_expect_line(&wire, "{\"ok\":true,\"id\":1,\"data\":7}");
        wire_close(&wire);
    }
}

static void white_space_a_mark_and_blank_lines_may_come_first(void **state)
{
    static const char *const before[] = {
        "\n", " \t\r\n", "\xEF\xBB\xBF", "\n\n \xEF\xBB\xBF \n", "\xEF\xBB\xBF\r\n",
    };
    talk *talk = *state;

    talk_serve(talk);
    for (size_t i = 0; i < sizeof before / sizeof *before; i++) {
        wire wire;

        wire_connect(&wire, talk);
        wire_text(&wire, before[i]);
        send_line(&wire, talk, "\"id\":\"a\",\"request\":1");
        wire_expect_line(&wire, "{\"ok\":true,\"id\":\"a\",\"data\":1}");
        wire_text(&wire, "\r\n   \n");
        send_line(&wire, talk, "\"id\":\"b\",\"request\":2");
        wire_expect_line(&wire, "{\"ok\":true,\"id\":\"b\",\"data\":2}");
        wire_close(&wire);
    }
}

static void a_conversation_split_at_every_byte_is_the_same(void **state)
{
    talk  *talk = *state;
    char  *first, *second;
    script story = {0};

    talk_serve(talk);
    first = json_line(talk, "\"id\":1,\"request\":[\"one\"]");
    second = json_line(talk, "\"request\":\"two\"");
    script_bytes(&story, "\xEF\xBB\xBF \r\n", 6);
    script_bytes(&story, first, strlen(first));
    script_bytes(&story, second, strlen(second));
    for (size_t cut = 1; cut < story.size; cut++) {
        wire wire;

        wire_connect(&wire, talk);
        wire_send(&wire, story.data, cut);
        wire_wait_taken(&wire);
        wire_send(&wire, story.data + cut, story.size - cut);
        wire_expect_line(&wire, "{\"ok\":true,\"id\":1,\"data\":[\"one\"]}");
        wire_expect_line(&wire, "{\"ok\":true,\"data\":\"two\"}");
        wire_expect_end(&wire);
        wire_close(&wire);
    }
    free(first);
    free(second);
    script_free(&story);
}

/* ---- malformed ----------------------------------------------------------------------- */

/* Behind {"token":"<right>", and before } and the line's end. */
static const char *const malformed[] = {
    "\"request\":",
    "\"request\":1,",
    "\"request\":[1,]",
    "\"request\":{\"a\":1,}",
    "\"request\":01",
    "\"request\":1.",
    "\"request\":.5",
    "\"request\":+1",
    "\"request\":0x10",
    "\"request\":NaN",
    "\"request\":Infinity",
    "\"request\":-",
    "\"request\":1e",
    "\"request\":tru",
    "\"request\":nulll",
    "\"request\":'a'",
    "\"request\":\"\\x41\"",
    "\"request\":\"\\u12g4\"",
    "\"request\":\"\\ud800\"",
    "\"request\":\"\\udc00\"",
    "\"request\":\"\\ud800\\u0041\"",
    "\"request\":\"\t\"",
    "\"request\":\"\x01\"",
    "\"request\":\"\x1F\"",
    "\"request\":\"\x80\"",
    "\"request\":\"\xC0\x80\"",
    "\"request\":\"\xED\xA0\x80\"",
    "\"request\":\"\xF4\x90\x80\x80\"",
    "\"request\":\"\xE2\x82\"",
    "\"request\":/* no */1",
    "\"request\":1 // no",
    "\"request\":1}{",
    "\"request\":1},{\"a\":2",
    "\"request\" 1",
    "request:1",
    "\"request\":1 \"id\":2",
    "\"token\":\"twice\",\"request\":1",
    "\"request\":1,\"request\":2",
    "\"request\":1,\"req\\u0075est\":2",
    "\"id\":1,\"id\":1,\"request\":2",
    "\"x\":1",
    "\"Request\":1",
    "\"id\":1.0,\"request\":1",
    "\"id\":1e3,\"request\":1",
    "\"id\":null,\"request\":1",
    "\"id\":true,\"request\":1",
    "\"id\":[1],\"request\":1",
    "\"id\":{},\"request\":1",
    "\"id\":9007199254740993,\"request\":1",
    "\"id\":-9007199254740993,\"request\":1",
    "\"id\":99999999999999999999999,\"request\":1",
};

static void a_malformed_line_is_told_and_closed_and_never_runs(void **state)
{
    talk *talk = *state;

    talk_serve(talk);
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
        char *line = json_line(talk, malformed[i]);

        print_message("%s\n", malformed[i]);
        expect_refusal(talk, line, strlen(line), "MALFORMED");
        free(line);
    }
    wire_expect_ends();
    assert_int_equal(talk_now(talk, asked), 0);
}

static void malformed_says_what_and_where_and_nothing_about_the_token(void **state)
{
    talk *talk = *state;
    char  right[200], wrong[200];
    char  token[65];
    wire  wire;
    char *first;

    talk_serve(talk);
    talk_token(talk, token);
    snprintf(right, sizeof right, "{\"token\":\"%s\",\"request\":[1,]}\n", token);
    snprintf(wrong, sizeof wrong, "{\"token\":\"%064d\",\"request\":[1,]}\n", 0);
    wire_connect(&wire, talk);
    wire_text(&wire, right);
    first = strdup(wire_line(&wire));
    expect_contains(first, "{\"ok\":false,\"error\":\"parse: ");
    expect_contains(first, "at byte 89"); /* the bracket that closes */
    assert_null(strstr(first, token));
    wire_close(&wire);
    wire_connect(&wire, talk);
    wire_text(&wire, wrong);
    wire_expect_line(&wire, first); /* MALFORMED wins: the same answer */
    wire_close(&wire);
    free(first);
}

static void an_id_at_its_bounds_is_taken(void **state)
{
    talk                    *talk = *state;
    char                     longest[131], line[300], answer[300];
    wire                     wire;
    static const char *const ids[] = {
        "0",           "-1", "9007199254740992", "-9007199254740992", "\"\"", "\"\\u0041\\n\"",
        "\"\xC3\xA4\""};

    talk_serve(talk);
    wire_connect(&wire, talk);
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        snprintf(line, sizeof line, "\"id\":%s,\"request\":1", ids[i]);
        snprintf(answer, sizeof answer, "{\"ok\":true,\"id\":%s,\"data\":1}", ids[i]);
        send_line(&wire, talk, line);
        wire_expect_line(&wire, answer); /* as sent, escapes too */
    }
    memset(longest, 'x', sizeof longest);
    longest[0] = longest[129] = '"';
    longest[130] = '\0';
    snprintf(line, sizeof line, "\"id\":%s,\"request\":1", longest);
    snprintf(answer, sizeof answer, "{\"ok\":true,\"id\":%s,\"data\":1}", longest);
    send_line(&wire, talk, line);
    wire_expect_line(&wire, answer);
    snprintf(line, sizeof line, "\"id\":\"x%s,\"request\":1", longest + 1);
    send_line(&wire, talk, line);
    expect_contains(wire_line(&wire), "\"code\":\"MALFORMED\"");
    wire_half_close(&wire);
    wire_expect_end(&wire);
    wire_close(&wire);
}

/* The line's own object is level 1. */
static void nesting_of_64_is_taken_and_of_65_is_not(void **state)
{
    talk *talk = *state;
    char  deep[200];
    char *line;
    wire  wire;

    talk_serve(talk);
    for (size_t depth = 63; depth <= 64; depth++) {
        size_t head = strlen("\"request\":");

        memcpy(deep, "\"request\":", head);
        memset(deep + head, '[', depth);
        memset(deep + head + depth, ']', depth);
        deep[head + 2 * depth] = '\0';
        line = json_line(talk, deep);
        if (depth == 64)
            expect_refusal(talk, line, strlen(line), "MALFORMED");
        wire_connect(&wire, talk);
        wire_text(&wire, line);
        expect_contains(wire_line(&wire), depth == 63 ? "\"ok\":true" : "\"ok\":false");
        wire_close(&wire);
        free(line);
    }
    wire_expect_ends();
}

static void a_line_that_never_ends_is_malformed(void **state)
{
    talk *talk = *state;
    char *line;
    wire  wire;

    if (!SUPPORT_HALF_CLOSE) /* nobody can say that it ends here: its time is over instead */
        talk->options.hello_ms = 100;
    talk_serve(talk);
    line = json_line(talk, "\"request\":1");
    wire_connect(&wire, talk);
    wire_send(&wire, line, strlen(line) - 1);
    wire_half_close(&wire);
    expect_contains(wire_line(&wire),
                    SUPPORT_HALF_CLOSE ? "\"code\":\"MALFORMED\"" : "\"code\":\"TIMED_OUT\"");
    wire_expect_end(&wire);
    assert_int_equal(talk_now(talk, asked), 0);
    wire_close(&wire);
    free(line);
}

/* ---- too long ----------------------------------------------------------------------------- */

/* A line of exactly `size` bytes before its end, with this id. */
static char *line_of(talk *talk, size_t size, const char *id)
{
    char   rest[64];
    char  *line, *longer;
    size_t short_size;

    snprintf(rest, sizeof rest, "%s%s%s\"request\":\"\"", id ? "\"id\":" : "", id ? id : "",
             id ? "," : "");
    line = json_line(talk, rest);
    short_size = strlen(line) - 1;
    longer = malloc(size + 2);
    memcpy(longer, line, short_size - 2);
    memset(longer + short_size - 2, 'x', size - short_size);
    memcpy(longer + size - 2, "\"}\n", 4);
    free(line);
    return longer;
}

static void a_line_is_at_most_the_request_limit(void **state)
{
    talk *talk = *state;
    char *fits, *over;
    wire  wire;

    talk->options.max_request = 5000;
    talk_serve(talk);
    fits = line_of(talk, 5000, "1");
    over = line_of(talk, 5001, "2");
    wire_connect(&wire, talk);
    wire_text(&wire, fits);
    expect_contains(wire_line(&wire), "{\"ok\":true,\"id\":1,");
    wire_send(&wire, fits, strlen(fits) - 1); /* the '\r' does not count */
    wire_text(&wire, "\r\n");
    expect_contains(wire_line(&wire), "{\"ok\":true,\"id\":1,");
    wire_text(&wire, over);
    expect_contains(wire_line(&wire), "\"code\":\"TOO_LARGE\"");
    wire_half_close(&wire);
    wire_expect_end(&wire);
    assert_int_equal(talk_now(talk, asked), 2);
    wire_close(&wire);
    expect_refusal(talk, over, strlen(over), "TOO_LARGE");
    wire_expect_ends();
    free(fits);
    free(over);
}

static void a_stranger_s_line_is_at_most_64_kib_whatever_the_limit(void **state)
{
    talk *talk = *state;
    char *fits, *over;
    wire  wire;

    talk->options.max_request = 1u << 20;
    talk_serve(talk);
    fits = line_of(talk, 65536, "1");
    over = line_of(talk, 65537, "2");
    expect_refusal(talk, over, strlen(over), "TOO_LARGE");
    wire_expect_ends();
    wire_connect(&wire, talk);
    wire_text(&wire, fits);
    expect_contains(wire_line(&wire), "{\"ok\":true,\"id\":1,");
    wire_text(&wire, over); /* admitted now */
    expect_contains(wire_line(&wire), "{\"ok\":true,\"id\":2,");
    wire_close(&wire);
    free(fits);
    free(over);
}

static void a_line_without_an_end_is_cut_off_at_the_limit(void **state)
{
    talk  *talk = *state;
    size_t size = 10u << 20;
    char  *much = malloc(size);
    size_t before;
    wire   wire;

    talk_serve(talk);
    wire_connect(&wire, talk);
    before = atomic_load(&talk->memory.bytes);
    memset(much, ' ', size);
    memcpy(much, "{\"request\":\"", 12);
    (void)wire_try_send(&wire, much, size);
    expect_contains(wire_line(&wire), "\"code\":\"TOO_LARGE\"");
    wire_expect_cut(&wire);
    assert_true(atomic_load(&talk->memory.most) < before + (256u << 10));
    wire_close(&wire);
    free(much);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TALK_BOTH(the_bytes_of_a_request_arrive_as_sent),
        TALK_BOTH(members_come_in_any_order_and_unknown_ones_twice),
        TALK_BOTH(white_space_a_mark_and_blank_lines_may_come_first),
        TALK_BOTH(a_conversation_split_at_every_byte_is_the_same),
        TALK_BOTH(a_malformed_line_is_told_and_closed_and_never_runs),
        TALK_BOTH(malformed_says_what_and_where_and_nothing_about_the_token),
        TALK_BOTH(an_id_at_its_bounds_is_taken),
        TALK_BOTH(nesting_of_64_is_taken_and_of_65_is_not),
        TALK_BOTH(a_line_that_never_ends_is_malformed),
        TALK_BOTH(a_line_is_at_most_the_request_limit),
        TALK_BOTH(a_stranger_s_line_is_at_most_64_kib_whatever_the_limit),
        TALK_BOTH(a_line_without_an_end_is_cut_off_at_the_limit),
    };

    return cmocka_run_group_tests_name("talk_json", tests, NULL, NULL);
}
