/* Other processes. */
#include "inner.h"

#include <errno.h>

static HANDLE handle_of(support_pid pid)
{
    return (HANDLE)pid;
}

int support_has_ended(support_pid pid, int *status)
{
    DWORD code;

    if (WaitForSingleObject(handle_of(pid), 0) != WAIT_OBJECT_0)
        return 0;
    SUPPORT_CHECK(GetExitCodeProcess(handle_of(pid), &code));
    CloseHandle(handle_of(pid));
    *status = (int)code;
    return 1;
}

void support_end(support_pid pid)
{
    TerminateProcess(handle_of(pid), SUPPORT_KILLED);
    SUPPORT_CHECK(WaitForSingleObject(handle_of(pid), SUPPORT_SOON) == WAIT_OBJECT_0);
    CloseHandle(handle_of(pid));
}

void support_end_self(void)
{
    TerminateProcess(GetCurrentProcess(), SUPPORT_KILLED);
}

void support_end_other(uint64_t pid)
{
    const HANDLE process = OpenProcess(PROCESS_TERMINATE | SYNCHRONIZE, FALSE, (DWORD)pid);

    SUPPORT_CHECK(process != NULL);
    support_end((support_pid)process);
}

/* The system has these two, and does not document them. */
static void call_on_process(const char *name, support_pid pid)
{
    union {
        FARPROC plain;
        LONG(NTAPI *typed)(HANDLE process);
    } call;

    call.plain = GetProcAddress(GetModuleHandleW(L"ntdll.dll"), name);
    SUPPORT_CHECK(call.plain != NULL && call.typed(handle_of(pid)) >= 0);
}

void support_freeze(support_pid pid)
{
    call_on_process("NtSuspendProcess", pid);
}

void support_thaw(support_pid pid)
{
    call_on_process("NtResumeProcess", pid);
}

int support_ask_to_end(support_pid pid)
{
    (void)pid;
    return 0;
}

int support_is_in_valgrind(void)
{
    return 0;
}

int support_is_wine(void)
{
    return GetProcAddress(GetModuleHandleW(L"ntdll.dll"), "wine_get_version") != NULL;
}

const char *support_bin(void)
{
    static char program[SUPPORT_PATH];
    const char *path = getenv("CORDON_BIN");

    if (path == NULL)
        return NULL;
    snprintf(program, sizeof program, "%s", path);
    if (!support_exists(program))
        snprintf(program, sizeof program, "%s.exe", path);
    return support_exists(program) ? program : NULL;
}

int support_is_us(const cordon_peer *peer)
{
    const unsigned known = CORDON_PEER_SID | CORDON_PEER_PID;
    char           own[192];

    support_own_sid(own, sizeof own);
    return (peer->known & known) == known && strcmp(peer->sid, own) == 0 &&
           peer->pid == GetCurrentProcessId();
}

void support_pause_us(unsigned us)
{
    Sleep((us + 999) / 1000);
}

void support_yield(void)
{
    Sleep(0);
}

/* ---- starting ---- */

/* All that we start ends with us. */
static HANDLE family(void)
{
    static HANDLE                        job;
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limit;

    if (job != NULL)
        return job;
    memset(&limit, 0, sizeof limit);
    limit.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
    job = CreateJobObjectW(NULL, NULL);
    SUPPORT_CHECK(job != NULL);
    SUPPORT_CHECK(
        SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limit, sizeof limit));
    return job;
}

static void cannot(const char *what)
{
    char text[80];

    snprintf(text, sizeof text, "%s: error %lu", what, GetLastError());
    support_failed(text, __FILE__, __LINE__);
}

/* One that we could not end later would wait for ever, and whoever reads its streams with it. */
static void adopt(HANDLE process)
{
    DWORD error;

    if (AssignProcessToJobObject(family(), process))
        return;
    error = GetLastError();
    TerminateProcess(process, SUPPORT_BROKEN);
    SetLastError(error);
    cannot("put a child into our job");
}

/* On a busy machine one program of some thousands ends under Wine before its first line, whoever
 * starts it: it is started again. Suspended, with these handles and no others; all three streams at
 * `streams`, unless NULL. */
static PROCESS_INFORMATION start(const char *line, HANDLE *handles, DWORD count, HANDLE streams)
{
    static wchar_t      wide[8 * SUPPORT_PATH];
    STARTUPINFOEXW      how;
    PROCESS_INFORMATION made = {0};
    SIZE_T              size = 0;
    int                 tries = 3;
    DWORD               flags = CREATE_SUSPENDED | EXTENDED_STARTUPINFO_PRESENT;

    SUPPORT_CHECK(MultiByteToWideChar(CP_UTF8, 0, line, -1, wide, 8 * SUPPORT_PATH) > 0);
    memset(&how, 0, sizeof how);
    how.StartupInfo.cb = sizeof how;
    if (streams != NULL) {
        how.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
        how.StartupInfo.hStdInput = streams;
        how.StartupInfo.hStdOutput = streams;
        how.StartupInfo.hStdError = streams;
    }
    InitializeProcThreadAttributeList(NULL, 1, 0, &size);
    how.lpAttributeList = malloc(size);
    SUPPORT_CHECK(InitializeProcThreadAttributeList(how.lpAttributeList, 1, 0, &size));
    if (count > 0)
        SUPPORT_CHECK(UpdateProcThreadAttribute(how.lpAttributeList, 0,
                                                PROC_THREAD_ATTRIBUTE_HANDLE_LIST, handles,
                                                count * sizeof *handles, NULL, NULL));
    while (!CreateProcessW(NULL, wide, NULL, NULL, count > 0, flags, NULL, NULL, &how.StartupInfo,
                           &made))
        if (GetLastError() != ERROR_INTERNAL_ERROR || --tries == 0)
            cannot("start a child");
    SUPPORT_CHECK(made.hProcess != NULL); /* Wine starts a script for Unix, and has none */
    DeleteProcThreadAttributeList(how.lpAttributeList);
    free(how.lpAttributeList);
    adopt(made.hProcess);
    return made;
}

