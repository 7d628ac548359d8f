/*
 * The client's side of a conversation, over bytes.
 */
#include "support.h"

#include "../../src/asker.h"
#include "../../src/fault.h"

#define MAX_REPLY 65536u

static const cordon__token secret = {{0xAB, 1,  2,  3,  4,  5,  6,  7,  8,  9,   10,
                                      11,   12, 13, 14, 15, 16, 17, 18, 19, 20,  21,
                                      22,   23, 24, 25, 26, 27, 28, 29, 30, 0xCD}};
#define SECRET_HEX "ab0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1ecd"

static cordon_bytes text(const char *words)
{
    return cordon_text(words);
}

static void assert_bytes(cordon_bytes bytes, const char *expected)
{
    assert_int_equal(bytes.size, strlen(expected));
    if (bytes.size > 0)
        assert_memory_equal(bytes.data, expected, bytes.size);
}

/* ---- Scenery: an asker, and what its server says ------------------------------------ */

static cordon__asker_setup plain(void)
{
    cordon__asker_setup setup;

    memset(&setup, 0, sizeof setup);
    setup.memory = cordon__libc;
    setup.max_reply = MAX_REPLY;
    return setup;
}

typedef struct said {
    uint8_t bytes[8192];
    size_t  size;
} said;

static void say(said *server, unsigned type, unsigned flags, uint32_t id, const void *body,
                size_t size)
{
    server->size += support_put_frame(server->bytes + server->size, type, flags, id, body, size);
}

static void say_text(said *server, unsigned type, unsigned flags, uint32_t id, const char *body)
{
    say(server, type, flags, id, body, strlen(body));
}

static void say_failure(said *server, uint32_t id, unsigned wire, const char *why)
{
    uint8_t payload[256];

    support_put16(payload, (uint16_t)wire);
    memcpy(payload + 2, why, strlen(why));
    say(server, CORDON__FAILURE_FRAME, 0, id, payload, 2 + strlen(why));
}

static void say_welcome(said *server, uint16_t version, uint32_t limit)
{
    cordon__welcome welcome = {version, 0, limit, 0x1122334455667788u, 42, {"srv 1", 5}};
    uint8_t         payload[CORDON__HELLO_MAX];

    say(server, CORDON__WELCOME, 0, 0, payload, cordon__welcome_encode(payload, &welcome));
}

static void say_refused(said *server, unsigned wire, uint16_t min, uint16_t max, const char *why)
{
    cordon__refused refused = {(uint16_t)wire, min, max, {why, strlen(why)}};
    uint8_t         payload[CORDON__TEXT_MAX];

    say(server, CORDON__REFUSED, 0, 0, payload, cordon__refused_encode(payload, &refused));
}

/* Hears the next thing; what was used goes. */
static int hear(cordon__asker *asker, cordon__heard *heard, said *server)
{
    cordon_bytes in = {server->bytes, server->size};
    size_t       used, need;
    int          code = cordon__asker_hear(asker, heard, in, &used, &need);
    static char  copy[8192];

    if (heard->body.size > 0 && code == CORDON__HEARD) {
        memcpy(copy, heard->body.data, heard->body.size);
        heard->body.data = copy;
    }
    memmove(server->bytes, server->bytes + used, server->size - used);
    server->size -= used;
    return code;
}

static void hear_kind(cordon__asker *asker, cordon__heard *heard, said *server,
                      enum cordon__heard_kind kind)
{
    assert_int_equal(hear(asker, heard, server), CORDON__HEARD);
    assert_int_equal(heard->kind, kind);
}

/* An asker that has been let in. */
static void let_in(cordon__asker *asker, const cordon__asker_setup *setup)
{
    uint8_t       hello[CORDON__HELLO_ROOM];
    cordon__heard heard;
    said          server = {{0}, 0};

    cordon__asker_open(asker, setup);
    (void)cordon__asker_hello(asker, hello, &secret);
    say_welcome(&server, setup->is_control ? 0 : 1, 65536);
    hear_kind(asker, &heard, &server, CORDON__HEARD_WELCOME);
}

static uint32_t ask(cordon__asker *asker)
{
    cordon__question question;

    assert_int_equal(cordon__asker_ask(asker, &question, CORDON__REQUEST, text("x"), &secret), 0);
    return question.id;
}

/* ---- What is written -------------------------------------------------------------------- */

