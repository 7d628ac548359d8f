#include "dialect.h"

#include "json.h"

#include "utf8.h"

#include <string.h>

/* ---- the scanner ------------------------------------------------------------- */

typedef struct scanner {
    const uint8_t      *text;
    size_t              size, at;
    unsigned            depth; /* levels that may still be opened */
    cordon__json_error *error;
} scanner;

static scanner scan_from(cordon_bytes text, unsigned depth, cordon__json_error *error)
{
    scanner scan = {(const uint8_t *)text.data, text.size, 0, depth, error};

    return scan;
}

static int fail(scanner *scan, const char *what, size_t at)
{
    if (scan->error) {
        scan->error->what = what;
        scan->error->at = at;
    }
    return CORDON_EPROTOCOL;
}

/* The byte here; 0, which no token begins with, at the end. */
static uint8_t here(const scanner *scan)
{
    return scan->at < scan->size ? scan->text[scan->at] : 0;
}

/* What is not `what` is either something else or nothing at all. */
static int fail_here(scanner *scan, const char *what)
{
    return fail(scan, scan->at < scan->size ? what : "an early end", scan->at);
}

static void skip_space(scanner *scan)
{
    while (here(scan) == ' ' || here(scan) == '\t' || here(scan) == '\n' || here(scan) == '\r')
        scan->at++;
}

static int is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

/* ---- strings ----------------------------------------------------------------- */

/* Where an unescaped string goes; NULL: nowhere, it is only checked. */
typedef struct sink {
    char  *out;
    size_t room, used;
    int    is_full;
} sink;

static void pour(sink *to, const void *bytes, size_t size)
{
    if (!to || to->is_full)
        return;
    if (size > to->room - to->used) {
        to->is_full = 1;
        return;
    }
    memcpy(to->out + to->used, bytes, size);
    to->used += size;
}

static int read_hex4(scanner *scan, uint32_t *unit)
{
    *unit = 0;
    for (int i = 0; i < 4; i++, scan->at++) {
        uint8_t byte = here(scan);

        if (is_digit(byte))
            *unit = *unit << 4 | (uint32_t)(byte - '0');
        else if ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'f')
            *unit = *unit << 4 | (uint32_t)((byte | 0x20) - 'a' + 10);
        else
            return fail_here(scan, "no hex digit");
    }
    return 0;
}

/* Behind "\u", which began at `start`: one unit, or two that make a pair. */
static int read_unicode(scanner *scan, size_t start, uint32_t *point)
{
    uint32_t low;

    if (read_hex4(scan, point) != 0)
        return CORDON_EPROTOCOL;
    if (*point < 0xD800 || *point > 0xDFFF)
        return 0;
    if (*point > 0xDBFF || here(scan) != '\\' || scan->size - scan->at < 2 ||
        scan->text[scan->at + 1] != 'u')
        return fail(scan, "a lone surrogate", start);
    scan->at += 2;
    if (read_hex4(scan, &low) != 0)
        return CORDON_EPROTOCOL;
    if (low < 0xDC00 || low > 0xDFFF)
        return fail(scan, "a lone surrogate", start);
    *point = 0x10000 + ((*point - 0xD800) << 10 | (low - 0xDC00));
    return 0;
}

