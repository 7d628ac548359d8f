/* Binary frames against the live server: split anywhere, over the limit, broken in every way. */
#include "talk_kit.h"

/* ---- split anywhere ---------------------------------------------------------- */

/* Something of everything that can be answered at once. */
static void write_story(script *story, talk *talk)
{
    script_opening(story, talk);
    script_text(story, REQUEST, 1, "one");
    script_text(story, PING, 0, "are you there?");
    script_text(story, REQUEST, 0xFFFFFFFF, "");
    script_text(story, CANCEL, 77, "");
    script_text(story, PONG, 0, "unasked");
    script_text(story, UPGRADE, 5, "to what?");
    script_text(story, STOP, 6, "");
    script_text(story, REQUEST, 1, "once more");
}

enum { STORY_REQUESTS = 3 };

static void expect_story(wire *wire)
{
    wire_frame frame;

    wire_next(wire, &frame);
    assert_int_equal(frame.type, WELCOME);
    wire_expect(wire, REPLY, 1, "one");
    wire_expect(wire, PONG, 0, "are you there?");
    wire_expect(wire, REPLY, 0xFFFFFFFF, "");
    wire_expect_failure(wire, 5, UNSUPPORTED);
    wire_expect_failure(wire, 6, UNSUPPORTED);
    wire_expect(wire, REPLY, 1, "once more");
    assert_int_equal(wire_has(wire), 0);
}

static void a_story_split_at_every_byte_is_the_same_story(void **state)
{
    talk  *talk = *state;
    script story = {0};

    talk_serve(talk);
    write_story(&story, talk);
    for (size_t cut = 1; cut < story.size; cut++) {
        wire wire;

        wire_connect(&wire, talk);
        wire_send(&wire, story.data, cut);
        wire_wait_taken(&wire);
        wire_send(&wire, story.data + cut, story.size - cut);
        expect_story(&wire);
        wire_close(&wire);
    }
    assert_int_equal(talk_now(talk, asked), STORY_REQUESTS * (story.size - 1));
    script_free(&story);
}

static void a_story_of_single_bytes_is_the_same_story(void **state)
{
    talk  *talk = *state;
    script story = {0};
    wire   wire;

    talk_serve(talk);
    write_story(&story, talk);
    wire_connect(&wire, talk);
    for (size_t i = 0; i < story.size; i++) {
        wire_send(&wire, story.data + i, 1);
        wire_wait_taken(&wire);
    }
    expect_story(&wire);
    assert_int_equal(talk_now(talk, asked), STORY_REQUESTS);
    wire_close(&wire);
    script_free(&story);
}

static void a_story_in_one_write_is_the_same_story(void **state)
{
    talk  *talk = *state;
    script story = {0};
    wire   wire;

    talk_serve(talk);
    write_story(&story, talk);
    wire_connect(&wire, talk);
    wire_script(&wire, &story);
    expect_story(&wire);
    wire_close(&wire);
    script_free(&story);
}

static void a_head_alone_waits_for_its_body(void **state)
{
    talk  *talk = *state;
    script head = {0};
    wire   wire;

    talk_serve(talk);
    wire_open(&wire, talk);
    script_head(&head, 5, REQUEST, 0, 0, 9);
    wire_script(&wire, &head);
    wire_wait_taken(&wire);
    wire_expect_silence(&wire, 30);
    assert_int_equal(talk_now(talk, asked), 0);
    wire_text(&wire, "12345");
    wire_expect(&wire, REPLY, 9, "12345");
    wire_close(&wire);
    script_free(&head);
}

static void the_server_says_nothing_before_the_client_does(void **state)
{
    talk *talk = *state;
    wire  wire;

    talk_serve(talk);
    wire_connect(&wire, talk);
    wire_expect_silence(&wire, 50);
    assert_int_equal(talk_now(talk, here), 0);
    wire_close(&wire);
}

/* ---- limits --------------------------------------------------------------------- */

