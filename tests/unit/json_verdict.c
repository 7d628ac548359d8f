/*
 * json_verdict: our verdict on each file that standard input names, a line each:
 *
 *     y PATH
 *     n PATH: a lone surrogate at 7
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/json.h"
#include "corpus.h"

static int judge(const char *path)
{
    cordon__json_error error = {NULL, 0};
    cordon_bytes       text = {NULL, 0};
    uint8_t           *bytes = corpus_read(path, &text.size);

    if (!bytes) {
        fprintf(stderr, "json_verdict: cannot read %s\n", path);
        return 1;
    }
    text.data = bytes;
    if (cordon__json_check(text, CORDON__JSON_DEPTH, &error) == 0)
        printf("y %s\n", path);
    else
        printf("n %s: %s at %zu\n", path, error.what, error.at);
    free(bytes);
    return 0;
}

int main(void)
{
    char path[4096];

    while (fgets(path, sizeof path, stdin)) {
        path[strcspn(path, "\n")] = '\0';
        if (judge(path) != 0)
            return 2;
    }
    return 0;
}
