/* Programs of the world: what can be started, and what a started one says at its start. */
#include "../../src/dialect.h"

#include <stdlib.h>
#include <string.h>

#include "inside.h"

/* ---- ready pipes ------------------------------------------------------------------- */

#define FIRST_PIPE ((intptr_t)1 << 24) /* numbers that no connection has */
#define OPENINGS   2                   /* who can write: whoever made it, whoever was started */

typedef struct pipe {
    struct pipe *next;
    intptr_t     number; /* to read; to write: one more */
    sim_process *reader, *writers[OPENINGS];
    char         said[1024];
    size_t       size, taken;
} pipe;

static pipe    *pipes;
static intptr_t last_pipe;

static pipe *pipe_of(intptr_t handle)
{
    for (pipe *at = pipes; at; at = at->next)
        if (at->number == (handle & ~(intptr_t)1) && handle >= FIRST_PIPE)
            return at;
    return NULL;
}

static void let_go(sim_process **opening)
{
    sim_give_descriptor(*opening);
    *opening = NULL;
}

static sim_process **writer_of(pipe *it, const sim_process *process)
{
    for (int i = 0; i < OPENINGS; i++)
        if (it->writers[i] == process)
            return &it->writers[i];
    return NULL;
}

int sim_pipe_close(intptr_t handle)
{
    pipe         *it = pipe_of(handle);
    sim_process **opening;

    if (!it)
        return 0;
    opening = handle == it->number ? &it->reader : writer_of(it, sim_current());
    if (!opening || *opening != sim_current())
        sim_complain("an end of a pipe is closed that is not open");
    else
        let_go(opening);
    return 1;
}

int cordon__ready_pipe(intptr_t *ours, intptr_t *theirs, cordon_fault *fault)
{
    pipe *made;

    if (sim_verb("ready_pipe") || !sim_take_descriptor())
        return cordon__fault_os(fault, CORDON_EBUSY, "ready pipe", 24, NULL);
    if (!sim_take_descriptor()) {
        sim_give_descriptor(sim_current());
        return cordon__fault_os(fault, CORDON_EBUSY, "ready pipe", 24, NULL);
    }
    made = sim_make(sizeof *made);
    made->number = FIRST_PIPE + last_pipe;
    last_pipe += 2;
    made->reader = made->writers[0] = sim_current();
    made->next = pipes;
    pipes = made;
    *ours = made->number;
    *theirs = made->number + 1;
    return CORDON_OK;
}

int cordon__ready_read(intptr_t ours, char *data, size_t size, size_t *got)
{
    pipe *it = pipe_of(ours);

    *got = 0;
    if (sim_verb("ready_read"))
        return CORDON__AGAIN;
    while (*got < size && it->taken < it->size)
        data[(*got)++] = it->said[it->taken++];
    for (int i = 0; i < OPENINGS && *got == 0; i++)
        if (it->writers[i])
            return CORDON__AGAIN;
    return CORDON_OK;
}

void cordon__ready_write(intptr_t handle, const char *data, size_t size)
{
    pipe *it = pipe_of(handle);

    sim_point();
    for (size_t i = 0; it->reader && i < size && it->size < sizeof it->said; i++)
        it->said[it->size++] = data[i];
    sim_pipe_close(handle);
}

/* ---- programs ----------------------------------------------------------------------- */

typedef struct program {
    struct program *next;
    const char     *name;
    void (*run)(void *context);
    void *context;
} program;

/* What was started, and what it was given. */
typedef struct birth {
    struct birth *next;
    sim_process  *process;
    const char   *name;
    int           has_status, status;
    intptr_t      gift; /* CORDON__NO_HANDLE: none, or taken */
    char          variable[32], word[33];
} birth;

struct cordon__child {
    cordon__memory memory;
    const birth   *birth;
};

static program *programs;
static birth   *births;
static unsigned birth_count;

void sim_program(const char *name, void (*run)(void *context), void *context)
{
    program *made = sim_make(sizeof *made);

    made->name = name;
    made->run = run;
    made->context = context;
    made->next = programs;
    programs = made;
}

unsigned sim_births(void)
{
    return birth_count;
}

sim_process *sim_newborn(void)
{
    return births ? births->process : NULL;
}

static birth *birth_of(const sim_process *process)
{
    for (birth *at = births; at; at = at->next)
        if (at->process == process)
            return at;
    return NULL;
}

void sim_leave(int status)
{
    birth *it = birth_of(sim_current());

    if (it) {
        it->has_status = 1;
        it->status = status;
    }
    sim_exit(sim_current());
}

static const program *find(const char *name)
{
    for (const program *at = programs; at; at = at->next)
        if (strcmp(at->name, name) == 0)
            return at;
    return NULL;
}

static void keep(char *out, size_t room, const char *text)
{
    out[0] = '\0';
    if (text && strlen(text) < room)
        memcpy(out, text, strlen(text) + 1);
}

