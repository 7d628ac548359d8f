/* Files of the world that are an endpoint's own: secret and lock of the contract. */
#include "../../src/dialect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inside.h"

/* ---- secret ------------------------------------------------------------------------------ */

static int check_file(const cordon__place *place, const sim_node *node, const char *path,
                      const char *during, cordon_fault *fault)
{
    if (node->kind != SIM_FILE)
        return sim_unsafe(place, fault, during, path, 0, 0, sim_kind_name(node->kind));
    if (node->uid != place->uid)
        return sim_unsafe(place, fault, during, path, place->uid, node->uid,
                          "this file belongs to another user");
    if (node->mode & 077)
        return sim_unsafe(place, fault, during, path, 0600, node->mode,
                          "mode: this file is open to others; remove it");
    return CORDON_OK;
}

int cordon__secret_load(cordon__place *place, void *data, size_t size, cordon_fault *fault)
{
    static const char step[] = "read token";
    const char       *path = place->paths[CORDON_TOKEN];
    const sim_node   *node;
    int               code;

    if (sim_verb("secret_load"))
        return sim_failed(place, fault, step, path);
    node = sim_find(path);
    if (!node)
        return CORDON__ABSENT;
    code = check_file(place, node, path, step, fault);
    if (code != CORDON_OK)
        return code;
    if (node->size != size)
        return CORDON__MALFORMED_FILE;
    memcpy(data, node->content, size);
    sim_done(place, step, path);
    return CORDON_OK;
}

int cordon__secret_store(cordon__place *place, const void *data, size_t size, cordon_fault *fault)
{
    static const char step[] = "write token";
    const char       *path = place->paths[CORDON_TOKEN];
    char              half[600];
    sim_node         *node;

    snprintf(half, sizeof half, "%s.new", path);
    if (sim_verb("secret_store"))
        return sim_failed(place, fault, step, path);
    node = sim_find(half);
    if (node && (node->kind != SIM_FILE || node->uid != place->uid))
        return sim_unsafe(place, fault, step, path, place->uid, node->uid,
                          "beside it, \".new\" is not a plain file of ours");
    if (node)
        sim_unlink(node);
    if (!sim_find(place->paths[CORDON_DIRECTORY]))
        return cordon__fault_os(fault, CORDON_ESYSTEM, step, 2, path);
    sim_point();
    node = sim_create(half, SIM_FILE, 0600);
    sim_point(); /* killed here, half a token stays */
    sim_fill(node, data, size);
    if (sim_find(path) && sim_find(path)->kind == SIM_DIRECTORY) {
        sim_unlink(node);
        return sim_unsafe(place, fault, step, path, 0, 0, "a directory instead of a plain file");
    }
    sim_rename(node, path);
    sim_point();
    sim_done(place, step, path);
    return CORDON_OK;
}

int cordon__secret_remove(cordon__place *place, const void *data, size_t size, cordon_fault *fault)
{
    sim_node *node;

    (void)fault;
    if (sim_verb("secret_remove"))
        return CORDON_OK;
    node = sim_find(place->paths[CORDON_TOKEN]);
    if (node && node->kind == SIM_FILE && node->uid == place->uid && !(node->mode & 077) &&
        node->size == size && memcmp(node->content, data, size) == 0)
        sim_unlink(node);
    return CORDON_OK;
}

/* ---- lock -------------------------------------------------------------------------------- */

struct cordon__lock {
    struct cordon__lock *next;
    sim_node            *node;
    sim_process         *process;
    int                  is_unnamed;
};

static cordon__lock *locks;

static void let_go(cordon__lock *lock)
{
    cordon__lock **at = &locks;

    while (*at != lock)
        at = &(*at)->next;
    *at = lock->next;
    lock->node->holder = NULL;
    free(lock);
}

int cordon__lock_take(cordon__lock **lock, cordon__place *place, enum cordon_place which,
                      cordon_fault *fault)
{
    static const char step[] = "take lock";
    const char       *path = place->paths[which];
    cordon__lock     *made;
    sim_node         *node;
    int               code;

    if (sim_verb("lock_take"))
        return sim_failed(place, fault, step, path);
    node = sim_find(path);
    if (!node)
        node = sim_create(path, SIM_FILE, 0600);
    sim_point();
    code = check_file(place, node, path, step, fault);
    if (code != CORDON_OK)
        return code;
    if (node->holder)
        return CORDON__HELD;
    if (!sim_take_descriptor())
        return cordon__fault_os(fault, CORDON_EBUSY, step, 24, path);
    made = sim_make(sizeof *made);
    made->node = node;
    made->process = sim_current();
    made->next = locks;
    locks = made;
    node->holder = made;
    sim_done(place, step, path);
    *lock = made;
    return CORDON_OK;
}

int cordon__lock_is_named(const cordon__lock *lock, const cordon__place *place,
                          enum cordon_place which)
{
    sim_point();
    return sim_find(place->paths[which]) == lock->node;
}

void cordon__lock_unname(cordon__lock *lock)
{
    sim_point();
    lock->is_unnamed = 1;
}

uint64_t cordon__lock_named(const cordon__place *place, enum cordon_place which)
{
    const sim_node *node = sim_find(place->paths[which]);

    (void)sim_verb("lock_named");
    if (!node || !node->holder || node->holder->is_unnamed)
        return 0;
    return sim_pid(node->holder->process);
}

void cordon__lock_release(cordon__lock *lock)
{
    if (!lock)
        return;
    sim_point();
    sim_give_descriptor(lock->process);
    let_go(lock);
}

int cordon__lock_look(cordon__holder *holder, const cordon__place *place, enum cordon_place which,
                      cordon_fault *fault)
{
    static const char step[] = "look at lock";
    const char       *path = place->paths[which];
    sim_node         *node;

    memset(holder, 0, sizeof *holder);
    if (sim_verb("lock_look"))
        return sim_failed(place, fault, step, path);
    node = sim_find(path);
    if (!node)
        return CORDON__ABSENT;
    if (node->holder) {
        holder->is_held = 1;
        holder->pid = sim_pid(node->holder->process);
        holder->life = CORDON__PROCESS_RUNS;
    }
    return check_file(place, node, path, step, fault);
}

enum cordon__process cordon__process_look(uint64_t pid)
{
    (void)pid;
    return CORDON__PROCESS_UNKNOWN;
}

/* There are no people in this world. */
void cordon__see(cordon__place *place, enum cordon__sight what, cordon__tell_fn tell, void *owner)
{
    (void)place, (void)what, (void)tell, (void)owner;
}

void sim_files_vanish(sim_process *process)
{
    cordon__lock *next;

    for (cordon__lock *at = locks; at; at = next) {
        next = at->next;
        if (at->process == process) {
            let_go(at);
            sim_give_descriptor(process);
        }
    }
}
