/*
 * Connections and listeners: pipes, by CreateFileW, ReadFile and WriteFile alone.
 *
 * A connection has a small buffer for what goes out and a byte for a look at what comes in, so
 * that it can be waited for as for a socket: a write is begun, and is on its way until it is done.
 */
#include "inner.h"

enum { OUT_ROOM = 65536, INSTANCES = 16 };

typedef struct connection {
    HANDLE     pipe;
    OVERLAPPED in, out;
    int        is_reading, is_writing; /* begun, and not yet seen to have ended */
    int        has_byte;               /* a look has found `byte` */
    char       byte;
    long       ended; /* 0 and SUPPORT_RAW_RESET as some() tells it; 1: it goes on */
    char       sent[OUT_ROOM];
} connection;

static connection *of(support_raw raw)
{
    return (connection *)raw;
}

static support_raw wrap(HANDLE pipe)
{
    connection *made = calloc(1, sizeof *made);

    SUPPORT_CHECK(made != NULL);
    made->pipe = pipe;
    made->ended = 1;
    made->in.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL);
    made->out.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL);
    SUPPORT_CHECK(made->in.hEvent != NULL && made->out.hEvent != NULL);
    return (support_raw)made;
}

int support_is_published(cordon_endpoint *endpoint)
{
    return WaitNamedPipeW(support_wide(cordon_endpoint_path(endpoint, CORDON_ADDRESS)), 1);
}

support_raw support_raw_try_open(const char *address, int *is_busy)
{
    HANDLE pipe =
        CreateFileW(support_wide(address),
                    FILE_READ_DATA | FILE_WRITE_DATA | FILE_READ_ATTRIBUTES | SYNCHRONIZE, 0, NULL,
                    OPEN_EXISTING,
                    FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION, NULL);

    if (pipe != INVALID_HANDLE_VALUE)
        return wrap(pipe);
    *is_busy = GetLastError() == ERROR_PIPE_BUSY;
    return SUPPORT_NO_RAW;
}

support_raw support_raw_of(intptr_t handle)
{
    return wrap((HANDLE)handle);
}

/* ---- what is under way ---- */

static int is_over(connection *it, OVERLAPPED *what, int *is_under_way, DWORD *got)
{
    if (!*is_under_way)
        return 1;
    if (!GetOverlappedResult(it->pipe, what, got, FALSE)) {
        if (GetLastError() == ERROR_IO_INCOMPLETE)
            return 0;
        *got = 0;
    }
    *is_under_way = 0;
    return 1;
}

static void begin_look(connection *it)
{
    if (it->is_reading || it->has_byte || it->ended != 1)
        return;
    ResetEvent(it->in.hEvent);
    if (ReadFile(it->pipe, &it->byte, 1, NULL, &it->in) || GetLastError() == ERROR_IO_PENDING)
        it->is_reading = 1;
    else
        it->ended = 0;
}

static int can_read(connection *it)
{
    DWORD got = 0;

    begin_look(it);
    if (it->is_reading && is_over(it, &it->in, &it->is_reading, &got)) {
        it->has_byte = got == 1;
        it->ended = it->has_byte; /* a write that failed says nothing: the reason may be there */
    }
    return it->has_byte || it->ended != 1;
}

static int can_write(connection *it)
{
    DWORD done;

    return is_over(it, &it->out, &it->is_writing, &done);
}

int support_raw_wait(support_raw raw, int wanted, int ms)
{
    connection    *it = of(raw);
    const uint64_t deadline = support_now() + (uint64_t)(ms < 0 ? 0 : ms);

    for (;;) {
        HANDLE   events[2];
        DWORD    count = 0;
        uint64_t now = support_now();
        int      found = 0;

        if ((wanted & SUPPORT_RAW_IN) != 0 && can_read(it))
            found |= SUPPORT_RAW_IN;
        if ((wanted & SUPPORT_RAW_OUT) != 0 && can_write(it))
            found |= SUPPORT_RAW_OUT;
        if (found != 0 || (ms >= 0 && now >= deadline))
            return found;
        if ((wanted & SUPPORT_RAW_IN) != 0)
            events[count++] = it->in.hEvent;
        if ((wanted & SUPPORT_RAW_OUT) != 0)
            events[count++] = it->out.hEvent;
        WaitForMultipleObjects(count, events, FALSE, ms < 0 ? INFINITE : (DWORD)(deadline - now));
    }
}

