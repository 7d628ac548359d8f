/* What can be counted: descriptors, threads, and all that a host process calls its own. */
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
