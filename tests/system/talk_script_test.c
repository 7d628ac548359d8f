/* A script's conversation in JSON lines: overlapping requests, parts, events, its end. */
#include "talk_kit.h"

static void answer(talk *talk, int index, const char *text)
{
    cordon_request *request = talk_take(talk, index);

    assert_int_equal(cordon_reply(&request, cordon_text(text)), CORDON_OK);
}

/* ---- one question, or many ------------------------------------------------------------ */

static void a_one_shot_request_ends_the_input(void **state)
{
    talk *talk = *state;
    char *line;
    wire  wire;

    talk_serve(talk);
    line = json_line(talk, "\"request\":1");
    wire_connect(&wire, talk);
    wire_json(&wire, talk, "\"id\":1,\"request\":\"before\"");
    wire_expect_line(&wire, "{\"ok\":true,\"id\":1,\"data\":\"before\"}");
    wire_text(&wire, line);
    wire_expect_line(&wire, "{\"ok\":true,\"data\":1}");
    wire_expect_end(&wire);
    wire_close(&wire);
    free(line);
}

static void what_follows_a_one_shot_request_is_not_read(void **state)
{
    talk  *talk = *state;
    char  *line;
    script lines = {0};
    wire   wire;

    talk_serve(talk);
    line = json_line(talk, "\"request\":1");
    script_bytes(&lines, line, strlen(line));
    script_bytes(&lines, line, strlen(line));
    script_bytes(&lines, "not even JSON\n", 14);
    wire_connect(&wire, talk);
    wire_script(&wire, &lines);
    wire_expect_line(&wire, "{\"ok\":true,\"data\":1}");
    wire_expect_cut(&wire);
    assert_int_equal(talk_now(talk, asked), 1);
    wire_close(&wire);
    script_free(&lines);
    free(line);
}

static void pending_replies_still_go_out_after_a_one_shot(void **state)
{
    talk *talk = *state;
    wire  wire;

    talk->on_request = talk_hold;
    talk_serve(talk);
    wire_connect(&wire, talk);
    wire_json(&wire, talk, "\"id\":\"a\",\"request\":1");
    wire_json(&wire, talk, "\"request\":2");
    talk_wait_held(talk, 2);
    answer(talk, 1, "\"one-shot\"");
    wire_expect_line(&wire, "{\"ok\":true,\"data\":\"one-shot\"}");
    wire_expect_silence(&wire, 20);
    answer(talk, 0, "\"with id\"");
    wire_expect_line(&wire, "{\"ok\":true,\"id\":\"a\",\"data\":\"with id\"}");
    wire_expect_end(&wire);
    wire_close(&wire);
}

static void requests_overlap_and_are_told_apart_by_id(void **state)
{
    talk *talk = *state;
    wire  wire;

    talk->on_request = talk_hold;
    talk_serve(talk);
    wire_connect(&wire, talk);
    wire_json(&wire, talk, "\"id\":1,\"request\":1");
    wire_json(&wire, talk, "\"id\":\"1\",\"request\":1"); /* a string is another id */
    wire_json(&wire, talk, "\"id\":2,\"request\":1");
    talk_wait_held(talk, 3);
    answer(talk, 2, "3");
    answer(talk, 1, "2");
    answer(talk, 0, "1");
    wire_expect_line(&wire, "{\"ok\":true,\"id\":2,\"data\":3}");
    wire_expect_line(&wire, "{\"ok\":true,\"id\":\"1\",\"data\":2}");
    wire_expect_line(&wire, "{\"ok\":true,\"id\":1,\"data\":1}");
    wire_close(&wire);
}

static void an_id_in_use_is_malformed_and_free_again_after_its_reply(void **state)
{
    talk *talk = *state;
    wire  wire;

    talk->on_request = talk_hold;
    talk_serve(talk);
    wire_connect(&wire, talk);
    for (int i = 0; i < 3; i++) {
        wire_json(&wire, talk, "\"id\":\"a\",\"request\":1");
        talk_wait_held(talk, 1);
        answer(talk, 0, "0");
        wire_expect_line(&wire, "{\"ok\":true,\"id\":\"a\",\"data\":0}");
    }
    wire_json(&wire, talk, "\"id\":\"a\",\"request\":1");
    wire_json(&wire, talk, "\"id\":\"a\",\"request\":1");
    assert_non_null(strstr(wire_line(&wire), "\"code\":\"MALFORMED\"}"));
    wire_half_close(&wire);
    wire_expect_end(&wire);
    talk_wait(talk, left, 1);
    assert_int_equal(talk_now(talk, asked), 4);
    wire_close(&wire);
}

