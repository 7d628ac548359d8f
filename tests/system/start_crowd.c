#include "start_crowd.h"

#include <uv.h>

typedef struct crowd {
    const char                 *directory;
    const cordon_start_options *options;
    uv_barrier_t                gate;
    start_answer                answers[START_MOST];
    uv_thread_t                 threads[START_MOST];
    atomic_int                  next;
} crowd;

static void ask(void *context)
{
    crowd    *it = context;
    const int own = atomic_fetch_add(&it->next, 1);

    uv_barrier_wait(&it->gate);
    start_ask(&it->answers[own], it->directory, it->options, 60000);
}

static crowd all;

static void let_all_ask(int count)
{
    assert_in_range(count, 1, START_MOST);
    assert_int_equal(uv_barrier_init(&all.gate, (unsigned)count), 0);
    for (int n = 0; n < count; n++)
        assert_int_equal(uv_thread_create(&all.threads[n], ask, &all), 0);
    for (int n = 0; n < count; n++)
        uv_thread_join(&all.threads[n]);
    uv_barrier_destroy(&all.gate);
}

int start_crowd(uint64_t *pid, const char *directory, int count,
                const cordon_start_options *options)
{
    int started = 0;

    memset(&all, 0, sizeof all);
    all.directory = directory;
    all.options = options;
    let_all_ask(count);
    for (int n = 0; n < count; n++) {
        SUPPORT_CODE(all.answers[n].code, CORDON_OK, &all.answers[n].fault);
        assert_true(all.answers[n].pid == all.answers[0].pid);
        started += all.answers[n].is_started;
    }
    if (pid != NULL)
        *pid = all.answers[0].pid;
    return started;
}
