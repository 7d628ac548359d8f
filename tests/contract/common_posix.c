/* The system that is there, for common_test.c. */
#include "common.h"

#include "support.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <uv.h>

static char      root[SUPPORT_PATH], near_path[SUPPORT_PATH], far_path[SUPPORT_PATH];
static uv_loop_t loop;

void common_open(void)
{
    char tail[SUPPORT_PATH];

    support_directory(root);
    setenv("TMPDIR", root, 1); /* fallbacks are ours too */
    support_join(near_path, root, "d");
    memset(tail, 'd', 150);
    tail[150] = '\0';
    support_join(far_path, root, tail);
    assert_int_equal(uv_loop_init(&loop), 0);
}

void common_close(void)
{
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    unsetenv("TMPDIR");
    support_directory_remove(root);
}

void common_run(void (*test)(void))
{
    test();
}

const char *common_directory(int is_long)
{
    return is_long ? far_path : near_path;
}

void common_put(const char *path, const char *text, unsigned mode)
{
    (void)unlink(path);
    support_write(path, text, strlen(text), mode);
}

void common_put_directory(const char *path)
{
    assert_int_equal(mkdir(path, 0700), 0);
}

void common_remove(const char *path)
{
    assert_int_equal(unlink(path), 0);
}

int common_exists(const char *path)
{
    return support_exists(path);
}

int common_held_file_can_go(void)
{
    return 1;
}

int common_address_is_file(void)
{
    return 1;
}

struct uv_loop_s *common_loop(void)
{
    return &loop;
}

int common_until(int (*is_so)(void *context), void *context)
{
    const uint64_t end = support_now() + SUPPORT_SOON;

    while (!is_so(context)) {
        if (support_now() >= end)
            return 0;
        (void)uv_run(&loop, UV_RUN_NOWAIT);
    }
    return 1;
}

void common_in_dying_process(void (*run)(void *context), void *context)
{
    int         status;
    const pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        run(context);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}
