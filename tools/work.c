#include "work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "start.h"

#define TEXT_MAX    4096 /* of what a failing CMD says */
#define FIRST_ROOM  ((size_t)4096)
#define APP_FAILURE 256 /* plus the exit status, or 128 and the signal */

/*
 * One run. Its life: started, ended by itself or stopped, all handles closed, answered,
 * freed. The verdict (`code`) is set once, by the first reason to stop; 0 is: as it exits.
 * The request is answered when its pipes are closed, because until then its body is being
 * written from where the library keeps it.
 */
struct work {
    struct pool    *pool;
    struct work    *next, *before;
    cordon_request *request;
    cordon_bytes    body;
    int             code;
    char            why[160];
    struct program *program; /* NULL: never started */
    int             is_exited;
    int64_t         exit_status;
    int             exit_signal;
    unsigned        pipes; /* and the timer: not closed yet */
    uv_timer_t      timer;
    uv_pipe_t       in, out, err;
    uv_write_t      write;
    char           *reply;
    size_t          reply_size, reply_room;
    size_t          text_size;
    char            text[TEXT_MAX + 1];
    char            unwanted[1024]; /* where text beyond the limit goes */
};

/* ---- the end ---------------------------------------------------------------- */

static void answer_failure(struct work *work)
{
    int         code = APP_FAILURE + (work->exit_signal ? 128 + work->exit_signal : 0);
    const char *text = work->text;
    char        plain[64];

    if (work->exit_signal == 0)
        code += work->exit_status > 0 && work->exit_status < 256 ? (int)work->exit_status : 255;
    while (work->text_size > 0 && work->text[work->text_size - 1] == '\n')
        work->text_size--;
    for (size_t i = 0; i < work->text_size; i++)
        if (work->text[i] == '\0')
            work->text[i] = '?';
    work->text[work->text_size] = '\0';
    if (work->text_size == 0) {
        snprintf(plain, sizeof plain,
                 work->exit_signal ? "ended by signal %lld" : "exit status %lld",
                 (long long)(work->exit_signal ? work->exit_signal : work->exit_status));
        text = plain;
    }
    cordon_fail(&work->request, code, text);
}

static void answer_reply(struct work *work)
{
    cordon_bytes reply;
    int          code;

    reply.data = work->reply;
    reply.size = work->reply_size;
    code = cordon_reply(&work->request, reply);
    if (code == CORDON_OK)
        return;
    /* CMD has run: BUSY would promise that it has not. */
    cordon_fail(&work->request, code == CORDON_EMSGSIZE ? code : CORDON_ESYSTEM,
                code == CORDON_EMSGSIZE ? "the reply is larger than the client takes"
                                        : "the reply found no room");
}

static void answer(struct work *work)
{
    if (work->code != 0)
        cordon_fail(&work->request, work->code, work->why);
    else if (work->exit_status != 0 || work->exit_signal != 0)
        answer_failure(work);
    else
        answer_reply(work);
}

static void leave_pool(struct work *work)
{
    if (work->before != NULL)
        work->before->next = work->next;
    else
        work->pool->first = work->next;
    if (work->next != NULL)
        work->next->before = work->before;
    work->pool->running--;
}

static void on_turn(cordon_request *request, enum cordon_turn turn, void *context);

/* A client that reads slowly is waited for (the library ends the wait for one that does not
 * read at all); a reply that finds too much unread would cost it the session. */
static int has_to_wait(struct work *work)
{
    if (work->code != 0 || cordon_request_has_room(work->request))
        return 0;
    cordon_request_watch(work->request, on_turn, work); /* tells of room anew */
    return 1;
}

/* A killed program is there until the system lets it go; its request need not wait for that. */
static void settle(struct work *work)
{
    if (work->pipes > 0)
        return;
    if (work->request != NULL && has_to_wait(work))
        return;
    if (work->request != NULL)
        answer(work);
    if (work->program != NULL && !work->is_exited)
        return;
    leave_pool(work);
    program_forget(work->program);
    free(work->reply);
    free(work);
}

static void on_pipe_closed(uv_handle_t *handle)
{
    struct work *work = handle->data;

    work->pipes--;
    settle(work);
}

static void close_pipe(void *handle)
{
    if (!uv_is_closing(handle))
        uv_close(handle, on_pipe_closed);
}

