#include "dialect.h"

#include "launched.h"

#include <string.h>

#define STATUS_SECOND 7   /* of a server where another one runs already */
#define PATIENCE_MS   100 /* for the status of one that has said why it cannot */

static const char step[] = "launch";

void cordon__launched_open(cordon__launched *it, const cordon_start_options *options,
                           const cordon__memory *memory)
{
    memset(it, 0, sizeof *it);
    it->options = options;
    it->memory = memory;
    it->ready = CORDON__NO_HANDLE;
}

const char *cordon__launched_name(const cordon__launched *it)
{
    return it->options->argv != NULL ? it->options->argv[0] : NULL;
}

static void stop_listening(cordon__launched *it)
{
    if (it->ready != CORDON__NO_HANDLE)
        cordon__handle_close(it->ready);
    it->ready = CORDON__NO_HANDLE;
}

static void let_go(cordon__launched *it)
{
    if (it->child != NULL)
        cordon__child_close(it->child);
    it->child = NULL;
}

void cordon__launched_close(cordon__launched *it)
{
    stop_listening(it);
    let_go(it);
}

/* ---- Starting it --------------------------------------------------------------------- */

/* The application's own launcher: its number is told as it is. */
static int call_launcher(cordon__launched *it, cordon_endpoint *endpoint, int left_ms,
                         cordon_fault *fault)
{
    const int status = it->options->launch(endpoint, left_ms, it->options->user);

    if (status == 0)
        return CORDON_OK;
    cordon__fault_found(fault, CORDON_ELAUNCH, step, NULL, 0, 0, NULL);
    fault->exit_status = status;
    if (status < 0)
        cordon__fault_text(fault, "the launcher returned %d, %s", status,
                           cordon_error_name(status));
    return CORDON_ELAUNCH;
}

static int spawn(cordon__launched *it, intptr_t theirs, const cordon__trace *trace,
                 cordon_fault *fault)
{
    const cordon_start_options *options = it->options;
    cordon__program             program;
    int                         code;

    memset(&program, 0, sizeof program);
    program.argv = options->argv;
    program.environment = options->environment;
    program.directory = options->directory;
    program.log = options->log;
    program.variable = "CORDON_READY";
    program.handle = theirs;
    program.flags = CORDON__DETACHED | CORDON__QUIET;
    if ((options->flags & CORDON_STAY_IN_JOB) != 0)
        program.flags |= CORDON__KEEPS_JOB;
    code = cordon__spawn(&it->child, &program, it->memory, trace, fault);
    if (code == CORDON_OK)
        it->pid = cordon__child_pid(it->child);
    return code;
}

int cordon__launched_start(cordon__launched *it, cordon_endpoint *endpoint, int left_ms,
                           cordon_fault *fault)
{
    intptr_t theirs = CORDON__NO_HANDLE;
    int      code;

    if (it->options->launch != NULL)
        return call_launcher(it, endpoint, left_ms, fault);
    if (it->options->log != NULL)
        it->log_end = cordon__log_end(it->options->log);
    code = cordon__ready_pipe(&it->ready, &theirs, fault);
    if (code != CORDON_OK)
        return code;
    code = spawn(it, theirs, &endpoint->trace, fault);
    cordon__handle_close(theirs);
    if (code != CORDON_OK)
        stop_listening(it);
    return code;
}

/* ---- How it gets on ------------------------------------------------------------------- */

static void decide(cordon__launched *it, enum cordon__fate fate)
{
    if (it->fate == CORDON__FATE_OPEN || it->fate == CORDON__FATE_SERVES)
        it->fate = fate;
}

static void understand(cordon__launched *it)
{
    const cordon_bytes said = {it->said, it->said_size};
    int                told = CORDON_OK;
    const int          code = cordon__ready_parse(&told, &it->words, said);

    if (code == CORDON__AGAIN)
        return;
    stop_listening(it);
    if (code != CORDON_OK)
        return; /* not a word of cordon's: a program of another kind */
    if (told == CORDON_OK || told == CORDON_EADDRINUSE) {
        decide(it, told == CORDON_OK ? CORDON__FATE_SERVES : CORDON__FATE_SECOND);
        return;
    }
    it->told = told;
    it->patience_ends = cordon__now() + PATIENCE_MS;
}

static void listen_to(cordon__launched *it)
{
    size_t got = 0;

    if (it->ready == CORDON__NO_HANDLE)
        return;
    if (cordon__ready_read(it->ready, it->said + it->said_size, sizeof it->said - it->said_size,
                           &got) == CORDON__AGAIN)
        return;
    it->said_size += got;
    if (got > 0)
        understand(it);
    if (got == 0 || it->said_size == sizeof it->said)
        stop_listening(it);
}

static void look_at_child(cordon__launched *it)
{
    if (it->child != NULL && cordon__child_look(it->child, &it->status) != CORDON__RUNNING)
        let_go(it);
}

/* 0 proves nothing: it may have left a server behind. So it may where nobody can tell, as long as
 * somebody holds the pipe. */
static void judge_end(cordon__launched *it)
{
    if (it->status == STATUS_SECOND)
        decide(it, CORDON__FATE_SECOND);
    else if (it->status == -1 ? it->ready == CORDON__NO_HANDLE : it->status != 0)
        decide(it, CORDON__FATE_FAILED);
}

/* Its end is looked for first, but what it said before goes before its status. */
void cordon__launched_look(cordon__launched *it)
{
    look_at_child(it);
    listen_to(it);
    if (it->told != CORDON_OK && (it->child == NULL || cordon__now() >= it->patience_ends))
        decide(it, CORDON__FATE_FAILED);
    if (it->pid != 0 && it->child == NULL)
        judge_end(it);
}

int cordon__launched_has_left(const cordon__launched *it)
{
    return it->fate == CORDON__FATE_SERVES && it->pid != 0 && it->child == NULL;
}

/* ---- Why it failed --------------------------------------------------------------------- */

static int is_end(char letter)
{
    return letter == '\n' || letter == '\r';
}

static cordon_bytes last_line(const char *text, size_t size)
{
    size_t start;

    while (size > 0 && is_end(text[size - 1]))
        size--;
    for (start = size; start > 0 && !is_end(text[start - 1]);)
        start--;
    return (cordon_bytes){text + start, size - start};
}

/* What it said itself, else the last line of its log. */
static void explain(const cordon__launched *it, cordon_fault *fault)
{
    char   tail[512];
    size_t size = 0;

    if (it->told != CORDON_OK) {
        cordon__fault_reason(fault, it->words);
        memcpy(tail, fault->text, sizeof fault->text);
        cordon__fault_text(fault, "%s: %s", cordon_error_name(it->told), tail);
        return;
    }
    if (it->options->log != NULL)
        size = cordon__log_tail(tail, sizeof tail, it->options->log, it->log_end);
    if (size > 0)
        cordon__fault_reason(fault, last_line(tail, size));
    else if (it->status == -1)
        cordon__fault_text(fault, "it has ended; nobody can tell how");
}

int cordon__launched_fault(cordon__launched *it, cordon_fault *fault)
{
    cordon__fault_found(fault, CORDON_ELAUNCH, step, cordon__launched_name(it), 0, 0, NULL);
    fault->exit_status = it->status;
    explain(it, fault);
    return CORDON_ELAUNCH;
}
