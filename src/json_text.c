#include "dialect.h"

#include "json.h"

#include "utf8.h"

#include <string.h>

/* ---- text that becomes a JSON string ----------------------------------------- */

#define LONGEST_ESCAPE 6 /* \u001f */

/* One character as it stands between quotes. Returns the bytes written; *taken those read. */
static size_t quote_character(char *out, const char *text, size_t size, size_t *taken)
{
    static const char plain[] = "\"\\\b\f\n\r\t", named[] = "\"\\bfnrt";
    const char       *found;
    const size_t      count = cordon__utf8_size(text, size);

    *taken = count ? count : 1;
    if (count == 0)
        return cordon__utf8_put(out, 0xFFFD);
    found = *text ? strchr(plain, *text) : NULL;
    if (found) {
        out[0] = '\\';
        out[1] = named[found - plain];
        return 2;
    }
    if ((uint8_t)*text < 0x20) {
        memcpy(out, (const char[]){'\\', 'u', '0', '0'}, 4);
        out[4] = (char)('0' + (*text >> 4));
        out[5] = "0123456789abcdef"[*text & 0xF];
        return LONGEST_ESCAPE;
    }
    memcpy(out, text, count);
    return count;
}

static size_t quoted_size(cordon_bytes text)
{
    const char *from = (const char *)text.data;
    char        piece[LONGEST_ESCAPE];
    size_t      size = 2, taken;

    for (size_t at = 0; at < text.size; at += taken)
        size += quote_character(piece, from + at, text.size - at, &taken);
    return size;
}

int cordon__json_quote(cordon__buffer *out, const cordon__memory *memory, cordon_bytes text,
                       size_t ceiling)
{
    const char *from = (const char *)text.data;
    size_t      taken;
    int         code;

    if (text.size > (SIZE_MAX - 2) / LONGEST_ESCAPE)
        return CORDON_EMSGSIZE;
    /* Measured first: on failure nothing of it is there. */
    code = cordon__buffer_reserve(out, memory, quoted_size(text), ceiling);
    if (code != 0)
        return code;
    *cordon__buffer_tail(out) = '"';
    cordon__buffer_add(out, 1);
    for (size_t at = 0; at < text.size; at += taken)
        cordon__buffer_add(
            out, quote_character(cordon__buffer_tail(out), from + at, text.size - at, &taken));
    *cordon__buffer_tail(out) = '"';
    cordon__buffer_add(out, 1);
    return 0;
}

/* ---- JSON that becomes one line ---------------------------------------------- */

void cordon__json_one_line(char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (text[i] == '\n' || text[i] == '\r')
            text[i] = ' ';
}
