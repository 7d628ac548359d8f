#include "start_kit.h"

#include <ctype.h>

#include <uv.h>

const char *start_bin(void)
{
    return support_bin();
}

const char *const *start_daemon(start_argv *argv, const char *directory)
{
    const start_argv made = {
        {start_bin(), "serve", "start", "--dir", directory, "--echo", "--allow-stop", NULL}};

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

/* Its arguments stand one behind the other, each with its NUL. */
static int is_daemon_of(const char *pid, const char *directory)
{
    char   path[SUPPORT_PATH], text[4096];
    FILE  *file;
    size_t size;
    int    is_serving = 0, is_there = 0;

    snprintf(path, sizeof path, "/proc/%s/cmdline", pid);
    file = fopen(path, "rb");
    if (file == NULL)
        return 0;
    size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[size] = '\0';
    for (size_t at = 0; at < size; at += strlen(text + at) + 1) {
        is_serving = is_serving || (at > 0 && strcmp(text + at, "serve") == 0);
        is_there = is_there || strcmp(text + at, directory) == 0;
        if (strcmp(text + at, "ensure") == 0)
            return 0;
    }
    return is_serving && is_there;
}

int start_count_daemons(const char *directory)
{
    uv_fs_t     request;
    uv_dirent_t entry;
    int         count = 0;

    if (!support_exists("/proc/self/cmdline") ||
        uv_fs_scandir(NULL, &request, "/proc", 0, NULL) < 0)
        return -1;
    while (uv_fs_scandir_next(&request, &entry) >= 0)
        if (isdigit((unsigned char)entry.name[0]))
            count += is_daemon_of(entry.name, directory);
    uv_fs_req_cleanup(&request);
    return count;
}
