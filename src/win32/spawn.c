/*
 * Programs that we start: with four handles at most, whatever else of the host may be inherited.
 *
 * Copies of those four can be inherited while CreateProcessW runs; a thread of the host that
 * starts a program of its own in that moment, and lets it inherit all there is, hands them on to
 * that one too. The system has no way around it.
 */
#include "../dialect.h"

#include "child.h"
#include "start.h"
#include "words.h"

#include <stdio.h>
#include <string.h>

#define KILLED   137 /* its exit status when it was ended: 128 + 9, as elsewhere */
#define VARIABLE 128 /* "CORDON_CHANNEL=2147483647:" and a word */

/* ---- what fails ---------------------------------------------------------------------------- */

static int fail_to_find(cordon_fault *fault, DWORD error, const char *name)
{
    if (error == ERROR_BAD_EXE_FORMAT)
        return cordon__launch_fault(
            fault, cordon__spawn_step, error, name,
            "only .exe and .com are started; a script is an argument of what runs it");
    return cordon__launch_fault(fault, cordon__spawn_step, error, name,
                                error == ERROR_FILE_NOT_FOUND ? "no such program" : "");
}

static int fail_in_job(cordon_fault *fault, const char *name)
{
    return cordon__launch_fault(fault, cordon__spawn_step, ERROR_ACCESS_DENIED, name,
                                "our job lets no program out of it, and may end all that is in it");
}

/* ---- what it is told --------------------------------------------------------------------------
 */

static int name_handle(cordon__start *it, cordon_fault *fault)
{
    const cordon__program *program = it->program;
    const int              is_told = program->variable && it->given[CORDON__STREAMS];
    char                   text[VARIABLE];
    DWORD                  error;

    if (is_told)
        snprintf(text, sizeof text, "%s=%lu%s%s", program->variable,
                 (unsigned long)(uintptr_t)it->given[CORDON__STREAMS], program->word ? ":" : "",
                 program->word ? program->word : "");
    error = cordon__environment(&it->environment, it->memory, program->environment,
                                is_told ? text : NULL);
    return error == 0 ? CORDON_OK
                      : cordon__launch_fault(fault, cordon__spawn_step, error, program->argv[0],
                                             "its environment");
}

static int find_directory(cordon__start *it, cordon_fault *fault)
{
    const char *path = it->program->directory;
    DWORD       attributes;

    if (!path)
        return CORDON_OK;
    it->directory = cordon__to_wide(it->memory, path);
    if (!it->directory)
        return cordon__launch_fault(fault, cordon__spawn_step, GetLastError(), path,
                                    "its directory");
    attributes = GetFileAttributesW(it->directory);
    if (attributes == INVALID_FILE_ATTRIBUTES || !(attributes & FILE_ATTRIBUTE_DIRECTORY))
        return cordon__launch_fault(fault, cordon__spawn_step, ERROR_DIRECTORY, path,
                                    "no such directory");
    return CORDON_OK;
}

static int find_words(cordon__start *it, cordon_fault *fault)
{
    const char *name = it->program->argv[0];
    DWORD       error = cordon__find_program(&it->file, it->memory, name);

    if (error != 0)
        return fail_to_find(fault, error, name);
    error = cordon__command_line(&it->line, it->memory, it->program->argv);
    return error == 0
               ? CORDON_OK
               : cordon__launch_fault(fault, cordon__spawn_step, error, name, "its arguments");
}

/* ---- its job -----------------------------------------------------------------------------------
 */

static int limit_job(HANDLE job, DWORD flags)
{
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limit;

    memset(&limit, 0, sizeof limit);
    limit.BasicLimitInformation.LimitFlags = flags;
    return SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limit, sizeof limit);
}

/* It, and what it starts, ends with us; but for what it starts detached, as we do. */
static int make_job(cordon__start *it, cordon_fault *fault)
{
    if (it->program->flags & (CORDON__DETACHED | CORDON__OUTLIVES_US))
        return CORDON_OK;
    it->job = CreateJobObjectW(NULL, NULL);
    if (it->job &&
        limit_job(it->job, JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | JOB_OBJECT_LIMIT_BREAKAWAY_OK))
        return CORDON_OK;
    return cordon__launch_fault(fault, cordon__spawn_step, GetLastError(), it->program->argv[0],
                                "its job");
}

