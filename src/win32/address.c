/* Where an endpoint is: the names, from what resolve.c has learned. */
#include "../dialect.h"

#include <assert.h>
#include <string.h>

#include "../name.h"
#include "naming.h"
#include "place.h"
#include "resolve.h"

static const char step[] = "resolve";

/* `<directory>\<name>-<tag><ending>`, told and for the system. 0: no memory. */
static int put_file(cordon__place *place, enum cordon_place which, const char *name,
                    const char *tag, const char *ending)
{
    const char  *directory = place->paths[CORDON_DIRECTORY];
    const size_t size = strlen(directory);
    const char  *pieces[] = {
         directory, size > 0 && directory[size - 1] == '\\' ? "" : "\\", name, "-", tag, ending};
    size_t   room = 1, used = 0;
    wchar_t *wide;

    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++)
        room += strlen(pieces[i]);
    place->paths[which] = cordon__allocate(&place->memory, room);
    if (!place->paths[which])
        return 0;
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        memcpy(place->paths[which] + used, pieces[i], strlen(pieces[i]));
        used += strlen(pieces[i]);
    }
    wide = cordon__to_wide(&place->memory, place->paths[which]);
    place->wide[which] = wide ? cordon__verbatim(&place->memory, wide) : NULL;
    cordon__release(&place->memory, wide);
    return place->wide[which] != NULL;
}

static int put_names(cordon__place *place, const cordon__naming *naming)
{
    char tag[CORDON__TAG + 1];
    char pipe[CORDON__PIPE_MAX + 1];

    cordon__naming_tag(tag, naming);
    cordon__naming_pipe(pipe, naming);
    place->paths[CORDON_ADDRESS] = cordon__copy_text(&place->memory, pipe);
    place->wide[CORDON_ADDRESS] = cordon__to_wide(&place->memory, pipe);
    return place->paths[CORDON_ADDRESS] && place->wide[CORDON_ADDRESS] &&
           put_file(place, CORDON_TOKEN, naming->name, tag, "-token") &&
           put_file(place, CORDON_LOCK, naming->name, tag, ".lock") &&
           put_file(place, CORDON_START_LOCK, naming->name, tag, ".start");
}

/* Takes the ways' paths. */
static int plan(cordon__place *place, cordon__ways *ways, const char *app, const char *name,
                cordon_fault *fault)
{
    const cordon__memory *memory = &place->memory;
    char                 *account = cordon__to_utf8(memory, place->self.account);
    char                 *directory = cordon__plain_upper(memory, ways->named);
    cordon__naming        naming = {
               app, name, account, place->self.subject.sid, place->self.subject.level, directory};
    int is_done;

    place->paths[CORDON_DIRECTORY] = cordon__plain(memory, ways->home);
    place->wide[CORDON_DIRECTORY] = ways->home;
    place->spelled = ways->spelled;
    ways->home = ways->spelled = NULL;
    is_done = account && directory && place->paths[CORDON_DIRECTORY] && put_names(place, &naming);
    cordon__release(memory, account);
    cordon__release(memory, directory);
    return is_done ? CORDON_OK : cordon__win32_fault(fault, step, GetLastError(), NULL);
}

static int fill(cordon__place *place, const char *app, const char *name, const char *directory,
                cordon_fault *fault)
{
    cordon__ways ways;
    int          code = cordon__self_ask(&place->self, fault);

    if (code == CORDON_OK)
        code = cordon__ways_open(&ways, place, app, directory, fault);
    if (code != CORDON_OK)
        return code;
    SetLastError(ERROR_NOT_ENOUGH_MEMORY); /* unless something else fails */
    code = plan(place, &ways, app, name, fault);
    cordon__ways_close(&ways, &place->memory);
    return code;
}

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
    made->is_default = !directory;
    made->home = INVALID_HANDLE_VALUE;
    code = fill(made, app, name, directory, fault);
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

/* There are no links here: the address says it all. But without a directory nobody can be there. */
int cordon__place_live(cordon_buffer *address, cordon__place *place, cordon_fault *fault)
{
    const char *live = place->paths[CORDON_ADDRESS];
    int         code = cordon__private_open(place, 0, fault);

    if (code != CORDON_OK)
        return code;
    code = cordon__buffer_fill(address, live, strlen(live));
    return code == CORDON_OK ? code : cordon__fault_set(fault, code, step);
}

void cordon__place_close(cordon__place *place)
{
    if (!place)
        return;
    if (place->home != INVALID_HANDLE_VALUE)
        CloseHandle(place->home);
    for (int i = CORDON_DIRECTORY; i <= CORDON_START_LOCK; i++) {
        cordon__release(&place->memory, place->paths[i]);
        cordon__release(&place->memory, place->wide[i]);
    }
    cordon__release(&place->memory, place->spelled);
    cordon__release(&place->memory, place);
}
