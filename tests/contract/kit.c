#include "kit.h"

#include <sys/socket.h>
#include <sys/un.h>

static char *outer_tmp; /* $TMPDIR as it was */

static void note_step(const cordon_fault *step, void *user)
{
    kit         *it = user;
    const size_t used = strlen(it->steps);

    snprintf(it->steps + used, sizeof it->steps - used, "%s:%d ", step->during, step->code);
}

int kit_setup(void **state)
{
    static const cordon_fault none = CORDON_FAULT_INIT;
    kit                      *it = test_calloc(1, sizeof *it);
    char                      name[91];
    const char               *outer = getenv("TMPDIR");

    it->fault = none;
    support_directory(it->root);
    support_join(it->tmp, it->root, "t");
    support_join(it->near, it->root, "d");
    memset(name, 'd', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    support_join(it->far, it->root, name);
    SUPPORT_CHECK(mkdir(it->tmp, 0700) == 0 && chmod(it->tmp, 0700) == 0);
    outer_tmp = outer ? strdup(outer) : NULL;
    SUPPORT_CHECK(setenv("TMPDIR", it->tmp, 1) == 0);
    *state = it;
    return 0;
}

int kit_teardown(void **state)
{
    kit *it = *state;

    cordon__place_close(it->place);
    support_directory_remove(it->root);
    if (outer_tmp)
        setenv("TMPDIR", outer_tmp, 1);
    else
        unsetenv("TMPDIR");
    free(outer_tmp);
    outer_tmp = NULL;
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

void kit_leave_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int          fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    SUPPORT_CHECK(fd >= 0 && strlen(path) < sizeof address.sun_path);
    memcpy(address.sun_path, path, strlen(path) + 1);
    SUPPORT_CHECK(bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
    SUPPORT_CHECK(listen(fd, 1) == 0);
    close(fd);
}

void kit_give_to(const char *path, uid_t uid)
{
    SUPPORT_CHECK(lchown(path, uid, (gid_t)uid) == 0);
}
