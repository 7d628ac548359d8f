/* Serves "hello" until Enter is pressed. Bodies are yours; these are JSON, so that scripts can
 * ask too. */
#include <cordon.h>
#include <stdio.h>
#include <string.h>

static void answer(cordon_request *request, cordon_bytes body, void *user)
{
    static const char status[] = "\"status\"";
    unsigned         *asked = user;
    char              text[64];

    if (body.size != sizeof status - 1 || memcmp(body.data, status, body.size) != 0) {
        cordon_fail(&request, 256, "I only know \"status\"");
        return;
    }
    snprintf(text, sizeof text, "{\"asked\": %u}", ++*asked);
    cordon_reply(&request, cordon_text(text)); /* or later, from any thread */
}

int main(void)
{
    cordon_endpoint      *endpoint = NULL;
    cordon_loop          *loop = NULL;
    cordon_server        *server = NULL;
    cordon_server_options options = CORDON_SERVER_OPTIONS_INIT;
    cordon_fault          fault = CORDON_FAULT_INIT;
    unsigned              asked = 0;
    int                   code;

    options.program = "hello 1.0";
    options.user = &asked;
    code = cordon_endpoint_open(&endpoint, "hello", NULL, &fault);
    if (code == CORDON_OK)
        code = cordon_loop_open_thread(&loop, &fault); /* or _uv: on your own libuv loop */
    if (code == CORDON_OK)
        code = cordon_server_open(&server, loop, endpoint, answer, &options, &fault);
    if (code == CORDON_OK) {
        printf("serving %s\n", cordon_endpoint_path(endpoint, CORDON_ADDRESS));
        fflush(stdout);
        getchar();
    } else {
        fprintf(stderr, "%s\n", cordon_fault_line(&fault));
    }
    cordon_server_close(server);
    cordon_loop_close(loop);
    cordon_endpoint_close(endpoint);
    return code == CORDON_OK ? 0 : 1;
}
