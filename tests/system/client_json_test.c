/*
 * The client in JSON lines.
 */
#include "client_kit.h"

/* ---- one-shot ---- */

static const char *json_answer;

static void play_json(fake *server, support_raw raw, unsigned number)
{
    char line[512] = "", token[65], expected[512];

    (void)number;
    FAKE_CHECK(server, support_raw_line(raw, line, sizeof line, SUPPORT_SOON) == 1);
    support_to_hex(token, server->token, 32);
    snprintf(expected, sizeof expected, "{\"token\":\"%s\",\"request\":[1, 0.10]}", token);
    FAKE_CHECK(server, strcmp(line, expected) == 0);
    support_raw_send(raw, json_answer, strlen(json_answer));
}

static int call_json(fake *server, cordon_buffer *reply, const char *body, cordon_fault *fault)
{
    cordon_call_options options = fake_in(SUPPORT_SOON, CORDON_NO_BINARY);

    return cordon_call(reply, server->endpoint, cordon_text(body), &options, fault);
}

typedef struct json_case {
    const char *answer;
    int         code, is_sent, app_code;
    const char *reply;
} json_case;

static void json_lines_are_asked_and_heard(void **state)
{
    static const json_case cases[] = {
        {"{\"ok\":true,\"data\":{\"n\": 1e400}}\n", CORDON_OK, 0, 0, "{\"n\": 1e400}"},
        {"\n{\"ok\":true,\"data\":1,\"more\":true}\n{\"ok\":true,\"data\":2}\n", CORDON_OK, 0, 0,
         "1\n2"},
        {"{\"ok\":false,\"error\":\"too \\u00e4\",\"code\":300}\n", CORDON_EAPP, 1, 300,
         "too \xC3\xA4"},
        {"{\"ok\":false,\"error\":\"x\",\"code\":\"BUSY\"}\n", CORDON_EBUSY, 0, 0, ""},
        {"{\"ok\":false,\"error\":\"x\",\"code\":\"TOO_LARGE\"}\n", CORDON_EMSGSIZE, 1, 0, ""},
        {"{\"ok\":false,\"error\":\"x\",\"code\":\"MALFORMED\"}\n", CORDON_EPROTOCOL, 1, 0, ""},
        {"{\"ok\":true,\"data\":1", CORDON_ECLOSED, 1, 0, ""},
        {"nonsense\n", CORDON_EPROTOCOL, 1, 0, ""},
        {"{\"ok\":true}\n", CORDON_EPROTOCOL, 1, 0, ""},
    };
    cordon_buffer reply = CORDON_BUFFER_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cordon_fault fault = CORDON_FAULT_INIT;
        fake         server;

        json_answer = cases[i].answer;
        fake_open(&server, play_json);
        SUPPORT_CODE(call_json(&server, &reply, "[1, 0.10]", &fault), cases[i].code, &fault);
        assert_int_equal(fault.is_sent, cases[i].is_sent);
        assert_int_equal(fault.app_code, cases[i].app_code);
        assert_reply(&reply, cases[i].reply);
        fake_unlisten(&server);
        assert_int_equal(atomic_load(&server.connections), 1);
        fake_close(&server);
    }
    cordon_buffer_free(&reply);
}

static void body_that_is_no_json_value_is_not_sent(void **state)
{
    cordon_buffer reply = CORDON_BUFFER_INIT;
    cordon_fault  fault = CORDON_FAULT_INIT;
    fake          server;

    (void)state;
    json_answer = "";
    fake_open(&server, play_json);
    SUPPORT_CODE(call_json(&server, &reply, "1},{\"x\":2", &fault), CORDON_EINVAL, &fault);
    assert_int_equal(fault.is_sent, 0);
    SUPPORT_CODE(call_json(&server, &reply, "", &fault), CORDON_EINVAL, &fault);
    fake_unlisten(&server);
    server.trouble = NULL; /* the play waited for a line, in vain */
    fake_close(&server);
}