static int read_escape(scanner *scan, sink *to)
{
    static const char names[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    const size_t      start = scan->at++;
    const char       *name;
    uint32_t          point;
    char              bytes[4];

    if (here(scan) == 'u') {
        scan->at++;
        if (read_unicode(scan, start, &point) != 0)
            return CORDON_EPROTOCOL;
        pour(to, bytes, cordon__utf8_put(bytes, point));
        return 0;
    }
    name = here(scan) ? strchr(names, here(scan)) : NULL;
    if (!name)
        return fail_here(scan, "an unknown escape");
    scan->at++;
    pour(to, &meant[name - names], 1);
    return 0;
}

/* Bytes of ASCII that stand for themselves. Most text is that, so it is taken in one go. */
static size_t plain_size(const scanner *scan)
{
    size_t end = scan->at;

    while (end < scan->size && scan->text[end] >= 0x20 && scan->text[end] < 0x80 &&
           scan->text[end] != '"' && scan->text[end] != '\\')
        end++;
    return end - scan->at;
}

static int read_characters(scanner *scan, sink *to)
{
    size_t size = plain_size(scan);

    if (size == 0 && here(scan) < 0x20)
        return fail_here(scan, "a control character in a string");
    if (size == 0)
        size = cordon__utf8_size(scan->text + scan->at, scan->size - scan->at);
    if (size == 0)
        return fail(scan, "broken UTF-8", scan->at);
    pour(to, scan->text + scan->at, size);
    scan->at += size;
    return 0;
}

static int read_string(scanner *scan, sink *to)
{
    int code = 0;

    scan->at++;
    while (code == 0 && here(scan) != '"')
        code = here(scan) == '\\' ? read_escape(scan, to) : read_characters(scan, to);
    if (code == 0)
        scan->at++;
    return code;
}

/* ---- numbers and words ------------------------------------------------------- */

static int read_digits(scanner *scan)
{
    if (!is_digit(here(scan)))
        return fail_here(scan, "a digit is missing");
    while (is_digit(here(scan)))
        scan->at++;
    return 0;
}

static int read_number(scanner *scan)
{
    if (here(scan) == '-')
        scan->at++;
    if (here(scan) == '0') {
        scan->at++;
        if (is_digit(here(scan)))
            return fail(scan, "a leading zero", scan->at - 1);
    } else if (read_digits(scan) != 0) {
        return CORDON_EPROTOCOL;
    }
    if (here(scan) == '.') {
        scan->at++;
        if (read_digits(scan) != 0)
            return CORDON_EPROTOCOL;
    }
    if (here(scan) != 'e' && here(scan) != 'E')
        return 0;
    scan->at++;
    if (here(scan) == '+' || here(scan) == '-')
        scan->at++;
    return read_digits(scan);
}

static int read_word(scanner *scan, const char *word)
{
    const size_t size = strlen(word);

    if (scan->size - scan->at < size || memcmp(scan->text + scan->at, word, size) != 0)
        return fail(scan, "an unknown word", scan->at);
    scan->at += size;
    return 0;
}

/* ---- values ------------------------------------------------------------------ */

/* What a member's name and value are shown to; NULL when nobody looks. */
typedef struct lookup {
    cordon__json_member *members;
    size_t               count;
} lookup;

static int read_object(scanner *scan, const lookup *wanted);
static int read_array(scanner *scan);

/* Recursion is bounded by `depth`: one small frame for each level. */
static int read_value(scanner *scan)
{
    switch (here(scan)) {
    case '{':
        return read_object(scan, NULL);
    case '[':
        return read_array(scan);
    case '"':
        return read_string(scan, NULL);
    case 't':
        return read_word(scan, "true");
    case 'f':
        return read_word(scan, "false");
    case 'n':
        return read_word(scan, "null");
    default:
        if (here(scan) == '-' || is_digit(here(scan)))
            return read_number(scan);
        return fail_here(scan, "no value");
    }
}

static int open_level(scanner *scan)
{
    if (scan->depth == 0)
        return fail(scan, "nested too deep", scan->at);
    scan->depth--;
    scan->at++;
    skip_space(scan);
    return 0;
}

/* Behind an element: 1, another one follows; 0, the level is closed. */
static int next_element(scanner *scan, uint8_t closing, const char *what)
{
    skip_space(scan);
    if (here(scan) == ',') {
        scan->at++;
        skip_space(scan);
        return 1;
    }
    if (here(scan) != closing)
        return fail_here(scan, what);
    scan->at++;
    scan->depth++;
    return 0;
}

static int read_array(scanner *scan)
{
    int turn = open_level(scan);

    if (turn == 0 && here(scan) == ']') {
        scan->at++;
        scan->depth++;
        return 0;
    }
    while (turn >= 0) {
        if (read_value(scan) != 0)
            return CORDON_EPROTOCOL;
        turn = next_element(scan, ']', "no comma or bracket");
        if (turn == 0)
            return 0;
    }
    return turn;
}

/* A listed name that came, unescaped, as `name`. */
static cordon__json_member *find_member(const lookup *wanted, const sink *name)
{
    if (!wanted || name->is_full)
        return NULL;
    for (size_t i = 0; i < wanted->count; i++)
        if (strlen(wanted->members[i].name) == name->used &&
            memcmp(wanted->members[i].name, name->out, name->used) == 0)
            return &wanted->members[i];
    return NULL;
}

#define LONGEST_NAME 64 /* that anybody looks for */

static int read_name(scanner *scan, const lookup *wanted, cordon__json_member **found)
{
    char         text[LONGEST_NAME];
    sink         name = {text, sizeof text, 0, 0};
    const size_t start = scan->at;

    if (here(scan) != '"')
        return fail_here(scan, "no member name");
    if (read_string(scan, wanted ? &name : NULL) != 0)
        return CORDON_EPROTOCOL;
    *found = find_member(wanted, &name);
    if (*found && (*found)->value.data)
        return fail(scan, "a member twice", start);
    return 0;
}

static int read_member(scanner *scan, const lookup *wanted)
{
    cordon__json_member *found = NULL;
    size_t               start;

    if (read_name(scan, wanted, &found) != 0)
        return CORDON_EPROTOCOL;
    skip_space(scan);
    if (here(scan) != ':')
        return fail_here(scan, "no colon");
    scan->at++;
    skip_space(scan);
    start = scan->at;
    if (read_value(scan) != 0)
        return CORDON_EPROTOCOL;
    if (found) {
        found->value.data = scan->text + start;
        found->value.size = scan->at - start;
    }
    return 0;
}

static int read_object(scanner *scan, const lookup *wanted)
{
    int turn = open_level(scan);

    if (turn == 0 && here(scan) == '}') {
        scan->at++;
        scan->depth++;
        return 0;
    }
    while (turn >= 0) {
        if (read_member(scan, wanted) != 0)
            return CORDON_EPROTOCOL;
        turn = next_element(scan, '}', "no comma or brace");
        if (turn == 0)
            return 0;
    }
    return turn;
}

static int read_end(scanner *scan)
{
    skip_space(scan);
    if (scan->at < scan->size)
        return fail(scan, "something behind the value", scan->at);
    return 0;
}

int cordon__json_check(cordon_bytes text, unsigned depth, cordon__json_error *error)
{
    scanner scan = scan_from(text, depth, error);

    skip_space(&scan);
    if (read_value(&scan) != 0)
        return CORDON_EPROTOCOL;
    return read_end(&scan);
}

static void forget_values(cordon__json_member *members, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        members[i].value.data = NULL;
        members[i].value.size = 0;
    }
}

