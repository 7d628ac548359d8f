/* Handles that travel between a parent and its child on Windows, with real children. */
/* Before windows.h, as it wants it. */
#include <winsock2.h>

#include "win32_ferry.h"

#define WORDS "what the other side wrote"

/* ---- the child -------------------------------------------------------------------------- */

static void child_open(side *at)
{
    intptr_t handle;
    char     word[33];

    cordon__fault_clear(&at->fault);
    SUPPORT_CODE(cordon__inherit(&handle, word, "CORDON_CHANNEL", &at->fault), CORDON_OK,
                 &at->fault);
    SUPPORT_CODE(cordon__pair_adopt(handle, &at->fault), CORDON_OK, &at->fault);
    side_open(at, handle, NULL, 0);
}

/* A file, a pipe's end and a section; and at the end of the line it closes them. */
static int take_three(int count, wchar_t **arguments)
{
    side     at;
    intptr_t handles[3];
    char    *shared;

    (void)count;
    (void)arguments;
    child_open(&at);
    SUPPORT_CODE(hear_handles(&at, handles, 3), CORDON_OK, &at.fault);
    for (int n = 0; n < 3; n++)
        SUPPORT_CHECK(!is_inherited(handles[n]));
    put((HANDLE)handles[0], WORDS);
    put((HANDLE)handles[1], WORDS);
    shared = MapViewOfFile((HANDLE)handles[2], FILE_MAP_WRITE, 0, 0, 0);
    SUPPORT_CHECK(shared != NULL);
    strcpy(shared, WORDS);
    UnmapViewOfFile(shared);
    for (int n = 0; n < 3; n++)
        cordon__handle_close(handles[n]);
    tell_side(&at, "k", 1);
    cordon__line_close(&at.line);
    return 0;
}

/* A file, read from where it stands, and a pipe; they are its own still, their copies are not. */
static int give_two(int count, wchar_t **arguments)
{
    side     at;
    uint8_t  values[2 * CORDON__VALUE_SIZE];
    intptr_t handles[2];
    HANDLE   write_end;
    char     path[SUPPORT_PATH];

    SUPPORT_CHECK(count == 1);
    child_open(&at);
    snprintf(path, sizeof path, "%ls", arguments[0]);
    handles[0] = (intptr_t)make_file(path);
    put((HANDLE)handles[0], "not this: " WORDS);
    SetFilePointer((HANDLE)handles[0], 10, NULL, FILE_BEGIN);
    SUPPORT_CHECK(CreatePipe((HANDLE *)&handles[1], &write_end, NULL, 0));
    put(write_end, WORDS);
    SUPPORT_CODE(cordon__handles_pack(values, &at.ferry, handles, 2, &at.fault), CORDON_OK,
                 &at.fault);
    tell_side(&at, values, sizeof values);
    (void)hear_byte(&at);
    for (int n = 0; n < 2; n++) {
        SUPPORT_CHECK(is_open((HANDLE)handles[n]));
        SUPPORT_CHECK(!is_open((HANDLE)(uintptr_t)cordon__load64(values + 8 * n)));
    }
    tell_side(&at, "k", 1);
    return 0;
}

/* Says the values that it was told to: numbers, or F, E, T, P for a file, an event, a thread, a
 * process of its own. Then how many of its own are still there. */
static int lie(int count, wchar_t **arguments)
{
    side    at;
    HANDLE  own[CORDON__HANDLES_MAX];
    uint8_t values[CORDON__HANDLES_MAX * CORDON__VALUE_SIZE];
    char    path[SUPPORT_PATH], left = '0';
    int     owned = 0;

    child_open(&at);
    snprintf(path, sizeof path, "%ls", arguments[0]);
    for (int n = 1; n < count; n++) {
        uint64_t value = _wcstoui64(arguments[n], NULL, 0);

        if (arguments[n][0] >= L'A') {
            HANDLE made = NULL;

            if (arguments[n][0] == L'F')
                made = make_file(path);
            else if (arguments[n][0] == L'E')
                made = CreateEventW(NULL, TRUE, FALSE, NULL);
            else if (arguments[n][0] == L'T')
                made = OpenThread(SYNCHRONIZE, FALSE, GetCurrentThreadId());
            else
                made = OpenProcess(SYNCHRONIZE, FALSE, GetCurrentProcessId());
            SUPPORT_CHECK(made != NULL);
            own[owned++] = made;
            value = (uint64_t)(uintptr_t)made + (uint64_t)(arguments[n][1] == L'+');
        }
        cordon__store64(values + 8 * (n - 1), value);
    }
    tell_side(&at, values, cordon__handles_size((size_t)count - 1));
    (void)hear_byte(&at);
    for (int n = 0; n < owned; n++)
        left = (char)(left + is_open(own[n]));
    tell_side(&at, &left, 1);
    return 0;
}

