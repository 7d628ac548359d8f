#include "../dialect.h"

#include "fault.h"

int cordon__not_built(cordon_fault *fault)
{
    return cordon__fault_set(fault, CORDON_ESYSTEM, "not built yet");
}
