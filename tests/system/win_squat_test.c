/*
 * A pipe's name that another process has: a stranger's, a lower program's, one of our user's that
 * has not our lock, and what a dead server left. Cases 54 and 58.
 */
#include "life_kit.h"

#include "inner.h"

#include <sddl.h>

static char             root[SUPPORT_PATH];
static cordon_endpoint *endpoint;

static int set_up(void **state)
{
    (void)state;
    support_directory(root);
    endpoint = support_endpoint(root);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    cordon_endpoint_close(endpoint);
    support_directory_remove(root);
    return 0;
}

/* ---- the other process ------------------------------------------------------------------ */

#define SQUATTED 3

static HANDLE take_name(const char *address, const char *descriptor)
{
    SECURITY_ATTRIBUTES attributes = {sizeof attributes, NULL, FALSE};
    HANDLE              pipe;

    SUPPORT_CHECK(ConvertStringSecurityDescriptorToSecurityDescriptorA(
        descriptor, SDDL_REVISION_1, &attributes.lpSecurityDescriptor, NULL));
    pipe = CreateNamedPipeW(support_wide(address), PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED,
                            PIPE_TYPE_BYTE, PIPE_UNLIMITED_INSTANCES, 4096, 4096, 0, &attributes);
    LocalFree(attributes.lpSecurityDescriptor);
    return pipe;
}

static int has_bytes(HANDLE pipe)
{
    DWORD size = 0;

    return PeekNamedPipe(pipe, NULL, 0, NULL, &size, NULL) && size > 0;
}

/* argument: "<address> <descriptor>". Tells 'r': it has the name, 'n': it may not. When asked:
 * 'b' bytes came, '0' none; and ends. */
static int squat(const char *argument, support_child *self)
{
    char   address[SUPPORT_PATH], descriptor[SUPPORT_PATH];
    HANDLE pipes[SQUATTED];
    int    is_told = 0;

    SUPPORT_CHECK(sscanf(argument, "%511s %511s", address, descriptor) == 2);
    for (int n = 0; n < SQUATTED; n++) {
        pipes[n] = take_name(address, descriptor);
        if (pipes[n] == INVALID_HANDLE_VALUE) {
            support_signal_send(&self->told, 'n');
            return 0;
        }
    }
    support_signal_send(&self->told, 'r');
    while (support_signal_wait(&self->orders, -1) == -1)
        continue;
    for (int n = 0; n < SQUATTED; n++)
        is_told |= has_bytes(pipes[n]);
    support_signal_send(&self->told, is_told ? 'b' : '0');
    return 0; /* all its ends close with it */
}

static const support_part parts[] = {{"squat", squat}, {NULL, NULL}};

/* 0: this system does not let us. */
static int squat_elsewhere(support_child *child, const char *descriptor)
{
    char argument[2 * SUPPORT_PATH];
    int  told;

    snprintf(argument, sizeof argument, "%s %s", cordon_endpoint_path(endpoint, CORDON_ADDRESS),
             descriptor);
    support_start(child, parts, "squat", argument);
    told = support_signal_wait(&child->told, SUPPORT_SOON);
    if (told == 'r')
        return 1;
    assert_int_equal(told, 'n');
    assert_int_equal(support_reap(child, SUPPORT_SOON), 0);
    return 0;
}

static void check_heard_nothing(support_child *child)
{
    support_signal_send(&child->orders, 's');
    assert_int_equal(support_signal_wait(&child->told, SUPPORT_SOON), '0');
    assert_int_equal(support_reap(child, SUPPORT_SOON), 0);
}

/* ---- the name ------------------------------------------------------------------------------ */

static void check_serves(void)
{
    support_server *server;

    support_server_open(&server, root, NULL, NULL);
    support_ask_echo(server->endpoint);
    support_server_close(server);
}

/* Both sides say so at once, and nothing is said to it; when it has gone, all is as before. */
static void check_impostor(const char *descriptor)
{
    cordon_fault  fault = CORDON_FAULT_INIT;
    support_child child;

    check_serves(); /* the directory, its lock */
    if (!squat_elsewhere(&child, descriptor))
        SUPPORT_SKIP("only an administrator may make a pipe of another user");
    SUPPORT_CODE(life_refused(root, 0, &fault), CORDON_EIMPOSTOR, &fault);
    SUPPORT_CODE(support_ask(NULL, endpoint, "secret", &fault), CORDON_EIMPOSTOR, &fault);
    assert_int_equal(fault.is_sent, 0);
    check_heard_nothing(&child);
    check_serves();
}

