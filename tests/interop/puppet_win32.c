#include "puppet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include <windows.h>

#define WRONG 98
#define LINE  8192

void puppet_pause(unsigned ms)
{
    Sleep(ms);
}

int puppet_is_orphan(void)
{
    return 0;
}

/* Words without quotes and without a backslash at their end. */
static void put_word(wchar_t line[LINE], const char *word)
{
    size_t size = wcslen(line);

    swprintf(line + size, LINE - size, L"%ls\"", size ? L" " : L"");
    size = wcslen(line);
    MultiByteToWideChar(CP_UTF8, 0, word, -1, line + size, (int)(LINE - size - 2));
    wcscat(line, L"\"");
}

static int launch(PROCESS_INFORMATION *made, char **words, HANDLE out, DWORD flags)
{
    STARTUPINFOW how = {.cb = sizeof how, .dwFlags = STARTF_USESTDHANDLES};
    wchar_t      line[LINE] = L"";

    for (; *words != NULL; words++)
        put_word(line, *words);
    how.hStdInput = GetStdHandle(STD_INPUT_HANDLE);
    how.hStdOutput = out;
    how.hStdError = GetStdHandle(STD_ERROR_HANDLE);
    SetHandleInformation(how.hStdInput, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT);
    SetHandleInformation(out, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT);
    SetHandleInformation(how.hStdError, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT);
    if (!CreateProcessW(NULL, line, NULL, NULL, TRUE, flags, NULL, NULL, &how, made))
        return WRONG;
    CloseHandle(made->hThread);
    return 0;
}

static int wait_for(const PROCESS_INFORMATION *made)
{
    DWORD status = WRONG;

    WaitForSingleObject(made->hProcess, INFINITE);
    GetExitCodeProcess(made->hProcess, &status);
    CloseHandle(made->hProcess);
    return (int)status;
}

static int run(char **words, HANDLE out)
{
    PROCESS_INFORMATION made;

    if (launch(&made, words, out, 0) != 0)
        return WRONG;
    return wait_for(&made);
}

int puppet_start(char **words)
{
    PROCESS_INFORMATION made;
    char               *all[16] = {getenv("PUPPET")};

    for (int count = 0; words[count] != NULL; count++)
        all[count + 1] = words[count];
    if (launch(&made, all, GetStdHandle(STD_OUTPUT_HANDLE), 0) != 0)
        return WRONG;
    CloseHandle(made.hProcess);
    return 0;
}

/* An event that goes with its last holder. */
static void name_member(char name[256], const char *key, int member)
{
    snprintf(name, 256, "Local\\%s.%d", key, member);
    for (char *at = name + strlen("Local\\"); *at != '\0'; at++)
        if (*at == '\\' || *at == '/')
            *at = '_';
}

void puppet_be_there(const char *key, int member)
{
    char name[256];

    name_member(name, key, member);
    if (CreateEventA(NULL, TRUE, FALSE, name) == NULL)
        ExitProcess(WRONG);
}

int puppet_is_there(const char *key, int member)
{
    char   name[256];
    HANDLE event;

    name_member(name, key, member);
    event = OpenEventA(SYNCHRONIZE, FALSE, name);
    if (event == NULL)
        return 0;
    CloseHandle(event);
    return 1;
}

/* Its value is beyond those that a small program has of its own. */
int puppet_leak(char **words)
{
    SECURITY_ATTRIBUTES inherited = {sizeof inherited, NULL, TRUE};
    HANDLE              event = NULL;
    char                text[32];

    for (int i = 0; i < 600; i++)
        event = CreateEventA(&inherited, TRUE, FALSE, NULL);
    snprintf(text, sizeof text, "%llu", (unsigned long long)(ULONG_PTR)event);
    SetEnvironmentVariableA("PUPPET_LEAK", text);
    return run(words, GetStdHandle(STD_OUTPUT_HANDLE));
}

int puppet_has_leaked(void)
{
    const char *text = getenv("PUPPET_LEAK");
    DWORD       flags;

    if (text == NULL)
        ExitProcess(WRONG);
    return GetHandleInformation((HANDLE)(ULONG_PTR)strtoull(text, NULL, 10), &flags) != 0;
}

int puppet_unread(char **words)
{
    HANDLE reading, writing;

    if (!CreatePipe(&reading, &writing, NULL, 0))
        return WRONG;
    CloseHandle(reading);
    return run(words, writing);
}

/* Started with these flags, and told of the event when it is ready. */
static int end_by(DWORD event, char **words, DWORD flags)
{
    PROCESS_INFORMATION made;
    HANDLE              reading, writing;
    DWORD               got = 0;
    char                ready;

    if (!CreatePipe(&reading, &writing, NULL, 0) || launch(&made, words, writing, flags) != 0)
        return WRONG;
    CloseHandle(writing);
    if (!ReadFile(reading, &ready, 1, &got, NULL) || got != 1 ||
        !GenerateConsoleCtrlEvent(event, flags ? made.dwProcessId : 0))
        return WRONG;
    return wait_for(&made);
}

int puppet_break(char **words)
{
    return end_by(CTRL_BREAK_EVENT, words, CREATE_NEW_PROCESS_GROUP);
}

static BOOL WINAPI stay(DWORD event)
{
    return event == CTRL_C_EVENT;
}

/* It cannot be told to one group: so to a console that nobody else has. */
int puppet_interrupt(char **words)
{
    FreeConsole();
    if (!AllocConsole() || !SetConsoleCtrlHandler(stay, TRUE))
        return WRONG;
    return end_by(CTRL_C_EVENT, words, 0);
}
