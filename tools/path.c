#include "client.h"
#include "report.h"
#include "text.h"
#include "verb.h"

#include <stdio.h>
#include <string.h>

static void print_place(const struct options *options, const char *key, const char *path,
                        int is_first)
{
    if (!options->is_json) {
        printf("%s: %s\n", key, path);
        return;
    }
    printf("%s\"%s\":", is_first ? "{" : ",", key);
    text_print_json(stdout, cordon_text(path));
}

/* Where the link leads, if it leads elsewhere. What lies there is not our business here. */
static void print_live(const struct options *options, cordon_endpoint *endpoint)
{
    cordon_buffer live = CORDON_BUFFER_INIT;

    if (cordon_endpoint_live(&live, endpoint, NULL) == CORDON_OK &&
        strcmp(live.data, cordon_endpoint_path(endpoint, CORDON_ADDRESS)) != 0)
        print_place(options, "live", live.data, 0);
    cordon_buffer_free(&live);
}

int verb_path(const struct options *options)
{
    static const struct {
        const char       *key;
        enum cordon_place place;
    } places[] = {
        {"directory", CORDON_DIRECTORY}, {"address", CORDON_ADDRESS},       {"token", CORDON_TOKEN},
        {"lock", CORDON_LOCK},           {"start-lock", CORDON_START_LOCK},
    };
    int              status;
    cordon_endpoint *endpoint = client_endpoint(options, &status);

    if (endpoint == NULL)
        return status;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        print_place(options, places[i].key, cordon_endpoint_path(endpoint, places[i].place),
                    i == 0);
    print_live(options, endpoint);
    if (options->is_json)
        printf("}\n");
    cordon_endpoint_close(endpoint);
    return EXIT_DONE;
}
