#include "dialect.h"

#include "holder.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "utf8.h"

#define PID_MAX UINT32_MAX

/* ---- what the file says ------------------------------------------------------ */

static size_t read_pid(uint64_t *pid, const char *text, size_t size)
{
    size_t at = 0;

    for (*pid = 0; at < size && text[at] >= '0' && text[at] <= '9'; at++) {
        *pid = *pid * 10 + (uint64_t)(text[at] - '0');
        if (*pid > PID_MAX)
            return 0;
    }
    return *pid > 0 && at < size && text[at] == ' ' ? at + 1 : 0;
}

static size_t word_size(const char *text, size_t size, const char *set)
{
    size_t at = 0;

    while (at < size && text[at] != '\0' && strchr(set, text[at]) != NULL)
        at++;
    return at;
}

/* Somebody else may have written it: a '?' for each byte that a terminal might obey. */
static void copy_program(char *out, size_t room, const char *text, size_t size)
{
    size_t used = 0;

    if (size >= room) { /* the end of a path says more than its begin */
        text += size - (room - 1);
        size = room - 1;
    }
    for (size_t at = 0; at < size;) {
        const size_t count = cordon__utf8_plain(text + at, size - at);

        if (count == 0)
            out[used++] = '?', at++;
        else
            for (size_t end = at + count; at < end; at++)
                out[used++] = text[at];
    }
    out[used] = '\0';
}

int cordon__holder_read(cordon__holder *holder, const char *text, size_t size)
{
    size_t at = read_pid(&holder->pid, text, size);
    size_t when;

    holder->since[0] = holder->program[0] = '\0';
    when = word_size(text + at, size - at, "0123456789-T:Z?");
    if (at == 0 || when == 0 || when >= sizeof holder->since || at + when >= size ||
        text[at + when] != ' ') {
        holder->pid = 0;
        return 0;
    }
    memcpy(holder->since, text + at, when);
    holder->since[when] = '\0';
    at += when + 1;
    while (size > at && text[size - 1] == '\n')
        size--;
    copy_program(holder->program, sizeof holder->program, text + at, size - at);
    return 1;
}

/* ---- in words ---------------------------------------------------------------- */

static const char *life_text(enum cordon__process life)
{
    if (life == CORDON__PROCESS_STOPPED)
        return ", which is stopped";
    return life == CORDON__PROCESS_GONE ? ", which is gone" : "";
}

const char *cordon__holder_text(char text[CORDON__HOLDER_TEXT], const cordon__holder *holder)
{
    const char *how = holder->is_held == 1  ? "held by"
                      : holder->is_held < 0 ? "as its file says, held by"
                                            : "free; it was not released by";

    if (holder->is_held == 0 && holder->pid == 0)
        snprintf(text, CORDON__HOLDER_TEXT, "free");
    else if (holder->pid == 0)
        snprintf(text, CORDON__HOLDER_TEXT, "held, it is not told by whom");
    else
        snprintf(text, CORDON__HOLDER_TEXT, "%s pid %" PRIu64 "%s%s%s%s%s", how, holder->pid,
                 holder->program[0] != '\0' ? ", " : "", holder->program,
                 holder->since[0] != '\0' ? ", since " : "", holder->since,
                 life_text(holder->life));
    return text;
}
