/*
 * The listening end: pipe instances of our own that wait for a client. All of it happens under
 * the lifetime lock.
 *
 * A new instance can be reached from its first moment on, waited for or not. So a connected one
 * is handed up only when the next has been made: there is always one to come to, and the name
 * never vanishes in between.
 */
#include "../dialect.h"

#include <string.h>

#include "instance.h"
#include "pipe.h"

#define PENDING      4    /* instances that wait, when nobody says how many */
#define PENDING_MOST 1024 /* each has an event and a wait of its own */

static const char create_step[] = "create pipe";
static const char look_step[] = "look at address";

struct cordon__listener {
    cordon__memory    memory;
    cordon__making    making;
    cordon__instance *slots;
    unsigned          count;
    unsigned          next; /* where the next look begins: each has its turn */
    int               is_closed, is_paused;
    cordon__wake     *wake; /* NULL: not on a loop */
    void (*on_waiting)(void *owner);
    void (*on_closed)(void *owner);
    void *owner;
};

int cordon__address_clear(cordon__place *place, cordon_fault *fault)
{
    (void)fault;
    /* A pipe's name goes with its last instance: a dead server leaves nothing. */
    cordon__place_done(place, "clear address", place->paths[CORDON_ADDRESS], "nothing to do");
    return CORDON_OK;
}

/* ---- listen ------------------------------------------------------------------------- */

static void release(cordon__listener *listener)
{
    void (*on_closed)(void *) = listener->on_closed;
    void *owner = listener->owner;

    cordon__release(&listener->memory, listener);
    if (on_closed)
        on_closed(owner);
}

static void give_up(cordon__listener *listener)
{
    for (unsigned i = 0; listener->slots && i < listener->count; i++) {
        cordon__instance_empty(&listener->slots[i]);
        if (listener->slots[i].event)
            CloseHandle(listener->slots[i].event);
    }
    cordon__release(&listener->memory, listener->slots);
    cordon__guard_close(&listener->making.guard);
}

static int open_slots(cordon__listener *listener, cordon_fault *fault)
{
    listener->slots =
        cordon__allocate(&listener->memory, listener->count * sizeof *listener->slots);
    if (!listener->slots)
        return cordon__fault_set(fault, CORDON_ENOMEM, create_step);
    for (unsigned i = 0; i < listener->count; i++) {
        listener->slots[i].event = CreateEventW(NULL, FALSE, FALSE, NULL);
        if (!listener->slots[i].event)
            return cordon__place_fault(listener->making.place, fault, create_step, GetLastError(),
                                       NULL);
    }
    return CORDON_OK;
}

static int publish(cordon__listener *listener, unsigned flags, cordon_fault *fault)
{
    int code = open_slots(listener, fault);

    if (code == CORDON_OK && !(flags & CORDON_WIN32_DEFAULT_DACL))
        code = cordon__guard_open(&listener->making.guard, &listener->making.place->self,
                                  CORDON__GUARD_PIPE, fault);
    if (code == CORDON_OK)
        code = cordon__instance_first(&listener->slots[0], &listener->making, fault);
    for (unsigned i = 0; i < listener->count && code == CORDON_OK; i++)
        code = cordon__instance_tend(&listener->slots[i], &listener->making, fault);
    return code;
}

int cordon__listen(cordon__listener **listener, cordon__place *place, unsigned backlog,
                   unsigned flags, cordon_fault *fault)
{
    cordon__listener *made = cordon__allocate(&place->memory, sizeof *made);
    int               code;

    if (!made)
        return cordon__fault_set(fault, CORDON_ENOMEM, create_step);
    made->memory = place->memory;
    made->making.place = place;
    made->count = backlog == 0 ? PENDING : backlog < PENDING_MOST ? backlog : PENDING_MOST;
    code = publish(made, flags, fault);
    if (code != CORDON_OK) {
        give_up(made);
        cordon__release(&place->memory, made);
        return code;
    }
    cordon__place_done(place, "listen", place->paths[CORDON_ADDRESS], NULL);
    *listener = made;
    return CORDON_OK;
}

int cordon__accept(intptr_t *handle, cordon__listener *listener, cordon_fault *fault)
{
    int worst = CORDON__NOBODY;

    for (unsigned i = 0; i < listener->count; i++) {
        cordon__instance *at = &listener->slots[(listener->next + i) % listener->count];
        const int         code = cordon__instance_tend(at, &listener->making, fault);

        if (code < 0)
            worst = code;
        if (at->state != CORDON__CONNECTED)
            continue;
        listener->next = (listener->next + i + 1) % listener->count;
        return cordon__instance_take(handle, at, &listener->making, fault);
    }
    return worst;
}

/* ---- on a loop ------------------------------------------------------------------------ */

static int is_due(const cordon__listener *listener)
{
    for (unsigned i = 0; i < listener->count; i++) {
        const cordon__instance *at = &listener->slots[i];

        if (at->state == CORDON__WAITING
                ? HasOverlappedIoCompleted(&at->connect)
                : at->state != CORDON__EMPTY || !listener->making.is_withdrawn)
            return 1;
    }
    return 0;
}

/* A wake-up comes once; whoever has not been let in is told of again. */
static void woken(void *owner)
{
    cordon__listener *listener = owner;

    if (listener->is_closed || listener->is_paused || !is_due(listener))
        return;
    listener->on_waiting(listener->owner);
    if (!listener->is_closed && !listener->is_paused && is_due(listener))
        cordon__wake_send(listener->wake);
}

static VOID CALLBACK somebody_came(PVOID context, BOOLEAN is_timeout)
{
    const cordon__listener *listener = context;

    (void)is_timeout;
    cordon__wake_send(listener->wake);
}