static void over_the_limit_in_flight_is_busy_with_the_id(void **state)
{
    talk *talk = *state;
    wire  wire;

    talk->options.max_requests = 2;
    talk->on_request = talk_hold;
    talk_serve(talk);
    wire_connect(&wire, talk);
    wire_json(&wire, talk, "\"id\":1,\"request\":1");
    wire_json(&wire, talk, "\"id\":2,\"request\":1");
    wire_json(&wire, talk, "\"id\":\"three\",\"request\":1");
    assert_non_null(strstr(wire_line(&wire), "{\"ok\":false,\"id\":\"three\",\"error\":\""));
    talk_wait_held(talk, 2);
    answer(talk, 0, "1");
    wire_expect_line(&wire, "{\"ok\":true,\"id\":1,\"data\":1}");
    wire_json(&wire, talk, "\"id\":\"three\",\"request\":1");
    talk_wait_held(talk, 2);
    answer(talk, 1, "3");
    wire_expect_line(&wire, "{\"ok\":true,\"id\":\"three\",\"data\":3}");
    wire_close(&wire);
}

static void hold_null_echo_others(cordon_request *request, cordon_bytes body, void *user)
{
    if (body.size == 4) /* null */
        talk_hold(request, body, user);
    else
        talk_echo(request, body, user);
}

static void a_malformed_line_lets_finished_replies_out_and_cancels_the_rest(void **state)
{
    static const char *const rest[] = {"\"id\":1,\"request\":\"finished\"",
                                       "\"id\":2,\"request\":null", "\"id\":3"};
    talk                    *talk = *state;
    script                   lines = {0};
    wire                     wire;

    talk->on_request = hold_null_echo_others;
    talk_serve(talk);
    for (int i = 0; i < 3; i++) {
        char *line = json_line(talk, rest[i]);

        script_bytes(&lines, line, strlen(line));
        free(line);
    }
    wire_connect(&wire, talk);
    wire_script(&wire, &lines);
    wire_expect_line(&wire, "{\"ok\":true,\"id\":1,\"data\":\"finished\"}");
    assert_non_null(strstr(wire_line(&wire), "\"code\":\"MALFORMED\"}"));
    wire_half_close(&wire);
    wire_expect_end(&wire);
    talk_wait(talk, left, 1);
    wire_close(&wire);
    script_free(&lines);
}

/* ---- what a handler may say --------------------------------------------------------------- */

static void answer_by_number(cordon_request *request, cordon_bytes body, void *user)
{
    static const char *const replies[] = {
        "", "plain text", "{\"a\":1", "1 2", "\"\xFF\"", "{\"a\":\n1,\r\n\"b\":[1,\n2]}", " 1 \n",
    };

    (void)user;
    assert_int_equal(cordon_request_is_json(request), 1);
    cordon_reply(&request, cordon_text(replies[*(const char *)body.data - '0']));
}

static void a_reply_must_be_json_and_stands_on_one_line(void **state)
{
    talk *talk = *state;
    wire  wire;

    talk->on_request = answer_by_number;
    talk_serve(talk);
    wire_connect(&wire, talk);
    for (int i = 0; i < 5; i++) {
        char rest[64];

        snprintf(rest, sizeof rest, "\"id\":%d,\"request\":%d", i, i);
        wire_json(&wire, talk, rest);
        snprintf(rest, sizeof rest, "{\"ok\":false,\"id\":%d,\"error\":\"", i);
        assert_non_null(strstr(wire_line(&wire), rest));
    }
    wire_json(&wire, talk, "\"id\":5,\"request\":5");
    wire_expect_line(&wire, "{\"ok\":true,\"id\":5,\"data\":{\"a\": 1,  \"b\":[1, 2]}}");
    wire_json(&wire, talk, "\"id\":6,\"request\":6");
    wire_expect_line(&wire, "{\"ok\":true,\"id\":6,\"data\": 1  }");
    wire_json(&wire, talk, "\"request\":1");
    assert_non_null(strstr(wire_line(&wire), "\"code\":\"INTERNAL\"}"));
    wire_expect_end(&wire);
    wire_close(&wire);
}

static void fail_by_number(cordon_request *request, cordon_bytes body, void *user)
{
    static const int codes[] = {CORDON_EBUSY, CORDON_ENOTREADY, CORDON_ESYSTEM, 256, 65535};

    (void)user;
    cordon_fail(&request, codes[*(const char *)body.data - '0'], "it \"broke\"\n\xFF");
}

