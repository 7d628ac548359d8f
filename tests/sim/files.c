/* Files of the world: what has a name, and what is said of one that is not as it must be. */
#include "../../src/dialect.h"

#include <stdlib.h>
#include <string.h>

#include "inside.h"

static sim_node *nodes;
static uint64_t  last_number;

/* ---- nodes ------------------------------------------------------------------------------- */

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

void sim_rename(sim_node *node, const char *path)
{
    sim_node *old = sim_find(path);

    if (old)
        sim_unlink(old);
    free(node->path);
    node->path = copy(path);
}

void sim_fill(sim_node *node, const void *data, size_t size)
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
        sim_fill(node, content, strlen(content));
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

int sim_failed(const cordon__place *place, cordon_fault *fault, const char *during,
               const char *path)
{
    sim_failure(fault, during);
    cordon__fault_path(fault, path);
    cordon__trace_fault(&place->trace, fault);
    return fault->code;
}

void sim_done(const cordon__place *place, const char *during, const char *path)
{
    cordon__trace_done(&place->trace, during, path, NULL);
}
