#include "client.h"
#include "io.h"
#include "report.h"
#include "verb.h"

#include <stdio.h>
#include <string.h>

int verb_token(const struct options *options)
{
    cordon_fault     fault = CORDON_FAULT_INIT;
    char             token[65], line[80];
    int              status;
    cordon_endpoint *endpoint = client_endpoint(options, &status);

    if (endpoint == NULL)
        return status;
    if (cordon_endpoint_token(token, endpoint, &fault) == CORDON_OK) {
        snprintf(line, sizeof line, options->is_json ? "{\"token\":\"%s\"}\n" : "%s\n", token);
        status = io_write(cordon_text(line));
        if (status != 0)
            status = report_error(options, CORDON_ESYSTEM, "print", "standard output", status);
    } else {
        status = report_fault(options, &fault);
    }
    cordon_endpoint_close(endpoint);
    return status;
}
