/* What an asker makes of what it hears. */
#include "asker_kit.h"

/* ---- What is heard ---- */

/* All that a server may say, to an asker with questions 1, 2, 3. */
static void say_all(said *server)
{
    say_welcome(server, 1, 65536);
    say_text(server, CORDON__REPLY_FRAME, CORDON__MORE_PARTS, 1, "first");
    say_text(server, CORDON__EVENT_FRAME, 0, 0, "event");
    say_text(server, CORDON__REPLY_FRAME, 0, 1, "");
    say_failure(server, 3, 300, "no");
    say_text(server, CORDON__PING, 0, 0, "ping");
    say_text(server, CORDON__PONG, 0, 0, "pong");
    say(server, CORDON__FINISH, 0, 0, NULL, 0);
    say_text(server, CORDON__REPLY_FRAME, 0, 2, "last");
}

static void write_down(char *out, size_t room, const cordon__heard *heard)
{
    size_t used = strlen(out);

    if (heard->kind == CORDON__HEARD_NOTHING)
        return;
    snprintf(out + used, room - used, "%d/%u/%u/%.*s ", heard->kind, heard->id, heard->wire,
             (int)heard->body.size, heard->body.size ? (const char *)heard->body.data : "");
}

/* Feeds the bytes in pieces: `first`, then `step` at a time. */
static void listen_in_pieces(char *out, size_t room, const said *server, size_t first, size_t step)
{
    cordon__asker_setup setup = plain();
    cordon__asker       asker;
    cordon__heard       heard;
    uint8_t             hello[CORDON__HELLO_ROOM];
    size_t              at = 0, there = first, used, need;

    out[0] = '\0';
    setup.wants_events = 1;
    cordon__asker_open(&asker, &setup);
    (void)cordon__asker_hello(&asker, hello, &secret);
    for (int i = 0; i < 3; i++)
        (void)ask(&asker);
    for (;;) {
        /* A block of its own: a read beyond what is there would be seen. */
        uint8_t     *copy = malloc(there - at + 1);
        cordon_bytes in = {copy, there - at};
        int          code;

        memcpy(copy, server->bytes + at, in.size);
        code = cordon__asker_hear(&asker, &heard, in, &used, &need);
        if (code == CORDON__HEARD)
            write_down(out, room, &heard);
        else
            assert_true(need > in.size);
        free(copy);
        assert_true(code >= 0);
        at += used;
        if (code == CORDON__HEAR_MORE && there == server->size)
            break;
        if (code == CORDON__HEAR_MORE)
            there = there + step < server->size ? there + step : server->size;
    }
    assert_int_equal(at, server->size);
    assert_int_equal(cordon__asker_waiting(&asker), 0);
    cordon__asker_close(&asker);
}

static void answers_split_at_every_byte_are_heard_alike(void **state)
{
    said server = {{0}, 0};
    char whole[1024], pieces[1024];

    (void)state;
    say_all(&server);
    listen_in_pieces(whole, sizeof whole, &server, server.size, 1);
    assert_non_null(strstr(whole, "7/1/0/first 6/0/0/event 8/1/0/ 9/3/300/no 1/0/0/ping"));
    assert_non_null(strstr(whole, "8/2/0/last"));
    for (size_t first = 0; first < server.size; first++) {
        listen_in_pieces(pieces, sizeof pieces, &server, first, server.size);
        assert_string_equal(pieces, whole);
    }
    listen_in_pieces(pieces, sizeof pieces, &server, 0, 1);
    assert_string_equal(pieces, whole);
}

static void welcome_tells_who_the_server_is(void **state)
{
    cordon__asker_setup setup = plain();
    cordon__asker       asker;

    (void)state;
    let_in(&asker, &setup);
    assert_int_equal(asker.told.version, 1);
    assert_int_equal(asker.told.pid, 42);
    assert_true(asker.told.instance == 0x1122334455667788u);
    assert_int_equal(asker.told.max_request, 65536);
    assert_string_equal(asker.told.program, "srv 1");
    cordon__asker_close(&asker);
}

typedef struct first_word {
    const char *name;
    unsigned    type, flags;
    uint32_t    id;
    const char *body_hex;
} first_word;

