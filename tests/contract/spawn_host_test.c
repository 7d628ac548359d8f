/* What the host of started programs notices: nothing, however many threads of it start some. */
#include "launch_kit.h"

#include <uv.h>

enum { THREADS = 4, ROUNDS = 2 * LAUNCH_KINDS };

typedef struct worker {
    uv_thread_t thread;
    int         number, done;
} worker;

/* Each hears the very words that it has sent along, and its own program's status. */
static void start_many(void *context)
{
    worker *self = context;

    for (int round = 0; round < ROUNDS; round++) {
        const unsigned flags = launch_kinds[(self->number + round) % LAUNCH_KINDS];
        const int      number = 1 + self->number * ROUNDS + round;
        char           word[16], line[32];
        launch_order   program;

        snprintf(word, sizeof word, "%d", number);
        snprintf(line, sizeof line, "%d\n", number);
        launch_run(&program, LAUNCH_WORDS("arguments", word), flags);
        launch_hear(&program);
        SUPPORT_CHECK(strcmp(program.said, line) == 0);
        SUPPORT_CHECK(launch_end(&program) == 0);
        launch_run(&program, LAUNCH_WORDS("exit", word), flags);
        SUPPORT_CHECK(launch_end(&program) == number);
    }
    self->done = 1;
}

static void start_in_all_threads(void)
{
    worker workers[THREADS];

    for (int n = 0; n < THREADS; n++) {
        workers[n].number = n;
        workers[n].done = 0;
        assert_int_equal(uv_thread_create(&workers[n].thread, start_many, &workers[n]), 0);
    }
    for (int n = 0; n < THREADS; n++)
        uv_thread_join(&workers[n].thread);
    for (int n = 0; n < THREADS; n++)
        assert_int_equal(workers[n].done, 1);
}

static void many_threads_start_at_once_and_each_hears_its_own(void **state)
{
    int before;

    (void)state;
    start_in_all_threads();
    before = support_count_descriptors();
    start_in_all_threads();
    assert_int_equal(support_count_descriptors(), before);
}

static void host_is_as_before_whatever_fails(void **state)
{
    kit         *it = *state;
    support_host before, after;

    support_host_look(&before);
    for (size_t k = 0; k < LAUNCH_KINDS; k++) {
        launch_order program;

        launch_open(&program, LAUNCH_WORDS("exit", "0"), launch_kinds[k]);
        program.argv[0] = "no-such-program-anywhere";
        SUPPORT_CODE(launch_try(&program, &it->fault), CORDON_ELAUNCH, &it->fault);
        launch_run(&program, LAUNCH_WORDS("exit", "3"), launch_kinds[k]);
        assert_int_equal(launch_end(&program), 3);
        launch_run(&program, LAUNCH_WORDS("stay"), launch_kinds[k]);
        launch_hear_line(&program);
        cordon__child_end(program.child, 0);
        assert_int_equal(launch_end(&program), SUPPORT_KILLED);
    }
    support_host_look(&after);
    support_host_same(&before, &after);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        kit_test(many_threads_start_at_once_and_each_hears_its_own),
        kit_test(host_is_as_before_whatever_fails),
    };
    const int played = launch_play(count, arguments);

    return played >= 0 ? played : SUPPORT_RUN("contract_spawn_host", tests);
}
