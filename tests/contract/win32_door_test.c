/* The door on Windows: who comes, on a loop or not, and the end. */
#include "win32_door.h"

/* ---- who comes ---------------------------------------------------------------------- */

static void four_are_there_before_the_first_accept_and_the_fifth_waits(void **state)
{
    cordon__listener *listener = door_listen(0);
    intptr_t          clients[5], servers[5], nobody;

    (void)state;
    for (int i = 0; i < 4; i++)
        clients[i] = door_knock();
    for (int i = 0; i < 100; i++) /* it never waits */
        assert_int_equal(door_knock_code(), CORDON__OCCUPIED);
    servers[0] = door_let_in(listener);
    clients[4] = door_knock();
    for (int i = 1; i < 5; i++)
        servers[i] = door_let_in(listener);
    assert_int_equal(cordon__accept(&nobody, listener, &fault), CORDON__NOBODY);
    for (int i = 0; i < 5; i++) {
        door_say(clients[i], "word");
        door_hear(servers[i], "word");
    }
    for (int i = 0; i < 5; i++) {
        cordon__handle_close(clients[i]);
        cordon__handle_close(servers[i]);
    }
    door_end(listener);
}

static void who_came_and_went_is_skipped(void **state)
{
    cordon__listener *listener = door_listen(0);
    intptr_t          clients[4], server;

    (void)state;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 4; i++)
            clients[i] = door_knock();
        for (int i = 0; i < 4; i++)
            cordon__handle_close(clients[i]);
        assert_int_equal(cordon__accept(&server, listener, &fault), CORDON__NOBODY);
    }
    for (int i = 0; i < 4; i++)
        clients[i] = door_knock();
    for (int i = 0; i < 4; i++) {
        cordon__handle_close(door_let_in(listener));
        cordon__handle_close(clients[i]);
    }
    door_end(listener);
}

static void who_spoke_and_went_is_heard(void **state)
{
    cordon__listener *listener = door_listen(0);
    intptr_t          client = door_knock(), server;

    (void)state;
    door_say(client, "word");
    cordon__handle_close(client);
    server = door_let_in(listener);
    door_hear(server, "word");
    cordon__handle_close(server);
    door_end(listener);
}

static void listen_on_a_thread(void *context)
{
    *(cordon__listener **)context = door_listen(0);
}

/* The system gives up what a thread has begun when it ends. */
static void waits_that_were_given_up_are_begun_again(void **state)
{
    cordon__listener *listener = NULL;
    intptr_t          clients[4], server;
    uv_thread_t       thread;

    (void)state;
    assert_int_equal(uv_thread_create(&thread, listen_on_a_thread, &listener), 0);
    assert_int_equal(uv_thread_join(&thread), 0);
    assert_int_equal(cordon__accept(&server, listener, &fault), CORDON__NOBODY);
    for (int i = 0; i < 4; i++)
        clients[i] = door_knock();
    assert_int_equal(door_knock_code(), CORDON__OCCUPIED);
    for (int i = 0; i < 4; i++) {
        cordon__handle_close(door_let_in(listener));
        cordon__handle_close(clients[i]);
    }
    door_end(listener);
}

/* Asked one by one: a count of them is not told everywhere. */
static unsigned handles(void)
{
    unsigned count = 0;
    DWORD    flags;

    for (uintptr_t value = 4; value < 0x10000; value += 4)
        count += GetHandleInformation((HANDLE)value, &flags) != 0;
    return count;
}

static void thousand_comings_leave_no_handle(void **state)
{
    cordon__listener *listener = door_listen(0);
    unsigned          before = 0;

    (void)state;
    for (int i = 0; i < 1100; i++) {
        intptr_t client = door_knock(), server;

        if (i % 3 == 0)
            door_say(client, "word");
        if (i % 4 != 1) {
            server = door_let_in(listener);
            cordon__handle_close(server);
        }
        cordon__handle_close(client);
        if (i % 4 == 1 && i % 3 != 0)
            assert_int_equal(cordon__accept(&server, listener, &fault), CORDON__NOBODY);
        else if (i % 4 == 1)
            cordon__handle_close(door_let_in(listener));
        if (i == 99)
            before = handles();
    }
    assert_true(before > 0);
    assert_int_equal(handles(), before);
    door_end(listener);
}

/* ---- on a loop ---------------------------------------------------------------------------------
 */

typedef struct host {
    cordon__listener *listener;
    intptr_t          servers[16];
    unsigned          count, calls, most; /* most: accepted in one call */
    int               is_closing, closed;
} host;

static void on_closed(void *owner)
{
    ((host *)owner)->closed++;
}

static void on_waiting(void *owner)
{
    host *it = owner;

    it->calls++;
    for (unsigned i = 0; i < it->most; i++)
        if (cordon__accept(&it->servers[it->count], it->listener, &fault) == CORDON_OK)
            it->count++;
    if (it->is_closing)
        door_end(it->listener);
}

