/* The common contract of places: who has one, who is found there, what is secret in it. */
#include "common_kit.h"

#define SECRET "0123456789abcdef"

/* ---- one server --------------------------------------------------------------------- */

static void second_taker_of_the_lock_is_told_at_once(void)
{
    cordon__lock *first = NULL, *second = NULL;

    serve(0);
    assert_int_equal(cordon__lock_take(&first, place, CORDON_LOCK, &fault), CORDON_OK);
    assert_int_equal(cordon__lock_take(&second, place, CORDON_LOCK, &fault), CORDON__HELD);
    assert_int_equal(cordon__lock_take(&second, place, CORDON_START_LOCK, &fault), CORDON_OK);
    cordon__lock_release(second);
    assert_int_equal(cordon__lock_is_named(first, place, CORDON_LOCK), 1);
    cordon__lock_release(first);
    assert_int_equal(cordon__lock_take(&first, place, CORDON_LOCK, &fault), CORDON_OK);
    cordon__lock_release(first);
    unserve(NULL);
}

static void lock_whose_file_went_excludes_nobody(void)
{
    cordon__lock *first = NULL;

    if (!common_held_file_can_go())
        LEAVE_OUT("a file that somebody holds cannot be removed here");
    serve(0);
    assert_int_equal(cordon__lock_take(&first, place, CORDON_LOCK, &fault), CORDON_OK);
    common_remove(path_of(CORDON_LOCK));
    assert_int_equal(cordon__lock_is_named(first, place, CORDON_LOCK), 0);
    cordon__lock_release(first);
    unserve(NULL);
}

static void second_listener_is_refused_and_the_first_goes_on(void)
{
    cordon__listener *second = NULL;
    intptr_t          client;
    cordon__listener *first;

    serve(0);
    first = listen_now(8);
    assert_int_equal(cordon__listen(&second, place, 8, 0, &fault), CORDON_EUNSAFE);
    assert_null(second);
    assert_int_equal(knock(&client), CORDON_OK);
    cordon__handle_close(client);
    unserve(first);
}

static void lock_file_open_to_others_is_unsafe(void)
{
    cordon__lock *lock = NULL;

    serve(0);
    common_put(path_of(CORDON_LOCK), "", 0644);
    assert_int_equal(cordon__lock_take(&lock, place, CORDON_LOCK, &fault), CORDON_EUNSAFE);
    unserve(NULL);
}

static void start_and_die(void *context)
{
    cordon__listener *listener = NULL;
    cordon__lock     *lock = NULL;
    cordon__place    *mine = resolve(*(int *)context);

    if (cordon__private_open(mine, 1, &fault) != CORDON_OK ||
        cordon__lock_take(&lock, mine, CORDON_LOCK, &fault) != CORDON_OK ||
        cordon__secret_store(mine, SECRET, strlen(SECRET), &fault) != CORDON_OK ||
        cordon__listen(&listener, mine, 8, 0, &fault) != CORDON_OK)
        abort();
}

static void check_takeover(int is_long)
{
    cordon__lock     *lock = NULL;
    cordon__listener *listener;
    intptr_t          client;
    int               code;

    common_in_dying_process(start_and_die, &is_long);
    serve(is_long);
    if (common_address_is_file())
        assert_true(common_exists(path_of(CORDON_ADDRESS)));
    code = knock(&client);
    assert_true(code == CORDON_ENOTRUNNING || code == CORDON__UNCERTAIN);
    assert_int_equal(cordon__lock_take(&lock, place, CORDON_LOCK, &fault), CORDON_OK);
    assert_int_equal(cordon__address_clear(place, &fault), CORDON_OK);
    assert_false(common_exists(path_of(CORDON_ADDRESS)));
    assert_int_equal(cordon__address_clear(place, &fault), CORDON_OK);
    listener = listen_now(8);
    assert_int_equal(knock(&client), CORDON_OK);
    cordon__handle_close(client);
    cordon__lock_release(lock);
    unserve(listener);
}

static void what_a_dead_server_left_is_taken_over(void)
{
    check_takeover(0);
}

static void what_a_dead_server_left_under_a_long_name_is_taken_over(void)
{
    check_takeover(1);
}

