/*
 * The one-shot call at its limits: sizes, broken servers, time.
 */
#include "client_kit.h"

/* ---- sizes ---- */

static void play_small(fake *server, support_raw raw, unsigned number)
{
    (void)number;
    fake_admit(server, raw);
    FAKE_CHECK(server, fake_read(server, raw) == 0); /* the request never comes */
}

static void request_of_10_MiB_to_a_server_that_takes_64_KiB_is_EMSGSIZE(void **state)
{
    cordon_buffer reply = CORDON_BUFFER_INIT;
    cordon_fault  fault = CORDON_FAULT_INIT;
    char         *body = calloc(1, 10 << 20);
    fake          server;

    (void)state;
    fake_open(&server, play_small);
    SUPPORT_CODE(cordon_call(&reply, server.endpoint, (cordon_bytes){body, 10 << 20}, NULL, &fault),
                 CORDON_EMSGSIZE, &fault);
    assert_int_equal(fault.expected, 65536);
    assert_int_equal(fault.actual, 10 << 20);
    assert_int_equal(fault.is_sent, 0);
    free(body);
    fake_close(&server);
}

static void play_too_large(fake *server, support_raw raw, unsigned number)
{
    uint8_t some[4096];

    (void)number;
    FAKE_CHECK(server, fake_hello(server, raw));
    fake_welcome(raw, 1, 64u << 20, 77); /* so it said, but thinks better of it */
    FAKE_CHECK(server, support_raw_read(raw, some, sizeof some, SUPPORT_SOON) == sizeof some);
    fake_fail(raw, 0, TOO_LARGE, "over my limit");
}

static void reason_is_read_after_a_failed_write(void **state)
{
    cordon_buffer reply = CORDON_BUFFER_INIT;
    cordon_fault  fault = CORDON_FAULT_INIT;
    char         *body = calloc(1, 10 << 20);
    fake          server;

    (void)state;
    fake_open(&server, play_too_large);
    SUPPORT_CODE(cordon_call(&reply, server.endpoint, (cordon_bytes){body, 10 << 20}, NULL, &fault),
                 CORDON_EMSGSIZE, &fault);
    assert_string_equal(fault.text, "over my limit");
    assert_int_equal(fault.is_sent, 0); /* it did not leave whole */
    assert_int_equal(atomic_load(&server.connections), 1);
    free(body);
    fake_close(&server);
}

static void play_long_reply(fake *server, support_raw raw, unsigned number)
{
    uint8_t head[12];

    (void)number;
    fake_admit(server, raw);
    FAKE_CHECK(server, server->hello.max_payload == 4096);
    FAKE_CHECK(server, fake_read(server, raw) == REQUEST);
    support_raw_send(raw, head, support_put_head(head, REPLY, 0, server->frame.id, 4097));
    fake_drain(server, raw);
}

static void reply_over_our_limit_is_EMSGSIZE_before_it_comes(void **state)
{
    cordon_call_options options = fake_in(SUPPORT_SOON, 0);
    cordon_buffer       reply = CORDON_BUFFER_INIT;
    cordon_fault        fault = CORDON_FAULT_INIT;
    fake                server;

    (void)state;
    options.max_reply = 4096;
    fake_open(&server, play_long_reply);
    SUPPORT_CODE(cordon_call(&reply, server.endpoint, cordon_text("x"), &options, &fault),
                 CORDON_EMSGSIZE, &fault);
    assert_int_equal(fault.is_sent, 1);
    fake_close(&server);
}

static void play_endless_parts(fake *server, support_raw raw, unsigned number)
{
    char part[1000] = {0};

    (void)number;
    fake_admit(server, raw);
    FAKE_CHECK(server, fake_read(server, raw) == REQUEST);
    for (int i = 0; i < 10; i++)
        fake_say(raw, REPLY, MORE, server->frame.id, part, sizeof part);
    fake_drain(server, raw);
}

