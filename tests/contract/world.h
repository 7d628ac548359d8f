/* For the tests of holding an endpoint. */
#ifndef WORLD_H
#define WORLD_H

#include "kit.h"

#include "../../src/claim.h"

#define WORLD_WAIT 2000 /* ms, the usual wait for a lock */

typedef struct world {
    kit             *kit;
    cordon_endpoint *endpoint;
    cordon__claim    claim;
    cordon_fault     fault;
} world;

cordon_endpoint *world_endpoint(kit *it, const char *directory);
int              world_open(void **state);
int              world_close(void **state);
const char      *world_path(const world *it, enum cordon_place which);
int              world_claim(world *it, cordon__claim *claim, uint64_t ms);
void             world_take(world *it); /* the world's own claim */
void             world_token(const world *it, char token[65]);
int              world_is_served(world *it);
void             world_names_are(const world *it, const char *expected); /* in the directory */
/* Another claim is refused at once: 0. For support_fork, too. */
int world_is_refused(void *context);

#endif