static void a_length_over_the_limit_is_refused_before_its_body(void **state)
{
    static const size_t lengths[] = {4097, 65536, 64u << 20, 0x7FFFFFFF, 0xFFFFFFFF};
    talk               *talk = *state;

    talk->options.max_request = 4096;
    talk_serve(talk);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        script head = {0};
        wire   wire;
        size_t most;

        wire_open(&wire, talk);
        most = atomic_load(&talk->memory.most);
        script_head(&head, lengths[i], REQUEST, 0, 0, 1);
        wire_script(&wire, &head);
        wire_expect_failure(&wire, 0, TOO_LARGE);
        wire_half_close(&wire);
        wire_expect_end(&wire);
        /* the answer and its queue, nothing of what was promised */
        assert_true(atomic_load(&talk->memory.most) <= most + 4096);
        wire_close(&wire);
        script_free(&head);
    }
    assert_int_equal(talk_now(talk, asked), 0);
}

static void memory_follows_what_came_not_what_was_promised(void **state)
{
    talk  *talk = *state;
    script head = {0};
    wire   wire;
    size_t before;

    talk->options.max_request = 64u << 20;
    talk_serve(talk);
    wire_open(&wire, talk);
    before = atomic_load(&talk->memory.bytes);
    script_head(&head, 64u << 20, REQUEST, 0, 0, 1);
    script_bytes(&head, "0123456789", 10);
    wire_script(&wire, &head);
    wire_wait_taken(&wire);
    wire_expect_silence(&wire, 20);
    assert_true(atomic_load(&talk->memory.bytes) < before + 4096);
    wire_close(&wire);
    script_free(&head);
}

static void exactly_the_limit_and_nothing_at_all_are_accepted(void **state)
{
    talk      *talk = *state;
    script     frame = {0};
    char      *body = calloc(1, 4096);
    wire       wire;
    wire_frame reply;

    talk->options.max_request = 4096;
    talk_serve(talk);
    wire_open(&wire, talk);
    memset(body, 'x', 4096);
    script_frame(&frame, REQUEST, 1, body, 4096);
    script_frame(&frame, REQUEST, 2, NULL, 0);
    wire_script(&wire, &frame);
    wire_next(&wire, &reply);
    assert_int_equal(reply.type, REPLY);
    assert_int_equal(reply.size, 4096);
    assert_memory_equal(reply.body, body, 4096);
    wire_expect(&wire, REPLY, 2, "");
    wire_close(&wire);
    script_free(&frame);
    free(body);
}

/* ---- broken ------------------------------------------------------------------------- */

typedef struct broken {
    const char *what;
    unsigned    type, flags, handles;
    uint32_t    id;
    size_t      length; /* of a body of zeroes */
    unsigned    code;
} broken;

