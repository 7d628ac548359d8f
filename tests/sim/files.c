/* Files of the world, and what the contract makes of them: place, private, secret, lock. */
#include "../../src/dialect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/name.h"
#include "inside.h"

#define ADDRESS_MAX 100
#define TMP         "/tmp"

static sim_node *nodes;
static uint64_t  last_number;

/* ---- nodes ---------------------------------------------------------------------------- */

static char *copy(const char *text)
{
    const size_t size = strlen(text) + 1;

    return memcpy(sim_make(size), text, size);
}

sim_node *sim_find(const char *path)
{
    for (sim_node *at = nodes; at; at = at->next)
        if (at->path && strcmp(at->path, path) == 0)
            return at;
    return NULL;
}

sim_node *sim_create(const char *path, enum sim_kind_of_file kind, unsigned mode)
{
    sim_node *made = sim_make(sizeof *made);

    made->path = copy(path);
    made->kind = kind;
    made->mode = mode;
    made->uid = sim_uid();
    made->number = ++last_number;
    made->next = nodes;
    nodes = made;
    return made;
}

void sim_unlink(sim_node *node)
{
    free(node->path);
    node->path = NULL;
}

static void fill(sim_node *node, const void *data, size_t size)
{
    free(node->content);
    node->content = sim_make(size + 1);
    memcpy(node->content, data, size);
    node->size = size;
}

void sim_files_close(void)
{
    while (nodes) {
        sim_node *next = nodes->next;

        free(nodes->path);
        free(nodes->content);
        free(nodes);
        nodes = next;
    }
    last_number = 0;
}

void sim_put(const char *path, enum sim_kind_of_file kind, unsigned mode, uint32_t uid,
             const char *content)
{
    sim_node *node;

    sim_remove(path);
    node = sim_create(path, kind, mode);
    node->uid = uid;
    if (content)
        fill(node, content, strlen(content));
}

int sim_exists(const char *path)
{
    return sim_find(path) != NULL;
}

int sim_mode(const char *path)
{
    const sim_node *node = sim_find(path);

    return node ? (int)node->mode : -1;
}

void sim_chmod(const char *path, unsigned mode)
{
    sim_node *node = sim_find(path);

    if (node)
        node->mode = mode;
}

void sim_remove(const char *path)
{
    const size_t size = strlen(path);

    for (sim_node *at = nodes; at; at = at->next)
        if (at->path && strncmp(at->path, path, size) == 0 &&
            (at->path[size] == '\0' || at->path[size] == '/'))
            sim_unlink(at);
}

const char *sim_content(const char *path)
{
    const sim_node *node = sim_find(path);

    return node && node->content ? node->content : "";
}

const char *sim_kind_name(enum sim_kind_of_file kind)
{
    static const char *const names[] = {"a plain file", "a directory", "a symbolic link",
                                        "a socket", "a pipe"};

    return names[kind];
}

/* ---- what fails -------------------------------------------------------------------------- */

int sim_unsafe(const cordon__place *place, cordon_fault *fault, const char *during,
               const char *path, uint64_t expected, uint64_t actual, const char *text)
{
    cordon__fault_found(fault, CORDON_EUNSAFE, during, path, expected, actual, text);
    cordon__trace_fault(&place->trace, fault);
    return CORDON_EUNSAFE;
}

int sim_missing(const cordon__place *place, cordon_fault *fault, const char *during,
                const char *path)
{
    cordon__fault_os(fault, CORDON_ENOTRUNNING, during, 2, path);
    cordon__trace_fault(&place->trace, fault);
    return CORDON_ENOTRUNNING;
}

static int failed(const cordon__place *place, cordon_fault *fault, const char *during,
                  const char *path)
{
    sim_failure(fault, during);
    cordon__fault_path(fault, path);
    cordon__trace_fault(&place->trace, fault);
    return fault->code;
}

static void done(const cordon__place *place, const char *during, const char *path)
{
    cordon__trace_done(&place->trace, during, path, NULL);
}

/* ---- address ------------------------------------------------------------------------------ */

static char *join(const cordon__memory *memory, const char *directory, const char *name,
                  const char *tail)
{
    const size_t size = strlen(directory) + strlen(name) + strlen(tail) + 2;
    char        *made = cordon__allocate(memory, size);

    if (made)
        snprintf(made, size, "%s/%s%s", directory, name, tail);
    return made;
}

