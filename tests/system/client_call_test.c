/*
 * The one-shot call, with every server that it may meet.
 */
#include "client_kit.h"

/* ---- the good way ---- */

static void play_together(fake *server, support_raw raw, unsigned number)
{
    uint8_t all[1024];
    /* One read: what one write brought. */
    long   size = support_raw_some(raw, all, sizeof all, SUPPORT_SOON);
    size_t hello, request;

    (void)number;
    hello = 4 + 12 + support_get32(all + 4);
    FAKE_CHECK(server, size > (long)hello + 12);
    request = hello + 12 + support_get32(all + hello);
    FAKE_CHECK(server, all[hello + 4] == REQUEST && support_get32(all + hello + 8) != 0);
    FAKE_CHECK(server, (size_t)size == request + 12 && all[request + 4] == FINISH);
    fake_welcome(raw, 1, 65536, 77);
    fake_say_text(raw, REPLY, 0, support_get32(all + hello + 8), "pong");
    fake_drain(server, raw);
}

static void hello_request_and_goodbye_leave_in_one_write(void **state)
{
    cordon_buffer reply = CORDON_BUFFER_INIT;
    cordon_fault  fault = CORDON_FAULT_INIT;
    fake          server;

    (void)state;
    fake_open(&server, play_together);
    SUPPORT_CODE(fake_call(&server, &reply, "ping", &fault), CORDON_OK, &fault);
    assert_reply(&reply, "pong");
    SUPPORT_CODE(fake_call(&server, &reply, "ping", &fault), CORDON_OK, &fault);
    assert_int_equal(atomic_load(&server.connections), 2);
    cordon_buffer_free(&reply);
    fake_close(&server);
}

static void play_bytewise(fake *server, support_raw raw, unsigned number)
{
    uint8_t all[256];
    size_t  size = 0;

    (void)number;
    FAKE_CHECK(server, fake_hello(server, raw));
    FAKE_CHECK(server, fake_read(server, raw) == REQUEST);
    {
        uint8_t welcome[23] = {1, 0, 0, 0, 0, 0, 0, 0, 1, 0};

        size += support_put_frame(all + size, WELCOME, 0, 0, welcome, sizeof welcome);
    }
    size += support_put_frame(all + size, REPLY, MORE, server->frame.id, "one ", 4);
    size += support_put_frame(all + size, PONG, 0, 0, "unasked", 7);
    size += support_put_frame(all + size, EVENT, 0, 0, "unwanted", 8);
    size += support_put_frame(all + size, REPLY, MORE, server->frame.id, "", 0);
    size += support_put_frame(all + size, REPLY, 0, server->frame.id, "two", 3);
    for (size_t i = 0; i < size; i++) {
        support_raw_send(raw, all + i, 1);
        if (i % 16 == 0)
            support_pause(1);
    }
    fake_drain(server, raw);
}

static void answer_in_parts_a_byte_at_a_time_is_put_together(void **state)
{
    cordon_buffer reply = CORDON_BUFFER_INIT;
    cordon_fault  fault = CORDON_FAULT_INIT;
    fake          server;

    (void)state;
    fake_open(&server, play_bytewise);
    SUPPORT_CODE(fake_call(&server, &reply, "x", &fault), CORDON_OK, &fault);
    assert_reply(&reply, "one two");
    cordon_buffer_free(&reply);
    fake_close(&server);
}

static void bodies_of_all_sizes_arrive_byte_for_byte(void **state)
{
    static const size_t sizes[] = {0,     1,     4095,  4096,  65023,   65024,
                                   65025, 65535, 65536, 65537, 1 << 20, 5 << 20};
    cordon_call_options options = fake_in(SUPPORT_SOON, 0);
    cordon_buffer       reply = CORDON_BUFFER_INIT;
    cordon_fault        fault = CORDON_FAULT_INIT;
    char               *body = malloc(5 << 20);
    fake                server;

    (void)state;
    for (size_t i = 0; i < 5 << 20; i++)
        body[i] = (char)(i * 31 + (i >> 8));
    options.max_reply = 64u << 20;
    fake_open(&server, fake_echo_big);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        SUPPORT_CODE(
            cordon_call(&reply, server.endpoint, (cordon_bytes){body, sizes[i]}, &options, &fault),
            CORDON_OK, &fault);
        assert_int_equal(reply.size, sizes[i]);
        if (sizes[i] > 0)
            assert_memory_equal(reply.data, body, sizes[i]);
    }
    free(body);
    cordon_buffer_free(&reply);
    fake_close(&server);
}

/* ---- failures told by the server ---- */

typedef struct told {
    unsigned wire;
    int      code, is_sent;
} told;

static told now_told;

static void play_failure(fake *server, support_raw raw, unsigned number)
{
    (void)number;
    fake_admit(server, raw);
    FAKE_CHECK(server, fake_read(server, raw) == REQUEST);
    fake_fail(raw, server->frame.id, now_told.wire, "the reason");
    fake_drain(server, raw);
}

