/* Who is let in, and as what: tokens, versions, features, control sessions. */
#include "talk_kit.h"

/* Magic and this HELLO, then a request that only an admitted client may ask. */
static void say_hello(wire *wire, talk *talk, const hello *hello)
{
    script bytes = {0};

    script_magic(&bytes);
    script_hello(&bytes, hello);
    script_text(&bytes, REQUEST, 1, "let me in");
    wire_connect(wire, talk);
    wire_script(wire, &bytes);
    wire_half_close(wire);
    script_free(&bytes);
}

static void expect_refusal(talk *talk, const hello *hello, unsigned code)
{
    wire wire;

    say_hello(&wire, talk, hello);
    wire_expect_refused(&wire, code);
    wire_expect_end(&wire);
    wire_close(&wire);
}

static void expect_nobody_came_in(talk *talk)
{
    assert_int_equal(talk_now(talk, asked), 0);
    assert_int_equal(talk_now(talk, here), 0);
}

/* ---- tokens -------------------------------------------------------------------- */

/* Without a half-close each refusal takes as long as the server lingers: a few must do. */
enum { STRIDE = SUPPORT_HALF_CLOSE ? 1 : 17 };

static void a_token_with_one_bit_changed_is_unauthorized(void **state)
{
    talk *talk = *state;

    talk_serve(talk);
    for (unsigned bit = 0; bit < 256; bit += STRIDE) {
        uint8_t token[32];
        hello   hello = hello_good(talk, token);

        token[bit / 8] = (uint8_t)(token[bit / 8] ^ (1u << bit % 8));
        expect_refusal(talk, &hello, UNAUTHORIZED);
    }
    expect_nobody_came_in(talk);
}

static void no_token_is_unauthorized_and_every_other_size_malformed(void **state)
{
    talk   *talk = *state;
    uint8_t token[255] = {0};

    talk_serve(talk);
    for (unsigned size = 0; size < 256; size += STRIDE) {
        hello hello = hello_good(talk, token);

        if (size == 32)
            continue;
        hello.token_size = size;
        expect_refusal(talk, &hello, size == 0 ? UNAUTHORIZED : MALFORMED);
    }
    expect_nobody_came_in(talk);
}

static void a_token_of_the_server_before_is_unauthorized(void **state)
{
    talk        *talk = *state;
    uint8_t      token[32];
    uint8_t      newer[32];
    hello        hello;
    cordon_fault fault = CORDON_FAULT_INIT;

    talk_serve(talk);
    hello = hello_good(talk, token);
    talk_close_loop(talk);
    talk->seen.closed = 0;
    talk->is_uv = 0; /* the second one on a thread, whatever the first was */
    assert_int_equal(cordon_loop_open_thread(&talk->loop, &fault), CORDON_OK);
    assert_int_equal(cordon_server_open(&talk->server, talk->loop, talk->endpoint, talk->on_request,
                                        &talk->options, &fault),
                     CORDON_OK);
    expect_refusal(talk, &hello, UNAUTHORIZED);
    (void)hello_good(talk, newer);
    assert_memory_not_equal(token, newer, 32);
    expect_nobody_came_in(talk);
}

/* ---- versions -------------------------------------------------------------------- */

static void versions_that_do_not_meet_are_told_ours(void **state)
{
    static const unsigned ranges[][3] = {
        {2, 2, VERSION},   {2, 65535, VERSION}, {99, 99, VERSION},
        {2, 1, MALFORMED}, {1, 0, MALFORMED},   {65535, 0, MALFORMED},
    };
    talk   *talk = *state;
    uint8_t token[32];

    talk_serve(talk);
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        hello hello = hello_good(talk, token);

        hello.version_min = ranges[i][0];
        hello.version_max = ranges[i][1];
        expect_refusal(talk, &hello, ranges[i][2]);
    }
    expect_nobody_came_in(talk);
}

static void the_version_is_judged_before_the_token(void **state)
{
    talk   *talk = *state;
    uint8_t token[32];
    hello   hello;

    talk_serve(talk);
    hello = hello_good(talk, token);
    memset(token, 0, sizeof token);
    hello.version_min = hello.version_max = 2;
    expect_refusal(talk, &hello, VERSION);
}