static int plan(cordon__place *place, const char *app, const char *name, const char *directory,
                cordon_fault *fault)
{
    const cordon__memory *memory = &place->memory;
    char                  digits[CORDON__DIGITS + 1], annex[64], given[512];

    if (directory && directory[0] == '/')
        snprintf(given, sizeof given, "%s", directory);
    else if (directory)
        snprintf(given, sizeof given, "/here/%s", directory);
    else
        snprintf(given, sizeof given, "/home/%u/.local/share/%s", (unsigned)place->uid, app);
    place->paths[CORDON_DIRECTORY] = cordon__copy_text(memory, given);
    place->paths[CORDON_TOKEN] = join(memory, given, name, "-token");
    place->paths[CORDON_LOCK] = join(memory, given, name, ".lock");
    place->paths[CORDON_START_LOCK] = join(memory, given, name, ".start");
    place->paths[CORDON_ADDRESS] = join(memory, given, name, ".sock");
    place->is_linked =
        place->paths[CORDON_ADDRESS] && strlen(place->paths[CORDON_ADDRESS]) > ADDRESS_MAX;
    if (place->is_linked) {
        place->link = place->paths[CORDON_ADDRESS];
        cordon__name_digits(digits, app, given, name);
        snprintf(annex, sizeof annex, TMP "/cordon-%u", (unsigned)place->uid);
        place->annex = cordon__copy_text(memory, annex);
        place->paths[CORDON_ADDRESS] = join(memory, annex, digits, ".sock");
    }
    for (int i = CORDON_DIRECTORY; i <= CORDON_START_LOCK; i++)
        if (!place->paths[i])
            return cordon__fault_set(fault, CORDON_ENOMEM, "resolve");
    if (place->is_linked && !place->annex)
        return cordon__fault_set(fault, CORDON_ENOMEM, "resolve");
    return CORDON_OK;
}

int cordon__place_open(cordon__place **place, const char *app, const char *name,
                       const char *directory, const cordon__memory *memory,
                       const cordon__trace *trace, cordon_fault *fault)
{
    cordon__place *made;
    int            code;

    if (sim_verb("place_open"))
        return cordon__fault_os(fault, CORDON_EDENIED, "resolve", 13, directory);
    made = cordon__allocate(memory, sizeof *made);
    if (!made)
        return cordon__fault_set(fault, CORDON_ENOMEM, "resolve");
    made->memory = *memory;
    made->trace = *trace;
    made->uid = sim_uid();
    made->is_default = !directory;
    code = plan(made, app, name, directory, fault);
    if (code != CORDON_OK) {
        cordon__trace_fault(trace, fault);
        cordon__place_close(made);
        return code;
    }
    done(made, "resolve", made->paths[CORDON_ADDRESS]);
    *place = made;
    return CORDON_OK;
}

const char *cordon__place_path(const cordon__place *place, enum cordon_place which)
{
    return (unsigned)which <= CORDON_START_LOCK ? place->paths[which] : NULL;
}

int cordon__place_live(cordon_buffer *address, cordon__place *place, cordon_fault *fault)
{
    const char *live = place->paths[CORDON_ADDRESS];
    const char *target;
    int         code = cordon__private_open(place, 0, fault);

    if (code == CORDON_OK && place->is_linked) {
        code = sim_link_read(&target, place, fault);
        live = code == CORDON_OK ? target : live;
        code = code > 0 ? CORDON_OK : code;
    }
    if (code != CORDON_OK)
        return code;
    code = cordon__buffer_fill(address, live, strlen(live));
    return code == CORDON_OK ? code : cordon__fault_set(fault, code, "resolve");
}

void cordon__place_close(cordon__place *place)
{
    if (!place)
        return;
    for (int i = CORDON_DIRECTORY; i <= CORDON_START_LOCK; i++)
        cordon__release(&place->memory, place->paths[i]);
    cordon__release(&place->memory, place->link);
    cordon__release(&place->memory, place->annex);
    cordon__release(&place->memory, place);
}

int sim_link_read(const char **target, const cordon__place *place, cordon_fault *fault)
{
    static const char step[] = "read link";
    const sim_node   *node = sim_find(place->link);
    const char       *tail = strrchr(place->annex, '/');
    const size_t tail_size = strlen(place->paths[CORDON_ADDRESS]) - (size_t)(tail - place->annex);

    tail = place->paths[CORDON_ADDRESS] + (tail - place->annex);
    if (!node)
        return CORDON__ABSENT;
    if (node->kind != SIM_LINK)
        return sim_unsafe(place, fault, step, place->link, 0, 0, "not a link of ours: remove it");
    if (node->uid != place->uid)
        return sim_unsafe(place, fault, step, place->link, place->uid, node->uid,
                          "this link belongs to another user");
    if (node->size > ADDRESS_MAX || node->size <= tail_size || node->content[0] != '/' ||
        memcmp(node->content + node->size - tail_size, tail, tail_size) != 0)
        return sim_unsafe(place, fault, step, place->link, 0, 0,
                          "leads where no socket of this endpoint is: remove it");
    *target = node->content;
    return CORDON_OK;
}

