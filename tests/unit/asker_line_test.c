/* An asker that speaks JSON lines. */
#include "asker_kit.h"

/* ---- JSON lines ---- */

static void line_of(char *out, const cordon__question *question)
{
    memcpy(out, question->head, question->head_size);
    memcpy(out + question->head_size, question->body.data, question->body.size);
    memcpy(out + question->head_size + question->body.size, question->tail, question->tail_size);
    out[question->head_size + question->body.size + question->tail_size] = '\0';
}

static void json_requests_are_lines_with_the_body_as_it_is(void **state)
{
    cordon__asker_setup setup = plain();
    cordon__asker       asker;
    cordon__question    question;
    char                line[512];

    (void)state;
    setup.is_json = setup.is_one_shot = 1;
    cordon__asker_open(&asker, &setup);
    assert_int_equal(
        cordon__asker_ask(&asker, &question, CORDON__REQUEST, text("[1e400, 0.10]"), &secret), 0);
    line_of(line, &question);
    assert_string_equal(line, "{\"token\":\"" SECRET_HEX "\",\"request\":[1e400, 0.10]}\n");
    cordon__asker_close(&asker);
    setup.is_one_shot = 0;
    cordon__asker_open(&asker, &setup);
    asker.last_id = UINT32_MAX - 1;
    assert_int_equal(
        cordon__asker_ask(&asker, &question, CORDON__REQUEST, text("{\n\"a\": [\n]}"), &secret), 0);
    line_of(line, &question);
    assert_string_equal(line, "{\"token\":\"" SECRET_HEX
                              "\",\"id\":4294967295,\"request\":{ \"a\": [ ]}}\n");
    assert_int_equal(cordon__asker_ask(&asker, &question, CORDON__STATUS, text(NULL), &secret),
                     CORDON_EUNSUPPORTED);
    cordon__asker_close(&asker);
}

static void what_is_not_json_is_never_written_as_a_line(void **state)
{
    static const char *const wrong[] = {"",       "{",     "1 2",         "nul",
                                        "\"\n\"", "[1,]",  "1},\"id\":2", "\"\xC0\x80\"",
                                        "{}}",    "// no", "\"\\ud800\""};
    cordon__asker_setup      setup = plain();
    cordon__asker            asker;
    cordon__question         question;
    char                     deep[128];

    (void)state;
    setup.is_json = 1;
    cordon__asker_open(&asker, &setup);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        if (cordon__asker_ask(&asker, &question, CORDON__REQUEST, text(wrong[i]), &secret) !=
            CORDON_EINVAL)
            fail_msg("taken: %s", wrong[i]);
    memset(deep, '[', 64);
    memset(deep + 64, ']', 64);
    assert_int_equal(
        cordon__asker_ask(&asker, &question, CORDON__REQUEST, (cordon_bytes){deep, 128}, &secret),
        CORDON_EINVAL); /* with the line's own object it would be level 65 */
    assert_int_equal(cordon__asker_ask(&asker, &question, CORDON__REQUEST,
                                       (cordon_bytes){deep + 1, 126}, &secret),
                     0);
    assert_int_equal(cordon__asker_waiting(&asker), 1);
    cordon__asker_close(&asker);
}

typedef struct line_case {
    const char *line;
    int         is_one_shot;
    int         code; /* of hearing */
    int         kind;
    unsigned    wire;
    const char *body;
} line_case;

