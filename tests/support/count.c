/* What can be counted: descriptors, threads, memory, and all that a host process calls its own. */
#include "support.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sys/stat.h>

extern char **environ;

static int count_entries(const char *directory)
{
    DIR *listing = opendir(directory);
    int  count = 0;

    SUPPORT_CHECK(listing != NULL);
    for (const struct dirent *entry = readdir(listing); entry != NULL; entry = readdir(listing))
        count += entry->d_name[0] != '.';
    closedir(listing);
    return count;
}

int support_count_descriptors(void)
{
    return count_entries("/proc/self/fd") - 1; /* the one that looks */
}

int support_count_threads(void)
{
    return count_entries("/proc/self/task");
}

/* ---- memory ---- */

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

/* ---- the host ---- */

static size_t add(support_host *host, size_t used, const char *format, ...)
{
    va_list values;
    int     size;

    va_start(values, format);
    size = vsnprintf(host->text + used, sizeof host->text - used, format, values);
    va_end(values);
    SUPPORT_CHECK(size >= 0 && (size_t)size < sizeof host->text - used);
    return used + (size_t)size;
}

static size_t add_signals(support_host *host, size_t used)
{
    sigset_t mask;

    SUPPORT_CHECK(pthread_sigmask(SIG_SETMASK, NULL, &mask) == 0);
    for (int number = 1; number < NSIG; number++) {
        struct sigaction action;

        if (sigaction(number, NULL, &action) == 0)
            used = add(host, used, "signal %d: %p %x %d\n", number,
                       (void *)(intptr_t)action.sa_handler, (unsigned)action.sa_flags,
                       sigismember(&mask, number));
    }
    return used;
}

/* Each descriptor with what it is; the one that reads the folder is left out. */
static size_t add_descriptors(support_host *host, size_t used)
{
    struct stat info;

    for (int fd = 0; fd < 1024; fd++)
        if (fstat(fd, &info) == 0)
            used = add(host, used, "descriptor %d: %lx %lx\n", fd, (unsigned long)info.st_dev,
                       (unsigned long)info.st_ino);
    return used;
}

/* /proc tells the mask without touching it. */
static unsigned read_umask(void)
{
    char     line[256];
    unsigned mask = 0;
    FILE    *status = fopen("/proc/self/status", "re");

    SUPPORT_CHECK(status != NULL);
    while (fgets(line, sizeof line, status) != NULL)
        if (sscanf(line, "Umask: %o", &mask) == 1)
            break;
    fclose(status);
    return mask;
}

void support_host_look(support_host *host)
{
    char     directory[4096];
    uint32_t sum = 2166136261u;
    size_t   used = 0;

    SUPPORT_CHECK(getcwd(directory, sizeof directory) != NULL);
    for (char **entry = environ; *entry != NULL; entry++)
        for (const char *at = *entry; *at != 0; at++)
            sum = (sum ^ (uint8_t)*at) * 16777619u;
    used = add(host, used, "umask: %03o\n", read_umask());
    used = add(host, used, "directory: %s\n", directory);
    used = add(host, used, "environment: %08x\n", (unsigned)sum);
    used = add(host, used, "threads: %d\n", support_count_threads());
    used = add_descriptors(host, used);
    used = add_signals(host, used);
    SUPPORT_CHECK(used > 0);
}

void support_host_same(const support_host *before, const support_host *after)
{
    if (strcmp(before->text, after->text) == 0)
        return;
    fprintf(stderr, "before:\n%s\nafter:\n%s\n", before->text, after->text);
    support_failed("the host process is as it was", __FILE__, __LINE__);
}
