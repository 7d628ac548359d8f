/* The simulated system, for tests/contract/common_test.c. */
#include "../../src/dialect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../contract/common.h"
#include "sim.h"

static sim_process *process;

void common_open(void)
{
    sim_open(1);
    process = sim_process_open("test", SIM_UID);
}

void common_close(void)
{
    sim_settle();
    assert_int_equal(sim_close(), 0);
}

static void call(void *context)
{
    void (*const *test)(void) = (void (*const *)(void))context;

    (*test)();
}

void common_run(void (*test)(void))
{
    assert_true(sim_as(process, call, (void *)&test));
}

const char *common_directory(int is_long)
{
    return is_long ? "/home/1000/a/directory/whose/name/is/so/long/that/an/address/in/it/would/"
                     "not/fit/into/a/hundred/bytes"
                   : "/home/1000/d";
}

void common_put(const char *path, const char *text, unsigned mode)
{
    sim_put(path, SIM_FILE, mode, SIM_UID, text);
}

void common_put_directory(const char *path)
{
    sim_put(path, SIM_DIRECTORY, 0700, SIM_UID, NULL);
}

void common_remove(const char *path)
{
    sim_remove(path);
}

int common_exists(const char *path)
{
    return sim_exists(path);
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
    return sim_loop(process);
}

int common_until(int (*is_so)(void *context), void *context)
{
    return sim_until(is_so, context, 10000);
}

void common_in_dying_process(void (*run)(void *context), void *context)
{
    sim_process *other = sim_process_open("dying", SIM_UID);

    assert_true(sim_as(other, run, context));
    sim_kill(other);
}
