#include "dialect.h"

#include "fault.h"

#include "utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- the table of errors ----------------------------------------------------- */

typedef struct error {
    int         code;
    const char *name, *text;
} error;

#define ROW(name, number, text) {number, "CORDON_" #name, text},
static const error errors[] = {{CORDON_OK, "CORDON_OK", "done"}, CORDON_ERRORS(ROW)};
#undef ROW

static const error *find_error(int code)
{
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
        if (errors[i].code == code)
            return &errors[i];
    return NULL;
}

const char *cordon_error_name(int code)
{
    const error *found = find_error(code);

    return found ? found->name : "CORDON_E?";
}

const char *cordon_error_text(int code)
{
    const error *found = find_error(code);

    return found ? found->text : "unknown error";
}

int cordon_error_retryable(int code)
{
    return code == CORDON_EBUSY || code == CORDON_ENOTREADY || code == CORDON_ENOTRUNNING ||
           code == CORDON_ETIMEDOUT || code == CORDON_ECLOSED || code == CORDON_ELAUNCH;
}

/* ---- filling ----------------------------------------------------------------- */

void cordon__fault_clear(cordon_fault *fault)
{
    fault->size = sizeof *fault;
    fault->code = CORDON_OK;
    fault->app_code = 0;
    fault->is_sent = 0;
    fault->os_code = 0;
    fault->during = NULL;
    fault->expected = 0;
    fault->actual = 0;
    fault->path[0] = '\0';
    fault->text[0] = '\0';
    fault->line[0] = '\0';
    fault->exit_status = 0;
}

/* What is set may be handed out: nothing of our stack goes along. */
int cordon__fault_set(cordon_fault *fault, int code, const char *during)
{
    fault->code = code;
    fault->app_code = 0;
    fault->is_sent = 0;
    fault->os_code = 0;
    fault->during = during;
    fault->expected = 0;
    fault->actual = 0;
    memset(fault->path, 0, sizeof fault->path);
    memset(fault->text, 0, sizeof fault->text);
    memset(fault->line, 0, sizeof fault->line);
    fault->exit_status = 0;
    return code;
}

int cordon__fault_os(cordon_fault *fault, int code, const char *during, uint32_t os_code,
                     const char *path)
{
    cordon__fault_set(fault, code, during);
    fault->os_code = os_code;
    cordon__fault_path(fault, path);
    return code;
}

int cordon__fault_found(cordon_fault *fault, int code, const char *during, const char *path,
                        uint64_t expected, uint64_t actual, const char *text)
{
    cordon__fault_set(fault, code, during);
    cordon__fault_path(fault, path);
    fault->expected = expected;
    fault->actual = actual;
    cordon__fault_text(fault, "%s", text ? text : "");
    return code;
}

#define GAP      "..."
#define GAP_SIZE (sizeof GAP - 1)

/* Both ends of a path say the most: whose it is, and what it is. */
void cordon__fault_path(cordon_fault *fault, const char *path)
{
    const size_t room = sizeof fault->path - 1;
    size_t       size = path ? strlen(path) : 0;
    size_t       head, tail;

    if (size <= room) {
        if (size > 0)
            memcpy(fault->path, path, size);
        fault->path[size] = '\0';
        return;
    }
    head = cordon__utf8_cut(path, size, (room - GAP_SIZE) / 2);
    tail = (room - GAP_SIZE) / 2;
    while (tail > 0 && cordon__utf8_cut(path, size, size - tail) != size - tail)
        tail--;
    memcpy(fault->path, path, head);
    memcpy(fault->path + head, GAP, GAP_SIZE);
    memcpy(fault->path + head + GAP_SIZE, path + size - tail, tail + 1);
}

void cordon__fault_text(cordon_fault *fault, const char *format, ...)
{
    char    whole[sizeof fault->text + 1]; /* one more: to see what a cut would split */
    size_t  used;
    va_list arguments;

    whole[0] = '\0';
    va_start(arguments, format);
    if (vsnprintf(whole, sizeof whole, format, arguments) < 0)
        whole[0] = '\0';
    va_end(arguments);
    used = cordon__utf8_cut(whole, strlen(whole), sizeof fault->text - 1);
    memcpy(fault->text, whole, used);
    fault->text[used] = '\0';
}

/* Copies what may be shown to a person, a '?' for each byte that may not. */
static size_t copy_plain(char *out, size_t room, const void *text, size_t size)
{
    const char *from = (const char *)text;
    size_t      used = 0, at = 0;

    while (at < size) {
        size_t count = cordon__utf8_plain(from + at, size - at);

        if ((count ? count : 1) > room - used)
            break;
        if (count == 0) {
            out[used++] = '?';
            at++;
        } else {
            memcpy(out + used, from + at, count);
            used += count;
            at += count;
        }
    }
    return used;
}

void cordon__fault_reason(cordon_fault *fault, cordon_bytes text)
{
    size_t used = copy_plain(fault->text, sizeof fault->text - 1, text.data, text.size);

    fault->text[used] = '\0';
}

int cordon__fault_give(cordon_fault *to, const cordon_fault *from)
{
    size_t own;

    if (!to || from->code == CORDON_OK || to->size < sizeof to->size)
        return from->code;
    own = to->size;
    memcpy(to, from, own < sizeof *from ? own : sizeof *from);
    to->size = own;
    return from->code;
}

/* ---- the line for a person --------------------------------------------------- */

typedef struct writer {
    char  *out;
    size_t room, used; /* one byte more is there for the NUL */
} writer;

static void put(writer *line, const char *text)
{
    line->used += copy_plain(line->out + line->used, line->room - line->used, text, strlen(text));
}

