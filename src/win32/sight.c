/*
 * What a person would look at when a server cannot be reached or started. It
 * only looks, also where nobody should go, so what it tells is told, not used.
 */
#include "../dialect.h"

#include <stdio.h>
#include <string.h>

#include "pipe.h"
#include "place.h"

#include <aclapi.h>
#include <sddl.h>

static const char environment_step[] = "look at environment";
static const char directory_step[] = "check directory";
static const char address_step[] = "look at address";
static const char room_step[] = "look for room";

#define DESCRIPTOR_TEXT 200
#define LEAST_ROOM      4096 /* bytes: a token and a lock file */

typedef struct sight {
    cordon__place  *place;
    cordon__tell_fn tell;
    void           *owner;
} sight;

static void tell(const sight *at, int code, const char *during, const char *path, const char *text)
{
    cordon_fault fact;

    cordon__fault_clear(&fact);
    cordon__fault_found(&fact, code, during, path, 0, 0, text);
    at->tell(&fact, at->owner);
}

static void tell_error(const sight *at, const char *during, DWORD error, const char *path)
{
    cordon_fault fact;

    cordon__fault_clear(&fact);
    cordon__win32_fault(&fact, during, error, path);
    at->tell(&fact, at->owner);
}

/* Owner and list of something open with READ_CONTROL, as the system's tools write them. */
static void descriptor_text(char text[DESCRIPTOR_TEXT], HANDLE open, SE_OBJECT_TYPE kind)
{
    const SECURITY_INFORMATION what = OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION;
    PSECURITY_DESCRIPTOR       descriptor = NULL;
    LPSTR                      words = NULL;

    snprintf(text, DESCRIPTOR_TEXT, "its owner cannot be read");
    if (GetSecurityInfo(open, kind, what, NULL, NULL, NULL, NULL, &descriptor) != ERROR_SUCCESS)
        return;
    if (ConvertSecurityDescriptorToStringSecurityDescriptorA(descriptor, SDDL_REVISION_1, what,
                                                             &words, NULL)) {
        snprintf(text, DESCRIPTOR_TEXT, "%.*s", DESCRIPTOR_TEXT - 1, words);
        LocalFree(words);
    }
    LocalFree(descriptor);
}

/* ---- environment ------------------------------------------------------------------ */

static void see_environment(const sight *at)
{
    tell(at, CORDON_OK, environment_step, NULL,
         at->place->is_default ? "no variable counts: the directory is the account's known folder"
                               : "no variable counts: the directory was named");
}

/* ---- directory -------------------------------------------------------------------- */

static void see_open_directory(const sight *at, HANDLE directory)
{
    const char         *path = at->place->paths[CORDON_DIRECTORY];
    char                words[DESCRIPTOR_TEXT];
    enum cordon__access found = CORDON__ACCESS_OURS;
    cordon_fault        fact;
    const DWORD writes = FILE_ADD_FILE | FILE_ADD_SUBDIRECTORY | FILE_DELETE_CHILD | FILE_WRITE_EA |
                         FILE_WRITE_ATTRIBUTES | DELETE | WRITE_DAC | WRITE_OWNER;

    descriptor_text(words, directory, SE_FILE_OBJECT);
    cordon__fault_clear(&fact);
    cordon__fault_found(&fact, CORDON_OK, directory_step, path, 0, 0, NULL);
    if (cordon__access_of(&found, directory, &at->place->self, writes, 0) != 0)
        cordon__fault_text(&fact, "who may write to it cannot be told: %s", words);
    else if (found == CORDON__ACCESS_FOREIGN)
        fact.code = CORDON_EUNSAFE,
        cordon__fault_text(&fact, "this directory belongs to another user; use --dir: %s", words);
    else if (found == CORDON__ACCESS_OPEN && !at->place->is_default)
        fact.code = CORDON_EUNSAFE,
        cordon__fault_text(&fact, "others may write to it, so it is not used: %s", words);
    else
        cordon__fault_text(&fact, "%s: %s",
                           found == CORDON__ACCESS_OPEN
                               ? "others may write to it; the next server takes that away"
                               : "ours, nobody else may write",
                           words);
    at->tell(&fact, at->owner);
}

