/* The cases of every system, and then those of this one. */
#include "support.h"

#define MOST 64

int support_run(const char *name, const struct CMUnitTest *cases, size_t count)
{
    struct CMUnitTest all[MOST];

    SUPPORT_CHECK(count < MOST);
    memcpy(all, cases, count * sizeof *cases);
    for (const struct CMUnitTest *own = support_own_cases; own->name; own++) {
        SUPPORT_CHECK(count < MOST);
        all[count++] = *own;
    }
    return _cmocka_run_group_tests(name, all, count, NULL, NULL);
}
