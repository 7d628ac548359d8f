/* May a peer in on Windows? A table over made-up identities, judged alike on any system. */
#include "unit.h"

#include "../../src/win32/verdict.h"

#define ADA       "S-1-5-21-1-2-3-1001"
#define BOB       "S-1-5-21-1-2-3-1002"
#define SYSTEM    "S-1-5-18"
#define ANONYMOUS "S-1-5-7"
#define LOW       0x1000
#define MEDIUM    0x2000
#define HIGH      0x3000
#define TOP       0x4000

typedef struct judged {
    const char          *what;
    cordon__subject      other, own;
    enum cordon__verdict verdict;
} judged;

static const judged cases[] = {
    {"ourselves", {ADA, MEDIUM, 1, 0}, {ADA, MEDIUM, 1, 0}, CORDON__WELCOME},
    {"an elevated one of ours", {ADA, HIGH, 1, 0}, {ADA, MEDIUM, 1, 0}, CORDON__WELCOME},
    {"a little above", {ADA, MEDIUM + 16, 1, 0}, {ADA, MEDIUM, 1, 0}, CORDON__WELCOME},
    {"both low", {ADA, LOW, 1, 0}, {ADA, LOW, 1, 0}, CORDON__WELCOME},
    {"a normal one at an elevated one", {ADA, MEDIUM, 1, 0}, {ADA, HIGH, 1, 0}, CORDON__LOWER},
    {"a little below", {ADA, MEDIUM - 1, 1, 0}, {ADA, MEDIUM, 1, 0}, CORDON__LOWER},
    {"low", {ADA, LOW, 1, 0}, {ADA, MEDIUM, 1, 0}, CORDON__LOWER},
    {"untrusted", {ADA, 0, 1, 0}, {ADA, MEDIUM, 1, 0}, CORDON__LOWER},
    {"of no known level", {ADA, HIGH, 0, 0}, {ADA, MEDIUM, 1, 0}, CORDON__LOWER},
    {"we of no known level", {ADA, HIGH, 1, 0}, {ADA, 0, 0, 0}, CORDON__LOWER},
    {"another user", {BOB, MEDIUM, 1, 0}, {ADA, MEDIUM, 1, 0}, CORDON__OTHER_USER},
    {"another user, elevated", {BOB, HIGH, 1, 0}, {ADA, MEDIUM, 1, 0}, CORDON__OTHER_USER},
    {"another user, sandboxed", {BOB, LOW, 1, 1}, {ADA, MEDIUM, 1, 0}, CORDON__OTHER_USER},
    {"the system", {SYSTEM, TOP, 1, 0}, {ADA, MEDIUM, 1, 0}, CORDON__OTHER_USER},
    {"anonymous", {ANONYMOUS, 0, 1, 0}, {ADA, MEDIUM, 1, 0}, CORDON__OTHER_USER},
    {"a SID that ours begins", {ADA "0", MEDIUM, 1, 0}, {ADA, MEDIUM, 1, 0}, CORDON__OTHER_USER},
    {"sandboxed", {ADA, LOW, 1, 1}, {ADA, MEDIUM, 1, 0}, CORDON__APP_CONTAINER},
    {"sandboxed at our level", {ADA, MEDIUM, 1, 1}, {ADA, MEDIUM, 1, 0}, CORDON__APP_CONTAINER},
    {"unreadable", {"", 0, 0, 0}, {ADA, MEDIUM, 1, 0}, CORDON__UNKNOWN},
    {"unreadable but for its level", {"", HIGH, 1, 0}, {ADA, MEDIUM, 1, 0}, CORDON__UNKNOWN},
    {"we unreadable", {ADA, MEDIUM, 1, 0}, {"", 0, 0, 0}, CORDON__UNKNOWN},
    {"nobody at nobody's", {"", MEDIUM, 1, 0}, {"", MEDIUM, 1, 0}, CORDON__UNKNOWN},
};

/* CORDON_TRUST_ROOT. */
static const judged trusting[] = {
    {"the system", {SYSTEM, TOP, 1, 0}, {ADA, MEDIUM, 1, 0}, CORDON__WELCOME},
    {"the system of no known level", {SYSTEM, 0, 0, 0}, {ADA, MEDIUM, 1, 0}, CORDON__WELCOME},
    {"the system, sandboxed", {SYSTEM, TOP, 1, 1}, {ADA, MEDIUM, 1, 0}, CORDON__OTHER_USER},
    {"the system at its own", {SYSTEM, TOP, 1, 0}, {SYSTEM, TOP, 1, 0}, CORDON__WELCOME},
    {"the system at nobody's", {SYSTEM, TOP, 1, 0}, {"", 0, 0, 0}, CORDON__UNKNOWN},
    {"a SID that the system's begins",
     {SYSTEM "8", TOP, 1, 0},
     {ADA, MEDIUM, 1, 0},
     CORDON__OTHER_USER},
    {"another user", {BOB, HIGH, 1, 0}, {ADA, MEDIUM, 1, 0}, CORDON__OTHER_USER},
    {"ourselves", {ADA, MEDIUM, 1, 0}, {ADA, MEDIUM, 1, 0}, CORDON__WELCOME},
    {"low", {ADA, LOW, 1, 0}, {ADA, MEDIUM, 1, 0}, CORDON__LOWER},
    {"unreadable", {"", 0, 0, 0}, {ADA, MEDIUM, 1, 0}, CORDON__UNKNOWN},
};

static void check(const judged *row, int trusts_system)
{
    const enum cordon__verdict verdict = cordon__judge(&row->other, &row->own, trusts_system);

    if (verdict != row->verdict)
        fail_msg("%s: %s", row->what, cordon__verdict_text(verdict));
}

static void each_identity_is_judged_as_the_table_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        check(&cases[i], 0);
    for (size_t i = 0; i < COUNT(trusting); i++)
        check(&trusting[i], 1);
}

/* Only one verdict lets in; and it is 0. */
static void every_verdict_has_words_of_its_own(void **state)
{
    (void)state;
    assert_int_equal(CORDON__WELCOME, 0);
    for (int i = CORDON__WELCOME; i <= CORDON__APP_CONTAINER; i++) {
        const char *text = cordon__verdict_text((enum cordon__verdict)i);

        assert_true(strlen(text) > 0);
        for (int k = CORDON__WELCOME; k < i; k++)
            assert_string_not_equal(text, cordon__verdict_text((enum cordon__verdict)k));
    }
    assert_string_equal(cordon__verdict_text((enum cordon__verdict)(CORDON__APP_CONTAINER + 1)),
                        "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_identity_is_judged_as_the_table_says),
        cmocka_unit_test(every_verdict_has_words_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
