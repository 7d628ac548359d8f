/*
 * Conversations that were good until bytes of them were changed, thrown at the live server in
 * pieces. It must go on serving others, keep its memory and descriptors, answer in whole frames or
 * lines with at most one last reason, and run nothing for a client without the token.
 *
 * CORDON_ATTACK_ROUNDS (2,000) and CORDON_ATTACK_SEED (of the day) may be set for longer runs.
 * Where nobody can say that he has nothing more to say, the server waits for each one's time to be
 * over: a tenth of the rounds.
 */
#include "../system/talk_kit.h"

#include <time.h>

#include "../../src/frame.h"
#include "../../src/json.h"

enum { ROUNDS = SUPPORT_HALF_CLOSE ? 2000 : 200 };

static uint64_t seed;

static uint32_t draw(uint32_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)((seed >> 16) % below);
}

static uint64_t number_of(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

static void choose_seed(void)
{
    seed = number_of("CORDON_ATTACK_SEED", (uint64_t)time(NULL) * 2654435761u) | 1;
    print_message("CORDON_ATTACK_SEED=%llu\n", (unsigned long long)seed);
}

/* ---- good conversations ---------------------------------------------------------- */

static void write_binary(script *out, talk *talk, int has_token)
{
    uint8_t token[32];
    hello   hello = hello_good(talk, token);
    char    body[300];

    for (int i = 0; i < 32 && !has_token; i++) /* so wrong that no change makes it right */
        token[i] ^= 0xFF;
    memset(body, 'x', sizeof body);
    script_magic(out);
    script_hello(out, &hello);
    for (uint32_t id = 1; id <= 4; id++) {
        script_frame(out, REQUEST, id, body, draw(sizeof body));
        script_text(out, draw(2) ? PING : PONG, 0, "ping");
        script_text(out, draw(2) ? CANCEL : STATUS, id + draw(3), "");
    }
    if (draw(2))
        script_text(out, FINISH, 0, "");
}

static void write_json(script *out, talk *talk, int has_token)
{
    static const char *const requests[] = {
        "\"id\":%,\"request\":{\"a\":[1,2,{\"b\":null}],\"c\":\"\\u00e4\\n\"}",
        "\"request\":[1.5e3,-0,true],\"id\":\"%\"",
        "\"id\":%,\"request\":\"\xC3\xA4\"",
        "\"request\":%",
    };

    for (uint32_t i = 0; i < 4; i++) {
        const char *rest = requests[draw(4)];
        const char *at = strchr(rest, '%');
        char        text[200];
        char       *line;

        snprintf(text, sizeof text, "%.*s%u%s", (int)(at - rest), rest, i, at + 1);
        line = json_line(talk, text);
        if (!has_token)
            memset(line + 10, 'g', 64);
        script_bytes(out, line, strlen(line));
        free(line);
    }
}

/* ---- changes ------------------------------------------------------------------------ */

static void flip(script *bytes)
{
    bytes->data[draw((uint32_t)bytes->size)] ^= (uint8_t)(1u << draw(8));
}

static void overwrite(script *bytes)
{
    static const uint8_t extremes[] = {0x00, 0x01, 0x7F, 0x80, 0xFF, '"', '{', '\n', '\\', 0xC0};

    bytes->data[draw((uint32_t)bytes->size)] = extremes[draw(sizeof extremes)];
}

static void cut_out(script *bytes)
{
    size_t at = draw((uint32_t)bytes->size);
    size_t size = draw((uint32_t)(bytes->size - at)) % 40;

    memmove(bytes->data + at, bytes->data + at + size, bytes->size - at - size);
    bytes->size -= size;
}

static void say_twice(script *bytes)
{
    size_t  at = draw((uint32_t)bytes->size);
    size_t  size = draw((uint32_t)(bytes->size - at)) % 200;
    uint8_t copy[200];

    memcpy(copy, bytes->data + at, size);
    script_bytes(bytes, copy, size);
}

static void put_noise(script *bytes)
{
    uint8_t noise[64];

    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (uint8_t)draw(256);
    script_bytes(bytes, noise, draw(sizeof noise));
}

static void cut_off(script *bytes)
{
    bytes->size = 1 + draw((uint32_t)bytes->size);
}

static void change(script *bytes)
{
    static void (*const changes[])(script * bytes) = {flip,      flip,      overwrite, cut_out,
                                                      say_twice, put_noise, cut_off};
    uint32_t count = draw(4);

    for (uint32_t i = 0; i < count && bytes->size > 1; i++)
        changes[draw(sizeof changes / sizeof *changes)](bytes);
}

/* ---- what the server may say --------------------------------------------------------- */

static void expect_whole_frames(const uint8_t *data, size_t size)
{
    cordon__decoder decoder = {0, 64u << 20, 0, NULL};
    size_t          at = 0;
    int             is_over = 0;

    while (at < size) {
        cordon_bytes  rest = {data + at, size - at};
        cordon__frame frame;
        size_t        used, need;

        assert_int_equal(cordon__frame_next(&decoder, &frame, rest, &used, &need),
                         CORDON__FRAME_READY);
        assert_int_equal(is_over, 0); /* a reason is the last word */
        assert_true(at > 0 || frame.type == WELCOME || frame.type == REFUSED);
        is_over = frame.type == REFUSED || (frame.type == FAILURE && frame.id == 0);
        at += used;
    }
}

static void expect_whole_lines(const uint8_t *data, size_t size)
{
    while (size > 0) {
        const uint8_t     *end = memchr(data, '\n', size);
        cordon_bytes       line = {data, 0};
        cordon__json_error error;

        assert_non_null(end);
        line.size = (size_t)(end - data);
        assert_int_equal(cordon__json_check(line, 64, &error), 0);
        assert_true(line.size > 10 && memcmp(data, "{\"ok\":", 6) == 0);
        size -= line.size + 1;
        data = end + 1;
    }
}

/* ---- the attack --------------------------------------------------------------------------- */

/* Ends the connection in one of several ways; what came until then is kept in the wire. */
static void take_leave(wire *wire, int has_token)
{
    uint32_t how = draw(4);

    if (how == 0)
        return; /* slams the door */
    if (how > 1)
        wire_half_close(wire);
    if (how == 3 && (SUPPORT_HALF_CLOSE || !has_token))
        wire_drain(wire);
    else if (how == 3) /* it was let in: the server may wait for it as long as it for the server */
        (void)support_raw_is_silent(wire->raw, 20);
}

static int attack(talk *talk, int is_json, int has_token)
{
    script bytes = {0};
    wire   wire;
    size_t at = 0;
    int    is_whole;

    if (is_json)
        write_json(&bytes, talk, has_token);
    else
        write_binary(&bytes, talk, has_token);
    change(&bytes);
    wire_connect(&wire, talk);
    while (at < bytes.size) {
        size_t step = draw(3) ? bytes.size - at : 1 + draw((uint32_t)(bytes.size - at));

        if (wire_try_send(&wire, bytes.data + at, step) != 0)
            break;
        at += step;
    }
    take_leave(&wire, has_token);
    is_whole = wire_has(&wire) > 0;
    if (is_whole && wire.in[0] == '{')
        expect_whole_lines(wire.in, wire.in_size);
    else if (is_whole)
        expect_whole_frames(wire.in, wire.in_size);
    wire_close(&wire);
    script_free(&bytes);
    return is_whole;
}

static void expect_good_service(wire *wire)
{
    wire_say(wire, REQUEST, 1, "still good?");
    wire_expect(wire, REPLY, 1, "still good?");
}

static void expect_newcomer_is_served(talk *talk)
{
    wire wire;

    wire_open(&wire, talk);
    expect_good_service(&wire);
    wire_close(&wire);
}

static void tighten(talk *talk)
{
    talk->options.max_request = 4096;
    talk->options.hello_ms = 150;
    talk->options.stall_ms = 150;
    talk->options.drain_ms = 100;
}

static void storm(talk *talk, int has_token)
{
    uint64_t rounds = number_of("CORDON_ATTACK_ROUNDS", ROUNDS);
    int      heard = 0;
    wire     good;

    wire_open(&good, talk);
    choose_seed();
    for (uint64_t i = 0; i < rounds; i++) {
        heard += attack(talk, (int)(i % 2), has_token);
        if (i % 50 == 0)
            expect_good_service(&good);
    }
    assert_true(heard > 0);
    talk_wait(talk, gone, talk_now(talk, here) - 1);
    expect_good_service(&good);
    wire_close(&good);
    /* a 4 KiB server: its spare buffers, and nothing of a client that is gone */
    assert_true(atomic_load(&talk->memory.most) < (2u << 20));
}

static void changed_conversations_disturb_nobody(void **state)
{
    talk *talk = *state;

    tighten(talk);
    talk_serve(talk);
    storm(talk, 1);
}

static void without_the_token_nothing_ever_runs(void **state)
{
    talk    *talk = *state;
    uint64_t rounds = number_of("CORDON_ATTACK_ROUNDS", ROUNDS);

    tighten(talk);
    talk_serve(talk);
    choose_seed();
    for (uint64_t i = 0; i < rounds; i++)
        (void)attack(talk, (int)(i % 2), 0);
    assert_int_equal(talk_now(talk, asked), 0);
    assert_int_equal(talk_now(talk, here), 0);
    expect_newcomer_is_served(talk);
    assert_int_equal(talk_now(talk, asked), 1);
}

static void noise_is_never_answered_with_more_than_a_reason(void **state)
{
    talk *talk = *state;

    tighten(talk);
    talk_serve(talk);
    choose_seed();
    for (int i = 0; i < ROUNDS / 2; i++) {
        script bytes = {0};
        wire   wire;

        if (draw(2))
            script_bytes(&bytes, draw(2) ? MAGIC : "{\"token\":\"", 4);
        put_noise(&bytes);
        wire_connect(&wire, talk);
        (void)wire_try_send(&wire, bytes.data, bytes.size);
        wire_half_close(&wire);
        wire_drain(&wire);
        assert_true(wire.in_size < 256);
        wire_close(&wire);
        script_free(&bytes);
    }
    assert_int_equal(talk_now(talk, here), 0);
    expect_newcomer_is_served(talk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TALK_BOTH(changed_conversations_disturb_nobody),
        TALK_BOTH(without_the_token_nothing_ever_runs),
        TALK_BOTH(noise_is_never_answered_with_more_than_a_reason),
    };

    return cmocka_run_group_tests_name("attack_mutation", tests, NULL, NULL);
}
