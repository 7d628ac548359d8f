/* What a program is given: copies that may be inherited, its streams and its log. */
#include "../dialect.h"

#include "start.h"

static const char log_step[] = "open log";
/* ---- what fails ---------------------------------------------------------------------------- */

const char cordon__spawn_step[] = "start program";

int cordon__launch_fault(cordon_fault *fault, const char *during, DWORD error, const char *path,
                         const char *text)
{
    const int code = cordon__win32_fault(fault, during, error, path);

    if (code == CORDON_ENOMEM || (code == CORDON_EBUSY && error != ERROR_SHARING_VIOLATION))
        return code;
    cordon__fault_os(fault, CORDON_ELAUNCH, during, error, path);
    cordon__fault_text(fault, "%s", text);
    return CORDON_ELAUNCH;
}

/* ---- its streams ----------------------------------------------------------------------------- */

/* 0, or GetLastError. */
static DWORD copy(HANDLE *to, HANDLE from)
{
    return DuplicateHandle(GetCurrentProcess(), from, GetCurrentProcess(), to, 0, TRUE,
                           DUPLICATE_SAME_ACCESS)
               ? 0
               : GetLastError();
}

static DWORD open_nowhere(HANDLE *to)
{
    SECURITY_ATTRIBUTES inherited = {sizeof inherited, NULL, TRUE};

    *to = CreateFileW(L"\\\\.\\NUL", GENERIC_READ | GENERIC_WRITE,
                      FILE_SHARE_READ | FILE_SHARE_WRITE, &inherited, OPEN_EXISTING, 0, NULL);
    if (*to != INVALID_HANDLE_VALUE)
        return 0;
    *to = NULL;
    return GetLastError();
}

/* Ours; one that we do not have is nowhere. */
static DWORD copy_stream(HANDLE *to, DWORD which)
{
    const HANDLE own = GetStdHandle(which);

    if (own == NULL || own == INVALID_HANDLE_VALUE || copy(to, own) != 0)
        return open_nowhere(to);
    return 0;
}

static int give_streams(cordon__start *it, HANDLE log, cordon_fault *fault)
{
    static const DWORD names[CORDON__STREAMS] = {STD_INPUT_HANDLE, STD_OUTPUT_HANDLE,
                                                 STD_ERROR_HANDLE};
    const int          is_quiet = (it->program->flags & (CORDON__DETACHED | CORDON__QUIET)) != 0;
    DWORD              error = 0;

    for (int n = 0; n < CORDON__STREAMS && error == 0; n++) {
        if (log && n > 0)
            error = copy(&it->given[n], log);
        else if (is_quiet)
            error = open_nowhere(&it->given[n]);
        else
            error = copy_stream(&it->given[n], names[n]);
    }
    return error == 0 ? CORDON_OK
                      : cordon__launch_fault(fault, cordon__spawn_step, error, it->program->argv[0],
                                             "its streams");
}

/* ---- its log --------------------------------------------------------------------------------- */

#define WRITE_RIGHTS                                                                       \
    (FILE_WRITE_DATA | FILE_APPEND_DATA | FILE_WRITE_EA | FILE_WRITE_ATTRIBUTES | DELETE | \
     WRITE_DAC | WRITE_OWNER)

#define NO_FILE (FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_REPARSE_POINT)

static int refuse_log(cordon_fault *fault, const char *path, const char *text)
{
    return cordon__fault_found(fault, CORDON_EUNSAFE, log_step, path, 0, 0, text);
}

/* A plain file that nobody else can write to: who reads its last line believes it. */
static int check_log(HANDLE file, const cordon__self *self, const char *path, cordon_fault *fault)
{
    BY_HANDLE_FILE_INFORMATION info;
    enum cordon__access        found = CORDON__ACCESS_FOREIGN;
    DWORD                      error = 0;

    if (!GetFileInformationByHandle(file, &info))
        return cordon__launch_fault(fault, log_step, GetLastError(), path, "");
    if ((info.dwFileAttributes & NO_FILE) || info.nNumberOfLinks > 1)
        return refuse_log(fault, path, "a link instead of a plain file");
    error = cordon__access_of(&found, file, self, WRITE_RIGHTS, 0);
    if (error != 0)
        return cordon__launch_fault(fault, log_step, error, path, "");
    if (found != CORDON__ACCESS_OURS)
        return refuse_log(fault, path, "it belongs to another user, or others write to it");
    return CORDON_OK;
}

static int explain_log(const wchar_t *path, const char *told, DWORD error, cordon_fault *fault)
{
    const DWORD attributes = GetFileAttributesW(path);

    if (attributes != INVALID_FILE_ATTRIBUTES && (attributes & NO_FILE))
        return refuse_log(fault, told, "a link or a directory instead of a plain file");
    return cordon__launch_fault(fault, log_step, error, told, "");
}

/* Everything that is written goes to its end: there is no right to write elsewhere. */
static int open_guarded(HANDLE *file, const wchar_t *path, const char *told, cordon_fault *fault)
{
    const DWORD   access = FILE_APPEND_DATA | FILE_READ_ATTRIBUTES | READ_CONTROL | SYNCHRONIZE;
    cordon__self  self;
    cordon__guard guard;
    int           code = cordon__self_ask(&self, fault);

    if (code == CORDON_OK)
        code = cordon__guard_open(&guard, &self, CORDON__GUARD_FILE, fault);
    if (code != CORDON_OK)
        return code;
    *file = CreateFileW(path, access, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                        &guard.attributes, OPEN_ALWAYS,
                        FILE_ATTRIBUTE_NORMAL | FILE_FLAG_OPEN_REPARSE_POINT, NULL);
    code =
        *file != INVALID_HANDLE_VALUE ? CORDON_OK : explain_log(path, told, GetLastError(), fault);
    cordon__guard_close(&guard);
    if (code != CORDON_OK)
        return code;
    code = check_log(*file, &self, told, fault);
    if (code != CORDON_OK)
        CloseHandle(*file);
    return code;
}

static int open_log(HANDLE *file, const cordon__start *it, cordon_fault *fault)
{
    const char *path = it->program->log;
    wchar_t    *wide;
    int         code;

    *file = NULL;
    if (!path || !(it->program->flags & CORDON__DETACHED))
        return CORDON_OK;
    wide = cordon__to_wide(it->memory, path);
    if (!wide)
        return cordon__launch_fault(fault, log_step, GetLastError(), path, "");
    code = open_guarded(file, wide, path, fault);
    cordon__release(it->memory, wide);
    return code;
}

/* ---- all of it --------------------------------------------------------------------------------
 */

/* The three streams and the handle, as they are named there: the values are the same. */
int cordon__give(cordon__start *it, cordon_fault *fault)
{
    HANDLE log = NULL;
    DWORD  error;
    int    code = open_log(&log, it, fault);

    if (code == CORDON_OK)
        code = give_streams(it, log, fault);
    if (log)
        CloseHandle(log);
    if (code != CORDON_OK || it->program->handle == CORDON__NO_HANDLE)
        return code;
    error = copy(&it->given[CORDON__STREAMS], (HANDLE)it->program->handle);
    return error == 0 ? CORDON_OK
                      : cordon__launch_fault(fault, cordon__spawn_step, error, it->program->argv[0],
                                             "its handle");
}