static void parts_over_our_limit_together_are_EMSGSIZE(void **state)
{
    cordon_call_options options = fake_in(SUPPORT_SOON, 0);
    cordon_buffer       reply = CORDON_BUFFER_INIT;
    cordon_fault        fault = CORDON_FAULT_INIT;
    fake                server;

    (void)state;
    options.max_reply = 4096;
    fake_open(&server, play_endless_parts);
    SUPPORT_CODE(cordon_call(&reply, server.endpoint, cordon_text("x"), &options, &fault),
                 CORDON_EMSGSIZE, &fault);
    assert_int_equal(fault.is_sent, 1);
    fake_close(&server);
}

static void play_promise(fake *server, support_raw raw, unsigned number)
{
    uint8_t head[12];

    (void)number;
    fake_admit(server, raw);
    FAKE_CHECK(server, fake_read(server, raw) == REQUEST);
    /* On a busy machine its time may be over before. */
    support_raw_try_send(raw, head, support_put_head(head, REPLY, 0, server->frame.id, 64u << 20));
    support_raw_try_send(raw, "some", 4);
    fake_drain(server, raw);
}

static void memory_follows_what_came_not_what_was_promised(void **state)
{
    cordon_call_options options = fake_in(200, 0);
    cordon_buffer       reply = CORDON_BUFFER_INIT;
    cordon_fault        fault = CORDON_FAULT_INIT;
    fake                server;

    (void)state;
    options.max_reply = 64u << 20;
    fake_open(&server, play_promise);
    SUPPORT_CODE(cordon_call(&reply, server.endpoint, cordon_text("x"), &options, &fault),
                 CORDON_ETIMEDOUT, &fault);
    assert_true(atomic_load(&server.memory.most) < 256 * 1024);
    fake_close(&server);
}

/* ---- broken servers ---- */

static const char *broken_hex;

static void play_broken(fake *server, support_raw raw, unsigned number)
{
    uint8_t bytes[256];

    (void)number;
    FAKE_CHECK(server, fake_hello(server, raw));
    FAKE_CHECK(server, fake_read(server, raw) == REQUEST);
    fake_welcome(raw, 1, 65536, 77);
    support_raw_send(raw, bytes, support_from_hex(bytes, sizeof bytes, broken_hex));
    fake_drain(server, raw);
}

static void broken_answers_are_EPROTOCOL_at_once(void **state)
{
    static const char *const broken[] = {
        "00000000 05 00 0000 4d000000",              /* a reply to nobody */
        "00000000 05 01 0000 4d000000",              /* a part of it */
        "02000000 06 00 0000 4d000000 0300",         /* a failure of it */
        "00000000 05 00 0000 00000000",              /* id 0 */
        "00000000 05 02 0000 01000000",              /* reserved flags */
        "00000000 05 00 0100 01000000",              /* handles */
        "00000000 04 00 0000 01000000",              /* a client's frame */
        "00000000 63 00 0000 01000000",              /* unknown */
        "00000000 00 00 0000 00000000",              /* type 0 */
        "01000000 06 00 0000 01000000 03",           /* a failure without its code */
        "06000000 03 00 0000 00000000 000000000000", /* refused after welcome */
        "7b226f6b223a747275657d0a000000",            /* {"ok":true} */
    };
    cordon_buffer reply = CORDON_BUFFER_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        cordon_fault fault = CORDON_FAULT_INIT;
        fake         server;
        int          code;

        broken_hex = broken[i];
        fake_open(&server, play_broken);
        code = fake_call(&server, &reply, "x", &fault);
        if (code != CORDON_EPROTOCOL)
            fail_msg("%s: %s", broken[i], cordon_fault_line(&fault));
        assert_int_equal(fault.is_sent, 1);
        assert_true(fault.text[0] != '\0'); /* says what was wrong */
        assert_int_equal(atomic_load(&server.connections), 1);
        fake_close(&server);
    }
}

/* ---- time ---- */

static void play_silence(fake *server, support_raw raw, unsigned number)
{
    (void)number;
    FAKE_CHECK(server, fake_hello(server, raw));
    fake_drain(server, raw);
}

