/* What the system said, in our words. */
#include "../dialect.h"

#include "place.h"

/* Not in every compiler's headers. */
#define STOPPED_ON_SYMLINK  681
#define DISK_QUOTA_EXCEEDED 1295

typedef struct meaning {
    DWORD       error; /* of GetLastError */
    int         code;
    const char *text; /* what a person can do */
} meaning;

static const meaning meanings[] = {
    {ERROR_ACCESS_DENIED, CORDON_EDENIED, "you may not do this here"},
    {ERROR_PRIVILEGE_NOT_HELD, CORDON_EDENIED, "you may not do this here"},
    {ERROR_INVALID_OWNER, CORDON_EDENIED, "you may not do this here"},
    {ERROR_WRITE_PROTECT, CORDON_EDENIED, "this file system can only be read"},
    {ERROR_TOO_MANY_OPEN_FILES, CORDON_EBUSY, "this process has too many files open"},
    {ERROR_NO_SYSTEM_RESOURCES, CORDON_EBUSY, "the system is short of resources"},
    {ERROR_NOT_ENOUGH_QUOTA, CORDON_EBUSY, "the system is short of resources"},
    {ERROR_SHARING_VIOLATION, CORDON_EBUSY, "another program has it open"},
    {ERROR_LOCK_VIOLATION, CORDON_EBUSY, "another program has it open"},
    {ERROR_PIPE_BUSY, CORDON_EBUSY, ""},
    {ERROR_NOT_ENOUGH_MEMORY, CORDON_ENOMEM, ""},
    {ERROR_OUTOFMEMORY, CORDON_ENOMEM, ""},
    {ERROR_COMMITMENT_LIMIT, CORDON_ENOMEM, ""},
    {ERROR_BROKEN_PIPE, CORDON_ECLOSED, ""},
    {ERROR_NO_DATA, CORDON_ECLOSED, ""},
    {ERROR_PIPE_NOT_CONNECTED, CORDON_ECLOSED, ""},
    {ERROR_OPERATION_ABORTED, CORDON_ECANCELED, ""},
    {STOPPED_ON_SYMLINK, CORDON_EUNSAFE, "a link where none may be"},
    {ERROR_CANT_ACCESS_FILE, CORDON_EUNSAFE, "a link where none may be"},
    {ERROR_FILENAME_EXCED_RANGE, CORDON_ENAMETOOLONG, "longer than the system takes"},
    {ERROR_BUFFER_OVERFLOW, CORDON_ENAMETOOLONG, "longer than the system takes"},
    {ERROR_NO_UNICODE_TRANSLATION, CORDON_EINVAL, "not valid Unicode"},
    {ERROR_INVALID_NAME, CORDON_EINVAL, "not a name that a file may have"},
    {ERROR_DISK_FULL, CORDON_ESYSTEM, "the file system is full"},
    {ERROR_HANDLE_DISK_FULL, CORDON_ESYSTEM, "the file system is full"},
    {DISK_QUOTA_EXCEEDED, CORDON_ESYSTEM, "your share of the file system is used up"},
    {ERROR_FILE_NOT_FOUND, CORDON_ESYSTEM, "it has gone"},
    {ERROR_PATH_NOT_FOUND, CORDON_ESYSTEM, "it has gone"},
};

int cordon__win32_fault(cordon_fault *fault, const char *during, DWORD error, const char *path)
{
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++) {
        if (meanings[i].error != error)
            continue;
        cordon__fault_os(fault, meanings[i].code, during, error, path);
        cordon__fault_text(fault, "%s", meanings[i].text);
        return meanings[i].code;
    }
    return cordon__fault_os(fault, CORDON_ESYSTEM, during, error, path);
}

int cordon__place_fault(const cordon__place *place, cordon_fault *fault, const char *during,
                        DWORD error, const char *path)
{
    const int code = cordon__win32_fault(fault, during, error, path);

    cordon__trace_fault(&place->trace, fault);
    return code;
}

int cordon__place_unsafe(const cordon__place *place, cordon_fault *fault, const char *during,
                         const char *path, const char *text)
{
    cordon__fault_found(fault, CORDON_EUNSAFE, during, path, 0, 0, text);
    cordon__trace_fault(&place->trace, fault);
    return CORDON_EUNSAFE;
}

int cordon__place_missing(const cordon__place *place, cordon_fault *fault, const char *during,
                          const char *path)
{
    cordon__fault_os(fault, CORDON_ENOTRUNNING, during, ERROR_FILE_NOT_FOUND, path);
    cordon__trace_fault(&place->trace, fault);
    return CORDON_ENOTRUNNING;
}

void cordon__place_done(const cordon__place *place, const char *during, const char *path,
                        const char *text)
{
    cordon__trace_done(&place->trace, during, path, text);
}
