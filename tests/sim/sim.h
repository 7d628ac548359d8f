/*
 * The simulated platform: a third implementation of src/platform.h, in memory.
 *
 * One thread, one world at a time, a clock that only moves when nobody has
 * anything to do, and a scheduler that takes whatever is ready in the order
 * that its seed says. Whoever waits in a blocking call (line, pause) lets the
 * others run meanwhile: so a blocking client and its server live in one thread.
 * The calls that wait are nested on one stack: an outer one may come back later
 * than its deadline when an inner one was still waiting (sim_was_held).
 *
 * Everything belongs to a process of the world. A process that is killed
 * vanishes in that moment, wherever it is: descriptors close, locks go, memory
 * is taken back, and its code never runs on.
 *
 * Threads of the library's own do not exist here: cordon__thread_start is EBUSY.
 */
#ifndef SIM_H
#define SIM_H

#include "../../src/platform.h"

typedef struct sim_process sim_process;

/* ---- the world (core.c) --------------------------------------------------------- */

/* How it behaves. Set by sim_open to the plain ones: nothing is cut, nothing fails. */
typedef struct sim_rules {
    unsigned chop;          /* percent of reads and writes that take only a part */
    unsigned full;          /* percent of writes that find no room though there is some */
    unsigned stray;         /* percent of steps that wake a stream for nothing */
    unsigned late;          /* permille of steps in which time passes though somebody is ready */
    unsigned aside;         /* permille of verbs before which other processes run, for a while */
    unsigned fail;          /* permille of verbs that fail, in processes that may */
    unsigned starve;        /* permille of allocations that fail, likewise */
    size_t   pipe;          /* bytes that a connection holds in one direction */
    size_t   piece;         /* bytes that one read gives at most; 0: no limit */
    int      is_uncertain;  /* a refused connect may pass (CORDON__UNCERTAIN): BSD, macOS */
    int      is_peer_later; /* a client is known once its first bytes are read: Windows */
    unsigned depth;         /* blocking tasks inside of each other */
    unsigned slow;          /* a started program begins within so many milliseconds */
    int      is_secret;     /* nobody is told how a child ended: its parent ignores SIGCHLD */
} sim_rules;

extern sim_rules sim;

void sim_open(uint64_t seed);
/* The end: what is still there is complained of. Returns the number of complaints. */
unsigned sim_close(void);
void     sim_complain(const char *format, ...) CORDON__PRINTF(1, 2);
unsigned sim_complaints(void);
/* Tell of every step on stderr. */
void sim_talk(int is_on);
void sim_say(const char *format, ...) CORDON__PRINTF(1, 2);
/* Called once, when the world cannot go on (all wait for ever, somebody spins): must not return. */
void sim_on_stuck(void (*on_stuck)(const char *why));

uint64_t sim_random(void);
unsigned sim_below(unsigned limit);
int      sim_chance(unsigned percent);

/* ---- time and turns --------------------------------------------------------------- */

uint64_t sim_now(void);
/* All that is ready, now; the clock stands still. */
void sim_settle(void);
/* The same for that many milliseconds. */
void sim_pass(uint64_t ms);
/* 1: is_so became true; 0: it did not within ms. */
int sim_until(int (*is_so)(void *context), void *context, uint64_t ms);
/* Since `mark` (a sim_nested before), did another blocking task run inside? */
unsigned sim_nested(void);

/* Something that a process does at a time. is_blocking: it may wait in calls. */
void sim_task(sim_process *process, uint64_t due, int is_blocking, void (*run)(void *context),
              void *context);

/* ---- processes ---------------------------------------------------------------------- */

#define SIM_UID 1000

sim_process *sim_process_open(const char *name, uint32_t uid);
/* Its uv_loop_t, for cordon_loop_open_uv. */
struct uv_loop_s *sim_loop(sim_process *process);
uint64_t          sim_pid(const sim_process *process);
int               sim_is_alive(const sim_process *process);
/* 1: it is in the middle of something while others run (sim.aside): nothing may be done in it. */
int          sim_is_aside(const sim_process *process);
sim_process *sim_current(void); /* NULL: the test itself */
/* Run something in it; 0: it was killed in there. */
int  sim_as(sim_process *process, void (*run)(void *context), void *context);
void sim_kill(sim_process *process);
/* It ends by itself: whatever it still has is complained of, then it is gone. */
void sim_exit(sim_process *process);

/* The nth call of a verb (NULL: of any) from now fails, in this process. */
void sim_fail_at(sim_process *process, const char *verb, unsigned nth);
/* The nth allocation fails; is_forever: so do all that follow. */
void sim_starve_at(sim_process *process, unsigned nth, int is_forever);
/* It is killed at the nth thing that it asks of the system. */
void sim_kill_at(sim_process *process, unsigned nth);
/* May it be hit by sim.fail and sim.starve? Not at first. */
void     sim_is_mortal(sim_process *process, int is_mortal);
unsigned sim_failures(const sim_process *process); /* that hit it so far */
void     sim_descriptors(sim_process *process, unsigned most);
unsigned sim_descriptors_open(const sim_process *process);
size_t   sim_bytes(const sim_process *process); /* that it has allocated */
size_t   sim_blocks(const sim_process *process);
/* Until it returns 0, calls are made by its thread `number` (0: its first). */
void sim_on_thread(unsigned number);

/* An allocator, as cordon_endpoint_options has it. */
void *sim_allocate(void *old, size_t size, void *user);

/* ---- things that travel along a pair (handle.c) ------------------------------------------- */

/* A descriptor of something, of the current process; CORDON__NO_HANDLE: it has too many. */
intptr_t sim_thing(void);
/* As sim_write, with so many of them beside the first byte. */
long sim_write_with(intptr_t handle, const void *data, size_t size, size_t count);
/* One of its connections is another process's from here on. */
void sim_hand_over(intptr_t handle, sim_process *process);

/* ---- programs (spawn.c) ------------------------------------------------------------------ */

/* What cordon__spawn starts by this name: a process that begins with run(context). */
void sim_program(const char *name, void (*run)(void *context), void *context);
/* How many were started so far; the last one. */
unsigned     sim_births(void);
sim_process *sim_newborn(void);
/* The current process ends by itself with this status; see sim_exit. */
void sim_leave(int status);

/* ---- files (files.c) ------------------------------------------------------------------ */

enum sim_kind_of_file { SIM_FILE, SIM_DIRECTORY, SIM_LINK, SIM_SOCKET, SIM_FIFO };

/* Put something there, whatever was. content: bytes, or a link's text. */
void sim_put(const char *path, enum sim_kind_of_file kind, unsigned mode, uint32_t uid,
             const char *content);
int  sim_exists(const char *path);
int  sim_mode(const char *path); /* -1: not there */
void sim_chmod(const char *path, unsigned mode);
void sim_remove(const char *path); /* with all that is in it */
/* The text of it; "" when there is none. */
const char *sim_content(const char *path);

/* ---- raw connections (net.c): what a program without cordon does ------------------------ */

/* As the current process: CORDON__NO_HANDLE when it cannot. */
intptr_t sim_dial(const char *path);
/* How many of the bytes it took; -1: nobody reads any more. */
long sim_write(intptr_t handle, const void *data, size_t size);
/* How many came; 0: nothing now; -1: the end. */
long sim_read(intptr_t handle, void *data, size_t size);
void sim_half_close(intptr_t handle);
void sim_hang_up(intptr_t handle);

#endif