/* ---- sessions ---- */

static void play_lines(fake *server, support_raw raw, unsigned number)
{
    char line[512], answer[600], *id, *request;

    (void)number;
    fake_set(server, 1);
    while (support_raw_line(raw, line, sizeof line, SUPPORT_SOON) == 1) {
        id = strstr(line, "\"id\":");
        request = strstr(line, ",\"request\":");
        FAKE_CHECK(server, id != NULL && request != NULL);
        if (id == NULL || request == NULL)
            return;
        snprintf(answer, sizeof answer, "{\"ok\":true,\"data\":%.*s,%.*s}\n",
                 (int)strlen(request) - 12, request + 11, (int)(request - id), id);
        support_raw_send(raw, answer, strlen(answer));
        if (strstr(line, "\"event?\"") != NULL)
            support_raw_send(raw, "{\"event\":{\"n\":1}}\n", 18);
        if (strstr(line, "\"bye?\"") != NULL) {
            snprintf(answer, sizeof answer,
                     "{\"ok\":false,\"error\":\"stop\",\"code\":\"STOPPING\"}\n");
            support_raw_send(raw, answer, strlen(answer));
        }
    }
}

static void json_session_asks_by_ids(void **state)
{
    const cordon_message *message;
    cordon_session       *session;
    cordon_fault          fault = CORDON_FAULT_INIT;
    cordon_bytes          reply;
    uint32_t              id;
    fake                  server;

    (void)state;
    fake_open(&server, play_lines);
    session = fake_session(&server, CORDON_NO_BINARY | CORDON_EVENTS);
    assert_true(cordon_session_server(session)->instance == 0);
    SUPPORT_CODE(call_session(&reply, session, "\"event?\"", &fault), CORDON_OK, &fault);
    assert_bytes(reply, "\"event?\"");
    id = send_one(session, "[2]");
    message = receive_one(session);
    assert_int_equal(message->kind, CORDON_EVENT);
    assert_bytes(message->body, "{\"n\":1}");
    message = receive_one(session);
    assert_int_equal(message->id, id);
    assert_bytes(message->body, "[2]");
    SUPPORT_CODE(cordon_session_status(&reply, session, 100, &fault), CORDON_EUNSUPPORTED, &fault);
    SUPPORT_CODE(cordon_session_stop(session, 100, &fault), CORDON_EUNSUPPORTED, &fault);
    SUPPORT_CODE(call_session(&reply, session, "no json", &fault), CORDON_EINVAL, &fault);
    SUPPORT_CODE(call_session(&reply, session, "\"bye?\"", &fault), CORDON_OK, &fault);
    SUPPORT_CODE(cordon_session_receive(&message, session, SUPPORT_SOON, &fault),
                 CORDON_ENOTRUNNING, &fault);
    cordon_session_close(session);
    fake_close(&server);
}

static void play_impatient(fake *server, support_raw raw, unsigned number)
{
    if (number == 1) {
        support_raw_cut(raw); /* it said nothing: out with it */
        fake_set(server, 2);
        return;
    }
    play_lines(server, raw, number);
}

static void json_session_that_was_closed_for_its_silence_is_opened_anew(void **state)
{
    cordon_session *session;
    cordon_fault    fault = CORDON_FAULT_INIT;
    cordon_bytes    reply;
    fake            server;

    (void)state;
    fake_open(&server, play_impatient);
    session = fake_session(&server, CORDON_NO_BINARY);
    assert_true(fake_reach(&server, 2));
    SUPPORT_CODE(call_session(&reply, session, "[1]", &fault), CORDON_OK, &fault);
    assert_bytes(reply, "[1]");
    cordon_session_close(session);
    fake_close(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_lines_are_asked_and_heard),
        cmocka_unit_test(body_that_is_no_json_value_is_not_sent),
        cmocka_unit_test(json_session_asks_by_ids),
        cmocka_unit_test(json_session_that_was_closed_for_its_silence_is_opened_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
