/*
 * A connection for calls that wait: overlapped reads and writes, each with an event of its own.
 *
 * A read is taken back at its deadline; if bytes came meanwhile it has them. A write cannot be: of
 * one that is taken back half read nobody tells how much went. So it is made from a copy, counts as
 * sent, and may outlast its call; the next one waits for it first. A call that returns 0 leaves
 * none, so what was written lies in the system and arrives whatever we do then.
 */
#include "../dialect.h"

#include "flow.h"
#include "place.h"

#define CHUNK ((size_t)64 * 1024) /* one write at most */
#define SMALL ((size_t)4 * 1024)  /* the room of a line that never had more to write */

static const char read_step[] = "read";
static const char write_step[] = "write";

uint64_t cordon__line_due(uint64_t ms)
{
    return cordon__now() + ms;
}

struct cordon__line_own {
    HANDLE     handle; /* of the line that the rest is of */
    HANDLE     has_read, has_written;
    OVERLAPPED writing;
    size_t     in_flight; /* bytes of it; 0: none is */
    char      *data;
    size_t     capacity;
};

typedef struct cordon__line_own own_state;

/* ---- what a line has besides its handle ------------------------------------------------ */

static void take_back(own_state *own)
{
    DWORD count;

    if (own->in_flight == 0)
        return;
    (void)CancelIoEx(own->handle, &own->writing);
    (void)GetOverlappedResult(own->handle, &own->writing, &count, TRUE);
    own->in_flight = 0;
}

static void forget(own_state *own)
{
    if (own->has_read)
        CloseHandle(own->has_read);
    if (own->has_written)
        CloseHandle(own->has_written);
    cordon__release(&cordon__libc, own->data);
    cordon__release(&cordon__libc, own);
}

static int make_own(cordon__line *line, const char *during, cordon_fault *fault)
{
    own_state *made = cordon__allocate(&cordon__libc, sizeof *made);
    DWORD      error;

    if (!made)
        return cordon__fault_set(fault, CORDON_ENOMEM, during);
    made->has_read = CreateEventW(NULL, TRUE, FALSE, NULL);
    made->has_written = made->has_read ? CreateEventW(NULL, TRUE, FALSE, NULL) : NULL;
    if (!made->has_written) {
        error = GetLastError();
        forget(made);
        return cordon__win32_fault(fault, during, error, NULL);
    }
    line->own = made;
    return CORDON_OK;
}

/* Every call begins alike. */
static int begin(cordon__line *line, const char *during, cordon_fault *fault)
{
    const HANDLE handle = (HANDLE)line->handle;
    int          code;

    if (cordon__line_is_interrupted(line))
        return cordon__fault_set(fault, CORDON_ECANCELED, during);
    if (!line->own) {
        code = make_own(line, during, fault);
        if (code != CORDON_OK)
            return code;
    } else if (line->own->handle != handle) { /* it was given another connection */
        take_back(line->own);
    }
    line->own->handle = handle;
    return CORDON_OK;
}

/* ---- waiting ------------------------------------------------------------------------------ */

static DWORD left_until(uint64_t deadline)
{
    const uint64_t now = cordon__now();

    if (deadline == CORDON__NEVER)
        return INFINITE;
    if (deadline <= now)
        return 0;
    return deadline - now < INFINITE - 1 ? (DWORD)(deadline - now) : INFINITE - 1;
}

/* 1: one of the events is set. 0: the deadline has passed; the system's own clock is coarser, so
 * it is asked for what is left. */
static int wait_for(const HANDLE *events, DWORD count, uint64_t deadline)
{
    for (;;) {
        const DWORD left = left_until(deadline);

        if (WaitForMultipleObjects(count, events, FALSE, left) != WAIT_TIMEOUT)
            return 1;
        if (left == 0)
            return 0;
    }
}

/* ---- read ------------------------------------------------------------------------------------ */

/* Until something comes: 0, also with nothing; WAIT_TIMEOUT; or GetLastError. Whoever interrupts
 * sets the flag before it cancels, and we look at it after we began: one of the two meets. */
static DWORD read_some(cordon__line *line, void *data, size_t size, DWORD *got, uint64_t deadline)
{
    const HANDLE pipe = (HANDLE)line->handle;
    const HANDLE event = line->own->has_read;
    const DWORD  most = (DWORD)(size < CORDON__FLOW_MOST ? size : CORDON__FLOW_MOST);
    OVERLAPPED   reading = {0};
    DWORD        error;

    reading.hEvent = event;
    if (!ReadFile(pipe, data, most, NULL, &reading)) {
        error = GetLastError();
        if (error != ERROR_IO_PENDING)
            return error;
        if (cordon__line_is_interrupted(line) || !wait_for(&event, 1, deadline))
            (void)CancelIoEx(pipe, &reading);
    }
    if (GetOverlappedResult(pipe, &reading, got, TRUE))
        return 0;
    *got = 0;
    error = GetLastError();
    return error == ERROR_OPERATION_ABORTED ? WAIT_TIMEOUT : error;
}

/* Without waiting nothing is begun that would have to be taken back. */
static DWORD read_now(cordon__line *line, void *data, size_t size, DWORD *got)
{
    const HANDLE pipe = (HANDLE)line->handle;
    DWORD        error = cordon__flow_look(pipe, got);

    if (error != 0)
        return error;
    if (*got > 0)
        error = cordon__flow_take(pipe, line->own->has_read, data, size, got);
    return error == 0 && *got == 0 ? WAIT_TIMEOUT : error;
}

