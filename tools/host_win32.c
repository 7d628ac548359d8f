#include "host.h"

#include <fcntl.h>
#include <io.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include <shellapi.h>

const char host_advice_denied[] =
    "look at owner and permissions: icacls of that path and of what it lies in";
const char host_advice_unsafe[] =
    "it must be yours and closed to others: look with icacls, then mend or remove it";
const char host_advice_too_long[] = "choose a shorter --dir";

/* ---- the beginning and the end ----------------------------------------------------- */

/* 0: none to come back to. */
static UINT kept_code_page;

/* What we print is UTF-8; the console, which others share, gets its own code page back. */
static void speak_utf8(void)
{
    UINT now = GetConsoleOutputCP();

    if (now == 0 || now == CP_UTF8 || !SetConsoleOutputCP(CP_UTF8))
        return;
    kept_code_page = now;
}

static void restore_console(void)
{
    if (kept_code_page != 0)
        SetConsoleOutputCP(kept_code_page);
    kept_code_page = 0;
}

/* A number that names no descriptor is an answer, not a reason to die. */
static void ignore_invalid(const wchar_t *expression, const wchar_t *function, const wchar_t *file,
                           unsigned line, uintptr_t reserved)
{
    (void)expression;
    (void)function;
    (void)file;
    (void)line;
    (void)reserved;
}

int host_is_open(int descriptor)
{
    HANDLE handle = (HANDLE)_get_osfhandle(descriptor);

    /* -2 is what 0 to 2 have where there is nothing behind them. */
    if (handle == INVALID_HANDLE_VALUE || handle == (HANDLE)-2)
        return 0;
    SetLastError(NO_ERROR);
    return GetFileType(handle) != FILE_TYPE_UNKNOWN || GetLastError() == NO_ERROR;
}

static void fill_standard(void)
{
    for (int fd = 0; fd < 3; fd++) {
        int made = host_is_open(fd) ? fd : _open("NUL", _O_RDWR | _O_BINARY);

        if (made >= 0 && made != fd) {
            _dup2(made, fd);
            _close(made);
        }
        _setmode(fd, _O_BINARY);
    }
}

static char *to_utf8(const wchar_t *wide)
{
    int   size = WideCharToMultiByte(CP_UTF8, 0, wide, -1, NULL, 0, NULL, NULL);
    char *text = size > 0 ? malloc((size_t)size) : NULL;

    if (text != NULL)
        WideCharToMultiByte(CP_UTF8, 0, wide, -1, text, size, NULL, NULL);
    return text;
}

/* Those that main gets are in whatever code page the system has; they were typed as UTF-16. */
static char **read_arguments(int *argc)
{
    int       count = 0;
    wchar_t **wide = CommandLineToArgvW(GetCommandLineW(), &count);
    char    **words = wide != NULL ? calloc((size_t)count + 1, sizeof *words) : NULL;

    for (int i = 0; words != NULL && i < count; i++) {
        words[i] = to_utf8(wide[i]);
        if (words[i] == NULL)
            words = NULL; /* the process ends */
    }
    LocalFree(wide);
    *argc = count;
    return words;
}

char **host_begin(int *argc, char **argv)
{
    (void)argv;
    _set_invalid_parameter_handler(ignore_invalid);
    fill_standard();
    speak_utf8();
    atexit(restore_console);
    return read_arguments(argc);
}

void host_leave(int status)
{
    restore_console();
    _exit(status);
}

/* ---- descriptors and signals ------------------------------------------------------- */

void host_keep_descriptors(void)
{
    /* program_start tells by name what is inherited. */
}

void host_take_signals(void)
{
    /* A vanished reader is an error here. Whoever starts a group of its own for us turns Ctrl-C
     * off in it, for all that we start too. */
    SetConsoleCtrlHandler(NULL, FALSE);
}

const int *host_end_signals(size_t *count)
{
    /* libuv's names for Ctrl-C, Ctrl-Break, and a console that is closed. */
    static const int numbers[] = {SIGINT, SIGBREAK, SIGHUP};

    *count = sizeof numbers / sizeof numbers[0];
    return numbers;
}

static int interrupt_status;

static BOOL WINAPI on_interrupt(DWORD event)
{
    (void)event;
    host_leave(interrupt_status);
    return TRUE;
}

void host_catch_interrupt(int status)
{
    interrupt_status = status;
    SetConsoleCtrlHandler(on_interrupt, TRUE);
}

/* ---- standard input ------------------------------------------------------------------ */

#define CONSOLE_ROOM 500

/* Without CR; as UTF-8. */
static int to_bytes(char *data, size_t size, wchar_t *wide, DWORD count)
{
    DWORD put = 0;

    for (DWORD at = 0; at < count; at++)
        if (wide[at] != L'\r')
            wide[put++] = wide[at];
    if (put == 0)
        return 0;
    return WideCharToMultiByte(CP_UTF8, 0, wide, (int)put, data, (int)size, NULL, NULL);
}

/* Where a person types: UTF-16, lines that end in CR LF, Ctrl-Z for the end. */
static ptrdiff_t read_console(HANDLE console, char *data, size_t size)
{
    static wchar_t half; /* of a pair whose other half comes with the next read */
    wchar_t        wide[CONSOLE_ROOM + 1];
    size_t         room = size / 4 < CONSOLE_ROOM ? size / 4 : CONSOLE_ROOM;
    int            made = 0;

    while (made == 0) {
        DWORD got = 0, first = half != 0;

        wide[0] = half;
        half = 0;
        if (!ReadConsoleW(console, wide + first, (DWORD)room - first, &got, NULL))
            return uv_translate_sys_error((int)GetLastError());
        if (got == 0 || wide[first] == 26)
            return 0;
        got += first;
        if (IS_HIGH_SURROGATE(wide[got - 1]))
            half = wide[--got];
        made = to_bytes(data, size, wide, got);
    }
    return made;
}

/* Nothing read is the end, also of a pipe: not every system that runs us calls it broken then. */
static ptrdiff_t read_file(HANDLE file, void *data, size_t size)
{
    DWORD got = 0, error;

    if (ReadFile(file, data, size < INT_MAX ? (DWORD)size : INT_MAX, &got, NULL))
        return (ptrdiff_t)got;
    error = GetLastError();
    if (error == ERROR_BROKEN_PIPE || error == ERROR_HANDLE_EOF)
        return 0;
    return uv_translate_sys_error((int)error);
}

ptrdiff_t host_read(void *data, size_t size)
{
    HANDLE input = (HANDLE)_get_osfhandle(0);
    DWORD  mode;

    if (GetConsoleMode(input, &mode))
        return read_console(input, data, size);
    return read_file(input, data, size);
}
