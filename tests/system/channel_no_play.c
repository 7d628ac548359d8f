/* A program that has parts of its own for this system brings them: then this is not linked. */
#include "channel_kit.h"

int kit_own_play(int count, char **arguments)
{
    (void)count;
    (void)arguments;
    return -1;
}
