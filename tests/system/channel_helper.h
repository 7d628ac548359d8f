/* A server for whom a channel is the only door: it counts, and holds what it is asked to hold. */
#ifndef CHANNEL_HELPER_H
#define CHANNEL_HELPER_H

#include "channel_kit.h"

#include <uv.h>

#define HELD_MAX 64

typedef struct helper {
    cordon_loop    *loop;
    cordon_server  *server;
    uv_mutex_t      lock;
    cordon_request *held[HELD_MAX];
    size_t          held_count;
    atomic_uint     asked, canceled, left, late, here, gone, closed, stops;
    atomic_int      why;          /* of the session that ended last */
    cordon_channel *other;        /* served by the handler that is asked to */
    atomic_uint     asked_within; /* so many when it had been */
    uint64_t        peer_pid;
    unsigned        peer_known;
} helper;

/* On a thread of its own. given may be NULL; its callbacks are ours. */
void helper_open(helper *helper, const cordon_server_options *given);
void helper_close(helper *helper);
/* The channel's other side is a session of it from here on. */
void serve(cordon_channel *channel, helper *helper);
/* Answers the newest request that it holds; what cordon_reply said. */
int answers_one(helper *helper);

#endif
