/*
 * The link that stands in the directory of an endpoint whose socket is in the
 * annex, so that two environments with different TMPDIR meet. The kernel never
 * follows it: we read it, and believe only a text that this endpoint makes.
 */
#include "../dialect.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../name.h"
#include "place.h"

static const char read_step[] = "read link";
static const char publish_step[] = "publish link";

#define HALF ".new" /* a link that was not yet given its name */

static int refused(const cordon__place *place, const char *path, const char *text,
                   cordon_fault *fault)
{
    return cordon__place_unsafe(place, fault, read_step, path, 0, 0, text);
}

/* "<root>" + "/cordon-<uid>/<digits>.sock": the root may be another TMPDIR's, the rest not. */
static int is_one_of_ours(const cordon__place *place, const char *target, size_t size)
{
    const char  *address = place->paths[CORDON_ADDRESS];
    const char  *tail = strrchr(place->annex, '/');
    const size_t tail_size = strlen(address) - (size_t)(tail - place->annex);

    tail = address + (tail - place->annex);
    return size > tail_size && target[0] == '/' &&
           memcmp(target + size - tail_size, tail, tail_size) == 0;
}

int cordon__link_read(char target[CORDON__ADDRESS_MAX + 1], const cordon__place *place,
                      cordon_fault *fault)
{
    const cordon__spot spot = cordon__spot_of_link(place);
    struct stat        info;
    char               text[CORDON__ADDRESS_MAX + 1]; /* one more: to see that it is too long */
    ssize_t            size;

    if (fstatat(spot.dir, spot.file, &info, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? CORDON__ABSENT
                               : cordon__place_fault(place, fault, read_step, errno, spot.path);
    if (!S_ISLNK(info.st_mode))
        return refused(place, spot.path, "not a link of ours: remove it", fault);
    if (info.st_uid != place->uid)
        return cordon__place_unsafe(place, fault, read_step, spot.path, place->uid, info.st_uid,
                                    "this link belongs to another user");
    size = readlinkat(spot.dir, spot.file, text, sizeof text);
    if (size < 0)
        return errno == ENOENT ? CORDON__ABSENT
                               : cordon__place_fault(place, fault, read_step, errno, spot.path);
    if (size > CORDON__ADDRESS_MAX || !is_one_of_ours(place, text, (size_t)size))
        return refused(place, spot.path, "leads where no socket of this endpoint is: remove it",
                       fault);
    memcpy(target, text, (size_t)size);
    target[size] = '\0';
    return CORDON_OK;
}

static const char *half_name(char *out, size_t room, const cordon__spot *spot)
{
    snprintf(out, room, "%s%s", spot->file, HALF);
    return out;
}

static int remove_file(const cordon__place *place, const cordon__spot *spot, const char *file,
                       const char *during, cordon_fault *fault)
{
    if (unlinkat(spot->dir, file, 0) == 0 || errno == ENOENT)
        return CORDON_OK;
    return cordon__place_fault(place, fault, during, errno, spot->path);
}

/* Killed between symlink and rename. */
static int clear_half(const cordon__place *place, const cordon__spot *spot, cordon_fault *fault)
{
    char        half[CORDON__NAME_MAX + 16];
    struct stat info;

    half_name(half, sizeof half, spot);
    if (fstatat(spot->dir, half, &info, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? CORDON_OK
                               : cordon__place_fault(place, fault, publish_step, errno, spot->path);
    if (!S_ISLNK(info.st_mode) || info.st_uid != place->uid)
        return cordon__place_unsafe(place, fault, publish_step, spot->path, place->uid, info.st_uid,
                                    "beside it, \"" HALF "\" is not a link of ours");
    return remove_file(place, spot, half, publish_step, fault);
}

int cordon__link_clear(const cordon__place *place, cordon_fault *fault)
{
    const cordon__spot spot = cordon__spot_of_link(place);
    char               target[CORDON__ADDRESS_MAX + 1];
    int                code = cordon__link_read(target, place, fault);

    if (code < 0)
        return code;
    if (code == CORDON_OK)
        code = remove_file(place, &spot, spot.file, read_step, fault);
    else
        code = CORDON_OK;
    return code == CORDON_OK ? clear_half(place, &spot, fault) : code;
}

int cordon__link_publish(const cordon__place *place, cordon_fault *fault)
{
    const cordon__spot spot = cordon__spot_of_link(place);
    char               half[CORDON__NAME_MAX + 16];
    int                code = clear_half(place, &spot, fault);

    if (code != CORDON_OK)
        return code;
    half_name(half, sizeof half, &spot);
    if (symlinkat(place->paths[CORDON_ADDRESS], spot.dir, half) != 0)
        return cordon__place_fault(place, fault, publish_step, errno, spot.path);
    if (renameat(spot.dir, half, spot.dir, spot.file) != 0) {
        code = cordon__place_fault(place, fault, publish_step, errno, spot.path);
        unlinkat(spot.dir, half, 0);
        return code;
    }
    cordon__place_done(place, publish_step, spot.path, place->paths[CORDON_ADDRESS]);
    return CORDON_OK;
}

void cordon__link_remove(const cordon__place *place)
{
    const cordon__spot spot = cordon__spot_of_link(place);
    cordon_fault       ignored = CORDON_FAULT_INIT;
    char               target[CORDON__ADDRESS_MAX + 1];

    if (cordon__link_read(target, place, &ignored) == CORDON_OK &&
        strcmp(target, place->paths[CORDON_ADDRESS]) == 0)
        unlinkat(spot.dir, spot.file, 0);
}

int cordon__link_directory(cordon__place *place, const char *target, cordon_fault *fault)
{
    const size_t size = (size_t)(strrchr(target, '/') - target);

    if (!place->other || strlen(place->other) != size || memcmp(place->other, target, size) != 0) {
        char *other = cordon__allocate(&place->memory, size + 1);

        if (!other)
            return cordon__fault_set(fault, CORDON_ENOMEM, read_step);
        memcpy(other, target, size);
        cordon__release(&place->memory, place->other);
        cordon__dir_close(&place->other_dir);
        place->other = other;
    }
    return cordon__dir_open(place, &place->other_dir, place->other, NULL, 0, fault);
}
