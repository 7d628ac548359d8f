/*
 * The golden bytes on their way through the server's floors: what a client says is understood,
 * what a server says is them.
 */
#include "golden.h"

#include "../../src/answer.h"
#include "../../src/fault.h"

static cordon__rules some_rules(void)
{
    cordon__rules rules = {0, 65536, {{0}}};

    for (size_t i = 0; i < CORDON__TOKEN_SIZE; i++)
        rules.token.bytes[i] = (uint8_t)i;
    return rules;
}

/* Admitted by the first act; the one that follows. */
static cordon__act hear(cordon__gate *gate, cordon_bytes said)
{
    const cordon__rules rules = some_rules();
    cordon__act         act;
    size_t              used;

    cordon__gate_open(gate);
    cordon__gate_next(gate, &rules, said, &used, &act);
    assert_int_equal(act.kind, CORDON__ACT_ADMIT);
    cordon__gate_admit(gate, &rules);
    cordon__gate_next(gate, &rules, unit_view((const uint8_t *)said.data + used, said.size - used),
                      &used, &act);
    return act;
}

static void expect_text(cordon_bytes bytes, const char *text)
{
    assert_int_equal(bytes.size, strlen(text));
    assert_memory_equal(bytes.data, text, strlen(text));
}

static void an_opening_is_admitted_and_asks(void **state)
{
    uint8_t      room[GOLDEN_ROOM];
    cordon__gate gate;
    cordon__act  act = hear(&gate, golden(room, "opening"));

    (void)state;
    assert_int_equal(act.kind, CORDON__ACT_REQUEST);
    assert_int_equal(act.id, 1);
    expect_text(act.body, "status");
    assert_int_equal(gate.is_json, 0);
    assert_int_equal(gate.features, 1);
    assert_int_equal(gate.peer_limit, 1 << 20);
}

static void a_line_is_admitted_and_asks(void **state)
{
    uint8_t      room[GOLDEN_ROOM];
    cordon__gate gate;
    cordon__act  act = hear(&gate, golden(room, "line_request"));

    (void)state;
    assert_int_equal(act.kind, CORDON__ACT_REQUEST);
    assert_int_equal(act.is_one_shot, 1);
    assert_int_equal(act.key.size, 0);
    expect_text(act.body, "{\"do\":\"status\"}");
    assert_int_equal(gate.is_json, 1);
}

static void a_line_with_an_id_keeps_its_bytes(void **state)
{
    uint8_t      room[GOLDEN_ROOM];
    cordon__gate gate;
    cordon__act  act = hear(&gate, golden(room, "line_request_id"));

    (void)state;
    assert_int_equal(act.kind, CORDON__ACT_REQUEST);
    assert_int_equal(act.is_one_shot, 0);
    expect_text(act.key, "7");
    expect_text(act.body, "[1e400,0.10]");
}

/* ---- what the server says ----------------------------------------------------------- */

static void expect_golden(cordon__buffer *said, const char *name)
{
    uint8_t      room[GOLDEN_ROOM];
    cordon_bytes bytes = golden(room, name);
    cordon_bytes view = cordon__buffer_view(said);

    if (view.size != bytes.size || memcmp(view.data, bytes.data, bytes.size) != 0)
        fail_msg("%s: said %.*s", name, (int)view.size, (const char *)view.data);
    cordon__buffer_free(said, &cordon__libc);
}

static void say_wrapped(cordon__buffer *out, const cordon__wrap *wrap, const char *body)
{
    const cordon_bytes pieces[] = {
        {wrap->head, wrap->head_size}, {body, strlen(body)}, {wrap->tail, wrap->tail_size}};

    for (size_t i = 0; i < COUNT(pieces); i++)
        assert_int_equal(cordon__buffer_append(out, &cordon__libc, pieces[i].data, pieces[i].size,
                                               CORDON__NO_CEILING),
                         0);
}

