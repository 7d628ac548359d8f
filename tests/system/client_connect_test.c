/*
 * Approaching an endpoint: who is there, is it ours, which token.
 */
#include "client_kit.h"

#include <uv.h>

static int call_in(fake *server, int timeout_ms, cordon_fault *fault)
{
    cordon_call_options options = CORDON_CALL_OPTIONS_INIT;
    cordon_buffer       reply = CORDON_BUFFER_INIT;
    int                 code;

    options.timeout_ms = timeout_ms;
    code = cordon_call(&reply, server->endpoint, cordon_text("x"), &options, fault);
    cordon_buffer_free(&reply);
    return code;
}

/* ---- nobody, or too busy ---------------------------------------------------------------- */

static void nobody_is_ENOTRUNNING_at_once(void **state)
{
    cordon_fault fault = CORDON_FAULT_INIT;
    uint64_t     start = support_now();
    int          is_left;
    fake         server;

    (void)state;
    fake_prepare(&server);
    SUPPORT_CODE(call_in(&server, SUPPORT_SOON, &fault), CORDON_ENOTRUNNING, &fault);
    assert_int_equal(fault.is_sent, 0);
    assert_string_equal(fault.path, server.address);
    /* What a dead server left: nobody either. */
    fake_listen(&server, 1);
    is_left = support_listener_die(server.listener);
    server.listener = NULL;
    SUPPORT_CODE(call_in(&server, SUPPORT_SOON, &fault), CORDON_ENOTRUNNING, &fault);
    assert_int_equal(support_exists(server.address), is_left); /* a client removes nothing */
    assert_true(support_now() - start < SUPPORT_SOON / 2);
    fake_close(&server);
}

static void endpoint_without_a_directory_is_ENOTRUNNING(void **state)
{
    cordon_endpoint_options options = CORDON_ENDPOINT_OPTIONS_INIT;
    cordon_session         *session;
    cordon_endpoint        *endpoint;
    cordon_fault            fault = CORDON_FAULT_INIT;
    cordon_buffer           reply = CORDON_BUFFER_INIT;
    char                    directory[SUPPORT_PATH], none[SUPPORT_PATH], token[65];

    (void)state;
    support_directory(directory);
    options.directory = support_join(none, directory, "none");
    SUPPORT_CODE(cordon_endpoint_open(&endpoint, "test", &options, &fault), CORDON_OK, &fault);
    SUPPORT_CODE(cordon_call(&reply, endpoint, cordon_text("x"), NULL, &fault), CORDON_ENOTRUNNING,
                 &fault);
    SUPPORT_CODE(cordon_session_open(&session, endpoint, NULL, &fault), CORDON_ENOTRUNNING, &fault);
    SUPPORT_CODE(cordon_endpoint_token(token, endpoint, &fault), CORDON_ENOTRUNNING, &fault);
    assert_false(support_exists(none));
    cordon_endpoint_close(endpoint);
    support_directory_remove(directory);
}

/* Connects until the backlog takes no more; how many. */
static int fill_backlog(fake *server, support_raw *raws, int most)
{
    int count = 0, is_busy = 0;

    while (count < most) {
        raws[count] = support_raw_try_open(server->address, &is_busy);
        if (raws[count] == SUPPORT_NO_RAW)
            break;
        count++;
    }
    SUPPORT_CHECK(count == most || is_busy);
    return count;
}

static void close_all(const support_raw *raws, int count)
{
    for (int i = 0; i < count; i++)
        support_raw_close(raws[i]);
}

static void full_backlog_for_ever_is_ETIMEDOUT_at_the_deadline(void **state)
{
    cordon_fault fault = CORDON_FAULT_INIT;
    uint64_t     start;
    support_raw  raws[16];
    int          count;
    fake         server;

    (void)state;
    fake_prepare(&server);
    fake_listen(&server, 1);
    count = fill_backlog(&server, raws, 16);
    assert_true(count > 0 && count < 16);
    start = support_now();
    SUPPORT_CODE(call_in(&server, 80, &fault), CORDON_ETIMEDOUT, &fault);
    assert_true(support_now() - start >= 79);
    assert_true(support_now() - start < SUPPORT_SOON);
    assert_string_equal(fault.during, "connect");
    assert_int_equal(fault.is_sent, 0);
    SUPPORT_CODE(call_in(&server, CORDON_AT_ONCE, &fault), CORDON_ETIMEDOUT, &fault);
    close_all(raws, count);
    fake_close(&server);
}

