/* Processes of the world: what they have, how they fail, how they die. */
#include "../../src/dialect.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "inside.h"

typedef struct block { /* before each allocation */
    struct block *next, *previous;
    sim_process  *process;
    size_t        size;
} block;

#define HEAD ((sizeof(block) + 15) / 16 * 16)

struct sim_process {
    sim_process *next;
    const char  *name;
    uint64_t     pid;
    uint32_t     uid;
    int          is_alive, is_mortal;
    unsigned     on_stack, aside;
    jmp_buf     *exit; /* of its innermost part on the stack */
    block        blocks;
    size_t       bytes, block_count;
    unsigned     descriptors, descriptors_most;
    unsigned     kill_in, fail_in, starve_in; /* 0: not */
    int          is_starved, locks;
    const char  *fail_verb;
    unsigned     failures;
    char         loop[8]; /* its address counts */
};

static sim_process *processes, *current;
static uint64_t     last_pid;
static unsigned     thread_number;

/* ---- life ------------------------------------------------------------------------ */

sim_process *sim_process_open(const char *name, uint32_t uid)
{
    sim_process *made = sim_make(sizeof *made);

    made->name = name;
    made->uid = uid;
    made->pid = ++last_pid;
    made->is_alive = 1;
    made->descriptors_most = 1024;
    made->blocks.next = made->blocks.previous = &made->blocks;
    made->next = processes;
    processes = made;
    return made;
}

struct uv_loop_s *sim_loop(sim_process *process)
{
    return (struct uv_loop_s *)(void *)process->loop;
}

uint64_t sim_pid(const sim_process *process)
{
    return process->pid;
}

int sim_is_alive(const sim_process *process)
{
    return process->is_alive;
}

int sim_is_aside(const sim_process *process)
{
    return process && process->aside > 0;
}

sim_process *sim_current(void)
{
    return current;
}

uint64_t cordon__pid(void)
{
    return current ? current->pid : 0;
}

uint32_t sim_uid(void)
{
    return current ? current->uid : SIM_UID;
}

static void free_blocks(sim_process *process)
{
    while (process->blocks.next != &process->blocks) {
        block *it = process->blocks.next;

        process->blocks.next = it->next;
        free(it);
    }
    process->blocks.previous = &process->blocks;
    process->block_count = process->bytes = 0;
}

/* All that the system takes back. */
static void vanish(sim_process *process, int is_complaining)
{
    process->is_alive = 0;
    sim_vanish_handles(process, is_complaining);
    sim_net_vanish(process);
    sim_files_vanish(process);
    sim_spawn_vanish(process);
    process->locks = 0;
}

int sim_as(sim_process *process, void (*run)(void *context), void *context)
{
    sim_process *volatile const before = current;
    const volatile unsigned depth = sim_depth(0, 0);
    const volatile unsigned thread = thread_number;
    jmp_buf *volatile outer = process ? process->exit : NULL;
    jmp_buf here;

    current = process;
    thread_number = 0;
    if (!process) {
        run(context);
        current = before;
        thread_number = thread;
        return 1;
    }
    if (!process->is_alive) {
        current = before;
        return 0;
    }
    process->exit = &here;
    process->on_stack++;
    if (setjmp(here) == 0)
        run(context);
    else
        sim_depth(1, depth);
    process->on_stack--;
    process->exit = outer;
    current = before;
    thread_number = thread;
    if (!process->is_alive && process->on_stack == 0)
        free_blocks(process);
    return process->is_alive;
}

static void die(void)
{
    sim_process *process = current;

    if (process->is_alive) {
        sim_say("%s is killed", process->name);
        vanish(process, 0);
    }
    longjmp(*process->exit, 1);
}

void sim_kill(sim_process *process)
{
    if (!process->is_alive)
        return;
    if (process == current)
        die();
    sim_say("%s is killed", process->name);
    vanish(process, 0); /* one that waits in a call below us ends when its turn comes */
    if (process->on_stack == 0)
        free_blocks(process);
}

void sim_exit(sim_process *process)
{
    if (!process->is_alive)
        return;
    sim_spawn_settle(process);
    if (process->locks != 0)
        sim_complain("%s holds a mutex at its end", process->name);
    if (process->descriptors > 0)
        sim_complain("%s leaks %u descriptors", process->name, process->descriptors);
    vanish(process, 1);
    if (process->block_count > 0)
        sim_complain("%s leaks %zu blocks, %zu bytes", process->name, process->block_count,
                     process->bytes);
    if (process->on_stack == 0)
        free_blocks(process);
}

static void end_world(int is_complaining)
{
    for (sim_process *at = processes; at; at = at->next) {
        at->on_stack = 0;
        if (is_complaining)
            sim_exit(at);
        else
            sim_kill(at);
        free_blocks(at);
    }
    sim_vanish_handles(NULL, is_complaining);
    sim_net_close(is_complaining);
    sim_files_close();
    sim_spawn_close();
    while (processes) {
        sim_process *next = processes->next;

        free(processes);
        processes = next;
    }
    current = NULL;
    last_pid = 0;
    thread_number = 0;
}

unsigned sim_close(void)
{
    end_world(1);
    return sim_complaints();
}

/* What a test that failed has left. */
void sim_discard(void)
{
    current = NULL;
    end_world(0);
}

/* ---- how it fails ------------------------------------------------------------------ */

void sim_fail_at(sim_process *process, const char *verb, unsigned nth)
{
    process->fail_in = nth;
    process->fail_verb = verb;
}

