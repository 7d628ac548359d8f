#include "life_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/un.h>

typedef struct plan {
    life_child         *child;
    const char         *directory;
    const life_options *options;
} plan;

static int serve(void *context)
{
    cordon_endpoint_options options = CORDON_ENDPOINT_OPTIONS_INIT;
    cordon_fault            fault = CORDON_FAULT_INIT;
    cordon_endpoint        *endpoint = NULL;
    support_server         *server = NULL;
    const plan             *what = context;

    close(what->child->orders.ends[1]);
    what->options->before(what->options->context);
    options.directory = what->directory;
    options.flags = what->options->endpoint_flags;
    SUPPORT_CODE(cordon_endpoint_open(&endpoint, "test", &options, &fault), CORDON_OK, &fault);
    SUPPORT_CODE(support_server_try(&server, endpoint, NULL, NULL, &fault), CORDON_OK, &fault);
    support_signal_send(&what->child->told, 'r');
    while (support_signal_wait(&what->child->orders, -1) == -1 && errno == EINTR)
        continue;
    support_server_close(server);
    cordon_endpoint_close(endpoint);
    return 0;
}

void life_launch(life_child *child, const char *directory, const life_options *options)
{
    plan what = {child, directory, options};

    support_signal_open(&child->told);
    support_signal_open(&child->orders);
    child->pid = support_fork(serve, &what);
    close(child->told.ends[1]);
    child->told.ends[1] = -1;
}

void life_check_names(const char *directory, const char *names)
{
    char found[1024];

    support_names(found, sizeof found, directory);
    if (strcmp(found, names) == 0)
        return;
    fprintf(stderr, "in %s: \"%s\", not \"%s\"\n", directory, found, names);
    support_failed("the names in the directory", __FILE__, __LINE__);
}

int life_own_users(const char *map)
{
    ssize_t written;
    int     fd;

    if (unshare(CLONE_NEWUSER) != 0)
        return 0;
    fd = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
    written = write(fd, map, strlen(map));
    close(fd);
    return written == (ssize_t)strlen(map);
}

static struct sockaddr_un at(const char *path)
{
    struct sockaddr_un address = {0};

    SUPPORT_CHECK(strlen(path) < sizeof address.sun_path);
    address.sun_family = AF_UNIX;
    memcpy(address.sun_path, path, strlen(path) + 1);
    return address;
}

int life_bind(const char *path, int backlog)
{
    struct sockaddr_un address = at(path);
    int                fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    SUPPORT_CHECK(fd >= 0);
    SUPPORT_CHECK(bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
    SUPPORT_CHECK(backlog < 0 || listen(fd, backlog) == 0);
    return fd;
}