static void run_until(uv_loop_t *loop, const unsigned *count, unsigned wanted)
{
    const uint64_t late = cordon__now() + 20000;

    while (*count < wanted && cordon__now() < late)
        (void)uv_run(loop, UV_RUN_NOWAIT);
    assert_int_equal(*count, wanted);
}

static void loop_is_told_until_all_are_in_and_not_while_paused(void **state)
{
    uv_loop_t loop;
    host      it = {0};
    intptr_t  clients[4];

    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    it.listener = door_listen(0);
    it.most = 1;
    assert_int_equal(cordon__listener_attach(it.listener, &loop, on_waiting, &it, &fault), 0);
    (void)uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(it.calls, 0);
    for (int i = 0; i < 3; i++)
        clients[i] = door_knock();
    run_until(&loop, &it.count, 3);
    cordon__listener_pause(it.listener, 1);
    clients[3] = door_knock();
    for (int i = 0; i < 10; i++)
        (void)uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(it.calls, 3);
    it.is_closing = 1;
    cordon__listener_pause(it.listener, 0);
    run_until(&loop, &it.count, 4);
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    for (int i = 0; i < 4; i++) {
        cordon__handle_close(clients[i]);
        cordon__handle_close(it.servers[i]);
    }
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void close_is_told_once_from_the_loop(void **state)
{
    uv_loop_t loop;
    host      it = {0};

    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    it.listener = door_listen(0);
    assert_int_equal(cordon__listener_attach(it.listener, &loop, on_waiting, &it, &fault), 0);
    cordon__listener_close(it.listener, on_closed);
    assert_int_equal(it.closed, 0);
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(it.closed, 1);
    assert_int_equal(uv_loop_close(&loop), 0);
}

/* ---- closing, in every state ---------------------------------------------------------------- */

enum moment {
    BEFORE_THE_LOOP_RAN,
    WAITING,
    SOMEBODY_CAME,
    SOMEBODY_CAME_AND_WENT,
    PAUSED,
    TOLD_AND_NOT_LET_IN,
    TOLD_AND_LET_IN,
    WITHDRAWN,
    WITHDRAWN_BEFORE_ATTACHED,
    MOMENTS
};

typedef struct leaving {
    cordon__listener *listener;
    enum moment       moment;
    intptr_t          server;
    unsigned          closed, late; /* late: told after the end */
} leaving;

static void leave_closed(void *owner)
{
    ((leaving *)owner)->closed++;
}

static void leave(leaving *it)
{
    cordon__listener *listener = it->listener;

    it->listener = NULL;
    cordon__listener_close(listener, leave_closed);
}

static void leave_when_told(void *owner)
{
    leaving *it = owner;

    if (!it->listener) {
        it->late++;
        return;
    }
    if (it->moment == TOLD_AND_LET_IN)
        it->server = door_let_in(it->listener);
    if (it->moment == TOLD_AND_LET_IN || it->moment == TOLD_AND_NOT_LET_IN)
        leave(it);
}

static int has_client(enum moment moment)
{
    return moment >= SOMEBODY_CAME;
}

static void reach(leaving *it, uv_loop_t *loop, intptr_t *client)
{
    if (it->moment == WITHDRAWN_BEFORE_ATTACHED) {
        *client = door_knock();
        cordon__unlisten(it->listener);
    }
    assert_int_equal(cordon__listener_attach(it->listener, loop, leave_when_told, it, &fault), 0);
    if (it->moment != BEFORE_THE_LOOP_RAN)
        (void)uv_run(loop, UV_RUN_NOWAIT);
    if (it->moment == PAUSED)
        cordon__listener_pause(it->listener, 1);
    if (has_client(it->moment) && it->moment != WITHDRAWN_BEFORE_ATTACHED)
        *client = door_knock();
    if (it->moment == SOMEBODY_CAME_AND_WENT) {
        cordon__handle_close(*client);
        *client = CORDON__NO_HANDLE;
    }
    if (it->moment == WITHDRAWN)
        cordon__unlisten(it->listener);
}

static void check_leaving_at(enum moment moment)
{
    leaving   it = {.moment = moment, .server = CORDON__NO_HANDLE};
    intptr_t  client = CORDON__NO_HANDLE;
    uv_loop_t loop;

    assert_int_equal(uv_loop_init(&loop), 0);
    it.listener = door_listen(0);
    reach(&it, &loop, &client);
    if (moment == TOLD_AND_NOT_LET_IN || moment == TOLD_AND_LET_IN)
        run_until(&loop, &it.closed, 1);
    else
        leave(&it);
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(it.closed, 1);
    assert_int_equal(it.late, 0);
    assert_int_equal(uv_loop_close(&loop), 0);
    if (client != CORDON__NO_HANDLE)
        cordon__handle_close(client);
    if (it.server != CORDON__NO_HANDLE)
        cordon__handle_close(it.server);
    assert_int_equal(door_knock_code(), CORDON_ENOTRUNNING);
}

static void listener_may_close_in_every_state(void **state)
{
    unsigned before = 0;

    (void)state;
    for (int round = 0; round < 3; round++) {
        for (int moment = 0; moment < MOMENTS; moment++)
            check_leaving_at((enum moment)moment);
        if (round == 0)
            before = handles();
    }
    assert_int_equal(handles(), before);
}

/* ---- a listener from elsewhere -----------------------------------------------------------------
 */

static void listener_that_is_inherited_is_unsupported(void **state)
{
    cordon__listener *listener = NULL;
    HANDLE            event = CreateEventW(NULL, TRUE, FALSE, NULL);
    intptr_t          handle = CORDON__NO_HANDLE;

    (void)state;
    assert_int_equal(cordon__listener_given(&handle, NULL, &fault), CORDON_EUNSUPPORTED);
    assert_int_equal(handle, CORDON__NO_HANDLE);
    assert_int_equal(cordon__listen_on(&listener, place, (intptr_t)event, 0, &fault),
                     CORDON_EUNSUPPORTED);
    assert_null(listener);
    assert_true(CloseHandle(event)); /* it was not taken */
}

/* ---- what a pipe's end says ---------------------------------------------------------------------
 */

static void every_word_for_a_pipe_that_ended_is_eclosed(void **state)
{
    static const DWORD words[] = {ERROR_BROKEN_PIPE, ERROR_NO_DATA, ERROR_PIPE_NOT_CONNECTED};

    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        assert_int_equal(cordon__win32_fault(&fault, "read", words[i], NULL), CORDON_ECLOSED);
        assert_int_equal(fault.code, CORDON_ECLOSED);
        assert_int_equal(fault.os_code, words[i]);
    }
    assert_int_equal(ERROR_BROKEN_PIPE, 109);
    assert_int_equal(ERROR_NO_DATA, 232);
    assert_int_equal(ERROR_PIPE_NOT_CONNECTED, 233);
}

