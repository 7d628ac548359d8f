#include "start.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

struct program {
    uv_process_t   process;
    program_exited on_exit;
    void          *owner;
    int            pid;
    int            is_forgotten, is_closed;
};

static void free_if_done(struct program *program)
{
    if (program->is_forgotten && program->is_closed)
        free(program);
}

static void on_closed(uv_handle_t *handle)
{
    struct program *program = handle->data;

    program->is_closed = 1;
    free_if_done(program);
}

static void on_end(uv_process_t *process, int64_t status, int signal_number)
{
    struct program *program = process->data;

    uv_close((uv_handle_t *)process, on_closed);
    program->on_exit(program->owner, status, signal_number);
}

/* In a session and group of its own. */
static int spawn(struct program *program, uv_loop_t *uv, char **command, const uv_file streams[3])
{
    uv_stdio_container_t stdio[3];
    uv_process_options_t how;

    memset(&how, 0, sizeof how);
    for (int fd = 0; fd < 3; fd++) {
        stdio[fd].flags = UV_INHERIT_FD;
        stdio[fd].data.fd = streams[fd];
    }
    how.exit_cb = on_end;
    how.file = command[0];
    how.args = command;
    how.flags = UV_PROCESS_DETACHED;
    how.stdio_count = 3;
    how.stdio = stdio;
    return uv_spawn(uv, &program->process, &how);
}

int program_start(struct program **program, uv_loop_t *uv, char **command, const uv_file streams[3],
                  program_exited on_exit, void *owner)
{
    struct program *made = calloc(1, sizeof *made);
    int             code;

    if (made == NULL)
        return UV_ENOMEM;
    made->on_exit = on_exit;
    made->owner = owner;
    made->process.data = made;
    code = spawn(made, uv, command, streams);
    if (code != 0) { /* it has to be closed all the same */
        made->is_forgotten = 1;
        uv_close((uv_handle_t *)&made->process, on_closed);
        return code;
    }
    made->pid = made->process.pid;
    *program = made;
    return 0;
}

void program_end(struct program *program)
{
    kill(-program->pid, SIGKILL);
}

void program_forget(struct program *program)
{
    if (program == NULL)
        return;
    program->is_forgotten = 1;
    free_if_done(program);
}
