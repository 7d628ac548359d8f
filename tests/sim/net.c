/* Connections of the world: who listens, who knocks, and who they are. */
#include "../../src/dialect.h"

#include <stdlib.h>
#include <string.h>

#include "inside.h"

/* ---- listen ------------------------------------------------------------------------------ */

struct cordon__listener {
    sim_handle        handle; /* once it is attached */
    cordon__listener *next;
    cordon__memory    memory;
    cordon__place    *place;
    sim_process      *process;
    sim_node         *node;
    sim_end         **waiting; /* nobody has accepted them yet */
    size_t            count, most;
    int               is_attached, is_paused, is_closed;
    void (*on_waiting)(void *owner);
    void (*on_closed)(void *owner);
    void *owner;
};

static cordon__listener *listeners;

int cordon__address_clear(cordon__place *place, cordon_fault *fault)
{
    static const char step[] = "clear address";
    const char       *path = place->paths[CORDON_ADDRESS];
    const char       *target;
    sim_node         *node;
    int               code;

    if (sim_verb("address_clear"))
        return sim_failure(fault, step);
    if (place->is_linked) {
        code = sim_link_read(&target, place, fault);
        if (code < 0)
            return code;
        node = code == CORDON_OK ? sim_find(target) : NULL;
        if (node && node->kind == SIM_SOCKET && node->uid == place->uid)
            sim_unlink(node);
        sim_point();
        if (code == CORDON_OK)
            sim_unlink(sim_find(place->link));
    }
    node = sim_find(path);
    if (!node)
        return CORDON_OK;
    if (node->kind != SIM_SOCKET)
        return sim_unsafe(place, fault, step, path, 0, 0, sim_kind_name(node->kind));
    if (node->uid != place->uid)
        return sim_unsafe(place, fault, step, path, place->uid, node->uid,
                          "this socket belongs to another user");
    sim_unlink(node);
    return CORDON_OK;
}

static void publish_link(const cordon__place *place)
{
    sim_put(place->link, SIM_LINK, 0777, place->uid, place->paths[CORDON_ADDRESS]);
}

int cordon__listen(cordon__listener **listener, cordon__place *place, unsigned backlog,
                   unsigned flags, cordon_fault *fault)
{
    static const char step[] = "bind";
    const char       *path = place->paths[CORDON_ADDRESS];
    cordon__listener *made;

    (void)flags;
    if (sim_verb("listen"))
        return sim_failure(fault, step);
    if (sim_find(path))
        return sim_unsafe(place, fault, step, path, 0, 0, "something has just been put there");
    if (!sim_find(place->paths[CORDON_DIRECTORY]))
        return cordon__fault_os(fault, CORDON_ESYSTEM, step, 2, path);
    if (!sim_take_descriptor())
        return cordon__fault_os(fault, CORDON_EBUSY, "socket", 24, path);
    made = sim_make(sizeof *made);
    made->memory = place->memory;
    made->place = place;
    made->process = sim_current();
    made->most = backlog == 0 ? 129 : backlog < 1024 ? backlog + 1 : 1024;
    made->waiting = sim_make(made->most * sizeof(sim_end *));
    made->next = listeners;
    listeners = made;
    made->node = sim_create(path, SIM_SOCKET, 0600);
    sim_point(); /* killed between bind and listen */
    made->node->listener = made;
    sim_point();
    if (place->is_linked)
        publish_link(place);
    cordon__trace_done(&place->trace, "listen", path, NULL);
    *listener = made;
    return CORDON_OK;
}

int cordon__listen_on(cordon__listener **listener, cordon__place *place, intptr_t handle,
                      unsigned backlog, cordon_fault *fault)
{
    (void)listener;
    (void)place;
    (void)handle;
    (void)backlog;
    return cordon__fault_set(fault, CORDON_EUNSUPPORTED, "check listener");
}

int cordon__listener_given(intptr_t *handle, const char *name, cordon_fault *fault)
{
    (void)handle;
    (void)name;
    return cordon__fault_set(fault, CORDON_EUNSUPPORTED, "find listener");
}

int cordon__accept(intptr_t *handle, cordon__listener *listener, cordon_fault *fault)
{
    static const char step[] = "accept";

    if (sim_verb("accept"))
        return cordon__fault_os(fault, CORDON_EBUSY, step, 24,
                                listener->place->paths[CORDON_ADDRESS]);
    if (listener->count == 0)
        return CORDON__NOBODY;
    if (!sim_take_descriptor())
        return cordon__fault_os(fault, CORDON_EBUSY, step, 24,
                                listener->place->paths[CORDON_ADDRESS]);
    *handle = sim_end_number(listener->waiting[0]);
    listener->waiting[0]->process = sim_current();
    listener->count--;
    memmove(listener->waiting, listener->waiting + 1, listener->count * sizeof(sim_end *));
    return CORDON_OK;
}

