#include "common_kit.h"

cordon_fault   fault = CORDON_FAULT_INIT;
cordon__place *place;

cordon__place *resolve(int is_long)
{
    static const cordon__trace silent = {NULL, NULL};
    cordon__place             *made = NULL;

    assert_int_equal(cordon__place_open(&made, "test", "ipc", common_directory(is_long),
                                        &cordon__libc, &silent, &fault),
                     CORDON_OK);
    return made;
}

void serve(int is_long)
{
    place = resolve(is_long);
    assert_int_equal(cordon__private_open(place, 1, &fault), CORDON_OK);
}

const char *path_of(enum cordon_place which)
{
    return cordon__place_path(place, which);
}

cordon__listener *listen_now(unsigned backlog)
{
    cordon__listener *listener = NULL;

    assert_int_equal(cordon__listen(&listener, place, backlog, 0, &fault), CORDON_OK);
    return listener;
}

void unserve(cordon__listener *listener)
{
    if (listener) {
        cordon__unlisten(listener);
        cordon__listener_close(listener, NULL);
    }
    cordon__place_close(place);
}

int knock(intptr_t *handle)
{
    *handle = CORDON__NO_HANDLE;
    return cordon__connect(handle, place, &fault);
}

pair connect_both(void)
{
    pair both = {NULL, CORDON__NO_HANDLE, CORDON__NO_HANDLE};

    serve(0);
    both.listener = listen_now(8);
    assert_int_equal(knock(&both.client), CORDON_OK);
    assert_int_equal(cordon__accept(&both.server, both.listener, &fault), CORDON_OK);
    return both;
}
