/* A program that we have started, for who moves handles into it and out of it. */
#ifndef CORDON__WIN32_CHILD_H
#define CORDON__WIN32_CHILD_H

#include "../dialect.h"

#include "place.h"

struct cordon__child {
    cordon__memory memory;
    HANDLE         process;
    HANDLE         job; /* that ends it with us; NULL */
    DWORD          pid;
};

#endif
