#include "relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <uv.h>

#define CHUNK    4096 /* what a pipe takes without waiting once it is writable */
#define DRAIN_MS 50   /* of silence, where others hold the terminal open still */

const int relay_is_possible = 1;

/* Bytes on their way from one descriptor to another. */
struct flow {
    int    from, to; /* -1: ended */
    char   data[CHUNK];
    size_t start, end;
};

struct relay {
    int         terminal;
    int         stop[2];
    int         is_raw;
    int         is_last_line_begun; /* of what was typed */
    struct flow typed, shown;
    uv_thread_t thread;
};

/* ---- Our terminal, which is one for the process ------------------------------------------ */

static struct termios        saved;
static int                   changes[2] = {-1, -1}; /* a byte for each change of the size */
static const int             ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
static struct sigaction      before[sizeof ends / sizeof ends[0] + 1];
static volatile sig_atomic_t is_raw;

static void restore(void)
{
    if (is_raw)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &saved);
    is_raw = 0;
}

static void on_end(int number)
{
    restore();
    if (number == SIGINT)
        _exit(130); /* as every verb */
    signal(number, SIG_DFL);
    raise(number);
}

static void on_change(int number)
{
    const int     error = errno;
    const ssize_t ignored = write(changes[1], "", 1);

    (void)number;
    (void)ignored;
    errno = error;
}

static void catch_signals(void)
{
    struct sigaction action;

    memset(&action, 0, sizeof action);
    action.sa_handler = on_end;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        sigaction(ends[i], &action, &before[i]);
    action.sa_handler = on_change;
    action.sa_flags = SA_RESTART;
    sigaction(SIGWINCH, &action, &before[sizeof ends / sizeof ends[0]]);
}

static void leave_signals(void)
{
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        sigaction(ends[i], &before[i], NULL);
    sigaction(SIGWINCH, &before[sizeof ends / sizeof ends[0]], NULL);
}

static int make_raw(void)
{
    struct termios raw;

    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) || tcgetattr(STDIN_FILENO, &saved) != 0)
        return 0;
    raw = saved;
    cfmakeraw(&raw);
    is_raw = 1;
    if (tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) != 0)
        is_raw = 0;
    return is_raw;
}

/* ---- Bytes ------------------------------------------------------------------------------------
 */

static int is_empty(const struct flow *flow)
{
    return flow->start == flow->end;
}

/* 0: that was the end of it. */
static int fill(struct flow *flow)
{
    const ssize_t got = read(flow->from, flow->data, sizeof flow->data);

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return 1;
    if (got <= 0) /* a terminal that nobody holds open any more: EIO */
        return 0;
    flow->start = 0;
    flow->end = (size_t)got;
    return 1;
}

static int empty(struct flow *flow)
{
    const ssize_t put = write(flow->to, flow->data + flow->start, flow->end - flow->start);

    if (put < 0)
        return errno == EAGAIN || errno == EINTR;
    flow->start += (size_t)put;
    return 1;
}

/* What ended here ends there: as somebody who types the character for it, once for a line that
 * has begun and once for the end. */
static void end_typed(struct relay *relay)
{
    struct flow   *typed = &relay->typed;
    struct termios settings;

    typed->from = -1;
    if (relay->is_raw || tcgetattr(relay->terminal, &settings) != 0)
        return;
    typed->start = 0;
    typed->data[0] = typed->data[1] = (char)settings.c_cc[VEOF];
    typed->end = relay->is_last_line_begun ? 2 : 1;
}