static void what_is_not_a_socket_of_ours_is_left_alone(void)
{
    cordon__listener *listener = NULL;
    intptr_t          client;

    if (!common_address_is_file())
        LEAVE_OUT("an address is no file here: nothing can lie there");
    serve(0);
    common_put(path_of(CORDON_ADDRESS), "a letter", 0600);
    assert_int_equal(knock(&client), CORDON_EUNSAFE);
    assert_int_equal(cordon__address_clear(place, &fault), CORDON_EUNSAFE);
    assert_int_equal(cordon__listen(&listener, place, 8, 0, &fault), CORDON_EUNSAFE);
    assert_true(common_exists(path_of(CORDON_ADDRESS)));
    unserve(NULL);
}

/* ---- where -------------------------------------------------------------------------- */

static void long_name_has_a_short_address_and_is_found(void)
{
    cordon_buffer     live = CORDON_BUFFER_INIT;
    cordon__listener *listener;
    intptr_t          client;

    serve(1);
    if (common_address_is_file())
        assert_true(strlen(path_of(CORDON_ADDRESS)) <= 100);
    assert_true(strlen(path_of(CORDON_TOKEN)) > 100);
    listener = listen_now(8);
    assert_int_equal(knock(&client), CORDON_OK);
    cordon__handle_close(client);
    assert_int_equal(cordon__place_live(&live, place, &fault), CORDON_OK);
    assert_string_equal(live.data, path_of(CORDON_ADDRESS));
    assert_int_equal(cordon__listener_look(listener, &fault), CORDON_OK);
    cordon_buffer_free(&live);
    unserve(listener);
}

static void nobody_there_is_not_running(void)
{
    intptr_t client;

    place = resolve(0);
    assert_int_equal(cordon__private_open(place, 0, &fault), CORDON_ENOTRUNNING);
    assert_false(common_exists(path_of(CORDON_DIRECTORY)));
    assert_int_equal(cordon__private_open(place, 1, &fault), CORDON_OK);
    assert_int_equal(knock(&client), CORDON_ENOTRUNNING);
    unserve(NULL);
}

static void directory_that_is_a_file_is_unsafe(void)
{
    place = resolve(0);
    common_put(path_of(CORDON_DIRECTORY), "", 0600);
    assert_int_equal(cordon__private_open(place, 1, &fault), CORDON_EUNSAFE);
    assert_int_equal(cordon__private_open(place, 0, &fault), CORDON_EUNSAFE);
    unserve(NULL);
}

static void look_tells_gone_and_replaced(void)
{
    cordon__listener *listener;

    if (!common_address_is_file())
        LEAVE_OUT("an address is no file here: nobody can take it away");
    serve(0);
    listener = listen_now(8);
    assert_int_equal(cordon__listener_look(listener, &fault), CORDON_OK);
    common_remove(path_of(CORDON_ADDRESS));
    assert_int_equal(cordon__listener_look(listener, &fault), CORDON__GONE);
    common_put(path_of(CORDON_ADDRESS), "a letter", 0600);
    assert_int_equal(cordon__listener_look(listener, &fault), CORDON__REPLACED);
    cordon__unlisten(listener);
    assert_true(common_exists(path_of(CORDON_ADDRESS)));
    cordon__listener_close(listener, NULL);
    cordon__place_close(place);
}

static void who_waits_is_accepted_after_the_address_went(void)
{
    intptr_t          client, server, late;
    cordon__listener *listener;

    serve(0);
    listener = listen_now(8);
    assert_int_equal(cordon__accept(&server, listener, &fault), CORDON__NOBODY);
    assert_int_equal(knock(&client), CORDON_OK);
    cordon__unlisten(listener);
    if (common_address_is_file())
        assert_false(common_exists(path_of(CORDON_ADDRESS)));
    assert_true(knock(&late) != CORDON_OK);
    assert_int_equal(cordon__accept(&server, listener, &fault), CORDON_OK);
    cordon__handle_close(server);
    cordon__handle_close(client);
    cordon__listener_close(listener, NULL);
    cordon__place_close(place);
}

static void full_backlog_is_somebody(void)
{
    intptr_t          clients[64];
    size_t            count = 0;
    int               code = CORDON_OK;
    cordon__listener *listener;

    serve(0);
    listener = listen_now(1);
    while (code == CORDON_OK && count < 64) {
        code = knock(&clients[count]);
        count += code == CORDON_OK;
    }
    assert_true(count > 0 && count < 64);
    assert_true(code == CORDON__AGAIN || code == CORDON__UNCERTAIN || code == CORDON__OCCUPIED);
    while (count > 0)
        cordon__handle_close(clients[--count]);
    unserve(listener);
}

