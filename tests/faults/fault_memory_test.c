/*
 * Each allocation fails once, and then all from the nth on: an error, no crash, no leak; and where
 * it failed only once, the next request is served. Case 39.
 */
#include "support.h"

static char root[SUPPORT_PATH];

static int set_up(void **state)
{
    (void)state;
    support_directory(root);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    support_directory_remove(root);
    return 0;
}

static int open_counted(cordon_endpoint **endpoint, support_memory *memory)
{
    cordon_endpoint_options options = CORDON_ENDPOINT_OPTIONS_INIT;
    cordon_fault            fault = CORDON_FAULT_INIT;

    options.directory = root;
    options.allocate = support_allocate;
    options.user = memory;
    return cordon_endpoint_open(endpoint, "test", &options, &fault);
}

/* One story; 1 when all of it went well. */
typedef int (*story)(support_memory *memory);

static void fail_each(story tell, int is_for_ever)
{
    int is_done = 0;

    for (size_t nth = 1; !is_done; nth++) {
        support_memory memory = {0};

        atomic_store(&memory.fail_from, nth);
        atomic_store(&memory.is_for_ever, is_for_ever);
        tell(&memory);
        if (atomic_load(&memory.blocks) != 0)
            fail_msg("allocation %zu failing leaks %zu blocks", nth, atomic_load(&memory.blocks));
        is_done = atomic_load(&memory.calls) < nth;
        assert_in_range(nth, 1, 10000);
    }
}

static void fail_each_once_and_for_ever(story tell)
{
    support_memory memory = {0};

    assert_true(tell(&memory)); /* where nothing fails */
    assert_int_equal(atomic_load(&memory.blocks), 0);
    fail_each(tell, 0);
    fail_each(tell, 1);
}

/* ---- the endpoint ---- */

static int open_and_close(support_memory *memory)
{
    cordon_endpoint *endpoint = NULL;
    int              code = open_counted(&endpoint, memory);

    assert_true(code == CORDON_OK || code == CORDON_ENOMEM);
    assert_true((code == CORDON_OK) == (endpoint != NULL));
    cordon_endpoint_close(endpoint);
    return code == CORDON_OK;
}

static void endpoint_without_memory_is_enomem(void **state)
{
    (void)state;
    fail_each_once_and_for_ever(open_and_close);
}

/* ---- the server ---- */

static int ask(cordon_endpoint *endpoint, const char *body, unsigned flags)
{
    cordon_call_options options = CORDON_CALL_OPTIONS_INIT;
    cordon_buffer       reply = CORDON_BUFFER_INIT;
    int                 code;

    options.timeout_ms = SUPPORT_SOON;
    options.flags = flags;
    code = cordon_call(&reply, endpoint, cordon_text(body), &options, NULL);
    cordon_buffer_free(&reply);
    return code;
}

/* All kinds of work for it, from a client that has memory. */
static int work(cordon_endpoint *endpoint)
{
    int went_well = 1;

    went_well &= ask(endpoint, "echo", 0) == CORDON_OK;
    went_well &= ask(endpoint, "\"echo\"", CORDON_NO_BINARY) == CORDON_OK;
    went_well &= ask(endpoint, "fail", 0) == CORDON_EAPP;
    went_well &= ask(endpoint, "size 900000", 0) == CORDON_OK;
    return went_well;
}

static int has_one_way_out(int code)
{
    return code == CORDON_OK || code == CORDON_ENOMEM;
}

static int serve_and_work(support_memory *memory)
{
    cordon_endpoint *client = support_endpoint(root);
    cordon_endpoint *endpoint = NULL;
    support_server  *server = NULL;
    cordon_fault     fault = CORDON_FAULT_INIT;
    int              code = open_counted(&endpoint, memory);
    int              went_well = 0;

    if (code == CORDON_OK)
        code = support_server_try(&server, endpoint, NULL, NULL, &fault);
    SUPPORT_CHECK(has_one_way_out(code));
    if (code == CORDON_OK) {
        went_well = work(client);
        if (!atomic_load(&memory->is_for_ever) &&
            atomic_load(&memory->calls) >= atomic_load(&memory->fail_from))
            SUPPORT_CHECK(ask(client, "echo", 0) == CORDON_OK); /* it is over: served again */
    }
    support_server_close(server);
    cordon_endpoint_close(endpoint);
    cordon_endpoint_close(client);
    return went_well;
}

static void server_without_memory_sheds_and_goes_on(void **state)
{
    (void)state;
    fail_each_once_and_for_ever(serve_and_work);
}

/* ---- the client ---- */

static support_server *there;

static int is_told(int code)
{
    return code == CORDON_OK || code == CORDON_ENOMEM || code == CORDON_ECLOSED;
}

static int call_both_ways(support_memory *memory)
{
    cordon_endpoint *endpoint = NULL;
    int              code = open_counted(&endpoint, memory);
    int              frames = code, lines = code;

    if (code == CORDON_OK) {
        frames = ask(endpoint, "size 300000", 0);
        lines = ask(endpoint, "\"size 300000\"", CORDON_NO_BINARY);
    }
    if (!is_told(frames) || !is_told(lines))
        print_message("frames: %s, lines: %s\n", cordon_error_name(frames),
                      cordon_error_name(lines));
    SUPPORT_CHECK(has_one_way_out(code) && is_told(frames) && is_told(lines));
    cordon_endpoint_close(endpoint);
    return frames == CORDON_OK && lines == CORDON_OK;
}

static int use_session(support_memory *memory)
{
    cordon_endpoint      *endpoint = NULL;
    cordon_session       *session = NULL;
    const cordon_message *message;
    cordon_bytes          reply;
    int                   code = open_counted(&endpoint, memory);

    if (code == CORDON_OK)
        code = cordon_session_open(&session, endpoint, NULL, NULL);
    for (int n = 0; n < 8 && code == CORDON_OK; n++)
        code = cordon_session_send(NULL, session, cordon_text("size 10000"), NULL, NULL);
    if (code == CORDON_OK) /* the replies of the eight are kept meanwhile */
        code = cordon_session_call(&reply, session, cordon_text("size 300000"), NULL, NULL);
    for (int n = 0; n < 8 && code == CORDON_OK; n++)
        code = cordon_session_receive(&message, session, 2000, NULL);
    SUPPORT_CHECK(is_told(code));
    cordon_session_close(session);
    cordon_endpoint_close(endpoint);
    return code == CORDON_OK;
}

static void client_without_memory_is_told(void **state)
{
    (void)state;
    support_server_open(&there, root, NULL, NULL);
    fail_each_once_and_for_ever(call_both_ways);
    fail_each_once_and_for_ever(use_session);
    support_server_close(there);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(endpoint_without_memory_is_enomem),
        TEST(server_without_memory_sheds_and_goes_on),
        TEST(client_without_memory_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