static const line_case lines[] = {
    {"{\"ok\":true,\"data\":{\"a\": 1e400}}", 1, 0, CORDON__HEARD_REPLY, 0, "{\"a\": 1e400}"},
    {" {\"data\":0.10 ,\"ok\":true}\r", 1, 0, CORDON__HEARD_REPLY, 0, "0.10"},
    {"{\"ok\":true,\"data\":1}", 0, CORDON_EPROTOCOL, 0, 0, NULL}, /* whose? */
    {"{\"id\":1,\"ok\":true,\"data\":null}", 0, 0, CORDON__HEARD_REPLY, 0, "null"},
    {"{\"id\":1,\"ok\":true,\"more\":true,\"data\":1}", 0, 0, CORDON__HEARD_PART, 0, "1"},
    {"{\"id\":1,\"ok\":true,\"more\":false,\"data\":1}", 0, 0, CORDON__HEARD_REPLY, 0, "1"},
    {"{\"id\":1,\"ok\":true,\"more\":1,\"data\":1}", 0, CORDON_EPROTOCOL, 0, 0, NULL},
    {"{\"id\":2,\"ok\":true,\"data\":1}", 0, CORDON_EPROTOCOL, 0, 0, NULL},
    {"{\"id\":\"1\",\"ok\":true,\"data\":1}", 0, CORDON_EPROTOCOL, 0, 0, NULL},
    {"{\"id\":1.0,\"ok\":true,\"data\":1}", 0, CORDON_EPROTOCOL, 0, 0, NULL},
    {"{\"id\":4294967297,\"ok\":true,\"data\":1}", 0, CORDON_EPROTOCOL, 0, 0, NULL},
    {"{\"id\":1,\"ok\":true}", 0, CORDON_EPROTOCOL, 0, 0, NULL},
    {"{\"id\":1,\"data\":1}", 0, CORDON_EPROTOCOL, 0, 0, NULL},
    {"{\"id\":1,\"ok\":\"true\",\"data\":1}", 0, CORDON_EPROTOCOL, 0, 0, NULL},
    {"{\"id\":1,\"ok\":true,\"ok\":true,\"data\":1}", 0, CORDON_EPROTOCOL, 0, 0, NULL},
    {"{\"id\":1,\"ok\":true,\"data\":[1,]}", 0, CORDON_EPROTOCOL, 0, 0, NULL},
    {"[1]", 0, CORDON_EPROTOCOL, 0, 0, NULL},
    {"no", 0, CORDON_EPROTOCOL, 0, 0, NULL},
    {"  \t\r", 0, 0, CORDON__HEARD_NOTHING, 0, NULL},
    {"{\"id\":1,\"ok\":false,\"error\":\"a\\u00e4\\n\",\"code\":\"BUSY\"}", 0, 0,
     CORDON__HEARD_FAILURE, CORDON__BUSY, "a\xC3\xA4\n"},
    {"{\"id\":1,\"ok\":false,\"error\":\"x\",\"code\":300}", 0, 0, CORDON__HEARD_FAILURE, 300, "x"},
    {"{\"id\":1,\"ok\":false,\"error\":\"\",\"code\":3}", 0, 0, CORDON__HEARD_FAILURE,
     CORDON__INTERNAL, ""},
    {"{\"id\":1,\"ok\":false,\"error\":\"x\",\"code\":65536}", 0, 0, CORDON__HEARD_FAILURE,
     CORDON__INTERNAL, "x"},
    {"{\"id\":1,\"ok\":false,\"code\":\"NEW\"}", 0, 0, CORDON__HEARD_FAILURE, CORDON__INTERNAL, ""},
    {"{\"id\":1,\"ok\":false,\"error\":7}", 0, CORDON_EPROTOCOL, 0, 0, NULL},
    {"{\"ok\":false,\"error\":\"x\",\"code\":\"STOPPING\"}", 1, 0, CORDON__HEARD_FAILURE,
     CORDON__STOPPING, "x"},
    {"{\"ok\":false,\"error\":\"x\",\"code\":\"MALFORMED\"}", 0, 0, CORDON__HEARD_END,
     CORDON__MALFORMED, "x"},
    {"{\"ok\":false,\"error\":\"unauthorized\",\"code\":\"UNAUTHORIZED\"}", 0, 0,
     CORDON__HEARD_REFUSED, CORDON__UNAUTHORIZED, "unauthorized"},
    {"{\"ok\":false,\"error\":\"unauthorized\",\"code\":\"UNAUTHORIZED\"}", 1, 0,
     CORDON__HEARD_REFUSED, CORDON__UNAUTHORIZED, "unauthorized"},
    {"{\"event\":{\"n\":1}}", 0, 0, CORDON__HEARD_NOTHING, 0, NULL},
};