/* ---- the end ------------------------------------------------------------------------------------
 */

static void who_waits_is_let_in_after_the_end_and_nobody_else(void **state)
{
    cordon__listener *listener = door_listen(0);
    intptr_t          clients[2], servers[2], server;

    (void)state;
    clients[0] = door_knock();
    clients[1] = door_knock();
    door_say(clients[0], "word");
    cordon__unlisten(listener);
    assert_true(door_knock_code() != CORDON_OK);
    servers[0] = door_let_in(listener);
    servers[1] = door_let_in(listener);
    assert_int_equal(cordon__accept(&server, listener, &fault), CORDON__NOBODY);
    door_hear(servers[0], "word");
    cordon__listener_close(listener, NULL);
    assert_int_equal(door_knock_code(), CORDON__OCCUPIED); /* it may be about to end */
    for (int i = 0; i < 2; i++) {
        cordon__handle_close(clients[i]);
        cordon__handle_close(servers[i]);
    }
    assert_int_equal(door_knock_code(), CORDON_ENOTRUNNING);
}

typedef struct crowd {
    intptr_t      clients[64];
    unsigned      count;
    volatile LONG is_over;
} crowd;

static void press(void *context)
{
    crowd *it = context;

    while (!it->is_over && it->count < 64)
        if (cordon__connect(&it->clients[it->count], place, &fault) == CORDON_OK)
            it->count++;
}

/* Whoever got through to a server that ends is let in: nobody is cut by the end. */
static void crowd_at_the_end_is_let_in_to_the_last(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        cordon__listener *listener = door_listen(0);
        crowd             it = {.count = 0};
        intptr_t          servers[64];
        unsigned          count = 0;
        cordon_fault      mine = CORDON_FAULT_INIT;
        uv_thread_t       thread;

        assert_int_equal(uv_thread_create(&thread, press, &it), 0);
        while (count < (unsigned)round)
            if (cordon__accept(&servers[count], listener, &mine) == CORDON_OK)
                count++;
        cordon__unlisten(listener);
        InterlockedExchange(&it.is_over, 1);
        assert_int_equal(uv_thread_join(&thread), 0);
        while (cordon__accept(&servers[count], listener, &mine) == CORDON_OK)
            count++;
        assert_int_equal(count, it.count);
        cordon__listener_close(listener, NULL);
        for (unsigned i = 0; i < count; i++) {
            cordon__handle_close(it.clients[i]);
            cordon__handle_close(servers[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DOOR(four_are_there_before_the_first_accept_and_the_fifth_waits),
        DOOR(who_came_and_went_is_skipped),
        DOOR(who_spoke_and_went_is_heard),
        DOOR(waits_that_were_given_up_are_begun_again),
        DOOR(thousand_comings_leave_no_handle),
        DOOR(loop_is_told_until_all_are_in_and_not_while_paused),
        DOOR(close_is_told_once_from_the_loop),
        DOOR(listener_may_close_in_every_state),
        DOOR(listener_that_is_inherited_is_unsupported),
        DOOR(every_word_for_a_pipe_that_ended_is_eclosed),
        DOOR(who_waits_is_let_in_after_the_end_and_nobody_else),
        DOOR(crowd_at_the_end_is_let_in_to_the_last),
    };

    return cmocka_run_group_tests_name("contract_win32_door", tests, NULL, NULL);
}
