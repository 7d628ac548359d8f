#include "win32_start.h"

#include <shellapi.h>

#define PART L"--part"

/* ---- in the started program --------------------------------------------------------------- */

int start_play(const start_part *parts)
{
    int       count = 0;
    wchar_t **arguments = CommandLineToArgvW(GetCommandLineW(), &count);
    char      name[64];

    SUPPORT_CHECK(arguments != NULL);
    if (count < 3 || wcscmp(arguments[1], PART) != 0)
        return -1;
    support_become_child();
    snprintf(name, sizeof name, "%ls", arguments[2]);
    for (; parts->name != NULL; parts++)
        if (strcmp(parts->name, name) == 0)
            return parts->play(count - 3, arguments + 3);
    return SUPPORT_BROKEN;
}

intptr_t start_handle(void)
{
    cordon_fault fault = CORDON_FAULT_INIT;
    char         word[33];
    intptr_t     handle = CORDON__NO_HANDLE;

    SUPPORT_CODE(cordon__inherit(&handle, word, "CORDON_READY", &fault), CORDON_OK, &fault);
    return handle;
}

void start_say(const char *text)
{
    cordon__ready_write(start_handle(), text, strlen(text));
}

/* ---- in the test --------------------------------------------------------------------------- */

void start_open(start_order *start, const char *const *words, unsigned flags)
{
    wchar_t wide[SUPPORT_PATH];
    size_t  count = 0;

    memset(start, 0, sizeof *start);
    assert_true(GetModuleFileNameW(NULL, wide, SUPPORT_PATH) < SUPPORT_PATH);
    assert_true(
        WideCharToMultiByte(CP_UTF8, 0, wide, -1, start->program, SUPPORT_PATH, NULL, NULL) > 0);
    start->argv[count++] = start->program;
    start->argv[count++] = "--part";
    for (; *words != NULL; words++) {
        assert_true(count < START_MAX - 1);
        start->argv[count++] = *words;
    }
    start->order.argv = start->argv;
    start->order.variable = "CORDON_READY";
    start->order.handle = CORDON__NO_HANDLE;
    start->order.flags = flags;
    start->ready = CORDON__NO_HANDLE;
}

int start_try(start_order *start, cordon_fault *fault)
{
    const cordon__trace trace = {NULL, NULL};
    intptr_t            theirs;
    int                 code;

    SUPPORT_CODE(cordon__ready_pipe(&start->ready, &theirs, fault), CORDON_OK, fault);
    start->order.handle = theirs;
    code = cordon__spawn(&start->child, &start->order, &cordon__libc, &trace, fault);
    cordon__handle_close(theirs);
    if (code != CORDON_OK)
        cordon__handle_close(start->ready);
    return code;
}

void start_run(start_order *start, kit *it)
{
    SUPPORT_CODE(start_try(start, &it->fault), CORDON_OK, &it->fault);
}

int start_hear(start_order *start, char text[START_ROOM])
{
    const uint64_t end = support_now() + SUPPORT_SOON;
    size_t         size = 0, got;

    while (support_now() < end) {
        int code;

        assert_true(size < START_ROOM - 1);
        code = cordon__ready_read(start->ready, text + size, START_ROOM - 1 - size, &got);
        if (code == CORDON__AGAIN) {
            support_pause(2);
            continue;
        }
        assert_int_equal(code, CORDON_OK);
        size += got;
        text[size] = '\0';
        if (got == 0)
            return (int)size;
    }
    return -1;
}

int start_is_silent(start_order *start, int ms)
{
    const uint64_t end = support_now() + (uint64_t)ms;
    size_t         got;
    char           text[64];

    do {
        const int code = cordon__ready_read(start->ready, text, sizeof text, &got);

        if (code == CORDON_OK && got == 0)
            return 1;
        support_pause(2);
    } while (support_now() < end);
    return 0;
}

int start_end(start_order *start, kit *it)
{
    int status = -2;

    SUPPORT_CODE(
        cordon__child_wait(start->child, &status, cordon__now() + SUPPORT_SOON, &it->fault),
        CORDON_OK, &it->fault);
    cordon__child_close(start->child);
    cordon__handle_close(start->ready);
    return status;
}
