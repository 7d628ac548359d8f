/* A stream on a loop, the other end of it, which is played by hand, and what was told. */
#ifndef EAR_H
#define EAR_H

#include "kit.h"

#include <uv.h>

enum when { NEVER, IN_ROOM, IN_READ, IN_END, IN_WRITABLE };

typedef struct ear {
    uv_loop_t       loop;
    cordon__stream *stream;
    support_raw     peer;
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
int  ear_open_other(void **state); /* ours is the end that a child would get */
int  ear_close(void **state);
int  ear_close_closed(void **state); /* of which the stream has told that it is closed */
void ear_hang_up(ear *it);
/* Whatever the loop has to say now. */
void ear_run(ear *it);
/* Until what is counted there is at least `wanted`. */
void ear_run_until(ear *it, const unsigned *what, unsigned wanted);

#define EAR_QUIET 10
/* Turns that the loop makes in 60 ms with nothing to do: a busy one makes thousands. */
unsigned ear_turns(ear *it);

void ear_send(ear *it, const char *text);
void ear_check(const ear *it, const char *text);
int  ear_write(ear *it, const char *text, size_t *taken);
/* Reads what is there for the other end, at most `room`. */
size_t ear_take(ear *it, void *data, size_t room);

/* Where the two ends of a connection are not alike, each has a turn. */
#define ear_test_closed_by(name, close)                         \
    {#name " (one end)", name, ear_open, close, NULL},          \
    {                                                           \
#        name " (the other)", name, ear_open_other, close, NULL \
    }
#define ear_test(name)    ear_test_closed_by(name, ear_close)
#define closed_test(name) ear_test_closed_by(name, ear_close_closed)

#endif
