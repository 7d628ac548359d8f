/* Where an endpoint is in the world, and its directories: address and private of the contract. */
#include "../../src/dialect.h"

#include <stdio.h>
#include <string.h>

#include "../../src/name.h"
#include "inside.h"

#define ADDRESS_MAX 100
#define TMP         "/tmp"

/* ---- address ----------------------------------------------------------------------------- */

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
    sim_done(made, "resolve", made->paths[CORDON_ADDRESS]);
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

/* ---- private ----------------------------------------------------------------------------- */

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
        return sim_failed(place, fault, "check directory", place->paths[CORDON_DIRECTORY]);
    code =
        check_directory(place, place->paths[CORDON_DIRECTORY], place->is_default, is_server, fault);
    if (code == CORDON_OK && place->is_linked && is_server)
        code = check_directory(place, place->annex, 1, 1, fault);
    if (code == CORDON_OK)
        place->home = sim_find(place->paths[CORDON_DIRECTORY]);
    return code;
}