static void drop_listener(cordon__listener *listener)
{
    cordon__listener **at = &listeners;

    while (*at != listener)
        at = &(*at)->next;
    *at = listener->next;
    free(listener->waiting);
    free(listener);
}

/* The socket itself goes: who waits at it is sent away. */
static void close_socket(cordon__listener *listener)
{
    if (listener->is_closed)
        return;
    listener->is_closed = 1;
    listener->node->listener = NULL;
    while (listener->count > 0) {
        sim_end *end = listener->waiting[--listener->count];

        sim_end_close(end);
    }
    sim_give_descriptor(listener->process);
}

static int listener_is_ready(const sim_handle *handle)
{
    const cordon__listener *listener = (const cordon__listener *)handle;

    return listener->is_closed || (!listener->is_paused && listener->count > 0);
}

static void listener_run(sim_handle *handle)
{
    cordon__listener *listener = (cordon__listener *)handle;
    void (*on_closed)(void *) = listener->on_closed;
    void *owner = listener->owner;
    void *told = on_closed ? owner : NULL;

    if (!listener->is_closed) {
        listener->on_waiting(owner);
        return;
    }
    sim_handle_leave(handle);
    drop_listener(listener);
    if (on_closed)
        on_closed(told);
}

static void listener_vanish(sim_handle *handle)
{
    cordon__listener *listener = (cordon__listener *)handle;

    close_socket(listener);
    sim_handle_leave(handle);
    drop_listener(listener);
}

static const sim_kind listener_kind = {"listener", listener_is_ready, NULL, listener_run,
                                       listener_vanish};

int cordon__listener_attach(cordon__listener *listener, struct uv_loop_s *uv,
                            void (*on_waiting)(void *owner), void *owner, cordon_fault *fault)
{
    if (sim_verb("listener_attach"))
        return sim_failure(fault, "attach");
    sim_handle_open(&listener->handle, &listener_kind, uv);
    listener->on_waiting = on_waiting;
    listener->owner = owner;
    listener->is_attached = 1;
    return CORDON_OK;
}

void cordon__listener_pause(cordon__listener *listener, int is_paused)
{
    sim_point();
    if (!listener->is_attached || listener->is_closed)
        sim_complain("a listener is paused that is not on a loop");
    listener->is_paused = is_paused;
}

int cordon__listener_look(cordon__listener *listener, cordon_fault *fault)
{
    static const char    step[] = "look at address";
    const cordon__place *place = listener->place;
    const char          *path = place->paths[CORDON_ADDRESS];
    const char          *target;
    const sim_node      *node;
    int                  code;

    if (sim_verb("listener_look"))
        return sim_failure(fault, step);
    node = sim_find(path);
    if (!sim_find(place->paths[CORDON_DIRECTORY]) || !node)
        return CORDON__GONE;
    if (node != listener->node) {
        sim_unsafe(place, fault, step, path, listener->node->number, node->number,
                   "not the socket (inode) that we put there");
        return CORDON__REPLACED;
    }
    if (!place->is_linked)
        return CORDON_OK;
    code = sim_link_read(&target, place, fault);
    if (code == CORDON__ABSENT)
        return CORDON__GONE;
    if (code == CORDON_OK && strcmp(target, path) == 0)
        return CORDON_OK;
    if (code == CORDON_OK)
        sim_unsafe(place, fault, step, place->link, 0, 0,
                   "the link leads to another server's address");
    return CORDON__REPLACED;
}

void cordon__unlisten(cordon__listener *listener)
{
    const cordon__place *place = listener->place;
    cordon_fault         ignored = CORDON_FAULT_INIT;
    const char          *target;

    sim_point();
    if (place->is_linked && sim_link_read(&target, place, &ignored) == CORDON_OK &&
        strcmp(target, place->paths[CORDON_ADDRESS]) == 0)
        sim_unlink(sim_find(place->link));
    (void)sim_verb("unlisten"); /* it cannot fail, but others may come before it */
    if (listener->node->path)
        sim_unlink(listener->node);
}

void cordon__listener_close(cordon__listener *listener, void (*on_closed)(void *owner))
{
    void *owner;

    if (!listener)
        return;
    sim_point();
    if (listener->is_closed)
        sim_complain("a listener is closed twice");
    close_socket(listener);
    listener->on_closed = on_closed;
    if (listener->is_attached)
        return;
    owner = listener->owner;
    drop_listener(listener);
    if (on_closed)
        on_closed(owner);
}

