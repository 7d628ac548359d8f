/*
 * Who has a lock, without trying to take it: whoever tried, in the moment when a
 * server starts, would keep it from starting.
 */
#include "../dialect.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__linux__)
#    include <sys/sysmacros.h>
#endif

#include "place.h"

static const char step[] = "look at lock";

/* ---- the process ----------------------------------------------------------------- */

/* 'R', 'S', 'T', 'Z' as the system's own tools name it; 0: it does not tell. */
static char state_of(uint64_t pid)
{
#if defined(__linux__)
    char        path[64], text[512];
    const char *name_end;
    size_t      got;
    FILE       *file;

    snprintf(path, sizeof path, "/proc/%llu/stat", (unsigned long long)pid);
    file = fopen(path, "re");
    if (!file)
        return 0;
    got = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[got] = '\0';
    name_end = strrchr(text, ')'); /* a name may hold anything */
    if (!name_end || strlen(name_end) < 3)
        return 0;
    return name_end[2];
#else
    (void)pid;
    return 0;
#endif
}

enum cordon__process cordon__process_look(uint64_t pid)
{
    const pid_t known = (pid_t)pid;
    const char  state = state_of(pid);

    if (known <= 0 || (uint64_t)known != pid)
        return CORDON__PROCESS_UNKNOWN;
    if (kill(known, 0) != 0 && errno == ESRCH)
        return CORDON__PROCESS_GONE;
    if (state == 'Z' || state == 'X') /* dead, and nobody has asked how */
        return CORDON__PROCESS_GONE;
    return state == 'T' || state == 't' ? CORDON__PROCESS_STOPPED : CORDON__PROCESS_RUNS;
}

/* ---- the lock ----------------------------------------------------------------------- */

/* Linux lists who holds what. 0: this file is not in the list, which proves little: a file system
 * of several layers has another number there, another container's holder is not shown. */
static uint64_t listed_holder(const struct stat *info)
{
#if defined(__linux__)
    char               mark[80], line[256];
    unsigned long long found = 0;
    FILE              *file = fopen("/proc/locks", "re");

    if (!file)
        return 0;
    snprintf(mark, sizeof mark, " %02x:%02x:%llu ", major(info->st_dev), minor(info->st_dev),
             (unsigned long long)info->st_ino);
    /* "1: FLOCK  ADVISORY  WRITE 4711 fe:00:10955357 0 EOF"; who waits has "->" */
    while (found == 0 && fgets(line, sizeof line, file)) {
        const char *at = strstr(line, ": FLOCK ") ? strstr(line, mark) : NULL;

        while (at && at > line && at[-1] >= '0' && at[-1] <= '9')
            at--;
        found = at ? strtoull(at, NULL, 10) : 0;
    }
    fclose(file);
    return found;
#else
    (void)info;
    return 0;
#endif
}

static void read_holder(cordon__holder *holder, int fd, const struct stat *info)
{
    const uint64_t listed = listed_holder(info);
    char           text[600];
    const ssize_t  got = pread(fd, text, sizeof text, 0);

    cordon__holder_read(holder, text, got > 0 ? (size_t)got : 0);
    if (listed != 0) {
        if (listed != holder->pid) /* it has not yet written its own */
            holder->since[0] = holder->program[0] = '\0';
        holder->pid = listed;
    }
    holder->life = holder->pid != 0 ? cordon__process_look(holder->pid) : CORDON__PROCESS_UNKNOWN;
    if (listed != 0)
        holder->is_held = 1;
    else
        holder->is_held = holder->pid == 0 || holder->life == CORDON__PROCESS_GONE ? 0 : -1;
}

int cordon__lock_look(cordon__holder *holder, const cordon__place *place, enum cordon_place which,
                      cordon_fault *fault)
{
    const char        *path = place->paths[which];
    const cordon__spot spot = {path, path, AT_FDCWD};
    struct stat        info;
    int                code = CORDON_OK;
    const int          fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    memset(holder, 0, sizeof *holder);
    if (fd < 0)
        return errno == ENOENT ? CORDON__ABSENT
                               : cordon__file_explain(place, &spot, errno, step, fault);
    if (fstat(fd, &info) != 0)
        code = cordon__place_fault(place, fault, step, errno, path);
    if (code == CORDON_OK && S_ISREG(info.st_mode))
        read_holder(holder, fd, &info);
    if (code == CORDON_OK)
        code = cordon__lock_judge(place, path, &info, step, fault);
    close(fd);
    return code;
}