/* ---- who ------------------------------------------------------------------------------- */

static void peer_without_a_name_is_a_stranger(void)
{
    cordon__identity peer;

    memset(&peer, 0, sizeof peer);
    assert_int_equal(cordon__peer_judge(&peer, cordon__peer_own(), 0, &fault), CORDON_EIMPOSTOR);
}

/* ---- the secret --------------------------------------------------------------------------- */

static int load(char data[17])
{
    memset(data, 0, 17);
    return cordon__secret_load(place, data, 16, &fault);
}

static void secret_is_read_as_it_was_written(void)
{
    char data[17];

    serve(0);
    assert_int_equal(load(data), CORDON__ABSENT);
    assert_int_equal(cordon__secret_store(place, SECRET, 16, &fault), CORDON_OK);
    assert_int_equal(load(data), CORDON_OK);
    assert_string_equal(data, SECRET);
    assert_int_equal(cordon__secret_store(place, "fedcba9876543210", 16, &fault), CORDON_OK);
    assert_int_equal(load(data), CORDON_OK);
    assert_string_equal(data, "fedcba9876543210");
    unserve(NULL);
}

static void secret_that_others_can_read_is_unsafe(void)
{
    char data[17];

    serve(0);
    common_put(path_of(CORDON_TOKEN), SECRET, 0640);
    assert_int_equal(load(data), CORDON_EUNSAFE);
    common_put(path_of(CORDON_TOKEN), SECRET, 0604);
    assert_int_equal(load(data), CORDON_EUNSAFE);
    common_put(path_of(CORDON_TOKEN), SECRET, 0600);
    assert_int_equal(load(data), CORDON_OK);
    unserve(NULL);
}

static void secret_of_another_shape_is_told(void)
{
    char data[17];

    serve(0);
    common_put(path_of(CORDON_TOKEN), "short", 0600);
    assert_int_equal(load(data), CORDON__MALFORMED_FILE);
    common_put(path_of(CORDON_TOKEN), SECRET "longer", 0600);
    assert_int_equal(load(data), CORDON__MALFORMED_FILE);
    common_remove(path_of(CORDON_TOKEN));
    common_put_directory(path_of(CORDON_TOKEN));
    assert_int_equal(load(data), CORDON_EUNSAFE);
    assert_int_equal(cordon__secret_store(place, SECRET, 16, &fault), CORDON_EUNSAFE);
    unserve(NULL);
}

static void secret_of_somebody_else_is_not_removed(void)
{
    serve(0);
    assert_int_equal(cordon__secret_store(place, "fedcba9876543210", 16, &fault), CORDON_OK);
    assert_int_equal(cordon__secret_remove(place, SECRET, 16, &fault), CORDON_OK);
    assert_true(common_exists(path_of(CORDON_TOKEN)));
    assert_int_equal(cordon__secret_remove(place, "fedcba9876543210", 16, &fault), CORDON_OK);
    assert_false(common_exists(path_of(CORDON_TOKEN)));
    unserve(NULL);
}

const contract common_places[] = {
    CONTRACT(second_taker_of_the_lock_is_told_at_once),
    CONTRACT(lock_whose_file_went_excludes_nobody),
    CONTRACT(second_listener_is_refused_and_the_first_goes_on),
    CONTRACT(lock_file_open_to_others_is_unsafe),
    CONTRACT(what_a_dead_server_left_is_taken_over),
    CONTRACT(what_a_dead_server_left_under_a_long_name_is_taken_over),
    CONTRACT(what_is_not_a_socket_of_ours_is_left_alone),
    CONTRACT(long_name_has_a_short_address_and_is_found),
    CONTRACT(nobody_there_is_not_running),
    CONTRACT(directory_that_is_a_file_is_unsafe),
    CONTRACT(look_tells_gone_and_replaced),
    CONTRACT(who_waits_is_accepted_after_the_address_went),
    CONTRACT(full_backlog_is_somebody),
    CONTRACT(peer_without_a_name_is_a_stranger),
    CONTRACT(secret_is_read_as_it_was_written),
    CONTRACT(secret_that_others_can_read_is_unsafe),
    CONTRACT(secret_of_another_shape_is_told),
    CONTRACT(secret_of_somebody_else_is_not_removed),
    {NULL, NULL},
};