/* ---- connect ----------------------------------------------------------------------------- */

static void know(cordon__identity *who, uint32_t uid, uint64_t pid)
{
    memset(who, 0, sizeof *who);
    who->known = CORDON_PEER_UID | CORDON_PEER_GID | CORDON_PEER_PID;
    who->uid = who->gid = uid;
    who->pid = pid;
}

static intptr_t join_queue(cordon__listener *listener)
{
    sim_end *mine = sim_end_make(sim_current());
    sim_end *theirs = sim_end_make(NULL);

    mine->other = theirs;
    theirs->other = mine;
    theirs->is_server = 1;
    know(&theirs->who, sim_uid(), cordon__pid());
    know(&mine->who, listener->node->uid, sim_pid(listener->process));
    listener->waiting[listener->count++] = theirs;
    return sim_end_number(mine);
}

/* 0, CORDON__AGAIN, CORDON__UNCERTAIN, or a failure. */
static int knock(intptr_t *handle, const cordon__place *place, const char *path,
                 cordon_fault *fault)
{
    static const char step[] = "connect";
    sim_node         *node = sim_find(path);
    cordon__listener *listener = node ? node->listener : NULL;
    int               is_full = listener && listener->count >= listener->most;

    if (!node)
        return sim_missing(place, fault, step, path);
    if (node->kind != SIM_SOCKET)
        return sim_unsafe(place, fault, step, path, 0, 0, sim_kind_name(node->kind));
    if (sim.is_uncertain && (!listener || is_full))
        return CORDON__UNCERTAIN;
    if (!listener) {
        cordon__fault_os(fault, CORDON_ENOTRUNNING, step, 111, path);
        cordon__trace_fault(&place->trace, fault);
        return CORDON_ENOTRUNNING;
    }
    if (is_full)
        return CORDON__AGAIN;
    if (!sim_take_descriptor())
        return cordon__fault_os(fault, CORDON_EBUSY, "socket", 24, path);
    *handle = join_queue(listener);
    cordon__trace_done(&place->trace, step, path, NULL);
    return CORDON_OK;
}

int cordon__connect(intptr_t *handle, cordon__place *place, cordon_fault *fault)
{
    const char *path = place->paths[CORDON_ADDRESS];
    const char *target;
    int         code;

    if (sim_verb("connect"))
        return sim_failure(fault, "connect");
    if (place->is_linked) {
        code = sim_link_read(&target, place, fault);
        if (code < 0)
            return code;
        if (code == CORDON_OK && strcmp(target, path) != 0) {
            code = knock(handle, place, target, fault);
            if (code != CORDON_ENOTRUNNING)
                return code;
        }
    }
    return knock(handle, place, path, fault);
}

/* ---- peer -------------------------------------------------------------------------------- */

int cordon__peer_ask(cordon__identity *peer, intptr_t handle, int is_server, cordon_fault *fault)
{
    const sim_end *end = sim_end_of(handle);

    (void)is_server;
    if (sim_verb("peer_ask"))
        return sim_failure(fault, "check peer");
    if (sim.is_peer_later && end->is_server && !end->has_been_read)
        return CORDON__LATER;
    *peer = end->who;
    return CORDON_OK;
}

cordon__own cordon__peer_own(void)
{
    return (cordon__own){sim_uid(), 65534};
}

int cordon__peer_judge(const cordon__identity *peer, cordon__own own, unsigned flags,
                       cordon_fault *fault)
{
    if ((peer->known & CORDON_PEER_UID) && peer->uid != own.nobody &&
        (peer->uid == own.uid || (peer->uid == 0 && (flags & CORDON_TRUST_ROOT))))
        return CORDON_OK;
    return cordon__fault_found(fault, CORDON_EIMPOSTOR, "check peer", NULL, own.uid, peer->uid,
                               "its user is not ours");
}

/* ---- raw --------------------------------------------------------------------------------- */

intptr_t sim_dial(const char *path)
{
    const sim_node   *node = sim_find(path);
    cordon__listener *listener = node ? node->listener : NULL;

    sim_point();
    if (!listener || listener->count >= listener->most || !sim_take_descriptor())
        return CORDON__NO_HANDLE;
    return join_queue(listener);
}

/* ---- the end ----------------------------------------------------------------------------- */

void sim_net_vanish(sim_process *process)
{
    cordon__listener *next;

    for (cordon__listener *at = listeners; at; at = next) {
        next = at->next;
        if (at->process == process && !at->is_attached) {
            close_socket(at);
            drop_listener(at);
        }
    }
    sim_ends_vanish(process);
}
