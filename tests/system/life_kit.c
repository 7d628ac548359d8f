#include "life_kit.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

/* ---- servers in children ---- */

typedef struct plan {
    life_child         *child;
    const char         *directory;
    const life_options *options;
} plan;

static cordon_endpoint *open_endpoint(const plan *what)
{
    cordon_endpoint_options options = CORDON_ENDPOINT_OPTIONS_INIT;
    cordon_fault            fault = CORDON_FAULT_INIT;
    cordon_endpoint        *endpoint = NULL;

    options.directory = what->directory;
    if (what->options != NULL)
        options.flags = what->options->endpoint_flags;
    SUPPORT_CODE(cordon_endpoint_open(&endpoint, "test", &options, &fault), CORDON_OK, &fault);
    return endpoint;
}

static int serve(void *context)
{
    plan            *what = context;
    support_server  *server = NULL;
    cordon_fault     fault = CORDON_FAULT_INIT;
    cordon_endpoint *endpoint;

    close(what->child->orders.ends[1]);
    if (what->options != NULL && what->options->before != NULL)
        what->options->before(what->options->context);
    endpoint = open_endpoint(what);
    SUPPORT_CODE(support_server_try(&server, endpoint, NULL,
                                    what->options != NULL ? &what->options->server : NULL, &fault),
                 CORDON_OK, &fault);
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

void life_serve(life_child *child, const char *directory, const life_options *options)
{
    life_launch(child, directory, options);
    SUPPORT_CHECK(support_signal_wait(&child->told, SUPPORT_SOON) == 'r');
}

static void forget(life_child *child)
{
    support_signal_close(&child->told);
    support_signal_close(&child->orders);
    child->pid = 0;
}

void life_order_stop(life_child *child)
{
    support_signal_send(&child->orders, 's');
}

void life_await_end(life_child *child)
{
    SUPPORT_CHECK(support_wait(child->pid, SUPPORT_SOON) == 0);
    forget(child);
}

void life_stop(life_child *child)
{
    life_order_stop(child);
    life_await_end(child);
}

void life_kill(life_child *child)
{
    support_kill(child->pid, SIGKILL);
    forget(child);
}

int life_refused(const char *directory, int lock_ms, cordon_fault *fault)
{
    cordon_server_options options = CORDON_SERVER_OPTIONS_INIT;
    cordon_endpoint      *endpoint = support_endpoint(directory);
    support_server       *server = NULL;
    int                   code;

    options.lock_ms = lock_ms;
    code = support_server_try(&server, endpoint, NULL, &options, fault);
    support_server_close(server);
    cordon_endpoint_close(endpoint);
    return code;
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

/* ---- sockets ---- */

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

void life_crowd_in(life_crowd *crowd, const char *path)
{
    struct sockaddr_un address = at(path);

    for (crowd->count = 0; crowd->count < 1024; crowd->count++) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        SUPPORT_CHECK(fd >= 0);
        if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
            SUPPORT_CHECK(errno == EAGAIN);
            close(fd);
            return;
        }
        crowd->fds[crowd->count] = fd;
    }
    support_failed("the backlog can be filled", __FILE__, __LINE__);
}

void life_drop_all(life_crowd *crowd)
{
    while (crowd->count > 0)
        close(crowd->fds[--crowd->count]);
}