static void name_of_a_strangers_process_is_an_impostor_and_hears_nothing(void **state)
{
    (void)state;
    check_impostor("O:SYG:SYD:(A;;GA;;;WD)");
}

static void name_of_a_lower_process_is_an_impostor_and_hears_nothing(void **state)
{
    char sid[192], text[SUPPORT_PATH];

    (void)state;
    support_own_sid(sid, sizeof sid);
    snprintf(text, sizeof text, "O:%sG:%sD:(A;;GA;;;WD)S:(ML;;NW;;;LW)", sid, sid);
    check_impostor(text);
}

/* Our user's, so no impostor; but it has not our lock, so it is no server of ours. */
static void name_without_our_lock_is_unsafe_and_free_again_when_it_ends(void **state)
{
    char          sid[192], level[32], text[SUPPORT_PATH];
    cordon_fault  fault = CORDON_FAULT_INIT;
    support_child child;

    (void)state;
    support_own_sid(sid, sizeof sid);
    support_own_level(level, sizeof level);
    snprintf(text, sizeof text, "O:%sG:%sD:P(A;;GA;;;%s)S:(ML;;NRNW;;;%s)", sid, sid, sid, level);
    assert_true(squat_elsewhere(&child, text));
    SUPPORT_CODE(life_refused(root, 0, &fault), CORDON_EUNSAFE, &fault);
    support_kill_child(&child);
    check_serves();
}

/* ---- what a predecessor left -------------------------------------------------------------------
 */

static support_raw stay_connected(void)
{
    int         is_busy = 0;
    support_raw raw =
        support_raw_try_open(cordon_endpoint_path(endpoint, CORDON_ADDRESS), &is_busy);

    assert_true(raw != SUPPORT_NO_RAW);
    return raw;
}

static void lingering_ends_of_a_killed_server_stop_no_start(void **state)
{
    support_raw clients[10];
    life_child  child;

    (void)state;
    for (int round = 0; round < 10; round++) {
        life_serve(&child, root, NULL);
        clients[round] = stay_connected();
        life_kill(&child);
    }
    check_serves(); /* with ten clients of the dead around */
    for (int round = 0; round < 10; round++)
        support_raw_close(clients[round]);
}

static void lingering_ends_of_a_stopped_server_stop_no_start(void **state)
{
    support_raw clients[10];
    life_child  child;

    (void)state;
    for (int round = 0; round < 10; round++) {
        life_serve(&child, root, NULL);
        clients[round] = stay_connected();
        life_stop(&child);
    }
    check_serves();
    for (int round = 0; round < 10; round++)
        support_raw_close(clients[round]);
}

/* ---- a burst ------------------------------------------------------------------------------------
 */

/* Four can wait before anybody is let in; the fifth comes when there is room, and all are served.
 */
static void burst_is_served_also_the_fifth(void **state)
{
    support_raw burst[4];
    life_child  child;

    (void)state;
    life_serve(&child, root, NULL);
    support_freeze(child.pid);
    for (int n = 0; n < 4; n++)
        burst[n] = stay_connected();
    support_thaw(child.pid);
    support_ask_echo(endpoint);
    for (int n = 0; n < 4; n++)
        support_raw_close(burst[n]);
    support_ask_echo(endpoint);
    life_stop(&child);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        TEST(name_of_a_strangers_process_is_an_impostor_and_hears_nothing),
        TEST(name_of_a_lower_process_is_an_impostor_and_hears_nothing),
        TEST(name_without_our_lock_is_unsafe_and_free_again_when_it_ends),
        TEST(lingering_ends_of_a_killed_server_stop_no_start),
        TEST(lingering_ends_of_a_stopped_server_stop_no_start),
        TEST(burst_is_served_also_the_fifth),
    };

    SUPPORT_PLAY(count, arguments, parts);
    SUPPORT_PLAY(count, arguments, life_parts);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
