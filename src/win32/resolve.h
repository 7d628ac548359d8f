/* Paths: what was asked for, made absolute, and where it leads. */
#ifndef CORDON__WIN32_RESOLVE_H
#define CORDON__WIN32_RESOLVE_H

#include "../dialect.h"

#include "place.h"

/* All are verbatim (\\?\...), so that they may be long, and free of a last separator. */
typedef struct cordon__ways {
    wchar_t *spelled; /* of the directory that holds the files: as it was written */
    wchar_t *home;    /* where that leads, of its longest part that exists, the rest as written */
    wchar_t *named;   /* the same of the directory that was asked for; only the tag knows it */
} cordon__ways;

/* directory NULL: the default one. Where machines could share what was asked for, the files live
 * in the default one: a lock that two machines share shuts one out. EINVAL, EDENIED, ENOMEM. */
int  cordon__ways_open(cordon__ways *ways, cordon__place *place, const char *app,
                       const char *directory, cordon_fault *fault);
void cordon__ways_close(cordon__ways *ways, const cordon__memory *memory);

/* Where an open directory is, verbatim. NULL: no memory. */
wchar_t *cordon__final_path(const cordon__memory *memory, HANDLE directory, const wchar_t *spelled);
/* \\?\ in front, so that no limit of 260 counts. NULL: no memory. */
wchar_t *cordon__verbatim(const cordon__memory *memory, const wchar_t *path);
/* For people: without it. NULL: no memory, or not to be told in UTF-8. */
char *cordon__plain(const cordon__memory *memory, const wchar_t *verbatim);
/* As plain, all in upper case as the file systems see it. */
char *cordon__plain_upper(const cordon__memory *memory, const wchar_t *verbatim);

#endif