static void see_directory(const sight *at)
{
    const char  *path = at->place->paths[CORDON_DIRECTORY];
    const HANDLE directory =
        CreateFileW(at->place->wide[CORDON_DIRECTORY], FILE_READ_ATTRIBUTES | READ_CONTROL,
                    FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL, OPEN_EXISTING,
                    FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT, NULL);
    const DWORD error = directory == INVALID_HANDLE_VALUE ? GetLastError() : 0;

    if (error == ERROR_FILE_NOT_FOUND || error == ERROR_PATH_NOT_FOUND)
        tell(at, CORDON_OK, directory_step, path, "not there: the first server makes it");
    else if (error != 0)
        tell_error(at, directory_step, error, path);
    else
        see_open_directory(at, directory);
    if (directory != INVALID_HANDLE_VALUE)
        CloseHandle(directory);
}

/* ---- address ---------------------------------------------------------------------- */

static void see_pipe(const sight *at, HANDLE pipe)
{
    char         words[DESCRIPTOR_TEXT];
    ULONG        pid = 0;
    cordon_fault fact;

    descriptor_text(words, pipe, SE_KERNEL_OBJECT);
    GetNamedPipeServerProcessId(pipe, &pid);
    cordon__fault_clear(&fact);
    cordon__fault_found(&fact, CORDON_OK, address_step, at->place->paths[CORDON_ADDRESS], 0, 0,
                        NULL);
    cordon__fault_text(&fact, "a pipe of pid %lu: %s", (unsigned long)pid, words);
    at->tell(&fact, at->owner);
}

static void see_address(const sight *at)
{
    const char  *path = at->place->paths[CORDON_ADDRESS];
    const HANDLE pipe =
        cordon__pipe_open(at->place->wide[CORDON_ADDRESS], CORDON__PIPE_LOOK, SECURITY_ANONYMOUS);
    const DWORD error = pipe == INVALID_HANDLE_VALUE ? GetLastError() : 0;

    if (error == ERROR_FILE_NOT_FOUND)
        tell(at, CORDON_OK, address_step, path, "no such pipe");
    else if (error == ERROR_PIPE_BUSY)
        tell(at, CORDON_OK, address_step, path, "a pipe; all its instances are taken");
    else if (error == ERROR_ACCESS_DENIED)
        tell(at, CORDON_OK, address_step, path, "a pipe that we may not look at");
    else if (error != 0)
        tell_error(at, address_step, error, path);
    else
        see_pipe(at, pipe);
    if (pipe != INVALID_HANDLE_VALUE)
        CloseHandle(pipe);
}

/* ---- room ------------------------------------------------------------------------- */

static void see_in_the_way(const sight *at)
{
    const DWORD attributes = GetFileAttributesW(at->place->wide[CORDON_TOKEN]);

    if (attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY))
        tell(at, CORDON_EUNSAFE, room_step, at->place->paths[CORDON_TOKEN],
             "a directory in the way of a server's file: no server can start; remove it");
}

static void see_room(const sight *at)
{
    const char    *path = at->place->paths[CORDON_DIRECTORY];
    ULARGE_INTEGER space;

    see_in_the_way(at);
    if (!GetDiskFreeSpaceExW(at->place->wide[CORDON_DIRECTORY], &space, NULL, NULL))
        tell(at, CORDON_OK, room_step, path, "how much space there is cannot be told");
    else if (space.QuadPart < LEAST_ROOM)
        tell_error(at, room_step, ERROR_DISK_FULL, path);
    else
        tell(at, CORDON_OK, room_step, path, "there is space for a server's files");
}

void cordon__see(cordon__place *place, enum cordon__sight what, cordon__tell_fn tell_one,
                 void *owner)
{
    static void (*const sights[])(const sight *at) = {see_environment, see_directory, see_address,
                                                      see_room};
    const sight at = {place, tell_one, owner};

    sights[what](&at);
}
