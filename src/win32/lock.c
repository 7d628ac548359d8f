#include "../dialect.h"

#include "fault.h"

int cordon__lock_take(cordon__lock **lock, cordon__place *place, enum cordon_place which,
                      cordon_fault *fault)
{
    (void)lock;
    (void)place;
    (void)which;
    return cordon__not_built(fault);
}

int cordon__lock_is_named(const cordon__lock *lock, const cordon__place *place,
                          enum cordon_place which)
{
    (void)lock;
    (void)place;
    (void)which;
    return 0;
}

void cordon__lock_release(cordon__lock *lock)
{
    (void)lock;
}
