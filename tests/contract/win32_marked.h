/* Plain files that are links, as far as the library is told. */
#ifndef CONTRACT_WIN32_MARKED_H
#define CONTRACT_WIN32_MARKED_H

#include "../../src/dialect.h"

#include "../../src/win32/place.h"

extern int marked_files; /* 1: all of them */

#endif
