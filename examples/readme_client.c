/* Asks "hello" once and prints the answer. No loop, no thread. */
#include <cordon.h>
#include <stdio.h>

int main(void)
{
    cordon_endpoint *endpoint = NULL;
    cordon_buffer    reply = CORDON_BUFFER_INIT;
    cordon_fault     fault = CORDON_FAULT_INIT;
    int              code = cordon_endpoint_open(&endpoint, "hello", NULL, &fault);

    if (code == CORDON_OK)
        code = cordon_call(&reply, endpoint, cordon_text("\"status\""), NULL, &fault);
    if (code == CORDON_OK)
        printf("%s\n", reply.data);
    else
        fprintf(stderr, "%s\n", cordon_fault_line(&fault));
    cordon_buffer_free(&reply);
    cordon_endpoint_close(endpoint);
    return code == CORDON_OK ? 0 : 1;
}