static void play_patient(fake *server, support_raw raw, unsigned number)
{
    (void)number;
    if (!fake_hello(server, raw))
        return; /* those that only filled the backlog say nothing */
    fake_welcome(raw, 1, 65536, 77);
    while (fake_read(server, raw) != 0)
        if (server->frame.type == REQUEST)
            fake_say(raw, REPLY, 0, server->frame.id, server->frame.body, server->frame.size);
}

static void accept_later(void *context)
{
    support_pause(60);
    fake_start(context, play_patient);
}

static void full_backlog_for_a_while_is_waited_for(void **state)
{
    cordon_fault fault = CORDON_FAULT_INIT;
    uv_thread_t  thread;
    support_raw  raws[16];
    int          count;
    fake         server;

    (void)state;
    fake_prepare(&server);
    fake_listen(&server, 1);
    count = fill_backlog(&server, raws, 16);
    close_all(raws, count); /* they sit in it all the same */
    assert_int_equal(uv_thread_create(&thread, accept_later, &server), 0);
    SUPPORT_CODE(call_in(&server, SUPPORT_SOON, &fault), CORDON_OK, &fault);
    uv_thread_join(&thread);
    fake_close(&server);
}

/* ---- the token ------------------------------------------------------------------------------ */

static void play_token(fake *server, support_raw raw, unsigned number)
{
    (void)number;
    FAKE_CHECK(server, fake_hello(server, raw));
    FAKE_CHECK(server, server->hello.token_size == 32);
    if (memcmp(server->hello.token, server->token, 32) != 0) {
        fake_refuse(raw, UNAUTHORIZED, "unauthorized");
        fake_drain(server, raw);
        return;
    }
    fake_welcome(raw, 1, 65536, 77);
    while (fake_read(server, raw) != 0) {
        if (server->frame.type != REQUEST)
            continue;
        atomic_fetch_add(&server->ran, 1);
        fake_say(raw, REPLY, 0, server->frame.id, server->frame.body, server->frame.size);
    }
}

static void server_that_started_anew_is_asked_with_its_new_token(void **state)
{
    cordon_session *session;
    cordon_fault    fault = CORDON_FAULT_INIT;
    fake            server;

    (void)state;
    fake_open(&server, play_token);
    SUPPORT_CODE(call_in(&server, SUPPORT_SOON, &fault), CORDON_OK, &fault);
    assert_int_equal(atomic_load(&server.connections), 1);
    fake_write_token(&server, 50); /* between the token, which is known, and the hello */
    SUPPORT_CODE(call_in(&server, SUPPORT_SOON, &fault), CORDON_OK, &fault);
    assert_int_equal(atomic_load(&server.connections), 3);
    SUPPORT_CODE(call_in(&server, SUPPORT_SOON, &fault), CORDON_OK, &fault);
    assert_int_equal(atomic_load(&server.connections), 4); /* and it is known again */
    fake_write_token(&server, 90);
    SUPPORT_CODE(cordon_session_open(&session, server.endpoint, NULL, &fault), CORDON_OK, &fault);
    assert_int_equal(atomic_load(&server.connections), 6);
    assert_int_equal(atomic_load(&server.ran), 3);
    cordon_session_close(session);
    fake_close(&server);
}

static void play_unauthorized(fake *server, support_raw raw, unsigned number)
{
    (void)number;
    FAKE_CHECK(server, fake_hello(server, raw));
    if (atomic_load(&server->step) == 1)
        fake_write_token(server, (uint8_t)(10 * number));
    fake_refuse(raw, UNAUTHORIZED, "unauthorized");
    fake_drain(server, raw);
}

static void refused_token_is_tried_again_only_if_another_is_there_and_each_once(void **state)
{
    cordon_fault fault = CORDON_FAULT_INIT;
    fake         server;
    int          code;

    (void)state;
    fake_open(&server, play_unauthorized);
    SUPPORT_CODE(call_in(&server, SUPPORT_SOON, &fault), CORDON_EUNAUTHORIZED, &fault);
    assert_int_equal(fault.is_sent, 0);
    assert_string_equal(fault.path, server.token_path);
    assert_int_equal(atomic_load(&server.connections), 1); /* the same token: no use */
    fake_set(&server, 1);                                  /* another one each time */
    code = call_in(&server, 300, &fault);
    /* Between two attempts nothing ran, and it may come back; in the middle of one who knows. */
    assert_true((code == CORDON_ECLOSED && !fault.is_sent) || code == CORDON_ETIMEDOUT);
    assert_true(atomic_load(&server.connections) > 3);
    fake_close(&server);
}