/* Looks whether the values that it hears are open here. */
static int look(int count, wchar_t **arguments)
{
    side    at;
    uint8_t value[CORDON__VALUE_SIZE];

    (void)count;
    (void)arguments;
    child_open(&at);
    (void)hear_byte(&at);
    tell_side(&at, "r", 1); /* from here on it opens nothing */
    for (int n = 0; n < 2; n++) {
        hear(&at, value, sizeof value);
        tell_side(&at, is_open((HANDLE)(uintptr_t)cordon__load64(value)) ? "y" : "n", 1);
    }
    return 0;
}

static int go_at_once(int count, wchar_t **arguments)
{
    (void)count;
    (void)arguments;
    return 0;
}

static const start_part parts[] = {{"take", take_three}, {"give", give_two}, {"lie", lie},
                                   {"look", look},       {"go", go_at_once}, {NULL, NULL}};

/* ---- the parent ------------------------------------------------------------------------- */

typedef struct parent {
    side        at;
    start_order start;
} parent;

static void parent_open(parent *made, kit *it, const char *const *words)
{
    const cordon__trace none = {NULL, NULL};
    intptr_t            ours, theirs;

    start_open(&made->start, words, CORDON__QUIET);
    SUPPORT_CODE(cordon__pair(&ours, &theirs, &it->fault), CORDON_OK, &it->fault);
    made->start.order.variable = "CORDON_CHANNEL";
    made->start.order.word = "0123456789abcdef0123456789abcdef";
    made->start.order.handle = theirs;
    SUPPORT_CODE(
        cordon__spawn(&made->start.child, &made->start.order, &cordon__libc, &none, &it->fault),
        CORDON_OK, &it->fault);
    cordon__handle_close(theirs);
    side_open(&made->at, ours, made->start.child, 1);
}

static void parent_close(parent *made, kit *it)
{
    int status = -2;

    SUPPORT_CODE(
        cordon__child_wait(made->start.child, &status, cordon__now() + SUPPORT_SOON, &it->fault),
        CORDON_OK, &it->fault);
    assert_int_equal(status, 0);
    cordon__child_close(made->start.child);
    cordon__line_close(&made->at.line);
}

/* ---- down ------------------------------------------------------------------------------- */

static void child_uses_what_its_parent_has_given(void **state)
{
    static const char *const words[] = {"take", NULL};
    kit                     *it = *state;
    parent                   made;
    intptr_t                 handles[3];
    HANDLE                   read_end;
    char                     path[SUPPORT_PATH];
    const char              *shared;

    parent_open(&made, it, words);
    handles[0] = (intptr_t)make_file(support_join(path, it->root, "down"));
    assert_true(CreatePipe(&read_end, (HANDLE *)&handles[1], NULL, 0));
    handles[2] =
        (intptr_t)CreateFileMappingW(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, 4096, NULL);
    assert_true(handles[2] != 0);
    tell_handles(&made.at, handles, 3);
    CloseHandle((HANDLE)handles[1]); /* the child has its own */
    assert_int_equal(hear_byte(&made.at), 'k');
    SetFilePointer((HANDLE)handles[0], 0, NULL, FILE_BEGIN);
    assert_true(holds((HANDLE)handles[0], WORDS));
    assert_true(holds(read_end, WORDS));
    shared = MapViewOfFile((HANDLE)handles[2], FILE_MAP_READ, 0, 0, 0);
    assert_non_null(shared);
    assert_string_equal(shared, WORDS);
    UnmapViewOfFile(shared);
    parent_close(&made, it);
    CloseHandle(read_end);
    CloseHandle((HANDLE)handles[0]);
    CloseHandle((HANDLE)handles[2]);
}

