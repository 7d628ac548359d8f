/*
 * The texts of tests/json: a file each, y_... is good JSON, n_... is not.
 */
#ifndef CORDON_CORPUS_H
#define CORDON_CORPUS_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* All of a file, in a block without a byte to spare; NULL: it cannot be read. */
static inline uint8_t *corpus_read(const char *path, size_t *size)
{
    FILE    *file = fopen(path, "rb");
    uint8_t *bytes;
    long     end;

    *size = 0;
    if (!file)
        return NULL;
    fseek(file, 0, SEEK_END);
    end = ftell(file);
    rewind(file);
    *size = end > 0 ? (size_t)end : 0;
    bytes = malloc(*size ? *size : 1);
    if (bytes && fread(bytes, 1, *size, file) != *size) {
        free(bytes);
        bytes = NULL;
    }
    fclose(file);
    return bytes;
}

#endif
