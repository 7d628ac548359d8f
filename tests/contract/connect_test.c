/* One attempt to reach the server. */
#include "kit.h"

static void check(kit *it, int expected)
{
    SUPPORT_CODE(kit_knock(it, it->place), expected, &it->fault);
    if (expected < 0) {
        assert_string_equal(it->fault.path, kit_path(it, CORDON_ADDRESS));
        assert_string_equal(it->fault.during, "connect");
    }
}

static void nobody_there_is_enotrunning_before_and_after_a_server(void **state)
{
    kit              *it = *state;
    cordon__listener *listener;

    kit_serve(it, it->home);
    check(it, CORDON_ENOTRUNNING);
    for (int times = 0; times < 3; times++) {
        listener = kit_listen(it, it->place);
        check(it, CORDON_OK);
        cordon__unlisten(listener);
        cordon__listener_close(listener, NULL);
        check(it, CORDON_ENOTRUNNING);
    }
}

static void client_of_another_directory_meets_nobody(void **state)
{
    kit              *it = *state;
    cordon__listener *listener;
    cordon__place    *visitor;

    kit_serve(it, it->deep);
    cordon__place_close(it->place);
    kit_serve(it, it->home);
    listener = kit_listen(it, it->place);
    visitor = kit_visit(it, it->deep);
    SUPPORT_CODE(kit_knock(it, visitor), CORDON_ENOTRUNNING, &it->fault);
    cordon__place_close(visitor);
    visitor = kit_visit(it, it->home); /* its own place, the same endpoint */
    SUPPORT_CODE(kit_knock(it, visitor), CORDON_OK, &it->fault);
    cordon__place_close(visitor);
    cordon__listener_close(listener, NULL);
}

static void send_word(intptr_t handle, const char *word, size_t size)
{
    cordon_fault       fault = CORDON_FAULT_INIT;
    cordon__line       line = {.handle = handle};
    const cordon_bytes piece = {word, size};
    size_t             sent;

    SUPPORT_CODE(cordon__line_write(&line, &piece, 1, &sent, cordon__now() + SUPPORT_SOON, &fault),
                 CORDON_OK, &fault);
}

static void check_word(intptr_t handle, const char *word, size_t size)
{
    cordon_fault fault = CORDON_FAULT_INIT;
    cordon__line line = {.handle = handle};
    char         data[16];
    size_t       got;

    SUPPORT_CODE(
        cordon__line_read(&line, data, sizeof data, &got, cordon__now() + SUPPORT_SOON, &fault),
        CORDON_OK, &fault);
    assert_int_equal(got, size);
    assert_memory_equal(data, word, size);
    cordon__line_close(&line);
}

/* Whoever connects may speak before anybody has accepted; and nobody hears another's words. */
static void each_of_several_has_a_connection_of_its_own(void **state)
{
    static const char words[] = "onetwo";
    kit              *it = *state;
    cordon__listener *listener;
    intptr_t          mine[2], theirs[2];

    kit_serve(it, it->home);
    listener = kit_listen(it, it->place);
    for (int i = 0; i < 2; i++) {
        SUPPORT_CODE(cordon__connect(&mine[i], it->place, &it->fault), CORDON_OK, &it->fault);
        send_word(mine[i], words + (size_t)3 * i, 3);
        SUPPORT_CODE(cordon__accept(&theirs[i], listener, &it->fault), CORDON_OK, &it->fault);
    }
    for (int i = 1; i >= 0; i--) {
        check_word(theirs[i], words + (size_t)3 * i, 3);
        cordon__handle_close(mine[i]);
    }
    cordon__listener_close(listener, NULL);
}

/* A system that cannot tell it from one that is about to end says so; but never: nobody. */
static void full_backlog_is_to_be_tried_again(void **state)
{
    kit              *it = *state;
    cordon__listener *listener;
    intptr_t          handles[64], accepted;
    int               count = 0, code;

    kit_serve(it, it->home);
    listener = kit_listen(it, it->place); /* 8 */
    while ((code = cordon__connect(&handles[count], it->place, &it->fault)) == CORDON_OK)
        assert_true(++count < 64);
    assert_int_equal(code, SUPPORT_TELLS_FULL ? CORDON__AGAIN : CORDON__OCCUPIED);
    assert_int_equal(kit_knock(it, it->place), code);
    SUPPORT_CODE(cordon__accept(&accepted, listener, &it->fault), CORDON_OK, &it->fault);
    check(it, CORDON_OK);
    cordon__handle_close(accepted);
    while (count > 0)
        cordon__handle_close(handles[--count]);
    cordon__listener_close(listener, NULL);
}

static void nothing_stays_open(void **state)
{
    kit              *it = *state;
    cordon__listener *listener;
    int               before = 0;

    kit_serve(it, it->home);
    for (int round = 0; round < 3; round++) {
        if (round == 1)
            before = support_count_descriptors();
        check(it, CORDON_ENOTRUNNING);
        listener = kit_listen(it, it->place);
        for (int i = 0; i < 20; i++) /* full at last */
            kit_knock(it, it->place);
        cordon__unlisten(listener);
        cordon__listener_close(listener, NULL);
    }
    assert_int_equal(support_count_descriptors(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(nobody_there_is_enotrunning_before_and_after_a_server),
        kit_test(client_of_another_directory_meets_nobody),
        kit_test(each_of_several_has_a_connection_of_its_own),
        kit_test(full_backlog_is_to_be_tried_again),
        kit_test(nothing_stays_open),
    };

    return SUPPORT_RUN("contract_connect", tests);
}