/* What is there now and fits, without waiting; a read of that much ends at once. */
static long read_now(connection *it, char *data, size_t room)
{
    DWORD there = 0, got = 0;

    if (room == 0 || !PeekNamedPipe(it->pipe, NULL, 0, NULL, &there, NULL) || there == 0)
        return 0;
    if (there > room)
        there = (DWORD)room;
    ResetEvent(it->in.hEvent);
    if (!ReadFile(it->pipe, data, there, NULL, &it->in) && GetLastError() != ERROR_IO_PENDING)
        return 0;
    return GetOverlappedResult(it->pipe, &it->in, &got, TRUE) ? (long)got : 0;
}

long support_raw_some(support_raw raw, void *data, size_t room, int ms)
{
    connection *it = of(raw);

    if (support_raw_wait(raw, SUPPORT_RAW_IN, ms) == 0)
        return SUPPORT_RAW_NOTHING;
    if (!it->has_byte)
        return it->ended;
    *(char *)data = it->byte;
    it->has_byte = 0;
    return 1 + read_now(it, (char *)data + 1, room - 1);
}

long support_raw_offer(support_raw raw, const void *data, size_t size)
{
    connection *it = of(raw);
    const DWORD taken = size < OUT_ROOM ? (DWORD)size : OUT_ROOM;

    if (!can_write(it))
        return 0;
    memcpy(it->sent, data, taken);
    ResetEvent(it->out.hEvent);
    if (!WriteFile(it->pipe, it->sent, taken, NULL, &it->out) && GetLastError() != ERROR_IO_PENDING)
        return SUPPORT_RAW_RESET;
    it->is_writing = 1;
    (void)can_write(it);
    return (long)taken;
}

long support_raw_unread(support_raw raw)
{
    (void)raw;
    return -1;
}

int support_raw_is_taken(support_raw raw)
{
    support_raw_wait(raw, SUPPORT_RAW_OUT, -1);
    return FlushFileBuffers(of(raw)->pipe) ? 1 : -1; /* waits for the other side to read */
}

int support_raw_finish(support_raw raw)
{
    (void)raw;
    return 0;
}

static void stop(connection *it, OVERLAPPED *what, int *is_under_way)
{
    DWORD done;

    if (!*is_under_way)
        return;
    CancelIoEx(it->pipe, what);
    GetOverlappedResult(it->pipe, what, &done, TRUE);
    *is_under_way = 0;
}

void support_raw_cut(support_raw raw)
{
    connection *it = of(raw);

    stop(it, &it->in, &it->is_reading);
    stop(it, &it->out, &it->is_writing);
    if (it->pipe != INVALID_HANDLE_VALUE)
        CloseHandle(it->pipe);
    it->pipe = INVALID_HANDLE_VALUE;
    it->ended = 0;
}

void support_raw_close(support_raw raw)
{
    connection *it = of(raw);

    support_raw_cut(raw);
    CloseHandle(it->in.hEvent);
    CloseHandle(it->out.hEvent);
    free(it);
}

/* ---- the other side ---- */

struct support_listener {
    char                name[SUPPORT_PATH];
    SECURITY_ATTRIBUTES ours;
    HANDLE              end; /* an event */
    CRITICAL_SECTION    lock;
    HANDLE              pipes[INSTANCES]; /* that wait for somebody; INVALID_HANDLE_VALUE: hidden */
    OVERLAPPED          waits[INSTANCES];
    int                 count, is_hidden;
};

