/* Tricks of a client of our own user that means harm: floods, half frames by the hundred,
 * doors slammed. */
#include "../system/talk_kit.h"

static void expect_good_service(talk *talk)
{
    wire wire;

    wire_open(&wire, talk);
    wire_say(&wire, REQUEST, 1, "still good?");
    wire_expect(&wire, REPLY, 1, "still good?");
    wire_close(&wire);
}

/* Of this process, in its own code and in the system's. */
static long cpu_ms(void)
{
    uv_rusage_t use;

    SUPPORT_CHECK(uv_getrusage(&use) == 0);
    return (use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1000 +
           (use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1000;
}

/* ---- floods ---------------------------------------------------------------------------- */

static void a_thousand_half_frames_cost_the_server_little(void **state)
{
    static wire wires[1000];
    talk       *talk = *state;
    script      half = {0};
    size_t      before;

    talk->options.max_sessions = 1200;
    talk->options.stall_ms = 1000;
    talk_serve(talk);
    script_head(&half, 60000, REQUEST, 0, 0, 1);
    script_bytes(&half, "and no more than this", 21);
    expect_good_service(talk);
    before = atomic_load(&talk->memory.bytes);
    for (int i = 0; i < 1000; i++) {
        wire_open(&wires[i], talk);
        wire_script(&wires[i], &half);
        if (i % 100 == 0)
            expect_good_service(talk);
    }
    /* a session, and what came of its frame; not what was promised */
    assert_true(atomic_load(&talk->memory.most) < before + 1000 * 2048 + (1u << 20));
    talk_wait(talk, gone, 1000); /* at their deadline */
    expect_good_service(talk);
    for (int i = 0; i < 1000; i++)
        wire_close(&wires[i]);
    script_free(&half);
}

static void slammed_doors_leave_nothing_behind(void **state)
{
    talk  *talk = *state;
    script opening = {0};
    int    before;

    talk_serve(talk);
    before = support_count_descriptors();
    script_opening(&opening, talk);
    script_text(&opening, REQUEST, 1, "bye");
    for (int i = 0; i < 3000; i++) {
        wire wire;

        wire_connect(&wire, talk);
        (void)wire_try_send(&wire, opening.data, (size_t)i % (opening.size + 1));
        wire_close(&wire);
    }
    expect_good_service(talk);
    talk_wait(talk, gone, talk_now(talk, here));
    assert_true(support_descriptors_fall_to(before));
    script_free(&opening);
}

/* 64 KiB of the smallest frames in each write: all of them answered, others in between. */
static void a_flood_of_pings_is_answered_and_others_are_served(void **state)
{
    talk  *talk = *state;
    script flood = {0};
    wire   wire;

    talk_serve(talk);
    wire_open(&wire, talk);
    for (int i = 0; i < 5000; i++)
        script_text(&flood, PING, 0, "");
    for (int i = 0; i < 20; i++) {
        wire_exchange(&wire, flood.data, flood.size);
        expect_good_service(talk);
    }
    for (int i = 0; i < 20 * 5000; i++)
        wire_expect(&wire, PONG, 0, "");
    wire_close(&wire);
    script_free(&flood);
}

static void a_flood_of_status_is_answered_in_bounded_memory(void **state)
{
    talk  *talk = *state;
    script flood = {0};
    wire   wire;
    size_t before;

    talk_serve(talk);
    wire_open(&wire, talk);
    before = atomic_load(&talk->memory.bytes);
    for (uint32_t i = 1; i <= 20000; i++)
        script_text(&flood, STATUS, i, "");
    wire_exchange(&wire, flood.data, flood.size);
    for (uint32_t i = 1; i <= 20000; i++) {
        wire_frame frame;

        wire_next(&wire, &frame);
        assert_int_equal(frame.type, REPLY);
        assert_int_equal(frame.id, i);
    }
    assert_true(atomic_load(&talk->memory.most) < before + (8u << 20));
    wire_close(&wire);
    script_free(&flood);
}

static void a_line_of_brackets_costs_no_stack(void **state)
{
    talk *talk = *state;
    char *deep = malloc(65536);
    wire  wire;

    talk_serve(talk);
    memset(deep, '[', 65535);
    memcpy(deep, "{\"x\":", 5);
    deep[65535] = '\n';
    wire_connect(&wire, talk);
    wire_send(&wire, deep, 65536);
    assert_non_null(strstr(wire_line(&wire), "\"code\":\"MALFORMED\"}"));
    wire_close(&wire);
    expect_good_service(talk);
    free(deep);
}

/* A byte a read, for a line of 20,000: the scan must not start from the front each time. */
static void a_line_in_single_bytes_is_read_in_linear_time(void **state)
{
    talk *talk = *state;
    char *rest = malloc(20100);
    char *line;
    wire  wire;
    long  before;

    talk->options.hello_ms = 10 * TALK_PATIENCE_MS; /* a busy machine takes its time */
    talk_serve(talk);
    memset(rest, 'x', 20100);
    memcpy(rest, "\"id\":1,\"request\":\"", 18);
    memcpy(rest + 20000, "\"", 2);
    line = json_line(talk, rest);
    wire_connect(&wire, talk);
    before = cpu_ms();
    for (size_t i = 0; line[i] != '\0'; i++)
        wire_send(&wire, line + i, 1);
    assert_non_null(strstr(wire_line(&wire), "{\"ok\":true,\"id\":1,"));
    assert_true(cpu_ms() - before < 5000);
    wire_close(&wire);
    free(line);
    free(rest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TALK_BOTH(a_thousand_half_frames_cost_the_server_little),
        TALK_BOTH(slammed_doors_leave_nothing_behind),
        TALK_BOTH(a_flood_of_pings_is_answered_and_others_are_served),
        TALK_BOTH(a_flood_of_status_is_answered_in_bounded_memory),
        TALK_BOTH(a_line_of_brackets_costs_no_stack),
        TALK_BOTH(a_line_in_single_bytes_is_read_in_linear_time),
    };

    return cmocka_run_group_tests_name("attack_tricks", tests, NULL, NULL);
}
