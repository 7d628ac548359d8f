/* Holding an endpoint: who gets it, what is there while it is held. */
#include "world.h"

/* ---- the steps ---- */

static void token_is_64_digits_and_new_each_time(void **state)
{
    world *it = *state;
    char   one[65], other[65];

    world_take(it);
    world_token(it, one);
    assert_int_equal(strspn(one, "0123456789abcdef"), 64);
    cordon__claim_release(&it->claim);
    world_take(it);
    world_token(it, other);
    assert_string_not_equal(one, other);
}

/* ---- a second one ---- */

static void second_server_is_refused_at_once(void **state)
{
    world        *it = *state;
    support_child other;
    char          before[65], after[65];

    world_take(it);
    world_token(it, before);
    assert_int_equal(world_is_refused(it), 0);
    support_start(&other, world_parts, "refused", it->kit->home);
    assert_int_equal(support_reap(&other, SUPPORT_SOON), 0);
    world_token(it, after);
    assert_string_equal(before, after);
    assert_true(world_is_served(it));
}

/* Where a full backlog looks like a server that drains, its end is waited for. */
static void full_backlog_is_a_live_server(void **state)
{
    world        *it = *state;
    cordon__claim claim;
    intptr_t      handles[64];
    int           count = 0;

    world_take(it);
    while (cordon__connect(&handles[count], it->endpoint->place, &it->fault) == CORDON_OK)
        assert_true(++count < 64);
    if (SUPPORT_TELLS_FULL)
        assert_int_equal(world_is_refused(it), 0);
    else
        SUPPORT_CODE(world_claim(it, &claim, 80), CORDON_EADDRINUSE, &it->fault);
    while (count > 0)
        cordon__handle_close(handles[--count]);
}

static void start_server(support_child *server, world *it)
{
    support_start(server, world_parts, "serve", it->kit->home);
    assert_int_equal(support_signal_wait(&server->told, SUPPORT_SOON), 's');
}

static void stopped_process_is_a_live_server(void **state)
{
    world        *it = *state;
    support_child server;

    start_server(&server, it);
    support_freeze(server.pid);
    assert_int_equal(world_is_refused(it), 0);
    support_kill_child(&server);
}

static void server_that_drains_is_waited_for(void **state)
{
    world        *it = *state;
    support_child server;

    start_server(&server, it);
    support_signal_send(&server.orders, 'g');
    assert_int_equal(support_signal_wait(&server.told, SUPPORT_SOON), 'd');
    SUPPORT_CODE(world_claim(it, &it->claim, SUPPORT_SOON), CORDON_OK, &it->fault);
    assert_true(world_is_served(it));
    assert_int_equal(support_reap(&server, SUPPORT_SOON), 0);
    assert_true(world_is_served(it)); /* its end took nothing of ours */
    world_holds(it, 1);
}

static void holder_that_never_answers_is_eaddrinuse_at_the_deadline(void **state)
{
    world        *it = *state;
    cordon__claim claim;
    cordon__lock *lock;
    uint64_t      start;

    world_take(it);
    cordon__claim_release(&it->claim);
    SUPPORT_CODE(cordon__lock_take(&lock, it->endpoint->place, CORDON_LOCK, &it->fault), CORDON_OK,
                 &it->fault);
    start = cordon__now();
    SUPPORT_CODE(world_claim(it, &claim, 80), CORDON_EADDRINUSE, &it->fault);
    assert_true(cordon__now() - start >= 80);
    cordon__lock_release(lock);
    world_take(it);
}

static void killed_server_is_taken_over(void **state)
{
    world        *it = *state;
    support_child server;
    char          before[65], after[65];

    start_server(&server, it);
    world_token(it, before);
    support_kill_child(&server);
    assert_true(support_exists(world_path(it, CORDON_TOKEN)));
    SUPPORT_CODE(world_claim(it, &it->claim, SUPPORT_SOON), CORDON_OK, &it->fault);
    assert_true(world_is_served(it));
    world_token(it, after);
    assert_string_not_equal(before, after);
    world_holds(it, 1);
}

/* ---- failing ---- */

static void server_that_cannot_write_its_token_leaves_nothing_but_the_lock_file(void **state)
{
    world        *it = *state;
    cordon__claim claim;
    char          half[SUPPORT_PATH];

    world_take(it);
    world_holds(it, 1);
    cordon__claim_release(&it->claim);
    snprintf(half, sizeof half, "%s.new", world_path(it, CORDON_TOKEN));
    support_directory_make(half);
    SUPPORT_CODE(world_claim(it, &claim, WORLD_WAIT), CORDON_EUNSAFE, &it->fault);
    support_directory_remove(half);
    world_holds(it, 0);
    assert_false(world_is_served(it));
    world_take(it);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        world_test(token_is_64_digits_and_new_each_time),
        world_test(second_server_is_refused_at_once),
        world_test(full_backlog_is_a_live_server),
        world_test(stopped_process_is_a_live_server),
        world_test(server_that_drains_is_waited_for),
        world_test(holder_that_never_answers_is_eaddrinuse_at_the_deadline),
        world_test(killed_server_is_taken_over),
        world_test(server_that_cannot_write_its_token_leaves_nothing_but_the_lock_file),
    };

    SUPPORT_PLAY(count, arguments, world_parts);
    return SUPPORT_RUN("contract_claim", tests);
}