static void what_was_not_sent_is_not_left_in_the_child(void **state)
{
    static const char *const words[] = {"look", NULL};
    kit                     *it = *state;
    parent                   made;
    intptr_t                 handles[2];
    uint8_t                  values[2 * CORDON__VALUE_SIZE];
    char                     path[SUPPORT_PATH];

    parent_open(&made, it, words);
    tell_side(&made.at, "r", 1);
    assert_int_equal(hear_byte(&made.at), 'r');
    handles[0] = (intptr_t)make_file(support_join(path, it->root, "down"));
    handles[1] = (intptr_t)CreateEventW(NULL, TRUE, FALSE, NULL); /* does not travel */
    SUPPORT_CODE(cordon__handles_pack(values, &made.at.ferry, handles, 2, &made.at.fault),
                 CORDON_EINVAL, &made.at.fault);
    tell_side(&made.at, values, CORDON__VALUE_SIZE); /* the first was there, and is not */
    assert_int_equal(hear_byte(&made.at), 'n');
    SUPPORT_CODE(cordon__handles_pack(values, &made.at.ferry, handles, 1, &made.at.fault),
                 CORDON_OK, &made.at.fault);
    tell_side(&made.at, values, CORDON__VALUE_SIZE);
    assert_int_equal(hear_byte(&made.at), 'y');
    parent_close(&made, it);
    CloseHandle((HANDLE)handles[0]);
    CloseHandle((HANDLE)handles[1]);
}

/* A socket, if there are any here. */
static SOCKET make_socket(void)
{
    WSADATA data;

    assert_int_equal(WSAStartup(MAKEWORD(2, 2), &data), 0);
    return socket(AF_INET, SOCK_DGRAM, 0);
}

static void only_files_pipes_and_memory_travel(void **state)
{
    kit         *it = *state;
    const SOCKET udp = make_socket();
    const HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);
    const HANDLE nowhere = CreateFileW(L"NUL", GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
    const HANDLE closed = CreateEventW(NULL, TRUE, FALSE, NULL);
    intptr_t     refused[] = {0,
                              -1,
                              -2,
                              -6,
                              (intptr_t)udp,
                              (intptr_t)event,
                              (intptr_t)nowhere,
                              (intptr_t)closed,
                              (intptr_t)0x7ffffffc};
    uint8_t      value[CORDON__VALUE_SIZE];
    side         at;
    int          before;

    CloseHandle(closed);
    assert_true(udp != INVALID_SOCKET);
    side_open(&at, CORDON__NO_HANDLE, NULL, 0); /* as a child */
    before = support_count_descriptors();
    for (size_t n = 0; n < sizeof refused / sizeof refused[0]; n++)
        SUPPORT_CODE(cordon__handles_pack(value, &at.ferry, &refused[n], 1, &it->fault),
                     CORDON_EINVAL, &it->fault);
    assert_int_equal(support_count_descriptors(), before);
    closesocket(udp);
    WSACleanup();
    CloseHandle(event);
    CloseHandle(nowhere);
}

static void parent_that_knows_no_child_is_eunsupported(void **state)
{
    kit     *it = *state;
    uint8_t  value[CORDON__VALUE_SIZE] = {4};
    intptr_t handle;
    char     path[SUPPORT_PATH];
    side     at;

    side_open(&at, CORDON__NO_HANDLE, NULL, 1);
    handle = (intptr_t)make_file(support_join(path, it->root, "down"));
    SUPPORT_CODE(cordon__handles_pack(value, &at.ferry, &handle, 1, &it->fault),
                 CORDON_EUNSUPPORTED, &it->fault);
    CloseHandle((HANDLE)handle);
    SUPPORT_CODE(cordon__handles_unpack(&handle, &at.ferry, value, 1, &it->fault),
                 CORDON_EUNSUPPORTED, &it->fault);
}

