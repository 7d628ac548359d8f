/*
 * The contract as every backend keeps it: built for the system that is there,
 * and again for the simulated one. Nothing here (common_place.c, common_line.c)
 * knows which it is.
 */
#include "common_kit.h"

#define MOST 64

static void keep_contract(void **state)
{
    const contract *it = *state;

    common_open();
    common_run(it->run);
    common_close();
}

static size_t add(struct CMUnitTest *tests, size_t count, const contract *list)
{
    for (; list->name; list++) {
        assert_in_range(count, 0, MOST - 1);
        tests[count].name = list->name;
        tests[count].test_func = keep_contract;
        tests[count++].initial_state = (void *)(uintptr_t)list;
    }
    return count;
}

int main(void)
{
    struct CMUnitTest tests[MOST];
    size_t            count = 0;

    memset(tests, 0, sizeof tests);
    count = add(tests, count, common_places);
    count = add(tests, count, common_lines);
    return _cmocka_run_group_tests("contract_common", tests, count, NULL, NULL);
}
