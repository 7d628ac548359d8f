/*
 * Where an endpoint is: from what resolve.c has learned to the paths, which is
 * arithmetic; and the place itself.
 */
#include "../dialect.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../name.h"
#include "place.h"

static const char step[] = "resolve";

char *cordon__format(const cordon__memory *memory, const char *text, ...)
{
    va_list arguments;
    int     size;
    char   *made;

    va_start(arguments, text);
    size = vsnprintf(NULL, 0, text, arguments);
    va_end(arguments);
    made = size < 0 ? NULL : cordon__allocate(memory, (size_t)size + 1);
    if (!made)
        return NULL;
    va_start(arguments, text);
    vsnprintf(made, (size_t)size + 1, text, arguments);
    va_end(arguments);
    return made;
}

/* ---- the plan: from what is known to the paths -------------------------------- */

static size_t without_slashes(const char *path)
{
    size_t size = strlen(path);

    while (size > 0 && path[size - 1] == '/')
        size--;
    return size;
}

/* The first root in which the address fits. 0: none, *needed says how long the last would be. */
static const char *choose_root(const cordon__plan *plan, size_t rest, size_t *needed)
{
    for (size_t i = 0; i < sizeof plan->roots / sizeof plan->roots[0]; i++) {
        const char *root = plan->roots[i];

        if (!root || root[0] != '/')
            continue;
        *needed = without_slashes(root) + rest;
        if (*needed <= CORDON__ADDRESS_MAX)
            return root;
    }
    return NULL;
}

static int plan_annex(cordon__place *place, const cordon__plan *plan, const char *digits,
                      cordon_fault *fault)
{
    char        user[32];
    const char *root;
    size_t      needed = 0;
    const int   user_size = snprintf(user, sizeof user, "/cordon-%lu", (unsigned long)place->uid);

    root = choose_root(plan, (size_t)user_size + 1 + CORDON__DIGITS + strlen(".sock"), &needed);
    if (!root)
        return cordon__fault_found(fault, CORDON_ENAMETOOLONG, step, plan->directory,
                                   CORDON__ADDRESS_MAX, needed,
                                   "bytes; name a shorter directory in TMPDIR");
    place->annex = cordon__format(&place->memory, "%.*s%s", (int)without_slashes(root), root, user);
    if (place->annex)
        place->paths[CORDON_ADDRESS] =
            cordon__format(&place->memory, "%s/%s.sock", place->annex, digits);
    return CORDON_OK;
}

/* Token and locks stay in the directory wherever the socket goes, unless machines share it. */
static void plan_files(cordon__place *place, const char *directory, const char *name)
{
    const cordon__memory *memory = &place->memory;

    place->paths[CORDON_TOKEN] = cordon__format(memory, "%s/%s-token", directory, name);
    place->paths[CORDON_LOCK] = cordon__format(memory, "%s/%s.lock", directory, name);
    place->paths[CORDON_START_LOCK] = cordon__format(memory, "%s/%s.start", directory, name);
}

static int is_complete(const cordon__place *place)
{
    for (int i = CORDON_DIRECTORY; i <= CORDON_START_LOCK; i++)
        if (!place->paths[i])
            return 0;
    return (place->annex || place->layout == CORDON__NEAR) &&
           (place->link || place->layout != CORDON__LINKED);
}