/* ---- private -----------------------------------------------------------------------------------
 */

static void make_directories(const char *path)
{
    char so_far[512];

    for (size_t i = 1; i <= strlen(path); i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(so_far, path, i);
        so_far[i] = '\0';
        if (!sim_find(so_far))
            sim_create(so_far, SIM_DIRECTORY, 0700);
    }
}

static int check_directory(cordon__place *place, const char *path, int is_own, int is_server,
                           cordon_fault *fault)
{
    static const char step[] = "check directory";
    sim_node         *node = sim_find(path);

    if (!node && !is_server)
        return sim_missing(place, fault, step, path);
    if (!node) {
        make_directories(path);
        sim_point();
        node = sim_find(path);
    }
    if (node->kind != SIM_DIRECTORY)
        return sim_unsafe(place, fault, step, path, 0, 0, sim_kind_name(node->kind));
    if (node->uid != place->uid)
        return sim_unsafe(place, fault, step, path, place->uid, node->uid,
                          "this directory belongs to another user");
    if (is_own && is_server)
        node->mode &= ~022u;
    if ((node->mode & 022) && !(is_own && !(node->mode & 002)))
        return sim_unsafe(place, fault, step, path, 0700, node->mode,
                          "mode: others may write here");
    return CORDON_OK;
}

int cordon__private_open(cordon__place *place, int is_server, cordon_fault *fault)
{
    int code;

    if (sim_verb("private_open"))
        return failed(place, fault, "check directory", place->paths[CORDON_DIRECTORY]);
    code =
        check_directory(place, place->paths[CORDON_DIRECTORY], place->is_default, is_server, fault);
    if (code == CORDON_OK && place->is_linked && is_server)
        code = check_directory(place, place->annex, 1, 1, fault);
    if (code == CORDON_OK)
        place->home = sim_find(place->paths[CORDON_DIRECTORY]);
    return code;
}

/* ---- secret
 * --------------------------------------------------------------------------------------- */

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
        return failed(place, fault, step, path);
    node = sim_find(path);
    if (!node)
        return CORDON__ABSENT;
    code = check_file(place, node, path, step, fault);
    if (code != CORDON_OK)
        return code;
    if (node->size != size)
        return CORDON__MALFORMED_FILE;
    memcpy(data, node->content, size);
    done(place, step, path);
    return CORDON_OK;
}

static void rename_over(sim_node *node, const char *path)
{
    sim_node *old = sim_find(path);

    if (old)
        sim_unlink(old);
    free(node->path);
    node->path = copy(path);
}

int cordon__secret_store(cordon__place *place, const void *data, size_t size, cordon_fault *fault)
{
    static const char step[] = "write token";
    const char       *path = place->paths[CORDON_TOKEN];
    char              half[600];
    sim_node         *node;

    snprintf(half, sizeof half, "%s.new", path);
    if (sim_verb("secret_store"))
        return failed(place, fault, step, path);
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
    fill(node, data, size);
    if (sim_find(path) && sim_find(path)->kind == SIM_DIRECTORY) {
        sim_unlink(node);
        return sim_unsafe(place, fault, step, path, 0, 0, "a directory instead of a plain file");
    }
    rename_over(node, path);
    sim_point();
    done(place, step, path);
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

/* ---- lock
 * ------------------------------------------------------------------------------------------- */

struct cordon__lock {
    struct cordon__lock *next;
    sim_node            *node;
    sim_process         *process;
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
        return failed(place, fault, step, path);
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
    done(place, step, path);
    *lock = made;
    return CORDON_OK;
}

int cordon__lock_is_named(const cordon__lock *lock, const cordon__place *place,
                          enum cordon_place which)
{
    sim_point();
    return sim_find(place->paths[which]) == lock->node;
}

void cordon__lock_release(cordon__lock *lock)
{
    if (!lock)
        return;
    sim_point();
    sim_give_descriptor(lock->process);
    let_go(lock);
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
