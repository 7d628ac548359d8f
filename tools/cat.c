/*
 * One session, a request a line. What has been typed so far goes out at once, up to
 * WINDOW requests ahead of the replies; before waiting for more input all replies are
 * awaited, so that a person at a terminal sees each answer before the next question.
 */
#include "client.h"
#include "io.h"
#include "lines.h"
#include "report.h"
#include "text.h"
#include "verb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#define WINDOW 32
/* Bytes of requests that are out at a time, unless one alone is larger: little enough for
 * the socket to take even from a server that is busy writing to us. */
#define WINDOW_BYTES ((size_t)64 << 10)

enum state { WAITING, SENT, ANSWERED, FAILED };

struct question {
    enum state state;
    uint32_t   id;
    size_t     number; /* of the line */
    char      *line;
    size_t     line_size;
    char      *reply; /* of a failure: its text */
    size_t     reply_size;
    int        code, app_code;
};

struct cat {
    const struct options *options;
    cordon_session       *session;
    struct question       ring[WINDOW]; /* in the order of the lines */
    size_t                first, count;
    size_t                bytes;     /* of their lines */
    size_t                in_flight; /* SENT */
    size_t                window;    /* less than WINDOW once the server was busy */
    size_t                number;    /* of lines read */
    int                   failed;    /* the exit status that failures have earned so far */
};

static struct question *question_at(struct cat *cat, size_t place)
{
    return &cat->ring[(cat->first + place) % WINDOW];
}

static void forget_first(struct cat *cat)
{
    struct question *done = question_at(cat, 0);

    cat->bytes -= done->line_size;
    free(done->line);
    free(done->reply);
    memset(done, 0, sizeof *done);
    cat->first = (cat->first + 1) % WINDOW;
    cat->count--;
}

static int tell_of(const struct cat *cat, int code, const char *during, const char *path,
                   int system)
{
    return report_error(cat->options, code, during, path, system);
}

/* A handler's failure is 1; a line that could not be sent tells by its own status. */
static void tell_failure(struct cat *cat, const struct question *failed)
{
    cordon_fault fault = CORDON_FAULT_INIT;
    cordon_bytes text;
    int          status;

    fault.code = failed->code;
    fault.app_code = failed->app_code;
    fault.is_sent = failed->id != 0;
    fault.during = "request";
    snprintf(fault.path, sizeof fault.path, "line %zu", failed->number);
    text.data = failed->reply;
    text.size = failed->reply_size;
    status = report_failure(cat->options, &fault, text);
    if (fault.is_sent)
        status = EXIT_HANDLER;
    if (status > cat->failed)
        cat->failed = status;
}

/* The replies that are due, in order. */
static int print_ready(struct cat *cat)
{
    while (cat->count > 0) {
        struct question *first = question_at(cat, 0);
        cordon_bytes     reply;
        int              code;

        if (first->state != ANSWERED && first->state != FAILED)
            return EXIT_DONE;
        reply.data = first->reply;
        reply.size = first->reply_size;
        if (first->state == FAILED) {
            tell_failure(cat, first);
        } else {
            code = io_write_line(reply, 0);
            if (code != 0)
                return tell_of(cat, CORDON_ESYSTEM, "print", "standard output", code);
        }
        forget_first(cat);
    }
    return EXIT_DONE;
}

static int append_reply(struct question *question, cordon_bytes more)
{
    return text_append(&question->reply, &question->reply_size, more);
}

/* Busy promises that nothing ran. If we are what keeps the server busy, ask again later and
 * fewer at a time; if others are, that is for the caller to know. */
static int is_worth_again(const struct cat *cat, const cordon_message *message)
{
    return message->kind == CORDON_FAILURE && message->code == CORDON_EBUSY && cat->in_flight > 1;
}

static int take_message(struct cat *cat, struct question *question, const cordon_message *message)
{
    if (is_worth_again(cat, message)) {
        question->state = WAITING;
        cat->in_flight--;
        cat->window = cat->in_flight;
        return EXIT_DONE;
    }
    if (append_reply(question, message->body) != 0)
        return tell_of(cat, CORDON_ENOMEM, "receive", NULL, 0);
    if (message->kind == CORDON_PART)
        return EXIT_DONE;
    question->code = message->code;
    question->app_code = message->app_code;
    question->state = message->kind == CORDON_FAILURE ? FAILED : ANSWERED;
    cat->in_flight--;
    return print_ready(cat);
}

static int receive_one(struct cat *cat)
{
    const cordon_message *message;
    cordon_fault          fault = CORDON_FAULT_INIT;
    int timeout_ms = cat->options->timeout_ms ? cat->options->timeout_ms : CORDON_FOREVER;

    if (cordon_session_receive(&message, cat->session, timeout_ms, &fault) != CORDON_OK)
        return report_fault(cat->options, &fault);
    for (size_t place = 0; place < cat->count; place++) {
        struct question *question = question_at(cat, place);

        if (question->state == SENT && question->id == message->id)
            return take_message(cat, question, message);
    }
    return EXIT_DONE; /* an event, or the rest of what was given up */
}

