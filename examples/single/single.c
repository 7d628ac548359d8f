/*
 * A viewer that runs once: the first start opens its window, every other hands its files to it and
 * ends.
 *
 *     single [--dir DIR] [FILE...]
 *
 * The message is bytes of our own, each field with a NUL behind it: the token by which the window
 * system lets a window come to the front, the working directory (names are relative to it), the
 * names of the files.
 */
#include <cordon.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#define MOST 65536 /* what a server takes by default */

typedef struct message {
    char   bytes[MOST];
    size_t size;
} message;

/* ---- packing ---------------------------------------------------------------------- */

static int put(message *it, const char *text)
{
    size_t size = strlen(text) + 1;

    if (size > sizeof it->bytes - it->size)
        return -1;
    memcpy(it->bytes + it->size, text, size);
    it->size += size;
    return 0;
}

static int pack(message *it, char **files)
{
    const char *token = getenv("XDG_ACTIVATION_TOKEN");
    char        here[4096];
    size_t      room = sizeof here;

    it->size = 0;
    if (uv_cwd(here, &room) != 0 || put(it, token != NULL ? token : "") != 0 || put(it, here) != 0)
        return -1;
    for (; *files != NULL; files++)
        if (put(it, *files) != 0)
            return -1;
    return 0;
}

/* The next field, or NULL at the end. Whoever sent it may have sent anything. */
static const char *take(cordon_bytes *rest)
{
    const char *text = rest->data;
    const char *end = rest->size > 0 ? memchr(text, 0, rest->size) : NULL;

    if (end == NULL)
        return NULL;
    rest->data = end + 1;
    rest->size -= (size_t)(end + 1 - text);
    return text;
}

/* ---- the one window ----------------------------------------------------------------- */

static int is_absolute(const char *name)
{
    return name[0] == '/' || name[0] == '\\' || (name[0] != 0 && name[1] == ':');
}

/* The files opened; -1: this is no message of ours. */
static int show(cordon_bytes fields)
{
    const char *token = take(&fields);
    const char *here = take(&fields);
    const char *file;
    int         count = 0;

    if (token == NULL || here == NULL)
        return -1;
    if (token[0] != 0)
        printf("come to the front with %s\n", token);
    for (; (file = take(&fields)) != NULL; count++) {
        if (is_absolute(file))
            printf("open %s\n", file);
        else
            printf("open %s/%s\n", here, file);
    }
    fflush(stdout);
    return count;
}

static void on_request(cordon_request *request, cordon_bytes body, void *user)
{
    int  count = show(body);
    char text[64];

    (void)user;
    if (count < 0) {
        cordon_fail(&request, 256, "not a message of this program");
        return;
    }
    snprintf(text, sizeof text, "opened %d", count);
    cordon_reply(&request, cordon_text(text));
}

static int on_stop(const cordon_peer *peer, void *user)
{
    (void)peer;
    (void)user;
    return CORDON_OK; /* cordon stop single */
}

static void on_closed(void *user)
{
    cordon_loop_close(user);
}

/* ---- one or the other ------------------------------------------------------------------ */

static int start(cordon_endpoint *endpoint, cordon_loop *loop, cordon_bytes mine)
{
    cordon_server_options options = CORDON_SERVER_OPTIONS_INIT;
    cordon_server        *server = NULL;
    cordon_buffer         answer = CORDON_BUFFER_INIT;
    cordon_fault          fault = CORDON_FAULT_INIT;
    int                   code;

    options.program = "single 1.0";
    options.user = loop;
    options.on_stop = on_stop;
    options.on_closed = on_closed;
    code = cordon_single(&server, &answer, loop, endpoint, on_request, mine, &options, 0, &fault);
    if (server != NULL) {
        show(mine); /* what we were started with is ours to open */
        uv_run(uv_default_loop(), UV_RUN_DEFAULT);
        cordon_server_close(server);
        return code;
    }
    if (code == CORDON_OK)
        printf("%s\n", answer.data);
    else
        fprintf(stderr, "%s\n", cordon_fault_line(&fault));
    cordon_buffer_free(&answer);
    cordon_loop_close(loop);
    return code;
}

int main(int count, char **arguments)
{
    static message          mine;
    cordon_endpoint_options where = CORDON_ENDPOINT_OPTIONS_INIT;
    cordon_endpoint        *endpoint = NULL;
    cordon_loop            *loop = NULL;
    cordon_fault            fault = CORDON_FAULT_INIT;
    int                     code;

    arguments++;
    if (count > 2 && strcmp(arguments[0], "--dir") == 0) {
        where.directory = arguments[1];
        arguments += 2;
    }
    if (pack(&mine, arguments) != 0) {
        fprintf(stderr, "single: so many names do not fit in one message\n");
        return 2;
    }
    code = cordon_endpoint_open(&endpoint, "single", &where, &fault);
    if (code == CORDON_OK)
        code = cordon_loop_open_uv(&loop, uv_default_loop(), &fault);
    if (code == CORDON_OK)
        code = start(endpoint, loop, (cordon_bytes){mine.bytes, mine.size});
    else
        fprintf(stderr, "%s\n", cordon_fault_line(&fault));
    cordon_endpoint_close(endpoint);
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    return code == CORDON_OK ? 0 : 1;
}