static void nothing_but_a_welcome_or_a_refusal_opens(void **state)
{
    static const first_word words[] = {
        {"reply", CORDON__REPLY_FRAME, 0, 1, ""},
        {"failure of a request", CORDON__FAILURE_FRAME, 0, 1, "0300"},
        {"event", CORDON__EVENT_FRAME, 0, 0, ""},
        {"ping", CORDON__PING, 0, 0, ""},
        {"finish", CORDON__FINISH, 0, 0, ""},
        {"a client's frame", CORDON__REQUEST, 0, 1, ""},
        {"unknown", 99, 0, 0, ""},
        {"short welcome", CORDON__WELCOME, 0, 0, "0100"},
        {"welcome of version 2", CORDON__WELCOME, 0, 0,
         "0200 00000000 00000100 0000000000000000 00000000 00"},
        {"welcome of version 0", CORDON__WELCOME, 0, 0,
         "0000 00000000 00000100 0000000000000000 00000000 00"},
        {"short refusal", CORDON__REFUSED, 0, 0, "0100"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        cordon__asker_setup setup = plain();
        cordon__asker       asker;
        cordon__heard       heard;
        said                server = {{0}, 0};
        uint8_t             hello[CORDON__HELLO_ROOM], body[64];

        cordon__asker_open(&asker, &setup);
        (void)cordon__asker_hello(&asker, hello, &secret);
        (void)ask(&asker);
        say(&server, words[i].type, words[i].flags, words[i].id, body,
            support_from_hex(body, sizeof body, words[i].body_hex));
        if (hear(&asker, &heard, &server) != CORDON_EPROTOCOL)
            fail_msg("%s was taken", words[i].name);
        say_welcome(&server, 1, 65536); /* too late: it stays broken */
        assert_int_equal(hear(&asker, &heard, &server), CORDON_EPROTOCOL);
        assert_non_null(asker.why);
        cordon__asker_close(&asker);
    }
}

static void refusal_tells_code_range_and_text_and_is_final(void **state)
{
    cordon__asker_setup setup = plain();
    cordon__asker       asker;
    cordon__heard       heard;
    cordon__question    question;
    said                server = {{0}, 0};
    uint8_t             hello[CORDON__HELLO_ROOM];

    (void)state;
    cordon__asker_open(&asker, &setup);
    (void)cordon__asker_hello(&asker, hello, &secret);
    say_refused(&server, CORDON__VERSION, 2, 7, "too old");
    hear_kind(&asker, &heard, &server, CORDON__HEARD_REFUSED);
    assert_int_equal(heard.wire, CORDON__VERSION);
    assert_int_equal(heard.version_min, 2);
    assert_int_equal(heard.version_max, 7);
    assert_bytes(heard.body, "too old");
    assert_int_equal(hear(&asker, &heard, &server), CORDON_EVERSION);
    assert_int_equal(cordon__asker_ask(&asker, &question, CORDON__REQUEST, text("x"), &secret),
                     CORDON_EVERSION);
    cordon__asker_close(&asker);
}

static void failure_without_an_id_ends_the_session_with_its_code(void **state)
{
    cordon__asker_setup setup = plain();
    cordon__asker       asker;
    cordon__heard       heard;
    said                server = {{0}, 0};

    (void)state;
    let_in(&asker, &setup);
    (void)ask(&asker);
    say_failure(&server, 0, CORDON__TOO_LARGE, "over 65536");
    hear_kind(&asker, &heard, &server, CORDON__HEARD_END);
    assert_int_equal(heard.wire, CORDON__TOO_LARGE);
    assert_bytes(heard.body, "over 65536");
    assert_int_equal(hear(&asker, &heard, &server), CORDON_EMSGSIZE);
    cordon__asker_close(&asker);
}

static void broken_answers_end_it(void **state)
{
    static const first_word words[] = {
        {"reply to nobody", CORDON__REPLY_FRAME, 0, 77, ""},
        {"part for nobody", CORDON__REPLY_FRAME, 1, 77, ""},
        {"failure for nobody", CORDON__FAILURE_FRAME, 0, 77, "0300"},
        {"failure without a code", CORDON__FAILURE_FRAME, 0, 1, "03"},
        {"second welcome", CORDON__WELCOME, 0, 0,
         "0100 00000000 00000100 0000000000000000 00000000 00"},
        {"late refusal", CORDON__REFUSED, 0, 0, "0300 0100 0100"},
        {"reserved flags", CORDON__REPLY_FRAME, 2, 1, ""},
        {"event with an id", CORDON__EVENT_FRAME, 0, 1, ""},
        {"a client's frame", CORDON__CANCEL, 0, 1, ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        cordon__asker_setup setup = plain();
        cordon__asker       asker;
        cordon__heard       heard;
        said                server = {{0}, 0};
        uint8_t             body[64];

        let_in(&asker, &setup);
        assert_int_equal(ask(&asker), 1);
        say(&server, words[i].type, words[i].flags, words[i].id, body,
            support_from_hex(body, sizeof body, words[i].body_hex));
        if (hear(&asker, &heard, &server) != CORDON_EPROTOCOL)
            fail_msg("%s was taken", words[i].name);
        say_text(&server, CORDON__REPLY_FRAME, 0, 1, "good");
        assert_int_equal(hear(&asker, &heard, &server), CORDON_EPROTOCOL);
        cordon__asker_close(&asker);
    }
}

static void reply_over_our_limit_is_refused_by_its_head_alone(void **state)
{
    cordon__asker_setup setup = plain();
    cordon__asker       asker;
    cordon__heard       heard;
    said                server = {{0}, 0};

    (void)state;
    let_in(&asker, &setup);
    (void)ask(&asker);
    server.size = support_put_head(server.bytes, CORDON__REPLY_FRAME, 0, 1, MAX_REPLY);
    assert_int_equal(hear(&asker, &heard, &server), CORDON__HEAR_MORE); /* exactly it: may come */
    server.size = support_put_head(server.bytes, CORDON__REPLY_FRAME, 0, 1, MAX_REPLY + 1);
    assert_int_equal(hear(&asker, &heard, &server), CORDON_EMSGSIZE);
    cordon__asker_close(&asker);
}

static void events_are_heard_only_by_who_asked_for_them(void **state)
{
    cordon__asker_setup setup = plain();
    cordon__asker       asker;
    cordon__heard       heard;
    said                server = {{0}, 0};

    (void)state;
    let_in(&asker, &setup);
    say_text(&server, CORDON__EVENT_FRAME, 0, 0, "news");
    hear_kind(&asker, &heard, &server, CORDON__HEARD_NOTHING);
    cordon__asker_close(&asker);
    setup.wants_events = 1;
    let_in(&asker, &setup);
    say_text(&server, CORDON__EVENT_FRAME, 0, 0, "news");
    hear_kind(&asker, &heard, &server, CORDON__HEARD_EVENT);
    assert_bytes(heard.body, "news");
    cordon__asker_close(&asker);
}

static void version_99_is_understood_by_a_control_session(void **state)
{
    cordon__asker_setup setup = plain();
    cordon__asker       asker;
    cordon__question    question;
    cordon__heard       heard;
    said                server = {{0}, 0};
    uint8_t             body[128], hello[CORDON__HELLO_ROOM];

    (void)state;
    setup.is_control = 1;
    cordon__asker_open(&asker, &setup);
    (void)cordon__asker_hello(&asker, hello, &secret);
    /* Frozen, and with bytes behind it that a later version may have added. */
    say(&server, CORDON__WELCOME, 0, 0, body,
        support_from_hex(body, sizeof body,
                         "0000 ffffffff 00000100 0807060504030201 2a000000 03 763939 deadbeef"));
    hear_kind(&asker, &heard, &server, CORDON__HEARD_WELCOME);
    assert_string_equal(asker.told.program, "v99");
    assert_int_equal(cordon__asker_ask(&asker, &question, CORDON__STATUS, text(NULL), &secret), 0);
    say_text(&server, CORDON__REPLY_FRAME, 0, question.id, "{\"version\":99}");
    hear_kind(&asker, &heard, &server, CORDON__HEARD_REPLY);
    assert_int_equal(heard.type, CORDON__STATUS);
    cordon__asker_close(&asker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_split_at_every_byte_are_heard_alike),
        cmocka_unit_test(welcome_tells_who_the_server_is),
        cmocka_unit_test(nothing_but_a_welcome_or_a_refusal_opens),
        cmocka_unit_test(refusal_tells_code_range_and_text_and_is_final),
        cmocka_unit_test(failure_without_an_id_ends_the_session_with_its_code),
        cmocka_unit_test(broken_answers_end_it),
        cmocka_unit_test(reply_over_our_limit_is_refused_by_its_head_alone),
        cmocka_unit_test(events_are_heard_only_by_who_asked_for_them),
        cmocka_unit_test(version_99_is_understood_by_a_control_session),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
