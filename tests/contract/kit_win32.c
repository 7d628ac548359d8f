#include "kit.h"

/* Pipes lie in no directory: a name that is too long is cut. */
void kit_own_open(kit *it)
{
    (void)it;
}

void kit_own_close(kit *it)
{
    (void)it;
}