static void hello_offers_version_1_the_token_the_limit_and_who_we_are(void **state)
{
    cordon__asker_setup setup = plain();
    cordon__asker       asker;
    cordon__hello       hello;
    uint8_t             out[CORDON__HELLO_ROOM];
    size_t              size;

    (void)state;
    setup.program = "me 2";
    setup.features = 0xFFFF8001u;
    setup.wants_events = 1;
    cordon__asker_open(&asker, &setup);
    size = cordon__asker_hello(&asker, out, &secret);
    assert_memory_equal(out, cordon__magic, CORDON__MAGIC_SIZE);
    assert_int_equal(out[8], CORDON__HELLO);
    assert_int_equal(cordon__hello_decode(&hello, (cordon_bytes){out + 16, size - 16}), CORDON_OK);
    assert_int_equal(hello.version_min, 1);
    assert_int_equal(hello.version_max, 1);
    assert_int_equal(hello.features, 0xFFFF0001u); /* bits 1 to 15 are not the application's */
    assert_int_equal(hello.max_payload, MAX_REPLY);
    assert_true(cordon__token_is_equal(&secret, hello.token));
    assert_bytes(hello.program, "me 2");
    cordon__asker_close(&asker);
}

static void control_hello_offers_version_0(void **state)
{
    cordon__asker_setup setup = plain();
    cordon__asker       asker;
    cordon__hello       hello;
    uint8_t             out[CORDON__HELLO_ROOM];
    size_t              size;

    (void)state;
    setup.is_control = 1;
    cordon__asker_open(&asker, &setup);
    size = cordon__asker_hello(&asker, out, &secret);
    assert_int_equal(cordon__hello_decode(&hello, (cordon_bytes){out + 16, size - 16}), CORDON_OK);
    assert_int_equal(hello.version_min, 0);
    assert_int_equal(hello.version_max, 0);
    cordon__asker_close(&asker);
}

static void longest_program_fits_the_hello(void **state)
{
    cordon__asker_setup setup = plain();
    cordon__asker       asker;
    char                program[256];
    uint8_t             out[CORDON__HELLO_ROOM];

    (void)state;
    memset(program, 'p', 255);
    program[255] = '\0';
    setup.program = program;
    cordon__asker_open(&asker, &setup);
    assert_int_equal(cordon__asker_hello(&asker, out, &secret), 4 + 12 + 2 + 2 + 4 + 4 + 33 + 256);
    cordon__asker_close(&asker);
}

static void one_shot_says_goodbye_behind_its_request(void **state)
{
    cordon__asker_setup setup = plain();
    cordon__asker       asker;
    cordon__question    question;
    const char          body[] = "body";

    (void)state;
    setup.is_one_shot = 1;
    cordon__asker_open(&asker, &setup);
    assert_int_equal(cordon__asker_ask(&asker, &question, CORDON__REQUEST, text(body), &secret), 0);
    assert_int_equal(question.head_size, CORDON__FRAME_HEAD);
    assert_int_equal(question.head[0], 4);
    assert_int_equal(question.head[4], CORDON__REQUEST);
    assert_ptr_equal(question.body.data, body); /* from where it is, not a copy */
    assert_int_equal(question.tail_size, CORDON__FRAME_HEAD);
    assert_int_equal(question.tail[4], CORDON__FINISH);
    cordon__asker_close(&asker);
}

static void request_over_the_servers_limit_is_not_written(void **state)
{
    cordon__asker_setup setup = plain();
    cordon__asker       asker;
    cordon__question    question;
    static char         big[65537];

    (void)state;
    let_in(&asker, &setup);
    assert_int_equal(cordon__asker_ask(&asker, &question, CORDON__REQUEST,
                                       (cordon_bytes){big, sizeof big}, &secret),
                     CORDON_EMSGSIZE);
    assert_int_equal(cordon__asker_waiting(&asker), 0);
    assert_int_equal(cordon__asker_ask(&asker, &question, CORDON__REQUEST,
                                       (cordon_bytes){big, sizeof big - 1}, &secret),
                     0);
    cordon__asker_close(&asker);
}

