/* A stream on a loop of its own, the other end of it, and what was told. */
#ifndef CONTRACT_WIN32_EAR_H
#define CONTRACT_WIN32_EAR_H

#include "win32_pair.h"

#define QUIET_TURNS 20

enum when { NEVER, IN_ROOM, IN_READ, IN_END, IN_WRITABLE };

typedef struct ear {
    int             is_server;
    uv_loop_t       loop;
    cordon__stream *stream;
    HANDLE          peer;
    cordon_fault    fault;
    int             blocks; /* of memory in use */
    char            room[65536];
    size_t          room_size;
    char            got[256];
    size_t          got_size;
    unsigned        rooms, reads, losses, writables, closes;
    uint32_t        lost_code;
    enum when       close_in;
    void (*in_room)(struct ear *it);
} ear;

extern const cordon__stream_events ear_events;

int  ear_open_server(void **state); /* ours is the server's end */
int  ear_open_client(void **state);
int  ear_close(void **state); /* after everything it told */
void ear_connect(ear *it);    /* another pipe, another stream */
void ear_close_stream(ear *it);

/* Run the loop until *what is at least `wanted`. */
void ear_run_until(ear *it, const unsigned *what, unsigned wanted);
/* Whatever the loop has to say now. */
void ear_run_now(ear *it);
/* Turns that the loop makes in 60 ms: a busy one makes thousands. */
unsigned ear_turns(ear *it);

void ear_check_got(const ear *it, const char *text);
int  ear_write(ear *it, const char *data, size_t size, size_t *taken); /* in three pieces */
/* The allocator of a stream; user: the ear. */
void *ear_memory(void *old, size_t size, void *user);

#define ear_test(name)                                            \
    {#name " (server)", name, ear_open_server, ear_close, NULL},  \
    {                                                             \
#        name " (client)", name, ear_open_client, ear_close, NULL \
    }

#endif
