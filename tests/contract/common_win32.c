/* The system that is there, for common_test.c: Windows. */
#include "common.h"

#include "support.h"

#include <uv.h>

#define DYING "CORDON_TEST_DYING" /* what a process of ours is to do instead of the tests */

static char      root[SUPPORT_PATH], near_path[SUPPORT_PATH], far_path[SUPPORT_PATH];
static uv_loop_t loop;

static void name_paths(void)
{
    char tail[SUPPORT_PATH];

    support_join(near_path, root, "d");
    memset(tail, 'd', 150);
    tail[150] = '\0';
    support_join(far_path, root, tail);
}

/* ---- a process that dies -------------------------------------------------------------- */

/* There is no fork: the same program is started again, told where in it to begin. Its functions
 * are as far from each other as ours. */
typedef void (*dying_fn)(void *context);

static intptr_t place_of(dying_fn run)
{
    return (intptr_t)run - (intptr_t)name_paths;
}

/* In the child: begins where the tests of the parent would. */
static void die_if_asked(void)
{
    char      text[SUPPORT_PATH + 64];
    long long place;
    int       value, used = 0;
    dying_fn  run;

    if (GetEnvironmentVariableA(DYING, text, sizeof text) == 0)
        return;
    SUPPORT_CHECK(sscanf(text, "%lld %d %n", &place, &value, &used) == 2 && used > 0);
    strcpy(root, text + used);
    name_paths();
    run = (dying_fn)((intptr_t)name_paths + (intptr_t)place);
    run(&value);
    TerminateProcess(GetCurrentProcess(), 0);
}

void common_in_dying_process(void (*run)(void *context), void *context)
{
    wchar_t             program[MAX_PATH];
    char                text[SUPPORT_PATH + 64];
    STARTUPINFOW        start = {.cb = sizeof start};
    PROCESS_INFORMATION child;
    DWORD               status;

    snprintf(text, sizeof text, "%lld %d %s", (long long)place_of(run), *(int *)context, root);
    assert_true(SetEnvironmentVariableA(DYING, text));
    assert_true(GetModuleFileNameW(NULL, program, MAX_PATH) < MAX_PATH);
    assert_true(CreateProcessW(program, NULL, NULL, NULL, FALSE, CREATE_NO_WINDOW, NULL, NULL,
                               &start, &child));
    assert_true(SetEnvironmentVariableA(DYING, NULL));
    assert_int_equal(WaitForSingleObject(child.hProcess, SUPPORT_SOON), WAIT_OBJECT_0);
    assert_true(GetExitCodeProcess(child.hProcess, &status));
    assert_int_equal(status, 0);
    CloseHandle(child.hThread);
    CloseHandle(child.hProcess);
}

/* ---- the rest --------------------------------------------------------------------------- */

void common_open(void)
{
    die_if_asked();
    support_directory(root);
    name_paths();
    assert_int_equal(uv_loop_init(&loop), 0);
}

void common_close(void)
{
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
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
    support_remove(path);
    support_write(path, text, strlen(text), mode);
}

void common_put_directory(const char *path)
{
    support_directory_make(path);
}

void common_remove(const char *path)
{
    assert_true(support_exists(path));
    support_remove(path);
}

int common_exists(const char *path)
{
    return support_exists(path);
}

int common_held_file_can_go(void)
{
    return 0;
}

int common_address_is_file(void)
{
    return 0;
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