static void a_failure_has_its_text_and_its_code(void **state)
{
    static const char *const codes[] = {"\"BUSY\"", "\"NOT_READY\"", "\"INTERNAL\"", "256",
                                        "65535"};
    talk                    *talk = *state;
    wire                     wire;

    talk->on_request = fail_by_number;
    talk_serve(talk);
    wire_connect(&wire, talk);
    for (int i = 0; i < 5; i++) {
        char rest[64], line[128];

        snprintf(rest, sizeof rest, "\"id\":%d,\"request\":%d", i, i);
        wire_json(&wire, talk, rest);
        snprintf(
            line, sizeof line,
            "{\"ok\":false,\"id\":%d,\"error\":\"it \\\"broke\\\"\\n\xEF\xBF\xBD\",\"code\":%s}", i,
            codes[i]);
        wire_expect_line(&wire, line);
    }
    wire_close(&wire);
}

static void reply_in_parts(cordon_request *request, cordon_bytes body, void *user)
{
    (void)body, (void)user;
    cordon_reply_part(request, cordon_text("1"));
    cordon_reply_part(request, cordon_text("[2,\n3]"));
    cordon_reply(&request, cordon_text("null"));
}

static void parts_are_lines_with_more(void **state)
{
    talk *talk = *state;
    wire  wire;

    talk->on_request = reply_in_parts;
    talk_serve(talk);
    wire_connect(&wire, talk);
    wire_json(&wire, talk, "\"id\":7,\"request\":0");
    wire_expect_line(&wire, "{\"ok\":true,\"id\":7,\"more\":true,\"data\":1}");
    wire_expect_line(&wire, "{\"ok\":true,\"id\":7,\"more\":true,\"data\":[2, 3]}");
    wire_expect_line(&wire, "{\"ok\":true,\"id\":7,\"data\":null}");
    wire_json(&wire, talk, "\"request\":0");
    wire_expect_line(&wire, "{\"ok\":true,\"more\":true,\"data\":1}");
    wire_expect_line(&wire, "{\"ok\":true,\"more\":true,\"data\":[2, 3]}");
    wire_expect_line(&wire, "{\"ok\":true,\"data\":null}");
    wire_expect_end(&wire);
    wire_close(&wire);
}

static void a_time_out_carries_the_id(void **state)
{
    talk *talk = *state;
    wire  wire;

    talk->options.request_ms = 20;
    talk->on_request = talk_hold;
    talk_serve(talk);
    wire_connect(&wire, talk);
    wire_json(&wire, talk, "\"id\":\"slow\",\"request\":0");
    {
        const char *line = wire_line(&wire);

        assert_non_null(strstr(line, "{\"ok\":false,\"id\":\"slow\",\"error\":\""));
        assert_non_null(strstr(line, "\"code\":\"TIMED_OUT\"}"));
    }
    talk_wait(talk, late, 1);
    wire_close(&wire);
}

/* ---- events ---------------------------------------------------------------------------------- */

static void push(talk *talk, const char *event)
{
    assert_int_equal(cordon_server_push(talk->server, CORDON_EVERYONE, cordon_text(event)),
                     CORDON_OK);
}

static void events_come_only_after_a_request_with_an_id(void **state)
{
    talk *talk = *state;
    wire  listener, one_shot, stranger;

    talk->on_request = talk_hold;
    talk_serve(talk);
    wire_connect(&stranger, talk);
    wire_connect(&one_shot, talk);
    wire_json(&one_shot, talk, "\"request\":0");
    wire_connect(&listener, talk);
    wire_json(&listener, talk, "\"id\":1,\"request\":0");
    talk_wait_held(talk, 2);
    push(talk, "{\"n\":\n1}");
    push(talk, "not JSON");
    push(talk, "2");
    wire_expect_line(&listener, "{\"event\":{\"n\": 1}}");
    wire_expect_line(&listener, "{\"event\":2}");
    assert_int_equal(wire_has(&one_shot), 0);
    assert_int_equal(wire_has(&stranger), 0);
    wire_close(&listener);
    wire_close(&one_shot);
    wire_close(&stranger);
}