static void any_range_that_has_ours_gets_version_1(void **state)
{
    static const unsigned ranges[][2] = {{1, 1}, {0, 1}, {1, 2}, {0, 65535}, {1, 65535}};
    talk                 *talk = *state;
    uint8_t               token[32];

    talk_serve(talk);
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        hello      hello = hello_good(talk, token);
        wire_frame frame;
        wire       wire;

        hello.version_min = ranges[i][0];
        hello.version_max = ranges[i][1];
        say_hello(&wire, talk, &hello);
        wire_next(&wire, &frame);
        assert_int_equal(frame.type, WELCOME);
        assert_int_equal(support_get16(frame.body), 1);
        wire_expect(&wire, REPLY, 1, "let me in");
        wire_close(&wire);
    }
}

/* ---- what they tell each other ------------------------------------------------------ */

static void welcome_says_who_serves(void **state)
{
    talk      *talk = *state;
    wire       wire, other;
    wire_frame welcome, again;
    script     opening = {0};

    talk->options.max_request = 12345;
    talk_serve(talk);
    script_opening(&opening, talk);
    wire_connect(&wire, talk);
    wire_script(&wire, &opening);
    wire_next(&wire, &welcome);
    assert_int_equal(welcome.type, WELCOME);
    assert_int_equal(welcome.id, 0);
    assert_int_equal(welcome.size, 23 + strlen("talk 1.0"));
    assert_int_equal(support_get16(welcome.body), 1);
    assert_int_equal(support_get32(welcome.body + 2), 0);
    assert_int_equal(support_get32(welcome.body + 6), 12345);
    assert_true(support_get32(welcome.body + 10) != 0 || support_get32(welcome.body + 14) != 0);
    assert_int_equal(support_get32(welcome.body + 18), getpid());
    assert_int_equal(welcome.body[22], strlen("talk 1.0"));
    assert_memory_equal(welcome.body + 23, "talk 1.0", 8);
    wire_connect(&other, talk);
    wire_script(&other, &opening);
    wire_next(&other, &again);
    assert_memory_equal(welcome.body + 10, again.body + 10, 8); /* the instance */
    wire_close(&other);
    wire_close(&wire);
    script_free(&opening);
}

static void welcome_has_the_features_that_both_have(void **state)
{
    talk      *talk = *state;
    uint8_t    token[32];
    hello      hello;
    wire       wire;
    wire_frame frame;

    talk_serve(talk);
    hello = hello_good(talk, token);
    hello.features = 0x0000FFFF; /* all that are the protocol's, of any time to come */
    say_hello(&wire, talk, &hello);
    wire_next(&wire, &frame);
    assert_int_equal(frame.type, WELCOME);
    assert_int_equal(support_get32(frame.body + 2), 1); /* EVENTS */
    wire_expect(&wire, REPLY, 1, "let me in");
    wire_close(&wire);
}

static void bytes_behind_the_frozen_part_of_hello_are_ignored(void **state)
{
    talk      *talk = *state;
    uint8_t    token[32];
    hello      hello;
    script     bytes = {0};
    script     longer = {0};
    wire       wire;
    wire_frame frame;

    talk_serve(talk);
    hello = hello_good(talk, token);
    script_hello(&bytes, &hello);
    script_magic(&longer);
    script_head(&longer, bytes.size - 12 + 100, HELLO, 0, 0, 0);
    script_bytes(&longer, bytes.data + 12, bytes.size - 12);
    for (int i = 0; i < 100; i++)
        script_bytes(&longer, "?", 1);
    script_text(&longer, REQUEST, 1, "hi");
    wire_connect(&wire, talk);
    wire_script(&wire, &longer);
    wire_next(&wire, &frame);
    assert_int_equal(frame.type, WELCOME);
    wire_expect(&wire, REPLY, 1, "hi");
    wire_close(&wire);
    script_free(&bytes);
    script_free(&longer);
}

static char seen_program[64];
static int  seen_is_us;

static int look_at_peer(const cordon_peer *peer, void *user)
{
    (void)user;
    seen_is_us = support_is_us(peer);
    snprintf(seen_program, sizeof seen_program, "%s", peer->program == NULL ? "" : peer->program);
    return CORDON_OK;
}

static void admission_is_told_who_the_kernel_says_it_is(void **state)
{
    talk *talk = *state;
    wire  wire;

    talk->options.on_admit = look_at_peer;
    talk_serve(talk);
    wire_open(&wire, talk);
    assert_int_equal(seen_is_us, 1);
    assert_string_equal(seen_program, "raw 1.0");
    wire_close(&wire);
}