static void failures_reach_the_caller_as_they_are_and_are_not_repeated(void **state)
{
    static const told tolds[] = {
        {BUSY, CORDON_EBUSY, 0},          {NOT_READY, CORDON_ENOTREADY, 0},
        {TOO_LARGE, CORDON_EMSGSIZE, 1},  {UNSUPPORTED, CORDON_EUNSUPPORTED, 1},
        {TIMED_OUT, CORDON_ETIMEDOUT, 1}, {CANCELED, CORDON_ECANCELED, 1},
        {INTERNAL, CORDON_EAPP, 1},       {300, CORDON_EAPP, 1},
    };
    cordon_buffer reply = CORDON_BUFFER_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof tolds / sizeof tolds[0]; i++) {
        cordon_fault fault = CORDON_FAULT_INIT;
        fake         server;

        now_told = tolds[i];
        fake_open(&server, play_failure);
        SUPPORT_CODE(fake_call(&server, &reply, "x", &fault), tolds[i].code, &fault);
        assert_int_equal(fault.code, tolds[i].code);
        assert_int_equal(fault.is_sent, tolds[i].is_sent);
        assert_string_equal(fault.text, "the reason");
        assert_int_equal(fault.app_code, tolds[i].code == CORDON_EAPP ? (int)tolds[i].wire : 0);
        if (tolds[i].code == CORDON_EAPP)
            assert_reply(&reply, "the reason");
        else
            assert_int_equal(reply.size, 0);
        fake_unlisten(&server);
        assert_int_equal(atomic_load(&server.connections), 1);
        fake_close(&server);
    }
    cordon_buffer_free(&reply);
}

static void play_version(fake *server, support_raw raw, unsigned number)
{
    (void)number;
    FAKE_CHECK(server, fake_hello(server, raw));
    fake_refuse(raw, VERSION, "");
    fake_drain(server, raw);
}

static void no_common_version_names_both_ranges(void **state)
{
    cordon_buffer reply = CORDON_BUFFER_INIT;
    cordon_fault  fault = CORDON_FAULT_INIT;
    fake          server;

    (void)state;
    fake_open(&server, play_version);
    SUPPORT_CODE(fake_call(&server, &reply, "x", &fault), CORDON_EVERSION, &fault);
    assert_non_null(strstr(fault.text, "1 to 1"));
    assert_non_null(strstr(fault.text, "2 to 7"));
    assert_int_equal(fault.is_sent, 0);
    assert_int_equal(atomic_load(&server.connections), 1);
    fake_close(&server);
}

/* ---- misuse ---- */

static void arguments_out_of_range_are_EINVAL(void **state)
{
    cordon_call_options options = CORDON_CALL_OPTIONS_INIT;
    cordon_buffer       reply = CORDON_BUFFER_INIT;
    cordon_fault        fault = CORDON_FAULT_INIT;
    char                program[257];
    fake                server;

    (void)state;
    memset(program, 'p', 256);
    program[256] = '\0';
    fake_open(&server, fake_echo);
    assert_int_equal(cordon_call(NULL, server.endpoint, cordon_text("x"), NULL, &fault),
                     CORDON_EINVAL);
    assert_int_equal(cordon_call(&reply, NULL, cordon_text("x"), NULL, NULL), CORDON_EINVAL);
    assert_int_equal(cordon_call(&reply, server.endpoint, (cordon_bytes){NULL, 1}, NULL, NULL),
                     CORDON_EINVAL);
    options.timeout_ms = -3;
    assert_int_equal(cordon_call(&reply, server.endpoint, cordon_text("x"), &options, &fault),
                     CORDON_EINVAL);
    assert_int_equal(fault.code, CORDON_EINVAL);
    options = fake_in(0, CORDON_EVENTS);
    assert_int_equal(cordon_call(&reply, server.endpoint, cordon_text("x"), &options, NULL),
                     CORDON_EINVAL);
    options = fake_in(0, 0);
    options.max_reply = 4095;
    assert_int_equal(cordon_call(&reply, server.endpoint, cordon_text("x"), &options, NULL),
                     CORDON_EINVAL);
    options.max_reply = (64u << 20) + 1;
    assert_int_equal(cordon_call(&reply, server.endpoint, cordon_text("x"), &options, NULL),
                     CORDON_EINVAL);
    options = fake_in(0, 0);
    options.program = program;
    assert_int_equal(cordon_call(&reply, server.endpoint, cordon_text("x"), &options, NULL),
                     CORDON_EINVAL);
    assert_int_equal(atomic_load(&server.connections), 0);
    fake_close(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hello_request_and_goodbye_leave_in_one_write),
        cmocka_unit_test(answer_in_parts_a_byte_at_a_time_is_put_together),
        cmocka_unit_test(bodies_of_all_sizes_arrive_byte_for_byte),
        cmocka_unit_test(failures_reach_the_caller_as_they_are_and_are_not_repeated),
        cmocka_unit_test(no_common_version_names_both_ranges),
        cmocka_unit_test(arguments_out_of_range_are_EINVAL),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
