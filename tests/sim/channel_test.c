/*
 * A channel, of a parent and of a child, and at its other end a program without cordon: bytes cut
 * anywhere, time to the millisecond, and one story told again and again, where each thing that is
 * asked of the system fails, starves, or is the last thing that the process does. What is left over
 * is complained of when the world ends.
 */
#include "../../src/dialect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sim.h"

#define BODY   3000
#define SCRIPT 300000

enum { REQUEST = 4, PONG = 10 };

/* The other end: writes what it has to, reads what comes, and hangs up when both are done. */
typedef struct peer {
    intptr_t end;
    char     script[SCRIPT];
    size_t   size, said, heard, due; /* bytes: of the script, of it, that came, that will come */
    size_t   things_at, thing_count; /* in the script */
    int      hears_last;             /* nothing is read before all is said */
} peer;

static struct scene {
    sim_process    *process, *other;
    cordon_channel *channel;
    cordon_handle   theirs;
    char            word[33];
    int             is_child; /* the tested end */
    int             code;     /* of the first thing that did not go well */
    int             has_heard;
    uint64_t        took;
    char            body[BODY];
    peer            peer;
} scene;

/* ---- the other end ----------------------------------------------------------------------- */

static void put(const void *data, size_t size)
{
    assert_true(scene.peer.size + size <= SCRIPT);
    memcpy(scene.peer.script + scene.peer.size, data, size);
    scene.peer.size += size;
}

static void put_frame(unsigned type, size_t things, uint32_t tag, size_t size)
{
    uint8_t head[16] = {0};

    cordon__store32(head, (uint32_t)(type == REQUEST ? size + 4 : size));
    head[4] = (uint8_t)type;
    cordon__store16(head + 6, (uint16_t)things);
    cordon__store32(head + 12, tag);
    if (things > 0) {
        scene.peer.things_at = scene.peer.size;
        scene.peer.thing_count = things;
    }
    put(head, type == REQUEST ? 16 : 12);
    for (size_t done = 0; type == REQUEST && done < size; done += BODY)
        put(scene.body, size - done < BODY ? size - done : BODY);
}

static void put_word(void)
{
    uint8_t bytes[16];

    for (size_t i = 0; i < 32; i++) {
        const int digit = scene.word[i] <= '9' ? scene.word[i] - '0' : scene.word[i] - 'a' + 10;

        bytes[i / 2] = (uint8_t)(i % 2 == 0 ? digit << 4 : bytes[i / 2] | digit);
    }
    put_frame(PONG, 0, 0, sizeof bytes);
    put(bytes, sizeof bytes);
}

/* 0: nothing more goes out now, or never. */
static int speak(peer *peer)
{
    const char  *rest = peer->script + peer->said;
    const size_t left = peer->size - peer->said;
    const size_t plain = peer->things_at > peer->said ? peer->things_at - peer->said : left;
    long         sent;

    if (left == 0)
        return 0;
    if (peer->thing_count > 0 && peer->said == peer->things_at)
        sent = sim_write_with(peer->end, rest, left, peer->thing_count);
    else
        sent = sim_write(peer->end, rest, plain < left ? plain : left);
    peer->said = sent < 0 ? peer->size : peer->said + (size_t)sent;
    return sent > 0;
}

static void step(void *context)
{
    peer *peer = context;
    char  room[4096];
    long  got = 1;

    while (speak(peer)) {
    }
    if (peer->said == peer->size || !peer->hears_last)
        while ((got = sim_read(peer->end, room, sizeof room)) > 0)
            peer->heard += (size_t)got;
    if (got < 0 || (peer->said == peer->size && peer->heard >= peer->due))
        sim_hang_up(peer->end);
    else
        sim_task(scene.other, sim_now() + 1, 0, step, peer);
}

/* ---- the tested end ------------------------------------------------------------------------ */

static int say(uint32_t tag, size_t size, size_t count)
{
    cordon_handle      things[2] = {CORDON_NO_HANDLE, CORDON_NO_HANDLE};
    const cordon_bytes body = {scene.body, size};
    int                code = CORDON_OK;

    for (size_t i = 0; i < count && code == CORDON_OK; i++)
        if ((things[i] = sim_thing()) == CORDON_NO_HANDLE)
            code = CORDON_EBUSY;
    if (code == CORDON_OK)
        code = cordon_channel_send(scene.channel, tag, body, things, count, 0, NULL);
    for (size_t i = 0; i < count; i++)
        if (things[i] != CORDON_NO_HANDLE)
            cordon__handle_close(things[i]); /* it stayed ours */
    return code;
}

