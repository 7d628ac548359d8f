#include "client.h"
#include "io.h"
#include "relay.h"
#include "report.h"
#include "verb.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#define MESSAGE_MOST ((size_t)1 << 20)
/* Between two looks whether the child has ended while others hold its end of the channel. */
#define LEAST_MS 10
#define MOST_MS  200

enum tag {
    TAG_TEXT = 0,     /* ours: the go signal; the child's: to be printed */
    TAG_HANDLE = 1,   /* ours: a file; the child's: its terminal */
    TAG_TERMINAL = 2, /* ours: the terminal is tied to ours and has its size */
};

struct run {
    const struct options *options;
    cordon_channel       *channel;
    struct relay         *relay;
    struct deadline       deadline;
    cordon_bytes          message;
    char                 *owned; /* of the message */
    uv_file               files[OPTIONS_FILES];
    size_t                file_count;
};

/* Told on a terminal that is as it was. */
static int failed(struct run *run, cordon_fault *fault)
{
    relay_stop(run->relay);
    run->relay = NULL;
    return report_fault(run->options, fault);
}

static void trace(const struct run *run, const char *during, const char *path)
{
    cordon_fault step = CORDON_FAULT_INIT;

    if (!run->options->is_traced)
        return;
    step.during = during;
    snprintf(step.path, sizeof step.path, "%s", path);
    report_step(&step, (void *)(uintptr_t)run->options);
}

/* ---- Before the child is there ------------------------------------------------------------ */

static int read_message(struct run *run)
{
    const char *text = run->options->body;
    int         code;

    run->message = cordon_text(text);
    if (text == NULL || strcmp(text, "-") != 0)
        return EXIT_DONE;
    code = io_read_all(&run->owned, &run->message.size, MESSAGE_MOST);
    run->message.data = run->owned;
    if (code == UV_EMSGSIZE)
        return report_error(run->options, CORDON_EMSGSIZE, "read message", "standard input", 0);
    if (code != 0)
        return report_error(run->options, CORDON_ESYSTEM, "read message", "standard input", code);
    return EXIT_DONE;
}

/* For reading and writing where that is allowed, else for reading. */
static uv_file open_file(const char *path)
{
    static const int flags[] = {UV_FS_O_RDWR, UV_FS_O_RDONLY};
    uv_fs_t          request;
    uv_file          file = UV_EINVAL;

    for (size_t i = 0; i < 2 && file < 0; i++) {
        file = uv_fs_open(NULL, &request, path, flags[i], 0, NULL);
        uv_fs_req_cleanup(&request);
    }
    return file;
}

static int open_files(struct run *run)
{
    const struct options *options = run->options;

    for (; run->file_count < options->file_count; run->file_count++) {
        const char   *path = options->files[run->file_count];
        const uv_file file = open_file(path);

        if (file < 0)
            return report_error(options, CORDON_ESYSTEM, "open file", path, file);
        run->files[run->file_count] = file;
        trace(run, "open file", path);
    }
    return EXIT_DONE;
}

static void close_files(struct run *run)
{
    while (run->file_count > 0) {
        uv_fs_t request;

        uv_fs_close(NULL, &request, run->files[--run->file_count], NULL);
        uv_fs_req_cleanup(&request);
    }
}

/* ---- Talking -------------------------------------------------------------------------------- */

/* A child that has gone is no failure: it has a status. 0, or the exit status. */
static int say(struct run *run, enum tag tag, cordon_bytes body, const cordon_handle *handle)
{
    cordon_fault fault = CORDON_FAULT_INIT;
    const int    code = cordon_channel_send(run->channel, tag, body, handle, handle != NULL,
                                            deadline_left(&run->deadline), &fault);

    return code == CORDON_OK || code == CORDON_ECLOSED ? EXIT_DONE : failed(run, &fault);
}

static int say_all(struct run *run)
{
    int status = say(run, TAG_TEXT, run->message, NULL);

    for (size_t i = 0; i < run->file_count && status == EXIT_DONE; i++) {
        const cordon_handle handle = (cordon_handle)uv_get_osfhandle(run->files[i]);

        status = say(run, TAG_HANDLE, cordon_text(run->options->files[i]), &handle);
    }
    return status;
}

