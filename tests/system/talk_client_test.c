/* The real client and the real server, in both framings: who asked gets the answer. */
#include "talk_kit.h"

static cordon_session *open_session(talk *talk, unsigned flags)
{
    cordon_session_options options = CORDON_SESSION_OPTIONS_INIT;
    cordon_fault           fault = CORDON_FAULT_INIT;
    cordon_session        *session = NULL;

    options.flags = flags;
    options.program = "client 1.0";
    SUPPORT_CODE(cordon_session_open(&session, talk->endpoint, &options, &fault), CORDON_OK,
                 &fault);
    return session;
}

static uint32_t ask(cordon_session *session, const char *body)
{
    cordon_fault fault = CORDON_FAULT_INIT;
    uint32_t     id = 0;

    SUPPORT_CODE(cordon_session_send(&id, session, cordon_text(body), NULL, &fault), CORDON_OK,
                 &fault);
    assert_int_not_equal(id, 0);
    return id;
}

static const cordon_message *hear(cordon_session *session)
{
    const cordon_message *message = NULL;
    cordon_fault          fault = CORDON_FAULT_INIT;

    SUPPORT_CODE(cordon_session_receive(&message, session, TALK_PATIENCE_MS, &fault), CORDON_OK,
                 &fault);
    return message;
}

static void expect_message(cordon_session *session, enum cordon_kind kind, uint32_t id,
                           const char *body)
{
    const cordon_message *message = hear(session);

    assert_int_equal(message->kind, kind);
    assert_int_equal(message->id, id);
    assert_int_equal(message->body.size, strlen(body));
    assert_memory_equal(message->body.data, body, strlen(body));
}

static void answer(talk *talk, int index, const char *body)
{
    cordon_request *request = talk_take(talk, index);

    assert_int_equal(cordon_reply(&request, cordon_text(body)), CORDON_OK);
}

static void sixty_four_in_reverse(talk *talk, unsigned flags)
{
    cordon_session *session;
    uint32_t        ids[65];
    char            body[16];

    talk->on_request = talk_hold;
    talk_serve(talk);
    session = open_session(talk, flags);
    for (int i = 0; i < 64; i++) {
        ids[i] = ask(session, "0");
        talk_wait_held(talk, i + 1);
    }
    ids[64] = ask(session, "0");
    {
        const cordon_message *busy = hear(session);

        assert_int_equal(busy->kind, CORDON_FAILURE);
        assert_int_equal(busy->id, ids[64]);
        assert_int_equal(busy->code, CORDON_EBUSY);
    }
    for (int i = 63; i >= 0; i--) {
        snprintf(body, sizeof body, "%d", i);
        answer(talk, i, body);
    }
    for (int i = 63; i >= 0; i--) {
        snprintf(body, sizeof body, "%d", i);
        expect_message(session, CORDON_REPLY, ids[i], body);
    }
    cordon_session_close(session);
    talk_wait(talk, gone, 1);
}

static void sixty_four_in_reverse_reach_their_askers(void **state)
{
    sixty_four_in_reverse(*state, 0);
    assert_int_equal(talk_all(*state).why.code, CORDON_OK); /* it said goodbye */
}

static void sixty_four_json_in_reverse_reach_their_askers(void **state)
{
    sixty_four_in_reverse(*state, CORDON_NO_BINARY);
}

static void a_canceled_request_is_told_to_its_handler_and_heard_no_more(void **state)
{
    talk           *talk = *state;
    cordon_session *session;
    uint32_t        first, second;

    talk->on_request = talk_hold;
    talk_serve(talk);
    session = open_session(talk, 0);
    first = ask(session, "first");
    second = ask(session, "second");
    talk_wait_held(talk, 2);
    assert_int_equal(cordon_session_cancel(session, first), CORDON_OK);
    talk_wait(talk, canceled, 1);
    answer(talk, 0, "nobody hears it");
    answer(talk, 0, "two");
    expect_message(session, CORDON_REPLY, second, "two");
    cordon_session_close(session);
}

static void a_call_that_times_out_is_canceled_at_the_server(void **state)
{
    talk               *talk = *state;
    cordon_call_options call = CORDON_CALL_OPTIONS_INIT;
    cordon_fault        fault = CORDON_FAULT_INIT;
    cordon_session     *session;
    cordon_bytes        reply;

    talk->on_request = talk_hold;
    talk_serve(talk);
    session = open_session(talk, 0);
    call.timeout_ms = 50;
    assert_int_equal(cordon_session_call(&reply, session, cordon_text("x"), &call, &fault),
                     CORDON_ETIMEDOUT);
    assert_int_equal(fault.is_sent, 1);
    talk_wait(talk, canceled, 1);
    answer(talk, 0, "too late");
    ask(session, "and on");
    talk_wait_held(talk, 1);
    answer(talk, 0, "on");
    assert_int_equal(hear(session)->body.size, 2);
    cordon_session_close(session);
}

