#include "launch_kit.h"

/* contract_win32_spawn and its like start programs of their own. */
int launch_own_play(int count, char **arguments)
{
    (void)count;
    (void)arguments;
    return -1;
}
