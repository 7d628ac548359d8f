#include "win32_door.h"

cordon_fault   fault = CORDON_FAULT_INIT;
cordon__place *place;

int door_open(void **state)
{
    static const cordon__trace silent = {NULL, NULL};
    char                       name[40], directory[MAX_PATH + 1];
    uint64_t                   digits;

    (void)state;
    assert_int_equal(cordon__random(&digits, sizeof digits, &fault), CORDON_OK);
    snprintf(name, sizeof name, "door-%08x%08x", (unsigned)(digits >> 32), (unsigned)digits);
    assert_true(GetTempPathA(sizeof directory, directory) > 0);
    assert_int_equal(
        cordon__place_open(&place, "cordontest", name, directory, &cordon__libc, &silent, &fault),
        CORDON_OK);
    return 0;
}

int door_close(void **state)
{
    (void)state;
    cordon__place_close(place);
    return 0;
}

cordon__listener *door_listen(unsigned backlog)
{
    cordon__listener *listener = NULL;

    assert_int_equal(cordon__listen(&listener, place, backlog, 0, &fault), CORDON_OK);
    return listener;
}

void door_end(cordon__listener *listener)
{
    cordon__unlisten(listener);
    cordon__listener_close(listener, NULL);
}

intptr_t door_knock(void)
{
    intptr_t handle = CORDON__NO_HANDLE;

    assert_int_equal(cordon__connect(&handle, place, &fault), CORDON_OK);
    return handle;
}

int door_knock_code(void)
{
    intptr_t  handle;
    const int code = cordon__connect(&handle, place, &fault);

    if (code == CORDON_OK)
        cordon__handle_close(handle);
    return code;
}

intptr_t door_let_in(cordon__listener *listener)
{
    intptr_t handle = CORDON__NO_HANDLE;

    assert_int_equal(cordon__accept(&handle, listener, &fault), CORDON_OK);
    return handle;
}

/* Both ends are overlapped; what fits is taken, and what is there is given, at once. */
void door_say(intptr_t handle, const char *word)
{
    OVERLAPPED writing = {0};
    DWORD      size = 0;

    (void)WriteFile((HANDLE)handle, word, (DWORD)strlen(word), NULL, &writing);
    assert_true(GetOverlappedResult((HANDLE)handle, &writing, &size, TRUE));
    assert_int_equal(size, strlen(word));
}

void door_hear(intptr_t handle, const char *word)
{
    OVERLAPPED reading = {0};
    char       data[64];
    DWORD      size = 0;

    (void)ReadFile((HANDLE)handle, data, sizeof data, NULL, &reading);
    assert_true(GetOverlappedResult((HANDLE)handle, &reading, &size, TRUE));
    assert_int_equal(size, strlen(word));
    assert_memory_equal(data, word, size);
}
