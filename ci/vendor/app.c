/* An application that brings cordon along: asks an endpoint that nobody serves. */
#include <cordon.h>
#include <stdio.h>

int main(void)
{
    cordon_endpoint *endpoint = NULL;
    cordon_buffer    reply = CORDON_BUFFER_INIT;
    cordon_fault     fault = CORDON_FAULT_INIT;
    int              code = cordon_endpoint_open(&endpoint, "cordon-vendor", NULL, &fault);

    if (code == CORDON_OK)
        code = cordon_call(&reply, endpoint, cordon_text("hello"), NULL, &fault);
    printf("%s: %s\n", cordon_version(), cordon_error_name(code));
    cordon_buffer_free(&reply);
    cordon_endpoint_close(endpoint);
    return code == CORDON_ENOTRUNNING ? 0 : 1;
}