static const broken broken_when_admitted[] = {
    {"type 0", 0, 0, 0, 1, 0, MALFORMED},
    {"type 15", 15, 0, 0, 1, 0, MALFORMED},
    {"type 255", 255, 0, 0, 1, 0, MALFORMED},
    {"a second HELLO", HELLO, 0, 0, 0, 14, MALFORMED},
    {"WELCOME", WELCOME, 0, 0, 0, 23, MALFORMED},
    {"REFUSED", REFUSED, 0, 0, 0, 6, MALFORMED},
    {"REPLY", REPLY, 0, 0, 1, 0, MALFORMED},
    {"FAILURE", FAILURE, 0, 0, 1, 2, MALFORMED},
    {"EVENT", EVENT, 0, 0, 0, 0, MALFORMED},
    {"MORE on a request", REQUEST, 1, 0, 1, 0, MALFORMED},
    {"reserved flag 2", REQUEST, 2, 0, 1, 0, MALFORMED},
    {"reserved flag 128", REQUEST, 128, 0, 1, 0, MALFORMED},
    {"a handle", REQUEST, 0, 1, 1, 0, MALFORMED},
    {"65535 handles", REQUEST, 0, 65535, 1, 0, MALFORMED},
    {"REQUEST of id 0", REQUEST, 0, 0, 0, 0, MALFORMED},
    {"CANCEL of id 0", CANCEL, 0, 0, 0, 0, MALFORMED},
    {"STOP of id 0", STOP, 0, 0, 0, 0, MALFORMED},
    {"STATUS of id 0", STATUS, 0, 0, 0, 0, MALFORMED},
    {"UPGRADE of id 0", UPGRADE, 0, 0, 0, 0, MALFORMED},
    {"PING of id 1", PING, 0, 0, 1, 0, MALFORMED},
    {"PONG of id 1", PONG, 0, 0, 1, 0, MALFORMED},
    {"FINISH of id 1", FINISH, 0, 0, 1, 0, MALFORMED},
    {"CANCEL with a body", CANCEL, 0, 0, 1, 1, MALFORMED},
    {"STOP with a body", STOP, 0, 0, 1, 1, MALFORMED},
    {"STATUS with a body", STATUS, 0, 0, 1, 1, MALFORMED},
    {"FINISH with a body", FINISH, 0, 0, 0, 1, MALFORMED},
    {"PING of 65 bytes", PING, 0, 0, 0, 65, MALFORMED},
    {"PONG of 65 bytes", PONG, 0, 0, 0, 65, MALFORMED},
    {"REQUEST over the limit", REQUEST, 0, 0, 1, 65537, TOO_LARGE},
    {"UPGRADE over the limit", UPGRADE, 0, 0, 1, 65537, TOO_LARGE},
};

static const broken broken_when_stranger[] = {
    {"REQUEST before HELLO", REQUEST, 0, 0, 1, 0, MALFORMED},
    {"STATUS before HELLO", STATUS, 0, 0, 1, 0, MALFORMED},
    {"STOP before HELLO", STOP, 0, 0, 1, 0, MALFORMED},
    {"CANCEL before HELLO", CANCEL, 0, 0, 1, 0, MALFORMED},
    {"PING before HELLO", PING, 0, 0, 0, 0, MALFORMED},
    {"PONG before HELLO", PONG, 0, 0, 0, 0, MALFORMED},
    {"FINISH before HELLO", FINISH, 0, 0, 0, 0, MALFORMED},
    {"UPGRADE before HELLO", UPGRADE, 0, 0, 1, 0, MALFORMED},
    {"WELCOME", WELCOME, 0, 0, 0, 23, MALFORMED},
    {"type 0", 0, 0, 0, 0, 0, MALFORMED},
    {"type 99", 99, 0, 0, 0, 0, MALFORMED},
    {"HELLO with an id", HELLO, 0, 0, 1, 14, MALFORMED},
    {"HELLO with a flag", HELLO, 1, 0, 0, 14, MALFORMED},
    {"HELLO with a handle", HELLO, 0, 1, 0, 14, MALFORMED},
    {"HELLO of no byte", HELLO, 0, 0, 0, 0, MALFORMED},
    {"HELLO of 13 bytes", HELLO, 0, 0, 0, 13, MALFORMED},
    {"HELLO of 4097 bytes", HELLO, 0, 0, 0, 4097, TOO_LARGE},
    {"HELLO of 64 MiB", HELLO, 0, 0, 0, 64u << 20, TOO_LARGE},
};

/* The broken frame, with a good request right behind it that nobody may run. */
static void write_broken(script *out, const broken *broken)
{
    static const char zeroes[128];

    script_head(out, broken->length, broken->type, broken->flags, broken->handles, broken->id);
    script_bytes(out, zeroes, broken->length < sizeof zeroes ? broken->length : sizeof zeroes);
    script_text(out, REQUEST, 2, "do not run me");
}