static void take_size(const struct relay *relay)
{
    struct winsize size;

    if (relay->is_raw && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
        ioctl(relay->terminal, TIOCSWINSZ, &size);
}

static void forget_changes(void)
{
    char bytes[64];

    while (read(changes[0], bytes, sizeof bytes) == sizeof bytes)
        continue;
}

/* ---- Its thread ---------------------------------------------------------------------------------
 */

enum { STOP, CHANGE, TYPED, TERMINAL, SHOWN, COUNT };

static void choose(const struct relay *relay, struct pollfd wanted[COUNT], int is_stopping)
{
    const int has_typed = !is_empty(&relay->typed), has_shown = !is_empty(&relay->shown);

    wanted[STOP] = (struct pollfd){is_stopping ? -1 : relay->stop[0], POLLIN, 0};
    wanted[CHANGE] = (struct pollfd){changes[0], POLLIN, 0};
    wanted[TYPED] = (struct pollfd){has_typed || is_stopping ? -1 : relay->typed.from, POLLIN, 0};
    wanted[TERMINAL] = (struct pollfd){relay->terminal, 0, 0};
    if (has_typed)
        wanted[TERMINAL].events |= POLLOUT;
    if (!has_shown)
        wanted[TERMINAL].events |= POLLIN;
    if (wanted[TERMINAL].events == 0) /* it may have ended: that is not told until we read */
        wanted[TERMINAL].fd = -1;
    wanted[SHOWN] = (struct pollfd){has_shown ? relay->shown.to : -1, POLLOUT, 0};
}

/* 0: the terminal has ended, or nobody sees what it shows. */
static int move(struct relay *relay, const struct pollfd ready[COUNT])
{
    if (ready[CHANGE].revents != 0) {
        forget_changes();
        take_size(relay);
    }
    if (ready[TYPED].revents != 0) {
        if (!fill(&relay->typed))
            end_typed(relay);
        else if (!is_empty(&relay->typed))
            relay->is_last_line_begun = relay->typed.data[relay->typed.end - 1] != '\n';
    }
    if ((ready[TERMINAL].revents & POLLOUT) != 0 && !empty(&relay->typed))
        relay->typed.start = relay->typed.end;
    if ((ready[TERMINAL].revents & (POLLIN | POLLHUP | POLLERR)) != 0 && is_empty(&relay->shown) &&
        !fill(&relay->shown))
        return 0;
    return ready[SHOWN].revents == 0 || empty(&relay->shown);
}

static void run(void *context)
{
    struct relay *relay = context;
    int           is_stopping = 0;

    for (;;) {
        struct pollfd ready[COUNT];
        int           count;

        choose(relay, ready, is_stopping);
        count = poll(ready, COUNT, is_stopping && is_empty(&relay->shown) ? DRAIN_MS : -1);
        if (count < 0 && errno != EINTR)
            break;
        if (count == 0 || (count > 0 && !move(relay, ready)))
            break;
        if (count > 0 && ready[STOP].revents != 0)
            is_stopping = 1;
    }
}

/* ---- Beginning and end -------------------------------------------------------------------------
 */

static int make_pipe(int fds[2])
{
    if (pipe(fds) != 0)
        return uv_translate_sys_error(errno);
    for (int i = 0; i < 2; i++) {
        fcntl(fds[i], F_SETFD, FD_CLOEXEC);
        fcntl(fds[i], F_SETFL, O_NONBLOCK);
    }
    return 0;
}

static void drop(struct relay *relay)
{
    for (int i = 0; i < 2; i++) {
        if (relay->stop[i] >= 0)
            close(relay->stop[i]);
        if (changes[i] >= 0)
            close(changes[i]);
        changes[i] = -1;
    }
    free(relay);
}

int relay_start(struct relay **out, cordon_handle terminal)
{
    struct relay *made = calloc(1, sizeof *made);
    int           code;

    *out = NULL;
    if (made == NULL)
        return UV_ENOMEM;
    made->terminal = (int)terminal;
    made->stop[0] = made->stop[1] = -1;
    made->typed.from = STDIN_FILENO;
    made->typed.to = made->shown.from = made->terminal;
    made->shown.to = STDOUT_FILENO;
    code = make_pipe(made->stop);
    if (code == 0)
        code = make_pipe(changes);
    if (code != 0) {
        drop(made);
        return code;
    }
    fcntl(made->terminal, F_SETFL, fcntl(made->terminal, F_GETFL) | O_NONBLOCK);
    catch_signals();
    made->is_raw = make_raw();
    take_size(made);
    code = uv_thread_create(&made->thread, run, made);
    if (code == 0) {
        *out = made;
        return 0;
    }
    restore();
    leave_signals();
    drop(made);
    return code;
}

void relay_stop(struct relay *relay)
{
    ssize_t ignored;

    if (relay == NULL)
        return;
    ignored = write(relay->stop[1], "", 1);
    (void)ignored;
    uv_thread_join(&relay->thread);
    restore();
    leave_signals();
    close(relay->terminal);
    drop(relay);
}
