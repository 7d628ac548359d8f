/* Threads and mutexes of a world with one thread, under libuv's names: it is not linked. */
#include "../../src/dialect.h"

#include <string.h>

#include <uv.h>

#include "inside.h"

int cordon__thread_start(void *thread, void (*run)(void *context), void *context,
                         cordon_fault *fault)
{
    (void)thread;
    (void)run;
    (void)context;
    sim_point();
    return cordon__fault_os(fault, CORDON_EBUSY, "start thread", 0, NULL);
}

uint64_t cordon__thread_self(void)
{
    return cordon__pid() * 16 + sim_thread();
}

int uv_thread_join(uv_thread_t *thread)
{
    (void)thread;
    return 0;
}

/* 1: free, 2: taken; else it was never made, or is gone. */
static void turn_mutex(uv_mutex_t *mutex, unsigned char from, unsigned char to, const char *what)
{
    unsigned char state;

    memcpy(&state, mutex, 1);
    if (state != from)
        sim_complain("a mutex: %s", what);
    memcpy(mutex, &to, 1);
    sim_count_lock(to == 2 ? 1 : from == 2 ? -1 : 0);
}

int uv_mutex_init(uv_mutex_t *mutex)
{
    const unsigned char unlocked = 1;

    if (sim_verb("mutex"))
        return UV_ENOMEM;
    memset(mutex, 0, sizeof *mutex);
    memcpy(mutex, &unlocked, 1);
    return 0;
}

void uv_mutex_destroy(uv_mutex_t *mutex)
{
    turn_mutex(mutex, 1, 0, "destroyed while it is taken");
}

void uv_mutex_lock(uv_mutex_t *mutex)
{
    turn_mutex(mutex, 1, 2, "taken twice: it would wait for ever");
}

void uv_mutex_unlock(uv_mutex_t *mutex)
{
    turn_mutex(mutex, 2, 1, "given back, but it was not taken");
}

int uv_sem_init(uv_sem_t *sem, unsigned int value)
{
    (void)value;
    memset(sem, 0, sizeof *sem);
    return sim_verb("semaphore") ? UV_ENOMEM : 0;
}

void uv_sem_destroy(uv_sem_t *sem)
{
    (void)sem;
}

void uv_sem_post(uv_sem_t *sem)
{
    (void)sem;
}

void uv_sem_wait(uv_sem_t *sem)
{
    (void)sem;
    sim_complain("somebody waits for a thread: there is none");
}

unsigned int uv_version(void)
{
    return UV_VERSION_HEX;
}

int uv_loop_init(uv_loop_t *loop)
{
    (void)loop;
    return sim_verb("loop") ? UV_ENOMEM : 0;
}

int uv_loop_close(uv_loop_t *loop)
{
    (void)loop;
    return 0;
}

int uv_run(uv_loop_t *loop, uv_run_mode mode)
{
    (void)mode;
    sim_run_loop(loop);
    return 0;
}

/* Nobody runs a host's loop here: cordon_loop_run is for tests/system. */
void uv_walk(uv_loop_t *loop, uv_walk_cb walk, void *context)
{
    (void)loop, (void)walk, (void)context;
}

int uv_is_active(const uv_handle_t *handle)
{
    (void)handle;
    return 0;
}

uv_handle_type uv_handle_get_type(const uv_handle_t *handle)
{
    (void)handle;
    return UV_UNKNOWN_HANDLE;
}