static void control_session_asks_for_status_and_stop_only(void **state)
{
    cordon__asker_setup setup = plain();
    cordon__asker       asker;
    cordon__question    question;

    (void)state;
    setup.is_control = 1;
    let_in(&asker, &setup);
    assert_int_equal(cordon__asker_ask(&asker, &question, CORDON__REQUEST, text("x"), &secret),
                     CORDON_EUNSUPPORTED);
    assert_int_equal(cordon__asker_ask(&asker, &question, CORDON__STATUS, text(NULL), &secret), 0);
    assert_int_equal(cordon__asker_ask(&asker, &question, CORDON__STOP, text(NULL), &secret), 0);
    cordon__asker_close(&asker);
}

/* ---- Ids ----------------------------------------------------------------------------------- */

static void replies_in_reverse_order_find_their_questions(void **state)
{
    cordon__asker_setup setup = plain();
    cordon__asker       asker;
    cordon__heard       heard;
    uint32_t            id[64];

    (void)state;
    let_in(&asker, &setup);
    for (int i = 0; i < 64; i++)
        id[i] = ask(&asker);
    for (int i = 63; i >= 0; i--) {
        said server = {{0}, 0};
        char body[16];

        snprintf(body, sizeof body, "body %d", i);
        say_text(&server, CORDON__REPLY_FRAME, 0, id[i], body);
        hear_kind(&asker, &heard, &server, CORDON__HEARD_REPLY);
        assert_int_equal(heard.id, id[i]);
        assert_bytes(heard.body, body);
        assert_int_equal(cordon__asker_waiting(&asker), i);
    }
    cordon__asker_close(&asker);
}

static void id_counter_wraps_over_0_and_over_ids_in_use(void **state)
{
    cordon__asker_setup setup = plain();
    cordon__asker       asker;

    (void)state;
    let_in(&asker, &setup);
    assert_int_equal(ask(&asker), 1);
    assert_int_equal(ask(&asker), 2);
    asker.last_id = UINT32_MAX - 1;
    assert_int_equal(ask(&asker), UINT32_MAX);
    assert_int_equal(ask(&asker), 3); /* not 0, and 1 and 2 have no answer yet */
    cordon__asker_close(&asker);
}

static void abandoned_id_is_reserved_until_its_end_and_nothing_of_it_is_heard(void **state)
{
    cordon__asker_setup setup = plain();
    cordon__asker       asker;
    cordon__heard       heard;
    said                server = {{0}, 0};
    uint32_t            id;

    (void)state;
    let_in(&asker, &setup);
    id = ask(&asker);
    assert_int_equal(cordon__asker_abandon(&asker, id), 1); /* the server is to be told */
    assert_int_equal(cordon__asker_abandon(&asker, id), 0); /* once */
    assert_int_equal(cordon__asker_waiting(&asker), 0);
    say_text(&server, CORDON__REPLY_FRAME, CORDON__MORE_PARTS, id, "part");
    hear_kind(&asker, &heard, &server, CORDON__HEARD_NOTHING);
    asker.last_id = id - 1;
    asker.has_wrapped = 1;                 /* as if all ids had been given once */
    assert_int_equal(ask(&asker), id + 1); /* still reserved */
    say_failure(&server, id, CORDON__CANCELED, "");
    hear_kind(&asker, &heard, &server, CORDON__HEARD_NOTHING);
    asker.last_id = id - 1;
    assert_int_equal(ask(&asker), id); /* free again */
    assert_int_equal(cordon__asker_abandon(&asker, 4711), 0);
    cordon__asker_close(&asker);
}

static void forgotten_question_frees_its_id(void **state)
{
    cordon__asker_setup setup = plain();
    cordon__asker       asker;
    uint32_t            id;

    (void)state;
    let_in(&asker, &setup);
    id = ask(&asker);
    cordon__asker_forget(&asker, id);
    cordon__asker_forget(&asker, id);
    assert_int_equal(cordon__asker_waiting(&asker), 0);
    asker.last_id = id - 1;
    assert_int_equal(ask(&asker), id);
    cordon__asker_close(&asker);
}

