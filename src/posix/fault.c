/* What the system said, in our words. */
#include "../dialect.h"

#include <errno.h>
#include <stddef.h>

#include "place.h"

typedef struct meaning {
    int         error; /* errno */
    int         code;
    const char *text; /* what a person can do */
} meaning;

static const meaning meanings[] = {
    {EACCES, CORDON_EDENIED, "you may not do this here"},
    {EPERM, CORDON_EDENIED, "you may not do this here"},
    {EROFS, CORDON_EDENIED, "this file system can only be read"},
    {EMFILE, CORDON_EBUSY, "this process has too many files open"},
    {ENFILE, CORDON_EBUSY, "the system has too many files open"},
    {ENOBUFS, CORDON_EBUSY, ""},
    {ENOMEM, CORDON_ENOMEM, ""},
    {EPIPE, CORDON_ECLOSED, ""},
    {ECONNRESET, CORDON_ECLOSED, ""},
    {ELOOP, CORDON_EUNSAFE, "a symbolic link where none may be"},
    {ENAMETOOLONG, CORDON_ENAMETOOLONG, "longer than the system takes"},
    {ENOSPC, CORDON_ESYSTEM, "the file system is full"},
    {EDQUOT, CORDON_ESYSTEM, "your share of the file system is used up"},
    {ENOENT, CORDON_ESYSTEM, "it has gone"},
};

int cordon__posix_fault(cordon_fault *fault, const char *during, int error, const char *path)
{
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++) {
        if (meanings[i].error != error)
            continue;
        cordon__fault_os(fault, meanings[i].code, during, (uint32_t)error, path);
        cordon__fault_text(fault, "%s", meanings[i].text);
        return meanings[i].code;
    }
    return cordon__fault_os(fault, CORDON_ESYSTEM, during, (uint32_t)error, path);
}

int cordon__place_fault(const cordon__place *place, cordon_fault *fault, const char *during,
                        int error, const char *path)
{
    const int code = cordon__posix_fault(fault, during, error, path);

    cordon__trace_fault(&place->trace, fault);
    return code;
}

int cordon__place_unsafe(const cordon__place *place, cordon_fault *fault, const char *during,
                         const char *path, uint64_t expected, uint64_t actual, const char *text)
{
    cordon__fault_found(fault, CORDON_EUNSAFE, during, path, expected, actual, text);
    cordon__trace_fault(&place->trace, fault);
    return CORDON_EUNSAFE;
}

int cordon__place_missing(const cordon__place *place, cordon_fault *fault, const char *during,
                          const char *path)
{
    cordon__fault_os(fault, CORDON_ENOTRUNNING, during, ENOENT, path);
    cordon__trace_fault(&place->trace, fault);
    return CORDON_ENOTRUNNING;
}

void cordon__place_done(const cordon__place *place, const char *during, const char *path,
                        const char *text)
{
    cordon__trace_done(&place->trace, during, path, text);
}

const char *cordon__kind_name(mode_t mode)
{
    if (S_ISREG(mode))
        return "a plain file";
    if (S_ISDIR(mode))
        return "a directory";
    if (S_ISLNK(mode))
        return "a symbolic link";
    if (S_ISSOCK(mode))
        return "a socket";
    if (S_ISFIFO(mode))
        return "a pipe";
    return "a device";
}
