/*
 * A listening socket of ours, or one that we were given.
 */
#ifndef CORDON__POSIX_LISTENER_H
#define CORDON__POSIX_LISTENER_H

#include "../dialect.h"

#include <uv.h>

#include "place.h"

struct cordon__listener {
    uv_poll_t      handle;
    cordon__memory memory;
    cordon__place *place;
    uint64_t       pid;
    int            fd;
    int            is_attached;
    int            is_told;  /* inside of on_waiting */
    int            is_taken; /* there, one has been accepted */
    int            is_shut;  /* nobody can come any more */
    int            is_given; /* made elsewhere: its address is not ours to remove */
    dev_t          dev;      /* of the socket file */
    ino_t          ino;
    void (*on_waiting)(void *owner);
    void (*on_closed)(void *owner);
    void *owner;
};

#endif
