/* An endpoint that is held: by the test, and by other processes. */
#ifndef WORLD_H
#define WORLD_H

#include "kit.h"

#include "../../src/claim.h"

#define WORLD_WAIT 2000 /* ms, the usual wait for a lock */
#define WORLD_END  150  /* ms that "serve" takes to release what it has withdrawn */

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
/* What lies in its directory: the lock file and, as long as it is held, the token. */
void world_holds(const world *it, int is_held);
/* Another claim is refused at once: 0. For support_fork, too. */
int world_is_refused(void *context);

/*
 * Other processes; their argument is the directory:
 *
 *     refused  is refused at once, and ends with 0
 *     serve    takes it and says 's'; then, on an order: withdraws, says 'd', and a while later
 *              releases
 *     start    on an order: tries to take it; says 'w', and stays until it is killed; or 'l'
 */
extern const support_part world_parts[];

#define world_test(name) cmocka_unit_test_setup_teardown(name, world_open, world_close)

#endif