static void silent_server_is_left_at_the_deadline(void **state)
{
    cordon_call_options options = fake_in(60, 0);
    cordon_buffer       reply = CORDON_BUFFER_INIT;
    cordon_fault        fault = CORDON_FAULT_INIT;
    uint64_t            start;
    fake                server;

    (void)state;
    fake_open(&server, play_silence);
    start = support_now();
    SUPPORT_CODE(cordon_call(&reply, server.endpoint, cordon_text("x"), &options, &fault),
                 CORDON_ETIMEDOUT, &fault);
    assert_true(support_now() - start >= 59);
    assert_true(support_now() - start < SUPPORT_SOON);
    assert_int_equal(fault.is_sent, 1);
    assert_string_equal(fault.path, server.address);
    options.timeout_ms = CORDON_AT_ONCE;
    SUPPORT_CODE(cordon_call(&reply, server.endpoint, cordon_text("x"), &options, &fault),
                 CORDON_ETIMEDOUT, &fault);
    fake_close(&server);
}

static void play_flood(fake *server, support_raw raw, unsigned number)
{
    static const unsigned types[] = {EVENT, PONG, FINISH, PING};
    static uint8_t        noise[60000]; /* much to look at, quickly sent */
    size_t                size = 0;

    fake_admit(server, raw);
    FAKE_CHECK(server, fake_read(server, raw) == REQUEST);
    while (size < sizeof noise)
        size += support_put_frame(noise + size, types[(number - 1) % 4], 0, 0, NULL, 0);
    while (support_raw_try_send(raw, noise, size) == size)
        continue;
}

static void flood_of_noise_does_not_move_the_deadline(void **state)
{
    cordon_call_options options = fake_in(60, 0);
    cordon_buffer       reply = CORDON_BUFFER_INIT;
    cordon_fault        fault = CORDON_FAULT_INIT;
    uint64_t            start;
    fake                server;

    (void)state;
    fake_open(&server, play_flood);
    for (int i = 0; i < 4; i++) {
        start = support_now();
        SUPPORT_CODE(cordon_call(&reply, server.endpoint, cordon_text("x"), &options, &fault),
                     CORDON_ETIMEDOUT, &fault);
        assert_true(support_now() - start < SUPPORT_SOON);
    }
    fake_close(&server);
}

static void play_trickle(fake *server, support_raw raw, unsigned number)
{
    uint8_t head[12];

    (void)number;
    fake_admit(server, raw);
    FAKE_CHECK(server, fake_read(server, raw) == REQUEST);
    support_raw_try_send(raw, head, support_put_head(head, REPLY, 0, server->frame.id, 65536));
    while (support_raw_try_send(raw, "b", 1) == 1)
        support_pause(2);
}

static void trickle_of_bytes_does_not_move_the_deadline(void **state)
{
    cordon_call_options options = fake_in(150, 0);
    cordon_buffer       reply = CORDON_BUFFER_INIT;
    cordon_fault        fault = CORDON_FAULT_INIT;
    uint64_t            start = support_now();
    fake                server;

    (void)state;
    fake_open(&server, play_trickle);
    SUPPORT_CODE(cordon_call(&reply, server.endpoint, cordon_text("x"), &options, &fault),
                 CORDON_ETIMEDOUT, &fault);
    assert_true(support_now() - start < SUPPORT_SOON);
    fake_close(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_of_10_MiB_to_a_server_that_takes_64_KiB_is_EMSGSIZE),
        cmocka_unit_test(reason_is_read_after_a_failed_write),
        cmocka_unit_test(reply_over_our_limit_is_EMSGSIZE_before_it_comes),
        cmocka_unit_test(parts_over_our_limit_together_are_EMSGSIZE),
        cmocka_unit_test(memory_follows_what_came_not_what_was_promised),
        cmocka_unit_test(broken_answers_are_EPROTOCOL_at_once),
        cmocka_unit_test(silent_server_is_left_at_the_deadline),
        cmocka_unit_test(flood_of_noise_does_not_move_the_deadline),
        cmocka_unit_test(trickle_of_bytes_does_not_move_the_deadline),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