void sim_starve_at(sim_process *process, unsigned nth, int is_forever)
{
    process->starve_in = nth;
    process->is_starved = is_forever ? -1 : 0;
}

void sim_kill_at(sim_process *process, unsigned nth)
{
    process->kill_in = nth;
}

void sim_is_mortal(sim_process *process, int is_mortal)
{
    process->is_mortal = is_mortal;
}

unsigned sim_failures(const sim_process *process)
{
    return process->failures;
}

void sim_point(void)
{
    if (!current)
        return;
    if (!current->is_alive || (current->kill_in > 0 && --current->kill_in == 0))
        die();
}

void sim_wait_point(void)
{
    if (current && current->is_alive && current->locks > 0)
        sim_complain("%s waits and holds a mutex", current->name);
    sim_point();
}

#define ASIDE_MAX                                                                   \
    2 /* processes that stand aside at once: each more makes a schedule much longer \
       */

/* Between two calls of one process anything may happen in the others. */
static void step_aside(void)
{
    sim_process *process = current;
    unsigned     aside = 0;

    if (!process || sim.aside == 0 || sim_below(1000) >= sim.aside)
        return;
    for (const sim_process *at = processes; at; at = at->next)
        aside += at->is_alive ? at->aside : 0;
    if (aside >= ASIDE_MAX)
        return;
    process->aside++;
    sim_others();
    process->aside--;
    sim_point(); /* it may have been killed meanwhile */
}

int sim_verb(const char *verb)
{
    int is_hit = 0;

    sim_point();
    step_aside();
    sim_count_step();
    if (!current)
        return 0;
    if (current->fail_in > 0 && (!current->fail_verb || strcmp(current->fail_verb, verb) == 0))
        is_hit = --current->fail_in == 0;
    if (!is_hit && sim.fail > 0 && current->is_mortal)
        is_hit = sim_below(1000) < sim.fail;
    if (is_hit) {
        current->failures++;
        sim_say("%s: %s fails", current->name, verb);
    }
    return is_hit;
}

int sim_failure(cordon_fault *fault, const char *during)
{
    static const int codes[] = {CORDON_ESYSTEM, CORDON_EDENIED, CORDON_EBUSY};

    return cordon__fault_os(fault, codes[sim_below(3)], during, 5, NULL);
}

/* ---- memory -------------------------------------------------------------------------- */

static int is_starved(void)
{
    sim_process *process = current;

    if (!process)
        return 0;
    if (process->starve_in > 0 && --process->starve_in == 0) {
        if (process->is_starved < 0)
            process->is_starved = 1;
        process->failures++;
        return 1;
    }
    if (process->is_starved > 0)
        return 1;
    if (sim.starve == 0 || !process->is_mortal || sim_below(1000) >= sim.starve)
        return 0;
    process->failures++;
    return 1;
}

static void unlink_block(block *it)
{
    it->next->previous = it->previous;
    it->previous->next = it->next;
    it->process->bytes -= it->size;
    it->process->block_count--;
}

static void link_block(block *it, sim_process *process, size_t size)
{
    it->process = process;
    it->size = size;
    it->next = &process->blocks;
    it->previous = process->blocks.previous;
    it->previous->next = it;
    process->blocks.previous = it;
    process->bytes += size;
    process->block_count++;
}

/* What the test itself asks for belongs to nobody: as libc's. */
static sim_process nobody = {
    .name = "the test", .is_alive = 1, .blocks = {&nobody.blocks, &nobody.blocks, NULL, 0}};

void *sim_allocate(void *old, size_t size, void *user)
{
    block *before = old ? (block *)(void *)((char *)old - HEAD) : NULL;
    block *made;
    size_t kept;

    (void)user;
    if (size > 0 && is_starved())
        return NULL;
    made = NULL;
    if (size > 0) {
        made = malloc(HEAD + size);
        if (!made)
            return NULL;
        link_block(made, before ? before->process : current ? current : &nobody, size);
        if (before) {
            kept = before->size < size ? before->size : size;
            memcpy((char *)made + HEAD, old, kept);
        }
    }
    if (before) {
        unlink_block(before);
        free(before);
    }
    return made ? (char *)made + HEAD : NULL;
}

/* The library's own malloc, realloc and free are these (CMakeLists.txt). */
void *sim_malloc(size_t size);
void *sim_realloc(void *old, size_t size);
void  sim_free(void *old);

void *sim_malloc(size_t size)
{
    return sim_allocate(NULL, size, NULL);
}

void *sim_realloc(void *old, size_t size)
{
    return sim_allocate(old, size, NULL);
}

void sim_free(void *old)
{
    (void)sim_allocate(old, 0, NULL);
}

size_t sim_bytes(const sim_process *process)
{
    return process->bytes;
}

size_t sim_blocks(const sim_process *process)
{
    return process->block_count;
}

/* ---- descriptors ----------------------------------------------------------------------- */

void sim_descriptors(sim_process *process, unsigned most)
{
    process->descriptors_most = most;
}

unsigned sim_descriptors_open(const sim_process *process)
{
    return process->descriptors;
}

int sim_take_descriptor(void)
{
    if (!current)
        return 1;
    if (current->descriptors >= current->descriptors_most)
        return 0;
    current->descriptors++;
    return 1;
}

void sim_give_descriptor(sim_process *process)
{
    if (process)
        process->descriptors--;
}

/* ---- threads, of a world with one ------------------------------------------------------ */

void sim_on_thread(unsigned number)
{
    thread_number = number;
}

unsigned sim_thread(void)
{
    return thread_number;
}

void sim_count_lock(int step)
{
    if (current)
        current->locks += step;
}
