/* What can be counted: handles, threads, and all that a host process calls its own. */
#include "inner.h"

#include <tlhelp32.h>

/* SYSTEM_HANDLE_INFORMATION_EX, in no compiler's headers. */
typedef struct all_handles {
    ULONG_PTR count, reserved;
    struct {
        void     *object;
        ULONG_PTR pid, value;
        ULONG     access;
        USHORT    trace, type;
        ULONG     flags, unused;
    } all[1];
} all_handles;

typedef LONG(NTAPI *query_system)(int what, void *to, ULONG size, ULONG *needed);

#define ALL_HANDLES 64 /* SystemExtendedHandleInformation */
#define TOO_SMALL   ((LONG)0xC0000004)

static query_system find_query(void)
{
    union {
        FARPROC      plain;
        query_system typed;
    } call;

    call.plain = GetProcAddress(GetModuleHandleW(L"ntdll.dll"), "NtQuerySystemInformation");
    SUPPORT_CHECK(call.plain != NULL);
    return call.typed;
}

/* free() it. */
static all_handles *list_handles(void)
{
    const query_system query = find_query();
    ULONG              size = 64 * 1024, needed = 0;
    all_handles       *list = malloc(size);
    LONG               status;

    SUPPORT_CHECK(list != NULL);
    while ((status = query(ALL_HANDLES, list, size, &needed)) == TOO_SMALL) {
        size *= 2;
        free(list);
        list = malloc(size);
        SUPPORT_CHECK(list != NULL);
    }
    SUPPORT_CHECK(status == 0);
    return list;
}

/* Wine 8 says 0; but it lists those of all processes. One question: its server answers all of them
 * one after the other, so to ask for handle after handle slows every test down. */
static int count_in_the_list(void)
{
    all_handles *list = list_handles();
    int          count = 0;

    for (ULONG_PTR n = 0; n < list->count; n++)
        count += list->all[n].pid == GetCurrentProcessId();
    free(list);
    return count;
}

int support_count_descriptors(void)
{
    DWORD count = 0;

    SUPPORT_CHECK(GetProcessHandleCount(GetCurrentProcess(), &count));
    return count > 0 ? (int)count : count_in_the_list();
}

int support_count_threads(void)
{
    HANDLE        all = CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0);
    THREADENTRY32 entry;
    int           count = 0;

    SUPPORT_CHECK(all != INVALID_HANDLE_VALUE);
    entry.dwSize = sizeof entry;
    for (BOOL is_there = Thread32First(all, &entry); is_there; is_there = Thread32Next(all, &entry))
        count += entry.th32OwnerProcessID == GetCurrentProcessId();
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
