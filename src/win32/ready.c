/* The ready pipe, and what a started program finds in its environment. */
#include "../dialect.h"

#include "place.h"

#include <stdlib.h>
#include <string.h>

#define ROOM     4096 /* of the pipe: many times what is said in it */
#define WORD_MAX 32   /* letters and digits of a word */

static const char pipe_step[] = "make ready pipe";
static const char inherit_step[] = "inherit";

int cordon__ready_pipe(intptr_t *ours, intptr_t *theirs, cordon_fault *fault)
{
    cordon__self  self;
    cordon__guard guard;
    HANDLE        read_end, write_end;
    int           code = cordon__self_ask(&self, fault);

    if (code == CORDON_OK)
        code = cordon__guard_open(&guard, &self, CORDON__GUARD_PIPE, fault);
    if (code != CORDON_OK)
        return code;
    if (CreatePipe(&read_end, &write_end, &guard.attributes, ROOM)) {
        *ours = (intptr_t)read_end;
        *theirs = (intptr_t)write_end;
    } else {
        code = cordon__win32_fault(fault, pipe_step, GetLastError(), NULL);
    }
    cordon__guard_close(&guard);
    return code;
}

/* Whatever keeps us from reading is the end of it. */
int cordon__ready_read(intptr_t ours, char *data, size_t size, size_t *got)
{
    const HANDLE pipe = (HANDLE)ours;
    DWORD        there = 0, done = 0;

    *got = 0;
    if (!PeekNamedPipe(pipe, NULL, 0, NULL, &there, NULL))
        return CORDON_OK;
    if (there == 0)
        return CORDON__AGAIN;
    if (ReadFile(pipe, data, there < size ? there : (DWORD)size, &done, NULL))
        *got = done;
    return CORDON_OK;
}

/* ---- in the started program --------------------------------------------------------------- */

/* A HANDLE's value: decimal, nothing before it. What follows, or NULL. */
static const char *read_value(uintptr_t *value, const char *text)
{
    uint64_t number = 0;
    size_t   digits = 0;

    for (; text[digits] >= '0' && text[digits] <= '9' && digits < 11; digits++)
        number = number * 10 + (uint64_t)(text[digits] - '0');
    if (digits == 0 || text[0] == '0' || number > INT32_MAX || number % 4 != 0)
        return NULL; /* the system's are multiples of four */
    *value = (uintptr_t)number;
    return text + digits;
}

static int read_word(char word[WORD_MAX + 1], const char *text)
{
    static const char letters[] = "0123456789"
                                  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const size_t      size = text[0] != '\0' ? strlen(text + 1) : 0;

    word[0] = '\0';
    if (text[0] == '\0')
        return 1;
    if (text[0] != ':' || size < 1 || size > WORD_MAX || strspn(text + 1, letters) != size)
        return 0;
    memcpy(word, text + 1, size + 1);
    return 1;
}

static int is_stream(HANDLE handle)
{
    return handle == GetStdHandle(STD_INPUT_HANDLE) || handle == GetStdHandle(STD_OUTPUT_HANDLE) ||
           handle == GetStdHandle(STD_ERROR_HANDLE);
}

/* One that we could have been given: a pipe's end, and inherited. From here on it is not. */
static int take_over(HANDLE handle)
{
    DWORD flags = 0;

    return !is_stream(handle) && GetHandleInformation(handle, &flags) &&
           (flags & HANDLE_FLAG_INHERIT) && GetFileType(handle) == FILE_TYPE_PIPE &&
           SetHandleInformation(handle, HANDLE_FLAG_INHERIT, 0);
}

/* The C runtime has a list of its own; getenv reads that one. */
static void forget_variable(const char *variable)
{
    SetEnvironmentVariableA(variable, NULL);
    (void)_putenv_s(variable, "");
}

/* 0: there is none. Else its text is in `text`, or too long for any that is right. */
static int read_variable(char *text, DWORD room, const char *variable)
{
    DWORD size;

    SetLastError(0);
    text[0] = '\0';
    size = GetEnvironmentVariableA(variable, text, room);
    if (size == 0 && GetLastError() == ERROR_ENVVAR_NOT_FOUND)
        return 0;
    if (size >= room)
        text[0] = '\0';
    return 1;
}

int cordon__inherit(intptr_t *handle, char *word, const char *variable, cordon_fault *fault)
{
    char        text[64];
    uintptr_t   value = 0;
    const char *rest;

    word[0] = '\0';
    if (!read_variable(text, sizeof text, variable))
        return CORDON__ABSENT;
    forget_variable(variable);
    rest = read_value(&value, text);
    if (!rest || !read_word(word, rest) || !take_over((HANDLE)value))
        return cordon__fault_found(fault, CORDON_EUNSAFE, inherit_step, variable, 0, value,
                                   "it names no handle that we could have been given");
    *handle = (intptr_t)value;
    return CORDON_OK;
}

/* A pipe that does not wait takes what it has room for. One that was opened for overlapped calls
 * may still say: later. */
void cordon__ready_write(intptr_t handle, const char *data, size_t size)
{
    const HANDLE pipe = (HANDLE)handle;
    DWORD        mode = PIPE_READMODE_BYTE | PIPE_NOWAIT, put;
    OVERLAPPED   state;

    memset(&state, 0, sizeof state);
    state.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL);
    if (state.hEvent && SetNamedPipeHandleState(pipe, &mode, NULL, NULL) &&
        !WriteFile(pipe, data, (DWORD)size, NULL, &state) && GetLastError() == ERROR_IO_PENDING) {
        CancelIoEx(pipe, &state);
        (void)GetOverlappedResult(pipe, &state, &put, TRUE);
    }
    if (state.hEvent)
        CloseHandle(state.hEvent);
    CloseHandle(pipe);
}