/* What comes is what was said, or nothing does. Its first thing is taken. */
static int hear(uint32_t tag, size_t size, size_t count)
{
    const cordon_message *message;
    const int             code = cordon_channel_receive(&message, scene.channel, 0, NULL);

    if (code != CORDON_OK)
        return code;
    assert_int_equal(message->tag, tag);
    assert_int_equal(message->body.size, size);
    assert_int_equal(message->handle_count, count);
    for (size_t i = 0; i < size; i++)
        if (((const char *)message->body.data)[i] != scene.body[i % BODY])
            fail_msg("byte %zu is another", i);
    if (count > 0)
        cordon__handle_close(cordon_message_take(message, 0));
    return CORDON_OK;
}

static size_t much; /* bytes of what is heard */

static void talk(void *context)
{
    int code = CORDON_OK;

    (void)context;
    if (scene.is_child) {
        code = cordon_channel_adopt(&scene.channel, scene.theirs, scene.word, 0, NULL);
        if (code != CORDON_OK)
            cordon__handle_close(scene.theirs);
    }
    if (code == CORDON_OK)
        code = say(1, BODY, 2);
    if (code == CORDON_OK)
        code = hear(2, much, 2);
    scene.has_heard = code == CORDON_OK;
    if (code == CORDON_OK)
        code = hear(0, 0, 0);
    scene.code = code;
    cordon_channel_close(scene.channel);
    scene.channel = NULL;
}

/* ---- the story ------------------------------------------------------------------------------ */

static void make_pair(void *context)
{
    (void)context;
    if (cordon_channel_pair(&scene.channel, &scene.theirs, scene.word, NULL) != CORDON_OK)
        scene.channel = NULL;
}

static void make_raw_pair(void *context)
{
    cordon_fault fault = CORDON_FAULT_INIT;
    intptr_t     theirs;

    (void)context;
    memcpy(scene.word, "00112233445566778899aabbccddeeff", 33);
    assert_int_equal(cordon__pair(&scene.peer.end, &theirs, &fault), CORDON_OK);
    scene.theirs = theirs;
}

static void open_scene(uint64_t seed, int is_child)
{
    memset(&scene, 0, sizeof scene);
    scene.is_child = is_child;
    scene.code = 1;
    for (size_t i = 0; i < BODY; i++)
        scene.body[i] = (char)(i * 7 + i / 250);
    much = 700;
    sim_open(seed);
    scene.process = sim_process_open(is_child ? "child" : "parent", SIM_UID);
    scene.other = sim_process_open("peer", SIM_UID);
}

/* 0: it ended before there was a pair. */
static int begin(void)
{
    if (scene.is_child) {
        assert_true(sim_as(scene.other, make_raw_pair, NULL));
        sim_hand_over(scene.theirs, scene.process);
        return 1;
    }
    if (!sim_as(scene.process, make_pair, NULL) || scene.channel == NULL)
        return 0;
    scene.peer.end = scene.theirs;
    sim_hand_over(scene.theirs, scene.other);
    put_word();
    return 1;
}

static void tell_story(void)
{
    if (!begin())
        return;
    put_frame(REQUEST, 2, 2, much);
    scene.peer.due = (scene.is_child ? 28 : 0) + 16 + BODY;
    sim_task(scene.other, sim_now(), 0, step, &scene.peer);
    sim_task(scene.process, sim_now(), 1, talk, NULL);
    sim_pass(60000);
}

static void close_scene(void)
{
    sim_exit(scene.process);
    sim_exit(scene.other);
    assert_int_equal(sim_close(), 0);
}

static void check_good(void)
{
    assert_true(scene.has_heard);
    assert_int_equal(scene.code, CORDON_ECLOSED);
    assert_int_equal(scene.peer.heard, scene.peer.due);
}

/* If it is alive it has come to an end, and knows how. */
static void check_any(void)
{
    if (sim_is_alive(scene.process) && scene.channel != NULL)
        fail_msg("it waits still");
    assert_true(scene.code != CORDON_OK);
}

static void bytes_may_be_cut_anywhere(void **state)
{
    static const size_t pipes[] = {1, 2, 11, 12, 13, 16, 17, 100, 5000};

    (void)state;
    for (size_t i = 0; i < 2 * sizeof pipes / sizeof pipes[0]; i++)
        for (size_t piece = 0; piece < 36; piece++) {
            open_scene(i * 100 + piece, i % 2);
            sim.pipe = pipes[i / 2];
            sim.piece = piece;
            tell_story();
            check_good();
            close_scene();
        }
}

static void whatever_the_turns_it_ends_well(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 500; seed++) {
        open_scene(seed, seed % 2);
        sim.pipe = 20 + seed % 300;
        sim.chop = 60;
        sim.full = 30;
        tell_story();
        check_good();
        close_scene();
    }
}

/* The other side reads nothing before all that it has to say is read. */
static void who_says_much_itself_is_heard_meanwhile(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        open_scene(seed, seed % 2);
        sim.pipe = 100 * seed;
        sim.chop = 50;
        much = 200000;
        scene.peer.hears_last = 1;
        tell_story();
        check_good();
        close_scene();
    }
}

