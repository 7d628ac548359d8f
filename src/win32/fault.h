/* What the system said, in our words. */
#ifndef CORDON__WIN32_FAULT_H
#define CORDON__WIN32_FAULT_H

#include "../dialect.h"

#include "../platform.h"

/* This backend is still to be written: every verb that can fail says so. */
int cordon__not_built(cordon_fault *fault);

#endif
