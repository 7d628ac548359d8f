#include "kit.h"

static void note_step(const cordon_fault *step, void *user)
{
    kit         *it = user;
    const size_t used = strlen(it->steps);

    if (it->is_silent)
        return;
    snprintf(it->steps + used, sizeof it->steps - used, "%s:%d ", step->during, step->code);
}

int kit_setup(void **state)
{
    static const cordon_fault none = CORDON_FAULT_INIT;
    kit                      *it = test_calloc(1, sizeof *it);
    char                      name[91];

    it->fault = none;
    support_directory(it->root);
    support_join(it->tmp, it->root, "t");
    support_join(it->home, it->root, "d");
    memset(name, 'd', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    support_join(it->deep, it->root, name);
    support_directory_make(it->tmp);
    kit_own_open(it);
    *state = it;
    return 0;
}

int kit_teardown(void **state)
{
    kit *it = *state;

    cordon__place_close(it->place);
    support_directory_remove(it->root);
    kit_own_close(it);
    test_free(it);
    return 0;
}

cordon__place *kit_resolve(kit *it, const char *directory)
{
    const cordon__trace trace = {note_step, it};
    cordon__place      *place = NULL;

    SUPPORT_CODE(
        cordon__place_open(&place, "test", "ipc", directory, &cordon__libc, &trace, &it->fault),
        CORDON_OK, &it->fault);
    return place;
}

cordon__place *kit_serve(kit *it, const char *directory)
{
    it->place = kit_resolve(it, directory);
    SUPPORT_CODE(cordon__private_open(it->place, 1, &it->fault), CORDON_OK, &it->fault);
    return it->place;
}

cordon__place *kit_visit(kit *it, const char *directory)
{
    cordon__place *place = kit_resolve(it, directory);

    SUPPORT_CODE(cordon__private_open(place, 0, &it->fault), CORDON_OK, &it->fault);
    return place;
}

cordon__listener *kit_listen(kit *it, cordon__place *place)
{
    cordon__listener *listener = NULL;

    SUPPORT_CODE(cordon__address_clear(place, &it->fault), CORDON_OK, &it->fault);
    SUPPORT_CODE(cordon__listen(&listener, place, 8, 0, &it->fault), CORDON_OK, &it->fault);
    return listener;
}

int kit_knock(kit *it, cordon__place *place)
{
    intptr_t  handle = CORDON__NO_HANDLE;
    const int code = cordon__connect(&handle, place, &it->fault);

    if (code == CORDON_OK)
        cordon__handle_close(handle);
    return code;
}

const char *kit_path(const kit *it, enum cordon_place which)
{
    return cordon__place_path(it->place, which);
}
