/* A program that has cases of its own for this system brings them: then this is not linked. */
#include "support.h"

const struct CMUnitTest support_own_cases[] = {SUPPORT_NO_CASE};
