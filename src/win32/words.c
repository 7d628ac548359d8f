/* A command line and an environment, as Windows wants them. */
#include "../dialect.h"

#include "words.h"

#include <stdlib.h>
#include <string.h>
#include <wchar.h>

/* ---- a text that grows ------------------------------------------------------------------- */

typedef struct words {
    const cordon__memory *memory;
    wchar_t              *data;
    size_t                size, room;
    DWORD                 error; /* the first one; from then on nothing is put */
} words;

static int have_room(words *to)
{
    const size_t room = to->room > 0 ? to->room * 2 : 256;
    wchar_t     *grown;

    if (to->error != 0 || to->size < to->room)
        return to->error == 0;
    grown = cordon__resize(to->memory, to->data, room * sizeof *grown);
    if (!grown) {
        to->error = ERROR_NOT_ENOUGH_MEMORY;
        return 0;
    }
    to->data = grown;
    to->room = room;
    return 1;
}

static void put(words *to, wchar_t character)
{
    if (have_room(to))
        to->data[to->size++] = character;
}

static void put_text(words *to, const wchar_t *text)
{
    for (; *text != L'\0'; text++)
        put(to, *text);
}

/* What put_it makes of a UTF-8 text. */
static void put_utf8(words *to, const char *text,
                     void (*put_it)(struct words *to, const wchar_t *text))
{
    wchar_t *wide = cordon__to_wide(to->memory, text);

    if (wide)
        put_it(to, wide);
    else if (to->error == 0)
        to->error = GetLastError();
    cordon__release(to->memory, wide);
}

static DWORD give(wchar_t **text, words *to)
{
    if (to->error == 0)
        *text = to->data;
    else
        cordon__release(to->memory, to->data);
    return to->error;
}

/* ---- the command line ---------------------------------------------------------------------- */

#define LINE_MAX 32767 /* with its end: the system's limit */

/* A quote has a backslash before it, and so has each backslash that stands right before a quote,
 * the last one's too. What needs no quotes has none: programs that read the line by rules of their
 * own (cmd) know their words then. */
static void put_quoted(words *to, const wchar_t *word)
{
    size_t slashes = 0;

    if (*word != L'\0' && !wcspbrk(word, L" \t\n\v\"")) {
        put_text(to, word);
        return;
    }
    put(to, L'"');
    for (; *word != L'\0'; word++) {
        if (*word == L'"')
            for (slashes++; slashes > 0; slashes--)
                put(to, L'\\');
        slashes = *word == L'\\' ? slashes + 1 : 0;
        put(to, *word);
    }
    for (; slashes > 0; slashes--)
        put(to, L'\\');
    put(to, L'"');
}

/* The first one is read by another rule: to the next quote, whatever stands there. No file has a
 * quote in its name. */
static void put_first(words *to, const wchar_t *word)
{
    put(to, L'"');
    put_text(to, word);
    put(to, L'"');
    if (wcschr(word, L'"') && to->error == 0)
        to->error = ERROR_INVALID_NAME;
}

DWORD cordon__command_line(wchar_t **line, const cordon__memory *memory, const char *const *argv)
{
    words all = {memory, NULL, 0, 0, 0};

    put_utf8(&all, argv[0], put_first);
    for (size_t n = 1; argv[n]; n++) {
        put(&all, L' ');
        put_utf8(&all, argv[n], put_quoted);
    }
    put(&all, L'\0');
    if (all.error == 0 && all.size > LINE_MAX)
        all.error = ERROR_FILENAME_EXCED_RANGE;
    return give(line, &all);
}

/* ---- the environment ----------------------------------------------------------------------- */

/* Hidden ones ("=C:=C:\folder") begin with the sign. */
static size_t name_size(const wchar_t *variable)
{
    const wchar_t *end = *variable != L'\0' ? wcschr(variable + 1, L'=') : NULL;

    return end ? (size_t)(end - variable) : wcslen(variable);
}

/* Names are the same in small and capital letters. As CompareStringOrdinal. */
static int compare_names(const wchar_t *one, const wchar_t *other)
{
    return CompareStringOrdinal(one, (int)name_size(one), other, (int)name_size(other), TRUE);
}

/* Two of the same name stay in their order: they lie in one block. */
static int compare(const void *one, const void *other)
{
    const wchar_t *const first = *(wchar_t *const *)one;
    const wchar_t *const second = *(wchar_t *const *)other;
    const int            order = compare_names(first, second) - CSTR_EQUAL;

    return order != 0 ? order : first < second ? -1 : 1;
}

static int is_ours_to_set(const wchar_t *variable)
{
    return compare_names(variable, L"CORDON_READY=") == CSTR_EQUAL ||
           compare_names(variable, L"CORDON_CHANNEL=") == CSTR_EQUAL;
}

static void put_variable(words *to, const wchar_t *variable)
{
    if (*variable == L'\0' || is_ours_to_set(variable))
        return; /* an empty one would be the end of all */
    put_text(to, variable);
    put(to, L'\0');
}

static void put_added(words *to, const wchar_t *variable)
{
    put_text(to, variable);
    put(to, L'\0');
}

static void put_own(words *to)
{
    wchar_t *own = GetEnvironmentStringsW();

    if (!own) {
        to->error = ERROR_NOT_ENOUGH_MEMORY;
        return;
    }
    for (const wchar_t *next = own; *next != L'\0'; next += wcslen(next) + 1)
        put_variable(to, next);
    FreeEnvironmentStringsW(own);
}

static int has(const words *to, const wchar_t *name)
{
    for (size_t n = 0; n < to->size; n += wcslen(to->data + n) + 1)
        if (compare_names(to->data + n, name) == CSTR_EQUAL)
            return 1;
    return 0;
}

static void put_system_root(words *to)
{
    wchar_t     root[MAX_PATH];
    const DWORD size = GetEnvironmentVariableW(L"SystemRoot", root, MAX_PATH);

    if (to->error != 0 || has(to, L"SystemRoot=") || size == 0 || size >= MAX_PATH)
        return;
    put_text(to, L"SystemRoot=");
    put_added(to, root);
}

/* One after the other -> the same, sorted, with an end. */
static void sort(words *sorted, const words *all)
{
    const wchar_t **order;
    size_t          count = 0, n = 0;

    for (size_t at = 0; at < all->size; at += wcslen(all->data + at) + 1)
        count++;
    order = cordon__allocate(all->memory, (count + 1) * sizeof *order);
    if (!order) {
        sorted->error = ERROR_NOT_ENOUGH_MEMORY;
        return;
    }
    for (size_t at = 0; at < all->size; at += wcslen(all->data + at) + 1)
        order[n++] = all->data + at;
    qsort(order, count, sizeof *order, compare);
    for (n = 0; n < count; n++)
        put_added(sorted, order[n]);
    if (count == 0)
        put(sorted, L'\0'); /* the end of nothing has two */
    put(sorted, L'\0');
    cordon__release(all->memory, order);
}

DWORD cordon__environment(wchar_t **block, const cordon__memory *memory,
                          const char *const *environment, const char *added)
{
    words all = {memory, NULL, 0, 0, 0}, sorted = {memory, NULL, 0, 0, 0};

    if (!environment)
        put_own(&all);
    for (size_t n = 0; environment && environment[n]; n++)
        put_utf8(&all, environment[n], put_variable);
    if (environment)
        put_system_root(&all);
    if (added)
        put_utf8(&all, added, put_added);
    sorted.error = all.error;
    if (all.error == 0)
        sort(&sorted, &all);
    cordon__release(memory, all.data);
    return give(block, &sorted);
}
