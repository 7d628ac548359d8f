/*
 * What a daemon says to the one that has started it, with the real command: that it serves, or why
 * it cannot; and what it has of it afterwards: nothing.
 */
#include "start_kit.h"

#include "../../src/platform.h"
#include "../../src/ready.h"

static char root[SUPPORT_PATH], home[SUPPORT_PATH];

static int set_up(void **state)
{
    (void)state;
    support_directory(root);
    support_join(home, root, "home");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    start_end_all(home);
    support_directory_remove(root);
    return 0;
}

typedef struct daemon_of {
    cordon__child *child;
    intptr_t       ready;
    char           said[CORDON__READY_MOST + 1];
    size_t         size;
} daemon_of;

static void launch(daemon_of *it, const char *const *argv, const char *log)
{
    const cordon__trace none = {NULL, NULL};
    cordon__program     program = {argv, NULL, NULL, log, "CORDON_READY", NULL, -1, 0};
    cordon_fault        fault = CORDON_FAULT_INIT;

    memset(it, 0, sizeof *it);
    program.flags = CORDON__DETACHED;
    SUPPORT_CODE(cordon__ready_pipe(&it->ready, &program.handle, &fault), CORDON_OK, &fault);
    SUPPORT_CODE(cordon__spawn(&it->child, &program, &cordon__libc, &none, &fault), CORDON_OK,
                 &fault);
    cordon__handle_close(program.handle);
}

/* 1: more was said; 0: that was the end. */
static int hear(daemon_of *it)
{
    const uint64_t late = support_now() + SUPPORT_SOON;
    size_t         got = 0;

    while (cordon__ready_read(it->ready, it->said + it->size, CORDON__READY_MOST - it->size,
                              &got) == CORDON__AGAIN) {
        if (support_now() >= late)
            fail_msg("only this was said: %.*s", (int)it->size, it->said);
        support_pause(1);
    }
    it->size += got;
    return got > 0;
}

/* Its one line: the code; `text` its words. Nothing follows but the end, at once (Windows: what the
 * system keeps beside a program may keep the pipe open, too). */
static int hear_line(daemon_of *it, char text[CORDON__READY_MOST])
{
    cordon_bytes words, said;
    int          code = 1;

    while (memchr(it->said, '\n', it->size) == NULL)
        assert_true(hear(it));
    if (SUPPORT_EXE[0] == '\0')
        assert_false(hear(it));
    said.data = it->said;
    said.size = it->size;
    assert_true(it->size > 0 && it->said[it->size - 1] == '\n');
    assert_int_equal(cordon__ready_parse(&code, &words, said), 0);
    snprintf(text, CORDON__READY_MOST, "%.*s", (int)words.size,
             words.size > 0 ? (const char *)words.data : "");
    return code;
}

static int status_of(daemon_of *it)
{
    cordon_fault fault = CORDON_FAULT_INIT;
    int          status = -2;

    SUPPORT_CODE(cordon__child_wait(it->child, &status, cordon__now() + SUPPORT_SOON, &fault),
                 CORDON_OK, &fault);
    return status;
}

static void let_go(daemon_of *it)
{
    cordon__child_close(it->child);
    cordon__handle_close(it->ready);
}

static void it_says_ready_when_clients_can_connect(void **state)
{
    char             text[CORDON__READY_MOST];
    start_argv       argv;
    daemon_of        it;
    cordon_endpoint *endpoint;
    int              status;

    (void)state;
    launch(&it, start_daemon(&argv, home), NULL);
    assert_int_equal(hear_line(&it, text), CORDON_OK); /* to its end, though it goes on */
    assert_string_equal(text, "");
    endpoint = start_endpoint(home);
    support_ask_echo(endpoint); /* at once */
    assert_int_equal(cordon__child_look(it.child, &status), CORDON__RUNNING);
    assert_int_equal(start_server_pid(home), cordon__child_pid(it.child));
    let_go(&it);
    support_ask_echo(endpoint); /* it is nobody's now */
    cordon_endpoint_close(endpoint);
}

static void it_says_who_is_in_its_way(void **state)
{
    char       text[CORDON__READY_MOST];
    start_argv argv;
    daemon_of  first, second;

    (void)state;
    launch(&first, start_daemon(&argv, home), NULL);
    assert_int_equal(hear_line(&first, text), CORDON_OK);
    launch(&second, start_daemon(&argv, home), NULL);
    assert_int_equal(hear_line(&second, text), CORDON_EADDRINUSE);
    assert_non_null(strstr(text, "already served"));
    assert_int_equal(status_of(&second), 7);
    let_go(&second);
    let_go(&first);
}

static void it_says_why_it_cannot_serve(void **state)
{
    char       text[CORDON__READY_MOST], log[SUPPORT_PATH], printed[2048] = "";
    start_argv argv;
    daemon_of  it;

    (void)state;
    support_write(home, "", 0, 0600); /* a file where the directory should be */
    launch(&it, start_daemon(&argv, home), support_join(log, root, "log"));
    assert_true(hear_line(&it, text) < 0);
    assert_non_null(strstr(text, "home"));
    assert_true(status_of(&it) > 0);
    let_go(&it);
    assert_true(support_read(log, printed, sizeof printed - 1) > 0);
    assert_non_null(strstr(printed, "home")); /* in its log, too */
    support_remove(home);
}

static void it_serves_though_nobody_listens(void **state)
{
    start_argv       argv;
    daemon_of        it;
    cordon_endpoint *endpoint = start_endpoint(home);
    const uint64_t   late = support_now() + SUPPORT_SOON;

    (void)state;
    launch(&it, start_daemon(&argv, home), NULL);
    let_go(&it);
    while (!support_is_published(endpoint)) {
        assert_true(support_now() < late);
        support_pause(2);
    }
    support_ask_echo(endpoint);
    cordon_endpoint_close(endpoint);
}

static void its_programs_know_nothing_of_it(void **state)
{
    const char *const argv[] = {
        support_bin(), "serve",       "start", "--dir", home, "--allow-stop",
        "--idle-exit", START_IDLE_MS, "--",    "sh",    "-c", "echo ${CORDON_READY-gone}",
        NULL};
    char             text[CORDON__READY_MOST];
    daemon_of        it;
    cordon_endpoint *endpoint;
    cordon_buffer    reply = CORDON_BUFFER_INIT;
    cordon_fault     fault = CORDON_FAULT_INIT;

    (void)state;
    if (SUPPORT_EXE[0] != '\0')
        SUPPORT_SKIP("its programs need a POSIX shell");
    launch(&it, argv, NULL);
    assert_int_equal(hear_line(&it, text), CORDON_OK);
    let_go(&it);
    endpoint = start_endpoint(home);
    SUPPORT_CODE(support_ask(&reply, endpoint, "", &fault), CORDON_OK, &fault);
    assert_string_equal(reply.data, "gone\n");
    cordon_buffer_free(&reply);
    cordon_endpoint_close(endpoint);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_says_ready_when_clients_can_connect),
        TEST(it_says_who_is_in_its_way),
        TEST(it_says_why_it_cannot_serve),
        TEST(it_serves_though_nobody_listens),
        TEST(its_programs_know_nothing_of_it),
    };

    if (support_bin() == NULL) {
        print_message("CORDON_BIN is not set\n");
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
