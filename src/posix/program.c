/* What a program needs to start, made while memory may still be had. */
#include "../dialect.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__APPLE__)
#    include <crt_externs.h>
#endif

#include "launch.h"
#include "place.h"

#define USUAL_PATH "/bin:/usr/bin" /* where there is no PATH, as execvp has it */
#define SHELL      "/bin/sh"
#define STEP       "prepare program"

#if defined(__APPLE__)

static char **our_environment(void)
{
    return *_NSGetEnviron(); /* a shared library there has no environ */
}

#else

#    if !defined(__linux__)
extern char **environ;
#    endif

static char **our_environment(void)
{
    return environ;
}

#endif

static int no_memory(cordon_fault *fault)
{
    return cordon__fault_set(fault, CORDON_ENOMEM, STEP);
}

/* ---- environment ---------------------------------------------------------------- */

static int is_variable(const char *entry, const char *name)
{
    const size_t size = strlen(name);

    return strncmp(entry, name, size) == 0 && entry[size] == '=';
}

/* NAME=3 or NAME=3:word. */
static int make_variable(cordon__launch *launch, const cordon__memory *memory)
{
    const cordon__program *program = launch->program;
    const char            *word = program->word != NULL ? program->word : "";
    size_t                 room;

    if (program->variable == NULL)
        return 0;
    room = strlen(program->variable) + strlen(word) + sizeof "=3:";
    launch->variable = cordon__allocate(memory, room);
    if (launch->variable == NULL)
        return CORDON_ENOMEM;
    (void)snprintf(launch->variable, room, "%s=3%s%s", program->variable, *word ? ":" : "", word);
    return 0;
}

static int make_environment(cordon__launch *launch, const cordon__memory *memory)
{
    const char *const *from = launch->program->environment;
    char             **to;
    size_t             count = 0;

    if (from == NULL)
        from = (const char *const *)our_environment();
    while (from != NULL && from[count] != NULL)
        count++;
    to = cordon__allocate(memory, (count + 2) * sizeof *to);
    launch->environment = to;
    if (to == NULL)
        return CORDON_ENOMEM;
    for (size_t i = 0; i < count && from[i] != NULL; i++)
        if (!is_variable(from[i], "CORDON_READY") && !is_variable(from[i], "CORDON_CHANNEL"))
            *to++ = (char *)(uintptr_t)from[i];
    *to = launch->variable;
    return 0;
}

/* ---- where it may be -------------------------------------------------------------- */

static int put(cordon__launch *launch, const cordon__memory *memory, const char *text, size_t size)
{
    return cordon__buffer_append(&launch->paths, memory, text, size, CORDON__NO_CEILING);
}

/* <base>/<folder>/<file>, each but the last left out where it is empty. */
static int put_path(cordon__launch *launch, const cordon__memory *memory, const char *base,
                    cordon_bytes folder, const char *file)
{
    const char *const first = folder.size > 0 ? (const char *)folder.data : file;
    int               code = 0;

    if (*base != '\0' && *first != '/') {
        code = put(launch, memory, base, strlen(base));
        if (code == 0)
            code = put(launch, memory, "/", 1);
    }
    if (code == 0 && folder.size > 0) {
        code = put(launch, memory, folder.data, folder.size);
        if (code == 0)
            code = put(launch, memory, "/", 1);
    }
    return code == 0 ? put(launch, memory, file, strlen(file) + 1) : code;
}

/* Along PATH as execvp would: an empty part is the working directory. */
static int put_paths(cordon__launch *launch, const cordon__memory *memory, const char *base,
                     const char *file)
{
    const char  *path = cordon__environment_counts() ? getenv("PATH") : NULL;
    cordon_bytes folder = {NULL, 0};
    int          code = 0;

    if (strchr(file, '/') != NULL || *file == '\0')
        return *file == '\0' ? 0 : put_path(launch, memory, base, folder, file);
    for (path = path != NULL ? path : USUAL_PATH; code == 0; path++) {
        folder.data = path;
        folder.size = strcspn(path, ":");
        code = put_path(launch, memory, base, folder, file);
        path += folder.size;
        if (*path == '\0')
            break;
    }
    return code;
}

/* Where it runs is not where its name is looked up: that is our own directory, as for the log. */
static int make_paths(cordon__launch *launch, const cordon__memory *memory, cordon_fault *fault)
{
    char base[4096] = "";
    int  code;

    if (launch->program->directory != NULL && getcwd(base, sizeof base) == NULL)
        base[0] = '\0'; /* what is absolute can be found all the same */
    code = put_paths(launch, memory, base, launch->program->argv[0]);
    if (code == 0)
        code = put(launch, memory, "", 1);
    return code == 0 ? 0 : no_memory(fault);
}

static int make_shell(cordon__launch *launch, const cordon__memory *memory)
{
    const char *const *argv = launch->program->argv;
    size_t             count = 0;

    while (argv[count] != NULL)
        count++;
    launch->shell = cordon__allocate(memory, (count + 2) * sizeof *launch->shell);
    if (launch->shell == NULL)
        return CORDON_ENOMEM;
    launch->shell[0] = (char *)(uintptr_t)SHELL;
    for (size_t i = 1; i <= count; i++) /* its NULL too */
        launch->shell[i + 1] = (char *)(uintptr_t)argv[i];
    return 0;
}

