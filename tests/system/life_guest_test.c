/*
 * cordon is a guest in its process: it changes nothing that belongs to the host. Case 37, what all
 * systems have of it; life_host_test knows the rest of POSIX.
 */
#include "life_use.h"

#include <uv.h>

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

/* What libuv keeps for the whole process is there before we look. */
static void warm_up(void)
{
    uv_loop_t uv;

    SUPPORT_CHECK(uv_loop_init(&uv) == 0 && uv_loop_close(&uv) == 0);
}

static int is_one_thread(void *count)
{
    return support_count_threads() == *(int *)count;
}

static void host_process_is_the_same_before_and_after_everything(void **state)
{
    static support_host before, after;
    int                 threads;

    (void)state;
    warm_up();
    life_use_everything(root); /* the system's own helpers come with the first use */
    threads = support_count_threads();
    support_host_look(&before);
    for (int round = 0; round < 3; round++)
        life_use_everything(root);
    SUPPORT_CHECK(support_until(is_one_thread, &threads, SUPPORT_SOON));
    support_host_look(&after);
    support_host_same(&before, &after);
}

static void one_thread_serves_and_asking_makes_none(void **state)
{
    const int        before = support_count_threads();
    support_server  *server;
    cordon_endpoint *endpoint;

    (void)state;
    support_server_open(&server, root, NULL, NULL);
    endpoint = support_endpoint(root);
    life_use_session(endpoint, 0);
    assert_int_equal(support_count_threads(), before + 1);
    for (int n = 0; n < 3; n++)
        life_use_session(endpoint, 0);
    assert_int_equal(support_count_threads(), before + 1);
    cordon_endpoint_close(endpoint);
    support_server_close(server);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(host_process_is_the_same_before_and_after_everything),
        TEST(one_thread_serves_and_asking_makes_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