static void a_broken_frame_gets_one_reason_and_the_end(void **state)
{
    talk *talk = *state;

    talk_serve(talk);
    for (size_t i = 0; i < sizeof broken_when_admitted / sizeof *broken_when_admitted; i++) {
        script bytes = {0};
        wire   wire;

        print_message("%s\n", broken_when_admitted[i].what);
        wire_open(&wire, talk);
        write_broken(&bytes, &broken_when_admitted[i]);
        wire_script(&wire, &bytes);
        wire_half_close(&wire);
        wire_expect_failure(&wire, 0, broken_when_admitted[i].code);
        wire_expect_end(&wire);
        talk_wait(talk, gone, (int)i + 1);
        assert_int_equal(talk_all(talk).why.code, broken_when_admitted[i].code == MALFORMED
                                                      ? CORDON_EPROTOCOL
                                                      : CORDON_EMSGSIZE);
        wire_close(&wire);
        script_free(&bytes);
    }
    assert_int_equal(talk_now(talk, asked), 0);
}

static void a_strangers_broken_frame_is_refused_once(void **state)
{
    talk *talk = *state;

    talk_serve(talk);
    for (size_t i = 0; i < sizeof broken_when_stranger / sizeof *broken_when_stranger; i++) {
        script bytes = {0};
        wire   wire;

        print_message("%s\n", broken_when_stranger[i].what);
        wire_connect(&wire, talk);
        script_magic(&bytes);
        write_broken(&bytes, &broken_when_stranger[i]);
        wire_script(&wire, &bytes);
        wire_half_close(&wire);
        wire_expect_refused(&wire, broken_when_stranger[i].code);
        wire_expect_end(&wire);
        wire_close(&wire);
        script_free(&bytes);
    }
    assert_int_equal(talk_now(talk, asked), 0);
    assert_int_equal(talk_now(talk, here), 0);
}

static void a_wrong_magic_is_malformed_from_its_first_wrong_byte(void **state)
{
    static const char *const openings[] = {"\xC0"
                                           "X",
                                           "\xC0"
                                           "CX",
                                           "\xC0"
                                           "CRX",
                                           "\xC0\xC0\xC0\xC0"};
    talk                    *talk = *state;

    talk_serve(talk);
    for (size_t i = 0; i < sizeof openings / sizeof *openings; i++) {
        wire wire;

        wire_connect(&wire, talk);
        wire_text(&wire, openings[i]);
        wire_expect_refused(&wire, MALFORMED);
        wire_half_close(&wire);
        wire_expect_end(&wire);
        wire_close(&wire);
    }
}

static void another_first_byte_is_closed_without_a_word(void **state)
{
    talk *talk = *state;

    talk_serve(talk);
    for (int byte = 0; byte < 256; byte++) {
        char bytes[16];
        wire wire;

        if (byte == 0xC0 || byte == '{' || byte == 0xEF || byte == ' ' || byte == '\t' ||
            byte == '\r' || byte == '\n')
            continue;
        memset(bytes, byte, sizeof bytes);
        wire_connect(&wire, talk);
        wire_send(&wire, bytes, sizeof bytes);
        wire_expect_end(&wire);
        wire_close(&wire);
    }
    assert_int_equal(talk_now(talk, here), 0);
}

static void a_request_after_finish_is_malformed(void **state)
{
    talk *talk = *state;
    wire  wire;

    talk_serve(talk);
    wire_open(&wire, talk);
    wire_say(&wire, FINISH, 0, "");
    wire_say(&wire, CANCEL, 4, "");
    wire_say(&wire, PONG, 0, "");
    wire_say(&wire, REQUEST, 1, "too late");
    wire_expect_failure(&wire, 0, MALFORMED);
    wire_half_close(&wire);
    wire_expect_end(&wire);
    assert_int_equal(talk_now(talk, asked), 0);
    wire_close(&wire);
}

/* ---- after it is broken ------------------------------------------------------------------ */

