/* What CreateProcessW is told, in UTF-16: which file, with which arguments, in which environment.
 */
#ifndef CORDON__WIN32_WORDS_H
#define CORDON__WIN32_WORDS_H

#include "../dialect.h"

#include "place.h"

/* Each makes one text in this memory and returns 0; or GetLastError, and there is none. */

/* The program's file (find.c): argv[0] with a folder in it is that file, relative to ours; else it
 * is looked for in the folders of PATH that are named in full: never in the current one, nor where
 * the system would look first. ".exe" may be left out; what ends in neither .exe nor .com is not
 * started (ERROR_BAD_EXE_FORMAT). */
DWORD cordon__find_program(wchar_t **file, const cordon__memory *memory, const char *name);
/* One line, as CommandLineToArgvW and the start-up code of programs take it apart. */
DWORD cordon__command_line(wchar_t **line, const cordon__memory *memory, const char *const *argv);
/* Sorted; without CORDON_READY and CORDON_CHANNEL, but with `added` ("NAME=value") if any.
 * Where `environment` is the caller's and has no SystemRoot, it gets ours: without it the system's
 * own libraries do not load. NULL: ours. */
DWORD cordon__environment(wchar_t **block, const cordon__memory *memory,
                          const char *const *environment, const char *added);

#endif
