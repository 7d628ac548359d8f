/*
 * cordon_endpoint_check on every system: facts in the order of causes, the first trouble is the
 * answer, and nothing is changed by looking. (What it says of each trouble: interop/doctor_test.py)
 */
#include "client_kit.h"

typedef struct facts {
    unsigned         count;
    cordon_fault     trouble; /* the first one; code CORDON_OK: none */
    cordon_fault     last;
    cordon_endpoint *asked; /* in the callback, when there is one */
} facts;

static void hear(const cordon_fault *fact, void *user)
{
    facts *all = user;
    char   token[65];

    all->count++;
    all->last = *fact;
    assert_non_null(fact->during);
    assert_true(fact->size == sizeof *fact);
    if (fact->code != CORDON_OK && all->trouble.code == CORDON_OK)
        all->trouble = *fact;
    if (all->asked != NULL) /* it holds nothing that this would wait for */
        (void)cordon_endpoint_token(token, all->asked, NULL);
}

static void check(facts *all, cordon_endpoint *endpoint, int expected, const char *words)
{
    int code;

    memset(all, 0, sizeof *all);
    all->asked = endpoint;
    code = cordon_endpoint_check(endpoint, hear, all);
    assert_string_equal(cordon_error_name(code), cordon_error_name(expected));
    assert_int_equal(all->trouble.code, expected);
    assert_true(all->count >= 5);
    if (strstr(expected == CORDON_OK ? all->last.text : all->trouble.text, words) == NULL)
        fail_msg("\"%s\" says nothing of \"%s\"", all->trouble.text, words);
}

static void without_an_endpoint_it_is_EINVAL(void **state)
{
    (void)state;
    assert_int_equal(cordon_endpoint_check(NULL, hear, NULL), CORDON_EINVAL);
}

static void nobody_there_is_told_and_nothing_made(void **state)
{
    facts all;
    fake  server;
    char  names[1024];

    (void)state;
    fake_prepare(&server);
    support_remove(server.token_path);
    check(&all, server.endpoint, CORDON_ENOTRUNNING, "nothing stands in the way of a start");
    assert_int_equal(cordon_endpoint_check(server.endpoint, NULL, NULL), CORDON_ENOTRUNNING);
    support_names(names, sizeof names, server.directory);
    assert_string_equal(names, "");
    fake_close(&server);
}

static void running_server_is_told_by_itself(void **state)
{
    cordon_server_options options = CORDON_SERVER_OPTIONS_INIT;
    support_server       *server;
    facts                 all;
    char                  directory[SUPPORT_PATH];

    (void)state;
    support_directory(directory);
    options.program = "check \"1.0\"";
    support_server_open(&server, directory, NULL, &options);
    check(&all, server->endpoint, CORDON_OK, "running: pid ");
    assert_non_null(strstr(all.last.text, "\"check \"1.0\"\""));
    assert_string_equal(all.last.during, "status");
    for (int n = 0; n < 20; n++) { /* and it goes on serving */
        assert_int_equal(cordon_endpoint_check(server->endpoint, NULL, NULL), CORDON_OK);
        support_ask_echo(server->endpoint);
    }
    support_server_close(server);
    support_directory_remove(directory);
}

static void play_version_99(fake *server, support_raw raw, unsigned number)
{
    (void)number;
    if (!fake_hello(server, raw))
        return; /* who only looked whether somebody is here */
    fake_welcome(raw, 0, 65536, 99);
    while (fake_read(server, raw) == STATUS)
        fake_say_text(raw, REPLY, 0, server->frame.id,
                      "{\"version\":99,\"program\":7,\"sessions\":\"many\",\"later\":{}}");
}

static void server_of_another_version_is_EVERSION(void **state)
{
    facts all;
    fake  server;

    (void)state;
    fake_open(&server, play_version_99);
    check(&all, server.endpoint, CORDON_EVERSION, "it speaks version 99, we 1");
    fake_close(&server);
}

static void play_nonsense_about_itself(fake *server, support_raw raw, unsigned number)
{
    (void)number;
    if (!fake_hello(server, raw))
        return;
    fake_welcome(raw, 0, 65536, 99);
    while (fake_read(server, raw) == STATUS)
        fake_say_text(raw, REPLY, 0, server->frame.id, "[\"\\u001b[2J\"]");
}

/* What it cannot tell it does not make up: that is no version of ours. */
static void server_that_tells_nonsense_is_EVERSION(void **state)
{
    facts all;
    fake  server;

    (void)state;
    fake_open(&server, play_nonsense_about_itself);
    check(&all, server.endpoint, CORDON_EVERSION, "version 0");
    fake_close(&server);
}

static void play_silence(fake *server, support_raw raw, unsigned number)
{
    (void)number;
    if (fake_hello(server, raw))
        fake_drain(server, raw);
}

static void server_that_says_nothing_is_ETIMEDOUT(void **state)
{
    facts all;
    fake  server;

    (void)state;
    fake_open(&server, play_silence);
    check(&all, server.endpoint, CORDON_ETIMEDOUT, "took the connection but says nothing");
    fake_close(&server);
}

static void lost_token_is_the_cause_though_a_server_answers(void **state)
{
    facts all;
    fake  server;

    (void)state;
    fake_open(&server, play_version_99);
    support_remove(server.token_path);
    check(&all, server.endpoint, CORDON_EUNAUTHORIZED, "its token file is gone");
    assert_string_equal(all.trouble.path, server.token_path);
    fake_close(&server);
}

static void each_allocation_may_fail_and_nothing_stays_open(void **state)
{
    const uint64_t end = support_now() + SUPPORT_SOON;
    fake           server;
    int            before;
    size_t         fail = 1;

    (void)state;
    fake_open(&server, play_version_99);
    assert_int_equal(cordon_endpoint_check(server.endpoint, NULL, NULL), CORDON_EVERSION);
    before = support_count_descriptors();
    for (int code = CORDON_ENOMEM; code != CORDON_EVERSION; fail++) {
        const size_t blocks = atomic_load(&server.memory.blocks);

        atomic_store(&server.memory.fail_from, atomic_load(&server.memory.calls) + fail);
        code = cordon_endpoint_check(server.endpoint, NULL, NULL);
        assert_true(code == CORDON_ENOMEM || code == CORDON_EVERSION);
        assert_int_equal(atomic_load(&server.memory.blocks), blocks);
        assert_true(fail < 100);
    }
    atomic_store(&server.memory.fail_from, 0);
    assert_true(fail > 2); /* there was something to fail */
    while (support_count_descriptors() > before + 2 && support_now() < end)
        support_pause(5); /* the fake may still be closing some */
    assert_true(support_count_descriptors() <= before + 2);
    fake_close(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_an_endpoint_it_is_EINVAL),
        cmocka_unit_test(nobody_there_is_told_and_nothing_made),
        cmocka_unit_test(running_server_is_told_by_itself),
        cmocka_unit_test(server_of_another_version_is_EVERSION),
        cmocka_unit_test(server_that_tells_nonsense_is_EVERSION),
        cmocka_unit_test(server_that_says_nothing_is_ETIMEDOUT),
        cmocka_unit_test(lost_token_is_the_cause_though_a_server_answers),
        cmocka_unit_test(each_allocation_may_fail_and_nothing_stays_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
