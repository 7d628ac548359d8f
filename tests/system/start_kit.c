#include "start_kit.h"

#include <signal.h>

#include <uv.h>

const char *const *start_daemon(start_argv *argv, const char *directory)
{
    const start_argv made = {{support_bin(), "serve", "start", "--dir", directory, "--echo",
                              "--allow-stop", "--idle-exit", START_IDLE_MS, NULL}};

    *argv = made;
    return argv->words;
}

cordon_endpoint *start_endpoint(const char *directory)
{
    cordon_endpoint_options options = CORDON_ENDPOINT_OPTIONS_INIT;
    cordon_endpoint        *endpoint = NULL;
    cordon_fault            fault = CORDON_FAULT_INIT;

    options.directory = directory;
    SUPPORT_CODE(cordon_endpoint_open(&endpoint, "start", &options, &fault), CORDON_OK, &fault);
    return endpoint;
}

void start_ask(start_answer *answer, const char *directory, const cordon_start_options *start,
               int timeout_ms)
{
    cordon_session_options options = CORDON_SESSION_OPTIONS_INIT;
    cordon_endpoint       *endpoint = start_endpoint(directory);
    cordon_session        *session = NULL;
    const uint64_t         began = support_now();

    memset(answer, 0, sizeof *answer);
    answer->fault = (cordon_fault)CORDON_FAULT_INIT;
    options.start = start;
    options.timeout_ms = timeout_ms;
    answer->code = cordon_session_open(&session, endpoint, &options, &answer->fault);
    answer->took = support_now() - began;
    if (answer->code == CORDON_OK) {
        answer->is_started = cordon_session_server(session)->is_started;
        answer->pid = cordon_session_server(session)->peer->pid;
    }
    cordon_session_close(session);
    cordon_endpoint_close(endpoint);
}

static int open_control(cordon_session **session, const char *directory)
{
    cordon_session_options options = CORDON_SESSION_OPTIONS_INIT;
    cordon_endpoint       *endpoint = start_endpoint(directory);
    int                    code;

    options.flags = CORDON_CONTROL;
    code = cordon_session_open(session, endpoint, &options, NULL);
    cordon_endpoint_close(endpoint);
    return code;
}

uint64_t start_server_pid(const char *directory)
{
    cordon_session *session = NULL;
    uint64_t        pid = 0;

    if (open_control(&session, directory) == CORDON_OK)
        pid = cordon_session_server(session)->peer->pid;
    cordon_session_close(session);
    return pid;
}

void start_stop_server(const char *directory)
{
    cordon_session *session = NULL;
    cordon_fault    fault = CORDON_FAULT_INIT;

    if (open_control(&session, directory) == CORDON_OK)
        SUPPORT_CODE(cordon_session_stop(session, SUPPORT_SOON, &fault), CORDON_OK, &fault);
    cordon_session_close(session);
}

/* ---- who runs ------------------------------------------------------------------------- */

typedef struct arguments {
    char   text[4096]; /* one behind the other, each with its NUL */
    size_t size;
} arguments;

static int read_arguments(arguments *of, const char *pid)
{
    char  path[SUPPORT_PATH];
    FILE *file;

    snprintf(path, sizeof path, "/proc/%s/cmdline", pid);
    file = fopen(path, "rb");
    if (file == NULL)
        return 0;
    of->size = fread(of->text, 1, sizeof of->text - 1, file);
    fclose(file);
    of->text[of->size] = '\0';
    return 1;
}

static const char *next_argument(const arguments *of, const char *last)
{
    const char *next = last == NULL ? of->text : last + strlen(last) + 1;

    return next < of->text + of->size ? next : NULL;
}

static int serves(const arguments *of, const char *directory)
{
    const char *word = next_argument(of, NULL);
    int         is_serving = 0, is_there = 0;

    while (word != NULL && (word = next_argument(of, word)) != NULL) {
        is_serving = is_serving || strcmp(word, "serve") == 0;
        is_there = is_there || strcmp(word, directory) == 0;
        if (strcmp(word, "ensure") == 0)
            return 0;
    }
    return is_serving && is_there;
}

/* A server, a caller that may start one, a shell that is about to: all know the directory. */
static int has_to_do_with(const arguments *of, const char *directory)
{
    const char *word = NULL;

    while ((word = next_argument(of, word)) != NULL)
        if (strstr(word, directory) != NULL)
            return 1;
    return 0;
}

/* How many such processes there are, the last one's number in *last; -1: the system does not tell.
 */
static int count_processes(int (*is_one)(const arguments *of, const char *directory),
                           const char *directory, int *last)
{
    uv_fs_t     request;
    uv_dirent_t entry;
    arguments   of;
    int         count = 0;

    if (!support_exists("/proc/self/cmdline") ||
        uv_fs_scandir(NULL, &request, "/proc", 0, NULL) < 0)
        return -1;
    while (uv_fs_scandir_next(&request, &entry) >= 0) {
        const int pid = atoi(entry.name);

        if (pid > 1 && pid != (int)uv_os_getpid() && read_arguments(&of, entry.name) &&
            is_one(&of, directory)) {
            *last = pid;
            count++;
        }
    }
    uv_fs_req_cleanup(&request);
    return count;
}

int start_count_daemons(const char *directory)
{
    int last;

    return count_processes(serves, directory, &last);
}

static int nobody_is_there(void *context)
{
    cordon_session *session = NULL;
    int             last;

    if (open_control(&session, context) == CORDON_OK)
        (void)cordon_session_stop(session, SUPPORT_SOON, NULL);
    cordon_session_close(session);
    return count_processes(has_to_do_with, context, &last) <= 0;
}

void start_end_all(const char *directory)
{
    char own[SUPPORT_PATH];
    int  looks = 0, pid;

    snprintf(own, sizeof own, "%s", directory);
    if (support_until(nobody_is_there, own, SUPPORT_SOON))
        return;
    while (looks++ < 100 && count_processes(has_to_do_with, own, &pid) > 0) {
        print_message("%d did not end\n", pid);
        if (SUPPORT_EXE[0] == '\0') /* what Wine sees of /proc has other numbers than it knows */
            uv_kill(pid, SIGKILL);
        support_pause(10);
    }
    if (looks > 1)
        fail_msg("what has to do with %s had to be killed", directory);
}