/* ---- its streams ------------------------------------------------------------------ */

int cordon__own_fd(int fd)
{
    int moved;
    int error;

    if (fd < 0 || fd >= CORDON__FIRST_OWN)
        return fd;
    moved = fcntl(fd, F_DUPFD_CLOEXEC, CORDON__FIRST_OWN);
    error = errno == EINVAL ? EMFILE : errno; /* a limit so low that there is no such place */
    close(fd);
    errno = error;
    return moved;
}

static int log_unsafe(cordon_fault *fault, const char *path, uint64_t expected, uint64_t actual,
                      const char *text)
{
    return cordon__fault_found(fault, CORDON_EUNSAFE, "open log", path, expected, actual, text);
}

static int check_log(int fd, const char *path, int is_new, cordon_fault *fault)
{
    struct stat info;

    if (is_new && fchmod(fd, 0600) != 0) /* the umask may have taken our own bits */
        return cordon__posix_fault(fault, "open log", errno, path);
    if (fstat(fd, &info) != 0)
        return cordon__posix_fault(fault, "open log", errno, path);
    if (!S_ISREG(info.st_mode))
        return log_unsafe(fault, path, 0, 0, "not a plain file");
    if (info.st_uid != geteuid())
        return log_unsafe(fault, path, geteuid(), info.st_uid, "owner of a log");
    if (info.st_nlink > 1)
        return log_unsafe(fault, path, 1, info.st_nlink, "this file has more than one name");
    return 0;
}

/* Appended to: a plain file of ours with one name. */
static int open_log(int *fd, const char *path, cordon_fault *fault)
{
    const int how = O_WRONLY | O_APPEND | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK | O_CLOEXEC;
    int       is_new = 1;
    int       code;

    *fd = open(path, how | O_CREAT | O_EXCL, 0600);
    if (*fd < 0 && errno == EEXIST) {
        is_new = 0;
        *fd = open(path, how);
    }
    *fd = cordon__own_fd(*fd);
    if (*fd < 0 && errno == ELOOP)
        return log_unsafe(fault, path, 0, 0, "a symbolic link where none may be");
    if (*fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM))
        return cordon__posix_fault(fault, "open log", errno, path);
    if (*fd < 0)
        return cordon__fault_os(fault, CORDON_ELAUNCH, "open log", (uint32_t)errno, path);
    code = check_log(*fd, path, is_new, fault);
    if (code == 0)
        return 0;
    close(*fd);
    *fd = -1;
    return code;
}

/* It is there, it is no descriptor of somebody's that only happens to be so low (those are
 * close-on-exec), and it is not what the program gets elsewhere. */
static int is_a_stream(const cordon__program *program, int fd)
{
    return fd != (int)program->handle && (fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0;
}

static int choose_streams(cordon__launch *launch, cordon_fault *fault)
{
    const cordon__program *program = launch->program;
    const int              is_detached = (program->flags & CORDON__DETACHED) != 0;
    const int              is_quiet = is_detached || (program->flags & CORDON__QUIET);

    for (int i = 0; i < 3; i++) {
        if (!is_quiet && is_a_stream(program, i))
            continue;
        if (launch->null < 0)
            launch->null = cordon__own_fd(open("/dev/null", O_RDWR | O_CLOEXEC));
        if (launch->null < 0)
            return cordon__posix_fault(fault, "open null device", errno, "/dev/null");
        launch->streams[i] = launch->null;
    }
    if (!is_detached || program->log == NULL)
        return 0;
    launch->streams[1] = launch->streams[2] = launch->log;
    return 0;
}

/* ---- all of it ---------------------------------------------------------------------- */

int cordon__launch_prepare(cordon__launch *launch, const cordon__program *program,
                           const cordon__memory *memory, cordon_fault *fault)
{
    int code;

    memset(launch, 0, sizeof *launch);
    launch->program = program;
    launch->null = launch->log = -1;
    launch->streams[0] = launch->streams[1] = launch->streams[2] = -1;
    launch->told[0] = launch->told[1] = launch->line[0] = launch->line[1] = -1;
    assert(program->argv != NULL && program->argv[0] != NULL);
    if (make_variable(launch, memory) != 0 || make_environment(launch, memory) != 0 ||
        make_shell(launch, memory) != 0)
        return no_memory(fault);
    code = make_paths(launch, memory, fault);
    if (code == 0 && (program->flags & CORDON__DETACHED) && program->log != NULL)
        code = open_log(&launch->log, program->log, fault);
    return code == 0 ? choose_streams(launch, fault) : code;
}

static void close_fd(int fd)
{
    if (fd >= 0)
        close(fd);
}

void cordon__launch_release(cordon__launch *launch, const cordon__memory *memory)
{
    close_fd(launch->null);
    close_fd(launch->log);
    for (int i = 0; i < 2; i++) {
        close_fd(launch->told[i]);
        close_fd(launch->line[i]);
    }
    cordon__buffer_free(&launch->paths, memory);
    cordon__release(memory, launch->shell);
    cordon__release(memory, launch->environment);
    cordon__release(memory, launch->variable);
}
