/* JSON lines: a token that is not exactly right lets nobody in. */
#include "talk_kit.h"

#define UNAUTHORIZED_LINE "{\"ok\":false,\"error\":\"unauthorized\",\"code\":\"UNAUTHORIZED\"}"

static void expect_unauthorized(talk *talk, const char *line)
{
    wire wire;

    wire_connect(&wire, talk);
    wire_text(&wire, line);
    wire_expect_line(&wire, UNAUTHORIZED_LINE);
    wire_end_later(&wire);
}

static void a_token_that_is_not_exactly_right_is_unauthorized(void **state)
{
    static const char *const others[] = {
        "{\"request\":1}\n",
        "{\"token\":null,\"request\":1}\n",
        "{\"token\":0,\"request\":1}\n",
        "{\"token\":{},\"request\":1}\n",
        "{\"token\":[],\"request\":1,\"id\":4}\n",
        "{\"token\":true,\"request\":1}\n",
        "{\"token\":\"\\u0000\",\"request\":1}\n",
    };
    talk *talk = *state;
    char  token[65], line[400];

    talk_serve(talk);
    talk_token(talk, token);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        expect_unauthorized(talk, others[i]);
    for (int size = 0; size < 64; size++) {
        snprintf(line, sizeof line, "{\"token\":\"%.*s\",\"request\":1}\n", size, token);
        expect_unauthorized(talk, line);
        snprintf(line, sizeof line, "{\"token\":\"%s%.*s\",\"request\":1}\n", token, size + 1,
                 token);
        expect_unauthorized(talk, line);
    }
    for (int i = 0; i < 64; i++) {
        char wrong[65];

        memcpy(wrong, token, sizeof wrong);
        wrong[i] = wrong[i] == 'f' ? '0' : wrong[i] == '9' ? 'a' : (char)(wrong[i] + 1);
        snprintf(line, sizeof line, "{\"token\":\"%s\",\"request\":1}\n", wrong);
        expect_unauthorized(talk, line);
        if (token[i] < 'a')
            continue;
        memcpy(wrong, token, sizeof wrong);
        wrong[i] = (char)(wrong[i] - 'a' + 'A'); /* lower case only */
        snprintf(line, sizeof line, "{\"token\":\"%s\",\"request\":1}\n", wrong);
        expect_unauthorized(talk, line);
    }
    wire_expect_ends();
    assert_int_equal(talk_now(talk, asked), 0);
    assert_int_equal(talk_now(talk, here), 0);
}

static void every_line_is_judged_not_only_the_first(void **state)
{
    talk *talk = *state;
    wire  wire;

    talk_serve(talk);
    wire_connect(&wire, talk);
    wire_json(&wire, talk, "\"id\":1,\"request\":1");
    wire_expect_line(&wire, "{\"ok\":true,\"id\":1,\"data\":1}");
    wire_text(&wire, "{\"id\":2,\"request\":2}\n");
    wire_expect_line(&wire, UNAUTHORIZED_LINE);
    wire_half_close(&wire);
    wire_expect_end(&wire);
    assert_int_equal(talk_now(talk, asked), 1);
    wire_close(&wire);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TALK_BOTH(a_token_that_is_not_exactly_right_is_unauthorized),
        TALK_BOTH(every_line_is_judged_not_only_the_first),
    };

    return cmocka_run_group_tests_name("talk_json_token", tests, NULL, NULL);
}