/* Its callback does no more than wake us up: it is waited for in no time. */
static void stop_waits(cordon__listener *listener)
{
    for (unsigned i = 0; i < listener->count; i++) {
        if (listener->slots[i].wait)
            (void)UnregisterWaitEx(listener->slots[i].wait, INVALID_HANDLE_VALUE);
        listener->slots[i].wait = NULL;
    }
}

static int start_waits(cordon__listener *listener, cordon_fault *fault)
{
    for (unsigned i = 0; i < listener->count; i++) {
        cordon__instance *at = &listener->slots[i];

        if (!RegisterWaitForSingleObject(&at->wait, at->event, somebody_came, listener, INFINITE,
                                         WT_EXECUTEINWAITTHREAD)) {
            const DWORD error = GetLastError();

            at->wait = NULL;
            stop_waits(listener);
            return cordon__win32_fault(fault, "attach", error, NULL);
        }
    }
    return CORDON_OK;
}

int cordon__listener_attach(cordon__listener *listener, struct uv_loop_s *uv,
                            void (*on_waiting)(void *owner), void *owner, cordon_fault *fault)
{
    int code = cordon__wake_open(&listener->wake, uv, woken, listener, fault);

    if (code != CORDON_OK)
        return code;
    code = start_waits(listener, fault);
    if (code != CORDON_OK) {
        cordon__wake_close(listener->wake, NULL);
        listener->wake = NULL;
        return code;
    }
    listener->on_waiting = on_waiting;
    listener->owner = owner;
    cordon__listener_pause(listener, 0);
    return CORDON_OK;
}

void cordon__listener_pause(cordon__listener *listener, int is_paused)
{
    listener->is_paused = is_paused != 0;
    cordon__wake_hold(listener->wake, !is_paused);
    if (!is_paused)
        cordon__wake_send(listener->wake); /* who came meanwhile */
}

/* ---- is it still ours? ------------------------------------------------------------------ */

/* While we have an instance nobody can take the name away; but a program of our user may change
 * who is let in. */
int cordon__listener_look(cordon__listener *listener, cordon_fault *fault)
{
    const cordon__place *place = listener->making.place;

    if (listener->making.is_withdrawn)
        return CORDON__GONE;
    for (unsigned i = 0; i < listener->count; i++) {
        const cordon__instance *at = &listener->slots[i];

        if (at->state == CORDON__EMPTY || cordon__instance_is_ours(&listener->making, at->pipe, 1))
            continue;
        cordon__place_unsafe(place, fault, look_step, place->paths[CORDON_ADDRESS],
                             "its security descriptor is not the one that we gave it");
        return CORDON__REPLACED;
    }
    return CORDON_OK;
}

/* ---- the end ---------------------------------------------------------------------------- */

#define WORD 16 /* bytes that only we can know */

/* A pipe of a stranger might never take it: so it is tried, not waited for. */
static HANDLE come_ourselves(const cordon__listener *listener, const BYTE word[WORD])
{
    HANDLE     pipe = cordon__pipe_open(listener->making.place->wide[CORDON_ADDRESS],
                                        CORDON__PIPE_RIGHTS, SECURITY_ANONYMOUS);
    OVERLAPPED writing;
    DWORD      sent;

    if (pipe == INVALID_HANDLE_VALUE)
        return NULL;
    memset(&writing, 0, sizeof writing);
    if (!WriteFile(pipe, word, WORD, NULL, &writing) && GetLastError() == ERROR_IO_PENDING) {
        (void)CancelIoEx(pipe, &writing);
        (void)GetOverlappedResult(pipe, &writing, &sent, TRUE);
    }
    return pipe;
}

static int is_somebody(HANDLE pipe, const BYTE word[WORD])
{
    BYTE  said[WORD];
    DWORD size = 0;

    if (!PeekNamedPipe(pipe, said, WORD, &size, NULL, NULL))
        return 0; /* nobody came, or has gone without a word */
    return size != WORD || memcmp(said, word, WORD) != 0;
}

/*
 * An instance that waits cannot be closed without cutting who comes to it at that very moment.
 * So we come ourselves, until nobody else can: then each has a client, and those that have us
 * are closed. Who comes now finds all ends taken, or no name.
 */
void cordon__unlisten(cordon__listener *listener)
{
    cordon_fault ignored;
    BYTE         word[WORD];

    if (listener->making.is_withdrawn)
        return;
    listener->making.is_withdrawn = 1;
    stop_waits(listener);
    cordon__fault_clear(&ignored);
    memset(word, 0, sizeof word);
    (void)cordon__random(word, sizeof word, &ignored);
    for (unsigned i = 0; i < listener->count; i++)
        listener->slots[i].plug = come_ourselves(listener, word);
    for (unsigned i = 0; i < listener->count; i++) {
        cordon__instance *at = &listener->slots[i];

        cordon__instance_stop(at);
        if (at->state != CORDON__EMPTY && is_somebody(at->pipe, word))
            at->state = CORDON__CONNECTED;
        else
            cordon__instance_empty(at);
    }
    for (unsigned i = 0; i < listener->count; i++) {
        if (listener->slots[i].plug)
            CloseHandle(listener->slots[i].plug);
        listener->slots[i].plug = NULL;
    }
    if (listener->wake)
        cordon__wake_send(listener->wake); /* who is left */
}

static void wake_closed(void *owner)
{
    release(owner);
}

void cordon__listener_close(cordon__listener *listener, void (*on_closed)(void *owner))
{
    if (!listener)
        return;
    listener->on_closed = on_closed;
    listener->is_closed = 1;
    stop_waits(listener);
    give_up(listener);
    if (listener->wake)
        cordon__wake_close(listener->wake, wake_closed);
    else
        release(listener);
}
