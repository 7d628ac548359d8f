/* The files of a folder on any system: libuv lists them. */
#ifndef CORDON_LISTING_H
#define CORDON_LISTING_H

#include <uv.h>

/* 0, or libuv's error. Then listing_close. */
static inline int listing_open(uv_fs_t *all, const char *folder)
{
    const int count = uv_fs_scandir(NULL, all, folder, 0, NULL);

    if (count >= 0)
        return 0;
    uv_fs_req_cleanup(all);
    return count;
}

/* The next that is not hidden, borrowed until listing_close; NULL: that was all. */
static inline const char *listing_next(uv_fs_t *all)
{
    uv_dirent_t entry;

    while (uv_fs_scandir_next(all, &entry) == 0)
        if (entry.name[0] != '.')
            return entry.name;
    return NULL;
}

static inline void listing_close(uv_fs_t *all)
{
    uv_fs_req_cleanup(all);
}

#endif
