/* Who plays in a random schedule: servers, clients, enemies, and bad luck. */
#ifndef SIM_ACTORS_H
#define SIM_ACTORS_H

#include "ledger.h"

extern const char *actors_directory; /* of the endpoint; NULL: the default one */

void  actors_open(void);
void  actors_close(void); /* memory of the play */
void *actors_make(size_t size);

/* ---- servers (hosts.c) ---------------------------------------------------------- */

void        hosts_open(void);
void        host_start(uint64_t due);
void        host_stop(void *ignored); /* one that runs, if any does */
void        host_kill(void *ignored);
void        hosts_end(void); /* all of them, in good order */
void        hosts_check(void);
unsigned    hosts_serving(void);
const char *host_address(void); /* of the last one that served; "" */
const char *host_token(void);   /* its token in hex */

/* ---- clients (guests.c) ------------------------------------------------------------ */

void guest_start(uint64_t due);
/* One more call, when all is over, that must succeed. */
void guest_last(void);

/* ---- enemies and losses (enemies.c) --------------------------------------------------- */

void enemy_start(uint64_t due);
void loss_start(uint64_t due);

#endif
