/*
 * Each system call of a request fails once, with one error after the other: it is answered all the
 * same, or its caller is told, truly, whether it may have run. Nothing runs twice, nothing leaks.
 */
#include "support.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>

static char root[SUPPORT_PATH];

typedef struct outcome { /* told by the child, in shared memory */
    int code, is_sent;
} outcome;

static outcome        *told;
static support_server *server;

static int set_up(void **state)
{
    (void)state;
    support_directory(root);
    support_server_open(&server, root, NULL, NULL);
    told = mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return told == MAP_FAILED ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    munmap(told, sizeof *told);
    support_server_close(server);
    support_directory_remove(root);
    return 0;
}

static cordon_endpoint *open_counted(support_memory *memory)
{
    cordon_endpoint_options options = CORDON_ENDPOINT_OPTIONS_INIT;
    cordon_endpoint        *endpoint = NULL;
    cordon_fault            fault = CORDON_FAULT_INIT;

    options.directory = root;
    options.allocate = support_allocate;
    options.user = memory;
    SUPPORT_CODE(cordon_endpoint_open(&endpoint, "test", &options, &fault), CORDON_OK, &fault);
    return endpoint;
}

typedef int (*ask_fn)(cordon_endpoint *endpoint, cordon_fault *fault);

/* Whatever happens, it happens between descriptors and memory that are all given back. */
static int ask_between(void *context)
{
    ask_fn           ask = *(ask_fn *)context;
    support_memory   memory = {0};
    int              descriptors = support_count_descriptors();
    cordon_endpoint *endpoint = open_counted(&memory);
    cordon_fault     fault = CORDON_FAULT_INIT;

    told->code = ask(endpoint, &fault);
    told->is_sent = fault.is_sent;
    SUPPORT_CHECK(told->code == CORDON_OK || fault.code == told->code);
    SUPPORT_CHECK(told->code == CORDON_OK || (fault.during != NULL && fault.during[0] != 0));
    cordon_endpoint_close(endpoint);
    SUPPORT_CHECK(atomic_load(&memory.blocks) == 0);
    SUPPORT_CHECK(support_count_descriptors() == descriptors);
    return 0;
}

static int call_once(cordon_endpoint *endpoint, unsigned flags, cordon_fault *fault)
{
    cordon_call_options options = CORDON_CALL_OPTIONS_INIT;
    cordon_buffer       reply = CORDON_BUFFER_INIT;
    int                 code;

    options.timeout_ms = 1000;
    options.flags = flags;
    support_step_mark();
    code = cordon_call(&reply, endpoint, cordon_text("1234"), &options, fault);
    support_step_end();
    SUPPORT_CHECK(code != CORDON_OK || strcmp(reply.data, "1234") == 0);
    cordon_buffer_free(&reply);
    return code;
}

static int call_in_frames(cordon_endpoint *endpoint, cordon_fault *fault)
{
    return call_once(endpoint, 0, fault);
}

static int call_in_lines(cordon_endpoint *endpoint, cordon_fault *fault)
{
    return call_once(endpoint, CORDON_NO_BINARY, fault);
}

static int call_in_a_session(cordon_endpoint *endpoint, cordon_fault *fault)
{
    cordon_call_options    once = CORDON_CALL_OPTIONS_INIT;
    cordon_session_options options = CORDON_SESSION_OPTIONS_INIT;
    cordon_session        *session = NULL;
    cordon_bytes           reply;
    int                    code;

    options.timeout_ms = once.timeout_ms = 1000;
    support_step_mark();
    code = cordon_session_open(&session, endpoint, &options, fault);
    if (code == CORDON_OK)
        code = cordon_session_call(&reply, session, cordon_text("1234"), &once, fault);
    SUPPORT_CHECK(code != CORDON_OK || (reply.size == 4 && memcmp(reply.data, "1234", 4) == 0));
    cordon_session_close(session);
    support_step_end();
    return code;
}

/* Where an interrupt is no more than that. */
static int must_go_on(unsigned call, int error)
{
    const unsigned calls[] = {
        SYS_connect,
        SYS_sendmsg,
        SYS_sendto,
        SYS_recvmsg,
        SYS_recvfrom,
        SYS_ppoll,
        SYS_writev,
        SYS_read,
#if defined(SYS_poll)
        SYS_poll,
#endif
    };

    for (size_t n = 0; n < sizeof calls / sizeof calls[0]; n++)
        if (calls[n] == call)
            return error == EINTR;
    return 0;
}

static void judge(unsigned runs, unsigned call, int error)
{
    int is_true = told->code == CORDON_OK ? runs == 1 : runs <= (unsigned)(told->is_sent != 0);

    if (must_go_on(call, error) && told->code != CORDON_OK)
        is_true = 0;
    if (!is_true)
        fail_msg("call number %u failing with %s: %s, is_sent %d, ran %u times", call,
                 strerror(error), cordon_error_name(told->code), told->is_sent, runs);
}

static int has_all_ended(void *context)
{
    (void)context;
    return atomic_load(&server->ended) == atomic_load(&server->arrived);
}

static void fail_each_call(ask_fn ask, int error, unsigned totals[2])
{
    int      is_hit = 1, status;
    unsigned call;

    for (unsigned nth = 1; is_hit; nth++) {
        unsigned before = support_calls(server);

        is_hit = support_step_fail(ask_between, &ask, nth, error, &status, &call);
        if (status != 0)
            fail_msg("call %u (number %u) failing with %s: status %d", nth, call, strerror(error),
                     status);
        /* The server sees its end; then the request ran, or never will. */
        support_ask_echo(server->endpoint);
        assert_true(support_until(has_all_ended, NULL, SUPPORT_SOON));
        judge(support_calls(server) - before - 1, call, error);
        totals[told->code != CORDON_OK] += (unsigned)is_hit;
    }
    assert_int_equal(told->code, CORDON_OK); /* where nothing fails */
}

/* The first `count` of them. After a reset it waits for a reason: that costs its whole time. */
static void fail_each_call_with_errors(size_t count, ask_fn ask)
{
    const int errors[] = {EIO, EINTR, ENOMEM, EMFILE, EACCES, ENOBUFS, ECONNRESET};
    unsigned  totals[2] = {0, 0};

    if (support_fail_missing() != NULL)
        SUPPORT_SKIP(support_fail_missing());
    for (size_t n = 0; n < count && n < sizeof errors / sizeof errors[0]; n++)
        fail_each_call(ask, errors[n], totals);
    print_message("%u calls that failed, %u that did all the same\n", totals[1], totals[0]);
    assert_true(totals[1] > 10);
}

static void failing_call_in_frames_is_told_truly(void **state)
{
    (void)state;
    fail_each_call_with_errors(7, call_in_frames);
}

static void failing_call_in_lines_is_told_truly(void **state)
{
    (void)state;
    fail_each_call_with_errors(6, call_in_lines);
}

static void failing_call_in_a_session_is_told_truly(void **state)
{
    (void)state;
    fail_each_call_with_errors(6, call_in_a_session);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(failing_call_in_frames_is_told_truly),
        TEST(failing_call_in_lines_is_told_truly),
        TEST(failing_call_in_a_session_is_told_truly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
