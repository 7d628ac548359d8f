/*
 * Not with libuv's uv_spawn: on Windows it lets a program inherit whatever may be inherited, and
 * starts it before anybody can put it into a job, so that what it starts at once gets away.
 */
#include "start.h"

#include <io.h>
#include <stdlib.h>
#include <string.h>

struct program {
    uv_async_t     ended;
    HANDLE         process, job, wait;
    program_exited on_exit;
    void          *owner;
    int            is_forgotten, is_closed;
};

/* ---- words ----------------------------------------------------------------------------- */

struct words {
    wchar_t *data;
    size_t   size, room;
    int      is_broken; /* no memory */
};

static void put_wide(struct words *words, wchar_t character)
{
    if (words->size == words->room) {
        size_t   room = words->room ? words->room * 2 : 256;
        wchar_t *grown = realloc(words->data, room * sizeof *grown);

        if (grown == NULL) {
            words->is_broken = 1;
            return;
        }
        words->data = grown;
        words->room = room;
    }
    words->data[words->size++] = character;
}

static wchar_t *to_wide(const char *text)
{
    int      size = MultiByteToWideChar(CP_UTF8, 0, text, -1, NULL, 0);
    wchar_t *wide = size > 0 ? malloc((size_t)size * sizeof *wide) : NULL;

    if (wide != NULL)
        MultiByteToWideChar(CP_UTF8, 0, text, -1, wide, size);
    return wide;
}

/* As the programs' own start-up code takes it apart: a quote has a backslash before it, and so has
 * each backslash that stands right before a quote. What needs no quotes has none, for those that
 * read the line by rules of their own (cmd). */
static void put_quoted(struct words *words, const wchar_t *word)
{
    const int is_plain = *word != 0 && wcspbrk(word, L" \t\n\v\"") == NULL;
    size_t    slashes = 0;

    if (is_plain) {
        for (; *word != 0; word++)
            put_wide(words, *word);
        return;
    }
    put_wide(words, L'"');
    for (; *word != 0; word++) {
        if (*word == L'"')
            for (slashes++; slashes > 0; slashes--)
                put_wide(words, L'\\');
        slashes = *word == L'\\' ? slashes + 1 : 0;
        put_wide(words, *word);
    }
    for (; slashes > 0; slashes--)
        put_wide(words, L'\\');
    put_wide(words, L'"');
}

/* All of them as one line, to be freed; NULL: no memory. */
static wchar_t *make_line(char **command)
{
    struct words words = {NULL, 0, 0, 0};

    for (int i = 0; command[i] != NULL; i++) {
        wchar_t *word = to_wide(command[i]);

        if (i > 0)
            put_wide(&words, L' ');
        if (word != NULL)
            put_quoted(&words, word);
        else
            words.is_broken = 1;
        free(word);
    }
    put_wide(&words, 0);
    if (!words.is_broken)
        return words.data;
    free(words.data);
    return NULL;
}

/* ---- the file ---------------------------------------------------------------------------- */

/* `path` is PATH, or "." for a name with a folder. 0: not there. */
static DWORD search(const wchar_t *path, const wchar_t *name, wchar_t *found, DWORD room)
{
    wchar_t *full = NULL;
    DWORD    size = 0;
    size_t   bytes = (wcslen(name) + 1) * sizeof *name;

    full = malloc(bytes + sizeof L".exe");
    if (full == NULL)
        return 0;
    memcpy(full, name, bytes);
    wcscat(full, L".exe");
    size = SearchPathW(path, full, NULL, room, found, NULL);
    if (size == 0)
        size = SearchPathW(path, name, NULL, room, found, NULL);
    free(full);
    return size < room ? size : 0;
}

#define PATH_ROOM 32768

/* As on other systems: a bare name is looked for in the PATH alone, not in this folder. NULL: not
 * there. To be freed. */
static wchar_t *find_program(const char *typed)
{
    wchar_t *name = to_wide(typed);
    wchar_t *path = malloc(PATH_ROOM * sizeof *path);
    wchar_t *found = malloc(PATH_ROOM * sizeof *found);
    DWORD    size = 0;

    if (name != NULL && path != NULL && found != NULL) {
        DWORD told = GetEnvironmentVariableW(L"PATH", path, PATH_ROOM);

        if (wcspbrk(name, L"\\/:") != NULL)
            size = search(L".", name, found, PATH_ROOM);
        else if (told > 0 && told < PATH_ROOM)
            size = search(path, name, found, PATH_ROOM);
    }
    free(name);
    free(path);
    if (size > 0)
        return found;
    free(found);
    return NULL;
}

/* ---- the start ------------------------------------------------------------------------ */

/* All that is in it ends with us; program_forget takes that back. As elsewhere, a program may leave
 * its group if it says so. */
static int bind_to_us(HANDLE job, int is_bound)
{
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limit;

    memset(&limit, 0, sizeof limit);
    limit.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_DIE_ON_UNHANDLED_EXCEPTION |
                                             JOB_OBJECT_LIMIT_BREAKAWAY_OK |
                                             (is_bound ? JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE : 0u);
    return SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limit, sizeof limit);
}

/* Ends of pipes that may be inherited; the caller closes them. */
static int copy_streams(HANDLE copies[3], const uv_file streams[3])
{
    HANDLE self = GetCurrentProcess();

    for (int fd = 0; fd < 3; fd++)
        if (!DuplicateHandle(self, (HANDLE)_get_osfhandle(streams[fd]), self, &copies[fd], 0, TRUE,
                             DUPLICATE_SAME_ACCESS))
            return uv_translate_sys_error((int)GetLastError());
    return 0;
}