static void child_that_has_ended_is_eclosed(void **state)
{
    static const char *const words[] = {"go", NULL};
    kit                     *it = *state;
    parent                   made;
    intptr_t                 handle;
    uint8_t                  value[CORDON__VALUE_SIZE] = {8};
    char                     path[SUPPORT_PATH];
    int                      status;

    parent_open(&made, it, words);
    SUPPORT_CODE(
        cordon__child_wait(made.start.child, &status, cordon__now() + SUPPORT_SOON, &it->fault),
        CORDON_OK, &it->fault);
    handle = (intptr_t)make_file(support_join(path, it->root, "down"));
    SUPPORT_CODE(cordon__handles_pack(value, &made.at.ferry, &handle, 1, &it->fault),
                 CORDON_ECLOSED, &it->fault);
    CloseHandle((HANDLE)handle);
    cordon__store64(value, 8);
    SUPPORT_CODE(cordon__handles_unpack(&handle, &made.at.ferry, value, 1, &it->fault),
                 CORDON_ECLOSED, &it->fault);
    parent_close(&made, it);
}

/* ---- up --------------------------------------------------------------------------------- */

static void parent_takes_what_its_child_has_given(void **state)
{
    kit        *it = *state;
    char        path[SUPPORT_PATH];
    const char *words[] = {"give", support_join(path, it->root, "up"), NULL};
    parent      made;
    intptr_t    handles[2];

    parent_open(&made, it, words);
    SUPPORT_CODE(hear_handles(&made.at, handles, 2), CORDON_OK, &made.at.fault);
    assert_false(is_inherited(handles[0]));
    assert_false(is_inherited(handles[1]));
    tell_side(&made.at, "g", 1);
    assert_int_equal(hear_byte(&made.at), 'k');
    assert_true(holds((HANDLE)handles[0], WORDS));
    assert_true(holds((HANDLE)handles[1], WORDS));
    cordon__handle_close(handles[0]);
    cordon__handle_close(handles[1]);
    parent_close(&made, it);
}

/* How many of its own are left in the child. */
static int hear_lies(kit *it, const char *const *values, int expected)
{
    const char *words[START_MAX - 2] = {"lie"};
    char        path[SUPPORT_PATH];
    intptr_t    handles[CORDON__HANDLES_MAX];
    parent      made;
    size_t      count = 0;
    int         left;

    words[1] = support_join(path, it->root, "lie");
    for (; values[count] != NULL; count++)
        words[2 + count] = values[count];
    parent_open(&made, it, words);
    SUPPORT_CODE(hear_handles(&made.at, handles, count), expected, &made.at.fault);
    for (size_t n = 0; n < count && expected == CORDON_OK; n++)
        cordon__handle_close(handles[n]);
    tell_side(&made.at, "g", 1);
    left = hear_byte(&made.at) - '0';
    parent_close(&made, it);
    return left;
}

/* Numbers of ours, of the process or thread that asks, and none at all. */
static void lies_of_a_child_touch_nothing_of_ours(void **state)
{
    kit        *it = *state;
    HANDLE      ends[2];
    char        own[2][24];
    const char *rows[][3] = {{"0"},
                             {"0xffffffffffffffff"},
                             {"0xfffffffffffffffe"},
                             {"0xfffffffffffffffa"},
                             {"0xffffffff"},
                             {"0x80000000"},
                             {"0x7ffffffc"},
                             {"0x100000004"},
                             {own[0]},
                             {own[1]},
                             {own[0], own[1]}};
    int         before = 0;

    assert_true(CreatePipe(&ends[0], &ends[1], NULL, 0));
    for (int n = 0; n < 400; n++) { /* numbers that the child has not */
        HANDLE higher;

        assert_true(DuplicateHandle(GetCurrentProcess(), ends[n % 2], GetCurrentProcess(), &higher,
                                    0, FALSE, DUPLICATE_SAME_ACCESS));
        snprintf(own[n % 2], sizeof own[0], "%lu", (unsigned long)(uintptr_t)higher);
    }
    for (size_t n = 0; n < sizeof rows / sizeof rows[0]; n++) {
        assert_int_equal(hear_lies(it, rows[n], CORDON_EPROTOCOL), 0);
        if (n == 0)
            before = support_count_descriptors();
    }
    assert_int_equal(support_count_descriptors(), before);
    for (int n = 0; n < 2; n++)
        assert_true(is_open((HANDLE)(uintptr_t)strtoul(own[n], NULL, 10)));
    put(ends[1], WORDS);
    assert_true(holds(ends[0], WORDS));
    CloseHandle(ends[0]);
    CloseHandle(ends[1]);
}

