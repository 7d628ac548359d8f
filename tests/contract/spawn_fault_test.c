/* A start for which there is no room. */
#include "launch_kit.h"

/* Started or not, with a channel's word and its own environment, directory and log. */
static int start_with_memory(kit *it, support_memory *memory, unsigned flags, int *status)
{
    static const char *const environment[] = {"KIT_A=1", "KIT_B=2", NULL};
    const cordon__memory     counted = {support_allocate, memory};
    const cordon__trace      silent = {NULL, NULL};
    launch_order             program;
    char                     log[SUPPORT_PATH];
    int                      code;

    launch_open(&program, LAUNCH_WORDS("exit", "5"), flags);
    program.order.environment = environment;
    program.order.directory = it->tmp;
    if (flags & CORDON__DETACHED)
        program.order.log = support_join(log, it->root, "log");
    code = cordon__spawn(&program.child, &program.order, &counted, &silent, &it->fault);
    if (code == CORDON_OK) {
        SUPPORT_CODE(
            cordon__child_wait(program.child, status, cordon__now() + SUPPORT_SOON, &it->fault),
            CORDON_OK, &it->fault);
        cordon__child_close(program.child);
    }
    return code;
}

static void without_memory_nothing_is_begun(void **state)
{
    kit *it = *state;

    for (size_t k = 0; k < LAUNCH_KINDS; k++) {
        int code = CORDON_ENOMEM, status = -2;

        for (size_t nth = 1; code == CORDON_ENOMEM; nth++) {
            support_memory memory = {0};

            atomic_store(&memory.fail_from, nth);
            code = start_with_memory(it, &memory, launch_kinds[k], &status);
            if (code != CORDON_OK)
                SUPPORT_CODE(code, CORDON_ENOMEM, &it->fault);
            else
                assert_true(nth > 3);
            assert_int_equal(atomic_load(&memory.blocks), 0);
        }
        assert_int_equal(status, 5);
    }
}

static void without_memory_nothing_stays_open(void **state)
{
    kit *it = *state;
    int  before = 0;

    for (int round = 0; round < 4; round++) {
        if (round == 1)
            before = support_count_descriptors();
        for (size_t nth = 1; nth < 6; nth++) {
            support_memory memory = {0};
            int            status;

            atomic_store(&memory.fail_from, nth);
            (void)start_with_memory(it, &memory, CORDON__DETACHED, &status);
        }
    }
    assert_int_equal(support_count_descriptors(), before);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        kit_test(without_memory_nothing_is_begun),
        kit_test(without_memory_nothing_stays_open),
    };
    const int played = launch_play(count, arguments);

    return played >= 0 ? played : SUPPORT_RUN("contract_spawn_fault", tests);
}
