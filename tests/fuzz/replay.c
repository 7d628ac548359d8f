/* Each file of the folders that are named, once, through the target that this is linked with. */
#include "fuzz.h"
#include "listing.h"

#define ROOM (1 << 20)

static void replay(const char *folder, const char *name)
{
    static uint8_t bytes[ROOM];
    char           path[4096];
    FILE          *file;
    size_t         size;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    (void)LLVMFuzzerTestOneInput(bytes, size);
}

static unsigned replay_all(const char *folder)
{
    unsigned    count = 0;
    const char *file;
    uv_fs_t     all;
    const int   code = listing_open(&all, folder);

    if (code != 0) {
        fprintf(stderr, "%s: %s\n", folder, uv_strerror(code));
        exit(1);
    }
    while ((file = listing_next(&all)) != NULL) {
        replay(folder, file);
        count++;
    }
    listing_close(&all);
    return count;
}

int main(int count, char **arguments)
{
    for (int i = 1; i < count; i++) {
        const unsigned files = replay_all(arguments[i]);

        printf("%s: %u files\n", arguments[i], files);
        if (files == 0)
            return 1;
    }
    return count > 1 ? 0 : 2;
}