static void play_unauthorized_line(fake *server, support_raw raw, unsigned number)
{
    static const char no[] =
        "{\"ok\":false,\"error\":\"unauthorized\",\"code\":\"UNAUTHORIZED\"}\n";
    char line[512], hex[65];

    (void)number;
    FAKE_CHECK(server, support_raw_line(raw, line, sizeof line, SUPPORT_SOON) == 1);
    support_to_hex(hex, server->token, 32);
    if (strstr(line, hex) == NULL)
        support_raw_send(raw, no, sizeof no - 1);
    else
        support_raw_send(raw, "{\"ok\":true,\"data\":1}\n", 21);
}

static void json_line_is_sent_again_with_the_new_token(void **state)
{
    cordon_call_options options = CORDON_CALL_OPTIONS_INIT;
    cordon_buffer       reply = CORDON_BUFFER_INIT;
    cordon_fault        fault = CORDON_FAULT_INIT;
    fake                server;

    (void)state;
    options.flags = CORDON_NO_BINARY;
    fake_open(&server, play_unauthorized_line);
    for (int i = 0; i < 3; i++) {
        SUPPORT_CODE(cordon_call(&reply, server.endpoint, cordon_text("1"), &options, &fault),
                     CORDON_OK, &fault);
        fake_write_token(&server, (uint8_t)(60 + 10 * i));
    }
    assert_int_equal(atomic_load(&server.connections), 5);
    cordon_buffer_free(&reply);
    fake_close(&server);
}

typedef struct token_file {
    const char *name;
    const char *text; /* NULL: 64 good digits */
    unsigned    mode;
    int         code;
} token_file;

static const char *good_digits = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/* It has the lock, as a server has: its token is not still to come. */
static void name_holder(fake *server)
{
    const char *path = cordon_endpoint_path(server->endpoint, CORDON_LOCK);
    char        text[64];
    const int size = snprintf(text, sizeof text, "%d 2026-11-21T00:00:00Z fake\n", uv_os_getpid());

    support_write(path, text, (size_t)size, 0600);
}

static void make_token(fake *server, const token_file *file)
{
    const char *text = file->text != NULL ? file->text : good_digits;

    support_remove(server->token_path);
    name_holder(server);
    if (strcmp(file->name, "absent") == 0)
        return;
    if (strcmp(file->name, "directory") == 0) {
        support_directory_make(server->token_path);
        return;
    }
    support_write(server->token_path, text, strlen(text), file->mode);
    if (strcmp(file->name, "1 GiB") == 0)
        support_unshare(support_share(server->token_path, 1 << 30), 1 << 30);
}

