/*
 * The other end of a channel as a mere socket, for which frames are made by hand: what breaks the
 * rules comes from here.
 */
#ifndef CHANNEL_PEER_H
#define CHANNEL_PEER_H

#include "channel_kit.h"

enum { REQUEST = 4, PONG = 10, MOST = 16 };

typedef struct peer {
    cordon_channel *channel; /* the parent's, which is tested */
    int             raw;     /* the child's end; -1: closed */
    int             descriptors;
} peer;

void peer_open(peer *peer);  /* and it has said its word */
void peer_leave(peer *peer); /* closes the raw end */
void peer_close(peer *peer); /* all of it; nothing may be left */

/* Some bytes, with some descriptors. */
void peer_send(peer *peer, const uint8_t *data, size_t size, const int *fds, size_t count);
/* A message that says it has `told` handles; the bytes of it. */
size_t put_message(uint8_t *out, uint32_t tag, unsigned told, const char *body);
/* Such a message, tag 9, body "x", with `count` of them. */
void peer_says(peer *peer, unsigned told, size_t count);
int  null_device(void); /* a descriptor of it */

int peer_setup(void **state);
int peer_teardown(void **state);
#define PEER(test) cmocka_unit_test_setup_teardown(test, peer_setup, peer_teardown)

#endif
