#include "kit_posix.h"

#include <sys/socket.h>
#include <sys/un.h>

static char *outer_tmp; /* $TMPDIR as it was */

/* So that fallbacks are ours too. */
void kit_own_open(kit *it)
{
    const char *outer = getenv("TMPDIR");

    outer_tmp = outer ? strdup(outer) : NULL;
    SUPPORT_CHECK(setenv("TMPDIR", it->tmp, 1) == 0);
}

void kit_own_close(kit *it)
{
    (void)it;
    if (outer_tmp)
        setenv("TMPDIR", outer_tmp, 1);
    else
        unsetenv("TMPDIR");
    free(outer_tmp);
    outer_tmp = NULL;
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
