/* The listening end: who is accepted, and when it is told. */
#include "listen_kit.h"

/* ---- accepting ---- */

static void who_waits_at_the_end_can_still_be_accepted(void **state)
{
    kit              *it = *state;
    cordon__listener *listener;
    intptr_t          mine, theirs = CORDON__NO_HANDLE;

    kit_serve(it, it->home);
    listener = kit_listen(it, it->place);
    SUPPORT_CODE(cordon__connect(&mine, it->place, &it->fault), CORDON_OK, &it->fault);
    cordon__unlisten(listener);
    assert_int_not_equal(kit_knock(it, it->place), CORDON_OK); /* newcomers are not let in */
    SUPPORT_CODE(cordon__accept(&theirs, listener, &it->fault), CORDON_OK, &it->fault);
    assert_int_equal(cordon__accept(&theirs, listener, &it->fault), CORDON__NOBODY);
    cordon__handle_close(theirs);
    cordon__handle_close(mine);
    cordon__listener_close(listener, NULL);
}

/* ---- on a loop ---- */

static void loop_tells_who_waits_until_paused(void **state)
{
    kit     *it = *state;
    host     self = {0};
    intptr_t guests[2];

    kit_serve(it, it->home);
    uv_loop_init(&self.loop);
    self.listener = kit_listen(it, it->place);
    SUPPORT_CODE(
        cordon__listener_attach(self.listener, &self.loop, host_accept_one, &self, &it->fault),
        CORDON_OK, &it->fault);
    SUPPORT_CODE(cordon__connect(&guests[0], it->place, &it->fault), CORDON_OK, &it->fault);
    assert_int_equal(self.woken, 0); /* never from inside */
    host_run_until(&self, &self.accepted, 1);
    assert_int_equal(self.accepted, 1);
    cordon__listener_pause(self.listener, 1);
    SUPPORT_CODE(cordon__connect(&guests[1], it->place, &it->fault), CORDON_OK, &it->fault);
    const unsigned woken = self.woken;
    host_run(&self);
    assert_int_equal(self.woken, woken);
    cordon__listener_pause(self.listener, 0);
    host_run_until(&self, &self.accepted, 2);
    assert_int_equal(self.accepted, 2);
    for (int i = 0; i < 2; i++)
        cordon__handle_close(guests[i]);
    cordon__unlisten(self.listener);
    cordon__listener_close(self.listener, host_hear_closed);
    assert_int_equal(self.closed, 0);
    host_run_until(&self, &self.closed, 1);
    uv_run(&self.loop, UV_RUN_DEFAULT);
    assert_int_equal(self.closed, 1);
    assert_int_equal(uv_loop_close(&self.loop), 0);
}

/* ---- looking, and the end ---- */

static void one_that_lives_is_still_at_its_address(void **state)
{
    kit              *it = *state;
    cordon__listener *listener, *second = NULL;

    kit_serve(it, it->home);
    listener = kit_listen(it, it->place);
    for (int times = 0; times < 3; times++) {
        assert_int_equal(cordon__listener_look(listener, &it->fault), CORDON_OK);
        assert_true(cordon__listen(&second, it->place, 8, 0, &it->fault) < 0);
        assert_null(second);
        SUPPORT_CODE(kit_knock(it, it->place), CORDON_OK, &it->fault);
    }
    cordon__listener_close(listener, NULL);
}

static void listener_may_be_closed_in_any_state(void **state)
{
    kit *it = *state;

    kit_serve(it, it->home);
    cordon__listener_close(NULL, NULL);
    for (int what = 0; what < 8; what++) {
        host      self = {0};
        const int is_attached = what & 1, is_unlistened = what & 2, has_guest = what & 4;

        uv_loop_init(&self.loop);
        self.listener = kit_listen(it, it->place);
        if (is_attached)
            SUPPORT_CODE(cordon__listener_attach(self.listener, &self.loop, host_accept_one, &self,
                                                 &it->fault),
                         CORDON_OK, &it->fault);
        if (has_guest)
            SUPPORT_CODE(kit_knock(it, it->place), CORDON_OK, &it->fault);
        if (is_unlistened)
            cordon__unlisten(self.listener);
        cordon__listener_close(self.listener, is_attached ? host_hear_closed : NULL);
        if (is_attached)
            host_run_until(&self, &self.closed, 1);
        uv_run(&self.loop, UV_RUN_DEFAULT);
        assert_int_equal(self.closed, is_attached);
        assert_int_equal(self.accepted, 0);
        assert_int_equal(uv_loop_close(&self.loop), 0);
    }
}

static void nothing_stays_open(void **state)
{
    kit *it = *state;
    int  before = 0;

    kit_serve(it, it->home);
    for (int round = 0; round < 3; round++) {
        cordon__listener *listener;
        intptr_t          mine, theirs;

        if (round == 1)
            before = support_count_descriptors();
        listener = kit_listen(it, it->place);
        SUPPORT_CODE(cordon__connect(&mine, it->place, &it->fault), CORDON_OK, &it->fault);
        SUPPORT_CODE(kit_knock(it, it->place), CORDON_OK, &it->fault); /* has gone, unaccepted */
        SUPPORT_CODE(cordon__accept(&theirs, listener, &it->fault), CORDON_OK, &it->fault);
        cordon__handle_close(theirs);
        cordon__handle_close(mine);
        cordon__unlisten(listener);
        cordon__listener_close(listener, NULL);
    }
    assert_int_equal(support_count_descriptors(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(who_waits_at_the_end_can_still_be_accepted),
        kit_test(loop_tells_who_waits_until_paused),
        kit_test(one_that_lives_is_still_at_its_address),
        kit_test(listener_may_be_closed_in_any_state),
        kit_test(nothing_stays_open),
    };

    return SUPPORT_RUN("contract_listen", tests);
}