static void whoever_writes_on_after_breaking_still_reads_the_reason(void **state)
{
    talk        *talk = *state;
    const size_t size = 10u << 20;
    char        *much = calloc(1, size);
    script       head = {0};
    wire         wire;

    talk_serve(talk);
    wire_open(&wire, talk);
    script_head(&head, size, REQUEST, 0, 0, 1);
    wire_script(&wire, &head);
    (void)wire_try_send(&wire, much, size); /* cut short in the middle, or not */
    wire_expect_failure(&wire, 0, TOO_LARGE);
    wire_expect_cut(&wire);
    assert_int_equal(talk_now(talk, asked), 0);
    wire_close(&wire);
    script_free(&head);
    free(much);
}

/* The bytes that come for a moment after the reason are taken and thrown away: the end is a clean
 * one. The moment is 100 ms, which a busy machine may miss: one of many tries must hit it. */
static void what_follows_a_broken_frame_is_thrown_away(void **state)
{
    talk *talk = *state;
    int   clean_ends = 0;

    talk_serve(talk);
    for (int i = 0; i < 20 && clean_ends == 0; i++) {
        wire wire;

        wire_open(&wire, talk);
        wire_say(&wire, REPLY, 1, "I am the server");
        wire_expect_failure(&wire, 0, MALFORMED);
        support_pause(5);
        if (wire_try_send(&wire, "and on, and on", 14) == 0) {
            wire_half_close(&wire);
            while (support_raw_is_silent(wire.raw, 10)) {
            }
            clean_ends += support_raw_ends_well(wire.raw, 0); /* not a reset */
        }
        wire_close(&wire);
    }
    assert_int_equal(clean_ends, 1);
}

static void whoever_is_silent_after_breaking_is_closed(void **state)
{
    talk *talk = *state;
    wire  wire;

    talk_serve(talk);
    wire_open(&wire, talk);
    wire_say(&wire, REPLY, 1, "I am the server");
    wire_expect_failure(&wire, 0, MALFORMED);
    wire_expect_end(&wire);
    wire_close(&wire);
}

static void a_broken_session_disturbs_no_other(void **state)
{
    talk *talk = *state;
    wire  good, bad;

    talk_serve(talk);
    wire_open(&good, talk);
    wire_open(&bad, talk);
    wire_say(&good, REQUEST, 1, "before");
    wire_say(&bad, WELCOME, 0, "I am the server, and this is long enough to be one");
    wire_expect_failure(&bad, 0, MALFORMED);
    wire_say(&good, REQUEST, 2, "after");
    wire_expect(&good, REPLY, 1, "before");
    wire_expect(&good, REPLY, 2, "after");
    wire_close(&bad);
    wire_close(&good);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TALK_BOTH(a_story_split_at_every_byte_is_the_same_story),
        TALK_BOTH(a_story_of_single_bytes_is_the_same_story),
        TALK_BOTH(a_story_in_one_write_is_the_same_story),
        TALK_BOTH(a_head_alone_waits_for_its_body),
        TALK_BOTH(the_server_says_nothing_before_the_client_does),
        TALK_BOTH(a_length_over_the_limit_is_refused_before_its_body),
        TALK_BOTH(memory_follows_what_came_not_what_was_promised),
        TALK_BOTH(exactly_the_limit_and_nothing_at_all_are_accepted),
        TALK_BOTH(a_broken_frame_gets_one_reason_and_the_end),
        TALK_BOTH(a_strangers_broken_frame_is_refused_once),
        TALK_BOTH(a_wrong_magic_is_malformed_from_its_first_wrong_byte),
        TALK_BOTH(another_first_byte_is_closed_without_a_word),
        TALK_BOTH(a_request_after_finish_is_malformed),
        TALK_BOTH(whoever_writes_on_after_breaking_still_reads_the_reason),
        TALK_BOTH(what_follows_a_broken_frame_is_thrown_away),
        TALK_BOTH(whoever_is_silent_after_breaking_is_closed),
        TALK_BOTH(a_broken_session_disturbs_no_other),
    };

    return cmocka_run_group_tests_name("talk_frames", tests, NULL, NULL);
}
