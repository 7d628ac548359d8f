/*
 * The golden bytes of tests/golden: pairs of hex digits, 'text' in single quotes, and
 * comments from # to the end of the line.
 */
#ifndef CORDON_GOLDEN_H
#define CORDON_GOLDEN_H

#include "unit.h"

#define GOLDEN_ROOM 1024

static inline int golden_digit(int c)
{
    const char *digits = "0123456789abcdef";
    const char *found = c ? strchr(digits, c) : NULL;

    return found ? (int)(found - digits) : -1;
}

static inline size_t golden_read(uint8_t *out, const char *text, const char *name)
{
    size_t size = 0;

    while (*text) {
        assert_true(size < GOLDEN_ROOM);
        if (*text == '#') {
            text += strcspn(text, "\n");
        } else if (*text == '\'') {
            for (text++; *text && *text != '\''; text++)
                out[size++] = (uint8_t)*text;
            text += *text == '\'';
        } else if (strchr(" \n", *text)) {
            text++;
        } else {
            const int high = golden_digit(text[0]), low = high < 0 ? -1 : golden_digit(text[1]);

            if (low < 0)
                fail_msg("%s: neither hex, text nor comment: %.10s", name, text);
            out[size++] = (uint8_t)(high << 4 | low);
            text += 2;
        }
    }
    return size;
}

/* The bytes of tests/golden/<name>.hex. */
static inline cordon_bytes golden(uint8_t out[GOLDEN_ROOM], const char *name)
{
    const char *source = getenv("CORDON_SOURCE");
    char        path[2048], text[8192];
    FILE       *file;
    size_t      size;

    if (!source)
        fail_msg("CORDON_SOURCE does not say where the source is");
    snprintf(path, sizeof path, "%s/tests/golden/%s.hex", source, name);
    file = fopen(path, "rb");
    if (!file)
        fail_msg("cannot open %s", path);
    size = fread(text, 1, sizeof text - 1, file);
    text[size] = '\0';
    fclose(file);
    return unit_view(out, golden_read(out, text, name));
}

#endif