static int send_one(struct cat *cat, struct question *question)
{
    cordon_call_options how = CORDON_CALL_OPTIONS_INIT;
    cordon_fault        fault = CORDON_FAULT_INIT;
    cordon_bytes        line;

    line.data = question->line;
    line.size = question->line_size;
    how.timeout_ms = cat->options->timeout_ms ? cat->options->timeout_ms : CORDON_FOREVER;
    if (cordon_session_send(&question->id, cat->session, line, &how, &fault) == CORDON_OK) {
        question->state = SENT;
        cat->in_flight++;
        return EXIT_DONE;
    }
    if (fault.code != CORDON_EMSGSIZE && fault.code != CORDON_EINVAL)
        return report_fault(cat->options, &fault);
    /* This line cannot be sent; the session and the other lines are none the worse. */
    question->state = FAILED;
    question->id = 0;
    question->code = fault.code;
    append_reply(question, cordon_text(fault.text));
    return EXIT_DONE;
}

static int send_waiting(struct cat *cat)
{
    int status = EXIT_DONE;

    for (size_t place = 0; place < cat->count && status == EXIT_DONE; place++)
        if (question_at(cat, place)->state == WAITING && cat->in_flight < cat->window)
            status = send_one(cat, question_at(cat, place));
    return status == EXIT_DONE ? print_ready(cat) : status;
}

/* At least one reply comes in, and what it made room for goes out. */
static int turn(struct cat *cat)
{
    int status = receive_one(cat);

    return status == EXIT_DONE ? send_waiting(cat) : status;
}

static int receive_all(struct cat *cat)
{
    int status = EXIT_DONE;

    while (cat->count > 0 && status == EXIT_DONE)
        status = turn(cat);
    return status;
}

static int add_line(struct cat *cat, cordon_bytes line)
{
    struct question *added;
    int              status = EXIT_DONE;

    while (cat->count > 0 && status == EXIT_DONE &&
           (cat->count == WINDOW || cat->bytes + line.size > WINDOW_BYTES))
        status = turn(cat);
    if (status != EXIT_DONE)
        return status;
    added = question_at(cat, cat->count);
    if (text_append(&added->line, &added->line_size, line) != 0)
        return tell_of(cat, CORDON_ENOMEM, "read line", NULL, 0);
    added->number = ++cat->number;
    cat->bytes += line.size;
    cat->count++;
    return send_waiting(cat);
}

static int fill(struct cat *cat, struct lines *lines)
{
    int code = lines_fill(lines, LARGEST_BODY);

    if (code == 0)
        return EXIT_DONE;
    return tell_of(cat, code == UV_EMSGSIZE ? CORDON_EMSGSIZE : CORDON_ESYSTEM, "read line",
                   "standard input", code == UV_EMSGSIZE ? 0 : code);
}

static int talk(struct cat *cat)
{
    struct lines lines = {0};
    cordon_bytes line;
    int          status = EXIT_DONE;

    while (status == EXIT_DONE) {
        if (lines_next(&lines, &line) == LINES_ONE) {
            status = add_line(cat, line);
            continue;
        }
        status = receive_all(cat);
        if (lines.is_ended)
            break;
        if (status == EXIT_DONE)
            status = fill(cat, &lines);
    }
    lines_free(&lines);
    return status;
}

static int open_session(struct cat *cat)
{
    cordon_session_options how = CORDON_SESSION_OPTIONS_INIT;
    cordon_fault           fault = CORDON_FAULT_INIT;
    char                   program[64];
    int                    status;
    cordon_endpoint       *endpoint = client_endpoint(cat->options, &status);

    if (endpoint == NULL)
        return status;
    how.program = client_program(program);
    how.flags = cat->options->framing == FRAMING_JSON ? CORDON_NO_BINARY : 0;
    how.timeout_ms = cat->options->timeout_ms;
    how.max_reply = cat->options->max;
    if (cordon_session_open(&cat->session, endpoint, &how, &fault) != CORDON_OK)
        status = report_fault(cat->options, &fault);
    cordon_endpoint_close(endpoint);
    return status;
}

int verb_cat(const struct options *options)
{
    struct cat cat = {0};
    int        status;

    client_catch_interrupt();
    cat.options = options;
    cat.window = WINDOW;
    status = open_session(&cat);
    if (status == EXIT_DONE)
        status = talk(&cat);
    while (cat.count > 0)
        forget_first(&cat);
    cordon_session_close(cat.session);
    return status == EXIT_DONE ? cat.failed : status;
}