static void hear_line(const line_case *one, int is_bytewise)
{
    cordon__asker_setup setup = plain();
    cordon__asker       asker;
    cordon__heard       heard;
    char                line[512];
    size_t              size = (size_t)snprintf(line, sizeof line, "%s\n", one->line);
    size_t              used = 0, need = 0;
    int                 code = CORDON__HEAR_MORE;

    setup.is_json = 1;
    setup.is_one_shot = one->is_one_shot;
    cordon__asker_open(&asker, &setup);
    {
        cordon__question question;

        assert_int_equal(cordon__asker_ask(&asker, &question, CORDON__REQUEST, text("1"), &secret),
                         0);
    }
    for (size_t n = is_bytewise ? 0 : size; n <= size && code == CORDON__HEAR_MORE; n++)
        code = cordon__asker_hear(&asker, &heard, (cordon_bytes){line, n}, &used, &need);
    if (code != one->code || (code == 0 && (int)heard.kind != one->kind))
        fail_msg("%s: code %d, kind %d", one->line, code, (int)heard.kind);
    if (code == 0) {
        assert_int_equal(used, size);
        assert_int_equal(heard.wire, one->wire);
        if (one->body != NULL)
            assert_bytes(heard.body, one->body);
    }
    cordon__asker_close(&asker);
}

static void json_answers_are_judged_strictly(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        hear_line(&lines[i], 0);
}

static void json_answers_are_heard_alike_a_byte_at_a_time(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        hear_line(&lines[i], 1);
}

static void json_lines_have_a_limit_with_and_without_an_end(void **state)
{
    cordon__asker_setup setup = plain();
    cordon__asker       asker;
    cordon__heard       heard;
    cordon__question    question;
    size_t              size = 200000, used, need, head;
    char               *line = malloc(size);

    (void)state;
    setup.is_json = setup.is_one_shot = 1;
    cordon__asker_open(&asker, &setup);
    memset(line, ' ', size);
    assert_int_equal(cordon__asker_hear(&asker, &heard, (cordon_bytes){line, size}, &used, &need),
                     CORDON_EMSGSIZE);
    cordon__asker_close(&asker);
    /* Data of one byte more than we take, in a line that would do. */
    for (size_t extra = 0; extra < 2; extra++) {
        cordon__asker_open(&asker, &setup);
        assert_int_equal(cordon__asker_ask(&asker, &question, CORDON__REQUEST, text("1"), &secret),
                         0);
        head = (size_t)snprintf(line, size, "{\"ok\":true,\"data\":\"");
        memset(line + head, 'x', MAX_REPLY - 2 + extra);
        memcpy(line + head + MAX_REPLY - 2 + extra, "\"}\n", 3);
        assert_int_equal(cordon__asker_hear(&asker, &heard,
                                            (cordon_bytes){line, head + MAX_REPLY - 2 + extra + 3},
                                            &used, &need),
                         extra == 0 ? CORDON__HEARD : CORDON_EMSGSIZE);
        cordon__asker_close(&asker);
    }
    free(line);
}

static void json_failure_text_without_memory_ends_it(void **state)
{
    cordon__asker_setup setup = plain();
    cordon__asker       asker;
    cordon__heard       heard;
    cordon__question    question;
    support_memory      memory;
    size_t              used, need;

    (void)state;
    memset(&memory, 0, sizeof memory);
    setup.memory = (cordon__memory){support_allocate, &memory};
    setup.is_json = setup.is_one_shot = 1;
    cordon__asker_open(&asker, &setup);
    assert_int_equal(cordon__asker_ask(&asker, &question, CORDON__REQUEST, text("1"), &secret), 0);
    atomic_store(&memory.fail_from, atomic_load(&memory.calls) + 1);
    assert_int_equal(cordon__asker_hear(&asker, &heard,
                                        text("{\"ok\":false,\"error\":\"x\",\"code\":300}\n"),
                                        &used, &need),
                     CORDON_ENOMEM);
    cordon__asker_close(&asker);
    assert_int_equal(atomic_load(&memory.blocks), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_requests_are_lines_with_the_body_as_it_is),
        cmocka_unit_test(what_is_not_json_is_never_written_as_a_line),
        cmocka_unit_test(json_answers_are_judged_strictly),
        cmocka_unit_test(json_answers_are_heard_alike_a_byte_at_a_time),
        cmocka_unit_test(json_lines_have_a_limit_with_and_without_an_end),
        cmocka_unit_test(json_failure_text_without_memory_ends_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