static void hand_over(birth *it, const cordon__program *given)
{
    pipe         *gift = given->handle != CORDON__NO_HANDLE ? pipe_of(given->handle) : NULL;
    sim_process **opening = gift ? writer_of(gift, NULL) : NULL;

    it->gift = CORDON__NO_HANDLE;
    if (!opening)
        return;
    *opening = it->process;
    it->gift = given->handle;
    keep(it->variable, sizeof it->variable, given->variable);
    keep(it->word, sizeof it->word, given->word);
}

static void take_descriptor(void *context)
{
    (void)context;
    (void)sim_take_descriptor();
}

int cordon__spawn(cordon__child **child, const cordon__program *given, const cordon__memory *memory,
                  const cordon__trace *trace, cordon_fault *fault)
{
    const program *what = find(given->argv[0]);
    cordon__child *made;
    birth         *it;

    (void)trace;
    if (sim_verb("spawn") || !what)
        return cordon__fault_os(fault, CORDON_ELAUNCH, "launch", 2, given->argv[0]);
    made = cordon__allocate(memory, sizeof *made);
    if (!made)
        return cordon__fault_set(fault, CORDON_ENOMEM, "launch");
    it = sim_make(sizeof *it);
    it->name = what->name;
    it->process = sim_process_open(what->name, sim_uid());
    it->next = births;
    births = it;
    birth_count++;
    hand_over(it, given);
    if (it->gift != CORDON__NO_HANDLE)
        (void)sim_as(it->process, take_descriptor, NULL);
    made->memory = *memory;
    made->birth = it;
    *child = made;
    sim_task(it->process, sim_now() + sim_below(sim.slow), 0, what->run, what->context);
    sim_point(); /* killed here, it has a child that nobody waits for */
    return CORDON_OK;
}

uint64_t cordon__child_pid(const cordon__child *child)
{
    return sim_pid(child->birth->process);
}

int cordon__child_look(cordon__child *child, int *status)
{
    const birth *it = child->birth;

    sim_point();
    if (sim_is_alive(it->process))
        return CORDON__RUNNING;
    *status = sim.is_secret ? -1 : it->has_status ? it->status : 128 + 9;
    return CORDON_OK;
}

static int has_ended(void *context)
{
    const cordon__child *child = context;

    return !sim_is_alive(child->birth->process);
}

int cordon__child_wait(cordon__child *child, int *status, uint64_t deadline, cordon_fault *fault)
{
    if (!sim_wait(has_ended, child, deadline))
        return cordon__fault_set(fault, CORDON_ETIMEDOUT, "wait for child");
    return cordon__child_look(child, status);
}

void cordon__child_end(cordon__child *child, int is_asked)
{
    (void)is_asked;
    sim_kill(child->birth->process);
}

void cordon__child_close(cordon__child *child)
{
    if (child)
        cordon__release(&child->memory, child);
}

int cordon__inherit(intptr_t *handle, char *word, const char *variable, cordon_fault *fault)
{
    birth *it = birth_of(sim_current());

    (void)fault;
    sim_point();
    if (!it || it->gift == CORDON__NO_HANDLE || strcmp(it->variable, variable) != 0)
        return CORDON__ABSENT;
    *handle = it->gift;
    it->gift = CORDON__NO_HANDLE;
    memcpy(word, it->word, sizeof it->word);
    return CORDON_OK;
}

/* ---- what a program has printed ------------------------------------------------------- */

uint64_t cordon__log_end(const char *path)
{
    return strlen(sim_content(path));
}

size_t cordon__log_tail(void *data, size_t room, const char *path, uint64_t from)
{
    const char *text = sim_content(path);
    size_t      size = strlen(text);

    sim_point();
    if (size <= from)
        return 0;
    size -= (size_t)from;
    from += size < room ? 0 : size - room;
    size = size < room ? size : room;
    memcpy(data, text + from, size);
    return size;
}

/* ---- the end --------------------------------------------------------------------------- */

static void vanish_pipe(pipe *it, const sim_process *process)
{
    if (it->reader == process)
        let_go(&it->reader);
    for (int i = 0; i < OPENINGS; i++)
        if (it->writers[i] == process)
            let_go(&it->writers[i]);
}

/* What was given to a program that never asked for it goes with it, and is no leak of its own. */
void sim_spawn_vanish(const sim_process *process)
{
    for (pipe *at = pipes; at; at = at->next)
        vanish_pipe(at, process);
}

void sim_spawn_settle(const sim_process *process)
{
    const birth *it = birth_of(process);

    if (it && it->gift != CORDON__NO_HANDLE)
        vanish_pipe(pipe_of(it->gift), process);
}

#define FORGET(type, list)         \
    while (list) {                 \
        type *next = (list)->next; \
                                   \
        free(list);                \
        (list) = next;             \
    }

void sim_spawn_close(void)
{
    FORGET(pipe, pipes)
    FORGET(program, programs)
    FORGET(birth, births)
    birth_count = 0;
    last_pipe = 0;
}