/* ---- time -------------------------------------------------------------------------------------
 */

static void wait_for_message(void *context)
{
    const cordon_message *message;
    const uint64_t        began = sim_now();

    scene.code = cordon_channel_receive(&message, scene.channel, *(const int *)context, NULL);
    scene.took = sim_now() - began;
}

static void expect_late(int timeout_ms, uint64_t took)
{
    assert_true(sim_as(scene.process, wait_for_message, &timeout_ms));
    assert_int_equal(scene.code, CORDON_ETIMEDOUT);
    assert_int_equal(scene.took, took);
}

static void kill_scene(void)
{
    sim_kill(scene.process);
    sim_kill(scene.other);
    assert_int_equal(sim_close(), 0);
}

static void waits_end_at_their_deadline_to_the_millisecond(void **state)
{
    (void)state;
    open_scene(1, 0);
    assert_true(begin());
    expect_late(1, 1);
    expect_late(10, 10);
    expect_late(77, 77);
    expect_late(0, 5000);
    expect_late(CORDON_AT_ONCE, 0);
    kill_scene();
}

static void drip(void *context)
{
    if (scene.peer.said < scene.peer.size)
        (void)sim_write(scene.peer.end, scene.peer.script + scene.peer.said++, 1);
    sim_task(scene.other, sim_now() + 8, 0, drip, context);
}

/* And nothing of it is lost. */
static void bytes_that_drip_do_not_move_the_deadline(void **state)
{
    (void)state;
    open_scene(1, 0);
    assert_true(begin());
    put_frame(REQUEST, 0, 7, 20);
    sim_task(scene.other, sim_now(), 0, drip, NULL);
    for (int i = 0; i < 5; i++)
        expect_late(97, 97);
    assert_true(scene.peer.said > 50);
    assert_true(sim_as(scene.process, wait_for_message, &(int){1000}));
    assert_int_equal(scene.code, CORDON_OK);
    kill_scene();
}

/* ---- what fails ---------------------------------------------------------------------------------
 */

typedef void (*blow)(unsigned nth);

/* The story, with the nth thing gone wrong, until there is no nth. How often it did. */
static unsigned tell_with(blow strike, int is_killed)
{
    unsigned rounds = 0;

    for (int side = 0; side < 2; side++)
        for (unsigned nth = 1;; nth++) {
            int is_hit;

            open_scene(nth, side);
            sim.piece = 500;
            strike(nth);
            tell_story();
            check_any();
            is_hit = is_killed ? !sim_is_alive(scene.process) : sim_failures(scene.process) > 0;
            close_scene();
            rounds += (unsigned)is_hit;
            if (!is_hit)
                break;
        }
    return rounds;
}

static void fail_nth(unsigned nth)
{
    sim_fail_at(scene.process, NULL, nth);
}

static void starve_nth(unsigned nth)
{
    sim_starve_at(scene.process, nth, 0);
}

static void starve_from_nth(unsigned nth)
{
    sim_starve_at(scene.process, nth, 1);
}

static void kill_nth(unsigned nth)
{
    sim_kill_at(scene.process, nth);
}

static void each_verb_may_fail_once(void **state)
{
    (void)state;
    assert_true(tell_with(fail_nth, 0) > 20);
}

static void each_allocation_may_fail_once_and_for_ever(void **state)
{
    (void)state;
    assert_true(tell_with(starve_nth, 0) >= 4);
    assert_true(tell_with(starve_from_nth, 0) >= 4);
}

static void each_thing_asked_of_the_system_may_be_the_last(void **state)
{
    (void)state;
    assert_true(tell_with(kill_nth, 1) > 20);
}

static void who_has_no_descriptors_left_keeps_none(void **state)
{
    (void)state;
    for (unsigned most = 2; most < 10; most++)
        for (int side = 0; side < 2; side++) {
            open_scene(most, side);
            sim_descriptors(scene.process, most);
            tell_story();
            check_any();
            close_scene();
        }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_may_be_cut_anywhere),
        cmocka_unit_test(whatever_the_turns_it_ends_well),
        cmocka_unit_test(who_says_much_itself_is_heard_meanwhile),
        cmocka_unit_test(waits_end_at_their_deadline_to_the_millisecond),
        cmocka_unit_test(bytes_that_drip_do_not_move_the_deadline),
        cmocka_unit_test(each_verb_may_fail_once),
        cmocka_unit_test(each_allocation_may_fail_once_and_for_ever),
        cmocka_unit_test(each_thing_asked_of_the_system_may_be_the_last),
        cmocka_unit_test(who_has_no_descriptors_left_keeps_none),
    };

    return cmocka_run_group_tests_name("sim_channel", tests, NULL, NULL);
}
