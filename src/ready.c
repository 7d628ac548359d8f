#include "dialect.h"

#include "ready.h"

#include "utf8.h"

#include <string.h>

static const char word[] = "ready";
static const char prefix[] = "CORDON_E";

/* ---- in the started program ------------------------------------------------------- */

size_t cordon__ready_line(char line[CORDON__READY_MOST], const cordon_fault *trouble)
{
    cordon_fault copy;
    const char  *name = word, *text = NULL;
    size_t       used;
    size_t       size;

    if (trouble != NULL && trouble->code != CORDON_OK) {
        cordon__fault_clear(&copy); /* the caller's may be of an older, shorter header */
        memcpy(&copy, trouble, trouble->size < sizeof copy ? trouble->size : sizeof copy);
        name = cordon_error_name(trouble->code);
        text = cordon_fault_line(&copy);
    }
    used = strlen(name);
    memcpy(line, name, used);
    if (text != NULL) {
        line[used++] = ' ';
        size = cordon__utf8_cut(text, strlen(text), CORDON__READY_MOST - 1 - used);
        memcpy(line + used, text, size);
        used += size;
    }
    line[used++] = '\n';
    return used;
}

/* The variable itself says whether it was said already: it goes with the first word. */
int cordon__ready_say(const cordon_fault *trouble)
{
    char         line[CORDON__READY_MOST];
    char         unused[33];
    cordon_fault fault;
    intptr_t     handle;
    int          code;

    cordon__fault_clear(&fault);
    code = cordon__inherit(&handle, unused, "CORDON_READY", &fault);
    if (code == 0)
        cordon__ready_write(handle, line, cordon__ready_line(line, trouble));
    return code;
}

int cordon_ready(const cordon_fault *trouble)
{
    int code;

    if (trouble != NULL && trouble->size < offsetof(cordon_fault, app_code))
        return CORDON_EINVAL;
    code = cordon__ready_say(trouble);
    return code == CORDON__ABSENT ? CORDON_OK : code;
}

/* ---- in the one that has started it ------------------------------------------------- */

static int is_text(cordon_bytes bytes, const char *text)
{
    return bytes.size == strlen(text) && memcmp(bytes.data, text, bytes.size) == 0;
}

/* Of a newer cordon's table perhaps: letters behind the prefix. */
static int is_name(cordon_bytes name)
{
    const char  *at = name.data;
    const size_t from = sizeof prefix - 1;

    if (name.size <= from || memcmp(at, prefix, from) != 0)
        return 0;
    for (size_t i = from; i < name.size; i++)
        if (at[i] < 'A' || at[i] > 'Z')
            return 0;
    return 1;
}

static int code_of(cordon_bytes name)
{
    for (int code = -1; code > CORDON_ERRORS_END; code--)
        if (is_text(name, cordon_error_name(code)))
            return code;
    return CORDON_ELAUNCH;
}

int cordon__ready_parse(int *code, cordon_bytes *text, cordon_bytes said)
{
    const size_t most = said.size < CORDON__READY_MOST ? said.size : CORDON__READY_MOST;
    const char  *line = said.data;
    const char  *end = most > 0 ? memchr(line, '\n', most) : NULL;
    const char  *blank;
    cordon_bytes name;

    if (end == NULL)
        return most < CORDON__READY_MOST ? CORDON__AGAIN : CORDON_EPROTOCOL;
    if (end > line && end[-1] == '\r') /* a script of the other system's */
        end--;
    name.data = line;
    name.size = (size_t)(end - line);
    *code = CORDON_OK;
    *text = cordon_text(NULL);
    if (is_text(name, word))
        return 0;
    blank = name.size > 0 ? memchr(line, ' ', name.size) : NULL;
    if (blank != NULL) {
        name.size = (size_t)(blank - line);
        text->data = blank + 1;
        text->size = (size_t)(end - blank - 1);
    }
    if (!is_name(name))
        return CORDON_EPROTOCOL;
    *code = code_of(name);
    return 0;
}