/* Suspended, without a window, with these three handles and no other. */
static int create(PROCESS_INFORMATION *made, const wchar_t *file, wchar_t *line, HANDLE handles[3],
                  LPPROC_THREAD_ATTRIBUTE_LIST list)
{
    STARTUPINFOEXW how;
    DWORD          flags = CREATE_SUSPENDED | CREATE_NO_WINDOW | EXTENDED_STARTUPINFO_PRESENT |
                  CREATE_UNICODE_ENVIRONMENT;

    memset(&how, 0, sizeof how);
    how.StartupInfo.cb = sizeof how;
    how.StartupInfo.dwFlags = STARTF_USESTDHANDLES | STARTF_USESHOWWINDOW;
    how.StartupInfo.wShowWindow = SW_HIDE;
    how.StartupInfo.hStdInput = handles[0];
    how.StartupInfo.hStdOutput = handles[1];
    how.StartupInfo.hStdError = handles[2];
    how.lpAttributeList = list;
    if (!UpdateProcThreadAttribute(list, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, handles,
                                   3 * sizeof handles[0], NULL, NULL) ||
        !CreateProcessW(file, line, NULL, NULL, TRUE, flags, NULL, NULL, &how.StartupInfo, made))
        return uv_translate_sys_error((int)GetLastError());
    return 0;
}

static int create_listed(PROCESS_INFORMATION *made, const wchar_t *file, wchar_t *line,
                         HANDLE handles[3])
{
    LPPROC_THREAD_ATTRIBUTE_LIST list;
    SIZE_T                       size = 0;
    int                          code;

    InitializeProcThreadAttributeList(NULL, 1, 0, &size);
    list = malloc(size);
    if (list == NULL)
        return UV_ENOMEM;
    if (!InitializeProcThreadAttributeList(list, 1, 0, &size)) {
        free(list);
        return UV_ENOMEM;
    }
    code = create(made, file, line, handles, list);
    DeleteProcThreadAttributeList(list);
    free(list);
    return code;
}

static int create_with(PROCESS_INFORMATION *made, char **command, const uv_file streams[3])
{
    HANDLE   copies[3] = {NULL, NULL, NULL};
    wchar_t *file = find_program(command[0]);
    wchar_t *line = make_line(command);
    int      code = file == NULL ? UV_ENOENT : line == NULL ? UV_ENOMEM : 0;

    if (code == 0)
        code = copy_streams(copies, streams);
    if (code == 0)
        code = create_listed(made, file, line, copies);
    for (int fd = 0; fd < 3; fd++)
        if (copies[fd] != NULL)
            CloseHandle(copies[fd]);
    free(file);
    free(line);
    return code;
}

/* ---- its end ------------------------------------------------------------------------------ */

static void on_closed(uv_handle_t *handle)
{
    struct program *program = handle->data;

    program->is_closed = 1;
    if (program->is_forgotten)
        free(program);
}

static void on_ended(uv_async_t *ended)
{
    struct program *program = ended->data;
    DWORD           status = 0;

    UnregisterWaitEx(program->wait, INVALID_HANDLE_VALUE);
    GetExitCodeProcess(program->process, &status);
    CloseHandle(program->process);
    uv_close((uv_handle_t *)ended, on_closed);
    program->on_exit(program->owner, status, 0);
}

/* On a thread of the system's. */
static void CALLBACK tell_ended(void *context, BOOLEAN is_late)
{
    struct program *program = context;

    (void)is_late;
    uv_async_send(&program->ended);
}

/* Into its job before its first step, so that whatever it starts is in there too. */
static int let_go(struct program *program, const PROCESS_INFORMATION *made)
{
    if (!bind_to_us(program->job, 1) || !AssignProcessToJobObject(program->job, made->hProcess) ||
        !RegisterWaitForSingleObject(&program->wait, made->hProcess, tell_ended, program, INFINITE,
                                     WT_EXECUTEINWAITTHREAD | WT_EXECUTEONLYONCE))
        return uv_translate_sys_error((int)GetLastError());
    ResumeThread(made->hThread);
    return 0;
}

static int run(struct program *program, char **command, const uv_file streams[3])
{
    PROCESS_INFORMATION made;
    int                 code = create_with(&made, command, streams);

    if (code != 0)
        return code;
    program->process = made.hProcess;
    code = let_go(program, &made);
    CloseHandle(made.hThread);
    if (code == 0)
        return 0;
    TerminateProcess(made.hProcess, 1);
    CloseHandle(made.hProcess);
    return code;
}

int program_start(struct program **program, uv_loop_t *uv, char **command, const uv_file streams[3],
                  program_exited on_exit, void *owner)
{
    struct program *made = calloc(1, sizeof *made);
    int             code;

    if (made == NULL)
        return UV_ENOMEM;
    made->on_exit = on_exit;
    made->owner = owner;
    made->ended.data = made;
    code = uv_async_init(uv, &made->ended, on_ended);
    if (code != 0) {
        free(made);
        return code;
    }
    made->job = CreateJobObjectW(NULL, NULL);
    code = made->job != NULL ? run(made, command, streams) : UV_ENOMEM;
    if (code == 0) {
        *program = made;
        return 0;
    }
    if (made->job != NULL)
        CloseHandle(made->job);
    made->is_forgotten = 1;
    uv_close((uv_handle_t *)&made->ended, on_closed);
    return code;
}

void program_end(struct program *program)
{
    TerminateJobObject(program->job, 1);
}

void program_forget(struct program *program)
{
    if (program == NULL)
        return;
    bind_to_us(program->job, 0);
    CloseHandle(program->job);
    program->is_forgotten = 1;
    if (program->is_closed)
        free(program);
}
