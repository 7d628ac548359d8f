/* What can be counted: handles, threads, and all that a host process calls its own. */
#include "inner.h"

#include <tlhelp32.h>

enum { GAP = 1000 }; /* numbers without a handle, and then no more */

/*
 * Wine 8 says 0, and falls over when it is asked for all handles of all processes while one of them
 * has none yet. It gives the lowest number that is free, so what lies far behind the last one is
 * not looked at: each look is a question to the one server that all programs under Wine wait for.
 */
static int count_one_by_one(void)
{
    uintptr_t last = 0;
    DWORD     flags;
    int       count = 0;

    for (uintptr_t value = 4; value - last <= (uintptr_t)4 * GAP; value += 4)
        if (GetHandleInformation((HANDLE)value, &flags)) {
            last = value;
            count++;
        }
    return count;
}

int support_count_descriptors(void)
{
    DWORD count = 0;

    SUPPORT_CHECK(GetProcessHandleCount(GetCurrentProcess(), &count));
    return count > 0 ? (int)count : count_one_by_one();
}

/* The thread pool's begin in the system's own ground, and come and go when it likes. Nor is one
 * counted that has ended and is only still known. */
static int is_nobodys(DWORD id)
{
    enum { BEGINNING = 9 }; /* ThreadQuerySetWin32StartAddress */
    union {
        FARPROC plain;
        LONG(NTAPI *typed)(HANDLE, int what, void *facts, ULONG size, ULONG *used);
    } ask;
    const HMODULE ground = GetModuleHandleW(L"ntdll.dll");
    const HANDLE  thread = OpenThread(THREAD_QUERY_INFORMATION | SYNCHRONIZE, FALSE, id);
    HMODULE       home = NULL;
    wchar_t      *begins = NULL;
    LONG          status;
    int           has_ended;

    if (thread == NULL)
        return 1;
    ask.plain = GetProcAddress(ground, "NtQueryInformationThread");
    SUPPORT_CHECK(ask.plain != NULL);
    status = ask.typed(thread, BEGINNING, &begins, sizeof begins, NULL);
    has_ended = WaitForSingleObject(thread, 0) == WAIT_OBJECT_0;
    CloseHandle(thread);
    if (status < 0 || has_ended)
        return 1;
    (void)GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS |
                                 GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
                             begins, &home);
    return home == ground;
}

int support_count_threads(void)
{
    HANDLE        all = CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0);
    THREADENTRY32 entry;
    int           count = 0;

    SUPPORT_CHECK(all != INVALID_HANDLE_VALUE);
    entry.dwSize = sizeof entry;
    for (BOOL is_there = Thread32First(all, &entry); is_there; is_there = Thread32Next(all, &entry))
        count +=
            entry.th32OwnerProcessID == GetCurrentProcessId() && !is_nobodys(entry.th32ThreadID);
    CloseHandle(all);
    return count;
}

/* ---- the host ---- */

static uint32_t sum_environment(void)
{
    wchar_t *all = GetEnvironmentStringsW();
    uint32_t sum = 2166136261u;

    SUPPORT_CHECK(all != NULL);
    for (const wchar_t *at = all; at[0] != 0 || at[1] != 0; at++)
        sum = (sum ^ (uint32_t)*at) * 16777619u;
    FreeEnvironmentStringsW(all);
    return sum;
}

void support_host_look(support_host *host)
{
    wchar_t                      directory[SUPPORT_PATH];
    LPTOP_LEVEL_EXCEPTION_FILTER filter = SetUnhandledExceptionFilter(NULL);

    SetUnhandledExceptionFilter(filter);
    SUPPORT_CHECK(GetCurrentDirectoryW(SUPPORT_PATH, directory) > 0);
    snprintf(host->text, sizeof host->text,
             "directory: %ls\nenvironment: %08x\nerror mode: %x\npriority: %lx\nfilter: %p\n"
             "console: %x %x\n",
             directory, (unsigned)sum_environment(), (unsigned)GetErrorMode(),
             (unsigned long)GetPriorityClass(GetCurrentProcess()), (void *)(intptr_t)filter,
             (unsigned)GetConsoleCP(), (unsigned)GetConsoleOutputCP());
}