/* ---- the start
 * ----------------------------------------------------------------------------------- */

/* Is there a console that a program would share with us? Else it would be given one, with a
 * window that nobody asked for. */
static int have_console(void)
{
    DWORD first;

    return GetConsoleProcessList(&first, 1) > 0;
}

static DWORD create(cordon__start *it, DWORD more)
{
    const int is_detached = (it->program->flags & CORDON__DETACHED) != 0;
    DWORD     flags = EXTENDED_STARTUPINFO_PRESENT | CREATE_UNICODE_ENVIRONMENT | more;

    if (is_detached)
        flags |= DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP;
    else if (!have_console())
        flags |= CREATE_NO_WINDOW;
    return CreateProcessW(it->file, it->line, NULL, NULL, TRUE, flags, it->environment,
                          it->directory, &it->how.StartupInfo, &it->made)
               ? 0
               : GetLastError();
}

/* What has not taken its first step leaves no trace. */
static void take_back(cordon__start *it)
{
    TerminateProcess(it->made.hProcess, KILLED);
    CloseHandle(it->made.hThread);
    CloseHandle(it->made.hProcess);
}

static int let_go_outside(cordon__start *it, cordon_fault *fault)
{
    BOOL is_inside = TRUE;

    if (!(it->program->flags & CORDON__KEEPS_JOB) &&
        (!IsProcessInJob(it->made.hProcess, NULL, &is_inside) || is_inside)) {
        take_back(it); /* a job around our job keeps it, perhaps */
        return fail_in_job(fault, it->program->argv[0]);
    }
    ResumeThread(it->made.hThread);
    return CORDON_OK;
}

/* When the job says no there are three reasons: it keeps all, or lets all out by itself, or the
 * file may not be run by us. So try without asking the job, and look. */
static int create_outside(cordon__start *it, cordon_fault *fault)
{
    DWORD error = create(it, CREATE_SUSPENDED | CREATE_BREAKAWAY_FROM_JOB);

    if (error == ERROR_ACCESS_DENIED)
        error = create(it, CREATE_SUSPENDED);
    if (error != 0)
        return cordon__launch_fault(fault, cordon__spawn_step, error, it->program->argv[0],
                                    "the system does not start it");
    return let_go_outside(it, fault);
}

static int create_any(cordon__start *it, cordon_fault *fault)
{
    BOOL  is_in_job = FALSE;
    DWORD error;

    if ((it->program->flags & CORDON__DETACHED) &&
        (!IsProcessInJob(GetCurrentProcess(), NULL, &is_in_job) || is_in_job))
        return create_outside(it, fault);
    error = create(it, 0);
    return error == 0 ? CORDON_OK
                      : cordon__launch_fault(fault, cordon__spawn_step, error, it->program->argv[0],
                                             "the system does not start it");
}

/* It is in its job from the first moment: nothing is left if we are killed in between. */
static DWORD list_all(cordon__start *it)
{
    const size_t count = it->given[CORDON__STREAMS] ? CORDON__GIVEN : CORDON__STREAMS;

    if (!UpdateProcThreadAttribute(it->how.lpAttributeList, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST,
                                   it->given, count * sizeof it->given[0], NULL, NULL))
        return GetLastError();
    if (it->job &&
        !UpdateProcThreadAttribute(it->how.lpAttributeList, 0, PROC_THREAD_ATTRIBUTE_JOB_LIST,
                                   &it->job, sizeof it->job, NULL, NULL))
        return GetLastError();
    return 0;
}

static int create_listed(cordon__start *it, cordon_fault *fault)
{
    DWORD error;
    int   code;

    it->how.StartupInfo.cb = sizeof it->how;
    it->how.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
    it->how.StartupInfo.hStdInput = it->given[0];
    it->how.StartupInfo.hStdOutput = it->given[1];
    it->how.StartupInfo.hStdError = it->given[2];
    error = list_all(it);
    code = error == 0
               ? create_any(it, fault)
               : cordon__launch_fault(fault, cordon__spawn_step, error, it->program->argv[0], "");
    DeleteProcThreadAttributeList(it->how.lpAttributeList);
    return code;
}