/* A new instance at n, waiting; connected already is an event too. */
static void offer_instance(support_listener *listener, int n)
{
    OVERLAPPED *wait = &listener->waits[n];

    ResetEvent(wait->hEvent);
    listener->pipes[n] = CreateNamedPipeW(
        support_wide(listener->name), PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED,
        PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS,
        PIPE_UNLIMITED_INSTANCES, 65536, 65536, 0, &listener->ours);
    SUPPORT_CHECK(listener->pipes[n] != INVALID_HANDLE_VALUE);
    if (!ConnectNamedPipe(listener->pipes[n], wait) && GetLastError() != ERROR_IO_PENDING)
        SetEvent(wait->hEvent);
}

void support_listen(support_listener **out, const char *address, int backlog)
{
    support_listener *listener = calloc(1, sizeof *listener);
    char              level[64], label[96];

    support_own_level(level, sizeof level);
    snprintf(label, sizeof label, "S:(ML;;NRNW;;;%s)", level);
    SUPPORT_CHECK(listener != NULL && strlen(address) < SUPPORT_PATH);
    strcpy(listener->name, address);
    support_descriptor(&listener->ours, ";GA", label);
    InitializeCriticalSection(&listener->lock);
    listener->end = CreateEventW(NULL, TRUE, FALSE, NULL);
    listener->count = backlog < INSTANCES ? backlog : INSTANCES;
    for (int n = 0; n < listener->count; n++) {
        listener->waits[n].hEvent = CreateEventW(NULL, TRUE, FALSE, NULL);
        offer_instance(listener, n);
    }
    *out = listener;
}

/* Its place is offered anew before it is handed up. */
static support_raw take(support_listener *listener, int n)
{
    HANDLE pipe;

    EnterCriticalSection(&listener->lock);
    pipe = listener->pipes[n];
    if (pipe != INVALID_HANDLE_VALUE && !listener->is_hidden)
        offer_instance(listener, n);
    LeaveCriticalSection(&listener->lock);
    return pipe == INVALID_HANDLE_VALUE ? SUPPORT_NO_RAW : wrap(pipe);
}

support_raw support_accept(support_listener *listener)
{
    HANDLE events[INSTANCES + 1];
    DWORD  which;

    events[0] = listener->end;
    for (int n = 0; n < listener->count; n++)
        events[n + 1] = listener->waits[n].hEvent;
    which = WaitForMultipleObjects((DWORD)listener->count + 1, events, FALSE, INFINITE);
    if (which == WAIT_OBJECT_0)
        return SUPPORT_NO_RAW;
    return take(listener, (int)(which - WAIT_OBJECT_0) - 1);
}

/* Who is connected already is let go too: nobody would come to take them. */
void support_listener_hide(support_listener *listener)
{
    EnterCriticalSection(&listener->lock);
    listener->is_hidden = 1;
    for (int n = 0; n < listener->count; n++) {
        DWORD unused;

        if (listener->pipes[n] == INVALID_HANDLE_VALUE)
            continue;
        if (CancelIoEx(listener->pipes[n], &listener->waits[n]))
            GetOverlappedResult(listener->pipes[n], &listener->waits[n], &unused, TRUE);
        CloseHandle(listener->pipes[n]);
        listener->pipes[n] = INVALID_HANDLE_VALUE;
        ResetEvent(listener->waits[n].hEvent);
    }
    LeaveCriticalSection(&listener->lock);
}

void support_listener_end(support_listener *listener)
{
    SetEvent(listener->end);
}

void support_listener_close(support_listener *listener)
{
    support_listener_hide(listener);
    for (int n = 0; n < listener->count; n++)
        CloseHandle(listener->waits[n].hEvent);
    CloseHandle(listener->end);
    DeleteCriticalSection(&listener->lock);
    LocalFree(listener->ours.lpSecurityDescriptor);
    free(listener);
}

int support_listener_die(support_listener *listener)
{
    support_listener_close(listener);
    return 0;
}
