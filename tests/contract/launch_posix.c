#include "launch_kit.h"

#include "start_kit.h"

int launch_own_play(int count, char **arguments)
{
    return start_play(count, arguments, NULL);
}
