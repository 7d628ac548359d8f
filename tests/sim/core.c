/* The world: chance, time, turns. */
#include "../../src/dialect.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inside.h"

#define SPIN_MAX 2000000u /* steps without a millisecond passing: somebody spins */

sim_rules sim;

static struct world {
    uint64_t   seed, now;
    unsigned   steps; /* since time passed last */
    unsigned   complaints;
    unsigned   nested, depth; /* blocking tasks: begun so far, running now */
    int        is_talking, is_stuck;
    sim_handle all; /* a ring */
    void (*on_stuck)(const char *why);
} world;

/* ---- chance --------------------------------------------------------------------- */

uint64_t sim_random(void) /* splitmix64 */
{
    uint64_t mixed = (world.seed += 0x9E3779B97F4A7C15u);

    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9u;
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EBu;
    return mixed ^ mixed >> 31;
}

unsigned sim_below(unsigned limit)
{
    return limit < 2 ? 0 : (unsigned)(sim_random() % limit);
}

int sim_chance(unsigned percent)
{
    return percent > 0 && sim_below(100) < percent;
}

/* ---- what it says ------------------------------------------------------------------ */

void sim_talk(int is_on)
{
    world.is_talking = is_on;
}

void sim_say(const char *format, ...)
{
    va_list arguments;

    if (!world.is_talking)
        return;
    fprintf(stderr, "%8llu ", (unsigned long long)world.now);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

void sim_complain(const char *format, ...)
{
    va_list arguments;

    world.complaints++;
    if (world.complaints > 20)
        return;
    fprintf(stderr, "sim: at %llu ms: ", (unsigned long long)world.now);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

unsigned sim_complaints(void)
{
    return world.complaints;
}

void sim_on_stuck(void (*on_stuck)(const char *why))
{
    world.on_stuck = on_stuck;
}

static void stuck(const char *why)
{
    if (world.on_stuck)
        world.on_stuck(why);
    fprintf(stderr, "sim: %s\n", why);
    abort();
}

void *sim_make(size_t size)
{
    void *made = calloc(1, size);

    if (!made)
        stuck("the machine has no memory");
    return made;
}

/* ---- its life ------------------------------------------------------------------------ */

void sim_open(uint64_t seed)
{
    static const sim_rules plain = {.pipe = 212992, .depth = 1};
    const int              is_talking = world.is_talking;
    void (*on_stuck)(const char *) = world.on_stuck;

    if (world.all.next)
        sim_discard();
    memset(&world, 0, sizeof world);
    world.is_talking = is_talking;
    world.on_stuck = on_stuck;
    world.seed = seed * 0xD1342543DE82EF95u + 1;
    world.now = 1000000;
    world.all.next = world.all.previous = &world.all;
    sim = plain;
}

uint64_t sim_now(void)
{
    return world.now;
}

uint64_t cordon__now(void)
{
    return world.now;
}

void sim_handle_open(sim_handle *handle, const sim_kind *kind, void *uv)
{
    handle->kind = kind;
    handle->process = sim_current();
    handle->uv = uv;
    handle->next = &world.all;
    handle->previous = world.all.previous;
    handle->previous->next = handle;
    world.all.previous = handle;
}

void sim_handle_leave(sim_handle *handle)
{
    handle->next->previous = handle->previous;
    handle->previous->next = handle->next;
    handle->next = handle->previous = NULL;
}

/* ---- turns ------------------------------------------------------------------------------ */

/* Any of those that are ready, each as likely as the other. */
static sim_handle *choose(const void *uv)
{
    sim_handle *chosen = NULL;
    unsigned    count = 0;

    for (sim_handle *at = world.all.next; at != &world.all; at = at->next) {
        if ((uv && at->uv != uv) || sim_is_aside(at->process) || !at->kind->is_ready(at))
            continue;
        count++;
        if (sim_below(count) == 0)
            chosen = at;
    }
    return chosen;
}

static uint64_t next_due(void)
{
    uint64_t due = CORDON__NEVER;

    for (sim_handle *at = world.all.next; at != &world.all; at = at->next) {
        const int      is_able = at->kind->due && !sim_is_aside(at->process);
        const uint64_t its = is_able ? at->kind->due(at) : CORDON__NEVER;

        if (its < due)
            due = its;
    }
    return due;
}

static void move_clock(uint64_t to)
{
    if (to > world.now) {
        world.now = to;
        world.steps = 0;
    }
}

void sim_count_step(void)
{
    if (++world.steps > SPIN_MAX)
        stuck("somebody spins: no time passes");
}

static void run_handle(void *context)
{
    sim_handle *handle = context;

    handle->kind->run(handle);
}

static int take_turn(const void *uv)
{
    sim_handle *chosen;
    uint64_t    before;

    if (sim.late > 0 && sim_below(1000) < sim.late)
        move_clock(world.now + 1 + sim_below(3));
    chosen = choose(uv);
    if (!chosen)
        return 0;
    sim_count_step();
    sim_say("turn: %s", chosen->kind->name);
    before = world.now;
    sim_as(chosen->process, run_handle, chosen);
    if (world.now != before)
        world.nested++; /* whoever waits outside of it may come back late */
    return 1;
}

void sim_settle(void)
{
    while (take_turn(NULL))
        ;
}

void sim_pass(uint64_t ms)
{
    const uint64_t end = world.now + ms;

    for (;;) {
        uint64_t due;

        sim_settle();
        if (world.now >= end)
            return;
        due = next_due();
        move_clock(due < end ? due : end);
    }
}

int sim_until(int (*is_so)(void *context), void *context, uint64_t ms)
{
    const uint64_t end = world.now + ms;

    while (!is_so(context)) {
        uint64_t due;

        if (take_turn(NULL))
            continue;
        if (world.now >= end)
            return 0;
        due = next_due();
        move_clock(due < end ? due : end);
    }
    return 1;
}

void sim_run_loop(void *uv)
{
    while (take_turn(uv))
        ;
}

void sim_others(void)
{
    if (sim_chance(30))
        move_clock(world.now + 1 + sim_below(20));
    while (take_turn(NULL) && sim_chance(80))
        ;
}

/* ---- waiting ------------------------------------------------------------------------------ */

int sim_wait(int (*is_so)(void *context), void *context, uint64_t deadline)
{
    for (;;) {
        uint64_t due;

        /* Others may be faster, even if nothing holds us. */
        while (sim_chance(sim.chop / 2) && take_turn(NULL))
            ;
        sim_wait_point();
        if (is_so(context))
            return 1;
        if (world.now >= deadline)
            return 0;
        if (take_turn(NULL))
            continue;
        due = next_due();
        if (due == CORDON__NEVER && deadline == CORDON__NEVER)
            stuck("all wait for ever");
        move_clock(due < deadline ? due : deadline);
    }
}

static int never(void *context)
{
    (void)context;
    return 0;
}

void cordon__pause(uint64_t ms)
{
    (void)sim_wait(never, NULL, world.now + ms);
}

/* ---- tasks ---------------------------------------------------------------------------------- */

typedef struct task {
    sim_handle handle;
    uint64_t   due;
    int        is_blocking;
    void (*run)(void *context);
    void *context;
} task;

static int task_is_ready(const sim_handle *handle)
{
    const task *it = (const task *)handle;

    return world.now >= it->due && (!it->is_blocking || world.depth < sim.depth);
}

static uint64_t task_due(const sim_handle *handle)
{
    const task *it = (const task *)handle;

    /* One that has no place on the stack is no reason for time to stand still. */
    return it->due > world.now ? it->due : CORDON__NEVER;
}

static void task_vanish(sim_handle *handle)
{
    sim_handle_leave(handle);
    free(handle);
}

static void task_run(sim_handle *handle)
{
    const task it = *(const task *)handle;

    task_vanish(handle);
    if (it.is_blocking) {
        world.nested++;
        world.depth++;
    }
    it.run(it.context);
    if (it.is_blocking)
        world.depth--;
}

static const sim_kind task_kind = {"task", task_is_ready, task_due, task_run, task_vanish};

unsigned sim_nested(void)
{
    return world.nested;
}

unsigned sim_depth(int is_set, unsigned depth)
{
    if (is_set)
        world.depth = depth;
    return world.depth;
}

void sim_task(sim_process *process, uint64_t due, int is_blocking, void (*run)(void *context),
              void *context)
{
    task *it = sim_make(sizeof *it);

    it->due = due;
    it->is_blocking = is_blocking;
    it->run = run;
    it->context = context;
    sim_handle_open(&it->handle, &task_kind, NULL);
    it->handle.process = process;
}

/* ---- the end ----------------------------------------------------------------------------------
 */

void sim_vanish_handles(const sim_process *process, int is_complaining)
{
    sim_handle *at = world.all.next;

    while (at != &world.all) {
        sim_handle *next = at->next;

        if (!process || at->process == process) {
            if (is_complaining && at->kind != &task_kind)
                sim_complain("a %s is left open", at->kind->name);
            at->kind->vanish(at);
        }
        at = next;
    }
}