static void questions_without_an_end_have_a_ceiling(void **state)
{
    cordon__asker_setup setup = plain();
    cordon__asker       asker;
    cordon__question    question;
    support_memory      memory;
    cordon__heard       heard;
    said                server = {{0}, 0};

    (void)state;
    memset(&memory, 0, sizeof memory);
    setup.memory = (cordon__memory){support_allocate, &memory};
    let_in(&asker, &setup);
    /* The ids are given by hand: finding a free one is what makes many slow. */
    for (uint32_t i = 1; i < CORDON__ASKED_MAX; i++) {
        if (asker.count == asker.capacity)
            (void)ask(&asker);
        else
            asker.asked[asker.count++] = (cordon__asked){i + 1000000u, CORDON__REQUEST, 1};
        if (asker.count == CORDON__ASKED_MAX - 1)
            break;
    }
    (void)ask(&asker);
    assert_int_equal(cordon__asker_ask(&asker, &question, CORDON__REQUEST, text("x"), &secret),
                     CORDON_EBUSY);
    say_text(&server, CORDON__REPLY_FRAME, 0, 1000001u, "");
    hear_kind(&asker, &heard, &server, CORDON__HEARD_NOTHING);
    assert_int_equal(cordon__asker_ask(&asker, &question, CORDON__REQUEST, text("x"), &secret), 0);
    cordon__asker_close(&asker);
    assert_int_equal(atomic_load(&memory.blocks), 0);
}

static void no_memory_for_a_question_leaves_all_as_it_was(void **state)
{
    cordon__asker_setup setup = plain();
    cordon__asker       asker;
    cordon__question    question;
    support_memory      memory;

    (void)state;
    memset(&memory, 0, sizeof memory);
    setup.memory = (cordon__memory){support_allocate, &memory};
    let_in(&asker, &setup);
    for (int i = 0; i < 8; i++)
        (void)ask(&asker);
    assert_int_equal(atomic_load(&memory.calls), 0); /* a few need none */
    atomic_store(&memory.fail_from, 1);
    assert_int_equal(cordon__asker_ask(&asker, &question, CORDON__REQUEST, text("x"), &secret),
                     CORDON_ENOMEM);
    assert_int_equal(cordon__asker_waiting(&asker), 8);
    (void)ask(&asker);
    assert_int_equal(cordon__asker_waiting(&asker), 9);
    cordon__asker_close(&asker);
    assert_int_equal(atomic_load(&memory.blocks), 0);
}

/* ---- What is heard ----------------------------------------------------------------------------
 */

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
    assert_non_null(strstr(whole, "3/1/0/first 6/0/0/event 4/1/0/ 5/3/300/no 7/0/0/ping"));
    assert_non_null(strstr(whole, "4/2/0/last"));
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

/* ---- JSON lines -------------------------------------------------------------------------------
 */

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
        cmocka_unit_test(hello_offers_version_1_the_token_the_limit_and_who_we_are),
        cmocka_unit_test(control_hello_offers_version_0),
        cmocka_unit_test(longest_program_fits_the_hello),
        cmocka_unit_test(one_shot_says_goodbye_behind_its_request),
        cmocka_unit_test(request_over_the_servers_limit_is_not_written),
        cmocka_unit_test(control_session_asks_for_status_and_stop_only),
        cmocka_unit_test(replies_in_reverse_order_find_their_questions),
        cmocka_unit_test(id_counter_wraps_over_0_and_over_ids_in_use),
        cmocka_unit_test(abandoned_id_is_reserved_until_its_end_and_nothing_of_it_is_heard),
        cmocka_unit_test(forgotten_question_frees_its_id),
        cmocka_unit_test(questions_without_an_end_have_a_ceiling),
        cmocka_unit_test(no_memory_for_a_question_leaves_all_as_it_was),
        cmocka_unit_test(answers_split_at_every_byte_are_heard_alike),
        cmocka_unit_test(welcome_tells_who_the_server_is),
        cmocka_unit_test(nothing_but_a_welcome_or_a_refusal_opens),
        cmocka_unit_test(refusal_tells_code_range_and_text_and_is_final),
        cmocka_unit_test(failure_without_an_id_ends_the_session_with_its_code),
        cmocka_unit_test(broken_answers_end_it),
        cmocka_unit_test(reply_over_our_limit_is_refused_by_its_head_alone),
        cmocka_unit_test(events_are_heard_only_by_who_asked_for_them),
        cmocka_unit_test(version_99_is_understood_by_a_control_session),
        cmocka_unit_test(json_requests_are_lines_with_the_body_as_it_is),
        cmocka_unit_test(what_is_not_json_is_never_written_as_a_line),
        cmocka_unit_test(json_answers_are_judged_strictly),
        cmocka_unit_test(json_answers_are_heard_alike_a_byte_at_a_time),
        cmocka_unit_test(json_lines_have_a_limit_with_and_without_an_end),
        cmocka_unit_test(json_failure_text_without_memory_ends_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
