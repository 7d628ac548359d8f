/* Who is at the other end of a connection: the system says it, also of another process. */
#include "kit.h"

static void check_is_us(const cordon__identity *peer, uint64_t pid)
{
    cordon_fault fault = CORDON_FAULT_INIT;

    assert_int_not_equal(peer->known, 0);
    if (peer->known & CORDON_PEER_PID)
        assert_int_equal(peer->pid, pid);
    SUPPORT_CODE(cordon__peer_judge(peer, cordon__peer_own(), 0, &fault), CORDON_OK, &fault);
}

static void ask_server(kit *it, cordon__identity *peer)
{
    intptr_t handle;

    SUPPORT_CODE(cordon__connect(&handle, it->place, &it->fault), CORDON_OK, &it->fault);
    memset(peer, 0xAA, sizeof *peer);
    SUPPORT_CODE(cordon__peer_ask(peer, handle, 1, &it->fault), CORDON_OK, &it->fault);
    cordon__handle_close(handle);
}

static void server_is_the_same_for_every_client_of_it(void **state)
{
    kit              *it = *state;
    cordon__listener *listener;
    cordon__identity  peer;

    kit_serve(it, it->home);
    listener = kit_listen(it, it->place);
    for (int n = 0; n < 3; n++) {
        ask_server(it, &peer);
        check_is_us(&peer, cordon__pid());
    }
    cordon__unlisten(listener);
    cordon__listener_close(listener, NULL);
}

/* Serves until it is killed. */
static int serve(const char *directory, support_child *self)
{
    static const cordon__trace silent = {NULL, NULL};
    cordon_fault               fault = CORDON_FAULT_INIT;
    cordon__place             *place = NULL;
    cordon__listener          *listener = NULL;
    cordon__lock              *lock = NULL;

    SUPPORT_CODE(
        cordon__place_open(&place, "test", "ipc", directory, &cordon__libc, &silent, &fault),
        CORDON_OK, &fault);
    SUPPORT_CODE(cordon__private_open(place, 1, &fault), CORDON_OK, &fault);
    SUPPORT_CODE(cordon__lock_take(&lock, place, CORDON_LOCK, &fault), CORDON_OK, &fault);
    SUPPORT_CODE(cordon__address_clear(place, &fault), CORDON_OK, &fault);
    SUPPORT_CODE(cordon__listen(&listener, place, 8, 0, &fault), CORDON_OK, &fault);
    support_signal_send(&self->told, 's');
    (void)support_signal_wait(&self->orders, -1); /* none comes */
    return 0;
}

static const support_part parts[] = {{"serve", serve}, {NULL, NULL}};

static void server_in_another_process_is_named_by_its_pid(void **state)
{
    kit             *it = *state;
    support_child    child;
    cordon__identity peer;
    cordon__holder   holder;

    kit_serve(it, it->home);
    support_start(&child, parts, "serve", it->home);
    assert_int_equal(support_signal_wait(&child.told, SUPPORT_SOON), 's');
    ask_server(it, &peer);
    SUPPORT_CODE(cordon__lock_look(&holder, it->place, CORDON_LOCK, &it->fault), CORDON_OK,
                 &it->fault);
    assert_int_not_equal(holder.pid, cordon__pid());
    check_is_us(&peer, holder.pid);
    support_kill_child(&child);
}

/* By now it may be another's: but who it was is known, or that nobody can tell any more. */
static void server_that_has_gone_is_no_stranger(void **state)
{
    kit             *it = *state;
    support_child    child;
    cordon__identity peer;
    intptr_t         handle;
    int              code;

    kit_serve(it, it->home);
    support_start(&child, parts, "serve", it->home);
    assert_int_equal(support_signal_wait(&child.told, SUPPORT_SOON), 's');
    SUPPORT_CODE(cordon__connect(&handle, it->place, &it->fault), CORDON_OK, &it->fault);
    support_kill_child(&child);
    code = cordon__peer_ask(&peer, handle, 1, &it->fault);
    if (code == CORDON_OK)
        SUPPORT_CODE(cordon__peer_judge(&peer, cordon__peer_own(), 0, &it->fault), CORDON_OK,
                     &it->fault);
    else
        SUPPORT_CODE(code, CORDON_ECLOSED, &it->fault);
    cordon__handle_close(handle);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        kit_test(server_is_the_same_for_every_client_of_it),
        kit_test(server_in_another_process_is_named_by_its_pid),
        kit_test(server_that_has_gone_is_no_stranger),
    };

    SUPPORT_PLAY(count, arguments, parts);
    return SUPPORT_RUN("contract_peer", tests);
}
