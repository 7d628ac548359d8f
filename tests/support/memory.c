/* An allocator that counts, and fails where it is asked to. */
#include "support.h"

typedef union head { /* before each block; keeps it aligned */
    size_t      size;
    max_align_t align;
} head;

static int is_refused(support_memory *memory)
{
    size_t call = atomic_fetch_add(&memory->calls, 1) + 1;
    size_t from = atomic_load(&memory->fail_from);

    return from != 0 && (call == from || (call > from && atomic_load(&memory->is_for_ever)));
}

static void account(support_memory *memory, size_t freed, size_t taken)
{
    size_t bytes = atomic_fetch_add(&memory->bytes, taken - freed) + (taken - freed);
    size_t most = atomic_load(&memory->most);

    while (bytes > most && !atomic_compare_exchange_weak(&memory->most, &most, bytes))
        continue;
}

void *support_allocate(void *old, size_t size, void *user)
{
    support_memory *memory = user;
    head           *block = old == NULL ? NULL : (head *)old - 1;
    size_t          before = block == NULL ? 0 : block->size;

    if (size == 0) {
        if (block != NULL) {
            account(memory, before, 0);
            atomic_fetch_sub(&memory->blocks, 1);
            free(block);
        }
        return NULL;
    }
    if (is_refused(memory) || size > SIZE_MAX - sizeof *block)
        return NULL;
    block = realloc(block, sizeof *block + size);
    if (block == NULL)
        return NULL;
    block->size = size;
    account(memory, before, size);
    if (old == NULL)
        atomic_fetch_add(&memory->blocks, 1);
    return block + 1;
}
