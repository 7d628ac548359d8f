#include "text.h"

#include <stdlib.h>
#include <string.h>

/* The size of the well-formed UTF-8 sequence that `at` begins with, 0 when there is none. */
static size_t sequence_size(const unsigned char *at, size_t left)
{
    static const struct {
        unsigned char first, last;            /* of the first byte */
        unsigned char second_min, second_max; /* no overlong form, surrogate, or over 10FFFF */
        unsigned char size;
    } forms[] = {
        {0x00, 0x7F, 0x00, 0x00, 1}, {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
        {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
        {0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
    };

    for (size_t form = 0; form < sizeof forms / sizeof forms[0]; form++) {
        size_t size = forms[form].size;

        if (at[0] < forms[form].first || at[0] > forms[form].last)
            continue;
        if (left < size)
            return 0;
        if (size > 1 && (at[1] < forms[form].second_min || at[1] > forms[form].second_max))
            return 0;
        for (size_t i = 2; i < size; i++)
            if ((at[i] & 0xC0) != 0x80)
                return 0;
        return size;
    }
    return 0;
}

/* C0 and DEL, and C1, which is two bytes in UTF-8: a terminal may obey both. */
static int is_control(const unsigned char *at, size_t size)
{
    if (size == 1)
        return at[0] < 0x20 || at[0] == 0x7F;
    return size == 2 && at[0] == 0xC2 && at[1] < 0xA0;
}

void text_print(FILE *to, cordon_bytes text)
{
    const unsigned char *at = text.data;
    size_t               size;

    for (size_t left = text.size; left > 0; at += size, left -= size) {
        size = sequence_size(at, left);
        if (size == 0 || (is_control(at, size) && *at != '\t' && *at != '\n')) {
            fputc('?', to);
            size = size ? size : 1;
        } else {
            fwrite(at, 1, size, to);
        }
    }
}

static void print_json_character(FILE *to, const unsigned char *at, size_t size)
{
    if (size == 0)
        fputs("\\ufffd", to);
    else if (size == 1 && (*at == '"' || *at == '\\'))
        fprintf(to, "\\%c", *at);
    else if (is_control(at, size))
        fprintf(to, "\\u%04x", size == 1 ? at[0] : at[1]);
    else
        fwrite(at, 1, size, to);
}

void text_print_json(FILE *to, cordon_bytes text)
{
    const unsigned char *at = text.data;
    size_t               size;

    fputc('"', to);
    for (size_t left = text.size; left > 0; at += size, left -= size) {
        size = sequence_size(at, left);
        print_json_character(to, at, size);
        size = size ? size : 1;
    }
    fputc('"', to);
}

int text_append(char **text, size_t *size, cordon_bytes more)
{
    char *grown = realloc(*text, *size + more.size + 1);

    if (grown == NULL)
        return -1;
    if (more.size > 0)
        memcpy(grown + *size, more.data, more.size);
    *text = grown;
    *size += more.size;
    grown[*size] = '\0';
    return 0;
}
