/* No alarm that a loop of libuv's could watch: its own timer costs nothing there. */
#include "../dialect.h"

#include "../platform.h"

int cordon__alarm_open(void)
{
    return -1;
}

int cordon__alarm_set(int alarm, uint64_t due)
{
    (void)alarm, (void)due;
    return 0;
}

int cordon__alarm_rang(int alarm)
{
    (void)alarm;
    return 0;
}

void cordon__alarm_close(int alarm)
{
    (void)alarm;
}
