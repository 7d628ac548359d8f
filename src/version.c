#include "dialect.h"

#include "cordon.h"

/* The build gives the number (CMake's project version). A copy that is compiled
 * without our build files says which source it is. */
#ifndef CORDON_VERSION
#    define CORDON_VERSION "0.1.0"
#endif

const char *cordon_version(void)
{
    return CORDON_VERSION;
}