static void events_come_to_those_who_offered_them_and_to_the_one_named(void **state)
{
    talk             *talk = *state;
    wire              wants, other, does_not;
    cordon_session_id id;

    talk_serve(talk);
    wire_open_limit(&wants, talk, 1, 1u << 20);
    id = talk_all(talk).session;
    wire_open_limit(&other, talk, 1, 4096);
    wire_open(&does_not, talk);
    push(talk, "to all");
    assert_int_equal(cordon_server_push(talk->server, id, cordon_text("to one")), CORDON_OK);
    assert_int_equal(cordon_server_push(talk->server, id + 1000, cordon_text("to nobody")),
                     CORDON_OK);
    wire_expect(&wants, EVENT, 0, "to all");
    wire_expect(&wants, EVENT, 0, "to one");
    wire_expect(&other, EVENT, 0, "to all");
    wire_say(&does_not, PING, 0, "x");
    wire_expect(&does_not, PONG, 0, "x");
    assert_int_equal(wire_has(&does_not), 0);
    assert_int_equal(wire_has(&other), 0);
    wire_close(&wants);
    wire_close(&other);
    wire_close(&does_not);
}

/* ---- the end ------------------------------------------------------------------------------------
 */

static void idle_json_sessions_are_closed_at_once_when_the_server_stops(void **state)
{
    talk *talk = *state;
    wire  idle, busy;

    talk->options.drain_ms = TALK_PATIENCE_MS;
    talk->on_request = talk_hold;
    talk_serve(talk);
    wire_connect(&busy, talk);
    wire_json(&busy, talk, "\"id\":2,\"request\":0");
    talk_wait_held(talk, 1);
    wire_connect(&idle, talk);
    wire_json(&idle, talk, "\"id\":1,\"request\":0");
    talk_wait_held(talk, 2);
    answer(talk, 1, "1");
    wire_expect_line(&idle, "{\"ok\":true,\"id\":1,\"data\":1}");
    talk_begin_stop(talk);
    wire_expect_end(&idle);
    assert_int_equal(talk_now(talk, closed), 0); /* it waits for the busy one */
    answer(talk, 0, "2");
    wire_expect_line(&busy, "{\"ok\":true,\"id\":2,\"data\":2}");
    wire_expect_end(&busy);
    talk_wait(talk, closed, 1);
    wire_close(&idle);
    wire_close(&busy);
}

static void a_line_after_the_stop_is_told_stopping(void **state)
{
    talk *talk = *state;
    char *second;
    wire  wire;

    talk->options.drain_ms = TALK_PATIENCE_MS;
    talk->on_request = talk_hold;
    talk_serve(talk);
    wire_connect(&wire, talk);
    wire_json(&wire, talk, "\"id\":1,\"request\":0");
    talk_wait_held(talk, 1);
    second = json_line(talk, "\"id\":2,\"request\":0");
    talk_begin_stop(talk);
    wire_text(&wire, second);
    free(second);
    {
        const char *line = wire_line(&wire);

        assert_non_null(strstr(line, "{\"ok\":false,\"id\":2,\"error\":\""));
        assert_non_null(strstr(line, "\"code\":\"STOPPING\"}"));
    }
    assert_int_equal(talk_now(talk, asked), 1);
    answer(talk, 0, "1");
    wire_expect_line(&wire, "{\"ok\":true,\"id\":1,\"data\":1}");
    wire_expect_end(&wire);
    wire_close(&wire);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TALK_BOTH(a_one_shot_request_ends_the_input),
        TALK_BOTH(what_follows_a_one_shot_request_is_not_read),
        TALK_BOTH(pending_replies_still_go_out_after_a_one_shot),
        TALK_BOTH(requests_overlap_and_are_told_apart_by_id),
        TALK_BOTH(an_id_in_use_is_malformed_and_free_again_after_its_reply),
        TALK_BOTH(over_the_limit_in_flight_is_busy_with_the_id),
        TALK_BOTH(a_malformed_line_lets_finished_replies_out_and_cancels_the_rest),
        TALK_BOTH(a_reply_must_be_json_and_stands_on_one_line),
        TALK_BOTH(a_failure_has_its_text_and_its_code),
        TALK_BOTH(parts_are_lines_with_more),
        TALK_BOTH(a_time_out_carries_the_id),
        TALK_BOTH(events_come_only_after_a_request_with_an_id),
        TALK_BOTH(events_come_to_those_who_offered_them_and_to_the_one_named),
        TALK_BOTH(idle_json_sessions_are_closed_at_once_when_the_server_stops),
        TALK_BOTH(a_line_after_the_stop_is_told_stopping),
    };

    return cmocka_run_group_tests_name("talk_script", tests, NULL, NULL);
}
