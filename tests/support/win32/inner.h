/* What the files of this folder share. */
#ifndef CORDON_SUPPORT_INNER_H
#define CORDON_SUPPORT_INNER_H

#include "support.h"

#ifndef WIN32_LEAN_AND_MEAN
#    define WIN32_LEAN_AND_MEAN
#endif
#include <windows.h>

/* A variable that each thread has for itself. */
#ifdef _MSC_VER
#    define SUPPORT_OF_THREAD __declspec(thread)
#else
#    define SUPPORT_OF_THREAD _Thread_local
#endif

/* UTF-16, for the system; good until the fourth call from here on this thread. */
const wchar_t *support_wide(const char *text);
/* O:<user>G:<user>D:P(A;<flags and rights>;;;<user>)<more>, freed by LocalFree. */
void support_descriptor(SECURITY_ATTRIBUTES *attributes, const char *rights, const char *more);
/* Of the user of this process. */
void support_own_sid(char *out, size_t room);
void support_own_level(char *out, size_t room);

#endif