int cordon__line_read(cordon__line *line, void *data, size_t size, size_t *got, uint64_t deadline,
                      cordon_fault *fault)
{
    int   code = begin(line, read_step, fault);
    DWORD count = 0, error = 0;

    while (code == CORDON_OK && error == 0 && count == 0) { /* writes of no bytes are passed over */
        if (left_until(deadline) == 0)
            error = read_now(line, data, size, &count);
        else
            error = read_some(line, data, size, &count, deadline);
    }
    *got = count;
    if (code != CORDON_OK || error == 0)
        return code;
    if (cordon__line_is_interrupted(line))
        return cordon__fault_set(fault, CORDON_ECANCELED, read_step);
    if (error == WAIT_TIMEOUT)
        return cordon__fault_set(fault, CORDON_ETIMEDOUT, read_step);
    return cordon__win32_fault(fault, read_step, error, NULL);
}

/* ---- write ------------------------------------------------------------------------------------
 */

/* Room for as much as one write may take of `size`. */
static int make_room(own_state *own, size_t size, cordon_fault *fault)
{
    const size_t want = size <= SMALL ? SMALL : CHUNK;
    char        *data;

    if (own->capacity >= want)
        return CORDON_OK;
    data = cordon__resize(&cordon__libc, own->data, want);
    if (!data)
        return cordon__fault_set(fault, CORDON_ENOMEM, write_step);
    own->data = data;
    own->capacity = want;
    return CORDON_OK;
}

/* Begin to write what waits in its room. */
static int put(own_state *own, size_t size, cordon_fault *fault)
{
    memset(&own->writing, 0, sizeof own->writing);
    own->writing.hEvent = own->has_written;
    if (!WriteFile(own->handle, own->data, (DWORD)size, NULL, &own->writing) &&
        GetLastError() != ERROR_IO_PENDING)
        return cordon__win32_fault(fault, write_step, GetLastError(), NULL);
    own->in_flight = size;
    return CORDON_OK;
}

/* The other side may not take more before what it says is read: a read of no bytes tells of it. */
static int wait_or_hear(const own_state *own, uint64_t deadline, int *is_readable)
{
    const HANDLE both[2] = {own->has_written, own->has_read};
    OVERLAPPED   hearing = {0};
    char         nothing;
    DWORD        count;
    int          is_over = 1;

    hearing.hEvent = own->has_read;
    if (ReadFile(own->handle, &nothing, 0, NULL, &hearing) || GetLastError() == ERROR_IO_PENDING) {
        is_over = wait_for(both, 2, deadline);
        (void)CancelIoEx(own->handle, &hearing);
        *is_readable = GetOverlappedResult(own->handle, &hearing, &count, TRUE) ||
                       GetLastError() != ERROR_OPERATION_ABORTED;
    } else {
        *is_readable = 1; /* its end */
    }
    return is_over;
}

/* Wait for the write that is on its way. */
static int finish(cordon__line *line, uint64_t deadline, cordon_fault *fault)
{
    own_state *own = line->own;
    DWORD      count;
    int        is_readable = 0, is_over = 1;

    if (cordon__line_is_interrupted(line))
        return cordon__fault_set(fault, CORDON_ECANCELED, write_step);
    if (!HasOverlappedIoCompleted(&own->writing))
        is_over = line->is_listening ? wait_or_hear(own, deadline, &is_readable)
                                     : wait_for(&own->has_written, 1, deadline);
    if (!HasOverlappedIoCompleted(&own->writing)) {
        if (cordon__line_is_interrupted(line))
            return cordon__fault_set(fault, CORDON_ECANCELED, write_step);
        if (is_readable)
            return CORDON__READABLE;
        return is_over ? CORDON_OK : cordon__fault_set(fault, CORDON_ETIMEDOUT, write_step);
    }
    own->in_flight = 0;
    if (GetOverlappedResult(own->handle, &own->writing, &count, FALSE))
        return CORDON_OK;
    if (cordon__line_is_interrupted(line))
        return cordon__fault_set(fault, CORDON_ECANCELED, write_step);
    return cordon__win32_fault(fault, write_step, GetLastError(), NULL);
}

int cordon__line_write(cordon__line *line, const cordon_bytes *pieces, size_t count, size_t *sent,
                       uint64_t deadline, cordon_fault *fault)
{
    size_t whole = 0;
    int    code;

    *sent = 0;
    for (size_t i = 0; i < count; i++)
        whole += pieces[i].size;
    code = begin(line, write_step, fault);
    while (code == CORDON_OK && (*sent < whole || line->own->in_flight > 0)) {
        own_state *own = line->own;
        size_t     size;

        if (own->in_flight > 0) {
            code = finish(line, deadline, fault);
            continue;
        }
        code = make_room(own, whole - *sent, fault);
        if (code != CORDON_OK)
            break;
        size = cordon__flow_pack(own->data, own->capacity, pieces, count, *sent);
        code = put(own, size, fault);
        if (code == CORDON_OK)
            *sent += size;
    }
    return code;
}

/* ---- the rest
 * ------------------------------------------------------------------------------------ */

void cordon__line_interrupt(cordon__line *line)
{
    CORDON__FLAG_SET(line->is_interrupted);
    if (line->handle != CORDON__NO_HANDLE)
        (void)CancelIoEx((HANDLE)line->handle, NULL); /* wakes who waits already */
}

int cordon__line_is_interrupted(const cordon__line *line)
{
    return CORDON__FLAG_IS_SET(line->is_interrupted);
}

void cordon__line_close(cordon__line *line)
{
    if (line->own) {
        take_back(line->own);
        forget(line->own);
    }
    line->own = NULL;
    if (line->handle != CORDON__NO_HANDLE)
        CloseHandle((HANDLE)line->handle);
    line->handle = CORDON__NO_HANDLE;
}

/* A pipe's buffers are what they were made with. */
void cordon__line_widen(cordon__line *line)
{
    (void)line;
}