/* Taken out of the child and closed, behind one that is refused too. */
static void refused_handles_stay_nowhere(void **state)
{
    static const struct {
        const char *values[5];
        int         code, left;
    } rows[] = {{{"F"}, CORDON_OK, 0},
                {{"F", "F"}, CORDON_OK, 0},
                {{"E"}, CORDON_EPROTOCOL, 0},
                {{"T"}, CORDON_EPROTOCOL, 0},
                {{"P"}, CORDON_EPROTOCOL, 0},
                {{"F", "E"}, CORDON_EPROTOCOL, 0},
                {{"E", "F", "0", "F"}, CORDON_EPROTOCOL, 0},
                {{"0", "F"}, CORDON_EPROTOCOL, 0},
                {{"F+"}, CORDON_EPROTOCOL, 1}}; /* not a value, so nobody touches it */
    kit *it = *state;
    int  before = 0;

    for (size_t n = 0; n < sizeof rows / sizeof rows[0]; n++) {
        assert_int_equal(hear_lies(it, rows[n].values, rows[n].code), rows[n].left);
        if (n == 0)
            before = support_count_descriptors();
    }
    assert_int_equal(support_count_descriptors(), before);
}

/* A child that is told a lie closes nothing: it may be its own. */
static void child_keeps_its_own_when_told_a_lie(void **state)
{
    kit         *it = *state;
    const HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);
    uint8_t      values[2 * CORDON__VALUE_SIZE];
    char         path[SUPPORT_PATH];
    intptr_t     handles[2], ours, theirs;
    const HANDLE file = make_file(support_join(path, it->root, "own"));
    side         at;

    SUPPORT_CODE(cordon__pair(&ours, &theirs, &it->fault), CORDON_OK, &it->fault);
    side_open(&at, theirs, NULL, 0);
    cordon__store64(values, (uint64_t)(uintptr_t)file);
    cordon__store64(values + 8, (uint64_t)(uintptr_t)event);
    SUPPORT_CODE(cordon__handles_unpack(handles, &at.ferry, values, 2, &it->fault),
                 CORDON_EPROTOCOL, &it->fault);
    cordon__store64(values + 8, (uint64_t)theirs); /* the line itself */
    SUPPORT_CODE(cordon__handles_unpack(handles, &at.ferry, values, 2, &it->fault),
                 CORDON_EPROTOCOL, &it->fault);
    cordon__store64(values + 8, (uint64_t)(uintptr_t)file); /* twice the same */
    SUPPORT_CODE(cordon__handles_unpack(handles, &at.ferry, values, 2, &it->fault),
                 CORDON_EPROTOCOL, &it->fault);
    assert_true(is_open(file) && is_open(event) && is_open((HANDLE)theirs));
    cordon__line_close(&at.line);
    cordon__handle_close(ours);
    CloseHandle(file);
    CloseHandle(event);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(child_uses_what_its_parent_has_given),
        kit_test(what_was_not_sent_is_not_left_in_the_child),
        kit_test(only_files_pipes_and_memory_travel),
        kit_test(parent_that_knows_no_child_is_eunsupported),
        kit_test(child_that_has_ended_is_eclosed),
        kit_test(parent_takes_what_its_child_has_given),
        kit_test(lies_of_a_child_touch_nothing_of_ours),
        kit_test(refused_handles_stay_nowhere),
        kit_test(child_keeps_its_own_when_told_a_lie),
    };
    const int played = start_play(parts);

    return played >= 0 ? played : cmocka_run_group_tests(tests, NULL, NULL);
}