static int create_with_list(cordon__start *it, cordon_fault *fault)
{
    SIZE_T size = 0;
    int    code;

    InitializeProcThreadAttributeList(NULL, 2, 0, &size);
    it->how.lpAttributeList = cordon__allocate(it->memory, size);
    if (!it->how.lpAttributeList)
        return cordon__fault_set(fault, CORDON_ENOMEM, cordon__spawn_step);
    if (InitializeProcThreadAttributeList(it->how.lpAttributeList, 2, 0, &size))
        code = create_listed(it, fault);
    else
        code = cordon__launch_fault(fault, cordon__spawn_step, GetLastError(), it->program->argv[0],
                                    "");
    cordon__release(it->memory, it->how.lpAttributeList);
    return code;
}

/* ---- the contract's verbs
 * ------------------------------------------------------------------------ */

static void forget(cordon__start *it)
{
    for (int n = 0; n < CORDON__GIVEN; n++)
        if (it->given[n])
            CloseHandle(it->given[n]);
    cordon__release(it->memory, it->file);
    cordon__release(it->memory, it->line);
    cordon__release(it->memory, it->environment);
    cordon__release(it->memory, it->directory);
}

/* On success its process and its job are still open. */
static int run(cordon__start *it, cordon_fault *fault)
{
    int code = find_words(it, fault);

    if (code == CORDON_OK)
        code = find_directory(it, fault);
    if (code == CORDON_OK)
        code = cordon__give(it, fault);
    if (code == CORDON_OK)
        code = name_handle(it, fault);
    if (code == CORDON_OK)
        code = make_job(it, fault);
    if (code == CORDON_OK)
        code = create_with_list(it, fault);
    forget(it);
    if (code == CORDON_OK)
        CloseHandle(it->made.hThread);
    else if (it->job)
        CloseHandle(it->job);
    return code;
}

int cordon__spawn(cordon__child **child, const cordon__program *program,
                  const cordon__memory *memory, const cordon__trace *trace, cordon_fault *fault)
{
    cordon__child *made = cordon__allocate(memory, sizeof *made);
    cordon__start  it;
    int            code;

    if (!made)
        return cordon__fault_set(fault, CORDON_ENOMEM, cordon__spawn_step);
    memset(&it, 0, sizeof it);
    it.program = program;
    it.memory = memory;
    code = run(&it, fault);
    if (code != CORDON_OK) {
        cordon__release(memory, made);
        cordon__trace_fault(trace, fault);
        return code;
    }
    made->memory = *memory;
    made->process = it.made.hProcess;
    made->job = it.job;
    made->pid = it.made.dwProcessId;
    cordon__trace_done(trace, cordon__spawn_step, program->argv[0], NULL);
    *child = made;
    return CORDON_OK;
}

uint64_t cordon__child_pid(const cordon__child *child)
{
    return child->pid;
}

int cordon__child_look(cordon__child *child, int *status)
{
    DWORD code;

    if (WaitForSingleObject(child->process, 0) != WAIT_OBJECT_0)
        return CORDON__RUNNING;
    *status = GetExitCodeProcess(child->process, &code) ? (int)code : -1;
    return CORDON_OK;
}

/* A wait may end a little before its time by our clock. */
int cordon__child_wait(cordon__child *child, int *status, uint64_t deadline, cordon_fault *fault)
{
    while (cordon__child_look(child, status) == CORDON__RUNNING) {
        const uint64_t now = cordon__now();

        if (now >= deadline)
            return cordon__fault_set(fault, CORDON_ETIMEDOUT, "wait for program");
        WaitForSingleObject(child->process,
                            deadline - now < INFINITE ? (DWORD)(deadline - now) : INFINITE);
    }
    return CORDON_OK;
}

/* There is no asking: a Ctrl-Break reaches whoever shares its console, us too, and a window's
 * message needs a window. Who has a channel to it asks by closing that. */
void cordon__child_end(cordon__child *child, int is_asked)
{
    if (is_asked)
        return;
    if (child->job)
        TerminateJobObject(child->job, KILLED);
    else
        TerminateProcess(child->process, KILLED);
}

/* In its job is what it has started. That goes on, when it has ended itself. */
void cordon__child_close(cordon__child *child)
{
    int status;

    if (!child)
        return;
    if (child->job && cordon__child_look(child, &status) != CORDON__RUNNING)
        limit_job(child->job, JOB_OBJECT_LIMIT_BREAKAWAY_OK);
    if (child->job)
        CloseHandle(child->job);
    CloseHandle(child->process);
    cordon__release(&child->memory, child);
}