static void close_pipes(struct work *work)
{
    close_pipe(&work->in);
    close_pipe(&work->out);
    close_pipe(&work->err);
    close_pipe(&work->timer);
}

/* Its group goes too: what it has started would keep the pipes open. (The group's number stays
 * taken while anyone is in it, so this reaches no stranger.) */
static void stop(struct work *work, int code, const char *why)
{
    if (work->code == 0) {
        work->code = code;
        snprintf(work->why, sizeof work->why, "%s", why);
    }
    if (work->program != NULL && (!work->is_exited || !uv_is_closing((uv_handle_t *)&work->out) ||
                                  !uv_is_closing((uv_handle_t *)&work->err)))
        program_end(work->program);
    if (work->pipes > 0)
        close_pipes(work);
    else
        settle(work); /* it was waiting for room */
}

/* By itself: it has exited and nobody can write to its pipes any more. */
static void finish_if_done(struct work *work)
{
    if (work->is_exited && uv_is_closing((uv_handle_t *)&work->out) &&
        uv_is_closing((uv_handle_t *)&work->err))
        close_pipes(work);
}

/* ---- while it runs ------------------------------------------------------------ */

static void on_exit_of(void *owner, int64_t status, int signal_number)
{
    struct work *work = owner;

    work->is_exited = 1;
    work->exit_status = status;
    work->exit_signal = signal_number;
    finish_if_done(work);
    if (work->pipes == 0)
        settle(work);
}

static void on_late(uv_timer_t *timer)
{
    stop(timer->data, CORDON_ETIMEDOUT, "the command took too long and was ended");
}

static void on_turn(cordon_request *request, enum cordon_turn turn, void *context)
{
    (void)request;
    if (turn != CORDON_ROOM)
        stop(context, CORDON_ECANCELED, "canceled");
    else
        settle(context);
}

/* Room for more of the reply: one byte over the limit, to see that there is more. */
static void on_reply_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    struct work *work = handle->data;
    size_t       most = work->pool->max_reply + 1;
    size_t       room = work->reply_room ? work->reply_room * 2 : FIRST_ROOM;
    char        *grown;

    (void)suggested;
    if (room > most)
        room = most;
    if (work->reply_size == work->reply_room && room > work->reply_room) {
        grown = realloc(work->reply, room);
        if (grown == NULL) {
            *buffer = uv_buf_init(NULL, 0); /* becomes UV_ENOBUFS */
            return;
        }
        work->reply = grown;
        work->reply_room = room;
    }
    *buffer = uv_buf_init(work->reply + work->reply_size,
                          (unsigned)(work->reply_room - work->reply_size));
}

static void on_reply(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer)
{
    struct work *work = stream->data;

    (void)buffer;
    if (got > 0)
        work->reply_size += (size_t)got;
    if (work->reply_size > work->pool->max_reply) {
        stop(work, CORDON_EMSGSIZE, "the command's output is over the limit; it was ended");
    } else if (got == UV_EOF) {
        close_pipe(stream);
        finish_if_done(work);
    } else if (got < 0) {
        stop(work, CORDON_ESYSTEM, "the command's output could not be read; it was ended");
    }
}

static void on_text_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    struct work *work = handle->data;

    (void)suggested;
    if (work->text_size < TEXT_MAX)
        *buffer = uv_buf_init(work->text + work->text_size, (unsigned)(TEXT_MAX - work->text_size));
    else
        *buffer = uv_buf_init(work->unwanted, sizeof work->unwanted);
}

static void on_text(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer)
{
    struct work *work = stream->data;

    if (got > 0 && buffer->base != work->unwanted)
        work->text_size += (size_t)got;
    if (got < 0) {
        close_pipe(stream);
        finish_if_done(work);
    }
}

/* Done, or nobody reads it, which is a program's own affair. */
static void on_written(uv_write_t *write, int status)
{
    struct work *work = write->data;

    (void)status;
    close_pipe(&work->in);
}

/* ---- the start ---------------------------------------------------------------- */

/* Real pipes, not the socket pairs of UV_CREATE_PIPE: a program may open /dev/stdin. */
static int make_pipe(uv_file ends[2], uv_pipe_t *ours, int our_end)
{
    int code =
        uv_pipe(ends, our_end == 0 ? UV_NONBLOCK_PIPE : 0, our_end == 1 ? UV_NONBLOCK_PIPE : 0);

    if (code != 0) {
        ends[0] = ends[1] = -1;
        return code;
    }
    code = uv_pipe_open(ours, ends[our_end]);
    if (code == 0)
        ends[our_end] = -1; /* the handle's now */
    return code;
}