/* ---- telling of steps ---- */

static HANDLE line_of(support_line line)
{
    return (HANDLE)line;
}

void support_signal_open(support_signal *line)
{
    HANDLE read_end, write_end;

    SUPPORT_CHECK(CreatePipe(&read_end, &write_end, NULL, 0));
    line->ends[0] = (support_line)read_end;
    line->ends[1] = (support_line)write_end;
}

void support_signal_send(support_signal *line, char byte)
{
    DWORD done;

    SUPPORT_CHECK(WriteFile(line_of(line->ends[1]), &byte, 1, &done, NULL) && done == 1);
}

int support_signal_wait(support_signal *line, int ms)
{
    const uint64_t deadline = support_now() + (uint64_t)(ms < 0 ? 0 : ms);
    DWORD          there = 0, got;
    char           byte;

    for (;;) { /* an anonymous pipe cannot be waited for */
        if (!PeekNamedPipe(line_of(line->ends[0]), NULL, 0, NULL, &there, NULL))
            return -2;
        if (there > 0)
            break;
        if (ms >= 0 && support_now() >= deadline)
            return -1;
        Sleep(2);
    }
    SUPPORT_CHECK(ReadFile(line_of(line->ends[0]), &byte, 1, &got, NULL) && got == 1);
    return (unsigned char)byte;
}

void support_signal_close(support_signal *line)
{
    for (int n = 0; n < 2; n++) {
        if (line->ends[n] != 0)
            CloseHandle(line_of(line->ends[n]));
        line->ends[n] = 0;
    }
}

/* ---- programs that are let go all at once ---- */

struct support_gate {
    HANDLE threads[1024];
    int    count;
};

void support_gate_open(support_gate **gate)
{
    *gate = calloc(1, sizeof **gate);
    SUPPORT_CHECK(*gate != NULL);
}

static HANDLE open_nowhere(void)
{
    SECURITY_ATTRIBUTES inherited = {sizeof inherited, NULL, TRUE};
    HANDLE              nowhere =
        CreateFileW(L"NUL", GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE,
                    &inherited, OPEN_EXISTING, 0, NULL);

    SUPPORT_CHECK(nowhere != INVALID_HANDLE_VALUE);
    return nowhere;
}

support_pid support_gate_start(support_gate *gate, const char *const *arguments)
{
    char                line[8 * SUPPORT_PATH] = "";
    HANDLE              nowhere = open_nowhere();
    PROCESS_INFORMATION made;

    for (int n = 0; arguments[n] != NULL; n++) {
        const size_t used = strlen(line);

        SUPPORT_CHECK(snprintf(line + used, sizeof line - used, "%s\"%s\"", n > 0 ? " " : "",
                               arguments[n]) < (int)(sizeof line - used));
    }
    made = start(line, &nowhere, 1, nowhere);
    CloseHandle(nowhere);
    SUPPORT_CHECK(gate->count < 1024);
    gate->threads[gate->count++] = made.hThread;
    return (support_pid)made.hProcess;
}

void support_gate_go(support_gate *gate)
{
    for (int n = 0; n < gate->count; n++) {
        ResumeThread(gate->threads[n]);
        CloseHandle(gate->threads[n]);
    }
    free(gate);
}

/* ---- children that play a part ---- */

static HANDLE inherited(support_line line)
{
    SUPPORT_CHECK(SetHandleInformation(line_of(line), HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT));
    return line_of(line);
}

void support_start(support_child *child, const support_part *parts, const char *name,
                   const char *argument)
{
    static char         line[8 * SUPPORT_PATH];
    char                program[SUPPORT_PATH];
    wchar_t             wide[SUPPORT_PATH];
    HANDLE              handles[2];
    PROCESS_INFORMATION made;

    (void)support_part_named(parts, name);
    support_signal_open(&child->told);
    support_signal_open(&child->orders);
    handles[0] = inherited(child->told.ends[1]);
    handles[1] = inherited(child->orders.ends[0]);
    SUPPORT_CHECK(GetModuleFileNameW(NULL, wide, SUPPORT_PATH) > 0);
    WideCharToMultiByte(CP_UTF8, 0, wide, -1, program, SUPPORT_PATH, NULL, NULL);
    snprintf(line, sizeof line, "\"%s\" --part %s %llu %llu \"%s\"", program, name,
             (unsigned long long)(uintptr_t)handles[0], (unsigned long long)(uintptr_t)handles[1],
             argument);
    made = start(line, handles, 2, NULL);
    ResumeThread(made.hThread);
    CloseHandle(made.hThread);
    child->pid = (support_pid)made.hProcess;
    CloseHandle(handles[0]);
    CloseHandle(handles[1]);
    child->told.ends[1] = 0;
    child->orders.ends[0] = 0;
}

int support_play(int count, char **arguments, const support_part *parts)
{
    support_child self = {0, {{0, 0}}, {{0, 0}}};

    if (count != 6 || strcmp(arguments[1], "--part") != 0)
        return -1;
    while (parts->name != NULL && strcmp(parts->name, arguments[2]) != 0)
        parts++;
    if (parts->name == NULL)
        return -1; /* of another table */
    support_become_child();
    self.told.ends[1] = (support_line)strtoull(arguments[3], NULL, 10);
    self.orders.ends[0] = (support_line)strtoull(arguments[4], NULL, 10);
    return parts->play(arguments[5], &self);
}
