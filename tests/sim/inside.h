/* What the files of the simulated platform share. */
#ifndef SIM_INSIDE_H
#define SIM_INSIDE_H

#include "sim.h"

/* ---- what the scheduler knows --------------------------------------------------------- */

typedef struct sim_handle sim_handle;

typedef struct sim_kind {
    const char *name;
    int (*is_ready)(const sim_handle *handle);
    uint64_t (*due)(const sim_handle *handle); /* NULL: never by time */
    void (*run)(sim_handle *handle);           /* in its process; may free it */
    void (*vanish)(sim_handle *handle);        /* its process has gone: free all of it */
} sim_kind;

struct sim_handle { /* first in all that is scheduled */
    sim_handle     *next, *previous;
    const sim_kind *kind;
    sim_process    *process;
    void           *uv; /* the loop that it was opened on */
};

void sim_handle_open(sim_handle *handle, const sim_kind *kind, void *uv);
void sim_handle_leave(sim_handle *handle); /* the memory is the caller's */
/* Run what is scheduled on one loop until nothing of it is left. */
void sim_run_loop(void *uv);

/* Memory of the world's own: never fails. */
void *sim_make(size_t size);

/* ---- what a verb begins with ------------------------------------------------------------ */

/* One step more in this millisecond: too many, and somebody spins. */
void sim_count_step(void);
/* The process may die here. */
void sim_point(void);
/* The same; 1: this call is to fail. */
int sim_verb(const char *verb);
/* One of the codes that a system gives for no good reason: fills the fault. */
int sim_failure(cordon_fault *fault, const char *during);

/* Other processes than this one run, for a while. */
void sim_others(void);

/* Let the others run until is_so(context) or the deadline. 1: it is so. */
int sim_wait(int (*is_so)(void *context), void *context, uint64_t deadline);

/* ---- processes ---------------------------------------------------------------------------- */

uint32_t sim_uid(void); /* of the current process */
unsigned sim_thread(void);
void     sim_count_lock(int step);  /* of mutexes that the process holds */
int      sim_take_descriptor(void); /* 0: it has too many */
void     sim_give_descriptor(sim_process *process);
void     sim_wait_point(void); /* as sim_point; nobody waits with a mutex in its hand */
/* Vanishing, by part. */
void sim_files_vanish(sim_process *process);
void sim_net_vanish(sim_process *process);
void sim_spawn_vanish(const sim_process *process);
void sim_spawn_settle(const sim_process *process); /* what it was given and never took */
void sim_spawn_close(void);
/* 1: that was an end of a ready pipe. */
int  sim_pipe_close(intptr_t handle);
void sim_files_close(void);
void sim_net_close(int is_complaining);
void sim_discard(void); /* a world that was not closed */
void sim_vanish_handles(const sim_process *process, int is_complaining);
/* Blocking tasks on the stack: whoever dies takes its own along. */
unsigned sim_depth(int is_set, unsigned depth);

/* ---- files ----------------------------------------------------------------------------------- */

typedef struct sim_node { /* an inode and its name */
    struct sim_node      *next;
    char                 *path; /* NULL: it has lost its name */
    enum sim_kind_of_file kind;
    unsigned              mode;
    uint32_t              uid;
    uint64_t              number;
    char                 *content;
    size_t                size;
    void                 *listener; /* of a socket */
    struct cordon__lock  *holder;   /* of a locked file */
} sim_node;

sim_node *sim_find(const char *path);
sim_node *sim_create(const char *path, enum sim_kind_of_file kind, unsigned mode);
void      sim_unlink(sim_node *node);                   /* its memory stays while the world does */
void      sim_rename(sim_node *node, const char *path); /* whatever was there */
void      sim_fill(sim_node *node, const void *data, size_t size);

struct cordon__place {
    cordon__memory memory;
    cordon__trace  trace;
    uint32_t       uid;
    int            is_default, is_linked;
    char          *paths[CORDON_START_LOCK + 1];
    char          *link, *annex; /* is_linked */
    sim_node      *home;         /* the directory as it was checked */
};

/* "this is not as it must be": EUNSAFE, told to fault and trace. */
int sim_unsafe(const cordon__place *place, cordon_fault *fault, const char *during,
               const char *path, uint64_t expected, uint64_t actual, const char *text);
int sim_missing(const cordon__place *place, cordon_fault *fault, const char *during,
                const char *path);
/* A verb fails, or is done: told to the trace. */
int  sim_failed(const cordon__place *place, cordon_fault *fault, const char *during,
                const char *path);
void sim_done(const cordon__place *place, const char *during, const char *path);
/* Where the link leads: 0, CORDON__ABSENT, EUNSAFE. */
int         sim_link_read(const char **target, const cordon__place *place, cordon_fault *fault);
const char *sim_kind_name(enum sim_kind_of_file kind);

/* ---- connections ---------------------------------------------------------------------------- */

typedef struct sim_parcel sim_parcel;

typedef struct sim_end { /* one side of a connection */
    struct sim_end  *other;
    sim_process     *process;
    cordon__identity who; /* at the other side, as the kernel says */
    char            *in;  /* bytes on their way to us: a ring of `held` bytes */
    size_t           start, size, held;
    size_t           room; /* for so many at once */
    intptr_t         number;
    uint64_t         came, taken;        /* bytes to us, ever; of those, read */
    sim_parcel      *parcels;            /* things on their way to us */
    unsigned char    is_closed, is_shut; /* this side: gone; writes no more */
    unsigned char    is_reset;           /* the other went with unread bytes */
    unsigned char    is_server, has_been_read;
} sim_end;

sim_end *sim_end_of(intptr_t handle);
sim_end *sim_end_make(sim_process *process);
intptr_t sim_end_number(sim_end *end); /* gives it one */
void     sim_ends_vanish(const sim_process *process);
int      sim_can_read(const sim_end *end);  /* bytes, or their end */
int      sim_can_write(const sim_end *end); /* room, or nobody */
int      sim_has_gone(const sim_end *end);  /* the other side, altogether */
enum { SIM_NOT_NOW = -1, SIM_GONE = -2 };
/* 0: the end of input. */
long sim_end_read(sim_end *end, void *data, size_t size);
long sim_end_write(sim_end *end, const cordon_bytes *pieces, size_t count, size_t skip);
void sim_end_close(sim_end *end);
void sim_parcels_drop(sim_end *end);
/* 1: that was a thing. */
int  sim_thing_close(intptr_t handle);
void sim_things_vanish(const sim_process *process);

#endif
