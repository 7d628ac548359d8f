#include "dialect.h"

#include "utf8.h"

static int is_tail(uint8_t byte)
{
    return (byte & 0xC0) == 0x80;
}

/* A lead byte, and the range of the byte behind it: that alone keeps out overlong
 * forms, surrogates and what lies over U+10FFFF (Unicode, table 3-7). */
typedef struct lead {
    uint8_t first, last;
    uint8_t size;
    uint8_t low, high;
} lead;

static const lead leads[] = {
    {0xC2, 0xDF, 2, 0x80, 0xBF}, {0xE0, 0xE0, 3, 0xA0, 0xBF}, {0xE1, 0xEC, 3, 0x80, 0xBF},
    {0xED, 0xED, 3, 0x80, 0x9F}, {0xEE, 0xEF, 3, 0x80, 0xBF}, {0xF0, 0xF0, 4, 0x90, 0xBF},
    {0xF1, 0xF3, 4, 0x80, 0xBF}, {0xF4, 0xF4, 4, 0x80, 0x8F},
};

static const lead *find_lead(uint8_t byte)
{
    for (size_t i = 0; i < sizeof leads / sizeof leads[0]; i++)
        if (byte >= leads[i].first && byte <= leads[i].last)
            return &leads[i];
    return NULL;
}

size_t cordon__utf8_size(const void *text, size_t size)
{
    const uint8_t *bytes = (const uint8_t *)text;
    const lead    *found;

    if (size == 0)
        return 0;
    if (bytes[0] < 0x80)
        return 1;
    found = find_lead(bytes[0]);
    if (!found || found->size > size)
        return 0;
    if (bytes[1] < found->low || bytes[1] > found->high)
        return 0;
    for (size_t i = 2; i < found->size; i++)
        if (!is_tail(bytes[i]))
            return 0;
    return found->size;
}

size_t cordon__utf8_plain(const void *text, size_t size)
{
    const uint8_t *bytes = (const uint8_t *)text;
    size_t         count = cordon__utf8_size(text, size);

    if (count == 1 && (bytes[0] < 0x20 || bytes[0] == 0x7F))
        return 0;
    /* U+0080 to U+009F: a terminal may take them for escapes. */
    if (count == 2 && bytes[0] == 0xC2 && bytes[1] < 0xA0)
        return 0;
    return count;
}

size_t cordon__utf8_cut(const void *text, size_t size, size_t limit)
{
    const uint8_t *bytes = (const uint8_t *)text;
    size_t         end = limit;

    if (size <= limit)
        return size;
    /* At most three steps: where the text is no UTF-8, any place is as good. */
    while (end > 0 && limit - end < 3 && is_tail(bytes[end]))
        end--;
    return is_tail(bytes[end]) ? limit : end;
}

size_t cordon__utf8_put(char out[4], uint32_t point)
{
    if (point < 0x80) {
        out[0] = (char)point;
        return 1;
    }
    if (point < 0x800) {
        out[0] = (char)(0xC0 | point >> 6);
        out[1] = (char)(0x80 | (point & 0x3F));
        return 2;
    }
    if (point < 0x10000) {
        out[0] = (char)(0xE0 | point >> 12);
        out[1] = (char)(0x80 | (point >> 6 & 0x3F));
        out[2] = (char)(0x80 | (point & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | point >> 18);
    out[1] = (char)(0x80 | (point >> 12 & 0x3F));
    out[2] = (char)(0x80 | (point >> 6 & 0x3F));
    out[3] = (char)(0x80 | (point & 0x3F));
    return 4;
}