int cordon__json_object(cordon__json_member *members, size_t count, cordon_bytes text,
                        unsigned depth, cordon__json_error *error)
{
    scanner      scan = scan_from(text, depth, error);
    const lookup wanted = {members, count};
    int          code;

    forget_values(members, count);
    skip_space(&scan);
    if (here(&scan) != '{')
        return fail_here(&scan, "no object");
    code = read_object(&scan, &wanted);
    if (code == 0)
        code = read_end(&scan);
    if (code != 0)
        forget_values(members, count);
    return code;
}

/* ---- single values ----------------------------------------------------------- */

ptrdiff_t cordon__json_string(char *out, size_t room, cordon_bytes value)
{
    scanner scan = scan_from(value, 0, NULL);
    sink    to = {out, room, 0, 0};

    if (here(&scan) != '"' || read_string(&scan, &to) != 0)
        return -1;
    return scan.at == scan.size && !to.is_full ? (ptrdiff_t)to.used : -1;
}

#define LARGEST_EXACT INT64_C(9007199254740992) /* 2^53: beyond it languages disagree */

int cordon__json_is_integer(cordon_bytes value, int64_t *number)
{
    scanner scan = scan_from(value, 0, NULL);
    int64_t amount = 0;
    int     is_negative;

    is_negative = here(&scan) == '-';
    if (read_number(&scan) != 0 || scan.at != scan.size)
        return 0;
    for (scan.at = (size_t)is_negative; scan.at < scan.size; scan.at++) {
        if (!is_digit(here(&scan)))
            return 0;
        amount = amount * 10 + (here(&scan) - '0');
        if (amount > LARGEST_EXACT)
            return 0;
    }
    *number = is_negative ? -amount : amount;
    return 1;
}
