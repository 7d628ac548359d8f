/* bench_count SERVER CLIENT PLACE [options of the client]: the system calls of both, between the
 * client's marks. */
#include "bench.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "count_syscalls.h"

enum { OPTIONS = 32 };

typedef struct scene {
    const char *server, *place;
    char      **client;   /* its arguments */
    int         ready[2]; /* the server's word */
} scene;

static void run_server(void *context)
{
    const scene *scene = context;

    dup2(scene->ready[1], 1);
    close(scene->ready[0]);
    close(scene->ready[1]);
    execl(scene->server, scene->server, scene->place, (char *)NULL);
    bench_die("%s does not start", scene->server);
}

/* The client is us, so that its end is ours; a child that is not traced ends the server after. */
static void run_client(void *context)
{
    const scene *scene = context;
    char         line[64] = "";
    int          alive[2];
    long         server = 0;

    if (read(scene->ready[0], line, sizeof line - 1) <= 0 ||
        sscanf(line, "ready %ld", &server) != 1)
        bench_die("%s does not start", scene->server);
    if (pipe(alive) != 0)
        bench_die("no pipe");
    if (fork() == 0) {
        close(alive[1]);
        while (read(alive[0], line, 1) > 0) {
        }
        kill((pid_t)server, SIGTERM);
        _exit(0);
    }
    close(alive[0]);
    execv(scene->client[0], scene->client);
    bench_die("%s does not start", scene->client[0]);
}

int main(int argc, char **argv)
{
    static char      name_of_place[] = "--place";
    char            *client[OPTIONS + 1] = {NULL};
    scene            scene = {NULL, NULL, client, {-1, -1}};
    support_actor    actors[2] = {{run_server, &scene}, {run_client, &scene}};
    support_syscalls calls;
    int              code;

    if (argc < 4 || argc > OPTIONS)
        bench_die("usage: bench_count SERVER CLIENT DIRECTORY [options of the client]");
    scene.server = argv[1];
    scene.place = argv[3];
    client[0] = argv[2];
    client[1] = name_of_place;
    memcpy(client + 2, argv + 3, (size_t)(argc - 3) * sizeof *argv);
    if (pipe(scene.ready) != 0)
        bench_die("no pipe");
    code = support_count_syscalls(&calls, actors, 2, 60);
    if (code != 0)
        bench_die(code > 0 ? "the system does not let us trace" : "server or client failed");
    printf("calls=%lu %s\n", calls.total, support_syscalls_text(&calls));
    return 0;
}