static void wrong_token_files_are_refused_at_once_with_their_path(void **state)
{
    static const token_file files[] = {
        {"absent", NULL, 0600, CORDON_EUNAUTHORIZED},
        {"empty", "", 0600, CORDON_EUNAUTHORIZED},
        {"63 digits", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde", 0600,
         CORDON_EUNAUTHORIZED},
        {"65 digits", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0", 0600,
         CORDON_EUNAUTHORIZED},
        {"upper case", "0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef", 0600,
         CORDON_EUNAUTHORIZED},
        {"not hex", "x123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", 0600,
         CORDON_EUNAUTHORIZED},
        {"1 GiB", "", 0600, CORDON_EUNAUTHORIZED},
        {"open to the group", NULL, 0640, CORDON_EUNSAFE},
        {"open to all", NULL, 0604, CORDON_EUNSAFE},
        {"directory", NULL, 0700, CORDON_EUNSAFE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        cordon_session *session;
        cordon_fault    fault = CORDON_FAULT_INIT;
        char            token[65];
        uint64_t        start = support_now();
        fake            server;

        fake_open(&server, play_patient);
        make_token(&server, &files[i]);
        if (call_in(&server, SUPPORT_SOON, &fault) != files[i].code)
            fail_msg("%s: %s", files[i].name, cordon_fault_line(&fault));
        assert_string_equal(fault.path, server.token_path);
        assert_int_equal(fault.is_sent, 0);
        SUPPORT_CODE(cordon_session_open(&session, server.endpoint, NULL, &fault), files[i].code,
                     &fault);
        SUPPORT_CODE(cordon_endpoint_token(token, server.endpoint, &fault), files[i].code, &fault);
        assert_true(support_now() - start < SUPPORT_SOON / 2);
        assert_int_equal(atomic_load(&server.requests), 0);
        support_directory_remove(server.token_path);
        fake_close(&server);
    }
}

static void token_and_address_gone_is_ENOTRUNNING(void **state)
{
    cordon_fault fault = CORDON_FAULT_INIT;
    char         token[65];
    fake         server;

    (void)state;
    fake_prepare(&server);
    support_remove(server.token_path);
    SUPPORT_CODE(cordon_endpoint_token(token, server.endpoint, &fault), CORDON_ENOTRUNNING, &fault);
    fake_close(&server);
}

static void token_is_read_anew_for_other_languages(void **state)
{
    cordon_fault fault = CORDON_FAULT_INIT;
    char         token[65], expected[65];
    fake         server;

    (void)state;
    fake_prepare(&server);
    for (int i = 0; i < 3; i++) {
        fake_write_token(&server, (uint8_t)(30 * i));
        support_to_hex(expected, server.token, 32);
        SUPPORT_CODE(cordon_endpoint_token(token, server.endpoint, &fault), CORDON_OK, &fault);
        assert_string_equal(token, expected);
    }
    fake_close(&server);
}

/* ---- one endpoint, many threads -----------------------------------------------------------------
 */

static void call_often(void *context)
{
    fake        *server = context;
    cordon_fault fault = CORDON_FAULT_INIT;

    for (int i = 0; i < 40; i++)
        if (call_in(server, SUPPORT_SOON, &fault) != CORDON_OK)
            atomic_fetch_add(&server->failed, 1);
}

static void play_renewing(fake *server, support_raw raw, unsigned number)
{
    if (number == 60)
        fake_write_token(server, (uint8_t)number); /* all threads have the old one */
    play_token(server, raw, number);
}

static void threads_share_an_endpoint_and_its_token(void **state)
{
    uv_thread_t threads[4];
    fake        server;

    (void)state;
    fake_open(&server, play_renewing);
    for (int i = 0; i < 4; i++)
        assert_int_equal(uv_thread_create(&threads[i], call_often, &server), 0);
    for (int i = 0; i < 4; i++)
        uv_thread_join(&threads[i]);
    assert_int_equal(atomic_load(&server.failed), 0);
    assert_int_equal(atomic_load(&server.ran), 160); /* each once */
    fake_close(&server);
}

/* ---- the trace
 * -------------------------------------------------------------------------------------- */

static void note_step(const cordon_fault *step, void *user)
{
    char *steps = user;

    snprintf(steps + strlen(steps), 1000 - strlen(steps), "%s %s, ", step->during,
             cordon_error_name(step->code));
}

static void every_step_is_traced_and_no_token(void **state)
{
    cordon_endpoint_options options = CORDON_ENDPOINT_OPTIONS_INIT;
    cordon_endpoint        *endpoint;
    cordon_buffer           reply = CORDON_BUFFER_INIT;
    cordon_fault            fault = CORDON_FAULT_INIT;
    char                    steps[1000] = "";
    fake                    server;

    (void)state;
    fake_open(&server, play_token);
    options.directory = server.directory;
    options.trace = note_step;
    options.user = steps;
    SUPPORT_CODE(cordon_endpoint_open(&endpoint, "test", &options, &fault), CORDON_OK, &fault);
    SUPPORT_CODE(cordon_call(&reply, endpoint, cordon_text("x"), NULL, &fault), CORDON_OK, &fault);
    assert_non_null(strstr(steps, "check directory CORDON_OK"));
    assert_non_null(strstr(steps, "connect CORDON_OK"));
    assert_non_null(strstr(steps, "check peer CORDON_OK"));
    assert_non_null(strstr(steps, "read token CORDON_OK"));
    assert_non_null(strstr(steps, "hello CORDON_OK"));
    steps[0] = '\0';
    fake_unlisten(&server);
    SUPPORT_CODE(cordon_call(&reply, endpoint, cordon_text("x"), NULL, &fault), CORDON_ENOTRUNNING,
                 &fault);
    assert_non_null(strstr(steps, "connect CORDON_ENOTRUNNING"));
    cordon_buffer_free(&reply);
    cordon_endpoint_close(endpoint);
    fake_close(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_is_ENOTRUNNING_at_once),
        cmocka_unit_test(endpoint_without_a_directory_is_ENOTRUNNING),
        cmocka_unit_test(full_backlog_for_ever_is_ETIMEDOUT_at_the_deadline),
        cmocka_unit_test(full_backlog_for_a_while_is_waited_for),
        cmocka_unit_test(server_that_started_anew_is_asked_with_its_new_token),
        cmocka_unit_test(refused_token_is_tried_again_only_if_another_is_there_and_each_once),
        cmocka_unit_test(json_line_is_sent_again_with_the_new_token),
        cmocka_unit_test(wrong_token_files_are_refused_at_once_with_their_path),
        cmocka_unit_test(token_and_address_gone_is_ENOTRUNNING),
        cmocka_unit_test(token_is_read_anew_for_other_languages),
        cmocka_unit_test(threads_share_an_endpoint_and_its_token),
        cmocka_unit_test(every_step_is_traced_and_no_token),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
