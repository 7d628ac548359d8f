/* For the tests of a connection on a loop. */
#ifndef EAR_H
#define EAR_H

#include "kit.h"

#include <uv.h>

enum when { NEVER, IN_ROOM, IN_READ, IN_END, IN_WRITABLE };

/* A stream, the other end of it, and what was told. */
typedef struct ear {
    uv_loop_t       loop;
    cordon__stream *stream;
    int             peer;
    support_memory  memory;
    cordon_fault    fault;
    char            room[65536];
    size_t          room_size;
    char           *got;
    size_t          got_size;
    unsigned        rooms, reads, inputs, losses, writables, closes;
    uint32_t        lost_code;
    enum when       close_in;
    unsigned        turns; /* of the loop */
} ear;

extern const cordon__stream_events ear_events;

int  ear_open(void **state);
int  ear_close(void **state);
void ear_hang_up(ear *it);
/* Whatever the loop has to say now. */
void ear_run(ear *it);

#define EAR_QUIET 10
/* Turns that the loop makes in 60 ms with nothing to do: a busy one makes thousands. */
unsigned ear_turns(ear *it);

void ear_send(ear *it, const char *text);
void ear_check(const ear *it, const char *text);
int  ear_write(ear *it, const char *text, size_t *taken);

#endif
