/* Holding an endpoint: looking after it, letting it go, and many who want it. */
#include "world.h"

/* ---- looking ---- */

static int look(world *it)
{
    cordon__listener *old = NULL;
    const int         code = cordon__claim_look(&it->claim, &old, &it->fault);

    assert_true((old != NULL) == (code == CORDON__GONE));
    cordon__listener_close(old, NULL);
    return code;
}

static void untouched_is_told_so(void **state)
{
    world *it = *state;

    world_take(it);
    for (int i = 0; i < 3; i++)
        assert_int_equal(look(it), CORDON_OK);
    assert_true(world_is_served(it));
}

static void token_that_has_gone_is_written_again_and_another_is_left_alone(void **state)
{
    world *it = *state;
    char   before[65], after[65];

    world_take(it);
    world_token(it, before);
    support_remove(world_path(it, CORDON_TOKEN));
    assert_int_equal(look(it), CORDON_OK);
    world_token(it, after);
    assert_string_equal(before, after);
    memset(after, 'a', 64);
    support_remove(world_path(it, CORDON_TOKEN));
    support_write(world_path(it, CORDON_TOKEN), after, 64, 0600);
    assert_int_equal(look(it), CORDON__REPLACED);
    assert_string_equal(it->fault.path, world_path(it, CORDON_TOKEN));
    assert_true(world_is_served(it));
    cordon__claim_release(&it->claim);
    assert_true(support_exists(world_path(it, CORDON_TOKEN)));
}

/* ---- the end ---- */

enum { TIMES = SUPPORT_TELLS_FULL ? 100 : 20, STARTERS = SUPPORT_TELLS_FULL ? 20 : 6 }; /* Wine */

static void stop_and_start_in_a_loop_never_fails(void **state)
{
    world *it = *state;
    int    before = 0;

    for (int i = 0; i < TIMES; i++) {
        if (i == 2)
            before = support_count_descriptors();
        world_take(it);
        assert_true(world_is_served(it));
        cordon__claim_release(&it->claim);
    }
    assert_int_equal(support_count_descriptors(), before);
    world_holds(it, 0);
}

static void long_directory_has_it_all_too(void **state)
{
    world        *it = *state;
    support_child other;

    cordon_endpoint_close(it->endpoint);
    it->endpoint = world_endpoint(it->kit, it->kit->deep);
    world_take(it);
    world_holds(it, 1);
    assert_true(world_is_served(it));
    support_start(&other, world_parts, "refused", it->kit->deep);
    assert_int_equal(support_reap(&other, SUPPORT_SOON), 0);
    assert_int_equal(look(it), CORDON_OK);
    cordon__claim_release(&it->claim);
    world_holds(it, 0);
}

/* ---- many ---- */

static void one_round(world *it)
{
    support_child starters[STARTERS];
    unsigned      winners = 0;

    for (int i = 0; i < STARTERS; i++)
        support_start(&starters[i], world_parts, "start", it->kit->home);
    for (int i = 0; i < STARTERS; i++)
        assert_int_equal(support_signal_wait(&starters[i].told, SUPPORT_SOON), 'r');
    for (int i = 0; i < STARTERS; i++)
        support_signal_send(&starters[i].orders, 'g');
    for (int i = 0; i < STARTERS; i++)
        winners += support_signal_wait(&starters[i].told, SUPPORT_SOON) == 'w';
    assert_int_equal(winners, 1);
    for (int i = 0; i < STARTERS; i++)
        support_kill_child(&starters[i]);
}

/* From the second round on they find what a killed one has left. */
static void one_of_many_starters_wins(void **state)
{
    for (int round = 0; round < 10; round++)
        one_round(*state);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        world_test(untouched_is_told_so),
        world_test(token_that_has_gone_is_written_again_and_another_is_left_alone),
        world_test(stop_and_start_in_a_loop_never_fails),
        world_test(long_directory_has_it_all_too),
        world_test(one_of_many_starters_wins),
    };

    SUPPORT_PLAY(count, arguments, world_parts);
    return SUPPORT_RUN("contract_claim_life", tests);
}
