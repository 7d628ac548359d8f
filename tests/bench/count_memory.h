/* What a preloaded library counts of malloc, in a file that several processes share. */
#ifndef COUNT_MEMORY_H
#define COUNT_MEMORY_H

#include <stdatomic.h>
#include <stdint.h>

typedef struct count_memory {
    _Atomic uint64_t calls; /* that asked for memory */
    _Atomic int64_t  bytes; /* held now */
} count_memory;

#define COUNT_MEMORY_FILE "BENCH_MEMORY" /* in the environment: where */

/* NULL: cannot be. Made if it is not there. */
count_memory *count_memory_map(const char *path);

#endif