static int take_terminal(struct run *run, const cordon_message *message)
{
    const cordon_handle terminal = cordon_message_take(message, 0);
    const cordon_bytes  nothing = {NULL, 0};
    const int           code = relay_start(&run->relay, terminal);
    uv_fs_t             request;

    if (code == 0) {
        trace(run, "relay terminal", "");
        return say(run, TAG_TERMINAL, nothing, NULL);
    }
    uv_fs_close(NULL, &request, (uv_file)terminal, NULL); /* only where it is a descriptor */
    uv_fs_req_cleanup(&request);
    return report_error(run->options, CORDON_ESYSTEM, "relay terminal", NULL, code);
}

static int take(struct run *run, const cordon_message *message)
{
    int code;

    if (message->tag == TAG_HANDLE && message->handle_count == 1 && run->options->is_pty &&
        run->relay == NULL)
        return take_terminal(run, message);
    if (message->tag != TAG_TEXT)
        return EXIT_DONE;
    code = io_write_line(message->body, 0);
    return code == 0 ? EXIT_DONE
                     : report_error(run->options, CORDON_ESYSTEM, "print", "standard output", code);
}

static int shorter(int left, int slice)
{
    return left == CORDON_AT_ONCE || (left != CORDON_FOREVER && left < slice) ? left : slice;
}

/* Until the channel has ended, or the child has while others hold its end. EXIT_DONE: then. */
static int listen_to_child(struct run *run)
{
    cordon_fault          fault = CORDON_FAULT_INIT;
    const cordon_message *message;
    int                   slice = LEAST_MS, has_exited = 0, left, code, status, ignored;

    for (;;) {
        left = deadline_left(&run->deadline);
        code = cordon_channel_receive(&message, run->channel,
                                      has_exited ? CORDON_AT_ONCE : shorter(left, slice), &fault);
        if (code == CORDON_ECLOSED || (code == CORDON_ETIMEDOUT && has_exited))
            return EXIT_DONE;
        if (code == CORDON_ETIMEDOUT && left != CORDON_AT_ONCE) {
            has_exited = cordon_channel_wait(&ignored, run->channel, CORDON_AT_ONCE, NULL) == 0;
            slice = slice * 2 < MOST_MS ? slice * 2 : MOST_MS;
            continue;
        }
        if (code != CORDON_OK)
            return failed(run, &fault);
        if ((status = take(run, message)) != EXIT_DONE)
            return status;
        slice = LEAST_MS;
    }
}

static int wait_for_child(struct run *run)
{
    cordon_fault fault = CORDON_FAULT_INIT;
    int          status;

    if (cordon_channel_wait(&status, run->channel, deadline_left(&run->deadline), &fault) !=
        CORDON_OK)
        return failed(run, &fault);
    trace(run, "wait for child", "");
    if (status < 0)
        return report_error(run->options, CORDON_ESYSTEM, "wait for child",
                            "nobody can tell how it ended", 0);
    return status;
}

static int run_child(struct run *run)
{
    cordon_fault fault = CORDON_FAULT_INIT;
    int          status;

    if (cordon_channel_start(&run->channel, (const char *const *)run->options->command, NULL,
                             &fault) != CORDON_OK)
        return failed(run, &fault);
    trace(run, "start program", run->options->command[0]);
    status = say_all(run);
    close_files(run);
    if (status == EXIT_DONE)
        status = listen_to_child(run);
    if (status == EXIT_DONE)
        status = wait_for_child(run);
    relay_stop(run->relay);
    cordon_channel_close(run->channel);
    return status;
}

int verb_run(const struct options *options)
{
    struct run run;
    int        status;

    if (options->is_pty && !relay_is_possible)
        return report_usage("run", "--pty", "is not for this system");
    memset(&run, 0, sizeof run);
    run.options = options;
    client_catch_interrupt();
    run.deadline = deadline_start(options->timeout_ms, CORDON_FOREVER);
    status = read_message(&run);
    if (status == EXIT_DONE)
        status = open_files(&run);
    if (status == EXIT_DONE)
        status = run_child(&run);
    close_files(&run);
    free(run.owned);
    return status;
}
