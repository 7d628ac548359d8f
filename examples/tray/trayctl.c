/*
 * Talks to the tray:
 *
 *     trayctl status | pause SECONDS | resume | settings [get NAME | set NAME VALUE]
 *
 * VALUE is JSON: 30, true, "text". TRAY_DIR names another directory.
 */
#include <cordon.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

static int usage(void)
{
    fprintf(stderr,
            "trayctl status | pause SECONDS | resume | settings [get NAME | set NAME VALUE]\n");
    return 2;
}

/* The request that was typed, or NULL. */
static json_t *make_request(int count, char **words)
{
    const char *verb = count > 0 ? words[0] : "";

    if (count == 1)
        return json_pack("{ss}", "do", verb);
    if (count == 2 && strcmp(verb, "pause") == 0)
        return json_pack("{ss, sI}", "do", verb, "seconds",
                         (json_int_t)strtoll(words[1], NULL, 10));
    if (count == 3 && strcmp(verb, "settings") == 0 && strcmp(words[1], "get") == 0)
        return json_pack("{ss, ss}", "do", verb, "get", words[2]);
    if (count == 4 && strcmp(verb, "settings") == 0 && strcmp(words[1], "set") == 0)
        return json_pack("{ss, s{so}}", "do", verb, "set", words[2],
                         json_loads(words[3], JSON_DECODE_ANY, NULL));
    return NULL;
}

static int ask(const char *text)
{
    cordon_endpoint_options where = CORDON_ENDPOINT_OPTIONS_INIT;
    cordon_call_options     how = CORDON_CALL_OPTIONS_INIT;
    cordon_endpoint        *endpoint = NULL;
    cordon_buffer           reply = CORDON_BUFFER_INIT;
    cordon_fault            fault = CORDON_FAULT_INIT;
    int                     code;

    where.directory = getenv("TRAY_DIR");
    how.program = "trayctl 1.0";
    code = cordon_endpoint_open(&endpoint, "tray", &where, &fault);
    if (code == CORDON_OK)
        code = cordon_call(&reply, endpoint, cordon_text(text), &how, &fault);
    if (code == CORDON_OK)
        printf("%s\n", reply.data);
    else if (code == CORDON_ENOTRUNNING)
        fprintf(stderr, "trayctl: the tray is not running\n");
    else
        fprintf(stderr, "trayctl: %s\n", cordon_fault_line(&fault));
    cordon_buffer_free(&reply);
    cordon_endpoint_close(endpoint);
    return code == CORDON_OK ? 0 : 1;
}

int main(int argc, char **argv)
{
    json_t *request = make_request(argc - 1, argv + 1);
    char   *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
    int     status = text ? ask(text) : usage();

    free(text);
    json_decref(request);
    return status;
}