static void a_closed_session_is_told_to_its_handlers(void **state)
{
    talk           *talk = *state;
    cordon_session *binary, *json;

    talk->on_request = talk_hold;
    talk_serve(talk);
    binary = open_session(talk, 0);
    ask(binary, "1");
    json = open_session(talk, CORDON_NO_BINARY);
    ask(json, "2");
    talk_wait_held(talk, 2);
    cordon_session_close(binary);
    talk_wait(talk, left, 1);
    cordon_session_close(json);
    talk_wait(talk, left, 2);
}

static void in_parts(cordon_request *request, cordon_bytes body, void *user)
{
    (void)body, (void)user;
    cordon_reply_part(request, cordon_text("1"));
    cordon_reply_part(request, cordon_text("22"));
    cordon_reply(&request, cordon_text("333"));
}

static void parts_and_events_come_as_what_they_are(void **state)
{
    static const unsigned framings[] = {CORDON_EVENTS, CORDON_EVENTS | CORDON_NO_BINARY};
    talk                 *talk = *state;

    talk->on_request = in_parts;
    talk_serve(talk);
    for (int i = 0; i < 2; i++) {
        cordon_session *session = open_session(talk, framings[i]);
        uint32_t        id = ask(session, "0");

        expect_message(session, CORDON_PART, id, "1");
        expect_message(session, CORDON_PART, id, "22");
        expect_message(session, CORDON_REPLY, id, "333");
        assert_int_equal(
            cordon_server_push(talk->server, talk_all(talk).session, cordon_text("{\"event\":1}")),
            CORDON_OK);
        expect_message(session, CORDON_EVENT, 0, "{\"event\":1}");
        cordon_session_close(session);
    }
}

static char seen_program[32];

static int see_program(const cordon_peer *peer, void *user)
{
    (void)user;
    snprintf(seen_program, sizeof seen_program, "%s", peer->program == NULL ? "" : peer->program);
    return CORDON_OK;
}

static void each_side_is_told_who_the_other_is(void **state)
{
    talk                     *talk = *state;
    const cordon_server_info *server;
    cordon_session           *session, *again;

    talk->options.on_admit = see_program;
    talk_serve(talk);
    session = open_session(talk, 0);
    assert_string_equal(seen_program, "client 1.0");
    server = cordon_session_server(session);
    assert_non_null(server->peer);
    assert_true(support_is_us(server->peer));
    assert_string_equal(server->peer->program, "talk 1.0");
    assert_true(server->instance != 0);
    again = open_session(talk, 0);
    assert_true(cordon_session_server(again)->instance == server->instance);
    cordon_session_close(again);
    cordon_session_close(session);
}

static void a_control_session_asks_and_stops(void **state)
{
    talk           *talk = *state;
    cordon_fault    fault = CORDON_FAULT_INIT;
    cordon_session *session;
    cordon_bytes    json;
    char            text[1024] = {0};

    talk->options.on_stop = talk_on_stop;
    talk_serve(talk);
    session = open_session(talk, CORDON_CONTROL);
    SUPPORT_CODE(cordon_session_status(&json, session, 0, &fault), CORDON_OK, &fault);
    assert_true(json.size < sizeof text);
    memcpy(text, json.data, json.size);
    assert_non_null(strstr(text, "\"program\":\"talk 1.0\""));
    SUPPORT_CODE(cordon_session_stop(session, TALK_PATIENCE_MS, &fault), CORDON_OK, &fault);
    cordon_session_close(session);
    talk_wait(talk, closed, 1);
    assert_false(support_exists(cordon_endpoint_path(talk->endpoint, CORDON_ADDRESS)));
    assert_false(support_exists(cordon_endpoint_path(talk->endpoint, CORDON_TOKEN)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TALK_BOTH(sixty_four_in_reverse_reach_their_askers),
        TALK_BOTH(sixty_four_json_in_reverse_reach_their_askers),
        TALK_BOTH(a_canceled_request_is_told_to_its_handler_and_heard_no_more),
        TALK_BOTH(a_call_that_times_out_is_canceled_at_the_server),
        TALK_BOTH(a_closed_session_is_told_to_its_handlers),
        TALK_BOTH(parts_and_events_come_as_what_they_are),
        TALK_BOTH(each_side_is_told_who_the_other_is),
        TALK_BOTH(a_control_session_asks_and_stops),
    };

    return cmocka_run_group_tests_name("talk_client", tests, NULL, NULL);
}