static void close_end(uv_file end)
{
    uv_fs_t request;

    if (end < 0)
        return;
    uv_fs_close(NULL, &request, end, NULL);
    uv_fs_req_cleanup(&request);
}

/* The program with three pipes and nothing else. */
static int spawn(struct work *work)
{
    uv_file ends[3][2] = {{-1, -1}, {-1, -1}, {-1, -1}};
    uv_file streams[3];
    int     code = make_pipe(ends[0], &work->in, 1);

    if (code == 0)
        code = make_pipe(ends[1], &work->out, 0);
    if (code == 0)
        code = make_pipe(ends[2], &work->err, 0);
    for (int fd = 0; fd < 3; fd++)
        streams[fd] = ends[fd][fd == 0 ? 0 : 1];
    if (code == 0)
        code = program_start(&work->program, work->pool->uv, work->pool->command, streams,
                             on_exit_of, work);
    for (int fd = 0; fd < 3; fd++) {
        close_end(ends[fd][0]);
        close_end(ends[fd][1]);
    }
    return code;
}

static void feed(struct work *work)
{
    uv_buf_t body = uv_buf_init((char *)(uintptr_t)work->body.data, (unsigned)work->body.size);

    work->write.data = work;
    if (work->body.size == 0 ||
        uv_write(&work->write, (uv_stream_t *)&work->in, &body, 1, on_written) != 0)
        close_pipe(&work->in);
}

static void listen_to(struct work *work)
{
    int timeout_ms = work->pool->timeout_ms;

    uv_read_start((uv_stream_t *)&work->out, on_reply_room, on_reply);
    uv_read_start((uv_stream_t *)&work->err, on_text_room, on_text);
    if (timeout_ms != CORDON_FOREVER)
        uv_timer_start(&work->timer, on_late, timeout_ms > 0 ? (uint64_t)timeout_ms : 0, 0);
}

static struct work *make_work(struct pool *pool, cordon_request *request)
{
    struct work *made = calloc(1, sizeof *made);

    if (made == NULL)
        return NULL;
    made->pool = pool;
    made->request = request;
    made->body = cordon_request_keep(request);
    uv_timer_init(pool->uv, &made->timer);
    uv_pipe_init(pool->uv, &made->in, 0);
    uv_pipe_init(pool->uv, &made->out, 0);
    uv_pipe_init(pool->uv, &made->err, 0);
    made->pipes = 4;
    made->timer.data = made->in.data = made->out.data = made->err.data = made;
    made->next = pool->first;
    if (made->next != NULL)
        made->next->before = made;
    pool->first = made;
    pool->running++;
    return made;
}

/* Out of something that comes back: nothing has run, so BUSY is the truth. */
static int is_shortage(int code)
{
    return code == UV_EAGAIN || code == UV_EMFILE || code == UV_ENFILE || code == UV_ENOMEM;
}

void work_start(struct pool *pool, cordon_request *request, cordon_bytes body)
{
    struct work *work;
    char         why[128];
    int          code;

    if (pool->running >= pool->limit) {
        cordon_fail(&request, CORDON_EBUSY, "as many commands as may run at a time are running");
        return;
    }
    work = make_work(pool, request);
    if (work == NULL) {
        cordon_fail(&request, CORDON_EBUSY, "out of memory");
        return;
    }
    cordon_request_watch(request, on_turn, work);
    if (work->body.data == NULL && body.size > 0) {
        stop(work, CORDON_EBUSY, "out of memory");
        return;
    }
    code = spawn(work);
    if (code != 0) {
        snprintf(why, sizeof why, "start %.64s: %s", pool->command[0], uv_strerror(code));
        stop(work, is_shortage(code) ? CORDON_EBUSY : CORDON_ESYSTEM, why);
        return;
    }
    listen_to(work);
    feed(work);
}

void work_stop_all(struct pool *pool)
{
    struct work *next;

    for (struct work *work = pool->first; work != NULL; work = next) {
        next = work->next;
        stop(work, CORDON_ECANCELED, "the server has ended");
    }
}