/* People are shown it, in logs and dialogs. */
static void a_program_that_is_no_plain_text_is_made_so(void **state)
{
    talk         *talk = *state;
    support_hello hello;
    support_frame frame = {0};
    uint8_t       bytes[700];
    support_raw   client;

    talk->options.on_admit = look_at_peer;
    talk_serve(talk);
    support_good_hello(&hello, talk->endpoint);
    hello.program = "a\x01\x1b[2J\xc3(\xc3\xa9";
    client = support_raw_open(talk->endpoint);
    support_raw_send(client, bytes, support_put_hello(bytes, &hello));
    assert_int_equal(support_raw_frame(client, &frame, SUPPORT_SOON), 1);
    assert_string_equal(seen_program, "a??[2J?(\xc3\xa9");
    support_frame_free(&frame);
    support_raw_close(client);
}

static void admission_can_say_no_in_both_framings(void **state)
{
    static const struct {
        int         code;
        unsigned    wire;
        const char *name;
    } verdicts[] = {
        {CORDON_EBUSY, BUSY, "BUSY"},
        {CORDON_ENOTREADY, NOT_READY, "NOT_READY"},
        {CORDON_EDENIED, UNAUTHORIZED, "UNAUTHORIZED"},
        {CORDON_EINVAL, UNAUTHORIZED, "UNAUTHORIZED"},
    };
    talk *talk = *state;

    talk_serve(talk);
    for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++) {
        uint8_t token[32];
        hello   hello = hello_good(talk, token);
        char    code[40];
        wire    wire;

        talk->admit_code = verdicts[i].code; /* nobody is connected: no race */
        expect_refusal(talk, &hello, verdicts[i].wire);
        wire_connect(&wire, talk);
        wire_json(&wire, talk, "\"id\":1,\"request\":0");
        snprintf(code, sizeof code, "\"code\":\"%s\"", verdicts[i].name);
        assert_non_null(strstr(wire_line(&wire), code));
        wire_expect_end(&wire);
        wire_close(&wire);
    }
    expect_nobody_came_in(talk);
}

/* ---- control sessions ------------------------------------------------------------------ */

static void open_control(wire *wire, talk *talk)
{
    uint8_t    token[32];
    hello      hello = hello_good(talk, token);
    script     bytes = {0};
    wire_frame frame;

    hello.version_min = hello.version_max = 0;
    script_magic(&bytes);
    script_hello(&bytes, &hello);
    wire_connect(wire, talk);
    wire_script(wire, &bytes);
    wire_next(wire, &frame);
    assert_int_equal(frame.type, WELCOME);
    assert_int_equal(support_get16(frame.body), 0);
    script_free(&bytes);
}

static void a_control_session_has_status_ping_and_finish_only(void **state)
{
    talk      *talk = *state;
    wire       wire;
    wire_frame frame;
    char       text[512] = {0};

    talk_serve(talk);
    open_control(&wire, talk);
    wire_say(&wire, STATUS, 1, "");
    wire_next(&wire, &frame);
    assert_int_equal(frame.type, REPLY);
    assert_true(frame.size < sizeof text);
    memcpy(text, frame.body, frame.size);
    assert_non_null(strstr(text, "\"sessions\":0")); /* itself is not counted */
    wire_say(&wire, REQUEST, 2, "run me");
    wire_expect_failure(&wire, 2, UNSUPPORTED);
    wire_say(&wire, UPGRADE, 3, "");
    wire_expect_failure(&wire, 3, UNSUPPORTED);
    wire_say(&wire, CANCEL, 4, "");
    wire_expect_failure(&wire, 4, UNSUPPORTED);
    wire_say(&wire, STOP, 5, "");
    wire_expect_failure(&wire, 5, UNSUPPORTED); /* on_stop is NULL */
    wire_say(&wire, PING, 0, "ping");
    wire_expect(&wire, PONG, 0, "ping");
    wire_say(&wire, FINISH, 0, "");
    wire_half_close(&wire);
    wire_expect_end(&wire);
    assert_int_equal(talk_now(talk, asked), 0);
    wire_close(&wire);
}