static void put_number(writer *line, uint64_t number, unsigned base)
{
    char  digits[24];
    char *first = digits + sizeof digits - 1;

    *first = '\0';
    do {
        *--first = (char)('0' + number % base);
        number /= base;
    } while (number > 0);
    put(line, first);
}

/* The first opens the bracket, the others follow after a comma. */
static void put_detail(writer *line, int *is_open, const char *text)
{
    put(line, *is_open ? ", " : " (");
    put(line, text);
    *is_open = 1;
}

static void put_found(writer *line, int *is_open, const cordon_fault *fault)
{
    const int is_mode = strstr(fault->text, "mode") != NULL;

    put_detail(line, is_open, is_mode ? "expected 0" : "expected ");
    put_number(line, fault->expected, is_mode ? 8 : 10);
    put(line, is_mode ? ", found 0" : ", found ");
    put_number(line, fault->actual, is_mode ? 8 : 10);
}

static void put_details(writer *line, const cordon_fault *fault)
{
    int is_open = 0;

    if (fault->path[0] != '\0')
        put_detail(line, &is_open, fault->path);
    if (fault->expected != fault->actual)
        put_found(line, &is_open, fault);
    if (fault->code == CORDON_EAPP) {
        put_detail(line, &is_open, "failure ");
        put_number(line, (uint64_t)fault->app_code, 10);
    }
    /* The number only: the system's words for it are not safe to ask for on every thread. */
    if (fault->os_code != 0) {
        put_detail(line, &is_open, "os error ");
        put_number(line, fault->os_code, 10);
    }
    if (is_open)
        put(line, ")");
}

/* Of a program that was started its exit status says more than that it failed. */
static void put_cause(writer *line, const cordon_fault *fault)
{
    /* A record of an older program ends before it. */
    if (fault->code != CORDON_ELAUNCH || fault->size < sizeof *fault || fault->exit_status <= 0) {
        put(line, cordon_error_text(fault->code));
        return;
    }
    put(line, "exit status ");
    put_number(line, (uint64_t)fault->exit_status, 10);
}

const char *cordon_fault_line(cordon_fault *fault)
{
    writer line;

    if (!fault)
        return "";
    line.out = fault->line;
    line.room = sizeof fault->line - 1;
    line.used = 0;
    if (fault->during) {
        put(&line, fault->during);
        put(&line, ": ");
    }
    put_cause(&line, fault);
    if (fault->text[0] != '\0') {
        put(&line, ": ");
        put(&line, fault->text);
    }
    put_details(&line, fault);
    fault->line[line.used] = '\0';
    return fault->line;
}

/* ---- traces ------------------------------------------------------------------ */

void cordon__trace_done(const cordon__trace *trace, const char *during, const char *path,
                        const char *text)
{
    cordon_fault step;

    if (!trace->fn)
        return;
    cordon__fault_clear(&step);
    cordon__fault_found(&step, CORDON_OK, during, path, 0, 0, text);
    trace->fn(&step, trace->user);
}

void cordon__trace_fault(const cordon__trace *trace, const cordon_fault *fault)
{
    if (trace->fn)
        trace->fn(fault, trace->user);
}

/* ---- the wire's numbers ------------------------------------------------------ */

typedef struct wire_code {
    const char *name;
    int         code;
} wire_code;

static const wire_code wire_codes[] = {
    [CORDON__UNAUTHORIZED] = {"UNAUTHORIZED", CORDON_EUNAUTHORIZED},
    [CORDON__VERSION] = {"VERSION", CORDON_EVERSION},
    [CORDON__BUSY] = {"BUSY", CORDON_EBUSY},
    [CORDON__TOO_LARGE] = {"TOO_LARGE", CORDON_EMSGSIZE},
    [CORDON__MALFORMED] = {"MALFORMED", CORDON_EPROTOCOL},
    [CORDON__UNSUPPORTED] = {"UNSUPPORTED", CORDON_EUNSUPPORTED},
    [CORDON__TIMED_OUT] = {"TIMED_OUT", CORDON_ETIMEDOUT},
    [CORDON__CANCELED] = {"CANCELED", CORDON_ECANCELED},
    [CORDON__STOPPING] = {"STOPPING", CORDON_ENOTRUNNING},
    [CORDON__NOT_READY] = {"NOT_READY", CORDON_ENOTREADY},
    [CORDON__INTERNAL] = {"INTERNAL", CORDON_EAPP},
};

#define WIRE_FIRST CORDON__UNAUTHORIZED
#define WIRE_LAST  CORDON__INTERNAL

int cordon__code_from_wire(unsigned wire)
{
    return wire >= WIRE_FIRST && wire <= WIRE_LAST ? wire_codes[wire].code : CORDON_EAPP;
}

unsigned cordon__code_to_wire(int code)
{
    if (code >= CORDON__APP && code <= UINT16_MAX)
        return (unsigned)code;
    for (unsigned i = WIRE_FIRST; i <= WIRE_LAST; i++)
        if (wire_codes[i].code == code)
            return i;
    return CORDON__INTERNAL;
}

const char *cordon__wire_name(unsigned wire)
{
    return wire >= WIRE_FIRST && wire <= WIRE_LAST ? wire_codes[wire].name : NULL;
}

unsigned cordon__wire_number(cordon_bytes name)
{
    for (unsigned i = WIRE_FIRST; i <= WIRE_LAST; i++)
        if (strlen(wire_codes[i].name) == name.size &&
            memcmp(wire_codes[i].name, name.data, name.size) == 0)
            return i;
    return CORDON__INTERNAL;
}