int cordon__place_plan(cordon__place *place, const cordon__plan *plan, cordon_fault *fault)
{
    const cordon__memory *memory = &place->memory;
    /* The root directory's own path ends in the slash that stands before a name. */
    const char *directory = plan->directory[1] ? plan->directory : "";
    char       *address = cordon__format(memory, "%s/%s.sock", directory, plan->name);
    const int   is_long = address && strlen(address) > CORDON__ADDRESS_MAX;
    char        digits[CORDON__DIGITS + 1];
    int         code = CORDON_OK;

    place->layout = plan->is_network ? CORDON__AWAY : is_long ? CORDON__LINKED : CORDON__NEAR;
    cordon__name_digits(digits, plan->app, plan->directory, plan->name);
    place->paths[CORDON_DIRECTORY] = cordon__copy_text(memory, plan->directory);
    if (place->layout == CORDON__NEAR)
        place->paths[CORDON_ADDRESS] = address;
    else
        code = plan_annex(place, plan, digits, fault);
    if (place->layout == CORDON__LINKED)
        place->link = address;
    if (place->layout == CORDON__AWAY)
        cordon__release(memory, address);
    if (code != CORDON_OK)
        return code;
    if (place->layout == CORDON__AWAY && place->annex)
        plan_files(place, place->annex, digits);
    else
        plan_files(place, directory, plan->name);
    return is_complete(place) ? CORDON_OK : cordon__fault_set(fault, CORDON_ENOMEM, step);
}

/* ---- the contract's verbs --------------------------------------------------------- */

int cordon__place_open(cordon__place **place, const char *app, const char *name,
                       const char *directory, const cordon__memory *memory,
                       const cordon__trace *trace, cordon_fault *fault)
{
    cordon__place *made;
    int            code;

    assert(cordon__name_is_valid(app) && cordon__name_is_valid(name));
    made = cordon__allocate(memory, sizeof *made);
    if (!made)
        return cordon__fault_set(fault, CORDON_ENOMEM, step);
    made->memory = *memory;
    made->trace = *trace;
    made->uid = geteuid();
    made->is_default = !directory;
    made->home.fd = made->annex_dir.fd = made->other_dir.fd = -1;
    code = cordon__resolve(made, app, name, directory, fault);
    if (code != CORDON_OK) {
        cordon__trace_fault(trace, fault);
        cordon__place_close(made);
        return code;
    }
    cordon__place_done(made, step, made->paths[CORDON_ADDRESS], NULL);
    *place = made;
    return CORDON_OK;
}

const char *cordon__place_path(const cordon__place *place, enum cordon_place which)
{
    return (unsigned)which <= CORDON_START_LOCK ? place->paths[which] : NULL;
}

int cordon__place_live(cordon_buffer *address, cordon__place *place, cordon_fault *fault)
{
    char        target[CORDON__ADDRESS_MAX + 1];
    const char *live = place->paths[CORDON_ADDRESS];
    int         code = cordon__private_open(place, 0, fault);

    if (code != CORDON_OK)
        return code;
    if (place->layout == CORDON__LINKED) {
        code = cordon__link_read(target, place, fault);
        if (code < 0)
            return code;
        if (code == CORDON_OK)
            live = target;
    }
    code = cordon__buffer_fill(address, live, strlen(live));
    return code == CORDON_OK ? code : cordon__fault_set(fault, code, step);
}

void cordon__place_close(cordon__place *place)
{
    if (!place)
        return;
    cordon__dir_close(&place->home);
    cordon__dir_close(&place->annex_dir);
    cordon__dir_close(&place->other_dir);
    for (int i = CORDON_DIRECTORY; i <= CORDON_START_LOCK; i++)
        cordon__release(&place->memory, place->paths[i]);
    cordon__release(&place->memory, place->spelled);
    cordon__release(&place->memory, place->link);
    cordon__release(&place->memory, place->annex);
    cordon__release(&place->memory, place->other);
    cordon__release(&place->memory, place);
}

static cordon__spot make_spot(const char *path, const cordon__dir *dir)
{
    cordon__spot spot = {path, strrchr(path, '/') + 1, dir->fd};

    return spot;
}

cordon__spot cordon__spot_of(const cordon__place *place, enum cordon_place which)
{
    const int is_away = place->layout == CORDON__AWAY ||
                        (place->layout == CORDON__LINKED && which == CORDON_ADDRESS);

    return make_spot(place->paths[which], is_away ? &place->annex_dir : &place->home);
}

cordon__spot cordon__spot_of_link(const cordon__place *place)
{
    return make_spot(place->link, &place->home);
}
