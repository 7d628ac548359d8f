/* One conversation as it is played: what talk.c and the server on its stage (talk_host.c) share. */
#ifndef SIM_TALK_STAGE_H
#define SIM_TALK_STAGE_H

#include "talk.h"

#define CLIENTS 10
#define HELD    256

typedef struct client {
    intptr_t handle;
    char    *heard;
    size_t   size;
    int      has_ended;
} client;

typedef struct talk_stage {
    const conversation *it;
    const char         *line;
    sim_process        *host, *guest;
    cordon_loop        *loop;
    cordon_endpoint    *endpoint;
    cordon_server      *server;
    cordon_request     *held[HELD];
    size_t              held_first, held_end;
    char                log[65536]; /* of callbacks */
    client              clients[CLIENTS];
    char                address[128];
    uint8_t             token[32];
    char                hex[65];
    size_t              said, cut_at; /* bytes; where they are cut, 0: nowhere */
    const char         *mode;
    unsigned            seed;
} talk_stage;

extern talk_stage stage;

/* The conversation is not as it must be: shows where, and fails. */
void talk_wrong(const char *what, const char *expected, const char *found);

/* For sim_as in the server's process. */
void talk_server_open(void *context);
void talk_server_close(void *context);
void talk_server_act(void *context); /* a line's text behind its "!" */

#endif