static void replies_are_golden(void **state)
{
    static const struct {
        const char       *name;
        cordon__reference to;
        int               is_part;
        const char       *body;
    } cases[] = {
        {"reply", {0, 1, {NULL, 0}}, 0, "idle"},
        {"reply_part", {0, 2, {NULL, 0}}, 1, "line "},
        {"line_reply", {1, 0, {NULL, 0}}, 0, "{\"state\":\"idle\"}"},
        {"line_reply_id", {1, 0, {"7", 1}}, 0, "{\"state\":\"idle\"}"},
        {"line_part", {1, 0, {"\"a\"", 3}}, 1, "\"line 1\""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        cordon__buffer out = {0};
        cordon__wrap   wrap;

        cordon__wrap_reply(&wrap, &cases[i].to, cases[i].is_part, strlen(cases[i].body));
        say_wrapped(&out, &wrap, cases[i].body);
        expect_golden(&out, cases[i].name);
    }
}

static void events_are_golden(void **state)
{
    cordon__buffer out = {0};
    cordon__wrap   wrap;

    (void)state;
    cordon__wrap_event(&wrap, 0, 6);
    say_wrapped(&out, &wrap, "paused");
    expect_golden(&out, "event");
    cordon__wrap_event(&wrap, 1, 13);
    say_wrapped(&out, &wrap, "{\"paused\":60}");
    expect_golden(&out, "line_event");
}

static void failures_are_golden(void **state)
{
    static const struct {
        const char       *name;
        cordon__reference to;
        unsigned          code;
        const char       *text;
    } cases[] = {
        {"failure", {0, 2, {NULL, 0}}, 300, "no such setting"},
        {"failure_session", {0, 0, {NULL, 0}}, CORDON__MALFORMED, "unknown frame type"},
        {"line_failure", {1, 0, {"7", 1}}, 300, "no such setting"},
        {"line_busy", {1, 0, {"\"a\"", 3}}, CORDON__BUSY, "too many requests are in flight"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        cordon__buffer out = {0};

        assert_int_equal(cordon__say_failure(&out, &cordon__libc, &cases[i].to, cases[i].code,
                                             cordon_text(cases[i].text)),
                         0);
        expect_golden(&out, cases[i].name);
    }
}

static void greetings_are_golden(void **state)
{
    const cordon__welcome welcome = {
        1, 1, 65536, UINT64_C(0x1122334455667788), 4711, {"tray 2.1", 8}};
    cordon__buffer out = {0};

    (void)state;
    assert_int_equal(cordon__say_welcome(&out, &cordon__libc, &welcome), 0);
    expect_golden(&out, "welcome");
    assert_int_equal(
        cordon__say_frame(&out, &cordon__libc, CORDON__PONG, 0, VIEW("\xDE\xAD\xBE\xEF")), 0);
    expect_golden(&out, "pong");
    assert_int_equal(cordon__say_frame(&out, &cordon__libc, CORDON__FINISH, 0, VIEW("")), 0);
    expect_golden(&out, "finish");
}

/* The gate's own words, said by the server: what a client is told in the end. */
static void refusals_are_golden(void **state)
{
    static const struct {
        const char *said, *name;
    } cases[] = {
        {"hello_no_token", "refused"},
        {"{\"request\":1}\n", "line_unauthorized"},
        {"{\"request\":01}\n", "line_malformed"},
    };
    const cordon__rules rules = some_rules();

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t        room[CORDON__MAGIC_SIZE + GOLDEN_ROOM];
        cordon_bytes   said = cordon_text(cases[i].said);
        cordon__buffer out = {0};
        cordon__gate   gate;
        cordon__act    act;
        size_t         used;

        if (cases[i].said[0] != '{') {
            said = golden(room + CORDON__MAGIC_SIZE, cases[i].said);
            memcpy(room, cordon__magic, CORDON__MAGIC_SIZE);
            said = unit_view(room, CORDON__MAGIC_SIZE + said.size);
        }
        cordon__gate_open(&gate);
        cordon__gate_next(&gate, &rules, said, &used, &act);
        assert_int_equal(act.kind, CORDON__ACT_BREAK);
        assert_int_equal(
            cordon__say_refused(&out, &cordon__libc, gate.is_json, act.code, cordon_text(act.text)),
            0);
        expect_golden(&out, cases[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_opening_is_admitted_and_asks),
        cmocka_unit_test(a_line_is_admitted_and_asks),
        cmocka_unit_test(a_line_with_an_id_keeps_its_bytes),
        cmocka_unit_test(replies_are_golden),
        cmocka_unit_test(events_are_golden),
        cmocka_unit_test(failures_are_golden),
        cmocka_unit_test(greetings_are_golden),
        cmocka_unit_test(refusals_are_golden),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