static void a_control_session_needs_the_token_too(void **state)
{
    talk   *talk = *state;
    uint8_t token[32];
    hello   hello;

    talk_serve(talk);
    hello = hello_good(talk, token);
    hello.version_min = hello.version_max = 0;
    token[31] ^= 1;
    expect_refusal(talk, &hello, UNAUTHORIZED);
}

static void a_control_session_stops_the_server_when_that_is_allowed(void **state)
{
    talk *talk = *state;
    wire  wire;

    talk->options.on_stop = talk_on_stop;
    talk_serve(talk);
    open_control(&wire, talk);
    talk->stop_code = CORDON_EDENIED;
    wire_say(&wire, STOP, 1, "");
    wire_expect_failure(&wire, 1, UNSUPPORTED);
    talk->stop_code = CORDON_OK;
    wire_say(&wire, STOP, 2, "");
    wire_expect(&wire, REPLY, 2, "");
    wire_expect(&wire, FINISH, 0, "");
    wire_expect_end(&wire);
    talk_wait(talk, closed, 1);
    assert_int_equal(talk_now(talk, stops), 2);
    wire_close(&wire);
}

/* ---- one framing only -------------------------------------------------------------------- */

static void json_that_is_off_is_closed_without_a_word(void **state)
{
    talk *talk = *state;
    wire  wire;

    talk->options.flags = CORDON_NO_JSON;
    talk_serve(talk);
    wire_connect(&wire, talk);
    wire_json(&wire, talk, "\"request\":1");
    wire_expect_end(&wire);
    wire_close(&wire);
    wire_open(&wire, talk);
    wire_close(&wire);
}

static void binary_that_is_off_is_closed_without_a_word(void **state)
{
    talk  *talk = *state;
    script opening = {0};
    wire   wire;

    talk->options.flags = CORDON_NO_BINARY;
    talk_serve(talk);
    script_opening(&opening, talk);
    wire_connect(&wire, talk);
    wire_script(&wire, &opening);
    wire_expect_end(&wire);
    wire_close(&wire);
    wire_connect(&wire, talk);
    wire_json(&wire, talk, "\"request\":1");
    wire_expect_line(&wire, "{\"ok\":true,\"data\":1}");
    wire_expect_end(&wire);
    wire_close(&wire);
    script_free(&opening);
}

/* ---- in time --------------------------------------------------------------------------------- */

static void who_does_not_introduce_itself_in_time_is_closed(void **state)
{
    static const char *const starts[] = {"", "\xC0", MAGIC, "{", "  ", "{\"token\":\""};
    talk                    *talk = *state;
    wire                     wires[sizeof starts / sizeof *starts];

    talk->options.hello_ms = 60;
    talk_serve(talk);
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        wire_connect(&wires[i], talk);
        wire_text(&wires[i], starts[i]);
    }
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        wire_drain(&wires[i]);
        wire_close(&wires[i]);
    }
    expect_nobody_came_in(talk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TALK_BOTH(a_token_with_one_bit_changed_is_unauthorized),
        TALK_BOTH(no_token_is_unauthorized_and_every_other_size_malformed),
        TALK_BOTH(a_token_of_the_server_before_is_unauthorized),
        TALK_BOTH(versions_that_do_not_meet_are_told_ours),
        TALK_BOTH(the_version_is_judged_before_the_token),
        TALK_BOTH(any_range_that_has_ours_gets_version_1),
        TALK_BOTH(welcome_says_who_serves),
        TALK_BOTH(welcome_has_the_features_that_both_have),
        TALK_BOTH(bytes_behind_the_frozen_part_of_hello_are_ignored),
        TALK_BOTH(admission_is_told_who_the_kernel_says_it_is),
        TALK_BOTH(a_program_that_is_no_plain_text_is_made_so),
        TALK_BOTH(admission_can_say_no_in_both_framings),
        TALK_BOTH(a_control_session_has_status_ping_and_finish_only),
        TALK_BOTH(a_control_session_needs_the_token_too),
        TALK_BOTH(a_control_session_stops_the_server_when_that_is_allowed),
        TALK_BOTH(json_that_is_off_is_closed_without_a_word),
        TALK_BOTH(binary_that_is_off_is_closed_without_a_word),
        TALK_BOTH(who_does_not_introduce_itself_in_time_is_closed),
    };

    return cmocka_run_group_tests_name("talk_hello", tests, NULL, NULL);
}
